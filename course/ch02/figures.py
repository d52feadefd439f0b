"""The figure of chapter 02: the life of a token."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from matplotlib.axes import Axes

from course import figure as fig

_LOOKS = {"not yet": ("#DDDDDD", fig.BLACK), "valid": (fig.BLUE, "white"),
          "expired": (fig.BLACK, "white")}  # fmt: skip
_LEFT, _TOP, _BAR = 1.75, 1.45, 0.75
Span = tuple[str, int, int]
"""A verdict, its first second, and the second after its last."""


@fig.styled
def token_life(times: Mapping[str, int], life: Mapping[int, Sequence[str]]) -> fig.Figure:
    """Draw when a token is valid: one bar for each leeway, cut where the verdict changes.

    times: the time claims, in seconds from the start of the observation. life: for each leeway in
    seconds, the verdict in every second from the start: "not yet", "valid" or "expired". Raises
    ValueError if some leeway has no valid second.
    """
    spans = {leeway: _spans(verdicts) for leeway, verdicts in life.items()}
    valid = {s: [span for span in found if span[0] == "valid"] for s, found in spans.items()}
    if not all(valid.values()):
        raise ValueError("expected a token that is valid for at least a second with each leeway")
    lives = {leeway: sum(b - a for _, a, b in found) for leeway, found in valid.items()}
    each = [f"{life} s with leeway {leeway} s" for leeway, life in lives.items()]
    finding = "Valid for " + ", for ".join(each)
    axes, scale = fig.sheet(finding), (fig.WIDTH - 2.2) / max(map(len, life.values()))
    bottom = _TOP + _BAR * len(spans)
    for name, second in times.items():
        _moment(axes, _LEFT + scale * second, bottom, f"{name}\n{second} s")
    for row, (leeway, found) in enumerate(spans.items()):
        y = _TOP + _BAR * row
        fig.write(axes, _LEFT - 0.2, y + 0.29, f"leeway {leeway} s", "right")
        for span in found:
            _stretch(axes, y, scale, span)
    said = [f"with a leeway of {s} s from second {at[0][1]} until {at[-1][2]}"
            for s, at in valid.items()]  # fmt: skip
    claims = fig.listed([f"{name} in second {second}" for name, second in times.items()])
    sentence = f"{finding}: a token with {claims} is valid {fig.listed(said)}."
    return fig.Figure(sentence, fig.finish(axes, bottom + 0.1))


def _moment(axes: Axes, x: float, bottom: float, words: str) -> None:
    """Draw a time claim as a dashed line through all bars."""
    pen = {"linewidth": 1.5, "linestyle": (0, (4, 3)), "color": fig.VERMILLION, "zorder": 3}
    axes.plot([x, x], [_TOP - 0.12, bottom], **pen)
    look = {"va": "bottom", "weight": "bold", "color": fig.INK[fig.VERMILLION]}
    fig.write(axes, x, _TOP - 0.2, words, "center", **look)


def _stretch(axes: Axes, y: float, scale: float, span: Span) -> None:
    """Draw a stretch of a bar, with words if they fit."""
    word, a, b = span
    ground, ink = _LOOKS[word]
    fig.tile(axes, _LEFT + scale * a, y, scale * (b - a), 0.58, ground)
    words = f"valid from {a} s, refused from {b} s" if word == "valid" else word
    words = words if len(words) * 0.115 < scale * (b - a) else word
    if len(words) * 0.115 < scale * (b - a):
        fig.write(axes, _LEFT + scale * (a + b) / 2, y + 0.29, words, "center", color=ink)


def _spans(verdicts: Sequence[str]) -> list[Span]:
    found, start = [], 0
    for word, run in groupby(verdicts):
        end = start + len(list(run))
        found.append((word, start, end))
        start = end
    return found
