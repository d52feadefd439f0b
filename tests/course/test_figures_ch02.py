"""The figure of chapter 02 draws what it is given, and says it."""

import pytest
from matplotlib import colors

from course.ch02 import figures

TIMES = {"iat": 0, "nbf": 60, "exp": 360}


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def grounds(figure):
    """The fill colours of the cells, in the order of drawing."""
    found = [patch for axes in figure.drawing.axes for patch in axes.patches]
    return [
        colors.to_hex(patch.get_facecolor()).upper() for patch in found if patch.get_facecolor()[3]
    ]


def test_a_life_has_a_bar_for_each_verdict_of_each_leeway():
    life = {
        0: ["not yet"] * 60 + ["valid"] * 300 + ["expired"] * 60,
        30: ["not yet"] * 30 + ["valid"] * 360,
    }
    figure = figures.token_life(TIMES, life)
    assert len(grounds(figure)) == 5
    assert {"leeway 0 s", "leeway 30 s", "iat\n0 s", "exp\n360 s"} <= set(words(figure))
    assert "valid from 30 s, refused from 390 s" in words(figure)


def test_a_life_is_told_from_its_data():
    sentence = figures.token_life(
        TIMES, {0: ["not yet", "valid", "expired"], 1: ["valid"] * 3}
    ).sentence
    assert "0 s from second 1 until 2" in sentence and "1 s from second 0 until 3" in sentence
    assert "exp in second 360" in sentence


def test_a_life_without_a_valid_second_is_not_drawn():
    with pytest.raises(ValueError, match="valid for at least a second"):
        figures.token_life(TIMES, {0: ["expired"]})
