"""Chapter 09 on projects that are not octo-rocket: nothing to read, nothing to follow, nothing to do, and all of it."""

import json
import sys
from pathlib import Path

import pytest

from course.ch09.tools import after_all_steps, after_each_step, as_copied

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "notebooks" / "09_your_own_project.ipynb"
UPLOAD = "jobs: {a: {runs-on: ubuntu-latest, steps: [{run: %s}]}}\n"
PROJECTS = {
    "no such folder": (None, "is not there"),
    "no workflows": ({"readme.txt": ""}, "holds no .yml or .yaml file"),
    "broken YAML": ({"r.yml": "on: push\njobs: {a: [\n"}, "not valid YAML"),
    "a script that is gone": ({"r.yml": "on: push\n" + UPLOAD % "./publish.sh"}, "not followed"),
    "all diffs applied": (
        {"r.yml": "on: push\npermissions: {id-token: write}\n" + UPLOAD % "uv publish"},
        "After a migration: publish, revoke the token",
    ),
    "nothing to publish": ({"r.yml": "on: push\n" + UPLOAD % "pytest"}, "Does part 1 say why?"),
    "a job that fails": ({"r.yml": "on: push\n" + UPLOAD % "uv publish"}, "WILL FAIL"),
    "a twine that is too old": (
        {"r.yml": "on: push\n" + UPLOAD % "pipx run twine==5.1.1 upload -p x x"},
        "twine 6.1 or newer",
    ),
}


def run_all(monkeypatch, project: Path) -> None:
    """Run the chapter's cells with another path."""
    monkeypatch.chdir(CHAPTER.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    names: dict[str, object] = {}
    for cell in json.loads(CHAPTER.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            if "MY_PROJECT" in "".join(cell["source"]) and "report" not in names:
                names |= {"MY_PROJECT": project, "REPOSITORY": ""}


@pytest.mark.parametrize("name", PROJECTS)
def test_every_cell_runs_on_any_project(name, tmp_path, monkeypatch, capsys):
    files, told = PROJECTS[name]
    for path, text in (files or {}).items():
        place = tmp_path / "mine" / ".github" / "workflows" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    run_all(monkeypatch, tmp_path / "mine")
    assert told in " ".join(capsys.readouterr().out.split())


def test_the_project_stays_as_it_is(tmp_path):
    import preflight

    rocket = ROOT / "notebooks" / "data" / "rocket" / "by_token"
    before = {path: path.read_bytes() for path in rocket.rglob("*") if path.is_file()}
    report = preflight.check(rocket, "octo-org/rocket")
    states = [state for _, state in after_each_step(rocket, report)]
    assert len(states) == 1 + sum(bool(step.diff) for step in report.steps) and states[-1].ok
    assert {path: path.read_bytes() for path in rocket.rglob("*") if path.is_file()} == before


def test_a_publisher_fits_a_job_whose_environment_only_a_diff_adds(tmp_path):
    import preflight

    place = tmp_path / ".github" / "workflows" / "r.yml"
    place.parent.mkdir(parents=True)
    env = "env: {UV_PUBLISH_TOKEN: '${{ secrets.T }}'}"
    job = f"jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: uv publish\n        {env}\n"
    place.write_text("on: push\n" + job)
    report = preflight.check(tmp_path, "octo-org/rocket")
    assert [step.where for step in report.steps][:2] == ["repository", "index"]
    (job,) = after_all_steps(tmp_path, report, ["workflow=r.yml environment=pypi"]).jobs
    assert job.checks and all(check["ok"] for check in job.checks)


@pytest.mark.parametrize(
    ("copied", "read"),
    [
        ("workflow=r.yml environment=pypi", "workflow=r.yml environment=pypi"),
        ("workflow=r.yml, environment=pypi", "workflow=r.yml environment=pypi"),
        ("repository=a/b workflow=r.yml", "owner=a repository=b workflow=r.yml"),
        ("workflow=r.yml environment=(Any) index=testpypi", "workflow=r.yml environment= index=testpypi"),
        ("Repository: a/b\nWorkflow: r.yml\nEnvironment name: (Any)",
         "owner=a repository=b workflow=r.yml environment="),
    ],
)  # fmt: skip
def test_a_publisher_can_be_copied_from_the_index(copied, read):
    assert as_copied(copied) == read
