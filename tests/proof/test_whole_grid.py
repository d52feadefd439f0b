"""The whole grid of chapter 08, twice in two processes, and the lab broken in ten places."""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "course"))  # for a spawned process, too

from test_grid import MEASURED  # noqa: E402

from course.ch08 import attacks, pipeline  # noqa: E402
from course.ch08.grid import COLUMNS, matrix, run  # noqa: E402
from course.ch08.pipeline import Pipeline, Project, Shelf  # noqa: E402
from helpers.index.index import Index  # noqa: E402
from helpers.provider.repository import Repository  # noqa: E402


def words(chosen):
    """The cells of these attacks, as they are written in the measured grid."""
    names = [each.__name__ for each in chosen]
    rows = matrix(each for each in attacks.ATTACKS if each.__name__ in names)
    return {attack: {c: str(o) for c, o in row.items()} for attack, row in rows.items()}


def test_three_processes_run_the_whole_grid_and_agree_with_the_measured_one():
    halves = [attacks.ATTACKS[0::2], attacks.ATTACKS[1::2]]
    with ProcessPoolExecutor(2) as processes:
        found = [processes.submit(words, half) for half in halves * 2]
        first, second = found[0].result() | found[1].result(), found[2].result() | found[3].result()
    assert first == second == MEASURED


def nothing(*_, **__):
    return None


BROKEN = {
    "burning does nothing": (Index, "burn_token", nothing, attacks.token_in_debug_log, "TB"),
    "revoking does nothing": (Index, "revoke_api_token", nothing, attacks.leftover_token, "TR"),
    "environments have no rules": (Repository, "admit", nothing, attacks.changed_workflow, "TEP"),
    "a jti may be used again": (
        "helpers.index.exchange", "_claim_jti", nothing, attacks.forged_or_replayed, "T"),
    "a digest can be moved": (
        Shelf, "get", lambda self, name, digest="": self._things[self._names[name]],
        attacks.moved_tag, "TC"),
    "the lock is not looked at": (
        Project, "builder", lambda self: self.shelf.get("rocket-builder"),
        attacks.dependency_alters, "TH"),
    "the digest of dist/ is always the same": (
        pipeline, "digest_of", lambda files: "", attacks.test_dependency, "TSD"),
    "request tokens live for a month": (
        "helpers.provider.issuer", "JOB_LIMIT", 31 * 86400, attacks.moved_tag, "T"),
    "installers do not check": (
        "course.ch08.clients", "check_provenance", nothing, attacks.index_account, "TV"),
    "the publisher's environment is not compared": (
        "course.ch08.pipeline", "replace", lambda job, **changes: _without(job, changes),
        attacks.other_job, "TE"),
}  # fmt: skip


def _without(value, changes):
    from dataclasses import fields, replace

    known = {each.name for each in fields(value)}
    if "workflow" in known and "owner" in known:
        changes["environment"] = ""
    return replace(value, **changes)


@pytest.mark.parametrize("title", BROKEN)
def test_a_broken_lab_changes_the_cell(title, monkeypatch):
    owner, name, value, attack, column = BROKEN[title]
    sound = str(run(attack, Pipeline.of(COLUMNS[column])))
    assert sound == MEASURED[attack.__doc__][column]
    if isinstance(owner, str):
        monkeypatch.setattr(f"{owner}.{name}", value)
    else:
        monkeypatch.setattr(owner, name, value)
    assert str(run(attack, Pipeline.of(COLUMNS[column]))) != sound
