"""On a server each learner is a Unix user, and neither can read what is the other's. Only root can try."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHAPTERS, HUB_PYTHON, ROOT, classroom, work_through
from learner_at_the_hub import Learner


def obstacle() -> str:
    """Return why learners cannot be Unix users here, "" if they can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root can start servers as other users"
    if not shutil.which("useradd"):
        return "there is no useradd"
    if not HUB_PYTHON.exists():
        return "the classroom is not set up; `make hub-test` does it"
    try:
        subprocess.run([str(HUB_PYTHON), "-c", ""], user=65534, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "only root may run this Python; try `make hub-test PYTHON=/usr/bin/python3`"
    return ""


@pytest.fixture(scope="module")
def neighbors() -> Iterator[list[tuple[Learner, Path]]]:
    """Two learners with their homes; each is a Unix user, who is removed in the end."""
    if problem := obstacle():
        pytest.skip(problem)
    names = [f"test{os.getpid()}{letter}" for letter in "ab"]
    try:
        with classroom("users") as room:
            yield [(room.learner(name), room.homes / name) for name in names]
    finally:
        for name in names:
            subprocess.run(["userdel", f"learner-{name}"], check=False, capture_output=True)


SPY = """
import os
def attempt(path):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    except OSError as error:
        return type(error).__name__
    return "read"
for path in {paths!r}:
    print(attempt(path))
"""


def test_a_learner_is_a_unix_user_who_can_work(neighbors):
    learner, home = neighbors[0]
    assert work_through(learner, "00") == []
    [reply] = learner.run("workbook/x.ipynb", ["import os; print(os.getuid(), os.getgroups())"])
    user = pwd.getpwnam(f"learner-{learner.name}")
    assert reply["text"] == f"{user.pw_uid} [{user.pw_gid}]\n"
    assert home.stat().st_uid == user.pw_uid and home.stat().st_mode & 0o777 == 0o700


def test_neither_can_read_the_others_files_sockets_or_environment(neighbors):
    for (spy, _), (victim, home) in (neighbors, neighbors[::-1]):
        uid = pwd.getpwnam(f"learner-{victim.name}").pw_uid
        processes = [path for path in Path("/proc").glob("[0-9]*") if path.stat().st_uid == uid]
        assert processes
        paths = [home, home / "workbook", home / CHAPTERS["00"], home.parent]
        paths += [home.parent.parent / "hub" / "jupyterhub.sqlite"]
        paths += [home.parent.parent.parent / "run" / victim.name, processes[0] / "environ"]
        [reply] = spy.run("workbook/x.ipynb", [SPY.format(paths=list(map(str, paths)))])
        assert reply["text"].split() == ["PermissionError"] * len(paths)


def test_a_learner_cannot_change_what_all_share(neighbors):
    cell = f"open({str(ROOT / 'helpers' / 'lab.py')!r}, 'a')"
    [reply] = neighbors[0][0].run("workbook/x.ipynb", [cell])
    assert reply["ename"] == "PermissionError"
