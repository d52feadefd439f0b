"""Can this job publish? From what a job finds to a verdict, its reason, the claims of its ID token, and the form to fill in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..jobs import GitHubJob
from ..publishers import GitHubPublisher
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
    """One job's publishing command and whether it can authenticate. `path` leads from the workflow that is triggered to the command,
    as (file, line); `claims` has one row for each trigger, environment; `checks` the publisher's word on each, if one was given."""

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
        return self.path[-2][0] if len(self.path) > 1 else self.path[-1][0]

    @property
    def line(self) -> int:
        """The line of the step in it."""
        return self.path[-2][1] if len(self.path) > 1 else self.path[-1][1]


@dataclass(frozen=True)
class Identity:
    """Of whom claims are predicted: the repository, and the numbers that GitHub knows it by (words in capitals where not known)."""

    repository: str = "OWNER/NAME"
    owner_id: str = "OWNER_ID"
    repository_id: str = "REPOSITORY_ID"


def predicted(found: Publication, trigger: Trigger, environment: str, who: Identity) -> GitHubJob:
    """The job that the identity provider would speak of."""
    context = found.context
    unknown = "${{" in environment
    called = f"{who.repository}/{context.file}@{trigger.ref}" if context.callers else ""
    return GitHubJob(
        repository=who.repository, owner_id=who.owner_id, repository_id=who.repository_id, ref=trigger.ref, event_name=trigger.event,
        workflow=context.entry.removeprefix(WORKFLOWS), workflow_name=context.entry_name, called_workflow=called,
        environment=UNKNOWN_ENVIRONMENT if unknown else environment, id_token=context.may_ask,
    )  # fmt: skip


def judge(found: Publication, who: Identity, publishers: Sequence[GitHubPublisher] = ()) -> JobVerdict:
    """The verdict on one publishing command."""
    context, client = found.context, found.client
    always = client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "always"
    credential = None if always else found.credential
    hindrance = _hindrance(found)
    able = not hindrance
    if credential:
        verdict, reason = (EITHER, f"It finds {credential}, and could do without: the job may ask for an ID token.") if able else (TOKEN, f"It finds {credential}.")
    else:
        verdict = TRUSTED if able else NEITHER
        reason = "It finds no token, and may ask for an ID token." if able else f"It finds no token, and {hindrance}"
    environments = context.environments()
    claims, checks = [], []
    for environment in environments:
        for trigger in found.triggers if context.may_ask else ():
            job = predicted(found, trigger, environment, who)
            said = job.claims()
            claims.append({
                "event_name": said["event_name"], "ref": said["ref"], "environment": said.get("environment", ""),
                "job_workflow_ref": said["job_workflow_ref"], "sub": said["sub"], "sub_immutable": replace(job, immutable_subject=True).subject,
            })  # fmt: skip
            if publishers and verdict in (TRUSTED, EITHER):
                checks.append({"event_name": trigger.event, "ref": trigger.ref, **_checked(job, environment, publishers)})
    fails = verdict == NEITHER
    if verdict == TRUSTED and checks and not any(check["ok"] for check in checks):
        fails, reason = True, f"It may ask for an ID token, but the publisher refuses it: {checks[0]['refusal']}."
    owner, _, name = who.repository.partition("/")
    form = {"owner": owner, "repository": name, "workflow": context.file.removeprefix(WORKFLOWS), "environment": ", ".join(environments)}
    steps = [(file, line) for file, line in _calls(found)]
    return JobVerdict(
        context.entry, context.job, (*steps, (context.file, found.step_line), *(((found.file, found.line),) if (found.file, found.line) != (context.file, found.step_line) else ())),
        client.name, found.index, str(context.permissions), context.may_ask, str(credential or ""), ", ".join(environments), found.triggers,
        verdict, reason, form if client.trusted else {}, tuple(claims), tuple(checks), fails, found,
    )  # fmt: skip


def _calls(found: Publication) -> list[tuple[str, int]]:
    return [(file, line) for file, _, line in found.context.call_lines]


def _hindrance(found: Publication) -> str:
    """Why the command cannot use Trusted Publishing; empty if it can."""
    context, client = found.context, found.client
    if not client.trusted:
        return f"{client.name} cannot use Trusted Publishing."
    if client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "never":
        return "is told never to use Trusted Publishing."
    if client.name == "twine" and found.index not in ("PyPI", "TestPyPI"):
        return "twine uses Trusted Publishing for PyPI only, not for the index it is given."
    if client is ACTION and any(word.startswith("user=") and word != "user=__token__" for word in found.words):
        return "with a user other than __token__ the action asks for no ID token."
    if found.triggers and all(trigger.event == "pull_request_target" for trigger in found.triggers):
        return "the index refuses ID tokens of jobs that pull_request_target has started."
    if context.may_ask:
        return "tox keeps the way to the ID token from it: its pass_env does not name ACTIONS_ID_TOKEN_REQUEST_*." if found.sealed else ""
    own = effective_permissions(context.workflow, context.body)
    if context.granted is not None and not context.granted.id_token:
        caller = context.callers[-1][1]
        if own.id_token:
            return f"the job {caller!r} that calls its workflow has no `id-token: write` to pass on, so that GitHub does not even start it."
        return f"the job {caller!r} that calls its workflow has no `id-token: write` to pass on."
    if own.source == "default":
        return "it may not ask for an ID token: neither job nor workflow states `permissions`, and the default has no `id-token: write`."
    elsewhere = "; they replace the workflow's, which have it" if own.source == "job" and effective_permissions(context.workflow, {}).id_token else ""
    return f"it may not ask for an ID token: the {own.source}'s `permissions` (line {own.line}) have no `id-token: write`{elsewhere}."


def _checked(job: GitHubJob, environment: str, publishers: Sequence[GitHubPublisher]) -> dict[str, Any]:
    """What the first publisher that lets the job in says, or else the first of all."""
    tables = []
    for publisher in publishers:
        known = replace(job, owner_id=job.owner_id if job.owner_id.isdigit() else publisher.owner_id)
        if "${{" in environment:
            known = replace(known, environment=publisher.environment)
        tables.append(publisher.check({**known.claims(), "iss": publisher.issuer, "jti": "(the provider's)"}))
    table = next((each for each in tables if each.ok), tables[0])
    wrong = [{"claim": check.claim, "expected": check.expected, "got": check.got} for check in table if not check.ok]
    told = "; ".join(f"{each['claim']} is {each['got']}, expected {each['expected']}" for each in wrong)
    return {"ok": table.ok, "refusal": f"{table.refusal} ({told})" if wrong else "", "mismatches": wrong}


def warn(facts: JobFacts, judged: Sequence[JobVerdict]) -> list[Warned]:
    """What should not stay as it is, about one job that publishes."""
    if not judged:
        return []
    first = judged[0]
    context = first.found.context
    file, line, body = first.file, first.line, context.body
    found: list[Warned] = []

    def add(code: str, where: tuple[str, int], why: str, instead: str) -> None:
        found.append(Warned(code, *where, why, instead))

    here, name = (file, line), f"Job {first.job!r}"
    events = {trigger.event for each in judged for trigger in each.triggers}
    if "pull_request_target" in events:
        add("pull-request-target", (context.entry, _on_line(context.entry_workflow)), f"{name} can be started by pull_request_target, which runs with the "
            "repository's own rights on a stranger's proposal; the index refuses its ID tokens.", "Start releases by a tag, a release or by hand.")  # fmt: skip
    if "pull_request" in events:
        add("pull-request", (context.entry, _on_line(context.entry_workflow)), f"{name} can be started by pull_request; from a fork it gets neither secrets nor "
            "an ID token, and fails.", "Leave pull_request to the workflow that tests, or give the job an `if:`.")  # fmt: skip
    permissions = context.permissions
    if permissions.id_token and permissions.source == "workflow":
        add("workflow-permission", (file, permissions.line), "`id-token: write` is given to the whole workflow: every job in it, and all that they "
            "install, can ask for an ID token.", f"Give it to the job {first.job!r} alone, and state it there.")  # fmt: skip
    if facts.builds:
        what_file, what_line, what = facts.builds[0]
        add("builds-too", (what_file, what_line), f"{name} also builds or installs (`{what}`): all code that runs there can publish too.",
            "Build in a job of its own, hand the files over as an artifact, and let the publishing job do nothing else.")  # fmt: skip
    if not any(context.environments()):
        add("no-environment", here, f"{name} has no environment: whoever can start the workflow can publish, and nobody is asked.",
            "Give the job an `environment:` with reviewers or tag rules, and name it in the publisher on the index.")  # fmt: skip
    for each in judged:
        credential = each.found.credential
        at = each.path[-1]
        if credential and credential.in_arguments:
            facts.exposed.append((*at, each.client))
        if credential and "pypi-" in credential.value:
            add("token-in-file", at, "The token itself stands in the file.", "Revoke it now; then use Trusted Publishing, or a secret.")
        if each.verdict == EITHER:
            add("leftover-token", at, f"{each.client} still finds {each.credential}, though the job could use Trusted Publishing: the token works "
                "until somebody revokes it.", "Take it out of the workflow, delete the secret, and revoke it on the index.")  # fmt: skip
    for at_file, at_line, program in dict.fromkeys(facts.exposed):
        add("token-in-arguments", (at_file, at_line), f"{program} gets its token in its arguments, which every process on the machine can read.",
            "Put it into the environment variable that the client reads, or use Trusted Publishing.")  # fmt: skip
    if facts.traces:
        add("trace", facts.traces[0], "The shell prints every command (`set -x`) where it knows a secret: only masking stands between that and the log.",
            "Leave out the x.")  # fmt: skip
    for at_file, at_line, action in facts.actions:
        owner, _, ref = action.partition("@")
        pinned = "sha256:" in ref if action.startswith("docker://") else len(ref) == 40 and set(ref.lower()) <= set("0123456789abcdef")
        if not pinned and not owner.startswith(("actions/", "github/")):
            add("unpinned-action", (at_file, at_line), f"{action} is another's code, named by a tag or branch that can be moved, in the job that publishes.",
                "Pin it by its full commit hash, with the version as a comment.")  # fmt: skip
    if any("${{" in environment for environment in context.environments()):
        add("unknown-environment", (file, body.line_of("environment")), f"The environment of {first.job!r} is decided while it runs: its claims cannot be "
            "predicted in full.", "Write the name down, or make sure that every value it can take has a publisher.")  # fmt: skip
    return found


def _on_line(workflow: Any) -> int:
    return int(workflow.line_of("on"))


def divided(judged: Sequence[JobVerdict]) -> list[Warned]:
    """Several jobs can publish without a token, but not all of them may ask for an ID token: a migration that stopped half way."""
    bare = [each for each in judged if not each.credential and each.found.client.trusted]
    with_it = [each for each in bare if each.id_token]
    return [
        Warned("half-migrated", each.file, each.line, f"Job {each.job!r} of {each.workflow} has no `id-token: write`, while {with_it[0].job!r} of "
               f"{with_it[0].workflow} has it: Trusted Publishing reached one way to publish and not the other.", "Give every job that publishes the permission, or take the job away.")
        for each in bare if with_it and not each.id_token and each.workflow != with_it[0].workflow
    ]  # fmt: skip
