"""The figure of chapter 06: where the orders of a migration break."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course import figure as fig

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
    axes.set_yticks(range(steps + 1), [*(f"after step {step}" for step in rows), "no gap"])
    axes.set_xticks([])  # the bars have their numbers beside them
    axes.set_xlabel("number of orders, by the step after which the first gap opens", color=fig.GREY)
    for n, reason in enumerate(reasons):
        _reason(axes, right, steps - 2.6 + 0.75 * n, f"a workflow {reason}", *_LOOKS[n])
    told = "; ".join(_broken(step, row, reasons) for step, row in rows.items())
    return fig.Figure(f"{finding}. The first gap of the others: {told}.", axes.figure)


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
    pairs = zip(row, reasons, strict=True)
    why = [f"{count} because a workflow {reason}" for count, reason in pairs if count]
    return f"{sum(row)} after step {step}" + (f" ({fig.listed(why)})" if why else "")
