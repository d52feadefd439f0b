"""What preflight costs, beside zizmor: part of `make bench`. Nothing is asserted about time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TESTS = """\
name: Tests NUMBER
on:
  push: {branches: [main]}
  pull_request:
permissions: {}
jobs:
""" + "".join(
    f"""\
  job{job}:
    runs-on: ubuntu-latest
    permissions: {{contents: read}}
    strategy:
      matrix: {{python: ["3.11", "3.12", "3.13"]}}
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd
        with: {{persist-credentials: false}}
      - name: Install
        run: |
          python -m pip install --upgrade pip
          python -m pip install -e .[test]
      - run: bash scripts/test.sh "${{{{ matrix.python }}}}"
"""
    for job in range(6)
)
RELEASE = """\
name: Release NUMBER
on:
  push: {tags: ["v*"]}
jobs:
  release:
    runs-on: ubuntu-latest
    environment: pypi
    permissions: {contents: read, id-token: write}
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd
        with: {persist-credentials: false}
      - run: bash scripts/release.sh
"""


@pytest.mark.parametrize(
    ("count", "aim", "rounds"),
    [(1, "2 times", 9), (50, "1.5 times", 7), (500, "1.2 times", 3)],
)
def test_workflows(against, tmp_path, count, aim, rounds):
    """Each way of looking at the same repository, a fifth of whose workflows release, as whole processes."""
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    for number in range(count):
        text = (RELEASE if number % 5 == 0 else TESTS).replace("NUMBER", str(number))
        (tmp_path / ".github" / "workflows" / f"w{number}.yml").write_text(text)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "test.sh").write_text("set -eu\npytest\n")
    (tmp_path / "scripts" / "release.sh").write_text("set -eu\nuv build\nuv publish\n")
    zizmor = Path(sys.executable).with_name("zizmor")
    options = ["--offline", "--no-progress", "--format", "json", "--no-exit-codes"]
    released = -(-count // 5)
    # As it is installed, with its compiled modules.
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def ours():
        command = [sys.executable, "-m", "preflight", str(tmp_path), "--format", "json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment)
        verdict = b'"verdict": "publishes by Trusted Publishing"'
        assert done.returncode == 0 and done.stdout.count(verdict) == released

    def peer():
        subprocess.run([zizmor, *options, str(tmp_path)], capture_output=True, check=True)

    what = f"preflight on {count} workflow{'s' * (count > 1)}, whole process; zizmor"
    against(what, ours, peer, aim, rounds=rounds)
