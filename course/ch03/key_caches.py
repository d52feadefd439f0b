"""The key stores that part 5 of chapter 03 compares, and the harness of its experiments."""

import json
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Protocol

import jwt

from helpers.lab import Lab
from helpers.oidc.jws import IdToken, b64url_encode, sign
from helpers.oidc.key_store import KeyStore
from helpers.provider.jobs import GitHubJob
from helpers.provider.keys import SigningKey


class Store(Protocol):
    """Anything that finds a provider's public key by issuer and `kid`, or raises."""

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        """Return the key, or raise any exception."""


class AskOnce:
    """Fetch the keys once and never again."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._keys: dict[str, dict[str, Any]] = {}

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        """Return the key that the issuer published when it was first asked."""
        if not self._keys:
            self._keys = fetch_keys(self._lab, issuer)
        return jwt.PyJWK(self._keys[kid])


class PyJWTStore(jwt.PyJWKClient):
    """PyJWT's own client for the lab's GitHub, with the lab's fetch and the lab's clock.

    PyJWT fetches with urllib, which knows no lab, and reads the monotonic clock, which goes on
    while the lab's clock stands still. So its modules get a `time` that is the lab's, and the
    attribute that notes the last successful fetch is written here. Nothing else is changed.
    """

    def __init__(self, lab: Lab) -> None:
        for module in (jwt.jwks_client, jwt.jwk_set_cache, jwt.api_jwk):
            module.time = SimpleNamespace(monotonic=time.time)  # type: ignore[attr-defined]
        self._lab = lab
        super().__init__(jwks_uri_of(lab, lab.github.url))

    def fetch_data(self) -> Any:
        """Return the JWKS, fetched in the lab."""
        jwks = self._lab.http.get(self.uri).json()
        self._last_successful_fetch = time.time()
        return jwks

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        """Return the key, as PyJWT finds it."""
        return self.get_signing_key(kid)


def jwks_uri_of(lab: Lab, issuer: str) -> str:
    """Return the address of an issuer's keys, from its discovery page."""
    url = f"{issuer}/.well-known/openid-configuration"
    return str(lab.http.get(url).json()["jwks_uri"])


def fetch_keys(lab: Lab, issuer: str) -> dict[str, dict[str, Any]]:
    """Return an issuer's keys by `kid`: discovery, then the JWKS."""
    jwks = lab.http.get(jwks_uri_of(lab, issuer)).json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}


def other_stores(lab: Lab) -> dict[str, Store]:
    """Return the three stores that the chapter compares with its own, by name, all empty."""
    return {
        "ask once": AskOnce(lab),
        "PyJWKClient": PyJWTStore(lab),
        "KeyStore": KeyStore(lab.http),
    }


def accepts(lab: Lab, store: Store, token: str) -> bool:
    """Return whether an index with this store accepts a token of the lab's GitHub.

    The checks are the index's: RS256, audience `pypi`, a leeway of 30 seconds.
    """
    issuer = lab.github.url
    checks: dict[str, Any] = {"audience": "pypi", "issuer": issuer, "leeway": 30}
    with suppress(Exception):
        key = store.key(issuer, IdToken.decode(token).header["kid"])
        return bool(jwt.decode(token, key, algorithms=["RS256"], **checks))
    return False


def fetches(lab: Lab, since: int) -> int:
    """Return how often the lab's GitHub was asked for its keys since event number `since`."""
    return sum(event.action == "jwks" for event in lab.events[since:])


def try_token(lab: Lab, store: Store, token: str) -> tuple[bool, bool]:
    """Return whether the store accepts the token, and whether it fetched the keys for it."""
    before = len(lab.events)
    accepted = accepts(lab, store, token)
    return accepted, fetches(lab, since=before) > 0


def unsigned_token(lab: Lab, kid: str) -> str:
    """Return the text of an ID token that names the key `kid` and that nobody has signed."""
    header = b64url_encode(json.dumps({"alg": "RS256", "kid": kid}).encode("ascii"))
    payload = b64url_encode(json.dumps({"iss": lab.github.url, "aud": "pypi"}).encode("ascii"))
    return f"{header}.{payload}.{b64url_encode(bytes(256))}"


def forged_token(lab: Lab, stolen_key: SigningKey) -> str:
    """Return an ID token with the claims of an honest job, signed with a stolen private key."""
    claims = IdToken.decode(lab.github.id_token(GitHubJob())).claims
    return sign({"kid": stolen_key.kid}, claims, stolen_key.private_key)


def forty_minutes(lab: Lab, store: Store) -> list[tuple[int, str, bool, bool]]:
    """Return what a store does while a stolen key is withdrawn: minute, sender, accepted, fetched.

    An honest token and one of Mallory's arrive every minute. The provider rotates in minute 5 and
    withdraws the old key, which Mallory has, in minute 15; a stranger's token comes in minute 30.
    """
    stolen, rows = lab.github.signing_key, []
    for minute in range(40):
        if minute == 5:
            lab.github.rotate()
        if minute == 15:
            lab.github.retire()
        tokens = {"honest": lab.github.id_token(GitHubJob()), "Mallory": forged_token(lab, stolen)}
        if minute == 30:
            tokens["stranger"] = unsigned_token(lab, kid="made-up")
        for sender, token in tokens.items():
            rows.append((minute, sender, *try_token(lab, store, token)))
        lab.clock.advance(minutes=1)
    return rows
