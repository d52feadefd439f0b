"""What all figures share: palette, type, the sheet they are drawn on, and `Figure`: a picture with words."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib
from matplotlib import figure
from matplotlib.axes import Axes

# Okabe and Ito, "Color Universal Design", 2008: eight colours that the colour-blind can tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#767676"

WIDTH, DPI, SIZE = 10.5, 100, 13
"""Inches, dots per inch, points: a thousand pixels wide, and legible from the last row."""
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a picture is the same everywhere
    "font.size": SIZE,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "axes.titlesize": SIZE + 4,
    "axes.labelsize": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(
        color=[BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK]
    ),
    "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE,
    "lines.linewidth": 2.0,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}


@dataclass(frozen=True)
class Figure:
    """A picture and the sentence that says what it shows. Raises ValueError for what is no sentence."""

    sentence: str
    drawing: figure.Figure = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.sentence.split()) < 3 or not self.sentence.endswith("."):
            raise ValueError(
                f"a figure needs a sentence that says what it shows, got {self.sentence!r}"
            )

    def __repr__(self) -> str:
        return self.sentence

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.drawing.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


def sheet(title: str) -> Axes:
    """An area to draw on, under its title, measured in inches from the upper left corner; `cut` ends it.

    Like all that draws, to be called within `rc_context(STYLE)`.
    """
    heading = wrap(title, WIDTH - 1.5, 3, SIZE + 4)
    above = -0.3 * heading.count("\n")  # room for further lines of the title
    axes = figure.Figure().add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(1, above))
    axes.set_axis_off()
    axes.text(0.15, above + 0.18, heading, size=SIZE + 4, weight="bold", va="top")
    return axes


def cut(axes: Axes, height: float) -> figure.Figure:
    """The finished sheet, cut off below so many inches."""
    above = axes.get_ylim()[1]
    axes.set_ylim(height, above)
    axes.figure.set_size_inches(WIDTH, height - above)
    return axes.figure


def wrap(text: str, inches: float, lines: int = 3, size: float = SIZE) -> str:
    """The text in at most so many lines of that width; what does not fit is cut with an ellipsis."""
    longest = max(8, int(inches * 72 / (0.57 * size)))
    words = [word if len(word) <= longest else word[: longest - 1] + "…" for word in text.split()]
    rows = textwrap.wrap(
        " ".join(words), longest, max_lines=lines, placeholder=" …", break_on_hyphens=False
    )
    return "\n".join(rows)


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def some(count: int, thing: str) -> str:
    return f"{count or 'no'} {thing}{'' if count == 1 else 's'}"


def span_in_words(seconds: float) -> str:
    """A span of time in the unit that suits it: "40 seconds", "15 minutes", "483 days"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            return some(round(seconds / length), unit)
    return some(round(seconds), "second")
