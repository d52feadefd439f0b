"""Reading a repository that nobody has vouched for: nothing is executed, nothing outside it is opened, nothing huge is
parsed.

YAML is read event by event into texts, mappings and sequences that know their place in the file. Everything stays text,
so that
the key `on` is not True and a version 3.10 not 3.1. Anchors are shared, never copied: an alias bomb is counted and refused.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

LARGEST = 1 << 19
"""Bytes of a file. Nobody writes a workflow as large as this."""
DEEPEST, MOST = 100, 60_000
"""Levels of nesting, and values in one file, aliases counted as often as they are used."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):
    """A file that could not be read. The message is one sentence that begins with the file's path, `line` where it went
    wrong."""

    def __init__(self, path: str, why: str, line: int = 1) -> None:
        super().__init__(f"{path}{f':{line}' if line > 1 else ''} {why}")
        self.path, self.line = path, line


Place = tuple[int, int]
"""Line and column, both from 0, as the YAML parser counts them."""


class Text(str):
    """A scalar. `style` is "|" or ">" for a block, a quotation mark, or None."""

    start: Place = (0, 0)
    end: Place = (0, 0)
    style: str | None = None
    size = 1

    @property
    def line(self) -> int:
        """The line, from 1, at which it begins."""
        return self.start[0] + 1

    def line_of(self, number: int) -> int:
        """The line of the file that holds the text's own line `number`, both from 1."""
        return self.line + number - (0 if self.style in ("|", ">") else 1)


class Seq(list[Any]):
    """A sequence."""

    start: Place = (0, 0)
    end: Place = (0, 0)
    flow = False
    size = 1
    line = Text.line


class Map(dict[str, Any]):
    """A mapping. `spans` says for each key where the key begins, where its value ends, and whether that is an alias."""

    start: Place = (0, 0)
    end: Place = (0, 0)
    flow = False
    size = 1
    line = Text.line

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[str, tuple[Place, Place, bool]] = {}
        self.pending: Text | None = None

    def line_of(self, key: str) -> int:
        """The line, from 1, of a key; the mapping's own if it has no such key."""
        return self.spans[key][0][0] + 1 if key in self.spans else self.line


def parse(text: str, path: str = "the file") -> Any:
    """A YAML document as Text, Seq and Map; None for an empty one. Raises Unreadable."""
    open_nodes: list[Any] = []
    anchors: dict[str, Any] = {}
    root: Any = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            begin, finish = event.start_mark, event.end_mark
            place, aliased = (begin.line, begin.column), False
            end: Place = (finish.line, finish.column)
            if isinstance(event, yaml.AliasEvent):
                node, aliased = anchors.get(event.anchor), True
                if node is None or any(node is each for each in open_nodes):
                    raise Unreadable(
                        path,
                        f"has an alias *{event.anchor} to nothing, or to something around itself.",
                        place[0] + 1,
                    )
            elif isinstance(event, yaml.ScalarEvent):
                empty = not event.style and event.value in ("", "~", "null", "Null", "NULL")
                node = Text("" if empty else event.value)
                node.start, node.end, node.style = place, end, event.style or None
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                node = Map() if isinstance(event, yaml.MappingStartEvent) else Seq()
                node.start, node.flow = place, bool(event.flow_style)
                open_nodes.append(node)
                if len(open_nodes) > DEEPEST:
                    raise Unreadable(
                        path,
                        f"is nested more than {DEEPEST} levels deep: no workflow is.",
                        place[0] + 1,
                    )
                if event.anchor:
                    anchors[event.anchor] = node
                continue
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                node = open_nodes.pop()
                node.end = end if node.flow else max(node.end, node.start)
                place = node.start
            elif isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise Unreadable(
                    path, "holds more than one YAML document; GitHub reads one.", place[0] + 1
                )
            else:
                continue
            if getattr(event, "anchor", None) and not aliased:
                anchors[event.anchor] = node
            if open_nodes:
                _attach(path, open_nodes[-1], node, place, end if aliased else node.end, aliased)
            else:
                root = node
    except yaml.YAMLError as error:
        mark, problem = (
            getattr(error, "problem_mark", None),
            getattr(error, "problem", None) or "a character that YAML forbids",
        )
        raise Unreadable(
            path, f"is not valid YAML: {problem}.", mark.line + 1 if mark else 1
        ) from None
    return root


def _attach(path: str, parent: Any, node: Any, place: Place, end: Place, aliased: bool) -> None:
    """Put a finished node where it belongs."""
    parent.size += node.size
    parent.end = max(parent.end, end)
    if parent.size > MOST:
        raise Unreadable(
            path,
            f"comes to more than {MOST:,} values once its aliases are followed: no workflow does.",
            place[0] + 1,
        )
    if isinstance(parent, Seq):
        parent.append(node)
    elif parent.pending is None:
        if not isinstance(node, Text):
            raise Unreadable(path, "has a key that is not a text.", place[0] + 1)
        if node == "<<" and node.style is None:
            raise Unreadable(
                path,
                "has a merge key (<<), which GitHub refuses: write the keys out, or use an alias whole.",
                node.line,
            )
        if node in parent:
            raise Unreadable(
                path,
                f"has the key {str(node)[:60]!r} twice in one mapping, which GitHub refuses.",
                node.line,
            )
        parent.pending = Text(node)
        parent.pending.start = place
    else:
        key, parent.pending = parent.pending, None
        parent[str(key)] = node
        parent.spans[str(key)] = (key.start, end, aliased)


class Repository:
    """A checked-out repository. `overlay` holds texts, by path, that stand for those on disk. Raises Unreadable from
    `read`."""

    def __init__(self, root: Path, overlay: Mapping[str, str] | None = None) -> None:
        self.root = root.resolve()
        self.overlay = dict(overlay or {})
        self.full_name = "OWNER/NAME"
        self.script_read = 0
        self._read: dict[str, str] = {}
        self._parsed: dict[str, Map] = {}

    def resolve(self, path: str, folder: str = "") -> str | None:
        """The path inside the repository, with slashes, of an existing file, looked for in `folder` and then at the top."""
        for base in dict.fromkeys((folder, "")):
            joined = os.path.normpath(PurePosixPath(base or ".", path)).replace(os.sep, "/")
            if "\0" in joined or joined.startswith(("../", "/")) or len(joined) > 1000:
                continue
            try:
                if joined in self.overlay or (self.root / joined).is_file():
                    return joined
            except OSError:
                continue
        return None

    def read(self, path: str) -> str:
        """The text of a file. Refuses what lies outside, is no ordinary file, is too large, or is no UTF-8 text."""
        if path not in self._read:
            self._read[path] = self.overlay[path] if path in self.overlay else self._from_disk(path)
        return self._read[path]

    def _from_disk(self, path: str) -> str:
        try:
            real = (self.root / path).resolve()
            if not real.is_relative_to(self.root):
                raise Unreadable(
                    path, "is a link that leads out of the repository; it is not followed."
                )
            if not real.is_file():
                raise Unreadable(path, "is not an ordinary file.")
            if real.stat().st_size > LARGEST:
                raise Unreadable(
                    path,
                    f"is larger than {LARGEST // 1024} KiB: too large for a workflow or a script.",
                )
            data = real.read_bytes()
        except (
            OSError,
            RuntimeError,
        ) as error:  # RuntimeError: a circle of links, in older Pythons
            raise Unreadable(
                path,
                f"cannot be opened: {getattr(error, 'strerror', None) or 'a circle of links'}.",
            ) from None
        if not data.strip():
            raise Unreadable(path, "is empty.")
        if b"\0" in data:
            raise Unreadable(path, "is a binary file.")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(
                path, "is not UTF-8 text.", data[: error.start].count(b"\n") + 1
            ) from None

    def yaml(self, path: str) -> Map:
        """A YAML file whose document is a mapping."""
        if path not in self._parsed:
            document = parse(self.read(path), path)
            if document is None or document == "":
                raise Unreadable(path, "is empty but for comments.")
            if not isinstance(document, Map):
                raise Unreadable(path, "is not a mapping of keys to values, as a workflow is.")
            self._parsed[path] = document
        return self._parsed[path]

    def workflows(self) -> list[str]:
        """The paths of all workflow files, sorted. Raises Unreadable if there is no folder for them."""
        folder = self.root / ".github" / "workflows"
        try:
            if not folder.resolve().is_relative_to(self.root):
                raise Unreadable(
                    ".github/workflows",
                    "is a link that leads out of the repository; it is not followed.",
                )
            names = sorted(
                entry.name for entry in folder.iterdir() if entry.name.endswith((".yml", ".yaml"))
            )
        except (OSError, RuntimeError):
            raise Unreadable(
                ".github/workflows",
                f"is not there: {self.root.name or '/'} has no workflows to read.",
            ) from None
        if not names:
            raise Unreadable(".github/workflows", "holds no .yml or .yaml file.")
        return [f".github/workflows/{name}" for name in names]

    def name(self) -> str:
        """OWNER/NAME, from the address of `origin` in .git/config if it is a GitHub one; else the words OWNER/NAME."""
        try:
            config = self._from_disk(".git/config")
        except Unreadable:
            return "OWNER/NAME"
        section = ""
        for row in config.splitlines():
            section = row.strip() if row.startswith("[") else section
            if section == '[remote "origin"]':
                if url := re.fullmatch(
                    r"\s*url\s*=\s*\S*github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*", row
                ):
                    return url[1]
        return "OWNER/NAME"
