"""The pictures of chapter 00: the hours of a release that never shipped, and the map of the series."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import matplotlib
from matplotlib import dates, figure, patches
from matplotlib.axes import Axes

from course.figure import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    SIZE,
    STYLE,
    VERMILLION,
    WIDTH,
    Figure,
    cut,
    listed,
    sheet,
    wrap,
)


@matplotlib.rc_context(STYLE)
def release_hours(rows: Sequence[Mapping[str, str]]) -> Figure:
    """Draw what landed on main and what appeared on the index, in the hours of one release.

    `rows` have `time` (ISO, UTC), `kind` ("main" or "upload"), `version` and `what`, oldest first: an upload, at least two
    moments on main, an upload. The first upload, hours earlier, stands at the left edge. Raises ValueError for another order.
    """
    if [row["kind"] for row in rows[:1]] + [row["kind"] for row in rows[-1:]] != [
        "upload",
        "upload",
    ] or len(rows) < 4:
        raise ValueError(
            "expected rows that begin and end with an upload, and what landed on main between them"
        )
    moments: dict[datetime, list[Mapping[str, str]]] = {}
    for row in rows[1:-1]:
        moments.setdefault(datetime.fromisoformat(row["time"]), []).append(row)
    before, after = (datetime.fromisoformat(row["time"]) for row in (rows[0], rows[-1]))
    broken, fixed = min(moments), max(moments)
    missing = [
        row["version"]
        for row in rows[1:-1]
        if row["version"] and row["version"] != rows[-1]["version"]
    ]
    start, end = broken - timedelta(minutes=6.2), after + timedelta(minutes=7)
    drawing = figure.Figure(figsize=(WIDTH, 4.9))
    axes = drawing.add_axes((0.1, 0.12, 0.88, 0.74), xlim=(start, end), ylim=(0, 3))
    finding = f"For {_span(fixed - broken)} a permission was missing, and {listed(missing)} never came out"
    axes.set_title(finding, loc="left", weight="bold", x=-0.1, pad=14)
    axes.axvspan(
        broken,
        fixed,
        facecolor="#fbe3d6",
        edgecolor=VERMILLION,
        hatch="//",
        alpha=0.55,
        linewidth=0,
    )
    axes.set_yticks([2.25, 0.75], ["on main", "on PyPI"])
    for moment, what in moments.items():
        changes = [row["what"] for row in what if not row["version"]]
        releases = [f"release commit of {row['version']}" for row in what if row["version"]]
        text = "\n".join(
            [
                f"{moment:%H:%M:%S}",
                *(wrap(words, 2.4, 3, SIZE - 1) for words in [*changes, *releases]),
            ]
        )
        axes.plot(moment, 2.25, "s", color=BLUE, markersize=11)
        axes.annotate(text, (moment, 2.25), (10, 0), textcoords="offset points", va="center", size=SIZE - 1,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})  # fmt: skip
    axes.plot(start, 0.75, "<", color=GREY, markersize=11, clip_on=False)
    axes.annotate(f"{rows[0]['version']}\n{_span(broken - before, short=True)} before", (start, 0.75), (10, 0),
                  textcoords="offset points", va="center", size=SIZE - 1, color=GREY)  # fmt: skip
    axes.plot(after, 0.75, "o", color=GREEN, markersize=12)
    axes.annotate(f"{after:%H:%M:%S}\n{rows[-1]['version']} is uploaded", (after, 0.75), (12, 0), textcoords="offset points",
                  va="center", size=SIZE - 1)  # fmt: skip
    middle = broken + (fixed - broken) / 2
    none = f"no file of {listed(missing)}"
    red = {"color": VERMILLION, "weight": "bold", "ha": "center"}
    axes.text(
        middle, 0.75, none, va="center", bbox={"facecolor": "white", "edgecolor": VERMILLION}, **red
    )
    axes.annotate(
        "",
        (broken, 1.42),
        (fixed, 1.42),
        arrowprops={"arrowstyle": "<->", "color": VERMILLION, "linewidth": 2},
    )
    empty = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axes.text(middle, 1.5, _span(fixed - broken), va="bottom", bbox=empty, **red)
    axes.axhline(1.15, color="#BBBBBB", linewidth=1)
    axes.xaxis.set_major_locator(dates.MinuteLocator(byminute=range(0, 60, 5)))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.set_xlabel(f"{after:%d %B %Y}, UTC".lstrip("0"))
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    told = [f"{rows[0]['version']} was uploaded {_span(broken - before, short=True)} before"]
    for moment, what in moments.items():
        landed = [row["what"] + (f" of {row['version']}" if row["version"] else "") for row in what]
        told.append(f"at {moment:%H:%M:%S} main received: {listed(landed)}")
    told.append(f"at {after:%H:%M:%S} {rows[-1]['version']} was uploaded")
    return Figure(f"{finding}: {'; '.join(told)}.", drawing)


def _span(span: timedelta, short: bool = False) -> str:
    """A span to the second, or in hours."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{round(minutes / 60)} hours" if short else f"{minutes} min {seconds} s"


Message = tuple[str, str, str, str, str]
"""Who, to whom, what, chapter, change."""

# Inches: left, top, right, bottom of each party, placed so that every arrow runs straight across or down.
_PARTIES = {
    "maintainer": (0.25, 1.0, 2.15, 1.8),
    "CI job": (0.25, 2.85, 2.15, 6.35),
    "index": (5.35, 1.0, 6.95, 4.45),
    "identity provider": (5.0, 5.2, 7.3, 6.35),
    "installer": (9.0, 1.0, 10.3, 4.35),
}


@matplotlib.rc_context(STYLE)
def series_map(messages: Sequence[Message]) -> Figure:
    """Draw the five parties and what they say to each other.

    messages: (who, to whom, what, chapter, change), with parties "maintainer", "CI job", "identity
    provider", "index" and "installer". change: what Trusted Publishing does to the message, one of
    "disappears", "new" and "stays"; exactly one disappears. Raises ValueError for anything else,
    and for two parties that do not talk in this story.
    """
    gone = [what for _, _, what, _, change in messages if change == "disappears"]
    new = sum(change == "new" for *_, change in messages)
    if len(gone) != 1:
        raise ValueError(f"expected one message that disappears, got {listed(gone) or 'none'}")
    finding = f"{gone[0].replace('a ', 'The ', 1)} disappears, and {_count(new)} it"
    axes = sheet(finding)
    between: dict[frozenset[str], list[Message]] = {}
    for message in messages:
        between.setdefault(frozenset(message[:2]), []).append(message)
    for pair, spoken in between.items():
        for n, (start, end) in enumerate(_roads(pair, len(spoken))):
            forward = start if _holds(_PARTIES[spoken[n][0]], start) else end
            _say(axes, forward, end if forward == start else start, spoken[n])
    for party, (left, top, right, bottom) in _PARTIES.items():
        box = patches.FancyBboxPatch(
            (left, top), right - left, bottom - top, boxstyle="round,pad=0,rounding_size=0.12"
        )
        box.set(facecolor="#F2F2F2", edgecolor=BLACK, linewidth=2)
        axes.add_patch(box)
        name = wrap(party, right - left, 2, SIZE + 1)
        axes.text(
            (left + right) / 2,
            (top + bottom) / 2,
            name,
            ha="center",
            va="center",
            weight="bold",
            size=SIZE + 1,
        )
    told = "; ".join(
        f"{who} to {whom}: {what} ({chapter})" for who, whom, what, chapter, _ in messages
    )
    return Figure(
        f"{finding}. Who says what to whom, and the chapter that explains it: {told}.",
        cut(axes, 6.55),
    )


def _count(messages: int) -> str:
    """Return how many messages replace another, such as "five messages replace"."""
    words = "no one two three four five six seven eight nine".split()
    number = words[messages] if messages < len(words) else str(messages)
    return f"{number} message replaces" if messages == 1 else f"{number} messages replace"


def _roads(
    pair: frozenset[str], count: int
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Where `count` arrows between two parties run, evenly over the stretch on which they face each other."""
    unknown = pair - set(_PARTIES)
    if unknown or len(pair) != 2:
        raise ValueError(f"expected two of {', '.join(_PARTIES)}, got {', '.join(sorted(pair))}")
    first, second = sorted((_PARTIES[party] for party in pair), key=lambda box: (box[0], box[1]))
    low, high = max(first[1], second[1]), min(first[3], second[3])
    shares = [(n + 1) / (count + 1) for n in range(count)]
    if high > low:
        return [
            ((first[2], low + share * (high - low)), (second[0], low + share * (high - low)))
            for share in shares
        ]
    upper, lower = sorted((first, second), key=lambda box: box[1])
    low, high = max(first[0], second[0]), min(first[2], second[2])
    if high <= low:
        raise ValueError(f"{' and '.join(sorted(pair))} do not talk to each other in this story")
    return [
        ((low + share * (high - low), upper[3]), (low + share * (high - low), lower[1]))
        for share in shares
    ]


def _holds(box: tuple[float, float, float, float], point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _say(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], message: Message
) -> None:
    """Draw one arrow, the chapter in a circle at its beginning, and its words beside it."""
    _, _, what, chapter, change = message
    gone = change == "disappears"
    color = VERMILLION if gone else BLUE
    pen = {"arrowstyle": "-|>", "linewidth": 2, "color": color, "shrinkA": 0, "shrinkB": 0}
    pen |= {"linewidth": 3.5, "linestyle": (0, (3, 1.5))} if gone else {}
    axes.annotate("", end, start, arrowprops=pen)
    across = start[1] == end[1]
    ahead = 0.31 if end > start else -0.31
    x, y = start[0] + (ahead if across else 0), start[1] + (0 if across else ahead)
    badge = {"boxstyle": "circle,pad=0.25", "facecolor": color, "edgecolor": "white"}
    axes.text(x, y, chapter, ha="center", va="center", color="white", weight="bold", bbox=badge)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    words = {"size": SIZE - 1}
    if across:
        text = wrap(what, abs(end[0] - start[0]) - 0.75, 2, SIZE - 1)
        axes.text(x + ahead / 2, y - 0.07, text, ha="center", va="bottom", **words)
        return
    text = wrap(what, 2.5, 2, SIZE - 1)
    axes.text(x + 0.28, y, text, va="center", **words)
    if gone:
        below = y + 0.24 * (text.count("\n") + 1)
        axes.text(
            x + 0.28, below, "disappears", va="center", color="#a84300", weight="bold", **words
        )
