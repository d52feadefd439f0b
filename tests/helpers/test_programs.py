"""Where a job finds its programs: on this system, and on a Windows made of folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course.ch00 import setup_check as module
from helpers.machine import programs
from helpers.machine.runner import Runner


class Windows:
    """The programs of a Windows computer, as empty files, and what is on its PATH."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, []

    def add(self, *names: str, on_path: bool = True) -> None:
        for name in names:
            program = self.root / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.touch()
            if on_path:
                self.path.append(program)

    def which(self, name: str, path: str | None = None) -> str | None:
        folders = path.split(os.pathsep) if path is not None else None
        for program in self.path:
            if program.stem == name and (folders is None or str(program.parent) in folders):
                return str(program)
        return None


@pytest.fixture
def windows(tmp_path, monkeypatch):
    """A Windows with a Python from its own installer, and System32 with the bash that starts Linux."""
    computer = Windows(tmp_path)
    computer.add("Windows/System32/bash.exe", "Python/Scripts/uv.exe")
    monkeypatch.setattr(programs, "WINDOWS", True)
    monkeypatch.setattr(programs.shutil, "which", computer.which)
    monkeypatch.setattr(programs.sys, "executable", str(tmp_path / "Python" / "python.exe"))
    scripts = str(tmp_path / "Python" / "Scripts")
    monkeypatch.setattr(programs.sysconfig, "get_path", lambda name: scripts)
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path / "Windows"))
    return computer


@pytest.mark.parametrize("git", ["Git/cmd/git.exe", "Git/mingw64/bin/git.exe", "Git/bin/git.exe"])
def test_on_windows_bash_is_the_one_beside_git_wherever_git_is_on_the_path(windows, git):
    windows.add(git)
    windows.add("Git/usr/bin/bash.exe", on_path=False)
    assert programs.find("bash") == windows.root / "Git/usr/bin/bash.exe"
    path = programs.search_path()
    bash, system = windows.root / "Git/usr/bin", windows.root / "Windows/System32"
    assert path.index(str(bash)) < path.index(str(system)), "bash of System32 starts Linux"
    assert str((windows.root / git).parent) in path
    assert str(windows.root / "Python/Scripts") in path
    assert "." not in path


def test_on_windows_another_bash_will_do_but_not_the_one_that_starts_linux(windows):
    assert programs.find("bash") is None
    windows.path.insert(0, windows.root / "msys64/usr/bin/bash.exe")
    assert programs.find("bash") == windows.root / "msys64/usr/bin/bash.exe"


def test_the_set_up_check_finds_bash_exactly_where_a_job_does(windows, monkeypatch):
    monkeypatch.setattr(module, "_version", lambda program: "0.9.13")
    windows.add("Git/cmd/git.exe")
    assert module.setup_check() == "Not in place: chapters 01 and 06 need bash."
    windows.add("Git/usr/bin/bash.exe", on_path=False)
    assert module.setup_check() == "Everything is in place."


def test_here_a_job_finds_git_bash_and_the_uv_beside_this_python():
    path = os.pathsep.join(programs.search_path())
    for name in ("git", "bash", "uv"):
        if (program := programs.find(name)) is not None:
            assert programs.shutil.which(name, path=path), name
            subprocess.run([program, "--version"], check=True, capture_output=True)
    assert programs.find("uv").parent == Path(sys.executable).parent


@pytest.fixture
def runner(tmp_path):
    with Runner({}, "https://pypi.test", tmp_path / "ca.pem", tmp_path) as machine:
        yield machine


@pytest.mark.parametrize(
    ("printed", "log"),
    [
        (r"Successfully built dist\a-1.0.whl", "Successfully built dist/a-1.0.whl"),
        (r"see `.\dist\a-1.0.whl`, 'dist'", "see `./dist/a-1.0.whl`, 'dist'"),
        (r"'tabs\tand\nlines' dist\other.whl", r"'tabs\tand\nlines' dist\other.whl"),
    ],
)
def test_on_windows_the_log_shows_a_file_of_the_job_as_on_other_systems(
    runner, monkeypatch, printed, log
):
    (runner.folder / "dist").mkdir()
    (runner.folder / "dist" / "a-1.0.whl").touch()
    command = [sys.executable, "-c", f"print({printed!r})"]
    assert runner.run(command).log == printed + "\n", "elsewhere a backslash is no separator"
    monkeypatch.setattr(programs, "WINDOWS", True)
    assert runner.run(command).log == log + "\n"
