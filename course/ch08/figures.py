"""The figure of chapter 08: what is left of each attack, and what each defense changes."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course.ch08.grid import SINGLE, SPANS, Outcome, verdict
from course.figure import BLACK, GREEN, GREY, INK, SMALL, Figure, finish, sheet, styled, tile, write

Grid = Mapping[str, Mapping[str, Outcome]]
"""For each attack, by name, the outcome in each column of the grid."""
_LOOKS = {
    "stopped": ("#CDEBDF", INK[GREEN], "✓"), "once": ("#FCEBDD", BLACK, "once"),
    "15 min": ("#F7C99B", BLACK, "15 m"), "6 h": ("#E8914A", BLACK, "6 h"),
    "days": ("#B5531A", "white", "days"), "no end": ("#8C2D04", "white", "∞"),
}  # fmt: skip
"""Ground, ink and words for each span: the darker, the worse, in gray as well."""
_COLUMNS = {
    "none": "stored token", "T": "trusted publisher", "TR": "old tokens revoked",
    "TE": "environment named", "TEP": "rules for it", "TS": "separate publish job",
    "TSD": "digest of dist/", "TH": "hash-locked build", "TC": "pinned actions",
    "TB": "token burned", "TV": "attestation checked", "all": "all ten",
}  # fmt: skip
_WHOLE = ("none", "T", "all")
"""Columns in which every cell is drawn, changed or not."""
_SIDE, _HEAD, _ROW, _COLUMN, _GAP = 4.22, 2.75, 0.33, 0.5, 0.1


@styled
def matrix(grid: Grid, groups: Mapping[str, Sequence[str]]) -> Figure:
    """Draw attacks down and defenses across: how long Mallory can go on, and what changes that.

    groups: the attacks under their headings. A cell that is as in the column it builds on is a dot.
    Raises ValueError if there are no attacks.
    """
    if not grid:
        raise ValueError("there are no attacks to draw")
    stops = {name: sum(verdict(row, name) == "stops" for row in grid.values()) for name in SINGLE}
    left = [name for name, row in grid.items() if not row["all"].stopped]
    most = f"No defense stops more than {max(stops.values())} further attacks"
    finding = f"{most}; all ten leave {len(left)} of {len(grid)}"
    axes, places = sheet(finding), _places()
    for name, x in places.items():
        look = {"weight": "bold"} if name in _WHOLE else {}
        words = {"rotation": 90, "va": "bottom", "size": SMALL, **look}
        head = f"{name}  {_COLUMNS[name]}" if name in SINGLE else _COLUMNS[name]
        write(axes, x + _COLUMN / 2, _HEAD - 0.06, head, "center", **words)
    y = _HEAD
    for heading, attacks in groups.items():
        write(axes, 0.12, y + 0.2, heading, weight="bold")
        y += 0.38
        for attack in attacks:
            write(axes, 0.12, y + _ROW / 2, attack, size=SMALL)
            for name, x in places.items():
                _field(axes, x, y, grid[attack], name)
            y += _ROW
    end = _legend(axes, y + 0.2)
    told = ", ".join(f"{_COLUMNS[name]} {n}" for name, n in stops.items())
    sentence = f"{finding}. Stopped by each, on top of what it needs: {told}."
    if left:
        sentence += f" Left by all: {'; '.join(left)}."
    return Figure(sentence, finish(axes, end + 0.05))


def _places() -> dict[str, float]:
    """Return where each column begins, in inches; gaps set the single defenses apart."""
    places, x = {}, _SIDE
    for name in _COLUMNS:
        x += _GAP if name in ("TR", "all") else 0
        places[name], x = x, x + _COLUMN
    return places


def _field(axes: Axes, x: float, y: float, row: Mapping[str, Outcome], name: str) -> None:
    found = verdict(row, name) if name in SINGLE else "no"
    if name in _WHOLE or found in ("stops", "weakens", "opens"):
        opened = found == "opens"
        _cell(axes, x, y, SPANS[row[name].span], opened, twice=row[name].projects > 1)
    else:
        _dot(axes, x, y)


def _cell(
    axes: Axes, x: float, y: float, span: str, opened: bool = False, *, twice: bool = False
) -> None:
    """Draw for how long, on a ground that says how bad that is; a frame says who made it possible,
    and ×2 that both projects are hit."""
    ground, ink, words = _LOOKS[span]
    frame = {"edgecolor": BLACK, "linewidth": 2.4, "zorder": 3}
    tile(axes, x, y, _COLUMN, _ROW, ground, **(frame if opened else {"linewidth": 1.5}))
    weight = "bold" if span in ("stopped", "no end") else "normal"
    look = {"color": ink, "weight": weight, "size": SMALL, "zorder": 4}
    write(axes, x + _COLUMN / 2, y + _ROW / 2, words + "×2" * twice, "center", **look)


def _dot(axes: Axes, x: float, y: float) -> None:
    write(axes, x + _COLUMN / 2, y + _ROW / 2, "·", "center", color=GREY, size=SMALL)


def _legend(axes: Axes, y: float) -> float:
    """Say what the fields mean, in three lines, and return where the next thing may begin."""
    lines = (
        (("stopped", "stopped"), ("once", "one bad version"),
         ("15 min", "until an API token ends")),
        (("6 h", "until a job's request token ends"), ("no end", "no end; ×2: both projects")),
        (("frame", "made possible by this defense"), ("", "as in the column it builds on")),
    )  # fmt: skip
    for line in lines:
        for (span, words), x in zip(line, (0.12, 3.9, 7.0), strict=False):
            if span:
                _cell(axes, x, y, "6 h" if span == "frame" else span, span == "frame")
            else:
                _dot(axes, x, y)
            write(axes, x + _COLUMN + 0.1, y + _ROW / 2, words, size=SMALL)
        y += _ROW + 0.08
    return y
