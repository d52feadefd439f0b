"""The figures of chapter 01, by what is drawn and by what their sentences say."""

import math

import pytest

from course.ch01 import figures
from course.ch01.leakage import MINUTE, SECOND, YEAR, Detection, one_speed


def drawn(figure):
    """All texts that the picture shows, tick labels included."""
    axes = figure.drawing.axes[0]
    texts = [*figure.drawing.texts, *axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]
    return [text.get_text() for text in texts]


GROUPS = {
    "credential, from leak to death": [("in an image", 483, ""), ("by a campaign", 10, "at most")],
    "release, on the index": [("litellm", 152 * MINUTE, "")],
    "by design": [("a user's token", math.inf, "no expiry"), ("a minted one", 900 * SECOND, "")],
}


def test_lifetimes_shows_and_says_each_row_in_the_group_of_its_clock():
    figure = figures.lifetimes(GROUPS)
    for words in ("483 days", "at most 10 days", "2 h 32 min", "no expiry", "15 min", *GROUPS):
        assert words in drawn(figure)
        assert words in figure.sentence
    title = "Credential, from leak to death: up to 483 days. The groups measure different things"
    assert title in " ".join(drawn(figure)).replace("\n", " ")


def test_the_title_of_the_lifetimes_is_that_of_its_first_group():
    figure = figures.lifetimes({"release, on the index": [("a", 1 / 24, ""), ("b", 2, "")]})
    assert figure.sentence.startswith("Release, on the index: up to 2 days.")


def test_each_group_has_a_mark_of_its_own_so_that_it_can_be_read_in_grey():
    lines = figures.lifetimes(GROUPS).drawing.axes[0].lines
    assert [line.get_marker() for line in lines if line.get_marker() != "None"] == [
        "o",
        "o",
        "s",
        ">",
        "D",
    ]


def test_a_point_lies_where_its_days_are():
    lines = figures.lifetimes(GROUPS).drawing.axes[0].lines
    ends = [float(line.get_xdata()[0]) for line in lines if line.get_marker() in "osD"]
    assert ends == pytest.approx([483, 10, 152 * MINUTE, 900 * SECOND])


POINTS = [(3, 0.77, "day 3", True), (31, 0.74, "day 31", False), (4 * YEAR, 0.64, "year 4", False)]
GOOD = Detection((0.26, 0.74), (1.26, 27 * YEAR))


def test_survival_counts_the_points_that_a_curve_misses_and_says_which_is_fitted():
    figure = figures.survival(POINTS, {"one speed": one_speed(31, 0.74), "two speeds": GOOD})
    assert figure.sentence.startswith(
        "“One speed” misses 2 of 3 points; “two speeds” is fitted to 3 points"
    )
    assert {"day 3\n(assumed)", "day 31", "year 4", "one speed", "two speeds"} <= set(drawn(figure))
    missing = figures.survival(POINTS, {"two speeds": Detection((0.5, 0.5), (1, 5))}).sentence
    assert missing.startswith("“Two speeds” misses 3 of 3 points")
    fourth = [*POINTS, (100, 0.73, "day 100", False)]
    assert "misses none of 4 points" in figures.survival(fourth, {"two speeds": GOOD}).sentence


def test_an_assumed_point_is_hollow():
    lines = figures.survival(POINTS, {"two speeds": GOOD}).drawing.axes[0].lines
    inside = [line.get_markerfacecolor() for line in lines if line.get_marker() == "o"]
    assert inside == ["white", "#000000", "#000000"]


def test_ranking_is_in_order_whatever_order_it_is_given_and_says_what_is_left():
    figure = figures.ranking([("nothing", 1000), ("least", 0.001), ("half", 500)])
    assert (
        "“Half” leaves 50% of the exposure; “least” leaves one part in 1 million" in figure.sentence
    )
    labels = [text.get_text() for text in figure.drawing.axes[0].get_yticklabels()]
    assert labels == ["nothing", "half", "least"]


@pytest.mark.parametrize("figure", [
    figures.lifetimes(GROUPS), figures.ranking([("nothing", 12_000), ("a measure with a long name", 1), ("c", 2)]),
    figures.survival([(3, 0.7, "day 3", True)], {"one speed": one_speed(31, 0.74)}),
], ids=["lifetimes", "ranking", "survival"])  # fmt: skip
def test_nothing_is_drawn_outside_of_the_picture(figure):
    figure._repr_png_()
    width, height = figure.drawing.canvas.get_width_height()
    for text in [*figure.drawing.texts, *figure.drawing.axes[0].texts]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()
