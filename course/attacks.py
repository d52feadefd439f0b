"""Attacks on verifiers of ID tokens, made with the lab's keys, and honest tokens among them.

RFC 8725 (section 2) and RFC 7515 (section 10) warn of some of the attacks. Honest tokens are among
the cases because a verifier that refuses everything is easy to write, and useless.
"""

import hashlib
import hmac
import itertools
import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from helpers.lab import Lab
from helpers.oidc.jws import b64url_encode, split
from helpers.provider.issuer import Issuer
from helpers.provider.jobs import GitHubJob, GitLabJob
from helpers.provider.keys import SigningKey, load

Part = Literal["token", "spelling", "keys", "header", "all"]
MALLORY = "https://mallory.test"
"""The attacker's own identity provider. The lab can ask it for keys; the index does not know it."""
KNOWN_FILE = "../LICENSE"
"""A file whose bytes everybody knows, as seen from the chapters' folder."""


@dataclass(frozen=True)
class Case:
    """One line of the board: `tokens`, presented in order, and the answer to the last one counts.

    `accept` says what that answer should be, and `why` gives the reason in a few words. `claims`
    are what a verifier returns that is right to accept.
    """

    name: str
    tokens: tuple[str, ...]
    accept: bool
    why: str
    claims: dict[str, Any] | None = None


def cases(lab: Lab, part: Part = "all") -> list[Case]:
    """Return attacks and honest tokens for issuer GitHub and audience "pypi", at the lab's time.

    `part` is "token" (attacks on the token itself), "spelling" (replays in another spelling),
    "keys" (attacks on finding the key), "header" (what few verifiers look at) or "all". The same
    lab at the same time gives the same tokens, so a verifier that remembers tokens has to be made
    again for each board. Raises ValueError for other parts.
    """
    parts = {
        "token": [_token],
        "spelling": [_spelling],
        "keys": [_keys],
        "header": [_header],
        "all": [_token, _spelling, _keys, _header],
    }
    if part not in parts:
        raise ValueError(f"expected one of {', '.join(map(repr, parts))}, got {part!r}")
    return [case for cases_of in parts[part] for case in cases_of(_Mint(lab, cases_of.__name__))]


def respell(token: str) -> str:
    """Return a token with another last character and the same 256 bytes of signature.

    Four of the six bits of that character are not used (RFC 4648, section 3.5).
    """
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


class _Mint:
    """Makes tokens of the release job, each with a `jti` of its own, and cases out of them."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.now = lab, int(lab.clock.now().timestamp())
        self._numbers = (f"scoreboard{name}-{number}" for number in itertools.count(1))
        self.key: SigningKey = lab.github.signing_key

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of an ID token, some of them changed; None takes a claim out."""
        times = {"iat": self.now, "nbf": self.now - 300, "exp": self.now + 300}
        added = {"iss": self.lab.github.url, "aud": "pypi", **times, "jti": next(self._numbers)}
        usual = {**GitHubJob().claims(), **added}
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def signed(
        self, claims: Any, header: dict[str, Any] | None = None, key: SigningKey | None = None
    ) -> str:
        """Return these claims, signed with RS256; `header` replaces the `kid` in the header."""
        named = {"kid": self.key.kid} if header is None else header
        return self.sealed(unsigned({"alg": "RS256", "typ": "JWT", **named}, claims), key)

    def sealed(self, text: str, key: SigningKey | None = None) -> str:
        """Return this text, encoded header and payload, with its RS256 signature."""
        signature = (key or self.key).private_key.sign(text.encode("ascii"), PKCS1v15(), SHA256())
        return f"{text}.{b64url_encode(signature)}"

    def hs256(self, kid: str, secret: bytes) -> str:
        """Return a token whose "signature" is an HMAC, keyed with `secret`."""
        text = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid}, self.claims())
        return f"{text}.{b64url_encode(hmac.digest(secret, text.encode('ascii'), hashlib.sha256))}"

    def attack(self, name: str, why: str, **changes: Any) -> Case:
        """Return a case with some claims changed and a proper signature."""
        return Case(name, (self.signed(self.claims(**changes)),), False, why)

    def honest(self, name: str, why: str, key: SigningKey | None = None, **changes: Any) -> Case:
        """Return the case of a token that has to be accepted."""
        claims = self.claims(**changes)
        header = {"kid": (key or self.key).kid}
        return Case(f"honest: {name}", (self.signed(claims, header, key),), True, why, claims)


def unsigned(header: dict[str, Any] | str, claims: dict[str, Any] | str) -> str:
    """Return header and payload, encoded, with the dot between them. Text is taken as it is."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    return ".".join(b64url_encode(text.encode("utf-8")) for text in texts)


def _token(mint: _Mint) -> list[Case]:
    now, kid, iss, npm = mint.now, mint.key.kid, mint.lab.github.url, "npm"
    header, _, signature = split(mint.signed(mint.claims()))
    edited = split(mint.signed(mint.claims(repository="mallory/rocket")))[1]
    stripped = mint.signed(mint.claims()).rpartition(".")[0]
    foreign = mint.signed(mint.claims(), key=load("gitlab")[0])
    nothing, no_thing = (
        unsigned({"alg": alg, "kid": kid}, mint.claims()) for alg in ("none", "nOnE")
    )
    twice = mint.signed(json.dumps(mint.claims())[:-1] + f', "aud": "{npm}"}}')
    again = mint.signed(mint.claims())

    def refuse(name: str, why: str, *tokens: str) -> Case:
        return Case(name, tokens, False, why)

    return [
        mint.honest("as issued", "nothing is wrong with it"),
        mint.honest(
            "from another branch", "who may publish is decided later", ref="refs/heads/next"
        ),
        mint.honest(
            "with a claim nobody knows", "an unknown claim is ignored (RFC 7519)", colour="green"
        ),
        mint.honest("without nbf", "nbf is optional", nbf=None),
        mint.honest("exp 29 s ago", "within the leeway of 30 s", exp=now - 29),
        mint.honest("iat 30 s ahead", "within the leeway of 30 s", iat=now + 30),
        refuse(
            "payload edited, signature kept",
            "this is not what was signed",
            f"{header}.{edited}.{signature}",
        ),
        refuse("signature stripped", "anyone could have written it", f"{stripped}."),
        refuse("signature by another key", "not the issuer's key", foreign),
        refuse("alg none", "it is unsigned, and says so", f"{nothing}."),
        refuse("alg nOnE", "it is unsigned, in another spelling", f"{no_thing}."),
        refuse(
            "alg HS256, keyed with public key",
            "made without any secret",
            mint.hs256(kid, _pem(mint.key)),
        ),
        mint.attack("exp an hour ago", "expired", iat=now - 3900, nbf=now - 4200, exp=now - 3600),
        mint.attack("exp 30 s ago", "expired: the leeway is over, too", exp=now - 30),
        mint.attack("exp missing", "it would never expire", exp=None),
        mint.attack("nbf in five minutes", "not valid yet", nbf=now + 300),
        mint.attack("iat in five minutes", "issued in the future", iat=now + 300),
        mint.attack("aud testpypi", "meant for another index", aud="testpypi"),
        mint.attack("aud missing", "meant for nobody in particular", aud=None),
        mint.attack("aud a list with one more", "another service has the token", aud=["pypi", npm]),
        refuse("aud twice, the last not ours", "not for us: the last aud counts", twice),
        mint.attack(
            "iss of somebody else", "this key speaks for one issuer only", iss=f"{iss}/mallory"
        ),
        mint.attack("iss missing", "it names no issuer", iss=None),
        refuse("replayed", "used before", again, again),
    ]


def _spelling(mint: _Mint) -> list[Case]:
    first, second = mint.signed(mint.claims()), mint.signed(mint.claims())
    return [
        Case(
            "replayed, last character changed",
            (first, respell(first)),
            False,
            "used before, spelled differently",
        ),
        Case(
            "replayed, == added at the end",
            (second, f"{second}=="),
            False,
            "used before, spelled differently",
        ),
    ]


def _keys(mint: _Mint) -> list[Case]:
    ours, gitlab, gitlab_url = mint.key, mint.lab.gitlab.signing_key, mint.lab.gitlab.url
    theirs, jku = _mallory(mint.lab).signing_key, f"{MALLORY}/.well-known/jwks"
    published = [jwk["kid"] for jwk in mint.lab.github.jwks["keys"]]
    known = Path(__file__).parent.joinpath(KNOWN_FILE).read_bytes()
    uploaded = _uploaded(_pem(theirs))

    def bad(name: str, why: str, key: SigningKey, iss: str = "", **header: Any) -> Case:
        claims = mint.claims(iss=iss or mint.lab.github.url)
        return Case(name, (mint.signed(claims, header, key),), False, why)

    in_use = [key for key in load("github") if key.kid in published]
    unused = [key for key in load("github") if key.kid not in published]
    return [
        *(mint.honest(f"signed with {key.kid}", "published", key) for key in in_use),
        bad(
            "jwk: a key in the token",
            "vouches for itself",
            theirs,
            kid=ours.kid,
            jwk=theirs.public_jwk,
        ),
        bad(
            "jku: an address in the token",
            "it names the server to ask",
            theirs,
            kid=theirs.kid,
            jku=jku,
        ),
        Case(
            "kid a path to a known file",
            (mint.hs256(KNOWN_FILE, known),),
            False,
            "anyone can read that file",
        ),
        bad("kid a path to an uploaded file", "a file is not an issuer", theirs, kid=uploaded),
        bad("kid of the issuer, foreign signature", "right name, wrong key", theirs, kid=ours.kid),
        bad("kid made up", "the issuer has no such key", ours, kid="made-up"),
        bad("kid missing", "which key?", ours),
        *(
            bad(
                f"key not published: {key.kid}", "no longer published, or not yet", key, kid=key.kid
            )
            for key in unused
        ),
        bad(
            "another issuer's good token",
            "not the issuer that we trust here",
            gitlab,
            gitlab_url,
            kid=gitlab.kid,
        ),
        bad(
            "another issuer's key, our iss",
            "GitLab does not speak for GitHub",
            gitlab,
            kid=gitlab.kid,
        ),
        bad("the attacker's own issuer", "anyone can run one", theirs, MALLORY, kid=theirs.kid),
    ]


def _header(mint: _Mint) -> list[Case]:
    kid, claims = mint.key.kid, mint.claims()
    text = unsigned({"alg": "RS256", "kid": kid}, claims)
    untyped = Case("honest: typ missing", (mint.sealed(text),), True, "typ is optional", claims)
    twice = f'{{"alg": "RS256", "kid": "{kid}", "kid": "made-up"}}'
    utf16 = b64url_encode(json.dumps(mint.claims()).encode("utf-16"))

    def refuse(name: str, why: str, text: str) -> Case:
        return Case(name, (mint.sealed(text),), False, why)

    def extended(**members: Any) -> str:
        return unsigned({"alg": "RS256", "kid": kid, **members}, mint.claims())

    return [
        untyped,
        refuse(
            "crit: an unknown extension",
            "understand it, or refuse (RFC 7515)",
            extended(crit=["x"], x=1),
        ),
        refuse(
            "b64 false: a payload as it is",
            "the text is the payload (RFC 7797)",
            extended(crit=["b64"], b64=False),
        ),
        refuse(
            "kid twice, the last made up",
            "of two members of one name, the last counts",
            unsigned(twice, mint.claims()),
        ),
        refuse(
            "claims in UTF-16", "JSON in a JWT is UTF-8 (RFC 7519)", f"{text.split('.')[0]}.{utf16}"
        ),
    ]


def _pem(key: SigningKey) -> bytes:
    return key.private_key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def _mallory(lab: Lab) -> Issuer:
    """Return the attacker's identity provider, which the index does not know."""
    try:
        return lab.issuer_of(GitLabJob(issuer=MALLORY))
    except LookupError:
        return lab.add_issuer(MALLORY, trusted=False)


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="uploads-")


def _uploaded(pem: bytes) -> str:
    """Return the path of a file that the attacker has uploaded. It is gone when Python ends."""
    file = Path(_folder().name, "mallory.pem")
    file.write_bytes(pem)
    return str(file)
