"""The clinic: every case fails by itself, a right repair mends it, and one that opens the door to others does not count."""

import pytest

from course.ch06.clinic import FULL, LOOK, MISS, Clinic, release
from course.ch06.clinic_cases import CASES
from helpers.lab import Lab

REPAIRS = {
    1: {"edit": {"contents: read": "contents: read\n      id-token: write"}},
    2: {"edit": {"    permissions:": "    environment: pypi\n    permissions:"}},
    3: {"form": {"workflow": "publish.yml"}},
    4: {"form": {"environment": "pypi"}},
    5: {"project": "octo-comet"},
    6: {"edit": {"      - uses: octo-org/mint@v1\n": ""}},
}
LOGGED = {
    1: "missing ACTIONS_ID_TOKEN_REQUEST_URL",
    2: "invalid-publisher",
    3: "invalid-publisher",
    4: "invalid-publisher",
    5: "Non-user identities cannot create new projects",
    6: "token is expired",
}


@pytest.mark.parametrize("number", REPAIRS)
def test_a_case_fails_and_its_log_says_how(number):
    log, ok, intruder = release(CASES[number - 1])
    assert not ok and not intruder
    assert LOGGED[number] in " ".join(log.split())


@pytest.mark.parametrize("number", REPAIRS)
def test_a_right_repair_is_worth_all_points(number):
    clinic = Clinic()
    said = repr(clinic.case(number).repair(**REPAIRS[number]))
    assert said.startswith(f"✓ case {number} solved, {FULL} points"), said
    assert clinic.points == FULL


@pytest.mark.parametrize(
    ("number", "repair", "who"),
    [
        (2, {"form": {"environment": ""}}, "nightly job"),
        (3, {"form": {"workflow": "publish.yml", "environment": ""}}, "nightly job"),
        (4, {"form": {"environment": ""}}, "nightly job"),
    ],
)
def test_a_repair_that_lets_others_in_does_not_count(number, repair, who):
    clinic = Clinic()
    said = repr(clinic.case(number).repair(**repair))
    assert said.startswith(f"✗ case {number} · now this one gets a token, too") and who in said
    assert clinic.points == 0 and clinic.case(number).misses == 1


def test_looking_and_failing_cost_points_and_a_second_look_at_the_same_thing_does_not():
    case = Clinic().case(2)
    case.workflow(), case.workflow(), case.claims()
    case.repair(form={"environment": "production"})
    case.repair(**REPAIRS[2])
    assert case.points == FULL - 2 * LOOK - MISS == 50


def test_no_repair_is_not_attempted_and_shows_the_log():
    case = Clinic().case(1)
    said = repr(case.repair(...))
    assert said.startswith("○ case 1 not attempted") and LOGGED[1] in said
    assert case.points == 0 and case.misses == 0


@pytest.mark.parametrize(
    "repair",
    [
        {},
        {"edit": {"nowhere to be found": "x"}},
        {"edit": {"": "x"}},
        {"edit": 7},
        {"edit": "octo-org/mint@v1"},
        {"project": 3},
        {"edit": {"jobs:": "jobs"}},
        {"edit": {"run: uv publish": "run: echo done"}},
        {"form": {"owner_id": "666"}},
        {"form": {"workflow": "release"}},
    ],
)
def test_a_repair_that_is_none_is_told_in_a_sentence_and_costs_nothing(repair):
    case = Clinic().case(2)
    said = repr(case.repair(**repair))
    assert said.startswith("✗ case 2 · not counted: ") and "Error" not in said
    assert case.misses == 0


def test_the_look_alike_letter_is_named_by_the_claims_and_by_nothing_else():
    case = Clinic().case(4)
    assert "CYRILLIC" in repr(case.claims())
    assert "CYRILLIC" not in repr(case.log) + repr(case.publisher()) + repr(case.workflow())


def test_a_job_that_may_not_ask_has_no_claims_to_look_at():
    case = Clinic().case(1)
    assert repr(case.claims()).startswith("no claims") and case.looks == ["claims"]


def test_an_environment_may_be_stated_as_a_mapping():
    repair = {
        "runs-on: ubuntu-latest\n": "runs-on: ubuntu-latest\n    environment:\n      name: pypi\n"
    }
    assert repr(Clinic().case(2).repair(repair)).startswith("✓ case 2 solved")


def test_a_release_started_by_pull_request_target_is_no_repair():
    repair = {
        "contents: read": "id-token: write",
        "push:\n    tags: ['v*']": "pull_request_target:",
    }
    assert (
        "pull_request_target"
        in repr(Clinic().case(1).repair(repair)).partition("it fails again")[2]
    )


def test_a_log_is_the_same_on_every_run():
    assert [release(case)[0] for case in CASES[:2]] == [release(case)[0] for case in CASES[:2]]


def test_the_chapters_lab_is_left_alone():
    with Lab(at="2026-05-29 00:07") as lab:
        before = len(lab.events)
        Clinic().case(1).repair(**REPAIRS[1])
        assert (
            len(lab.events) == before
            and lab.clock.now().year == 2026
            and lab.clock.now().month == 5
        )


def test_there_is_no_seventh_case():
    with pytest.raises(LookupError, match="from 1 to 6"):
        Clinic().case(7)
