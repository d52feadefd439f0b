"""How part 7 of chapter 03 compares verifiers: changed tokens, and what accepts them."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob


def mutants(lab: Lab) -> dict[str, str]:
    """Return ID tokens by a name that says what was changed; the first of them is not changed.

    Claims and header are changed before the lab's GitHub signs, characters and the end afterwards.
    """
    claims, now = IdToken.decode(lab.github.id_token(GitHubJob())).claims, int(time.time())
    token = lab.github.id_token(claims)
    values: list[Any] = [None, True, 0, -1, 1.5, now, now + 0.5, now - 30, now - 29, now + 30]
    values += [now + 31, 10**30, "", str(now), "pypi", ["pypi"], [], {"a": 1}]
    found = {"nothing changed": token}
    for name in ("iss", "aud", "iat", "nbf", "exp", "sub", "jti", "repository"):
        for value in values:
            found[f"{name} = {value!r}"] = lab.github.id_token({**claims, name: value})
        without = {key: value for key, value in claims.items() if key != name}
        found[f"{name} missing"] = lab.github.id_token(without)
    headers: list[dict[str, Any]] = [{"kid": "x"}, {"typ": "at+jwt"}, {"alg": "RS512"}, {"jwk": {}}]
    for header in (*headers, {"crit": ["x"]}, {"crit": []}):
        found[f"header {header}"] = lab.github.id_token(claims, header=header)
    for i in range(0, len(token), 6):
        other = "B" if token[i] == "A" else "A"
        found[f"character {i} changed"] = token[:i] + other + token[i + 1 :]
    return found | {f"end {end!r}": token + end for end in ("=", "==", "A", ".", " ", "\n")}


def passes(verify: Callable[[str], Any], token: str) -> bool:
    """Return whether a verifier accepts a token."""
    with suppress(Exception):
        return bool(verify(token))
    return False


def once(verify: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a verifier that accepts what `verify` accepts, but each `jti` only once."""
    seen = set()

    def first_time(token: str) -> Any:
        claims = verify(token)
        if claims["jti"] in seen:
            raise ValueError("this token was used before")
        seen.add(claims["jti"])
        return claims

    return first_time
