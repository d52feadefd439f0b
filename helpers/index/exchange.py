"""The mint-token exchange (pypi/warehouse, `warehouse/oidc/views.py`): from the body of a request
to an API token.

The steps come in the order of the real index. Nothing here changes the index: `trade` works on a
draft of the registry's state, and the index decides whether the draft becomes the state.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from helpers.index import api_tokens
from helpers.index.api_tokens import Bearer
from helpers.index.names import NameRefused
from helpers.index.publishers import ISSUERS, match
from helpers.index.registry import Pending, Registration, State


class MintRefused(Exception):
    """An exchange is refused with this code and description. `why` is for the log, which may say
    more than the wire."""

    def __init__(self, code: str, description: str, why: str = "") -> None:
        super().__init__(description)
        self.code, self.description, self.why = code, description, why or description

    @property
    def answer(self) -> dict[str, Any]:
        """The body of the 422 answer."""
        errors = [{"code": self.code, "description": self.description}]
        return {"message": "Token request failed", "errors": errors}


@dataclass(frozen=True)
class Grant:
    """The result of an exchange: an API token, when it ends (Unix seconds), for which projects, and
    the pending publisher that was turned into a project, if any."""

    token: str
    expires: int
    projects: tuple[str, ...]
    realized: Pending | None = None


_EXPECTED = "expected a JSON object with a string 'token'"


def payload(body: bytes) -> str:
    """The string `token` in the body of a mint-token or burn-token request. Raises MintRefused,
    saying what was wrong."""
    try:
        # json itself would also take UTF-16 and UTF-32 (RFC 8259, section 8.1).
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MintRefused("invalid-payload", f"{_EXPECTED}, got a body that is not JSON") from error
    if not isinstance(value, dict):
        raise MintRefused("invalid-payload", f"{_EXPECTED}, got {_KINDS[type(value)]}")
    token = value.get("token")
    if not isinstance(token, str):
        got = f"{_KINDS[type(token)]} as 'token'" if "token" in value else "no 'token'"
        raise MintRefused("invalid-payload", f"{_EXPECTED}, got {got}")
    return token


_KINDS = {
    dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number",
    bool: "a boolean", type(None): "null",
}  # fmt: skip


def peek(token: str, issuers: Mapping[str, str], disabled: Collection[str]) -> tuple[str, str]:
    """The issuer that an unverified token names and its provider, if the index would trust it.
    Raises MintRefused.

    `issuers` maps the known issuers to their providers; `disabled` are the switches described at
    `Index`.
    """
    try:
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
    except Exception as error:  # whatever a stranger's bytes make the library raise
        raise MintRefused("invalid-payload", "malformed JWT") from error
    provider = issuers.get(issuer) if isinstance(issuer, str) else None
    if provider is None:
        why = f"unknown issuer {issuer!r}"
        raise MintRefused("invalid-payload", "unknown trusted publishing issuer", why)
    if "oidc" in disabled or (issuer == ISSUERS[provider] and provider in disabled):
        raise MintRefused("not-enabled", f"{provider} trusted publishing functionality not enabled")
    return issuer, provider


def trade(
    draft: State, provider: str, claims: dict[str, Any], *, new_projects: bool, jti_margin: int
) -> Grant | MintRefused:
    """Pending publisher, publisher, `jti`, token: what verified claims are worth, worked out on a
    draft of the state.

    Raises MintRefused where the draft is to be forgotten; *returns* it in the one case where a
    refusal changes something.
    """
    realized = _pending_for(draft, provider, claims)
    if realized:
        if draft.project(realized.project):
            draft.pending = tuple(each for each in draft.pending if each is not realized)
            exists = "valid token, but project already exists"
            return MintRefused("invalid-pending-publisher", exists)
        _realize(draft, realized, new_projects)
    registered = list(draft.registrations.values())
    publisher, reason = match(provider, [each.publisher for each in registered], claims)
    if publisher is None:
        description = f"valid token, but no corresponding publisher ({reason})"
        raise MintRefused("invalid-publisher", description)
    _claim_jti(draft, claims, jti_margin)
    registration = next(each for each in registered if each.publisher == publisher)
    return _mint(draft, registration, realized)


def _pending_for(draft: State, provider: str, claims: dict[str, Any]) -> Pending | None:
    waiting = draft.current_pending()
    publisher, _ = match(provider, [each.publisher for each in waiting], claims)
    return next((each for each in waiting if each.publisher == publisher), None)


def _realize(draft: State, pending: Pending, new_projects: bool) -> None:
    """Create the project that a pending publisher waits for, and make it a normal publisher."""
    try:
        draft.create(pending.project, pending.owner, allowed=new_projects)
    except NameRefused as refusal:
        raise MintRefused("invalid-payload", str(refusal)) from refusal
    draft.register(pending.project, pending.publisher)
    draft.pending = tuple(each for each in draft.pending if each is not pending)


def _claim_jti(draft: State, claims: dict[str, Any], margin: int) -> None:
    """Spend the ID token. Its `jti` is remembered until `margin` seconds after `exp`."""
    if claims.get("jti") is None:
        return
    key = (claims["iss"], claims["jti"])
    if draft.used_jtis.get(key, 0) > time.time():
        why = f"jti {claims['jti']} was used already"
        raise MintRefused("invalid-reuse-token", "invalid token: already used", why)
    draft.used_jtis[key] = int(claims["exp"]) + margin


def _mint(draft: State, registration: Registration, realized: Pending | None) -> Grant:
    """A token for every project the publisher is registered with at this moment."""
    now = int(time.time())
    expires = now + api_tokens.LIFETIME
    projects = [draft.projects[name] for name in sorted(registration.projects)]
    caveats: list[list[Any]] = [
        [api_tokens.PUBLISHER, registration.id, None],
        [api_tokens.PROJECT_IDS, [project.id for project in projects]],
        [api_tokens.EXPIRATION, expires, now],
    ]
    token = draft.issue(caveats, Bearer(publisher=registration.id))
    return Grant(token, expires, tuple(project.name for project in projects), realized)
