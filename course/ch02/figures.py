"""The figures of chapter 02: the life of a token, and which check guards which of its characters."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import matplotlib
from matplotlib import patches
from matplotlib.axes import Axes

from course.figure import (
    BLACK,
    BLUE,
    GREY,
    PURPLE,
    STYLE,
    VERMILLION,
    WIDTH,
    Figure,
    cut,
    listed,
    sheet,
    some,
)

_LOOKS = {"not yet": ("#DDDDDD", BLACK), "valid": (BLUE, "white"), "expired": (BLACK, "white")}


@matplotlib.rc_context(STYLE)
def token_life(times: Mapping[str, int], life: Mapping[int, Sequence[str]]) -> Figure:
    """When a token is valid: one bar for each leeway, cut where the verdict changes.

    `times` are the time claims in seconds from the start of the observation; `life` has, for each leeway in
    seconds, the verdict in every second from the start: "not yet", "valid" or "expired". Raises ValueError if
    some leeway has no valid second.
    """
    spans = {leeway: _spans(verdicts) for leeway, verdicts in life.items()}
    valid = {
        leeway: [(a, b) for word, a, b in found if word == "valid"]
        for leeway, found in spans.items()
    }
    if not all(valid.values()):
        raise ValueError(
            "a life without a valid second cannot be drawn: observe the token until it is valid"
        )
    lives = {leeway: sum(b - a for a, b in found) for leeway, found in valid.items()}
    least, most = min(lives), max(lives)
    finding = f"{most} s of leeway make {lives[most]} s of life out of {lives[least]} s"
    axes = sheet(finding)
    left, top, height = 1.75, 1.45, 0.75
    scale = (WIDTH - 2.2) / max(map(len, life.values()))
    bottom = top + height * len(spans)
    for name, second in times.items():
        x, look = left + scale * second, {"color": VERMILLION, "zorder": 3}
        axes.plot([x, x], [top - 0.12, bottom], linewidth=1.5, linestyle=(0, (4, 3)), **look)
        axes.text(
            x, top - 0.2, f"{name}\n{second} s", ha="center", va="bottom", weight="bold", **look
        )
    for row, (leeway, found) in enumerate(spans.items()):
        middle = top + height * row + 0.29
        axes.text(left - 0.2, middle, f"leeway {leeway} s", ha="right", va="center")
        for word, a, b in found:
            face, ink = _LOOKS[word]
            bar = (left + scale * a, middle - 0.29), scale * (b - a), 0.58
            axes.add_patch(patches.Rectangle(*bar, facecolor=face, edgecolor="white"))
            label = f"valid from {a} s, refused from {b} s" if word == "valid" else word
            if scale * (b - a) > 0.7:
                axes.text(
                    left + scale * (a + b) / 2, middle, label, ha="center", va="center", color=ink
                )
    said = [
        f"with a leeway of {s} s from second {at[0][0]} until {at[-1][1]}"
        for s, at in valid.items()
    ]
    claims = listed([f"{name} in second {second}" for name, second in times.items()])
    return Figure(
        f"{finding}: a token with {claims} is valid {listed(said)}.", cut(axes, bottom + 0.1)
    )


def _spans(verdicts: Sequence[str]) -> list[tuple[str, int, int]]:
    """The verdicts as stretches: word, first second, second after the last."""
    found, start = [], 0
    for word, run in groupby(verdicts):
        end = start + len(list(run))
        found.append((word, start, end))
        start = end
    return found


_GUARDS = {  # what PyJWT raises → what guards, ground, ink: dark, middle and light, to be told apart in grey
    "InvalidSignatureError": ("the signature", BLUE, "white"),
    "InvalidAlgorithmError": ("the algorithm", PURPLE, BLACK),
    "DecodeError": ("the form (dots, base64url, JSON)", "#FBE3A6", BLACK),
    "accepted": ("nothing", "white", BLACK),
}
_COLUMNS, _ROW = 60, 0.27


@matplotlib.rc_context(STYLE)
def guarded(token: str, reasons: Sequence[str], accepted: Sequence[bool]) -> Figure:
    """A token, each character on the colour of the check that refuses the token if that character is changed.

    `reasons` are the names of the exceptions that PyJWT raises, one for each character, or "accepted";
    `accepted` says where the hand-made verifier accepts the changed token: those characters get a frame.
    Raises ValueError unless there is one of each for every character, and the token has three parts.
    """
    if not len(token) == len(reasons) == len(accepted) or token.count(".") != 2:
        raise ValueError(
            "expected a token of three parts, and one reason and one verdict for each character"
        )
    looks = {
        reason: _GUARDS.get(reason, (reason, GREY, "white")) for reason in [*_GUARDS, *reasons]
    }
    counts = {reason: reasons.count(reason) for reason in looks if reason in reasons}
    guard, free = counts.get("InvalidSignatureError", 0), sum(accepted)
    rest = ", but not the last" if accepted[-1] else ""
    finding = f"The signature guards {guard} of {len(token)} characters{rest}"
    axes = sheet(finding)
    left, x, y, last = 1.25, 1.25, 1.4, (0.0, 0.0)
    for reason, count in counts.items():
        name, ground, ink = looks[reason]
        box = {"facecolor": ground, "edgecolor": BLACK, "pad": 4}
        axes.text(x, 0.95, f"{name}: {count}", color=ink, va="center", bbox=box)
        x += 0.105 * len(f"{name}: {count}") + 0.35
    for name, part in _parts(token).items():
        for n, i in enumerate(part):
            corner = left + _width() * (n % _COLUMNS), y + _ROW * (n // _COLUMNS)
            _character(axes, token[i], corner, *looks[reasons[i]][1:], framed=accepted[i])
            last = (corner[0] + _width() / 2, corner[1] + _ROW) if accepted[i] else last
        rows = -(-len(part) // _COLUMNS)
        axes.text(left - 0.15, y + _ROW * rows / 2, name, ha="right", va="center", weight="bold")
        y += _ROW * rows + 0.12
    if free:
        look = {"color": VERMILLION, "weight": "bold", "ha": "right", "va": "center"}
        pen = {"arrowstyle": "-", "color": VERMILLION, "linewidth": 2, "relpos": (1, 0.5)}
        words = "the hand-made verifier accepts another character here "
        axes.annotate(words, last, (last[0] - 0.15, y + 0.15), arrowprops=pen, **look)
    told = listed([f"{looks[reason][0]} {count}" for reason, count in counts.items()])
    where = ", the last one" if free == 1 and accepted[-1] else ""
    hand = f"the hand-made verifier accepts a change of {some(free, 'character')}{where}"
    return Figure(f"{finding}: PyJWT refuses for {told}; {hand}.", cut(axes, y + 0.4))


def _width() -> float:
    return (WIDTH - 1.4) / _COLUMNS


def _parts(token: str) -> dict[str, range]:
    """The positions of header, claims and signature, each dot counted with what is before it."""
    first = token.index(".") + 1
    second = token.index(".", first) + 1
    return {
        "header": range(first),
        "claims": range(first, second),
        "signature": range(second, len(token)),
    }


def _character(axes: Axes, character: str, corner: tuple[float, float], ground: str, ink: str, *,
               framed: bool) -> None:  # fmt: skip
    size = _width(), _ROW
    axes.add_patch(
        patches.Rectangle(corner, *size, facecolor=ground, edgecolor=ground, linewidth=0.6)
    )
    if framed:
        frame = {"facecolor": "none", "edgecolor": VERMILLION, "linewidth": 3, "zorder": 5}
        axes.add_patch(patches.Rectangle(corner, *size, **frame))
    look = {"color": ink, "family": "DejaVu Sans Mono", "size": 11}
    axes.text(
        corner[0] + size[0] / 2,
        corner[1] + size[1] / 2,
        character,
        ha="center",
        va="center",
        **look,
    )
