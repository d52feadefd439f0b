"""Configuration of the site: `make site`. Everything that a page needs lies beside it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # chapters.py

project = "The release that holds no password"
author = "The authors of this series"
copyright = "2026 The authors of this series. Text and figures CC BY 4.0, code MIT."
extensions = ["myst_nb", "chapters", "teaching"]
if (HERE / "teaching.md").exists():
    tags.add("teaching")  # noqa: F821  Sphinx provides `tags`

repository = os.environ.get("SITE_REPOSITORY", "")  # its address, for links to what is no page
nb_execution_mode = (
    "off"  # the stored outputs are the outputs: `make test` compares them with new ones
)
nb_number_source_lines = False
myst_enable_extensions = [
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "dollarmath",
    "substitution",
]
myst_heading_anchors = 4
myst_heading_slug_func = "chapters.anchor"
myst_substitutions = {"repository": f"[repository]({repository})" if repository else "repository"}
smartquotes_action = "q"  # quotes and apostrophes, but no dashes: `--token` is an argument

html_theme = "furo"
html_title = project
html_baseurl = os.environ.get("SITE_URL", "")  # https://…/, for what has to be absolute
templates_path = ["templates"]
html_additional_pages = {"search": "search.html"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "static/favicon.svg"
html_math_renderer = "mathml"  # in chapters.py: no script and no font from elsewhere
html_copy_source = False  # a link on each page has the notebook
html_use_index = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#005a91",
        "color-brand-content": "#005a91",
        "color-brand-visited": "#6a3d9a",
        "color-foreground-muted": "#595f69",
        "lab-blue": "#005a91",
        "lab-tint": "#e3f0f8",
        "lab-mark": "#ffe08a",
        "lab-paper": "1",
        "mystnb-source-bg-color": "#f2f5f8",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc4ee",
        "color-brand-content": "#7cc4ee",
        "color-brand-visited": "#c5a3ee",
        "color-foreground-muted": "#a3abb5",
        "lab-blue": "#7cc4ee",
        "lab-tint": "#16303f",
        "lab-mark": "#6b5200",
        "lab-paper": "0.87",
        "mystnb-source-bg-color": "#1d2126",
    },
    "top_of_page_buttons": [],
}
if repository:
    html_theme_options["footer_icons"] = [
        {"name": "Repository", "url": repository, "html": "Repository", "class": ""}
    ]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
