"""One line that says that everything is here that the chapters need, or what is missing."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from helpers.machine.programs import find

ROOT = Path(__file__).parents[2]
OLD_UV = "0.9.13"
"""The uv of the day that chapter 06 goes back to. Set-up puts it beside the current one."""


class SetupCheck(str):
    """The verdict, one line. Displayed without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def setup_check() -> SetupCheck:
    """Look for the Python, the packages and the programs that the chapters use.

    Returns the same words on every machine that has all of them, whatever its versions. git and
    bash are looked for where a job in the lab finds them.
    """
    problems = [*_python_and_packages(), *_programs()]
    return SetupCheck(
        f"Not in place: {'; '.join(problems)}." if problems else "Everything is in place."
    )


def old_uv() -> Path | None:
    """The program uv 0.9.13, or None if this machine was set up by a way that leaves it out."""
    folders = [Path(sys.prefix, f"uv-{OLD_UV}", name) for name in ("bin", "Scripts")]
    return next(
        (
            path
            for folder in folders
            for name in ("uv", "uv.exe")
            if (path := folder / name).is_file()
        ),
        None,
    )


def _python_and_packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    problems = []
    here = ".".join(map(str, sys.version_info[:3]))
    if here not in SpecifierSet(project["requires-python"]):
        problems.append(f"Python {project['requires-python']} is wanted, and this one is {here}")
    wrong = [
        wanted.name
        for wanted in map(
            Requirement, [*project["dependencies"], *project["optional-dependencies"]["lab"]]
        )
        if not _installed(wanted)
    ]
    if wrong:
        names = ", ".join(wrong)
        problems.append(f"missing, or of another version than wanted: {names} (run `make setup`)")
    return problems


def _installed(wanted: Requirement) -> bool:
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _programs() -> list[str]:
    needs = {"git": "chapter 01 needs git", "bash": "chapters 01 and 06 need bash"}
    problems = [words for name, words in needs.items() if find(name) is None]
    if not _version(find("uv")):
        problems.append("chapters 04 and 06 need uv")
    if _version(old_uv()) != OLD_UV:
        problems.append(f"chapter 06 goes on without uv {OLD_UV}, the version of that day")
    return problems


def _version(program: str | Path | None) -> str:
    """What a uv says its version is; empty if there is none, or it does not run."""
    try:
        said = subprocess.run(
            [program or "", "--version"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    found = re.match(r"uv (\S+)", said)
    return found[1] if found else ""


if __name__ == "__main__":
    print(setup_check())
