"""A chapter in JupyterLab itself: opened without its outputs, with every exercise done, all cells run."""

import copy
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "notebooks"))

from chapter_rules import Chapter  # noqa: E402

from course import exercise  # noqa: E402

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
BROWSER = next(
    filter(None, [*map(shutil.which, NAMES), *(place for place in PLACES if Path(place).exists())]),
    None,
)
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PATIENCE = 90  # seconds, for a machine with much else to do


@pytest.fixture
def desk(tmp_path):
    """A copy of what a learner has: the notebooks' folder, and the helpers beside it."""
    for package in ("helpers", "course", "preflight"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    shutil.copytree(ROOT / "notebooks" / "data", tmp_path / "notebooks" / "data")
    for name in ("LICENSE", "pyproject.toml"):  # chapters read them
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def jupyterlab(tmp_path):
    """JupyterLab as a process of its own, with settings of its own; a function from a path to its address."""
    token = secrets.token_hex(16)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "PYTEST"))
    }
    for name in (
        "HOME",
        "IPYTHONDIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
    ):
        environment[name] = str(tmp_path / name.lower())
    environment |= {"JUPYTER_TOKEN": token, "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    quiet = (
        tmp_path
        / "settings"
        / "@jupyterlab"
        / "apputils-extension"
        / "notification.jupyterlab-settings"
    )
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')  # nothing asks the network
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
    ]
    command += [
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={tmp_path}",
    ]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        said = []
        for line in server.stderr:  # until it names its address, or ends
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            pytest.fail(f"JupyterLab did not start:\n{''.join(said)}")
        rest = threading.Thread(target=server.stderr.read)  # so that it never waits for a reader
        rest.start()
        yield lambda path: f"{found[0]}/lab/tree/{path}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        rest.join(timeout=30)
        server.stderr.close()


@pytest.fixture
def page():
    """A page of a browser that this machine has."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        yield page
        browser.close()


def as_handed_in(chapter: Chapter) -> dict:
    """The chapter without its outputs, and with the solution in the place of every stub."""
    notebook = copy.deepcopy(chapter.notebook)
    for n, _ in chapter.code:
        notebook["cells"][n] |= {"outputs": [], "execution_count": None}
    answers = {each.name: each.answer for each in exercise.chapter(int(chapter.path.name[:2]))}
    for n, name, _ in chapter.checks:
        notebook["cells"][n - 1]["source"] = answers[name].strip()
    return notebook


CODE = (
    "[...jupyterapp.shell.currentWidget.content.model.cells].filter(cell => cell.type === 'code')"
)
IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
OUTPUTS = f"{CODE}.flatMap(cell => cell.outputs.toJSON())"
FAILED = f"{OUTPUTS}.some(output => output.output_type === 'error')"
OVER = f"{IDLE} && ({FAILED} || {CODE}.every(cell => cell.executionCount !== null))"
IMAGES = '.jp-OutputArea-output img[src^="data:image/png"]'
PICTURES = f"count => document.querySelectorAll('{IMAGES}').length === count"


@pytest.mark.skipif(BROWSER is None, reason="no Chromium, Chrome or Edge is installed")
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_with_its_exercises_done_runs_in_jupyterlab(path, desk, jupyterlab, page):
    chapter = Chapter(path)
    (desk / "notebooks" / path.name).write_text(json.dumps(as_handed_in(chapter)), "utf-8")
    page.goto(jupyterlab(f"notebooks/{path.name}"))
    page.wait_for_function(IDLE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(OVER)

    outputs = page.evaluate(OUTPUTS)
    assert not [
        output
        for output in outputs
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
    texts = ["".join(output.get("data", {}).get("text/plain", "")) for output in outputs]
    for _, name, _ in chapter.checks:
        assert [text for text in texts if text.startswith(f"✓ {name} right · ")], name
    stored = [output for n, _ in chapter.code for output in chapter.outputs(n)]
    expected = sum("image/png" in output.get("data", {}) for output in stored)
    page.wait_for_function(PICTURES, arg=expected)
