"""The pages against the notebooks: nothing is lost on the way, and nothing is spoiled."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECK = re.compile(r"exercises\.(q\d+_\d+)\.check\(")
chapter = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])


class Text(HTMLParser):
    """All text of a page, all texts of pictures, and what is inside of a closed <details>."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.text = self.folded = ""
        self._open = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "img":
            self.alts.append(values.get("alt") or "")
        if tag == "details":
            assert "open" not in values
            self._open += 1

    def handle_endtag(self, tag):
        if tag == "details":
            self._open -= 1

    def handle_data(self, data):
        self.text += data
        if self._open:
            self.folded += data


def squeezed(text: str) -> str:
    """Return a text without white space, and with plain quotes."""
    return re.sub(r"\s+", "", text).translate(str.maketrans("“”‘’", "\"\"''"))


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text("utf-8"))["cells"]


def html(built: Path, path: Path) -> str:
    return (built / "notebooks" / f"{path.stem}.html").read_text("utf-8")


@chapter
def test_every_figure_has_its_own_sentence(built, path):
    sentences = []
    for cell in cells(path):
        if cell["cell_type"] == "markdown":
            sentences += re.findall(r"!\[([^\]]+)\]", "".join(cell["source"]))
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                sentences.append("".join(output["data"]["text/plain"]))
    sentences = [" ".join(sentence.split()) for sentence in sentences]
    assert Text(html(built, path)).alts == sentences


@chapter
def test_every_cell_and_every_output_is_on_the_page(built, path):
    page = squeezed(Text(html(built, path)).text)
    checks = 0
    for cell in cells(path):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        if CHECK.match(source):
            checks += 1
            continue
        assert squeezed(source) in page
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                continue
            written = "".join(output.get("text", data.get("text/html", data.get("text/plain", ""))))
            if "text/html" in data:
                written = unescape(
                    re.sub(r"<style>.*?</style>|<[^>]*>", "", written, flags=re.DOTALL)
                )
            assert squeezed(written) in page
    assert page.count(squeezed("Your turn ·")) == checks


@chapter
def test_hints_and_solutions_are_there_and_folded_away(built, path):
    page = Text(html(built, path))
    folded = squeezed(page.folded)
    checks = [found[1] for cell in cells(path) if (found := CHECK.match("".join(cell["source"])))]
    assert folded.count("Onesolution") == len(checks)
    assert page.text.count("Hint 1 of") == page.folded.count("Hint 1 of") == len(checks)


@chapter
def test_an_output_that_answers_a_bold_question_is_folded_away(built, path):
    asked, folded = False, squeezed(Text(html(built, path)).folded)
    for cell in cells(path):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            asked = bool(re.search(r"\*\*[^*]+\?\*\*", source.strip().split("\n\n")[-1]))
        elif asked and cell["outputs"]:
            output = cell["outputs"][0]
            written = "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
            if "image/png" not in output.get("data", {}) and "text/html" not in output.get(
                "data", {}
            ):
                assert squeezed(written) in folded


@chapter
def test_headings_have_the_anchors_of_jupyterlab(built, path):
    page = html(built, path)
    for cell in cells(path):
        if cell["cell_type"] == "markdown":
            for heading in re.findall(r"^#{2,4} (.+)$", "".join(cell["source"]), re.MULTILINE):
                anchor = re.sub(r"[`*]", "", heading).replace(" ", "-")
                assert f'id="{anchor}"' in unescape(page)


@chapter
def test_a_chapter_can_be_downloaded_as_it_is(built, path):
    (link,) = re.findall(r'href="\.\./(_downloads/[^"]+\.ipynb)"', html(built, path))
    assert (built / link).read_bytes() == path.read_bytes()


def test_the_first_page_lists_every_chapter_as_its_notebook_says(built):
    text = " ".join(Text((built / "index.html").read_text("utf-8")).text.split())
    for path in NOTEBOOKS:
        first = "".join(cells(path)[0]["source"])
        number, title = re.match(r"# (\d\d) · (.+)", first).groups()
        question = re.search(r"^\*([^*]+)\*$", first, re.MULTILINE)[1].replace("\n", " ")
        minutes = re.search(r"^(\d+) minutes", first, re.MULTILINE)[1]
        assert squeezed(f"{number}{title}{question}{minutes}min") in squeezed(text)


def test_the_pages_weigh_little(built):
    """A page with everything that it loads at most once: measured in bytes before compression."""
    for page in built.rglob("*.html"):
        assert page.stat().st_size < 1_000_000, page.name
