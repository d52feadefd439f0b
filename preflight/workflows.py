"""A workflow file's own words about its jobs: permissions, triggers, conditions, and calls.

GitHub Docs: "Workflow syntax for GitHub Actions", "Events that trigger workflows", "Reusing
workflows", "Contexts"; for what a called job may state, actions/runner, `PermissionsHelper.cs`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from .expressions import UNKNOWN, Open, Value, fill, holds, possible
from .files import NOTHING, Map, Repository, Seq, Text, Unreadable, mapping, text, texts, under
from .words import TABLES, say

MOST_CALLS = 10
"""How deep workflows may call one another: GitHub's own limit."""
MOST_JOBS = 8_000
"""Jobs that are looked at in one repository, counted at each trigger and each call."""
WORKFLOWS = ".github/workflows/"
Note = tuple[str, int, str]
"""File, line, and a sentence."""


@dataclass(frozen=True)
class Permissions:
    """What a job's GITHUB_TOKEN may do; `source` is "job", "workflow", or "default" (nobody)."""

    given: Mapping[str, str] | str
    source: str
    line: int = 1

    @property
    def id_token(self) -> bool:
        return self.level("id-token") == 2

    def level(self, scope: str) -> int | None:
        """0 for none, 1 for read, 2 for write; None where the repository's settings decide."""
        if self.source == "default" and scope != "id-token":
            return None
        if isinstance(self.given, str):
            levels = {"write-all": 2, "read-all": int(scope != "id-token")}
            return levels.get(self.given, 0)
        return {"write": 2, "read": 1}.get(str(self.given.get(scope, "")), 0)

    def __str__(self) -> str:
        if self.source == "default":
            return "none stated, and the default has no id-token"
        given = self.given
        if isinstance(given, Mapping):
            given = ", ".join(f"{name}: {level}" for name, level in given.items())
        return f"{given or 'none at all ({})'} (from the {self.source})"


def effective_permissions(workflow: Mapping[str, Any], job: str | Mapping[str, Any]) -> Permissions:
    """Return a job's permissions: its own, else its workflow's, else the default.

    They replace one another and are never merged; the default has no `id-token`. `job` is a job or
    its name; plain dicts will do. Raises KeyError for a name that no job has.

    >>> effective_permissions({"permissions": "write-all", "jobs": {"a": {}}}, "a").id_token
    True
    """
    named = workflow["jobs"][job] if isinstance(job, str) else job
    for source, where in (("job", named), ("workflow", workflow)):
        if "permissions" in where:
            line = where.line_of("permissions") if isinstance(where, Map) else 1
            given = where["permissions"]
            given = given if isinstance(given, Mapping) else str(given or "{}").replace("{}", "")
            return Permissions(given, source, line)
    return Permissions({}, "default")


@dataclass(frozen=True)
class Trigger:
    """One way to start a job: the event, and the ref that its ID token will name, with words in
    capitals for what is known only then. `certain` is false where an `if:` that cannot be decided
    stands in between; `guess` is true where the ref comes from a condition, not from `on:`."""

    event: str
    ref: str
    certain: bool = field(default=True, compare=False)
    never: frozenset[str] = frozenset()
    guess: bool = field(default=False, compare=False)


_BRANCHES = {"main", "master", "develop", "trunk"}
"""Names that no tag has."""
_NO_ACTION = TABLES["events without types"]


def triggers(workflow: Mapping[str, Any]) -> list[Trigger]:
    """Return everything that starts a workflow, except calls: the event is then the caller's."""
    found: list[Trigger] = []
    on = workflow.get("on", "")
    names = [on] if isinstance(on, str) else map(str, on)
    events = on if isinstance(on, Mapping) else dict.fromkeys(names, "")
    for event, filters in events.items():
        if event == "push":
            found += _pushes(filters if isinstance(filters, Mapping) else {})
        elif event not in ("", "workflow_call"):
            found.append(Trigger(event, TABLES["refs"].get(event, "refs/heads/DEFAULT_BRANCH")))
    return list(dict.fromkeys(found))


def _pushes(filters: Mapping[str, Any]) -> Iterator[Trigger]:
    named = [name for name in filters if name.startswith(("branches", "tags"))]
    for kind, prefix, unknown in (("branches", "heads", "BRANCH"), ("tags", "tags", "TAG")):
        if named and not any(name.startswith(kind) for name in named):
            continue
        wanted = texts(filters.get(kind))
        literal = [name for name in wanted if not re.search(r"[*?+\[\]!$]", name)]
        yield from (Trigger("push", f"refs/{prefix}/{name}") for name in literal)
        if len(literal) < len(wanted) or not literal:
            yield Trigger("push", f"refs/{prefix}/{unknown}")


def steps(job: Any) -> list[Map]:
    found = mapping(job).get("steps")
    return [each for each in found if isinstance(each, Map)] if isinstance(found, Seq) else []


class Changeable:
    """A frozen dataclass with a faster `dataclasses.replace`."""

    def but(self, **changes: Any) -> Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, **changes)
        return new


@dataclass(frozen=True, eq=False)
class Scope(Changeable):
    """What an expression can see. `entry` is the file that was triggered; `asked` collects the
    contexts that differ from trigger to trigger and were looked at."""

    trigger: Trigger
    repository: str = ""
    entry: str = ""
    workflow: Map = field(default_factory=Map)
    job: Map = field(default_factory=Map)
    inputs: Mapping[str, str] | None = None
    secrets: Mapping[str, str] | None = None
    needs: Mapping[str, Value] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def __call__(self, path: str) -> Value:
        context, _, rest = path.partition(".")
        if context in ("github", "inputs", "needs"):
            self.asked.add(context)
        find = getattr(self, f"_{context.lower()}", None)
        return find(rest) if find else UNKNOWN

    def _github(self, name: str) -> Value:
        event, (owner, _, _) = self.trigger.event, self.repository.partition("/")
        known = {"event_name": event, "event.repository.fork": False}
        if owner:
            known |= {"repository": self.repository, "repository_owner": owner}
        if name in known:
            return known[name]
        if name in ("ref", "ref_name", "event.ref", "ref_type"):
            return self._ref(name.removeprefix("event."))
        if name == "event.action":
            return self._action()
        if name == "event.workflow":  # of `schedule` it is not documented
            said = {"workflow_dispatch": self.entry, "schedule": Open((self.entry, ""))}
            return said.get(event, UNKNOWN if event == "workflow_run" else None)
        if name.startswith("event.inputs."):
            return self._inputs(name.removeprefix("event.inputs."))
        absent = ["event.push."]
        absent += ["event.release", "event.pull_req"] if event in _NO_ACTION else []
        absent += [] if event.startswith("pull_request") else ["head_ref", "base_ref"]
        return None if name.startswith(tuple(absent)) else UNKNOWN

    def _ref(self, name: str) -> Value:
        kind, _, last = self.trigger.ref.rpartition("/")
        if name == "ref_type":
            return "tag" if kind == "refs/tags" else "branch"
        if not last.replace("_", "").isupper():
            return self.trigger.ref if name == "ref" else self.trigger.ref.split("/", 2)[2]
        if name == "ref":
            return Open(prefix=f"{kind}/", never=self.trigger.never)
        never = {each.removeprefix(f"{kind}/") for each in self.trigger.never}
        return Open(never=frozenset(never | _BRANCHES if kind == "refs/tags" else never))

    def _action(self) -> Value:
        event = self.trigger.event
        if event in _NO_ACTION:
            return None
        stated = texts(under(self.workflow, "on", event, "types"))
        found = tuple(stated or TABLES["types"].get(event, ()))
        return found[0] if len(found) == 1 else Open(found, never=frozenset({"published"}))

    def _inputs(self, name: str) -> Value:
        if self.inputs is not None:
            return self.inputs.get(name)
        if self.trigger.event != "workflow_dispatch":
            return None
        stated = under(self.workflow, "on", "workflow_dispatch", "inputs", name, "options")
        return Open(tuple(texts(stated)))

    def _secrets(self, name: str) -> Value:
        if self.secrets is None or name == "GITHUB_TOKEN" or "environment" in self.job:
            return UNKNOWN
        return self.secrets.get(name, "")

    def _needs(self, name: str) -> Value:
        return self.needs.get(name, self.needs.get(f"{name.partition('.')[0]}.*", UNKNOWN))

    def _matrix(self, name: str) -> Value:
        matrix, (first, *rest) = under(self.job, "strategy", "matrix"), name.split(".")
        values, rows = under(matrix, first), under(matrix, "include")
        values = list(values) if isinstance(values, Seq) else []
        values += [under(row, first) for row in rows] if isinstance(rows, Seq) else []
        found = [under(value, *rest) for value in values]
        return Open(tuple(dict.fromkeys(str(v) for v in found if isinstance(v, Text))))


@dataclass(frozen=True, eq=False)
class JobContext(Changeable):
    """A job as one trigger starts it: `entry` is the file that was triggered, `file` the one that
    holds the job, `callers` are (file, job, line) from the entry down, `scope` gives values to
    expressions, `granted` is what the caller's job allows it to do."""

    entry: str
    file: str
    workflow: Map
    job: str
    scope: Scope
    entry_workflow: Map
    callers: tuple[tuple[str, str, int], ...] = ()
    granted: Permissions | None = None

    @property
    def body(self) -> Map:
        return self.workflow["jobs"][self.job]  # type: ignore[no-any-return]

    @property
    def trigger(self) -> Trigger:
        return self.scope.trigger

    @property
    def own(self) -> Permissions:
        return effective_permissions(self.workflow, self.body)

    @property
    def permissions(self) -> Permissions:
        """Its own; a called job that states none has its caller's."""
        return self.granted if self.granted and self.own.source == "default" else self.own

    @property
    def may_ask(self) -> bool:
        """Whether it can get an ID token: a called job may only lower what its caller has. A caller
        that states nothing may have it, where the repository's default is to read and write."""
        caller = self.granted
        allowed = caller is None or caller.source == "default" or caller.id_token
        return self.permissions.id_token and allowed

    @property
    def asks_too_much(self) -> str:
        """A permission, such as "id-token: write", that a called job states and its caller does not
        have; else "". GitHub then refuses the whole workflow when it starts."""
        own = self.own
        if self.granted is None or "default" in (own.source, self.granted.source):
            return ""
        scopes = (
            own.given if isinstance(own.given, Mapping) else ("id-token", "contents", "actions")
        )
        for scope in sorted(scopes, key=lambda name: name != "id-token"):
            allowed, wanted = self.granted.level(scope), own.level(scope) or 0
            if allowed is not None and wanted > allowed:
                return f"{scope}: {('none', 'read', 'write')[wanted]}"
        return ""

    def environments(self) -> tuple[str, ...]:
        """Return the names that its environment can have, ("",) if it has none. What stays unknown
        still holds its expression."""
        stated = self.body.get("environment", "")
        return possible(text(stated.get("name") if isinstance(stated, Map) else stated), self.scope)


_CLIENTS = r"\b(uv|hatch|flit|poetry|pdm|maturin|python)\W{1,3}(publish|upload)"


def mentions_publishing(part: Any) -> bool:
    """Return whether a part of a workflow that is not looked at says words of Python releases."""
    words = str(part).lower()
    said = "pypi" in words or "twine" in words or ("tox" in words and "release" in words)
    return said or bool(re.search(_CLIENTS, words))


def variants(trigger: Trigger, conditions: str) -> list[Trigger]:
    """Return the trigger at any other ref than those that the conditions compare with, and at each
    of these: what is in capitals may turn out to be that one."""
    kind, _, last = trigger.ref.rpartition("/")
    if "github." not in conditions or not last.isupper():
        return [trigger]
    compared = re.findall(r"github\.ref(_name)?\s*==\s*'([^']{1,200})'", conditions)
    refs = dict.fromkeys(f"{kind}/{ref}" if name else ref for name, ref in compared[:5])
    near = [ref for ref in refs if ref.startswith(f"{kind}/")]
    near = [ref for ref in near if kind != "refs/tags" or ref[10:] not in _BRANCHES]
    found = [replace(trigger, never=frozenset(near))]
    found += [replace(trigger, ref=ref, guess=True) for ref in near]
    if trigger.event == "workflow_dispatch" and "tag" in conditions:
        found.append(Trigger(trigger.event, "refs/tags/TAG", guess=True))
    return found


def settled(found: list[Trigger]) -> tuple[Trigger, ...]:
    """Return the triggers without what only a condition suggested, where `on:` has it too."""
    plain = {each.event for each in found if not each.guess}
    kept = [replace(t, never=frozenset()) for t in found if not (t.guess and t.event in plain)]
    return tuple(dict.fromkeys(sorted(kept, key=lambda t: not t.certain)))


@dataclass
class Walk:
    """Every job of every workflow, as often as it is started; with `only`, of these workflows and
    those that they call. `trouble` receives files that could not be read, `notes` what could not be
    followed."""

    repository: Repository
    only: Collection[str] = ()
    trouble: list[Unreadable] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    workflows: dict[str, Map] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    started: dict[tuple[str, str], bool] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        try:
            files = self.repository.workflows()
        except Unreadable as error:
            return self.trouble.append(error)
        for file in files:
            try:
                workflow = self.repository.yaml(file)
                if not isinstance(workflow.get("jobs"), Map):
                    raise Unreadable(file, "has no mapping of `jobs`: it is not a workflow.")
                if not isinstance(workflow.get("on"), (Text, Seq, Map)):
                    raise Unreadable(file, "does not say `on:` what it starts.")
                self.workflows[file] = workflow
            except Unreadable as error:
                self.trouble.append(error)

    def jobs(self) -> Iterator[JobContext]:
        """Yield each job once for each trigger; one that is called, once for each call."""
        entries = {file: flow for file, flow in self.workflows.items() if file in self.only}
        for file, workflow in (entries if self.only else self.workflows).items():
            for trigger in triggers(workflow)[:40]:
                scope = Scope(trigger, self.repository.known_name, file, workflow)
                yield from self._workflow(JobContext(file, file, workflow, "", scope, workflow))
        for (file, name), started in self.started.items():
            job = self.workflows[file]["jobs"][name]
            if not started and mentions_publishing(job):
                why = say("notes", "not started", job=name, file=file)
                self.notes.append((file, job.line_of("if"), why))
        for file, workflow in self.workflows.items():
            if file not in self.called and not triggers(workflow) and mentions_publishing(workflow):
                self.notes.append((file, 1, say("notes", "no trigger")))

    def _workflow(self, context: JobContext) -> Iterator[JobContext]:
        memo: dict[Any, Any] = {}
        for name, job in context.workflow["jobs"].items():
            if not isinstance(job, Map):
                line = context.workflow["jobs"].line_of(name)
                error = Unreadable(context.file, f"has a job {name!r} that is not a mapping.", line)
                if str(error) not in map(str, self.trouble):
                    self.trouble.append(error)
                continue
            self.count += 1
            if self.count > MOST_JOBS:
                why = f"More than {MOST_JOBS} jobs: the rest was not looked at."
                return self.notes.append((context.file, 1, why))
            self.started.setdefault((context.file, name), False)
            found = (text(each["if"]) for each in (job, *steps(job)) if "if" in each)
            for trigger in variants(context.trigger, "\n".join(found)[:10_000]):
                scope, runs = _job_scope(context, name, trigger, memo)
                if runs is not False:
                    self.started[context.file, name] = True
                    trigger = replace(trigger, certain=trigger.certain and runs is True)
                    yield from self._job(context.but(job=name, scope=scope.but(trigger=trigger)))
        return None

    def _job(self, context: JobContext) -> Iterator[JobContext]:
        """The job itself, or those of the workflow that it calls."""
        target, line = text(context.body.get("uses")), context.body.line_of("uses")
        if not target:
            yield context
            return
        name = re.escape(self.repository.full_name)
        own = re.match(rf"({name}/|\.?/|\$/)(\.github/workflows/[^/@]+)(@.*)?$", target)
        file = own[2] if own else ""
        seen = (context.entry, context.file, *(file for file, _, _ in context.callers))
        deep = len(context.callers) >= MOST_CALLS or file in seen
        if file in self.workflows and not deep:
            self.called.add(file)
            yield from self._workflow(_call(context, file, self.workflows[file], line))
        elif own or context.may_ask or mentions_publishing(context.body):
            why = "circle of calls" if file in self.workflows else "gone" if own else "another's"
            why = say("notes", why, job=context.job, target=target)
            self.notes.append((context.file, line, why))


def _job_scope(
    context: JobContext, name: str, trigger: Trigger, memo: dict[Any, Any], depth: int = 0
) -> tuple[Scope, bool | None]:
    """A job's scope, and whether it runs: what it needs runs, too, unless `if:` says otherwise."""
    if (name, trigger) in memo:
        return memo[name, trigger]  # type: ignore[no-any-return]
    jobs = context.workflow["jobs"]
    job = mapping(jobs.get(name))
    memo[name, trigger] = (context.scope.but(trigger=trigger, job=job), None)  # for circles
    needs: dict[str, Value] = {}
    ready: list[bool | None] = []
    for other in texts(job.get("needs"))[:50] if depth < 50 else ():
        scope, runs = _job_scope(context, other, trigger, memo, depth + 1)
        ready.append(runs)
        needs |= _outputs(other, mapping(jobs.get(other)), scope, runs)
    scope = context.scope.but(trigger=trigger, job=job, needs=needs, asked=set())
    condition = text(job.get("if"))
    answer = holds(condition, scope)
    if not re.search(r"\b(always|failure|cancelled)\s*\(", condition):
        answer = False if False in (answer, *ready) else None if None in (answer, *ready) else True
    memo[name, trigger] = (scope, answer)
    return scope, answer


def _outputs(name: str, job: Map, scope: Scope, runs: bool | None) -> dict[str, Value]:
    if runs is False:
        return {f"{name}.result": "skipped", f"{name}.*": None}
    result: Value = "success" if runs else Open(("success", "skipped"))
    found: dict[str, Value] = {f"{name}.result": result}
    for output, value in list(mapping(job.get("outputs")).items())[:50]:
        filled = fill(text(value), scope)
        found[f"{name}.outputs.{output}"] = UNKNOWN if "${{" in filled or runs is None else filled
    return found


def _call(context: JobContext, file: str, workflow: Map, line: int) -> JobContext:
    """The workflow that a job calls, with its inputs and secrets."""
    job, scope = context.body, context.scope
    inputs = defaults(under(workflow, "on", "workflow_call", "inputs"))
    given = mapping(job.get("with")).items()
    inputs |= {name: fill(str(value), scope) for name, value in given if isinstance(value, Text)}
    secrets = scope.secrets
    if job.get("secrets") != "inherit":
        passed = mapping(job.get("secrets")).items()
        secrets = {name: fill(text(value), scope) for name, value in passed}
    keep = context.may_ask or context.granted is None
    return context.but(
        file=file,
        workflow=workflow,
        job="",
        scope=scope.but(workflow=workflow, job=NOTHING, inputs=inputs, secrets=secrets, needs={}),
        callers=(*context.callers, (context.file, context.job, line)),
        granted=context.permissions if keep else context.granted,
    )


def defaults(inputs: Any) -> dict[str, str]:
    """Return the inputs that a called workflow or action declares, with their defaults."""
    return {name: text(under(what, "default")) for name, what in mapping(inputs).items()}
