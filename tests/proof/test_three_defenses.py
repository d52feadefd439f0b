"""Exercise 8.3 says how much the best three defenses leave. Here all 56 choices are tried."""

import itertools

from course.ch08.exercises import BEST, CHOICE, left, score


def test_two_choices_of_three_leave_as_little_as_the_exercise_says_and_none_leaves_less():
    scores = {
        three: score(left(three)) for three in map("".join, itertools.combinations(CHOICE, 3))
    }
    assert len(scores) == 56 and min(scores.values()) == BEST
    best = {"".join(sorted(three)) for three, each in scores.items() if each == BEST}
    assert best == {"ERS", "CRS"}
