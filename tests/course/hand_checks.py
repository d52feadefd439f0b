"""The ten checks of chapter 07, taken out of its cells: what the tests try is what a reader reads."""

import ast
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_who_built_this_file.ipynb"


@cache
def defined() -> dict[str, Any]:
    """What the chapter's imports, functions and constants define."""
    names: dict[str, Any] = {"unb64": __import__("base64").b64decode}
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "exercises." not in (text := "".join(cell["source"])):
            wanted = [node for node in ast.parse(text).body if _is_definition(node)]
            exec(compile(ast.Module(wanted, []), str(NOTEBOOK), "exec"), names)
    return names


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id == "CHECKS"
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)


def verdicts(attestation: Any, root: dict[str, Any], **expected: str) -> list[bool]:
    """Whether each of the ten checks holds, with the keys of a trusted root."""
    chapter = defined()
    keys, wanted = chapter["trusted"](root), SimpleNamespace(**expected)
    return [chapter["holds"](check, attestation, keys, wanted) for check in chapter["CHECKS"]]


def first_refusal(attestation: Any, root: dict[str, Any], **expected: str) -> int:
    """The number of the first check that does not hold, 0 if all do."""
    return next((n for n, ok in enumerate(verdicts(attestation, root, **expected), 1) if not ok), 0)
