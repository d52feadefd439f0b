"""A release of the clinic, run for real: each job on a machine of its own, with the real uv.

The lab stands in for four actions: it checks out octo-rocket, hands artifacts from one job to the
next, and exchanges the ID token for `octo-org/mint`. Other actions do nothing here.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from course.ch06.clinic_cases import DATA, REF, TAG, Planned, Situation, names
from course.ch06.hardened import DATA as FOLDER
from course.ch06.hardened import publish_backend
from course.desk import exchange
from helpers.lab import INDEX_URL, PUBLISHER, TEST_INDEX_URL, Lab, Live, set_aside
from helpers.machine.runner import Runner
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import NotStarted


@dataclass(frozen=True)
class Outcome:
    """The result of a release: the CI log, whether PyPI has the files, and what is not advised."""

    log: str
    ok: bool
    advice: tuple[str, ...] = ()


def release(situation: Situation) -> Outcome:
    """Push the tag: run the jobs that it starts, in a lab of its own."""
    with set_aside(), prepared(situation) as lab, lab.serve() as live:
        publish_backend(lab)
        log: list[str] = []
        green = [_Run(lab, live, situation, log).all_jobs(jobs) for jobs in situation.runs]
        project = lab.index.projects.get(situation.package)
        ok = bool(green) and all(green) and project is not None and bool(project.files)
        if not green:
            log.append(f"The tag {TAG} was pushed. No workflow started.")
        elif all(green) and not ok:
            log.append(f"CI is green, but PyPI has no files of {situation.package} {TAG[1:]}.")
        return Outcome("\n".join(log), ok, tuple(_advice(lab, situation)) if ok else ())


def prepared(situation: Situation) -> Lab:
    """Return a lab with the publisher and the environment of the situation."""
    lab = Lab()
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    lab.test_index.add_project("octo-rocket", owner="alice")
    lab.github.repository("octo-org/rocket").environments["pypi"] = situation.environment
    index = lab.index if situation.form["index"] == "PyPI" else lab.test_index
    if situation.form["project"] in index.projects:
        index.add_publisher(situation.form["project"], situation.publisher)
    else:
        index.add_pending_publisher(situation.form["project"], situation.publisher, owner="alice")
    return lab


def refusal(lab: Lab, job: GitHubJob, approved_by: str = "") -> str:
    """Return why GitHub does not start a job, or an empty string."""
    try:
        lab.github.repository(job.repository, job.repository_id).admit(job, approved_by)
    except NotStarted as reason:
        if "approval" in str(reason):
            return str(reason)
        kind, name = ("Tag" if "/tags/" in job.ref else "Branch"), job.ref.split("/", 2)[2]
        rules = f"deploy to {job.environment} due to environment protection rules"
        return f'{kind} "{name}" is not allowed to {rules}.'
    return ""


class _Run:
    """One run of a workflow: its artifacts, and the outputs of its steps and jobs."""

    def __init__(self, lab: Lab, live: Live, situation: Situation, log: list[str]) -> None:
        self.lab, self.live, self.situation, self.log = lab, live, situation, log
        self.artifacts: dict[str, dict[str, bytes]] = {}
        self.values: dict[str, str] = {}  # such as "needs.build.outputs.digests"

    def all_jobs(self, jobs: Sequence[Planned]) -> bool:
        """Run the jobs; those that need a failed one are skipped. Returns whether all succeeded."""
        failed: list[str] = []
        for planned in jobs:
            skipped = any(names(need, name) for need in planned.needs for name in failed)
            self.log.append(f"job {planned.name}" + "\nskipped" * skipped)
            if skipped or not self._job(planned):
                failed.append(planned.name)
        return not failed

    def _job(self, planned: Planned) -> bool:
        approved_by = "".join(self.situation.environment.reviewers[:1])
        if why := refusal(self.lab, planned.job, approved_by):
            self.log.append(why)
            return False
        start = partial(self.live.runner, planned.job, approved_by=approved_by)
        with TemporaryDirectory() as folder, start(folder=Path(folder)) as machine:
            machine.environment["UV_PUBLISH_URL"] = f"{self.live.url}/legacy/"
            machine.environment |= self._filled(planned.env)
            for step in planned.said.get("steps", []):
                text, ok = self._step(step, machine, planned.job)
                self.log.append(text)
                if not ok:
                    return False
        for name, value in self._filled(planned.said.get("outputs")).items():
            self.values[f"needs.{planned.name}.outputs.{name}"] = value
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
            self.values[f"steps.{step.get('id')}.outputs.{name}"] = value
        log = f"$ {run.command[-1]}\n{run.log}"
        if "uv build" in command:
            self.lab.clock.advance(minutes=self.situation.build)
            log += f"[after {self.situation.build} minutes]\n"
        log += "" if run.ok else f"[exit code {run.exit_code}]\n"
        index = TEST_INDEX_URL if to_test else INDEX_URL
        return log.replace("https://127.0.0.1:port", index).rstrip(), run.ok

    def _check_out(self, folder: Path) -> None:
        shutil.copytree(FOLDER / "rocket" / "hardened", folder, dirs_exist_ok=True)
        project = folder / "pyproject.toml"
        text = project.read_text("utf-8").replace("octo-rocket", self.situation.package)
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
        text = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda m: self.values.get(m[1], ""), str(value))
        return text.replace(TEST_INDEX_URL, self.live.test_url).replace(INDEX_URL, self.live.url)


def _files(folder: Path, patterns: str) -> dict[str, bytes]:
    """Return the files that an artifact takes: all in a folder, such as `dist`, `dist/`, `dist/*`."""
    roots = [folder / pattern.partition("*")[0] for pattern in patterns.split()]
    paths = [(path, root) for root in roots for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path, root in paths}


def _advice(lab: Lab, situation: Situation) -> list[str]:
    """Return what a maintainer should not leave so, although the release went out."""
    planned = situation.publishing
    assert planned is not None
    found = [DATA["advice"]["called"]] if planned.job.called_workflow else []
    if any(
        re.search(r"^\s*permissions:\s*write-all", t, re.M) for t in situation.workflows.values()
    ):
        found.append(DATA["advice"]["write-all"])
    elif "permissions" not in planned.said:
        found.append(DATA["advice"]["inherited"])
    let_in = []
    for who, differs in DATA["intruders"].items():
        called = planned.job.called_workflow.replace(REF, differs.get("ref", REF))
        job = replace(planned.job, **{"called_workflow": called, **differs})
        if not refusal(lab, job) and not exchange(lab, lab.github.id_token(job))[1]:
            let_in.append(who)
    return found + [f"now others get a token, too: {'; '.join(let_in)}."] * bool(let_in)
