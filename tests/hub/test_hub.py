"""The classroom: two learners log in, each works in a workbook of their own, and nothing is left."""

import csv
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import CHAPTERS, ROOT, Classroom, work_through
from learner_at_the_hub import Learner


@pytest.fixture(scope="module")
def pair(trial: Classroom) -> list[Learner]:
    """Alice and Bob, who log in at the same moment."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(trial.learner, ("alice", "bob")))


def test_two_learners_each_run_a_chapter_at_the_same_time(pair):
    with ThreadPoolExecutor() as pool:
        errors = list(pool.map(work_through, pair, ("00", "02")))
    assert errors == [[], []]


def test_kernels_run_in_the_projects_packages_and_on_the_learners_own_chapters(pair, trial):
    [reply] = pair[0].run("workbook/x.ipynb", ["import sys, os; print(sys.prefix, os.getcwd())"])
    assert reply["text"].split() == [str(ROOT / ".venv"), str(trial.homes / "alice" / "workbook")]


def test_what_a_learner_has_changed_is_there_after_the_server_was_stopped(pair):
    bob = pair[1]
    content = bob.read(CHAPTERS["03"])
    content["cells"][0]["source"] = "# Mine"
    bob.save(CHAPTERS["03"], content)
    bob.stop()
    bob.start()
    assert bob.read(CHAPTERS["03"])["cells"][0]["source"] == "# Mine"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_a_cell_that_wants_too_much_memory_gets_an_error_and_the_notebook_lives(pair):
    replies = pair[0].run("workbook/x.ipynb", ["x = bytearray(3 * 2**30)", "print(6 * 7)"])
    assert replies[0]["ename"] == "MemoryError" and replies[1]["text"] == "42\n"


def test_a_wrong_password_is_refused(trial):
    with pytest.raises(PermissionError):
        Learner(trial.address, "alice", "wrong")


@pytest.mark.parametrize("name", ["../alice", "a/../../bob", "al ice", "-x", "a" * 21, ""])
def test_a_name_that_could_be_no_folder_and_no_user_is_refused(trial, name):
    with pytest.raises(PermissionError):
        Learner(trial.address, name, trial.password)


def test_a_learner_may_not_use_the_server_of_another(pair):
    alice, bob = pair
    answer = alice.api("GET", f"/user/{bob.name}/api/contents/{CHAPTERS['00']}")
    assert answer.status_code in (403, 404)


def test_the_teacher_sees_how_the_class_stands(pair, trial):
    command = [sys.executable, "-m", "helpers", "progress", str(trial.homes), "--format", "csv"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = {row["learner"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows["alice"]["q0_1"] == rows["bob"]["q2_1"] == "not attempted"
    assert rows["alice"]["q2_1"] == rows["bob"]["q0_1"] == "not run"


def test_when_it_is_stopped_no_process_is_left(pair, trial):
    assert trial.stop() == []
