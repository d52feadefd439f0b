"""Warnings: what will work, and should not stay as it is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .clients import ACTION, ADDRESSES
from .expressions import fill
from .files import Map, Seq, mapping, text, texts, under
from .publishing import JobFacts
from .verdicts import EITHER, JobVerdict
from .words import MESSAGES, TABLES
from .workflows import JobContext, Note, Trigger, Walk, steps, triggers


@dataclass(frozen=True)
class Warned:
    """Something that will work and should not stay: `code` is stable, `why` and `instead` are for
    people, `fix` is a diff or empty."""

    code: str
    file: str
    line: int
    why: str
    instead: str
    fix: str = ""


Found = Iterator[tuple[str, tuple[str, int], str]]
"""Code, file and line, and a word for the sentence."""


def warned(code: str, where: tuple[str, int], job: str, what: str = "") -> Warned:
    why, instead = (text.format(job=job, what=what) for text in MESSAGES["warnings"][code])
    return Warned(code, *where, why, instead)


def warn(facts: JobFacts, judged: Sequence[JobVerdict]) -> list[Warned]:
    """Return what should not stay as it is, about one job that publishes."""
    context = judged[0].found.context
    found = [*_about_the_job(context, judged), *_about_what_it_does(facts, judged)]
    for each in judged:
        found += _about_a_command(each, facts)
    return [warned(code, where, context.job, what) for code, where, what in found]


def _about_the_job(context: JobContext, judged: Sequence[JobVerdict]) -> Found:
    here, permissions = (judged[0].file, judged[0].line), context.permissions
    started = [trigger for each in judged for trigger in each.triggers]
    for event in ("pull_request_target", "pull_request"):
        if mine := [trigger.certain for trigger in started if trigger.event == event]:
            doubt = "" if any(mine) else " (Its `if:` depends on what is not known before the run.)"
            where = (context.entry, context.entry_workflow.line_of("on"))
            yield event.replace("_", "-"), where, doubt
    if permissions.id_token and permissions.source == "workflow":
        yield "workflow-permission", (context.file, permissions.line), ""
    environments = context.environments()
    if not any(environments):
        yield "no-environment", here, _nobody_asked(context)
    if any("${{" in environment for environment in environments):
        yield "unknown-environment", (context.file, context.body.line_of("environment")), ""
    if context.callers and context.may_ask and any(each.form and not each.fails for each in judged):
        yield "called-workflow", here, ""
    if context.may_ask and context.granted and context.granted.source == "default":
        file, name, line = context.callers[-1]
        yield "caller-states-nothing", (file, line), name
    if any(each.index != "TestPyPI" for each in judged):  # what is tried there is soon tried again
        for line, group in _shared_group(context, started):
            yield "concurrency", (context.file, line), group


def _nobody_asked(context: JobContext) -> str:
    """Who can publish without an environment; or the job before it that has one."""
    jobs, seen = context.workflow["jobs"], [context.job]
    for name in seen:
        needs = texts(under(jobs, name, "needs"))[:20]
        seen += [each for each in needs if each not in seen and len(seen) < 40]
    waiting = [name for name in seen[1:] if "environment" in mapping(jobs.get(name))]
    if not waiting:
        return "anyone who can start the workflow can publish, and nobody is asked."
    asked = f"someone is asked only in {waiting[0]!r}, and the ID token does not say so."
    return f"{asked} Another job of the same file gets in without."


def _shared_group(context: JobContext, started: Sequence[Trigger]) -> Iterator[tuple[int, str]]:
    """Yield line and name of concurrency groups in which the next run cancels a waiting one."""
    for holder in (context.body, context.workflow):
        stated = holder.get("concurrency")
        group = text(stated) or text(under(stated, "group"))
        if not group or text(under(stated, "queue")) == "max":
            continue
        alone = re.search(r"github\.(run_id|run_number|sha)\b", group)
        by_ref = re.search(r"github\.(ref|ref_name|event\.release)\b", group)
        branches = [t for t in started if t.certain and t.event == "push" and not _is_tag(t)]
        filled = fill(group, context.scope)
        known = by_ref or "${{" not in re.sub(r"\$\{\{ *github\.(workflow|job) *\}\}", "", filled)
        if known and not alone and not (by_ref and not branches):
            yield holder.line_of("concurrency"), filled


def _about_what_it_does(facts: JobFacts, judged: Sequence[JobVerdict]) -> Found:
    given = [v for v in judged if v.found.credential and v.found.credential.in_arguments]
    exposed = [*facts.seen["exposed"], *((*each.path[-1], each.client) for each in given)]
    hides = judged[0].found.context.permissions.level("contents") == 0
    unpinned = [each for each in facts.seen["actions"] if not _PINNED.fullmatch(each[2])]
    found: list[tuple[str, list[Note]]] = [
        ("builds-too", facts.seen["builds"][:1]),
        ("token-in-arguments", exposed),
        ("trace", facts.seen["traced"][:1]),
        ("script-injection", facts.seen["injected"][:1]),
        ("unpinned-action", unpinned),
        ("checkout-without-contents", facts.seen["checkouts"][:1] if hides else []),
    ]
    for code, notes in found:
        for file, line, what in dict.fromkeys(notes):
            yield code, (file, line), what


def _about_a_command(each: JobVerdict, facts: JobFacts) -> Found:
    found, where = each.found, each.path[-1]
    if found.credential and "pypi-" in found.credential.value:
        yield "token-in-file", where, ""
    if each.verdict == EITHER:
        yield "leftover-token", where, f"{each.client} still finds {each.credential}"
    if "secrets." in found.user and each.index in ADDRESSES:
        yield "account-name", where, each.client
    if found.client is ACTION:
        if "self-hosted" in texts(found.context.body.get("runs-on")):
            yield "needs-docker", where, "a machine of your own"
        places = {(p.file, p.line) for p in facts.publications if p.client is ACTION}
        if len(places) > 1 and not each.fails:
            yield "action-twice", where, each.client
    elif facts.seen["unpacked"] and each.client == "uv" and not found.no_config and each.id_token:
        yield "artifact-over-workspace", facts.seen["unpacked"][0][:2], each.client
    matrix = under(found.context.body, "strategy", "matrix")
    several = any(not isinstance(v, Seq) or len(v) > 1 for v in mapping(matrix).values())
    lets_through = any(word.startswith(found.client.again) for word in found.words)
    if facts.seen["builds"] and several and not lets_through and "," not in each.environment:
        yield "upload-repeated", where, ""


_PINNED = re.compile(r"(actions|github)/.*|[^@]*@([0-9a-fA-F]{40}|sha256:[0-9a-f]{64})", re.DOTALL)
"""An action of GitHub's own, or named by something that cannot be moved."""


def half_migrated(judged: Sequence[JobVerdict]) -> Iterator[Warned]:
    """Yield the jobs that a migration has forgotten: those that may not ask for an ID token, while
    one of another workflow has no stored token and may ask."""
    without = [each for each in judged if not each.credential and each.found.client.trusted]
    able = next((each for each in without if each.id_token), None)
    for each in without:
        same = able and (each.file, each.job) == (able.file, able.job)
        if able and not same and not each.id_token and each.workflow != able.workflow:
            what = f"{able.job!r} of {able.workflow}"
            yield warned("half-migrated", (each.file, each.line), each.job, what)


_RELEASES = r"\bgh release create\b(?!.{0,400}--draft)"
_TAGS = r"--tags|--follow-tags|refs/tags|[\s\"']v?\$(?!\{*\s*[\w.-]*(?i:branch|head|sha))"
_PUSHES = rf"\bgit push\b.{{0,400}}({_TAGS})"
_OWN = re.compile(r"secrets\.GITHUB_TOKEN|github\.token")


def started_by_token(judged: Sequence[JobVerdict], walk: Walk) -> Iterator[Warned]:
    """Yield the steps that make, with GITHUB_TOKEN, the release or tag that a publishing workflow
    waits for."""
    waiting: dict[str, set[str]] = defaultdict(set)
    for each in judged:
        on = {t.event for t in each.triggers if t.event == "release" or _is_tag(t)}
        waiting[each.workflow] |= on
    for file, workflow in walk.workflows.items() if any(waiting.values()) else ():
        if "gh workflow run" in str(workflow):
            continue
        tagged = all(map(_is_tag, triggers(workflow)))  # then the tag is there already
        for name, job in workflow["jobs"].items():
            for step, made in _made(job, workflow):
                on = made - ({"push"} if tagged else set())
                if asleep := [each for each in waiting if each != file and waiting[each] & on]:
                    where, what = (file, step.line), f"Job {name!r}"
                    yield warned("release-by-github-token", where, asleep[0], what)


def _is_tag(trigger: Trigger) -> bool:
    return trigger.event == "push" and trigger.ref.startswith("refs/tags/")


def _made(job: Map, workflow: Map) -> Iterator[tuple[Map, set[str]]]:
    """The steps of a job that make a release or a tag with GITHUB_TOKEN, and the events of it."""
    every = list(steps(job))
    kept = _keeps_token(every)
    runs = [text(each.get("run"))[:20_000] for each in every]
    pushes = [bool(re.search(_PUSHES, run)) for run in runs]
    # A release has a tag, too; if a step pushes the tag, that push has the tag's event.
    released = {"release"} if any(pushes) else {"release", "push"}
    for step, run, push in zip(every, runs, pushes, strict=True):
        if text(step.get("uses")).lower().startswith(tuple(TABLES["actions that release"])):
            if _releases(step):
                yield step, {"release", "push"}
        elif re.search(_RELEASES, run):
            names, holders = ("GH_TOKEN", "GITHUB_TOKEN"), (step, job, workflow)
            tokens = [text(under(each, "env", name)) for each in holders for name in names]
            if any(map(_OWN.search, tokens)):
                yield step, released
        elif push and kept:
            yield step, {"push"}


def _keeps_token(every: Sequence[Map]) -> bool:
    """Whether a checkout among these steps leaves GITHUB_TOKEN, and no other, to `git push`."""
    inputs = [mapping(s.get("with")) for s in every if "actions/checkout" in text(s.get("uses"))]
    kept = any(each.get("persist-credentials") != "false" for each in inputs)
    return kept and not any("token" in each or "ssh-key" in each for each in inputs)


def _releases(step: Map) -> bool:
    """Whether an action makes a release that is no draft, with GITHUB_TOKEN."""
    given = step.get("with")
    token = text(under(given, "token")) or text(under(given, "repo-token"))
    token = token or text(under(step, "env", "GITHUB_TOKEN"))
    drafter = "release-drafter" in text(step["uses"]).lower()
    draft = under(given, "draft") == "true" or (drafter and under(given, "publish") != "true")
    return not draft and (not token or bool(_OWN.search(token)))


def merged(found: Sequence[Warned]) -> list[Warned]:
    """Return the warnings, with the same words about several places as one that names them."""
    groups: dict[tuple[str, str, str], list[Warned]] = defaultdict(list)
    for each in found:
        groups[each.code, each.why, each.instead].append(each)
    named = [
        (same[0], _also([(each.file, each.line) for each in same])) for same in groups.values()
    ]
    return [replace(first, why=first.why + also) for first, also in named]


def merged_notes(notes: Iterable[Note]) -> list[Note]:
    """Return the notes, each sentence once."""
    places: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for file, line, why in notes:
        places[why].append((file, line))
    return [(*where[0], why + _also(where)) for why, where in places.items()]


def _also(places: Sequence[tuple[str, int]]) -> str:
    more = [f"{file}:{line}" for file, line in dict.fromkeys(places)][1:]
    return f" (Also at {', '.join(more[:5])}{' and others' * (len(more) > 5)}.)" if more else ""
