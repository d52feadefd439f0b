"""A scanner for leaked API tokens that looks inside things: archives in archives, compiled files, git's whole
history, base64.

    report = scan("project/")
    for finding in report.findings: print(finding)       # dist/rocket-1.0.tar.gz › rocket-1.0/.env, offset 11
    for skipped in report.skipped: print(skipped)        # what could not be looked at, and why

A finding is a place, never the secret. It follows no symbolic links, runs nothing but git, and unpacks in
memory, up to a limit. What it knows of a token is the pattern that public secret scanners use; `layers` opens
the containers.
"""

import base64
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course.ch01 import layers
from course.ch01.layers import Budget, Skip

TOKEN = re.compile(rb"pypi-[A-Za-z0-9_-]{85,}")
"""What secret scanners look for (GitHub Docs, "Supported secret scanning patterns")."""

_CERTAIN = 90  # characters; behind them may stand a neighbour's, as in a .pyc, where the next byte is often a letter

MAX_FILE = 64 * 2**20
"""Bytes; a larger file is skipped, and the report says so."""
MAX_UNPACKED = 256 * 2**20
"""Bytes that all layers of one file may unpack to."""
MAX_DEPTH = 8
"""Containers within containers."""

# `pypi-` in base64, at each of the three byte offsets at which it may begin: the characters that depend on it
# alone, and what has to stand before them so that the group of four can be decoded.
_NEEDLES = ((b"cHlwaS", b""), (b"B5cGkt", b"AH"), (b"weXBpL", b"AAB"))
_BREAK = rb"(?:\r?\n[ \t]*)?"
_IN_BASE64 = re.compile(
    rb"|".join(
        rb"(" + _BREAK.join(re.escape(bytes([c])) for c in needle) + rb")" for needle, _ in _NEEDLES
    )
)
_BASE64_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]+" + _BREAK + rb")+")
_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True)
class Finding:
    """A place where a token lies. Two findings with the same `fingerprint` are the same token; it does not
    tell which."""

    place: tuple[str, ...]
    """The path of a file, then the path inside it, and so on."""
    offset: int
    """Bytes from the beginning of the innermost layer."""
    form: str
    """"plain" or "base64"."""
    fingerprint: str = field(compare=False)

    def __str__(self) -> str:
        return f"{' › '.join(self.place)}, offset {self.offset}{', in base64' if self.form == 'base64' else ''}"


@dataclass(frozen=True)
class Skipped:
    """A place that could not be looked at, and why."""

    place: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{' › '.join(self.place)}: {self.reason}"


@dataclass
class Report:
    """What a scan found, in the order of the places, and what it had to skip."""

    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    files: int = 0
    """Files that were opened; what is inside them is not counted."""

    def __repr__(self) -> str:
        found = "\n".join(map(str, self.findings)) or "nothing found"
        return "\n".join([found, *(f"skipped {skipped}" for skipped in self.skipped)])


def find_tokens(blob: bytes) -> Iterator[tuple[int, str, bytes]]:
    """The tokens in some bytes, plain and inside base64 (also URL-safe, also wrapped over lines): offset,
    form, token."""
    if b"pypi-" in blob:
        for match in TOKEN.finditer(blob):
            yield match.start(), "plain", match[0]
    joined = blob.translate(None, b"\r\n\t ") if b"\n" in blob else blob
    if not any(needle in joined for needle, _ in _NEEDLES):
        return
    for match in _IN_BASE64.finditer(blob):
        before = _NEEDLES[match.lastindex - 1][1]  # type: ignore[operator]
        run = _BASE64_RUN.match(blob, match.start())
        for text in (run[0].split()[0], b"".join(run[0].split())) if run else ():
            found = TOKEN.match(_decode(before + text.translate(_STANDARD)), match.lastindex - 1)  # type: ignore[operator]
            if found:
                yield match.start(), "base64", found[0]
                break


def _decode(text: bytes) -> bytes:
    """The bytes behind base64 that may break off anywhere."""
    end = len(text) - (len(text) % 4 == 1)
    return base64.b64decode(text[:end] + b"=" * (-end % 4))


def scan(root: str | Path) -> Report:
    """Look for API tokens in a file or in everything below a folder, git repositories included."""
    report, root = Report(), Path(root)
    if not root.is_dir():
        _scan_file(root, (root.name,), report)
        return report
    for folder, folders, names in os.walk(
        root, onerror=lambda error: _unreadable(error, root, report)
    ):
        inside = Path(folder).relative_to(root)
        if layers.is_git(folders, names):
            folders.remove("objects")  # compressed; git itself tells what is in there
            _scan_layers(layers.git_objects(Path(folder)), (inside.as_posix(),), report)
        folders.sort()
        for name in sorted(names):
            _scan_file(Path(folder, name), (_printable((inside / name).as_posix()),), report)
    return report


def _unreadable(error: OSError, root: Path, report: Report) -> None:
    place = Path(error.filename).relative_to(root).as_posix()
    report.skipped.append(Skipped((_printable(place),), "not readable"))


def _scan_file(path: Path, place: tuple[str, ...], report: Report) -> None:
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode):
            return  # a link's target is looked at where it is; pipes and devices have no end
        if about.st_size > MAX_FILE:
            report.skipped.append(Skipped(place, f"larger than {MAX_FILE >> 20} MB"))
            return
        with open(path, "rb") as file:
            data = file.read(MAX_FILE)
    except OSError:
        report.skipped.append(Skipped(place, "not readable"))
        return
    report.files += 1
    _scan_blob(data, place, report, Budget(MAX_UNPACKED))


def _scan_blob(data: bytes, place: tuple[str, ...], report: Report, budget: Budget) -> set[str]:
    """Look into the layers of some bytes, then at the bytes themselves. Returns the fingerprints of what was
    found."""
    seen: set[str] = set()
    inside = layers.open_layers(data, place[-1])
    if inside is not None:
        if len(place) > MAX_DEPTH:
            report.skipped.append(Skipped(place, f"more than {MAX_DEPTH} containers deep"))
        else:
            seen = _scan_layers(inside(budget), place, report, budget)
    for offset, form, token in find_tokens(data):
        fingerprint = hashlib.sha256(token[:_CERTAIN]).hexdigest()[:12]
        if (
            inside is None or fingerprint not in seen
        ):  # a container that does not compress shows what was found inside it
            report.findings.append(Finding(place, offset, form, fingerprint))
        seen.add(fingerprint)
    return seen


def _scan_layers(
    inside: Iterator[tuple[str, bytes]],
    place: tuple[str, ...],
    report: Report,
    budget: Budget | None = None,
) -> set[str]:
    seen: set[str] = set()
    try:
        for name, data in inside:
            seen |= _scan_blob(
                data, (*place, _printable(name)), report, budget or Budget(MAX_UNPACKED)
            )
    except Skip as skip:
        report.skipped.append(Skipped(place, str(skip)))
    return seen


def _printable(name: str) -> str:
    """A name for the report: it may come from anybody, and may even be a token."""
    if name.isprintable() and "pypi-" not in name:
        return name
    shown = "".join(character if character.isprintable() else "\ufffd" for character in name)
    return re.sub(TOKEN.pattern.decode(), "[token]", shown)
