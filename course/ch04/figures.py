"""The figures of chapter 04: the exchange, and the race."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import matplotlib
from matplotlib import figure, patches

from course.figure import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SIZE,
    STYLE,
    VERMILLION,
    WIDTH,
    Figure,
    cut,
    listed,
    sheet,
    some,
    span_in_words,
    wrap,
)
from helpers.events import Event

_NAMES = {"learner": "the job", "index": "the index", "pypi.test": "the index", "github": "GitHub",
          "gitlab": "GitLab", "google": "Google Cloud", "activestate": "ActiveState"}  # fmt: skip


@dataclass
class _Call:
    """One request: from lane to lane, the event that it left in the log, and what was asked meanwhile."""

    number: str
    caller: str
    service: str
    event: Event
    inner: list["_Call"] = field(default_factory=list)


def _calls(events: Iterable[Event]) -> list[_Call]:
    """The events as calls. What the index asked a provider right before a mint-token goes inside of that."""
    calls: list[_Call] = []
    waiting: list[Event] = []
    for event in events:
        if event.actor == "index" and event.service != "index":
            waiting.append(event)
            continue
        inner = waiting if event.action == "mint-token" else []
        for other in [] if inner else waiting:
            calls.append(_call(str(len(calls) + 1), other))
        call = _call(str(len(calls) + 1), event)
        call.inner = [
            _call(call.number + "abcdefghij"[n % 10], other) for n, other in enumerate(inner)
        ]
        calls.append(call)
        waiting = []
    return calls + [_call(str(len(calls) + 1 + n), other) for n, other in enumerate(waiting)]


def _call(number: str, event: Event) -> _Call:
    caller = "index" if event.actor == "index" else event.client or event.actor
    return _Call(
        number, _NAMES.get(caller, caller), _NAMES.get(event.service, event.service), event
    )


@matplotlib.rc_context(STYLE)
def sequence(events: Iterable[Event], title: str = "") -> Figure:
    """Who asked whom for what, in order: a sequence diagram of an event log.

    `events` is a stretch of `lab.events`, oldest first. Callers stand on the left under the name of their
    program, the index in the middle, the providers on the right. Every event is a request and its answer; a
    refusal ends in a cross. Raises ValueError if there are no events.
    """
    calls = _calls(events)
    if not calls:
        raise ValueError("there are no events to draw: take a stretch of lab.events that has some")
    every = [each for call in calls for each in (call, *call.inner)]
    callers = list(dict.fromkeys(each.caller for each in every))
    services = sorted({each.service for each in every} - {"the index"})
    lanes = [
        *(name for name in callers if name not in (*services, "the index")),
        "the index",
        *services,
    ]
    shares = [f"{sum(each.caller == name for each in every)} by {name}" for name in callers]
    refused = sum(not each.event.ok for each in every)
    finding = f"{some(len(every), 'request')}, {listed(shares)}; {refused or 'none'} refused"
    return Figure(f"{finding}: {_told(calls)}.", _Diagram(lanes).draw(calls, title or finding))


def _told(calls: list[_Call]) -> str:
    """The sequence in words."""
    parts: list[str] = []
    caller = service = ""
    for call in calls:
        asked = call.event.action
        if call.inner:
            inner = listed([each.event.action + _refusal(each) for each in call.inner])
            asked += f" (meanwhile the index asks {call.inner[0].service} for {inner})"
        asked += _refusal(call)
        if call.caller != caller:
            parts.append(f"{call.caller} asks {call.service} for {asked}")
        elif call.service != service:
            parts.append(f"{call.service} for {asked}")
        else:
            parts.append(asked)
        caller, service = call.caller, call.service
    return ", then ".join(parts)


def _refusal(call: _Call) -> str:
    return "" if call.event.ok else f" (refused: {call.event.detail.partition(':')[0].strip(' .')})"


class _Diagram:
    """The pen that draws a sequence from top to bottom. Lengths are inches."""

    LEFT, RIGHT, HEADS = 1.35, 1.1, 0.95

    def __init__(self, lanes: list[str]) -> None:
        self.gap = (WIDTH - self.LEFT - self.RIGHT) / max(1, len(lanes) - 1)
        self.lanes = {lane: self.LEFT + n * self.gap for n, lane in enumerate(lanes)}
        self.y = self.HEADS + 0.3

    def draw(self, calls: list[_Call], title: str) -> figure.Figure:
        self.axes = sheet(title)
        before = calls[0].event.time
        for call in calls:
            first = (call.inner or [call])[0].event.time
            if first - before >= timedelta(seconds=1):
                self._pause(first - before)
            before = call.event.time
            self._call(call)
        for lane, x in self.lanes.items():
            self.axes.plot(
                [x, x], [self.HEADS, self.y + 0.15], color="#BBBBBB", linewidth=1.5, zorder=0
            )
            box = {
                "boxstyle": "round,pad=0.4",
                "facecolor": "white",
                "edgecolor": BLACK,
                "linewidth": 1.5,
            }
            label = wrap(lane, self.gap - 0.3, 2)
            self.axes.text(x, self.HEADS, label, ha="center", va="center", weight="bold", bbox=box)
        return cut(self.axes, self.y + 0.35)

    def _call(self, call: _Call) -> None:
        start, end, event = self.lanes[call.caller], self.lanes[call.service], call.event
        if start == end:
            self._note(f"{event.action}: {event.detail}", start)
            return
        ahead = 1 if end > start else -1
        middle = start + ahead * self.gap / 2
        self._arrow(start, end, middle, event.action, BLUE, "-", "bold")
        began = self.y
        place = {"ha": "right" if ahead > 0 else "left", "va": "center"}
        self.axes.text(start - ahead * 0.22, began, call.number, color=BLUE, weight="bold", **place)
        for inner in call.inner:
            self._call(inner)
        if event.ok:
            self._arrow(end, start, middle, event.detail or "granted", BLACK, "--")
        else:
            self._arrow(end, start, middle, f"refused: {event.detail}", VERMILLION, "--")
            self.axes.plot(start + ahead * 0.13, self.y, "X", color=VERMILLION, markersize=12)
        size = {"facecolor": "white", "edgecolor": GREY}
        self.axes.add_patch(patches.Rectangle((end - 0.06, began), 0.12, self.y - began, **size))

    def _arrow(self, start: float, end: float, middle: float, words: str, colour: str, line: str,
               weight: str = "normal") -> None:  # fmt: skip
        """An arrow with its words above it, in the gap beside the caller."""
        label = wrap(words.replace("https://", ""), self.gap - 0.4, 4, SIZE - 1)
        self.y += 0.17 + self._height(label)
        inset = 0.07 if end > start else -0.07
        pen = {
            "arrowstyle": "-|>",
            "shrinkA": 0,
            "shrinkB": 0,
            "linewidth": 2,
            "color": colour,
            "linestyle": line,
        }
        self.axes.annotate("", (end - inset, self.y), (start + inset, self.y), arrowprops=pen)
        look = {"color": colour, "size": SIZE - 1, "weight": weight}
        self.axes.text(middle, self.y - 0.06, label, ha="center", va="bottom", **look)

    def _note(self, words: str, x: float) -> None:
        """What a party did by itself."""
        label = wrap(words, self.gap - 0.3, 4, SIZE - 1)
        half = (self._height(label) + 0.15) / 2
        box = {"boxstyle": "round,pad=0.3", "facecolor": "#F2F2F2", "edgecolor": GREY}
        self.axes.text(
            x, self.y + 0.2 + half, label, ha="center", va="center", size=SIZE - 1, bbox=box
        )
        self.y += 0.2 + 2 * half

    def _pause(self, span: timedelta) -> None:
        """The clock moved between two events."""
        y, box = self.y + 0.4, {"facecolor": "white", "edgecolor": "none", "pad": 4}
        self.axes.plot([0.3, WIDTH - 0.3], [y, y], color=GREY, linestyle=":", linewidth=1.5)
        words = f"{span_in_words(span.total_seconds())} later"
        self.axes.text(0.3, y, words, ha="left", va="center", color=GREY, style="italic", bbox=box)
        self.y += 0.5

    @staticmethod
    def _height(label: str) -> float:
        return 0.2 * (label.count("\n") + 1)


@matplotlib.rc_context(STYLE)
def interleavings(
    rows: Sequence[tuple[str, int]], steps: Sequence[str] = ("seen?", "add")
) -> Figure:
    """All orders in which two requests, A and B, can take their steps, and how many tokens each order mints.

    `rows` are pairs such as `("ABAB", 2)`: whose turn it is, step by step, and the number of tokens minted.
    `steps` are the names of a request's steps. Raises ValueError if there are no rows.
    """
    if not rows:
        raise ValueError("there are no orders to draw: give pairs such as ('ABAB', 2)")
    longest = max(len(order) for order, _ in rows)
    left, top, width, height = 1.1, 1.2, min(2.2, 7.2 / longest), 0.62
    right = left + longest * width + 0.3
    twice = [order for order, minted in rows if minted > 1]
    finding = (
        f"{len(twice) or 'None'} of {len(rows)} orders mint{'' if len(twice) > 1 else 's'} twice"
    )
    axes = sheet(finding)
    axes.text(left, top - 0.25, "time →", color=GREY, va="center")
    axes.text(right, top - 0.25, "tokens minted", color=GREY, va="center")
    for n, (order, minted) in enumerate(rows):
        y = top + (n + 0.5) * height
        axes.text(left - 0.2, y, order, ha="right", va="center", family="DejaVu Sans Mono")
        for k, who in enumerate(order):
            face, ink = (
                (BLUE, "white") if who == "A" else (ORANGE, BLACK)
            )  # dark and light, seen in grey too
            x, words = left + k * width, f"{who}: {steps[order[:k].count(who)]}"
            axes.add_patch(patches.Rectangle((x, y - 0.25), width - 0.08, 0.5, facecolor=face))
            axes.text(x + width / 2 - 0.04, y, words, ha="center", va="center", color=ink)
        mark, colour = ("✗", VERMILLION) if minted > 1 else ("✓", GREEN)
        axes.text(
            right, y, f"{mark} {minted}", va="center", color=colour, weight="bold", size=SIZE + 2
        )
    groups = {"twice": twice, "once": [order for order, minted in rows if minted == 1]}
    told = [f"{listed(orders)} {word}" for word, orders in groups.items() if orders]
    return Figure(f"{finding}: {'; '.join(told)}.", cut(axes, top + height * len(rows) + 0.15))
