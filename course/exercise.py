'''The exercises: `exercises.q4_2` is the second one of chapter 04; it has `check`, `hint` and `solution`.

Each chapter has a module (`ch04.py`) whose list EXERCISES holds its exercises in order. One, complete:

    import base64

    from course.exercise import Exercise, Wrong, show

    SETUP = """
    import base64
    """

    def probe_decode(decode_segment):
        for data in (b"", b"o", b"oc", b"oct", b"\\xfb\\xef\\xbe"):
            segment = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
            got = decode_segment(segment)
            if not isinstance(got, bytes):
                raise Wrong(f"For {segment} came {show(got)}. Are the bytes of a signature always text?")
            if got != data:
                raise Wrong(f"{segment} came out wrong. Which two letters does its alphabet replace?")

    EXERCISES = [
        Exercise(
            title="A segment decoded",
            names=("decode_segment",),
            stub="""
    def decode_segment(segment: str) -> bytes:
        ...
    """,
            probe=probe_decode,
            hints=(
                "How many characters does a group of base64 have, and what fills up the last one?",
                "Add as many `=` as make the length a multiple of four; decode with the URL-safe alphabet.",
            ),
            answer="""
    def decode_segment(segment):
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    """,
            mistakes=(
                ("""
    def decode_segment(segment):
        return base64.b64decode(segment + "=" * (-len(segment) % 4))
    """, "alphabet"),
                ("""
    def decode_segment(segment):
        return base64.urlsafe_b64decode(segment + "==").decode("latin-1")
    """, "always text"),
            ),
            cheat="""
    def decode_segment(segment):
        return b"oct"
    """,
            right="Padding carries no information, so RFC 7515 leaves it out.",
            minutes=3,
        ),
    ]

* `stub` is the text of the notebook's stub cell; `names` is what it defines and what `check` is called with,
  in order.
* SETUP is what the chapter's cells have defined by then and an answer may use. Whoever runs a `stub`, an
  `answer`, a mistake or a `cheat` runs SETUP first, in a namespace of its own: nothing else is there, the
  chapter's `lab` neither.
* `probe` gets the answers, and raises `Wrong("a sentence")` or returns None. It makes whatever it needs
  afresh, a `Lab()` too (the chapter's own is set aside meanwhile), and compares with values that the answer
  never had in its hands, since an answer may change what it is given. It raises outside of callbacks, where
  an answer could catch it. Its sentences, with backticks around code, say where to look and never what the
  answer is.
* `mistakes` are wrong answers that people really give, each with words of the feedback that it gets and no
  other does; `cheat` gets the visible example right and nothing else.
* `right` is said after a right answer and may explain. `minutes` is what a reader needs for it.

`check` has three outcomes: not attempted (an Ellipsis is left somewhere), wrong, right. It never raises, not
even for `SystemExit` or an interrupt: whatever an answer raises is told in one sentence, with the learner's
own line. A probe that fails by itself, or returns anything but None, never makes an answer right.
'''

import contextlib
import html
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from course.answers import compare_shape, is_unfinished, line_of, show
from course.progress import Progress, progress

__all__ = ["Exercise", "Progress", "Wrong", "chapter", "progress", "show"]

NOT_ATTEMPTED, WRONG, RIGHT = "not attempted", "wrong", "right"
SIGNS = {NOT_ATTEMPTED: "○", WRONG: "✗", RIGHT: "✓"}
_COLOURS = {NOT_ATTEMPTED: "#767676", WRONG: "#D55E00", RIGHT: "#009E73", "hint": "#0072B2"}


class Wrong(Exception):
    """Raised by a probe: the answer is wrong. The message is the feedback, one or two sentences."""


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
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text))
        style = f"border-left: 5px solid {_COLOURS[self.state]}; padding: 0.2em 0.8em"
        return f'<div style="{style}"><strong>{self.head}</strong><br>{text}</div>'


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
    probe: Callable[..., None]
    answer: str
    hints: tuple[str, ...] = ()
    mistakes: tuple[tuple[str, str], ...] = ()
    cheat: str = ""
    right: str = ""
    minutes: int = 4
    name: str = field(default="q0_0", init=False)
    """As in `exercises.q4_2`; given when the chapter is loaded."""
    _hints_given: int = field(default=0, init=False)

    def check(self, *answers: object) -> Reply:
        """Say whether the answers, in the order of `names`, are right. Never raises, whatever they do."""
        try:
            state, text = self._judge(answers)
            text = " ".join(text.split())
        except BaseException:  # so odd that it cannot even be described
            state, text = WRONG, "Your answer cannot be examined. Is it what the task asks for?"
        return Reply(state, f"{SIGNS[state]} {self.name} {state}", text[:700])

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

    def _judge(self, answers: tuple[object, ...]) -> tuple[str, str]:
        if len(answers) != len(self.names):
            return (
                NOT_ATTEMPTED,
                f"Call it as `exercises.{self.name}.check({', '.join(self.names)})`.",
            )
        for name, answer in zip(self.names, answers, strict=True):
            if is_unfinished(answer):
                return (
                    NOT_ATTEMPTED,
                    f"Replace the `...` in `{name}`, run that cell, then this one again.",
                )
        try:
            for name, answer in zip(self.names, answers, strict=True):
                if misshapen := compare_shape(self.stub, name, answer):
                    return WRONG, misshapen
            with _chapters_lab_set_aside():
                verdict = self.probe(*answers)
        except Wrong as wrong:
            return WRONG, str(wrong) or "This is not the answer."
        except KeyboardInterrupt:
            return (
                WRONG,
                "Interrupted while your code was still running. Is there a loop that never ends?",
            )
        except BaseException as error:
            line, kind = line_of(error, answers), type(error).__name__
            if line is None:
                text = "Does it have, or return, what the task asks for?"
                return WRONG, f"The check could not work with your answer ({kind}). {text}"
            return WRONG, f"Your code raised {kind}{_message(error)} ({line})."
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


@contextlib.contextmanager
def _chapters_lab_set_aside() -> Iterator[None]:
    """Let a probe open labs without closing the chapter's own, and close those that it leaves open."""
    if lab := sys.modules.get("helpers.lab"):
        with lab.set_aside():
            yield
        return
    try:
        yield
    finally:
        if lab := sys.modules.get("helpers.lab"):  # the probe is the first to use one
            lab.close_open()


def numbered(chapter: int, exercises: Sequence[Exercise]) -> Sequence[Exercise]:
    """Return a chapter's exercises, each with its name: the second of chapter 04 becomes `q4_2`."""
    for n, exercise in enumerate(exercises, 1):
        exercise.name = f"q{chapter}_{n}"
    return exercises


def chapter(number: int) -> tuple[Exercise, ...]:
    """The exercises of one chapter, in order; none if it has no module."""
    name = f"course.ch{number:02d}.exercises"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in (name, name.rpartition(".")[0]):
            raise
        return ()
    return tuple(module.EXERCISES)
