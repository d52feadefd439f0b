"""The figures of chapter 03: what `pow` makes of a signature, and two keys in several caches."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course import figure as fig

_HASH, _INFO = 32, 19
_ROW, _CELL = 16, (0.42, 0.33)
_LEFT, _TOP = 0.2, 0.75


@fig.styled
def signature_block(block: bytes) -> fig.Figure:
    """Draw the bytes of a padded SHA-256 hash (RFC 8017, section 9.2), colored by what they are.

    Raises ValueError for a block that does not begin with `00 01`, a row of `ff` and a zero, or
    does not end in a DigestInfo and a hash.
    """
    end = block.find(b"\0", 2)
    if block[:2] != b"\0\1" or set(block[2:end]) != {0xFF} or len(block) != end + 1 + _INFO + _HASH:
        raise ValueError("expected a block of 00 01, a row of ff, 00, DigestInfo and a hash")
    parts = [
        (2, "white", fig.BLACK, "00 01: a signature"),
        (end - 2, "#DDDDDD", fig.BLACK, f"{end - 2} × ff: filling"),
        (1, "white", fig.BLACK, "00: end of the filling"),
        (_INFO, fig.ORANGE, fig.BLACK, f"{_INFO} bytes: “a SHA-256 hash follows”"),
        (_HASH, fig.BLUE, "white", f"{_HASH} bytes: the hash"),
    ]
    finding = f"Of {len(block)} bytes, {_HASH} are the hash; all others are known beforehand"
    axes = fig.sheet(finding)
    places, n = [], 0
    for count, ground, ink, _ in parts:
        places.append(n)
        for byte in block[n : n + count]:
            _byte(axes, n, byte, ground, ink)
            n += 1
    height = len(block) / _ROW * _CELL[1]
    fig.tile(axes, _LEFT, _TOP, _ROW * _CELL[0], height, "none", edgecolor=fig.BLACK)
    places[1] = end // 2  # the filling's words stand beside its middle
    places[3] += _ROW  # and these in their second row, because their first is that of the zero
    for place, (*_, words) in zip(places, parts, strict=True):
        y = _TOP + (place // _ROW + 0.5) * _CELL[1]
        fig.write(axes, _LEFT + _ROW * _CELL[0] + 0.2, y, words)
    told = ", ".join(words for *_, words in parts)
    sentence = f"{finding}. The bytes that pow gives for a good signature: {told}."
    return fig.Figure(sentence, fig.finish(axes, _TOP + height + 0.2))


def _byte(axes: Axes, n: int, byte: int, ground: str, ink: str) -> None:
    width, height = _CELL
    x, y = _LEFT + n % _ROW * width, _TOP + n // _ROW * height
    fig.tile(axes, x, y, width, height, ground)
    look = {"color": ink, "family": "DejaVu Sans Mono", "size": fig.SMALL}
    fig.write(axes, x + width / 2, y + height / 2, f"{byte:02x}", "center", **look)


Log = Sequence[tuple[int, str, bool, bool]]
"""Rows of minute, sender ("honest", "Mallory" or a stranger), accepted, fetched."""
_LANE, _LINE = 1.35, 0.4


@fig.styled
def key_hour(keys: Mapping[str, tuple[int, int]], logs: Mapping[str, Log]) -> fig.Figure:
    """Draw two keys of a provider, and what caches made of them: fetches, and verdicts on tokens.

    keys: the minutes from and to which a key was published, old one first. logs: for each cache,
    what it did with honest tokens and with those that Mallory signed with the old key. Raises
    ValueError unless there are two keys.
    """
    if len(keys) != 2:
        raise ValueError(f"expected two keys, the old and the new, got {len(keys)}")
    (old, (_, withdrawn)), (new, (begun, end)) = keys.items()
    late: dict[str, list[int]] = {}
    for name, log in logs.items():
        late[name] = [m for m, who, ok, _ in log if who == "Mallory" and ok and m >= withdrawn]
    height = 2.15 + _LANE * len(logs)
    finding = _finding(old, withdrawn, late)
    axes = fig.chart(finding, height + 1.5, 2.7)
    axes.set_xticks(range(0, end + 1, 5))
    axes.set(xlim=(-0.7, end + 0.3), ylim=(height, 0.2))
    axes.axvline(withdrawn, color=fig.VERMILLION, linewidth=1.5, linestyle="--", zorder=0)
    bars = zip((0.6, 1.15), keys.items(), (fig.ORANGE, fig.SKY), strict=True)
    for y, (name, span), color in bars:
        fig.tile(axes, span[0], y - 0.2, span[1] - span[0], 0.4, color, edgecolor=fig.BLACK)
        fig.write(axes, span[0] + 0.4, y, f"{name}, published")
    look = {"color": fig.INK[fig.VERMILLION], "weight": "bold"}
    fig.write(axes, withdrawn + 0.3, 0.6, "withdrawn: it has leaked", **look)
    labels = [(0.6, "the provider")]
    for n, (name, log) in enumerate(logs.items()):
        top = 2.2 + _LANE * n
        _lane(axes, top, log, withdrawn)
        names = f"{name}: fetches", "honest token", "Mallory's token"
        labels += [(top + _LINE * row, label) for row, label in enumerate(names)]
    _strangers(axes, logs, height)
    axes.set_yticks(*zip(*labels, strict=True))
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("minutes   ·   ● accepted, ○ refused   ·   ✖ the wrong verdict", x=0.42)
    told = "; ".join(_told(name, log, late[name]) for name, log in logs.items())
    shown = f"The provider publishes {old} until minute {withdrawn}, {new} from minute {begun} on"
    return fig.Figure(f"{finding}. {shown}: {told}.", axes.figure)


def _lane(axes: Axes, top: float, log: Log, withdrawn: int) -> None:
    """Draw one cache: its fetches, its verdicts on honest tokens, and those on Mallory's."""
    axes.axhline(top - 0.28, color=fig.LINE, linewidth=1)
    fetched = sorted({minute for minute, _, _, asked in log if asked})
    axes.plot(fetched, [top] * len(fetched), "v", color=fig.BLACK, markersize=7)
    for row, who in enumerate(("honest", "Mallory"), 1):
        sent = [(m, ok) for m, sender, ok, _ in log if sender == who]
        late = [(m, ok) for m, ok in sent if ok and m >= withdrawn]
        wrong = [(m, ok) for m, ok in sent if not ok] if who == "honest" else late
        for kind, look in _VERDICTS.items():
            minutes = [m for m, ok in sent if ("wrong" if (m, ok) in wrong else ok) == kind]
            axes.plot(minutes, [top + _LINE * row] * len(minutes), linestyle="", **look)


_VERDICTS = {
    True: {"marker": "o", "markersize": 6, "color": fig.GREEN},
    False: {"marker": "o", "markersize": 6, "color": fig.GREEN, "markerfacecolor": "white"},
    "wrong": {"marker": "X", "markersize": 9, "color": fig.VERMILLION},
}


def _strangers(axes: Axes, logs: Mapping[str, Log], height: float) -> None:
    """Draw a dotted line in each minute in which a stranger's token arrives."""
    rows = [row for log in logs.values() for row in log]
    for minute in sorted({m for m, who, *_ in rows if who not in ("honest", "Mallory")}):
        pen = {"color": fig.GREY, "linewidth": 1.5, "linestyle": ":", "zorder": 0}
        axes.axvline(minute, ymax=1 - 1.5 / height, **pen)
        late = minute > axes.get_xlim()[1] / 2
        look = {"color": fig.GREY, "style": "italic", "align": "right" if late else "left"}
        fig.write(axes, minute + (-0.3 if late else 0.3), 1.77, "a stranger's made-up kid", **look)


def _told(name: str, log: Log, late: Sequence[int]) -> str:
    fetches = fig.plural(len({minute for minute, *_, asked in log if asked}), "minute")
    accepted = fig.plural(len(late), "token")
    return f"{name} fetches in {fetches} and accepts {accepted} of the withdrawn key"


def _finding(old: str, withdrawn: int, late: Mapping[str, Sequence[int]]) -> str:
    """Return how many stores accepted the withdrawn key longest, and until when."""
    last = max((max(minutes) for minutes in late.values() if minutes), default=None)
    begin = f"The {old} was withdrawn in minute {withdrawn}, and "
    if last is None:
        return f"{begin}no store accepted it afterwards"
    fooled = sum(last in minutes for minutes in late.values())
    return f"{begin}{fig.plural(fooled, 'store')} accepted it until minute {last}"
