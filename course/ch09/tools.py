"""Tools of chapter 09: print what preflight says, try its diffs on a copy, and ask it about a workflow of a few lines."""

import os
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


def after_each_step(
    project: Path, repository: str, steps: Sequence[preflight.migration.Step]
) -> Iterator[tuple[str, preflight.Report]]:
    """Yield "now" and preflight's report, then the same after each step that has a diff.

    The diffs are applied, by `git apply`, to a copy that is removed afterwards; the project stays as
    it is. Raises subprocess.CalledProcessError for a diff that does not apply.
    """

    def left_out(folder: str, names: list[str]) -> list[str]:
        paths = [Path(folder, name) for name in names]
        large = [path.name for path in paths if path.is_file() and path.stat().st_size > LARGEST]
        return [*large, *(name for name in names if name in NOT_NEEDED)]

    yield "now", preflight.check(project, repository)
    if not any(step.diff for step in steps):
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(project, Path(folder, "copy"), symlinks=True, ignore=left_out)
        alone = {**os.environ, "GIT_CEILING_DIRECTORIES": folder}  # no repository around the copy
        for number, step in enumerate(steps, 1):
            if step.diff:
                command, diff = ["git", "apply", "-"], step.diff.encode()
                subprocess.run(command, input=diff, cwd=copy, env=alone, check=True)
                yield f"after step {number}", preflight.check(copy, repository)


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
    for warning in found.warnings:
        print(f"warning: {warning.code}")
