"""`python -m helpers progress`: where a learner stands, from what their saved notebooks say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course.ch00 import exercises
from helpers.__main__ import main

ROOT = Path(__file__).parents[2]


def saved(path, **answers):
    """A notebook that checks exercises with these answers, saved after it ran; None for a cell that did not run."""
    cells = []
    for name, answer in answers.items():
        reply = None if answer is None else getattr(exercises, name).check(answer)
        outputs = (
            []
            if reply is None
            else [{"output_type": "execute_result", "data": {"text/plain": repr(reply)}}]
        )
        cells.append(
            {"cell_type": "code", "source": f"exercises.{name}.check(guess)", "outputs": outputs}
        )
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return str(path)


def test_it_tells_for_each_notebook_what_is_right_wrong_untouched_and_not_run(tmp_path, capsys):
    first = saved(tmp_path / "00_first.ipynb", q0_1="c", q0_2="a", q0_3=...)
    second = saved(tmp_path / "01_second.ipynb", q0_1="c", q0_2=None)
    assert main(["progress", first, second]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "00_first.ipynb: 1 of 3 right",
        "  q0_1 ✓ right  q0_2 ✗ wrong  q0_3 ○ not attempted",
        "01_second.ipynb: 1 of 2 right",
        "  q0_1 ✓ right  q0_2 · not run",
        "2 of 5 exercises are right, as of the last time that each notebook was saved.",
    ]


def test_without_names_it_reads_the_chapters_in_order(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("helpers.__main__.NOTEBOOKS", tmp_path)
    for name in ("01_b.ipynb", "00_a.ipynb"):
        saved(tmp_path / name, q0_1="c")
    saved(tmp_path / "scratch.ipynb", q0_1="c")
    assert main(["progress"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[:-1:2]] == [
        "00_a.ipynb",
        "01_b.ipynb",
    ]


@pytest.mark.parametrize("content", [None, "not JSON", "[]"])
def test_what_is_no_notebook_is_told_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "odd.ipynb"
    if content is not None:
        path.write_text(content)
    assert main(["progress", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("expected saved notebooks, got something else:") and "odd.ipynb" in told
    assert told.count("\n") == 1


def test_from_the_command_line_it_reads_whatever_chapters_there_are():
    command = [sys.executable, "-X", "utf8", "-m", "helpers", "progress"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert re.search(
        r"^\d+ of \d+ exercises are right, as of the last time", ran.stdout.splitlines()[-1]
    )
