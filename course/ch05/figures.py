"""The figures of chapter 05: which claims of a job fit which publisher, and who gets in."""

import os.path
import re
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course import figure as fig
from helpers.index.claim_checks import ClaimCheck, ClaimChecks

_TOP, _LINE = 1.25, 0.2
Columns = Mapping[str, Sequence[ClaimCheck]]


@fig.styled
def matching(columns: Columns, across: str = "form") -> fig.Figure:
    """Draw claims down, forms or jobs across: which rule holds, and else what stands in its way.

    columns: the results of `publisher.check`, all of publishers of one provider. across: what they
    differ in, "form" (then a cell shows what was expected) or "job" (then what came); the first is
    the one that the others vary. Rows that are ok and the same in every column are left out, and
    named below. Raises ValueError if there are no columns, or not all follow the same rules.
    """
    rules = [[check.claim for check in checks] for checks in columns.values()]
    if not rules or any(each != rules[0] for each in rules):
        raise ValueError("expected the checks of at least one form, and all of the same provider")
    passed = [name for name, checks in columns.items() if ClaimChecks(checks).ok]
    finding = _finding(len(passed), len(columns), across)
    every = list(zip(*columns.values(), strict=True))
    rows = [row for row in every if any(_words(it, row[0], across) != "ok" for it in row)]
    axes, left = fig.sheet(finding), 2.75
    width = (fig.WIDTH - left - 0.15) / len(columns)
    places = [left + k * width for k in range(len(columns))]
    _heads(axes, columns, places, width)
    y = _TOP
    for row in rows:
        y = _row(axes, row, across, places, width, y)
    for x, name in zip(places, columns, strict=True):
        sign, color = ("✓ let in", fig.GREEN) if name in passed else ("✗ refused", fig.VERMILLION)
        fig.write(axes, x + width / 2, y + 0.2, sign, "center", weight="bold", color=fig.INK[color])
    drawn = {row[0].claim for row in rows}
    same = [row[0] for row in every if row not in rows]
    fine = [f"{it.claim} ({it.rule})" if it.claim in drawn else it.claim for it in same]
    rest = f"ok for every {across}: {', '.join(fine)}" if fine else ""
    fig.write(axes, 0.15, y + 0.6, rest, color=fig.GREY)
    first = next(iter(columns.values()))
    told = [f"{name}: {_told(checks, first, across)}" for name, checks in columns.items()]
    sentence = "; ".join([finding, *told, *[rest] * bool(rest)])
    return fig.Figure(f"{sentence}.", fig.finish(axes, y + 0.45 + 0.4 * bool(rest)))


def _finding(passed: int, total: int, across: str) -> str:
    verb, rest = ("let", " the job in") if across == "form" else ("get", " in")
    return f"{fig.part(passed, total)} {across}s {verb}{'s' * (passed <= 1)}{rest}"


def _sides(across: str) -> tuple[str, str, str]:
    """Return which side of a check differs between the columns, its verb, and the other side."""
    return ("expected", "expects", "got") if across == "form" else ("got", "says", "expected")


def _words(check: ClaimCheck, first: ClaimCheck, across: str, inches: float = 99) -> str:
    """Return what a cell says: "ok" alone only where it is the same as in the first column."""
    side, verb, _ = _sides(across)
    if check.ok and (check.rule == "present" or getattr(check, side) == getattr(first, side)):
        return "ok"
    return f"{'ok, ' * check.ok}{verb}\n{_folded(_differing(check, side), inches, 3)}"


def _told(checks: Sequence[ClaimCheck], first: Sequence[ClaimCheck], across: str) -> str:
    side, verb, _ = _sides(across)
    pairs = zip(checks, first, strict=True)
    shown = [it for it, base in pairs if _words(it, base, across) != "ok"]
    parts = [(it.ok, f"{it.claim} ({verb} {getattr(it, side)})") for it in shown]
    failed, other = ([words for ok, words in parts if ok is wanted] for wanted in (False, True))
    end = f", and ok: {fig.listed(other)}" if other else ""
    return (f"mismatch in {fig.listed(failed)}" if failed else "everything fits") + end


def _row(axes: Axes, row: Sequence[ClaimCheck], across: str, places: Sequence[float], width: float,
         y: float) -> float:  # fmt: skip
    """Draw one claim, and return where the next begins."""
    _, _, other = _sides(across)
    shared = {getattr(check, other) for check in row}
    who = "the job says" if across == "form" else "the index expects"
    common = f"{who} {shared.pop()}" if len(shared) == 1 else row[0].rule
    label = _folded(common, 2.75, 3)
    values = [_words(it, row[0], across, width - 0.45) for it in row]
    lines = max(text.count("\n") + 1 for text in [*values, "\n" + label])
    height = _LINE * lines + 0.2
    fig.write(axes, 0.15, y + 0.2, row[0].claim, weight="bold", size=fig.SMALL)
    grey = {"color": fig.GREY, "va": "top"}
    fig.write(axes, 0.15, y + 0.32, label, size=fig.SMALL, linespacing=1.05, **grey)
    for x, words, check in zip(places, values, row, strict=True):
        _cell(axes, x, y, width, height, check.ok, words)
    return y + height


@fig.styled
def gauntlet(
    rows: Mapping[str, Mapping[str, bool]], honest: Sequence[str] = (), shut: str = "refused"
) -> fig.Figure:
    """Draw jobs down, configurations across: who gets in, and whether that is as it should be.

    rows: for each job, whether each configuration lets it in. honest: the jobs that are meant to
    get in. shut: what to call the others. Raises ValueError for no rows or different columns.
    """
    names = [list(row) for row in rows.values()]
    if not names or any(each != names[0] for each in names):
        raise ValueError("expected at least one job, and the same configurations for each")
    strangers = [row for job, row in rows.items() if job not in honest]
    counts = [f"{sum(row[name] for row in strangers)} with “{name}”" for name in names[0]]
    finding = f"Unwanted jobs that get in: {', '.join(counts)}"
    axes, left, height = fig.sheet(finding), 4.3, 0.44
    width = (fig.WIDTH - left - 0.15) / len(names[0])
    places = [left + k * width for k in range(len(names[0]))]
    _heads(axes, names[0], places, width)
    for n, (job, row) in enumerate(rows.items()):
        y, meant = _TOP + n * height, job in honest
        label, weight = (f"{job} (wanted)", "bold") if meant else (job, "normal")
        fig.write(axes, 0.15, y + height / 2, label, size=fig.SMALL, weight=weight)
        for x, ok in zip(places, row.values(), strict=True):
            _cell(axes, x, y, width, height, ok is meant, "let in" if ok else shut, sign=False)
    inside = {job: [name for name, ok in row.items() if ok] for job, row in rows.items()}
    told = [f"{job}: {fig.listed(found) or 'none'}" for job, found in inside.items()]
    sentence = f"{finding}. Let in with: {'; '.join(told)}."
    end = _TOP + len(rows) * height
    fig.write(axes, 0.15, end + 0.25, "dark and bold: not as it should be", color=fig.GREY)
    return fig.Figure(sentence, fig.finish(axes, end + 0.5))


def _heads(axes: Axes, names: Sequence[str] | Columns, places: Sequence[float], width: float):
    for x, name in zip(places, names, strict=True):
        words = fig.wrap(name, width - 0.05, 2, fig.SMALL + 1)
        look = {"va": "bottom", "weight": "bold", "size": fig.SMALL}
        fig.write(axes, x + width / 2, _TOP - 0.1, words, "center", **look)


def _cell(
    axes: Axes, x: float, y: float, width: float, height: float, good: bool, words: str, sign=True
) -> None:
    """Draw a field of a table: words, and a sign if wanted, on light or on darker ground."""
    mark, color = ("✓", fig.GREEN) if good else ("✗", fig.VERMILLION)
    fig.tile(axes, x, y, width, height, fig.PALE[color], linewidth=3)
    ink = fig.INK[fig.GREEN] if good else fig.BLACK
    middle, weight = y + height / 2, "normal" if good else "bold"
    fig.write(axes, x + 0.1, middle, mark * sign, color=ink, weight="bold", size=fig.SIZE + 2)
    fig.write(axes, x + 0.35, middle, words, size=fig.SMALL, weight=weight, linespacing=1.05)


def _differing(check: ClaimCheck, side: str) -> str:
    """Return what was expected or what came: of a path, only the first part that differs."""
    shared = os.path.commonprefix((check.expected, check.got))
    start = max(shared.rfind(mark) for mark in "/@:") + 1
    value = getattr(check, side)
    part, slash, _ = value[start:].partition("/")
    return f"{'…' * bool(start)}{part}{slash}{'…' * bool(slash)}" if part else value


def _folded(value: str, inches: float, lines: int) -> str:
    """Return a value in at most so many lines, broken beside a mark or, if need be, anywhere."""
    letters = max(6, int(inches * 72 / (0.66 * fig.SMALL)))
    rows = [""]
    for piece in re.split(r"(?<=[/ :_-])|(?=[.@])", value):
        for start in range(0, len(piece), letters):
            bit = piece[start : start + letters]
            if len(rows[-1]) + len(bit.rstrip()) > letters:
                rows.append("")
            rows[-1] += bit
    if len(rows) > lines:
        rows = [*rows[: lines - 1], rows[lines - 1][: letters - 1] + "…"]
    return "\n".join(row.rstrip() for row in rows)
