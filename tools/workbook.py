"""Make workbook/, the learner's own copy of the chapters and their data: `make lab`.

`python tools/workbook.py FOLDER` makes it in another place.

The chapters in notebooks/ are stored with their outputs, for tests and for the site. The copies
have none, so nothing gives an answer away, and git ignores them. They are real copies, no links,
and lie at the same depth, so that paths in a chapter lead to the same places.

A file that changed in notebooks/, for example by a `git pull`, replaces the learner's copy only
where the learner has not changed it. Otherwise the copy stays, and one sentence says so. In a
chapter only the text of the cells counts: not outputs, metadata, or cells without text.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ".handed-out.json"
"""The file in the workbook that keeps a digest of each file as the learner got it."""
PASSED_OVER = {".ipynb_checkpoints", "__pycache__"}


def update(source: Path, workbook: Path) -> list[str]:
    """Bring the workbook up to date with the chapters' folder; return the notices to print.

    Raises `OSError` if a file cannot be read or written, `ValueError` if a chapter is no notebook.
    """
    record = read_record(workbook / RECORD)
    notices = []
    current = {name: content(source / name) for name in files_of(source)}
    for name, data in current.items():
        copy, offered = workbook / name, digest(name, data)
        mine = digest(name, copy.read_bytes()) if copy.is_file() else None
        if mine in (None, record.get(name)) and mine != offered:
            write(copy, data)
        elif mine != offered and record.get(name) != offered:
            notices.append(
                f"{workbook.name}/{name} stays as you changed it, but there is a newer version: "
                "to get that one too, rename yours and run `make lab` again."
            )
            continue  # what was handed out is still the older version
        record[name] = offered
    for name in set(record) - set(current):  # removed or renamed upstream
        copy = workbook / name
        if copy.is_file() and digest(name, copy.read_bytes()) == record[name]:
            copy.unlink()
        del record[name]
    write(workbook / RECORD, as_json(record))
    return notices


def files_of(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, as relative paths with forward slashes, in order."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and PASSED_OVER.isdisjoint(name.parts):
            yield name.as_posix()


def content(path: Path) -> bytes:
    """Return what the learner gets of a file: of a chapter the cells without their outputs."""
    data = path.read_bytes()
    if path.suffix != ".ipynb":
        return data
    try:
        chapter = json.loads(data)
        for cell in chapter["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"expected a notebook, got something else: {path}") from error
    return as_json(chapter)


def digest(name: str, data: bytes) -> str:
    """Return a digest of what counts in a file: of a chapter the text of the cells, in order."""
    if name.endswith(".ipynb"):
        try:
            sources = ["".join(cell["source"]) for cell in json.loads(data)["cells"]]
            data = json.dumps([text for text in sources if text.strip()]).encode()
        except (ValueError, TypeError, KeyError):
            pass  # a copy that is no notebook any longer: all of it counts
    return hashlib.sha256(data).hexdigest()


def read_record(path: Path) -> dict[str, str]:
    """Return what was handed out; nothing if there is no record, or one that cannot be read."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def as_json(value: object) -> bytes:
    """Return JSON as Jupyter writes it."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return (text + "\n").encode()


def write(path: Path, data: bytes) -> None:
    """Write a file in one step, so that an interruption never looks like a learner's change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)


def main() -> int:
    """Update the workbook and print the notices; return the process's exit status."""
    workbook = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "workbook"
    try:
        notices = update(ROOT / "notebooks", workbook)
    except (OSError, ValueError) as error:
        print(f"The workbook could not be brought up to date: {error}.", file=sys.stderr)
        return 1
    print("".join(f"{sentence}\n" for sentence in notices), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
