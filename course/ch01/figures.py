"""The figures of chapter 01: lifetimes on one axis, what refutes one speed, what helps most."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from course import figure as fig
from course.ch01.leakage import MINUTE, SECOND, YEAR, Detection, duration

_TICKS = {"1 s": SECOND, "1 min": MINUTE, "1 h": 1 / 24, "1 day": 1, "1 month": 30,
          "1 year": YEAR, "10 years": 10 * YEAR}  # fmt: skip
_MARKS = (("o", fig.VERMILLION), ("s", fig.BLUE), ("D", fig.GREEN), ("^", fig.ORANGE))
_INK = fig.INK | {fig.ORANGE: "#7A5200"}
_BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_SHORTEST, _LONGEST = 8 * SECOND, 40 * YEAR

Row = tuple[str, float, str]
"""Label, days (infinite for what never ends), a word before the number ("at most") or ""."""


@fig.styled
def lifetimes(groups: dict[str, Sequence[Row]]) -> fig.Figure:
    """Draw how long things last, on one logarithmic axis.

    groups: the rows that are measured by the same clock, under a heading that names it. Each group
    has a mark of its own, because numbers of different clocks must not be compared.
    """
    heading, rows = next(iter(groups.items()))
    most = max(rows, key=lambda row: row[1])
    title = f"{fig.sentence_case(heading)}: {'up to ' * (most[1] < _LONGEST)}{_value(most)}"
    title += ". The groups measure different things" if len(groups) > 1 else ""
    lines = sum(map(len, groups.values())) + 1.25 * len(groups)
    axes = fig.chart(title, 1.5 + 0.4 * lines, 3.9, 0.4, 0.5)
    _time_axis(axes, _SHORTEST, _LONGEST)
    axes.set_ylim(lines - 0.4, -0.4)
    _no_frame(axes)
    told, y = [], 0.0
    for (name, group), (mark, color) in zip(groups.items(), _MARKS, strict=False):
        _label(axes, y, name, weight="bold", color=_INK[color])
        for n, row in enumerate(group, 1):
            _life(axes, y + n, row, mark, color)
        told.append(f"{name}: {', '.join(f'{row[0]} {_value(row)}' for row in group)}")
        y += len(group) + 1.25
    return fig.Figure(f"{title}. {'; '.join(told)}.", axes.figure)


def _value(row: Row) -> str:
    """Return what stands beside a row's mark: a duration, or the word alone for what never ends."""
    _, days, before = row
    return f"{before} {duration(days)}".strip() if days <= _LONGEST else before


def _life(axes: Axes, y: float, row: Row, mark: str, color: str) -> None:
    label, days, _ = row
    end = min(days, _LONGEST)
    axes.plot([_SHORTEST, end], [y, y], color=color, linewidth=1.2, alpha=0.5)
    axes.plot(end, y, ">" if days > end else mark, color=color, markersize=10, clip_on=False)
    place, align = ((-10, 9), "right") if end > 20 else ((10, 0), "left")
    fig.beside(axes, end, y, _value(row), place, ha=align, va="center", size=fig.SMALL)
    _label(axes, y, label)


def _label(axes: Axes, y: float, words: str, **look: Any) -> None:
    fig.write(axes, -0.015, y, words, "right", transform=axes.get_yaxis_transform(), **look)


def _time_axis(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = {name: days for name, days in _TICKS.items() if low <= days <= high}
    axes.set_xticks(list(ticks.values()), list(ticks))
    _grid(axes)


def _grid(axes: Axes) -> None:
    axes.set_xticks([], minor=True)
    axes.grid(axis="x", color="#DDDDDD", linewidth=1)


def _no_frame(axes: Axes) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


Point = tuple[float, float, str, bool]
"""Day, share alive on it, label, and whether an assumption went into it."""


@fig.styled
def survival(points: Sequence[Point], curves: dict[str, Detection]) -> fig.Figure:
    """Draw the share of leaked credentials still alive, as two models have it, and known points.

    A point that rests on an assumption is hollow. A curve with at least as many parameters as there
    are points is called fitted: that it meets them is no evidence for it. The first curve is drawn
    dashed, the second solid.
    """
    found = [f"“{name}” {_verdict(curve, points)}" for name, curve in curves.items()]
    finding = "; ".join(found)
    finding = finding[0] + fig.sentence_case(finding[1:])
    axes = fig.chart(finding, 5.2, 1.15)
    _time_axis(axes, 1 / 24, _LONGEST)
    axes.set(ylim=(-0.03, 1.06), xlabel="after the leak (logarithmic scale)", ylabel="still works")
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    looks = (("--", fig.VERMILLION, 120, (12, 4)), ("-", fig.BLUE, 220, (0, 10)))
    for (name, curve), look in zip(curves.items(), looks, strict=False):
        _curve(axes, name, curve, *look)
    for point in points:
        _point(axes, *point)
    told = [_said(point, curves) for point in points]
    return fig.Figure(f"{finding}: {'; '.join(told)}.", axes.figure)


def _verdict(curve: Detection, points: Sequence[Point]) -> str:
    """Return how many points a curve misses, or that it has a parameter for each: the means, and
    all shares but one."""
    missed = sum(abs(float(curve.alive(day)) - share) > 0.05 for day, share, *_ in points)
    if not missed and 2 * len(curve.shares) - 1 >= len(points):
        return f"is fitted to {fig.plural(len(points), 'point')}"
    return f"misses {missed or 'none'} of {fig.plural(len(points), 'point')}"


def _curve(axes: Axes, name: str, curve: Detection, line: str, color: str, at: float,
           offset: tuple[float, float]) -> None:  # fmt: skip
    days = [10 ** (n / 100) / 24 for n in range(555)]
    axes.plot(days, curve.alive(days), line, color=color, linewidth=2.5)
    fig.beside(axes, at, float(curve.alive(at)), name, offset, color=fig.INK[color], weight="bold")


def _point(axes: Axes, day: float, share: float, label: str, assumed: bool) -> None:
    look = {"markersize": 10, "markeredgewidth": 2, "zorder": 5, "color": fig.BLACK}
    axes.plot(day, share, "o", markerfacecolor="white" if assumed else fig.BLACK, **look)
    words = label + "\n(assumed)" * assumed
    place = (4, -36 if assumed and share > 0.3 else 12)
    fig.beside(axes, day, share, words, place, ha="left", size=fig.SMALL, bbox=_BLANK)


def _said(point: Point, curves: dict[str, Detection]) -> str:
    day, _, label, assumed = point
    says = [f"{name} says {float(curve.alive(day)):.1%}" for name, curve in curves.items()]
    return f"{label}{' (hollow)' * assumed}, where {fig.listed(says)}"


@fig.styled
def ranking(rows: Sequence[tuple[str, float]]) -> fig.Figure:
    """Draw what each measure leaves of the exposure, on a logarithmic axis.

    rows: a label and a number of project-days; the others are compared with the first.
    """
    (_, most), ordered = rows[0], sorted(rows, key=lambda row: -row[1])
    (worst, left), (best, least) = ordered[1], ordered[-1]
    title = f"“{fig.sentence_case(worst)}” leaves {left / most:.0%} of the exposure; "
    title += f"“{best}” leaves one part in {_round(most / least)}"
    axes = fig.chart(title, 1.8 + 0.55 * len(rows), 3.6)
    axes.set(xscale="log", xlim=(least / 3, most * 30), ylim=(len(rows) - 0.4, -0.6))
    ticks = {1e-4: "0.0001", 1e-2: "0.01", 1: "1", 100: "100", 10_000: "10,000"}
    axes.set_xticks(*zip(*[tick for tick in ticks.items() if tick[0] > least / 3], strict=True))
    axes.set_xlim(least / 3, most * 30)
    _grid(axes)
    _no_frame(axes)
    axes.set_yticks(range(len(rows)), [label for label, _ in ordered])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("project-days of exposure for each leaked token (logarithmic scale)")
    for y, (_, value) in enumerate(ordered):
        _exposure(axes, y, least / 3, value)
    told = ", ".join(f"{label} {_figure_of(value)}" for label, value in ordered)
    return fig.Figure(f"{title}. In project-days: {told}.", axes.figure)


def _exposure(axes: Axes, y: int, start: float, value: float) -> None:
    axes.plot([start, value], [y, y], color=fig.BLUE)
    axes.plot(value, y, "o", color=fig.BLUE, markersize=11)
    words = _figure_of(value)
    fig.beside(axes, value, y, words, (12, 0), va="center", weight="bold", bbox=_BLANK)


def _round(number: float) -> str:
    """Return a number with one digit that counts: 52,300,000 is "50 million"."""
    number = float(f"{number:.1g}")
    return f"{number / 1e6:.0f} million" if number >= 1e6 else f"{number:,.0f}"


def _figure_of(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
