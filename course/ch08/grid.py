"""Attacks on pipelines: each cell of the grid is run in a lab of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from course import attestations
from course.ch08.attacks import Attack
from course.ch08.clients import Policy
from course.ch08.mallory import Mallory
from course.ch08.pipeline import Pipeline, Project
from course.desk import exchange
from helpers.lab import Lab, set_aside
from helpers.machine.steps import Stopped
from helpers.provider.jobs import GitHubJob

PROBES = (60, 16 * 60, 7 * 3600, 30 * 86400)
"""Seconds after the attack at which Mallory tries to go on with what she has taken."""
SPANS = ("stopped", "once", "15 min", "6 h", "days", "no end")


@dataclass(frozen=True)
class Outcome:
    """The end of an attack.

    `span` counts into SPANS. 0: no user ran Mallory's code. 1: users did, in one version. More: she
    goes on publishing for so long, although the hole is closed. `projects` says how many of Alice's
    two projects she reaches. `why` are the refusals that stopped her, and `how` is what she got.
    """

    span: int
    projects: int = 0
    why: tuple[str, ...] = ()
    how: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether no user ran Mallory's code."""
        return self.span == 0

    def __str__(self) -> str:
        return SPANS[self.span] + (" ×2" if self.projects > 1 else "")


def run(attack: Attack, pipeline: Pipeline, policy: Policy | None = None) -> Outcome:
    """Run one cell: a fresh lab, an attack, and a user who installs octo-rocket."""
    with set_aside(), Lab() as lab:
        project = Project(lab, pipeline, policy)
        mallory = Mallory(project)
        try:
            attack(project, mallory)
        except Stopped as stopped:
            mallory.refusals.append(str(stopped))
        mallory.publish()
        if not infected(project, mallory):
            ran = "runs, and finds nothing to take" if project.malware_ran else "does not run"
            return Outcome(0, 0, tuple(dict.fromkeys(mallory.refusals)) or (f"her code {ran}",))
        both = mallory.publish(project="octo-radar") and infected(project, mallory, "octo-radar")
        span = how_long(project, mallory)
        return Outcome(span, 2 if both else 1, how=tuple(dict.fromkeys(mallory.story)))


def infected(project: Project, mallory: Mallory, name: str = "octo-rocket") -> bool:
    """Return whether a user who installs a project of Alice's now runs Mallory's code."""
    try:
        return project.install(name) == "boom"
    except Stopped as stopped:
        mallory.refusals.append(str(stopped))
        return False


def how_long(project: Project, mallory: Mallory) -> int:
    """Return for how long she can go on, as an index into SPANS."""
    clock, start = project.lab.clock, project.lab.clock.now()
    for n, seconds in enumerate(PROBES):
        clock.advance(seconds=seconds - (clock.now() - start).total_seconds())
        if n == 0:  # others release all the time, but a key is new to the index only once
            others_release(project)
        if not (mallory.publish(n + 1) and infected(project, mallory)):
            return n + 1
    return len(PROBES) + 1


def others_release(project: Project) -> None:
    """Let somebody else release: the index and the signing authority meet GitHub's newest key, and
    fetch it if they do not know it."""
    job = GitHubJob(repository="octo-org/other", repository_id="75")
    exchange(project.lab, project.lab.github.id_token(job, "pypi"))
    if project.pipeline.attested:
        attestations.certificate(project.lab, project.lab.github.id_token(job, "sigstore"))


def works(pipeline: Pipeline, policy: Policy | None = None) -> bool:
    """Return whether an honest release reaches a user: what stops that too is no defense."""
    with set_aside(), Lab() as lab:
        try:
            project = Project(lab, pipeline, policy)
            project.release()
            return project.install() == "lift-off"
        except Stopped:
            return False


SINGLE = ("T", "TR", "TE", "TEP", "TS", "TSD", "TH", "TC", "TB", "TV")
"""Each defense with what it needs, on top of Trusted Publishing."""
COLUMNS = {"none": "", **{letters: letters for letters in SINGLE}, "all": "RTEPSHCDBV"}
"""The columns of the grid and their defenses, by letter."""
BASES = {letters: letters[:-1] for letters in SINGLE} | {"T": "none", "all": "none"}
"""What a column is compared with, to see what its own defense does."""


def matrix(attacks: Iterable[Attack]) -> dict[str, dict[str, Outcome]]:
    """Run every attack in every column."""
    return {
        str(attack.__doc__): {
            name: run(attack, Pipeline.of(letters)) for name, letters in COLUMNS.items()
        }
        for attack in attacks
    }


def verdict(row: Mapping[str, Outcome], column: str) -> str:
    """Return what a defense does: "stops", "weakens", "opens", "no", or "–" (nothing to stop)."""
    before, after = row[BASES[column]], row[column]
    if before.stopped:
        return "–" if after.stopped else "opens"
    if after.stopped:
        return "stops"
    return "weakens" if (after.span, after.projects) < (before.span, before.projects) else "no"
