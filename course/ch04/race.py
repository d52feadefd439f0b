"""Two requests at once: the first is stopped halfway, and meanwhile the second is answered."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from course.exercise import Wrong

PATIENCE = 2
"""Seconds after which a call that has not come back counts as stuck."""


class Call(threading.Thread):
    """A call in a thread of its own; `result()` returns its value or raises its error."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function, self._done = function, False
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # raised again by result()
            self._error = error
        self._done = True

    def result(self) -> Any:
        """Return what the call returns. Raises its error, or Wrong if it does not come back."""
        self.join(PATIENCE)
        if not self._done:
            raise Wrong(
                "A call of `claim` never came back. Is a lock acquired that is not released on "
                "every way out?"
            )
        if self._error is not None:
            raise self._error
        return self._value


def call(function: Callable[[], Any]) -> Any:
    """Call the function in a thread, so that one that hangs is noticed."""
    thread = Call(function)
    thread.start()
    return thread.result()


def at_once(count: int, function: Callable[[], Any]) -> list[Any]:
    """Call the function in `count` threads at the same moment; return what each call returns."""
    together = threading.Barrier(count)

    def wait_and_call(_: int) -> Any:
        together.wait()
        return function()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_call, range(count)))


def overtake(
    kind: type, step: int, line: int = 0, jti: str = "jti", pause: float = 0.005
) -> tuple[list[Any], bool, bool]:
    """Let one request claim "jti", and a second one `jti`. The first pauses at its n-th step until
    the second is through. If `line` is given, the second pauses at its n-th line until the first is
    through. No pause is longer than `pause` seconds.

    Returns both answers, whether both came so far, and whether the second had to wait.
    """
    store, under_way, turn = kind(), threading.Event(), threading.Event()
    theirs = getattr(kind.claim, "__globals__", None)  # type: ignore[attr-defined]
    steps, lines, waited = 0, 0, False

    def watch(frame: Any, event: str, _: Any) -> Any:
        nonlocal steps, waited
        if frame.f_globals is not theirs:
            return None
        frame.f_trace_opcodes = True
        steps += event in ("line", "opcode")
        if steps == step and second.ident is None:
            second.start()
            under_way.wait(PATIENCE)
            waited = not turn.wait(pause)  # the second waits for a lock that the first one holds
        return watch

    def watch_second(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        if frame.f_globals is not theirs:
            return None
        lines += event == "line"
        if lines == line and not turn.is_set():
            turn.set()
            first.join(pause)
        return watch_second

    def claim(tracer: Any, jti: str) -> Any:
        if tracer is not watch:
            under_way.set()
        sys.settrace(tracer)
        try:
            return store.claim(jti)
        finally:
            sys.settrace(None)
            turn.set()

    first = Call(lambda: claim(watch, "jti"))
    second = Call(lambda: claim(watch_second if line else None, jti))
    first.start()
    first.join(PATIENCE)
    paused = second.ident is not None
    if not paused:
        second.start()
    return [first.result(), second.result()], paused and lines >= line, waited
