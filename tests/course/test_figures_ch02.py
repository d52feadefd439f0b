"""The figures of chapter 02 draw what they are given, and say it."""

import pytest
from matplotlib import colors

from course.ch02 import figures
from course.figure import BLUE, PURPLE, VERMILLION

TIMES = {"iat": 0, "nbf": 60, "exp": 360}


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def grounds(figure):
    """The fill colours of the cells, in the order of drawing; frames, which have none, left out."""
    found = [patch for axes in figure.drawing.axes for patch in axes.patches]
    return [
        colors.to_hex(patch.get_facecolor()).upper() for patch in found if patch.get_facecolor()[3]
    ]


def frames(figure):
    found = [
        patch
        for axes in figure.drawing.axes
        for patch in axes.patches
        if not patch.get_facecolor()[3]
    ]
    return [colors.to_hex(patch.get_edgecolor()).upper() for patch in found]


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


def test_every_character_gets_the_colour_of_its_guard_and_open_ones_a_frame():
    reasons = [
        "InvalidAlgorithmError",
        "DecodeError",
        "InvalidSignatureError",
        "DecodeError",
        "accepted",
    ]
    figure = figures.guarded("a.b.c", reasons, [False] * 4 + [True])
    assert [grounds(figure)[i] for i in (0, 2)] == [PURPLE, BLUE] and len(grounds(figure)) == 5
    assert frames(figure) == [VERMILLION]
    assert {"header", "claims", "signature", "a", "b", "c"} <= set(words(figure))
    assert "1 of 5 characters, but not the last" in figure.sentence
    assert "accepts a change of 1 character, the last one" in figure.sentence


def test_a_reason_that_nobody_foresaw_is_drawn_under_its_own_name():
    figure = figures.guarded("a.b.c", ["SomethingNewError"] * 5, [False] * 5)
    assert (
        "SomethingNewError: 5" in words(figure)
        and "accepts a change of no characters" in figure.sentence
    )


@pytest.mark.parametrize(
    "token, reasons", [("a.b.c", ["DecodeError"]), ("abc", ["DecodeError"] * 3)]
)
def test_what_does_not_fit_together_is_not_drawn(token, reasons):
    with pytest.raises(ValueError, match="each character"):
        figures.guarded(token, reasons, [False] * len(reasons))
