"""What a learner finds: a workbook of their own, beside the course that all of them share.

`python classroom.py FOLDER` brings the folder up to date. It is run as the learner, and never as
root: a learner owns that folder, and could have put links into it to files of somebody else.
"""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SHARED = ("helpers", "course", "preflight", "notebooks", "pyproject.toml")
"""What a chapter imports or reads from beside the workbook. Nobody but root may write there."""


def hand_out(home: Path) -> int:
    """Give a learner the chapters without outputs; return the exit status.

    What the learner has changed stays as it is (tools/workbook.py).
    """
    for name in SHARED:
        link = home / name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(PROJECT / name)
    command = [sys.executable, "-I", str(PROJECT / "tools" / "workbook.py"), str(home / "workbook")]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(hand_out(Path(sys.argv[1])))
