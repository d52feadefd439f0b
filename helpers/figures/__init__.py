"""Every picture in the series: one palette, one size of type, a title that states the finding, a sentence.

A function here takes data that the chapter has just computed and returns a `Figure`. Its sentence tells what
the picture shows to somebody who cannot see it; it is the cell's text output, so it is also what is compared
when a chapter runs again. What matters is told by position, words or marks too, never by colour alone.
"""

import importlib
import pkgutil
from typing import Any

from .base import Figure, span_in_words

__all__ = ["Figure", "span_in_words"]


def __getattr__(name: str) -> Any:
    """Each chapter's figures are in a module of their own, imported when one is first asked for."""
    if not name.startswith("_"):
        for module in pkgutil.iter_modules(__path__):
            drawn = importlib.import_module(f"{__name__}.{module.name}")
            if name in vars(drawn):
                return vars(drawn)[name]
    raise AttributeError(f"there is no figure {name!r}")
