"""The workflow that deploys the site."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "site.yml"


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    """Run zizmor as the strictest reader, without network."""
    program = Path(sysconfig.get_path("scripts")) / "zizmor"
    command = [
        program,
        "--offline",
        "--persona",
        "auditor",
        "--no-progress",
        "--format=plain",
        path,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing_in_the_workflow():
    done = zizmor(WORKFLOW)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "sound, careless",
    [
        ("permissions: {}", "permissions: write-all"),
        ("persist-credentials: false", "persist-credentials: true"),
        (r"checkout@\w{40} # v[\d.]+", "checkout@v6"),
    ],
)
def test_zizmor_finds_what_is_careless(tmp_path, sound, careless):
    text, changes = re.subn(sound, careless, WORKFLOW.read_text("utf-8"))
    assert changes == 1
    changed = tmp_path / ".github" / "workflows" / "site.yml"
    changed.parent.mkdir(parents=True)
    changed.write_text(text, "utf-8")
    assert zizmor(changed).returncode != 0


def test_only_the_job_that_deploys_may_do_more_than_read():
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert workflow["permissions"] == {}
    build, deploy = workflow["jobs"]["build"], workflow["jobs"]["deploy"]
    assert build["permissions"] == {"contents": "read"}
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert [list(step) for step in deploy["steps"]] == [["id", "uses"]], "it runs one action"


def test_actions_are_pinned_by_commit_and_the_whole_history_is_there():
    """Without the history, every page would say that it was changed on the day of the build."""
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert steps[0]["with"]["fetch-depth"] == 0
