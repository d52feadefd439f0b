"""The set-up check says one sentence, and each thing that may be missing has its own words in it."""

import subprocess

import pytest

from course.ch00 import setup_check as module
from course.ch00.setup_check import setup_check


@pytest.fixture
def complete(monkeypatch):
    """A machine that has everything, whatever this one has."""
    monkeypatch.setattr(
        module, "_version", lambda program: "0.9.13" if "0.9.13" in str(program) else "0.13.9"
    )
    monkeypatch.setattr(module, "old_uv", lambda: "uv-0.9.13")
    monkeypatch.setattr(module, "find", lambda name: f"/somewhere/{name}")
    return monkeypatch


def test_where_everything_is_there_it_says_so_in_the_same_words(complete):
    assert repr(setup_check()) == "Everything is in place."


@pytest.mark.parametrize(
    ("program", "words"),
    [("git", "chapter 01 needs git"), ("bash", "chapters 01 and 06 need bash")],
)
def test_a_missing_program_is_named_with_the_chapter_that_needs_it(complete, program, words):
    complete.setattr(module, "find", lambda name: None if name == program else name)
    assert repr(setup_check()) == f"Not in place: {words}."


def test_without_the_uv_of_that_day_chapter_06_goes_on(complete):
    complete.setattr(module, "old_uv", lambda: None)
    complete.setattr(module, "_version", lambda program: "0.13.9" if program else "")
    assert (
        repr(setup_check())
        == "Not in place: chapter 06 goes on without uv 0.9.13, the version of that day."
    )


def test_another_version_in_its_place_is_not_taken_for_it(complete):
    complete.setattr(module, "_version", lambda program: "0.13.9")
    assert "without uv 0.9.13" in setup_check()


def test_a_missing_package_and_one_of_another_version_are_named(complete):
    def version(name):
        if name == "trustme":
            raise module.metadata.PackageNotFoundError(name)
        return "0.1" if name == "pyjwt" else original(name)

    original = module.metadata.version
    complete.setattr(module.metadata, "version", version)
    assert "pyjwt, trustme (run `make setup`)" in setup_check()


def test_a_python_outside_the_range_is_told_which_range(complete):
    complete.setattr(module.sys, "version_info", (3, 10, 4))
    assert "Python >=3.11,<3.15 is wanted, and this one is 3.10.4" in setup_check()


def test_several_things_are_told_in_one_line(complete):
    complete.setattr(module, "find", lambda name: None)
    complete.setattr(module, "_version", lambda program: "")
    verdict = repr(setup_check())
    assert verdict.count("\n") == 0 and verdict.count(";") == 3


def test_a_uv_that_does_not_run_has_no_version(tmp_path):
    broken = tmp_path / "uv"
    broken.write_text("not a program")
    assert module._version(broken) == module._version(None) == ""


def test_what_a_uv_says_of_itself_is_understood(monkeypatch):
    answer = subprocess.CompletedProcess([], 0, stdout="uv 0.9.13 (x86_64-unknown-linux-gnu)\n")
    monkeypatch.setattr(module.subprocess, "run", lambda *args, **kwargs: answer)
    assert module._version("uv") == "0.9.13"
