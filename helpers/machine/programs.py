"""Find the programs that a job calls: Python's own, git, and a bash for this system."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

WINDOWS = os.name == "nt"
LINUX_ON_WINDOWS = {"system32", "sysnative", "windowsapps"}
"""Folders whose bash.exe is no bash: it starts the Windows Subsystem for Linux."""


def find(name: str) -> Path | None:
    """Return the program of that name, such as git, bash or uv, or None if there is none.

    On Windows bash is the one that Git for Windows brings, wherever Git is. Its installer puts only
    git itself on PATH: `Git\\cmd` or `Git\\mingw64\\bin`, while bash is in `Git\\usr\\bin`.
    """
    ours = os.pathsep.join(map(str, _pythons()))
    found = shutil.which(name, path=ours) or shutil.which(name)
    if not WINDOWS or name != "bash":
        return Path(found) if found else None
    git = shutil.which("git")
    for folder in Path(git).parents if git else ():
        if (bash := folder / "usr" / "bin" / "bash.exe").is_file():
            return bash
    if found and Path(found).parent.name.lower() not in LINUX_ON_WINDOWS:
        return Path(found)
    return None


def search_path() -> list[str]:
    """Return the folders in which a job looks for programs, first to last, as its PATH has them."""
    tools = [program.parent for name in ("bash", "git") if (program := find(name))]
    if WINDOWS:  # os.defpath is the current folder and C:\bin there
        system = [Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32")]
        folders = [*_pythons(), *tools, *system]  # before System32, which has another bash.exe
    else:
        folders = [*_pythons(), *map(Path, os.defpath.split(os.pathsep)), *tools]
    return list(dict.fromkeys(map(str, folders)))


def _pythons() -> list[Path]:
    """Return where this Python's programs are: beside it, or in Scripts (conda on Windows)."""
    return [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
