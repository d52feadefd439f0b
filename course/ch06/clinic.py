"""The clinic of chapter 06: releases that fail, each with nothing but its CI log to begin with.

A case is a workflow, a trusted publisher, and an environment with rules. The real uv runs in its
jobs. A fix changes one of them, and is judged by running all jobs of the release again. Looking
costs points, except at the log and the workflows, and so do a fix in vain and one that works and
is not advised. A fix without the right cause earns half.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from course.ch06.clinic_cases import CASES, DATA, Situation
from course.ch06.clinic_release import Outcome, prepared, release
from course.ch06.pipeline import refusal
from helpers import display
from helpers.index.claim_checks import ClaimChecks
from helpers.lab import set_aside
from helpers.oidc.jws import IdToken

FULL, HALF, COST, DETOUR = 100, 50, 20, 40
"""Points for a case: fixed and explained, fixed only; and the costs of a look or a fix in vain, and
of a fix that is not advised."""
CAUSES: dict[str, str] = DATA["causes"]
_TONES = {"○": display.GREY, "✗": display.VERMILLION, "✓": display.GREEN}


@dataclass(frozen=True)
class Shown:
    """A text that displays as it is, below a heading if it has one."""

    text: str
    head: str = ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self.head, self.text)))

    def _repr_html_(self) -> str:
        body = display.block(self.text)
        return display.box(self.head, body, _TONES[self.head[0]]) if self.head else body


@dataclass
class Case:
    """One failing release. `fix` runs it again.

    `log` and `workflow` are free. `publisher`, `claims` and `environment` cost 20 points each.
    """

    number: int
    situation: Situation
    looks: list[str] = field(default_factory=list)
    misses: int = 0
    solved: bool = False
    named: bool = False
    advised: bool = True
    _log: str = ""

    @property
    def points(self) -> int:
        """The points of the case: none until it is solved, never fewer than none."""
        earned = (FULL if self.named else HALF) - DETOUR * (not self.advised)
        cost = COST * (len(self.looks) + self.misses)
        return max(0, earned - cost) if self.solved else 0

    @property
    def log(self) -> Shown:
        """The CI log of the failed release. Free."""
        self._log = self._log or release(self.situation).log
        return Shown(self._log)

    def workflow(self) -> Shown:
        """Return the workflow files. Free."""
        files = self.situation.workflows.items()
        return Shown("\n".join(f"# {name}\n{text}" for name, text in files).rstrip())

    def publisher(self) -> Shown:
        """Return the form as it is on the index."""
        self._look("publisher")
        return Shown("\n".join(f"{name}: {value}" for name, value in self.situation.form.items()))

    def environment(self) -> Shown:
        """Return the rules of the repository's environment `pypi`."""
        self._look("environment")
        return Shown("\n".join(f"{name}: {rule}" for name, rule in self.situation.rules.items()))

    def claims(self) -> ClaimChecks | Shown:
        """Return the claims of the job's ID token beside the form, or why it gets none."""
        self._look("claims")
        planned = self.situation.publishing
        if planned is None or not planned.job.may_ask:
            return Shown("no claims: this job may not request an ID token, so it has none")
        with set_aside(), prepared(self.situation) as lab:
            if refusal(lab, planned.job):
                return Shown("no claims: GitHub refused to start this job, so it has no ID token")
            token = IdToken.decode(lab.github.id_token(planned.job))
        return self.situation.publisher.check(token.claims)

    def _look(self, at: str) -> None:
        if at not in self.looks and not self.solved:
            self.looks.append(at)

    def fix(
        self, edit: Any = None, *, form: Any = None, rules: Any = None, because: str = ""
    ) -> Shown:
        """Change something, run the release again, and return what came of it.

        edit: a new text for each piece of the workflows, or for a whole file by its name.
        form: new values for the trusted publisher. rules: new rules for the environment.
        because: the cause, a key of `Clinic.causes`. The first fix that works is counted.
        """
        if any(each is ... for each in (edit, form, rules, because)):
            causes = f"because is one of: {', '.join(CAUSES)}"
            return Shown(f"{self.log}\n{causes}", f"○ case {self.number} not attempted")
        try:
            if not all(isinstance(each or {}, Mapping) for each in (edit, form, rules)):
                raise ValueError('expected changes such as {"old": "new"}')
            if because and because not in CAUSES:
                raise ValueError(f"because is one of {', '.join(CAUSES)}, got {because!r}")
            after = self.situation.changed(edit or {}, form or {}, rules or {})
            if after == self.situation:
                raise ValueError("expected a change, got none")
            outcome = release(after)
        except ValueError as error:
            return Shown(f"{error}.", f"✗ case {self.number} · not counted")
        except (TypeError, AttributeError, LookupError, OSError, re.error):
            said = "the lab cannot run the workflow after your edit: compare it with the old one."
            return Shown(said, f"✗ case {self.number} · not counted")
        return self._judged(outcome, because)

    def _judged(self, outcome: Outcome, because: str) -> Shown:
        cause, why = (DATA["cases"][self.number - 1][key] for key in ("cause", "why"))
        if not outcome.ok:
            self.misses += not self.solved
            verdict = "is not the cause" if because != cause else "is the cause. The fix misses it"
            said = [f"“{because}” {verdict}."] if because else []
            return Shown("\n".join([*said, outcome.log]), f"✗ case {self.number} · it fails again")
        if not self.solved:
            self.solved, self.named, self.advised = True, because == cause, not outcome.advice
        said = [why, *(f"Not advised: {sentence}" for sentence in outcome.advice), outcome.log]
        if because != cause:
            named = f"“{because}” was not the cause" if because else "You named no cause"
            said.insert(0, f"{named}. It was “{cause}”: {CAUSES[cause]}.")
        return Shown("\n".join(said), f"✓ case {self.number} solved, {self.points} points")


class Clinic:
    """All cases, from `clinic.case(1)` on. Displayed, the table of points."""

    causes = Shown(display.text_table(("because", "means"), CAUSES.items()))
    """The words for `because`, and what they mean."""

    def __init__(self) -> None:
        self._cases = [Case(number, situation) for number, situation in enumerate(CASES, 1)]

    def case(self, number: int) -> Case:
        """Return one of the cases. Raises LookupError for another number."""
        if number not in range(1, len(self._cases) + 1):
            raise LookupError(f"expected a case from 1 to {len(self._cases)}, got {number!r}")
        return self._cases[number - 1]

    @property
    def points(self) -> int:
        """The points earned so far."""
        return sum(case.points for case in self._cases)

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]], tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for case in self._cases:
            state = ("fixed, cause named" if case.named else "fixed") if case.solved else "open"
            looks = ", ".join(case.looks) or "-"
            rows.append((str(case.number), looks, str(case.misses), state, str(case.points)))
        total = ("", "", "", f"of {FULL * len(rows)}", str(self.points))
        return ("case", "looked at", "fixes in vain", "state", "points"), rows, total

    def __repr__(self) -> str:
        return display.text_table(*self._table())

    def _repr_html_(self) -> str:
        return display.table(*self._table())
