"""The lab behind the chapters: identity providers, a package index, and the machine a CI job runs on.

`from helpers import Lab` is what a chapter starts with. Everything is imported when it is first asked for, so that
`python -m helpers preflight` does not pay for web servers, nor the lab for pictures.
"""

import importlib

__all__ = ["Lab", "exercises", "figures"]


def __getattr__(name: str) -> object:
    if name == "Lab":
        return importlib.import_module("helpers.lab").Lab
    if name in ("exercises", "figures"):
        return importlib.import_module(f"helpers.{name}")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}; it offers {', '.join(__all__)}")
