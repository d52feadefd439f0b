"""Exercises of chapter 02: read, sign and forge a token; its time, its audience, its spellings."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.types import Options

from course.exercise import Wrong, exercise, show
from helpers.lab import Lab
from helpers.provider.keys import load

SETUP = """
import base64, hashlib, hmac, json

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")

def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
"""


def encode(data: bytes) -> str:
    """Return base64url text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of base64url text without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---------------------------------------------------------------- 2.1


def peek(token: str) -> dict:
    """Return the claims of an ID token, without checking anything."""
    return json.loads(decode(token.split(".")[1]))


@exercise(
    "A look without trust",
    peek,
    hints=(
        "The claims are in one of three parts. Which one, and who turns its characters into bytes?",
        "`decode` the middle part, and let `json.loads` read the bytes.",
    ),
    right="Peeking is how a verifier learns whose key it needs. It proves nothing.",
    minutes=4,
)
def q2_1(peek):
    raised = {}
    for claims in [{"sub": name, "exp": 1} for name in ("a", "ab", "abc", "abcd")]:
        payload = encode(json.dumps(claims).encode())
        try:
            got = peek(f"{encode(b'{}')}.{payload}.{encode(b'signed')}")
        except Exception as error:
            if isinstance(error, jwt.PyJWTError):
                told = "PyJWT refused a token whose signature is not good"
                raise Wrong(f"{told}. Does `peek` have to check anything?") from None
            raised[len(payload)] = f"{type(error).__name__}: {error}"
            continue
        if got is None:
            raise Wrong("Your function returned None. Which of its lines returns the claims?")
        if got != claims:
            where = "Which part holds the claims, and what turns JSON into a dict?"
            raise Wrong(f"For a token with the claims {claims} it returned {show(got)}. {where}")
    for length, why in raised.items():
        told = f"Your function fails for a payload of {length} characters ({why})"
        if len(raised) == 4:
            raise Wrong(f"{told}, and for other lengths, too. What does the decoder need?")
        raise Wrong(f"{told}, and works for others. What fills up the last group of four?")
    for text, question in (
        (">>>???", "Which two characters does base64url have that base64 has not?"),
        ("Zoë, Jürgen and 伊藤", "In which encoding are the bytes of JSON in a token?"),
    ):
        for n in range(4):
            nested = {"actor": text + "n" * n, "nested": {"list": [1, None]}}
            payload = encode(json.dumps(nested, ensure_ascii=False).encode())
            try:
                got = peek(f"{encode(b'{}')}.{payload}.")
            except Exception as error:
                got = error
            if got != nested:
                raise Wrong(f"For the claims {nested} it gave {show(got)}. {question}")


# ---------------------------------------------------------------- 2.2


def sign_hs256(header: bytes, payload: bytes, key: bytes) -> str:
    """Return the token with exactly these bytes as header and payload, signed with HS256."""
    signing_input = encode(header) + "." + encode(payload)
    signature = hmac.digest(key, signing_input.encode("ascii"), hashlib.sha256)
    return signing_input + "." + encode(signature)


@exercise(
    "Sign exactly these bytes",
    sign_hs256,
    hints=(
        "The bytes are given, so nothing has to be parsed. Over which text is the HMAC?",
        "`encode` both, put a dot between them, take `hmac.digest(key, …, hashlib.sha256)` of it, "
        "and `encode` the result.",
    ),
    right="A signature covers a spelling, not a meaning. So verify the text as you got it, and "
    "parse it afterwards.",
    minutes=5,
)
def q2_2(sign_hs256):
    key = b"a key that this check shares with nobody"
    bodies = b'{"iss":"joe",\r\n "exp":1}', b' {"a":1,"a":2}\n', b'{"a":"\xff>>>???"}'
    for number, payload in enumerate(bodies):
        header, secret = b'{"typ":"JWT",\r\n "alg":"HS256"}\n', key[number:]
        try:
            got = sign_hs256(header, payload, secret)
        except UnicodeDecodeError:
            told = f"The payload was {payload!r}, and your function made text of it"
            raise Wrong(f"{told}. Does `encode` need text?") from None
        if not isinstance(got, str):
            raise Wrong(f"A token is text (str); your function returned {show(got)}.")
        if "=" in got:
            raise Wrong(f"Your token is {show(got)}. Does RFC 7515 keep the padding?")
        if odd := {"+", "/"} & set(got):
            raise Wrong(f"Your token contains {min(odd)!r}. What does base64url have in its place?")
        if got.count(".") != 2:
            raise Wrong(f"A token has three parts; yours has {got.count('.') + 1}: {show(got)}.")
        head, body, tail = got.split(".")
        for name, given, part in (("header", header, head), ("payload", payload, body)):
            if decode(part) != given:
                told = f"The {name} was {given!r}, and your token has {show(decode(part))}"
                stripped = "Do the spaces and line breaks at the ends belong to these bytes?"
                parsed = "Did the bytes go through a parser on their way?"
                raise Wrong(f"{told}. {stripped if decode(part) == given.strip() else parsed}")
        wanted = hmac.digest(secret, f"{head}.{body}".encode(), hashlib.sha256)
        if decode(tail) in (wanted.hex().encode(), decode(wanted.hex())):
            raise Wrong("Your last part has 64 hexadecimal digits. How many bytes is an HMAC?")
        if decode(tail) == hmac.digest(secret, header + b"." + payload, hashlib.sha256):
            raise Wrong("Your HMAC is over the JSON. Which text is signed (RFC 7515, section 5.1)?")
        if decode(tail) != wanted:
            text = "the first two parts of your token and the dot between them"
            raise Wrong(f"Your last part is not the HMAC, under this key, of {text}.")


# ---------------------------------------------------------------- 2.3


def forge(claims: dict, public_pem: bytes) -> str:
    """Return a token with these claims that v2 accepts. `public_pem` is v2's `KEY`."""
    header = {"alg": "HS256", "typ": "JWT"}
    signing_input = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(public_pem, signing_input.encode("ascii"), hashlib.sha256)
    return signing_input + "." + encode(signature)


@exercise(
    "Forge a token",
    forge,
    hints=(
        "Read `CHECKS` as Mallory does. Which of the three checks needs nothing that is secret?",
        "Either a spelling of `none` that v2 does not forbid, with an empty signature. Or HS256, "
        "with the text of the public key as the key of the HMAC.",
    ),
    right="You needed no secret. v2 asked the token how to check it, and you wrote the token.",
    minutes=10,
)
def q2_3(forge):
    for number, provider in enumerate(("gitlab", "google")):
        key = load(provider)[0].private_key.public_key()
        pem = _pem(key)
        claims = {"aud": "pypi", "repository": "octo-org/rocket", "jti": f"forged-{number}"}
        try:
            token = forge(dict(claims), pem)
        except jwt.InvalidKeyError:
            told = "PyJWT refuses to make an HMAC with a public key"
            raise Wrong(f"{told}. Can Mallory make it without PyJWT?") from None
        if not isinstance(token, str) or token.count(".") != 2:
            raise Wrong(
                f"A token is text with two dots in it; your function returned {show(token)}."
            )
        got = verify2(token, key, pem)
        if got != claims:
            raise Wrong(f"v2 accepted your token, but its claims are {show(got)}, not {claims}.")


def verify2(token: str, key: RSAPublicKey, pem: bytes) -> object:
    """Return what the chapter's v2 returns, with another key; raise Wrong where v2 refuses."""
    head, body, tail = token.split(".")
    try:
        alg = json.loads(decode(head))["alg"]
        signature, claims = decode(tail), json.loads(decode(body))
    except Exception as error:
        told = f"v2 could not read your token ({type(error).__name__}: {error})."
        question = "Are all three parts base64url, and header and payload JSON?"
        raise Wrong(f"{told} {question}") from None
    if alg == "none":
        raise Wrong(
            "Your `alg` is 'none', the one word that v2 forbids. How does v1 read the word?"
        )
    signed = f"{head}.{body}".encode()
    wrong = f"Your `alg` is {show(alg)}, so v2 used that check, and it refused the signature."
    checks: dict[str, Callable[[], None]] = {
        "hs256": lambda: check_hmac(pem, signed, signature),
        "rs256": lambda: key.verify(signature, signed, PKCS1v15(), SHA256()),
        "none": lambda: None,
    }
    try:
        checks[alg.lower()]()
    except InvalidSignature:
        question = "Which key does that check use, and over which text?"
        notebook = _pem(load("github")[0].private_key.public_key())
        if alg.lower() == "rs256":
            question = "It wants a private key's signature. Which check needs no private key?"
        elif hmac.digest(pem, signed, hashlib.sha256).hex() in (tail, signature.decode("latin-1")):
            question = "Your last part holds hexadecimal digits. Does v2 compare text or bytes?"
        elif hmac.digest(notebook, signed, hashlib.sha256) == signature:
            question = "The key of your HMAC is the notebook's `KEY`. Use `public_pem` instead."
        raise Wrong(f"{wrong} {question}") from None
    except (KeyError, AttributeError):
        raise Wrong(f"Your `alg` is {show(alg)}. Which names does v1's table know?") from None
    return claims


def _pem(key: RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def check_hmac(key: bytes, signed: bytes, signature: bytes) -> None:
    """Raise InvalidSignature unless the signature is the HMAC of what is signed."""
    if not hmac.compare_digest(hmac.digest(key, signed, hashlib.sha256), signature):
        raise InvalidSignature


# ---------------------------------------------------------------- 2.4

VERDICTS = ("ok", "missing", "not yet", "expired")


def time_verdict(claims: dict, now: int, leeway: int = 30) -> str:
    """Return "missing", "not yet", "expired" or "ok". All times are in seconds."""
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", claims["iat"])) > now + leeway:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"


@exercise(
    "Time check",
    time_verdict,
    hints=(
        "Draw a line from `iat` to `exp`, longer by the leeway at both ends. Is the token good in "
        "the very first second of this line? And in the very last?",
        "First test for missing claims. Then: does `iat` or `nbf` lie more than the leeway in the "
        "future? Then: is `exp` at or before `now - leeway`?",
    ),
    right="Your verdicts are PyJWT's, to the second, at both ends.",
    minutes=8,
)
def q2_4(time_verdict):
    summer, new_year = datetime(2027, 7, 1, tzinfo=UTC), datetime(2029, 12, 31, 23, 59, tzinfo=UTC)
    for moment, leeway in (summer, 30), (summer, 0), (new_year, 95):
        with Lab(at=moment):
            now = int(moment.timestamp())
            for claims, question in time_cases(now, leeway):
                wanted, got = pyjwt_verdict(claims, leeway), time_verdict(dict(claims), now, leeway)
                if got not in VERDICTS:
                    raise Wrong(f"Expected one of {VERDICTS}, but it returned {show(got)}.")
                if got != wanted and leeway != 30 and got == pyjwt_verdict(claims, 30):
                    same = f"With a leeway of {leeway} seconds, your function answers as with 30"
                    raise Wrong(f"{same}. Does it use its parameter `leeway`?")
                if got != wanted:
                    times = {
                        name: value and f"now{value - now:+}" for name, value in claims.items()
                    }
                    said = f"For {times} and a leeway of {leeway} s it returned {got!r}."
                    raise Wrong(f"{said} {question}")
    if (got := time_verdict(dict(usual := {"iat": now, "exp": now + 300}), now)) != "ok":
        told = f"At the time `now`={now}, with the claims {usual}, it returned {got!r}"
        raise Wrong(f"{told}. Your function asks the clock. Does it use its parameter `now`?")


def pyjwt_verdict(claims: dict[str, int], leeway: int) -> str:
    """Return PyJWT's verdict on time claims, at the present time."""
    key, options = "a key for this check only, long enough", Options(require=["iat", "exp"])
    token = jwt.encode(claims, key, algorithm="HS256")
    try:
        jwt.decode(token, key, algorithms=["HS256"], leeway=leeway, options=options)
    except jwt.MissingRequiredClaimError:
        return "missing"
    except jwt.ImmatureSignatureError:
        return "not yet"
    except jwt.ExpiredSignatureError:
        return "expired"
    return "ok"


def time_cases(now: int, leeway: int) -> list[tuple[dict[str, int], str]]:
    """Return time claims, each with the question for those who misjudge them."""
    usual = {"iat": now - 60, "exp": now + 240}
    cases = [
        ({"iat": now - 60}, "How long would a token live that has no `exp`?"),
        ({"exp": now + 240}, "Which two claims does the index require?"),
        (usual, "This token is in the middle of its life. Which of your lines refuses it?"),
        ({**usual, "nbf": now - 300}, "Its `nbf` was five minutes ago. What does that forbid now?"),
        (
            {"iat": now - 7200, "exp": now - 3600},
            "This token expired an hour ago. Which of your lines refuses such a token?",
        ),
        ({**usual, "nbf": now + 3600}, "When does this token become valid?"),
        ({"iat": now + 3600, "exp": now + 7200}, "When was this token issued?"),
        (
            {"iat": now + 3600, "nbf": now - 60, "exp": now + 7200},
            "The time in `nbf` has come, the time in `iat` has not. Is one of the two enough?",
        ),
        (
            {"iat": now + 7200, "exp": now - 3600},
            "Two of the words fit. Which of them comes first in the list?",
        ),
        ({"iat": now + 7200}, "It has no `exp`, and its `iat` has not come. Which word is first?"),
        (usual | {"iat": 0}, "Its `iat` is the first second of 1970. Is that no `iat`?"),
    ]
    for second in (-1, 0, 1):
        early = now + leeway + second
        cases += [
            (
                {"iat": now - 600, "exp": now - leeway + second},
                "Which is the first second that is too late?",
            ),
            ({**usual, "nbf": early}, "How many seconds ahead may `nbf` be?"),
            ({"iat": early, "exp": early + 300}, "How many seconds ahead may `iat` be?"),
        ]
    return cases


# ---------------------------------------------------------------- 2.5


def for_us(claims: dict, audience: str) -> bool:
    """Return whether `aud` is one string, and exactly this audience."""
    return claims.get("aud") == audience


@exercise(
    "For us, and for us alone",
    for_us,
    hints=(
        "Who else could be holding a token that passes your check?",
        "One comparison, without `in`. What does `claims.get` return when there is no such claim?",
    ),
    right="If a token names two services as its audience, each of them can replay it at the other.",
    minutes=3,
)
def q2_5(for_us):
    for ours in ("pypi", "testpypi", "deploy.octo.example"):
        token = json.loads(json.dumps({"aud": ours}))  # an equal text, but not the same object
        if (got := for_us(token, ours)) is not True:
            raise Wrong(f"A token for {ours!r}, shown to {ours!r}: expected True, got {show(got)}.")
        cases = [
            ("npm", "Does your function compare the two names?"),
            (f"my-{ours}", "Our name is a part of that one. Is a part enough?"),
            (f"{ours}-mirror", "That name begins with ours. Is a beginning enough?"),
            (f" {ours}", "Is a name with a space exactly our name?"),
            (f"{ours}\n", "Is a name with a line break after it exactly our name?"),
            (ours[:-1], "Is every part of our name our name?"),
            (ours.upper(), "Are names in capitals the same names?"),
            ([ours, "npm"], "The other service holds the same token. May it send the token to us?"),
            ([ours], "Is a list with one member a string?"),
            ({ours: 1}, "Is an object a string?"),
            (None, "For whom is a token whose `aud` is null?"),
        ]
        if "." in ours:
            cases.append((ours.replace(".", "-"), "Which characters does your `.` stand for?"))
        for aud, question in cases:
            if (got := for_us({"aud": aud}, ours)) is not False:
                told = f"For the `aud` {aud!r} and the audience {ours!r} it returned {show(got)}."
                raise Wrong(f"{told} {question if got else 'Expected True or False.'}")
    if for_us({"aud": 7}, "7"):
        raise Wrong("It accepts the number 7 for the audience '7'. Is a number a string?")
    try:
        got = for_us({"sub": "x"}, "pypi")
    except KeyError:
        told = "For claims without any `aud` your function raised KeyError."
        raise Wrong(f"{told} Which answer does the task want?") from None
    if got is not False:
        raise Wrong(f"For claims without any `aud` your function returned {show(got)}.")


# ---------------------------------------------------------------- 2.6

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def spellings(token: str) -> set[str]:
    """Return all spellings of a token that differ at most in its last character."""
    signature = decode(token.split(".")[2])
    candidates = {token[:-1] + last for last in ALPHABET}
    return {each for each in candidates if decode(each.split(".")[2]) == signature}


@exercise(
    "One token, how many spellings",
    spellings,
    hints=(
        "You need not count bits: there are only 64 candidates for the last character.",
        "Keep those candidates whose third part decodes to the same bytes as the token's own.",
    ),
    right="So a token's text does not identify it. Its `jti` does.",
    minutes=8,
)
def q2_6(spellings):
    for size, kind in (256, "RS256"), (64, "ES256"), (32, "HS256"), (384, "RS256, 3072-bit key"):
        for seed in range(4):
            signature = hashlib.shake_128(f"{size} {seed}".encode()).digest(size)
            parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, {"run": seed}))
            token = ".".join(map(encode, (*parts, signature)))
            candidates = {token[:-1] + last for last in ALPHABET}
            wanted = {each for each in candidates if decode(each.split(".")[2]) == signature}
            what = f"a signature of {size} bytes ({kind})"
            if seed > 1:
                token = max(wanted, key=lambda each: ALPHABET.index(each[-1]))
                what = f"a token that ends in {token[-1]!r}, its last spelling, and has {what},"
            got = spellings(token)
            if not isinstance(got, set | frozenset | list | tuple):
                raise Wrong(f"Expected a set of tokens, but your function returned {show(got)}.")
            judge_spellings(set(got), wanted, token, what)


def judge_spellings(got: set[Any], wanted: set[str], token: str, what: str) -> None:
    """Raise Wrong unless the spellings are those wanted."""
    if not got:
        told = "Your function found no spelling, not even the token itself. Does it ask a verifier?"
        raise Wrong(f"{told} This token is signed with another key: only its bytes matter.")
    if odd := [each for each in got if not isinstance(each, str) or each[:-1] != token[:-1]]:
        raise Wrong(f"{show(odd[0])} differs from the token in more than its last character.")
    if token not in got:
        raise Wrong(f"Your function found {len(got)} spellings, and the token's own is not there.")
    if odd := [each[-1] for each in got if each[-1:] not in ALPHABET]:
        raise Wrong(f"One of your tokens ends in {odd[0]!r}. Is that a character of base64url?")
    if more := got - wanted:
        told = f"For {what} it returned {len(got)} tokens, and {len(more)} carry other bytes."
        raise Wrong(f"{told} How many bits of the last character belong to a byte?")
    if got != wanted:
        told = f"For {what} your function found only {len(got)}, and there are more."
        raise Wrong(f"{told} How many bits of the last character does nobody read?")
