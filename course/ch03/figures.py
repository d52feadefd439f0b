"""The pictures of chapter 03: what `pow` makes of a signature, and the life of two keys in three caches."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib import figure, patches

from course.figure import (
    BLACK,
    BLUE,
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
    sheet,
    some,
)

_HASH, _INFO = 32, 19
_ROW = 16


@matplotlib.rc_context(STYLE)
def signature_block(block: bytes) -> Figure:
    """The bytes of a padded SHA-256 hash (RFC 8017, section 9.2), row by row, coloured by what they are.

    Raises ValueError for a block that does not begin with `00 01`, a row of `ff` and a zero, or is too short.
    """
    end = block.find(b"\0", 2)
    filler = end - 2
    if block[:2] != b"\0\1" or set(block[2:end]) != {0xFF} or len(block) != end + 1 + _INFO + _HASH:
        raise ValueError("expected a block of 00 01, a row of ff, 00, DigestInfo and a hash")
    parts = [
        (2, "white", BLACK, "00 01: a signature"),
        (filler, "#DDDDDD", GREY, f"{filler} × ff: filling"),
        (1, "white", BLACK, "00: end of the filling"),
        (_INFO, ORANGE, BLACK, f"{_INFO} bytes: \u201ca SHA-256 hash follows\u201d"),
        (_HASH, BLUE, "white", f"{_HASH} bytes: the hash"),
    ]
    looks = [look for count, *look in parts for _ in range(count)]
    axes = sheet(f"Of {len(block)} bytes, {_HASH} are the hash; all others are known beforehand")
    left, top, width, height = 0.2, 0.75, 0.42, 0.33
    first: dict[str, float] = {}
    for n, (byte, (face, ink, words)) in enumerate(zip(block, looks, strict=True)):
        x, y = left + n % _ROW * width, top + n // _ROW * height
        axes.add_patch(
            patches.Rectangle((x, y), width, height, facecolor=face, edgecolor="white", linewidth=1)
        )
        axes.text(x + width / 2, y + height / 2, f"{byte:02x}", ha="center", va="center", color=ink,
                  family="DejaVu Sans Mono", size=SIZE - 2)  # fmt: skip
        first.setdefault(words, y + height / 2)
    rows = len(block) // _ROW
    axes.add_patch(
        patches.Rectangle((left, top), _ROW * width, rows * height, fill=False, edgecolor=BLACK)
    )
    places = {words: y for words, y in first.items()}
    labels = list(places)
    places[labels[1]] += 5 * height
    places[labels[2]] -= height * 0.9
    for words, y in places.items():
        axes.text(left + _ROW * width + 0.2, y, words, va="center", size=SIZE)
    told = ", ".join(words for *_, words in parts)
    return Figure(f"The {len(block)} bytes that pow gives for a good signature: {told}.",
                  cut(axes, top + rows * height + 0.2))  # fmt: skip


@matplotlib.rc_context(STYLE)
def key_hour(
    keys: Mapping[str, tuple[int, int]], logs: Mapping[str, Sequence[tuple[int, str, bool, bool]]]
) -> Figure:
    """Two keys of a provider, and what caches made of them: fetches, and verdicts on honest and stolen-key tokens.

    `keys` are the minutes from and to which a key was published, old one first. `logs` have, for each cache, rows of
    (minute, sender, accepted, fetched), sender being "honest", "Mallory", or a stranger's name. Raises ValueError unless
    there are two keys.
    """
    if len(keys) != 2:
        raise ValueError(f"expected two keys, the old and the new, got {len(keys)}")
    (old, (_, withdrawn)), (new, (begun, end)) = keys.items()
    late = {
        name: [m for m, who, ok, _ in log if who == "Mallory" and ok and m >= withdrawn]
        for name, log in logs.items()
    }
    height = 2.15 + 1.35 * len(logs)
    drawing = figure.Figure(figsize=(WIDTH, height + 1.2))
    axes = drawing.add_axes(
        (0.27, 0.75 / (height + 1.2), 0.71, 1 - 1.5 / (height + 1.2)), xlim=(-0.7, end + 0.3)
    )
    axes.set_ylim(height, 0.2)
    axes.set_title(_finding(old, withdrawn, late), loc="left", weight="bold", x=-0.36, pad=12)
    ticks, names = [], []
    for y, (name, (start, stop)), colour, ink in zip(
        (0.6, 1.15), keys.items(), (ORANGE, SKY), (BLACK, BLACK), strict=True
    ):
        axes.add_patch(
            patches.Rectangle(
                (start, y - 0.2), stop - start, 0.4, facecolor=colour, edgecolor=BLACK
            )
        )
        axes.text(start + 0.4, y, f"{name}, published", va="center", color=ink)
        ticks.append(y)
        names.append("the provider" if name == old else "")
    axes.text(
        withdrawn + 0.3,
        0.6,
        "withdrawn: it has leaked",
        va="center",
        color=VERMILLION,
        weight="bold",
    )
    axes.axvline(withdrawn, color=VERMILLION, linewidth=1.5, linestyle="--", zorder=0)
    for n, (name, log) in enumerate(logs.items()):
        top = 2.2 + 1.35 * n
        axes.axhline(top - 0.28, color="#BBBBBB", linewidth=1)
        for row, label in enumerate((f"{name}: fetches", "honest token", "Mallory's token")):
            ticks.append(top + 0.4 * row)
            names.append(label)
        fetched = sorted({minute for minute, _, _, asked in log if asked})
        axes.plot(fetched, [top] * len(fetched), "v", color=BLACK, markersize=7)
        for row, who in ((1, "honest"), (2, "Mallory")):
            for good in (True, False):
                minutes = [m for m, whose, ok, _ in log if whose == who and ok is good]
                wrong = [
                    m
                    for m in minutes
                    if (who == "Mallory" and good and m >= withdrawn)
                    or (who == "honest" and not good)
                ]
                fine = [m for m in minutes if m not in wrong]
                marker = {"marker": "o", "markersize": 6, "linestyle": ""}
                face = GREEN if good else "white"
                axes.plot(
                    fine, [top + 0.4 * row] * len(fine), color=GREEN, markerfacecolor=face, **marker
                )
                axes.plot(
                    wrong, [top + 0.4 * row] * len(wrong), "X", color=VERMILLION, markersize=9
                )
    for minute in sorted(
        {m for log in logs.values() for m, who, *_ in log if who not in ("honest", "Mallory")}
    ):
        axes.axvline(
            minute, ymax=1 - 1.5 / height, color=GREY, linewidth=1.5, linestyle=":", zorder=0
        )
        axes.text(
            minute + 0.3, 1.77, "a stranger's made-up kid", color=GREY, va="center", style="italic"
        )
    axes.set_yticks(ticks, names)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "minutes   ·   ● accepted   ○ refused   ✖ accepted, though the key is withdrawn", x=0.42
    )
    told = "; ".join(
        f"{name} fetches in {some(len({m for m, *_, asked in log if asked}), 'minute')} and accepts "
        f"{some(len(late[name]), 'token')} of the withdrawn key"
        for name, log in logs.items()
    )
    return Figure(
        f"The provider publishes {old} until minute {withdrawn} and {new} from minute {begun} on: {told}.",
        drawing,
    )


def _finding(old: str, withdrawn: int, late: Mapping[str, Sequence[int]]) -> str:
    """Return what the figure shows: how many stores accepted the withdrawn key, and until when."""
    last = max((max(minutes) for minutes in late.values() if minutes), default=None)
    begin = f"The {old} was withdrawn in minute {withdrawn}, and "
    if last is None:
        return f"{begin}no store accepted it afterwards"
    fooled = sum(last in minutes for minutes in late.values())
    return f"{begin}{some(fooled, 'store')} accepted it until minute {last}"
