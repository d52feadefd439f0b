"""Run chapters from fresh kernels and store their outputs in place: `make refresh`.

The result depends on the cells alone: no execution times, versions or kernel names of this machine
are stored, and cell identifiers are kept. A second run changes nothing.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from uuid import uuid4

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Remove, in place, what JupyterLab or a run wrote that is not part of the chapter."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.setdefault("id", uuid4().hex[:8])
        cell.metadata = nbformat.from_dict(
            {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        )


def refresh(path: Path) -> str | None:
    """Run one chapter in its own folder and store it; a chapter that fails is left as it was.

    Return what went wrong, or None.
    """
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    tidy(notebook)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=300,  # seconds a cell
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        return f"{path}: {error}"
    tidy(notebook)  # the kernel has said its version meanwhile
    nbformat.validate(notebook)
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after, encoding="utf-8", newline="\n")
    print(f"{path}: {'unchanged' if after == before else 'stored'}", flush=True)
    return None


def main(paths: list[str]) -> int:
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(refresh, map(Path, paths)) if problem]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
