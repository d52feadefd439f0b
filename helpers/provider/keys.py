"""The lab's signing keys: private JWKs (RFC 7517), published on purpose and worthless for that
reason.

`lab_keys.json` holds two keys for each identity provider, so that rotation can be shown, and RS256
is deterministic, so the tokens printed in the chapters are the same for everybody. A real
provider's private keys never leave it.
"""

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from helpers.oidc.jws import b64url_decode

KEYS_FILE = Path(__file__).with_name("lab_keys.json")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi"})


@dataclass(frozen=True)
class SigningKey:
    """One RSA key of a provider. `jwk` is the private JWK (RFC 7518, section 6.3.2), numbers as
    base64url text."""

    jwk: dict[str, object] = field(repr=False)

    @property
    def kid(self) -> str:
        """The key's name: what a token's header says and what the index looks up."""
        return str(self.jwk["kid"])

    @property
    def public_jwk(self) -> dict[str, object]:
        """The JWK without its private members: what goes into the JWKS."""
        return {name: value for name, value in self.jwk.items() if name not in _PRIVATE_MEMBERS}

    @functools.cached_property
    def private_key(self) -> rsa.RSAPrivateKey:
        """The key as `cryptography` wants it, loaded when first used."""
        n, e, d, p, q, dp, dq, qi = (
            int.from_bytes(b64url_decode(str(self.jwk[member])))
            for member in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
        )
        numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n))
        # To check that p and q are prime takes 50 ms a key. A test does it for the lab's own.
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def load(provider: str) -> tuple[SigningKey, ...]:
    """The keys of one provider: "github", "gitlab", "google", "activestate" or "self-managed".

    Raises KeyError for a provider the lab has no keys for.
    """
    return tuple(SigningKey(jwk) for jwk in _all_keys()[provider])


@functools.cache
def _all_keys() -> dict[str, list[dict[str, object]]]:
    stored = json.loads(KEYS_FILE.read_text(encoding="utf-8"))
    return {provider: jwks for provider, jwks in stored.items() if provider != "_comment"}
