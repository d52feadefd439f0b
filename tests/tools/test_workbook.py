"""tools/workbook.py: the learner's own copy, and what happens to it when the chapters change."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import workbook  # noqa: E402

CHAPTER, DATA = "00_first.ipynb", "data/rocket/.github/workflows/release.yml"


def chapter(*sources, **more):
    """A chapter as it is stored: executed, with these code cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "source": source.splitlines(keepends=True),
            "execution_count": n,
            "metadata": {},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "spoiler"}],
        }
        for n, source in enumerate(sources, 1)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more})


class Desk:
    """The project's chapters and a learner's workbook."""

    def __init__(self, root: Path) -> None:
        self.source, self.book = root / "notebooks", root / "workbook"
        self.publish(CHAPTER, chapter("answer = ..."))
        self.publish(DATA, "on: push")

    def publish(self, name: str, text: str) -> None:
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        (self.source / name).write_bytes(text.encode())

    def update(self) -> list[str]:
        return workbook.update(self.source, self.book)

    def cells(self, name: str = CHAPTER) -> list[str]:
        return ["".join(each["source"]) for each in json.loads(self.read(name))["cells"]]

    def read(self, name: str) -> str:
        return (self.book / name).read_bytes().decode()

    def learn(self, *sources: str, name: str = CHAPTER) -> None:
        """What a learner's JupyterLab leaves: outputs, other metadata, an empty last cell."""
        (self.book / name).write_text(chapter(*sources, "", metadata={"widgets": {}}))


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    assert made.update() == []
    return made


def test_the_copy_has_the_cells_without_outputs_and_all_data(desk):
    copy = nbformat.reads(desk.read(CHAPTER), as_version=4)
    nbformat.validate(copy)
    assert [(cell.source, cell.outputs, cell.execution_count) for cell in copy.cells] == [
        ("answer = ...", [], None)
    ]
    assert "spoiler" not in desk.read(CHAPTER)
    assert desk.read(DATA) == "on: push"
    assert not any(path.is_symlink() for path in desk.book.rglob("*"))


@pytest.mark.parametrize("learned", [None, ["answer = 42"], ["answer = ...", "mine"], []])
def test_while_no_chapter_changes_the_copies_stay_as_they_are_without_a_word(desk, learned):
    if learned is not None:
        desk.learn(*learned)
    before = {path: path.read_bytes() for path in desk.book.rglob("*") if path.is_file()}
    assert desk.update() == []
    assert {path: path.read_bytes() for path in desk.book.rglob("*") if path.is_file()} == before


def test_running_a_chapter_is_no_change_so_a_newer_chapter_replaces_it(desk):
    desk.learn("answer = ...")
    desk.publish(CHAPTER, chapter("better = ..."))
    assert desk.update() == []
    assert desk.cells() == ["better = ..."]
    desk.publish(CHAPTER, chapter("best = ..."))
    assert desk.update() == [] and desk.cells() == ["best = ..."]


def test_new_outputs_alone_do_not_make_a_chapter_newer(desk):
    desk.learn("answer = ...")
    before = desk.read(CHAPTER)
    desk.publish(CHAPTER, chapter("answer = ...", metadata={"kernelspec": {}}))
    assert desk.update() == []
    assert desk.read(CHAPTER) == before


@pytest.mark.parametrize("learned", [["answer = 42"], ["answer = ...", "mine"], []])
def test_a_chapter_that_both_changed_stays_the_learners_with_a_notice_each_time(desk, learned):
    desk.learn(*learned)
    desk.publish(CHAPTER, chapter("better = ..."))
    for _ in range(2):
        [notice] = desk.update()
        assert (
            notice.startswith(f"workbook/{CHAPTER} stays as you changed it") and "\n" not in notice
        )
        assert desk.cells() == [*learned, ""]


def test_renaming_a_changed_chapter_brings_the_newer_one_beside_it(desk):
    desk.learn("answer = 42")
    desk.publish(CHAPTER, chapter("better = ..."))
    (desk.book / CHAPTER).rename(desk.book / "00_mine.ipynb")
    assert desk.update() == []
    assert desk.cells() == ["better = ..."] and desk.cells("00_mine.ipynb") == ["answer = 42", ""]


def test_a_chapter_that_the_learner_deletes_comes_again(desk):
    desk.learn("answer = 42")
    (desk.book / CHAPTER).unlink()
    assert desk.update() == [] and desk.cells() == ["answer = ..."]


def test_a_learner_who_already_has_the_newer_text_gets_no_notice_now_or_later(desk):
    desk.learn("better = ...")
    desk.publish(CHAPTER, chapter("better = ..."))
    assert desk.update() == []
    desk.publish(CHAPTER, chapter("best = ..."))
    assert desk.update() == [] and desk.cells() == ["best = ..."]


def test_data_is_treated_alike(desk):
    desk.publish(DATA, "on: release")
    assert desk.update() == [] and desk.read(DATA) == "on: release"
    (desk.book / DATA).write_text("on: my machine")
    assert desk.update() == []
    desk.publish(DATA, "on: tag")
    [notice] = desk.update()
    assert f"workbook/{DATA} stays" in notice and desk.read(DATA) == "on: my machine"


def test_what_is_gone_from_the_chapters_goes_unless_the_learner_changed_it(desk):
    desk.learn("answer = 42")
    for name in (CHAPTER, DATA):
        (desk.source / name).unlink()
    assert desk.update() == []
    assert desk.cells() == ["answer = 42", ""] and not (desk.book / DATA).exists()


def test_a_learners_own_files_are_left_alone(desk):
    (desk.book / "notes.md").write_text("mine")
    desk.publish("notes.md", "theirs")
    [notice] = desk.update()
    assert "workbook/notes.md stays" in notice and desk.read("notes.md") == "mine"


@pytest.mark.parametrize("record", ["", "[]", "not JSON"])
def test_without_a_record_nothing_of_the_learners_is_replaced(desk, record):
    desk.learn("answer = 42")
    (desk.book / workbook.RECORD).write_text(record)
    [notice] = desk.update()
    assert CHAPTER in notice and desk.cells() == ["answer = 42", ""]


def test_a_copy_that_is_no_notebook_any_longer_is_the_learners(desk):
    (desk.book / CHAPTER).write_text("<<<<<<< not JSON")
    desk.publish(CHAPTER, chapter("better = ..."))
    assert len(desk.update()) == 1 and desk.read(CHAPTER).startswith("<<<")


def test_an_update_that_was_interrupted_is_finished_by_the_next(desk, monkeypatch):
    desk.publish(CHAPTER, chapter("better = ..."))
    desk.publish(DATA, "on: release")

    def replace(new, old, original=os.replace):
        if Path(old).name == Path(DATA).name:
            raise KeyboardInterrupt
        original(new, old)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(workbook.os, "replace", replace)
        desk.update()
    assert desk.update() == []
    assert desk.cells() == ["better = ..."] and desk.read(DATA) == "on: release"


def test_what_cannot_be_done_is_told_in_one_sentence(desk, monkeypatch, capsys):
    monkeypatch.setattr(workbook, "ROOT", desk.source.parent)
    monkeypatch.setattr(workbook.sys, "argv", ["workbook.py"])
    desk.publish(CHAPTER, "not JSON")
    assert workbook.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and CHAPTER in said


def test_git_ignores_the_workbook_and_make_clean_leaves_it():
    assert "workbook/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "workbook" not in makefile.partition("\nclean:")[2]


@pytest.mark.proof
def test_the_first_chapter_runs_in_a_workbook_of_its_own(tmp_path):
    """The others take longer: `make proof`."""
    for name in ("helpers", "course", "notebooks", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    subprocess.run([sys.executable, tmp_path / "tools" / "workbook.py"], check=True)
    shutil.rmtree(tmp_path / "notebooks")
    [path] = (tmp_path / "workbook").glob("00_*.ipynb")
    first = nbformat.read(path, as_version=4)
    first.cells.append(nbformat.v4.new_code_cell("import helpers; print(helpers.__file__)"))
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(first, timeout=120, kernel_name="python3", resources=where).execute()
    assert first.cells[-1].outputs[0].text.startswith(str(tmp_path))
