"""The ways in: pyproject.toml, the locks, environment.yml, Makefile, CI and README all say the same."""

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOCKS = ["requirements.txt", "requirements-uv-0.9.13.txt"]


def load_tool(name: str) -> ModuleType:
    """A script of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


setup_venv = load_tool("setup_venv")


def read_lock(name: str) -> dict[str, tuple[Requirement, int]]:
    """A lock as {normalised name: (requirement, number of hashes)}."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    pinned = {}
    for line in text.replace("\\\n", " ").splitlines():
        pin, *hashes = line.split(" --hash=sha256:")
        requirement = Requirement(pin.strip())
        pinned[canonicalize_name(requirement.name)] = requirement, len(hashes)
    return pinned


def supported_pythons() -> list[str]:
    """The minor versions that pyproject.toml allows, such as "3.11"."""
    allowed = SpecifierSet(PROJECT["requires-python"])
    return [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed]


def tracked_files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is a copy without its git history")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


# The one list, the locks, and conda's way in


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_the_lock_pins_every_dependency_to_a_version_the_list_allows(dependency):
    wanted = Requirement(dependency)
    pinned, _ = read_lock("requirements.txt")[canonicalize_name(wanted.name)]
    (specifier,) = pinned.specifier
    assert specifier.version in wanted.specifier
    assert pinned.marker is None, "a dependency of ours is wanted on every system"


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-site.txt"])
def test_everything_locked_has_one_exact_version_and_hashes(lock):
    for pinned, hashes in read_lock(lock).values():
        assert [specifier.operator for specifier in pinned.specifier] == ["=="], pinned
        assert hashes, pinned


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-site.txt"])
def test_a_lock_says_nothing_of_where_packages_come_from(lock):
    """Every line is a pin, a hash or a comment: no option, and so no index of whoever made the lock."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    allowed = re.compile(
        r"([\w.-]+==[^\s/]+( ; [^/\\]+)?|    --hash=sha256:[0-9a-f]{64})( \\)?|    #[^/]*"
    )
    assert [line for line in lines if not allowed.fullmatch(line)] == []


def test_the_old_uv_is_the_one_of_that_day():
    (pinned,) = [requirement for requirement, _ in read_lock("requirements-uv-0.9.13.txt").values()]
    assert str(pinned) == "uv==0.9.13"


def test_this_environment_is_the_locked_one():
    """Strict comparison of outputs is promised for the locked set-up only."""
    from importlib.metadata import version

    for name, (pinned, _) in read_lock("requirements.txt").items():
        if pinned.marker is None or pinned.marker.evaluate():
            assert version(name) in pinned.specifier, name


def test_conda_installs_the_same_lock_and_no_second_list():
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))[
        "dependencies"
    ]
    assert pip == {"pip": ["-r requirements.txt"]}
    assert [re.match("[a-z]+", name)[0] for name in conda] == ["python", "pip", "make", "git"]


def test_the_range_of_pythons_is_the_same_everywhere():
    supported = supported_pythons()
    assert supported[0] == "{}.{}".format(*setup_venv.OLDEST)
    assert supported[-1] == "{}.{}".format(*setup_venv.NEWEST)
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_bytes())["image"]
    for one in (conda[0].removeprefix("python="), container.rpartition(":")[2]):
        assert one in supported, "one minor version, which is what Binder understands"
    for text in (README, (ROOT / "Makefile").read_text(encoding="utf-8")):
        assert set(re.findall(r"Python (3\.\d+) to (3\.\d+)", text)) == {
            (supported[0], supported[-1])
        }


# Set-up


@pytest.mark.parametrize(
    "version, venv_works, words",
    [
        ((2, 7), True, "too old: install Python 3.11 to 3.14"),
        ((3, 10), True, "too old: install Python 3.11 to 3.14"),
        ((3, 15), True, "newer than what the lab was tested with: use Python 3.11 to 3.14"),
        ((4, 0), True, "newer than what the lab was tested with: use Python 3.11 to 3.14"),
        ((3, 12), False, "apt-get install python3.12-venv"),
    ],
)
def test_a_python_that_will_not_do_gets_one_sentence_that_says_what_to_do(
    version, venv_works, words
):
    sentence = setup_venv.objection(version, lambda: venv_works)
    assert words in sentence
    assert "\n" not in sentence and sentence.endswith(".") and "make PYTHON=" in sentence


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)])
def test_a_python_that_will_do_gets_no_objection(version):
    assert setup_venv.objection(version, lambda: True) is None


def test_set_up_with_an_old_python_ends_with_the_sentence_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr(setup_venv.sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(setup_venv, "is_ready", lambda version: False)
    monkeypatch.setattr(setup_venv, "make", lambda: pytest.fail("made .venv all the same"))
    with pytest.raises(SystemExit) as end:
        sys.exit(setup_venv.main())
    assert end.value.code.startswith("This is Python 3.10 ")


def test_the_set_up_script_parses_on_the_pythons_it_turns_away():
    """As far as this Python can tell: 3.4's grammar has neither f-strings nor annotated variables."""
    import ast

    source = (ROOT / "tools" / "setup_venv.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 4))
    assert not any(isinstance(node, ast.JoinedStr | ast.AnnAssign) for node in ast.walk(tree))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not any(
        node.returns or any(arg.annotation for arg in node.args.args) for node in functions
    )
    assert source.isascii(), "Python 2 reads nothing else without being told"


def test_set_up_is_ready_only_for_the_very_locks_it_was_made_from(monkeypatch, tmp_path):
    for name in (*LOCKS, "python"):
        (tmp_path / name).write_text(name)
    for name, file in zip(
        ("LOCK", "OLD_UV_LOCK", "PYTHON", "STAMP"), (*LOCKS, "python", "stamp"), strict=True
    ):
        monkeypatch.setattr(setup_venv, name, str(tmp_path / file))
    assert not setup_venv.is_ready(), "there is no stamp yet"
    (tmp_path / "stamp").write_text(f"{setup_venv.key()} 3.12\n")
    assert setup_venv.is_ready() and setup_venv.is_ready("3.12")
    assert not setup_venv.is_ready("3.13"), "another Python was asked for"
    for lock in LOCKS:
        (tmp_path / lock).write_text("changed")
        assert not setup_venv.is_ready(), lock
        (tmp_path / lock).write_text(lock)
    monkeypatch.setattr(setup_venv, "ROOT", "/moved/elsewhere")
    assert not setup_venv.is_ready(), "the folder was moved"


def test_the_makefile_has_every_target_that_the_readme_names():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"lab", "test", "refresh", "bench"} <= targets
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert set(phony.split()) == targets


# make refresh

CLUTTERED = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"},
        "language_info": {"name": "python", "version": "3.11.7"},
        "widgets": {},
    },
    "cells": [
        {
            "cell_type": "code",
            "id": "kept",
            "source": "print(1 / {divisor})",
            "execution_count": 7,
            "metadata": {
                "execution": {"iopub.status.busy": "2026-11-23T09:00:00Z"},
                "tags": ["kept"],
                "collapsed": True,
            },
            "outputs": [],
        }
    ],
}


@pytest.mark.proof
def test_refresh_stores_the_outputs_and_nothing_of_the_machine_and_is_idempotent(tmp_path, capsys):
    chapter = tmp_path / "chapter.ipynb"
    chapter.write_text(json.dumps(CLUTTERED).replace("{divisor}", "4"), encoding="utf-8")
    refresh = load_tool("refresh").refresh
    assert refresh(chapter) is None
    first = chapter.read_bytes()
    stored = nbformat.reads(first.decode(), as_version=4)
    assert stored.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    (cell,) = stored.cells
    assert (cell.id, cell.execution_count, cell.metadata) == ("kept", 1, {"tags": ["kept"]})
    assert cell.outputs == [{"output_type": "stream", "name": "stdout", "text": "0.25\n"}]
    assert refresh(chapter) is None
    assert chapter.read_bytes() == first


def test_refresh_leaves_a_chapter_that_fails_as_it_was_and_says_why(tmp_path):
    chapter = tmp_path / "chapter.ipynb"
    chapter.write_text(json.dumps(CLUTTERED).replace("{divisor}", "0"), encoding="utf-8")
    before = chapter.read_bytes()
    assert "ZeroDivisionError" in load_tool("refresh").refresh(chapter)
    assert chapter.read_bytes() == before


# What is in the repository


def test_no_file_names_the_host_of_a_package_registry():
    # In pieces, since this file is one of those that are searched.
    hosts = re.compile(
        rb"py" rb"pi\.(org|io)|python" rb"hosted\.|npm" rb"js\.(org|com)|deb" rb"ian\.org"
    )
    assert [path.name for path in tracked_files() if hosts.search(path.read_bytes().lower())] == []


def test_zizmor_finds_nothing_in_our_own_workflows():
    zizmor = Path(sysconfig.get_path("scripts"), "zizmor")
    command = [
        zizmor,
        "--offline",
        "--no-config",
        "--persona=auditor",
        ROOT / ".github" / "workflows",
    ]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_ci_runs_the_ends_of_the_range_on_three_systems_and_pins_what_it_uses():
    workflow = yaml.safe_load(
        (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    )
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    matrix = job["strategy"]["matrix"]
    assert matrix["python"] == [supported_pythons()[0], supported_pythons()[-1]]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    for step in job["steps"]:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40))
    assert ".ci/run" in job["steps"][-1]["run"]


def test_the_ci_script_can_be_executed_and_runs_every_check():
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert {"make lint", "make test", "make proof"} <= set(text.splitlines())
    if sys.platform != "win32":
        assert script.stat().st_mode & 0o111


def test_the_hooks_of_pre_commit_run_the_locked_ruff_and_download_nothing():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m ruff ")


# The README


def test_the_readmes_table_lists_the_chapters_that_exist_and_no_others():
    row = r"^\| \[[^]]+\]\((notebooks/[^)]+\.ipynb)\) \| .+ \| \d+ min \|$"
    listed = re.findall(row, README, re.MULTILINE)
    assert listed == [
        f"notebooks/{path.name}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    ]


def test_the_readme_says_what_each_dependency_is_for():
    (table,) = re.findall(r"^\| package \| for \|\n\|[-| ]+\|\n((?:\|.+\n)+)", README, re.MULTILINE)
    explained = [
        name for row in table.splitlines() for name in row.split("|")[1].strip().split(", ")
    ]
    assert sorted(explained) == sorted(Requirement(line).name for line in DEPENDENCIES)


def test_every_link_of_readme_and_contributing_to_a_file_or_heading_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", README + re.sub("`[^`]*`", "", contributing)):
        file, _, heading = target.partition("#")
        if heading and file in ("", "README.md"):
            assert heading in headings, target
        elif not target.startswith("https://"):
            assert (ROOT / file).exists(), target
