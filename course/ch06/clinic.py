"""The clinic of chapter 06: six releases that fail, each with nothing but its CI log to begin with.

A case is a workflow, what is registered on the index, and a job that really runs: the real `uv publish`, on a runner, against
a lab of its own. A repair changes the workflow or the registration, and is judged by running the release again and by
sending the tokens of those who must not publish. Looking costs points, and so does a repair that does not help.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.ch06.clinic_cases import CASES, WHY, Situation
from helpers.index.claim_checks import ClaimChecks
from helpers.lab import INDEX_URL, PUBLISHER, Lab, set_aside
from helpers.machine.runner import Runner
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob

FULL, LOOK, MISS = 100, 20, 10
"""Points for a case solved, and what one look and one repair in vain cost."""


def _wheel(package: str) -> bytes:
    """Version 1.0.0 of a package, the same bytes on every machine."""
    about, stamp, data = (
        f"{package.replace('-', '_')}-1.0.0.dist-info",
        (2026, 11, 23, 9, 0, 0),
        io.BytesIO(),
    )
    files = {
        f"{package.replace('-', '_')}/__init__.py": "answer = 42\n",
        f"{about}/METADATA": f"Metadata-Version: 2.4\nName: {package}\nVersion: 1.0.0\n",
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


def _step(
    step: Mapping[str, Any], lab: Lab, machine: Runner, situation: Situation, package: str
) -> tuple[str, bool]:
    """One step of the job: its log, and whether it succeeded."""
    if "uses" in step:
        name = str(step["uses"])
        if "mint" not in name:
            return f"Run {name}", True
        answer = lab.http.post(
            f"{INDEX_URL}/_/oidc/mint-token", json={"token": lab.github.id_token(situation.job)}
        ).json()
        if not answer.get("success"):
            return f"Run {name}\nError: {answer['errors'][0]['description']}", False
        machine.environment["UV_PUBLISH_TOKEN"] = answer["token"]
        machine.mask(answer["token"])
        return f"Run {name}\nUV_PUBLISH_TOKEN: ***", True
    command = str(step.get("run", "")).strip()
    if "uv build" in command:
        lab.clock.advance(minutes=situation.build)
        folder = Path(machine.folder, "dist")
        folder.mkdir(exist_ok=True)
        (folder / f"{package.replace('-', '_')}-1.0.0-py3-none-any.whl").write_bytes(
            _wheel(package)
        )
        return f"$ {command}\nSuccessfully built the wheel, after {situation.build} minutes", True
    run = machine.run(command)
    return repr(run), run.ok


def _gets_in(lab: Lab, job: GitHubJob) -> bool:
    body = {"token": lab.github.id_token(job)}
    return bool(lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json=body).json().get("success"))


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
        return Shown(
            "\n".join(f"# {name}\n{text}" for name, text in self.situation.workflows.items())
        )

    def publisher(self) -> Shown:
        """The form as it stands on the index."""
        self._look("publisher")
        kind = "a publisher" if self.situation.exists else "a pending publisher"
        return Shown(f"{kind} of {self.situation.project}: {self.situation.publisher}")

    def claims(self) -> ClaimChecks | Shown:
        """The claims of the job's ID token, against the form; a sentence if the job gets none."""
        self._look("claims")
        if not self.situation.job.may_ask:
            return Shown("no claims: this job may not ask for an ID token, and has none")
        with set_aside(), Lab() as lab:
            return self.situation.publisher.check(
                IdToken.decode(lab.github.id_token(self.situation.job)).claims
            )

    def _look(self, at: str) -> None:
        if at not in self.looks:
            self.looks.append(at)

    def repair(
        self, edit: Any = None, *, form: Mapping[str, str] | None = None, project: str = ""
    ) -> Shown:
        """Change something and run the release again. `edit` maps pieces of the workflows to what shall stand there instead,
        `form` fields of the publisher to new values, `project` is the project it is registered for."""
        if edit is ... or form is ... or project is ...:
            return Shown(f"○ case {self.number} not attempted · its log:\n{self.log}")
        try:
            if any(
                change is not None and not isinstance(change, Mapping) for change in (edit, form)
            ):
                raise ValueError('expected changes such as {"old": "new"}')
            if not isinstance(project, str):
                raise ValueError(f"expected a project's name, got {project!r}")
            after = self.situation.changed(dict(edit or {}), dict(form or {}), project)
            if after == self.situation:
                raise ValueError("expected a change, got none")
            log, ok, intruder = release(after)
        except (ValueError, TypeError, AttributeError, LookupError, StopIteration) as error:
            return Shown(
                f"✗ case {self.number} · not counted: {error or 'the workflow cannot be read any more'}."
            )
        if ok and not intruder:
            self.solved = True
            return Shown(
                f"✓ case {self.number} solved, {self.points} points · {WHY[self.number - 1]}\n{log}"
            )
        self.misses += not self.solved
        if intruder:
            return Shown(
                f"✗ case {self.number} · now this one gets a token, too: {intruder}.\n{log}"
            )
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
            rows.append(
                f"{case.number:<6}{', '.join(case.looks) or '-':32}{case.misses:<9}{state:9}{case.points:>6}"
            )
        return "\n".join([*rows, f"{self.points} of {FULL * len(self._cases)} points"])
