"""Exercises of chapter 03: find keys, forge for a lenient reader, pick a key, keep keys."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx

from course.ch03.cube_root import cube_root_up
from course.desk import exchange, upload
from course.exercise import Wrong, exercise, prediction, show
from helpers.lab import Lab
from helpers.oidc.jws import IdToken, b64url_encode
from helpers.oidc.key_store import KeyStore
from helpers.oidc.verification import InvalidToken, verify_id_token
from helpers.provider.jobs import GitHubJob
from helpers.provider.keys import load

SETUP = """
import hashlib

from course.ch03.cube_root import cube_root_up
from helpers.oidc.jws import IdToken

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call returns, or the exception that it raises."""
    try:
        return call(*args)
    except Exception as error:
        return error


def ensure(holds: bool, otherwise: str) -> None:
    """Raise Wrong with this feedback unless the condition holds."""
    if not holds:
        raise Wrong(otherwise)


def told(got: Any) -> str:
    """Return "raised …" or "returned …"."""
    return f"raised {type(got).__name__}" if isinstance(got, Exception) else f"returned {show(got)}"


# ---------------------------------------------------------------- 3.1


def fetch_keys(http, issuer: str) -> dict[str, dict]:
    """Return the public keys (JWKs) that an issuer publishes, by `kid`."""
    url = f"{issuer}/.well-known/openid-configuration"
    configuration = http.get(url).raise_for_status().json()
    if configuration["issuer"] != issuer:
        raise ValueError(f"asked {issuer}, and {configuration['issuer']} answers")
    jwks = http.get(configuration["jwks_uri"]).raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}


@exercise(
    "Ask for the keys",
    fetch_keys,
    hints=(
        "Two things can be wrong: the status of an answer, and the issuer in the first answer. "
        "Where do you find each of them?",
        "Call `raise_for_status()` on both answers, and compare the configuration's `issuer` with "
        "the one you asked.",
    ),
    right="The index asks in the same two steps. It also keeps the keys; part 5 shows why.",
    minutes=7,
)
def q3_1(fetch_keys):
    keys = [{"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"} for kid in ("spring", "summer")]
    wanted = {jwk["kid"]: dict(jwk) for jwk in keys}
    for issuer, uri, question in (
        ("https://id.example", "https://id.example/.well-known/jwks",
         "What should each `kid` lead to?"),
        ("https://login.example", "https://keys.example/v3/certs",
         "This provider publishes its keys at another address. Which answer tells that address?"),
        ("https://ci.example/oauth/oidc", "https://ci.example/k",
         "This issuer's URL has a path. Where is its configuration?"),
    ):  # fmt: skip
        got = outcome(fetch_keys, provider(issuer, uri, keys), issuer)
        if isinstance(got, httpx.TransportError):
            asked = "Did you ask through `http`, the client that your function is given?"
            raise Wrong(f"Nobody answered at {issuer}. {asked}")
        if isinstance(got, Exception) and issuer == "https://id.example":
            raise got
        if got != wanted:
            raise Wrong(f"For {issuer} your function {told(got)}. {question}")
    issuer, uri = "https://id.example", "https://id.example/k"
    bad: list[tuple[dict[str, Any], str, str]] = [
        ({"says": says}, f"You asked {issuer}, and the configuration names {says}", question)
        for says, question in (
            ("https://mallory.test", "Which member names the issuer of a configuration?"),
            (f"{issuer}/mallory", "Do you compare the two names as a whole?"),
            ("https://id", "Is a part of the name enough?"),
            (f"{issuer}/", "Is that exactly the same name?"),
            (issuer.upper(), "Does upper or lower case count?"),
        )
    ]
    pages = {"configuration": f"{issuer}/.well-known/openid-configuration", "keys": uri}
    bad += [
        ({"down": url, "status": status}, f"The request for the {page} got status {status}",
         "Does it look at this status?")
        for page, url in pages.items() for status in (503, 404, 500)
    ]  # fmt: skip
    for change, what, question in bad:
        got = outcome(fetch_keys, provider(issuer, uri, keys, **change), issuer)
        if not isinstance(got, Exception):
            asked = question if got == wanted else "What should it raise?"
            raise Wrong(f"{what}. Your function {told(got)}. {asked}")


def provider(
    issuer: str,
    jwks_uri: str,
    keys: list[dict[str, str]],
    says: str = "",
    down: str = "",
    status: int = 503,
) -> httpx.Client:
    """Return a client of a provider that calls itself `says` and answers `status` at `down`."""
    pages = {
        f"{issuer}/.well-known/openid-configuration": {
            "issuer": says or issuer,
            "jwks_uri": jwks_uri,
        },
        jwks_uri: {"keys": keys},
    }  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if url not in pages:
            return httpx.Response(404, json={})
        return httpx.Response(status if url == down else 200, json=pages[url])

    return httpx.Client(transport=httpx.MockTransport(answer))


# ---------------------------------------------------------------- 3.2


def forge(message: bytes, n: int) -> bytes:
    """Return 256 bytes that `lenient` takes for a signature of the message, with e = 3."""
    begins = b"\x00\x01" + b"\xff" * 8 + b"\x00" + DIGEST_INFO + hashlib.sha256(message).digest()
    target = int.from_bytes(begins.ljust(256, b"\x00"))
    return cube_root_up(target).to_bytes(256)


@exercise(
    "Forge for a lenient reader",
    forge,
    hints=(
        "The third power of your number has to begin with the bytes that `lenient` reads, and to "
        "be 256 bytes long. Which bytes does it not read?",
        "Write the bytes that it reads, with eight `ff`, and add zero bytes up to 256. The third "
        "power of that number's cube root, rounded up, differs in the zeros only.",
    ),
    right="You used no secret, and the modulus is the real one. Our `rs256` builds the block and "
    "compares, so your forgery does not get past it.",
    minutes=11,
)
def q3_2(forge):
    for name in ("github", "gitlab", "google"):
        n = load(name)[0].private_key.public_key().public_numbers().n
        message = b"mallory was here, and at " + name.encode()
        signature = forge(message, n)
        if not isinstance(signature, bytes | bytearray):
            raise Wrong(f"A signature is bytes; your function returned {show(signature)}.")
        if len(signature) != 256:
            raise Wrong(f"Your signature has {len(signature)} bytes. Expected 256.")
        block = pow(int.from_bytes(signature), 3, n).to_bytes(256)
        read = re.match(rb"\x00\x01\xff{8,}\x00", block)
        if not read:
            begin = f"`pow` makes a block of it that begins {block[:12].hex(' ')}"
            if block[1] == 2:
                raise Wrong(f"{begin}. How much of a block does the rounding change?")
            if block[:2] == b"\0\0" and any(block):
                raise Wrong(f"{begin}. Of how many bytes did you take the root?")
            raise Wrong(f"{begin}. What does `lenient` expect?")
        rest = block[read.end() :]
        if not rest.startswith(DIGEST_INFO):
            goes_on = rest[:8].hex(" ")
            raise Wrong(
                f"After the `ff` and the zero your block goes on with {goes_on}. "
                "What comes there in a good block?"
            )
        if rest[19:51] != hashlib.sha256(message).digest():
            raise Wrong(
                "`lenient` reads your block up to the hash, and it is not the hash of the message. "
                "Did the rounding reach it, or is it another hash?"
            )


# ---------------------------------------------------------------- 3.3


def pick_key(key_sets: dict[str, dict], token: str) -> dict:
    """Return the JWK to check the token with; raise LookupError if there is none.

    `key_sets` has the JWKS, `{"keys": [...]}`, of each trusted issuer.
    """
    peeked = IdToken.decode(token)
    for jwk in key_sets[peeked.claims["iss"]]["keys"]:
        for_signatures = jwk.get("use", "sig") == "sig" and jwk.get("alg", "RS256") == "RS256"
        if jwk.get("kid") == peeked.header["kid"] and for_signatures:
            return jwk
    raise LookupError("this issuer has no such key")


@exercise(
    "Which key?",
    pick_key,
    hints=(
        "Two names lead to a key, and the token contains both. Which of them do you follow first?",
        "Take the JWKS of the claims' `iss`. Among its keys, take the one with the header's `kid`, "
        "if it is for signatures. Otherwise raise LookupError.",
    ),
    right="Issuer first, then `kid`, then what the key is for. The lab's `KeyStore` does the same.",
    minutes=7,
)
def q3_3(pick_key):
    lab = Lab()
    github, gitlab, mallory = lab.github, lab.gitlab, load("self-managed")[0]
    jwk, claims = github.signing_key.public_jwk, {"iss": github.url, "aud": "pypi"}
    nameless = {name: jwk[name] for name in ("kty", "n", "e")}
    plain = {name: value for name, value in jwk.items() if name not in ("use", "alg")}
    twin = {**gitlab.signing_key.public_jwk, "kid": jwk["kid"]}
    honest, alone = github.id_token(claims), {github.url: {"keys": [jwk]}}
    found = [
        (alone, "Which JWK has the token's `kid`?"),
        ({gitlab.url: {"keys": [twin]}, **alone}, "Another issuer has this `kid`. Whose counts?"),
        ({github.url: {"keys": [plain]}},
         "This JWK has no `use` and no `alg`. Do they have to be there?"),
        ({github.url: {"keys": [nameless, jwk]}},
         "The first of the issuer's two JWKs has no `kid`. Does a JWK need one?"),
    ]  # fmt: skip
    for published, question in found:
        got = outcome(pick_key, published, honest)
        if isinstance(got, Exception) and published is alone:
            raise got
        if not isinstance(got, dict | Exception | None):
            raise Wrong(f"Your function {told(got)}. Expected a JWK as it is in the dict.")
        if not isinstance(got, dict) or got.get("n") != jwk["n"]:
            raise Wrong(f"For an honest token your function {told(got)}. {question}")
    header = b64url_encode(b'{"alg": "RS256"}')
    unnamed = ".".join([header, *honest.split(".")[1:]])
    enc, tls, other, rs512 = (
        {github.url: {"keys": [{**jwk, **change}]}}
        for change in ({"use": "enc"}, {"use": "tls"}, {"alg": "RSA-OAEP"}, {"alg": "RS512"})
    )
    says_rs512 = github.id_token(claims, header={"alg": "RS512"})
    none = [
        *((alone, github.id_token(claims, header={"kid": kid}), f"Its `kid` is `{kid}`.")
          for kid in ("made-up", jwk["kid"].upper(), jwk["kid"] + "0")),
        (alone, github.id_token({**claims, "iss": "https://mallory.test"}),
         "Nobody trusts its `iss`."),
        (alone, github.id_token({**claims, "iss": f"{github.url}.mallory.test"}),
         "Its `iss` is a longer name than the trusted issuer's."),
        (alone, github.id_token(claims, header={"kid": mallory.kid, "jwk": mallory.public_jwk}),
         "The token has brought its own key."),
        (alone, unnamed, "The token names no `kid`, so which key did its issuer mean?"),
        (enc, honest, "The issuer publishes this key for encryption."),
        (tls, honest, "The `use` of the issuer's key is `tls`, which is not `sig`."),
        (other, honest, "The issuer publishes this key for another algorithm."),
        (rs512, says_rs512,
         "The key and the token's header both say RS512, which is another algorithm."),
        ({github.url: {"keys": [nameless]}}, unnamed,
         "Neither the token nor the issuer's key has a `kid`."),
    ]  # fmt: skip
    for published, token, why in none:
        got = outcome(pick_key, published, token)
        if not isinstance(got, LookupError):
            raise Wrong(f"{why} Expected a LookupError; your function {told(got)}.")
    got = outcome(pick_key, alone, says_rs512)
    ensure(
        isinstance(got, dict),
        f"The issuer's key is for RS256, and the token's header says RS512. Your function "
        f"{told(got)}. Whose `alg` counts?",
    )


# ---------------------------------------------------------------- 3.4


class Keys:
    def __init__(self, fetch):
        """`fetch()` returns a dict of the provider's keys by `kid`, or raises ConnectionError."""
        self.fetch, self.keys, self.asked = fetch, {}, None

    def get(self, kid, now):
        """Return the key named `kid`, or None. `now` is the time in seconds."""
        if kid not in self.keys and (self.asked is None or now - self.asked >= 60):
            self.asked = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)


class Source:
    """A provider to `fetch` from: what it publishes, whether it is down, how often it was asked."""

    def __init__(self, **keys: str) -> None:
        self.keys, self.down, self.asked = keys, False, 0

    def __call__(self) -> dict[str, str]:
        self.asked += 1
        if self.down:
            raise ConnectionError("the provider does not answer")
        return dict(self.keys)


@exercise(
    "A key store of your own",
    Keys,
    hints=(
        "Ask two questions, in this order: do I have the key? May I fetch yet?",
        "Write down the time before you fetch, so that a failed fetch counts too. Then replace all "
        "the keys that you had.",
    ),
    right="Rotation, flood and outage do this store no harm. The lab's index keeps its keys by the "
    "same rules, for several issuers at once.",
    minutes=10,
)
def q3_4(keys_class):
    source, second = Source(**{"old-1": "K1"}), Source(**{"old-1": "other"})
    store, other = keys_class(source), keys_class(second)
    made = source.asked
    ensure(not made, f"Your store made {made} fetches before anybody called `get`. When may it?")
    first = store.get("old-1", 0)
    ensure(
        first == "K1" and source.asked == 1,
        f"The first request came at second 0. Your store made {source.asked} fetches and returned "
        f"{show(first)}; expected 'K1' after one fetch. May a new store fetch at once?",
    )
    ensure(
        other.get("old-1", 0) == "other" and store.get("old-1", 1) == "K1",
        "Two stores, each with a provider of its own, did not return the keys of these providers. "
        "Do your stores share something?",
    )
    ensure(
        store.get("old-1", 300) == "K1" and store.get("old-1", 400) == "K1" and source.asked == 1,
        f"The same `kid` was asked for again. Your store made {source.asked} fetches "
        "altogether. Was the key not in the cache?",
    )
    source.keys["new-1"] = "K2"
    ensure(
        store.get("new-1", 466) == "K2" and store.get("old-1", 467) == "K1",
        "The provider added a second key and signed with it. At second 466, your store did not "
        "find both keys. Does it measure the time with `now`?",
    )
    before = source.asked
    found = [outcome(store.get, f"made-up-{n}", 530 + n * 0.119) for n in range(500)]
    strange = [got for got in found if got is not None]
    ensure(not strange, f"For a made-up `kid`, your store {told((*strange, 0)[0])}. Expected None.")
    made = source.asked - before
    ensure(
        made < 2,
        f"500 made-up `kid`s in 59.4 seconds made your store fetch {made} times. How many "
        "fetches are allowed in 60 seconds?",
    )
    other.get("made-up", 30)
    ensure(
        second.asked == 1,
        "A new store fetched at second 0, and again at second 30. Does the first fetch count?",
    )
    del source.keys["old-1"]
    store.get("made-up", 591)
    ensure(
        source.asked > before + 1,
        "61 seconds after its last fetch, your store was asked for a `kid` that it did not "
        "have, and it did not fetch. How long may it wait?",
    )
    ensure(
        store.get("old-1", 592) is None,
        "`old-1` was withdrawn and your store has fetched since, but it still returns that "
        "key. What if the key had leaked?",
    )
    outage(store, source)


def outage(store: Any, source: Source) -> None:
    """Check a store that has the key `new-1` while the provider is down, and afterwards."""
    source.down, before = True, source.asked
    found = [outcome(store.get, f"another-{n}", 800 + n * 0.119) for n in range(500)]
    ensure(
        not any(isinstance(got, ConnectionError) for got in found),
        "The provider is down and the `kid` is unknown. Your store raised ConnectionError. "
        "What should `get` do when there is no such key?",
    )
    made = source.asked - before
    ensure(
        made < 2,
        f"The provider is down, and your store sent it {made} requests in 59.4 seconds. "
        "Does a failed fetch count?",
    )
    ensure(
        outcome(store.get, "new-1", 3600) == "K2",
        "During the outage your store lost a key that it had. What should a failed fetch do "
        "to the cache?",
    )
    source.down, source.keys["late-1"] = False, "K3"
    ensure(
        store.get("late-1", 5000) == "K3",
        "The provider is up again, with a new key. Your store did not fetch it.",
    )
    store.get("next-1", 5100)
    source.keys["next-1"] = "K4"
    ensure(
        store.get("next-1", 5200) == "K4",
        "A stranger asked for `next-1` before there was such a key. 100 seconds later the provider "
        "has it, and your store does not find it. Does it remember what it did not find?",
    )
    source.keys.clear()
    store.get("made-up", 5300)
    ensure(
        store.get("new-1", 5301) is None,
        "The provider has withdrawn all its keys, and your store has fetched since, but it still "
        "returns one of them. What does an answer without keys replace?",
    )


# ---------------------------------------------------------------- 3.5

LINES = {
    "an ID token from minute 0, exchanged 5 minutes later": (
        True, "An ID token lives for five minutes. Is that all that the index allows?"),
    "an ID token from minute 0, exchanged 6 minutes later": (
        False, "The key is in the cache. But how long does the token live?"),
    "a job that begins 1 minute later": (False, "Who signs the ID token of this job?"),
    "an API token from minute 0, used 14 minutes later": (
        True, "Who made the API token, and who checks it?"),
    "an ID token from minute 0, at an index that has been restarted since": (
        False, "Where was the cache, and where is it after a restart?"),
}  # fmt: skip


@prediction(
    "Down, in the middle of a release",
    "works",
    LINES,
    hints=(
        "For each line: who has to be asked at that moment, and for what?",
        "Compare a token's age with its lifetime and the leeway. The index made the API token "
        "itself, and a restart empties its memory.",
    ),
    right="What has been signed works until it expires, as long as the index remembers the key.",
    minutes=4,
)
def q3_5():
    lab = Lab()
    api_token, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    first, second, third = (lab.github.id_token(GitHubJob()) for _ in range(3))
    lab.github.online = False
    lab.clock.advance(minutes=1)
    begins = not isinstance(outcome(lab.github.id_token, GitHubJob()), Exception)
    lab.clock.advance(minutes=4)
    empty = KeyStore(lab.http)  # what an index has after a restart
    restarted = outcome(lambda: verify_id_token(third, empty, issuer=lab.github.url))
    after_five = exchange(lab, first)[1] == ""
    lab.clock.advance(minutes=1)
    after_six = exchange(lab, second)[1] == ""
    lab.clock.advance(minutes=8)
    uploads = upload(lab, api_token, "octo_rocket-1.0-py3-none-any.whl")
    found = [after_five, after_six, begins, uploads, not isinstance(restarted, InvalidToken)]
    return dict(zip(LINES, found, strict=True))
