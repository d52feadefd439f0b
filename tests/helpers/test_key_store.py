"""The key store: what it caches, when it asks, and what it does when the answer is no good."""

import copy
import json
import threading

import httpx
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.oidc.key_store import COOLDOWN, KeyStore, UnknownKey
from helpers.provider import keys

ISSUER = "https://issuer.example"
OTHER = "https://other.example"
ONE, TWO = (key.public_jwk for key in keys.load("github"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Provider:
    """A provider that answers as told, with a JSON value or an httpx response, or raises an exception."""

    def __init__(self, *jwks):
        self.configuration = {"jwks_uri": f"{ISSUER}/keys"}
        self.jwks = {"keys": list(jwks)}
        self.requests = []
        self.store = KeyStore(httpx.Client(transport=httpx.MockTransport(self.answer)))

    def answer(self, request):
        self.requests.append(request)
        answer = (
            self.configuration if request.url.path.endswith("openid-configuration") else self.jwks
        )
        if isinstance(answer, type) and issubclass(answer, Exception):
            raise answer("as told", request=request)
        return (
            copy.copy(answer)
            if isinstance(answer, httpx.Response)
            else httpx.Response(200, content=json.dumps(answer))
        )

    def knows(self, kid, issuer=ISSUER):
        try:
            return self.store.key(issuer, kid).key_id == kid
        except UnknownKey:
            return False


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel("2026-11-23T09:00:00Z", tick=False) as traveller:
        yield traveller


def test_a_key_is_found_by_discovery_and_then_in_the_jwks():
    provider = Provider(ONE)
    assert provider.knows("github-1")
    assert [str(request.url) for request in provider.requests] == [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/keys",
    ]


def test_the_provider_gets_five_seconds():
    provider = Provider(ONE)
    provider.knows("github-1")
    assert all(set(request.extensions["timeout"].values()) == {5} for request in provider.requests)


def test_the_cache_has_no_expiry(clock):
    provider = Provider(ONE)
    assert provider.knows("github-1")
    clock.shift(10 * 365 * 24 * 3600)
    assert provider.knows("github-1")
    assert len(provider.requests) == 2


def test_an_unknown_kid_asks_again_after_sixty_seconds_and_not_before(clock):
    provider = Provider(ONE)
    provider.knows("github-1")
    provider.jwks = {"keys": [ONE, TWO]}
    clock.shift(COOLDOWN - 1)
    assert not provider.knows("github-2") and len(provider.requests) == 2
    clock.shift(1)
    assert provider.knows("github-2") and len(provider.requests) == 4


def test_a_refresh_replaces_the_whole_set(clock):
    provider = Provider(ONE)
    provider.knows("github-1")
    provider.jwks = {"keys": [TWO]}
    clock.shift(COOLDOWN)
    assert provider.knows("github-2")
    assert provider.store.cached(ISSUER) == ["github-2"]
    assert not provider.knows("github-1")


def test_a_refresh_replaces_a_key_that_kept_its_name(clock):
    provider = Provider(ONE)
    before = provider.store.key(ISSUER, "github-1").key
    provider.jwks = {"keys": [{**TWO, "kid": "github-1"}]}
    clock.shift(COOLDOWN)
    provider.knows("made-up")
    assert provider.store.key(ISSUER, "github-1").key.public_numbers() != before.public_numbers()


def test_a_withdrawn_key_keeps_verifying_until_an_unknown_kid_forces_a_refresh(clock):
    provider = Provider(ONE, TWO)
    assert provider.knows("github-1")
    provider.jwks = {"keys": [TWO]}
    clock.shift(24 * 3600)
    assert provider.knows("github-1")
    assert not provider.knows("made-up")
    assert not provider.knows("github-1")


DROPPED = {
    "timeout": httpx.ReadTimeout,
    "connection refused": httpx.ConnectError,
    "connection dropped": httpx.RemoteProtocolError,
    "status 500": httpx.Response(500, json={"jwks_uri": f"{ISSUER}/keys", "keys": [TWO]}),
    "status 404": httpx.Response(404, json={"jwks_uri": f"{ISSUER}/keys", "keys": [TWO]}),
    "status 201": httpx.Response(201, json={"jwks_uri": f"{ISSUER}/keys", "keys": [TWO]}),
    "a redirect": httpx.Response(302, headers={"Location": f"{OTHER}/keys"}),
    "not JSON": httpx.Response(200, text="<html>"),
    "not UTF-8": httpx.Response(200, content=b"\xff\xff"),
    "too deep": httpx.Response(200, content=b"[" * 100_000),
    "empty": httpx.Response(200),
    "null": None,
    "a list": [],
    "a number": 7,
    "an empty object": {},
}
CONFIGURATIONS = DROPPED | {
    "no jwks_uri": {"issuer": ISSUER},
    "null jwks_uri": {"jwks_uri": None},
    "a jwks_uri that is a number": {"jwks_uri": 5},
    "a jwks_uri that is no URL": {"jwks_uri": "nowhere"},
    "a jwks_uri that no parser takes": {"jwks_uri": "https://[::1"},
}
JWKS = DROPPED | {
    "empty keys": {"keys": []},
    "null keys": {"keys": None},
    "keys as an object": {"keys": {"github-2": TWO}},
    "a key without kid": {
        "keys": [TWO, {name: value for name, value in ONE.items() if name != "kid"}]
    },
    "a key that is a string": {"keys": ["github-2"]},
    "a kid that is a list": {"keys": [{**TWO, "kid": []}]},
}


@pytest.mark.parametrize(
    ("document", "answer"),
    [("configuration", answer) for answer in CONFIGURATIONS.values()]
    + [("jwks", answer) for answer in JWKS.values()],
    ids=[f"configuration: {name}" for name in CONFIGURATIONS] + [f"jwks: {name}" for name in JWKS],
)
def test_a_bad_answer_keeps_the_cache_and_starts_the_sixty_seconds(clock, document, answer):
    provider = Provider(ONE)
    provider.knows("github-1")
    good, bad = getattr(provider, document), answer
    clock.shift(COOLDOWN)
    setattr(provider, document, bad)
    assert not provider.knows("github-2")
    assert provider.knows("github-1")
    setattr(provider, document, good)
    provider.jwks = {"keys": [ONE, TWO]}
    asked = len(provider.requests)
    clock.shift(COOLDOWN - 1)
    assert not provider.knows("github-2") and len(provider.requests) == asked
    clock.shift(1)
    assert provider.knows("github-2")


def test_a_provider_that_is_down_from_the_start_is_asked_once_a_minute(clock):
    provider = Provider(ONE)
    provider.configuration = httpx.ConnectTimeout
    for _ in range(100):
        assert not provider.knows("github-1")
    assert len(provider.requests) == 1
    clock.shift(COOLDOWN)
    provider.configuration = {"jwks_uri": f"{ISSUER}/keys"}
    assert provider.knows("github-1")


def test_ten_thousand_made_up_kids_in_a_minute_cause_one_fetch():
    provider = Provider(ONE)
    for number in range(10_000):
        assert not provider.knows(f"made-up-{number}")
    assert len(provider.requests) == 2  # one of the configuration, one of the keys


def test_every_issuer_has_its_own_keys_and_its_own_sixty_seconds():
    provider = Provider(ONE)
    assert provider.knows("github-1") and not provider.knows("github-2")
    provider.jwks = {"keys": [TWO]}
    assert provider.knows("github-2", OTHER) and not provider.knows("github-1", OTHER)
    assert (provider.store.cached(ISSUER), provider.store.cached(OTHER)) == (
        ["github-1"],
        ["github-2"],
    )


def test_looking_at_the_cache_asks_nobody():
    provider = Provider(ONE)
    assert provider.store.cached(ISSUER) == [] and not provider.requests


def test_fifty_threads_cause_one_fetch_and_all_get_the_key():
    provider, found = Provider(ONE), []
    arrived, all_there = threading.Semaphore(0), threading.Event()
    slow = provider.answer

    def answer(request):
        all_there.wait(10)  # nobody is answered before all have asked
        return slow(request)

    provider.store = KeyStore(httpx.Client(transport=httpx.MockTransport(answer)))

    def ask():
        arrived.release()
        found.append(provider.knows("github-1"))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for _ in threads:
        arrived.acquire()
    all_there.set()
    for thread in threads:
        thread.join(10)
    assert found == [True] * 50
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    "jwk",
    [
        {"kid": "x"},
        {"kid": "x", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "x", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kid": "x", "kty": "RSA"},
        {"kid": "x", "kty": "RSA", "n": 5, "e": "AQAB"},
        {"kid": "x", "kty": "RSA", "n": "!", "e": "AQAB"},
        {"kid": "x", "kty": "RSA", "n": [], "e": {}},
    ],
)
def test_a_jwk_that_is_no_rsa_key_is_an_unknown_key(jwk):
    assert not Provider(jwk).knows("x")


@pytest.mark.parametrize("alg", ["HS256", "none", "PS256", 7])
def test_a_jwk_cannot_bring_an_algorithm_of_its_own(alg):
    assert not Provider({**ONE, "alg": alg}).knows("github-1")


def test_a_jwk_that_names_no_algorithm_is_for_rs256():
    provider = Provider({**ONE, "alg": None})
    assert provider.store.key(ISSUER, "github-1").algorithm_name == "RS256"


def test_an_unknown_key_says_which_key_of_which_issuer():
    with pytest.raises(UnknownKey, match=f"'made-up'.*{ISSUER}"):
        Provider(ONE).store.key(ISSUER, "made-up")


@pytest.mark.proof
@settings(max_examples=40)
@given(JSON, JSON)
def test_no_document_makes_the_store_raise_anything_but_unknown_key(configuration, jwks):
    provider = Provider()
    provider.configuration, provider.jwks = configuration, jwks
    assert not provider.knows("made-up")
    provider = Provider()
    provider.jwks = {"keys": jwks}
    assert not provider.knows("made-up")


@pytest.mark.parametrize(
    "member",
    [{"alg": "RS512"}, {"alg": "RSA-OAEP"}, {"use": "enc"}, {"use": ""}, {"key_ops": ["encrypt"]}, {"key_ops": []}, {"key_ops": 5}],
)  # fmt: skip
def test_a_key_that_is_for_something_else_is_no_key(member):
    assert not Provider({**ONE, **member}).knows(ONE["kid"])


@pytest.mark.parametrize(
    "member",
    [{"alg": "RS256"}, {"alg": ""}, {"alg": None}, {"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}],
)  # fmt: skip
def test_a_key_that_says_nothing_against_rs256_is_a_key(member):
    bare = {name: value for name, value in ONE.items() if name not in ("alg", "use")}
    assert Provider(bare).knows(ONE["kid"])
    assert Provider({**bare, **member}).knows(ONE["kid"])
