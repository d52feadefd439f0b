"""The cases of the clinic, and the things that one can change about a release.

A `Situation` holds workflows, the form on the index, and the rules of the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from course.ch06.workflows import Planned, plan, publishes, read_workflow
from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER
from helpers.provider.repository import Environment

_FILE = Path(__file__).parents[2] / "notebooks" / "data" / "clinic" / "cases.yml"
DATA: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))


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
        jobs = [job for text in workflows.values() for job in read_workflow(text)["jobs"].values()]
        if not any(map(publishes, jobs)):
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
        return plan(self.workflows)

    @property
    def publishing(self) -> Planned | None:
        """The job that publishes, or None if the pushed tag starts no such job."""
        return next((job for run in self.runs for job in run if publishes(job.said)), None)


CASES = tuple(
    Situation(*(case[name] for name in ("workflows", "form", "rules", "build", "package")))
    for case in DATA["cases"]
)
