"""What is inside a file that contains others: archives, compressed files, notebooks, and git's object store.

`open_layers` looks at the bytes, not at the name, and says how to open them; iterating then gives each
member's name and bytes. Everything stays in memory, within a budget: a bomb is a `Skip`, and so is what is
broken, encrypted, or too large.
"""

import bz2
import io
import json
import lzma
import os
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

Layers = Iterator[tuple[str, bytes]]

_MEMBER_COST = 512  # bytes that each member takes from the budget besides its content
_LARGEST_BLOB = 64 * 2**20
_GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
"""What the standard library raises when an archive is not what it claims to be."""


class Skip(Exception):
    """A container, or the rest of it, was not looked at. The message says why."""


class Budget:
    """How many bytes may still be unpacked."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Note that so many bytes were unpacked. Raises Skip when that was too much."""
        self.left -= size + _MEMBER_COST
        if self.left < 0:
            raise Skip("unpacks to more than the limit")

    def read(self, file: IO[bytes]) -> bytes:
        """What a file unpacks to. Raises Skip when that is too much."""
        data = file.read(max(self.left, 0) + 1)
        self.take(len(data))
        return data


def open_layers(data: bytes, name: str) -> Callable[[Budget], Layers] | None:
    """How to open these bytes, or None if nothing is known to be inside them."""
    if data.startswith(b"PK") or (b"PK\5\6" in data[-66_000:] and data.rfind(b"PK\1\2") >= 0):
        return lambda budget: _zip(data, budget)
    if data[257:262] == b"ustar":
        return lambda budget: _tar(data, budget)
    for magic, suffix, opener in _COMPRESSED:
        if data.startswith(magic):
            inner = name.rpartition("/")[2].removesuffix(suffix).replace(".tgz", ".tar")
            return lambda budget: _decompressed(data, inner, opener, budget)
    if name.endswith(".ipynb") and data.lstrip()[:1] == b"{":
        return lambda budget: _notebook(data)
    return None


def _zip(data: bytes, budget: Budget) -> Layers:
    locked = broken = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.flag_bits & 1:
                    locked += 1
                    continue
                try:
                    with archive.open(member) as file:
                        content = budget.read(file)
                except _BROKEN:
                    broken += 1
                    continue
                yield member.filename, content
    except _BROKEN:
        raise Skip("broken zip") from None
    if locked or broken:
        raise Skip(f"{locked} members encrypted, {broken} broken")


def _tar(data: bytes, budget: Budget) -> Layers:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    yield member.name, budget.read(file)
                else:
                    budget.take(0)
    except _BROKEN:
        raise Skip("broken tar") from None


def _decompressed(
    data: bytes, name: str, opener: Callable[[IO[bytes]], IO[bytes]], budget: Budget
) -> Layers:
    """The content; of a file that breaks off, as much as there is."""
    parts, size, whole = [], 0, True
    with opener(io.BytesIO(data)) as file:
        while True:
            try:
                part = file.read(2**20)
            except _BROKEN:
                whole = False
                break
            size += len(part)
            if not part or size > budget.left:
                break
            parts.append(part)
    budget.take(size)
    yield name, b"".join(parts)
    if not whole:
        raise Skip("breaks off, or is broken")


class _Gzip(io.RawIOBase):
    """gzip, member after member, that gives what it has before it complains of a broken end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._data, self._unpacker = file.read(), zlib.decompressobj(wbits=31)

    def read(self, size: int = -1) -> bytes:
        while self._data:
            part = self._unpacker.decompress(self._data, size)
            self._data = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                rest = self._unpacker.unused_data
                self._data = rest if rest[:2] == b"\x1f\x8b" else b""
                self._unpacker = zlib.decompressobj(wbits=31) if self._data else None
            if part:
                return part
        if self._unpacker is not None:
            raise EOFError("the end is missing")
        return b""


_COMPRESSED: Sequence[tuple[bytes, str, Callable[[IO[bytes]], IO[bytes]]]] = (
    (b"\x1f\x8b\x08", ".gz", _Gzip),  # type: ignore[list-item]
    (b"BZh", ".bz2", bz2.BZ2File),
    (b"\xfd7zXZ\0", ".xz", lzma.LZMAFile),
)


def _notebook(data: bytes) -> Layers:
    """Each cell's source and stored outputs. In the file, a text is a list of JSON strings, line by line."""
    try:
        for number, cell in enumerate(json.loads(data)["cells"], 1):
            yield f"cell {number}", _text(cell.get("source", ""))
            for output in cell.get("outputs", []):
                texts = [
                    output.get("text", ""),
                    output.get("traceback", ""),
                    *output.get("data", {}).values(),
                ]
                yield f"cell {number}, output", b"\n".join(map(_text, texts))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Skip("not a notebook, although its name says so") from None


def _text(value: object) -> bytes:
    joined = "".join(map(str, value)) if isinstance(value, list) else str(value)
    return joined.encode("utf-8", "replace")


def is_git(folders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a folder with these things in it is a git repository's own: `.git`, a bare one, a
    submodule's."""
    return "HEAD" in names and "objects" in folders and "refs" in folders


def git_objects(repository: Path) -> Layers:
    """Every blob, commit and tag that git still keeps, also those that no branch leads to. The name of a blob
    is its path in some commit, and its id."""
    git = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", f"--git-dir={repository}"]
    environment = os.environ | _GIT_ENVIRONMENT
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    try:
        listing = subprocess.run(
            [*git, "rev-list", "--all", "--reflog", "--objects"], stdout=subprocess.PIPE, **quiet
        ).stdout
        batch = [*git, "cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"]
        process = subprocess.Popen(batch, stdout=subprocess.PIPE, **quiet)
    except OSError:
        raise Skip("git is not installed, so the history was not looked at") from None
    paths = dict(line.split(b" ", 1) for line in listing.splitlines() if b" " in line)
    with process:
        try:
            yield from _git_batch(process.stdout, paths)  # type: ignore[arg-type]
            if process.wait():
                raise Skip("git could not read all of its objects")
        finally:
            process.kill()


def _git_batch(stream: IO[bytes], paths: dict[bytes, bytes]) -> Layers:
    """The output of `git cat-file --batch`: a line with id, kind and size, then the object, then a
    newline."""
    large = 0
    while len(header := stream.readline().split()) == 3:
        identifier, kind, size = header[0], header[1].decode(), int(header[2])
        if kind == "tree" or size > _LARGEST_BLOB:
            large += kind != "tree"
            while size > 0 and (part := stream.read(min(size, 2**20))):
                size -= len(part)
        else:
            name = paths.get(identifier, b"").decode("utf-8", "replace") or (
                "unreachable" if kind == "blob" else kind
            )
            yield f"{name}@{identifier[:8].decode()}", stream.read(size)
        stream.read(1)
    if large:
        raise Skip(f"{large} objects larger than {_LARGEST_BLOB >> 20} MB")
