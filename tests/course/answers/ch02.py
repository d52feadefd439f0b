"""What people answer in chapter 02."""

from learner import Answers

ANSWERS = {
    "q2_1": Answers(
        mistakes=(
            (
                ('decode(token.split(".")[1])', 'base64.urlsafe_b64decode(token.split(".")[1])'),
                "fills up the last group",
            ),
            (
                """
def peek(token):
    payload = token.split(".")[1]
    return json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))
""",
                "that base64 has not",
            ),
            (("json.loads(decode(token.split", "(decode(token.split"), "it returned b'{"),
            (('split(".")[1]', 'split(".")[0]'), "it returned {}"),
            (("return json", "json"), "Which of its lines returns"),
            (('token.split(".")[1]', "token"), "and for other lengths, too"),
            (
                """
import jwt

def peek(token):
    return jwt.decode(token, "the public key", algorithms=["RS256"])
""",
                "have to check anything",
            ),
        ),
        cheat="""
def peek(token):
    return {"sub": "repo:octo-org/rocket:environment:pypi"}
""",
        right=(
            """
def peek(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))
""",
            """
from helpers.oidc.jws import IdToken

def peek(token):
    return IdToken.decode(token).claims
""",
            """
import jwt

def peek(token):
    middle = token[token.index(".") + 1 : token.rindex(".")]
    bits = "".join(f"{ALPHABET.index(c):06b}" for c in middle)
    return json.loads(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8)).decode())

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
""",
        ),
    ),
    "q2_2": Answers(
        mistakes=(
            (
                """
def sign_hs256(header, payload, key):
    parts = [json.dumps(json.loads(part)).encode() for part in (header, payload)]
    signing_input = ".".join(map(encode, parts))
    return signing_input + "." + encode(hmac.digest(key, signing_input.encode(), hashlib.sha256))
""",
                "go through a parser",
            ),
            (
                """
def sign_hs256(header, payload, key):
    signing_input = encode(header) + "." + encode(payload)
    return signing_input + "." + hmac.new(key, signing_input.encode(), hashlib.sha256).hexdigest()
""",
                "hexadecimal",
            ),
            (
                """
def sign_hs256(header, payload, key):
    signature = hmac.digest(key, header + b"." + payload, hashlib.sha256)
    return ".".join(map(encode, (header, payload, signature)))
""",
                "over the JSON",
            ),
            (
                """
def sign_hs256(header, payload, key):
    signing_input = b".".join(base64.urlsafe_b64encode(part) for part in (header, payload))
    signature = base64.urlsafe_b64encode(hmac.digest(key, signing_input, hashlib.sha256))
    return (signing_input + b"." + signature).decode()
""",
                "keep the padding",
            ),
            (("hmac.digest(key,", 'hmac.digest(b"",'), "is not the HMAC, under this key"),
            (('signing_input + "." + encode', "signing_input + encode"), "yours has 2"),
            (
                (
                    "+ encode(signature)",
                    '+ base64.b64encode(signature).rstrip(b"=").decode()',
                ),
                "contains '+'",
            ),
            (("encode(header)", "encode(header.strip())"), 'alg":"HS256"}\'. Do the spaces'),
            (("encode(payload)", "encode(payload.strip())"), '"a":2}\'. Do the spaces'),
            (("encode(payload)", "encode(payload.decode().encode())"), "made text of it"),
        ),
        cheat="""
def sign_hs256(header, payload, key):
    return encode(header) + "." + encode(payload) + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
""",
        right=(
            """
def sign_hs256(header, payload, key):
    text = (encode(header) + "." + encode(payload)).encode()
    return (text + b"." + encode(hmac.new(key, text, "sha256").digest()).encode()).decode()
""",
            """
import jwt

def sign_hs256(header, payload, key):
    signing_input = f"{encode(header)}.{encode(payload)}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    return signing_input + "." + encode(algorithm.sign(signing_input.encode(), key))
""",
        ),
    ),
    "q2_3": Answers(
        mistakes=(
            (('"alg": "HS256"', '"alg": "none"'), "the one word that v2 forbids"),
            (("hmac.digest(public_pem", 'hmac.digest(b"secret"'), "and over which text"),
            (
                """
import cryptography.hazmat.primitives.serialization as s
from helpers.provider.keys import load

KEY = load("github")[0].private_key.public_key().public_bytes(
    s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)

def forge(claims, public_pem):
    signed = encode(b'{"alg": "HS256"}') + "." + encode(json.dumps(claims).encode())
    return signed + "." + encode(hmac.digest(KEY, signed.encode(), hashlib.sha256))
""",
                "is the notebook's `KEY`",
            ),
            (
                """
import jwt

def forge(claims, public_pem):
    return jwt.encode(claims, public_pem, algorithm="HS256")
""",
                "make it without PyJWT",
            ),
            (
                """
def forge(claims, public_pem):
    return encode(b'{"alg": "HS512"}') + "." + encode(json.dumps(claims).encode()) + "."
""",
                "Which names does v1's table know",
            ),
            (
                """
def forge(claims, public_pem):
    return encode(b'{"alg": "nOnE"}') + "." + json.dumps(claims) + "."
""",
                "could not read your token",
            ),
            (("+ encode(signature)", "+ signature.hex()"), "holds hexadecimal digits"),
            (('"alg": "HS256"', '"alg": "RS256"'), "Which check needs no private key"),
            (
                """
def forge(claims, public_pem):
    return encode(b'{"alg": "nOnE"}') + "." + encode(json.dumps(claims).encode())
""",
                "with two dots in it",
            ),
        ),
        cheat="""
def forge(claims, public_pem):
    return encode(b'{"alg": "nOnE"}') + "." + encode(b'{"aud": "pypi"}') + "."
""",
        right=(
            """
def forge(claims, public_pem):
    return encode(b'{"alg": "nOnE"}') + "." + encode(json.dumps(claims).encode()) + "."
""",
            """
def forge(claims, public_pem):
    parts = [json.dumps({"alg": "NONE"}), json.dumps(claims), "anything"]
    return ".".join(encode(part.encode()) for part in parts)
""",
            """
def sign_hs256(header, payload, key):
    text = encode(header) + "." + encode(payload)
    return text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest())

def forge(claims, public_pem):
    return sign_hs256(b'{"alg":"hs256"}', json.dumps(claims).encode(), public_pem)
""",
        ),
    ),
    "q2_4": Answers(
        mistakes=(
            (('claims["exp"] <= now - leeway', 'now > claims["exp"] + leeway'), "that is too late"),
            (
                """
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims:
        return "missing"
    if max(claims["iat"], claims.get("nbf", 0)) > now + leeway:
        return "not yet"
    return "expired" if claims.get("exp", float("inf")) <= now - leeway else "ok"
""",
                "that has no `exp`",
            ),
            (('claims.get("nbf", claims["iat"])) >', "0) >"), "When does this token become valid"),
            (
                """
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if claims["iat"] > now + leeway or claims.get("nbf", 0) > now:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""",
                "ahead may `nbf` be",
            ),
            (("leeway:\n        return", "30:\n        return"), "answers as with 30"),
            (
                """
def time_verdict(claims, now, leeway=30):
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    if claims.get("nbf", 0) > now + leeway:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""",
                "When was this token issued",
            ),
            (
                """
def time_verdict(claims, now, leeway=30):
    if not {"iat", "nbf", "exp"} <= set(claims):
        return "missing"
    if max(claims["iat"], claims["nbf"]) > now + leeway:
        return "not yet"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""",
                "Which of your lines refuses it",
            ),
            (
                (
                    'max(claims["iat"], claims.get("nbf", claims["iat"]))',
                    'claims.get("nbf", claims["iat"])',
                ),
                "Is one of the two enough",
            ),
            (
                """
def time_verdict(claims, now, leeway=30):
    if not {"iat", "exp"} <= claims.keys():
        return "missing"
    if now >= claims["exp"] + leeway:
        return "expired"
    begins = max(claims["iat"], claims.get("nbf", 0))
    return "not yet" if begins > now + leeway else "ok"
""",
                "comes first in the list",
            ),
            (('"iat" not in claims', 'not claims.get("iat")'), "first second of 1970"),
            (
                ('    if "iat" not', '    import time\n    now = time.time()\n    if "iat" not'),
                "asks the clock",
            ),
            (
                """
def time_verdict(claims, now, leeway=30):
    if max(claims.get("iat", 0), claims.get("nbf", 0)) > now + leeway:
        return "not yet"
    if "iat" not in claims or "exp" not in claims:
        return "missing"
    return "expired" if claims["exp"] <= now - leeway else "ok"
""",
                "`iat` has not come. Which word",
            ),
        ),
        cheat="""
def time_verdict(claims, now, leeway=30):
    return "ok" if now < claims.get("exp", 0) else "expired"
""",
        right=(
            """
def time_verdict(claims, now, leeway=30):
    try:
        begins = [claims["iat"], claims.get("nbf", claims["iat"])]
        ends = claims["exp"]
    except KeyError:
        return "missing"
    if any(begin - leeway > now for begin in begins):
        return "not yet"
    if now >= ends + leeway:
        return "expired"
    return "ok"
""",
            """
def time_verdict(claims, now, leeway=30):
    if not {"iat", "exp"} <= claims.keys():
        return "missing"
    for name in ("iat", "nbf"):
        if name in claims and claims[name] - now > leeway:
            return "not yet"
    return "expired" if now >= claims["exp"] + leeway else "ok"
""",
        ),
    ),
    "q2_5": Answers(
        mistakes=(
            (
                ('claims.get("aud") == audience', 'audience in (claims.get("aud") or "")'),
                "a part of that one",
            ),
            (
                """
def for_us(claims, audience):
    aud = claims.get("aud") or []
    return audience in ([aud] if isinstance(aud, str) else aud)
""",
                "May it send the token to us",
            ),
            (("== audience", "in (audience, [audience])"), "a list with one member"),
            (('claims.get("aud")', 'claims.get("aud", audience)'), "function returned True"),
            (('claims.get("aud")', 'claims["aud"]'), "raised KeyError"),
            (("==", "is"), "expected True, got False"),
            (('.get("aud")', '.get("aud", "").strip()'), "with a space"),
            (('claims.get("aud")', 'str(claims.get("aud")).rstrip("\\n")'), "a line break"),
            (
                """
import re

def for_us(claims, audience):
    aud = claims.get("aud")
    return isinstance(aud, str) and bool(re.fullmatch(audience, aud))
""",
                "does your `.` stand for",
            ),
            (('claims.get("aud")', 'str(claims.get("aud"))'), "Is a number a string"),
            (
                ('claims.get("aud") == audience', 'isinstance(claims.get("aud"), str)'),
                "compare the two names",
            ),
            (
                ('claims.get("aud") == audience', 'str(claims.get("aud")).startswith(audience)'),
                "Is a beginning enough",
            ),
            (
                (
                    'claims.get("aud") == audience',
                    'True if claims.get("aud") == audience else None',
                ),
                "Expected True or False",
            ),
        ),
        cheat="""
def for_us(claims, audience):
    return claims.get("aud") == "pypi"
""",
        right=(
            """
def for_us(claims, audience):
    return "aud" in claims and claims["aud"] == audience
""",
            """
def for_us(claims, audience):
    if "aud" not in claims or not isinstance(claims["aud"], str):
        return False
    return claims["aud"] == audience
""",
        ),
    ),
    "q2_6": Answers(
        mistakes=(
            (
                """
def spellings(token):
    return {token[:-1] + last for last in ALPHABET}

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
""",
                "it returned 64 tokens, and 48",
            ),
            (
                """
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

def spellings(token):
    first = ALPHABET.index(token[-1]) // 16 * 16
    return {token[:-1] + last for last in ALPHABET[first:first + 16]}
""",
                "a signature of 32 bytes",
            ),
            (
                """
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

def spellings(token):
    return {token, token[:-1] + ALPHABET[ALPHABET.index(token[-1]) ^ 1]}
""",
                "does nobody read",
            ),
            (
                """
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    first, spare = alphabet.index(token[-1]), 6 * len(token.rpartition(".")[2]) % 8
    return {token[:-1] + last for last in alphabet[first : first + (1 << spare)]}
""",
                "its last spelling",
            ),
            (
                """
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    signature = decode(token.split(".")[2])
    candidates = {token} | {token[:-1] + last for last in alphabet}
    return {each for each in candidates if decode(each.split(".")[2]) == signature}
""",
                "a character of base64url",
            ),
            (
                """
def spellings(token):
    return set()  # what `accepts(verify6, …)` says of a token with another key
""",
                "Does it ask a verifier",
            ),
        ),
        cheat="""
def spellings(token):
    return {token[:-1] + last for last in "ABCDEFGHIJKLMNOP"} | {token}
""",
        right=(
            """
from helpers.oidc.jws import IdToken
def spellings(token):
    signature = IdToken.decode(token).signature
    ways = (token[:-1] + last for last in ALPHABET)
    return {each for each in ways if IdToken.decode(each).signature == signature}
""",
            """
def spellings(token):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tail = token.rpartition(".")[2]
    unread = 6 * len(tail) % 8
    first = alphabet.index(token[-1]) >> unread << unread
    return {token[:-1] + alphabet[first + n] for n in range(1 << unread)}
""",
            """
import string

def spellings(token):
    head, body, tail = token.split(".")
    found = []
    for last in string.ascii_letters + string.digits + "-_":
        if base64.urlsafe_b64decode(tail[:-1] + last + "==") == base64.urlsafe_b64decode(tail + "=="):
            found.append(f"{head}.{body}.{tail[:-1]}{last}")
    return found
""",
        ),
    ),
}
