"""The figures of chapter 05: which claims of a job fit which publisher, and who gets in."""

import os.path
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib import patches
from matplotlib.axes import Axes

from course.figure import (
    BLACK,
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
from helpers.index.claim_checks import ClaimCheck

_FITS, _FAILS = (
    ("#E3F2EC", GREEN),
    ("#F3B994", BLACK),
)  # ground and sign: light and darker ground, seen in grey too
_SMALL = SIZE - 2.5


@matplotlib.rc_context(STYLE)
def matching(columns: Mapping[str, Sequence[ClaimCheck]], across: str = "publisher") -> Figure:
    """Claims down, publishers or jobs across: which rule holds, and where one does not, what stands in its way.

    `columns` are the results of `publisher.check`, all of publishers of one provider; `across` is what they differ in:
    "publisher" (then a mismatch shows what was expected) or "job" (then what came). Raises ValueError if there are none, or not
    all of them follow the same rules.
    """
    rules = [[check.claim for check in checks] for checks in columns.values()]
    if not rules or any(each != rules[0] for each in rules):
        raise ValueError(
            "expected the checks of at least one publisher, and all of the same provider"
        )
    side, wanted = ("expected", "expects") if across == "publisher" else ("got", "says")
    other = "got" if side == "expected" else "expected"
    through = [name for name, checks in columns.items() if all(check.ok for check in checks)]
    finding = f"{len(through) or 'None'} of {len(columns)} {across}s "
    finding += (
        ("lets" if len(through) == 1 else "let") + " the job in"
        if across == "publisher"
        else "get in"
    )
    finding = (
        finding.replace("jobs get", "jobs gets")
        if across == "job" and len(through) == 1
        else finding
    )
    axes = sheet(finding)
    left, top, height = 3.3, 1.2, 0.66
    width = (WIDTH - left - 0.15) / len(columns)
    for k, name in enumerate(columns):
        place = {"ha": "center", "va": "bottom", "weight": "bold"}
        axes.text(
            left + (k + 0.5) * width,
            top - 0.1,
            wrap(name, width - 0.02, 3, SIZE - 1),
            size=SIZE - 1,
            **place,
        )
    tables = list(columns.values())
    for n, claim in enumerate(rules[0]):
        y, row = top + n * height, [checks[n] for checks in tables]
        axes.text(0.15, y + 0.2, claim, va="center", weight="bold", size=SIZE - 1)
        shared = {getattr(check, other) for check in row}
        who = "the job says" if other == "got" else "expects"
        common = f"{who} {_folded(shared.pop(), 2.4)}" if len(shared) == 1 else row[0].rule
        axes.text(0.15, y + 0.43, common, va="center", color=GREY, size=_SMALL - 1)
        for k, check in enumerate(row):
            words = (
                "ok"
                if check.ok
                else f"{wanted}\n{_folded(_differing(check, side), width - 0.3, 2)}"
            )
            _cell(axes, (left + k * width, y), (width, height), check.ok, words)
    y = top + len(rules[0]) * height + 0.1
    for k, name in enumerate(columns):
        ok = name in through
        look = {"ha": "center", "va": "top", "weight": "bold", "color": GREEN if ok else VERMILLION}
        axes.text(left + (k + 0.5) * width, y, "✓ let in" if ok else "✗ refused", **look)
    told = []
    for name, checks in columns.items():
        failed = [
            f"{check.claim} ({wanted} {getattr(check, side)})" for check in checks if not check.ok
        ]
        told.append(f"{name}: {'mismatch in ' + listed(failed) if failed else 'everything fits'}")
    return Figure(f"{finding}; {'; '.join(told)}.", cut(axes, y + 0.4))


@matplotlib.rc_context(STYLE)
def gauntlet(rows: Mapping[str, Mapping[str, bool]], honest: Sequence[str] = ()) -> Figure:
    """Jobs down, configurations across: who gets in, and whether that is as it should be.

    `rows` have, for each job, whether each configuration lets it in; `honest` are the jobs that are meant to get in. Raises
    ValueError if there are no rows or they have different columns.
    """
    names = [list(row) for row in rows.values()]
    if not names or any(each != names[0] for each in names):
        raise ValueError("expected at least one job, and the same configurations for each")
    unwanted = {
        name: sum(row[name] for job, row in rows.items() if job not in honest) for name in names[0]
    }
    counts = ", ".join(f"{count} by “{name}”" for name, count in unwanted.items())
    finding = f"Let in without being meant to: {counts}"
    axes = sheet(finding)
    left, top, height = 4.3, 1.2, 0.44
    width = (WIDTH - left - 0.15) / len(names[0])
    for k, name in enumerate(names[0]):
        place = {"ha": "center", "va": "bottom", "weight": "bold"}
        axes.text(
            left + (k + 0.5) * width,
            top - 0.1,
            wrap(name, width - 0.05, 2, SIZE - 1),
            size=SIZE - 1,
            **place,
        )
    for n, (job, row) in enumerate(rows.items()):
        y = top + n * height
        label = f"{job} (meant to)" if job in honest else job
        axes.text(
            0.15,
            y + height / 2,
            label,
            va="center",
            size=SIZE - 1,
            weight="bold" if job in honest else "normal",
        )
        for k, ok in enumerate(row.values()):
            _cell(
                axes,
                (left + k * width, y),
                (width, height),
                ok is (job in honest),
                "let in" if ok else "refused",
            )
    told = [
        f"{job}: {listed([name for name, ok in row.items() if ok]) or 'none'}"
        for job, row in rows.items()
    ]
    sentence = f"{finding}. Let in by: {'; '.join(told)}."
    return Figure(sentence, cut(axes, top + len(rows) * height + 0.15))


def _cell(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], ok: bool, words: str
) -> None:
    """A field of a table: sign and word, on light or on darker ground."""
    (x, y), (width, height) = corner, size
    ground, ink = _FITS if ok else _FAILS
    box = {"facecolor": ground, "edgecolor": "white", "linewidth": 3}
    axes.add_patch(patches.Rectangle((x, y), width, height, **box))
    axes.text(
        x + 0.1,
        y + height / 2,
        "✓" if ok else "✗",
        va="center",
        color=ink,
        weight="bold",
        size=SIZE + 2,
    )
    look = {
        "va": "center",
        "color": BLACK,
        "size": _SMALL - ("\n" in words),
        "weight": "normal" if ok else "bold",
    }
    look["linespacing"] = 1.05
    axes.text(x + 0.35, y + height / 2, words, **look)


def _differing(check: ClaimCheck, side: str) -> str:
    """What was expected or what came, without the beginning that both share: of a long path, the part that matters."""
    pair = check.expected, check.got
    shared = os.path.commonprefix(pair)
    start = max(shared.rfind(mark) for mark in "/@:") + 1
    value = getattr(check, side)
    return f"…{value[start:]}" if start and value[start:] else value


def _folded(value: str, inches: float, lines: int = 1) -> str:
    """A value in at most so many lines, broken anywhere: a workflow's path has no spaces to break at."""
    letters = max(6, int(inches * 72 / (0.66 * (_SMALL - 1))))
    rows = [value[n : n + letters] for n in range(0, len(value), letters)]
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1][:-1] + "…"]
    return "\n".join(rows)
