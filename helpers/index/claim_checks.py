"""The verdict on one claim, and the table of all of them: what a maintainer in front of an `invalid-publisher` needs."""

import html
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

LOOKUP, CHECK = "lookup", "check"
"""Whether a publisher is searched by a claim, or the claim is checked once the publisher was found."""


@dataclass(frozen=True)
class ClaimCheck:
    """What one rule says of one claim: `expected` by the publisher, `got` from the token, `ok`, and the `reason` if not.

    `reason` is what the real index would answer if this were the first rule to fail; `rule` how the two are compared;
    `stage` whether the publisher is looked up by it ("lookup") or the claim is checked afterwards ("check").
    """

    claim: str
    expected: str
    got: str
    ok: bool
    reason: str
    rule: str = "equal"
    stage: str = CHECK


class ClaimChecks(list[ClaimCheck]):
    """The checks of one publisher. Displayed, the table one would like to have in front of an `invalid-publisher`."""

    @property
    def ok(self) -> bool:
        """Whether this publisher lets the job in."""
        return all(check.ok for check in self)

    @property
    def refusal(self) -> str:
        """What the index would answer if this publisher were the only one; empty when it lets the job in."""
        return next((check.reason for check in self if not check.ok), "")

    def _rows(self) -> list[tuple[str, ...]]:
        return [("claim", "rule", "expected", "got", "verdict")] + [
            (check.claim, check.rule, check.expected, check.got, "ok" if check.ok else "MISMATCH")
            for check in self
        ]

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True))
            for row in rows
        ]
        return "\n".join(
            [
                *(line.rstrip() for line in lines),
                f"→ {self.refusal or 'this publisher lets the job in'}",
            ]
        )

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        shade = {"ok": "", "MISMATCH": ' style="background:#fbe3d6"'}
        body = "".join(f"<tr{shade[row[4]]}>{_cells(row, 'td')}</tr>" for row in rows)
        verdict = html.escape(self.refusal or "this publisher lets the job in")
        return f"<table><tr>{_cells(head, 'th')}</tr>{body}</table><p>→ {verdict}</p>"


def _cells(row: Iterable[str], tag: str) -> str:
    """The cells of a row; the values' own may break anywhere, so that a long one never pushes the verdict off the page."""
    plain, long = "text-align:left", "text-align:left;overflow-wrap:anywhere"
    styles = (plain, plain, long, long, plain)
    return "".join(
        f'<{tag} style="{style}">{html.escape(cell)}</{tag}>'
        for style, cell in zip(styles, row, strict=True)
    )


_KINDS = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def shown(value: object) -> str:
    """A value for a table, so that what differs looks different: what is not a text says what it is, characters that one
    cannot tell from others are named, and spaces at the ends are put between quotes. Never raises."""
    if value is None:
        return "nothing"
    if not isinstance(value, str):
        return f"{_json(value)} ({_KINDS.get(type(value), 'not JSON')})"
    if value.isascii() and value.isprintable():
        plain = value == value.strip() and "  " not in value and value not in ("", "nothing")
        return value if plain else repr(value)
    strange = dict.fromkeys(
        character for character in value if not (character.isascii() and character.isprintable())
    )
    names = [
        f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
        for character in strange
    ]
    return f"{value!r} contains {', '.join(names[:5])}{' and others' if names[5:] else ''}"


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except (
        TypeError,
        ValueError,
        RecursionError,
    ):  # nested as deeply as a parser takes it, or nothing that came from JSON
        return "something that cannot be shown"
