"""Unmodified clients against the lab's TestPyPI: uv, twine and pip, each pointed at its own port."""

import pytest

from helpers.provider.jobs import GitHubJob, GitLabJob

pytestmark = pytest.mark.proof


@pytest.fixture
def rehearsal(desk):
    """A project on the lab's TestPyPI, with the publishers of octo-rocket."""
    index = desk.lab.test_index
    index.add_project("octo-rocket", owner="alice")
    for publisher in desk.lab.index.publishers("octo-rocket"):
        index.add_publisher("octo-rocket", publisher)
    return desk


def files(desk) -> list[str]:
    return sorted(file.filename for file in desk.lab.test_index.projects["octo-rocket"].files)


def test_uv_publishes_there_and_nothing_arrives_at_the_index(rehearsal):
    run = rehearsal.run(f"uv publish --publish-url {rehearsal.live.test_url}/legacy/")
    assert run.ok, run
    assert files(rehearsal) == rehearsal.BOTH and rehearsal.files == []
    asked = [event.action for event in rehearsal.lab.test_index.events if event.client == "uv"]
    assert asked == ["audience", "mint-token", "upload", "upload", "burn-token"]
    assert rehearsal.asked() == []


def test_a_publisher_that_only_the_index_knows_is_not_found_there(rehearsal):
    index = rehearsal.lab.test_index
    index.remove_publisher("octo-rocket", index.publishers("octo-rocket")[0])
    run = rehearsal.run(
        f"uv publish --publish-url {rehearsal.live.test_url}/legacy/ --trusted-publishing always"
    )
    assert run.exit_code == 2 and "invalid-publisher" in run.log and files(rehearsal) == []


def test_a_dry_run_there_mints_and_burns_and_uploads_nothing(rehearsal):
    run = rehearsal.run(f"uv publish --dry-run --publish-url {rehearsal.live.test_url}/legacy/")
    assert run.ok and files(rehearsal) == []


def test_twine_uploads_there_with_a_token_of_its_own(rehearsal):
    token = rehearsal.lab.test_index.create_api_token("alice", "octo-rocket")
    command = f"twine upload --disable-progress-bar --repository-url {rehearsal.live.test_url}/legacy/ dist/octo_rocket-1.0.0-py3-none-any.whl"
    secrets = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token}
    run = rehearsal.run(command, secrets=secrets)
    assert run.ok, run
    assert files(rehearsal) == rehearsal.BOTH[:1]
    refused = rehearsal.run(
        command.replace(rehearsal.live.test_url, rehearsal.live.url), secrets=secrets
    )
    assert refused.exit_code == 1 and "403" in refused.log


def test_pip_installs_from_there(rehearsal, tmp_path):
    rehearsal.run(f"uv publish --publish-url {rehearsal.live.test_url}/legacy/")
    with rehearsal.live.runner(GitLabJob(id_tokens={}), folder=tmp_path) as user:
        install = "pip install --no-deps --target here octo-rocket"
        assert user.run(install).exit_code == 1  # the index has no file of it
        run = user.run(f"{install} --index-url {rehearsal.live.test_url}/simple/")
        assert run.ok, run
    assert (tmp_path / "here/octo_rocket/__init__.py").exists()


def test_an_id_token_for_the_index_is_asked_for_by_the_index_alone(rehearsal):
    machine = rehearsal.machine(GitHubJob())
    machine.run(f"uv publish --publish-url {rehearsal.live.test_url}/legacy/")
    asked = [event.detail for event in rehearsal.lab.events if event.action == "id-token"]
    assert asked == ["audience testpypi"]
