"""How the index says no to an upload, and which names it says no to."""

import re
import sys

from packaging.utils import canonicalize_name

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_STANDARD_LIBRARY = {canonicalize_name(module.strip("_")) for module in sys.stdlib_module_names}


class Refused(Exception):
    """A request is refused with this HTTP status; the message is what the client is told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def valid_name(name: str) -> bool:
    """Whether a project may be called that at all (core metadata specifications, "Name")."""
    return bool(_NAME.fullmatch(name))


def check_new_name(name: str) -> None:
    """Raises Refused unless a project could be created under that name."""
    if not valid_name(name):
        raise Refused(400, f"The name {cut(name)!r} is invalid.")
    if canonicalize_name(name) in _STANDARD_LIBRARY:
        raise Refused(
            400,
            f"The name {name!r} isn't allowed (conflict with Python Standard Library module name).",
        )


def cut(text: str) -> str:
    """A client's text as it is quoted back to it: not longer than a line."""
    return text if len(text) <= 120 else f"{text[:60]}...{text[-60:]}"
