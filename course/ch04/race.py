"""Two requests at once: the first is stopped halfway, and meanwhile the second is answered."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from course.exercise import Wrong, show

PATIENCE = 2
"""Seconds after which a call that has not come back counts as stuck."""
LOCKS = (type(threading.Lock()), type(threading.RLock()))


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
    """Call the function in `count` threads at the same moment, and return what each call returns."""
    together = threading.Barrier(count)

    def wait_and_call(_: int) -> Any:
        together.wait()
        return function()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_call, range(count)))


def overtake(kind: type, step: int, jti: str, stop: float = 0.005) -> tuple[list[Any], bool, bool]:
    """Let one request claim "jti", and a second one `jti`. The first stops at its n-th step until
    the second is through, at most for `stop` seconds.

    Returns both answers, whether the first has that many steps, and whether the second had to wait.
    """
    store, under_way = kind(), threading.Event()
    theirs = getattr(kind.claim, "__globals__", None)  # type: ignore[attr-defined]
    counted, waited = 0, False

    def second_claim() -> Any:
        under_way.set()
        return store.claim(jti)

    def watch(frame: Any, event: str, _: Any) -> Any:
        nonlocal counted, waited
        if frame.f_globals is not theirs:
            return None
        frame.f_trace_opcodes = True
        counted += event in ("line", "opcode")
        if counted == step and second.ident is None:
            second.start()
            under_way.wait(PATIENCE)
            second.join(stop)  # through by then, or waiting for a lock that the first one holds
            waited = second.is_alive()
        return watch

    def first_claim() -> Any:
        sys.settrace(watch)
        try:
            return store.claim("jti")
        finally:
            sys.settrace(None)

    first, second = Call(first_claim), Call(second_claim)
    first.start()
    first.join(PATIENCE)
    stopped = second.ident is not None
    if not stopped:
        second.start()
    return [first.result(), second.result()], stopped, waited


def check_race(kind: type) -> None:
    """Raise Wrong unless exactly one of two requests with the same `jti` gets True, and two with
    different ones both do, wherever the first is stopped."""
    waited = False
    for step in range(1, 400):
        both, stopped, waits = overtake(kind, step, "jti")
        if sorted(both, key=str) != [False, True]:
            raise Wrong(explain(kind, both))
        long = waits and not waited  # once is enough to notice a request that gives up
        others, *_ = overtake(kind, step, "another", 1.2 if long else 0.005)
        waited |= waits
        if others != [True, True]:
            raise Wrong(
                f"One request was stopped inside `claim`{' for a second' * long}, and another came "
                f"with a different `jti`, never seen before. They got {show(others)}. Both should "
                "get True."
            )
        if not stopped:
            return


def explain(kind: type, both: list[Any]) -> str:
    """Return what a store did with two simultaneous requests, and where to look."""
    if both.count(True) != 2:
        return f"Two simultaneous requests got {show(both)}. Exactly one of them should get True."
    happened = (
        "One request was stopped inside `claim`, another with the same `jti` came meanwhile, and "
        "both got True."
    )
    names = set(getattr(getattr(kind.claim, "__code__", None), "co_names", ()))  # type: ignore[attr-defined]
    if names & {"Lock", "RLock", "Semaphore", "Condition"}:
        return (
            f"{happened} A lock keeps out only those who want the same lock. How many do you make?"
        )
    if any(isinstance(value, LOCKS) for value in vars(kind()).values()):
        return f"{happened} Do you hold the lock from the question to the answer, without a gap?"
    return f"{happened} Between which two of your steps can that happen?"
