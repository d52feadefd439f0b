"""The stores that chapter 03 compares do what its table says, and its tokens are what they claim."""

import jwt
import pytest

from course.ch03.comparison import mutants
from course.ch03.key_caches import (
    accepts,
    fetches,
    forged_token,
    other_stores,
    try_token,
    unsigned_token,
)
from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def honest(lab):
    return lab.github.id_token(GitHubJob())


@pytest.mark.parametrize(
    ("name", "fetched"),
    [("ask once", 1), ("PyJWKClient", 2), ("KeyStore", 2)],
)
def test_each_store_fetches_when_the_table_says_so(lab, name, fetched):
    store = other_stores(lab)[name]
    assert accepts(lab, store, honest(lab))
    lab.clock.advance(seconds=61)
    assert not accepts(lab, store, unsigned_token(lab, "made-up-1"))  # a reason to fetch
    assert not accepts(lab, store, unsigned_token(lab, "made-up-2"))  # too soon for a cooldown
    assert fetches(lab, since=0) == fetched


def test_only_pyjwts_client_forgets_its_keys_by_itself(lab):
    for name, store in other_stores(lab).items():
        assert accepts(lab, store, honest(lab))
        lab.clock.advance(minutes=6)
        accepted, fetched = try_token(lab, store, honest(lab))
        assert accepted and fetched == (name == "PyJWKClient"), name


def test_a_forged_token_has_a_good_signature_of_the_stolen_key(lab):
    stolen = lab.github.signing_key
    lab.github.rotate()
    token = forged_token(lab, stolen)
    public_key = stolen.private_key.public_key()
    assert IdToken.decode(token).header["kid"] == stolen.kid != lab.github.signing_key.kid
    assert jwt.decode(token, public_key, algorithms=["RS256"], audience="pypi")


def test_an_unsigned_token_is_refused_whichever_key_it_names(lab):
    for store in other_stores(lab).values():
        assert not accepts(lab, store, unsigned_token(lab, lab.github.signing_key.kid))


def test_there_are_hundreds_of_mutants_and_nearly_all_are_other_tokens(lab):
    tokens = mutants(lab)
    changed = [token for token in tokens.values() if token != tokens["nothing changed"]]
    assert len(set(changed)) > 400
    assert len(changed) >= len(tokens) - 3  # `aud = 'pypi'` and the like change nothing
