"""From a stored token to none, as steps in an order that leaves no gap: each opens the new way before the old one is closed."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import fixes
from .clients import ADDRESSES
from .files import Repository
from .verdicts import EITHER, TOKEN, JobVerdict


@dataclass(frozen=True)
class Step:
    """One step of a migration: `where` it is done ("index", "GitHub", "repository"), what to do, and a diff or ""."""

    where: str
    what: str
    diff: str = ""


def steps(files: Repository, judged: Sequence[JobVerdict]) -> list[Step]:
    """Return the steps that are left, in order; [] if no job of the project has a stored token any more.

    The diffs build on one another: apply them in this order.
    """
    ways = [each for each in judged if each.found.index in ADDRESSES]
    stored = [each for each in ways if each.verdict in (TOKEN, EITHER) and each.found.credential]
    if not stored:
        return []
    found = []
    for form in dict.fromkeys((each.index, *each.form.values()) for each in ways):
        index, owner, name, workflow, environment = form
        entered = f"owner {owner}, repository {name}, workflow {workflow}, environment {environment or '(none)'}"
        found.append(
            Step("index", f"On {index}, add a trusted publisher to the project: {entered}.")
        )
    now = files
    for each in stored:
        if not each.id_token and each.found.client.trusted:
            now, diff = _change(now, {**fixes.edits(now, each.found)})
            what = f"Give the job {each.job!r} of {each.workflow} `id-token: write`."
            found.append(Step("repository", what, diff))
    found.append(Step("repository", "Publish a release, or a pre-release, with both ways open."))
    for each in stored:
        now, diff = _change(now, fixes.edits(now, each.found, token=True))
        uv = "" if each.found.client.trusted else ", and publish with uv"
        what = f"Take the token ({each.credential}) out of the job {each.job!r}{uv}."
        found.append(Step("repository", what, diff))
    names = dict.fromkeys(each.found.credential.secret for each in stored if each.found.credential)
    named = ", ".join(name.removeprefix("secrets.") for name in names if name) or "the token"
    found.append(
        Step("index", f"After the next release, revoke the token, and delete the secret: {named}.")
    )
    for environment in dict.fromkeys(each.environment for each in ways if each.environment):
        what = (  # last: a rule about tags would stop a workflow that still releases from a branch
            f"In Settings, Environments, give {environment!r} reviewers, and allow only the branches or tags "
            "that your releases run on."
        )
        found.append(Step("GitHub", what))
    return found


def _change(files: Repository, new: dict[str, str]) -> tuple[Repository, str]:
    diff = fixes.patch(files, new)
    return (fixes.overlaid(files, new), diff) if diff else (files, "")
