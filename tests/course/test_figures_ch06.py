"""The figures of chapter 06 draw what they are given, and say it."""

import pytest
from test_figure_images import assert_readable

from course.ch06 import figures

ROWS = [
    ("by token", "a.yml", "a token", True),
    ("by token", "b.yml", "a token", True),
    ("half", "a.yml", "nothing", False),
    ("half", "b.yml", "an identity", True),
]
GAPS = {(0, ""): 2, (1, "has nothing to show"): 3, (2, "sends a dead token"): 1}


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def test_each_state_of_each_workflow_has_its_words_and_its_verdict():
    drawn = words(figures.states(ROWS))
    assert drawn.count("✓ can publish") == 3 and drawn.count("✗ cannot publish") == 1
    assert {"by token", "half", "a.yml", "b.yml", "nothing", "an identity"} <= set(drawn)


def test_the_title_and_the_sentence_count_those_with_nothing():
    figure = figures.states(ROWS)
    assert "In “half”, a.yml has nothing and cannot publish" in words(figure)
    assert (
        "half: a.yml has nothing and cannot publish, b.yml has an identity and can publish"
        in figure.sentence
    )


def test_every_order_is_in_one_bar():
    figure = figures.first_gaps(GAPS, steps=2)
    bars = [patch for patch in figure.drawing.axes[0].containers for patch in patch]
    assert sum(bar.get_width() for bar in bars) == 6
    assert "Of 6 orders, 2 leave no gap" in figure.sentence
    assert "3 after step 1 (3 because one has nothing to show)" in figure.sentence


CHAPTERS = {
    (0, ""): 16, (1, "has nothing to show"): 240, (1, "sends a dead token"): 120, (2, "is not known to the index"): 48,
    (2, "has nothing to show"): 96, (2, "sends a dead token"): 72, (3, "sends a dead token"): 84, (5, "sends a dead token"): 44,
}  # fmt: skip


@pytest.mark.parametrize("figure", [figures.states(ROWS), figures.first_gaps(CHAPTERS, steps=6)])
def test_readable(figure):
    assert_readable(figure)


@pytest.mark.parametrize(
    "draw", [lambda: figures.states([]), lambda: figures.first_gaps({}, steps=6)]
)
def test_nothing_is_not_drawn(draw):
    with pytest.raises(ValueError, match="there are no"):
        draw()
