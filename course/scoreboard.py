"""The scoreboard: verifiers against attacks and honest tokens, as a table that says which verdicts are right.

A verifier is a function `verify(token) -> claims`. Whatever it raises is a refusal, and so is any answer but
a dict.
"""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from course.attacks import Case, cases

__all__ = ["Board", "Case", "Verdict", "Verifier", "cases", "scoreboard"]

Verifier = Callable[[str], Any]


@dataclass(frozen=True)
class Verdict:
    """What a verifier did with a case, and whether that is right. `word` is "accepted", "refused", or "other
    claims" where an honest token was accepted but its claims are not what came back."""

    word: str
    right: bool

    def __str__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.word}"


@dataclass(frozen=True, repr=False)
class Board:
    """The verdicts of some verifiers, by version, in the order of the cases. Displayed, it is a table."""

    cases: tuple[Case, ...]
    verdicts: dict[str, tuple[Verdict, ...]]

    def right(self, version: str) -> int:
        """How many verdicts of a version are right. Raises KeyError for a version not on the board."""
        return sum(verdict.right for verdict in self.verdicts[version])

    def wrong(self, version: str) -> list[str]:
        """The names of the cases that a version gets wrong. Raises KeyError as `right` does."""
        verdicts = zip(self.cases, self.verdicts[version], strict=True)
        return [case.name for case, verdict in verdicts if not verdict.right]

    def _table(self) -> list[list[str]]:
        columns = self.verdicts.values()
        rows = [
            [case.name, *(str(column[row]) for column in columns)]
            for row, case in enumerate(self.cases)
        ]
        count = [
            f"right, of {len(self.cases)}",
            *(str(self.right(version)) for version in self.verdicts),
        ]
        return [["case", *self.verdicts], *rows, count]

    def __repr__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        first, *rows, last = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
        rule = "  ".join("─" * width for width in widths)
        return "\n".join([first, rule, *rows, rule, last])

    def _repr_html_(self) -> str:
        first, *rows, last = ("".join(map(_cell, row)) for row in self._table())
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        ends = (
            f"<thead><tr>{first}</tr></thead>",
            f'<tr style="border-top:1px solid #767676">{last}</tr>',
        )
        return f"<table>{ends[0]}\n<tbody>{body}\n{ends[1]}</tbody></table>"


_STYLES = {"✓": "color:#0072b2", "✗": "color:#d55e00;font-weight:bold"}
"""Okabe-Ito blue and vermillion. The sign in front says the same to those who do not see them."""


def _cell(text: str) -> str:
    style = f"text-align:left;white-space:nowrap;padding:2px 4px;{_STYLES.get(text[:1], '')}"
    return f'<td style="{style}">{html.escape(text)}</td>'


def scoreboard(cases: Iterable[Case], **verifiers: Verifier) -> Board:
    """Every case shown to every verifier, e.g. `scoreboard(cases(lab, "token"), v0=verify0, v1=verify1)`."""
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
