"""The figures of chapters 00 and 03: what is drawn, and that the sentence says it."""

import csv
from pathlib import Path

import pytest

from course.ch00 import figures
from course.ch03 import figures as figures_3

DATA = Path(__file__).parents[2] / "notebooks" / "data"
INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def rows(name):
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()[1:]))


def words(figure):
    """The texts in a picture, line breaks made spaces."""
    return [
        " ".join(text.get_text().split()) for axes in figure.drawing.axes for text in axes.texts
    ]


def test_the_hours_of_the_release_are_those_of_the_table():
    hours = rows("release_0105.csv")
    figure = figures.release_hours(hours)
    title = figure.drawing.texts[0].get_text().replace("\n", " ")
    assert title == "For 13 min 25 s a permission was missing, and 0.105.1 never came out"
    assert {"13 min 25 s", "no file of 0.105.1", "00:21:14 0.105.2 is uploaded"} <= set(
        words(figure)
    )
    assert title in figure.sentence and "at 00:20:40" in figure.sentence
    hours[1]["time"] = hours[2]["time"] = "2026-05-29 00:10:15"
    assert "For 10 min 25 s" in figures.release_hours(hours).sentence


def test_the_hours_want_an_upload_at_both_ends():
    with pytest.raises(ValueError, match="in this order"):
        figures.release_hours(rows("release_0105.csv")[1:])


def test_the_map_shows_every_message_with_its_chapter():
    messages = [tuple(row.values()) for row in rows("messages.csv")]
    figure = figures.series_map(messages)
    drawn = words(figure)
    for who, whom, what, chapter, change in messages:
        assert what in drawn and chapter in drawn
        assert f"{who} to {whom}: {what} ({chapter}, {change})" in figure.sentence
    arrows = [text for text in figure.drawing.axes[0].texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(messages)
    title = "The stored API token disappears, and five new messages replace it"
    assert title in drawn and figure.sentence.startswith(title)


def test_the_message_that_disappears_is_the_one_dashed_arrow_and_named_in_the_title():
    figure = figures.series_map(
        [
            ("maintainer", "CI job", "a password", "01", "disappears"),
            ("CI job", "index", "a release", "04", "stays"),
            ("CI job", "identity provider", "who am I?", "02", "new"),
        ]
    )
    assert "The password disappears, and one new message replaces it" in words(figure)
    assert words(figure).count("disappears") == 1
    texts = figure.drawing.axes[0].texts
    styles = [
        text.arrow_patch.get_linestyle() for text in texts if getattr(text, "arrow_patch", None)
    ]
    assert [style for style in styles if style not in ("-", "solid")] == [styles[0]]


def test_the_map_is_about_one_message_that_disappears():
    with pytest.raises(ValueError, match="expected one message that disappears, got none"):
        figures.series_map([("CI job", "index", "a release", "04", "stays")])


@pytest.mark.parametrize(
    "pair", [("mallory", "index"), ("maintainer", "identity provider"), ("index", "index")]
)
def test_the_map_refuses_parties_that_it_has_no_way_between(pair):
    with pytest.raises(ValueError):
        figures.series_map(
            [(*pair, "hello", "09", "new"), ("maintainer", "CI job", "x", "01", "disappears")]
        )


@pytest.mark.parametrize("size", [128, 256])
def test_every_byte_of_a_block_is_drawn_in_its_place(size):
    digest = bytes(range(32))
    block = b"\0\1" + b"\xff" * (size - 54) + b"\0" + INFO + digest
    figure = figures_3.signature_block(block)
    cells = [text for text in words(figure) if len(text) == 2]
    assert bytes.fromhex("".join(cells)) == block
    assert f"{size - 54} × ff" in figure.sentence


@pytest.mark.parametrize(
    "block", [b"", b"\0\2" + b"\xff" * 202 + b"\0" + bytes(51), b"\0\1\xff\0" + INFO + bytes(31)]
)
def test_what_is_no_padded_hash_is_not_drawn(block):
    with pytest.raises(ValueError, match="expected a block"):
        figures_3.signature_block(block)


def test_the_crosses_are_the_tokens_accepted_after_the_withdrawal():
    log = [
        (m, who, who == "honest" or m < 7, m == 0)
        for m in range(10)
        for who in ("honest", "Mallory")
    ]
    figure = figures_3.key_hour({"old key": (0, 5), "new key": (2, 10)}, {"store": log})
    axes = figure.drawing.axes[0]
    crosses = [
        line.get_xdata()
        for line in axes.lines
        if line.get_marker() == "X" and len(line.get_xdata())
    ]
    assert [list(xs) for xs in crosses] == [[5, 6]]
    asked = [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "v"]
    assert asked == [[0]]
    assert "store fetches in 1 minute and accepts 2 tokens of the withdrawn key" in figure.sentence
    title = figure.drawing.texts[0].get_text().replace("\n", " ")
    assert title == "The old key was withdrawn in minute 5, and 1 store accepted it until minute 6"


def test_the_title_of_the_keys_is_about_the_stores_that_were_fooled_longest():
    def log(fooled_until):
        return [(m, "Mallory", m <= fooled_until, False) for m in range(10)]

    def title(**stores):
        logs = {name: log(until) for name, until in stores.items()}
        figure = figures_3.key_hour({"old key": (0, 5), "new key": (2, 10)}, logs)
        return figure.drawing.texts[0].get_text().replace("\n", " ")

    assert title(a=8, b=6, c=8).endswith("and 2 stores accepted it until minute 8")
    assert title(a=4).endswith("and no store accepted it afterwards")


def test_an_honest_token_that_is_refused_is_a_cross_too():
    log = [(0, "honest", False, True), (0, "Mallory", True, False)]
    figure = figures_3.key_hour({"old key": (0, 5), "new key": (2, 10)}, {"store": log})
    crosses = [
        list(line.get_xdata()) for line in figure.drawing.axes[0].lines if line.get_marker() == "X"
    ]
    assert [0] in crosses


def test_the_figure_of_keys_is_about_two():
    with pytest.raises(ValueError, match="two keys"):
        figures_3.key_hour({"old key": (0, 5)}, {})


@pytest.mark.proof
@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.release_hours(rows("release_0105.csv")),
        lambda: figures.series_map([tuple(row.values()) for row in rows("messages.csv")]),
        lambda: figures_3.signature_block(b"\0\1" + b"\xff" * 202 + b"\0" + INFO + bytes(32)),
    ],
)
def test_they_are_the_same_bytes_each_time_and_not_large(draw):
    first = draw()._repr_png_()
    assert first == draw()._repr_png_() and len(first) < 150_000
