"""The scoreboard: verifiers against attacks and honest tokens, and which verdicts are right.

A verifier is a function `verify(token) -> claims`. An exception is a refusal, and so is any answer
that is not a dict.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from course.attacks import Case, cases
from helpers import display

__all__ = ["Board", "Case", "Verdict", "Verifier", "cases", "scoreboard"]

Verifier = Callable[[str], Any]


@dataclass(frozen=True)
class Verdict:
    """A verifier's answer to a case, and whether it is right.

    `word` is "accepted", "refused", or "other claims" if the verifier accepted an honest token but
    returned other claims than the token has.
    """

    word: str
    right: bool

    def __str__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.word}"


@dataclass(frozen=True, repr=False)
class Board:
    """The verdicts of some verifiers, by version, in the order of the cases; displayed as a table.

    With one verifier, the table also gives the reason for each verdict. `shown` are the positions
    of the cases that the table shows, all by default; the totals always count all cases.
    """

    cases: tuple[Case, ...]
    verdicts: dict[str, tuple[Verdict, ...]]
    shown: tuple[int, ...] | None = None

    def right(self, version: str) -> int:
        """Return how many verdicts of a version are right. KeyError for an unknown version."""
        return sum(verdict.right for verdict in self.verdicts[version])

    def wrong(self, version: str) -> list[str]:
        """Return the cases that a version gets wrong, by name. KeyError as in `right`."""
        verdicts = zip(self.cases, self.verdicts[version], strict=True)
        return [case.name for case, verdict in verdicts if not verdict.right]

    def changed(self) -> "Board":
        """Return a board that shows the cases on which the versions differ, and the totals."""
        rows = enumerate(zip(*self.verdicts.values(), strict=True))
        return replace(self, shown=tuple(n for n, verdicts in rows if len(set(verdicts)) > 1))

    def _table(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return the names of the columns, the rows, and the totals."""
        reasons, count = len(self.verdicts) == 1, len(self.cases)
        rows = []
        for n in range(count) if self.shown is None else self.shown:
            verdicts = [str(column[n]) for column in self.verdicts.values()]
            rows.append([self.cases[n].name, *verdicts, *[self.cases[n].why] * reasons])
        head = ["case", *self.verdicts, *["because"] * reasons]
        totals = [str(self.right(version)) for version in self.verdicts]
        return head, rows, [f"right, of {count}", *totals, *[""] * reasons]

    def __repr__(self) -> str:
        return display.text_table(*self._table())

    def _repr_html_(self) -> str:
        head, rows, total = self._table()
        return display.table(head, [map(_toned, row) for row in rows], total)


_TONES = {"✓": display.BLUE, "✗": display.VERMILLION}


def _toned(text: str) -> display.Cell:
    return display.Cell(text, _TONES.get(text[:1]))


def scoreboard(cases: Iterable[Case], **verifiers: Verifier) -> Board:
    """Return the verdicts of every verifier on every case.

    Example: `scoreboard(cases(lab, "token"), v0=verify0, v1=verify1).changed()`.
    """
    listed = tuple(cases)
    judged = {
        name: tuple(_judge(verify, case) for case in listed) for name, verify in verifiers.items()
    }
    return Board(listed, judged)


def _judge(verify: Verifier, case: Case) -> Verdict:
    answer = None
    for token in case.tokens:
        try:
            answer = verify(token)
        except Exception:  # whatever goes wrong in a verifier is a refusal
            answer = None
    if not isinstance(answer, dict):
        return Verdict("refused", right=not case.accept)
    if case.accept and answer != case.claims:
        return Verdict("other claims", right=False)
    return Verdict("accepted", right=case.accept)
