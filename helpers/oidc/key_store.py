"""The relying party's key store: discovery, JWKS, a cache by `kid`, and a limit on how often it
asks.

The rules are those of the real index (pypi/warehouse, `warehouse/oidc/services.py`): keys are
cached for each issuer without expiry; only a `kid` that is not in the cache causes a refresh, which
replaces the whole set; and no issuer is asked again within a minute. So a provider is asked once in
a while, however many tokens come in, and a key that the provider has withdrawn keeps verifying
until some unknown `kid` forces a refresh.
"""

import threading
import time
from collections import defaultdict
from typing import Any

import httpx
import jwt

COOLDOWN = 60
"""Seconds between two refreshes of one issuer's keys, successful or not."""
TIMEOUT = 5
"""Seconds to wait for the provider."""


class UnknownKey(LookupError):
    """No usable key of that name at that issuer, even after as much asking as is allowed."""


def is_for_rs256(jwk: dict[str, Any]) -> bool:
    """Return whether a JWK may check RS256 signatures; a member that is absent does not object.

    The real index looks at `alg` and nothing else. `use` and `key_ops` say what a key is for
    (RFC 7517, sections 4.2 and 4.3), and the lab holds their author to it.
    """
    uses, operations = jwk.get("use", "sig"), jwk.get("key_ops", ["verify"])
    return (jwk.get("alg") or "RS256") == "RS256" and uses == "sig" and "verify" in operations


class KeyStore:
    """Public keys by issuer and `kid`, fetched through `http`. Safe to use from several threads."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._jwks: dict[str, dict[str, dict[str, Any]]] = {}  # issuer -> kid -> JWK, as fetched
        self._ready: dict[str, dict[str, jwt.PyJWK]] = {}  # the same, once used
        self._asked: dict[str, float] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        """The issuer's public key named `kid`, from the cache or after at most one refresh. Raises
        UnknownKey."""
        try:
            return self._ready[issuer][kid]
        except KeyError:
            with self._locks[issuer]:  # who has waited here finds the keys that the first fetched
                return self._prepare(issuer, kid)

    def cached(self, issuer: str) -> list[str]:
        """The `kid`s cached for an issuer, in the issuer's order. Asks nobody."""
        return list(self._jwks.get(issuer, {}))

    def _prepare(self, issuer: str, kid: str) -> jwt.PyJWK:
        if (
            kid not in self._jwks.get(issuer, {})
            and time.time() - self._asked.get(issuer, 0) >= COOLDOWN
        ):
            self._refresh(issuer)
        try:
            jwk = self._jwks[issuer][kid]
            if not is_for_rs256(jwk):
                raise UnknownKey(f"key {kid!r} of {issuer} is not for RS256 signatures")
            # Bound to RS256 here, so that the token's header has no say in the algorithm.
            key = jwt.PyJWK(jwk, algorithm="RS256")
        except (
            Exception
        ) as error:  # no such key, or none for RSA: PyJWT raises whatever its members make it raise
            raise UnknownKey(f"no key {kid!r} among the keys of {issuer}") from error
        self._ready.setdefault(issuer, {})[kid] = key
        return key

    def _refresh(self, issuer: str) -> None:
        """Replace the issuer's keys by what it publishes now; keep the old ones if anything at all
        goes wrong."""
        self._asked[issuer] = time.time()
        try:
            configuration = self._get(f"{issuer}/.well-known/openid-configuration")
            jwks = {jwk["kid"]: jwk for jwk in self._get(configuration["jwks_uri"])["keys"]}
        except Exception:  # a time-out, another status, another shape: whatever the libraries raise
            return
        if jwks:
            self._jwks[issuer] = jwks
            self._ready[issuer] = {}

    def _get(self, url: str) -> Any:
        response = self._http.get(url, timeout=TIMEOUT)
        if response.status_code != 200:
            raise httpx.HTTPError(f"expected 200 from {url}, got {response.status_code}")
        return response.json()
