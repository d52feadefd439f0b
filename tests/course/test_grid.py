"""The grid of chapter 08: a sample of its cells. `tests/proof/test_whole_grid.py` runs all 276."""

import csv
import gc
from pathlib import Path

import pytest

from course.ch08 import attacks
from course.ch08.grid import COLUMNS, run, works
from course.ch08.pipeline import Pipeline, Shelf
from helpers.machine.steps import StepMachine
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment, Repository

with Path(__file__).with_name("grid.csv").open(encoding="utf-8", newline="") as file:
    MEASURED = {row.pop("attack"): row for row in csv.DictReader(file)}
SAMPLE = [
    (attacks.leftover_token, "T"), (attacks.leftover_token, "TR"),
    (attacks.token_in_debug_log, "T"), (attacks.token_in_debug_log, "TB"),
    (attacks.repository_made_again, "TEP"), (attacks.other_job, "TE"),
    (attacks.pull_request_target, "T"), (attacks.changed_workflow, "TEP"),
    (attacks.merged_line, "all"), (attacks.dependency_reads, "TS"),
    (attacks.dependency_alters, "TH"), (attacks.moved_tag, "TC"),
    (attacks.test_dependency, "T"), (attacks.test_dependency, "TS"),
    (attacks.test_dependency, "TSD"), (attacks.script_injection, "TS"),
    (attacks.provider_key, "T"), (attacks.provider_key, "TV"),
]  # fmt: skip


def test_the_measured_grid_has_a_row_for_each_attack_and_a_column_for_each_defense():
    assert list(MEASURED) == [attack.__doc__ for attack in attacks.ATTACKS]
    assert all(list(row) == list(COLUMNS) for row in MEASURED.values())


@pytest.mark.parametrize(
    ("attack", "column"), SAMPLE, ids=lambda part: getattr(part, "__name__", part)
)
def test_a_cell_is_as_measured(attack, column):
    outcome = run(attack, Pipeline.of(COLUMNS[column]))
    assert str(outcome) == MEASURED[attack.__doc__][column], outcome.why


def test_an_honest_release_reaches_its_users():
    assert all(works(Pipeline.of(COLUMNS[column])) for column in ("none", "T", "TEP", "TSD"))


def test_attestations_without_a_trusted_publisher_let_nothing_through():
    assert not works(Pipeline(attested=True))


def test_an_outcome_carries_what_the_attacker_met():
    why = run(attacks.pull_request_target, Pipeline.of("T")).why
    assert any("invalid-publisher" in each for each in why)


def test_an_outcome_carries_what_the_attacker_got():
    outcome = run(attacks.provider_key, Pipeline.of("TV"))
    assert outcome.how == (
        "the signing authority gives her a certificate for an ID token",
        "the index gives her an API token for an ID token",
        "she publishes octo-rocket 6.6.6 with an attestation",
        "she publishes octo-rocket 6.7.0 with an attestation",
    )


def test_of_two_attestations_she_keeps_one_that_the_policy_accepts():
    in_pypi = run(
        attacks.changed_workflow,
        Pipeline.of("TV"),
        lambda certificate: certificate.get("deployment environment") == "pypi",
    )
    assert str(in_pypi) == "6 h"
    assert run(attacks.changed_workflow, Pipeline.of("TV"), lambda certificate: False).stopped


def pull_request_and_cache(project, mallory):
    def poison(here):
        project.repository.cache["rocket-builder"] = attacks.BUILDER + attacks.AND_MALLORY

    project.malware = poison
    project.try_out("pull_request_target")
    project.malware = mallory.everything
    project.release()


def test_a_pull_request_and_the_cache_together_do_what_neither_row_alone_says():
    assert run(attacks.pull_request_target, Pipeline.of("T")).stopped
    assert str(run(pull_request_and_cache, Pipeline.of("T"))) == "6 h"
    assert run(pull_request_and_cache, Pipeline.of("TH")).stopped


def pushed_tag(project, mallory):
    mallory.work_in(GitHubJob(ref="refs/tags/v9", actor="mallory"))


def test_only_bob_stops_a_tag_that_mallory_pushes():
    (why,) = run(pushed_tag, Pipeline.of("TEP")).why
    assert "expected an approval by bob, got none" in why
    assert str(run(pushed_tag, Pipeline.of("TE"))) == "6 h"


def test_a_name_can_be_moved_and_a_digest_cannot():
    shelf = Shelf()
    digest = shelf.put("tool", "old")
    shelf.put("tool", "new")
    assert shelf.get("tool") == "new" and shelf.get("tool", digest) == "old"


# ---------------------------------------------------------------- the machine that runs steps


@pytest.fixture
def machine():
    here = StepMachine(GitHubJob(), {"A": "1"}, {"TOKEN": "secret"}, {"note": note})
    yield here
    here.close()


def note(here):
    here.environment["SEEN"] = here.environment.get("B", "-")
    (here.folder / "seen").write_text(here.environment.get("B", "-"))


def test_a_steps_variables_are_gone_after_it(machine):
    machine.run("note(here)", B="2")
    assert (machine.folder / "seen").read_text() == "2" and "B" not in machine.environment


def test_a_waiting_process_sees_later_steps_and_ends_with_the_job(machine):
    seen = []
    machine.waiting.append(lambda here: seen.append(dict(here.environment)))
    machine.run("pass", C="3")
    assert seen == [{"A": "1", "C": "3"}]
    machine.close()
    assert machine.waiting == [] and not machine.folder.exists()


def test_text_replaces_an_expression_before_bash_starts(machine):
    machine.shell('echo "${{ title }}"', title='x"; >made; "')
    assert (machine.folder / "made").exists()


def test_secrets_belong_to_the_repository_and_to_its_environments():
    inner = Environment(secrets={"INNER": "2"})
    repository = Repository("octo-org/rocket", "74", {"pypi": inner}, secrets={"OUTER": "1"})
    assert repository.secrets_for(GitHubJob()) == {"OUTER": "1", "INNER": "2"}
    assert repository.secrets_for(GitHubJob(environment="")) == {"OUTER": "1"}
    assert repository.secrets_for(GitHubJob(from_fork=True)) == {}


def test_a_machine_that_nobody_has_any_more_leaves_no_folder():
    folder = StepMachine(GitHubJob(), {}, {}, {}).folder
    gc.collect()
    assert not folder.exists()
