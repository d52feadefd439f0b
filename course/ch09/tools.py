"""Tools of chapter 09: print what preflight says, try its diffs on a copy, and ask it about a few
lines of a workflow."""

import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import preflight

NOT_NEEDED = (
    ".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__", "build", "dist",
)  # fmt: skip
LARGEST = 1 << 18
"""Bytes of a file that is copied: preflight reads no larger one."""


def say(head: str, text: str) -> None:
    """Print a line, and a text below it, indented and wrapped."""
    print(head)
    print(textwrap.indent(textwrap.fill(text, 90), "    "))


def as_copied(publisher: str) -> str:
    """Return a publisher that somebody copied from the index, in the words that preflight reads.

    >>> as_copied("Repository: octo-org/rocket, Workflow: release.yml, Environment name: (Any)")
    'owner=octo-org repository=rocket workflow=release.yml environment='
    """
    text = re.sub(r"(\w+)(?: name)?: +", lambda found: found[1].lower() + "=", publisher)
    text = re.sub(r"=\(any\)", "=", text, flags=re.IGNORECASE).replace(",", " ")
    return " ".join(re.sub(r"repository=([^\s/]+)/", r"owner=\1 repository=", text).split())


def after_all_steps(
    project: Path, report: preflight.Report, registered: Sequence[str] = ()
) -> preflight.Report:
    """Return preflight's report after the last diff, compared with these publishers."""
    return list(after_each_step(project, report, registered))[-1][1]


def after_each_step(
    project: Path, report: preflight.Report, registered: Sequence[str] = ()
) -> Iterator[tuple[str, preflight.Report]]:
    """Yield "now" and preflight's report, then the same after each step that has a diff.

    `git apply` applies the diffs to a copy that is removed afterwards; the project stays as it is.
    `registered` are publishers as the index shows them. Raises ValueError for one that cannot be
    read, and subprocess.CalledProcessError for a diff that does not apply.
    """
    publishers = [as_copied(text) for text in registered]

    def left_out(folder: str, names: list[str]) -> list[str]:
        paths = [Path(folder, name) for name in names]
        large = [path.name for path in paths if path.is_file() and path.stat().st_size > LARGEST]
        return [*large, *(name for name in names if name in NOT_NEEDED)]

    yield "now", preflight.check(project, report.repository, publishers)
    if not any(step.diff for step in report.steps):
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(project, Path(folder, "copy"), symlinks=True, ignore=left_out)
        alone = {**os.environ, "GIT_CEILING_DIRECTORIES": folder}  # no repository around the copy
        for number, step in enumerate(report.steps, 1):
            if step.diff:
                command, diff = ["git", "apply", "-"], step.diff.encode()
                subprocess.run(command, input=diff, cwd=copy, env=alone, check=True)
                yield f"after step {number}", preflight.check(copy, report.repository, publishers)


def ask_preflight(jobs: str, **files: str) -> None:
    """Write a workflow with these jobs into an empty folder, and print what preflight says of it.

    jobs: the jobs in YAML. files: the texts of more files, by path.
    """
    start = "on: {push: {tags: ['v*']}}\njobs:\n"
    workflow = {".github/workflows/release.yml": start + textwrap.indent(jobs, "  ")}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (workflow | files).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        found = preflight.check(folder, "octo-org/rocket")
    for job in found.jobs:
        say(f"{job.job}: {'WILL FAIL' if job.fails else job.verdict}", job.reason)
