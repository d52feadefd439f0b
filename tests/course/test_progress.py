"""`python -m helpers progress`: how learners stand, from what their saved notebooks say."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course import exercise as engine
from course import progress
from course.ch00 import exercises
from helpers import __main__

ROOT = Path(__file__).parents[2]
COLUMNS = ["q0_1", "q0_2", "q0_3", "q1_1"]
SAYS = {state: f"{sign} {{}} {state} · Because." for state, sign in engine.SIGNS.items()}


def saved(path, **states):
    """Save a notebook with the checks of these exercises, and the outcomes they were left with."""
    cells = [{"cell_type": "markdown", "source": "exercises.q0_9.check(it)"}]
    for name, state in states.items():
        said = [{"data": {"text/plain": [SAYS[state].format(name)]}}] if state in SAYS else []
        source = [f"exercises.{name}.check(guess)\n", f"# exercises.{name}.hint()"]
        cells.append({"cell_type": "code", "source": source, "outputs": said})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A class of two whose notebooks have the same names, and the chapters that they work on."""
    saved(tmp_path / "course/notebooks/00_first.ipynb", q0_1="", q0_2="", q0_3="")
    saved(tmp_path / "course/notebooks/01_second.ipynb", q1_1="")
    ada, ben = tmp_path / "room" / "ada", tmp_path / "room" / "ben"
    saved(ada / "00_first.ipynb", q0_1="right", q0_2="wrong", q0_3="not attempted")
    saved(ada / "01_second.ipynb", q1_1="right")
    saved(ben / "workbook" / "00_first.ipynb", q0_1="right", q0_2="not run", q0_3="right")
    monkeypatch.setattr(__main__, "ROOT", tmp_path / "course")
    return tmp_path / "room"


def told(capfdbinary, *arguments):
    """Return the lines that the command prints."""
    assert __main__.main(["progress", *map(str, arguments)]) == 0
    return capfdbinary.readouterr().out.decode().splitlines()


LEGEND = "· not run, ○ not attempted, ✗ wrong, ✓ right, ? unreadable; as last saved."
CLASS = [
    "learner 00  01 done",
    "ada     ✓✗○ ✓  2 of 4",
    "ben     ✓·✓    2 of 4",
    "",
    "How many of the 2 learners have done each:",
    "00  q0_1 2  q0_2 0  q0_3 1",
    "01  q1_1 1",
    LEGEND,
]


def test_a_class_gets_a_row_for_each_learner_and_totals_for_each_exercise(room, capfdbinary):
    assert told(capfdbinary, room) == CLASS
    assert told(capfdbinary, room / "ada", room / "ben") == CLASS
    assert told(capfdbinary, *(room / "ada").iterdir(), room / "ben" / "workbook") == CLASS


def test_one_learner_gets_a_row_for_each_chapter(room, capfdbinary):
    assert told(capfdbinary, room / "ada") == [
        "00  1 of 3  q0_1 ✓  q0_2 ✗  q0_3 ○",
        "01  1 of 1  q1_1 ✓",
        "2 of 4 exercises are done.",
        LEGEND,
    ]


def test_without_names_it_reads_the_workbook_and_before_there_is_one_the_chapters(
    room, capfdbinary
):
    assert told(capfdbinary)[-2] == "0 of 4 exercises are done."
    saved(room.parent / "course/workbook/00_first.ipynb", q0_3="right")
    assert told(capfdbinary)[-2] == "1 of 4 exercises are done."


def test_csv_has_the_same_with_states_in_words(room, capfdbinary):
    os.mkfifo(room / "ben/workbook/01_second.ipynb") if hasattr(os, "mkfifo") else None
    rows = list(csv.reader(told(capfdbinary, room, "--format", "csv")))
    assert rows == [
        ["learner", *COLUMNS, "done", "of"],
        ["ada", "right", "wrong", "not attempted", "right", "2", "4"],
        ["ben", "right", "not run", "right", "?" if hasattr(os, "mkfifo") else "", "2", "4"],
        ["done", "2", "0", "1", "1", "4", "8"],
    ]


def test_learners_whose_folders_have_the_same_name_are_told_apart(room, capfdbinary):
    saved(room / "monday/ada/00_first.ipynb", q0_1="wrong")
    lines = told(capfdbinary, room / "ada", room / "monday/ada", room / "ben")
    assert [line.split()[0] for line in lines[1:4]] == ["ben", "monday/ada", "room/ada"]


def test_of_two_copies_of_a_chapter_the_better_answer_counts(room, capfdbinary):
    saved(room / "ada/00_first_again.ipynb", q0_1="not run", q0_2="right")
    assert told(capfdbinary, room)[1] == "ada     ✓✓○ ✓  3 of 4"


def test_exercises_that_no_chapter_has_get_no_column(room, capfdbinary):
    saved(room / "ada/99_mine.ipynb", q99_1="right")
    assert told(capfdbinary, room) == CLASS


def test_a_name_cannot_change_the_terminal(room, capfdbinary):
    saved(room / "\x1b[2J" / "00_first.ipynb", q0_1="right")
    assert told(capfdbinary, room)[1] == "?[2J    ✓      1 of 4"


def a_folder(path):
    path.mkdir()


def a_link(path):
    path.symlink_to(path.parents[1] / "ben" / "workbook" / "00_first.ipynb")


def a_pipe(path):
    os.mkfifo(path)


def too_deep(path):
    path.write_text("[" * 100_000)


def too_large(path):
    with path.open("wb") as file:
        file.truncate(progress.LARGEST + 1)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes need rights on Windows")
@pytest.mark.parametrize("put", [a_folder, a_link, a_pipe, too_deep, too_large])
def test_what_is_no_notebook_counts_as_unreadable_and_stops_nothing(room, capfdbinary, put):
    (room / "ada" / "00_first.ipynb").unlink()
    put(room / "ada" / "00_first.ipynb")
    assert told(capfdbinary, room)[1:3] == ["ada     ??? ✓  1 of 4", "ben     ✓·✓    2 of 4"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_learner_that_is_a_link_is_nobody(room, capfdbinary):
    (room / "copycat").symlink_to(room / "ada")
    (room / "a file").touch()
    assert told(capfdbinary, room) == CLASS


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}', "\x00"]
)
def test_what_is_no_notebook_has_no_states(text):
    with pytest.raises(ValueError, match="expected a saved notebook"):
        progress.states(text.encode())


def test_the_last_output_of_an_exercise_decides(tmp_path):
    saved(tmp_path / "one", q0_1="right", q0_2="not run")
    saved(tmp_path / "two", q0_1="wrong")
    cells = [json.loads((tmp_path / name).read_bytes())["cells"] for name in ("one", "two")]
    notebook = json.dumps({"cells": sum(cells, [])}).encode()
    assert progress.states(notebook) == {"q0_1": "wrong", "q0_2": "not run"}


@pytest.mark.proof
def test_reading_takes_linear_time_whatever_a_cell_has_in_it(at_most):
    for text in ("\n" * 300_000, " " * 300_000, "\n exercises.q1_1" * 20_000):
        notebook = json.dumps({"cells": [{"cell_type": "code", "source": text, "outputs": []}]})
        with at_most(2):
            progress.states(notebook.encode())


@pytest.mark.parametrize("answer", ["a", "b", "c", ...])
def test_it_understands_what_an_exercise_says(answer):
    reply = exercises.q0_1.check(answer)
    outputs = [{"data": {"text/plain": repr(reply)}}]
    source = "exercises.q0_1.check(answer)"
    cell = {"cell_type": "code", "source": source, "outputs": outputs}
    assert progress.states(json.dumps({"cells": [cell]}).encode()) == {"q0_1": reply.state}
    assert progress.SIGNS[reply.state] == engine.SIGNS[reply.state]


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_place_without_notebooks_is_told_in_one_sentence(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert __main__.main(["progress", str(tmp_path / place)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("expected folders") and place in said and said.count("\n") == 1


def test_from_the_command_line_it_reads_the_chapters_that_there_are():
    command = [sys.executable, "-m", "helpers", "progress", "notebooks", "--format", "csv"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    head, row, totals = csv.reader(io.StringIO(ran.stdout))
    assert head[:4] == ["learner", "q0_1", "q0_2", "q0_3"] and len(head) == len(row) == len(totals)
    assert set(row[1:-2]) <= set(progress.STATES)


@pytest.mark.skipif(os.name != "posix", reason="Windows tells of a closed pipe in another way")
def test_a_reader_who_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "helpers", "progress"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
