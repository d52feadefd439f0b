"""The figures: what they say in words, and what is drawn. `test_figure_images` looks at pixels."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from figure_data import ORDERS, event, minted
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Annotation
from test_figure_images import assert_readable, texts_of

from course import figure as figures
from course.ch04.figures import interleavings, sequence
from course.figure import Figure, span_in_words


def by_index(action, **more):
    return event("github", action, actor="index", client="pypi.test", **more)


EXCHANGE = [
    event("index", "audience", "audience pypi", actor="anyone"),
    event("github", "id-token", "audience pypi"),
    by_index(
        "discovery",
        detail="keys are at https://token.actions.githubusercontent.com/.well-known/jwks",
    ),
    by_index("jwks"),
    event("index", "mint-token", "token f04113e8 for octo-rocket, 15 minutes"),
    event("index", "upload", "octo_rocket-1.0.tar.gz", actor="release.yml of octo-org/rocket"),
    event("index", "burn-token", "token f04113e8 is dead"),
]
REPLAY = event(
    "index", "mint-token", "invalid-reuse-token: jti b3958e25 was used already", ok=False, later=960
)


def words_of(figure: Figure) -> list[str]:
    return [" ".join(text.get_text().split()) for text, _ in texts_of(figure)]


# ---------------------------------------------------------------- the Figure object


@pytest.mark.parametrize("text", ["", " ", ".", "A picture", "Two words."])
def test_a_figure_without_a_sentence_is_refused(text):
    with pytest.raises(ValueError, match="needs a sentence"):
        Figure(text, sequence(EXCHANGE).drawing)


def test_a_figures_text_is_its_sentence_and_its_picture_a_png():
    figure = Figure("Three short words.", sequence(EXCHANGE).drawing)
    assert repr(figure) == "Three short words."
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_picture_is_the_same_bytes_each_time():
    assert sequence(EXCHANGE)._repr_png_() == sequence(EXCHANGE)._repr_png_()


def test_drawing_leaves_matplotlibs_global_state_alone():
    before = matplotlib.rcParams.copy()
    sequence(EXCHANGE)._repr_png_()
    assert matplotlib.rcParams.copy() == before


def test_drawing_needs_no_pyplot_which_would_keep_every_figure_alive():
    code = "import sys, course.ch04.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


# ---------------------------------------------------------------- sequence


def test_the_sequence_says_who_asked_whom_in_order_and_what_happened_inside_mint_token():
    assert repr(sequence(EXCHANGE)) == (
        "GitHub signs an ID token, the index exchanges it for an API token and the job uploads "
        "1 file. 7 requests, 5 by the job and 2 by the index; none refused: the job asks the index for audience, "
        "then GitHub for id-token, then the index for mint-token (meanwhile the index asks GitHub for "
        "discovery and jwks), then upload, then burn-token. The ID token travels from GitHub to the "
        "job, then from the job to the index."
    )


def test_the_sequence_says_what_was_refused_and_why():
    assert repr(sequence([*EXCHANGE[4:5], REPLAY])) == (
        "The index mints an API token and one of 2 requests is refused. "
        "2 requests, 2 by the job; 1 refused: the job asks the index for mint-token, then mint-token "
        "(refused: invalid-reuse-token). The ID token travels from the job to the index, then from "
        "the job to the index."
    )


def test_every_request_and_every_answer_is_drawn():
    words = words_of(sequence(EXCHANGE))
    parties, actions = ["the job", "the index", "GitHub"], [each.action for each in EXCHANGE]
    for drawn in [
        *parties,
        *actions,
        *(each.detail for each in EXCHANGE if "https" not in each.detail),
    ]:
        assert drawn in words, drawn


def arrows(figure):
    """Tail and head of each arrow, x in lanes, y downwards."""
    found = figure.drawing.axes[0].findobj(Annotation)
    return [
        (arrow.xyann[0], arrow.xy[0], arrow.xy[1], arrow.arrowprops["color"]) for arrow in found
    ]


def test_what_the_index_asks_while_minting_lies_between_the_request_and_its_answer():
    drawn = arrows(sequence(EXCHANGE[2:5]))
    request, discovery, discovered, jwks, found, answer = sorted(drawn, key=lambda arrow: arrow[2])
    job, index, provider = request[0], request[1], discovery[1]
    assert job < index < provider
    for there, back in ((discovery, discovered), (jwks, found)):
        assert index < there[0] + 0.2 and there[0] < there[1] and back[1] < back[0]
    assert answer[1] < answer[0] <= index + 0.2
    assert {"1", "1a", "1b"} <= set(words_of(sequence(EXCHANGE[2:5])))


def test_what_the_index_asks_without_minting_stands_alone():
    assert "1" in words_of(sequence(EXCHANGE[2:4])) and "2" in words_of(sequence(EXCHANGE[2:4]))
    assert "the index asks GitHub for discovery, then jwks" in repr(sequence(EXCHANGE[2:4]))
    assert "the index asks GitHub for jwks, then the job" in repr(
        sequence([EXCHANGE[3], EXCHANGE[5]])
    )


def test_a_refusal_differs_in_colour_word_and_mark():
    granted, refused = sequence([EXCHANGE[4]]), sequence([replace(EXCHANGE[4], ok=False)])
    assert {arrow[3] for arrow in arrows(granted)} == {figures.BLUE, figures.BLACK}
    assert {arrow[3] for arrow in arrows(refused)} == {figures.BLUE, figures.VERMILLION}
    assert any(word.startswith("refused: ") for word in words_of(refused))

    def crosses(figure):
        return [line for line in figure.drawing.axes[0].lines if line.get_marker() == "X"]

    assert len(crosses(refused)) == 1 and not crosses(granted)


def test_time_that_passed_is_drawn_and_time_that_stood_still_is_not():
    assert "16 minutes later" in words_of(sequence([EXCHANGE[4], REPLAY]))
    assert not [word for word in words_of(sequence(EXCHANGE)) if "later" in word]


def test_every_program_gets_a_lane_and_what_a_party_does_by_itself_is_a_note():
    events = [
        event("index", "add publisher", actor="alice", client=""),
        event("index", "upload", client="uv"),
        event("index", "warn", "uploaded by hand", actor="index", client=""),
        event("index", "list", "2 files", client="pip", actor="anyone"),
        event("gitlab", "discovery", client="pypi.test", actor="index"),
    ]
    words = words_of(sequence(events))
    assert {"alice", "uv", "pip", "the index", "GitLab", "warn: uploaded by hand"} <= set(words)
    assert_readable(sequence(events))


def test_no_events_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="no events to draw"):
        sequence([])


@pytest.mark.parametrize(
    "events", [EXCHANGE, [*EXCHANGE, REPLAY], EXCHANGE[:1], EXCHANGE[2:3], [REPLAY]]
)
def test_a_sequence_can_be_read(events):
    assert_readable(sequence(events))


def test_a_dollar_sign_is_drawn_as_one():
    figure = sequence([event("index", "upload", "$TOKEN and $$ and $x^2$")])
    assert "$TOKEN and $$ and $x^2$" in words_of(figure)
    assert not any(text.get_parse_math() for text, _ in texts_of(figure))


details = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)
any_event = st.builds(
    event,
    st.sampled_from(["index", "github", "gitlab", "google"]),
    st.sampled_from(["mint-token", "audience", "discovery", "upload", "remove pending publisher"]),
    details,
    actor=st.sampled_from(["index", "alice", "anyone"]),
    client=st.sampled_from(["learner", "uv", ""]),
    ok=st.booleans(),
    later=st.integers(0, 10**7),
)


@pytest.mark.proof
@settings(max_examples=15)
@given(st.lists(any_event, min_size=1, max_size=6))
def test_any_log_is_drawn_so_that_it_can_be_read(events):
    figure = sequence(events)
    assert_readable(figure)
    assert f"{sum(not each.ok for each in events) or 'none'} refused" in repr(figure)


# ---------------------------------------------------------------- interleavings


def test_the_race_is_told_from_the_rows():
    figure = interleavings([(order, minted(order)) for order in ORDERS])
    told = "Four of six orders mint twice: ABAB, ABBA, BAAB and BABA twice; AABB and BBAA once."
    assert repr(figure) == told
    assert_readable(figure)


def test_the_races_steps_and_outcomes_are_drawn():
    words = words_of(interleavings([("ABAB", 2), ("AABB", 1)]))
    assert words.count("A: seen?") == words.count("B: add") == 2
    assert "✗ 2" in words and "✓ 1" in words


@pytest.mark.parametrize(
    ("rows", "steps", "told"),
    [
        ([("AB", 1), ("BA", 1)], ("claim",), "None of two orders mints twice: AB and BA once."),
        (
            [("ABAB", 2), ("AABB", 1)],
            ("a", "b"),
            "One of two orders mints twice: ABAB twice; AABB once.",
        ),
    ],
)
def test_the_race_is_told_in_grammar(rows, steps, told):
    figure = interleavings(rows, steps)
    assert repr(figure) == told
    assert_readable(figure)


def test_no_orders_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="no orders to draw"):
        interleavings([])


# ---------------------------------------------------------------- words, and colours in grey


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (40, "40 seconds"), (60, "1 minute"), (900, "15 minutes"), (90, "90 seconds"),
     (3600, "1 hour"), (86400, "1 day"), (483 * 86400, "483 days"), (7200, "2 hours")],
)  # fmt: skip
def test_a_span_is_told_in_the_unit_that_suits_it(seconds, words):
    assert span_in_words(seconds) == words


def test_the_two_requests_of_the_race_differ_in_grey():
    def grey(colour):
        red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert grey(figures.ORANGE) - grey(figures.BLUE) > 60
