"""The cases of the clinic, and the things that one can change about a release.

A `Situation` holds workflows, the form on the index, and the rules of the environment. It plans a
release as GitHub does: which workflows a pushed tag starts, and with which jobs (GitHub Docs,
"Workflow syntax for GitHub Actions" and "Reuse workflows").
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment

_FILE = Path(__file__).parents[2] / "notebooks" / "data" / "clinic" / "cases.yml"
TAG = "v1.1.0"
REF = f"refs/tags/{TAG}"


DATA: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Planned:
    """A job of a release: its name, the names of the jobs that it needs, what its file says about
    it, its variables, and the job as the provider sees it."""

    name: str
    needs: Sequence[str]
    said: Mapping[str, Any]
    env: Mapping[str, Any]
    job: GitHubJob


@dataclass(frozen=True)
class Situation:
    """A release and everything around it that a maintainer can change.

    workflows: texts by filename. form: the index, project, workflow and environment of the trusted
    publisher. rules: those of the environment `pypi`, as for `Environment`. build: how long a build
    takes, in minutes. package: the name of the package that is built.
    """

    workflows: Mapping[str, str]
    form: Mapping[str, str]
    rules: Mapping[str, Any]
    build: int
    package: str

    def changed(
        self, edit: Mapping[str, str], form: Mapping[str, str], rules: Mapping[str, Any]
    ) -> "Situation":
        """Return the situation after a fix.

        edit: a new text for each piece of a workflow, or for a file, by its name. form, rules: new
        values. Raises ValueError for text that is in no workflow, for workflows that GitHub could
        not read or that publish nothing, and for values that no form accepts.
        """
        for value in (*edit.values(), *form.values()):
            if not isinstance(value, str):
                raise ValueError(f'expected a text, got {value!r}: "" stands for nothing')
        workflows = dict(self.workflows)
        for old, new in edit.items():
            if old in workflows and "jobs:" in new:
                workflows[old] = new
                continue
            holding = [name for name, text in workflows.items() if old and old in text]
            if not holding:
                raise ValueError(f"expected text that is in a workflow, got {old!r}")
            workflows |= {name: workflows[name].replace(old, new) for name in holding}
        if unknown := sorted(set(form) - set(self.form)):
            raise ValueError(f"expected one of {', '.join(self.form)}, got {unknown[0]!r}")
        if unknown := sorted(set(rules) - {"refs", "reviewer", "prevent_self_review"}):
            raise ValueError(f"expected refs, reviewer or prevent_self_review, got {unknown[0]!r}")
        form, rules = {**self.form, **form}, {**self.rules, **rules}
        if form["index"] not in ("PyPI", "TestPyPI"):
            raise ValueError(f"expected the index PyPI or TestPyPI, got {form['index']!r}")
        jobs = [job for text in workflows.values() for job in _read(text)["jobs"].values()]
        if not any(map(_publishes, jobs)):
            raise ValueError("expected a job that runs `uv publish`, got none")
        after = replace(self, workflows=workflows, form=form, rules=rules)
        after.publisher, after.environment, after.runs  # noqa: B018  raise for what cannot be
        return after

    @property
    def publisher(self) -> GitHubPublisher:
        """The trusted publisher. Its owner and repository were right from the start."""
        fields = {name: self.form[name] for name in ("workflow", "environment")}
        return replace(PUBLISHER, **fields)

    @property
    def environment(self) -> Environment:
        """The environment `pypi`, with its rules."""
        return Environment(**self.rules)

    @property
    def runs(self) -> list[list[Planned]]:
        """The workflows that the pushed tag starts: for each, its jobs in the order of needs."""
        return [_in_order(self._plan(name)) for name in self.workflows if self._starts(name)]

    @property
    def publishing(self) -> Planned | None:
        """The job that publishes, or None if the pushed tag starts no such job."""
        return next((job for run in self.runs for job in run if _publishes(job.said)), None)

    def _starts(self, name: str) -> bool:
        workflow = _read(self.workflows[name])
        triggers = workflow.get("on", workflow.get(True))  # YAML 1.1 reads `on` as True
        if not isinstance(triggers, dict):
            return "push" in ([triggers] if isinstance(triggers, str) else triggers or [])
        push = triggers.get("push") or {}
        if "tags" not in push:
            return "push" in triggers and not any("branches" in key for key in push)
        found = [each for each in _listed(push["tags"]) if _matches(str(each).removeprefix("!"))]
        return bool(found) and not str(found[-1]).startswith("!")  # the last one decides

    def _plan(self, entry: str) -> Iterator[Planned]:
        caller = _read(self.workflows[entry])
        for name, said in caller["jobs"].items():
            may = _may_ask(caller, said, default=False)
            if "uses" not in said:
                yield _planned(name, said, caller, entry, may)
                continue
            file = str(said["uses"]).removeprefix("./.github/workflows/")
            if file not in self.workflows:
                raise ValueError(f"expected one of the workflows here, got {said['uses']!r}")
            callee = _read(self.workflows[file])
            for inner, job in callee["jobs"].items():
                allowed = may and _may_ask(callee, job, default=True)
                each = _planned(inner, job, callee, entry, allowed, f"{_FOLDER}/{file}@{REF}")
                needs = [*_listed(said.get("needs")), *(f"{name} / {need}" for need in each.needs)]
                yield replace(each, name=f"{name} / {inner}", needs=needs)


_FOLDER = "octo-org/rocket/.github/workflows"


def _planned(
    name: str, said: dict[str, Any], workflow: dict[Any, Any], entry: str, may: bool, ref: str = ""
) -> Planned:
    stated = said.get("environment") or ""
    environment = str(stated.get("name", "") if isinstance(stated, dict) else stated)
    env = {**(workflow.get("env") or {}), **(said.get("env") or {})}
    job = GitHubJob(
        workflow=entry, called_workflow=ref, environment=environment, ref=REF, id_token=may
    )
    return Planned(name, _listed(said.get("needs")), said, env, job)


def _in_order(jobs: Iterable[Planned]) -> list[Planned]:
    """Sort jobs so that each comes after those that it needs. A circle is a ValueError."""
    known = {job.name: job for job in jobs}
    graph = {}
    for job in known.values():
        graph[job.name] = [name for need in job.needs for name in known if names(need, name)]
        if missing := [need for need in job.needs if not any(names(need, name) for name in known)]:
            raise ValueError(f"job {job.name} needs a job that is not there: {missing[0]}")
    return [known[name] for name in TopologicalSorter(graph).static_order()]


def names(need: str, name: str) -> bool:
    """Return whether `needs: need` means the job of that name; jobs of a called file share one."""
    return name == need or name.startswith(f"{need} / ")


def _read(text: str) -> dict[Any, Any]:
    try:
        workflow: dict[Any, Any] = yaml.safe_load(text)
        workflow["jobs"] = {str(name): dict(job) for name, job in workflow["jobs"].items()}
        _ = [dict(step) for job in workflow["jobs"].values() for step in job.get("steps", [])]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        expected = "expected a workflow after your edit, got something else"
        raise ValueError(f"{expected}: look at its indentation") from None
    return workflow


def _listed(value: Any) -> list[str]:
    """Return a list, for a key that takes a text or a list."""
    return [value] if isinstance(value, str) else list(value or [])


def _matches(pattern: str) -> bool:
    """Compare the tag with a filter pattern of GitHub's, in which `+` and `?` are quantifiers."""
    regex = {"**": ".*", "*": "[^/]*", ".": r"\."}
    return bool(re.fullmatch(re.sub(r"\*\*|[*.]", lambda found: regex[found[0]], pattern), TAG))


def _publishes(job: Mapping[str, Any]) -> bool:
    return any("uv publish" in str(step.get("run", "")) for step in job.get("steps", []))


def _may_ask(workflow: Mapping[Any, Any], job: Mapping[str, Any], *, default: bool) -> bool:
    """Return whether a job may ask for an ID token: its own permissions replace the workflow's."""
    if "permissions" not in {**workflow, **job}:
        return default
    block = {**workflow, **job}["permissions"]
    return block == "write-all" or (isinstance(block, dict) and block.get("id-token") == "write")


CASES = tuple(
    Situation(*(case[name] for name in ("workflows", "form", "rules", "build", "package")))
    for case in DATA["cases"]
)
