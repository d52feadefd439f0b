"""The figures of chapter 01: lifetimes on one axis, what refutes one speed, what helps most."""

import textwrap
from collections.abc import Sequence

import matplotlib
from matplotlib import figure
from matplotlib.axes import Axes

from course.ch01.leakage import MINUTE, SECOND, YEAR, Detection, duration
from course.figure import BLACK, BLUE, GREEN, GREY, ORANGE, SIZE, STYLE, VERMILLION, WIDTH, Figure

_TICKS = {
    "1 s": SECOND,
    "1 min": MINUTE,
    "1 h": 1 / 24,
    "1 day": 1,
    "1 month": 30,
    "1 year": YEAR,
    "10 years": 10 * YEAR,
}
_MARKS = (("o", VERMILLION), ("s", BLUE), ("D", GREEN), ("^", ORANGE))


def _chart(
    title: str, height: float, left: float, right: float = 0.25, bottom: float = 0.7
) -> Axes:
    """Axes under a title, with margins in inches."""
    heading = textwrap.wrap(title, 70)
    height += 0.3 * (len(heading) - 1)
    top = 0.45 + 0.3 * len(heading)
    sheet = figure.Figure(figsize=(WIDTH, height))
    size = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (bottom + top) / height)
    sheet.text(
        0.15 / WIDTH, 1 - 0.18 / height, "\n".join(heading), size=SIZE + 4, weight="bold", va="top"
    )
    return sheet.add_axes(size)


def _time_axis(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = {name: days for name, days in _TICKS.items() if low <= days <= high}
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.set_xticks([], minor=True)
    axes.grid(axis="x", color="#DDDDDD", linewidth=1)
    axes.set_axisbelow(True)


@matplotlib.rc_context(STYLE)
def lifetimes(groups: dict[str, Sequence[tuple[str, float, str]]]) -> Figure:
    """How long things last, on one logarithmic axis, each group with a mark of its own.

    `groups` maps a heading, the clock that its rows are measured by, to rows of a label, a number of days
    (infinite for what never ends), and a word that stands before the number ("at most"), or nothing.
    """
    rows = [(label, days) for group in groups.values() for label, days, _ in group]
    count = len(rows) + len(groups) * 1.25
    title = "Up to " + ", ".join(
        f"{duration(max(days for _, days, _ in group))} for a {heading.partition(',')[0]}"
        for heading, group in list(groups.items())[:2]
    )
    axes = _chart(title, 1.25 + 0.4 * count, 3.9, 0.4, 0.5)
    _time_axis(axes, SECOND * 8, 40 * YEAR)
    axes.set_ylim(count - 0.4, -0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    told, y = [], 0.0
    for (heading, group), (mark, colour) in zip(groups.items(), _MARKS, strict=False):
        axes.text(
            -0.015,
            y,
            heading,
            ha="right",
            va="center",
            weight="bold",
            color=colour,
            transform=axes.get_yaxis_transform(),
        )
        words = []
        for label, days, before in group:
            y += 1
            end = min(days, 40 * YEAR)
            value = f"{before} {duration(days)}".strip() if days <= end else before
            axes.plot([SECOND * 8, end], [y, y], color=colour, linewidth=1.2, alpha=0.5)
            axes.plot(
                end, y, ">" if days > end else mark, color=colour, markersize=10, clip_on=False
            )
            near = end > 20
            axes.annotate(
                value,
                (end, y),
                (-10 if near else 10, 9 if near else 0),
                textcoords="offset points",
                ha="right" if near else "left",
                va="center",
                size=SIZE - 1,
            )
            axes.text(
                -0.015, y, label, ha="right", va="center", transform=axes.get_yaxis_transform()
            )
            words.append(f"{label} {value}")
        told.append(f"{heading}: {', '.join(words)}")
        y += 1.25
    return Figure(f"{title}. {'; '.join(told)}.", axes.figure)


@matplotlib.rc_context(STYLE)
def survival(facts: Sequence[tuple[float, float, str]], curves: dict[str, Detection]) -> Figure:
    """The share of leaked credentials still alive, as each model predicts it, and the facts that it should
    meet.

    `facts` are a day, the share alive on it, and a label; the last two curves are drawn dashed and solid.
    """
    misses = {
        name: sum(abs(float(speeds.alive(day)) - share) > 0.05 for day, share, _ in facts)
        for name, speeds in curves.items()
    }
    finding = "; ".join(
        f"{name}: {n or 'none'} of {len(facts)} facts missed" for name, n in misses.items()
    )
    finding = finding[0].upper() + finding[1:]
    axes = _chart(finding, 5.2, 1.15)
    _time_axis(axes, 0.4, 12 * YEAR)
    axes.set_ylim(-0.03, 1.06)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    days = [0.4 * 10 ** (n / 100) for n in range(405)]
    for (name, speeds), (line, colour, at) in zip(
        curves.items(), (("--", VERMILLION, 250), ("-", BLUE, 8)), strict=False
    ):
        axes.plot(days, speeds.alive(days), line, color=colour, linewidth=2.5)
        place = (at, float(speeds.alive(at)))
        offset = (10, 6) if line == "--" else (0, -26)
        axes.annotate(name, place, offset, textcoords="offset points", color=colour, weight="bold")
    for day, share, label in facts:
        axes.plot(day, share, "o", color=BLACK, markersize=10, zorder=5)
        axes.annotate(
            label,
            (day, share),
            (0, 14),
            textcoords="offset points",
            ha="center",
            size=SIZE - 1,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_xlabel("after the leak")
    axes.set_ylabel("still alive")
    told = [
        f"{label}, where "
        + " and ".join(f"{name} says {float(s.alive(day)):.1%}" for name, s in curves.items())
        for day, _, label in facts
    ]
    return Figure(f"{finding}: {'; '.join(told)}.", axes.figure)


@matplotlib.rc_context(STYLE)
def ranking(rows: Sequence[tuple[str, float]]) -> Figure:
    """What each measure leaves of the exposure, on a logarithmic axis. `rows` are a label and project-days;
    the first is what the others are compared with."""
    (_, most), ordered = rows[0], sorted(rows, key=lambda row: -row[1])
    least = min(value for _, value in rows)
    (worst, left), (best, _) = (pick(rows[1:], key=lambda row: row[1]) for pick in (max, min))
    few = f"one part in {_round(most / least)}"
    title = f"Of the exposure, “{worst}” leaves {left / most:.0%}; “{best}” leaves {few}"
    axes = _chart(title, 1.5 + 0.55 * len(rows), 3.6)
    axes.set_xscale("log")
    axes.set_xlim(least / 3, most * 30)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [label for label, _ in ordered])
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([1e-4, 1e-2, 1, 100, 10_000], ["0.0001", "0.01", "1", "100", "10,000"])
    axes.set_xticks([], minor=True)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#DDDDDD", linewidth=1)
    axes.set_axisbelow(True)
    axes.set_xlabel("project-days of exposure for each leaked token")
    axes.axvline(most, color=GREY, linestyle=":", linewidth=1.5)
    told = []
    for y, (label, value) in enumerate(ordered):
        colour = VERMILLION if value > most / 2 else BLUE
        axes.plot([least / 3, value], [y, y], color=colour, linewidth=2)
        axes.plot(value, y, "X" if colour == VERMILLION else "o", color=colour, markersize=11)
        axes.annotate(
            _figure_of(value),
            (value, y),
            (12, 0),
            textcoords="offset points",
            va="center",
            weight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
        told.append(f"{label} {_figure_of(value)}")
    return Figure(f"{title}. In project-days: {', '.join(told)}.", axes.figure)


def _round(number: float) -> str:
    return f"{number / 1e6:.0f} million" if number >= 1e6 else f"{number:,.0f}"


def _figure_of(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
