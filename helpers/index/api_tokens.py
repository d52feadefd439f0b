"""The index's API tokens: macaroons, as the real index mints them (pypi/warehouse,
`warehouse/macaroons/`).

A token is `pypi-` and a version-2 macaroon in URL-safe base64 without padding: a location, an
identifier that the index looks up, and *caveats*, each a condition as a JSON array. All must hold.
The signature is a chain of HMACs over identifier and caveats, so anyone who holds a token can add a
caveat, and nobody can take one away.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pymacaroons

PREFIX = "pypi-"
LOCATION = "pypi.test"
"""The domain of the lab's index, part of its tokens and identifiers; its TestPyPI has another."""
LIFETIME = 900
"""Seconds for which a minted token works."""

# What the lab derives its macaroon keys from. Worthless on purpose, like its signing keys.
_ROOT_KEY = b"the lab's macaroon root key: published, and worthless for that reason"

# The caveats' tags, the first member of each array.
EXPIRATION, PROJECT_NAMES, PROJECT_IDS, USER, PUBLISHER = range(5)
Caveat = list[Any]


class InvalidApiToken(ValueError):
    """The text is not an API token, or its caveats or signature do not hold. The message is the
    real index's."""


@dataclass(frozen=True)
class Bearer:
    """Whom a token was issued to: a user, or a trusted publisher (by their ids; the other one is
    None)."""

    user: str | None = None
    publisher: str | None = None


@dataclass(frozen=True)
class Use:
    """The use that is about to be made of a token: a project, and what the index knows about it and
    the bearer."""

    project: str
    """The project's name as registered."""
    normalized_name: str
    project_id: str
    bearer: Bearer
    publishers: Collection[str]
    """The ids of the trusted publishers registered with the project at this moment."""


def stable_uuid(kind: str, name: str, location: str = LOCATION) -> str:
    """A UUID (version 5) made from a name, so that it is the same on every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{kind}.{location}"))


def token_id(number: int, location: str = LOCATION) -> str:
    """The identifier of an index's n-th token: a UUID made from the number."""
    return stable_uuid("token", str(number), location)


def mint(identifier: str, caveats: Sequence[Caveat], location: str = LOCATION) -> str:
    """A new API token with these caveats. It works only where its identifier is known: the index
    has to store that."""
    macaroon = pymacaroons.Macaroon(
        location=location,
        identifier=identifier,
        key=root_key(identifier),
        version=pymacaroons.MACAROON_V2,
    )
    for caveat in caveats:
        macaroon.add_first_party_caveat(json.dumps(caveat, separators=(",", ":")))
    return f"{PREFIX}{macaroon.serialize()}"


def parse(token: str) -> pymacaroons.Macaroon:
    """The macaroon in a token, unverified. Raises InvalidApiToken if there is none."""
    if not token.startswith(PREFIX):
        raise InvalidApiToken(f"expected an API token that begins with {PREFIX!r}")
    try:
        macaroon = pymacaroons.Macaroon.deserialize(token[len(PREFIX) :])
        macaroon.identifier_bytes.decode("utf-8")
    except Exception as error:  # the library raises whatever the bytes make it raise
        raise InvalidApiToken(f"expected a macaroon behind {PREFIX!r}") from error
    return macaroon


def from_header(authorization: str) -> str | None:
    """The API token in an Authorization header, or None: Basic with the user `__token__`, or
    Bearer, or `token`."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return value
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value).decode("utf-8").partition(":")
    except ValueError:
        return None
    return password.strip() if user == "__token__" else None


def identifier(token: str) -> str:
    """The identifier in a token, unverified. Raises InvalidApiToken."""
    return str(parse(token).identifier_bytes, "utf-8")


def caveats(token: str) -> list[Any]:
    """The caveats in a token, unverified, as JSON values (as text where they are not JSON). Raises
    InvalidApiToken."""
    return [_load(caveat.caveat_id_bytes) for caveat in parse(token).caveats]


def attenuate(token: str, caveat: Caveat) -> str:
    """The same token with one more caveat: what its holder can do without asking anybody. Raises
    InvalidApiToken."""
    macaroon = parse(token)
    macaroon.add_first_party_caveat(json.dumps(caveat, separators=(",", ":")))
    return f"{PREFIX}{macaroon.serialize()}"


def verify(token: str, use: Use) -> None:
    """Check signature and caveats for one use, now. Raises InvalidApiToken with all reasons, joined
    by commas."""
    macaroon, reasons = parse(token), []

    def holds(predicate: str) -> bool:
        reason = unmet(json.loads(predicate), use)
        reasons.extend([reason] if reason else [])
        return not reason

    verifier = pymacaroons.Verifier()
    verifier.satisfy_general(holds)
    try:
        verified = verifier.verify(macaroon, root_key(identifier(token)))
    except pymacaroons.exceptions.MacaroonInvalidSignatureException:
        raise InvalidApiToken(", ".join(reasons) or "signatures do not match") from None
    except (
        Exception
    ) as error:  # a third-party caveat, or one that is not JSON or whose tag is no scalar
        raise InvalidApiToken(", ".join(reasons) or "unknown error") from error
    if not verified or reasons:
        raise InvalidApiToken(", ".join(reasons) or "unknown error")


def unmet(caveat: Any, use: Use) -> str:
    """Why one caveat does not hold for this use, in the real index's words; empty if it holds."""
    if isinstance(caveat, dict):
        caveat = _from_legacy(caveat, use)
    if not isinstance(caveat, list):
        return "caveat must be an array"
    if not caveat:
        return "caveat array cannot be empty"
    tag, *fields = caveat
    if isinstance(tag, list | dict):
        raise TypeError("expected a tag that can be looked up")  # "unknown error", as there
    if tag not in range(5):
        return f"caveat has unknown tag: {tag}"
    match [int(tag), *fields]:
        case [0, int(expires_at), int(not_before), *_] if not {
            type(expires_at),
            type(not_before),
        } - {int}:
            return "" if not_before <= int(time.time()) < expires_at else "token is expired"
        case [1, [*names], *_] if all(isinstance(name, str) for name in names):
            held = use.normalized_name in names
            return "" if held else f"project-scoped token is not valid for project: {use.project!r}"
        case [2, [*ids], *_] if all(isinstance(each, str) for each in ids):
            return (
                ""
                if use.project_id in ids
                else f"project-scoped token is not valid for project: {use.project!r}"
            )
        case [3, str(user), *_]:
            if use.bearer.user is None:
                return "token with user restriction without a user"
            other = "current user does not match user restriction in token"
            return "" if user == use.bearer.user else other
        case [4, str(publisher), *claims] if not claims or isinstance(claims[0], dict | None):
            if use.bearer.publisher is None:
                return "OIDC scoped token used outside of an OIDC identified request"
            if publisher != use.bearer.publisher:
                return "current OIDC publisher does not match publisher restriction in token"
            other = f"OIDC scoped token is not valid for project '{use.project}'"
            return "" if publisher in use.publishers else other
        case [(0 | 1 | 2 | 3 | 4) as tag, *fields]:
            few = len(fields) < (2 if tag == 0 else 1)
            return "Not enough values" if few else "invalid values for fields"
    return "unknown error"


def _from_legacy(caveat: dict[str, Any], use: Use) -> Caveat | None:
    """The array for a caveat in the form that tokens of before 2022 have
    (`warehouse/macaroons/caveats/_legacy.py`)."""
    if caveat.get("version") == 1:
        permissions = caveat.get("permissions")
        if permissions == "user" and use.bearer.user is not None:
            return [USER, use.bearer.user]
        if isinstance(permissions, dict) and "projects" in permissions:
            return [PROJECT_NAMES, permissions["projects"]]
        return None
    if "exp" in caveat and "nbf" in caveat:
        return [EXPIRATION, caveat["exp"], caveat["nbf"]]
    return [PROJECT_IDS, caveat["project_ids"]] if "project_ids" in caveat else None


def root_key(identifier: str) -> bytes:
    """The secret under which a token's chain of HMACs starts. The real index stores a random one
    beside each token."""
    return hmac.digest(_ROOT_KEY, identifier.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _load(caveat: bytes) -> Any:
    try:
        return json.loads(caveat)
    except (ValueError, RecursionError):
        return caveat.decode("utf-8", "replace")
