"""The scoreboard: a verifier against the attacks that verifiers have fallen for, and against honest tokens.

A verifier is a function `verify(token) -> claims`. Whatever it raises is a refusal, and so is any answer but a dict. The
attacks are those of RFC 8725 (section 2) and RFC 7515 (section 10), made with the lab's keys; honest tokens are among the
cases because refusing everything is easy and useless.
"""

import functools
import hashlib
import hmac
import html
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .issuer import Issuer
from .jobs import GitHubJob
from .jws import b64url_encode, sign, split
from .keys import load
from .lab import Lab

Verifier = Callable[[str], Any]
Part = Literal["token", "spelling", "keys", "all"]
MALLORY = "https://mallory.test"
"""The attacker's own identity provider. Anybody in the lab can ask it for its keys; the index does not know it."""
KNOWN_FILE = "../LICENSE"
"""A file whose bytes everybody knows, as seen from the chapters' folder."""


@dataclass(frozen=True)
class Case:
    """One line of the board: `tokens` are presented in order, and the answer to the last one counts. `accept` says what
    that answer should be, `why` the reason in a few words. `claims` are what a verifier returns if it is right to accept."""

    name: str
    tokens: tuple[str, ...]
    accept: bool
    why: str
    claims: dict[str, Any] | None = None


def cases(lab: Lab, part: Part = "all") -> list[Case]:
    """Attacks and honest tokens, valid at the lab's present time, for issuer GitHub and audience "pypi".

    `part` is "token" (attacks on the token itself), "spelling" (a replay under another spelling), "keys" (attacks on finding
    the key) or "all". The same lab at the same time gives the same tokens, so a verifier that remembers what it has seen
    has to be made afresh for each board. Raises ValueError for another `part`.
    """
    parts = {"token": (_token,), "spelling": (_spelling,), "keys": (_keys,), "all": (_token, _spelling, _keys)}
    if part not in parts:
        raise ValueError(f"expected one of {', '.join(map(repr, parts))}, got {part!r}")
    return [case for cases_of in parts[part] for case in cases_of(lab)]


class _Mint:
    """Tokens of the release job, each with a `jti` of its own, signed by GitHub unless said otherwise."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self._name, self._number = lab, name, 0
        self.now = int(lab.clock.now().timestamp())
        self.key = lab.github.signing_key

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of an ID token, some changed; None takes a claim out."""
        self._number += 1
        now, jti = self.now, f"{self._name}-{self._number}"
        times = {"iss": self.lab.github.url, "aud": "pypi", "iat": now, "nbf": now - 300, "exp": now + 300, "jti": jti}
        return {name: value for name, value in {**GitHubJob().claims(), **times, **changes}.items() if value is not None}

    def attack(self, name: str, why: str, **changes: Any) -> Case:
        """A token with some claims changed, properly signed all the same, that has to be refused."""
        return Case(name, (self.signed(self.claims(**changes)),), False, why)

    def honest(self, name: str, why: str, **changes: Any) -> Case:
        """A token that has to be accepted."""
        claims = self.claims(**changes)
        return Case(name, (self.signed(claims),), True, why, claims)

    def signed(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: rsa.RSAPrivateKey | None = None) -> str:
        """These claims, signed with RS256. `header` replaces the key's name in the JWS header."""
        return sign({"kid": self.key.kid} if header is None else header, claims, key or self.key.private_key)


def _unsigned(header: dict[str, Any], claims: dict[str, Any] | str) -> str:
    """Header and payload as encoded, with the dot between them. A payload given as text stays as it is."""
    texts = json.dumps(header), claims if isinstance(claims, str) else json.dumps(claims)
    return ".".join(b64url_encode(text.encode("utf-8")) for text in texts)


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signing_input = _unsigned({"alg": "HS256", "typ": "JWT", **header}, claims)
    return f"{signing_input}.{b64url_encode(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _token(lab: Lab) -> list[Case]:
    mint = _Mint(lab, "token")
    now, kid, private = mint.now, {"kid": mint.key.kid}, mint.key.private_key
    header, payload, signature = split(mint.signed(mint.claims()))
    edited = b64url_encode(json.dumps(mint.claims(repository="mallory/rocket")).encode())
    twice = json.dumps(mint.claims())[:-1] + ', "aud": "npm"}'
    signing_input = _unsigned({"alg": "RS256", **kid}, twice)
    doubled = f"{signing_input}.{b64url_encode(_rs256(signing_input, private))}"
    replayed = mint.signed(mint.claims())
    stranger = split(mint.signed(mint.claims(), key=load("gitlab")[0].private_key))[2]
    return [
        mint.honest("honest: as issued", "nothing is wrong with it"),
        mint.honest("honest: from another branch", "who may publish is not the verifier's business", ref="refs/heads/next"),
        mint.honest("honest: with a claim nobody knows", "unknown claims are ignored (RFC 7519, section 4)", colour="green"),
        mint.honest("honest: without nbf", "nbf is optional", nbf=None),
        mint.honest("honest: exp 29 s ago", "within 30 s of leeway", exp=now - 29),
        mint.honest("honest: iat 30 s ahead", "within 30 s of leeway", iat=now + 30),
        Case("payload edited, signature kept", (f"{header}.{edited}.{signature}",), False, "not what was signed"),
        Case("signature stripped", (f"{header}.{payload}.",), False, "anybody could have written it"),
        Case("signature by another key", (f"{header}.{payload}.{stranger}",), False, "not the issuer's key"),
        Case("alg none", (_unsigned({"alg": "none", **kid}, mint.claims()) + ".",), False, "unsigned, and says so"),
        Case("alg nOnE", (_unsigned({"alg": "nOnE", **kid}, mint.claims()) + ".",), False, "unsigned, spelt to slip through"),
        Case("alg HS256, keyed with the public key", (_hs256(kid, mint.claims(), _pem(private)),), False, "the secret is public"),
        mint.attack("exp an hour ago", "expired", iat=now - 3900, nbf=now - 4200, exp=now - 3600),
        mint.attack("exp 30 s ago", "expired: on or after exp + leeway", exp=now - 30),
        mint.attack("exp missing", "it would never die", exp=None),
        mint.attack("nbf in five minutes", "not yet valid", nbf=now + 300),
        mint.attack("iat in five minutes", "issued in the future", iat=now + 300),
        mint.attack("aud for somebody else", "meant for another relying party", aud="https://github.com/octo-org"),
        mint.attack("aud missing", "meant for nobody in particular", aud=None),
        mint.attack("aud a list with one more", "somebody else could have been handed it too", aud=["pypi", "npm"]),
        Case("aud twice, the last not ours", (doubled,), False, "of two claims of one name, the last counts"),
        mint.attack("iss of somebody else", "these keys speak for one issuer", iss=f"{lab.github.url}/mallory"),
        mint.attack("iss missing", "nobody says it", iss=None),
        Case("replayed", (replayed, replayed), False, "seen before"),
    ]


def _spelling(lab: Lab) -> list[Case]:
    token = _Mint(lab, "spelling").signed(_Mint(lab, "spelling").claims())
    return [
        Case("replayed, last character changed", (token, respell(token)), False, "seen before, spelt differently"),
        Case("replayed, with = at the end", (token, f"{token}=="), False, "seen before, padding added"),
    ]


def respell(token: str) -> str:
    """The same token with another last character, which decodes to the same 256 signature bytes: of its six bits, four are
    not used (RFC 4648, section 3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _keys(lab: Lab) -> list[Case]:
    mint = _Mint(lab, "keys")
    kid, published = mint.key.kid, [jwk["kid"] for jwk in lab.github.jwks["keys"]]
    theirs, gitlab = _mallory(lab).signing_key, lab.gitlab.signing_key
    own, jku = theirs.private_key, f"{MALLORY}/.well-known/jwks"

    def attack(name: str, why: str, header: dict[str, Any], key: Any = own, **changes: Any) -> Case:
        return Case(name, (mint.signed(mint.claims(**changes), header, key),), False, why)

    def honest(key: Any) -> Case:
        claims = mint.claims()
        return Case(f"honest: signed with {key.kid}", (mint.signed(claims, {"kid": key.kid}, key.private_key),), True,
                    "a key that the issuer publishes", claims)  # fmt: skip

    known = Path(__file__).parent.joinpath(KNOWN_FILE).read_bytes()
    uploaded = _uploaded(_pem(own))
    return [
        *(honest(key) for key in load("github") if key.kid in published),
        attack("key in the token (jwk)", "the token vouches for itself", {"kid": kid, "jwk": theirs.public_jwk}),
        attack("key at an address in the token (jku)", "the token says whom to ask", {"kid": theirs.kid, "jku": jku}),
        Case("kid is a path to a known file", (_hs256({"kid": KNOWN_FILE}, mint.claims(), known),), False, "no secret"),
        attack("kid is a path to an uploaded key", "a file is not an issuer", {"kid": uploaded}),
        attack("kid of the issuer, another's signature", "the name is right, the key is not", {"kid": kid}),
        attack("kid made up", "the issuer has no key of that name", {"kid": "made-up"}, mint.key.private_key),
        attack("kid missing", "which key?", {}, mint.key.private_key),
        *(attack(f"key not published ({key.kid})", "withdrawn, or not yet announced", {"kid": key.kid}, key.private_key)
          for key in load("github") if key.kid not in published),
        attack("another issuer's good token", "GitLab speaks for GitLab", {"kid": gitlab.kid}, gitlab.private_key,
               iss=lab.gitlab.url),
        attack("another issuer's key, our issuer's name", "GitLab does not speak for GitHub", {"kid": gitlab.kid},
               gitlab.private_key),
        attack("the attacker's own issuer", "anybody can run one", {"kid": theirs.kid}, iss=MALLORY),
    ]  # fmt: skip


def _rs256(signing_input: str, key: rsa.RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return key.sign(signing_input.encode("ascii"), PKCS1v15(), SHA256())


def _mallory(lab: Lab) -> Issuer:
    """The attacker's identity provider, reachable through `lab.http` and unknown to the index."""
    return lab._issuers.setdefault(MALLORY, Issuer(MALLORY, "gitlab", lab.events, keys="self-managed"))


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="uploads-")


def _uploaded(pem: bytes) -> str:
    """The path of a file that the attacker has uploaded somewhere, gone when Python ends."""
    file = Path(_folder().name, "mallory.pem")
    file.write_bytes(pem)
    return str(file)


# -- the board ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a verifier did with a case: "accepted", "refused", or "other claims" than the token's; and whether that is right."""

    word: str
    right: bool

    def __str__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.word}"


@dataclass(frozen=True)
class Board:
    """The verdicts of some verifiers, by version and case. Displayed, it is a table with the count of right ones below."""

    cases: tuple[Case, ...]
    verdicts: dict[str, tuple[Verdict, ...]]

    def right(self, version: str) -> int:
        """How many verdicts of a version are right. Raises KeyError for a version that is not on the board."""
        return sum(verdict.right for verdict in self.verdicts[version])

    def wrong(self, version: str) -> list[str]:
        """The names of the cases that a version gets wrong. Raises KeyError for a version that is not on the board."""
        return [case.name for case, verdict in zip(self.cases, self.verdicts[version], strict=True) if not verdict.right]

    def _rows(self) -> list[list[str]]:
        rows = [[case.name, *(str(column[row]) for column in self.verdicts.values())] for row, case in enumerate(self.cases)]
        return [*rows, [f"right, of {len(self.cases)}", *(str(self.right(version)) for version in self.verdicts)]]

    def __repr__(self) -> str:
        rows = [["case", *self.verdicts], *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        rule = "  ".join("─" * width for width in widths)
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def _repr_html_(self) -> str:
        def row(cells: list[str], tag: str = "td") -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left{_tint(cell)}">{html.escape(cell)}</{tag}>' for cell in cells) + "</tr>"

        *rows, last = self._rows()
        body = "".join(row(cells) for cells in rows)
        return f"<table>{row(['case', *self.verdicts], 'th')}{body}{row(last, 'th')}</table>"


def _tint(cell: str) -> str:
    """Okabe-Ito blue for a right verdict; bold vermillion for a wrong one, which the sign tells apart in grey as well."""
    return {"✓": ";color:#0072b2", "✗": ";color:#d55e00;font-weight:bold"}.get(cell[:1], "")


def scoreboard(cases: Iterable[Case], **verifiers: Verifier) -> Board:
    """Every case shown to every verifier, e.g. `scoreboard(cases(lab, "token"), v0=verify0, v1=verify1)`."""
    listed = tuple(cases)
    return Board(listed, {version: tuple(_judge(verify, case) for case in listed) for version, verify in verifiers.items()})


def _judge(verify: Verifier, case: Case) -> Verdict:
    answer = None
    for token in case.tokens:
        try:
            answer = verify(token)
        except Exception:  # noqa: BLE001  whatever goes wrong in a verifier is a refusal
            answer = None
    if not isinstance(answer, dict):
        return Verdict("refused", not case.accept)
    if case.accept and answer != case.claims:
        return Verdict("other claims", False)
    return Verdict("accepted", case.accept)
