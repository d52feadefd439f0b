"""The figures of chapter 04: the exchange, and the race."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from matplotlib import figure

from course import figure as fig
from helpers.events import Event

_NAMES = {"learner": "the job", "index": "the index", "pypi.test": "the index", "github": "GitHub",
          "gitlab": "GitLab", "google": "Google Cloud", "activestate": "ActiveState"}  # fmt: skip
_TOKENS = {"ID token": fig.ORANGE, "API token": fig.SKY}
_CARRIED = {  # action → what the request carries, and what the answer carries if it is granted
    "id-token": ("", "ID token"),
    "mint-token": ("ID token", "API token"),
    "upload": ("API token", ""),
    "burn-token": ("API token", ""),
}


@dataclass
class _Call:
    """One request: from lane to lane, the event in the log, and what was asked meanwhile."""

    number: str
    caller: str
    service: str
    event: Event
    inner: list["_Call"] = field(default_factory=list)

    @property
    def carried(self) -> tuple[str, str]:
        """Return which tokens the request and the answer carry, "" for none."""
        there, back = _CARRIED.get(self.event.action, ("", ""))
        return there, back if self.event.ok else ""


def _calls(events: Iterable[Event]) -> list[_Call]:
    """Return the events as calls; what the index asks right before a mint-token goes inside it."""
    calls: list[_Call] = []
    waiting: list[Event] = []
    for event in events:
        if event.actor == "index" and event.service != "index":
            waiting.append(event)
            continue
        inside, outside = (waiting, []) if event.action == "mint-token" else ([], waiting)
        calls += [_call(str(len(calls) + n), other) for n, other in enumerate(outside, 1)]
        call = _call(str(len(calls) + 1), event)
        letters = "abcdefghij" * len(inside)
        pairs = zip(letters, inside, strict=False)
        call.inner = [_call(call.number + letter, other) for letter, other in pairs]
        calls.append(call)
        waiting = []
    return calls + [_call(str(len(calls) + n), other) for n, other in enumerate(waiting, 1)]


def _call(number: str, event: Event) -> _Call:
    caller = "index" if event.actor == "index" else event.client or event.actor
    names = _NAMES.get(caller, caller), _NAMES.get(event.service, event.service)
    return _Call(number, *names, event)


@fig.styled
def sequence(events: Iterable[Event]) -> fig.Figure:
    """Draw who asked whom for what, in order: a sequence diagram of an event log.

    events: a stretch of `lab.events`, oldest first. Callers stand on the left under the name of
    their program, the index in the middle, the providers on the right. Every event is a request and
    its answer; the tokens that travel with them are drawn on the arrows, and a refusal ends in a
    cross. Raises ValueError if there are no events.
    """
    calls = _calls(events)
    if not calls:
        raise ValueError("there are no events to draw: take a stretch of lab.events that has some")
    every = [each for call in calls for each in (call, *call.inner)]
    services = sorted({each.service for each in every} - {"the index"})
    callers = dict.fromkeys(each.caller for each in every)
    programs = [name for name in callers if name not in (*services, "the index")]
    finding = _finding(every)
    drawing = _Diagram([*programs, "the index", *services]).draw(calls, finding)
    shares = [f"{sum(each.caller == name for each in every)} by {name}" for name in callers]
    refused = sum(not each.event.ok for each in every)
    counts = f"{fig.plural(len(every), 'request')}, {fig.listed(shares)}; {refused or 'none'}"
    return fig.Figure(f"{finding}. {counts} refused: {_told(calls)}.{_route(every)}", drawing)


def _finding(every: Sequence[_Call]) -> str:
    """Return what happened, as far as tokens and files are concerned."""
    granted = {each.event.action: each for each in every if each.event.ok}
    uploads = [each for each in every if each.event.action == "upload" and each.event.ok]
    refused = [each for each in every if not each.event.ok]
    signed = granted.get("id-token")
    found = [f"{signed.service} signs an ID token"] if signed else []
    if "mint-token" in granted:
        found.append(f"the index {'exchanges it for' if signed else 'mints'} an API token")
    if uploads:
        found.append(f"{uploads[0].caller} uploads {fig.plural(len(uploads), 'file')}")
    requests = fig.plural(len(every), "request")
    if refused:
        verb = "is" if len(refused) == 1 else "are"
        found.append(f"{fig.number(len(refused))} of {requests} {verb} refused")
    return fig.sentence_case(fig.listed(found or [f"{requests}, none refused"]))


def _route(every: Sequence[_Call]) -> str:
    """Return how the ID token travelled."""
    legs = [(each.service, each.caller) for each in every if each.carried[1] == "ID token"]
    legs += [(each.caller, each.service) for each in every if each.carried[0] == "ID token"]
    told = [f"from {start} to {end}" for start, end in legs]
    return f" The ID token travels {', then '.join(told)}." if told else ""


def _told(calls: list[_Call]) -> str:
    """Return the sequence in words."""
    parts: list[str] = []
    caller = service = ""
    for call in calls:
        asked = call.event.action
        if call.inner:
            inner = fig.listed([each.event.action + _refusal(each) for each in call.inner])
            asked += f" (meanwhile the index asks {call.inner[0].service} for {inner})"
        asked += _refusal(call)
        if call.caller != caller:
            asked = f"{call.caller} asks {call.service} for {asked}"
        elif call.service != service:
            asked = f"{call.service} for {asked}"
        parts.append(asked)
        caller, service = call.caller, call.service
    return ", then ".join(parts)


def _refusal(call: _Call) -> str:
    return "" if call.event.ok else f" (refused: {call.event.detail.partition(':')[0].strip(' .')})"


class _Diagram:
    """The pen that draws a sequence from top to bottom. Lengths are inches."""

    LEFT, RIGHT, HEADS = 1.35, 1.1, 0.95

    def __init__(self, lanes: list[str]) -> None:
        self.gap = (fig.WIDTH - self.LEFT - self.RIGHT) / max(1, len(lanes) - 1)
        self.lanes = {lane: self.LEFT + n * self.gap for n, lane in enumerate(lanes)}
        self.y = self.HEADS + 0.3

    def draw(self, calls: list[_Call], title: str) -> figure.Figure:
        self.axes = fig.sheet(title)
        before = calls[0].event.time
        for call in calls:
            first = (call.inner or [call])[0].event.time
            if first - before >= timedelta(seconds=1):
                self._pause(first - before)
            before = call.event.time
            self._call(call)
        for lane, x in self.lanes.items():
            self.axes.plot([x, x], [self.HEADS, self.y + 0.15], color=fig.LINE, zorder=0)
            box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "linewidth": 1.5}
            label = fig.wrap(lane, self.gap - 0.3, 2)
            fig.write(self.axes, x, self.HEADS, label, "center", weight="bold", bbox=box)
        return fig.finish(self.axes, self.y + 0.35)

    def _call(self, call: _Call) -> None:
        start, end, event = self.lanes[call.caller], self.lanes[call.service], call.event
        if start == end:
            self._note(f"{event.action}: {event.detail}", start)
            return
        ahead = 1 if end > start else -1
        middle = start + ahead * self.gap / 2
        there, back = call.carried
        self._arrow(start, end, middle, event.action, there, fig.BLUE, weight="bold")
        began, look = self.y, {"color": fig.INK[fig.BLUE], "weight": "bold"}
        align = "right" if ahead > 0 else "left"
        fig.write(self.axes, start - ahead * 0.22, began, call.number, align, **look)
        for inner in call.inner:
            self._call(inner)
        words = event.detail or "granted" if event.ok else f"refused: {event.detail}"
        self._arrow(
            end, start, middle, words, back, fig.BLACK if event.ok else fig.VERMILLION, "--"
        )
        if not event.ok:
            self.axes.plot(start + ahead * 0.13, self.y, "X", color=fig.VERMILLION, markersize=12)
        fig.tile(self.axes, end - 0.06, began, 0.12, self.y - began, "white", edgecolor=fig.GREY)

    def _arrow(self, start: float, end: float, middle: float, words: str, token: str, color: str,
               line: str = "-", weight: str = "normal") -> None:  # fmt: skip
        """Draw an arrow; above it, in the gap beside the caller, its words and the token on it."""
        label = fig.wrap(words.replace("https://", ""), self.gap - 0.4, 4, fig.SMALL)
        lift = 0.2 if token else 0.06
        self.y += 0.11 + lift + self._height(label)
        inset = 0.07 if end > start else -0.07
        fig.arrow(self.axes, (start + inset, self.y), (end - inset, self.y), color, linestyle=line)
        look = {
            "color": fig.INK.get(color, color),
            "size": fig.SMALL,
            "weight": weight,
            "va": "bottom",
        }
        fig.write(self.axes, middle, self.y - lift, label, "center", **look)
        if token:
            box = {
                "boxstyle": "round,pad=0.25",
                "facecolor": _TOKENS[token],
                "edgecolor": fig.BLACK,
            }
            look = {"size": fig.SMALL, "weight": "bold", "bbox": box}
            fig.write(self.axes, middle, self.y, token, "center", **look)
            self.y += 0.1

    def _note(self, words: str, x: float) -> None:
        """Write what a party did by itself."""
        label = fig.wrap(words, self.gap - 0.3, 4, fig.SMALL)
        half = (self._height(label) + 0.15) / 2
        box = {"boxstyle": "round,pad=0.3", "facecolor": "#F2F2F2", "edgecolor": fig.GREY}
        fig.write(self.axes, x, self.y + 0.2 + half, label, "center", size=fig.SMALL, bbox=box)
        self.y += 0.2 + 2 * half

    def _pause(self, span: timedelta) -> None:
        """Draw that the clock moved between two events."""
        y, box = self.y + 0.4, {"facecolor": "white", "edgecolor": "none", "pad": 4}
        self.axes.plot([0.3, fig.WIDTH - 0.3], [y, y], color=fig.GREY, linestyle=":", linewidth=1.5)
        words = f"{fig.span_in_words(span.total_seconds())} later"
        fig.write(self.axes, 0.3, y, words, color=fig.GREY, style="italic", bbox=box)
        self.y += 0.5

    @staticmethod
    def _height(label: str) -> float:
        return 0.2 * (label.count("\n") + 1)


@fig.styled
def interleavings(
    rows: Sequence[tuple[str, int]], steps: Sequence[str] = ("seen?", "add")
) -> fig.Figure:
    """Draw all orders in which two requests, A and B, can take their steps, and what each mints.

    rows: pairs such as `("ABAB", 2)`: whose turn it is, step by step, and the number of tokens
    minted. steps: the names of a request's steps. Raises ValueError if there are no rows.
    """
    if not rows:
        raise ValueError("there are no orders to draw: give pairs such as ('ABAB', 2)")
    longest = max(len(order) for order, _ in rows)
    left, top, width, height = 1.1, 1.2, min(2.2, 7.2 / longest), 0.62
    right = left + longest * width + 0.3
    twice = [order for order, minted in rows if minted > 1]
    once = [order for order, minted in rows if minted == 1]
    verb = "mint" if len(twice) > 1 else "mints"
    finding = f"{fig.part(len(twice), len(rows))} orders {verb} twice"
    axes = fig.sheet(finding)
    fig.write(axes, left, top - 0.25, "time →", color=fig.GREY)
    fig.write(axes, right, top - 0.25, "tokens minted", color=fig.GREY)
    for n, (order, minted) in enumerate(rows):
        y = top + (n + 0.5) * height
        fig.write(axes, left - 0.2, y, order, "right", family="DejaVu Sans Mono")
        for k, who in enumerate(order):
            ground, ink = (fig.BLUE, "white") if who == "A" else (fig.ORANGE, fig.BLACK)
            words = f"{who}: {steps[order[:k].count(who)]}"
            fig.tile(axes, left + k * width, y - 0.25, width - 0.08, 0.5, ground)
            fig.write(axes, left + (k + 0.5) * width - 0.04, y, words, "center", color=ink)
        sign, color = ("✗", fig.VERMILLION) if minted > 1 else ("✓", fig.GREEN)
        look: dict[str, Any] = {"color": fig.INK[color], "weight": "bold", "size": fig.SIZE + 2}
        fig.write(axes, right, y, f"{sign} {minted}", **look)
    groups = {"twice": twice, "once": once}
    told = [f"{fig.listed(orders)} {word}" for word, orders in groups.items() if orders]
    drawing = fig.finish(axes, top + height * len(rows) + 0.15)
    return fig.Figure(f"{finding}: {'; '.join(told)}.", drawing)
