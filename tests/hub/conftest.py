"""A classroom for the tests: the hub that `make hub` starts, with a state of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from learner_at_the_hub import SECONDS, Learner

ROOT = Path(__file__).parents[2]
HUB_PYTHON = ROOT / "hub" / ".venv" / "bin" / "python"

CHAPTERS = {
    path.name[:2]: f"workbook/{path.name}"
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")
}


@dataclass
class Classroom:
    """A hub that runs."""

    process: psutil.Popen
    address: str
    password: str
    homes: Path

    def learner(self, name: str) -> Learner:
        """Return a learner who has logged in and whose server is ready."""
        learner = Learner(self.address, name, self.password)
        learner.start()
        return learner

    def stop(self) -> list[psutil.Process]:
        """Stop it as Ctrl-C does; return what was started and is still there."""
        started = self.process.children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS)
        return psutil.wait_procs(started, timeout=30)[1]


@contextmanager
def classroom(spawner: str, **more: str) -> Iterator[Classroom]:
    """Start a hub, wait until it says that it runs, and stop it in the end."""
    with tempfile.TemporaryDirectory(prefix="hub-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o711)  # learners have to get to their homes in it
        state = Path(folder, "state")
        settings = {"LAB_STATE": str(state), "LAB_SPAWNER": spawner, "LAB_LOG": "INFO"}
        settings["LAB_RUN"] = str(Path(folder, "run"))
        settings |= more
        process = psutil.Popen(
            [sys.executable, str(ROOT / "hub" / "trial.py"), "--json"],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        said: deque[str] = deque(maxlen=200)
        running = threading.Event()
        facts = json.loads(process.stdout.readline())

        def listen() -> None:
            for line in process.stdout:
                said.append(line)
                if "JupyterHub is now running" in line:
                    running.set()
            running.set()

        listener = threading.Thread(target=listen)
        listener.start()
        room = Classroom(process, facts["address"], facts["LAB_PASSWORD"], state / "home")
        try:
            assert running.wait(SECONDS) and process.is_running(), "".join(said)
            yield room
        except BaseException:
            print("".join(said))
            raise
        finally:
            if process.is_running() and process.poll() is None:
                for each in room.stop():
                    each.kill()
            listener.join(SECONDS)
            process.stdout.close()


@pytest.fixture(scope="module")
def trial() -> Iterator[Classroom]:
    """The classroom of `make hub`, in which all learners are the same Unix user."""
    with classroom("trial") as room:
        yield room


@pytest.fixture(scope="session", autouse=True)
def set_up() -> None:
    """Skip everything where `make hub-test` has not set up the hub."""
    if not HUB_PYTHON.exists():
        pytest.skip("the classroom is not set up; `make hub-test` does it")


def work_through(learner: Learner, chapter: str) -> list[str]:
    """Run a chapter from the first cell to the last and save it; return the cells' errors."""
    content = learner.read(CHAPTERS[chapter])
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells), "the workbook has outputs"
    replies = learner.run(CHAPTERS[chapter], [cell["source"] for cell in cells])
    for cell, reply in zip(cells, replies, strict=True):
        if reply["text"]:
            data = {"text/plain": reply["text"]}
            cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    for cell in content["cells"]:
        cell["metadata"].pop("trusted", None)
    learner.save(CHAPTERS[chapter], content)
    return [f"{reply['ename']}: {reply['evalue']}" for reply in replies if reply["status"] != "ok"]
