"""The figures of chapter 02: the life of a token, and which check guards which of its characters."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from matplotlib.axes import Axes

from course import figure as fig

_LOOKS = {
    "not yet": ("#DDDDDD", fig.BLACK),
    "valid": (fig.BLUE, "white"),
    "expired": (fig.BLACK, "white"),
}
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
    least, most = min(lives), max(lives)
    finding = f"With {most} s of leeway a token lives for {lives[most]} s"
    finding += f", with {least} s for {lives[least]} s" if len(lives) > 1 else ""
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


_GUARDS = {  # what PyJWT raises → what guards, ground, ink: dark, middle and light also in gray
    "InvalidSignatureError": ("the signature", fig.BLUE, "white"),
    "InvalidAlgorithmError": ("the algorithm", fig.PURPLE, fig.BLACK),
    "DecodeError": ("the form (dots, base64url, JSON)", "#FBE3A6", fig.BLACK),
    "accepted": ("nothing", "white", fig.BLACK),
}
_COLUMNS, _ROW, _INDENT = 60, 0.27, 1.25
_CELL = (fig.WIDTH - 1.4) / _COLUMNS


@fig.styled
def guarded(token: str, reasons: Sequence[str], accepted: Sequence[bool]) -> fig.Figure:
    """Draw a token, each character on the color of the check that refuses a change of it.

    reasons: the names of the exceptions that PyJWT raises, one for each character, or "accepted".
    accepted: where the hand-made verifier accepts the changed token; those characters get a frame.
    Raises ValueError unless there is one of each for every character, and the token has three parts.
    """
    if not len(token) == len(reasons) == len(accepted) or token.count(".") != 2:
        raise ValueError("expected a token of three parts, and a reason and a verdict for each "
                         "character")  # fmt: skip
    looks = _GUARDS | {each: (each, fig.GREY, "white") for each in reasons if each not in _GUARDS}
    counts = {looks[each][0]: reasons.count(each) for each in looks if each in reasons}
    rest = ", but not the last" if accepted[-1] else ""
    finding = f"The signature guards {counts.get('the signature', 0)} of {len(token)} characters"
    axes = fig.sheet(finding + rest)
    _legend(axes, [(f"{name}: {counts[name]}", *look) for name, *look in looks.values()
                   if name in counts])  # fmt: skip
    y, free, last = 1.4, sum(accepted), None
    for name, part in _parts(token).items():
        for n, i in enumerate(part):
            x, row = _INDENT + _CELL * (n % _COLUMNS), y + _ROW * (n // _COLUMNS)
            _character(axes, token[i], x, row, *looks[reasons[i]][1:], framed=accepted[i])
            last = (x, row) if accepted[i] else last
        rows = -(-len(part) // _COLUMNS)
        fig.write(axes, _INDENT - 0.15, y + _ROW * rows / 2, name, "right", weight="bold")
        y += _ROW * rows + 0.12
    if last:
        _pointer(axes, last, y + 0.15)
    told = fig.listed([f"{name} {count}" for name, count in counts.items()])
    hand = f"the hand-made verifier accepts a change of {fig.plural(free, 'character')}"
    hand += ", the last one" if free == 1 and accepted[-1] else ""
    return fig.Figure(
        f"{finding}{rest}: PyJWT refuses for {told}; {hand}.", fig.finish(axes, y + 0.4)
    )


def _legend(axes: Axes, entries: Sequence[tuple[str, str, str]]) -> None:
    x = _INDENT
    for words, ground, ink in entries:
        box = {"facecolor": ground, "edgecolor": fig.BLACK, "pad": 4}
        fig.write(axes, x, 0.95, words, color=ink, bbox=box)
        x += 0.105 * len(words) + 0.35


def _pointer(axes: Axes, corner: tuple[float, float], y: float) -> None:
    """Say what the last frame means, on the side where there is more room."""
    x, words = corner[0] + _CELL / 2, "the hand-made verifier accepts another character here"
    align, side, space = ("right", 1, -0.25) if x > fig.WIDTH / 2 else ("left", 0, 0.25)
    look = {"color": fig.INK[fig.VERMILLION], "weight": "bold", "ha": align, "va": "center"}
    pen = {"arrowstyle": "-", "color": fig.VERMILLION, "linewidth": 2, "relpos": (side, 0.5)}
    axes.annotate(words, (x, corner[1] + _ROW), (x + space, y), arrowprops=pen, **look)


def _parts(token: str) -> dict[str, range]:
    """Return the positions of header, claims and signature; a dot belongs to what is before it."""
    first = token.index(".") + 1
    second = token.index(".", first) + 1
    ends = range(first), range(first, second), range(second, len(token))
    return dict(zip(("header", "claims", "signature"), ends, strict=True))


def _character(axes: Axes, character: str, x: float, y: float, ground: str, ink: str, *,
               framed: bool) -> None:  # fmt: skip
    fig.tile(axes, x, y, _CELL, _ROW, ground, edgecolor=ground, linewidth=0.6)
    if framed:
        fig.tile(axes, x, y, _CELL, _ROW, "none", edgecolor=fig.VERMILLION, linewidth=3, zorder=5)
    look = {"color": ink, "family": "DejaVu Sans Mono", "size": fig.SMALL}
    fig.write(axes, x + _CELL / 2, y + _ROW / 2, character, "center", **look)
