"""Can this job publish? From what a job finds to a verdict, its reason, the claims of its ID token,
and the form to fill in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from helpers.index.publishers import GitHubPublisher
from helpers.provider.jobs import GitHubJob

from .clients import ACTION, ADDRESSES, inputs_of, misspelled, option
from .expressions import possible
from .files import text, texts
from .publishing import Publication
from .words import first, say
from .workflows import WORKFLOWS, Trigger, effective_permissions

TOKEN = "publishes by token"
TRUSTED = "publishes by Trusted Publishing"
EITHER = "could publish by either"
NEITHER = "cannot authenticate"
UNKNOWN_ENVIRONMENT = "ENVIRONMENT"
"""Stands in claims for an environment that an expression decides."""


@dataclass(frozen=True)
class Registered:
    publisher: GitHubPublisher
    index: str = "PyPI"


@dataclass(frozen=True)
class Question:
    """What is asked: about which repository, whose numbers are words in capitals where not known,
    and which publishers."""

    repository: str
    owner_id: str
    repository_id: str
    publishers: Sequence[Registered]


@dataclass(frozen=True)
class JobVerdict:
    """One job's publishing command and whether it can authenticate.

    `path` leads from the workflow that is triggered to the command, as (file, line). `form` is what
    to enter on the index: owner, repository, workflow, environment. `claims` has one row for each
    trigger and environment, `checks` the publisher's answer to each, if one was given.
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
        return self.found.context.file

    @property
    def line(self) -> int:
        return self.found.step_line


def judge(found: Publication, asked: Question, also: Sequence[Publication]) -> JobVerdict:
    """Return the verdict on one publishing command; `also` are all those of the same job."""
    context = found.context
    verdict, reason = _verdict(found)
    claims, checks = _claims_and_checks(found, asked)
    refused = checks and verdict not in (TOKEN, EITHER) and not any(check["ok"] for check in checks)
    fault = _fault(found, verdict, also)
    if fault:
        reason = fault if verdict == NEITHER else f"{reason} {fault}"
    if refused:
        later = bool(fault or verdict == NEITHER)
        told = say("reasons", "later" if later else "refused", refusal=checks[0]["refusal"])
        only_that = {row["claim"] for row in checks[0]["mismatches"]} == {"environment"}
        advice = say("reasons", "environment" if only_that else "publisher")
        reason = f"{reason} {told} {advice}" if later else f"{told} {advice}"
    path = [*((file, line) for file, _, line in context.callers), (context.file, found.step_line)]
    owner, _, name = asked.repository.partition("/")
    environment = ", ".join(context.environments())
    form = {"owner": owner, "repository": name, "workflow": context.file.removeprefix(WORKFLOWS)}
    credential = "" if verdict in (TRUSTED, NEITHER) and not found.refused else found.credential
    return JobVerdict(
        context.entry, context.job, tuple(dict.fromkeys([*path, (found.file, found.line)])),
        found.client.name, found.index, str(context.permissions), context.may_ask,
        str(credential or ""), environment, found.triggers, verdict, reason,
        form={**form, "environment": environment},
        claims=tuple(claims) if context.may_ask else (), checks=tuple(checks),
        fails=bool(fault or verdict == NEITHER or refused), found=found,
    )  # fmt: skip


def _verdict(found: Publication) -> tuple[str, str]:
    always = found.client.name == "uv" and _told(found) == "always"
    if found.context.asks_too_much or found.refused or _account(found):
        return NEITHER, ""
    obstacle = _obstacle(found)
    if found.credential:
        verdict = TOKEN if obstacle or always else EITHER
        finds = say("reasons", verdict, credential=found.credential)
        return verdict, finds + _if_empty(found)
    bare = "by hand" if found.by_hand else "always" if always else "bare"
    then = obstacle or "may ask for an ID token."
    return NEITHER if obstacle else TRUSTED, f"{say('reasons', bare)}, and {then}"


def _told(found: Publication) -> str | None:
    return option(found.words, ("--trusted-publishing",))


def _if_empty(found: Publication) -> str:
    """What follows if the secret is not there, which nobody connects with the message they get."""
    if not found.credential or not found.credential.secret or found.user not in ("", "__token__"):
        return ""
    asks = found.client is ACTION or found.client.name == "pdm"
    kind = "no token" if not asks else "asks" if found.context.may_ask else "asks in vain"
    return say("reasons", kind, client=found.client.name)


def _account(found: Publication) -> str:
    plain = found.user and found.user != "__token__" and "$" not in found.user
    return found.user if plain and found.index in ADDRESSES else ""


def _caller(found: Publication) -> str:
    callers = found.context.callers
    return f"the job {callers[-1][1]!r} that calls its workflow" if callers else ""


def _obstacle(found: Publication) -> str:
    client, own, hand = found.client, found.context.own, found.by_hand
    granted, hidden = found.context.granted, found.hidden
    replaced = own.source == "job" and effective_permissions(found.context.workflow, {}).id_token
    no_right = not found.context.may_ask
    started = {each.event for each in found.triggers}
    holds = {
        "client": not client.trusted and not hand,
        "never": client.name == "uv" and _told(found) == "never",
        "twine": client.name == "twine" and found.index not in ADDRESSES and not hand,
        "old": found.older(client.since) and not hand,
        "target": started == {"pull_request_target"},
        "caller": no_right and granted is not None and not granted.id_token,
        "default": no_right and own.source == "default",
        "replaced": no_right and replaced,
        "permissions": no_right,
        "hidden": hidden and client is not ACTION,
    }
    facts = {"client": client.name, "since": client.since, "version": found.version}
    facts |= {"caller": _caller(found), "source": own.source, "line": str(own.line)}
    hides = hidden[:1] == ("tox",)
    where = "its pass_env does not name" if hides else "include_outer_env=False hides"
    facts |= {"by": "".join(hidden[:1]), "where": where, "kept": ", ".join(hidden[1:])}
    return first("obstacles", holds, **facts)


def _fault(found: Publication, verdict: str, also: Sequence[Publication]) -> str:
    """Why the release fails whatever credential there is, or although a token is minted."""
    context, action = found.context, found.client is ACTION
    minted = found.attests and verdict == TRUSTED
    facts = {
        "much": context.asks_too_much, "index": found.index, "right": misspelled(found.index),
        "account": _account(found), "systems": _systems(found) if action else "",
        "caller": _caller(found), "called": context.file.removeprefix(WORKFLOWS),
        "entry": context.entry.removeprefix(WORKFLOWS),
    }  # fmt: skip
    holds = {
        "too-much": facts["much"], "address": facts["right"], "account": facts["account"],
        "composite": action and found.composite and not found.older("1.12"),
        "linux": facts["systems"], "attested": minted and context.callers,
        "twice": minted and _second(found, also),
    }  # fmt: skip
    return found.refused or first("faults", holds, **facts)


def _second(found: Publication, also: Sequence[Publication]) -> bool:
    """Whether another use of the action comes before this one for sure, for the same files."""
    mine = {trigger.event for trigger in found.triggers}
    return any(
        each.attests and each.line < found.line and each.file == found.file
        and _packages(each) == _packages(found)
        and all(trigger.certain for trigger in each.triggers)
        and mine & {trigger.event for trigger in each.triggers}
        for each in also
    )  # fmt: skip


def _packages(found: Publication) -> str:
    return inputs_of(found.words).get("packages-dir", "").strip("./")


def _systems(found: Publication) -> str:
    """The labels of machines that cannot run containers, among those that the job runs on."""
    stated, scope = texts(found.context.body.get("runs-on")), found.context.scope
    labels = [each for label in stated for each in possible(label, scope)]
    return " and ".join(each for each in labels if each.lower().startswith(("macos", "windows")))


def predicted(found: Publication, trigger: Trigger, environment: str, asked: Question) -> GitHubJob:
    """Return the job that the identity provider would speak of."""
    context = found.context
    called = f"{asked.repository}/{context.file}@{trigger.ref}" if context.callers else ""
    return GitHubJob(
        repository=asked.repository, owner_id=asked.owner_id, repository_id=asked.repository_id,
        ref=trigger.ref, event_name=trigger.event, workflow=context.entry.removeprefix(WORKFLOWS),
        workflow_name=text(context.entry_workflow.get("name")) or context.entry,
        called_workflow=called,
        environment=UNKNOWN_ENVIRONMENT if "${{" in environment else environment,
    )  # fmt: skip


Rows = list[dict[str, Any]]


def _claims_and_checks(found: Publication, asked: Question) -> tuple[Rows, Rows]:
    """The claims of each trigger and environment, and what the publishers of this index say to
    them: also where the job may not ask yet, as if it might."""
    claims, checks = Rows(), Rows()
    index = found.index if found.index in ADDRESSES else "PyPI"
    here = [each.publisher for each in asked.publishers if each.index == index]
    for environment in found.context.environments():
        for trigger in found.triggers:
            job = predicted(found, trigger, environment, asked)
            said, names = job.claims(), "event_name ref environment job_workflow_ref sub".split()
            immutable = replace(job, immutable_subject=True).subject
            told = {name: said.get(name, "") for name in names}
            claims.append({**told, "sub_immutable": immutable})
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
        name = publisher.environment if "${{" in environment else job.environment
        claims = replace(job, owner_id=owner_id, environment=name).claims()
        claims |= {"iss": publisher.issuer, "jti": "(the provider's)"}
        tables.append(publisher.check(claims))
    table = next((each for each in tables if each.ok), tables[0])
    wrong: dict[str, dict[str, str]] = {}
    for check in table:
        if not check.ok:  # the index compares some claims twice, as a name and as a whole
            row = {"claim": check.claim, "expected": check.expected, "got": check.got}
            wrong.setdefault(check.claim, row)
    if "repository" in wrong:
        wrong.pop("repository_owner", None)
    told = "; ".join(say("reasons", "mismatch", **row) for row in wrong.values())
    refusal = f"{table.refusal} ({told})" if wrong else ""
    return {"ok": table.ok, "refusal": refusal, "mismatches": list(wrong.values())}


def stop_with(verdicts: Sequence[JobVerdict]) -> list[JobVerdict]:
    """Return the verdicts, with the other jobs of a workflow that GitHub refuses failing too."""
    refused = {each.workflow: each for each in verdicts if each.found.context.asks_too_much}
    found = []
    for each in verdicts:
        culprit = refused.get(each.workflow)
        if culprit and not each.found.context.asks_too_much:
            reason = say("reasons", "stopped", job=culprit.job, reason=each.reason)
            each = replace(each, fails=True, reason=reason)
        found.append(each)
    return found
