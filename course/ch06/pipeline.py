"""The jobs of a workflow, run for real, from their own file."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.ch06.rocket import ROCKET
from course.ch06.workflows import Planned, names
from course.desk import exchange
from helpers.lab import INDEX_URL, TEST_INDEX_URL, Lab, Live
from helpers.machine.runner import Runner
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import NotStarted

_REJECTED = "The deployment was rejected or didn't satisfy other protection rules."


def refusal(lab: Lab, job: GitHubJob, approved_by: str = "") -> str:
    """Return why a job does not start, in GitHub's words for a refused ref, or an empty string."""
    try:
        lab.github.repository(job.repository, job.repository_id).admit(job, approved_by)
    except NotStarted as reason:
        if "approval" in str(reason):
            return str(reason)
        kind, name = ("Tag" if "/tags/" in job.ref else "Branch"), job.ref.split("/", 2)[2]
        rules = f"deploy to {job.environment} due to environment protection rules"
        return f'{kind} "{name}" is not allowed to {rules}.\n{_REJECTED}'
    return ""


@dataclass
class Pipeline:
    """The jobs of one workflow, each run on a machine of its own, with the real uv.

    The lab stands in for four actions: it checks out octo-rocket, hands artifacts from one job to
    the next, and exchanges the ID token for `octo-org/mint`. Other actions do nothing here.

    lab, live: the lab, and the same lab served. jobs: as `plan` returns them. package: the name of
    the checked out project. minutes: how long a build takes. approved_by: the reviewer who approves
    every job that waits for one. ok: whether all jobs of the last run succeeded.
    """

    lab: Lab
    live: Live
    jobs: Sequence[Planned]
    package: str = "octo-rocket"
    minutes: int = 0
    approved_by: str = ""
    ok: bool = False
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)  # such as "needs.build.outputs.digests"
    _log: list[str] = field(default_factory=list)

    def run(self, *only: str) -> str:
        """Run all jobs, or these, without those that need a failed one. Return the log."""
        self._log, failed = [], list[str]()
        for planned in [job for job in self.jobs if job.name in only or not only]:
            skipped = any(names(need, name) for need in planned.needs for name in failed)
            self._log.append(f"job {planned.name}" + "\nskipped" * skipped)
            if skipped or not self._job(planned):
                failed.append(planned.name)
        self.ok = not failed
        return "\n".join(self._log)

    def _job(self, planned: Planned) -> bool:
        if why := refusal(self.lab, planned.job, self.approved_by):
            self._log.append(why)
            return False
        with self.live.runner(planned.job, approved_by=self.approved_by) as machine:
            machine.folder = machine.folder / "work"
            machine.folder.mkdir()
            machine.environment["UV_PUBLISH_URL"] = f"{self.live.url}/legacy/"
            machine.environment |= self._filled(planned.env)
            for step in planned.said.get("steps", []):
                text, ok = self._step(step, machine, planned.job)
                self._log.append(text)
                if not ok:
                    return False
        for name, value in self._filled(planned.said.get("outputs")).items():
            self._values[f"needs.{planned.name}.outputs.{name}"] = value
        return True

    def _step(self, step: Mapping[str, Any], machine: Runner, job: GitHubJob) -> tuple[str, bool]:
        """Run one step, and return its log and whether it succeeded."""
        if "run" in step:
            return self._command(step, machine)
        name, given = str(step.get("uses", "")), step.get("with") or {}
        error = ""
        match name.partition("@")[0]:
            case "actions/checkout":
                self._check_out(machine.folder)
            case "actions/upload-artifact":
                name_of = str(given.get("name", "artifact"))
                self.artifacts[name_of] = _files(machine.folder, str(given.get("path", "")))
            case "actions/download-artifact":
                error = self._download(machine.folder, given)
            case "octo-org/mint":
                error = self._mint(machine, job)
        return f"Run {name}" + (f"\nError: {error}" if error else ""), not error

    def _command(self, step: Mapping[str, Any], machine: Runner) -> tuple[str, bool]:
        before, output = dict(machine.environment), machine.folder / "github_output"
        output.write_text("")
        command = self._fill(step["run"]).strip()
        machine.environment |= {"GITHUB_OUTPUT": str(output), **self._filled(step.get("env"))}
        run = machine.run(["bash", "-e", "-c", command])
        to_test = self.live.test_url in command + machine.environment["UV_PUBLISH_URL"]
        machine.environment = before
        for line in output.read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            self._values[f"steps.{step.get('id')}.outputs.{name}"] = value
        log = f"$ {run.command[-1]}\n{run.log}"
        if "uv build" in command and self.minutes:
            self.lab.clock.advance(minutes=self.minutes)
            log += f"[after {self.minutes} minutes]\n"
        log += "" if run.ok else f"[exit code {run.exit_code}]\n"
        index = TEST_INDEX_URL if to_test else INDEX_URL
        return log.replace("https://127.0.0.1:port", index).rstrip(), run.ok

    def _check_out(self, folder: Path) -> None:
        shutil.copytree(ROCKET / "hardened", folder, dirs_exist_ok=True)
        project = folder / "pyproject.toml"
        text = project.read_text("utf-8").replace("octo-rocket", self.package)
        project.write_text(text, "utf-8")

    def _download(self, folder: Path, given: Mapping[str, Any]) -> str:
        """Unpack an artifact into a folder, and return an error or an empty string."""
        name, place = given.get("name"), folder / str(given.get("path", ""))
        if name not in self.artifacts:
            return f"Unable to download artifact(s): Artifact not found for name: {name}"
        for path, data in self.artifacts[name].items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
        return ""

    def _mint(self, machine: Runner, job: GitHubJob) -> str:
        if not job.may_ask:
            return "the job has no permission to request an ID token"
        token, code = exchange(self.lab, self.lab.github.id_token(job))
        machine.environment["UV_PUBLISH_TOKEN"] = token
        machine.mask(token)
        return code

    def _filled(self, variables: Mapping[str, Any] | None) -> dict[str, str]:
        return {str(name): self._fill(value) for name, value in (variables or {}).items()}

    def _fill(self, value: Any) -> str:
        """Put values in the place of `${{ … }}`, and this machine's addresses for the indexes'."""
        text = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda m: self._values.get(m[1], ""), str(value))
        return text.replace(TEST_INDEX_URL, self.live.test_url).replace(INDEX_URL, self.live.url)


def _files(folder: Path, patterns: str) -> dict[str, bytes]:
    """Return the files of an artifact: all in a folder, such as `dist`, `dist/` or `dist/*`."""
    roots = [folder / pattern.partition("*")[0] for pattern in patterns.split()]
    paths = [(path, root) for root in roots for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path, root in paths}
