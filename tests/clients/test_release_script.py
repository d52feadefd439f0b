"""What exercise 6.2 and chapter 06 say of a release script, tried: bash runs it, with the real uv of today and of that day."""

import shutil
from pathlib import Path

import pytest

from course.ch06 import exercises
from helpers.provider.jobs import GitHubJob

pytestmark = pytest.mark.proof

ROCKET = Path(__file__).parent.parent.parent / "notebooks" / "data" / "rocket"
SCRIPT = "bash bin/publish"


@pytest.fixture
def released(desk, tmp_path):
    """What became of a release of one of the rocket's states: "token", "trusted" or "fails"."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not there")

    def release(state, token, may_ask, path=()):
        folder = Path(shutil.copytree(ROCKET / state, tmp_path / "rocket"))
        secrets = {} if token is None else {"PYPI_TOKEN": token}
        machine = desk.machine(
            GitHubJob(id_token=may_ask), folder=folder, secrets=secrets, path=path
        )
        machine.environment["UV_PUBLISH_URL"] = desk.url
        run = machine.run(SCRIPT)
        if not run.ok:
            return "fails"
        return "trusted" if "mint-token" in desk.asked() else "token"

    return release


@pytest.fixture
def tokens(desk):
    """A token that works, one that is revoked, and a secret that does not exist."""
    good, dead = desk.lab.index.create_api_token("alice"), desk.lab.index.create_api_token("alice")
    desk.lab.index.revoke_api_token(dead)
    return {"set": good, "revoked": dead, "deleted": ""}


@pytest.mark.proof
@pytest.mark.parametrize(
    ("secret", "may_ask", "line"),
    [
        ("set", True, "the secret is set, and the job may ask"),
        ("set", False, "the secret is set, and the job may not ask"),
        ("deleted", True, "the secret was deleted, and the job may ask"),
        ("deleted", False, "the secret was deleted, and the job may not ask"),
        ("revoked", True, "a revoked token is still the secret, and the job may ask"),
    ],
)
def test_the_five_mornings_end_as_the_exercise_says(secret, may_ask, line, released, tokens):
    names = {}
    exec(exercises.q6_2.answer, names)
    assert released("half_migrated", tokens[secret], may_ask) == names["mornings"][line]


@pytest.mark.parametrize(
    ("state", "secret", "may_ask", "outcome"),
    [
        ("by_token", "set", False, "token"),
        ("granted", "set", True, "token"),
        ("half_migrated", None, False, "fails"),
        ("migrated", None, True, "trusted"),
    ],
)
@pytest.mark.parametrize("then", [False, True], ids=["today's uv", "uv 0.9.13"])
def test_each_state_releases_or_fails_with_either_uv(
    state, secret, may_ask, outcome, then, released, tokens, request
):
    path = (request.getfixturevalue("old_uv"),) if then else ()
    assert released(state, tokens.get(secret), may_ask, path) == outcome


@pytest.mark.parametrize(("flag", "exit_code"), [("", 0), ("--trusted-publishing always", 2)])
@pytest.mark.parametrize("then", [False, True], ids=["today's uv", "uv 0.9.13"])
def test_only_with_the_flag_does_a_rehearsal_without_the_permission_fail(
    flag, exit_code, then, desk, tmp_path, request
):
    path = (request.getfixturevalue("old_uv"),) if then else ()
    folder = Path(shutil.copytree(ROCKET / "half_migrated", tmp_path / "rocket"))
    machine = desk.machine(GitHubJob(id_token=False), folder=folder, path=path)
    machine.environment["UV_PUBLISH_URL"] = desk.url
    assert machine.run("uv build").ok
    rehearsal = machine.run(f"uv publish --dry-run {flag}")
    assert rehearsal.exit_code == exit_code
    assert ("error" in rehearsal.log) == (then or bool(flag)), "today's uv says nothing"
