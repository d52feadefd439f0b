"""Preflight by itself: a wheel built by the locked uv, installed into an empty folder, needs nothing but PyYAML."""

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import corpus
import pytest
import yaml
from test_preflight_corpus import lay_out

ROOT = Path(__file__).parents[2]
UV = Path(sysconfig.get_path("scripts"), "uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built offline from a copy of what it is made of."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, source)
    for name in ("preflight", "helpers"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    command = [UV, "build", "--offline", "--wheel", "--no-config", "--out-dir", out, source]
    subprocess.run(command, check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


def test_the_wheel_requires_pyyaml_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert [line[:6] for line in required] == ["pyyaml"]


def test_the_command_runs_from_an_empty_folder_with_pyyaml_alone(wheel, tmp_path):
    target, alone = tmp_path / "installed", tmp_path / "yaml-alone"
    command = [UV, "pip", "install", "--offline", "--no-config", "--no-deps", "--target", target]
    subprocess.run([*command, "--python", sys.executable, wheel], check=True, capture_output=True)
    shutil.copytree(Path(yaml.__file__).parent, alone / "yaml")
    lay_out(tmp_path / "repo", {corpus.RELEASE: corpus.workflow(corpus.step("uv", False))})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (target, alone)))}
    script = next(path for path in (target / "bin").iterdir() if path.stem == "preflight")
    start = [sys.executable, "-S", script] if script.suffix == "" else [script]
    run = subprocess.run(
        [*start, tmp_path / "repo"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1 and "CANNOT AUTHENTICATE" in run.stdout, run.stderr


def test_the_hook_runs_the_command_that_the_wheel_installs():
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hook["entry"] in project["scripts"] and hook["pass_filenames"] is False
    for path in (".github/workflows/a.yml", "tox.ini", "x/action.yml", "bin/publish.sh", "uv.toml"):
        assert re.match(hook["files"], path), path
    assert not re.match(hook["files"], "README.md")
