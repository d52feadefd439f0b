"""The teacher's sheet of each chapter: `python docs/sheet.py` prints them, as Markdown.

A sheet has two halves. The first is a table of the chapter's parts, with their minutes and their
exercises, for the room or for home. The second has the wrong answers that the course knows for each
exercise, and what the check says to them. Nothing is written down twice: the parts come from the
notebook, the minutes from the rules for chapters, the wrong answers from the tests of the
exercises, and what is said to them from the checks, which are run.
"""

import difflib
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "course"), str(ROOT / "tests" / "notebooks")]

from chapter_rules import Chapter, minutes_of, parts_of, reading_minutes  # noqa: E402
from learner import Answers, cases, check, source_of  # noqa: E402

from course.exercise import Exercise  # noqa: E402

PATH = re.compile(r"^Workshop path, (\d+) minutes: parts? ([^.]+)\.$", re.MULTILINE)
SPECIAL = re.compile(r"[\\`*_<>\[\]{}$#|~&]")
FOLDED = """\
:::{{admonition}} {title}
:class: solution
:collapsible: closed

{text}
:::
"""
Case = tuple[Exercise, str, Answers | None]


def sheet(path: Path, known: list[Case]) -> str:
    """Return the sheet of one chapter. known: the exercises with the answers that people give."""
    chapter = Chapter(path)
    own = [case for case in known if case[0].name.startswith(f"q{chapter.number}_")]
    return "\n".join(
        [*_minutes(chapter), *_parts(chapter, [case[0] for case in own]), *map(_wrong, own)]
    )


def _minutes(chapter: Chapter) -> Iterator[str]:
    whole = f"[The chapter](notebooks/{chapter.path.name}) takes {minutes_of(chapter)} minutes"
    stated, parts = workshop_path(chapter)
    if len(parts) == len(parts_of(chapter)):
        yield f"{whole}, all of it for the room.\n"
    else:
        yield f"{whole}, and its workshop path {stated}.\n"


def workshop_path(chapter: Chapter) -> tuple[int, set[int]]:
    """Return the minutes and the parts of the workshop path; of all parts if there is none."""
    if found := PATH.search(chapter.cells[0][2]):
        return int(found[1]), {int(part) for part in re.findall(r"\d+", found[2])}
    return minutes_of(chapter) or 0, set(parts_of(chapter))


def _parts(chapter: Chapter, exercises: list[Exercise]) -> Iterator[str]:
    """Yield the table of the parts. An exercise is for the room if its part is on the path."""
    _, chosen = workshop_path(chapter)
    places = {name: n for n, name, _ in chapter.checks}
    headings = {h.text.partition(".")[0]: h.text for h in chapter.headings if h.level == 2}
    rows = [("Opening", opening(chapter), True)]
    for number, cells in parts_of(chapter).items():
        heading = headings[str(number)]
        anchor = re.sub(r"[`*]", "", heading).replace(" ", "-")
        link = f"[{heading}](notebooks/{chapter.path.name}#{anchor})"
        rows.append((link, cells, number in chosen))
    yield "| part | minutes | for the room | for home |\n|---|---:|---|---|"
    for title, cells, in_room in rows:
        columns: tuple[list[str], list[str]] = [], []
        for each in exercises:
            if (place := places.get(each.name)) in cells:
                column = columns[0 if in_room and place not in chapter.further else 1]
                column.append(f"{_number(each)} {each.title} ({each.minutes} min)")
        if not any(columns):
            columns[0 if in_room else 1].append("to read and run")
        room, home = map("<br>".join, columns)
        yield f"| {title} | {reading_minutes(chapter, cells):.0f} | {room} | {home} |"
    yield ""


def opening(chapter: Chapter) -> set[int]:
    """Return the cells before the first part."""
    return set(range(min(min(cells) for cells in parts_of(chapter).values() if cells)))


def _wrong(case: Case) -> str:
    """Return the wrong answers to one exercise, folded away, and what its check says to each."""
    exercise, setup, known = case
    blocks = []
    for answer, _ in known.mistakes if known else ():
        source = source_of(exercise, answer).strip()
        reply = check(exercise, source, setup)
        blocks.append(f"{_shown(exercise.answer.strip(), source)}\n\n> {escaped(reply.text)}\n")
    title = f"{_number(exercise)} {exercise.title}: {len(blocks)} wrong answers"
    blocks.append(f"When it is right: {exercise.right}")
    return FOLDED.format(title=title, text="\n".join(blocks))


def _shown(solution: str, answer: str) -> str:
    """Return a wrong answer as code: all of it, or what is different if that is shorter."""
    lines = [*difflib.unified_diff(solution.splitlines(), answer.splitlines(), n=0, lineterm="")]
    changed = [line for line in lines[2:] if not line.startswith("@@")]
    if changed and len(changed) <= len(answer.splitlines()) + 1:
        return "```diff\n" + "\n".join(changed) + "\n```"
    return f"```python\n{answer}\n```"


def escaped(text: str) -> str:
    """Return a reply as Markdown that shows it as it is; what is between backticks is code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick that has no partner
        return re.sub(SPECIAL, r"\\\g<0>", text)
    plain = [
        re.sub(SPECIAL, r"\\\g<0>", piece) if n % 2 == 0 else piece
        for n, piece in enumerate(pieces)
    ]
    return "`".join(plain)


def _number(exercise: Exercise) -> str:
    """Return an exercise's number as its heading has it: 4.2 for q4_2."""
    return exercise.name[1:].replace("_", ".")


def fingerprint(path: Path) -> str:
    """Return a digest of all that the sheet of a chapter is made from, as a comment in Markdown."""
    rooms = ("course", "helpers", "preflight", "tests/course", "tests/notebooks", "docs")
    files = [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]
    hashed = hashlib.sha256()
    for file in [path, *files]:
        hashed.update(file.read_bytes())
    return f"% {hashed.hexdigest()}\n"


def main() -> None:
    """Print all sheets, or write a file for each chapter, such as 04.md, into the folder named.

    There, a sheet that is up to date is left alone: to run all checks takes a quarter of a minute.
    """
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    known: list[Case] = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        file = folder / f"{path.name[:2]}.md" if folder else None
        mark = fingerprint(path)
        if file and file.exists() and file.read_text("utf-8").startswith(mark):
            continue
        known = known or cases()
        text = sheet(path, known)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(mark + text, "utf-8")
        else:
            print(f"## {path.name[:2]}\n\n{text}")


if __name__ == "__main__":
    main()
