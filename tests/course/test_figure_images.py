"""Every figure looks as it did, is true of other data too, and can be read on a projector.

A changed picture fails. When the change is meant, look at it and store it:
`python -m pytest tests/course/test_figure_images.py --mpl-generate-path=tests/course/baseline`
"""

import functools
import struct
from pathlib import Path

import figure_data
import numpy as np
import pytest
from matplotlib import colors, patches
from matplotlib.backends.backend_agg import FigureCanvasAgg

from course import figure as figures

DRAWINGS = {name: functools.cache(draw) for name, draw in figure_data.DRAWINGS.items()}
SHOWN_WIDTH = 934
"""CSS pixels that JupyterLab gives to a picture on a 1366-pixel screen, with its file list open."""
LEAST = 11
"""Points on the screen; a CSS pixel is 0.75 of a point."""


class Shown:
    """A figure as a notebook stores it, for pytest-mpl, which calls `savefig`."""

    def __init__(self, name):
        self.name = name

    def savefig(self, file, **kwargs):
        Path(file).write_bytes(png_of(self.name))


@functools.cache
def png_of(name):
    return DRAWINGS[name]()._repr_png_()


def named(name):
    mark = pytest.mark.mpl_image_compare(filename=f"{name}.png", tolerance=0.5, style="default")
    return pytest.param(name, marks=mark, id=name)


@pytest.mark.parametrize("name", [named(name) for name in DRAWINGS])
def test_it_looks_as_it_did(name):
    return Shown(name)


SENTENCES = Path(__file__).parent / "baseline" / "sentences.txt"


def test_the_sentences_are_as_they_were(pytestconfig):
    told = "".join(f"{name}: {draw()}\n" for name, draw in DRAWINGS.items())
    if pytestconfig.getoption("--mpl-generate-path"):
        SENTENCES.write_text(told, encoding="utf-8")
    assert told == SENTENCES.read_text(encoding="utf-8")


def texts_of(figure):
    """Return every text that is drawn, with its box in pixels."""
    renderer = FigureCanvasAgg(figure.drawing).get_renderer()
    everything = figure.drawing.findobj(
        lambda artist: hasattr(artist, "get_text") and artist.get_text().strip()
    )
    return [(text, text.get_window_extent(renderer)) for text in everything if text.get_visible()]


def contrast(one, other):
    """WCAG 2.2: from 1 to 21."""

    def luminance(color):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in colors.to_rgb(color)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def tiles(figure):
    """Return the filled rectangles, in the order of drawing, each with its box in pixels."""
    found = [patch for axes in figure.drawing.axes for patch in axes.patches]
    return [
        (patch, patch.get_window_extent())
        for patch in found
        if isinstance(patch, patches.Rectangle) and patch.get_facecolor()[3] == 1
    ]


def ground_of(text, box, rectangles):
    """Return the color that a text is drawn on, and the box of that ground."""
    if text.get_bbox_patch() is not None:
        return text.get_bbox_patch().get_facecolor(), None
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    under = [(patch, area) for patch, area in rectangles if area.contains(x, y)]
    return (under[-1][0].get_facecolor(), under[-1][1]) if under else ("white", None)


def assert_readable(figure, png=b""):
    """Size, type, contrast; nothing is on top of anything else or cut off."""
    png = png or figure._repr_png_()
    width, height = struct.unpack(">II", png[16:24])
    assert width == figures.WIDTH * figures.DPI and height <= 3000
    assert len(png) <= 150_000 * max(1, height / 1400), "a stored notebook should stay small"
    for chunk in (b"tEXt", b"zTXt", b"iTXt", b"tIME"):
        assert chunk not in png
    placed, rectangles = texts_of(figure), tiles(figure)
    scale = figures.DPI / 72 * SHOWN_WIDTH / width * 0.75
    for text, box in placed:
        assert text.get_fontsize() * scale >= LEAST, text
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, (
            f"cut off: {text}"
        )
        ground, area = ground_of(text, box, rectangles)
        assert contrast(text.get_color(), ground) >= 4.5, text
        if area is not None:
            assert area.x0 <= box.x0 + 1 and box.x1 <= area.x1 + 1, f"wider than its tile: {text}"
            assert area.y0 <= box.y0 + 2 and box.y1 <= area.y1 + 2, f"higher than its tile: {text}"
    x0, y0, x1, y1 = np.array([box.padded(-2).extents for _, box in placed]).T[:, :, np.newaxis]
    on_top = (x0 < x1.T) & (x0.T < x1) & (y0 < y1.T) & (y0.T < y1)
    for one, other in np.argwhere(np.triu(on_top, 1)):
        raise AssertionError(f"{placed[one][0]} on top of {placed[other][0]}")
    assert str(figure).endswith(".") and "\n" not in str(figure)


@pytest.mark.parametrize("name", DRAWINGS)
def test_it_can_be_read(name):
    assert_readable(DRAWINGS[name](), png_of(name))


def title_of(figure):
    """Return the words of the largest text."""
    text = max((text for text, _ in texts_of(figure)), key=lambda text: text.get_fontsize())
    return " ".join(text.get_text().split())


TITLES = {
    "00_release_hours": "For 13 min 25 s a permission was missing, and 0.105.1 never came out",
    "00_release_hours_other": "For 37 min 10 s a permission was missing, and 2.1 never came out",
    "00_series_map": "The stored API token disappears, and five new messages replace it",
    "00_series_map_other": (
        "The long-lived password for everything disappears, and one new message replaces it"
    ),
    "01_lifetimes": ("A leaked credential: up to 483 days. The groups measure different things"),
    "01_lifetimes_other": "By design: no expiry",
    "01_survival": "“One speed” misses 2 of 3 points; “two speeds” is fitted to 3 points",
    "01_survival_other": "“Quick” misses none of 2 points; “slow” misses 2 of 2 points",
    "01_ranking": (
        "“Detect twice as fast” leaves 93% of the exposure; “minted, burned after use” leaves one "
        "part in 50 million"
    ),
    "01_ranking_other": (
        "“A bit less than nothing” leaves 67% of the exposure; “less” leaves one part in 40"
    ),
    "02_token_life": "Valid for 300 s with leeway 0 s, for 360 s with leeway 30 s",
    "02_token_life_other": "Valid for 310 s with leeway 5 s",
    "03_signature_block": "Of 256 bytes, 32 are the hash; all others are known beforehand",
    "03_signature_block_other": "Of 128 bytes, 32 are the hash; all others are known beforehand",
    "03_key_hour": (
        "The old key was withdrawn in minute 15, and 2 stores accepted it until minute 30"
    ),
    "03_key_hour_other": (
        "The first was withdrawn in minute 12, and no store accepted it afterwards"
    ),
    "04_sequence": (
        "GitHub signs an ID token, the index exchanges it for an API token and the job uploads "
        "1 file"
    ),
    "04_sequence_other": (
        "GitLab signs an ID token, the index exchanges it for an API token and one of 4 requests "
        "is refused"
    ),
    "04_interleavings": "Four of six orders mint twice",
    "04_interleavings_other": "None of two orders mints twice",
    "05_matching": "Two of five forms let the job in",
    "05_matching_jobs": "Two of four jobs get in",
    "05_matching_other": "None of two forms lets the job in",
    "05_gauntlet": (
        "Unwanted jobs that get in: 1 with “release.yml, pypi”, 2 with “release.yml”, 1 with “ci.yml”"
    ),
    "05_gauntlet_other": "Unwanted jobs that get in: 1 with “x”",
    "06_first_gaps": "Of 720 orders, 16 leave no gap",
    "06_first_gaps_other": "Of 2 orders, 1 leaves no gap",
    "07_anatomy": "Signed in the name of release.yml of trailofbits/pypi-attestations",
    "07_tree": "3 hashes prove that entry 2 is in a tree of 6",
    "07_tree_other": "2 hashes prove that entry 1 is in a tree of 4",
    "07_stopped": (
        "2 of 3 forgeries are stopped, each by a different check; accepted: nothing at all"
    ),
    "07_stopped_other": "2 of 2 forgeries are stopped, each by a different check",
    "08_matrix": "No defense stops more than 5 further attacks; all ten leave 6 of 23",
    "08_matrix_other": "No defense stops more than 1 further attacks; all ten leave 0 of 2",
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_its_title_says_what_is_true_of_its_data(name):
    figure = DRAWINGS[name]()
    title = title_of(figure)
    assert title == TITLES[name]
    assert title.rstrip(".") in figure.sentence


@pytest.mark.parametrize("name", DRAWINGS)
def test_it_has_a_frame_so_that_it_is_a_card_on_a_dark_page(name):
    paper = DRAWINGS[name]().drawing.patch
    assert colors.to_hex(paper.get_edgecolor()).upper() == figures.LINE and paper.get_linewidth()


def test_good_and_bad_grounds_differ_in_gray():
    def gray(color):
        red, green, blue = colors.to_rgb(color)
        return 0.299 * red + 0.587 * green + 0.114 * blue

    light, dark = figures.PALE[figures.GREEN], figures.PALE[figures.VERMILLION]
    assert gray(light) - gray(dark) > 0.15
    assert gray(figures.ORANGE) - gray(figures.BLUE) > 0.24
