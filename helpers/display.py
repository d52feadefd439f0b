"""Tables and boxes for notebooks: in light and dark themes, at any font size, in HTML and in text.

JupyterLab drops styles from an output that it does not trust, `overflow-wrap` among them. Nothing
here depends on one: words and signs say what the colors say, header cells are header cells, and a
long value can break because it contains `<wbr>`.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_UNBROKEN = 20
"""Characters that a word may have without a place to break."""


@dataclass(frozen=True)
class Tone:
    """Three colors: text and the ground behind it, only ever set together, and an edge for boxes.

    Text has a contrast of at least 4.5 with its ground. An edge stands out by at least 3 from a
    white page and from a dark one (WCAG 2.2, 1.4.3 and 1.4.11).
    """

    ink: str
    ground: str
    edge: str

    @property
    def style(self) -> str:
        """Return the CSS for text in this tone."""
        return f"color:{self.ink};background:{self.ground}"


# Edges from Okabe and Ito's palette, as in the figures, with darker inks on pale grounds.
VERMILLION = Tone("#5a1e00", "#fbe3d6", "#d55e00")
BLUE = Tone("#00365a", "#dcecf8", "#0072b2")
GREEN = Tone("#00402f", "#dff3ec", "#009e73")
GREY = Tone("#333333", "#eeeeee", "#767676")


@dataclass(frozen=True)
class Cell:
    """A table's cell with a tone. A cell without one is a string."""

    text: str
    tone: Tone | None = None

    def __str__(self) -> str:
        return self.text


Row = Sequence[str | Cell]


def toned(row: Row, tone: Tone | None) -> list[Cell]:
    """Return the cells of a row, all in one tone."""
    return [Cell(str(cell), tone) for cell in row]


def table(head: Sequence[str], rows: Iterable[Iterable[str | Cell]], last: Row = ()) -> str:
    """Return an HTML table. The first cell of a row is its header; `last` stands under a line."""
    top = "".join(_cell(name, "th", "col") for name in head)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{_cells(last, 'border-top:1px solid;')}</tr></tfoot>" if last else ""
    inside = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>{foot}"
    return f'<table style="font-size:1em">{inside}</table>'


def text_table(head: Sequence[str], rows: Iterable[Iterable[str | Cell]], last: Row = ()) -> str:
    """Return the same table as text, its columns two spaces apart, with a rule above `last`."""
    lines = [[*map(str, row)] for row in (head, *rows, *([last] if last else []))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    if last:
        rule = "  ".join("─" * width for width in widths)
        texts[1:] = [rule, *texts[1:-1], rule, texts[-1]]
    return "\n".join(texts)


def box(head: str, body: str, tone: Tone) -> str:
    """Return an HTML box: a heading, below it `body`, which is HTML, and an edge on the left."""
    style = f"border-left:0.3em solid {tone.edge};padding:0.2em 0.8em;margin:0.4em 0"
    return f'<div style="{style}"><strong>{escape(head)}</strong><br>{body}</div>'


def block(text: str) -> str:
    """Return HTML that shows text as it is, spaces and line breaks included."""
    return f'<pre style="margin:0">{html.escape(text)}</pre>'


def prose(text: str) -> str:
    """Return a sentence as HTML; what stands between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def chip(text: str, tone: Tone) -> str:
    """Return a piece of code as HTML, in a tone."""
    return f'<code style="{tone.style}">{escape(text)}</code>'


def escape(text: str) -> str:
    """Return text as HTML without markup of its own; a long word may break, best after a mark."""
    return "".join(map(_breakable, re.split(r"(\s+)", text)))


def _breakable(word: str) -> str:
    piece = rf"[^/@:.]{{1,{_UNBROKEN}}}[/@:.]*|[/@:.]+"
    pieces = re.findall(piece, word) if len(word) > _UNBROKEN else [word]
    return "<wbr>".join(map(html.escape, pieces))


def _cells(row: Iterable[str | Cell], style: str = "") -> str:
    first, *others = row
    return _cell(first, "th", "row", f"{style}font-weight:normal;") + "".join(
        _cell(cell, "td", style=style) for cell in others
    )


def _cell(cell: str | Cell, tag: str, scope: str = "", style: str = "") -> str:
    style += "text-align:left;padding:0.2em 0.6em"
    if isinstance(cell, Cell) and cell.tone:
        style += f";{cell.tone.style}"
    scope = f' scope="{scope}"' if scope else ""
    return f'<{tag}{scope} style="{style}">{escape(str(cell))}</{tag}>'
