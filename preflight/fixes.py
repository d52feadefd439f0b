"""Changes to a repository's files that turn a job which cannot authenticate into one that can, as diffs for `git apply`."""

import difflib
import re
from collections.abc import Mapping

from .clients import option
from .files import Map, Repository, Unreadable, parse
from .publishing import Publication
from .workflows import effective_permissions


def grant(text: str, job: str) -> str:
    """The workflow with `id-token: write` among the job's permissions. What the job was allowed before, it keeps; where
    nothing was
    stated, it gets `contents: read` beside. Raises Unreadable, KeyError."""
    workflow = parse(text)
    body = workflow["jobs"][job]
    if effective_permissions(workflow, body).id_token:
        return text
    before = effective_permissions(workflow, body).given
    entries = (
        {str(k): str(v) for k, v in before.items()}
        if isinstance(before, Mapping) and "permissions" in {*body, *workflow}
        else {"contents": "read"}
    )
    entries["id-token"] = "write"
    return _state(text, body, "permissions", entries)


def _state(text: str, holder: Map, key: str, entries: dict[str, str]) -> str:
    """The text with a key of a mapping stated anew: one line more where it can be done so, else the key's whole value."""
    lines = text.split("\n")
    ending = "\r" if lines[0].endswith("\r") else ""
    flow = "{" + ", ".join(f"{name}: {value}" for name, value in entries.items()) + "}"
    if key not in holder:
        row, column = holder.start
        if holder.flow:
            lines[row] = f"{lines[row][: column + 1]}{key}: {flow}, {lines[row][column + 1 :]}"
        else:
            lines[row:row] = [
                f"{' ' * column}{key}:{ending}",
                *(f"{' ' * (column + 2)}{n}: {v}{ending}" for n, v in entries.items()),
            ]
        return "\n".join(lines)
    (row, column), (last, stop), aliased = holder.spans[key]
    value = holder[key]
    if isinstance(value, Map) and value and not value.flow and not aliased:
        wanted = entries["id-token"] if key == "permissions" else ""
        if wanted and "id-token" in value:
            (at, begin), (_, end), _ = value.spans["id-token"]
            lines[at] = f"{lines[at][:begin]}id-token: {wanted}{lines[at][end:]}"
            return "\n".join(lines)
        if wanted:
            lines.insert(last + 1, f"{' ' * value.start[1]}id-token: {wanted}{ending}")
            return "\n".join(lines)
    after = lines[last][stop:].rstrip("\r")
    if holder.flow:
        lines[row : last + 1] = [f"{lines[row][:column]}{key}: {flow}{after}{ending}"]
    else:
        block = [
            f"{lines[row][:column]}{key}:{after}{ending}",
            *(f"{' ' * (column + 2)}{n}: {v}{ending}" for n, v in entries.items()),
        ]
        lines[row : last + 1] = block
    return "\n".join(lines)


def edits(repository: Repository, found: Publication) -> dict[str, str]:
    """New texts, by path, of the files that have to change for this job to authenticate; {} where nothing simple will do."""
    new: dict[str, str] = {}

    def current(path: str) -> str:
        return new.get(path) or repository.read(path)

    context = found.context
    try:
        if found.index not in ("PyPI", "TestPyPI"):
            return {}
        if found.sealed:
            new[found.file] = _through_tox(current(found.file), found.line)
        if not found.client.trusted:
            new[found.file] = _by_uv(current(found.file), found)
        elif (
            found.client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "never"
        ):
            new[found.file] = _on_line(
                current(found.file), found.line, r"\s+--trusted-publishing[ =]never", ""
            )
        if found.triggers and all(
            trigger.event == "pull_request_target" for trigger in found.triggers
        ):
            workflow = parse(current(context.entry))
            new[context.entry] = _state(
                current(context.entry), workflow, "on", {"release": "", "  types": "[published]"}
            ).replace("release: ", "release:", 1)
        for position, (file, job) in enumerate([*context.callers, (context.file, context.job)]):
            permissions = effective_permissions(parse(current(file)), job)
            if not permissions.id_token and (position == 0 or permissions.source != "default"):
                new[file] = grant(current(file), job)
    except (Unreadable, KeyError, IndexError, TypeError, StopIteration):
        return {}
    return {path: text for path, text in new.items() if text != repository.read(path)}


def _by_uv(text: str, found: Publication) -> str:
    """The command replaced by one of a client that can do it: uv, which pipx runs on GitHub's machines."""
    build = (
        f"{found.client.builds} && "
        if found.client.builds and (found.client.name == "flit" or "--build" in found.words)
        else ""
    )
    program = found.client.name
    return _on_line(
        text,
        found.line,
        rf"(?:python[\d.]* -m )?\b{program}\b[^;&|\n\"]*?\b{found.client.subcommands[0]}\b[^;&|\n\"\r]*",
        f"{build}pipx run uv publish",
    )


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


def _on_line(text: str, line: int, pattern: str, by: str) -> str:
    lines = text.split("\n")
    lines[line - 1] = re.sub(pattern, lambda _: by, lines[line - 1], count=1)
    return "\n".join(lines)


def diff(before: str, after: str, path: str) -> str:
    """A unified diff that `git apply` takes, of one file."""
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
    other.full_name = repository.full_name
    other._read = {path: text for path, text in repository._read.items() if path not in new}
    other._parsed = {path: tree for path, tree in repository._parsed.items() if path not in new}
    return other
