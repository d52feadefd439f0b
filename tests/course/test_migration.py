"""The rocket in its five states, the orders of its migration, and what the two tools say of it."""

import hashlib
import itertools
import json
import shutil
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
import yaml

import preflight
from course.ch06 import exercises
from course.ch06.exercises import HARDENING
from course.ch06.hardened import backend_wheel, publish_backend, run_gitlab
from course.ch06.pipeline import Pipeline
from course.ch06.workflows import plan
from helpers.index.publishers import GitLabPublisher
from helpers.lab import PUBLISHER, Lab
from helpers.provider.jobs import GitLabJob

ROCKET = Path(__file__).parents[2] / "notebooks" / "data" / "rocket"
STEPS = ("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke")
STATES = ("by_token", "half_migrated", "granted", "migrated", "hardened")


def test_the_check_accepts_the_16_orders_without_a_gap_and_no_other():
    replies = {order: exercises.q6_3.check(list(order)) for order in itertools.permutations(STEPS)}
    right = {order for order, reply in replies.items() if reply.state == "right"}

    def opens_before_it_closes(order):
        at = order.index
        ways = all(
            max(at("register"), at(f"perm_{which}")) < at(f"drop_{which}")
            for which in ("auto", "manual")
        )
        return ways and order[-1] == "revoke"

    assert len(replies) == 720 and len(right) == 16
    assert right == set(filter(opens_before_it_closes, replies))
    assert all(reply.state == "wrong" for order, reply in replies.items() if order not in right)


@pytest.mark.parametrize("state", STATES)
def test_preflight_finds_the_half_migrated_state_and_passes_the_others(state):
    ok = state != "half_migrated"
    report = preflight.check(ROCKET / state, repository="octo-org/rocket")
    assert report.ok is ok and not report.unread and not report.unfollowed
    assert [job.workflow for job in report.jobs if job.fails] == (
        [] if ok else [".github/workflows/create-releases.yml"]
    )


def test_the_fix_makes_the_half_migrated_state_pass(tmp_path):
    folder = shutil.copytree(ROCKET / "half_migrated", tmp_path / "rocket")
    patch = preflight.check(folder, repository="octo-org/rocket").patch
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True)
    assert preflight.check(folder, repository="octo-org/rocket").ok


@pytest.mark.parametrize(
    ("state", "findings"),
    [
        ("by_token", {"artipacked": 2, "excessive-permissions": 2}),
        ("half_migrated", {"artipacked": 2, "excessive-permissions": 1}),
        ("granted", {"artipacked": 2}),
        ("migrated", {"artipacked": 2}),
        ("hardened", {}),
    ],
)
def test_zizmor_finds_what_the_chapter_shows(state, findings):
    program = Path(sysconfig.get_path("scripts"), "zizmor")
    command = [program, "--offline", "--no-config", "--quiet", "--format=json-v1", ROCKET / state]
    found = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    assert Counter(each["ident"] for each in found) == findings


@pytest.mark.parametrize("state", STATES)
def test_every_action_is_pinned_by_its_commit(state):
    for file in (ROCKET / state / ".github" / "workflows").iterdir():
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            for step in job["steps"]:
                name, _, commit = step.get("uses", "octo/none@" + 40 * "0").partition("@")
                assert len(commit) == 40 and int(commit, 16) >= 0, name


def test_the_lock_of_the_hardened_state_is_that_of_the_labs_build_backend():
    digest = hashlib.sha256(backend_wheel()).hexdigest()
    lock = (ROCKET / "hardened" / "build-requirements.txt").read_text()
    assert lock == f"rocket-build==1.0 --hash=sha256:{digest}\n"


RELEASE = (ROCKET / "hardened/.github/workflows/release.yml").read_text("utf-8")
GITLAB = ROCKET / "hardened.gitlab-ci.yml"


@pytest.fixture
def lab():
    with Lab() as lab:
        publish_backend(lab)
        form = GitLabPublisher(namespace="octo-org", project="rocket", environment="pypi")
        lab.index.add_publisher("octo-rocket", form)
        yield lab


def on_gitlab(lab, file):
    """Run the jobs of a GitLab CI file."""
    job = GitLabJob(environment="pypi", ref="v1.1.0", ref_type="tag")
    with lab.serve() as live:
        return run_gitlab(live, file, job)


def test_the_hardened_release_publishes_what_it_has_built(lab):
    with lab.serve() as live:
        release = Pipeline(lab, live, plan({"release.yml": RELEASE})[0])
        log = release.run()
    assert release.ok and len(lab.index.projects["octo-rocket"].files) == 2
    assert log.index("job build") < log.index("$ uv build") < log.index("job publish")


def test_a_job_that_failed_runs_again_on_the_artifacts_of_the_first_run(lab):
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    with lab.serve() as live:
        release = Pipeline(lab, live, plan({"release.yml": RELEASE})[0])
        assert "invalid-publisher" in release.run() and not release.ok
        lab.index.add_publisher("octo-rocket", PUBLISHER)
        assert "uv build" not in release.run("publish") and release.ok


def test_a_file_that_appears_between_the_jobs_stops_the_hardened_release(lab):
    with lab.serve() as live:
        release = Pipeline(lab, live, plan({"release.yml": RELEASE})[0])
        release.run("build")
        release.artifacts["dist"]["octo_rocket-9.9-py3-none-any.whl"] = b"x"
        release.run("publish")
    assert not release.ok and not lab.index.projects["octo-rocket"].files


def test_the_release_on_gitlab_publishes_what_it_has_built(lab):
    assert all(run.ok for run in on_gitlab(lab, GITLAB))
    assert len(lab.index.projects["octo-rocket"].files) == 2


@pytest.mark.parametrize(
    ("old", "new", "jobs"),
    [
        ("    - test ", "    - touch dist/octo_rocket-9.9-py3-none-any.whl\n    - test ", 2),
        ("--require-hashes", "--require-hashes --no-index", 1),
    ],
)
def test_a_fault_in_either_job_stops_the_release_on_gitlab(lab, tmp_path, old, new, jobs):
    file = tmp_path / "ci.yml"
    file.write_text(GITLAB.read_text("utf-8").replace(old, new), "utf-8")
    runs = on_gitlab(lab, file)
    assert len(runs) == jobs and not runs[-1].ok
    assert not lab.index.projects["octo-rocket"].files


def test_a_build_backend_that_is_not_in_the_lock_stops_the_hardened_build(lab):
    other = RELEASE.replace(
        "- run: uv build", "- run: sed -i s/sha256:./sha256:/ *.txt\n      - run: uv build"
    )
    assert other != RELEASE
    with lab.serve() as live:
        release = Pipeline(lab, live, plan({"release.yml": other})[0])
        log = release.run()
    assert not release.ok and log.endswith("job publish\nskipped")


def test_old_files_are_shut_out_only_after_the_switch():
    good = [order for order in itertools.permutations(HARDENING)
            if exercises.q6_6.check(list(order)).state == "right"]  # fmt: skip
    assert len(good) == 2 and all(order[:2] == ("register_new", "switch") for order in good)
