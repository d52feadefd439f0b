"""Check of a built site: `python docs/check.py FOLDER` lists what is wrong, and then ends with 1.

Nothing may be loaded from elsewhere, each link inside the site must find its page and its place
there, and each picture must say in words what it shows.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "audio": "src", "embed": "src", "iframe": "src", "image": "href", "img": "src", "link": "href",
    "object": "data", "script": "src", "source": "src", "use": "href", "video": "src",
}  # fmt: skip
NOT_LOADED = {"next", "prev", "search", "canonical"}  # <link rel=…> that names a page
SHORTEST_SENTENCE = 20  # characters


class Page(HTMLParser):
    """What one page loads, what it links to, and the places in it that links can lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.wordless: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what one element loads, links to, or is called."""
        values = {name: value or "" for name, value in attributes}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if (url := values.get(LOADED.get(tag, ""))) and values.get("rel") not in NOT_LOADED:
            self.loads.append(url)
        self.loads += [
            each.split()[0] for each in values.get("srcset", "").split(",") if each.strip()
        ]
        self.loads += re.findall(r"url\(['\"]?([^)'\"]*)", values.get("style", ""))
        if tag == "img" and len(values.get("alt", "")) < SHORTEST_SENTENCE:
            self.wordless.append(values.get("src", "")[:80])


def problems(site: Path) -> list[str]:
    """Return what is wrong with the site in a folder, a line each."""
    site = site.resolve()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        here = path.relative_to(site)
        found += [f"{here}: a picture without words: {url}" for url in page.wordless]
        found += [f"{here}: loads {url}" for url in page.loads if is_elsewhere(url)]
        for url in page.loads + page.links:
            if reason := dead_end(url, path, pages):
                found.append(f"{here}: links to {url}, {reason}")
    for path in sorted(site.rglob("*.css")):
        urls = re.findall(r"(?:url\(|@import\s+)[\"']?([^\"')\s]*)", path.read_text("utf-8"))
        found += [f"{path.relative_to(site)}: loads {url}" for url in urls if is_elsewhere(url)]
    return found


def is_elsewhere(url: str) -> bool:
    """Return whether an address that is loaded is outside of the site."""
    return url.startswith("//") or urlsplit(url).scheme not in ("", "data")


def dead_end(url: str, path: Path, pages: dict[Path, Page]) -> str:
    """Return why a link from one page leads nowhere; empty if it does, or if it leaves the site."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "which is not there"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "a place that is not there"
    return ""


if __name__ == "__main__":
    listed = problems(Path(sys.argv[1]))
    sys.exit("\n".join(listed) if listed else None)
