"""Verifying an ID token: every check on its own, its limits to the second, and no way round any of it."""

import base64
import hashlib
import hmac
import itertools
import json
import string

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.oidc.jws import b64url_decode, b64url_encode, sign, split
from helpers.oidc.key_store import UnknownKey
from helpers.oidc.verification import (
    BadSignature,
    Expired,
    InvalidToken,
    Malformed,
    MissingClaim,
    NoSuchKey,
    NotYetValid,
    WrongAlgorithm,
    WrongAudience,
    WrongIssuer,
    verify_id_token,
)
from helpers.provider import keys as signing_keys
from helpers.provider.jobs import GitHubJob

ISSUER = "https://token.actions.githubusercontent.com"
NOW = 1_795_424_400  # 2026-11-23 09:00:00 UTC
KEY, NEXT = signing_keys.load("github")
STRANGER = signing_keys.load("gitlab")[0]
ALPHABET = string.ascii_letters + string.digits + "-_"
CLAIMS = GitHubJob().claims() | {
    "iss": ISSUER,
    "aud": "pypi",
    "iat": NOW,
    "nbf": NOW - 300,
    "exp": NOW + 300,
    "jti": "one",
}
PADDING = "=="
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


class Published:
    """The keys of the one issuer there is."""

    ready = {key.kid: jwt.PyJWK(key.public_jwk, algorithm="RS256") for key in (KEY, NEXT)}

    def key(self, issuer, kid):
        if issuer != ISSUER or kid not in self.ready:
            raise UnknownKey(kid)
        return self.ready[kid]


@pytest.fixture(autouse=True, scope="module")
def nine_o_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def token(header=None, *, without=(), key=KEY, **changes):
    claims = {name: value for name, value in (CLAIMS | changes).items() if name not in without}
    return sign({"kid": KEY.kid, **(header or {})}, claims, key.private_key)


def raw(header, payload, key=KEY):
    """A token over these very bytes."""
    signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}"
    alg = jwt.get_algorithm_by_name("RS256")
    return f"{signing_input}.{b64url_encode(alg.sign(signing_input.encode(), key.private_key))}"


HEADER = json.dumps({"alg": "RS256", "kid": KEY.kid}).encode()
TOKEN = token()


def verify(text, audience="pypi", issuer=ISSUER):
    return verify_id_token(text, Published(), issuer=issuer, audience=audience)


def bare(text):
    """What PyJWT alone says, with the real index's options: the claims, or None."""
    try:
        key = Published().key(ISSUER, jwt.get_unverified_header(text)["kid"])
        options = {"require": ["iss", "iat", "exp", "aud"], "strict_aud": True}
        return jwt.decode(
            text,
            key,
            algorithms=["RS256"],
            options=options,
            issuer=ISSUER,
            audience="pypi",
            leeway=30,
        )
    except Exception:
        return None


def verified(text):
    """The claims, or None: whatever else happens is a failure of the test."""
    try:
        return verify(text)
    except InvalidToken:
        return None


def refusal(text, kind, claim):
    with pytest.raises(InvalidToken) as caught:
        verify(text)
    error = caught.value
    assert type(error) is kind
    assert error.claim == claim
    assert (
        error.expected
        and error.got
        and str(error) == f"{claim}: expected {error.expected}, got {error.got}"
    )
    return error


# -- one rule, one test


def test_a_good_token_gives_its_claims():
    assert verify(TOKEN) == CLAIMS


def test_either_published_key_will_do():
    assert verify(token({"kid": NEXT.kid}, key=NEXT)) == CLAIMS


@pytest.mark.parametrize("claim", ["iss", "iat", "exp", "aud"])
def test_a_required_claim_that_is_absent_or_null_is_refused(claim):
    assert refusal(token(without=[claim]), MissingClaim, claim).got == "nothing"
    assert refusal(token(**{claim: None}), MissingClaim, claim).got == "nothing"


def test_nbf_is_not_required():
    assert verify(token(without=["nbf"]))


@pytest.mark.parametrize("claim", ["sub", "jti"])
def test_sub_and_jti_may_be_absent_but_not_be_anything_but_a_string(claim):
    assert verify(token(without=[claim]))
    for value in (None, 7, ["x"], {}, True):
        refusal(token(**{claim: value}), Malformed, "token")


def test_the_issuer_has_to_be_the_one_whose_keys_were_used():
    error = refusal(token(iss="https://gitlab.com"), WrongIssuer, "iss")
    assert (error.expected, error.got) == (repr(ISSUER), "'https://gitlab.com'")


@pytest.mark.parametrize(
    "iss", [ISSUER + "/", ISSUER.upper(), ISSUER.replace("https", "http"), [ISSUER], {ISSUER: 1}, 7]
)
def test_an_issuer_that_is_nearly_the_same_is_another_one(iss):
    refusal(token(iss=iss), WrongIssuer, "iss")


def test_the_audience_has_to_be_this_index():
    error = refusal(token(aud="testpypi"), WrongAudience, "aud")
    assert (error.expected, error.got) == ("the single string 'pypi'", "'testpypi'")


@pytest.mark.parametrize(
    "aud", [["pypi"], ["pypi", "testpypi"], {"pypi": 1}, 7, True, "PyPI", "pypi "]
)
def test_a_list_audience_is_refused_even_with_one_member(aud):
    refusal(token(aud=aud), WrongAudience, "aud")


def test_another_algorithm_is_refused_before_the_signature_is_looked_at():
    refusal(token({"alg": "RS512"}), WrongAlgorithm, "alg")
    refusal(
        raw(json.dumps({"kid": KEY.kid}).encode(), json.dumps(CLAIMS).encode()),
        WrongAlgorithm,
        "alg",
    )


@pytest.mark.parametrize(
    "alg", ["none", "nOnE", "None", "rs256", "RS384", "ES256", "PS256", "", None, 7, [], {}]
)
def test_no_alg_but_rs256_is_let_in(alg):
    header = json.dumps({"alg": alg, "kid": KEY.kid}).encode()
    with pytest.raises(InvalidToken):
        verify(raw(header, json.dumps(CLAIMS).encode()))
    with pytest.raises(InvalidToken):
        verify(raw(header, json.dumps(CLAIMS).encode()).rpartition(".")[0] + ".")


def test_no_alg_but_rs256_is_let_in_even_with_a_key_that_is_bound_to_another():
    class Other:
        def key(self, issuer, kid):
            return jwt.PyJWK(KEY.public_jwk, algorithm="RS512")

    text = jwt.encode(CLAIMS, KEY.private_key, algorithm="RS512", headers={"kid": KEY.kid})
    with pytest.raises(WrongAlgorithm):
        verify_id_token(text, Other(), issuer=ISSUER)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_the_public_key_is_no_hmac_secret(encoding):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = KEY.private_key.public_key().public_bytes(encoding, form)
    header = b64url_encode(json.dumps({"alg": "HS256", "kid": KEY.kid}).encode())
    signing_input = f"{header}.{b64url_encode(json.dumps(CLAIMS).encode())}"
    mac = b64url_encode(hmac.digest(secret, signing_input.encode(), hashlib.sha256))
    refusal(f"{signing_input}.{mac}", WrongAlgorithm, "alg")


def test_a_token_without_kid_is_refused():
    header = json.dumps({"alg": "RS256"}).encode()
    error = refusal(raw(header, json.dumps(CLAIMS).encode()), NoSuchKey, "kid")
    assert error.got == "a header without kid"


@pytest.mark.parametrize(
    "kid", ["made-up", "", "../../lab_keys.json", "github-1\x00", STRANGER.kid]
)
def test_a_kid_that_the_issuer_does_not_publish_is_refused(kid):
    error = refusal(token({"kid": kid}), NoSuchKey, "kid")
    assert (error.expected, error.got) == (f"a key published by {ISSUER}", repr(kid))


@pytest.mark.parametrize("kid", [None, 7, [], {}, ["github-1"], True])
def test_a_kid_that_is_not_a_string_is_refused(kid):
    header = json.dumps({"alg": "RS256", "kid": kid}).encode()
    refusal(raw(header, json.dumps(CLAIMS).encode()), NoSuchKey, "kid")


def test_a_key_that_comes_with_the_token_is_not_used():
    for extra in (
        {"jwk": STRANGER.public_jwk},
        {"jku": "https://evil.example/keys"},
        {"x5c": STRANGER.jwk["x5c"]},
    ):
        refusal(token(extra, key=STRANGER), BadSignature, "signature")


def test_another_keys_signature_is_refused_even_the_same_issuers():
    refusal(token(key=NEXT), BadSignature, "signature")


def test_a_token_of_one_issuer_is_nothing_to_another():
    with pytest.raises(NoSuchKey):
        verify(TOKEN, issuer="https://gitlab.com")


def test_a_token_for_another_audience_verifies_only_there():
    other = token(aud="https://octo.example")
    refusal(other, WrongAudience, "aud")
    assert verify(other, audience="https://octo.example")["aud"] == "https://octo.example"


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", [7], None])
def test_a_critical_header_that_nobody_understands_is_refused(crit):
    refusal(token({"crit": crit}), Malformed, "token")


def test_an_unencoded_payload_is_refused():
    header = json.dumps({"alg": "RS256", "kid": KEY.kid, "b64": False, "crit": ["b64"]}).encode()
    with pytest.raises(InvalidToken):
        verify(raw(header, json.dumps(CLAIMS).encode()))


def test_of_two_claims_of_the_same_name_the_last_counts():
    payload = json.dumps(CLAIMS)[:-1].encode()
    assert (
        verify(raw(HEADER, payload + b',"repository":"first/last","repository":"octo-org/last"}'))[
            "repository"
        ]
        == "octo-org/last"
    )
    refusal(raw(HEADER, payload + b',"aud":"testpypi"}'), WrongAudience, "aud")


# -- limits, to the second

LIMITS = [
    ("exp", -31, Expired), ("exp", -30, Expired), ("exp", -29, None), ("exp", 0, None),
    ("iat", 29, None), ("iat", 30, None), ("iat", 31, NotYetValid),
    ("nbf", 29, None), ("nbf", 30, None), ("nbf", 31, NotYetValid),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "offset", "kind"), LIMITS)
def test_the_leeway_is_thirty_seconds_to_the_second_as_pyjwt_counts_them(claim, offset, kind):
    text = token(**{claim: NOW + offset})
    if kind is None:
        assert verify(text) == bare(text) != None  # noqa: E711
    else:
        assert refusal(text, kind, claim).got == str(NOW + offset)
        assert bare(text) is None


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["soon", [], {}, float("nan"), float("inf"), ""])
def test_a_time_that_is_no_number_is_refused(claim, value):
    assert verified(token(**{claim: value})) is None


@pytest.mark.parametrize("value", [str(NOW + 60), NOW + 60.5, 10**400, True])
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_an_odd_number_for_a_time_is_judged_as_pyjwt_judges_it(claim, value):
    text = token(**{claim: value})
    assert verified(text) == bare(text)


# -- tampering


def spellings_near(text):
    """What one edit makes of a token: a character replaced, left out or put in, or an end cut off."""
    for n, old in enumerate(text):
        near = ALPHABET.replace(old, "")
        for new in (near[n % len(near)], near[-1 - n % 7], "."):
            if new != old:
                yield text[:n] + new + text[n + 1 :]
        yield text[:n] + text[n + 1 :]
        yield text[:n] + near[(7 * n) % len(near)] + text[n:]
        yield text[:n]
        yield text[n + 1 :]


@pytest.mark.proof
def test_no_single_edit_of_a_valid_token_is_accepted():
    accepted = [near for near in spellings_near(TOKEN) if verified(near) is not None]
    assert accepted == []


def test_one_signature_has_two_spellings_with_and_without_padding_and_no_third():
    """RFC 7515 leaves padding out; PyJWT puts up with it where the length is right."""
    ends = [
        "",
        *string.printable,
        "é",
        "\u200b",
        "==",
        "===",
        "====",
        "A==",
        "\n==",
        "==\n",
        "=A=",
        " ==",
    ]
    last = [
        TOKEN[:-1] + character for character in ALPHABET
    ]  # of its six bits, four are not part of the signature
    standard = TOKEN.translate(str.maketrans("-_", "+/"))
    candidates = {TOKEN + end for end in ends} | {end + TOKEN for end in ends} | {standard, *last}
    assert {each for each in candidates if verified(each) is not None} == {TOKEN, TOKEN + PADDING}


def test_both_spellings_carry_the_same_jti_so_they_are_one_token_to_the_index():
    assert verify(TOKEN + PADDING)["jti"] == verify(TOKEN)["jti"]


def test_parts_of_two_valid_tokens_do_not_make_a_third():
    other = token({"kid": NEXT.kid}, key=NEXT, repository="octo-org/other", jti="two")
    parts = [*split(TOKEN), *split(other)]
    whole = {TOKEN, other}
    made = {".".join(three) for three in itertools.product(parts, repeat=3)} - whole
    assert [each for each in made if verified(each) is not None] == []


def test_re_encoding_header_or_payload_breaks_the_signature():
    header, payload, signature = split(TOKEN)

    def ways(part):
        value = json.loads(b64url_decode(part))
        for text in (
            json.dumps(value),
            json.dumps(value, indent=1),
            json.dumps(dict(reversed(value.items())), separators=(",", ":")),
        ):
            yield b64url_encode(text.encode())
        yield from (
            b64url_encode(b" " + b64url_decode(part)),
            b64url_encode(b64url_decode(part) + b"\n"),
        )
        yield from (
            part + "=",
            part + "==",
            part.replace("J", "%4A", 1),
            base64.b64encode(b64url_decode(part)).decode() + "\n",
        )
        yield from (
            b64url_encode(json.dumps(value).encode("utf-16")),
            b64url_encode(b"\xef\xbb\xbf" + json.dumps(value).encode()),
        )

    changed = [f"{way}.{payload}.{signature}" for way in ways(header)] + [
        f"{header}.{way}.{signature}" for way in ways(payload)
    ]
    assert [each for each in changed if each != TOKEN and verified(each) is not None] == []


@given(st.integers(0, len(TOKEN)), st.integers(0, 40), st.text(ALPHABET + ".=", max_size=40))
@example(len(TOKEN), 0, "==")
def test_on_tampered_tokens_the_answer_is_that_of_pyjwt_alone(start, length, inserted):
    text = TOKEN[:start] + inserted + TOKEN[start + length :]
    assert verified(text) == bare(text)
    assert text in (TOKEN, TOKEN + PADDING) or verified(text) is None


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "iat", "nbf", "exp", "aud", "sub", "jti", "ref"]), JSON, max_size=3
    )
)
def test_on_any_signed_claims_the_answer_is_that_of_pyjwt_alone(changes):
    text = token(**changes)
    assert json.dumps(verified(text)) == json.dumps(
        bare(text)
    )  # as text, for NaN is not equal to itself


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5t"]), JSON, max_size=3
    )
)
def test_on_any_signed_header_the_answer_is_that_of_pyjwt_alone(changes):
    header = {"alg": "RS256", "kid": KEY.kid} | changes
    text = raw(json.dumps(header).encode(), json.dumps(CLAIMS).encode())
    assert verified(text) == bare(text)


# -- whatever comes


@given(st.text() | st.from_regex(r"\A[\w=-]*\.[\w=-]*\.[\w=-]*\Z") | st.binary() | st.none() | JSON)
@example("\ud800.\ud800.\ud800")
@example(TOKEN.encode())
def test_whatever_is_no_token_is_an_invalid_token(text):
    with pytest.raises(InvalidToken):
        verify(text)


@pytest.mark.parametrize(
    "part",
    [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"{}" + b" " * 100_000, b"\xff", b"null"],
)
def test_a_part_that_breaks_parsers_is_an_invalid_token(part):
    for text in (raw(part, json.dumps(CLAIMS).encode()), raw(HEADER, part)):
        with pytest.raises(InvalidToken):
            verify(text)


@pytest.mark.parametrize("claim", ["aud", "iss", "exp", "sub", "ref"])
def test_a_claim_as_deep_as_the_parser_takes_it_is_judged_or_refused(claim):
    body = json.dumps(CLAIMS | {claim: "DEEP"}).replace('"DEEP"', "%s")
    for depth in range(700, 1000, 7):
        verified(raw(HEADER, (body % ("[" * depth + "]" * depth)).encode()))


def test_a_key_store_that_breaks_is_a_refusal():
    class Broken:
        def key(self, issuer, kid):
            raise RuntimeError("the disk is full")

    with pytest.raises(InvalidToken):
        verify_id_token(TOKEN, Broken(), issuer=ISSUER)


def test_every_refusal_is_an_invalid_token_and_no_two_are_the_same():
    kinds = [
        Malformed,
        WrongAlgorithm,
        NoSuchKey,
        BadSignature,
        MissingClaim,
        WrongIssuer,
        WrongAudience,
        NotYetValid,
        Expired,
    ]
    assert all(issubclass(kind, InvalidToken) for kind in kinds)
    assert not any(issubclass(one, other) for one, other in itertools.permutations(kinds, 2))
