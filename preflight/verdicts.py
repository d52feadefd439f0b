"""Can this job publish? From what a job finds to a verdict, its reason, the claims of its ID token, and the form to fill
in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from helpers.index.publishers import GitHubPublisher
from helpers.provider.jobs import GitHubJob

from .clients import ACTION, option
from .publishing import JobFacts, Publication
from .workflows import WORKFLOWS, Trigger, effective_permissions

TOKEN = "publishes by token"
TRUSTED = "publishes by Trusted Publishing"
EITHER = "could publish by either"
NEITHER = "cannot authenticate"
UNKNOWN_ENVIRONMENT = "ENVIRONMENT"
"""Stands in claims for an environment that an expression decides."""


@dataclass(frozen=True)
class Warned:
    """Something that will work and should not stay: `code` is stable, `why` and `instead` are for people."""

    code: str
    file: str
    line: int
    why: str
    instead: str


@dataclass(frozen=True)
class JobVerdict:
    """One job's publishing command and whether it can authenticate. `path` leads from the workflow that is triggered to
    the command,
    as (file, line); `claims` has one row for each trigger, environment; `checks` the publisher's word on each, if one
    was given."""

    workflow: str
    job: str
    path: tuple[tuple[str, int], ...]
    client: str
    index: str
    permissions: str
    id_token: bool
    credential: str
    environment: str
    triggers: tuple[Trigger, ...]
    verdict: str
    reason: str
    form: dict[str, str]
    claims: tuple[dict[str, str], ...]
    checks: tuple[dict[str, Any], ...]
    fails: bool
    found: Publication = field(repr=False, compare=False)
    fix: str = ""

    @property
    def file(self) -> str:
        """The file that holds the job."""
        return self.found.context.file

    @property
    def line(self) -> int:
        """The line of the step in it."""
        return self.found.step_line


@dataclass(frozen=True)
class Identity:
    """Of whom claims are predicted: the repository, and the numbers that GitHub knows it by (words in capitals where not
    known)."""

    repository: str = "OWNER/NAME"
    owner_id: str = "OWNER_ID"
    repository_id: str = "REPOSITORY_ID"


def predicted(found: Publication, trigger: Trigger, environment: str, who: Identity) -> GitHubJob:
    """The job that the identity provider would speak of."""
    context = found.context
    unknown = "${{" in environment
    called = f"{who.repository}/{context.file}@{trigger.ref}" if context.callers else ""
    return GitHubJob(
        repository=who.repository, owner_id=who.owner_id, repository_id=who.repository_id, ref=trigger.ref,
        event_name=trigger.event,
        workflow=context.entry.removeprefix(WORKFLOWS), workflow_name=context.entry_name, called_workflow=called,
        environment=UNKNOWN_ENVIRONMENT if unknown else environment, id_token=context.may_ask,
    )  # fmt: skip


def judge(
    found: Publication, who: Identity, publishers: Sequence[GitHubPublisher] = ()
) -> JobVerdict:
    """The verdict on one publishing command."""
    context, client = found.context, found.client
    always = client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "always"
    credential = None if always else found.credential
    hindrance = _hindrance(found)
    bare = "It finds no token" if not always else "It is told to use nothing but Trusted Publishing"
    if context.asks_too_much:
        verdict, reason = (
            NEITHER,
            f"GitHub does not start it: it states `id-token: write`, which {_caller(found)} does not have to pass on.",
        )
    elif credential and hindrance:
        verdict, reason = TOKEN, f"It finds {credential}."
    elif credential:
        verdict = EITHER
        reason = f"It finds {credential}, and could do without, given a publisher on the index: the job may ask for an ID token."
    elif hindrance:
        verdict, reason = NEITHER, f"{bare}, and {hindrance}"
    else:
        verdict, reason = TRUSTED, f"{bare}, and may ask for an ID token."
    environments = context.environments()
    claims, checks = [], []
    for environment in environments:
        for trigger in found.triggers if context.may_ask else ():
            job = predicted(found, trigger, environment, who)
            said = job.claims()
            claims.append({
                "event_name": said["event_name"], "ref": said["ref"], "environment": said.get("environment", ""),
                "job_workflow_ref": said["job_workflow_ref"], "sub": said["sub"],
                "sub_immutable": replace(job, immutable_subject=True).subject,
            })  # fmt: skip
            if publishers and verdict in (TRUSTED, EITHER):
                checks.append(
                    {
                        "event_name": trigger.event,
                        "ref": trigger.ref,
                        **_checked(job, environment, publishers),
                    }
                )
    fails = verdict == NEITHER
    if verdict == TRUSTED and checks and not any(check["ok"] for check in checks):
        fails, reason = (
            True,
            f"It may ask for an ID token, but the publisher refuses it: {checks[0]['refusal']}.",
        )
    owner, _, name = who.repository.partition("/")
    form = {
        "owner": owner,
        "repository": name,
        "workflow": context.file.removeprefix(WORKFLOWS),
        "environment": ", ".join(environments),
    }
    path = dict.fromkeys(
        [
            *((file, line) for file, _, line in context.call_lines),
            (context.file, found.step_line),
            (found.file, found.line),
        ]
    )
    return JobVerdict(
        workflow=context.entry, job=context.job, path=tuple(path), client=client.name, index=found.index,
        permissions=str(context.permissions), id_token=context.may_ask, credential=str(credential or ""),
        environment=", ".join(environments), triggers=found.triggers, verdict=verdict, reason=reason,
        form=form if client.trusted else {}, claims=tuple(claims), checks=tuple(checks), fails=fails, found=found,
    )  # fmt: skip


def _caller(found: Publication) -> str:
    return f"the job {found.context.callers[-1][1]!r} that calls its workflow"


def _hindrance(found: Publication) -> str:
    """Why the command cannot use Trusted Publishing; empty if it can."""
    context, client = found.context, found.client
    if not client.trusted:
        return f"{client.name} cannot use Trusted Publishing."
    if client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "never":
        return "is told never to use Trusted Publishing."
    if client.name == "twine" and found.index not in ("PyPI", "TestPyPI"):
        return "twine uses Trusted Publishing for PyPI only, not for the index it is given."
    if client is ACTION and any(
        word.startswith("user=") and word != "user=__token__" for word in found.words
    ):
        return "with a user other than __token__ the action asks for no ID token."
    if found.triggers and all(trigger.event == "pull_request_target" for trigger in found.triggers):
        return "the index refuses ID tokens of jobs that pull_request_target has started."
    if context.may_ask:
        sealed = "tox keeps the way to the ID token from it: its pass_env does not name ACTIONS_ID_TOKEN_REQUEST_*."
        return sealed if found.sealed else ""
    own = effective_permissions(context.workflow, context.body)
    if context.granted is not None and not context.granted.id_token:
        return f"{_caller(found)} has no `id-token: write` to pass on."
    if own.source == "default":
        stated = "neither job nor workflow states `permissions`, and the default has no `id-token: write`."
        return f"it may not ask for an ID token: {stated}"
    elsewhere = (
        "; they replace the workflow's, which have it"
        if own.source == "job" and effective_permissions(context.workflow, {}).id_token
        else ""
    )
    stated = f"the {own.source}'s `permissions` (line {own.line}) have no `id-token: write`"
    return f"it may not ask for an ID token: {stated}{elsewhere}."


def _checked(
    job: GitHubJob, environment: str, publishers: Sequence[GitHubPublisher]
) -> dict[str, Any]:
    """What the first publisher that lets the job in says, or else the first of all."""
    tables = []
    for publisher in publishers:
        known = replace(
            job, owner_id=job.owner_id if job.owner_id.isdigit() else publisher.owner_id
        )
        if "${{" in environment:
            known = replace(known, environment=publisher.environment)
        tables.append(
            publisher.check({**known.claims(), "iss": publisher.issuer, "jti": "(the provider's)"})
        )
    table = next((each for each in tables if each.ok), tables[0])
    wrong = [
        {"claim": check.claim, "expected": check.expected, "got": check.got}
        for check in table
        if not check.ok
    ]
    told = "; ".join(
        f"{each['claim']} is {each['got']}, expected {each['expected']}" for each in wrong
    )
    return {
        "ok": table.ok,
        "refusal": f"{table.refusal} ({told})" if wrong else "",
        "mismatches": wrong,
    }


WARNINGS = {
    "pull-request-target": (
        "Job {job!r} can be started by pull_request_target, which runs with the repository's own rights on a stranger's "
        "proposal; the index refuses its ID tokens.",
        "Start releases by a tag, a release or by hand.",
    ),
    "pull-request": (
        "Job {job!r} can be started by pull_request; from a fork it gets neither secrets nor an ID token, and fails.",
        "Leave pull_request to the workflow that tests, or give the job an `if:`.",
    ),
    "workflow-permission": (
        "`id-token: write` is given to the whole workflow: every job in it, and all that it installs, can ask for an ID token.",
        "Give it to the job {job!r} alone, and state it there.",
    ),
    "builds-too": (
        "Job {job!r} also builds or installs (`{what}`): all code that runs there can publish too.",
        "Build in a job of its own, hand the files over as an artifact, and let the publishing job do nothing else.",
    ),
    "no-environment": (
        "Job {job!r} has no environment: whoever can start the workflow can publish, and nobody is asked.",
        "Give the job an `environment:` with reviewers or tag rules, and name it in the publisher on the index.",
    ),
    "token-in-arguments": (
        "{what} gets its token in its arguments, which every process on the machine can read.",
        "Put it into the environment variable that the client reads, or use Trusted Publishing.",
    ),
    "token-in-file": (
        "The token itself stands in the file.",
        "Revoke it now; then use Trusted Publishing, or a secret.",
    ),
    "leftover-token": (
        "{what}, though the job could use Trusted Publishing: the token works until somebody revokes it.",
        "Take it out of the workflow, delete the secret, and revoke it on the index.",
    ),
    "trace": (
        "The shell prints every command (`set -x`) where it knows a secret: only masking stands between that and the log.",
        "Leave out the x.",
    ),
    "unpinned-action": (
        "{what} is another's code, named by a tag or branch that can be moved, in the job that publishes.",
        "Pin it by its full commit hash, with the version as a comment.",
    ),
    "unknown-environment": (
        "The environment of {job!r} is decided while it runs: its claims cannot be predicted in full.",
        "Write the name down, or make sure that every value it can take has a publisher.",
    ),
    "half-migrated": (
        "Job {job!r} has no `id-token: write`, while {what} has it: "
        "Trusted Publishing reached one way to publish and not the other.",
        "Give every job that publishes the permission, or take the job away.",
    ),
}
"""Each warning: why, and what instead."""


def _warned(code: str, where: tuple[str, int], job: str, what: str = "") -> Warned:
    why, instead = (text.format(job=job, what=what) for text in WARNINGS[code])
    return Warned(code, *where, why, instead)


def warn(facts: JobFacts, judged: Sequence[JobVerdict]) -> list[Warned]:
    """What should not stay as it is, about one job that publishes."""
    if not judged:
        return []
    context, here = judged[0].found.context, (judged[0].file, judged[0].line)
    job, environments, permissions = context.job, context.environments(), context.permissions
    events = {trigger.event for each in judged for trigger in each.triggers}
    start = (
        context.entry,
        context.entry_workflow.line_of("on") if context.entry_workflow is not None else 1,
    )
    exposed = [*facts.exposed]
    exposed += [
        (*each.path[-1], each.client)
        for each in judged
        if each.found.credential and each.found.credential.in_arguments
    ]
    found = [
        *(_warned(event.replace("_", "-"), start, job) for event in ("pull_request_target", "pull_request") if event in events),
        *([_warned("workflow-permission", (context.file, permissions.line), job)]
          if permissions.id_token and permissions.source == "workflow" else []),
        *(_warned("builds-too", (file, line), job, what) for file, line, what in facts.builds[:1]),
        *([] if any(environments) else [_warned("no-environment", here, job)]),
        *(_warned("token-in-arguments", (file, line), job, program) for file, line, program in dict.fromkeys(exposed)),
    ]  # fmt: skip
    for each in judged:
        if each.found.credential and "pypi-" in each.found.credential.value:
            found.append(_warned("token-in-file", each.path[-1], job))
        if each.verdict == EITHER:
            found.append(
                _warned(
                    "leftover-token",
                    each.path[-1],
                    job,
                    f"{each.client} still finds {each.credential}",
                )
            )
    found += [_warned("trace", where, job) for where in facts.traces[:1]]
    found += [
        _warned("unpinned-action", (file, line), job, action)
        for file, line, action in facts.actions
        if not _pinned(action)
    ]
    if any("${{" in environment for environment in environments):
        found.append(
            _warned("unknown-environment", (context.file, context.body.line_of("environment")), job)
        )
    return found


def _pinned(action: str) -> bool:
    """Whether an action is GitHub's own, or named by something that cannot be moved."""
    owner, _, ref = action.partition("@")
    return owner.startswith(("actions/", "github/")) or bool(
        re.fullmatch(r"[0-9a-fA-F]{40}|sha256:[0-9a-f]{64}", ref)
    )


def divided(judged: Sequence[JobVerdict]) -> list[Warned]:
    """Several workflows can publish without a token, but not all may ask for an ID token: a migration that stopped half
    way."""
    bare = [each for each in judged if not each.credential and each.found.client.trusted]
    able = next((each for each in bare if each.id_token), None)
    return [
        _warned(
            "half-migrated", (each.file, each.line), each.job, f"{able.job!r} of {able.workflow}"
        )
        for each in bare
        if able and not each.id_token and each.workflow != able.workflow
    ]
