"""The figure of chapter 08 draws what it is given, and says it."""

import pytest
from matplotlib import colors

from course.ch08 import figures
from course.ch08.grid import COLUMNS, Outcome

ONCE, STOPPED, ENDLESS = Outcome(1, 1), Outcome(0), Outcome(5, 2)


def grid(**changed):
    """One attack that has no end in any column, except in those given."""
    return {"an attack": dict.fromkeys(COLUMNS, ENDLESS) | changed}


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def drawn(rows):
    return figures.matrix(rows, {"Attacks": list(rows)})


def test_a_cell_that_is_as_in_its_base_is_a_dot():
    assert words(drawn(grid())).count("·") == 9 + 1  # nine single defenses, and the legend
    assert words(drawn(grid(TH=STOPPED))).count("·") == 8 + 1


def test_each_changed_cell_says_how_long():
    once, twice = words(drawn(grid())), words(drawn(grid(TH=ONCE)))
    assert twice.count("once") == once.count("once") + 1


def test_a_frame_marks_what_a_defense_has_made_possible():
    def frames(figure):
        tiles = [patch for axes in figure.drawing.axes for patch in axes.patches]
        return sum(colors.to_hex(each.get_edgecolor()) == "#000000" for each in tiles)

    opened = {"an attack": dict.fromkeys(COLUMNS, STOPPED) | {"TS": ONCE}}
    assert frames(drawn(opened)) == 1 + 1  # and one in the legend
    every = {"an attack": dict.fromkeys(COLUMNS, STOPPED) | {"all": ONCE}}
    assert frames(drawn(every)) == 1  # all ten together are not what made it possible


def test_the_sentence_counts_and_names_what_is_left():
    sentence = drawn(grid(TH=STOPPED)).sentence
    assert "hash-locked build 1" in sentence and sentence.endswith("Left by all: an attack.")
    assert "Left by all" not in drawn(grid(all=STOPPED)).sentence


def test_without_attacks_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="no attacks"):
        figures.matrix({}, {})


def test_two_projects_are_told_from_one():
    assert words(drawn(grid())).count("∞×2") == 3  # the three columns with every cell drawn
    assert words(drawn(grid(none=ONCE, T=Outcome(5, 1)))).count("∞×2") == 1
