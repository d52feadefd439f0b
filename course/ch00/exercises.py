"""The exercises of chapter 00: three guesses, which chapter 06 asks again, and a first attack."""

from collections.abc import Callable

from course.desk import exchange, upload
from course.exercise import Exercise, Wrong, exercise, show
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob

SETUP = """
from helpers.provider.jobs import GitHubJob
"""


def _guess(
    number: int,
    title: str,
    letter: str,
    wrong: dict[str, str],
    *,
    right: str,
    hints: tuple[str, str],
) -> Callable[[Callable[[], bool]], Exercise]:
    """Make an exercise that asks for one of three letters.

    letter: the right one. wrong: for each of the other two, the question for those who choose it.
    The decorated function tries the right answer in the lab, and returns whether it holds there.
    """
    name = f"guess_{number}"

    def decorate(holds: Callable[[], bool]) -> Exercise:
        def test(answer: object) -> None:
            if not isinstance(answer, str) or answer not in {letter, *wrong}:
                raise Wrong(f'Expected "a", "b" or "c", in quotes, but got {show(answer)}.')
            if answer in wrong:
                raise Wrong(f"A fair guess, but no. {wrong[answer]}")
            assert holds()

        test.__name__ = holds.__name__
        stub = f'{name} = ...  # "a", "b" or "c"'
        form = exercise(title, hints=hints, right=right, minutes=1, stub=stub, **{name: letter})
        return form(test)

    return decorate


@_guess(
    1,
    "What could the job show?",
    "c",
    {
        "a": "Part 1 lists the changes of that night. How many workflows lost the stored token?",
        "b": "A job needs a permission to request an ID token. Did this job have it? Part 1 shows "
        "what was changed that night.",
    },
    right="That is what the public history shows. Part 1 tells the story, and chapter 06 runs a "
    "job of this kind and reads its log.",
    hints=(
        "Two workflows could publish, and one of them ran by itself.",
        "The first change took something away from both workflows and gave something to one.",
    ),
)
def q0_1() -> bool:
    return True  # what that night's job could show is inferred from the public history, not tried


@_guess(
    2,
    "What happens to the stored token?",
    "c",
    {
        "a": "The index would have to know that the token is no longer needed. Who would tell it?",
        "b": "Someone would have to write an expiry date into the token. Chapter 01 opens one and "
        "looks for a date.",
    },
    right="The lab tried it. It published a release with an ID token, and a thousand days later "
    "the old token still worked. Chapter 06 finds such tokens.",
    hints=(
        "Registering a trusted publisher opens a new way to publish.",
        "Does opening a new way close the old one?",
    ),
)
def q0_2() -> bool:
    lab = Lab()
    stored = lab.index.create_api_token("alice")
    minted, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    released = upload(lab, minted, "octo_rocket-1.0-py3-none-any.whl")
    lab.clock.advance(days=1000)
    works = upload(lab, stored, "octo_rocket-1.1-py3-none-any.whl")
    lab.index.revoke_api_token(stored)
    return released and works and not upload(lab, stored, "octo_rocket-1.2-py3-none-any.whl")


@_guess(
    3,
    "What is left to steal?",
    "b",
    {
        "a": "Something has to convince the index when `uv publish` uploads. What is it, and who "
        "else in the job can read it?",
        "c": "Part 3 mints an API token. For how many projects is it good, and for how long?",
    },
    right="The lab tried it. The stolen token published once, and 15 minutes later the index "
    "refused it. Chapter 05 runs such a theft.",
    hints=(
        "A step inside the job can read whatever the job uses.",
        "Part 3 prints what this job uses, and when it expires.",
    ),
)
def q0_3() -> bool:
    lab = Lab()
    lab.index.add_project("other", owner="alice")
    stolen, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    works = upload(lab, stolen, "octo_rocket-1.0-py3-none-any.whl")
    elsewhere = upload(lab, stolen, "other-1.0-py3-none-any.whl")
    lab.clock.advance(minutes=15)
    later = upload(lab, stolen, "octo_rocket-1.1-py3-none-any.whl")
    return works and not elsewhere and not later


def attack() -> GitHubJob:
    """Return a job that Mallory runs on her own branch, and that the index lets in."""
    return GitHubJob(actor="mallory", ref="refs/heads/mallory")


@exercise(
    "Get in as Mallory",
    attack,
    hints=(
        "Her own repository was the wrong place. In which repository may she push a branch?",
        "Change the actor and the branch. Does the index compare anything else with the job of "
        "Alice? Leave that as it is.",
    ),
    right="The index never looked at `actor` or `ref`, so Mallory's branch is as good as Alice's "
    "release. Chapter 05 shows what Alice can do about it.",
    minutes=2,
)
def q0_4(attack: Callable[[], GitHubJob]) -> None:
    lab, job = Lab(), attack()
    if not isinstance(job, GitHubJob):
        raise Wrong(f"Expected a `GitHubJob`, but your function returned {show(job)}.")
    if job.actor != "mallory":
        raise Wrong(f"The actor of your job is {show(job.actor)}. Who is it that attacks?")
    if not job.ref.removeprefix("refs/heads/").strip() or not job.ref.startswith("refs/heads/"):
        raise Wrong(
            f"The `ref` of your job is {show(job.ref)}. How does the `ref` of a branch begin?"
        )
    if job.ref.strip() == "refs/heads/main":
        raise Wrong(f"Your job runs on {show(job.ref)}. Mallory may push only to other branches.")
    if not job.may_ask:
        raise Wrong("GitHub gives this job no ID token: it lacks the permission, or is a fork's.")
    _, refusal = exchange(lab, lab.github.id_token(job))
    if refusal:
        alices = GitHubJob(actor=job.actor, ref=job.ref)
        changed = [name for name, value in vars(alices).items() if getattr(job, name) != value]
        raise Wrong(
            f"The lab tried it, and the index refused your job: `{refusal}`. Your job differs from "
            f"Alice's in {', '.join(changed)}. Did Mallory have to change that?"
        )
