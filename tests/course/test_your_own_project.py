"""Chapter 09 on projects that are not octo-rocket: nothing to read, nothing to follow, nothing to do, and all of it."""

import json
import sys
from pathlib import Path

import pytest

from course.ch09.tools import after_each_step

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "notebooks" / "09_your_own_project.ipynb"
UPLOAD = "jobs: {a: {runs-on: ubuntu-latest, steps: [{run: %s}]}}\n"
PROJECTS = {
    "no such folder": (None, "is not there"),
    "no workflows": ({"readme.txt": ""}, "holds no .yml or .yaml file"),
    "broken YAML": ({"r.yml": "on: push\njobs: {a: [\n"}, "not valid YAML"),
    "a script that is gone": ({"r.yml": "on: push\n" + UPLOAD % "./publish.sh"}, "not followed"),
    "nothing to publish": ({"r.yml": "on: push\n" + UPLOAD % "pytest"}, "no way to publish"),
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
    steps = preflight.check(rocket, "octo-org/rocket").steps
    states = [state for _, state in after_each_step(rocket, "octo-org/rocket", steps)]
    assert len(states) == 1 + sum(bool(step.diff) for step in steps) and states[-1].ok
    assert {path: path.read_bytes() for path in rocket.rglob("*") if path.is_file()} == before
