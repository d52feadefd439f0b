"""Before a workshop, say whether this machine is ready: `make check`.

The last line is the verdict, to be sent to whoever teaches.
"""

import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402

from course.ch00.setup_check import setup_check  # noqa: E402


def tried_out(notebooks: Path) -> str:
    """Run chapter 00 in a fresh kernel; return what went wrong, "" if nothing did.

    That needs Jupyter's kernel, the sockets that it talks through, and the lab.
    """
    [path] = notebooks.glob("00_*.ipynb")
    chapter = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(notebooks)}}
    try:
        NotebookClient(chapter, timeout=300, kernel_name="python3", resources=place).execute()
    except Exception as error:
        lines = re.sub(r"\x1b\[[\d;]*m", "", str(error)).split("\n")
        last = next(filter(str.strip, reversed(lines)), type(error).__name__)
        return f"Chapter 00 does not run: {last}"
    return ""


def main() -> int:
    """Print what was found and the verdict; return the exit status."""
    found = setup_check()
    problem = tried_out(ROOT / "notebooks")
    print(f"Programs and packages: {found}")
    print(problem or "Chapter 00 runs in a fresh kernel.")
    where = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if problem or found != "Everything is in place.":
        print(f"This machine is not ready ({where}). The README's section Trouble may help.")
        return 1
    print(f"This machine is ready ({where}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
