"""JWS compact serialization (RFC 7515): three base64url parts with dots between them.

Nothing in this module verifies anything. It takes tokens apart so that one can look at them;
`verification` decides.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from helpers import display

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_TONES = (display.VERMILLION, display.BLUE, display.GREEN)


class MalformedToken(ValueError):
    """The text is not a JWS in compact serialization; the message says in which part and why."""


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes behind base64url text without padding. Raises MalformedToken for any other
    character or length.

    Python's own decoder skips characters it does not know, which is too kind for a token.
    """
    if not _BASE64URL.match(text) or len(text) % 4 == 1:
        characters = "letters, digits, '-' and '_', without padding"
        raise MalformedToken(f"expected base64url text: {characters}")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split(token: str) -> tuple[str, str, str]:
    """Header, payload and signature, still encoded. Raises MalformedToken unless all are there."""
    parts = token.split(".")
    if len(parts) != 3:
        raise MalformedToken(f"expected three parts with dots between them, got {len(parts)}")
    return parts[0], parts[1], parts[2]


def signing_input(token: str) -> bytes:
    """Return what the signature is over: header and payload as encoded, and the dot between them
    (RFC 7515, section 5.1)."""
    header, payload, _ = split(token)
    return f"{header}.{payload}".encode("ascii")


def sign(header: dict[str, Any], claims: dict[str, Any], private_key: rsa.RSAPrivateKey) -> str:
    """A JWT signed with RS256 over exactly these claims: nothing is added, nothing is looked at.

    `header` needs no `alg` and no `typ`. A claim that is not JSON raises TypeError.
    """
    payload = json.dumps(claims, separators=(",", ":")).encode("utf-8")
    return jwt.PyJWS().encode(payload, private_key, algorithm="RS256", headers=header)


def shorten(token: str, keep: int = 12) -> str:
    """A token as the chapters print it: both ends, and the number of characters left out."""
    hidden = len(token) - 2 * keep
    return token if hidden <= 0 else f"{token[:keep]}…[{hidden} more]…{token[-keep:]}"


@dataclass(frozen=True)
class IdToken:
    """A decoded ID token. *Unverified*: anybody can write any claims they like. Shown, it displays
    its three parts."""

    encoded: str
    header: dict[str, Any]
    claims: dict[str, Any]
    signature: bytes

    @classmethod
    def decode(cls, token: str) -> "IdToken":
        """Take a token apart without checking anything but its form. Raises MalformedToken."""
        decoded: list[dict[str, Any]] = []
        header, payload, signature = split(token)
        for name, part in (("header", header), ("claims", payload)):
            try:
                value = json.loads(b64url_decode(part))
            except (ValueError, RecursionError) as error:
                raise MalformedToken(f"the {name} part is not base64url-encoded JSON") from error
            if not isinstance(value, dict):
                raise MalformedToken(f"the {name} part is JSON, but not an object")
            decoded.append(value)
        return cls(token, decoded[0], decoded[1], b64url_decode(signature))

    def _shown(self) -> list[tuple[str, str, str]]:
        """Return name, encoded form and content of each of the three parts."""
        contents = (_json(self.header), _json(self.claims), f"{len(self.signature)} bytes")
        parts = map(shorten, split(self.encoded))
        return list(zip(("header", "claims", "signature"), parts, contents, strict=True))

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {part}\n{content}" for name, part, content in self._shown())

    def _repr_html_(self) -> str:
        rows = list(zip(_TONES, self._shown(), strict=True))
        token = "<wbr>.".join(display.chip(part, tone) for tone, (_, part, _) in rows)
        return f"<div>{token}</div>" + "".join(
            display.box(name, display.block(content), tone) for tone, (name, _, content) in rows
        )


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
