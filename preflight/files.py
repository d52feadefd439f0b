"""Reading a repository that nobody has vouched for: nothing is executed, nothing outside it is
opened, nothing huge is parsed.

YAML is read event by event into texts, mappings and sequences that know their place in the file.
Everything stays text, so that the key `on` is not True and a version 3.10 not 3.1. Anchors are
shared, never copied: an alias bomb is counted and refused.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

LARGEST = 1 << 18
"""Bytes of a file. Nobody writes a workflow as large as this."""
DEEPEST, MOST = 100, 10_000
"""Levels of nesting, and values in one file, aliases counted as often as they are used."""
MOST_READ = 2_000_000
"""Characters of workflows and scripts that are looked at in one repository."""
_LEADS_OUT = "is a link that leads out of the repository; it is not followed."
_SECRET = ("password", "token", "secret", "passphrase", "auth", "api_key")
_NO_MERGE = "which GitHub refuses: write the keys out, or use an alias whole."
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class Unreadable(Exception):
    """A file that could not be read, in one sentence that begins with the file's path."""

    def __init__(self, path: str, why: str, line: int = 1) -> None:
        super().__init__(f"{path}{f':{line}' if line > 1 else ''} {why}")
        self.path, self.line = path, line


Place = tuple[int, int]
"""Line and column, both from 0, as the YAML parser counts them."""


class _Node:
    """A value that knows its place. `size` counts the values in it."""

    start: Place = (0, 0)
    end: Place = (0, 0)
    flow = False
    size = 1

    @property
    def line(self) -> int:
        return self.start[0] + 1


class Text(_Node, str):
    """A scalar. `style` is "|" or ">" for a block, a quotation mark, or None."""

    style: str | None = None

    def line_of(self, number: int) -> int:
        """The line of the file that holds the text's own line `number`, both from 1."""
        return self.line + number - (0 if self.style in ("|", ">") else 1)


class Seq(_Node, list[Any]):
    """A sequence."""


class Map(_Node, dict[str, Any]):
    """A mapping. `spans` says for each key where it begins, where its value ends, and whether that
    is an alias."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[str, tuple[Place, Place, bool]] = {}

    def line_of(self, key: str) -> int:
        """The line, from 1, of a key; the mapping's own if it has no such key."""
        return self.spans[key][0][0] + 1 if key in self.spans else self.line


def text(value: Any) -> str:
    """Return a scalar as it is; "" for anything else."""
    return str(value) if isinstance(value, Text) else ""


def texts(value: Any) -> list[str]:
    """Return a text or a list of texts, as a list."""
    several = value if isinstance(value, list) else [value] if value else []
    return [str(each) for each in several if isinstance(each, str)]


NOTHING = Map()


def mapping(value: Any) -> Map:
    """Return a mapping as it is; an empty one for anything else."""
    return value if isinstance(value, Map) else NOTHING


def under(value: Any, *keys: str) -> Any:
    """Return what stands under keys within one another; None where that is nothing."""
    for key in keys:
        value = mapping(value).get(key)
    return value


def parse(text: str, path: str = "the file", literals: set[str] | None = None) -> Any:
    """Return a YAML document as Text, Seq and Map; None for an empty one. Passwords and tokens that
    stand in it go into `literals`. Raises Unreadable."""
    try:
        event = _LOADER(text).get_event
        return _Builder(path, event, set() if literals is None else literals).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML forbids"
        line = mark.line + 1 if mark else 1
        raise Unreadable(path, f"is not valid YAML: {problem}.", line) from None


class _Builder:
    """The tree of one document, made from the parser's events."""

    def __init__(self, path: str, event: Callable[[], Any], literals: set[str]) -> None:
        self.path, self.event, self.literals = path, event, literals
        self.anchors: dict[str, Any] = {}

    def refuse(self, line: int, why: str) -> Unreadable:
        return Unreadable(self.path, why, line + 1)

    def document(self) -> Any:
        self.event()
        if type(self.event()) is yaml.StreamEndEvent:
            return None
        root, _ = self.value(self.event(), 0)
        self.event()
        more: Any = self.event()
        line = more.start_mark.line
        if type(more) is yaml.DocumentStartEvent:
            raise self.refuse(line, "holds more than one YAML document; GitHub reads one.")
        return root

    def value(self, event: Any, depth: int) -> tuple[Any, Place]:
        """The value that begins with an event, and where it ends."""
        mark, stop = event.start_mark, event.end_mark
        if type(event) is yaml.ScalarEvent:
            empty = not event.style and event.value in ("", "~", "null", "Null", "NULL")
            node: Any = Text("" if empty else event.value)
            node.start, end = (mark.line, mark.column), (stop.line, stop.column)
            node.style = event.style or None
        elif type(event) is yaml.AliasEvent:
            if event.anchor not in self.anchors:
                why = f"has an alias *{event.anchor} to nothing, or to something around itself."
                raise self.refuse(mark.line, why)
            return self.anchors[event.anchor], (stop.line, stop.column)
        else:
            node = self.collection(event, depth + 1)
            end = node.end
        if event.anchor:
            self.anchors[event.anchor] = node
        return node, end

    def collection(self, event: Any, depth: int) -> Map | Seq:
        node: Map | Seq = Map() if type(event) is yaml.MappingStartEvent else Seq()
        line = event.start_mark.line
        node.start = node.end = line, event.start_mark.column
        node.flow = bool(event.flow_style)
        self.anchors.pop(event.anchor, None)
        if depth > DEEPEST:
            raise self.refuse(line, f"is nested more than {DEEPEST} levels deep: no workflow is.")
        key: tuple[str, Place] | None = None
        while type(event := self.event()) not in _ENDS:
            value, node.end = self.value(event, depth)
            node.size += value.size
            if node.size > MOST:
                why = f"comes to more than {MOST:,} values once its aliases are followed"
                raise self.refuse(event.start_mark.line, f"{why}: no workflow does.")
            if isinstance(node, Seq):
                node.append(value)
            elif key is None:
                key = self.key(node, value, event.start_mark)
            else:
                name, place = key
                node[name] = value
                node.spans[name] = place, node.end, type(event) is yaml.AliasEvent
                if name.lower().endswith(_SECRET) and isinstance(value, Text) and "$" not in value:
                    self.literals.add(str(value))
                key = None
        if node.flow:
            node.end = event.end_mark.line, event.end_mark.column
        return node

    def key(self, parent: Map, node: Any, mark: Any) -> tuple[str, Place]:
        why = ""
        if not isinstance(node, Text):
            why = "has a key that is not a text."
        elif node == "<<" and node.style is None:
            why = f"has a merge key (<<), {_NO_MERGE}"
        elif node in parent:
            why = f"has the key {str(node)[:60]!r} twice in one mapping, which GitHub refuses."
        if why:
            raise self.refuse(mark.line, why)
        return str(node), (mark.line, mark.column)


@dataclass
class Repository:
    """A checked-out repository. `overlay` holds texts, by path, that stand for those on disk;
    `known` what others have found out about a text, by that text."""

    root: Path
    full_name: str = "OWNER/NAME"
    known_name: str = ""
    overlay: dict[str, str] = field(default_factory=dict)
    work: int = 0
    literals: set[str] = field(default_factory=set)
    known: dict[object, Any] = field(default_factory=dict)
    _read: dict[str, str] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _parsed: dict[str, Map] = field(default_factory=dict)

    def overlaid(self, new: Mapping[str, str]) -> "Repository":
        other = Repository(self.root, self.full_name, self.known_name, {**self.overlay, **new})
        other._read = {path: text for path, text in self._read.items() if path not in new}
        other._parsed = {path: tree for path, tree in self._parsed.items() if path not in new}
        other.known = self.known
        return other

    def spend(self, characters: int) -> bool:
        """Count what is read; return whether there is still room for it."""
        self.work += characters
        return self.work <= MOST_READ

    def resolve(self, path: str, folder: str = "") -> str | None:
        """Return the path, inside the repository and with slashes, of an existing file that is
        looked for in `folder` and then at the top."""
        if (path, folder) not in self._resolved:
            found = (self._existing(path, base) for base in dict.fromkeys((folder, "")))
            self._resolved[path, folder] = next(filter(None, found), None)
        return self._resolved[path, folder]

    def _existing(self, path: str, base: str) -> str | None:
        joined = os.path.normpath(PurePosixPath(base or ".", path)).replace(os.sep, "/")
        if "\0" in joined or joined.startswith(("../", "/")) or len(joined) > 1000:
            return None
        try:
            return joined if joined in self.overlay or (self.root / joined).is_file() else None
        except OSError:
            return None

    def read(self, path: str) -> str:
        """Return the text of a file. Raises Unreadable for what lies outside, is no ordinary file,
        is too large, or is no UTF-8 text."""
        if path not in self._read:
            self._read[path] = self.overlay[path] if path in self.overlay else self._from_disk(path)
        return self._read[path]

    def _from_disk(self, path: str) -> str:
        try:
            real = (self.root / path).resolve()
            if not real.is_relative_to(self.root):
                raise Unreadable(path, _LEADS_OUT)
            if not real.is_file():
                raise Unreadable(path, "is not an ordinary file.")
            if real.stat().st_size > LARGEST:
                why = f"is larger than {LARGEST // 1024} KiB: too large for a workflow or a script."
                raise Unreadable(path, why)
            data = real.read_bytes()
        except (OSError, RuntimeError) as error:  # RuntimeError: a circle, in older Pythons
            why = getattr(error, "strerror", None) or "a circle of links"
            raise Unreadable(path, f"cannot be opened: {why}.") from None
        if not data.strip() or b"\0" in data:
            raise Unreadable(path, "is a binary file." if data.strip() else "is empty.")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise Unreadable(path, "is not UTF-8 text.", line) from None

    def yaml(self, path: str) -> Map:
        """Return a YAML file whose document is a mapping."""
        if path not in self._parsed:
            if not self.spend(len(self.read(path))):
                why = "is not looked at: there is more to read here than preflight reads."
                raise Unreadable(path, why)
            document = parse(self.read(path), path, self.literals)
            if document is None or document == "":
                raise Unreadable(path, "is empty but for comments.")
            if not isinstance(document, Map):
                raise Unreadable(path, "is not a mapping of keys to values, as a workflow is.")
            self._parsed[path] = document
        return self._parsed[path]

    def uv_index(self, folder: str, name: str) -> str:
        """Return the `publish-url` that uv finds in uv.toml or pyproject.toml, from a folder
        upward: that of the index of this name, or the general one."""
        base = PurePosixPath(folder or ".")
        for where in [base, *base.parents][:20]:
            for file in ("uv.toml", "pyproject.toml"):
                path = self.resolve(f"{where}/{file}") if ".." not in where.parts else None
                settings = self._uv_settings(path) if path else None
                if isinstance(settings, dict):
                    return _publish_url(settings, name)
        return ""

    def _uv_settings(self, path: str) -> Any:
        """The settings of uv in a file; None if there are none, or it cannot be read."""
        own = path.endswith("uv.toml")
        try:
            text = self.read(path)
            if "publish-url" not in text or len(text) > 1 << 16:
                return {} if own or "[tool.uv" in text else None
            import tomllib

            document = tomllib.loads(text)
            return document if own else document["tool"]["uv"]
        except (Unreadable, ValueError, RecursionError, LookupError, TypeError):
            return None

    def workflows(self) -> list[str]:
        """Return the paths of all workflow files, sorted. Raises Unreadable if there are none."""
        folder = self.root / ".github" / "workflows"
        try:
            if not folder.resolve().is_relative_to(self.root):
                raise Unreadable(".github/workflows", _LEADS_OUT)
            names = sorted(e.name for e in folder.iterdir() if e.name.endswith((".yml", ".yaml")))
        except (OSError, RuntimeError):
            why = f"is not there: {self.root.name or '/'} has no workflows to read."
            raise Unreadable(".github/workflows", why) from None
        if not names:
            raise Unreadable(".github/workflows", "holds no .yml or .yaml file.")
        return [f".github/workflows/{name}" for name in names]

    def name(self) -> str:
        """Return OWNER/NAME, from the address of `origin` in .git/config; else these words."""
        try:
            config = self._from_disk(".git/config")
        except Unreadable:
            return "OWNER/NAME"
        address = r"^[ \t]*url[ \t]*=[ \t]*\S*github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$"
        found = re.search(rf'(?m)^\[remote "origin"\][^\[]*?{address}', config)
        return found[1] if found else "OWNER/NAME"


def _publish_url(settings: dict[str, Any], name: str) -> str:
    indexes = settings.get("index")
    for each in indexes if name and isinstance(indexes, list) else ():
        if isinstance(each, dict) and each.get("name") == name:
            return str(each.get("publish-url", ""))
    return "" if name else str(settings.get("publish-url", ""))
