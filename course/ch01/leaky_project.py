"""A project that leaks an API token in seven places, each made by real commands.

    for place in make(folder, token): print(place.name, place.path, place.command)

Git makes the history, uv builds the wheel and the sdist, Python compiles, Jupyter runs the
notebook, and bash writes the log. Dates and authors are fixed, so that the history has the same
hashes on every run.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_DATE = "2026-11-23T09:00:00+00:00"
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    "GIT_AUTHOR_NAME": "alice",
    "GIT_AUTHOR_EMAIL": "alice@octo.example",
    "GIT_AUTHOR_DATE": _DATE,
    "GIT_COMMITTER_NAME": "alice",
    "GIT_COMMITTER_EMAIL": "alice@octo.example",
    "GIT_COMMITTER_DATE": _DATE,
    "UV_NO_CONFIG": "1",
    "UV_OFFLINE": "1",
    "UV_PYTHON": sys.executable,
    "PYTHONDONTWRITEBYTECODE": "1",
}

_PYPROJECT = """\
[project]
name = "octo-rocket"
version = "1.0"
requires-python = ">=3.11"

[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"
"""
_SWEEPING = '\n[tool.uv.build-backend]\nsource-include = ["*", ".*"]\n'
_SCRIPT = """\
set -eux
uv publish --publish-url=https://pypi.test/legacy/ --token="$PYPI_TOKEN" dist/octo_rocket-1.0.tar.gz
"""


@dataclass(frozen=True)
class Place:
    """A hiding place: its name, the command that made it, and the file or folder."""

    name: str
    command: str
    path: Path

    def read(self) -> bytes:
        """Return the bytes of the file, or of all files in the folder."""
        files = sorted(self.path.rglob("*")) if self.path.is_dir() else [self.path]
        return b"".join(file.read_bytes() for file in files if file.is_file())


def make(folder: Path, token: str) -> list[Place]:
    """Make all seven places, each in a folder below `folder`, which must be empty.

    No other file there contains the token. Raises CalledProcessError if a command fails.
    """
    notebook = _start_notebook(folder / "notebook", token)  # the slowest runs beside the others
    places = [
        _log(folder / "log", token),
        _history(folder / "repository", token),
        _wheel(folder / "wheel", token),
        _compiled(folder / "compiled", token),
        _image(folder / "image", token),
        _sdist(folder / "sdist", token),
    ]
    if notebook.wait():
        raise subprocess.CalledProcessError(notebook.returncode, "jupyter-execute")
    stored = Place(
        "notebook's stored output",
        "jupyter-execute --inplace report.ipynb",
        folder / "notebook" / "report.ipynb",
    )
    return [*places[:5], stored, places[5]]


def run(
    command: str, folder: Path, token: str = "", *, into: Path | None = None, fails: bool = False
) -> str:
    """Run a real command in a folder, and return what it printed.

    token: the value of PYPI_TOKEN, if any. into: a file that gets the printed text as well. fails:
    the command may fail; otherwise CalledProcessError is raised.
    """
    words = shlex.split(command)
    environment = _environment(token)
    program = (
        sys.executable
        if words[0] == "python"
        else shutil.which(words[0], path=environment["PATH"]) or words[0]
    )
    done = subprocess.run(
        [program, *words[1:]],
        cwd=folder,
        env=environment,
        check=not fails,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if into:
        into.write_bytes(done.stdout)
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")


def write(path: Path, text: str) -> Path:
    """Write a text file, without changing its line ends, and make its folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def package(folder: Path, settings: str = "") -> None:
    """Write the package octo-rocket 1.0, which uv can build. settings: more lines of TOML."""
    write(folder / "pyproject.toml", _PYPROJECT + settings)
    write(folder / "src" / "octo_rocket" / "__init__.py", "")


def _environment(token: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return os.environ | _ENVIRONMENT | {"PATH": path} | ({"PYPI_TOKEN": token} if token else {})


def _log(folder: Path, token: str) -> Place:
    """Run a script under `set -x`, which writes each command with its variables filled in.

    The upload fails, but the command is in the log by then.
    """
    write(folder / "release.sh", _SCRIPT)
    write(folder / "dist" / "octo_rocket-1.0.tar.gz", "")
    run("bash release.sh", folder, token, into=folder / "build.log", fails=True)
    return Place("log under set -x", "bash release.sh > build.log 2>&1", folder / "build.log")


def _history(folder: Path, token: str) -> Place:
    """Commit `.env` by mistake, and delete it in the next commit."""
    env = write(folder / ".env", f"PYPI_TOKEN={token}\n")
    write(folder / "README.md", "# octo-rocket\n")
    run("git -c init.defaultBranch=main init -q", folder)
    run("git add .", folder)
    run("git commit -qm 'First version'", folder)
    env.unlink()
    run("git commit -qam 'Remove .env'", folder)
    return Place("git history", "git commit -am 'Remove .env'", folder / ".git")


def _wheel(folder: Path, token: str) -> Place:
    """Build a wheel with a default value that was meant for one afternoon."""
    package(folder)
    write(folder / "src" / "octo_rocket" / "upload.py", f'TOKEN = "{token}"\n')
    run("uv build --wheel", folder)
    shutil.rmtree(folder / "src")
    return Place("wheel", "uv build --wheel", folder / "dist" / "octo_rocket-1.0-py3-none-any.whl")


def _compiled(folder: Path, token: str) -> Place:
    """Compile a module, and then clean its source."""
    source = write(folder / "settings.py", f'TOKEN = "{token}"\n')
    run("python -m py_compile settings.py", folder)
    write(source, 'import os\n\nTOKEN = os.environ["PYPI_TOKEN"]\n')
    return Place(
        ".pyc", "python -m py_compile settings.py", next((folder / "__pycache__").glob("*.pyc"))
    )


def _image(folder: Path, token: str) -> Place:
    """Stack two archives. The upper one says that `.env` is deleted, the lower one still has it."""
    env = write(folder / "app" / ".env", f"PYPI_TOKEN={token}\n")
    run("python -m tarfile -c layer1.tar.gz app", folder)
    env.unlink()
    write(folder / "app" / ".wh..env", "")
    run("python -m tarfile -c layer2.tar.gz app", folder)
    run("python -m tarfile -c image.tar layer1.tar.gz layer2.tar.gz", folder)
    (folder / "layer1.tar.gz").unlink()
    return Place(
        "container layer",
        "python -m tarfile -c image.tar layer1.tar.gz layer2.tar.gz",
        folder / "image.tar",
    )


def _start_notebook(folder: Path, token: str) -> "subprocess.Popen[bytes]":
    """Run and save a notebook with a cell that lists the environment."""
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "a",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": 'import os\n{name: os.environ[name] for name in os.environ if "PYPI" in name}',
    }
    write(
        folder / "report.ipynb",
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}),
    )
    environment = _environment(token) | {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    program = shutil.which("jupyter-execute", path=environment["PATH"]) or "jupyter-execute"
    return subprocess.Popen(
        [program, "--inplace", "--kernel_name=python3", "report.ipynb"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _sdist(folder: Path, token: str) -> Place:
    """Build an sdist with a `source-include` that is too generous."""
    package(folder, _SWEEPING)
    env = write(folder / ".env", f"PYPI_TOKEN={token}\n")
    run("uv build --sdist", folder)
    env.unlink()
    return Place("sdist", "uv build --sdist", folder / "dist" / "octo_rocket-1.0.tar.gz")
