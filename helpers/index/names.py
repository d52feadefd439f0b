"""Project names: which ones the index does not give away, and why (pypi/warehouse,
`warehouse/packaging/services.py`)."""

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_PROHIBITED = ("requirements-txt", "rrequirements-txt")
"""Normalized. The real index's administrators have added others."""
_LOOK_ALIKE = str.maketrans("lio", "110", "._-")


class NameRefused(ValueError):
    """No project can be created under a name; `status` is what the index answers over HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def is_valid(name: str) -> bool:
    """True if a project may be called that at all (core metadata specifications, "Name")."""
    return bool(_NAME.fullmatch(name))


def ultranormalize(name: str) -> str:
    """The name as the index compares it with others for similarity: 1, i and l are one letter, 0
    and o another, and `-`, `_` and `.` none."""
    return name.lower().translate(_LOOK_ALIKE)


@functools.cache
def standard_library() -> frozenset[str]:
    """The normalized names of all modules in the standard libraries of Python 2.6, 2.7 and 3.2 to
    3.14, and of the packages that they are in (as in stdlib-list 0.12.0)."""
    return frozenset(Path(__file__).with_name("stdlib_names.txt").read_text("ascii").split())


def check_new_name(name: str, taken: Iterable[str]) -> None:
    """Raise NameRefused unless a project could be created under that name, where those names are
    taken."""
    quoted, normalized = f"The name {shorten(name)!r}", canonicalize_name(name)
    if not is_valid(name):
        raise NameRefused(400, f"{quoted} is invalid.")
    if normalized in standard_library():
        reason = "conflict with Python Standard Library module name"
        raise NameRefused(400, f"{quoted} isn't allowed ({reason}).")
    taken = list(taken)
    if normalized in map(canonicalize_name, taken):
        raise NameRefused(409, f"{quoted} conflicts with an existing project.")
    if normalized in _PROHIBITED:
        raise NameRefused(400, f"{quoted} isn't allowed.")
    if ultranormalize(name) in map(ultranormalize, taken):
        raise NameRefused(400, f"{quoted} is too similar to an existing project.")


def shorten(text: str) -> str:
    """A client's text as it is quoted back to it: not longer than a line."""
    return text if len(text) <= 120 else f"{text[:60]}...{text[-60:]}"
