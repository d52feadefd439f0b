"""The scoreboard tells right verdicts from wrong ones, and its cases are what their names say."""

import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from course.scoreboard import Case, cases, scoreboard
from helpers.lab import Lab
from helpers.oidc.jws import IdToken, b64url_decode, split
from helpers.oidc.key_store import KeyStore
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
from helpers.provider.keys import load


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def hardened(lab):
    keys, seen = KeyStore(lab.http), set()

    def verify(token):
        claims = verify_id_token(token, keys, issuer=lab.github.url)
        if claims["jti"] in seen:
            raise ValueError("seen before")
        seen.add(claims["jti"])
        return claims

    return verify


ACCEPTED = ["claims in UTF-16"]  # PyJWT leaves the encoding to `json.loads`, which guesses it


@pytest.mark.parametrize("part", ["token", "spelling", "keys", "header", "all"])
def test_the_index_own_verification_with_a_memory_for_jti_errs_on_utf_16_alone(lab, part):
    board = scoreboard(cases(lab, part), index=hardened(lab))
    assert board.wrong("index") == (ACCEPTED if part in ("header", "all") else [])


def test_it_stays_right_while_two_keys_are_published_and_after_the_old_one_is_withdrawn(lab):
    for step in (lab.github.rotate, lab.github.retire):
        step()
        assert scoreboard(cases(lab, "all"), index=hardened(lab)).wrong("index") == ACCEPTED


def test_refusing_everything_gets_the_honest_tokens_wrong_and_nothing_else(lab):
    listed = cases(lab)
    wrong = scoreboard(listed, never=lambda token: None).wrong("never")
    assert wrong == [case.name for case in listed if case.accept] and len(wrong) >= 6
    assert all(name.startswith("honest: ") for name in wrong)


def test_believing_everything_gets_every_attack_wrong(lab):
    def believe(token):
        return json.loads(b64url_decode(split(token.rstrip("="))[1]))

    listed = cases(lab)
    assert scoreboard(listed, v=believe).wrong("v") == [
        case.name for case in listed if not case.accept
    ]


REASONS = {
    "payload edited, signature kept": BadSignature,
    "signature stripped": BadSignature,
    "signature by another key": BadSignature,
    "alg none": WrongAlgorithm,
    "alg nOnE": WrongAlgorithm,
    "alg HS256, keyed with public key": WrongAlgorithm,
    "exp an hour ago": Expired,
    "exp 30 s ago": Expired,
    "exp missing": MissingClaim,
    "nbf in five minutes": NotYetValid,
    "iat in five minutes": NotYetValid,
    "aud testpypi": WrongAudience,
    "aud missing": MissingClaim,
    "aud a list with one more": WrongAudience,
    "aud twice, the last not ours": WrongAudience,
    "iss of somebody else": WrongIssuer,
    "iss missing": MissingClaim,
    "replayed": None,
    "replayed, last character changed": Malformed,
    "replayed, == added at the end": None,
    "jwk: a key in the token": BadSignature,
    "jku: an address in the token": NoSuchKey,
    "kid a path to a known file": NoSuchKey,
    "kid a path to an uploaded file": NoSuchKey,
    "kid of the issuer, foreign signature": BadSignature,
    "kid made up": NoSuchKey,
    "kid missing": NoSuchKey,
    "key not published: github-2": NoSuchKey,
    "another issuer's good token": NoSuchKey,
    "another issuer's key, our iss": NoSuchKey,
    "the attacker's own issuer": NoSuchKey,
    "crit: an unknown extension": Malformed,
    "b64 false: a payload as it is": Malformed,
    "kid twice, the last made up": NoSuchKey,
    "claims in UTF-16": None,
}


def test_every_attack_is_refused_for_its_own_reason_and_no_other(lab):
    keys, seen = KeyStore(lab.http), {}
    for case in cases(lab):
        if not case.accept:
            try:
                verify_id_token(case.tokens[-1], keys, issuer=lab.github.url)
                seen[case.name] = None
            except InvalidToken as refusal:
                seen[case.name] = type(refusal)
    assert seen == REASONS


def test_the_public_key_attack_is_keyed_with_the_pem_that_everybody_can_make(lab):
    public_key = lab.github.signing_key.private_key.public_key()
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    attack = next(case for case in cases(lab, "token") if "HS256" in case.name)
    signing_input, _, signature = attack.tokens[0].rpartition(".")
    assert b64url_decode(signature) == hmac.digest(pem, signing_input.encode(), "sha256")


def test_unsigned_tokens_say_so_in_the_spelling_of_their_name_and_have_no_signature(lab):
    unsigned = [case for case in cases(lab, "token") if case.name in ("alg none", "alg nOnE")]
    decoded = [IdToken.decode(case.tokens[0]) for case in unsigned]
    assert [(token.header["alg"], token.signature) for token in decoded] == [
        ("none", b""),
        ("nOnE", b""),
    ]


def test_the_attackers_provider_publishes_the_key_that_its_tokens_are_signed_with(lab):
    attack = next(case for case in cases(lab, "keys") if case.name.startswith("jku"))
    header = IdToken.decode(attack.tokens[0]).header
    jwks = lab.http.get(header["jku"]).json()
    key = next(jwk for jwk in jwks["keys"] if jwk["kid"] == header["kid"])
    assert jwt.decode(attack.tokens[0], jwt.PyJWK(key, algorithm="RS256"), audience="pypi")
    assert key == load("self-managed")[0].public_jwk


def test_the_doubled_claim_is_there_twice_and_the_last_one_is_not_ours(lab):
    attack = next(case for case in cases(lab, "token") if case.name.startswith("aud twice"))
    pairs = json.loads(b64url_decode(split(attack.tokens[0])[1]), object_pairs_hook=list)
    assert [value for name, value in pairs if name == "aud"] == ["pypi", "npm"]


def test_what_is_odd_in_a_header_or_its_encoding_is_in_the_bytes(lab):
    def read(name, part):
        case = next(case for case in cases(lab, "header") if case.name.startswith(name))
        return b64url_decode(split(case.tokens[0])[part])

    assert json.loads(read("crit", 0))["crit"] == ["x"]
    assert json.loads(read("b64", 0)) | {"crit": ["b64"], "b64": False} == json.loads(
        read("b64", 0)
    )
    members = json.loads(read("kid twice", 0), object_pairs_hook=list)
    assert [value for name, value in members if name == "kid"] == ["github-1", "made-up"]
    assert json.loads(read("claims in", 1).decode("utf-16"))["aud"] == "pypi"
    assert "typ" not in json.loads(read("honest", 0))


def test_every_token_is_signed_as_its_row_says(lab):
    """All tokens of the part "header" carry good signatures: what is wrong is somewhere else."""
    key = lab.github.signing_key.private_key.public_key()
    for case in cases(lab, "header"):
        signing_input, _, signature = case.tokens[0].rpartition(".")
        key.verify(b64url_decode(signature), signing_input.encode(), PKCS1v15(), SHA256())


def test_no_two_tokens_share_a_jti_but_where_one_is_replayed(lab):
    payloads = [b64url_decode(split(case.tokens[0])[1]) for case in cases(lab)]
    jtis = [json.loads(payload)["jti"] for payload in payloads]
    assert len(jtis) == len(set(jtis)) == len(cases(lab))


def test_the_same_lab_at_the_same_time_gives_the_same_cases(lab):
    assert [case.name for case in cases(lab)] == [case.name for case in cases(lab)]
    assert cases(lab, "token") == cases(lab, "token")


def test_an_honest_token_whose_claims_are_not_what_came_back_is_not_accepted(lab):
    listed = cases(lab, "token")
    verdicts = scoreboard(listed, v=lambda token: {"repository": "octo-org/rocket"}).verdicts["v"]
    honest = [verdict for case, verdict in zip(listed, verdicts, strict=True) if case.accept]
    assert {str(verdict) for verdict in honest} == {"✗ other claims"}


def test_any_answer_but_a_dict_and_any_exception_is_a_refusal():
    def raises(token):
        raise RecursionError

    one = [Case("c", ("t",), False, "w")]
    board = scoreboard(
        one, none=lambda t: None, true=lambda t: True, text=lambda t: t, raises=raises
    )
    assert {str(verdict) for column in board.verdicts.values() for verdict in column} == {
        "✓ refused"
    }


def test_the_last_presentation_counts():
    seen = []
    board = scoreboard(
        [Case("c", ("t", "t"), False, "w")], v=lambda token: seen.append(token) or {}
    )
    assert seen == ["t", "t"] and board.wrong("v") == ["c"]


def test_the_board_reads_without_colours_and_counts_at_the_bottom():
    listed = [Case("honest", ("t",), True, "w", {}), Case("attack & more", ("u",), False, "w")]
    board = scoreboard(listed, v0=lambda token: {}, v1=lambda token: None)
    assert repr(board).splitlines() == [
        "case           v0          v1",
        "─────────────  ──────────  ─────────",
        "honest         ✓ accepted  ✗ refused",
        "attack & more  ✗ accepted  ✓ refused",
        "─────────────  ──────────  ─────────",
        "right, of 2    1           1",
    ]
    assert "attack &amp; more" in board._repr_html_() and board.right("v0") == 1


def test_a_board_of_one_gives_the_reasons_and_still_counts_all():
    listed = [Case("honest", ("t",), True, "fine", {}), Case("attack", ("u",), False, "forged")]
    assert repr(scoreboard(listed, v0=lambda token: {})).splitlines() == [
        "case         v0          because",
        "───────────  ──────────  ───────",
        "honest       ✓ accepted  fine",
        "attack       ✗ accepted  forged",
        "───────────  ──────────  ───────",
        "right, of 2  1",
    ]


def test_a_board_of_changes_shows_the_rows_that_differ_and_counts_all_of_them():
    listed = [Case("honest", ("t",), True, "w", {}), Case("attack", ("u",), False, "w")]
    board = scoreboard(listed, v0=lambda token: {}, v1=lambda token: None if token == "u" else {})
    assert repr(board.changed()).splitlines()[2:] == [
        "attack       ✗ accepted  ✓ refused",
        "───────────  ──────────  ─────────",
        "right, of 2  1           2",
    ]
    assert "honest" not in board.changed()._repr_html_() and "honest" in board._repr_html_()
    assert board.changed().right("v1") == 2 and board.changed().wrong("v0") == ["attack"]


def test_an_unknown_part_is_named(lab):
    with pytest.raises(ValueError, match="'tokens'"):
        cases(lab, "tokens")
