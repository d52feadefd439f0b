"""Changes to a repository's files that turn a job which cannot authenticate into one that can, as diffs for `git apply`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .clients import ACTION, misspelled, option
from .files import Map, Repository, Seq, Unreadable
from .files import parse as parse_yaml
from .publishing import Publication
from .workflows import effective_permissions


@lru_cache(maxsize=8)
def parse(text: str) -> Any:
    """Return the document; fixes look at the same one again and again."""
    return parse_yaml(text)


def grant(text: str, job: str, scope: str = "id-token", level: str = "write") -> str:
    """Return the workflow with one more permission among the job's. The job keeps what it was allowed before; where nothing
    was stated, it gets `contents: read` as well. Raises Unreadable, KeyError."""
    workflow = parse(text)
    body = workflow["jobs"][job]
    before = effective_permissions(workflow, body)
    if (before.level(scope) or 0) >= ("read", "write").index(level) + 1:
        return text
    entries = {"contents": "read"}
    if isinstance(before.given, Mapping) and before.source != "default":
        entries = {str(k): str(v) for k, v in before.given.items()}
    return _state(text, body, "permissions", {**entries, scope: level}, scope)


def _state(
    text: str, holder: Map, key: str, entries: dict[str, str], added: str = "id-token"
) -> str:
    """The text with a key of a mapping stated again: one line more where that is possible, else the key's whole value."""
    lines = text.split("\n")
    ending = "\r" if lines[0].endswith("\r") else ""
    flow = "{" + ", ".join(f"{name}: {value}" for name, value in entries.items()) + "}"
    if key not in holder:
        row, column = holder.start
        if holder.flow:
            lines[row] = f"{lines[row][: column + 1]}{key}: {flow}, {lines[row][column + 1 :]}"
        else:
            lines[row:row] = _block(" " * column + key + ":", column, entries, ending)
        return "\n".join(lines)
    (row, column), (last, stop), aliased = holder.spans[key]
    value = holder[key]
    if isinstance(value, Map) and value and not value.flow and not aliased and key == "permissions":
        if added in value:
            (at, begin), (_, end), _ = value.spans[added]
            lines[at] = f"{lines[at][:begin]}{added}: {entries[added]}{lines[at][end:]}"
        else:
            lines.insert(last + 1, f"{' ' * value.start[1]}{added}: {entries[added]}{ending}")
        return "\n".join(lines)
    before, after = lines[row][:column], lines[last][stop:].rstrip("\r")
    if holder.flow:
        lines[row : last + 1] = [f"{before}{key}: {flow}{after}{ending}"]
    else:
        lines[row : last + 1] = _block(f"{before}{key}:{after}", column, entries, ending)
    return "\n".join(lines)


def _block(head: str, column: int, entries: dict[str, str], ending: str) -> list[str]:
    return [head + ending, *(f"{' ' * (column + 2)}{n}: {v}{ending}" for n, v in entries.items())]


def edits(
    repository: Repository, found: Publication, environment: str = "", token: bool = False
) -> dict[str, str]:
    """Return new texts, by path, of the files that have to change for this job to authenticate; {} where nothing simple will
    do. `environment` is what the publisher asks for. With `token`, the stored token is taken out as well."""
    editor = _Editor(repository, found)
    try:
        editor.command(token)
        if token and found.credential:
            editor.without_token()
        if all(trigger.event == "pull_request_target" for trigger in found.triggers):
            editor.by_release()
        if environment and not any(found.context.environments()):
            editor.in_environment(environment)
        editor.permitted()
    except (Unreadable, KeyError, IndexError, TypeError, StopIteration):
        return {}
    return {path: new for path, new in editor.new.items() if new != repository.read(path)}


class _Editor:
    """The files of a repository, as they are changed for one publishing command."""

    def __init__(self, repository: Repository, found: Publication) -> None:
        self.repository, self.found = repository, found
        self.new: dict[str, str] = {}

    def current(self, path: str) -> str:
        return self.new.get(path) or self.repository.read(path)

    def on_line(self, pattern: str, by: str) -> None:
        """Replace the first match in the line of the command."""
        file, lines = self.found.file, self.current(self.found.file).split("\n")
        row = self.found.line - 1
        lines[row] = re.sub(pattern, lambda _: by, lines[row], count=1)
        self.new[file] = "\n".join(lines)

    def anywhere(self, pattern: str, by: str) -> None:
        """Replace what matches wherever the files of the job have it."""
        for path in dict.fromkeys((self.found.file, self.found.context.file)):
            self.new[path] = re.sub(pattern, lambda _: by, self.current(path))

    def command(self, token: bool) -> None:
        """Change the command: its options, its version, the program itself."""
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
            ref = re.escape(found.version)
            by = "@release/v1" if found.client is ACTION else f">={found.client.since}"
            self.anywhere(rf"{re.escape(found.client.name)}{ref}(?![\w.])", found.client.name + by)
        if found.refused and not token:
            self.without_token()
        if found.context.callers and found.attests and found.context.may_ask:
            self.without_attestations()

    def by_uv(self) -> None:
        """Replace the command by one of a client that can do it: uv, which pipx runs on GitHub's machines."""
        client = self.found.client
        builds = client.builds and (client.name == "flit" or "--build" in self.found.words)
        build = f"{client.builds} && " if builds else ""
        command = rf"\b{client.name}\b[^;&|\n\"]*?\b{client.subcommands[0]}\b[^;&|\n\"\r]*"
        self.on_line(rf"(?:python[\d.]* -m )?{command}", f"{build}pipx run uv publish")

    def without_token(self) -> None:
        """Take the stored token out: of the command, of the action's inputs, of the environment."""
        found = self.found
        names = "|".join(filter(None, (each.lstrip("-") for each in found.client.options)))
        if found.credential and found.credential.in_arguments:
            self.on_line(rf"\s+--?(?:{names})[ =](?:\"[^\"]*\"|'[^']*'|\$\{{\{{.*?\}}\}}|\S+)", "")
        wanted = [
            each.replace("*", r"\w+")
            for each in (*found.client.variables, *found.client.user_variables)
        ]
        keys = "|".join([*wanted, *(["password", "user"] if found.client is ACTION else [])])
        for path in dict.fromkeys((found.file, found.context.file)):
            self.new[path] = _without_keys(self.current(path), re.compile(rf"(?:{keys})"))

    def without_attestations(self) -> None:
        """State `attestations: false` for the PyPA action."""
        rows = self.current(self.found.file).split("\n")
        row = self.found.line - 1
        column = rows[row].index("uses:")
        pad, with_row = " " * column, row + 1
        if rows[with_row].startswith(f"{pad}with:") and rows[with_row].strip() == "with:":
            rows.insert(with_row + 1, f"{pad}  attestations: false")
        elif not rows[with_row].startswith(f"{pad}with:"):
            rows[with_row:with_row] = [f"{pad}with:", f"{pad}  attestations: false"]
        self.new[self.found.file] = "\n".join(rows)

    def by_release(self) -> None:
        """Start the workflow by a release."""
        entry = self.found.context.entry
        stated = _state(
            self.current(entry),
            parse(self.current(entry)),
            "on",
            {"release": "", "  types": "[published]"},
        )
        self.new[entry] = stated.replace("release: ", "release:", 1)

    def in_environment(self, name: str) -> None:
        """Give the job the environment that the publisher asks for."""
        file = self.found.context.file
        text = self.current(file)
        body = parse(text)["jobs"][self.found.context.job]
        (row, column), lines = body.start, text.split("\n")
        if not body.flow and "environment" not in body:
            ending = "\r" if lines[0].endswith("\r") else ""
            lines.insert(row, f"{' ' * column}environment: {name}{ending}")
            self.new[file] = "\n".join(lines)

    def permitted(self) -> None:
        """Give the job, and those that call its workflow, `id-token: write`, and the callers all that the job states."""
        context = self.found.context
        given = effective_permissions(context.workflow, context.body).given
        stated = given if context.asks_too_much and isinstance(given, Mapping) else {}
        for file, job, _ in context.callers:
            for scope, level in {"id-token": "write", **stated}.items():
                if level in ("read", "write"):
                    self.new[file] = grant(self.current(file), job, scope, level)
        own = effective_permissions(parse(self.current(context.file)), context.job)
        if not context.callers or own.source != "default":
            self.new[context.file] = grant(self.current(context.file), context.job)


def _without_keys(text: str, pattern: re.Pattern[str]) -> str:
    """A workflow without the keys of `env:` and `with:` that match; an empty mapping goes as well."""
    document = parse(text)
    drop: list[tuple[int, int]] = []

    def look(node: object, inside: bool) -> None:
        if isinstance(node, Map):
            hit = [key for key in node if inside and pattern.fullmatch(key)]
            if hit and node.flow:
                raise KeyError("a flow mapping is left to people")
            drop.extend((node.spans[key][0][0], node.spans[key][1][0]) for key in hit)
            for key, value in node.items():
                if key in ("env", "with") and isinstance(value, Map) and value:
                    if all(map(pattern.fullmatch, value)):
                        drop.append((node.spans[key][0][0], node.spans[key][1][0]))
                        continue
                look(value, key in ("env", "with"))
        elif isinstance(node, Seq):
            for each in node:
                look(each, False)

    look(document, False)
    rows = text.split("\n")
    for first, last in sorted(drop, reverse=True):
        rows[first : last + 1] = []
    return "\n".join(rows)


def _through_tox(text: str, line: int) -> str:
    """The way to the ID token let through by the environment of tox in which a line stands."""
    rows = text.split("\n")
    head = next(number for number in range(line - 1, -1, -1) if rows[number].startswith("[testenv"))
    for number in range(head + 1, len(rows)):
        if rows[number].startswith("["):
            break
        if re.match(r"pass_?env\s*=", rows[number]):
            rows[number + 1 : number + 1] = ["    ACTIONS_ID_TOKEN_REQUEST_*", "    GITHUB_ACTIONS"]
            return "\n".join(rows)
    rows[head + 1 : head + 1] = [
        "pass_env =",
        "    ACTIONS_ID_TOKEN_REQUEST_*",
        "    GITHUB_ACTIONS",
    ]
    return "\n".join(rows)


def diff(before: str, after: str, path: str) -> str:
    """A unified diff that `git apply` takes, of one file."""
    import difflib  # only where there is something to fix

    tab = "\t" if " " in path else ""
    rows = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}{tab}", f"b/{path}{tab}")
    return "".join(
        row if row.endswith("\n") else row + "\n\\ No newline at end of file\n" for row in rows
    )


def _lines(text: str) -> list[str]:
    rows = [row + "\n" for row in text.split("\n")]
    return [*rows[:-1], *([rows[-1][:-1]] if rows[-1] != "\n" else [])]


def patch(repository: Repository, new: Mapping[str, str]) -> str:
    """One diff for several files, in the order of their paths."""
    return "".join(diff(repository.read(path), new[path], path) for path in sorted(new))


def overlaid(repository: Repository, new: Mapping[str, str]) -> Repository:
    """The repository as it would be with these texts."""
    other = Repository(repository.root, {**repository.overlay, **new})
    other.full_name, other.known_name = repository.full_name, repository.known_name
    other._read = {path: text for path, text in repository._read.items() if path not in new}
    other._parsed = {path: tree for path, tree in repository._parsed.items() if path not in new}
    return other
