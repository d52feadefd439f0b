"""The figures of chapter 06: what each workflow can show, and where orders of a migration break."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course import figure as fig

State = tuple[str, str, str, bool]
"""State, workflow, what it has to show, whether it can publish."""


@fig.styled
def states(rows: Sequence[State]) -> fig.Figure:
    """Draw what each workflow has to show in each state: a table in color, with words.

    rows: the states in their order. Raises ValueError for none.
    """
    if not rows:
        raise ValueError("there are no states to draw")
    across, down = (list(dict.fromkeys(row[n] for row in rows)) for n in (0, 1))
    finding = _finding(rows)
    axes, left, top, height = fig.sheet(finding), 2.75, 1.1, 0.95
    width = (fig.WIDTH - left - 0.2) / len(across)
    for column, state in enumerate(across):
        fig.write(axes, left + (column + 0.5) * width, top - 0.2, state, "center", weight="bold")
    for line, workflow in enumerate(down):
        look = {"family": "DejaVu Sans Mono", "size": fig.SMALL}
        fig.write(axes, 0.15, top + (line + 0.5) * height, workflow, **look)
    for state, workflow, has, ok in rows:
        x, y = left + across.index(state) * width, top + down.index(workflow) * height
        _state(axes, x + 0.04, y + 0.04, width - 0.08, height - 0.08, has, ok)
    told = "; ".join(f"{state}: {_told(rows, state)}" for state in across)
    sentence = f"{finding}. What each workflow has to show: {told}."
    return fig.Figure(sentence, fig.finish(axes, top + len(down) * height + 0.15))


def _finding(rows: Sequence[State]) -> str:
    broken = [row for row in rows if not row[3]]
    if not broken:
        return "Every workflow can publish in every state"
    if len(broken) == 1:
        [(state, workflow, has, _)] = broken
        return f"In “{state}”, {workflow} has {has} and cannot publish"
    where = fig.listed([f"{workflow} in “{state}”" for state, workflow, *_ in broken])
    return f"{fig.part(len(broken), len(rows))} cannot publish: {where}"


def _told(rows: Sequence[State], state: str) -> str:
    found = [
        f"{workflow} has {has} and {'can' if ok else 'cannot'} publish"
        for each, workflow, has, ok in rows
        if each == state
    ]
    return ", ".join(found)


def _state(axes: Axes, x: float, y: float, width: float, height: float, has: str, ok: bool) -> None:
    ground, color, words = ("#DDF1EA", fig.GREEN, "✓ can publish") if ok else (
        "#FBE3D6", fig.VERMILLION, "✗ cannot publish")  # fmt: skip
    fig.tile(axes, x, y, width, height, ground, edgecolor=color, linewidth=1.5 if ok else 3)
    fig.write(axes, x + width / 2, y + height * 0.32, has, "center")
    look = {"color": fig.INK[color], "weight": "bold"}
    fig.write(axes, x + width / 2, y + height * 0.68, words, "center", **look)


_LOOKS = ((fig.VERMILLION, ""), (fig.ORANGE, "//"), (fig.SKY, ".."))


@fig.styled
def first_gaps(counts: Mapping[tuple[int, str], int], steps: int) -> fig.Figure:
    """Draw at which step the orders of a migration leave a workflow unable to publish, and why.

    counts: for (step, reason), how many orders break there first; (0, "") are those that never do.
    steps: how many there are. Raises ValueError if there are no orders.
    """
    total = sum(counts.values())
    if not total:
        raise ValueError("there are no orders to count")
    good = counts.get((0, ""), 0)
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    reasons = list(dict.fromkeys(reason for (step, reason), _ in ranked if step))
    rows = {step: [counts.get((step, reason), 0) for reason in reasons]
            for step in range(1, steps + 1)}  # fmt: skip
    right = max(2.1 * good, *(1.3 * sum(row) for row in rows.values()))
    finding = f"Of {fig.plural(total, 'order')}, {good} leave{'s' * (good == 1)} no gap"
    axes = fig.chart(finding, 5.2, 1.8)
    axes.set(xlim=(0, right), ylim=(steps + 0.6, -0.6))
    for step, row in rows.items():
        _bar(axes, step - 1, row, right * 0.01)
    axes.barh(steps, good, height=0.7, color=fig.GREEN, edgecolor=fig.BLACK)
    words, look = f"{good}: both can publish, after every step", {"color": fig.INK[fig.GREEN]}
    fig.write(axes, good + right * 0.01, steps, words, weight="bold", **look)
    axes.set_yticks(range(steps + 1), [*(f"after step {step}" for step in rows), "never"])
    axes.set_xticks([])  # the bars have their numbers beside them
    axes.set_xlabel("orders in which a workflow is first unable to publish", color=fig.GREY)
    for n, reason in enumerate(reasons):
        _reason(axes, right, steps - 2.6 + 0.75 * n, f"one {reason}", *_LOOKS[n])
    told = "; ".join(_broken(step, row, reasons) for step, row in rows.items())
    return fig.Figure(f"{finding}. The others break, first, {told}.", axes.figure)


def _bar(axes: Axes, y: int, row: Sequence[int], space: float) -> None:
    """Draw the orders that break after one step, a piece for each reason, and their number."""
    start = 0
    for count, (color, hatch) in zip(row, _LOOKS, strict=False):
        look = {"color": color, "hatch": hatch, "edgecolor": "white"}
        axes.barh(y, count, left=start, height=0.7, **look)
        start += count
    fig.write(axes, start + space, y, str(start))


def _reason(axes: Axes, right: float, y: float, words: str, color: str, hatch: str) -> None:
    fig.tile(axes, right * 0.53, y - 0.25, right * 0.03, 0.5, color, hatch=hatch)
    fig.write(axes, right * 0.58, y, words)


def _broken(step: int, row: Sequence[int], reasons: Sequence[str]) -> str:
    why = [f"{count} because one {reason}" for count, reason in zip(row, reasons, strict=True)
           if count]  # fmt: skip
    return f"{sum(row)} after step {step}" + (f" ({fig.listed(why)})" if why else "")
