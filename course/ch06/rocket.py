"""octo-rocket in the states of its migration, and machines for the jobs of its two workflows."""

import difflib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from helpers.lab import Live
from helpers.machine.runner import Runner
from helpers.provider.jobs import GitHubJob

ROCKET = Path(__file__).parents[2] / "notebooks" / "data" / "rocket"
AUTO, MANUAL = "create-releases.yml", "publish-pypi.yml"
"""The workflow that starts by itself, and the one that a maintainer starts."""


def text(state: str, name: str) -> str:
    """Return a workflow or the script in one of the states."""
    folder = ".github/workflows" if name.endswith(".yml") else "bin"
    return (ROCKET / state / folder / name).read_text(encoding="utf-8")


def diff(old: str, new: str, *names: str) -> None:
    """Print what changes in these files from one state to another."""
    for name in names:
        before, after = (text(state, name).splitlines() for state in (old, new))
        titles = f"{old}/{name}", f"{new}/{name}"
        print(*difflib.unified_diff(before, after, *titles, n=1, lineterm=""), sep="\n")


def machine(
    live: Live,
    state: str,
    workflow: str,
    secrets: Mapping[str, str],
    *,
    path: tuple[Path, ...] = (),
    ref: str = "refs/heads/main",
    index: str = "",
) -> Runner:
    """Start the one job of a workflow on a machine of its own, with octo-rocket in its folder.

    The job's environment and permission are those of the file. secrets: the repository's; the job
    gets those that the file names. path: folders that are searched for programs first. index: the
    URL that uv uploads to, the index of `live` if not given.
    """
    [said] = yaml.safe_load(text(state, workflow))["jobs"].values()
    asks = said.get("permissions", {}).get("id-token") == "write"
    job = GitHubJob(workflow=workflow, environment=said["environment"], id_token=asks, ref=ref)
    named = re.findall(r"secrets\.(\w+)", text(state, workflow))
    given = {name: secrets.get(name, "") for name in named}
    runner = live.runner(job, path=path, secrets=given)
    check_out(ROCKET / state, runner)
    runner.environment["UV_PUBLISH_URL"] = f"{index or live.url}/legacy/"
    return runner


def check_out(folder: Path, runner: Runner) -> None:
    """Copy a repository to a machine, into a folder of its own, and go there."""
    runner.folder = Path(shutil.copytree(folder, runner.folder / "repository"))
