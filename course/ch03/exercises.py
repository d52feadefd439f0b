"""The exercises of chapter 03, JWKS verification."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx

from course.exercise import Exercise, Wrong, numbered, show
from helpers.lab import INDEX_URL, Lab
from helpers.oidc.jws import b64url_encode
from helpers.oidc.key_store import KeyStore
from helpers.oidc.verification import InvalidToken, verify_id_token
from helpers.provider.jobs import GitHubJob
from helpers.provider.keys import load

SETUP = """
import hashlib

from helpers.oidc.jws import IdToken, b64url_decode, signing_input

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def _outcome(call: Callable[..., Any], *args: Any) -> Any:
    """What a call returns, or the exception that it raises."""
    try:
        return call(*args)
    except Exception as error:
        return error


# ---------------------------------------------------------------- 1: ask for the keys


def _provider(
    issuer: str, jwks_uri: str, keys: list[dict[str, str]], says: str = "", status: int = 200
) -> httpx.Client:
    """A provider that publishes `keys` at `jwks_uri`, calls itself `says`, and answers with `status`."""
    pages = {
        f"{issuer}/.well-known/openid-configuration": {
            "issuer": says or issuer,
            "jwks_uri": jwks_uri,
        },
        jwks_uri: {"keys": keys},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        page = pages.get(str(request.url))
        return httpx.Response(404, json={}) if page is None else httpx.Response(status, json=page)

    return httpx.Client(transport=httpx.MockTransport(answer))


def probe_fetch_keys(fetch_keys: Callable[[httpx.Client, str], dict[str, Any]]) -> None:
    keys = [{"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"} for kid in ("spring", "summer")]
    expected = {jwk["kid"]: dict(jwk) for jwk in keys}
    for issuer, uri, question in (
        ("https://id.example", "https://id.example/.well-known/jwks", "Does your dict have a `kid` for each JWK?"),
        ("https://login.example", "https://keys.example/v3/certs",
         "This provider keeps its keys at another address. Where is it told?"),
        ("https://ci.example/oauth/oidc", "https://ci.example/k",
         "This issuer's URL has a path. Where does its configuration lie?"),
    ):  # fmt: skip
        got = _outcome(fetch_keys, _provider(issuer, uri, keys), issuer)
        if isinstance(got, httpx.TransportError):
            raise Wrong(
                f"Nobody answered under {issuer}. Did you ask through `http`, the client that your function is given?"
            )
        if got != expected:
            told = type(got).__name__ if isinstance(got, Exception) else show(got)
            raise Wrong(f"For {issuer} came {told}. {question}")
    impostor = _provider(
        "https://id.example", "https://id.example/k", keys, says="https://mallory.test"
    )
    got = _outcome(fetch_keys, impostor, "https://id.example")
    if not isinstance(got, ValueError):
        told = f"raised {type(got).__name__}" if isinstance(got, Exception) else "returned keys"
        raise Wrong(f"Asked for the configuration of one issuer, the server sent that of another, and your code {told}. "
                    "Expected a ValueError. Which member of the answer says whose it is?")  # fmt: skip
    down = _provider("https://id.example", "https://id.example/k", keys, status=503)
    if not isinstance(_outcome(fetch_keys, down, "https://id.example"), Exception):
        raise Wrong(
            "The provider answered with status 503, and your code took what came with it for keys."
        )


FETCH_KEYS = Exercise(
    title="Ask for the keys",
    names=("fetch_keys",),
    stub='''
def fetch_keys(http, issuer: str) -> dict[str, dict]:
    """The public keys (JWKs) that an issuer publishes, by `kid`. Raises ValueError for an answer that is no good."""
    ...
''',
    probe=probe_fetch_keys,
    hints=(
        "Two requests. What does the answer to the first have to say before you make the second?",
        "Compare the status with 200 each time, and the configuration's `issuer` with the one that you asked for.",
    ),
    answer='''
def fetch_keys(http, issuer):
    def get(url):
        response = http.get(url)
        if response.status_code != 200:
            raise ValueError(f"{url} answers with {response.status_code}")
        return response.json()

    configuration = get(f"{issuer}/.well-known/openid-configuration")
    if configuration["issuer"] != issuer:
        raise ValueError(f"asked {issuer}, and {configuration['issuer']} answers")
    return {jwk["kid"]: jwk for jwk in get(configuration["jwks_uri"])["keys"]}
''',
    mistakes=(
        ("""
def fetch_keys(http, issuer):
    jwks = http.get(f"{issuer}/.well-known/jwks").raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}
""", "another address"),
        ("""
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    jwks = http.get(configuration["jwks_uri"]).raise_for_status().json()
    return {jwk["kid"]: jwk for jwk in jwks["keys"]}
""", "whose it is"),
        ("""
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").json()
    if configuration["issuer"] != issuer:
        raise ValueError("another issuer")
    return {jwk["kid"]: jwk for jwk in http.get(configuration["jwks_uri"]).json()["keys"]}
""", "status 503"),
        ("""
def fetch_keys(http, issuer):
    configuration = http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    if configuration["issuer"] != issuer:
        raise ValueError("another issuer")
    return http.get(configuration["jwks_uri"]).raise_for_status().json()
""", "for each JWK"),
    ),
    cheat="""
def fetch_keys(http, issuer):
    kids = ("spring",)
    return {kid: {"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"} for kid in kids}
""",
    right="The index asks in the same two steps. What it adds is a cache; part 4 shows why.",
    minutes=3,
)  # fmt: skip


# ---------------------------------------------------------------- 2: read or compare?


def _block(
    digest: bytes,
    size: int,
    info: bytes = _DIGEST_INFO,
    filler: int | None = None,
    rest: bytes = b"",
) -> bytes:
    tail = info + digest + rest
    count = size - 3 - len(tail) if filler is None else filler
    return b"\x00\x01" + b"\xff" * count + b"\x00" + tail


def probe_is_signed_hash(is_signed_hash: Callable[[bytes, bytes], bool]) -> None:
    sha512 = bytes.fromhex("3051300d060960864801650304020305000440")
    for size in (256, 384, 128):
        digest = hashlib.sha256(b"release %d" % size).digest()
        other = hashlib.sha256(b"mallory %d" % size).digest()
        good, short = _block(digest, size), 8
        left_over = size - len(_block(digest, 0, filler=short))
        cases = [
            (good, True, f"A good block of a key of {8 * size} bits. "
             "What stands in it, from left to right, and how many `ff` fill it up?"),
            (_block(other, size), False, "This block is good for another hash."),
            (_block(digest, size, filler=short, rest=bytes(n % 251 for n in range(left_over))), False,
             "After a short row of `ff` and the right hash, this block goes on with bytes of the attacker's choice."),
            (bytes(size - 32) + digest, False, "It ends with the hash. Does what stands before that not matter?"),
            (good[:20] + b"\xfe" + good[21:], False, "One byte of the row of `ff` is another."),
            (_block(digest, size, info=sha512), False, "It says that a hash of another kind follows."),
            (b"\x00\x02" + good[2:], False, "It begins with `00 02`, padding for something else (RFC 8017, section 7.2)."),
            (good[1:], False, "Its first zero is missing, so it is a byte too short."),
        ]  # fmt: skip
        for block, right, feedback in cases:
            got = _outcome(is_signed_hash, block, digest)
            if isinstance(got, Exception) and not right:
                continue  # to fail is to refuse
            if isinstance(got, Exception):
                raise got
            if bool(got) is not right:
                raise Wrong(f"{feedback} Your function {'accepts' if got else 'refuses'} it.")


SIGNED_HASH = Exercise(
    title="Read or compare?",
    names=("is_signed_hash",),
    stub='''
def is_signed_hash(block: bytes, digest: bytes) -> bool:
    """Whether `block`, what `pow` gave for a key of any size, is the padded SHA-256 hash `digest`."""
    ...
''',
    probe=probe_is_signed_hash,
    hints=(
        "Do you have to find anything in the block? What do you know about it before you look?",
        "Build the one block that is right, as long as the given one, and compare.",
    ),
    answer=r'''
def is_signed_hash(block, digest):
    tail = b"\x00" + DIGEST_INFO + digest
    filler = len(block) - 2 - len(tail)
    return filler >= 8 and block == b"\x00\x01" + b"\xff" * filler + tail  # at least 8: RFC 8017, section 9.2
''',
    mistakes=(
        ("""
def is_signed_hash(block, digest):
    return block.endswith(digest)
""", "It ends with the hash"),
        (r"""
import re

def is_signed_hash(block, digest):
    found = re.match(rb"\x00\x01\xff+\x00" + re.escape(DIGEST_INFO) + rb"(.{32})", block, re.DOTALL)
    return bool(found) and found[1] == digest
""", "the attacker's choice"),
        (r"""
def is_signed_hash(block, digest):
    return block[:2] == b"\x00\x01" and block.endswith(b"\xff\x00" + DIGEST_INFO + digest)
""", "One byte of the row"),
        (r"""
def is_signed_hash(block, digest):
    return block == b"\x00\x01" + b"\xff" * 202 + b"\x00" + DIGEST_INFO + digest
""", "of a key of 3072 bits"),
        (r"""
def is_signed_hash(block, digest):
    filler = len(block) - 54
    return block[:2 + filler] == b"\x00\x01" + b"\xff" * filler and block[-32:] == digest
""", "a hash of another kind"),
    ),
    cheat=r"""
def is_signed_hash(block, digest):
    return len(block) == 256
""",
    right="There is one right block for each hash and size. Verifiers that read instead have been fooled (CVE-2006-4339).",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 3: which key?


def probe_pick_key(pick_key: Callable[[dict[str, Any], str], dict[str, Any]]) -> None:
    lab = Lab()
    github, gitlab, mallory = lab.github, lab.gitlab, load("self-managed")[0]
    twin = {**gitlab.signing_key.public_jwk, "kid": github.signing_key.kid}
    published = {gitlab.url: {"keys": [twin]}, github.url: github.jwks}
    alone = {github.url: github.jwks}
    claims = {"iss": github.url, "aud": "pypi"}
    honest, key = github.id_token(claims), github.signing_key.public_jwk

    def is_key(got: Any, expected: dict[str, Any]) -> bool:
        return isinstance(got, dict) and got.get("n") == expected["n"]

    if not is_key(got := _outcome(pick_key, alone, honest), key):
        if isinstance(got, Exception):
            raise got
        raise Wrong(f"For an honest token came {show(got)}. Which JWK has its `kid`?")
    if not is_key(_outcome(pick_key, published, honest), key):
        raise Wrong(
            "Another issuer has named one of its keys just like this one. Within what is a `kid` unique?"
        )
    refusals = [
        (github.id_token(claims, header={"kid": "made-up"}), "A made-up `kid` got a key."),
        (github.id_token({**claims, "iss": "https://mallory.test"}), "A token got a key whose issuer is not in the dict."),
        (github.id_token(claims, header={"kid": mallory.kid, "jwk": mallory.public_jwk}),
         "The token has brought a key along, and got that one."),
        (_without_kid(honest), "A token without `kid` got a key. Which one did its issuer mean?"),
    ]  # fmt: skip
    for token, feedback in refusals:
        got = _outcome(pick_key, alone, token)
        if got is None:
            raise Wrong("Where there is no key, your function returns None. Expected a LookupError, of which KeyError is one: "
                        "what does a caller do who forgets to look?")  # fmt: skip
        if not isinstance(got, LookupError):
            raise Wrong(f"{feedback} Expected a LookupError, of which KeyError is one.")


def _without_kid(token: str) -> str:
    _, payload, signature = token.split(".")
    header = b64url_encode(b'{"alg": "RS256"}')
    return f"{header}.{payload}.{signature}"


PICK_KEY = Exercise(
    title="Which key?",
    names=("pick_key",),
    stub='''
def pick_key(published: dict[str, dict], token: str) -> dict:
    """The JWK to check `token` with; LookupError if there is none.

    `published` has the JWKS, `{"keys": [...]}`, of each issuer that is trusted.
    """
    ...
''',
    probe=probe_pick_key,
    hints=(
        "Two names lead to a key, and the token says both. Which of them belongs to the other?",
        "First the JWKS of the claims' `iss`; among its keys alone, the one with the header's `kid`; otherwise LookupError.",
    ),
    answer="""
def pick_key(published, token):
    peeked = IdToken.decode(token)
    keys = {jwk["kid"]: jwk for jwk in published[peeked.claims["iss"]]["keys"]}
    return keys[peeked.header["kid"]]
""",
    mistakes=(
        ("""
def pick_key(published, token):
    kid = IdToken.decode(token).header["kid"]
    for jwks in published.values():
        for jwk in jwks["keys"]:
            if jwk["kid"] == kid:
                return jwk
    raise LookupError(kid)
""", "just like this one"),
        ("""
def pick_key(published, token):
    peeked = IdToken.decode(token)
    keys = published[peeked.claims["iss"]]["keys"]
    if "kid" not in peeked.header and len(keys) == 1:
        return keys[0]
    return {jwk["kid"]: jwk for jwk in keys}[peeked.header["kid"]]
""", "did its issuer mean"),
        ("""
def pick_key(published, token):
    peeked = IdToken.decode(token)
    if "jwk" in peeked.header:
        return peeked.header["jwk"]
    return {jwk["kid"]: jwk for jwk in published[peeked.claims["iss"]]["keys"]}[peeked.header["kid"]]
""", "brought a key along"),
        ("""
def pick_key(published, token):
    peeked = IdToken.decode(token)
    keys = published[peeked.claims["iss"]]["keys"]
    return {jwk["kid"]: jwk for jwk in keys}.get(peeked.header["kid"], keys[0])
""", "A made-up"),
        ("""
def pick_key(published, token):
    peeked = IdToken.decode(token)
    for jwk in published[peeked.claims["iss"]]["keys"]:
        if jwk["kid"] == peeked.header.get("kid"):
            return jwk
""", "forgets to look"),
    ),
    cheat="""
def pick_key(published, token):
    return list(published.values())[0]["keys"][0]
""",
    right="Issuer first, then `kid`: a cache of keys has to be asked by both, as the lab's is.",
    minutes=3,
)  # fmt: skip


# ---------------------------------------------------------------- 4: a key store that survives Monday


class _Source:
    """A provider to `fetch` from: what it publishes now, whether it is down, how often it was asked."""

    def __init__(self, **keys: str) -> None:
        self.keys, self.down, self.asked = keys, False, 0

    def __call__(self) -> dict[str, str]:
        self.asked += 1
        if self.down:
            raise ConnectionError("the provider does not answer")
        return dict(self.keys)


def probe_keys(keys_class: Callable[..., Any]) -> None:
    source = _Source(**{"old-1": "K1"})
    store = keys_class(source)
    if (got := store.get("old-1", 5)) != "K1" or source.asked != 1:
        raise Wrong(f"First use, at second 5: expected the key after one fetch, got {show(got)} after {source.asked}. "
                    "When did your store last ask, if it never did?")  # fmt: skip
    if store.get("old-1", 6) != "K1" or store.get("old-1", 400) != "K1" or source.asked != 1:
        raise Wrong(
            f"The same `kid` two more times, and {source.asked} fetches. What was in the store already?"
        )
    source.keys["new-1"] = "K2"
    if store.get("new-1", 466) != "K2" or store.get("old-1", 467) != "K1":
        raise Wrong(
            "The provider has a second key and signs with it: a minute had gone by, and your store did not find both."
        )
    before = source.asked
    if any(store.get(f"made-up-{n}", 530 + n / 10) is not None for n in range(500)):
        raise Wrong("A made-up `kid` got a key.")
    if source.asked - before > 1:
        raise Wrong(
            f"500 made-up `kid`s within 50 seconds caused {source.asked - before} fetches. Who pays for them?"
        )
    del source.keys["old-1"]
    if store.get("made-up", 700) is not None or store.get("old-1", 701) is not None:
        raise Wrong(
            "`old-1` was withdrawn, the store has asked since, and it still verifies. What if it had leaked?"
        )
    source.down, before = True, source.asked
    answers = [_outcome(store.get, f"another-{n}", 800 + n / 10) for n in range(500)]
    if any(isinstance(answer, Exception) for answer in answers):
        raise Wrong(
            "In an outage, an unknown `kid` made your store raise. Expected None: not found is not found."
        )
    if source.asked - before > 1:
        raise Wrong(f"The provider is down and gets {source.asked - before} requests in 50 seconds. "
                    "Does a failed fetch not count?")  # fmt: skip
    if _outcome(store.get, "new-1", 3600) != "K2":
        raise Wrong("In the outage the store lost a key that it had.")
    source.down, source.keys["late-1"] = False, "K3"
    if store.get("late-1", 5000) != "K3":
        raise Wrong("The provider is back with a new key, and your store does not ask it any more.")


KEYS = Exercise(
    title="A key store that survives Monday",
    names=("Keys",),
    stub='''
class Keys:
    def __init__(self, fetch):
        """`fetch()` asks the provider: a dict of its keys by `kid`, or ConnectionError when it is down."""
        ...

    def get(self, kid, now):
        """The key, or None. `now` is the time in seconds. At most one fetch in 60 s, failed ones included."""
        ...
''',
    probe=probe_keys,
    hints=(
        "Two questions: have I the key? May I ask yet?",
        "Note the time before you fetch, so that it counts whatever happens; put what came in the place of what you had.",
    ),
    answer="""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, None

    def get(self, kid, now):
        if kid not in self.keys and (self.asked is None or now - self.asked >= 60):
            self.asked = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""",
    mistakes=(
        ("""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys = fetch, {}

    def get(self, kid, now):
        if kid not in self.keys:
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""", "Who pays"),
        ("""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            self.asked = now
            try:
                self.keys.update(self.fetch())
            except ConnectionError:
                pass
        return self.keys.get(kid)
""", "What if it had leaked"),
        ("""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            try:
                self.keys, self.asked = self.fetch(), now
            except ConnectionError:
                pass
        return self.keys.get(kid)
""", "Does a failed fetch not count"),
        ("""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, 0

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            self.asked = now
            try:
                self.keys = self.fetch()
            except ConnectionError:
                pass
        return self.keys.get(kid)
""", "if it never did"),
        ("""
class Keys:
    def __init__(self, fetch):
        self.fetch, self.keys, self.asked = fetch, {}, -60

    def get(self, kid, now):
        if kid not in self.keys and now - self.asked >= 60:
            self.asked = now
            self.keys = self.fetch()
        return self.keys.get(kid)
""", "not found is not found"),
    ),
    cheat="""
class Keys:
    def __init__(self, fetch):
        self.keys = fetch()

    def get(self, kid, now):
        return self.keys.get(kid)
""",
    right="That is the index's store, but for threads and for other issuers: rotation, flood and outage do it no harm.",
    minutes=7,
)  # fmt: skip


# ---------------------------------------------------------------- 5: the provider is down

_LINES = {
    "an ID token fetched before, exchanged 5 minutes later": "An ID token lives for 300 seconds. Is that all the index allows?",
    "an ID token fetched before, exchanged 6 minutes later": "The key is in the cache; has the token no end?",
    "a job that begins 1 minute later": "Who signs its ID token?",
    "an API token minted before, used 14 minutes later": "Who signed the API token, and who checks it?",
    "an ID token fetched before, at an index that was started again since": "Where was the cache, and where is it now?",
}


def _what_works() -> dict[str, bool]:
    """What really works, line by line."""
    lab = Lab()

    def mint(id_token: str) -> Any:
        return (
            lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json={"token": id_token})
            .json()
            .get("token")
        )

    api_token = mint(lab.github.id_token(GitHubJob()))
    first, second, third = (lab.github.id_token(GitHubJob()) for _ in range(3))
    lab.github.online = False
    lab.clock.advance(minutes=1)
    begins = not isinstance(_outcome(lab.github.id_token, GitHubJob()), Exception)
    lab.clock.advance(minutes=4)
    started_again = _outcome(
        lambda: verify_id_token(third, KeyStore(lab.http), issuer=lab.github.url)
    )
    after_five = bool(mint(first))
    lab.clock.advance(minutes=1)
    after_six = bool(mint(second))
    lab.clock.advance(minutes=8)
    content = b"almost a wheel"
    form = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
    }
    form |= {
        "name": "octo-rocket",
        "version": "1.0",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    file = {"content": ("octo_rocket-1.0-py3-none-any.whl", content)}
    upload = lab.http.post(
        f"{INDEX_URL}/legacy/", auth=("__token__", api_token), data=form, files=file
    )
    results = [
        after_five,
        after_six,
        begins,
        upload.status_code == 200,
        not isinstance(started_again, InvalidToken),
    ]
    return dict(zip(_LINES, results, strict=True))


def probe_works(works: dict[str, bool]) -> None:
    if (
        not isinstance(works, dict)
        or set(works) != set(_LINES)
        or not all(isinstance(value, bool) for value in works.values())
    ):
        raise Wrong("Leave the five lines as they are, and write True or False behind each.")
    for line, happened in _what_works().items():
        if works[line] is not happened:
            raise Wrong(
                f"Tried it, \u201c{line}\u201d: that {'works' if happened else 'does not work'}. {_LINES[line]}"
            )


def _works(*values: object) -> str:
    lines = [f'    "{line}": {value},' for line, value in zip(_LINES, values, strict=True)]
    return "\n".join(["", "works = {", *lines, "}", ""])


OUTAGE = Exercise(
    title="Down, in the middle of a release",
    names=("works",),
    stub=_works(*["..."] * 5),
    probe=probe_works,
    hints=(
        "For each line: who has to be asked at that moment, and for what?",
        "Leeway is half a minute; a cache is in memory; an API token is the index's own.",
    ),
    answer=_works(True, False, False, True, False),
    mistakes=(
        (_works(True, True, False, True, False), "has the token no end"),
        (_works(False, False, False, False, False), "all the index allows"),
        (_works(True, False, False, False, False), "who checks it"),
        (_works(True, False, False, True, True), "where is it now"),
        (_works(True, False, True, True, False), "Who signs its ID token"),
    ),
    cheat=_works(True, True, True, True, True),
    right="Whatever has been signed already works until it expires, as long as the index remembers the key.",
    minutes=2,
)

EXERCISES = [FETCH_KEYS, SIGNED_HASH, PICK_KEY, KEYS, OUTAGE]

q3_1, q3_2, q3_3, q3_4, q3_5 = numbered(3, EXERCISES)
