"""What a learner does with an exercise: runs cells, and checks what they define."""

import importlib
import itertools
import linecache
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.exercise import Exercise, Reply, chapter

_CELLS = itertools.count(1)
COURSE = Path(__file__).parents[2] / "course"


@dataclass(frozen=True)
class Answers:
    """Test data for one exercise: `tests/course/answers/ch04.py` has one for each, by its name.

    mistakes: wrong answers that people really give, each with words of the feedback that no other
    of these mistakes gets. An answer is the source of a cell, or a pair (old, new): the solution
    with these words replaced. cheat: gets the visible example right and nothing else.
    right: correct answers that use other ways than the solution.
    """

    mistakes: tuple[tuple[str | tuple[str, str], str], ...]
    cheat: str
    right: tuple[str | tuple[str, str], ...] = ()


def run(source: str, setup: str = "", stored: bool = True) -> dict[str, Any]:
    """Run source text as a notebook's cell is run, after what the notebook has defined by then."""
    namespace = {"__name__": "__main__", "__builtins__": __builtins__}
    for text in (setup, source):
        text = textwrap.dedent(text).strip() + "\n"
        name = f"cell-{next(_CELLS)}"
        if stored:  # as IPython does; it is how `inspect` finds the text again
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        with warnings.catch_warnings():  # such as Python 3.14's of a `return` under `finally`
            warnings.simplefilter("ignore", SyntaxWarning)
            code = compile(text, name, "exec")
        exec(code, namespace)
    return namespace


def check(exercise: Exercise, source: str, setup: str = "", stored: bool = True) -> Reply:
    """Run the source of an answer, and let the exercise judge what it defines."""
    namespace = run(source, setup, stored)
    return exercise.check(*(namespace[name] for name in exercise.names))


def source_of(exercise: Exercise, answer: str | tuple[str, str]) -> str:
    """Return an answer's source; a pair is an edit of the solution, which has to contain it."""
    if isinstance(answer, str):
        return answer
    old, new = answer
    assert old in exercise.answer, f"{exercise.name}: {old!r} is not in the solution"
    return exercise.answer.replace(old, new)


def chapters() -> list[int]:
    """Return the numbers of the chapters that have exercises."""
    return sorted(int(path.parent.name[2:]) for path in COURSE.glob("ch[0-9][0-9]/exercises.py"))


def cases() -> list[tuple[Exercise, str, Answers | None]]:
    """Return every exercise with its chapter's SETUP and its test data."""
    found = []
    for number in chapters():
        module = importlib.import_module(f"course.ch{number:02d}.exercises")
        try:
            known = importlib.import_module(f"answers.ch{number:02d}").ANSWERS
        except ModuleNotFoundError:
            known = {}
        for exercise in chapter(number):
            found.append((exercise, getattr(module, "SETUP", ""), known.get(exercise.name)))
    return found
