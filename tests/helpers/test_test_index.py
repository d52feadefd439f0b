"""The lab's TestPyPI: another index of the same kind, with nothing in common but the providers."""

import httpx
import pytest
from support import PUBLISHER, said

from helpers.index import api_tokens
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob

TEST = "https://test.pypi.test"


@pytest.fixture
def lab():
    lab = Lab()
    lab.test_index.add_project("octo-rocket", owner="alice")
    lab.test_index.add_publisher("octo-rocket", PUBLISHER)
    return lab


def mint(lab, origin: str, audience: str) -> httpx.Response:
    token = lab.github.id_token(GitHubJob(), audience=audience)
    return lab.http.post(f"{origin}/_/oidc/mint-token", json={"token": token})


def test_it_starts_empty():
    lab = Lab()
    assert list(lab.index.projects) == ["octo-rocket"]
    assert not lab.test_index.projects and not lab.test_index.events


def test_each_index_names_its_audience_and_takes_no_id_token_for_the_other(lab):
    for origin, audience, other in (
        ("https://pypi.test", "pypi", "testpypi"),
        (TEST, "testpypi", "pypi"),
    ):
        assert lab.http.get(f"{origin}/_/oidc/audience").json() == {"audience": audience}
        assert mint(lab, origin, audience).status_code == 200
        refused = mint(lab, origin, other)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["code"] == "invalid-token"


@pytest.mark.parametrize("issued", ["by exchange", "to a user"])
def test_the_api_tokens_of_one_are_unknown_to_the_other(lab, issued):
    def issue(index, origin):
        if issued == "to a user":
            return index.create_api_token("alice")
        return mint(lab, origin, index.audience).json()["token"]

    here, there = issue(lab.index, "https://pypi.test"), issue(lab.test_index, TEST)
    assert api_tokens.identifier(here) != api_tokens.identifier(there)
    for token, origin in ((here, TEST), (there, "https://pypi.test")):
        answer = lab.http.post(f"{origin}/legacy/", headers={"Authorization": f"Bearer {token}"})
        assert said(answer)[0] == 403 and "Invalid or non-existent" in said(answer)[1]
    with pytest.raises(LookupError):
        lab.test_index.revoke_api_token(here)


def test_projects_publishers_and_users_are_its_own(lab):
    lab.test_index.add_project("octo-radar", owner="mallory")
    assert "octo-radar" not in lab.index.projects
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    assert lab.test_index.publishers("octo-rocket") == [PUBLISHER]
    ids = {index.projects["octo-rocket"].id for index in (lab.index, lab.test_index)}
    assert len(ids) == 2


def test_the_event_log_tells_the_two_apart(lab):
    before = len(lab.index.events)
    mint(lab, TEST, "testpypi")
    assert len(lab.index.events) == before
    assert [event.action for event in lab.test_index.events][-1] == "mint-token"
    assert {event.actor for event in lab.events.of("github")} == {"test index"}


def test_a_self_managed_issuer_is_known_to_both(lab):
    url = "https://gitlab.octo.example"
    lab.add_issuer(url)
    assert url in lab.index.issuers and url in lab.test_index.issuers


def test_behind_https_it_has_a_port_of_its_own_under_the_same_authority(lab):
    with lab.serve() as live:
        with live.runner(GitHubJob()) as runner:
            code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1] + '/_/oidc/audience').read().decode())"
            answers = [
                runner.run(["python", "-c", code, url]).log for url in (live.url, live.test_url)
            ]
    assert ["testpypi" in answer for answer in answers] == [False, True]


def test_a_client_of_the_lab_is_known_to_the_log_by_its_name(lab):
    with lab.client("mallory") as mallory:
        mallory.get(f"{TEST}/simple/")
    assert lab.test_index.events[-1].client == "mallory"


def test_both_verify_attestations_with_the_keys_of_the_labs_signing_authority(lab):
    assert lab.index.trust() is lab.test_index.trust() is lab.trust
