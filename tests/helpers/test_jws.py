"""Compact serialization: what is a token's form, and what is not."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.oidc import jws
from helpers.oidc.jws import IdToken, MalformedToken
from helpers.provider import keys

ALPHABET = string.ascii_letters + string.digits + "-_"
KEY = keys.load("github")[0]
CLAIMS = {"iss": "https://issuer.example", "exp": 1, "name": "<b>Zoë</b>"}
TOKEN = jws.sign({"kid": KEY.kid}, CLAIMS, KEY.private_key)


def part(value):
    return jws.b64url_encode(json.dumps(value).encode())


def test_the_example_of_rfc_7515_appendix_c():
    octets = bytes([3, 236, 255, 224, 193])
    assert jws.b64url_encode(octets) == "A-z_4ME"
    assert jws.b64url_decode("A-z_4ME") == octets


@given(st.binary())
def test_base64url_comes_back_as_it_went(data):
    text = jws.b64url_encode(data)
    assert set(text) <= set(ALPHABET)
    assert jws.b64url_decode(text) == data


@pytest.mark.parametrize(
    "character", [chr(n) for n in range(128) if chr(n) not in ALPHABET] + ["é", "١", "\ud800"]
)
def test_a_character_outside_the_alphabet_is_refused_wherever_it_stands(character):
    for text in (
        character + "QUJD",
        "QU" + character + "JD",
        "QUJD" + character,
        "QUJ" + character,
    ):
        with pytest.raises(MalformedToken):
            jws.b64url_decode(text)


@pytest.mark.parametrize("text", ["Q", "QUJDR", "QQ==", "QQ=", "QUJD\n"])
def test_a_length_that_cannot_be_and_padding_and_a_line_end_are_refused(text):
    with pytest.raises(MalformedToken):
        jws.b64url_decode(text)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e"])
def test_a_token_has_exactly_three_parts(token):
    with pytest.raises(MalformedToken, match="three parts"):
        jws.split(token)


def test_the_signature_is_over_header_and_payload_as_they_are_encoded():
    assert jws.signing_input("aa.bb.cc") == b"aa.bb"


def test_signing_adds_alg_and_typ_to_the_header_and_nothing_to_the_claims():
    decoded = IdToken.decode(TOKEN)
    assert decoded.header == {"alg": "RS256", "kid": KEY.kid, "typ": "JWT"}
    assert decoded.claims == CLAIMS
    assert len(decoded.signature) == 256


def test_signing_the_same_claims_twice_gives_the_same_token():
    assert jws.sign({"kid": KEY.kid}, CLAIMS, KEY.private_key) == TOKEN


def test_a_claim_that_is_not_json_is_a_type_error():
    with pytest.raises(TypeError):
        jws.sign({}, {"when": object()}, KEY.private_key)


def test_decoding_checks_no_signature():
    header, payload, _ = jws.split(TOKEN)
    assert IdToken.decode(f"{header}.{payload}.AAAA").claims == CLAIMS


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (f"!.{part({})}.AA", "the header part is not"),
        (f"{part({})}.!.AA", "the claims part is not"),
        (f"{jws.b64url_encode(b'{')}.{part({})}.AA", "the header part is not"),
        (f"{part({})}.{jws.b64url_encode(b'[' * 100_000)}.AA", "the claims part is not"),
        (f"{part({})}.{jws.b64url_encode(bytes([255]))}.AA", "the claims part is not"),
        (f"{part([])}.{part({})}.AA", "the header part is JSON, but not an object"),
        (f"{part({})}.{part('x')}.AA", "the claims part is JSON, but not an object"),
        (f"{part({})}.{part({})}.A", "expected base64url"),
    ],
)
def test_what_is_malformed_says_in_which_part(token, message):
    with pytest.raises(MalformedToken, match=message):
        IdToken.decode(token)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_no_text_makes_decoding_raise_anything_but_malformed_token(text):
    try:
        IdToken.decode(text)
    except MalformedToken:
        pass


def test_displayed_a_token_names_its_three_parts_and_is_shortened():
    shown = repr(IdToken.decode(TOKEN))
    assert [line.partition(":")[0] for line in shown.splitlines() if " more]" in line] == [
        "header",
        "claims",
        "signature",
    ]
    assert "Zoë" in shown and "256 bytes" in shown and TOKEN not in shown


def test_displayed_as_html_a_claim_cannot_add_markup():
    shown = IdToken.decode(TOKEN)._repr_html_()
    assert "<b>Zoë" not in shown and "&lt;b&gt;Zoë" in shown


def test_a_shortened_token_keeps_both_ends_and_counts_the_rest():
    assert jws.shorten("a" * 12 + "x" * 7 + "b" * 12) == f"{'a' * 12}…[7 more]…{'b' * 12}"
    assert jws.shorten("a" * 24) == "a" * 24
