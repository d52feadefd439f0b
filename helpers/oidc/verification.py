"""ID token verification, as the index does it: the checks in order, each failure an exception of
its own.

The signature and the standard claims are PyJWT's work, with the options the real index gives it
(pypi/warehouse, `warehouse/oidc/services.py`): RS256 and no other algorithm; the key by the
header's `kid` among the keys of that issuer; `iss`, `iat`, `exp` and `aud` present; one audience,
as a string; 30 seconds of leeway. What this module adds is an answer that helps: which claim, what
was expected, what came. The index keeps that for its own log; the wire says less.
"""

import json
from typing import Any, Protocol

import jwt

from helpers.oidc.jws import IdToken, b64url_decode, split
from helpers.oidc.key_store import UnknownKey

LEEWAY = 30
"""Seconds by which clocks may differ when `iat`, `nbf` and `exp` are compared."""

_OPTIONS: Any = {"require": ["iss", "iat", "exp", "aud"], "strict_aud": True}


class InvalidToken(ValueError):
    """The token is refused. `claim` is what was looked at, `expected` and `got` what it should have
    been and was."""

    def __init__(self, claim: str, expected: object, got: object) -> None:
        super().__init__(f"{claim}: expected {expected}, got {got}")
        self.claim, self.expected, self.got = claim, expected, got


class Malformed(InvalidToken):
    """Not a JWT at all, or a claim of an impossible shape."""


class WrongAlgorithm(InvalidToken):
    """`alg` is not RS256."""


class NoSuchKey(InvalidToken):
    """There is no `kid`, or the issuer has no key of that name."""


class BadSignature(InvalidToken):
    """The signature does not belong to these bytes and this key."""


class MissingClaim(InvalidToken):
    """A required claim is absent or null."""


class WrongIssuer(InvalidToken):
    """`iss` is not the issuer whose keys were used."""


class WrongAudience(InvalidToken):
    """`aud` is not this index, or not a single string."""


class NotYetValid(InvalidToken):
    """`iat` or `nbf` lies in the future."""


class Expired(InvalidToken):
    """`exp` has passed."""


class Keys(Protocol):
    """A source of public keys: a `KeyStore`, or anything with the same method."""

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        """The key, or UnknownKey."""


def verify_id_token(
    token: str, keys: Keys, *, issuer: str, audience: str = "pypi"
) -> dict[str, Any]:
    """Verify an ID token (RFC 7519, section 7.2; RFC 8725) and return its claims.

        claims = verify_id_token(token, keys, issuer="https://gitlab.com", audience="pypi")
        claims["sub"]  # 'project_path:octo-org/rocket:ref_type:branch:ref:main'

    Args:
        token: The ID token, in JWS compact serialization.
        keys: The public keys, by issuer and `kid`.
        issuer: The issuer that the caller has decided to trust for this token.
        audience: The one audience that the token must be for.

    Raises a subclass of InvalidToken, whatever the token contains: a check that fails in an
    unforeseen way is a refusal.
    """
    try:
        # Only the header is needed to find the key; PyJWT decodes the rest, once.
        header = json.loads(b64url_decode(split(token)[0]))
        kid = header["kid"]
        if not isinstance(kid, str):
            raise NoSuchKey("kid", "the name of a key, a string", repr(kid))
        key = keys.key(issuer, kid)
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            options=_OPTIONS,
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
        )
    except InvalidToken:
        raise
    except Exception as error:  # the point of this function: there is no third outcome
        raise _explain(error, token, issuer, audience) from error


def _explain(error: Exception, token: object, issuer: str, audience: str) -> InvalidToken:
    """The refusal that belongs to an exception: which claim, what was expected, what came."""
    try:
        unverified = IdToken.decode(token)  # type: ignore[arg-type]
    except Exception:  # not even a text, perhaps
        expected = "a JWT: three base64url parts, the first two JSON objects"
        return Malformed("token", expected, "something else")
    header, claims = unverified.header, unverified.claims
    match error:
        case KeyError() if "kid" not in header:
            return NoSuchKey("kid", "the name of a key", "a header without kid")
        case UnknownKey():
            return NoSuchKey("kid", f"a key published by {issuer}", repr(header["kid"]))
        case jwt.InvalidAlgorithmError():
            return WrongAlgorithm("alg", "RS256", repr(header.get("alg")))
        case jwt.InvalidSignatureError():
            return BadSignature(
                "signature",
                f"the signature of key {header['kid']!r} over this token",
                "another one",
            )
        case jwt.MissingRequiredClaimError():
            return MissingClaim(error.claim, "present", "nothing")
        case jwt.InvalidIssuerError():
            return WrongIssuer("iss", repr(issuer), repr(claims["iss"]))
        case jwt.InvalidAudienceError():
            return WrongAudience("aud", f"the single string {audience!r}", repr(claims["aud"]))
        case jwt.ExpiredSignatureError():
            return Expired("exp", f"a time less than {LEEWAY} s ago", str(claims["exp"]))
        case jwt.ImmatureSignatureError():
            claim = "nbf" if "(nbf)" in str(error) else "iat"
            return NotYetValid(claim, f"a time at most {LEEWAY} s ahead", str(claims[claim]))
        case _:
            return Malformed(
                "token",
                "claims and header of the documented types",
                str(error) or type(error).__name__,
            )
