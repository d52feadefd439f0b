"""The figure of chapter 06 draws what it is given, and says it."""

import pytest
from test_figure_images import assert_readable

from course.ch06 import figures

GAPS = {(0, ""): 2, (1, "has nothing to show"): 3, (2, "sends a dead token"): 1}


def test_every_order_is_in_one_bar():
    figure = figures.first_gaps(GAPS, steps=2)
    bars = [patch for patch in figure.drawing.axes[0].containers for patch in patch]
    assert sum(bar.get_width() for bar in bars) == 6
    assert "Of 6 orders, 2 leave no gap" in figure.sentence
    assert "3 after step 1 (3 because a workflow has nothing to show)" in figure.sentence


CHAPTERS = {
    (0, ""): 16, (1, "has nothing to show"): 240, (1, "sends a dead token"): 120, (2, "is not known to the index"): 48,
    (2, "has nothing to show"): 96, (2, "sends a dead token"): 72, (3, "sends a dead token"): 84, (5, "sends a dead token"): 44,
}  # fmt: skip


def test_readable():
    assert_readable(figures.first_gaps(CHAPTERS, steps=6))


def test_nothing_is_not_drawn():
    with pytest.raises(ValueError, match="there are no"):
        figures.first_gaps({}, steps=6)
