"""Where a learner stands, read from the outputs stored in their notebooks."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_CHECK = re.compile(r"^\s*exercises\.(q\d+_\d+)\.check\(", re.MULTILINE)
_OUTCOME = re.compile(r"[○✗✓] (q\d+_\d+) (not attempted|wrong|right) · ")


class Progress(NamedTuple):
    """How one exercise stands in one saved notebook; `state` is one of the three outcomes, or "not run"."""

    notebook: str
    exercise: str
    state: str


def progress(paths: Iterable[str | Path]) -> list[Progress]:
    """Every exercise that these notebooks check, in order; the last output of each decides.

    Raises `ValueError` with the file's name if one is not a notebook, `OSError` if it cannot be read.
    """
    rows = []
    for path in map(Path, paths):
        states: dict[str, str] = {}
        try:
            for cell in json.loads(path.read_bytes())["cells"]:
                if cell["cell_type"] == "code":
                    names = _CHECK.findall("".join(cell["source"]))
                    states |= {name: states.get(name, "not run") for name in names}
                    shown = (
                        output.get("data", {}).get("text/plain", "") for output in cell["outputs"]
                    )
                    texts = map("".join, shown)
                    states |= {match[1]: match[2] for match in map(_OUTCOME.match, texts) if match}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{path.name} is not a saved notebook") from None
        rows += [Progress(path.name, name, state) for name, state in states.items()]
    return rows
