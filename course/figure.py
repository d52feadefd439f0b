"""What all figures share: palette, type, paper to draw on, and `Figure`, a picture with words."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import matplotlib
from matplotlib import figure, patches
from matplotlib.axes import Axes
from matplotlib.text import Text
from PIL import Image

# Okabe and Ito, "Color Universal Design", 2008: eight colors that the color-blind can tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LINE = "#666666", "#BBBBBB"
INK = {VERMILLION: "#A84300", GREEN: "#00694D", BLUE: "#005A91"}
"""Darker shades for text on white: contrast 6, where the palette's own have less than 4.5."""
PALE = {GREEN: "#E3F2EC", VERMILLION: "#F3B994"}
"""Grounds for black text. One is light and one is darker, so that they differ in gray."""

WIDTH, DPI = 10.5, 100
SIZE, SMALL, TITLE = 13, 12, 16
"""Points on the paper. JupyterLab on a 1366-pixel screen shows 1,050 pixels on 934, where
SMALL is still 11 points."""
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a picture is the same everywhere
    "font.size": SIZE,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": SIZE,
    "axes.axisbelow": True,
    "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE,
    "lines.linewidth": 2.0,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}
Value = float | datetime
"""A place on an axis."""
styled = matplotlib.rc_context(STYLE)
"""The decorator of every function that draws."""


@dataclass(frozen=True)
class Figure:
    """A picture and the sentence that says what it shows. Raises ValueError without a sentence."""

    sentence: str
    drawing: figure.Figure = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.sentence.split()) < 3 or not self.sentence.endswith("."):
            raise ValueError(f"a figure needs a sentence that describes it, got {self.sentence!r}")

    def __repr__(self) -> str:
        return self.sentence

    def _repr_png_(self) -> bytes:
        drawn, stored = io.BytesIO(), io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.drawing.savefig(drawn, format="png")
        picture = Image.open(drawn).convert("RGB")
        few = picture.quantize(256, dither=Image.Dither.NONE)  # a third of the bytes
        few.save(stored, "PNG", optimize=True)
        return stored.getvalue()


# ---------------------------------------------------------------- paper


def sheet(title: str) -> Axes:
    """Return paper under a title, measured in inches from the upper left corner; `finish` ends it.

    Call it, and all that draws, in a function decorated with `styled`.
    """
    heading = wrap(title, WIDTH - 1.2, 3, TITLE)
    above = -0.3 * heading.count("\n")  # room for further lines of the title
    axes = _paper(1).add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(1, above))
    axes.set_axis_off()
    axes.text(0.15, above + 0.18, heading, size=TITLE, weight="bold", va="top")
    return axes


def finish(axes: Axes, height: float) -> figure.Figure:
    """Return the drawing of a finished sheet, which ends so many inches below its title's line."""
    above = axes.get_ylim()[1]
    axes.set_ylim(height, above)
    axes.figure.set_size_inches(WIDTH, height - above)
    return axes.figure


def chart(title: str, height: float, left: float, right: float = 0.25, low: float = 0.75) -> Axes:
    """Return axes for a chart under a title; all lengths are inches, the last three are margins."""
    heading = wrap(title, WIDTH - 1.2, 3, TITLE)
    more = 0.3 * heading.count("\n")
    height, top = height + more, 0.75 + more
    drawing = _paper(height)
    drawing.text(0.15 / WIDTH, 1 - 0.18 / height, heading, size=TITLE, weight="bold", va="top")
    size = 1 - (left + right) / WIDTH, 1 - (low + top) / height
    return drawing.add_axes((left / WIDTH, low / height, *size))


def _paper(height: float) -> figure.Figure:
    """Return white paper with a frame, which makes it a card on a dark page."""
    return figure.Figure(figsize=(WIDTH, height), edgecolor=LINE, linewidth=3)


# ---------------------------------------------------------------- pens


def write(axes: Axes, x: Value, y: float, words: str, align: str = "left", **look: Any) -> Text:
    """Write words beside, before or around a point, vertically centered on it."""
    return axes.text(x, y, words, **{"ha": align, "va": "center"} | look)


def beside(axes: Axes, x: Value, y: float, words: str, offset: Any, **look: Any) -> None:
    """Write words at an offset, in points, from a point."""
    axes.annotate(words, (x, y), offset, textcoords="offset points", **look)


def tile(
    axes: Axes, x: float, y: float, width: float, height: float, ground: str, **look: Any
) -> None:
    """Fill a rectangle, given by its corner and size."""
    look = {"edgecolor": "white"} | look
    axes.add_patch(patches.Rectangle((x, y), width, height, facecolor=ground, **look))


def arrow(
    axes: Axes, start: tuple[Value, float], end: tuple[Value, float], color: str, **pen: Any
) -> None:
    """Draw a straight arrow from one point to another."""
    pen = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "linewidth": 2, "color": color} | pen
    axes.annotate("", end, start, arrowprops=pen)


# ---------------------------------------------------------------- words


def wrap(text: str, inches: float, lines: int = 3, size: float = SIZE) -> str:
    """Return text in at most so many lines of that width; an ellipsis stands for what is left."""
    longest = max(8, int(inches * 72 / (0.57 * size)))
    words = [word if len(word) <= longest else word[: longest - 1] + "…" for word in text.split()]
    rows = textwrap.wrap(
        " ".join(words), longest, max_lines=lines, placeholder=" …", break_on_hyphens=False
    )
    return "\n".join(rows)


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def number(count: int) -> str:
    """Return a number as a word where that is short: "no", "one", …, "ten", "11"."""
    words = "no one two three four five six seven eight nine ten".split()
    return words[count] if count < len(words) else str(count)


def part(count: int, total: int) -> str:
    """Return "None of five", "One of five", "Ten of 12" and so on."""
    return f"{number(count).capitalize() if count else 'None'} of {number(total)}"


def plural(count: int, thing: str) -> str:
    """Return "no orders", "1 order" or "2 orders"."""
    return f"{count or 'no'} {thing}{'' if count == 1 else 's'}"


def sentence_case(text: str) -> str:
    """Return text with a capital first letter."""
    return text[:1].upper() + text[1:]


def span_in_words(seconds: float) -> str:
    """Return a span of time in the unit that suits it: "40 seconds", "15 minutes", "483 days"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            return plural(round(seconds / length), unit)
    return plural(round(seconds), "second")
