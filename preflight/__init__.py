"""Preflight: which jobs of a repository publish, will they be able to, and what has to be entered on the index?

    python -m preflight PATH [--repository OWNER/NAME] [--publisher "workflow=release.yml environment=pypi"]
                             [--format text|json|github]

It reads the workflow files of a checked-out repository and the scripts that they call. It runs nothing and asks nobody.
Exit status: 0, nothing will fail (warnings alone are 0); 1, something will fail; 2, something could not be read, and nothing
was found that will fail.

`--format json` prints one object. These members are stable; others may be added:

    version       1
    status        the exit status
    repository    "OWNER/NAME", as given, or as .git/config says; these very words where neither does
    jobs          one object for each job and way of publishing:
        workflow, job         the file that is triggered, and the job
        path                  [{file, line}…] from there (through calling workflows, and scripts) to the command
        client, index         e.g. "uv", "PyPI"
        permissions, id_token what the job may do, in words; whether it may ask for an ID token
        credential            where the client finds a token, or null
        environment           its name, or ""; several are joined by ", "
        triggers              [{event, ref}…]; words in capitals in a ref stand for what is known only then
        verdict               "publishes by token", "publishes by Trusted Publishing", "could publish by either", or
                              "cannot authenticate"
        fails, reason         whether it will fail, and why the verdict is what it is
        fix                   a unified diff for `git apply`, or null
        publisher             what to enter on the index: {owner, repository, workflow, environment}; null for a client
                              that cannot use Trusted Publishing
        claims                [{event_name, ref, environment, job_workflow_ref, sub, sub_immutable}…]; [] without an ID token
        checks                [{event_name, ref, ok, refusal, mismatches: [{claim, expected, got}…]}…]; [] without --publisher
    warnings      [{code, file, line, why, instead}…]
    unread        [{file, line, why}…] what could not be read
    unfollowed    [{file, line, why}…] what was read, and leads to where preflight does not look
    patch         all fixes as one diff, or null

In Python: `preflight.check(path, repository=…, publisher=…)` returns a `Report`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helpers.index.publishers import GitHubPublisher

from . import fixes
from .clients import Credential, credential
from .files import Repository, Unreadable
from .publishing import find
from .report import Report
from .verdicts import (
    EITHER,
    NEITHER,
    TOKEN,
    TRUSTED,
    Identity,
    JobVerdict,
    Warned,
    divided,
    judge,
    warn,
)
from .workflows import Permissions, Trigger, effective_permissions, jobs, triggers

__all__ = [
    "EITHER", "NEITHER", "TOKEN", "TRUSTED", "Credential", "JobVerdict", "Permissions", "Report", "Trigger", "Warned",
    "check", "credential", "effective_permissions", "read_publisher", "triggers",
]  # fmt: skip

MOST_MENDED = 1 << 20
"""Characters of workflows in which fixes are made, counted for each job: of hundreds of failing jobs, the first get one."""


def check(
    path: str | Path,
    repository: str = "",
    publisher: GitHubPublisher | str | Sequence[GitHubPublisher | str] | None = None,
    *,
    owner_id: str = "",
    repository_id: str = "",
) -> Report:
    """Look at a checked-out repository.

    `repository` is OWNER/NAME (if empty, that of `origin`); `publisher` is a trusted publisher, or several, or texts such as
    "workflow=release.yml environment=pypi"; `owner_id` and `repository_id` are the numbers that go into claims. What is wrong
    with the repository never raises: it is in the report. Raises ValueError for a `repository` or `publisher` of an impossible
    shape.
    """
    files = Repository(Path(path))
    name = files.full_name = repository or files.name()
    if name.count("/") != 1 or not all(name.split("/")):
        raise ValueError(f"expected a repository as OWNER/NAME, got {name!r}")
    given = [publisher] if isinstance(publisher, (GitHubPublisher, str)) else list(publisher or ())
    publishers = [read_publisher(each, name) if isinstance(each, str) else each for each in given]
    who = Identity(name, owner_id or "OWNER_ID", repository_id or "REPOSITORY_ID")
    report = _look(files, who, publishers)
    wanted: dict[int, dict[str, str]] = {}
    work = 0
    for position, each in enumerate(report.jobs):
        work += len(files.read(each.file)) if each.verdict == NEITHER else 0
        if each.verdict == NEITHER and work < MOST_MENDED:
            wanted[position] = fixes.edits(files, each.found)
    together: dict[str, str] = {}
    for position in wanted:  # one after another, so that two jobs in one file both get theirs
        together |= fixes.edits(fixes.overlaid(files, together), report.jobs[position].found)
    if together:
        after = {
            _key(each): each.verdict
            for each in _look(fixes.overlaid(files, together), who, publishers).jobs
        }
        mended = [
            position
            for position in wanted
            if wanted[position] and after.get(_key(report.jobs[position]), TRUSTED) != NEITHER
        ]
        together = {}
        for position in mended:
            together |= fixes.edits(fixes.overlaid(files, together), report.jobs[position].found)
            report.jobs[position] = replace(
                report.jobs[position], fix=fixes.patch(files, wanted[position])
            )
    report.patch = fixes.patch(files, together)
    return report


def _key(verdict: JobVerdict) -> tuple[object, ...]:
    context = verdict.found.context
    return context.entry, context.callers, context.file, context.job, verdict.client


def _look(files: Repository, who: Identity, publishers: Sequence[GitHubPublisher]) -> Report:
    """One pass over the repository."""
    report = Report(who.repository)
    trouble: list[Unreadable] = []
    notes: list[tuple[str, int, str]] = []
    everything: list[JobVerdict] = []
    try:
        for context in jobs(files, files.workflows(), trouble, notes):
            facts = find(files, context, notes)
            judged = {}
            for found in facts.publications:
                verdict = judge(found, who, publishers)
                judged.setdefault(
                    (
                        verdict.client,
                        verdict.index,
                        verdict.credential,
                        verdict.verdict,
                        verdict.triggers,
                    ),
                    verdict,
                )
            everything += judged.values()
            report.warnings += warn(facts, list(judged.values()))
    except Unreadable as error:
        trouble.append(error)
    report.jobs = everything
    report.warnings = list(dict.fromkeys([*report.warnings, *divided(everything)]))
    report.unread = [(error.path, error.line, str(error)) for error in trouble]
    report.unfollowed = list(dict.fromkeys(notes))
    return report


def read_publisher(text: str, repository: str) -> GitHubPublisher:
    """A publisher from words such as "workflow=release.yml environment=pypi"; also owner, repository, owner_id. What is not
    said is the repository's own; the owner's number is taken to be right. Raises ValueError."""
    words = [word.partition("=") for word in text.split()]
    known = ("workflow", "environment", "owner", "repository", "owner_id")
    if any(name not in known or not sign for name, sign, _ in words) or "workflow" not in [
        name for name, _, _ in words
    ]:
        raise ValueError(
            f'expected a publisher such as "workflow=release.yml environment=pypi", got {text!r}'
        )
    owner, _, name = repository.partition("/")
    return GitHubPublisher(
        **{
            "owner": owner,
            "repository": name,
            "owner_id": "0",
            **{key: value for key, _, value in words},
        }
    )
