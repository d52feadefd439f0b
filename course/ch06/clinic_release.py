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

from course.ch06.clinic_cases import TAG, Planned, Situation, names
from course.ch06.hardened import DATA, publish_backend
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
        runs = [_Run(lab, live, situation) for _ in situation.runs]
        green = [run.all_jobs(jobs) for run, jobs in zip(runs, situation.runs, strict=True)]
        log = [line for run in runs for line in run.log]
        if not runs:
            log.append(f"The tag {TAG} was pushed. No workflow started.")
        projects = lab.index.projects
        there = situation.package in projects and bool(projects[situation.package].files)
        if green and all(green) and not there:
            log.append(f"CI is green, but PyPI has no files of {situation.package} {TAG[1:]}.")
        ok = bool(green) and all(green) and there
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
    """One run of a workflow: its log, its artifacts, and the outputs of its steps and jobs."""

    def __init__(self, lab: Lab, live: Live, situation: Situation) -> None:
        self.lab, self.live, self.situation = lab, live, situation
        self.log: list[str] = []
        self.artifacts: dict[str, dict[str, bytes]] = {}
        self.values: dict[str, str] = {}  # such as "needs.build.outputs.digests"

    def all_jobs(self, jobs: Sequence[Planned]) -> bool:
        """Run the jobs; those that need a failed one are skipped. Returns whether all succeeded."""
        failed: list[str] = []
        for planned in jobs:
            if any(names(need, name) for need in planned.needs for name in failed):
                self.log.append(f"job {planned.name}\nskipped")
                failed.append(planned.name)
            elif not self._job(planned):
                failed.append(planned.name)
        return not failed

    def _job(self, planned: Planned) -> bool:
        self.log.append(f"job {planned.name}")
        approved_by = "".join(self.situation.environment.reviewers[:1])
        if why := refusal(self.lab, planned.job, approved_by):
            self.log.append(why)
            return False
        start = partial(self.live.runner, planned.job, approved_by=approved_by)
        with TemporaryDirectory() as folder, start(folder=Path(folder)) as machine:
            machine.environment["UV_PUBLISH_URL"] = f"{self.live.url}/legacy/"
            machine.environment |= self._filled(planned.env) | self._filled(planned.said.get("env"))
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
        shutil.copytree(DATA / "rocket" / "hardened", folder, dirs_exist_ok=True)
        project = folder / "pyproject.toml"
        text = project.read_text("utf-8").replace("octo-rocket", self.situation.package)
        project.write_text(text, "utf-8")

    def _download(self, folder: Path, given: Mapping[str, Any]) -> str:
        """Unpack an artifact into a folder, or all, each into one of its own; returns an error."""
        place, only = folder / str(given.get("path", "")), given.get("name")
        if only is not None and only not in self.artifacts:
            return f"Unable to download artifact(s): Artifact not found for name: {only}"
        for name, files in self.artifacts.items():
            apart = only is None and not given.get("merge-multiple")
            for path, data in files.items() if only in (None, name) else ():
                target = place / (name if apart else "") / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
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
    """Return the files that an artifact takes from a job's folder; a folder stands for all in it."""
    found: dict[str, bytes] = {}
    for pattern in patterns.split():
        base = folder / pattern
        root = base if base.is_dir() else base.parent
        if root.resolve().is_relative_to(folder.resolve()):
            paths = root.rglob("*") if base.is_dir() else root.glob(base.name)
            found |= {
                str(path.relative_to(root)): path.read_bytes() for path in paths if path.is_file()
            }
    return found


def _advice(lab: Lab, situation: Situation) -> list[str]:
    """Return what a maintainer should not leave so, although the release went out."""
    planned = situation.publishing
    assert planned is not None
    found = []
    if planned.job.called_workflow:
        found.append(
            "PyPI's documentation does not support a called workflow as the publisher's file. "
            "Every workflow of the repository that calls this file gets in. Publish in the file "
            "that the tag starts."
        )
    texts = situation.workflows.values()
    if any(re.search(r"^\s*permissions:\s*[\"']?write-all", text, re.M) for text in texts):
        found.append(
            "`write-all` also lets the job change the repository. `id-token: write` is enough."
        )
    elif "permissions" not in planned.said:
        found.append("every job of the workflow may now ask. Give the permission to this job only.")
    if others := _let_in(lab, planned.job):
        found.append(f"now others get a token, too: {'; '.join(others)}.")
    return found


def _let_in(lab: Lab, job: GitHubJob) -> list[str]:
    """Try jobs that must not publish, and return those that get a token."""
    intruders: dict[str, dict[str, Any]] = {
        "a nightly job of the same file, without the environment": {"environment": ""},
        "a job of the same file, on Mallory's branch": {"actor": "mallory"},
        "a job of somebody who took over the owner's name": {"owner_id": "6", "repository_id": "7"},
        "a pull request's job": {"event_name": "pull_request_target"},
        "another workflow of the repository": {"workflow": "lint.yml", "environment": ""},
    }
    found = []
    for who, differs in intruders.items():
        ref = "refs/heads/faster" if "actor" in differs else "refs/heads/main"
        called = "" if "workflow" in differs else job.called_workflow.replace(job.ref, ref)
        intruder = replace(job, **{"ref": ref, "called_workflow": called, **differs})
        if not refusal(lab, intruder) and not exchange(lab, lab.github.id_token(intruder))[1]:
            found.append(who)
    return found
