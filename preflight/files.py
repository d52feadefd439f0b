"""Reading a repository that nobody has vouched for: nothing is executed, nothing outside it is opened, nothing huge is
parsed.

YAML is read event by event into texts, mappings and sequences that know their place in the file. Everything stays text,
so that
the key `on` is not True and a version 3.10 not 3.1. Anchors are shared, never copied: an alias bomb is counted and refused.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
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


def parse(text: str, path: str = "the file", literals: set[str] | None = None) -> Any:
    """Return a YAML document as Text, Seq and Map; None for an empty one. Passwords and tokens that stand in it go into
    `literals`. Raises Unreadable."""
    try:
        builder = _Builder(path)
        document = builder.build(_LOADER(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML forbids"
        line = mark.line + 1 if mark else 1
        raise Unreadable(path, f"is not valid YAML: {problem}.", line) from None
    if literals is not None:
        literals |= builder.literals
    return document


class _Builder:
    """The tree of one document, made from the parser's events."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.open: list[Any] = []
        self.anchors: dict[str, Any] = {}
        self.root: Any = None
        self.literals: set[str] = set()
        """Passwords and tokens that stand in the file."""

    def build(self, parser: Any) -> Any:
        """Take in all events of a parser; return the root."""
        try:
            while parser.check_event():
                event = parser.get_event()
                self.TAKE.get(type(event), _Builder.other)(self, event)
        finally:
            parser.dispose()
        return self.root

    def other(self, event: Any) -> None:
        if type(event) is yaml.DocumentStartEvent and self.root is not None:
            why = "holds more than one YAML document; GitHub reads one."
            raise Unreadable(self.path, why, event.start_mark.line + 1)

    def scalar(self, event: Any) -> None:
        empty = not event.style and event.value in ("", "~", "null", "Null", "NULL")
        node = Text("" if empty else event.value)
        start, end = event.start_mark, event.end_mark
        node.start = place = (start.line, start.column)
        if event.style:
            node.style = event.style
        if event.anchor:
            self.anchors[event.anchor] = node
        self.attach(node, place, (end.line, end.column), False)

    def begin(self, event: Any) -> None:
        node: Any = Map() if type(event) is yaml.MappingStartEvent else Seq()
        mark = event.start_mark
        node.start, node.flow = (mark.line, mark.column), bool(event.flow_style)
        self.open.append(node)
        if len(self.open) > DEEPEST:
            why = f"is nested more than {DEEPEST} levels deep: no workflow is."
            raise Unreadable(self.path, why, mark.line + 1)
        if event.anchor:
            self.anchors[event.anchor] = node

    def finish(self, event: Any) -> None:
        node, mark = self.open.pop(), event.end_mark
        node.end = (mark.line, mark.column) if node.flow else max(node.end, node.start)
        self.attach(node, node.start, node.end, False)

    def alias(self, event: Any) -> None:
        start, end, node = event.start_mark, event.end_mark, self.anchors.get(event.anchor)
        if node is None or any(node is each for each in self.open):
            why = f"has an alias *{event.anchor} to nothing, or to something around itself."
            raise Unreadable(self.path, why, start.line + 1)
        self.attach(node, (start.line, start.column), (end.line, end.column), True)

    def attach(self, node: Any, place: Place, end: Place, aliased: bool) -> None:
        """Put a finished node where it belongs."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.size += node.size
        parent.end = end
        if parent.size > MOST:
            why = f"comes to more than {MOST:,} values once its aliases are followed: no workflow does."
            raise Unreadable(self.path, why, place[0] + 1)
        if isinstance(parent, Seq):
            parent.append(node)
        elif parent.pending is None:
            self.key(parent, node, place)
        else:
            key, parent.pending = parent.pending, None
            parent[str(key)] = node
            parent.spans[str(key)] = (key.start, end, aliased)
            if key.lower().endswith(_SECRET) and isinstance(node, Text) and "$" not in node:
                self.literals.add(str(node))

    def key(self, parent: Map, node: Any, place: Place) -> None:
        if not isinstance(node, Text):
            raise Unreadable(self.path, "has a key that is not a text.", place[0] + 1)
        if node == "<<" and node.style is None:
            why = "has a merge key (<<), which GitHub refuses: write the keys out, or use an alias whole."
            raise Unreadable(self.path, why, node.line)
        if node in parent:
            why = f"has the key {str(node)[:60]!r} twice in one mapping, which GitHub refuses."
            raise Unreadable(self.path, why, node.line)
        parent.pending = Text(node)
        parent.pending.start = place

    TAKE: Mapping[type, Callable[["_Builder", Any], None]] = {
        yaml.ScalarEvent: scalar, yaml.MappingStartEvent: begin, yaml.SequenceStartEvent: begin,
        yaml.MappingEndEvent: finish, yaml.SequenceEndEvent: finish, yaml.AliasEvent: alias,
    }  # fmt: skip


class Repository:
    """A checked-out repository. `overlay` holds texts, by path, that stand for those on disk. Raises Unreadable from
    `read`."""

    def __init__(self, root: Path, overlay: Mapping[str, str] | None = None) -> None:
        self.root = root.resolve()
        self.overlay = dict(overlay or {})
        self.full_name = "OWNER/NAME"
        self.known_name = ""
        self.work = 0
        self.literals: set[str] = set()
        self.known: dict[object, Any] = {}
        """Results that others keep here, for as long as the repository is looked at."""
        self._read: dict[str, str] = {}
        self._resolved: dict[tuple[str, str], str | None] = {}
        self._parsed: dict[str, Map] = {}

    def spend(self, characters: int) -> bool:
        """Count what is read; whether there is still room for it. More than `MOST_READ` is not looked at."""
        self.work += characters
        return self.work <= MOST_READ

    def resolve(self, path: str, folder: str = "") -> str | None:
        """Return the path inside the repository, with slashes, of an existing file, looked for in `folder` and then at the top."""
        if (path, folder) not in self._resolved:
            self._resolved[path, folder] = self._resolve(path, folder)
        return self._resolved[path, folder]

    def _resolve(self, path: str, folder: str) -> str | None:
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
        if not data.strip():
            raise Unreadable(path, "is empty.")
        if b"\0" in data:
            raise Unreadable(path, "is a binary file.")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise Unreadable(path, "is not UTF-8 text.", line) from None

    def yaml(self, path: str) -> Map:
        """A YAML file whose document is a mapping."""
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

    def uv_index(self, folder: str, words: Sequence[str], environment: Mapping[str, str]) -> str:
        """The `publish-url` that uv finds in uv.toml or pyproject.toml, from a folder upward: that of the index it is told to
        use, or the general one."""
        name = environment.get("UV_PUBLISH_INDEX", "")
        for word, value in zip(words, [*words[1:], ""], strict=True):
            if word.partition("=")[0] == "--index":
                name = word.partition("=")[2] or value
        base = PurePosixPath(folder or ".")
        for where in [base, *base.parents][:20]:
            for file in ("uv.toml", "pyproject.toml"):
                path = self.resolve(f"{where}/{file}") if ".." not in where.parts else None
                settings = self._uv_settings(path) if path else None
                if settings is not None:
                    return _publish_url(settings, name)
        return ""

    def _uv_settings(self, path: str) -> dict[str, Any] | None:
        """The settings of uv in a file; None if there are none, or it cannot be read."""
        try:
            text = self.read(path)
            if "publish-url" not in text or len(text) > 1 << 16:
                return {} if path.endswith("uv.toml") or "[tool.uv" in text else None
            import tomllib

            document = tomllib.loads(text)
        except (Unreadable, ValueError, RecursionError):
            return None
        if not path.endswith("pyproject.toml"):
            return document
        tool = document.get("tool")
        own = tool.get("uv") if isinstance(tool, dict) else None
        return own if isinstance(own, dict) else None

    def workflows(self) -> list[str]:
        """The paths of all workflow files, sorted. Raises Unreadable if there is no folder for them."""
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
        """OWNER/NAME, from the address of `origin` in .git/config if it is a GitHub one; else the words OWNER/NAME."""
        try:
            config = self._from_disk(".git/config")
        except Unreadable:
            return "OWNER/NAME"
        section = ""
        for row in config.splitlines():
            section = row.strip() if row.startswith("[") else section
            address = r"\s*url\s*=\s*\S*github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*"
            if section == '[remote "origin"]' and (url := re.fullmatch(address, row)):
                return url[1]
        return "OWNER/NAME"


def _publish_url(settings: dict[str, Any], name: str) -> str:
    """The address in settings of uv: of the index with this name, or the general one."""
    indexes = settings.get("index")
    for each in indexes if name and isinstance(indexes, list) else ():
        if isinstance(each, dict) and each.get("name") == name:
            return str(each.get("publish-url", ""))
    return "" if name else str(settings.get("publish-url", ""))
