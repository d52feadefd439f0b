"""The clinic of chapter 06: six releases that fail, each with nothing but its CI log to begin with.

A case is a workflow, what is registered on the index, and a job that really runs: the real `uv publish`, on a runner, against
a lab of its own. A repair changes the workflow or the registration, and is judged by running the release again and by
sending the tokens of those who must not publish. Looking costs points, and so does a repair that does not help.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from .claim_checks import ClaimChecks
from .jobs import GitHubJob
from .jws import IdToken
from .lab import INDEX_URL, PUBLISHER, Lab, set_aside
from .publishers import GitHubPublisher

FULL, LOOK, MISS = 100, 20, 10
"""Points for a case solved, and what one look and one repair in vain cost."""


@dataclass(frozen=True)
class Situation:
    """What a maintainer can change: workflows by filename, the form on the index, the project it is for, and how long the
    build takes, in minutes. `exists` says whether the project does; if not, the publisher is a pending one."""

    workflows: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=lambda: {"workflow": "release.yml", "environment": "pypi"})
    project: str = "octo-rocket"
    exists: bool = True
    build: int = 2

    def changed(self, edit: Mapping[str, str], form: Mapping[str, str], project: str) -> "Situation":
        """The situation after a repair. Raises ValueError for an edit of what is not there, and for what the form on the
        index or YAML would refuse."""
        workflows = dict(self.workflows)
        for old, new in edit.items():
            holding = [name for name, text in workflows.items() if old and old in text]
            if not holding:
                raise ValueError(f"expected text that stands in a workflow, got {old!r}")
            workflows |= {name: workflows[name].replace(old, new) for name in holding}
        if unknown := set(form) - {"workflow", "environment"}:
            raise ValueError(f"the form can be changed in workflow and environment, got {', '.join(sorted(unknown))}")
        after = replace(self, workflows=workflows, form={**self.form, **form}, project=project or self.project)
        after.publisher, after.job  # noqa: B018  raises for what cannot be
        return after

    @property
    def publisher(self) -> GitHubPublisher:
        """What is registered on the index. Owner and repository were right from the start."""
        return replace(PUBLISHER, **self.form)

    @property
    def job(self) -> GitHubJob:
        """The job that publishes, as its provider sees it. A reusable workflow's job is called by the first file. Raises
        ValueError if no job publishes any more."""
        entry = next(iter(self.workflows))
        caller = _jobs(self.workflows[entry])
        for job in caller.values():
            called = str(job.get("uses", "")).rpartition("/")[2]
            if called in self.workflows:
                callee = next(iter(_jobs(self.workflows[called]).values()))
                may = _may_ask(self.workflows[entry], job) and _may_ask(self.workflows[called], callee, default=True)
                ref = f"octo-org/rocket/.github/workflows/{called}@refs/heads/main"
                where = str(callee.get("environment", ""))
                return GitHubJob(workflow=entry, called_workflow=ref, environment=where, id_token=may)
            if _publishes(job):
                may = _may_ask(self.workflows[entry], job)
                return GitHubJob(workflow=entry, environment=str(job.get("environment", "")), id_token=may)
        raise ValueError("expected a job that runs `uv publish`, got none: a release has to publish")

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of the job that publishes."""
        jobs = [job for text in self.workflows.values() for job in _jobs(text).values()]
        return next(job["steps"] for job in jobs if _publishes(job))

    def intruders(self) -> dict[str, GitHubJob]:
        """Jobs that must not get a token, whatever was repaired."""
        job = replace(self.job, id_token=True)
        return {
            "a nightly job of the same file, which nobody has to approve": replace(job, environment=""),
            "a clone by somebody who took over the owner's name": replace(job, owner_id="666"),
            "a pull request's job, started by pull_request_target": replace(job, event_name="pull_request_target"),
            "another workflow of the repository": replace(job, workflow="lint.yml", called_workflow="", environment=""),
        }


def _jobs(text: str) -> dict[str, dict[str, Any]]:
    try:
        workflow = yaml.safe_load(text)
        jobs = {name: dict(job) for name, job in workflow["jobs"].items()}
        assert all(isinstance(step, dict) for job in jobs.values() for step in job.get("steps", []))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, AssertionError):
        raise ValueError("expected a workflow after your edit, got something that is none: look at its indentation") from None
    return jobs


def _publishes(job: Mapping[str, Any]) -> bool:
    return any("uv publish" in str(step.get("run", "")) for step in job.get("steps", []))


def _may_ask(text: str, job: Mapping[str, Any], *, default: bool = False) -> bool:
    """Whether a job may ask for an ID token: its own permissions replace the workflow's."""
    workflow = yaml.safe_load(text)
    granted = job["permissions"] if "permissions" in job else workflow.get("permissions", ... if default else None)
    if granted is ...:
        return default
    return granted == "write-all" or (isinstance(granted, dict) and granted.get("id-token") == "write")


def _wheel() -> bytes:
    """octo-rocket 1.0.0, the same bytes on every machine."""
    about, stamp, data = "octo_rocket-1.0.0.dist-info", (2026, 11, 23, 9, 0, 0), io.BytesIO()
    files = {
        "octo_rocket/__init__.py": "answer = 42\n",
        f"{about}/METADATA": "Metadata-Version: 2.4\nName: octo-rocket\nVersion: 1.0.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, stamp), text)
    return data.getvalue()


def release(situation: Situation) -> tuple[str, bool, str]:
    """Run the release for real: the CI log, whether the files are there, and which intruder got a token ("" for none)."""
    with set_aside(), Lab() as lab, lab.serve() as live:
        lab.index.remove_publisher("octo-rocket", PUBLISHER)
        if situation.exists:
            lab.index.add_publisher("octo-rocket", situation.publisher)
            package = "octo-rocket"
        else:
            lab.index.add_pending_publisher(situation.project, situation.publisher, owner="alice")
            package = "octo-comet"
        machine = live.runner(situation.job)
        machine.environment["UV_PUBLISH_URL"] = f"{live.url}/legacy/"
        log, ok = [], True
        for step in situation.steps:
            if not ok:
                break
            text, ok = _step(step, lab, machine, situation, package)
            log.append(text)
        there = bool(lab.index.projects[package].files) if package in lab.index.projects else False
        in_by = next((who for who, job in situation.intruders().items() if _gets_in(lab, job)), "")
        return "\n".join(log), ok and there, in_by


def _step(step: Mapping[str, Any], lab: Lab, machine: Any, situation: Situation, package: str) -> tuple[str, bool]:
    """One step of the job: its log, and whether it succeeded."""
    if "uses" in step:
        name = str(step["uses"])
        if "mint" not in name:
            return f"Run {name}", True
        answer = lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json={"token": lab.github.id_token(situation.job)}).json()
        if not answer.get("success"):
            return f"Run {name}\nError: {answer['errors'][0]['description']}", False
        machine.environment["UV_PUBLISH_TOKEN"] = answer["token"]
        machine.mask(answer["token"])
        return f"Run {name}\nUV_PUBLISH_TOKEN: ***", True
    command = str(step.get("run", "")).strip()
    if "uv build" in command:
        lab.clock.advance(minutes=situation.build)
        data = _wheel() if package == "octo-rocket" else _renamed(_wheel(), package)
        folder = Path(machine.folder, "dist")
        folder.mkdir(exist_ok=True)
        (folder / f"{package.replace('-', '_')}-1.0.0-py3-none-any.whl").write_bytes(data)
        return f"$ {command}\nSuccessfully built the wheel, after {situation.build} minutes", True
    run = machine.run(command)
    return repr(run), run.ok


def _renamed(wheel: bytes, package: str) -> bytes:
    """The wheel under another project's name."""
    old, new, data = "octo_rocket", package.replace("-", "_"), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as source, zipfile.ZipFile(data, "w") as archive:
        for info in source.infolist():
            text = source.read(info).decode().replace("octo-rocket", package)
            archive.writestr(zipfile.ZipInfo(info.filename.replace(old, new), info.date_time), text)
    return data.getvalue()


def _gets_in(lab: Lab, job: GitHubJob) -> bool:
    body = {"token": lab.github.id_token(job)}
    return bool(lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json=body).json().get("success"))


def _workflow(*steps: str, top: str = "", job: str = "") -> str:
    return (
        "name: Release\non:\n  push:\n    tags: ['v*']\n" + top + "jobs:\n  release:\n    runs-on: ubuntu-latest\n" + job
        + "    steps:\n" + "".join(f"      - {step}\n" for step in steps)
    )  # fmt: skip


_ENVIRONMENT, _ASK = "    environment: pypi\n", "    permissions:\n      id-token: write\n"
_STEPS = ("uses: octo-org/fetch@v1", "run: uv build", "run: uv publish")
_CALLER = """name: Release
on:
  push:
    tags: ['v*']
jobs:
  release:
    permissions:
      id-token: write
    uses: ./.github/workflows/publish.yml
"""
_CALLED = _workflow(*_STEPS, job=_ENVIRONMENT + _ASK).replace("push:\n    tags: ['v*']", "workflow_call:")
_READ_ONLY = _ENVIRONMENT + "    permissions:\n      contents: read\n"
_SOUND = {"release.yml": _workflow(*_STEPS, job=_ENVIRONMENT + _ASK)}
_EARLY = {"release.yml": _workflow(_STEPS[0], "uses: octo-org/mint@v1", *_STEPS[1:], job=_ENVIRONMENT + _ASK)}
CASES = (
    Situation({"release.yml": _workflow(*_STEPS, top="permissions:\n  id-token: write\n", job=_READ_ONLY)}),
    Situation({"release.yml": _workflow(*_STEPS, job=_ASK)}),
    Situation({"release.yml": _CALLER, "publish.yml": _CALLED}),
    Situation(_SOUND, form={"workflow": "release.yml", "environment": "p\u0443pi"}),
    Situation(_SOUND, project="octo-comets", exists=False),
    Situation(_EARLY, build=20),
)
WHY = (
    "A job's permissions replace the workflow's. They are not added up.",
    "The form asked for an environment that the job did not have. Emptying the form would have let the nightly job in.",
    "`job_workflow_ref` names the file that contains the job, and that is the called one.",
    "One letter of the form came from another alphabet. `publisher.check` names it; eyes do not.",
    "The exchange created the project that the form named; the package has another name.",
    "A minted token lives for 15 minutes from the exchange, and the build took 20.",
)


@dataclass(frozen=True)
class Shown:
    """A text that displays as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass
class Case:
    """One failing release. `repair` runs it again; `workflow`, `publisher` and `claims` are looks, at 20 points each."""

    number: int
    situation: Situation
    looks: list[str] = field(default_factory=list)
    misses: int = 0
    solved: bool = False
    _log: str = ""

    @property
    def points(self) -> int:
        """What the case is worth now: 100, less 20 for each look and 10 for each repair in vain, and nothing until solved."""
        return max(0, FULL - LOOK * len(self.looks) - MISS * self.misses) if self.solved else 0

    @property
    def log(self) -> Shown:
        """What CI shows of the failed release. Free."""
        self._log = self._log or release(self.situation)[0]
        return Shown(self._log)

    def workflow(self) -> Shown:
        """The workflow files."""
        self._look("workflow")
        return Shown("\n".join(f"# {name}\n{text}" for name, text in self.situation.workflows.items()))

    def publisher(self) -> Shown:
        """The form as it stands on the index."""
        self._look("publisher")
        kind = "a publisher" if self.situation.exists else "a pending publisher"
        return Shown(f"{kind} of {self.situation.project}: {self.situation.publisher}")

    def claims(self) -> ClaimChecks:
        """The claims of the job's ID token, against the form."""
        self._look("claims")
        with set_aside(), Lab() as lab:
            return self.situation.publisher.check(IdToken.decode(lab.github.id_token(self.situation.job)).claims)

    def _look(self, at: str) -> None:
        if at not in self.looks:
            self.looks.append(at)

    def repair(self, edit: Any = None, *, form: Mapping[str, str] | None = None, project: str = "") -> Shown:
        """Change something and run the release again. `edit` maps pieces of the workflows to what shall stand there instead,
        `form` fields of the publisher to new values, `project` is the project it is registered for."""
        if edit is ... or form is ... or project is ...:
            return Shown(f"○ case {self.number} not attempted · its log:\n{self.log}")
        try:
            after = self.situation.changed(dict(edit or {}), dict(form or {}), project)
            if after == self.situation:
                raise ValueError("expected a change, got none")
            log, ok, intruder = release(after)
        except (ValueError, TypeError, AttributeError, LookupError, StopIteration) as error:
            return Shown(f"✗ case {self.number} · not counted: {error or 'the workflow cannot be read any more'}.")
        if ok and not intruder:
            self.solved = True
            return Shown(f"✓ case {self.number} solved, {self.points} points · {WHY[self.number - 1]}\n{log}")
        self.misses += not self.solved
        if intruder:
            return Shown(f"✗ case {self.number} · now this one gets a token, too: {intruder}.\n{log}")
        return Shown(f"✗ case {self.number} · it fails again:\n{log}")


class Clinic:
    """The six cases: `clinic.case(1)` to `clinic.case(6)`. Displayed, the table of points."""

    def __init__(self) -> None:
        self._cases = [Case(number, situation) for number, situation in enumerate(CASES, 1)]

    def case(self, number: int) -> Case:
        """One of the six. Raises LookupError for another number."""
        if number not in range(1, len(self._cases) + 1):
            raise LookupError(f"expected a case from 1 to {len(self._cases)}, got {number!r}")
        return self._cases[number - 1]

    @property
    def points(self) -> int:
        """What was earned so far."""
        return sum(case.points for case in self._cases)

    def __repr__(self) -> str:
        rows = [f"{'case':6}{'looked at':32}{'in vain':9}{'state':9}points"]
        for case in self._cases:
            state = "solved" if case.solved else "open"
            rows.append(f"{case.number:<6}{', '.join(case.looks) or '-':32}{case.misses:<9}{state:9}{case.points:>6}")
        return "\n".join([*rows, f"{self.points} of {FULL * len(self._cases)} points"])
