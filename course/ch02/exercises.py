"""Exercises of chapter 02: what is in a token, what signs it, when and for whom it counts, its spellings."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import jwt

from course.exercise import Exercise, Wrong, numbered, show

SETUP = """
import base64, hashlib, hmac, json

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
"""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# -- q2_1 ------------------------------------------------------------


def probe_peek(peek: Any) -> None:
    failed: dict[int, str] = {}
    for name in ("a", "ab", "abc", "abcd"):
        payload = _encode(json.dumps({"sub": name, "exp": 1}).encode())
        try:
            got = peek(f"{_encode(b'{}')}.{payload}.{_encode(b'signed')}")
        except Exception as error:
            failed[len(payload) % 4] = type(error).__name__
            continue
        if not isinstance(got, dict):
            raise Wrong(f"Claims are a dict, and {show(got)} came. What turns JSON into one?")
        if got != {"sub": name, "exp": 1}:
            raise Wrong("Other claims came back than went in. Which of the three parts holds them?")
    if failed and len(failed) < 3:
        kind = next(iter(failed.values()))
        raise Wrong(f"It raises {kind} for some payloads, not for others. Look at their lengths.")
    if failed:
        raise Wrong(
            f"Even a plain payload raises {next(iter(failed.values()))}. Start from the middle part."
        )
    claims = {"actor": "Zoë ÿÿÿ>>>???", "note": "ûïþ ~~~ ???", "nested": {"list": [1, "ø"]}}
    for n in range(4):
        claims["n"] = "n" * n
        payload = _encode(json.dumps(claims, ensure_ascii=False).encode())
        try:
            got = peek(f"{_encode(b'{}')}.{payload}.")
        except Exception as error:
            got = type(error).__name__
        if got != claims:
            raise Wrong(
                "Claims with letters outside ASCII do not come through. Two characters of the base64url "
                "alphabet are not those of the usual one, and the bytes behind it are UTF-8."
            )


# -- q2_2 ------------------------------------------------------------

_A1_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"


def probe_sign(sign_hs256: Any) -> None:
    bodies = (
        b'{"sub":"a"}',
        b'{"iss":"joe",\r\n "exp":1300819380}',
        b'{ "b" : 1,\t"a":2 }',
        b'{"a":1,"a":2}',
    )
    for number, payload in enumerate(bodies):
        header, key = b'{"typ":"JWT",\r\n "alg":"HS256"}', _decode(_A1_KEY)[number:]
        got = sign_hs256(header, payload, key)
        if not isinstance(got, str):
            raise Wrong(f"A token is text, and {show(got)} came.")
        if "=" in got:
            raise Wrong("There is padding in it. RFC 7515 leaves it out.")
        if got.count(".") != 2:
            raise Wrong(
                f"A token has three parts with dots between them; this one has {got.count('.') + 1}."
            )
        head, body, tail = got.split(".")
        if (_decode(head), _decode(body)) != (header, payload):
            raise Wrong(
                "Header or payload are not the bytes that were given. Did they go through a parser? JSON "
                "that means the same can be spelt in many ways, and the signature is over one of them."
            )
        expected = hmac.digest(key, f"{head}.{body}".encode(), hashlib.sha256)
        if _decode(tail) in (expected.hex().encode(), _decode(expected.hex())):
            raise Wrong("The last part holds hexadecimal digits: two characters for each byte.")
        if _decode(tail) == hmac.digest(key, header + b"." + payload, hashlib.sha256):
            raise Wrong(
                "That is the HMAC over the JSON. RFC 7515, section 5.1: which text is signed?"
            )
        if _decode(tail) != expected:
            raise Wrong(
                "The signature is not the HMAC of the first two parts, as they stand, and the dot."
            )


# -- q2_3 ------------------------------------------------------------

_VERDICTS = ("ok", "missing", "not yet", "expired")


def pyjwt_time_verdict(claims: dict[str, int], leeway: int) -> str:
    """What PyJWT says about the time claims now."""
    key = "a key for this check only, long enough"
    token = jwt.encode(claims, key, algorithm="HS256")
    try:
        jwt.decode(
            token, key, algorithms=["HS256"], leeway=leeway, options={"require": ["iat", "exp"]}
        )
    except jwt.MissingRequiredClaimError:
        return "missing"
    except jwt.ImmatureSignatureError:
        return "not yet"
    except jwt.ExpiredSignatureError:
        return "expired"
    return "ok"


def probe_time(time_verdict: Any) -> None:
    from helpers.lab import Lab

    for moment, leeway in ((datetime(2031, 2, 3, 4, 5, tzinfo=UTC), 30),
                           (datetime(2027, 7, 1, tzinfo=UTC), 0),
                           (datetime(2029, 12, 31, 23, 59, tzinfo=UTC), 95)):  # fmt: skip
        with Lab(at=moment):
            now = int(moment.timestamp())
            for claims, about in _times(now, leeway):
                expected = pyjwt_time_verdict(claims, leeway)
                got = time_verdict(dict(claims), now, leeway)
                if got not in _VERDICTS:
                    raise Wrong(f"{show(got)} is none of the four answers.")
                if got != expected and leeway != 30 and got == pyjwt_time_verdict(claims, 30):
                    raise Wrong(
                        f"With {leeway} s of leeway it answers as with 30: is that written down?"
                    )
                if got != expected:
                    raise Wrong(_about_time(about, got, leeway))


def _times(now: int, leeway: int) -> list[tuple[dict[str, int], str]]:
    usual = {"iat": now - 60, "exp": now + 240}
    without = [
        ({"iat": now - 60}, "exp missing"),
        ({"exp": now + 240}, "iat missing"),
        ({}, "both missing"),
    ]
    middle = [
        (usual, "plain"),
        ({**usual, "nbf": now - 300}, "plain"),
        ({**usual, "sub": "x"}, "plain"),
    ]
    far = [
        ({**usual, "exp": now - 3600, "iat": now - 7200}, "dead"),
        ({**usual, "nbf": now + 3600}, "nbf"),
        ({**usual, "iat": now + 3600, "exp": now + 7200}, "iat"),
    ]
    edges = []
    for second in (-1, 0, 1):
        edges.append(({"iat": now - 600, "exp": now - leeway + second}, "exp edge"))
        edges.append(({**usual, "nbf": now + leeway + second}, "nbf edge"))
        edges.append(({"iat": now + leeway + second, "exp": now + leeway + 300}, "iat edge"))
    return middle + without + far + edges


def _about_time(about: str, got: str, leeway: int) -> str:
    if about in ("exp missing", "both missing") and got == "ok":
        return "A token without `exp` passed as ok: this token lives for ever."
    if about.endswith("missing"):
        return "`iat` and `exp` are required, whatever else is there."
    if about == "exp edge":
        return (
            f"With {leeway} s of leeway, one second differs at the end of a token's life. Reread “on or "
            "after” in RFC 7519, section 4.1.4."
        )
    if about == "iat edge":
        return f"With {leeway} s of leeway, the beginning is off: how far ahead of this clock may `iat` lie?"
    if about == "nbf edge":
        return f"With {leeway} s of leeway, the beginning is off: how far ahead of this clock may `nbf` lie?"
    if about in ("nbf", "iat"):
        return f"A token whose `{about}` lies an hour ahead came out as {show(got)}."
    state = "long dead" if about == "dead" else "in the middle of its life"
    return f"A token that is {state} came out as {show(got)}."


# -- q2_4 ------------------------------------------------------------


def probe_audience(for_us: Any) -> None:
    for audience in ("pypi", "testpypi", "sigstore"):
        if for_us({"aud": audience, "sub": "x"}, audience) is not True:
            raise Wrong(
                f"A token for {audience!r} was refused by {audience!r} itself: that is not True."
            )
        cases = (
            (f"{audience}-mirror", "A token for another service passed, whose name contains ours. "
             "What does `in` mean between two strings?"),
            (audience[:-1], "A token for another service passed, whose name is the beginning of ours."),
            (audience.upper(), "A token for a name in other letters passed. Names are compared as they are."),
            ([audience, "npm"], "A token for two passed: the other one has it, too, and can send it here."),
            ([audience], "A list passed, if only with one member. The index takes a string, nothing else."),
            ({audience: 1}, "An object passed as an audience."),
            (None, "A token for nobody passed: its `aud` is null."),
        )  # fmt: skip
        for aud, feedback in cases:
            if for_us({"aud": aud}, audience):
                raise Wrong(feedback)
    try:
        passed = for_us({"sub": "x"}, "pypi")
    except KeyError:  # a refusal, too
        passed = False
    if passed:
        raise Wrong("A token without any `aud` passed.")


# -- q2_5 ------------------------------------------------------------

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def probe_spellings(spellings: Any) -> None:
    for size, kind in (
        (256, "2048-bit RSA"),
        (64, "an elliptic curve"),
        (32, "HMAC"),
        (384, "3072-bit RSA"),
    ):
        for seed in range(4):
            signature = hashlib.shake_128(f"{size} {seed}".encode()).digest(size)
            token = f"{_encode(b'{}')}.{_encode(str(seed).encode())}.{_encode(signature)}"
            candidates = {token[:-1] + last for last in _ALPHABET}
            expected = {each for each in candidates if _decode(each.split(".")[2]) == signature}
            got = spellings(token)
            if not isinstance(got, (set, frozenset, list, tuple)):
                raise Wrong(f"A set of tokens is wanted, and {show(got)} came.")
            got = set(got)
            foreign = [each for each in got if not isinstance(each, str) or each[:-1] != token[:-1]]
            if foreign:
                raise Wrong("Some of them differ in more than the last character.")
            if token not in got:
                raise Wrong("The token's own spelling is one of them.")
            if any(each[-1:] not in _ALPHABET for each in got):
                raise Wrong("Some of them end in a character that base64url does not have.")
            if got - expected and size == 256:
                raise Wrong(
                    f"{len(got - expected)} of these {len(got)} carry another signature. Decode and compare, "
                    "or count the bits that a byte takes from the last character."
                )
            if got != expected:
                if size == 256:
                    raise Wrong(
                        f"Only {len(got)} found. How many bits at the very end does nobody read?"
                    )
                raise Wrong(
                    f"Right for RS256 with the usual key, but a signature of {size} bytes ({kind}) does not "
                    f"have {len(got)} spellings: its last character holds another number of bits."
                )


EXERCISES = [
    Exercise(
        title="A look without trust",
        names=("peek",),
        stub="""
def peek(token: str) -> dict:
    ...
""",
        probe=probe_peek,
        hints=(
            "Which of the three parts, and how many characters is it short of a multiple of four?",
            "Add that many `=`, decode with the URL-safe alphabet, and let `json.loads` read the bytes.",
        ),
        answer="""
def peek(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
""",
        mistakes=(
            ("""
def peek(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1]))
""", "Look at their lengths"),
            ("""
def peek(token):
    payload = token.split(".")[1]
    return json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))
""", "not those of the usual one"),
            ("""
def peek(token):
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
""", "turns JSON"),
            ("""
def peek(token):
    return json.loads(decode(token.split(".")[0]))
""", "three parts holds"),
        ),
        cheat="""
def peek(token):
    return {"sub": "repo:octo-org/rocket:environment:pypi"}
""",
        right="Peeking is how a verifier learns whom to ask for a key. It proves nothing.",
        minutes=2,
    ),
    Exercise(
        title="Sign exactly these bytes",
        names=("sign_hs256",),
        stub="""
def sign_hs256(header: bytes, payload: bytes, key: bytes) -> str:
    ...
""",
        probe=probe_sign,
        hints=(
            "The bytes are given, so nothing has to be parsed. Over which text is the HMAC?",
            "`encode` both, a dot between them, `hmac.digest(key, …, hashlib.sha256)`, and `encode` again.",
        ),
        answer="""
def sign_hs256(header, payload, key):
    signing_input = encode(header) + "." + encode(payload)
    return signing_input + "." + encode(hmac.digest(key, signing_input.encode("ascii"), hashlib.sha256))
""",
        mistakes=(
            ("""
def sign_hs256(header, payload, key):
    parts = [json.dumps(json.loads(part)).encode() for part in (header, payload)]
    signing_input = ".".join(map(encode, parts))
    return signing_input + "." + encode(hmac.digest(key, signing_input.encode(), hashlib.sha256))
""", "through a parser"),
            ("""
def sign_hs256(header, payload, key):
    signing_input = encode(header) + "." + encode(payload)
    return signing_input + "." + hmac.new(key, signing_input.encode(), hashlib.sha256).hexdigest()
""", "hexadecimal"),
            ("""
def sign_hs256(header, payload, key):
    signature = hmac.digest(key, header + b"." + payload, hashlib.sha256)
    return ".".join(map(encode, (header, payload, signature)))
""", "over the JSON"),
            ("""
def sign_hs256(header, payload, key):
    signing_input = b".".join(base64.urlsafe_b64encode(part) for part in (header, payload))
    signature = base64.urlsafe_b64encode(hmac.digest(key, signing_input, hashlib.sha256))
    return (signing_input + b"." + signature).decode()
""", "padding"),
        ),
        cheat="""
def sign_hs256(header, payload, key):
    return encode(header) + "." + encode(payload) + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
""",
        right="A signature is over a spelling, not a meaning: verify the text that came, before parsing it.",
        minutes=3,
    ),
    Exercise(
        title="Time check",
        names=("time_verdict",),
        stub="""
def time_verdict(claims: dict, now: int, leeway: int = 30) -> str:
    ...
""",
        probe=probe_time,
        hints=(
            "Draw the line from `iat` to `exp`, and the leeway at both ends. Does each end belong to it?",
            "Missing first; then more than the leeway ahead; then `exp` at or before `now - leeway`.",
        ),
        answer="""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", claims["iat"])) > now + leeway:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""",
        mistakes=(
            ("""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", 0)) > now + leeway:
        return "not yet"
    return "expired" if now > claims["exp"] + leeway else "ok"
""", "on or after"),
            ("""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", 0)) > now + leeway:
        return "not yet"
    return "expired" if claims.get("exp", float("inf")) <= now - leeway else "ok"
""", "for ever"),
            ("""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if claims["iat"] > now + leeway or claims.get("nbf", 0) > now:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""", "how far ahead"),
            ("""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", 0)) > now + 30:
        return "not yet"
    return "expired" if claims["exp"] <= now - 30 else "ok"
""", "as with 30"),
            ("""
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if claims.get("nbf", 0) > now + leeway:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""", "`iat` lies an hour ahead"),
        ),
        cheat="""
def time_verdict(claims, now, leeway=30):
    return "ok" if now < claims.get("exp", 0) else "expired"
""",
        right="The same verdict as PyJWT's, to the second, at both ends.",
        minutes=5,
    ),
    Exercise(
        title="For us, and for us alone",
        names=("for_us",),
        stub="""
def for_us(claims: dict, audience: str) -> bool:
    ...
""",
        probe=probe_audience,
        hints=(
            "Who else could be holding a token that passes your check?",
            "One comparison, without `in`. What does `claims.get` return when there is no such claim?",
        ),
        answer="""
def for_us(claims, audience):
    return claims.get("aud") == audience
""",
        mistakes=(
            ("""
def for_us(claims, audience):
    return audience in (claims.get("aud") or "")
""", "between two strings"),
            ("""
def for_us(claims, audience):
    aud = claims.get("aud") or []
    return audience in ([aud] if isinstance(aud, str) else aud)
""", "A token for two"),
            ("""
def for_us(claims, audience):
    return claims.get("aud") in (audience, [audience])
""", "with one member"),
            ("""
def for_us(claims, audience):
    return claims.get("aud", audience) == audience
""", "without any"),
        ),
        cheat="""
def for_us(claims, audience):
    return claims.get("aud") == "pypi"
""",
        right="A token that two may hold is a token that each can replay at the other.",
        minutes=2,
    ),
    Exercise(
        title="One token, how many spellings",
        names=("spellings",),
        stub="""
def spellings(token: str) -> set[str]:
    ...
""",
        probe=probe_spellings,
        hints=(
            "You need not count bits: there are only 64 candidates for the last character.",
            "Keep those candidates whose third part decodes to the same bytes as the token's own.",
        ),
        answer="""
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    signature = decode(token.split(".")[2])
    candidates = {token[:-1] + last for last in alphabet}
    return {each for each in candidates if decode(each.split(".")[2]) == signature}
""",
        mistakes=(
            ("""
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return {token[:-1] + last for last in alphabet}
""", "another signature"),
            ("""
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    first = alphabet.index(token[-1]) // 16 * 16
    return {token[:-1] + last for last in alphabet[first:first + 16]}
""", "Right for RS256 with the usual key"),
            ("""
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return {token, token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]}
""", "does nobody read"),
            ("""
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    signature = decode(token.split(".")[2])
    candidates = {token} | {token[:-1] + last for last in alphabet}
    return {each for each in candidates if decode(each.split(".")[2]) == signature}
""", "base64url does not have"),
        ),
        cheat="""
def spellings(token):
    return {token[:-1] + last for last in "ABCDEFGHIJKLMNOP"} | {token}
""",
        right="So a token's text does not identify it. Its `jti` does.",
        minutes=4,
    ),
]  # fmt: skip

q2_1, q2_2, q2_3, q2_4, q2_5 = numbered(2, EXERCISES)
