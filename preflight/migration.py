"""From a stored token to none, in steps that leave no gap: the new way is opened first."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from . import fixes
from .clients import ADDRESSES
from .files import Repository
from .verdicts import EITHER, TOKEN, TRUSTED, JobVerdict
from .words import say

Look = Callable[[Repository], list[JobVerdict]]
Good = Callable[[JobVerdict], bool]
MOST_LOOKED_AT = 6_000_000
"""Characters of workflows and scripts that are looked at again, after each change, to see what it
leads to."""


@dataclass(frozen=True)
class Step:
    """One step: `where` it is done ("index", "GitHub", "repository"), what to do, and a diff."""

    where: str
    what: str
    diff: str = ""


def steps(files: Repository, judged: Sequence[JobVerdict], look: Look) -> list[Step]:
    """Return the steps that are left, in order; [] if no job has a stored token any more, and none
    fails. `look` returns the verdicts on a changed repository. The diffs build on one another, and
    each leads to what its step says, or there is none."""
    plan = _Plan(files, judged, look)
    found = sorted(judged, key=lambda each: each.index == "PyPI")  # TestPyPI is where one tries it
    open_ = list({_job(each): each for each in found if each.fails or stored(each)}.values())
    if not open_:
        return []
    for job in open_:
        indexes = [each.index for each in plan.ways(job) if each.index in ADDRESSES]
        if not job.environment and indexes:
            name = "pypi" if "PyPI" in indexes else "testpypi"
            what = say("steps", "environment", job=_the(job), name=name)
            edit = partial(fixes.Editor.in_environment, name=name)
            plan.change(job, what, edit, lambda each: bool(each.environment))
    jobs = {_job(each) for each in open_}
    forms = [(each.index, *each.form.values()) for each in plan.judged if _job(each) in jobs]
    for index, *form in dict.fromkeys(forms):
        if index in ADDRESSES:
            named = zip(("owner", "repository", "workflow", "environment"), form, strict=True)
            entered = ", ".join(f"{name} {value or '(none)'}" for name, value in named)
            plan.say("index", f"On {index}, add a trusted publisher to the project: {entered}.")
    for job in open_:
        _open_the_new_way(plan, job)
    if any(map(stored, judged)):
        _close_the_old_way(plan, [job for job in open_ if any(map(stored, plan.ways(job)))])
    # last: a rule about tags would stop a workflow that still releases from a branch
    for name in dict.fromkeys(each.environment for each in plan.judged if each.environment):
        plan.say("GitHub", say("steps", "reviewers", name=name))
    return plan.steps


def stored(each: JobVerdict) -> bool:
    return each.verdict in (TOKEN, EITHER) and each.credential != "" and each.index in ADDRESSES


def _job(each: JobVerdict) -> tuple[str, str]:
    return each.file, each.job


def _the(job: JobVerdict) -> str:
    return f"the job {job.job!r} of {job.file}"


def _open_the_new_way(plan: "_Plan", job: JobVerdict) -> None:
    """The steps after which a job could publish without its token, and still has it."""
    ways, may, the = plan.ways(job), "`id-token: write`", _the(job)
    none_stated = not job.id_token and job.found.context.own.source == "default"
    rights = f" {say('steps', 'rights')}" * none_stated
    if failing := [each for each in ways if each.fails]:
        what = f"T{the[1:]} fails as it is. {failing[0].reason}{rights}"
        plan.change(job, what, fixes.Editor.authenticate, lambda each: not each.fails)
    elif client := next((each.client for each in ways if not each.found.client.trusted), ""):
        what = say("steps", "uv", job=the, client=client) + rights
        plan.change(job, what, fixes.Editor.token_to_uv, _is(EITHER))
    elif any(each.verdict == TOKEN for each in ways):
        old = [each for each in ways if each.found.older(each.found.client.since)]
        wanted = [may] * (not job.id_token)
        wanted += [f"{each.client} {each.found.client.since} or newer" for each in old[:1]]
        wanted = wanted or ["the way to the ID token"]
        what = f"Give {the} {' and '.join(wanted)}.{rights}"
        plan.change(job, what, fixes.Editor.authenticate, _is(EITHER))


def _is(verdict: str) -> Good:
    return lambda each: each.verdict == verdict


def _close_the_old_way(plan: "_Plan", jobs: list[JobVerdict]) -> None:
    """The steps from a job that could do without its token to one that has none."""
    plan.say("repository", say("steps", "rehearse"))
    secrets: dict[str, None] = {}
    # Before the first change: what one job takes out of a shared script, another has no more.
    for job, found in [(job, list(filter(stored, plan.ways(job)))) for job in jobs]:
        told = "".join(f"{each.credential} {each.found.user} " for each in found)
        names = dict.fromkeys(re.findall(r"secrets\.\w+", told))
        secrets |= names
        named = " and ".join(dict.fromkeys(each.credential for each in found))
        what = say("steps", "out", named=named, job=_the(job))
        edit = partial(fixes.Editor.authenticate, secrets=tuple(names))
        plan.change(job, what, edit, _is(TRUSTED))
    plan.say("repository", "Publish a release with each workflow, now without the token.")
    plan.say("index", "Revoke the token.")
    if secrets:
        left = plan.mentions("|".join(secrets))
        also = f" First take out what still names it: {', '.join(left)}." if left else ""
        named = ", ".join(secrets).replace("secrets.", "")
        plan.say("GitHub", f"Delete the secret: {named}.{also}")


class _Plan:
    """Steps, and the repository as it is after them."""

    def __init__(self, files: Repository, judged: Sequence[JobVerdict], look: Look) -> None:
        self.now, self.judged, self.look, self.steps = files, list(judged), look, list[Step]()
        self.left = MOST_LOOKED_AT

    def ways(self, job: JobVerdict) -> list[JobVerdict]:
        return [each for each in self.judged if _job(each) == _job(job)]

    def say(self, where: str, what: str, diff: str = "") -> None:
        self.steps.append(Step(where, what, diff))

    def change(self, job: JobVerdict, what: str, edit: fixes.Change, good: Good) -> None:
        """Add a step for a job; with a diff if the edits of its ways lead to what is `good`, and no
        other job to failure."""
        before, judged = self.now, self.judged
        size = sum(len(before.read(path)) for path in {each.file for each in judged})
        for number in range(len(self.ways(job))):
            self.left -= 24 * size * (1 + len(judged) // 8)  # a workflow is more work than a script
            ways = self.ways(job)  # looked for again, because lines have moved
            if self.left <= 0 or number >= len(ways):
                break
            if new := fixes.edits(self.now, ways[number].found, edit):
                self.now = self.now.overlaid(new)
                self.judged = self.look(self.now)
                self.left -= self.now.work
        worse = sum(each.fails for each in self.judged) > sum(each.fails for each in judged)
        done = bool(self.ways(job)) and all(map(good, self.ways(job))) and not worse
        if done and self.now is before:
            return None  # by an earlier step, in what both share
        if not done:
            told = [w.reason for w in self.ways(job) if w.fails and w.reason not in what]
            name = "too much" if self.left <= 0 else "fails still" if told else "no diff"
            why = say("steps", name, reason="".join(told[:1]))
            self.now, self.judged = before, judged
            return self.say("repository", f"{what} {why}")
        changed = dict(self.now.overlay.items() - before.overlay.items())
        return self.say("repository", what, fixes.patch(before, changed))

    def mentions(self, secrets: str) -> list[str]:
        found = []
        for path in dict.fromkeys(each.file for each in self.judged):
            rows = enumerate(self.now.read(path).split("\n"), 1)
            found += [f"{path}:{n}" for n, row in rows if re.search(rf"({secrets})\b", row)]
        return found[:10]
