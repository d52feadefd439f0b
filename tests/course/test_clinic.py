"""The clinic: every case fails by itself, a right fix with its cause earns everything, and the rest less."""

from pathlib import Path

import pytest

from course.ch06.clinic import CAUSES, COST, DETOUR, FULL, HALF, Clinic
from course.ch06.clinic_cases import CASES, DATA, Situation
from course.ch06.clinic_release import release
from helpers.lab import Lab

HARDENED = (
    Path(__file__).parents[2] / "notebooks/data/rocket/hardened/.github/workflows/release.yml"
)
ASK = {"contents: read": "contents: read\n      id-token: write"}
NAME_IT = {"    permissions:\n": "    environment: pypi\n    permissions:\n"}
PUBLISHER_STEPS = """\
    runs-on: ubuntu-latest
    environment: pypi
    steps:
      - uses: actions/checkout@v7
      - run: uv build --wheel
      - run: uv publish"""
TWO_JOBS = """\
name: Release
on:
  push:
    tags: ['v[0-9]+.[0-9]+.[0-9]+']
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - run: uv build --wheel
      - uses: actions/upload-artifact@v7
        with: {name: dist, path: dist/}
  publish:
    needs: [build]
    runs-on: ubuntu-latest
    environment: pypi
    permissions: {id-token: write}
    steps:
      - uses: actions/download-artifact@v8
        with: {name: dist, path: dist/}
      - run: uv publish
"""
FIXES = {
    1: {"edit": ASK},
    2: {"edit": NAME_IT},
    3: {"edit": {"    uses: ./.github/workflows/publish.yml": PUBLISHER_STEPS}},
    4: {"form": {"environment": "pypi"}},
    5: {"form": {"project": "octo-comet"}},
    6: {"edit": {"      - uses: octo-org/mint@v1\n": ""}},
    7: {"form": {"index": "PyPI"}},
    8: {"rules": {"refs": ["refs/tags/v*"]}},
}
LOGGED = {
    1: "missing ACTIONS_ID_TOKEN_REQUEST_URL",
    2: "invalid-publisher",
    3: "invalid-publisher",
    4: "invalid-publisher",
    5: "Non-user identities cannot create new projects",
    6: "token is expired",
    7: "invalid-publisher",
    # zarr-developers/pydantic-zarr#159 quotes both sentences
    8: 'Tag "v1.1.0" is not allowed to deploy to pypi due to environment protection rules. '
    "The deployment was rejected or didn't satisfy other protection rules.",
}


def cause(number: int) -> str:
    return DATA["cases"][number - 1]["cause"]


def two_jobs(old: str, new: str) -> dict[str, str]:
    assert old in TWO_JOBS
    return {"release.yml": TWO_JOBS.replace(old, new)}


@pytest.mark.parametrize("number", FIXES)
def test_a_case_fails_and_its_log_says_how(number):
    outcome = release(CASES[number - 1])
    assert not outcome.ok and LOGGED[number] in " ".join(outcome.log.split())
    assert "refs/heads" not in outcome.log


@pytest.mark.proof
@pytest.mark.parametrize("number", FIXES)
def test_a_right_fix_with_its_cause_is_worth_all_points_and_nothing_is_said_against_it(number):
    clinic = Clinic()
    said = repr(clinic.case(number).fix(**FIXES[number], because=cause(number)))
    assert said.startswith(f"✓ case {number} solved, {FULL} points"), said
    assert DATA["cases"][number - 1]["why"] in said and "Not advised" not in said
    assert clinic.points == FULL


def test_each_case_has_a_cause_of_its_own_and_some_causes_are_no_case():
    causes = [cause(number) for number in FIXES]
    assert len(CASES) == len(set(causes)) == 8 and set(causes) < set(CAUSES)


@pytest.mark.proof
@pytest.mark.parametrize("because", ["", "owner"])
def test_a_fix_without_the_right_cause_is_worth_half(because):
    clinic = Clinic()
    said = repr(clinic.case(8).fix(**FIXES[8], because=because))
    assert said.startswith(f"✓ case 8 solved, {HALF} points") and "It was “rules”" in said
    assert ("“owner” was not the cause" in said) == bool(because)
    clinic.case(8).fix(**FIXES[8], because="rules")
    assert clinic.points == HALF, "the first fix that works is counted"


@pytest.mark.proof
@pytest.mark.parametrize(("because", "verdict"), [("owner", "is not"), ("rules", "is")])
def test_a_fix_in_vain_costs_the_same_whatever_it_names(because, verdict):
    case = Clinic().case(8)
    said = repr(case.fix(rules={"refs": ["refs/tags/release-*"]}, because=because))
    assert (
        said.startswith("✗ case 8 · it fails again") and f"“{because}” {verdict} the cause" in said
    )
    case.fix(**FIXES[8], because="rules")
    assert case.points == FULL - COST


# ---------------------------------------------------------------- what the course teaches


@pytest.mark.proof
@pytest.mark.parametrize("workflow", [TWO_JOBS, HARDENED.read_text("utf-8")])
def test_two_jobs_with_an_artifact_between_them_are_a_fix(workflow):
    said = repr(Clinic().case(6).fix({"release.yml": workflow}, because="expired"))
    assert said.startswith(f"✓ case 6 solved, {FULL} points"), said
    assert "Not advised" not in said
    assert said.index("$ uv build") < said.index("job publish") < said.index("$ uv publish")


def test_a_called_workflow_may_build_while_the_first_file_publishes():
    build, publish = TWO_JOBS.split("  publish:\n")
    called = build.replace("push:\n    tags: ['v[0-9]+.[0-9]+.[0-9]+']", "workflow_call:")
    top = build[: build.index("  build:")] + "  build:\n    uses: ./.github/workflows/publish.yml\n"
    edit = {"release.yml": f"{top}  publish:\n{publish}", "publish.yml": called}
    said = repr(Clinic().case(3).fix(edit, because="file"))
    assert said.startswith(f"✓ case 3 solved, {FULL} points") and "Not advised" not in said


@pytest.mark.proof
@pytest.mark.parametrize(
    ("old", "new", "logged"),
    [
        ("uv build --wheel", "uv build --wheel && exit 3", "job publish\nskipped"),
        ("name: dist, path: dist/}\n  publish", "name: files, path: dist/}\n  publish", "Artifact not found for name: dist"),
        ("      - uses: actions/checkout@v7\n", "", "[exit code 2]\njob publish\nskipped"),
        ("    environment: pypi\n", "", "invalid-publisher"),
        ("tags: ['v[0-9]+.[0-9]+.[0-9]+']", "branches: [main]", "No workflow started"),
        ("tags: ['v[0-9]+.[0-9]+.[0-9]+']", "tags: ['v*', '!v1.*']", "No workflow started"),
    ],
)  # fmt: skip
def test_both_jobs_really_run_so_a_fault_in_either_is_found(old, new, logged):
    said = repr(Clinic().case(6).fix(two_jobs(old, new), because="expired"))
    assert said.startswith("✗ case 6 · it fails again") and logged in said, said
    assert "skipped" not in logged or said.endswith("skipped")


@pytest.mark.proof
def test_a_job_that_fails_after_the_upload_fails_the_release():
    last = "  announce:\n    needs: publish\n    runs-on: ubuntu-latest\n    steps:\n      - run: exit 7\n"
    said = repr(Clinic().case(6).fix({"release.yml": TWO_JOBS + last}))
    assert said.startswith("✗ case 6 · it fails again") and said.endswith("[exit code 7]")


def test_jobs_that_need_one_that_is_not_there_are_not_counted():
    said = repr(Clinic().case(6).fix(two_jobs("[build]", "[tests]")))
    assert said.startswith("✗ case 6 · not counted") and "tests" in said
    said = repr(Clinic().case(6).fix(two_jobs("  build:\n", "  build:\n    needs: publish\n")))
    assert said.startswith("✗ case 6 · not counted")


def test_a_rule_that_asks_for_a_reviewer_is_no_obstacle():
    rules = {**FIXES[8]["rules"], "reviewer": "bob", "prevent_self_review": True}
    said = repr(Clinic().case(8).fix(rules=rules, because="rules"))
    assert said.startswith(f"✓ case 8 solved, {FULL}")


def test_a_release_on_the_other_index_is_green_and_no_fix():
    edit = {"run: uv publish": "run: uv publish --publish-url https://test.pypi.test/legacy/"}
    said = repr(Clinic().case(7).fix(edit, because="index"))
    assert said.startswith("✗ case 7 · it fails again") and "CI is green, but PyPI has no" in said


# ---------------------------------------------------------------- what works and is not advised


@pytest.mark.proof
@pytest.mark.parametrize(
    ("number", "fix", "sentence"),
    [
        (1, {"edit": {"    permissions:\n      contents: read\n": "    permissions: write-all\n"}}, "`write-all` also"),
        (1, {"edit": {"    permissions:\n      contents: read\n": ""}}, "every job of the workflow may"),
        (2, {"form": {"environment": ""}}, "a nightly job of the same file"),
        (3, {"form": {"workflow": "publish.yml"}}, "a called workflow"),
        (4, {"form": {"environment": ""}}, "a nightly job of the same file"),
        (8, {"rules": {"refs": []}}, "on Mallory's branch"),
        (8, {"rules": {"refs": ["refs/*/*"]}}, "on Mallory's branch"),
        (8, {"edit": {"    environment: pypi\n": ""}, "form": {"environment": ""}}, "a nightly job"),
    ],
)  # fmt: skip
def test_a_fix_that_is_not_advised_earns_less_and_the_reason(number, fix, sentence):
    said = repr(Clinic().case(number).fix(**fix, because=cause(number)))
    assert said.startswith(f"✓ case {number} solved, {FULL - DETOUR} points"), said
    advice = [line for line in said.splitlines() if line.startswith("Not advised: ")]
    assert len(advice) == 1 and sentence in advice[0]


def test_the_action_that_mints_needs_the_permission_too():
    said = repr(Clinic().case(6).fix({"id-token: write": "contents: read"}))
    assert said.endswith("Error: the job has no permission to request an ID token")


@pytest.mark.proof
@pytest.mark.parametrize("after", ["    uses:", "    steps:"])
def test_a_called_job_needs_the_permission_in_both_files(after):
    edit = {f"id-token: write\n{after}": f"contents: read\n{after}"}
    said = repr(Clinic().case(3).fix(edit, form={"workflow": "publish.yml"}))
    assert said.startswith("✗ case 3 · it fails again") and LOGGED[1] in said


def test_each_thing_that_is_not_advised_has_its_own_sentence():
    form = {"workflow": "publish.yml", "environment": ""}
    said = repr(Clinic().case(3).fix(form=form))
    assert said.count("Not advised: ") == 2 and "a called workflow" in said and "nightly" in said


def test_a_release_started_by_pull_request_target_is_no_fix():
    edit = {"contents: read": "id-token: write", "push:\n    tags: ['v*']": "pull_request_target:"}
    said = repr(Clinic().case(1).fix(edit))
    assert said.startswith("✗ case 1") and "No workflow started" in said


# ---------------------------------------------------------------- points


@pytest.mark.proof
@pytest.mark.parametrize("look", ["publisher", "claims", "environment"])
def test_each_look_costs_its_points_once(look):
    case = Clinic().case(8)
    getattr(case, look)(), getattr(case, look)()
    case.fix(**FIXES[8], because="rules")
    assert case.looks == [look] and case.points == FULL - COST


@pytest.mark.proof
def test_looking_at_the_workflow_is_free_and_a_detour_costs_as_much_as_two_looks():
    case = Clinic().case(2)
    assert "uv publish" in repr(case.workflow()) and not case.looks
    case.fix(form={"environment": ""}, because="environment")
    assert case.points == FULL - DETOUR == FULL - 2 * COST


@pytest.mark.proof
def test_looks_and_a_fix_in_vain_add_up_and_points_never_fall_below_zero():
    case = Clinic().case(8)
    case.workflow(), case.publisher(), case.claims()
    case.fix(rules={"refs": ["refs/heads/*"]})
    case.fix(**FIXES[8], because="rules")
    assert case.points == FULL - 3 * COST == 40
    case.named, case.misses = False, 9
    assert case.points == 0


@pytest.mark.proof
def test_after_it_is_solved_nothing_about_a_case_costs_points():
    case = Clinic().case(8)
    case.fix(**FIXES[8], because="rules")
    case.publisher()
    case.fix(rules={"refs": ["refs/heads/*"]})
    assert case.points == FULL


def test_no_fix_is_not_attempted_and_shows_the_log_and_the_causes():
    case = Clinic().case(8)
    for said in (repr(case.fix(...)), repr(case.fix(**FIXES[8], because=...))):
        assert said.startswith("○ case 8 not attempted") and LOGGED[8] in " ".join(said.split())
        assert said.endswith(", ".join(CAUSES))
    assert case.points == 0 and case.misses == 0 and not case.looks


@pytest.mark.parametrize(
    "fix",
    [
        {},
        {"edit": {"nowhere to be found": "x"}},
        {"edit": {"": "x"}},
        {"edit": 7},
        {"edit": "octo-org/mint@v1"},
        {"edit": {"v*": 3}},
        {"form": {"project": 3}},
        {"form": {"environment": None}},
        {"form": {"index": "the test one"}},
        {"edit": {"jobs:": "jobs"}},
        {"edit": {"v*": "v["}},
        {"edit": {"    steps:": "    env: none\n    steps:"}},
        {"edit": {"runs-on: ubuntu-latest": "environment: pypi"}},
        {"edit": {"run: uv publish": "run: echo done"}},
        {"form": {"owner_id": "666"}},
        {"form": {"workflow": "release"}},
        {"rules": {"refs": "v*"}},
        {"rules": {"branches": ["main"]}},
        {**FIXES[2], "because": "the weather"},
    ],
)
def test_a_fix_that_is_none_is_told_in_a_sentence_and_costs_nothing(fix):
    case = Clinic().case(2)
    said = repr(case.fix(**fix))
    assert said.startswith("✗ case 2 · not counted\n") and "Error" not in said
    assert said.endswith(".") and not said.endswith("..")
    assert case.misses == 0 and not case.solved


# ---------------------------------------------------------------- looks


def test_the_look_alike_letter_is_named_by_the_claims_and_by_nothing_else():
    case = Clinic().case(4)
    assert "CYRILLIC" in repr(case.claims())
    assert "CYRILLIC" not in repr(case.log) + repr(case.publisher()) + repr(case.workflow())


@pytest.mark.parametrize(("number", "reason"), [(1, "may not request"), (8, "refused to start")])
def test_a_job_without_an_id_token_has_no_claims_to_look_at(number, reason):
    case = Clinic().case(number)
    assert repr(case.claims()).startswith("no claims") and reason in repr(case.claims())


def test_all_claims_fit_where_only_the_index_is_wrong():
    case = Clinic().case(7)
    assert case.claims().ok and "index: TestPyPI" in repr(case.publisher())


def test_the_rule_is_seen_in_the_environment_and_not_in_the_log():
    case = Clinic().case(8)
    assert "refs/heads/main" in repr(case.environment()) and "main" not in repr(case.log)


def test_an_environment_may_be_stated_as_a_mapping():
    edit = {
        "runs-on: ubuntu-latest\n": "runs-on: ubuntu-latest\n    environment:\n      name: pypi\n"
    }
    assert repr(Clinic().case(2).fix(edit)).startswith("✓ case 2 solved")


@pytest.mark.proof
def test_a_log_is_the_same_on_every_run():
    assert release(CASES[1]).log == release(CASES[1]).log


def test_the_chapters_lab_is_left_alone():
    with Lab(at="2026-05-29 00:07") as lab:
        before = len(lab.events)
        Clinic().case(8).fix(**FIXES[8])
        now = lab.clock.now()
        assert len(lab.events) == before and (now.year, now.month) == (2026, 5)


@pytest.mark.proof
def test_points_and_logs_display_as_tables_and_boxes_in_html():
    clinic = Clinic()
    clinic.case(8).fix(**FIXES[8], because="rules")
    assert "fixed, cause named" in repr(clinic) and "of 800" in clinic._repr_html_()
    said = clinic.case(7).fix(...)
    assert "<pre" in said._repr_html_() and "case 7 not attempted" in said._repr_html_()
    assert all(word in repr(Clinic.causes) for word in CAUSES)


def test_there_is_no_ninth_case():
    with pytest.raises(LookupError, match="from 1 to 8"):
        Clinic().case(9)


def test_a_case_holds_texts_that_a_maintainer_could_have():
    assert all(isinstance(case, Situation) and case.changed({}, {}, {}) == case for case in CASES)
