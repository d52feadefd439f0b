"""What a pushed tag starts: which workflows, and with which jobs, as GitHub plans it.

GitHub Docs, "Workflow syntax for GitHub Actions" and "Reuse workflows".
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import Any

import yaml

from helpers.provider.jobs import GitHubJob

TAG = "v1.1.0"
REF = f"refs/tags/{TAG}"
_FOLDER = "octo-org/rocket/.github/workflows"


@dataclass(frozen=True)
class Planned:
    """A job of a release: its name, the names of the jobs that it needs, what its file says about
    it, its variables, and the job as the provider sees it."""

    name: str
    needs: Sequence[str]
    said: Mapping[str, Any]
    env: Mapping[str, Any]
    job: GitHubJob


def plan(workflows: Mapping[str, str]) -> list[list[Planned]]:
    """Return what the pushed tag starts: for each workflow, its jobs in the order of their needs.

    workflows: texts by filename. Raises ValueError for what GitHub could not read or start.
    """
    return [_in_order(_jobs(workflows, name)) for name, text in workflows.items() if _starts(text)]


def _starts(text: str) -> bool:
    workflow = read_workflow(text)
    triggers = workflow.get("on", workflow.get(True))  # YAML 1.1 reads `on` as True
    if not isinstance(triggers, dict):
        return "push" in ([triggers] if isinstance(triggers, str) else triggers or [])
    push = triggers.get("push") or {}
    if "tags" not in push:
        return "push" in triggers and not any("branches" in key for key in push)
    found = [each for each in _listed(push["tags"]) if _matches(str(each).removeprefix("!"))]
    return bool(found) and not str(found[-1]).startswith("!")  # the last one decides


def _jobs(workflows: Mapping[str, str], entry: str) -> Iterator[Planned]:
    caller = read_workflow(workflows[entry])
    for name, said in caller["jobs"].items():
        may = _may_ask(caller, said, default=False)
        if "uses" not in said:
            yield _planned(name, said, caller, entry, may)
            continue
        file = str(said["uses"]).removeprefix("./.github/workflows/")
        if file not in workflows:
            raise ValueError(f"expected one of the workflows here, got {said['uses']!r}")
        callee = read_workflow(workflows[file])
        for inner, job in callee["jobs"].items():
            allowed = may and _may_ask(callee, job, default=True)
            each = _planned(inner, job, callee, entry, allowed, f"{_FOLDER}/{file}@{REF}")
            needs = [*_listed(said.get("needs")), *(f"{name} / {need}" for need in each.needs)]
            yield replace(each, name=f"{name} / {inner}", needs=needs)


def _planned(
    name: str, said: dict[str, Any], workflow: dict[Any, Any], entry: str, may: bool, ref: str = ""
) -> Planned:
    if not said.get("runs-on") and "uses" not in said:
        raise ValueError(f"expected `runs-on` in the job {name}, got none")
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


def read_workflow(text: str) -> dict[Any, Any]:
    """Return a workflow's content. Raises ValueError for a text that is no workflow."""
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


def publishes(job: Mapping[str, Any]) -> bool:
    """Return whether a job runs `uv publish`."""
    return any("uv publish" in str(step.get("run", "")) for step in job.get("steps", []))


def _may_ask(workflow: Mapping[Any, Any], job: Mapping[str, Any], *, default: bool) -> bool:
    """Return whether a job may ask for an ID token: its own permissions replace the workflow's."""
    if "permissions" not in {**workflow, **job}:
        return default
    block = {**workflow, **job}["permissions"]
    return block == "write-all" or (isinstance(block, dict) and block.get("id-token") == "write")
