"""Look for leaked API tokens, also inside archives, git histories and base64.

    report = scan("project/")
    for finding in report.findings: print(finding)  # dist/rocket-1.0.tar.gz › rocket-1.0.tar › .env
    for skipped in report.skipped: print(skipped)   # a place that was not looked at, and why

A finding names a place, never the token. The scanner stays inside the folder that it is given: it
follows no links, and no pointers from one git repository to another. It waits for no pipe, runs
nothing but git, and unpacks in memory, up to a limit. Its time grows with the bytes that it reads.
"""

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

TOKEN = re.compile(rb"pypi-[A-Za-z0-9_-]{85,}")
"""What secret scanners look for (GitHub Docs, "Supported secret scanning patterns")."""
MAX_FILE = 64 * 2**20
"""Bytes; a larger file, or object of a git history, is skipped."""
MAX_UNPACKED = 256 * 2**20
"""Bytes that everything inside one file may unpack to; inside one history, four times as much."""
MAX_DEPTH = 8
"""Containers within containers."""

Members = Iterator[tuple[str, bytes]]

_KNOWN = 90  # characters that tell which token it is; other text can follow right behind its end
_UNREAD = "git cannot read all of its objects"
_MEMBER_COST = 2048  # bytes of the limit that each member costs, even an empty one
_COMPRESSED: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b\x08": (".gz", gzip.open),
    b"BZh": (".bz2", bz2.BZ2File),
    b"\xfd7zXZ\0": (".xz", lzma.LZMAFile),
}
# Each run is tried at its beginning only; otherwise a run of 99 would be read 99 times.
_BASE64_RUN = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{100,}")
# `pypi-` in base64 is one of these, at this place in a group of four.
_IN_BASE64 = {b"cHlwaS": 0, b"B5cGkt": 2, b"weXBpL": 3}


@dataclass(frozen=True)
class Finding:
    """A place with a token in it; findings with the same `fingerprint` are of the same token."""

    place: tuple[str, ...]
    """The path of a file, then the path inside it, and so on."""
    form: str
    """"plain" or "base64"."""
    fingerprint: str = field(compare=False)

    def __str__(self) -> str:
        return " › ".join(self.place) + (", in base64" if self.form == "base64" else "")


@dataclass
class Report:
    """What a scan found, and the places that it did not look at to their end, with the reason."""

    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        found = list(map(str, self.findings)) or ["nothing found"]
        return "\n".join([*found, *(f"skipped {words}" for words in self.skipped)])

    def skip(self, place: tuple[str, ...], reason: object) -> None:
        self.skipped.append(f"{' › '.join(place)}: {reason}")


class Skip(Exception):
    """Raised where the rest of a container is not looked at. The message says why."""


@dataclass
class _Limit:
    """Bytes that a container, and the one around it, may still unpack to."""

    left: int
    outer: "_Limit | None" = None

    def take(self, size: int) -> None:
        self.left -= size
        if self.outer:
            self.outer.take(size)
        if self.left < 0:
            raise Skip("unpacks to more than the limit")


def find_tokens(blob: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the tokens in some bytes, each with its form, "plain" or "base64".

    Base64 may use either alphabet and be wrapped over lines. A token whose end is not marked comes
    with what follows it. Takes time in proportion to the bytes.
    """
    for match in TOKEN.finditer(blob):
        yield "plain", match[0]
    joined = blob.translate(bytes.maketrans(b"-_", b"+/"), b"\r\n\t ")
    if not any(prefix in joined for prefix in _IN_BASE64):
        return
    for run in _BASE64_RUN.findall(joined):
        hits = re.finditer(b"|".join(_IN_BASE64), run)
        for start in sorted({(hit.start() - _IN_BASE64[hit[0]]) % 4 for hit in hits}):
            for match in TOKEN.finditer(_decode(run[start:])):
                yield "base64", match[0]


def _decode(text: bytes) -> bytes:
    """Decode base64 that may break off anywhere."""
    end = len(text) - (len(text) % 4 == 1)
    return base64.b64decode(text[:end] + b"=" * (-end % 4))


def scan(root: str | Path) -> Report:
    """Look for API tokens in a file, or in everything below a folder, git histories included."""
    report, root = Report(), Path(root)
    if not root.is_dir():
        _scan_file(root, (_printable(root.name),), report)
        return report

    def place(path: str | Path) -> tuple[str, ...]:
        return (_printable(Path(path).relative_to(root).as_posix()),)

    def unreadable(error: OSError) -> None:
        report.skip(place(error.filename), "not readable")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        if "HEAD" in names and {"objects", "refs"} <= set(folders):  # a git repository's own folder
            folders.remove("objects")  # compressed; git knows what is in there
            limit = _Limit(4 * MAX_UNPACKED)
            _look_into(_history(Path(folder, "objects"), limit), place(folder), report, limit)
        folders.sort()
        for name in sorted(names):
            _scan_file(Path(folder, name), place(Path(folder, name)), report)
    return report


def _scan_file(path: Path, place: tuple[str, ...], report: Report) -> None:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return  # a link's target is looked at where it is; a pipe or a device has no end
        with open(path, "rb", opener=_without_waiting) as file:
            data = file.read(MAX_FILE + 1)
    except OSError:
        report.skip(place, "not readable")
        return
    if len(data) > MAX_FILE:
        report.skip(place, f"larger than {MAX_FILE >> 20} MB")
    else:
        _look(data, place, report, None)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that may have become a link or a pipe since it was looked at."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _look(data: bytes, place: tuple[str, ...], report: Report, outer: _Limit | None) -> set[str]:
    """Look into some bytes, then at them, and return the fingerprints of what was found."""
    limit = _Limit(MAX_UNPACKED, outer)
    seen = _look_into(_members(data, place[-1], limit), place, report, limit)
    for form, token in find_tokens(data):
        fingerprint = hashlib.sha256(token[:_KNOWN]).hexdigest()[:12]
        if fingerprint not in seen:  # a tar shows what was found inside it once more
            report.findings.append(Finding(place, form, fingerprint))
            seen.add(fingerprint)
    return seen


def _look_into(members: Members, place: tuple[str, ...], report: Report, limit: _Limit) -> set[str]:
    seen: set[str] = set()
    try:
        for name, data in members:
            if len(place) > MAX_DEPTH:
                raise Skip(f"more than {MAX_DEPTH} containers deep")
            seen |= _look(data, (*place, _printable(name)), report, limit)
    except Exception as error:  # the standard library raises many kinds for what is no archive
        report.skip(place, error if isinstance(error, Skip) else "broken")
    return seen


def _printable(name: str) -> str:
    """Return a name as the report shows it: anybody can choose one, and it may hold a token."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in name)
    return re.sub(TOKEN.pattern.decode(), "[token]", shown)


# ---------------------------------------------------------------- what is inside


def _members(data: bytes, name: str, limit: _Limit) -> Members:
    """Yield each member that can be opened, as far as possible; Skip at the end if not all."""
    damaged = 0
    for member, opened, size in _entries(data, name):
        limit.take(_MEMBER_COST + size)
        parts: list[bytes] = []
        try:
            with opened() as file:
                while part := file.read1(2**16):
                    limit.take(len(part))
                    parts.append(part)
        except Skip:
            raise
        except Exception:
            damaged += 1
        yield member, b"".join(parts)
    if damaged:
        raise Skip(f"{damaged} broken or encrypted")


def _entries(data: bytes, name: str) -> Iterator[tuple[str, Callable[[], Any], int]]:
    """Yield what is inside some bytes, by their first bytes and not by their name: a name, a
    function that opens it, and the bytes that it takes up in the container."""
    file = io.BytesIO(data)
    if data[257:262] == b"ustar":
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for row in tar:
                if row.size < 0:  # some versions of tarfile would go back and read it for ever
                    raise Skip("broken")
                yield row.name, partial(tar.extractfile, row) if row.isreg() else io.BytesIO, 0
    elif data.startswith(b"PK\3\4") or zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                yield entry.filename, partial(archive.open, entry), entry.compress_size
    for magic, (suffix, unpacker) in _COMPRESSED.items():
        if data.startswith(magic):
            inner = name.rpartition("/")[2].removesuffix(suffix).replace(".tgz", ".tar")
            yield inner, partial(unpacker, file), 0


def _history(objects: Path, limit: _Limit) -> Members:
    """Yield every commit, tag and blob that git keeps in a folder, also those of no branch.

    The folder is read as that of an empty repository of our own, so that no setting of the scanned
    one counts. One with links, pipes or alternates is left alone, because git would follow them.
    """
    if os.path.islink(objects) or Path(objects, "info", "alternates").exists():
        raise Skip("borrows the objects of another git repository")
    for folder, folders, names in os.walk(objects):
        modes = [os.lstat(Path(folder, name)).st_mode for name in (*folders, *names)]
        if not all(stat.S_ISDIR(mode) or stat.S_ISREG(mode) for mode in modes):
            raise Skip("has links or pipes among its git objects")
        if any(re.search("[0-9a-f]{62}", name) for name in names):
            raise Skip("has git objects named by SHA-256, which is not supported")
    with tempfile.TemporaryDirectory() as own:
        Path(own, "refs").mkdir()
        Path(own, "HEAD").write_text("ref: refs/heads/main\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
            "GIT_DIR": own,
            "GIT_OBJECT_DIRECTORY": str(objects.absolute()),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        command = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"]
        try:
            quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            git = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, **quiet)
        except OSError:
            raise Skip("git is not installed, so the history was not looked at") from None
        with git:
            try:
                yield from _batch(git.stdout, limit)  # type: ignore[arg-type]
                git.wait()
            finally:
                git.kill()
    if git.returncode:
        raise Skip(_UNREAD)


def _batch(stream: IO[bytes], limit: _Limit) -> Members:
    """Yield objects from `git cat-file --batch`: a header line, the object, a newline."""
    missing = False
    while header := stream.readline().split():
        if len(header) < 3:  # "…e29b missing", also where an object is broken
            missing = True
            continue
        identifier, kind, size = header[0].decode(), header[1].decode(), int(header[2])
        if size > MAX_FILE:
            raise Skip(f"an object larger than {MAX_FILE >> 20} MB; the rest was not looked at")
        limit.take(_MEMBER_COST + size)
        data = stream.read(size + 1)[:size]
        if kind != "tree":
            yield f"{kind} {identifier[:8]}", data
    if missing:
        raise Skip(_UNREAD)
