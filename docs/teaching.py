"""Sphinx extension for the page about teaching: `{sheet}` with a chapter's number is its sheet.

The checks that the sheets quote run in a process of their own, while Sphinx reads the chapters.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent


class Sheet(SphinxDirective):
    """Directive `{sheet} 04`: the sheet of one chapter; nothing if there is no such chapter."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Wait for the sheets, and parse the one that is wanted."""
        app = self.env.app
        if app.sheets.wait():
            problem = (folder() / "problem.txt").read_text("utf-8", "replace")
            raise ExtensionError(f"docs/sheet.py could not make the sheets:\n{problem}")
        path = folder() / f"{self.arguments[0]}.md"
        return self.parse_text_to_nodes(path.read_text("utf-8")) if path.exists() else []


def folder() -> Path:
    """Return where the sheets are kept: they outlive a build."""
    return HERE.parent / "build" / "sheets"


def begin(app: Sphinx) -> None:
    """Start to make the sheets, with the packages of the lab and not with those of the site."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / "problem.txt", "wb") as problem:
        app.sheets = subprocess.Popen(
            [sys.executable, str(HERE / "sheet.py"), str(folder())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=problem,
        )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Leave no process behind."""
    app.sheets.kill()
    app.sheets.wait()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect this to Sphinx."""
    app.add_directive("sheet", Sheet)
    app.connect("builder-inited", begin)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
