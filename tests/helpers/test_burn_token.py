"""burn-token: always the same answer, and minted tokens that are dead after it."""

import pytest
from support import INDEX, OTHER, OTHER_JOB, PUBLISHER, burn, mint, said, snapshot, upload

from helpers.index import api_tokens
from helpers.lab import Lab

REFUSED = "Invalid or non-existent authentication information."


@pytest.fixture
def lab():
    return Lab()


def accepted(response) -> bool:
    """Whether the answer is the one and only answer."""
    return (response.status_code, response.json()) == (
        202,
        {"message": "Accepted", "errors": []},
    ) and (response.headers["content-type"] == "application/json")


def test_a_burned_token_is_dead(lab):
    token = mint(lab)
    assert accepted(burn(lab, token))
    status, reason = said(upload(lab, token))
    assert status == 403 and reason.startswith(REFUSED)
    event = lab.index.events[-2]
    assert (event.action, event.ok, event.actor) == ("burn-token", True, str(PUBLISHER))


def test_burning_is_not_limited_to_once_nor_to_tokens_that_still_live(lab):
    token = mint(lab)
    lab.clock.advance(minutes=16)
    assert accepted(burn(lab, token)) and lab.index.events[-1].ok
    assert accepted(burn(lab, token)) and not lab.index.events[-1].ok


def test_other_tokens_live_on(lab):
    first, second = mint(lab), mint(lab)
    burn(lab, first)
    assert upload(lab, second).status_code == 200


def test_the_publisher_can_mint_again(lab):
    burn(lab, mint(lab))
    assert upload(lab, mint(lab)).status_code == 200


def test_the_identifier_decides_whatever_the_signature(lab):
    token = mint(lab)
    forged = api_tokens.mint(api_tokens.identifier(token), [])
    assert forged != token and accepted(burn(lab, forged))
    assert upload(lab, token).status_code == 403


def test_the_identifier_decides_whatever_the_caveats(lab):
    token = mint(lab)
    assert accepted(burn(lab, api_tokens.attenuate(token, [99, "nobody knows this"])))
    assert upload(lab, token).status_code == 403


@pytest.mark.parametrize("project", [None, "octo-rocket"])
def test_a_users_token_is_left_alone_and_noted(lab, project):
    token = lab.index.create_api_token("alice", project)
    before = snapshot(lab)
    assert accepted(burn(lab, token)) and snapshot(lab) == before
    event = lab.index.events[-1]
    assert (event.action, event.actor, event.ok) == ("burn-token", "alice", False)
    assert event.detail.endswith("is a user's and was left alone")
    assert upload(lab, token).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"token": 7}',
        b'{"token": ""}',
        b'{"token": "pypi-"}',
        b'{"token": "\\ud800"}',
        b'{"token": "pypi-\\ud800"}',
        b'{"token": "pypi-AgEIcHlwaS50ZXN0"}',
        b'{"token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}',
    ],
)
def test_whatever_is_sent_is_accepted_and_burns_nothing(lab, body):
    token = mint(lab)
    before = snapshot(lab)
    assert accepted(lab.http.post(f"{INDEX}/_/oidc/burn-token", content=body))
    assert snapshot(lab) == before and not lab.index.events[-1].ok
    assert upload(lab, token).status_code == 200


def test_an_unknown_identifier_burns_nothing(lab):
    before = snapshot(lab)
    assert (
        accepted(burn(lab, api_tokens.mint(api_tokens.token_id(10**6), [])))
        and snapshot(lab) == before
    )


def test_burning_works_while_trusted_publishing_is_switched_off(lab):
    token = mint(lab)
    lab.index.disabled.add("oidc")
    assert accepted(burn(lab, token)) and upload(lab, token).status_code == 403


def test_a_burned_token_does_not_give_its_id_token_back(lab):
    lab.index.add_publisher("octo-rocket", OTHER)
    token = lab.github.id_token(OTHER_JOB)
    answers = [lab.http.post(f"{INDEX}/_/oidc/mint-token", json={"token": token}) for _ in "a"]
    burn(lab, answers[0].json()["token"])
    assert (
        lab.http.post(f"{INDEX}/_/oidc/mint-token", json={"token": token}).json()["errors"][0][
            "code"
        ]
        == "invalid-reuse-token"
    )
