"""The verdict on one claim, and the table of all of them: what a maintainer in front of an
`invalid-publisher` needs."""

import json
import unicodedata
from dataclasses import dataclass

from helpers import display

LOOKUP, CHECK = "lookup", "check"
"""The stage of a rule: a publisher is searched by a claim, or the claim is checked once the
publisher was found."""


@dataclass(frozen=True)
class ClaimCheck:
    """The verdict of one rule on one claim: `expected` by the publisher, `got` from the token,
    `ok`, and the `reason` if not.

    `reason` is what the real index would answer if this were the first rule to fail; `rule` how the
    two are compared; `stage` whether the publisher is looked up by it ("lookup") or the claim is
    checked afterwards ("check").
    """

    claim: str
    expected: str
    got: str
    ok: bool
    reason: str
    rule: str = "equal"
    stage: str = CHECK


class ClaimChecks(list[ClaimCheck]):
    """The checks of one publisher. Displayed, the table one would like to have in front of an
    `invalid-publisher`."""

    @property
    def ok(self) -> bool:
        """True if this publisher lets the job in."""
        return all(check.ok for check in self)

    @property
    def refusal(self) -> str:
        """The index's answer if this publisher were the only one; empty when it lets the
        job in."""
        return next((check.reason for check in self if not check.ok), "")

    _HEAD = ("claim", "verdict", "expected", "got", "rule")

    @property
    def _verdict(self) -> str:
        return f"→ {self.refusal or 'this publisher lets the job in'}"

    def __repr__(self) -> str:
        return f"{display.text_table(self._HEAD, map(_row, self))}\n{self._verdict}"

    def _repr_html_(self) -> str:
        tones = {True: None, False: display.VERMILLION}
        rows = [display.toned(_row(check), tones[check.ok]) for check in self]
        verdict = f"<p>{display.escape(self._verdict)}</p>"
        return verdict + display.table(self._HEAD, rows)


def _row(check: ClaimCheck) -> tuple[str, ...]:
    verdict = "ok" if check.ok else "MISMATCH"
    return check.claim, verdict, check.expected, check.got, check.rule


_NUMBER = "a number"
_KINDS = {bool: "a boolean", int: _NUMBER, float: _NUMBER, list: "an array", dict: "an object"}


def shown(value: object) -> str:
    """A value for a table, so that what differs looks different: what is not a text says what it
    is, characters that one cannot tell from others are named, and spaces at the ends are put
    between quotes. Never raises."""
    if value is None:
        return "nothing"
    if not isinstance(value, str):
        return f"{_json(value)} ({_KINDS.get(type(value), 'not JSON')})"
    if value.isascii() and value.isprintable():
        plain = value == value.strip() and "  " not in value and value not in ("", "nothing")
        return value if plain else repr(value)
    strange = dict.fromkeys(c for c in value if not (c.isascii() and c.isprintable()))
    names = [f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}" for c in strange]
    return f"{value!r} contains {', '.join(names[:5])}{' and others' if names[5:] else ''}"


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):  # not from JSON, or nested very deeply
        return "something that cannot be shown"
