'''The engine of the exercises: each has `check`, `hint` and `solution`.

A chapter's module, `course/ch04/exercises.py`, defines its exercises in order. The second one of
chapter 04 is `q4_2`, in one of two forms. The first judges real code. The functions (or classes)
that the decorator is given are the solution, linted and typed like all code; `solution()` shows
their source, and the notebook's stub is made from their signatures and docstrings. The decorated
function is the check. It gets the learner's answers and raises `Wrong`:

    import base64

    from course.exercise import Wrong, exercise, show

    SETUP = """
    import base64
    """


    def decode_segment(segment: str) -> bytes:
        """Return the bytes of a base64url segment without padding."""
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


    @exercise(
        "A segment decoded",
        decode_segment,
        hints=(
            "How many characters does a group of base64 have, and what fills up the last group?",
            "Add `=` until the length is a multiple of four, and use the URL-safe alphabet.",
        ),
        right="Padding carries no information, so RFC 7515 leaves it out.",
        minutes=3,
    )
    def q4_2(decode_segment):
        for data in (b"", b"o", b"oc", b"\\xfb\\xef\\xbe"):
            segment = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
            got = decode_segment(segment)
            if got != data:
                raise Wrong(f"For {segment} your function returned {show(got)}.")

The second form, `prediction`, asks for a value for each line of a table.

* SETUP is what the chapter's cells have defined by then and an answer may use. Tests run an answer
  after SETUP in a namespace of its own, without the chapter's `lab`.
* A check makes what it needs afresh, a `Lab()` too: the chapter's own lab is set aside meanwhile.
  It compares with values that the answer never had in its hands, and raises outside of callbacks,
  where an answer could catch it.
* Feedback says what the check gave, what the answer did with it, and where to look. It never
  contains the solution.
* Known mistakes, cheats and other right answers are test data: `tests/course/answers/`.

`check` has three outcomes: not attempted (an Ellipsis is left somewhere), wrong, right. It never
raises, not even for `SystemExit` or an interrupt. A check that fails by itself, or returns anything
but None, never makes an answer right.
'''

import ast
import importlib
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course.answers import compare_shape, is_unfinished, line_left, line_of, show
from helpers import display, lab

NOT_ATTEMPTED, WRONG, RIGHT = "not attempted", "wrong", "right"
SIGNS = {NOT_ATTEMPTED: "○", WRONG: "✗", RIGHT: "✓"}
_TONES = {
    NOT_ATTEMPTED: display.GREY,
    WRONG: display.VERMILLION,
    RIGHT: display.GREEN,
    "hint": display.BLUE,
}


class Wrong(Exception):
    """Raised by a check: the answer is wrong. The message is the feedback, one or two sentences."""


@dataclass(frozen=True)
class Reply:
    """What an exercise says: a small box, or a line of text."""

    state: str
    """One of the three outcomes, or "hint"."""
    head: str
    text: str

    def __repr__(self) -> str:
        return f"{self.head} · {self.text}"

    def _repr_html_(self) -> str:
        return display.box(self.head, display.prose(self.text), _TONES[self.state])


@dataclass(frozen=True)
class Code:
    """Source text that displays highlighted."""

    source: str

    def __repr__(self) -> str:
        return self.source

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}\n```"


@dataclass(kw_only=True, eq=False)
class Exercise:
    """One question. The module's docstring says what each field is, with an example."""

    title: str
    names: tuple[str, ...]
    stub: str
    probe: Callable[..., object]
    answer: str
    hints: tuple[str, ...] = ()
    right: str = ""
    minutes: int = 4
    name: str = field(default="q0_0", init=False)
    """As in `exercises.q4_2`; given when the chapter is loaded."""
    done: bool = field(default=False, init=False)
    """Answered rightly since this kernel started."""
    _hints_given: int = field(default=0, init=False)

    def check(self, *answers: object) -> Reply:
        """Judge the answers, given in the order of `names`. Never raises, whatever they do."""
        try:
            state, text = self._judge(answers)
            text = " ".join(text.split())
        except BaseException:  # so odd that it cannot even be described
            state, text = WRONG, "Your answer cannot be examined. Is it what the task asks for?"
        head = f"{SIGNS[state]} {self.name} {state}"
        if state == RIGHT:
            self.done = True
            head += self._standing()
        return Reply(state, head, text[:700])

    def hint(self) -> Reply:
        """The first hint; called again, the next."""
        if self._hints_given == len(self.hints):
            text = f"There are no more hints. `exercises.{self.name}.solution()` shows one way."
            return Reply("hint", f"{self.name} hint", text)
        self._hints_given += 1
        head = f"{self.name} hint {self._hints_given} of {len(self.hints)}"
        return Reply("hint", head, self.hints[self._hints_given - 1])

    def solution(self) -> Code:
        """One right answer, as code."""
        return Code(self.answer.strip())

    def _standing(self) -> str:
        """Say how many of the chapter's exercises are done, such as " · 3 of 5 done"."""
        rows = chapter(int(self.name[1:].partition("_")[0]))
        return f" · {sum(row.done for row in rows)} of {len(rows)} done" if self in rows else ""

    def _judge(self, answers: tuple[object, ...]) -> tuple[str, str]:
        if len(answers) != len(self.names):
            return (
                NOT_ATTEMPTED,
                f"Call it as `exercises.{self.name}.check({', '.join(self.names)})`.",
            )
        for name, answer in zip(self.names, answers, strict=True):
            if is_unfinished(answer):
                gaps = [each is ... for each in answer.values()] if type(answer) is dict else []
                left = "" if all(gaps) or not any(gaps) else f" ({sum(gaps)} left)"
                if line := line_left(answer):
                    left = f" (line {line} of your cell)"
                return (
                    NOT_ATTEMPTED,
                    f"Replace the `...` in `{name}`{left}, run that cell, then this one again.",
                )
        try:
            for name, answer in zip(self.names, answers, strict=True):
                if misshapen := compare_shape(self.stub, name, answer):
                    return WRONG, misshapen
            with lab.set_aside():
                verdict = self.probe(*answers)
        except Wrong as wrong:
            return WRONG, str(wrong) or "This is not the answer."
        except KeyboardInterrupt:
            return (
                WRONG,
                "Interrupted while your code was still running. Is there a loop that never ends?",
            )
        except BaseException as error:
            place, kind = line_of(error, answers), type(error).__name__
            if place is None:
                text = "Does it have, or return, what the task asks for?"
                return WRONG, f"The check could not work with your answer ({kind}). {text}"
            return WRONG, f"Your code raised {kind}{_message(error)} ({place})."
        if verdict is not None:
            return (
                WRONG,
                "This check is broken: it came to no verdict. Not your fault; please report it.",
            )
        return RIGHT, self.right or "Well reasoned."


def _message(error: BaseException) -> str:
    try:
        return f": {str(error)[:200]}" if str(error) else ""
    except Exception:
        return ""


def expect(got: object, wanted: object, question: str) -> None:
    """Raise Wrong with the question unless `got` equals `wanted` and has the same type."""
    if type(got) is not type(wanted):
        kind = "True or False" if isinstance(wanted, bool) else f"a {type(wanted).__name__}"
        raise Wrong(f"{question} Your answer is {show(got)}; expected {kind}.")
    if got != wanted:
        raise Wrong(f"{question} Your answer is {show(got, 90)}.")


def exercise(
    title: str,
    *answers: Any,
    hints: tuple[str, ...],
    right: str,
    minutes: int,
    stub: str = "",
    **values: Any,
) -> Callable[[Callable[..., None]], Exercise]:
    """Make an exercise of the decorated check, whose name becomes the exercise's name.

    answers: the real functions or classes that are the solution. values: solutions that are plain
    values, by name. stub: the notebook's stub cell, where it should not be made from these.
    """
    sources = [textwrap.dedent(inspect.getsource(answer)).strip() for answer in answers]
    lines = [_written(name, value) for name, value in values.items()]
    stubs = [*map(_stub_of, sources), *(f"{name} = ..." for name in values)]

    def decorate(test: Callable[..., None]) -> Exercise:
        made = Exercise(
            title=title,
            names=(*(answer.__name__ for answer in answers), *values),
            stub=stub or "\n\n".join(stubs),
            probe=test,
            answer="\n\n\n".join(sources + lines),
            hints=hints,
            right=right,
            minutes=minutes,
        )
        made.name = test.__name__
        return made

    return decorate


def prediction(
    title: str,
    variable: str,
    lines: Mapping[str, tuple[Any, str]],
    *,
    choices: tuple[Any, ...] = (True, False),
    hints: tuple[str, ...],
    right: str,
    minutes: int,
) -> Callable[[Callable[[], Mapping[str, Any] | None]], Exercise]:
    """Make an exercise that asks for a value for each line.

    lines: for each line, the right value and the question for those who miss it. choices: the
    values that a learner may write. The decorated function tries in the lab what really happens,
    and returns it by line; it returns None where nothing can be tried.
    """
    values = {line: value for line, (value, _) in lines.items()}
    options = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"

    def decorate(truth: Callable[[], Mapping[str, Any] | None]) -> Exercise:
        def test(given: Any) -> None:
            if not isinstance(given, dict) or set(given) != set(lines):
                raise Wrong(f"Leave the {len(lines)} lines as they are; write {options} for each.")
            for line, value in given.items():
                if value not in choices or type(value) not in map(type, choices):
                    wrote = f"For “{line}” you wrote {show(value)}."
                    raise Wrong(f"Write {options} for each line. {wrote}")
            tried = truth()
            assert tried is None or dict(tried) == values
            for line, (value, question) in lines.items():
                if given[line] != value:
                    seen = "" if tried is None else " The lab tried it and got another answer."
                    raise Wrong(f"“{line}”: you say {show(given[line])}.{seen} {question}")

        made = exercise(
            title,
            hints=hints,
            right=right,
            minutes=minutes,
            stub=_written(variable, dict.fromkeys(lines, ...)),
            **{variable: values},
        )(test)
        made.name = truth.__name__
        return made

    return decorate


def _written(name: str, value: object) -> str:
    """Return an assignment as source text, a dict with a line for each of its rows."""
    if not isinstance(value, dict):
        return f"{name} = {_literal(value)}"
    rows = [f"    {_literal(line)}: {_literal(each)}," for line, each in value.items()]
    return "\n".join([f"{name} = {{", *rows, "}"])


def _literal(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "..." if value is ... else repr(value)


def _stub_of(source: str) -> str:
    """Return a function or class with its docstrings, and `...` for each body."""
    lines, kept, skip = source.splitlines(), [], 0
    bodies = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            told = ast.get_docstring(node) is not None
            first = node.body[1] if told and len(node.body) > 1 else node.body[0]
            bodies[first.lineno] = (node.end_lineno or 0, node.col_offset + 4)
    for number, line in enumerate(lines, 1):
        if number in bodies and number > skip:
            skip, indent = bodies[number]
            kept.append(" " * indent + "...")
        elif number > skip:
            kept.append(line)
    return "\n".join(kept)


def chapter(number: int) -> tuple[Exercise, ...]:
    """Return the exercises of one chapter, in order; none if it has no module."""
    name = f"course.ch{number:02d}.exercises"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in (name, name.rpartition(".")[0]):
            raise
        return ()
    found = {each.name: each for each in vars(module).values() if isinstance(each, Exercise)}
    return tuple(sorted(found.values(), key=lambda each: int(each.name.partition("_")[2])))
