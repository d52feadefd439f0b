"""Sphinx extension that makes the site's pages from the chapters, and leaves those as they are.

Before a page is parsed, links that leave the site are pointed at the repository. In a chapter, the
sentence that comes with each figure becomes its alternative text, an output that answers a bold
question is folded away, and the three cells of an exercise become one box, with its hints and a
solution folded away. Afterwards, headings get the anchors that they have in JupyterLab, every
section goes into the index of the search, and formulas become MathML.
"""

import base64
import importlib
import json
import posixpath
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
sys.path.insert(0, str(ROOT))  # for the exercises in course/

CHECK = re.compile(r"exercises\.(q(\d+)_\d+)\.check\(")
MINUTES = re.compile(r"^(\d+) minutes\b.*$", re.MULTILINE)
QUESTION = re.compile(r"\*\*[^*]+\?\*\*")
LINK = re.compile(r"(!?\[)([^\]]+)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
EMPTY_HEADING = re.compile(r"<th\b[^>]*>\s*(<p>\s*</p>\s*)?</th>")

EXERCISE = """\
{heading}

:::::{{admonition}} Your turn · {minutes} min
:class: exercise

{task}

```python
{stub}
```

{folded}
:::::
"""
FOLDED = """\
::::{{admonition}} {title}
:class: {kind}
:collapsible: closed

{text}
::::
"""


# ---------------------------------------------------------------- the chapters


@dataclass(frozen=True)
class Chapter:
    """Facts about a chapter, as its first cell states them."""

    name: str
    """The file's name without its suffix."""
    title: str
    question: str
    minutes: int

    @classmethod
    def read(cls, path: Path) -> "Chapter":
        """Return the facts of one notebook; raise ExtensionError if its first cell lacks one."""
        text = "".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"])
        title = re.match(r"# (.+)", text)
        question = re.search(r"^\*([^*]+)\*$", text, re.MULTILINE)
        minutes = MINUTES.search(text)
        if not (title and question and minutes):
            raise ExtensionError(
                f"{path.name}: the first cell should have a title (# …), a question in italics, and"
                " a line that begins with its minutes (20 minutes · …). Add what is missing."
            )
        return cls(path.stem, title[1], " ".join(question[1].split()), int(minutes[1]))


def chapters() -> list[Chapter]:
    """Return the facts of all chapters, in order."""
    return [Chapter.read(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


class ChapterList(SphinxDirective):
    """Directive `{chapters}`: title, question and minutes of each chapter, and their sum."""

    def run(self) -> list[nodes.Node]:
        listed = chapters()
        lines = ["{.chapters}"]
        for each in listed:
            number, _, title = each.title.partition(" · ")
            lines.append(
                f"- [{number}]{{.number}} [{title}](notebooks/{each.name}.ipynb)\n\n"
                f"  {each.question} [{each.minutes} min]{{.minutes}}"
            )
        hours = sum(each.minutes for each in listed) / 60
        lines += [
            "",
            f"That is about {hours:.0f} hours with all exercises. Each chapter runs by itself.",
        ]
        return self.parse_text_to_nodes("\n".join(lines))


# ---------------------------------------------------------------- before a page is parsed


def prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rework the source of a page before it is parsed."""
    repository = app.config.repository
    if not docname.startswith("notebooks/"):
        source[0] = LINK.sub(lambda found: relink(found, "docs", "", repository), source[0])
        return
    notebook = json.loads(source[0])
    cells = notebook["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(
                lambda found: relink(found, "notebooks", "../", repository), cell["source"]
            )
    download = f"{{download}}`download the notebook <{posixpath.basename(docname)}.ipynb>`"
    cells[0]["source"] = MINUTES.sub(
        lambda found: f"{found[0]} · {download}", cells[0]["source"], count=1
    )
    describe_figures(cells)
    fold_answers(cells)
    notebook["cells"] = with_exercises_as_boxes(cells)
    source[0] = json.dumps(notebook)


def relink(found: re.Match[str], folder: str, up: str, repository: str) -> str:
    """Return a link, or a picture, as it has to be on the site.

    folder: where the file is in the repository; up: the way from its page to the site's first.
    Anything but a page of the site is linked in the repository, or not at all if that has no
    address.
    """
    begin, target, anchor = found[1], found[3], found[4] or ""
    text = " ".join(found[2].split())  # MyST joins the lines of a picture's text without a space
    path = posixpath.normpath(posixpath.join(folder, target))
    if path.startswith("notebooks/") and path.endswith(".ipynb"):
        return f"{begin}{text}]({up}{path}{anchor})"
    if path.startswith("docs/") and (ROOT / path).exists():
        return f"{begin}{text}]({up}{path.removeprefix('docs/')}{anchor})"
    return f"[{text}]({repository}/blob/main/{path}{anchor})" if repository else text


def describe_figures(cells: list[dict[str, Any]]) -> None:
    """Give each figure its sentence as alternative text, and its size: the page must not jump."""
    for cell in cells:
        for output in cell.get("outputs", []):
            if "image/png" not in (data := output.get("data", {})):
                continue
            width, height = struct.unpack(
                ">II", base64.b64decode("".join(data["image/png"]))[16:24]
            )
            alt = " ".join("".join(data["text/plain"]).split())
            image = {"alt": alt, "width": str(width), "height": str(height)}
            cell["metadata"].setdefault("mystnb", {})["image"] = image


def fold_answers(cells: list[dict[str, Any]]) -> None:
    """Fold all outputs between a text that ends with a bold question and the next text."""
    asked = False
    for cell in cells:
        if cell["cell_type"] == "markdown":
            asked = bool(QUESTION.search(cell["source"].rstrip().rpartition("\n\n")[2]))
        elif asked and cell.get("outputs"):
            cell["metadata"].setdefault("tags", []).append("hide-output")
            cell["metadata"].setdefault("mystnb", {}).update(
                code_prompt_show="Your guess? Then look", code_prompt_hide="What came out"
            )


def with_exercises_as_boxes(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cells with one for the three of each exercise: text, stub and check."""
    boxed: list[dict[str, Any]] = []
    for cell in cells:
        if cell["cell_type"] == "code" and (found := CHECK.match(cell["source"])):
            stub, text = boxed.pop(), boxed.pop()
            module = importlib.import_module(f"course.ch{int(found[2]):02d}.exercises")
            text["source"] = exercise_box(getattr(module, found[1]), text["source"], stub["source"])
            boxed.append(text)
        else:
            boxed.append(cell)
    return boxed


def exercise_box(exercise: Any, text: str, stub: str) -> str:
    """Return one exercise as MyST: the task with its stub, and folded away hints and solution."""
    before, heading, task = re.split(r"(?m)^(#{2,6} Exercise .*)$", text, maxsplit=1)
    folded = [
        FOLDED.format(title=f"Hint {n} of {len(exercise.hints)}", kind="hint", text=hint)
        for n, hint in enumerate(exercise.hints, 1)
    ]
    solution = f"```python\n{str(exercise.solution()).strip()}\n```\n\n{exercise.right}"
    folded.append(FOLDED.format(title="One solution", kind="solution", text=solution))
    return EXERCISE.format(
        heading=before + heading,
        minutes=exercise.minutes,
        task=task.strip(),
        stub=stub,
        folded="\n".join(folded),
    )


# ---------------------------------------------------------------- after it is parsed


def anchor(heading: str) -> str:
    """Return a heading's name in links, as JupyterLab makes it."""
    return heading.replace(" ", "-")


def name_sections(app: Sphinx, doctree: nodes.document) -> None:
    """Make JupyterLab's anchor the first id of each section, so that both have the same links."""
    for section in doctree.findall(nodes.section):
        if slug := section.get("slug"):
            section["ids"] = [slug, *(each for each in section["ids"] if each != slug)]


def collect_sections(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Note the sections of a page for the search: address, title of the page, heading, text."""
    page = app.env.titles[docname].astext()
    for section in doctree.findall(nodes.section):
        heading = section[section.first_child_matching_class(nodes.title)].astext()
        own = [
            child
            for child in section.children
            if not isinstance(child, nodes.title | nodes.section)
        ]
        text = " ".join(" ".join(filter(None, map(readable, own))).split())
        app.env.site_sections.append([f"{docname}.html#{section['ids'][0]}", page, heading, text])


def readable(node: nodes.Node) -> str:
    """Return the text of a node, with figures' sentences but no hint, solution or markup."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.raw):
        return unescape(re.sub(r"<[^>]*>", " ", node.astext()))
    if isinstance(node, nodes.image):
        return node.get("alt", "")
    if {"hint", "solution"} & set(node.get("classes", [])):
        return ""
    return ("" if isinstance(node, nodes.TextElement) else " ").join(map(readable, node.children))


def write_search_index(app: Sphinx, error: Exception | None) -> None:
    """Write the sections as a script, which works also where pages are opened as files."""
    if error is None:
        sections = json.dumps(
            sorted(app.env.site_sections), ensure_ascii=False, separators=(",", ":")
        )
        Path(app.outdir, "_static", "sections.js").write_text(
            f"const SECTIONS = {sections};\n", "utf-8"
        )


def formula(translator: Any, node: nodes.Element) -> None:
    """Write a formula as MathML."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def last_change(path: str) -> str | None:
    """Return the day of a file's last commit; None without git, or outside of a git repository."""
    if not (git := shutil.which("git")):
        return None
    log = [git, "log", "-1", "--format=%cs", "--", path]
    return (
        subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        or None
    )


def finish(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add to a page the day of its last change, its description, and the tags for previews."""
    if doctree is None:  # the page of the search
        return
    context["body"] = EMPTY_HEADING.sub(
        "<td></td>", context["body"]
    )  # an empty corner is no heading
    chapter = pagename.startswith("notebooks/")
    context["last_updated"] = last_change(f"{pagename}.ipynb" if chapter else f"docs/{pagename}.md")
    first = next(iter(doctree.findall(nodes.emphasis if chapter else nodes.paragraph)))
    description = " ".join(first.astext().split())
    tags = {
        "og:type": "article" if chapter else "website",
        "og:site_name": app.config.project,
        "og:title": context["title"],
        "og:description": description,
    }
    if base := app.config.html_baseurl:  # these have to be absolute
        tags["og:url"] = f"{base}{pagename}.html" if pagename != "index" else base
        pictured = pagename if chapter else f"notebooks/{chapters()[0].name}"
        if image := next(iter(app.env.get_doctree(pictured).findall(nodes.image)), None):
            tags["og:image"] = f"{base}_images/{app.env.images[image['uri']][1]}"
            tags["og:image:alt"] = image["alt"]
            tags["twitter:card"] = "summary_large_image"
    context["metatags"] += f'\n<meta name="description" content="{escape(description)}">' + "".join(
        f'\n<meta property="{name}" content="{escape(content)}">' for name, content in tags.items()
    )


def begin(app: Sphinx) -> None:
    """Turn off Sphinx's own search: it cuts words at dots and finds pages, not sections."""
    app.builder.search = False
    app.env.site_sections = []


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all of this to Sphinx."""
    app.add_config_value("repository", "", "env", str)
    app.add_directive("chapters", ChapterList)
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))
    app.connect("builder-inited", begin)
    app.connect("source-read", prepare)
    app.connect(
        "doctree-read", name_sections, priority=100
    )  # before Sphinx makes tables of contents of it
    app.connect("doctree-resolved", collect_sections)
    app.connect("html-page-context", finish)
    app.connect("build-finished", write_search_index)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
