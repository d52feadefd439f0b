"""How the benchmarks are reported: one line each, with the median, a peer measured in the same run, and the ratio."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date

import pytest

TODAY = date.today()  # before any lab freezes the clock
HEAD = ("what", "median", "peer", "ratio or count", "aim")


@pytest.fixture
def against(benchmark) -> Callable[..., None]:
    """Measure a function and its peer in turns, so that whatever else the machine does slows both.

    `prepare` is called before each turn, unmeasured; what it returns is given to the function. `times` is how often the
    function does its work in one turn.
    """

    def measure(
        what: str,
        ours: Callable[..., object],
        peer: Callable[[], object],
        aim: str,
        *,
        rounds: int,
        times: int = 1,
        prepare: Callable[[], tuple] = tuple,
    ) -> None:
        peers: list[float] = []

        def turn() -> tuple[tuple, dict]:
            begun = time.perf_counter()
            peer()
            peers.append(time.perf_counter() - begun)
            return prepare(), {}

        benchmark.pedantic(ours, setup=turn, rounds=rounds, warmup_rounds=1)
        ratios = [
            mine / theirs
            for mine, theirs in zip(benchmark.stats.stats.data, peers[1:], strict=True)
        ]
        benchmark.extra_info.update(
            what=what,
            aim=aim,
            times=times,
            peer=statistics.median(peers[1:]),
            result=f"{statistics.median(ratios):.2f} times",
        )

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table."""
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    rows = [HEAD]
    for each in session.benchmarks if session else ():
        more = each.extra_info
        if "what" not in more:
            continue
        per = each.stats.median / more["times"]
        peer = _shown(more["peer"] / more["times"]) if "peer" in more else "-"
        rows.append(
            (
                more["what"],
                _shown(per),
                peer,
                more.get("result") or f"{1 / per:.0f} a second",
                more["aim"],
            )
        )
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    terminalreporter.section("medians, and how they compare")
    terminalreporter.line(
        f"{TODAY}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    for row in rows:
        terminalreporter.line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _shown(seconds: float) -> str:
    return (
        f"{seconds * 1e6:.1f} µs"
        if seconds < 1e-3
        else f"{seconds * 1e3:.1f} ms"
        if seconds < 1
        else f"{seconds:.2f} s"
    )
