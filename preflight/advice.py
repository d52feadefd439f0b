"""Warnings: what will work, and should not stay as it is."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .clients import ACTION, ADDRESSES
from .expressions import fill
from .files import Map, Seq
from .publishing import JobFacts
from .verdicts import EITHER, MESSAGES, JobVerdict
from .workflows import JobContext, Trigger, Walk, mapping, text, texts, triggers


@dataclass(frozen=True)
class Warned:
    """Something that will work and should not stay: `code` is stable, `why` and `instead` are for people, `fix` is a diff or
    empty."""

    code: str
    file: str
    line: int
    why: str
    instead: str
    fix: str = ""


def warned(code: str, where: tuple[str, int], job: str, what: str = "") -> Warned:
    """Return a warning in words."""
    why, instead = (text.format(job=job, what=what) for text in MESSAGES["warnings"][code])
    return Warned(code, *where, why, instead)


def warn(facts: JobFacts, judged: Sequence[JobVerdict]) -> list[Warned]:
    """Return what should not stay as it is, about one job that publishes."""
    if not judged:
        return []
    context, job = judged[0].found.context, judged[0].job
    found = [*_about_the_job(context, judged), *_about_what_it_does(facts, judged, job)]
    for each in judged:
        found += _about_a_command(each, job, facts)
    return found


def _about_the_job(context: JobContext, judged: Sequence[JobVerdict]) -> Iterator[Warned]:
    job, here, permissions = context.job, (judged[0].file, judged[0].line), context.permissions
    start = (context.entry, context.entry_workflow.line_of("on"))
    started = [trigger for each in judged for trigger in each.triggers]
    for event in ("pull_request_target", "pull_request"):
        if mine := [trigger for trigger in started if trigger.event == event]:
            sure = any(trigger.certain for trigger in mine)
            doubt = "" if sure else " (Its `if:` depends on what is not known before the run.)"
            yield warned(event.replace("_", "-"), start, job, doubt)
    if permissions.id_token and permissions.source == "workflow":
        yield warned("workflow-permission", (context.file, permissions.line), job)
    environments = context.environments()
    if not any(environments):
        yield warned("no-environment", here, job, _nobody_asked(context))
    if any("${{" in environment for environment in environments):
        where = (context.file, context.body.line_of("environment"))
        yield warned("unknown-environment", where, job)
    if context.callers and context.may_ask and any(each.form and not each.fails for each in judged):
        yield warned("called-workflow", here, job)
    if group := _shared_group(context, started):
        yield warned("concurrency", (context.file, context.body.line_of("concurrency")), job, group)


def _nobody_asked(context: JobContext) -> str:
    """Who can publish without an environment; or the job before it that has one."""
    jobs, seen = context.workflow["jobs"], [context.job]
    for name in seen:
        needs = texts(mapping(jobs.get(name)).get("needs"))[:20]
        seen += [each for each in needs if each not in seen and len(seen) < 40]
    waiting = [name for name in seen[1:] if "environment" in mapping(jobs.get(name))]
    if not waiting:
        return "anyone who can start the workflow can publish, and nobody is asked."
    asked = f"someone is asked only in {waiting[0]!r}, and the ID token does not say so."
    return f"{asked} Another job of the same file gets in without."


def _shared_group(context: JobContext, started: Sequence[Trigger]) -> str:
    """The name of a concurrency group in which a waiting release is canceled by the next run; "" if there is none."""
    for holder in (context.body, context.workflow):
        stated = holder.get("concurrency")
        group = text(mapping(stated).get("group") if isinstance(stated, Map) else stated)
        if not group or text(mapping(stated).get("queue")) == "max":
            continue
        alone = re.search(r"github\.(run_id|run_number|sha)\b", group)
        by_ref = re.search(r"github\.(ref|ref_name|event\.release)\b", group)
        branches = [t for t in started if t.certain and not t.ref.startswith("refs/tags/")]
        filled = fill(group, context.scope)
        known = by_ref or "${{" not in re.sub(r"\$\{\{ *github\.(workflow|job) *\}\}", "", filled)
        if known and not alone and not (by_ref and not branches):
            return filled
    return ""


def _about_what_it_does(
    facts: JobFacts, judged: Sequence[JobVerdict], job: str
) -> Iterator[Warned]:
    for file, line, what in facts.builds[:1]:
        yield warned("builds-too", (file, line), job, what)
    exposed = list(facts.exposed)
    for each in judged:
        if each.found.credential and each.found.credential.in_arguments:
            exposed.append((*each.path[-1], each.client))
    for file, line, program in dict.fromkeys(exposed):
        yield warned("token-in-arguments", (file, line), job, program)
    for where in facts.traces[:1]:
        yield warned("trace", where, job)
    for where in facts.injected[:1]:
        yield warned("script-injection", where, job)
    for file, line, action in dict.fromkeys(facts.actions):
        if not _pinned(action):
            yield warned("unpinned-action", (file, line), job, action)
    permissions = judged[0].found.context.permissions
    for where in facts.checkouts[:1]:
        if permissions.level("contents") == 0:
            yield warned("checkout-without-contents", where, job)


def _about_a_command(each: JobVerdict, job: str, facts: JobFacts) -> Iterator[Warned]:
    found, where = each.found, each.path[-1]
    if found.credential and "pypi-" in found.credential.value:
        yield warned("token-in-file", where, job)
    if each.verdict == EITHER:
        yield warned("leftover-token", where, job, f"{each.client} still finds {each.credential}")
    if "secrets." in found.user and each.index in ADDRESSES:
        yield warned("account-name", where, job, each.client)
    if found.client is ACTION:
        labels = texts(found.context.body.get("runs-on"))
        if "self-hosted" in labels:
            yield warned("needs-docker", where, job, "a machine of your own")
        same = [p for p in facts.publications if p.client is ACTION]
        if len({(p.file, p.line) for p in same}) > 1 and not each.fails:
            yield warned("action-twice", where, job, each.client)
    elif facts.unpacked and each.client == "uv" and not found.no_config and each.id_token:
        yield warned("artifact-over-workspace", facts.unpacked[0], job, each.client)
    matrix = mapping(mapping(found.context.body.get("strategy")).get("matrix"))
    lets_through = any(word.startswith(found.client.again) for word in found.words)
    if facts.builds and matrix and not lets_through and "," not in each.environment:
        yield warned("upload-repeated", where, job)


def _pinned(action: str) -> bool:
    """Whether an action is GitHub's own, or named by something that cannot be moved."""
    owner, _, ref = action.partition("@")
    pinned = re.fullmatch(r"[0-9a-fA-F]{40}|sha256:[0-9a-f]{64}", ref)
    return owner.startswith(("actions/", "github/")) or bool(pinned)


def half_migrated(judged: Sequence[JobVerdict]) -> Iterator[Warned]:
    """Return the jobs that a migration has forgotten: several workflows can publish without a token, but not all may ask
    for an ID token."""
    without = [each for each in judged if not each.credential and each.found.client.trusted]
    able = next((each for each in without if each.id_token), None)
    for each in without:
        same = able and (each.file, each.job) == (able.file, able.job)
        if able and not same and not each.id_token and each.workflow != able.workflow:
            what = f"{able.job!r} of {able.workflow}"
            yield warned("half-migrated", (each.file, each.line), each.job, what)


_MAKERS = (
    r"(googleapis|google-github-actions)/release-please-action|softprops/action-gh-release|ncipollo/release-action|"
    r"actions/create-release|release-drafter/release-drafter|marvinpinto/action-automatic-releases|elgohr/github-release"
)
_MAKES = r"\bgh release create\b(?!.*--draft)|\bgit push\b.*(--tags|--follow-tags|\bv?\$|refs/tags)"


def started_by_token(judged: Sequence[JobVerdict], walk: Walk) -> Iterator[Warned]:
    """Return the steps that make, with GITHUB_TOKEN, the release or tag that a publishing workflow waits for."""
    wakes, tags = {("release", True), ("push", True)}, "refs/tags/"
    waiting = {e.workflow: {(t.event, t.ref.startswith(tags)) for t in e.triggers} for e in judged}
    waiting = {file: on for file, on in waiting.items() if on & wakes}
    for file, workflow in walk.workflows.items() if waiting else ():
        tagged = all(t.event == "push" and t.ref.startswith(tags) for t in triggers(workflow))
        hit = {("release", True)} | (set() if tagged else {("push", True)})
        asleep = [other for other, on in waiting.items() if other != file and on & hit]
        if not asleep or "gh workflow run" in str(workflow):
            continue
        for name, job in workflow["jobs"].items():
            for step in _steps(job):
                if _makes_release(step, job, workflow):
                    where, what = (file, step.line), f"Job {name!r}"
                    yield warned("release-by-github-token", where, asleep[0], what)


def _steps(job: object) -> list[Map]:
    steps = mapping(job).get("steps")
    return [step for step in (steps if isinstance(steps, Seq) else ()) if isinstance(step, Map)]


def _makes_release(step: Map, job: Map, workflow: Map) -> bool:
    """Whether a step makes a release or pushes a tag with GITHUB_TOKEN."""
    given = mapping(step.get("with"))
    own = ("secrets.GITHUB_TOKEN", "github.token")
    if re.match(_MAKERS, text(step.get("uses")).lower()):
        token = text(given.get("token") or given.get("repo-token"))
        variables = mapping(step.get("env"))
        token = token or text(variables.get("GITHUB_TOKEN"))
        drafts = "release-drafter" in text(step.get("uses")) and given.get("publish") != "true"
        draft = drafts or given.get("draft") == "true"
        return not draft and (not token or any(name in token for name in own))
    run = text(step.get("run"))
    if not re.search(_MAKES, run[:20_000]):
        return False
    scopes = (mapping(holder.get("env")) for holder in (step, job, workflow))
    tokens = [text(scope.get(name)) for scope in scopes for name in ("GH_TOKEN", "GITHUB_TOKEN")]
    if "gh release create" in run:
        return any(name in token for token in tokens for name in own)
    found = [step for step in _steps(job) if "actions/checkout" in text(step.get("uses"))]
    given = [mapping(step.get("with")) for step in found]
    return bool(found) and not any("token" in each or "ssh-key" in each for each in given)


def merged(found: Sequence[Warned]) -> list[Warned]:
    """Return the warnings, each pattern once: the same words about several places become one, with the places named."""
    groups: dict[tuple[str, str, str], list[Warned]] = {}
    for each in found:
        groups.setdefault((each.code, each.why, each.instead), []).append(each)
    result = []
    for same in groups.values():
        places = list(dict.fromkeys(f"{each.file}:{each.line}" for each in same))
        also = f" (Also at {', '.join(places[1:6])}{' and others' * (len(places) > 6)}.)"
        result.append(replace(same[0], why=same[0].why + also * bool(places[1:])))
    return result
