"""What a notebook shows can be read: in light and dark themes, at any size, and without styles."""

import re
from datetime import datetime
from html.parser import HTMLParser

import pytest

from course.exercise import NOT_ATTEMPTED, RIGHT, WRONG, Reply
from course.scoreboard import Case, scoreboard
from helpers import display
from helpers.events import Event, EventLog
from helpers.index.claim_checks import ClaimCheck, ClaimChecks
from helpers.oidc.jws import IdToken, b64url_encode

LONG = "octo-org/rocket/.github/workflows/release.yml@refs/heads/" + "x" * 90
TONES = [value for value in vars(display).values() if isinstance(value, display.Tone)]


def log():
    nine = datetime(2026, 11, 23, 9)
    told = [("upload", "wheel <1>", True), ("mint-token", LONG, False)]
    return EventLog(
        [Event(nine, "index", action, "alice", None, detail, ok) for action, detail, ok in told]
    )


def board():
    cases = [Case("honest <1>", ("t",), True, "", {}), Case(LONG, ("u",), False, "")]
    return scoreboard(cases, v0=lambda token: {}, v1=lambda token: None)


SHOWN = {
    "claims": lambda: ClaimChecks(
        [
            ClaimCheck("ref", "v1 <2>", "v1 <2>", True, ""),
            ClaimCheck("job_workflow_ref", LONG, "b", False, "invalid <publisher>"),
        ]
    ),
    "events": log,
    "scoreboard": board,
    "token": lambda: IdToken.decode(
        ".".join(map(b64url_encode, (b'{"alg":"RS256"}', b'{"a":"<1>"}', b"x" * 256)))
    ),
    "reply": lambda: Reply(WRONG, "✗ q1_1 wrong", f"Look at `a < b` and {LONG}."),
}


class Page(HTMLParser):
    """The tags of an output, each with its attributes, and its texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open += [tag] if tag not in ("br", "wbr") else []
        self.texts += [("\n", "")] if tag not in ("code", "strong") else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "every tag is closed where it was opened"

    def handle_data(self, text):
        self.texts.append((text, self.open[-1] if self.open else ""))


def page(name):
    return Page(SHOWN[name]()._repr_html_())


def contrast(one, other):
    """WCAG 2.2: the ratio of the relative luminances of two colors such as #fbe3d6, from 1 to 21."""

    def luminance(color):
        parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_what_the_standard_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("tone", TONES, ids=lambda tone: tone.edge)
def test_every_tone_can_be_read_and_its_edge_seen_on_light_and_dark_pages(tone):
    assert contrast(tone.ink, tone.ground) >= 4.5
    assert min(contrast(tone.edge, "#ffffff"), contrast(tone.edge, "#111111")) >= 3


@pytest.mark.parametrize("name", SHOWN)
def test_text_and_ground_are_set_together_or_not_at_all(name):
    for tag, attributes in page(name).tags:
        style = dict(re.findall(r"([\w-]+):\s*([^;]+)", attributes.get("style", "")))
        assert ("color" in style) == ("background" in style), (tag, style)
        if "color" in style:
            assert contrast(style["color"], style["background"]) >= 4.5


@pytest.mark.parametrize("name", SHOWN)
def test_lengths_are_in_the_size_of_the_readers_font(name):
    html = SHOWN[name]()._repr_html_()
    lengths = re.findall(r"[\d.]+(px|pt|rem|em)\b", html.replace("border-top:1px solid", ""))
    assert set(lengths) <= {"em"}


@pytest.mark.parametrize("name", ["claims", "events", "scoreboard"])
def test_tables_have_headers_for_columns_and_rows(name):
    tags = page(name).tags
    scopes = [attributes.get("scope") for tag, attributes in tags if tag == "th"]
    rows = [tag for tag, _ in tags].count("tr") - 1
    assert scopes == ["col"] * (len(scopes) - rows) + ["row"] * rows and rows >= 2


@pytest.mark.parametrize("name", SHOWN)
def test_without_styles_every_long_value_can_still_break(name):
    bare = re.sub(r' style="[^"]*"', "", SHOWN[name]()._repr_html_())
    free = "".join(text for text, tag in Page(bare).texts if tag != "pre")
    assert max(map(len, free.split())) <= 40


WORDS = {
    "claims": "MISMATCH",
    "events": "refused",
    "scoreboard": "✗ accepted",
    "reply": "✗ q1_1 wrong",
}


@pytest.mark.parametrize("name", WORDS)
def test_without_styles_the_verdict_is_said_in_words(name):
    assert WORDS[name] in [text for text, _ in page(name).texts]


def test_the_second_column_is_the_verdict():
    for shown, words in ((SHOWN["claims"](), {"ok", "MISMATCH"}), (log(), {"done", "refused"})):
        rows = re.findall(r"<tr><th scope=\"row\".*?</th><td[^>]*>(.*?)</td>", shown._repr_html_())
        assert set(rows) == words


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_cannot_add_markup(name):
    assert not re.search(r"<(1|2|b|publisher)>", SHOWN[name]()._repr_html_())


def test_a_long_value_keeps_every_character():
    for text in (LONG, "a <b> & 'c'  d\n" + "&" * 50):
        told = "".join(text for text, _ in Page(display.escape(text)).texts if text != "\n" or True)
        assert told.replace("\n", "") == text.replace("\n", "")


def test_what_stands_between_backticks_is_code():
    assert display.prose("`a < b` & c") == "<code>a &lt; b</code> &amp; c"


def test_a_table_as_text_has_straight_columns_and_a_rule_above_the_total():
    rows = [("a", display.Cell("long cell")), ("bb", "c")]
    assert display.text_table(("x", "y"), rows) == "x   y\na   long cell\nbb  c"
    assert display.text_table(("x", "y"), rows, ("t", "1")).splitlines()[-2:] == [
        "──  ─────────",
        "t   1",
    ]


@pytest.mark.parametrize("state", [NOT_ATTEMPTED, WRONG, RIGHT, "hint"])
def test_every_reply_has_an_edge_of_its_own(state):
    edges = {s: Reply(s, "h", "t")._repr_html_() for s in (NOT_ATTEMPTED, WRONG, RIGHT, "hint")}
    assert [*edges.values()].count(edges[state]) == 1
