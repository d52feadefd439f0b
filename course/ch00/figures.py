"""The figures of chapter 00: a release that never shipped, and the map of the series."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from matplotlib import dates, patches
from matplotlib.axes import Axes

from course import figure as fig

Row = Mapping[str, str]
_MAIN, _INDEX = 2.25, 0.75  # the heights of the two lanes
_BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 2}


@fig.styled
def release_hours(rows: Sequence[Row]) -> fig.Figure:
    """Draw what landed on main and what appeared on the index, in the hours of one release.

    rows: `time` (ISO, UTC), `kind` ("main" or "upload"), `version` and `what`, oldest first: an
    upload, at least two moments on main, an upload. The first upload, hours earlier, stands at the
    left edge. Raises ValueError for another order.
    """
    kinds = [row["kind"] for row in rows]
    if len(rows) < 4 or kinds[0] != "upload" or kinds[-1] != "upload":
        raise ValueError("expected an upload, what landed on main, and an upload, in this order")
    first, *between, last = rows
    landed: dict[datetime, list[Row]] = {}
    for row in between:
        landed.setdefault(_time(row), []).append(row)
    gap = min(landed), max(landed)
    versions = [row["version"] for row in between if row["version"]]
    missing = fig.listed([version for version in versions if version != last["version"]])
    finding = f"For {_span(*gap)} a permission was missing, and {missing} never came out"
    shown = _time(last) - gap[0]
    axes = _hours(finding, gap[0] - 0.44 * shown, _time(last) + 0.5 * shown)
    _gap(axes, gap, f"no file of {missing}")
    inch = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (fig.WIDTH - 1.3)
    for moment, following in zip(landed, [*sorted(landed)[1:], None], strict=True):
        words = [f"{moment:%H:%M:%S}", *_events(landed[moment])]
        room = (following - moment) / timedelta(days=1) / inch - 0.4 if following else 2.4
        _mark(axes, moment, _MAIN, words, "s", fig.BLUE, min(room, 2.4))
    ago = f"{(gap[0] - _time(first)) / timedelta(hours=1):.0f} hours before"
    _mark(axes, axes.get_xlim()[0], _INDEX, [first["version"], ago], "<", fig.GREY)
    uploaded = [f"{_time(last):%H:%M:%S}", f"{last['version']} is uploaded"]
    _mark(axes, _time(last), _INDEX, uploaded, "o", fig.GREEN)
    told = [f"{first['version']} was uploaded {ago}"]
    for at, rows in landed.items():
        told.append(f"at {at:%H:%M:%S} main received: {fig.listed(_events(rows))}")
    told.append(f"at {_time(last):%H:%M:%S} {last['version']} was uploaded")
    return fig.Figure(f"{finding}: {'; '.join(told)}.", axes.figure)


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["time"])


def _span(start: datetime, end: datetime) -> str:
    minutes, seconds = divmod(round((end - start).total_seconds()), 60)
    return f"{minutes} min {seconds} s"


def _events(rows: Sequence[Row]) -> list[str]:
    """Return what landed at one moment, changes before releases."""
    ordered = sorted(rows, key=lambda row: bool(row["version"]))
    return [row["what"] + (f" of {row['version']}" if row["version"] else "") for row in ordered]


def _hours(title: str, start: datetime, end: datetime) -> Axes:
    """Return axes with a clock below and a lane each for main and the index."""
    axes = fig.chart(title, 4.9, 1.05)
    axes.set(xlim=(start, end), ylim=(0, 3))
    axes.set_yticks([_MAIN, _INDEX], ["on main", "on PyPI"])
    axes.axhline(1.15, color=fig.LINE, linewidth=1)
    step = 5 if end - start < timedelta(minutes=40) else 15
    axes.xaxis.set_major_locator(dates.MinuteLocator(byminute=range(0, 60, step)))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.set_xlabel(f"{end:%d %B %Y}, UTC".lstrip("0"))
    axes.tick_params(left=False)
    axes.tick_params(axis="y", pad=14)
    axes.spines["left"].set_visible(False)
    return axes


def _gap(axes: Axes, gap: tuple[datetime, datetime], words: str) -> None:
    """Hatch the time without a permission, with its length and what is missing on the index."""
    look = {"facecolor": "#fbe3d6", "edgecolor": fig.VERMILLION, "hatch": "//", "linewidth": 0}
    axes.axvspan(*gap, alpha=0.55, **look)
    fig.arrow(axes, (gap[0], 1.42), (gap[1], 1.42), fig.VERMILLION, arrowstyle="<->")
    middle = gap[0] + (gap[1] - gap[0]) / 2
    red = {"color": fig.INK[fig.VERMILLION], "weight": "bold"}
    fig.write(axes, middle, 1.5, _span(*gap), "center", va="bottom", bbox=_BLANK, **red)
    box = {"facecolor": "white", "edgecolor": fig.VERMILLION}
    fig.write(axes, middle, _INDEX, words, "center", bbox=box, **red)


def _mark(axes: Axes, x: Any, y: float, words: Sequence[str], marker: str, color: str,
          inches: float = 2.4) -> None:  # fmt: skip
    """Draw a mark, with words to the right of it."""
    axes.plot(x, y, marker, color=color, markersize=11, clip_on=False)
    text = "\n".join(fig.wrap(line, inches, 4, fig.SMALL) for line in words)
    fig.beside(axes, x, y, text, (12, 0), va="center", size=fig.SMALL, bbox=_BLANK)


# ---------------------------------------------------------------- the map

Message = tuple[str, str, str, str, str]
"""Who, to whom, what, chapter, change."""
Box = tuple[float, float, float, float]
Point = tuple[float, float]

# Inches: left, top, right, bottom of each party, placed so that every arrow is straight.
_PARTIES: dict[str, Box] = {
    "maintainer": (0.25, 1.0, 2.15, 1.8),
    "CI job": (0.25, 2.85, 2.15, 6.35),
    "index": (5.35, 1.0, 6.95, 4.45),
    "identity provider": (5.0, 5.2, 7.3, 6.35),
    "installer": (9.0, 1.0, 10.3, 4.35),
}


@fig.styled
def series_map(messages: Sequence[Message]) -> fig.Figure:
    """Draw the five parties and what they say to each other.

    messages: (who, to whom, what, chapter, change), with parties "maintainer", "CI job", "identity
    provider", "index" and "installer". change: what Trusted Publishing does to the message, one of
    "disappears", "new" and "stays"; exactly one disappears. Raises ValueError for anything else,
    and for two parties that do not talk in this story.
    """
    gone = [what for _, _, what, _, change in messages if change == "disappears"]
    if len(gone) != 1:
        raise ValueError(f"expected one message that disappears, got {fig.listed(gone) or 'none'}")
    new = sum(change == "new" for *_, change in messages)
    replace = f"new message{'s replace' if new != 1 else ' replaces'} it"
    finding = f"{gone[0].replace('a ', 'The ', 1)} disappears, and {fig.number(new)} {replace}"
    axes = fig.sheet(finding)
    between: dict[frozenset[str], list[Message]] = {}
    for message in messages:
        between.setdefault(frozenset(message[:2]), []).append(message)
    for pair, spoken in between.items():
        for road, message in zip(_roads(pair, len(spoken)), spoken, strict=True):
            (x, y), (left, top, right, bottom) = road[0], _PARTIES[message[0]]
            forward = left <= x <= right and top <= y <= bottom
            _say(axes, *(road if forward else road[::-1]), message)
    for party, box in _PARTIES.items():
        _party(axes, party, box)
    told = "; ".join(
        f"{who} to {to}: {what} ({n}, {change})" for who, to, what, n, change in messages
    )
    sentence = f"{finding}. Who says what to whom, and the chapter that explains it: {told}."
    return fig.Figure(sentence, fig.finish(axes, 6.55))


def _party(axes: Axes, name: str, box: Box) -> None:
    left, top, right, bottom = box
    look = {"boxstyle": "round,pad=0,rounding_size=0.12", "facecolor": "#F2F2F2", "linewidth": 2}
    axes.add_patch(patches.FancyBboxPatch((left, top), right - left, bottom - top, **look))
    words = fig.wrap(name, right - left, 2, fig.SIZE + 1)
    middle = (left + right) / 2, (top + bottom) / 2
    fig.write(axes, *middle, words, "center", weight="bold", size=fig.SIZE + 1)


def _roads(pair: frozenset[str], count: int) -> list[tuple[Point, Point]]:
    """Return where `count` arrows between two parties run, evenly over where they face each other.

    Raises ValueError for unknown parties, and for two that do not face each other.
    """
    unknown = pair - set(_PARTIES)
    if unknown or len(pair) != 2:
        raise ValueError(f"expected two of {', '.join(_PARTIES)}, got {', '.join(sorted(pair))}")
    boxes = [_PARTIES[party] for party in pair]
    first, second = sorted(boxes)
    if rows := _evenly(first[1::2], second[1::2], count):
        return [((first[2], y), (second[0], y)) for y in rows]
    upper, lower = sorted(boxes, key=lambda box: box[1])
    if columns := _evenly(upper[::2], lower[::2], count):
        return [((x, upper[3]), (x, lower[1])) for x in columns]
    raise ValueError(f"{' and '.join(sorted(pair))} do not talk to each other in this story")


def _evenly(one: Sequence[float], other: Sequence[float], count: int) -> list[float]:
    """Return so many places within what two stretches share, or none if they share nothing."""
    low, high = max(one[0], other[0]), min(one[1], other[1])
    shares = [(n + 1) / (count + 1) for n in range(count)]
    return [low + share * (high - low) for share in shares] if high > low else []


def _say(axes: Axes, start: Point, end: Point, message: Message) -> None:
    """Draw one arrow, the chapter in a circle at its beginning, and its words beside it."""
    _, _, what, chapter, change = message
    gone = change == "disappears"
    color = {"disappears": fig.VERMILLION, "new": fig.BLUE}.get(change, fig.GREY)
    dashed = {"linewidth": 3.5, "linestyle": (0, (3, 1.5))} if gone else {}
    fig.arrow(axes, start, end, color, **dashed)
    across = start[1] == end[1]
    ahead = 0.31 if end > start else -0.31
    badge = {
        "boxstyle": "circle,pad=0.25",
        "facecolor": fig.INK.get(color, color),
        "edgecolor": "white",
    }
    x, y = start[0] + ahead * across, start[1] + ahead * (not across)
    fig.write(axes, x, y, chapter, "center", color="white", weight="bold", bbox=badge)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if across:
        words = fig.wrap(what, abs(end[0] - start[0]) - 0.75, 2, fig.SMALL)
        fig.write(axes, x + ahead / 2, y - 0.07, words, "center", va="bottom", size=fig.SMALL)
        return
    words = fig.wrap(what, 2.5, 2, fig.SMALL)
    fig.write(axes, x + 0.28, y, words, size=fig.SMALL)
    if gone:
        below, look = y + 0.24 + 0.1 * words.count("\n"), {"color": fig.INK[fig.VERMILLION]}
        fig.write(axes, x + 0.28, below, "disappears", weight="bold", size=fig.SMALL, **look)
