"""Known mistakes, cheats and other right answers for the exercises of chapter 09."""

from learner import Answers


def row(name: str, *values: object) -> str:
    """The answer to a prediction: the chapter's lines with these values."""
    from course.ch09 import exercises

    lines = {
        "causes": exercises.MESSAGES,
        "succeeds": exercises.ATTACKS,
        "lets_in": exercises.FORMS,
    }[name]
    return f"{name} = {dict(zip(lines, values, strict=True))}"


ANSWERS = {
    "q9_3": Answers(
        mistakes=(
            (row("causes", "form", "form", "token", "twice", "too slow", "name"), "Which variable is missing"),
            (row("causes", "permission", "permission", "token", "twice", "too slow", "name"), "The token is genuine"),
            (row("causes", "permission", "form", "twice", "twice", "too slow", "name"), "as far as looking for a publisher"),
            (row("causes", "permission", "form", "token", "too slow", "too slow", "name"), "How often can a job"),
            (row("causes", "permission", "form", "token", "twice", "twice", "name"), "How long does a minted"),
            (row("causes", "permission", "form", "token", "twice", "too slow", "form"), "Where do the two names"),
        ),
        cheat=row("causes", *["form"] * 6),
    ),
    "q9_2": Answers(
        mistakes=(
            (row("succeeds", False, False, False, True, False, True), "Has the environment any rules"),
            (row("succeeds", True, True, False, True, False, True), "get a request token"),
            (row("succeeds", True, False, True, True, False, True), "The publisher names an environment"),
            (row("succeeds", True, False, False, False, False, True), "in which `uv build` runs"),
            (row("succeeds", True, False, False, True, True, True), "answer to a revoked token"),
            (row("succeeds", True, False, False, True, False, False), "close the old way"),
        ),
        cheat=row("succeeds", *[True] * 6),
    ),
    "q9_1": Answers(
        mistakes=(
            (row("lets_in", True, True, False, False, True, True), "Does a name have a folder"),
            (row("lets_in", True, False, True, False, True, True), "into the claim `repository`"),
            (row("lets_in", True, False, False, True, True, True), "the `name:` inside it"),
            (row("lets_in", True, False, False, False, False, True), "compare the letters"),
            (row("lets_in", True, False, False, False, True, False), "What does an empty field ask"),
        ),
        cheat=row("lets_in", *[True] * 6),
    ),
}  # fmt: skip
