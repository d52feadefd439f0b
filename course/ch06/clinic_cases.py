"""The six cases of the clinic, and what can be changed about one: its workflows and what is registered on the index.

After what maintainers have reported: the permission replaced (eventlet#855), an environment on one side only, a called
workflow's file, a look-alike letter (moderncmakedomain#29), another project's name, a build longer than the token lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER
from helpers.provider.jobs import GitHubJob


@dataclass(frozen=True)
class Situation:
    """What a maintainer can change: workflows by filename, the form on the index, the project it is for, and how long the
    build takes, in minutes. `exists` says whether the project does; if not, the publisher is a pending one."""

    workflows: Mapping[str, str]
    form: Mapping[str, str] = field(
        default_factory=lambda: {"workflow": "release.yml", "environment": "pypi"}
    )
    project: str = "octo-rocket"
    exists: bool = True
    build: int = 2

    def changed(
        self, edit: Mapping[str, str], form: Mapping[str, str], project: str
    ) -> "Situation":
        """The situation after a repair. Raises ValueError for an edit of what is not there, and for what the form on the
        index or YAML would refuse."""
        workflows = dict(self.workflows)
        for old, new in edit.items():
            holding = [name for name, text in workflows.items() if old and old in text]
            if not holding:
                raise ValueError(f"expected text that stands in a workflow, got {old!r}")
            workflows |= {name: workflows[name].replace(old, new) for name in holding}
        if unknown := set(form) - {"workflow", "environment"}:
            raise ValueError(
                f"the form can be changed in workflow and environment, got {', '.join(sorted(unknown))}"
            )
        after = replace(
            self, workflows=workflows, form={**self.form, **form}, project=project or self.project
        )
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
                may = _may_ask(self.workflows[entry], job) and _may_ask(
                    self.workflows[called], callee, default=True
                )
                ref = f"octo-org/rocket/.github/workflows/{called}@refs/heads/main"
                where, event = _environment(callee), _event(self.workflows[entry])
                return GitHubJob(
                    workflow=entry,
                    called_workflow=ref,
                    environment=where,
                    id_token=may,
                    event_name=event,
                )
            if _publishes(job):
                may = _may_ask(self.workflows[entry], job)
                event = _event(self.workflows[entry])
                return GitHubJob(
                    workflow=entry, environment=_environment(job), id_token=may, event_name=event
                )
        raise ValueError(
            "expected a job that runs `uv publish`, got none: a release has to publish"
        )

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of the job that publishes."""
        jobs = [job for text in self.workflows.values() for job in _jobs(text).values()]
        return next(job["steps"] for job in jobs if _publishes(job))

    def intruders(self) -> dict[str, GitHubJob]:
        """Jobs that must not get a token, whatever was repaired."""
        job = replace(self.job, id_token=True)
        return {
            "a nightly job of the same file, which nobody has to approve": replace(
                job, environment=""
            ),
            "a clone by somebody who took over the owner's name": replace(job, owner_id="666"),
            "a pull request's job, started by pull_request_target": replace(
                job, event_name="pull_request_target"
            ),
            "another workflow of the repository": replace(
                job, workflow="lint.yml", called_workflow="", environment=""
            ),
        }


def _jobs(text: str) -> dict[str, dict[str, Any]]:
    try:
        workflow = yaml.safe_load(text)
        jobs = {name: dict(job) for name, job in workflow["jobs"].items()}
        assert all(isinstance(step, dict) for job in jobs.values() for step in job.get("steps", []))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, AssertionError):
        raise ValueError(
            "expected a workflow after your edit, got something that is none: look at its indentation"
        ) from None
    return jobs


def _environment(job: Mapping[str, Any]) -> str:
    """The environment's name; `environment: pypi` and `environment: {name: pypi}` say the same."""
    stated = job.get("environment") or ""
    return str(stated.get("name", "") if isinstance(stated, dict) else stated)


def _event(text: str) -> str:
    """What starts the release: `push`, unless a repair has put pull_request_target in its place."""
    workflow = yaml.safe_load(text)
    triggers = workflow.get("on", workflow.get(True))  # YAML 1.1 reads `on` as True
    named = [triggers] if isinstance(triggers, str) else list(triggers or [])
    return (
        "pull_request_target" if "pull_request_target" in named and "push" not in named else "push"
    )


def _publishes(job: Mapping[str, Any]) -> bool:
    return any("uv publish" in str(step.get("run", "")) for step in job.get("steps", []))


def _may_ask(text: str, job: Mapping[str, Any], *, default: bool = False) -> bool:
    """Whether a job may ask for an ID token: its own permissions replace the workflow's."""
    workflow = yaml.safe_load(text)
    granted = (
        job["permissions"]
        if "permissions" in job
        else workflow.get("permissions", ... if default else None)
    )
    if granted is ...:
        return default
    return granted == "write-all" or (
        isinstance(granted, dict) and granted.get("id-token") == "write"
    )


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
_CALLED = _workflow(*_STEPS, job=_ENVIRONMENT + _ASK).replace(
    "push:\n    tags: ['v*']", "workflow_call:"
)
_READ_ONLY = _ENVIRONMENT + "    permissions:\n      contents: read\n"
_SOUND = {"release.yml": _workflow(*_STEPS, job=_ENVIRONMENT + _ASK)}
_EARLY = {
    "release.yml": _workflow(
        _STEPS[0], "uses: octo-org/mint@v1", *_STEPS[1:], job=_ENVIRONMENT + _ASK
    )
}
CASES = (
    Situation(
        {"release.yml": _workflow(*_STEPS, top="permissions:\n  id-token: write\n", job=_READ_ONLY)}
    ),
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
