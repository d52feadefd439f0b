"""The release desk: an ID token exchanged, a small release uploaded."""

import pytest
from packaging.utils import InvalidSdistFilename

from course.desk import exchange, post_file, upload
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob

WHEEL, SDIST = "octo_rocket-1.0-py3-none-any.whl", "octo_rocket-1.0.tar.gz"


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def test_an_exchange_returns_a_token_or_the_code_of_the_refusal(lab):
    id_token = lab.github.id_token(GitHubJob())
    api_token, refusal = exchange(lab, id_token)
    assert api_token.startswith("pypi-") and refusal == ""
    assert exchange(lab, id_token) == ("", "invalid-reuse-token")


@pytest.mark.parametrize("filename", [WHEEL, SDIST])
def test_an_upload_publishes_a_wheel_or_an_sdist_under_the_projects_name(lab, filename):
    api_token, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    assert upload(lab, api_token, filename)
    assert [file.filename for file in lab.index.projects["octo-rocket"].files] == [filename]


def test_a_refused_upload_says_why(lab):
    assert not upload(lab, "pypi-made-up", WHEEL)
    answer = post_file(
        lab.http, lab.index.create_api_token("alice", project="octo-rocket"), "other-1.0.tar.gz"
    )
    assert answer.status_code == 403 and "not valid for project: 'other'" in answer.reason_phrase


def test_other_content_under_a_published_name_is_refused(lab):
    api_token, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    assert upload(lab, api_token, WHEEL, b"first")
    assert not upload(lab, api_token, WHEEL, b"second")


def test_a_filename_that_names_no_version_is_refused(lab):
    with pytest.raises(InvalidSdistFilename):
        upload(lab, "", "octo_rocket.zip")
