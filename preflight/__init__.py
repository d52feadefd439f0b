"""Preflight: which jobs of a repository publish, can they, and what has the index to know?

    python -m preflight PATH [--repository OWNER/NAME] [--format text|json|github]
                             [--publisher "workflow=release.yml environment=pypi"]

It reads the workflow files of a checked-out repository and the scripts that they call. It runs
nothing and asks nobody. Exit status: 0, nothing will fail (warnings alone are 0); 1, something will
fail; 2, something could not be read, and nothing was found that will fail.

In Python: `preflight.check(path, repository=…, publisher=…)` returns a `Report`. README.md beside
this file documents what `--format json` prints.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from helpers.index.publishers import GitHubPublisher

from . import advice, fixes, migration, verdicts, workflows
from .advice import Warned
from .clients import Credential, credential
from .files import Repository, Unreadable
from .publishing import Finder, JobFacts, Publication
from .report import Report
from .verdicts import EITHER, NEITHER, TOKEN, TRUSTED, JobVerdict, Question, Registered
from .words import TABLES
from .workflows import JobContext, Note, Permissions, Trigger, effective_permissions, triggers

__all__ = [
    "EITHER", "NEITHER", "TOKEN", "TRUSTED", "Credential", "JobVerdict", "Permissions", "Report",
    "Trigger", "Warned", "check", "credential", "effective_permissions", "read_publisher",
    "triggers",
]  # fmt: skip

MOST_FIXED, MOST_WAYS = 1 << 16, 100
"""Characters of workflows in which fixes are made, counted for each job; ways that are judged."""


def check(
    path: str | Path,
    repository: str = "",
    publisher: GitHubPublisher | str | Sequence[GitHubPublisher | str] | None = None,
    *,
    owner_id: str = "",
    repository_id: str = "",
) -> Report:
    """Look at a checked-out repository; return a `Report`.

    `repository` is OWNER/NAME (if empty, that of `origin`); `publisher` is a trusted publisher, or
    several, or texts such as "workflow=release.yml environment=pypi index=testpypi"; `owner_id` and
    `repository_id` are the numbers that go into claims. What is wrong with the repository never
    raises: it is in the report. Raises ValueError for an impossible `repository` or `publisher`.

    >>> report = check("path/to/checkout", "octo-org/rocket")  # doctest: +SKIP
    >>> [(job.job, job.verdict, job.form) for job in report.jobs]  # doctest: +SKIP
    """
    files = Repository(Path(path).resolve(), known_name=repository)
    files.full_name = repository or files.name()
    name = files.full_name
    if name.count("/") != 1 or not all(name.split("/")):
        raise ValueError(f"expected a repository as OWNER/NAME, got {name!r}")
    given = [publisher] if isinstance(publisher, (GitHubPublisher, str)) else publisher or ()
    publishers = [read_publisher(p, name) if isinstance(p, str) else Registered(p) for p in given]
    asked = Question(name, owner_id or "OWNER_ID", repository_id or "REPOSITORY_ID", publishers)
    report = _look(files, asked)
    _fix(files, asked, report)
    report.steps = migration.steps(files, report.jobs, lambda new: _verdicts(new, asked, report))
    report.checked = bool(publishers)
    return report.cleaned(files.literals)


def _fix(files: Repository, asked: Question, report: Report) -> None:
    """Give each failing job the diff with which the next run passes; and all of them together."""
    names = {each.publisher.environment for each in asked.publishers}
    change = partial(fixes.Editor.authenticate, environment=names.pop() if len(names) == 1 else "")
    work, together = 0, files
    failing: dict[int, dict[str, str]] = {}
    for position, each in enumerate(report.jobs):
        work += len(files.read(each.file)) if each.fails else 0
        if each.fails and work < MOST_FIXED:
            failing[position] = fixes.edits(files, each.found, change)
            together = together.overlaid(fixes.edits(together, each.found, change))
    if not any(failing.values()):
        return
    after = {_key(each): each.fails for each in _verdicts(together, asked, report)}
    if any(after.get(_key(each), True) for each in report.jobs if not each.fails):
        return  # what one job needs would harm another
    together = files
    for position, new in failing.items():
        job = report.jobs[position]
        if new and not after.get(_key(job), True):
            together = together.overlaid(fixes.edits(together, job.found, change))
            report.jobs[position] = replace(job, fix=fixes.patch(files, new))
    report.patch = fixes.patch(files, together.overlay)


def _verdicts(files: Repository, asked: Question, before: Report) -> list[JobVerdict]:
    """The verdicts alone, on the workflows that have some; none if a file cannot be read."""
    walk = workflows.Walk(files, sorted({each.workflow for each in before.jobs}))
    judged = [each for _, several in _judged(walk, asked) for each in several]
    return verdicts.stop_with(judged) if not walk.trouble else []


def _key(verdict: JobVerdict) -> tuple[object, ...]:
    context = verdict.found.context
    callers = tuple((file, job) for file, job, _ in context.callers)
    return context.entry, callers, context.file, context.job, verdict.path[-1][0]


def _look(files: Repository, asked: Question) -> Report:
    walk, report = workflows.Walk(files), Report(asked.repository)
    warnings: list[Warned] = []
    for facts, judged in _judged(walk, asked):
        report.jobs += judged
        warnings += advice.warn(facts, judged)
    report.jobs = verdicts.stop_with(report.jobs)
    warnings += advice.half_migrated(report.jobs)
    warnings += advice.started_by_token(report.jobs, walk)
    report.warnings = advice.merged([_with_fix(files, each, report.jobs) for each in warnings])
    report.unread = [(error.path, error.line, str(error)) for error in walk.trouble]
    report.unfollowed = advice.merged_notes([*walk.notes, *_other_ci(files)])
    return report


def _judged(walk: workflows.Walk, asked: Question) -> Iterator[tuple[JobFacts, list[JobVerdict]]]:
    """Each job that publishes, with the verdicts on its ways; equal ones count once."""
    count = 0
    for facts in [facts for facts in _jobs(walk) if facts.publications]:
        found, ways = facts.publications, _ways(facts)
        if count + len(ways) > MOST_WAYS and count:
            why = f"More than {MOST_WAYS} ways to publish: the rest is not judged."
            return walk.notes.append((found[0].file, found[0].line, why))
        count += len(ways)
        judged = [verdicts.judge(each, asked, found) for each in ways[:MOST_WAYS]]
        unlike = {(v.client, v.index, v.credential, v.reason, v.triggers): v for v in judged[::-1]}
        yield facts, list(unlike.values())[::-1]
    return None


def _jobs(walk: workflows.Walk) -> list[JobFacts]:
    """Each job that is started, with what it does; its publications carry all triggers."""
    found: dict[tuple[object, ...], list[JobFacts]] = {}
    cache: dict[tuple[object, ...], JobFacts] = {}
    for context in walk.jobs():
        inputs = tuple(sorted((context.scope.inputs or {}).items()))
        granted = context.granted and str(context.granted)
        key = (context.entry, context.callers, context.file, context.job, granted)
        if (facts := cache.get((*key, inputs))) is None:
            finder = Finder(walk.repository, context)
            facts = finder.look()
            walk.notes += finder.notes
            if not context.scope.asked - {""}:  # the same for every trigger
                cache[*key, inputs] = facts
        publications = [_at(each, context) for each in facts.publications]
        found.setdefault(key, []).append(replace(facts, publications=publications))
    jobs = []
    for several in found.values():
        publications = [each for facts in several for each in facts.publications]
        unknown = [facts.unknown for facts in several if facts.unknown and not publications]
        walk.notes += unknown[:1]
        first = next((facts for facts in several if facts.publications), several[0])
        jobs.append(replace(first, publications=publications))
    return jobs


def _at(each: Publication, context: JobContext) -> Publication:
    """A publication under this trigger, also if it was found under another one."""
    sure = context.trigger.certain and each.triggers[0].certain
    return each.but(context=context, triggers=(replace(context.trigger, certain=sure),))


def _ways(facts: JobFacts) -> list[Publication]:
    """The publications of one job, each with all the triggers that it has."""
    groups: dict[tuple[object, ...], list[Publication]] = defaultdict(list)
    for each in facts.publications:
        key = (each.client.name, each.file, each.line, each.index, str(each.credential), each.user,
               each.hidden, each.context.environments())  # fmt: skip
        groups[key].append(each)
    return [
        same[0].but(triggers=workflows.settled([t for each in same for t in each.triggers]))
        for same in groups.values()
    ]


def _with_fix(files: Repository, each: Warned, judged: Sequence[JobVerdict]) -> Warned:
    jobs = [job.job for job in judged if job.file == each.file and f"'{job.job}'" in each.why]
    if each.code != "checkout-without-contents" or not jobs:
        return each
    new = fixes.grant(files.read(each.file), jobs[0], "contents", "read")
    return replace(each, fix=fixes.patch(files, {each.file: new}))


def _other_ci(files: Repository) -> list[Note]:
    found, folder = [], files.root / ".azure-pipelines"
    azure = sorted(folder.glob("*.yml"))[:20] if folder.is_dir() else []
    for path in (*TABLES["other CI"], *(f".azure-pipelines/{each.name}" for each in azure)):
        try:
            words = files.read(path).lower() if files.resolve(path) else ""
        except Unreadable:
            continue
        said = [word for word in TABLES["words of a release"] if word in words]
        if said:
            line = words[: words.index(said[0])].count("\n") + 1
            why = f"{path} mentions {said[0]}: preflight reads GitHub workflows alone."
            found.append((path, line, why))
    return found


def read_publisher(text: str, repository: str) -> Registered:
    """Return a publisher from words such as "workflow=release.yml environment=pypi"; also owner,
    repository, owner_id, and index (pypi or testpypi). What is not said is the repository's own;
    the owner's number is taken to be right. Raises ValueError."""
    words = dict(word.partition("=")[::2] for word in text.split())
    known = {"workflow", "environment", "owner", "repository", "owner_id", "index"}
    indexes = {"pypi": "PyPI", "testpypi": "TestPyPI"}
    index = indexes.get(words.pop("index", "pypi").lower(), "")
    shaped = all("=" in word for word in text.split()) and "workflow" in words
    if set(words) - known or not index or not shaped:
        expected = '"workflow=release.yml environment=pypi", perhaps with index=testpypi'
        raise ValueError(f"expected a publisher such as {expected}, got {text!r}")
    owner, _, name = repository.partition("/")
    words = {"owner": owner, "repository": name, "owner_id": "0", **words}
    return Registered(GitHubPublisher(**words), index)
