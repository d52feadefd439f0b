"""How learners stand, read from the outputs in their saved notebooks: one learner, or a class.

Learners' files are read with care. Only plain files count, none larger than 20 MB; a folder, a
link or a pipe in the place of a chapter, or a chapter that is no notebook, counts as unreadable and
does not stop anything. Nothing is written.
"""

import csv
import io
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

NOT_RUN, NOT_ATTEMPTED, WRONG, RIGHT = STATES = "not run", "not attempted", "wrong", "right"
"""From least to most. The last three are the outcomes of `course.exercise`."""
SIGNS = dict(zip(STATES, "·○✗✓", strict=True))
UNREADABLE = "?"
LARGEST = 20_000_000
"""Bytes of the largest notebook that is read. A chapter with its outputs has less than 2 MB."""

_CHAPTER = "[0-9][0-9]_*.ipynb"
_CHECK = re.compile(r"^[ \t]*exercises\.(q\d+_\d+)\.check\(", re.MULTILINE)
_OUTCOME = re.compile(r"[○✗✓] (q\d+_\d+) (not attempted|wrong|right) · ")


@dataclass(frozen=True)
class Learner:
    """One learner: a name, a state for each exercise, and the chapters that could not be read."""

    name: str
    states: dict[str, str]
    unreadable: frozenset[int] = frozenset()

    def right(self, exercises: Iterable[str]) -> int:
        """Return how many of these exercises are done."""
        return sum(self.states.get(each) == RIGHT for each in exercises)

    def shown(self, exercise: str) -> str:
        """Return the state of an exercise, "" if the learner's chapters do not have it."""
        missing = UNREADABLE if _number(exercise)[0] in self.unreadable else ""
        return self.states.get(exercise, missing)


def states(notebook: bytes) -> dict[str, str]:
    """Return the state of each exercise that a saved notebook checks, in order.

    The last output of each exercise decides. Raises `ValueError` if this is no notebook.
    """
    found: dict[str, str] = {}
    try:
        for cell in json.loads(notebook)["cells"]:
            if cell["cell_type"] == "code":
                names = _CHECK.findall("".join(cell["source"]))
                found |= {name: found.get(name, NOT_RUN) for name in names}
                outputs = (
                    output.get("data", {}).get("text/plain", "") for output in cell["outputs"]
                )
                matches = map(_OUTCOME.match, map("".join, outputs))
                found |= {match[1]: match[2] for match in matches if match}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("expected a saved notebook, got something else") from error
    return found


def exercises_of(chapters: Path) -> list[str]:
    """Return the names of all exercises in a folder of chapters, in order."""
    found = [name for path in chapters.glob(_CHAPTER) for name in states(path.read_bytes())]
    return sorted(set(found), key=_number)


def learners(places: Sequence[Path]) -> list[Learner]:
    """Return the learners whose notebooks are in these places, in order of their names.

    A place is a learner's folder, a folder of learners' folders, or a notebook, which belongs to
    the learner in whose folder it is. A learner's chapters are in the folder itself, or in
    `workbook` or `notebooks` below it. Learners whose folders have the same name are told apart by
    the folders above. Raises `OSError` if a place is not there.
    """
    files: dict[Path, list[Path]] = {}
    for place in places:
        place = Path(os.path.abspath(place))
        if not place.is_dir():
            os.stat(place)
            files.setdefault(_owner(place.parent), []).append(place)
        elif chapters := _chapters(place):
            files.setdefault(_owner(place), []).extend(chapters)
        else:
            for folder in sorted(place.iterdir()):
                if folder.is_dir() and not folder.is_symlink() and (chapters := _chapters(folder)):
                    files.setdefault(folder, []).extend(chapters)
    names = _names(list(files))
    return [
        _learner(name, files[folder]) for folder, name in sorted(names.items(), key=itemgetter(1))
    ]


def as_table(learners: Sequence[Learner], exercises: Sequence[str]) -> str:
    """Return a table to read: for one learner a row for each chapter, else a row for each learner.

    exercises: the names of the columns, in order.
    """
    chapters = {n: list(own) for n, own in groupby(exercises, key=lambda each: _number(each)[0])}
    one = len(learners) == 1
    rows = [*(_rows_of_one(learners[0], chapters) if one else _rows_of_class(learners, chapters))]
    signs = ", ".join(f"{sign} {state}" for state, sign in SIGNS.items())
    rows.append(f"{signs}, {UNREADABLE} unreadable; as last saved.")
    return "\n".join(row.rstrip() for row in rows)


def _rows_of_one(learner: Learner, chapters: dict[int, list[str]]) -> Iterator[str]:
    exercises = sum(chapters.values(), [])
    for n, own in chapters.items():
        cells = "  ".join(f"{name} {_sign(learner, name)}" for name in own)
        yield f"{n:02d}  {learner.right(own)} of {len(own)}  {cells}"
    yield f"{learner.right(exercises)} of {len(exercises)} exercises are done."


def _rows_of_class(learners: Sequence[Learner], chapters: dict[int, list[str]]) -> Iterator[str]:
    exercises = sum(chapters.values(), [])
    width = max(map(len, ["learner", *(each.name for each in learners)]))
    heads = [f"{n:02d}".ljust(len(own)) for n, own in chapters.items()]
    yield " ".join(["learner".ljust(width), *heads, "done"])
    for each in learners:
        cells = ["".join(_sign(each, name) for name in own).ljust(2) for own in chapters.values()]
        done = f"{each.right(exercises)} of {len(exercises)}"
        yield " ".join([each.name.ljust(width), *cells, done])
    yield from ["", f"How many of the {len(learners)} learners have done each:"]
    for n, own in chapters.items():
        yield f"{n:02d}  " + "  ".join(f"{name} {_done(learners, name)}" for name in own)


def as_csv(learners: Sequence[Learner], exercises: Sequence[str]) -> str:
    """Return the same for a spreadsheet: a row for each learner, and the totals in a last row."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["learner", *exercises, "done", "of"])
    for each in learners:
        row = [each.shown(name) for name in exercises]
        table.writerow([each.name, *row, each.right(exercises), len(exercises)])
    done = [_done(learners, name) for name in exercises]
    table.writerow(["done", *done, sum(done), len(exercises) * len(learners)])
    return text.getvalue()


def _learner(name: str, files: Iterable[Path]) -> Learner:
    """Read a learner's notebooks; of two that check the same exercise, the better one counts."""
    found: dict[str, str] = {}
    unreadable = set()
    for path in files:
        try:
            for exercise, state in states(_read(path)).items():
                found[exercise] = max(state, found.get(exercise, state), key=STATES.index)
        except (OSError, ValueError):
            unreadable |= {int(path.name[:2])} if path.name[:2].isdecimal() else set()
    return Learner(name, found, frozenset(unreadable))


def _read(path: Path) -> bytes:
    """Return a plain file's content; raise OSError for anything else, without waiting for it."""
    flags = (getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
    handle = os.open(path, sum(flags))  # O_RDONLY is 0
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        os.close(handle)
        raise OSError(f"expected a notebook of at most {LARGEST} bytes, got {path}")
    with open(handle, "rb") as file:
        return file.read(LARGEST)


def _chapters(folder: Path) -> list[Path]:
    """Return a learner's chapters: those of the workbook, of the folder itself, or of notebooks."""
    for each in (folder / "workbook", folder, folder / "notebooks"):
        try:
            if not each.is_symlink() and (found := sorted(each.glob(_CHAPTER))):
                return found
        except OSError:
            continue  # one that may not be read
    return []


def _owner(folder: Path) -> Path:
    """Return the learner's folder of a folder with chapters."""
    return folder.parent if folder.name in ("workbook", "notebooks") else folder


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each folder: its own, or as much of its path as makes it unique."""
    names = {}
    for folder in folders:
        for length in range(1, len(folder.parts) + 1):
            tail = folder.parts[-length:]
            if [each.parts[-length:] for each in folders].count(tail) == 1:
                break
        name = "/".join(tail)
        names[folder] = "".join(each if each.isprintable() else UNREADABLE for each in name)
    return names


def _done(learners: Iterable[Learner], exercise: str) -> int:
    return sum(each.states.get(exercise) == RIGHT for each in learners)


def _sign(learner: Learner, exercise: str) -> str:
    state = learner.shown(exercise)
    return SIGNS.get(state, state or " ")


def _number(exercise: str) -> tuple[int, ...]:
    """Return chapter and number of an exercise: (4, 2) for q4_2."""
    return tuple(map(int, exercise[1:].split("_")))
