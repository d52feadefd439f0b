"""The learner's copy, used as learners use it: each chapter runs in workbook/, which has no outputs."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture
def desk(tmp_path):
    """A project without the chapters in notebooks/; the data there is read by course/, too."""
    for name in ("helpers", "course", "preflight", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("LICENSE", "pyproject.toml"):  # chapters read them
        shutil.copy(ROOT / name, tmp_path)
    workbook = [sys.executable, tmp_path / "tools" / "workbook.py"]
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    subprocess.run(workbook, check=True)
    for chapter in (tmp_path / "notebooks").glob("*.ipynb"):
        chapter.unlink()
    return tmp_path


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_runs_in_the_workbook_with_the_helpers_beside_it(desk, name):
    path = desk / "workbook" / name
    chapter = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in chapter.cells)
    where = "import course, helpers; print(course.__file__, helpers.__file__)"
    chapter.cells.append(nbformat.v4.new_code_cell(where))
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(chapter, timeout=300, kernel_name="python3", resources=where).execute()
    assert chapter.cells[-1].outputs[0].text.count(str(desk)) == 2
