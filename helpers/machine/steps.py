"""A machine for one job, inside this process: fast enough for thousands of attacks.

`helpers.machine.runner` runs real programs, and each takes 30 ms or more. Here a step is a line of
Python that knows the machine as `here`, and it sees what a step on a real machine sees.
`tests/clients/test_steps_are_like_real_ones.py` compares the two.
"""

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Stopped(Exception):
    """Something was stopped. The message says by whom, and why."""


class StepMachine:
    """The things that code in a job finds around it.

    job: the job, as its provider sees it. environment: the variables that every step sees.
    secrets: what the job was given. They lie in the memory of the runner's own process from the
    first step to the last, and on a hosted machine any step may become root and read them.
    programs: what a step can call, by name; each takes the machine.

    `folder` is where steps work, and `dist` a folder in it. `waiting` are processes that a step has
    left behind: each gets its turn before every later step, and all end with the job. `artifacts`
    belong to the run, so any of its jobs may write them.
    """

    def __init__(
        self,
        job: Any,
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
        programs: Mapping[str, Callable[["StepMachine"], None]],
    ) -> None:
        self.job, self.programs = job, programs
        self.environment, self.secrets = dict(environment), dict(secrets)
        self.folder = Path(tempfile.mkdtemp(prefix="lab-job-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.dist = self.folder / "dist"
        self.dist.mkdir()
        self.waiting: list[Callable[[StepMachine], None]] = []
        self.artifacts: dict[str, dict[str, bytes]] = {}

    def run(self, step: str, **variables: str) -> None:
        """Run one step. The variables are in its environment, and in no other step's."""
        before, self.environment = self.environment, self.environment | variables
        try:
            for process in self.waiting:
                process(self)
            exec(step, {**self.programs, "here": self})  # a CI job does what its files say
        finally:
            self.environment = before

    def shell(self, script: str, **context: str) -> None:
        """Run a step in bash, as GitHub does: text replaces each `${{ … }}` before bash starts."""
        for name, value in context.items():
            script = script.replace(f"${{{{ {name} }}}}", value)
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["bash", "-c", script], cwd=self.folder, env={}, check=False, **quiet)

    def close(self) -> None:
        """End the job: its processes end and its folder goes, as it does when nobody has the
        machine any more."""
        self.waiting.clear()
        self._remove()
