"""The exposure model: closed form against simulation, the fits against the facts they are made from, the
table of incidents."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.ch01.leakage import (
    HORIZON,
    MINUTE,
    SECOND,
    YEAR,
    Detection,
    Policy,
    duration,
    incidents,
    lengths,
    one_speed,
    simulate,
    two_speeds,
)

TABLE = Path(__file__).parents[2] / "notebooks" / "data" / "incidents.csv"
SPEEDS = two_speeds(31, 0.74, late=4 * YEAR, late_alive=0.64, early=3, early_share=0.9)
POLICIES = [
    Policy("as it is", projects=12),
    Policy("twice as fast", projects=12, faster=2),
    Policy("every 90 days", projects=12, rotation=90),
    Policy("every 30 days", rotation=30),
    Policy("15 minutes", lifetime=15 * MINUTE),
    Policy("burned", lifetime=20 * SECOND),
    Policy("rotated and expiring", rotation=90, lifetime=60, faster=3),
]


@pytest.mark.proof
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("speeds", [SPEEDS, one_speed(31, 0.74)], ids=["two speeds", "one speed"])
def test_ten_million_simulated_releases_agree_with_the_closed_form_within_three_standard_errors(
    policy, speeds
):
    releases = 10_000_000 if policy is POLICIES[0] else 4_000_000
    simulated = simulate(policy, speeds, releases=releases, seed=23)
    assert simulated.standard_error > 0
    assert abs(simulated.mean - policy.exposure(speeds)) < 3 * simulated.standard_error


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_exposure_is_the_integral_of_the_share_alive(policy):
    end = min(policy.lifetime, policy.rotation, HORIZON)
    days = np.linspace(0, end, 400_001)[:-1] + end / 800_000  # the middles of the steps
    assert policy.exposure(SPEEDS) == pytest.approx(
        policy.alive(days, SPEEDS).mean() * end, rel=1e-6
    )


def test_simulation_is_the_same_for_the_same_seed_and_another_for_another():
    policy = POLICIES[2]
    first, again, other = (simulate(policy, SPEEDS, releases=1000, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_shorter_horizon_counts_less():
    assert POLICIES[0].exposure(SPEEDS, horizon=31) < 31 < POLICIES[0].exposure(SPEEDS, horizon=365)


def test_project_days_are_days_times_projects():
    assert POLICIES[0].project_days(SPEEDS) == pytest.approx(
        12 * Policy("one").project_days(SPEEDS)
    )


def test_twice_as_fast_halves_every_mean():
    assert SPEEDS.faster(2).means == tuple(mean / 2 for mean in SPEEDS.means)


def test_one_speed_meets_its_fact_and_is_refuted_by_the_other_two():
    speed = one_speed(31, 0.74)
    assert speed.alive(31) == pytest.approx(0.74)
    assert speed.means[0] == pytest.approx(103, abs=0.5)
    assert 1 - speed.alive(3) == pytest.approx(0.03, abs=0.005)
    assert speed.alive(4 * YEAR) < 1e-6


def test_two_speeds_meet_all_three_facts():
    assert SPEEDS.alive([0, 31, 4 * YEAR]) == pytest.approx([1, 0.74, 0.64])
    assert 1 - SPEEDS.alive(3) == pytest.approx(0.9 * 0.26)
    assert SPEEDS.means[0] == pytest.approx(1.3, abs=0.1)
    assert 20 * YEAR < SPEEDS.means[1] < 40 * YEAR


def test_facts_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="contradict"):
        two_speeds(31, 0.74, late=4 * YEAR, late_alive=0.01, early=3, early_share=0.9)
    with pytest.raises(ValueError, match="contradict"):  # then the slow group is larger than all
        two_speeds(31, 0.95, late=60, late_alive=0.5, early=3, early_share=0.9)


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="add up to 1"):
        Detection((0.5, 0.4), (1, 2))


@given(
    st.floats(0.001, 5000),
    st.floats(0.001, 5000),
    st.floats(0.01, 1e5),
    st.floats(0.01, 1e5),
    st.floats(0, 1),
)
def test_exposure_lies_between_nothing_and_the_shortest_limit_whatever_the_numbers(
    life, rotation, fast, slow, share
):
    speeds = Detection((share, 1 - share), (fast, slow))
    policy = Policy("any", lifetime=life, rotation=rotation)
    assert 0 < policy.exposure(speeds) <= min(life, rotation, HORIZON) * (1 + 1e-9)
    assert policy.exposure(speeds) <= Policy("no rotation", lifetime=life).exposure(speeds) * (
        1 + 1e-9
    )


def test_every_incident_has_a_source_and_a_clock():
    rows = incidents(TABLE)
    assert {row.clock for row in rows} == {"credential", "release", "survey", "thief"}
    assert all(row.source and row.known for row in rows)
    assert all((row.share_alive is None) != (row.clock == "survey") for row in rows)


def test_the_length_of_an_incident_says_whether_it_is_a_bound_or_unknown():
    shown = {row.length for row in incidents(TABLE)}
    assert {"483 days", "at most 10 days", "?"} <= shown
    assert {row[0] for row in lengths(incidents(TABLE), "thief")} == {"fastest use of a decoy"}


def test_what_the_groups_add_is_the_exposure():
    fast, slow = POLICIES[2].by_group(SPEEDS)
    assert 0 < fast < slow and fast + slow == POLICIES[2].exposure(SPEEDS)


def test_an_incidents_days_are_those_between_its_dates():
    dated = [row for row in incidents(TABLE) if row.start.count("-") == 2]
    assert len(dated) == 2
    for row in dated:
        assert row.days == pytest.approx(
            (date.fromisoformat(row.end) - date.fromisoformat(row.start)).days
        )


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (20 * SECOND, "20 s"),
        (15 * MINUTE, "15 min"),
        (152 * MINUTE, "2 h 32 min"),
        (3 / 24, "3 h"),
        (10, "10 days"),
        (483, "483 days"),
        (4 * YEAR, "4 years"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_suits_it(days, text):
    assert duration(days) == text
