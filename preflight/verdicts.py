"""Can this job publish? From what a job finds to a verdict, its reason, the claims of its ID token, and the form to fill
in."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.index.publishers import GitHubPublisher
from helpers.provider.jobs import GitHubJob

from .clients import ACTION, ADDRESSES, misspelled, option
from .expressions import possible
from .publishing import Publication
from .workflows import WORKFLOWS, Trigger, effective_permissions, text, texts

TOKEN = "publishes by token"
TRUSTED = "publishes by Trusted Publishing"
EITHER = "could publish by either"
NEITHER = "cannot authenticate"
MESSAGES = json.loads(Path(__file__).with_name("messages.json").read_text(encoding="utf-8"))
"""What is said about each fault; and each warning: why, and what to do instead."""
UNKNOWN_ENVIRONMENT = "ENVIRONMENT"
"""Stands in claims for an environment that an expression decides."""


@dataclass(frozen=True)
class Registered:
    """A trusted publisher, and the index that it is registered on."""

    publisher: GitHubPublisher
    index: str = "PyPI"


@dataclass(frozen=True)
class JobVerdict:
    """One job's publishing command and whether it can authenticate.

    `path` leads from the workflow that is triggered to the command, as (file, line). `form` is what to enter on the index:
    owner, repository, workflow, environment. `claims` has one row for
    each trigger and environment, `checks` the publisher's answer to each, if one was given.
    """

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
    """The repository that claims are predicted of, and the numbers that GitHub knows it by (words in capitals where not
    known)."""

    repository: str = "OWNER/NAME"
    owner_id: str = "OWNER_ID"
    repository_id: str = "REPOSITORY_ID"


def predicted(found: Publication, trigger: Trigger, environment: str, who: Identity) -> GitHubJob:
    """Return the job that the identity provider would speak of."""
    context = found.context
    called = f"{who.repository}/{context.file}@{trigger.ref}" if context.callers else ""
    return GitHubJob(
        repository=who.repository, owner_id=who.owner_id, repository_id=who.repository_id, ref=trigger.ref,
        event_name=trigger.event, workflow=context.entry.removeprefix(WORKFLOWS),
        workflow_name=text(context.entry_workflow.get("name")) or context.entry, called_workflow=called,
        environment=UNKNOWN_ENVIRONMENT if "${{" in environment else environment,
    )  # fmt: skip


def judge(
    found: Publication, who: Identity, publishers: Sequence[Registered], also: Sequence[Publication]
) -> JobVerdict:
    """Return the verdict on one publishing command; `also` are all those of the same job."""
    context, client = found.context, found.client
    verdict, reason = _verdict(found)
    claims, checks = _claims_and_checks(found, who, publishers)
    refused = checks and verdict not in (TOKEN, EITHER) and not any(check["ok"] for check in checks)
    fault = next(_faults(found, verdict, also), "")
    if fault:
        reason = fault if verdict == NEITHER else f"{reason} {fault}"
    elif refused and verdict == TRUSTED:
        refusal = checks[0]["refusal"]
        reason = f"It may ask for an ID token, but the publisher refuses it: {refusal}."
    if refused and (fault or verdict == NEITHER):
        reason += f" Once that is fixed, the publisher refuses it: {checks[0]['refusal']}."
    if refused:
        reason += f" {_advice(checks[0]['mismatches'])}"
    path = [*((file, line) for file, _, line in context.callers), (context.file, found.step_line)]
    owner, _, name = who.repository.partition("/")
    environment = ", ".join(context.environments())
    form = {"owner": owner, "repository": name, "workflow": context.file.removeprefix(WORKFLOWS)}
    credential = "" if verdict in (TRUSTED, NEITHER) and not found.refused else found.credential
    return JobVerdict(
        workflow=context.entry, job=context.job, path=tuple(dict.fromkeys([*path, (found.file, found.line)])),
        client=client.name, index=found.index, permissions=str(context.permissions), id_token=context.may_ask,
        credential=str(credential or ""), environment=environment, triggers=found.triggers, verdict=verdict, reason=reason,
        form={**form, "environment": environment},
        claims=tuple(claims) if context.may_ask else (), checks=tuple(checks),
        fails=bool(fault or verdict == NEITHER or refused), found=found,
    )  # fmt: skip


def _verdict(found: Publication) -> tuple[str, str]:
    """The verdict and its reason, as far as the credential decides."""
    told = option(found.words, ("--trusted-publishing",))
    always = found.client.name == "uv" and told == "always"
    credential, obstacle = found.credential, _obstacle(found)
    if found.context.asks_too_much or found.refused or _account(found):
        return NEITHER, ""
    if credential and (obstacle or always):
        return TOKEN, f"The client finds {credential}.{_if_empty(found, obstacle)}"
    if credential:
        either = "given a publisher on the index: the job may ask for an ID token."
        empty = _if_empty(found, obstacle)
        return EITHER, f"The client finds {credential}, and could do without, {either}{empty}"
    bare = "The client finds no token"
    if always:
        bare = "The client is told to use nothing but Trusted Publishing"
    if found.by_hand:
        bare = "The job exchanges an ID token by hand"
    if obstacle:
        return NEITHER, f"{bare}, and {obstacle}"
    return TRUSTED, f"{bare}, and may ask for an ID token."


def _if_empty(found: Publication, obstacle: str) -> str:
    """What follows if the secret is not there, which nobody connects with the message that they get."""
    if not found.credential or not found.credential.secret or found.user not in ("", "__token__"):
        return ""
    if found.client in (ACTION,) or found.client.name == "pdm":
        then = f"{found.client.name} asks for an ID token instead"
        then += ", but the job has no `id-token: write`" if not found.context.may_ask else ""
    else:
        then = f"{found.client.name} has no token to send, and the index refuses it"
    return f" If that secret is missing or empty, {then}."


def _account(found: Publication) -> str:
    """The user name of an account, if one is stated: the index takes no account passwords."""
    plain = found.user and found.user != "__token__" and "$" not in found.user
    return found.user if plain and found.index in ADDRESSES else ""


def _caller(found: Publication) -> str:
    return f"the job {found.context.callers[-1][1]!r} that calls its workflow"


def _obstacle(found: Publication) -> str:
    """Why the command cannot use Trusted Publishing; empty if it can."""
    context, client = found.context, found.client
    if not client.trusted and not found.by_hand:
        return f"{client.name} cannot use Trusted Publishing."
    if client.name == "uv" and option(found.words, ("--trusted-publishing",)) == "never":
        return "is told never to use Trusted Publishing."
    if client.name == "twine" and found.index not in ADDRESSES and not found.by_hand:
        return "twine uses Trusted Publishing for PyPI and TestPyPI only, not for the index it is given."
    if found.older(client.since) and not found.by_hand:
        return f"{client.name} can use Trusted Publishing since {client.since}; the workflow asks for an older one ({found.version})."
    if found.triggers and all(each.event == "pull_request_target" for each in found.triggers):
        return "the index refuses ID tokens of jobs that pull_request_target has started."
    if not context.may_ask:
        return _no_permission(found)
    if found.hidden and client is not ACTION:
        kept = ", ".join(found.hidden[1:])
        tox = found.hidden[0] == "tox"
        where = "its pass_env does not name" if tox else "include_outer_env=False hides"
        return f"{found.hidden[0]} keeps the way to the ID token from it: {where} {kept}."
    return ""


def _no_permission(found: Publication) -> str:
    context = found.context
    own = effective_permissions(context.workflow, context.body)
    if context.granted is not None and not context.granted.id_token:
        return f"{_caller(found)} has no `id-token: write` to pass on."
    if own.source == "default":
        stated = "neither job nor workflow states `permissions`, and the default has no `id-token: write`."
        return f"it may not ask for an ID token: {stated}"
    replaced = own.source == "job" and effective_permissions(context.workflow, {}).id_token
    elsewhere = "; they replace the workflow's, which have it" if replaced else ""
    stated = f"the {own.source}'s `permissions` (line {own.line}) have no `id-token: write`"
    return f"it may not ask for an ID token: {stated}{elsewhere}."


def _faults(found: Publication, verdict: str, also: Sequence[Publication]) -> Iterator[str]:
    """Reasons why the release fails whatever credential there is, or although a token is minted."""
    context, action = found.context, found.client is ACTION
    minted = found.attests and verdict == TRUSTED
    facts = {
        "much": context.asks_too_much, "index": found.index, "right": misspelled(found.index), "account": _account(found),
        "systems": _systems(found) if action else "", "entry": context.entry.removeprefix(WORKFLOWS),
        "called": context.file.removeprefix(WORKFLOWS), "caller": _caller(found) if context.callers else "",
    }  # fmt: skip
    holds = {
        "too-much": facts["much"], "address": facts["right"], "account": facts["account"],
        "composite": action and found.composite and not found.older("1.12"), "linux": facts["systems"],
        "attested": minted and context.callers, "twice": minted and _second(found, also),
    }  # fmt: skip
    if found.refused:
        yield found.refused
    for name, applies in holds.items():
        if applies:
            yield MESSAGES["faults"][name].format(**facts)


def _second(found: Publication, also: Sequence[Publication]) -> bool:
    """Whether another use of the action comes before this one for sure, in the same job and for the same files."""
    folder = _packages(found)
    before = [p for p in also if p.attests and p.line < found.line and p.file == found.file]
    same = [each for each in before if _packages(each) == folder]
    surely = [each for each in same if all(t.certain for t in each.triggers)]
    mine = {trigger.event for trigger in found.triggers}
    return any(mine & {trigger.event for trigger in each.triggers} for each in surely)


def _packages(found: Publication) -> str:
    words = (word.partition("=") for word in found.words)
    return next((v for k, _, v in words if k.replace("_", "-") == "packages-dir"), "").strip("./")


def _systems(found: Publication) -> str:
    """The labels of machines that cannot run containers, among those that the job runs on."""
    stated, scope = texts(found.context.body.get("runs-on")), found.context.scope
    labels = [each for label in stated for each in possible(label, scope)]
    return " and ".join(each for each in labels if each.lower().startswith(("macos", "windows")))


def _claims_and_checks(
    found: Publication, who: Identity, publishers: Sequence[Registered]
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """The claims of each trigger and environment, and what the publishers of this index say to them: also where the job may
    not ask yet, as if it might."""
    claims, checks = [], []
    index = found.index if found.index in ADDRESSES else "PyPI"
    here = [each.publisher for each in publishers if each.index == index]
    for environment in found.context.environments():
        for trigger in found.triggers:
            job = predicted(found, trigger, environment, who)
            said = job.claims()
            claims.append({
                "event_name": said["event_name"], "ref": said["ref"], "environment": said.get("environment", ""),
                "job_workflow_ref": said["job_workflow_ref"], "sub": said["sub"],
                "sub_immutable": replace(job, immutable_subject=True).subject,
            })  # fmt: skip
            if here and (found.client.trusted or found.by_hand):
                row = {"event_name": trigger.event, "ref": trigger.ref}
                checks.append({**row, **_checked(job, environment, here)})
    return claims, checks


def _checked(
    job: GitHubJob, environment: str, publishers: Sequence[GitHubPublisher]
) -> dict[str, Any]:
    """The answer of the first publisher that lets the job in, or else of the first of all."""
    tables = []
    for publisher in publishers:
        owner_id = job.owner_id if job.owner_id.isdigit() else publisher.owner_id
        unknown = "${{" in environment
        name = publisher.environment if unknown else job.environment
        claims = replace(job, owner_id=owner_id, environment=name).claims()
        given = {"iss": publisher.issuer, "jti": "(the provider's)"}
        tables.append(publisher.check({**claims, **given}))
    table = next((each for each in tables if each.ok), tables[0])
    wrong: dict[str, dict[str, str]] = {}
    for check in table:
        if not check.ok:  # the index compares some claims twice, as a name and as a whole
            row = {"claim": check.claim, "expected": check.expected, "got": check.got}
            wrong.setdefault(check.claim, row)
    if "repository" in wrong:
        wrong.pop("repository_owner", None)
    rows = (f"{w['claim']} is {w['got']}, expected {w['expected']}" for w in wrong.values())
    told = "; ".join(rows)
    refusal = f"{table.refusal} ({told})" if wrong else ""
    return {"ok": table.ok, "refusal": refusal, "mismatches": list(wrong.values())}


def _advice(wrong: Sequence[dict[str, str]]) -> str:
    """What to do about a publisher that does not fit."""
    names = {each["claim"] for each in wrong}
    if names == {"environment"}:
        return "Give the job that environment, or register a publisher with the job's own."
    return "Add a publisher on the index with the values below."


def stop_with(verdicts: Sequence[JobVerdict]) -> list[JobVerdict]:
    """Return the verdicts, with the other jobs of a workflow that GitHub refuses as a whole failing too."""
    refused = {each.workflow: each for each in verdicts if each.found.context.asks_too_much}
    found = []
    for each in verdicts:
        first = refused.get(each.workflow)
        if first and not each.found.context.asks_too_much:
            why = f"GitHub refuses the whole workflow when it starts, because of the job {first.job!r}."
            each = replace(each, fails=True, reason=f"{why} Otherwise: {each.reason}")
        found.append(each)
    return found
