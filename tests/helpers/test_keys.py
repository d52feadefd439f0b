"""The lab's signing keys: sound, two for each provider, marked as worthless, and never shown whole."""

import base64
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from helpers.oidc.jws import b64url_decode, b64url_encode, signing_input, split
from helpers.provider import keys

PROVIDERS = ("github", "gitlab", "google", "activestate", "self-managed")
ALL = [key for provider in PROVIDERS for key in keys.load(provider)]
PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}

# RFC 7515, appendix A.2: a JWS and the key that signed it.
RFC_TOKEN = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL"
    "mNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWz"
    "O75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZES"
    "c6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlU"
    "PQGe77Rw"
)
RFC_KEY = {
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B"
    "m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5"
    "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7"
    "aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
    "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2N"
    "XOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M"
    "_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x"
    "_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    "p": "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py"
    "5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    "q": "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQ"
    "eZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
}
# RFC 7638, section 3.1: the modulus of a key (its exponent is 65537), and the key's thumbprint.
THUMBPRINT_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
    "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
    "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def number(text):
    return int.from_bytes(b64url_decode(text), "big")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_two_keys_so_that_rotation_can_be_shown(provider):
    first, second = keys.load(provider)
    assert (first.kid, second.kid) == (f"{provider}-1", f"{provider}-2")
    assert first.jwk["n"] != second.jwk["n"]


def test_no_two_providers_share_a_key():
    assert len({key.jwk["n"] for key in ALL}) == len({key.kid for key in ALL}) == 10


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.kid)
def test_a_key_passes_the_checks_that_loading_it_skips(key):
    whole = key.private_key.private_numbers().private_key()
    assert whole.key_size == 2048
    assert whole.public_key().public_numbers().e == 65537


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.kid)
def test_the_certificate_in_x5c_belongs_to_the_key_and_x5t_to_the_certificate(key):
    [encoded] = key.jwk["x5c"]
    der = base64.b64decode(encoded, validate=True)
    certificate = x509.load_der_x509_certificate(der)
    assert (
        certificate.public_key().public_numbers() == key.private_key.public_key().public_numbers()
    )
    assert key.jwk["x5t"] == b64url_encode(hashlib.sha1(der, usedforsecurity=False).digest())
    certificate.verify_directly_issued_by(certificate)
    assert "worthless" in certificate.subject.rfc4514_string()


def test_the_file_says_that_its_keys_are_worthless():
    assert "Worthless" in json.loads(keys.KEYS_FILE.read_text(encoding="utf-8"))["_comment"]


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.kid)
def test_the_public_jwk_is_the_private_one_without_its_private_members(key):
    assert set(key.jwk) == {"kty", "kid", "use", "alg", "x5t", "x5c", "n", "e"} | PRIVATE
    assert key.public_jwk == {name: value for name, value in key.jwk.items() if name not in PRIVATE}
    assert (key.jwk["kty"], key.jwk["use"], key.jwk["alg"]) == ("RSA", "sig", "RS256")


def test_displaying_a_key_shows_none_of_its_numbers():
    key = keys.load("github")[0]
    assert not any(str(key.jwk[name]) in repr(key) for name in (*PRIVATE, "n"))


def test_a_provider_without_keys_is_a_key_error():
    with pytest.raises(KeyError):
        keys.load("nobody")


def test_the_key_of_rfc_7515_a_2_makes_the_signature_printed_there():
    p, q, d = (number(RFC_KEY[name]) for name in "pqd")
    rest = {
        "dp": rsa.rsa_crt_dmp1(d, p),
        "dq": rsa.rsa_crt_dmq1(d, q),
        "qi": rsa.rsa_crt_iqmp(p, q),
    }
    jwk = RFC_KEY | {
        name: b64url_encode(value.to_bytes(128, "big")) for name, value in rest.items()
    }
    signature = keys.SigningKey(jwk).private_key.sign(
        signing_input(RFC_TOKEN), padding.PKCS1v15(), SHA256()
    )
    assert b64url_encode(signature) == split(RFC_TOKEN)[2]


def test_base64url_gives_the_thumbprint_of_rfc_7638_3_1():
    members = json.dumps(
        {"e": "AQAB", "kty": "RSA", "n": THUMBPRINT_N}, separators=(",", ":"), sort_keys=True
    )
    assert b64url_encode(hashlib.sha256(members.encode()).digest()) == THUMBPRINT
