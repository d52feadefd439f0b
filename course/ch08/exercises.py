"""Exercises of chapter 08, what stops what. Their checks run attacks on the grid's engine."""

from functools import cache

from course.ch08 import attacks
from course.ch08.attacks import Attack
from course.ch08.grid import SPANS, Outcome, run, works
from course.ch08.mallory import Mallory
from course.ch08.pipeline import LETTERS, Pipeline, Project
from course.exercise import Wrong, exercise, prediction, show
from helpers.machine.steps import Stopped
from helpers.provider.jobs import GitHubJob

SETUP = """
from course.ch08 import attacks
from course.ch08.mallory import Mallory
from course.ch08.pipeline import Pipeline, Project
from helpers.provider.jobs import GitHubJob
"""
cached = cache(run)
"""The outcome of one of our own attacks, which is the same each time."""


def watched(project: Project) -> dict[str, object]:
    """Return what a reviewer reads before the merge, and what only GitHub or Alice can change."""
    return {
        "the source of octo-rocket": project.source,
        "the lock of the build dependency": project.lock,
        "the tests": project.tests,
        "the pinned commit of an action": project.pin,
        "the machine of a job": project.repository.profile,
        "the pipeline": project.pipeline,
        "the pipeline's own steps": (
            dict(vars(Project)),
            dict(project.programs),
            vars(project).keys() & vars(Project).keys(),
        ),
        "GitHub's signing key": project.lab.github.signing_key.kid,
    }


def untouched(attack: Attack, words: str) -> Attack:
    """Return the attack. It raises Wrong with these words if something watched has changed."""

    def tried(project: Project, mallory: Mallory) -> None:
        before = watched(project)
        try:
            attack(project, mallory)
        except Stopped as stopped:
            mallory.refusals.append(str(stopped))
        for what, value in watched(project).items():
            if value != before[what]:
                raise Wrong(words.format(what))

    return tried


# ---------------------------------------------------------------- 8.1


def old_log(project: Project, mallory: Mallory) -> None:
    """Mallory finds the old API token, which no job uses any more."""
    mallory.api_tokens.append(project.old_token)


def nightly_job(project: Project, mallory: Mallory) -> None:
    """Mallory's code runs in the nightly job of release.yml."""
    mallory.work_in(GitHubJob(environment="", event_name="schedule"))


def new_action(project: Project, mallory: Mallory) -> None:
    """Mallory moves the action's tag. Then Alice makes a release."""
    project.malware = mallory.everything
    project.shelf.put("setup@v1", "mallory(here)")
    project.release()


_EXPECTED = {
    "old_log": (
        ("", "no end", "Which list of hers holds the API tokens that she can use?"),
        ("R", "stopped", "Here the old token is revoked. Has she seen the token that CI uses?"),
        ("T", "no end", "Does a trusted publisher end the life of a stored token?"),
    ),
    "nightly_job": (
        ("", "stopped", "Here nothing is trusted. Does the nightly job mention a secret?"),
        ("T", "6 h", "Which job of which workflow does she work in, and may it ask?"),
        ("TE", "stopped", "The index wants the environment here. Does the nightly job name one?"),
    ),
    "new_action": (
        ("T", "6 h", "The action runs before anything is built. What can her code take then?"),
        ("TH", "6 h", "A hash guards the build dependency here. Is the action one?"),
        ("TC", "stopped", "The action's commit is in Alice's workflow. Can Mallory edit it?"),
    ),
}


@exercise(
    "Three attacks",
    old_log,
    nightly_job,
    new_action,
    hints=(
        "One line is enough for each of the first two. The third needs three: what her code does, "
        "where it is, and the release that runs it.",
        "`mallory.api_tokens` is a list. `mallory.work_in` takes a job, and a job without an "
        'environment has `environment=""`. The step `mallory(here)` calls `project.malware`.',
    ),
    right="An old token, a job that may ask, a name that moves: that is how most incidents begin.",
    minutes=12,
)
def q8_1(old_log, nightly_job, new_action):
    triggers: list[str] = []

    def noted(certificate: dict[str, str]) -> bool:
        triggers.append(certificate["build trigger"])
        return True

    for name, attack in zip(_EXPECTED, (old_log, nightly_job, new_action), strict=True):
        for letters, wanted, question in _EXPECTED[name]:
            words = f"Your `{name}` changes {{}}, and that is another weakness."
            outcome = run(untouched(attack, words), Pipeline.of(letters))
            got = SPANS[outcome.span]
            if got != wanted:
                met = f" Mallory met: {outcome.why[0]}." if outcome.why else ""
                if (name, letters) == ("new_action", "T") and "does not run" in met:
                    question = "Which name did you move, and does Alice release after that?"
                raise Wrong(
                    f"Your `{name}` ended with “{got}” in the pipeline {letters or 'none'}, and "
                    f"this attack ends with “{wanted}”.{met} {question}"
                )
    run(nightly_job, Pipeline.of("TV"), noted)
    if "schedule" not in triggers:
        raise Wrong(
            "No job of your `nightly_job` has the event `schedule`. Which argument says so?"
        )


# ---------------------------------------------------------------- 8.2

_POISONED = {
    "": ("no end", "The publish step gets the stored token in the same job. When does that end?"),
    "T": ("6 h", "Her code stays in the job. How long can the job go on asking for ID tokens?"),
    "TE": ("6 h", "The release job is in the environment. Where does her code run?"),
    "TS": ("once", "The build job has no permission, but it makes the wheel. What can she alter?"),
    "TH": ("stopped", "Where does a locked build take its dependency from?"),
    "TC": ("6 h", "Pinned actions are fetched by commit. Is the cache an action?"),
    "TV": ("6 h", "Her code has the job's request token. What else does an ID token buy?"),
}


def _line(letters: str) -> str:
    return letters or "none"


@prediction(
    "Guess a row",
    "row",
    {_line(letters): answer for letters, answer in _POISONED.items()},
    choices=("stopped", "once", "15 min", "6 h", "no end"),
    hints=(
        "Ask two things of each line: does her code still run, and what is in the job it runs in?",
        "It runs in the job that builds. A locked build takes nothing from the cache. With a "
        "publish job apart, the build job has no token and no permission.",
    ),
    right="One defense stops it, one weakens it, and the others guard other doors.",
    minutes=5,
)
def q8_2():
    return {
        _line(letters): SPANS[cached(attacks.poisoned_cache, Pipeline.of(letters)).span]
        for letters in _POISONED
    }


# ---------------------------------------------------------------- 8.3

CHOICE = [letter for letter in LETTERS if letter not in "TV"]
INSIDERS = (attacks.changed_workflow, attacks.repository_made_again)
"""Attacks by somebody who may write to the repository. Alone, Alice has nobody."""
BEST = (5, 11)
"""Attacks that last and attacks that work, behind the best three. A test tries all 56 choices."""
A_BEST = "ERS"


def left(chosen: str) -> dict[str, Outcome]:
    """Run what a maintainer who works alone has to expect, by the attack's name."""
    pipeline = Pipeline.of(f"T{chosen}")
    counted = [attack for attack in attacks.ATTACKS if attack not in INSIDERS]
    return {str(attack.__doc__): cached(attack, pipeline) for attack in counted}


def score(outcomes: dict[str, Outcome]) -> tuple[int, int]:
    """Return how many attacks last beyond one version, and how many work at all."""
    spans = [outcome.span for outcome in outcomes.values()]
    return sum(span > 1 for span in spans), sum(span > 0 for span in spans)


@exercise(
    "Three more defenses",
    three=["R", "S", "E"],
    stub="three = [..., ..., ...]",
    hints=(
        "In the figure, look down the column T for the rows that last: ∞, 6 h and 15 m. Which "
        "other columns stop them, or leave only one bad version?",
        "Old tokens are two rows without end. Most of the other rows that last need a build that "
        "can ask for ID tokens.",
    ),
    right="Two choices do equally well, and both begin by revoking and by publishing apart.",
    minutes=8,
)
def q8_3(three):
    if not isinstance(three, list | tuple | set) or not all(isinstance(x, str) for x in three):
        raise Wrong(f"Expected three letters in a list; your answer is {show(three, 90)}.")
    letters = {name: letter for letter, name in LETTERS.items()}
    three = [letters.get(each, each) for each in three]
    if strange := sorted(set(three) - set(CHOICE)):
        raise Wrong(f"Choose among {', '.join(CHOICE)}. Your answer has {show(strange[0])}.")
    if len(set(three)) != 3:
        raise Wrong(f"Expected three different letters; your answer has {len(set(three))}.")
    outcomes = left("".join(sorted(three)))
    lasting, working = score(outcomes)
    if (lasting, working) > BEST:
        better = left(A_BEST)
        enough = int(lasting > BEST[0])  # if as few last as with the best, some have to be stopped
        worse = [each for each in outcomes if outcomes[each].span > enough >= better[each].span]
        worst = max(worse, key=lambda name: (outcomes[name].span, outcomes[name].projects))
        raise Wrong(
            f"With {', '.join(sorted(three))}, {working} attacks succeed, and {lasting} of them "
            f"last. A best choice leaves {BEST[1]}, and {BEST[0]} of them last. One that you could "
            f"{'shorten or ' * enough}stop is “{worst}”: it ends with “{outcomes[worst]}”. "
            "Which defense changes that row?"
        )


# ---------------------------------------------------------------- 8.4

BOBS = Pipeline.of("RTEPHCV")


class Outsider(Mallory):
    """Mallory with an account of her own and nothing else."""

    def work_in(self, job: GitHubJob, *mentions: str) -> None:
        """Run a job of hers. Raises Wrong for a job in a repository of octo-org."""
        if job.owner_id == "65":
            raise Wrong("An outsider starts no job in octo-org. Which job would run her text?")
        super().work_in(job, *mentions)


def outside(attack: Attack, seen: list[Project]) -> Attack:
    """Return the attack, carried out by an outsider. It raises Wrong where it needs an insider.

    The project comes into `seen`, so that the feedback can tell what was tried.
    """
    guarded = untouched(attack, "Your attack changes {}, and an outsider cannot do that.")

    def tried(project: Project, mallory: Mallory) -> None:
        seen.append(project)
        outsider = Outsider(project)
        outsider.api_tokens, outsider.identities = mallory.api_tokens, mallory.identities
        outsider.refusals = mallory.refusals
        guarded(project, outsider)

    return tried


def beat_bob(project: Project, mallory: Mallory) -> None:
    """Attack Bob's pipeline from outside."""
    project.malware = mallory.everything
    project.title = "Fix a typo $(touch mallory)"
    project.release()


@exercise(
    "Beat Bob's pipeline",
    beat_bob,
    hints=(
        "Go through the rows of the figure. Which of them have no ✓ and no weaker cell in any of "
        "Bob's columns? Which of those need neither a merge nor a key?",
        "Release notes mention the titles of pull requests, and bash reads the notes. Part 3 has "
        "such an attack, in its last group.",
    ),
    right="No defense of Bob's looks at text that becomes a command. Publishing apart would help.",
    minutes=8,
)
def q8_4(beat_bob):
    seen: list[Project] = []
    outcome = run(outside(beat_bob, seen), BOBS)
    project = seen[-1]
    if outcome.stopped:
        if project.malware_ran and not project.malware:
            question = "You have not said what `project.malware` does."
        elif outcome.why[0].startswith("her code runs"):
            question = (
                "The step that reads the title comes before the build. What is there to take at "
                "that moment, and what does `project.malware` do?"
            )
        elif project.title and not project.minor:
            question = "Your title waits, and Bob has made no release."
        elif project.title:
            question = "bash has read your title, and made no file called `mallory`."
        else:
            question = "What can somebody without any rights put in front of Bob's job?"
        met = "; ".join(outcome.why)[:200]
        raise Wrong(f"No user ran her code. Mallory met: {met}. {question}")


# ---------------------------------------------------------------- 8.5


def tag_in_new_repository(project: Project, mallory: Mallory) -> None:
    """a tag in the repository that was made again"""
    mallory.work_in(GitHubJob(repository_id="9003", ref="refs/tags/v6", actor="mallory"))


MORE: tuple[tuple[Attack, str], ...] = (
    (attacks.repository_made_again, "Name and owner are the same. What does GitHub never reuse?"),
    (tag_in_new_repository, "She can push any tag there. Which number is not the old one?"),
    (attacks.other_job, "What differs between a nightly job and the job of a tagged release?"),
    (attacks.workflow_run, "What started this job, and on which ref does it run?"),
    (attacks.changed_workflow, "Her job can name the environment. On what does a release run?"),
)
BRANCHES = (
    "refs/heads/v6", "refs/heads/tags/v6", "refs/heads/refs/tags/v6", "refs/heads/x@refs/tags/v1",
    "refs/pull/7/merge",
)  # fmt: skip
"""Refs that are no tags; some branches have names that look like one."""


def policy(certificate: dict[str, str]) -> bool:
    """Return whether the certificate is one of a release of octo-rocket."""
    return (
        certificate["source repository identifier"] == "74"
        and certificate["source repository ref"].startswith("refs/tags/v")
        and certificate.get("deployment environment") == "pypi"
    )


@exercise(
    "A policy for certificates",
    policy,
    hints=(
        "Compare the certificate above with the four attacks, field by field. Which fields does "
        "an attacker not choose?",
        "You need the repository's number, and something that only a tagged release has.",
    ),
    right="It stops four more attacks, and one of them is stopped by none of the ten defenses.",
    minutes=8,
)
def q8_5(policy):
    seen: list[dict[str, str]] = []
    said: list[object] = []

    def noted(certificate: dict[str, str]) -> bool:
        seen.append(dict(certificate))
        said.append(policy(certificate))
        return bool(said[-1])

    if not works(Pipeline.of("TEV"), noted):
        question = "Which fields does it compare?"
        if said[-1] is None:
            question = "It returned None. Is there a `return` on every way?"
        raise Wrong(f"Your policy refuses the honest release v1.1. {question}")
    if not policy(_at("refs/tags/v2.0", seen[-1])):
        raise Wrong("Your policy accepts v1.1 and refuses v2.0. Which part of a ref may vary?")
    for attack, question in MORE:
        if not run(attack, Pipeline.of("TV"), policy).stopped:
            raise Wrong(f"Your policy lets this attack through: “{attack.__doc__}”. {question}")
    for other in ("9004", "75"):
        if policy(seen[-1] | {"source repository identifier": other}):
            raise Wrong(
                f"Your policy accepts the repository id {other}. Another repository can get the "
                "name, and its id is another one. Which one is octo-rocket's?"
            )
    for ref in BRANCHES:
        if policy(_at(ref, seen[-1])):
            raise Wrong(
                f"Your policy accepts {ref}, which is no tag. How does the ref of a tag begin?"
            )


def _at(ref: str, certificate: dict[str, str]) -> dict[str, str]:
    """Return what the certificate of a release would say at another ref."""
    workflow = certificate["build config"].partition("@")[0]
    return certificate | {"source repository ref": ref, "build config": f"{workflow}@{ref}"}
