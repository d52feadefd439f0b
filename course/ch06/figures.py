"""The pictures of chapter 06: what each workflow has to show, and where the orders of a migration break."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib import figure, patches

from course.figure import (
    BLACK,
    GREEN,
    GREY,
    ORANGE,
    SIZE,
    SKY,
    STYLE,
    VERMILLION,
    WIDTH,
    Figure,
    cut,
    listed,
    sheet,
    some,
)

_CELL = {True: ("#DDF1EA", GREEN, "✓"), False: ("#FBE3D6", VERMILLION, "✗")}


@matplotlib.rc_context(STYLE)
def states(rows: Sequence[tuple[str, str, str, bool]]) -> Figure:
    """What each workflow has to show in each state: a table in colour, with words.

    `rows` are (state, workflow, what it has, whether it can publish), states in their order. Raises ValueError for none.
    """
    if not rows:
        raise ValueError("there are no states to draw")
    across, down = (
        list(dict.fromkeys(row[0] for row in rows)),
        list(dict.fromkeys(row[1] for row in rows)),
    )
    broken = [row for row in rows if not row[3]]
    axes = sheet(
        f"{len(broken)} of {len(rows)} {'has' if len(broken) == 1 else 'have'} nothing to show"
    )
    left, width, top, height = 2.75, (WIDTH - 2.95) / len(across), 1.1, 0.95
    for column, state in enumerate(across):
        axes.text(
            left + (column + 0.5) * width,
            top - 0.15,
            state,
            ha="center",
            va="bottom",
            weight="bold",
        )
    for line, workflow in enumerate(down):
        axes.text(
            0.15,
            top + (line + 0.5) * height,
            workflow,
            va="center",
            family="DejaVu Sans Mono",
            size=SIZE - 1,
        )
    for state, workflow, shows, ok in rows:
        x, y = left + across.index(state) * width, top + down.index(workflow) * height
        face, ink, sign = _CELL[ok]
        axes.add_patch(patches.Rectangle((x + 0.04, y + 0.04), width - 0.08, height - 0.08, facecolor=face, edgecolor=ink,
                                         linewidth=1.5 if ok else 3))  # fmt: skip
        verdict = "can publish" if ok else "cannot publish"
        axes.text(x + width / 2, y + height * 0.34, shows, ha="center", va="center")
        axes.text(
            x + width / 2,
            y + height * 0.68,
            f"{sign} {verdict}",
            ha="center",
            va="center",
            color=ink,
            weight="bold",
        )
    words = {
        row[:2]: f"{row[1]} has {row[2]} and {'can' if row[3] else 'cannot'} publish"
        for row in rows
    }
    told = "; ".join(
        f"{state}: {', '.join(words[key] for key in words if key[0] == state)}" for state in across
    )
    return Figure(
        f"What each workflow has to show. {told}.", cut(axes, top + len(down) * height + 0.15)
    )


@matplotlib.rc_context(STYLE)
def first_gaps(counts: Mapping[tuple[int, str], int], steps: int) -> Figure:
    """At which step the orders of a migration leave a workflow unable to publish, and why.

    `counts` says for (step, reason) how many orders break there first; (0, "") are those that never do. `steps` is how many
    there are. Raises ValueError if there are no orders.
    """
    total = sum(counts.values())
    if not total:
        raise ValueError("there are no orders to count")
    good = counts.get((0, ""), 0)
    reasons = list(
        dict.fromkeys(
            reason
            for (step, reason), _ in sorted(counts.items(), key=lambda item: -item[1])
            if step
        )
    )
    looks = dict(zip(reasons, ((VERMILLION, ""), (ORANGE, "//"), (SKY, "..")), strict=False))
    drawing = figure.Figure(figsize=(WIDTH, 5.0))
    longest = max(
        good,
        *(
            sum(n for (step, _), n in counts.items() if step == each)
            for each in range(1, steps + 1)
        ),
    )
    right = longest * 1.3
    axes = drawing.add_axes((0.17, 0.1, 0.8, 0.73), ylim=(steps + 0.6, -0.6), xlim=(0, right))
    axes.set_title(
        f"Of {total} orders, {good} leave no gap", loc="left", weight="bold", x=-0.19, pad=14
    )
    told = []
    for step in range(1, steps + 1):
        start = 0
        for reason, (colour, hatch) in looks.items():
            count = counts.get((step, reason), 0)
            axes.barh(
                step - 1,
                count,
                left=start,
                height=0.7,
                color=colour,
                hatch=hatch,
                edgecolor="white",
            )
            start += count
        axes.text(start + right * 0.01, step - 1, str(start), va="center")
        why = listed(
            [
                f"{counts[step, reason]} because one {reason}"
                for reason in reasons
                if (step, reason) in counts
            ]
        )
        told.append(f"{start} after step {step}" + (f" ({why})" if start else ""))
    axes.barh(steps, good, height=0.7, color=GREEN, edgecolor=BLACK)
    axes.text(good + right * 0.01, steps, f"{good}: both can publish, after every step", va="center", color=GREEN,
              weight="bold")  # fmt: skip
    axes.set_yticks(
        range(steps + 1), [*(f"after step {step}" for step in range(1, steps + 1)), "never"]
    )
    axes.set_xticks([])  # the bars have their numbers beside them
    axes.set_xlabel("orders in which a workflow is first unable to publish", color=GREY)
    for row, (reason, (colour, hatch)) in enumerate(looks.items()):
        y = steps - 2.6 + 0.75 * row
        look = {"facecolor": colour, "hatch": hatch, "edgecolor": "white"}
        axes.add_patch(patches.Rectangle((right * 0.53, y - 0.25), right * 0.03, 0.5, **look))
        axes.text(right * 0.58, y, f"one {reason}", va="center")
    sentence = f"Of {some(total, 'order')}, {good} leave no gap. The others break, first, {'; '.join(told)}."
    return Figure(sentence, drawing)
