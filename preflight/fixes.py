"""Changes that turn a job which cannot authenticate into one that can, as diffs for `git apply`."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import takewhile
from typing import Any

from . import files
from .clients import ACTION, ADDRESSES, misspelled, option
from .files import Map, Repository, Seq, Unreadable
from .files import text as text_of
from .publishing import Publication
from .words import TABLES
from .workflows import effective_permissions, steps


@lru_cache(maxsize=8)
def parse(text: str) -> Any:
    """Return the document; fixes look at the same one again and again."""
    return files.parse(text)


def grant(text: str, job: str, scope: str = "id-token", level: str = "write") -> str:
    """Return the workflow with one more permission among the job's, which keeps what it had. Where
    nothing was stated, it also gets `contents: read`, or `write` for a release or a push of its
    own, which the default allows in many repositories. Raises Unreadable, KeyError."""
    workflow = parse(text)
    body = workflow["jobs"][job]
    before = effective_permissions(workflow, body)
    if (before.level(scope) or 0) >= ("read", "write").index(level) + 1:
        return text
    uses = [text_of(step.get("uses")).lower() for step in steps(body)]
    runs = [text_of(step.get("run"))[:20_000] for step in steps(body)]
    writes = any(each.startswith(tuple(TABLES["actions that release"])) for each in uses)
    writes = writes or any(re.search(r"\bgh release\b|\bgit push\b", each) for each in runs)
    entries = {"contents": "write" if writes else "read"}
    if isinstance(before.given, Mapping) and before.source != "default":
        entries = {str(k): str(v) for k, v in before.given.items()}
    return _state(text, body, {**entries, scope: level}, scope)


def _state(text: str, holder: Map, entries: dict[str, str], added: str) -> str:
    """The text with `permissions` stated again: by one line more if possible, else as a whole."""
    key, lines, stated = "permissions", text.split("\n"), [f"{n}: {v}" for n, v in entries.items()]
    nowhere = (holder.start, holder.start, False)
    (row, column), (last, stop), aliased = holder.spans.get(key, nowhere)
    pad, flow = " " * (column + 2), f"{key}: {{{', '.join(stated)}}}"
    block = [f"{pad}{each}" for each in stated]
    if key not in holder and holder.flow:
        lines[row] = f"{lines[row][: column + 1]}{flow}, {lines[row][column + 1 :]}"
        return "\n".join(lines)
    if key not in holder:
        return _with(text, row, f"{pad[2:]}{key}:", *block)
    value = holder[key]
    if isinstance(value, Map) and value and not value.flow and not aliased:
        if added not in value:
            return _with(text, last + 1, f"{' ' * value.start[1]}{added}: {entries[added]}")
        (at, begin), (_, end), _ = value.spans[added]
        lines[at] = f"{lines[at][:begin]}{added}: {entries[added]}{lines[at][end:]}"
        return "\n".join(lines)
    before, after = lines[row][:column], lines[last][stop:].rstrip("\r")
    new = [f"{before}{flow}{after}"] if holder.flow else [f"{before}{key}:{after}", *block]
    return _with("\n".join(lines[:row] + lines[last + 1 :]), row, *new)


def _with(text: str, row: int, *added: str) -> str:
    """The text with lines put in before a row (from 0), ended as its first one is."""
    lines = text.split("\n")
    ending = "\r" if lines[0].endswith("\r") else ""
    return "\n".join([*lines[:row], *(each + ending for each in added), *lines[row:]])


Secrets = Iterable[str] | None
Texts = dict[str, str]
Change = Callable[["Editor"], None]


def edits(repository: Repository, found: Publication, change: Change) -> Texts:
    """Return new texts, by path, of the files that change for one publishing command; {} if the
    change cannot be made."""
    editor = Editor(repository, found)
    try:
        change(editor)
    except (Unreadable, KeyError, IndexError, TypeError, ValueError, StopIteration):
        return {}
    return {path: new for path, new in editor.new.items() if new != repository.read(path)}


_VALUE = r"(?:\"[^\"\n]*\"|'[^'\n]*'|\$\{\{.*?\}\}|[^\s;&|]*)"


class Editor:
    """The files of a repository, as they are changed for one publishing command."""

    def __init__(self, repository: Repository, found: Publication) -> None:
        self.repository, self.found = repository, found
        self.new: dict[str, str] = {}
        options = (*found.client.options, *found.client.user_options)
        names = "|".join(each.lstrip("-") for each in options) or "(?!)"
        self.options = rf"(?:[ \t]*\\\n)?[ \t]+--?(?:{names})[ =]"

    def authenticate(self, environment: str = "", secrets: Secrets = None) -> None:
        """Let the job authenticate, in the environment that its publisher asks for; with `secrets`,
        their token is taken out as well."""
        self.command(secrets is not None)
        if secrets is not None:
            self.without_token(secrets)
        if environment and not any(self.found.context.environments()):
            self.in_environment(environment)
        self.permitted()

    def token_to_uv(self) -> None:
        """Let uv publish, with the token of a client that needs one."""
        if not self.found.client.trusted:
            self.by_uv(keep=True)
            self.without_token(self.secret(), command=False)
        self.permitted()

    def current(self, path: str) -> str:
        return self.new.get(path) or self.repository.read(path)

    def on_line(self, pattern: str, by: str, *, after: str = "") -> None:
        """Replace what matches in the line of the command (all of it), only `after` a match."""
        file, rows = self.found.file, self.current(self.found.file).split("\n")
        first = last = self.found.line - 1
        while rows[last].rstrip().endswith("\\") and last + 1 < len(rows):
            last += 1
        text = "\n".join(rows[first : last + 1])
        start = re.search(after, text)
        at = start.end() if start else len(text)
        rows[first : last + 1] = (text[:at] + re.sub(pattern, lambda _: by, text[at:])).split("\n")
        self.new[file] = "\n".join(rows)

    def anywhere(self, pattern: str, by: str) -> None:
        """Replace what matches wherever the files of the job have it."""
        for path in dict.fromkeys((self.found.file, self.found.context.file)):
            self.new[path] = re.sub(pattern, lambda _: by, self.current(path))

    def command(self, token: bool) -> None:
        found = self.found
        if right := misspelled(found.index):
            self.anywhere(re.escape(found.index), right)
        if found.hidden[:1] == ("tox",):
            self.new[found.file] = _through_tox(self.current(found.file), found.line)
        if not found.client.trusted and not found.by_hand:
            self.by_uv()
        elif option(found.words, ("--trusted-publishing",)) == "never":
            self.on_line(r"\s+--trusted-publishing[ =]never", "")
        if found.older(found.client.since):
            self.newer()
        if found.refused and not token:
            self.without_token(self.secret())
        if found.context.callers and found.attests and found.context.may_ask:
            self.without_attestations()

    def newer(self) -> None:
        """Ask for a version that can do it: by `~=`, because a shell takes `>=` for a file."""
        client, version = self.found.client, self.found.version
        by = f"~={'.'.join(client.since.split('.')[:2])}"
        by = "@release/v1" if client is ACTION else "@latest" if version.startswith("@") else by
        self.anywhere(rf"{re.escape(client.name)}{re.escape(version)}(?![\w.])", client.name + by)

    def by_uv(self, keep: bool = False) -> None:
        """Replace the command by uv's, which pipx runs on GitHub's machines; with `keep`, uv gets
        the token that the other client has, in a variable where a shell reads the line."""
        found, client = self.found, self.found.client
        builds = client.builds and (client.name == "flit" or "--build" in found.words)
        new = "pipx run uv publish"
        if found.index != "PyPI":
            new += f" --publish-url {ADDRESSES[found.index]}"
        if keep and found.file.endswith((".yml", ".yaml", ".sh")):
            new = f'UV_PUBLISH_TOKEN="{self.handed_over()}" {new}'
        elif keep:
            new += f' --token "{self.handed_over()}"'
        new = f"{client.builds} && {new}" if builds else new
        rest = r"(?:\$\{\{.*?\}\}|\"[^\"\n]*\"|[^;&|\n\"\r])*"
        command = rf"\b{client.name}\b[^;&|\n\"]*?\b{client.subcommands[0]}\b{rest}"
        self.on_line(rf"(?:python[\d.]* -m )?{command}", new)

    def handed_over(self) -> str:
        """The token as the command or the workflow has it."""
        found, secret = self.found, "".join(self.secret())
        line = self.current(found.file).split("\n")[found.line - 1]
        names = "|".join(each.lstrip("-") for each in found.client.options) or "(?!)"
        told = re.search(rf"\s--?(?:{names})[ =]({_VALUE})", line)
        if not told and (not secret or found.file != found.context.file):
            raise KeyError("the token is handed over in a way that is left to people")
        return told[1].strip("\"'") if told else f"${{{{ {secret} }}}}"

    def secret(self) -> list[str]:
        found = self.found.credential
        return [found.secret] if found and found.secret else []

    def without_token(self, secrets: Iterable[str], command: bool = True) -> None:
        """Take the stored token out: of the command, of the action's inputs, of the environment;
        and the variables that only bring these secrets."""
        found, client = self.found, self.found.client
        wanted = [each.replace("*", r"\w+") for each in (*client.variables, *client.user_variables)]
        keys = "|".join([*wanted, *(["password", "user"] if client is ACTION else [])])
        if command:
            self.on_line(self.options + _VALUE, "", after=rf"\b({'|'.join(client.subcommands)})\b")
            self.on_line(rf"\b({keys})={_VALUE}[ \t]+", "")
        brings = rf"\$\{{\{{\s*({'|'.join(map(re.escape, secrets)) or '(?!)'})\s*\}}\}}"
        for path in dict.fromkeys((found.file, found.context.file)):
            if path.endswith((".yml", ".yaml")):
                job = found.context.job if path == found.context.file else ""
                text = self.current(path)
                others = parse(text)["jobs"].items() if job else ()
                used = any(client.name in str(body) for each, body in others if each != job)
                shared = "|".join(wanted[len(client.variables) :]) if used else "(?!)"
                self.new[path] = _without_keys(text, rf"(?:{keys})", brings, job, shared)

    def without_attestations(self) -> None:
        file, row, text = self.found.file, self.found.line, self.current(self.found.file)
        rows = text.split("\n")
        pad = " " * rows[row - 1].index("uses:")
        stated, after = [f"{pad}  attestations: false"], rows[row].rstrip()
        if not after.startswith(f"{pad}with:"):
            self.new[file] = _with(text, row, f"{pad}with:", *stated)
        elif after == f"{pad}with:":
            self.new[file] = _with(text, row + 1, *stated)

    def in_environment(self, name: str) -> None:
        file, job = self.found.context.file, self.found.context.job
        text = self.current(file)
        body = parse(text)["jobs"][job]
        row, column = body.start
        if not body.flow and "environment" not in body:
            self.new[file] = _with(text, row, f"{' ' * column}environment: {name}")

    def permitted(self) -> None:
        """Give the job and its callers `id-token: write`, and the callers what all jobs of the
        called workflow state: GitHub refuses it otherwise."""
        context, wanted = self.found.context, {"id-token": "write"}
        for name in context.workflow["jobs"]:
            given = effective_permissions(context.workflow, name).given
            stated = given if isinstance(given, Mapping) else {}
            more = {k: str(v) for k, v in stated.items() if v in ("read", "write")}
            wanted |= {k: v for k, v in more.items() if wanted.get(k) != "write"}
        for file, job, _ in context.callers:
            for scope, level in wanted.items():
                self.new[file] = grant(self.current(file), job, scope, level)
        own = effective_permissions(parse(self.current(context.file)), context.job)
        if not context.callers or own.source != "default":
            self.new[context.file] = grant(self.current(context.file), context.job)


def _without_keys(text: str, keys: str, values: str, job: str, shared: str) -> str:
    """A workflow without the entries of `env:` and `with:` whose key matches, and those of `env:`
    whose value does; an empty mapping goes as well. Other jobs and what they share are left."""
    rows = text.split("\n")
    drop: dict[int, tuple[Map, list[str]]] = {}  # by identity, because of aliases

    def hit(inside: str, key: str, value: object) -> bool:
        by_value = inside != "with" and isinstance(value, str) and re.fullmatch(values, value)
        by_key = re.fullmatch(keys, key) and not (inside == "top" and re.fullmatch(shared, key))
        return bool(inside and (by_key or by_value))

    def look(node: object, inside: str = "", top: bool = False) -> None:
        for each in node if isinstance(node, Seq) else ():
            look(each)
        if not isinstance(node, Map):
            return
        gone = [key for key, value in node.items() if hit(inside, key, value)]
        for key, value in node.items():
            kind = key if key in ("env", "with") and isinstance(value, Map) and value else ""
            kind = kind and ("top" if top else kind)
            if kind and all(hit(kind, *each) for each in value.items()):
                gone.append(key)
            elif key == "jobs" and top and job:
                look(value[job])
            elif key not in gone:
                look(value, kind)
        if gone:
            drop[id(node)] = node, gone

    look(parse(text), top=True)
    for node, gone in sorted(drop.values(), key=lambda each: each[0].start, reverse=True):
        (_without_flow if node.flow else _without_rows)(rows, node, gone)
    return "\n".join(rows)


def _without_flow(rows: list[str], node: Map, gone: list[str]) -> None:
    """Write a mapping in braces again, on its one line, without some keys."""
    (row, start), (last, end) = node.start, node.end
    if row != last:
        raise KeyError("a flow mapping of several lines is left to people")
    spans = [span for key, span in node.spans.items() if key not in gone]
    kept = ", ".join(rows[row][begin:stop] for (_, begin), (_, stop), _ in spans)
    rows[row] = f"{rows[row][:start]}{{{kept}}}{rows[row][end:]}"


def _without_rows(rows: list[str], node: Map, gone: list[str]) -> None:
    """Take the lines of some keys out; what stands before an item's first key (`- `) moves on."""
    for key in sorted(gone, key=lambda each: node.spans[each][0], reverse=True):
        (first, column), (last, stop), _ = node.spans[key]
        last -= stop == 0 and last > first
        before = rows[first][:column]
        if before.strip():
            rows[last + 1] = before + rows[last + 1][column:]
        rows[first : last + 1] = []


def _through_tox(text: str, line: int) -> str:
    rows = text.split("\n")
    head = next(number for number in range(line - 1, -1, -1) if rows[number].startswith("[testenv"))
    more = ["    ACTIONS_ID_TOKEN_REQUEST_*", "    GITHUB_ACTIONS"]
    own = takewhile(lambda row: not row.startswith("["), rows[head + 1 :])
    states = (n for n, row in enumerate(own, head + 2) if re.match(r"pass_?env\s*=", row))
    at = next(states, 0)
    return _with(text, at, *more) if at else _with(text, head + 1, "pass_env =", *more)


def _lines(text: str) -> list[str]:
    rows = [row + "\n" for row in text.split("\n")]
    return [*rows[:-1], *([rows[-1][:-1]] if rows[-1] != "\n" else [])]


def patch(repository: Repository, new: Texts) -> str:
    """Return one diff for several files, in the order of their paths."""
    import difflib  # only where there is something to fix

    rows, last = list[str](), "\n\\ No newline at end of file\n"
    for path, after in sorted(new.items()):
        tab = "\t" if " " in path else ""
        pair = _lines(repository.read(path)), _lines(after)
        rows += difflib.unified_diff(*pair, f"a/{path}{tab}", f"b/{path}{tab}")
    return "".join(row if row.endswith("\n") else row + last for row in rows)
