"""Before a workshop, the last line says whether the machine is ready, and the others say why not."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import check_machine  # noqa: E402


@pytest.fixture
def ready(monkeypatch):
    """A machine that has everything, whatever this one has."""
    monkeypatch.setattr(check_machine, "setup_check", lambda: "Everything is in place.")
    monkeypatch.setattr(check_machine, "tried_out", lambda notebooks: "")
    return monkeypatch


def said(capsys) -> tuple[int, list[str]]:
    """Return the exit status and the lines."""
    status = check_machine.main()
    return status, capsys.readouterr().out.splitlines()


def test_a_machine_that_has_everything_is_ready(ready, capsys):
    status, lines = said(capsys)
    assert status == 0 and lines[-1].startswith("This machine is ready (Python 3.")


def test_a_missing_program_is_named_and_the_machine_is_not_ready(ready, capsys):
    ready.setattr(check_machine, "setup_check", lambda: "Not in place: chapter 01 needs git.")
    status, lines = said(capsys)
    assert status == 1 and lines[-1].startswith("This machine is not ready (")
    assert "Not in place: chapter 01 needs git." in lines[0]


def test_a_chapter_that_does_not_run_makes_the_machine_not_ready(ready, capsys):
    ready.setattr(check_machine, "tried_out", lambda notebooks: "Chapter 00 does not run: why")
    status, lines = said(capsys)
    assert status == 1 and lines[1:] == ["Chapter 00 does not run: why", lines[-1]]
    assert lines[-1].startswith("This machine is not ready (")


@pytest.mark.proof
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 + 1", ""),
        (
            "import no_such_module",
            "Chapter 00 does not run: ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
def test_the_chapter_is_run_and_its_error_is_told(tmp_path, source, told):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source}
    cell |= {"execution_count": None, "outputs": []}
    chapter = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "00_tiny.ipynb").write_text(json.dumps(chapter), "utf-8")
    assert check_machine.tried_out(tmp_path) == told
