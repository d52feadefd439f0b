"""A walk through the whole site in a real browser: at two widths, in light and in dark."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".venv" / "site" / "axe_playwright_python" / "axe.min.js"
PAGES = ["index.html", "search.html?q=token"] + [
    f"notebooks/{path.stem}.html" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
]
if (ROOT / "docs" / "teaching.md").exists():
    PAGES.append("teaching.html")
SERIOUS = {"serious", "critical"}
RUN_AXE = "axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)"
THIN = """() => {
    const seen = new Set();
    for (const box of document.querySelectorAll("article p:not(th p), li, .highlight span, .text_html tr")) {
        const where = box.closest("details, .exercise, .cell_output, .cell_input")?.className;
        const kinds = [box, ...box.querySelectorAll("*")].map(each => [where, each.tagName, each.className,
            each.getAttribute("style"), each.parentElement.getAttribute("style")].join());
        if (kinds.every(kind => seen.has(kind))) { box.remove(); }
        kinds.forEach(kind => seen.add(kind));
    }
}"""
"""Removes a paragraph, a word of code or a row if all kinds of text in it have been seen on the page.

axe needs a minute for a chapter with its ten thousand words, and those have twenty colors.
"""


class Visit:
    """One page in a browser, and everything that went wrong while it was open."""

    def __init__(self, browser: Browser, address: str, width: int = 1440, scheme: str = "light"):
        size = {"width": width, "height": 900}
        self.address = address
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.context.route("**/*", self._local_only)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._note_status)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def _local_only(self, route):
        if route.request.url.startswith((self.address, "data:")):
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()

    def _listen(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _note_status(self, response):
        if response.status >= 400 and not response.url.endswith("favicon.ico"):
            self.errors.append(f"{response.status} {response.url}")

    def open(self, path: str) -> Page:
        """Open a page of the site, and return it when it is complete."""
        self.page.goto(self.address + path, wait_until="load")
        return self.page

    def serious(self) -> list[str]:
        """Return what axe finds on the page that is serious or critical, a line each."""
        self.page.evaluate(AXE.read_text("utf-8"))
        self.page.evaluate(THIN)
        return [
            f"{found['id']} ({found['impact']}): {node['html'][:160]}"
            for found in self.page.evaluate(RUN_AXE)
            if found["impact"] in SERIOUS
            for node in found["nodes"][:3]
        ]


def unfold(page: Page) -> None:
    """Open everything that is folded away, so that it is looked at too, and let it fade in."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished)).then(() => 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: re.split(r"[/.]", path)[-2][:8])
def test_a_page_asks_nobody_else_fits_and_can_be_read(browser, address, path, width, scheme):
    with Visit(browser, address, width, scheme) as visit:
        page = visit.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (
            "wider than the window"
        )
        unfold(page)
        assert visit.serious() == []
        broken = "[...document.images].filter(each => !each.naturalWidth).map(each => each.src)"
        assert page.evaluate(broken) == []
        assert visit.foreign == []
        assert visit.errors == []


@pytest.mark.parametrize("theme, scheme", [("dark", "light"), ("light", "dark")])
def test_a_theme_that_the_reader_chose_against_the_system_can_be_read(
    browser, address, theme, scheme
):
    with Visit(browser, address, scheme=scheme) as visit:
        page = visit.open("index.html")
        page.evaluate(f"localStorage.setItem('theme', '{theme}')")
        for path in PAGES[:4]:
            unfold(visit.open(path))
            assert page.get_attribute("body", "data-theme") == theme
            assert visit.serious() == [], path


@pytest.mark.parametrize(
    "query", ["0.105.1", "burn-token", "id-token: write", "mint-token exchange"]
)
def test_a_search_leads_to_a_section_that_has_the_words(browser, address, query):
    with Visit(browser, address) as visit:
        page = visit.open("index.html")
        page.fill(".sidebar-search", query)
        page.press(".sidebar-search", "Enter")
        page.wait_for_selector("#results a")
        page.click("#results a")
        page.wait_for_load_state("load")
        section = page.locator(":target")
        assert section.count() == 1, page.url
        text = section.evaluate("each => each.innerText + each.textContent").lower()
        assert all(word in text for word in query.lower().split())
        top = section.evaluate("each => each.getBoundingClientRect().top")
        assert -5 <= top <= 200, "the page did not scroll to the section"
        assert page.locator(".highlighted").count() > 0
        assert visit.foreign == visit.errors == []


def test_a_search_without_a_result_says_so(browser, address):
    with Visit(browser, address) as visit:
        page = visit.open("search.html")
        page.fill("#query", "0.105.3")
        assert page.inner_text("#found") == "No sections"
        page.fill("#query", "0.105.1")
        assert re.fullmatch(r"\d+ sections?", page.inner_text("#found"))


def test_the_site_works_when_it_is_opened_as_files(browser, built):
    address = f"{built.as_uri()}/"
    with Visit(browser, address) as visit:
        page = visit.open("search.html?q=burn-token")
        page.click("#results a")
        page.wait_for_load_state("load")
        assert page.locator(":target").count() == 1
        assert visit.foreign == visit.errors == []


def test_a_guess_can_be_made_before_the_output_is_seen(browser, address):
    """On the printed page the output is there: nobody can unfold paper."""
    folds = "div.cell details.hide"
    with Visit(browser, address) as visit:
        for path in PAGES:
            page = visit.open(path)
            if page.locator(folds).count():
                break
        else:
            pytest.skip("no chapter asks a bold question yet")
        output = page.locator(f"{folds} .cell_output").first
        assert not output.is_visible()
        page.emulate_media(media="print")
        assert output.evaluate("each => each.getBoundingClientRect().height") > 0
        page.emulate_media(media="screen")
        page.locator(f"{folds} > summary").first.click()
        assert output.is_visible()


# What is broken is found, in the browser too.

BROKEN = {
    "<script>fetch('https://octo.example/count')</script>": "foreign",
    "<img src='https://octo.example/a.png' alt='A picture that comes from elsewhere'>": "foreign",
    "<script>throw new Error('broken')</script>": "errors",
    "<script>console.error('broken')</script>": "errors",
    "<img src='_static/missing.png' alt='A picture that is missing'>": "errors",
    "<img src='_static/favicon.svg'>": "axe",
    "<p style='color:#999;background:#fff'>hardly to be read</p>": "axe",
    "<button></button>": "axe",
}


@pytest.mark.parametrize("html", BROKEN)
def test_the_walk_finds_what_is_broken(browser, address, html):
    with Visit(browser, address) as visit:
        page = visit.page

        def tampered(route):
            body = route.fetch().text().replace("</article>", f"{html}</article>")
            route.fulfill(body=body, content_type="text/html; charset=utf-8")

        page.route(f"{address}index.html", tampered)
        page.goto(f"{address}index.html", wait_until="networkidle")
        found = {"foreign": visit.foreign, "errors": visit.errors, "axe": visit.serious()}
        assert found[BROKEN[html]], json.dumps(found)
