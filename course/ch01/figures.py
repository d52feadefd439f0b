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
Point = tuple[float, float, str, bool]
# A mark, its color, and a darker shade of it that is legible as text on white.
_MARKS = (
    ("o", VERMILLION, "#a84300"),
    ("s", BLUE, "#005a91"),
    ("D", GREEN, "#00694d"),
    ("^", ORANGE, "#7a5200"),
)


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
    """Draw how long things last, on one logarithmic axis, each group with its own mark.

    groups: for each heading, which says what is measured, rows of a label, a number of days
    (infinite for what never ends), and words before the number, such as "at most", or "". The title
    speaks of the first group only, because different clocks cannot be compared.
    """
    count = sum(map(len, groups.values())) + len(groups) * 1.25
    first, longest = next(
        (heading, max(group, key=lambda row: row[1])) for heading, group in groups.items()
    )
    title = (
        f"{first[0].upper()}{first[1:]}: up to {duration(longest[1])}. Other groups, other clocks"
    )
    axes = _chart(title, 1.25 + 0.4 * count, 3.9, 0.4, 0.5)
    _time_axis(axes, SECOND * 8, 40 * YEAR)
    axes.set_ylim(count - 0.4, -0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    told, y = [], 0.0
    for (heading, group), (mark, color, dark) in zip(groups.items(), _MARKS, strict=False):
        axes.text(
            -0.015,
            y,
            heading,
            ha="right",
            va="center",
            weight="bold",
            color=dark,
            transform=axes.get_yaxis_transform(),
        )
        words = []
        for label, days, before in group:
            y += 1
            end = min(days, 40 * YEAR)
            value = f"{before} {duration(days)}".strip() if days <= end else before
            axes.plot([SECOND * 8, end], [y, y], color=color, linewidth=1.2, alpha=0.5)
            axes.plot(
                end, y, ">" if days > end else mark, color=color, markersize=10, clip_on=False
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
def survival(points: Sequence[Point], curves: dict[str, Detection]) -> Figure:
    """Draw the share of leaked credentials that still work, as each model has it, and the points.

    points: a day, the share that works on it, a label, and whether the share is assumed; assumed
    points are hollow. A model with as many parameters as there are points is called fitted, because
    it cannot miss any.
    """
    findings = []
    for name, speeds in curves.items():
        missed = sum(abs(float(speeds.alive(day)) - share) > 0.05 for day, share, _, _ in points)
        fitted = 2 * len(speeds.shares) - 1 >= len(points)
        through = f"fitted through {len(points)} points"
        missing = f"{missed or 'none'} of {len(points)} points missed"
        findings.append(f"{name}: {through if fitted and not missed else missing}")
    finding = "; ".join(findings)
    finding = finding[0].upper() + finding[1:]
    axes = _chart(finding, 5.2, 1.15)
    _time_axis(axes, 0.4, 12 * YEAR)
    axes.set_ylim(-0.03, 1.06)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    days = [0.4 * 10 ** (n / 100) for n in range(405)]
    for (name, speeds), (line, color, at) in zip(
        curves.items(), (("--", VERMILLION, 250), ("-", BLUE, 8)), strict=False
    ):
        axes.plot(days, speeds.alive(days), line, color=color, linewidth=2.5)
        place = (at, float(speeds.alive(at)))
        offset = (10, 6) if line == "--" else (0, -26)
        axes.annotate(name, place, offset, textcoords="offset points", color=color, weight="bold")
    for day, share, label, assumed in points:
        inside = "white" if assumed else BLACK
        axes.plot(day, share, "o", color=BLACK, markerfacecolor=inside, markeredgewidth=2,
                  markersize=10, zorder=5)  # fmt: skip
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
    axes.set_ylabel("still works")
    told = [
        f"{label}{' (hollow)' if assumed else ''}, where "
        + " and ".join(f"{name} says {float(s.alive(day)):.1%}" for name, s in curves.items())
        for day, _, label, assumed in points
    ]
    return Figure(f"{finding}: {'; '.join(told)}.", axes.figure)


@matplotlib.rc_context(STYLE)
def ranking(rows: Sequence[tuple[str, float]]) -> Figure:
    """Draw what each measure leaves of the exposure, on a logarithmic axis.

    rows: a label and project-days each; the others are compared with the first.
    """
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
        color = VERMILLION if value > most / 2 else BLUE
        axes.plot([least / 3, value], [y, y], color=color, linewidth=2)
        axes.plot(value, y, "X" if color == VERMILLION else "o", color=color, markersize=11)
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
