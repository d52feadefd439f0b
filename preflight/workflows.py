"""What a workflow file says of its jobs: permissions, triggers, environments, and who calls whom.

GitHub Docs: "Workflow syntax for GitHub Actions", "Events that trigger workflows", "Reusing workflows".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .files import Map, Repository, Seq, Text, Unreadable

MOST_CALLS = 10
"""How deep workflows may call one another: GitHub's own limit."""
MOST_JOBS = 500
"""Jobs that are looked at in one repository, called ones counted at each call."""
WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True)
class Permissions:
    """What a job's GITHUB_TOKEN may do, and who says so: `source` is "job", "workflow", or "default" (nobody)."""

    given: Mapping[str, str] | str
    source: str
    line: int = 1

    @property
    def id_token(self) -> bool:
        """Whether the job may ask for an ID token."""
        return self.given == "write-all" or (
            isinstance(self.given, Mapping) and self.given.get("id-token") == "write"
        )

    def __str__(self) -> str:
        if self.source == "default":
            return "none stated, and the default has no id-token"
        scopes = (
            ", ".join(f"{name}: {level}" for name, level in self.given.items())
            if isinstance(self.given, Mapping)
            else self.given
        )
        return f"{scopes or 'none at all ({})'} (from the {self.source})"


def effective_permissions(workflow: Mapping[str, Any], job: str | Mapping[str, Any]) -> Permissions:
    """A job's permissions: its own, else its workflow's, else the default, which has no `id-token`. They replace one another
    and are never merged. `job` is a job or its name; plain dicts will do. GitHub Docs, "Workflow syntax": `permissions`."""
    named = workflow["jobs"][job] if isinstance(job, str) else job
    for source, where in (("job", named), ("workflow", workflow)):
        if "permissions" in where:
            line = where.line_of("permissions") if isinstance(where, Map) else 1
            given = where["permissions"]
            return Permissions(
                given if isinstance(given, Mapping) else str(given or "{}").replace("{}", ""),
                source,
                line,
            )
    return Permissions({}, "default")


@dataclass(frozen=True)
class Trigger:
    """One way in which a job is started: the event, and the ref its ID token will name. Words in capitals stand for what
    is known
    only then, such as the tag."""

    event: str
    ref: str


_REFS = {
    "release": "refs/tags/TAG", "pull_request": "refs/pull/NUMBER/merge", "pull_request_review": "refs/pull/NUMBER/merge",
    "merge_group": "refs/heads/gh-readonly-queue/BRANCH", "delete": "refs/heads/DEFAULT_BRANCH",
    "pull_request_target": "refs/heads/BASE_BRANCH", "workflow_dispatch": "refs/heads/BRANCH", "create": "refs/tags/TAG",
}  # fmt: skip


def triggers(workflow: Mapping[str, Any]) -> list[Trigger]:
    """What starts a workflow: `on` as a text, a list or a mapping. `workflow_call` is not among it: that is its callers'
    event."""
    on = workflow.get("on", "")
    events = (
        {str(on): ""}
        if isinstance(on, str)
        else {str(event): "" for event in on}
        if isinstance(on, list)
        else dict(on)
    )
    found = []
    for event, filters in events.items():
        if event in ("", "workflow_call"):
            continue
        if event != "push":
            found.append(Trigger(event, _REFS.get(event, "refs/heads/DEFAULT_BRANCH")))
            continue
        kinds = (
            {kind: texts(filters.get(kind)) for kind in ("branches", "tags")}
            if isinstance(filters, Mapping)
            else {}
        )
        names = [
            name
            for name in (filters if isinstance(filters, Mapping) else ())
            if name.startswith(("branches", "tags"))
        ]
        for kind, prefix, unknown in (("branches", "heads", "BRANCH"), ("tags", "tags", "TAG")):
            if names and not any(name.startswith(kind) for name in names):
                continue
            literal = [name for name in kinds.get(kind, []) if not re.search(r"[*?+\[\]!$]", name)]
            found += [Trigger("push", f"refs/{prefix}/{name}") for name in literal]
            if len(literal) < len(kinds.get(kind, [])) or not literal:
                found.append(Trigger("push", f"refs/{prefix}/{unknown}"))
    return list(dict.fromkeys(found))


def texts(value: Any) -> list[str]:
    """A text or a list of texts, as a list."""
    return (
        [str(each) for each in value if isinstance(each, str)]
        if isinstance(value, list)
        else [str(value)]
        if isinstance(value, str) and value
        else []
    )


def narrow(found: list[Trigger], condition: str) -> list[Trigger]:
    """The triggers under which an `if:` can hold, as far as it is plainly readable: comparisons of the event and the
    ref, joined
    by `&&` or, if all of them are of the event, by `||`. Anything else in it is taken to hold."""
    condition = re.sub(r"\s+", " ", condition.replace("${{", "").replace("}}", "")).strip()
    if condition == "false":
        return []
    if "||" in condition:
        wanted = [
            re.fullmatch(r"\(?\s*github\.event_name == '([^']*)'\s*\)?", part.strip())
            for part in condition.split("||")
        ]
        return (
            [each for each in found if each.event in {match[1] for match in wanted if match}]
            if all(wanted)
            else found
        )
    for part in (each.strip(" ()") for each in condition.split("&&")):
        if match := re.fullmatch(r"github\.event_name (==|!=) '([^']*)'", part):
            found = [each for each in found if (each.event == match[2]) == (match[1] == "==")]
        elif re.fullmatch(
            r"(startsWith|contains)\(\s*github\.(event\.)?ref, ?'/?(refs/)?tags.*|github\.ref_type == 'tag",
            part.rstrip("'"),
        ):
            found = [tag for tag in map(_as_tag, found) if tag]
        elif match := re.fullmatch(r"github\.ref(_name)? == '([^']*)'", part):
            ref = match[2] if not match[1] else f"refs/heads/{match[2]}"
            found = [at for each in found if (at := _at(each, ref))]
    return list(dict.fromkeys(found))


def _at(trigger: Trigger, ref: str) -> Trigger | None:
    """The trigger at this very ref, if it can be there: what is in capitals may turn out to be anything of its kind."""
    kind, _, last = trigger.ref.rpartition("/")
    return (
        trigger
        if trigger.ref == ref
        else replace(trigger, ref=ref)
        if last.isupper() and ref.startswith(f"{kind}/")
        else None
    )


def _as_tag(trigger: Trigger) -> Trigger | None:
    """The trigger on a tag, if it can be on one."""
    if trigger.ref.startswith("refs/tags/"):
        return trigger
    return (
        Trigger(trigger.event, "refs/tags/TAG")
        if trigger.event in ("workflow_dispatch", "create")
        else None
    )


@dataclass(frozen=True)
class JobContext:
    """A job as it is started from a workflow: `entry` is the file that was triggered, `file` the one that holds the job.

    `callers` are (file, job) from the entry down, `known` the values of `inputs.…` and `secrets.…` that a called workflow has
    been given (None: all secrets), `granted` what the caller's job allows it to do.
    """

    entry: str
    entry_name: str
    file: str
    workflow: Map
    job: str
    triggers: tuple[Trigger, ...]
    callers: tuple[tuple[str, str], ...] = ()
    inputs: Mapping[str, str] | None = None
    secrets: Mapping[str, str] | None = None
    granted: Permissions | None = None
    entry_workflow: Map | None = None
    call_lines: tuple[tuple[str, str, int], ...] = ()

    @property
    def body(self) -> Map:
        """The job itself."""
        return self.workflow["jobs"][self.job]  # type: ignore[no-any-return]

    @property
    def permissions(self) -> Permissions:
        """As in `effective_permissions`; a called job that states none has its caller's."""
        own = effective_permissions(self.workflow, self.body)
        return self.granted if self.granted and own.source == "default" else own

    @property
    def may_ask(self) -> bool:
        """Whether the job can get an ID token: a called job may only lower what its caller has."""
        return self.permissions.id_token and (self.granted is None or self.granted.id_token)

    @property
    def asks_too_much(self) -> bool:
        """Whether a called job states `id-token: write` without its caller having it: then GitHub does not start it."""
        return (
            self.granted is not None
            and not self.granted.id_token
            and effective_permissions(self.workflow, self.body).id_token
        )

    def fill(self, text: str, environment: Mapping[str, str] | None = None) -> str:
        """The text with the expressions that are plainly known replaced: inputs, secrets of a called workflow, variables."""

        def value(match: re.Match[str]) -> str:
            kind, name = match[1], match[2]
            if kind == "inputs" and self.inputs is not None and name in self.inputs:
                return self.inputs[name]
            if (
                kind == "secrets"
                and self.secrets is not None
                and name != "GITHUB_TOKEN"
                and "environment" not in self.body
            ):
                return self.secrets.get(name, "")
            return environment.get(name, match[0]) if kind == "env" and environment else match[0]

        return (
            re.sub(r"\$\{\{\s*(inputs|secrets|env)\.([\w-]+)\s*\}\}", value, text)
            if "${{" in text
            else text
        )

    def environments(self) -> list[str]:
        """The names of the job's environment: one for each value of the matrix, [""] if it has none. What stays unknown
        still holds
        its expression."""
        stated = self.body.get("environment", "")
        name = self.fill(
            str(
                stated.get("name", "")
                if isinstance(stated, Map)
                else stated
                if isinstance(stated, str)
                else ""
            )
        )
        match = re.fullmatch(r"\$\{\{\s*matrix\.([\w.-]+)\s*\}\}", name.strip())
        return _matrix(self.body, match[1].split(".")) or [name] if match else [name]


def _matrix(job: Map, names: list[str]) -> list[str]:
    """The values that `matrix.…` takes, as far as they are written down."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Map) else None
    if not isinstance(matrix, Map):
        return []
    values: list[Any] = (
        list(matrix.get(names[0]) or []) if isinstance(matrix.get(names[0]), Seq) else []
    )
    include = matrix.get("include")
    values += [
        row[names[0]]
        for row in (include if isinstance(include, Seq) else [])
        if isinstance(row, Map) and names[0] in row
    ]
    for name in names[1:]:
        values = [value[name] for value in values if isinstance(value, Map) and name in value]
    return list(dict.fromkeys(str(value) for value in values if isinstance(value, Text)))


def mentions_publishing(part: Map) -> bool:
    """Whether a part of a workflow that is not looked at says words that releases of Python packages say."""
    text = str(part).lower()
    if "pypi" in text or "twine" in text or ("tox" in text and "release" in text):
        return True
    return bool(
        re.search(r"\b(uv|hatch|flit|poetry|pdm|maturin|python)\W{1,3}(publish|upload)", text)
    )


def jobs(
    repository: Repository,
    files: list[str],
    trouble: list[Unreadable],
    notes: list[tuple[str, int, str]],
) -> Iterator[JobContext]:
    """Every job of every workflow, as often as it is started: reusable workflows inside the repository once for each call.

    `trouble` receives files that could not be read, `notes` (file, line, sentence) what could not be followed."""
    workflows: dict[str, Map] = {}
    for file in files:
        try:
            workflow = workflows[file] = repository.yaml(file)
            if not isinstance(workflow.get("jobs"), Map):
                raise Unreadable(file, "has no mapping of `jobs`: it is not a workflow.")
            if not isinstance(workflow.get("on", ""), (Text, Seq, Map)) or "on" not in workflow:
                raise Unreadable(file, "does not say `on:` what it starts.")
        except Unreadable as error:
            workflows.pop(file, None)
            trouble.append(error)
    called: set[str] = set()
    count = 0

    def walk(context: JobContext) -> Iterator[JobContext]:
        nonlocal count
        for name, job in context.workflow["jobs"].items():
            if not isinstance(job, Map):
                line = context.workflow["jobs"].line_of(name)
                trouble.append(
                    Unreadable(context.file, f"has a job {name!r} that is not a mapping.", line)
                )
                continue
            count += 1
            if count > MOST_JOBS:
                return notes.append(
                    (context.file, 1, f"More than {MOST_JOBS} jobs: the rest was not looked at.")
                )
            left = narrow(
                list(context.triggers),
                str(job.get("if", "") if isinstance(job.get("if", ""), Text) else ""),
            )
            if not left:
                if context.triggers and mentions_publishing(job):
                    why = f"Job {name!r} is not looked at: nothing that starts {context.entry} meets its `if:`."
                    notes.append((context.file, job.line_of("if"), why))
                continue
            here = replace(context, job=name, triggers=tuple(left))
            if isinstance(job.get("uses"), Text):
                yield from call(here, job, str(job["uses"]))
            else:
                yield here

    def call(context: JobContext, job: Map, target: str) -> Iterator[JobContext]:
        line = job.line_of("uses")
        own = re.match(
            rf"({re.escape(repository_name)}/|\.?/|\$/)(\.github/workflows/[^/@]+)(@.*)?$", target
        )
        if not own and not (context.may_ask or mentions_publishing(job)):
            return None
        if not own:
            why = f"Job {context.job!r} calls {target}, a workflow of another repository: what it does is not known."
            return notes.append((context.file, line, why))
        if own[2] not in workflows:
            return notes.append(
                (
                    context.file,
                    line,
                    f"Job {context.job!r} calls {target}, which could not be read.",
                )
            )
        if len(context.callers) >= MOST_CALLS or own[2] in (
            context.entry,
            context.file,
            *(file for file, _ in context.callers),
        ):
            why = f"Job {context.job!r} calls {target} in a circle, or too deep for GitHub."
            return notes.append((context.file, line, why))
        called.add(own[2])
        workflow = workflows[own[2]]
        on = workflow.get("on")
        declared = on.get("workflow_call") if isinstance(on, Map) else None
        inputs = (
            declared.get("inputs")
            if isinstance(declared, Map) and isinstance(declared.get("inputs"), Map)
            else Map()
        )
        given = job.get("with") if isinstance(job.get("with"), Map) else Map()
        values = {
            name: str(what["default"])
            for name, what in inputs.items()
            if isinstance(what, Map) and isinstance(what.get("default"), Text)
        }
        values |= {
            name: context.fill(str(value))
            for name, value in given.items()
            if isinstance(value, Text)
        }
        passed = job.get("secrets")
        secrets = context.secrets if passed == "inherit" else {
            name: context.fill(str(value)) for name, value in (passed.items() if isinstance(passed, Map) else ())
        }  # fmt: skip
        allowed = (
            context.permissions if context.may_ask or context.granted is None else context.granted
        )
        yield from walk(replace(
            context, file=own[2], workflow=workflow, job="", callers=(*context.callers, (context.file, context.job)),
            inputs=values, secrets=secrets, granted=allowed,
            call_lines=(*context.call_lines, (context.file, context.job, line)),
        ))  # fmt: skip

    repository_name = repository.full_name
    for file, workflow in workflows.items():
        started = triggers(workflow)
        if started:
            name = workflow.get("name")
            title = str(name) if isinstance(name, Text) and name else file
            yield from walk(
                JobContext(file, title, file, workflow, "", tuple(started), entry_workflow=workflow)
            )
    for file in workflows:
        if (
            file not in called
            and not triggers(workflows[file])
            and mentions_publishing(workflows[file])
        ):
            notes.append(
                (file, 1, "Nothing in this repository starts this workflow: it is not looked at.")
            )
