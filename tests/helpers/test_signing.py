"""The signing authority, the signature log, and what clients are told to trust."""

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
from types import SimpleNamespace

import pytest
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.der.decoder import decode as der_decode
from pyasn1.type.char import UTF8String
from sigstore._internal.merkle import verify_merkle_inclusion
from support import JOBS

from course.attestations import assemble, attest, certificate, proposed_entry, statement
from helpers.events import EventLog
from helpers.lab import FULCIO_URL, LOG_URL, Lab
from helpers.provider.jobs import GitHubJob, GitLabJob, GoogleJob
from helpers.signing.certificates import ARC
from helpers.signing.keys import ECDSA, b64, derive_key
from helpers.signing.signature_log import (
    SignatureLog,
    canonical,
    inclusion_path,
    leaf_hash,
    pae,
    tree_root,
)
from helpers.signing.trust import ClientCache

SHA = hashlib.sha256(b"a wheel").hexdigest()
WHEEL = "octo_rocket-1.0-py3-none-any.whl"
KEY = derive_key("a test's")


@pytest.fixture
def lab():
    return Lab()


def token(lab: Lab, job=None, audience: str = "sigstore") -> str:
    job = job or GitHubJob()
    return lab.issuer_of(job).id_token(job, audience=audience)


def request(key=KEY) -> x509.CertificateSigningRequest:
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
    )


def ask(lab: Lab, id_token: str, csr: bytes | None = None):
    """The authority's answer to a signing request."""
    pem = request().public_bytes(Encoding.PEM) if csr is None else csr
    headers = {"Authorization": f"Bearer {id_token}"}
    body = {"certificateSigningRequest": b64(pem)}
    return lab.http.post(f"{FULCIO_URL}/api/v2/signingCert", headers=headers, json=body)


def extensions(leaf: x509.Certificate) -> dict[int, str]:
    """The values of a certificate's extensions, by their number, read as strictly as a verifier."""
    found = {}
    for each in leaf.extensions:
        arc, _, number = each.oid.dotted_string.rpartition(".")
        if arc == ARC:
            raw, n = each.value.value, int(number)
            found[n] = (raw if n < 8 else bytes(der_decode(raw, UTF8String())[0])).decode()
    return found


# -- the authority ----------------------------------------------------------------------------


def test_a_certificate_lives_ten_minutes_and_names_the_job(lab):
    leaf = certificate(lab, token(lab))
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == 600
    assert leaf.not_valid_before_utc == lab.clock.now()
    leaf.verify_directly_issued_by(lab.fulcio.certificate)
    said, claims = extensions(leaf), GitHubJob().claims()
    assert sorted(said) == [1, 2, 3, 4, 5, 6, *range(8, 25)]
    assert said[8] == "https://token.actions.githubusercontent.com"
    assert said[12] == "https://github.com/octo-org/rocket" and said[14] == "refs/heads/main"
    assert said[18] == f"https://github.com/{claims['workflow_ref']}"
    assert (said[15], said[17], said[23]) == ("74", "65", "pypi")
    assert said[24] == claims["sub"] and said[20] == "push"


def test_with_a_called_workflow_the_signer_is_the_called_file_and_the_config_the_caller(lab):
    called = "octo-org/shared/.github/workflows/publish.yml@refs/heads/main"
    said = extensions(certificate(lab, token(lab, GitHubJob(called_workflow=called))))
    assert said[9] == f"https://github.com/{called}"
    assert said[18].endswith("/rocket/.github/workflows/release.yml@refs/heads/main")


def test_a_value_of_more_than_127_bytes_has_the_long_form_of_length(lab):
    job = GitHubJob(ref="refs/heads/" + "x" * 300)
    assert extensions(certificate(lab, token(lab, job)))[14] == job.ref


def test_a_job_without_environment_has_no_such_extension(lab):
    assert 23 not in extensions(certificate(lab, token(lab, GitHubJob(environment=""))))


def test_a_gitlab_jobs_certificate_names_its_pipeline_file(lab):
    said = extensions(certificate(lab, token(lab, GitLabJob(environment="pypi"))))
    assert said[8] == "https://gitlab.com" and said[12] == "https://gitlab.com/octo-org/rocket"
    assert said[18] == "https://gitlab.com/octo-org/rocket//.gitlab-ci.yml@refs/heads/main"
    assert (said[14], said[23]) == ("refs/heads/main", "pypi")


def test_a_google_job_is_named_by_its_email(lab):
    leaf = certificate(lab, token(lab, GoogleJob()))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["release@octo.example"]
    assert extensions(leaf)[8] == "https://accounts.google.com"
    assert ask(lab, token(lab, GoogleJob(email_verified=False))).status_code == 400


def test_an_id_token_can_be_shown_to_the_authority_twice(lab):
    id_token = token(lab)
    first, second = certificate(lab, id_token), certificate(lab, id_token)
    assert first.serial_number != second.serial_number


def refused(lab: Lab) -> dict[str, tuple[str, bytes | None]]:
    """For each refusal, an ID token and a request."""
    good, other = token(lab), GitHubJob(repository="mallory/rocket")
    claims = {**GitHubJob().claims(), "iss": "https://token.mallory.example", "aud": "sigstore"}
    header, payload, signature = good.split(".")
    pem = request().public_bytes(Encoding.PEM)
    der = bytearray(request().public_bytes(Encoding.DER))
    der[-1] ^= 1
    stolen = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    big = request(rsa.generate_private_key(65537, 2048)).public_bytes(Encoding.PEM)
    mixed = f"{header}.{token(lab, other).split('.')[1]}.{signature}"
    return {
        "expects another audience": (token(lab, audience="pypi"), pem),
        "is not signed by the provider": (mixed, pem),
        "is of an unknown issuer": (lab.github.id_token(claims), pem),
        "has no token": ("", pem),
        "has a token that is no JWT": ("a.b.c", pem),
        "does not have the private key": (good, stolen),
        "has an RSA key": (good, big),
        "has no request": (good, b""),
        "has a request that is none": (good, b"-----BEGIN CERTIFICATE REQUEST-----"),
        "lacks claims": (lab.github.id_token({
            "iss": lab.github.url, "aud": "sigstore", "iat": 1795424400, "exp": 1795424700}), pem),
        "is ActiveState": (token(lab, JOBS["activestate"][0]), pem),
    }  # fmt: skip


@pytest.mark.parametrize("who", refused(Lab()))
def test_the_authority_refuses_who(lab, who):
    answer = ask(lab, *refused(lab)[who])
    assert answer.status_code == 400
    assert answer.json()["message"] == "There was an error processing the identity token"
    event = lab.events.of("fulcio")[-1]
    assert not event.ok and event.action == "certificate" and event.detail


@pytest.mark.parametrize("lifetime", ["expired", "not yet valid"])
def test_a_token_of_another_time_is_refused(lab, lifetime):
    id_token = token(lab)
    lab.clock.advance(minutes=6 if lifetime == "expired" else -6)
    assert ask(lab, id_token).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"certificateSigningRequest": 1}'])
def test_the_authority_answers_400_to_what_is_no_request(lab, body):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token(lab)}"}
    answer = lab.http.post(f"{FULCIO_URL}/api/v2/signingCert", headers=headers, content=body)
    assert answer.status_code == 400


def test_two_labs_make_the_same_attestation_byte_for_byte():
    made = []
    for _ in range(2):
        with Lab() as lab:
            made.append(json.dumps(attest(lab, GitHubJob(), statement(WHEEL, SHA))))
    assert made[0] == made[1]


# -- the log ----------------------------------------------------------------------------------


def as_entry(answer: dict) -> SimpleNamespace:
    """An entry with what sigstore's checker reads of it."""
    (logged,) = answer.values()
    proof = logged["verification"]["inclusionProof"]
    inner = SimpleNamespace(
        log_index=proof["logIndex"],
        tree_size=proof["treeSize"],
        root_hash=bytes.fromhex(proof["rootHash"]),
        hashes=[bytes.fromhex(each) for each in proof["hashes"]],
    )
    body = base64.b64decode(logged["body"])
    return SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=inner, canonicalized_body=body))


@pytest.mark.parametrize("size", range(1, 71))
def test_every_proof_of_a_tree_passes_sigstores_own_checker(size):
    log = SignatureLog(EventLog(), strangers=size)
    for index in range(size):
        verify_merkle_inclusion(as_entry(log.entry(index)))


def test_the_root_of_the_trees_in_rfc_6962_is_computed_as_there():
    # Section 2.1.3 draws a tree of seven leaves: its root is ((01)(23))((45)6).
    leaves = [leaf_hash(bytes([n])) for n in range(7)]

    def node(*pair):
        return hashlib.sha256(b"\1" + b"".join(pair)).digest()

    left = node(node(*leaves[:2]), node(*leaves[2:4]))
    assert tree_root(leaves) == node(left, node(node(*leaves[4:6]), leaves[6]))
    # And its proof for leaf 0 is b, h, l.
    right = node(node(*leaves[4:6]), leaves[6])
    assert inclusion_path(0, leaves) == [leaves[1], node(*leaves[2:4]), right]
    assert tree_root([]) == hashlib.sha256(b"").digest()


@settings(max_examples=30)
@given(
    st.recursive(
        st.text(st.characters(max_codepoint=0xD7FF)) | st.integers(-(2**53) + 1, 2**53 - 1),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), inner)
        ),
    )
)
def test_canonical_json_is_that_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


def test_the_checkpoint_is_signed_and_names_size_and_root(lab):
    note, _, signed = lab.log.checkpoint().partition("\n\n")
    name, size, root = note.splitlines()
    assert (name, size) == ("lab-log - 1", "6")
    assert base64.b64decode(root) == tree_root(lab.log.leaves)
    dash, name, signature = signed.strip().split(" ")
    assert (dash, name) == ("—", "lab-log")
    lab.log.key.public_key().verify(base64.b64decode(signature)[4:], f"{note}\n".encode(), ECDSA)


def entry(lab: Lab, **changes):
    """A proposed entry."""
    payload = statement(WHEEL, SHA)
    leaf = certificate(lab, token(lab), KEY)
    signature = KEY.sign(pae("application/vnd.in-toto+json", payload), ECDSA)
    return proposed_entry(payload, changes.get("signature", signature), changes.get("leaf", leaf))


def add(lab: Lab, proposed):
    return lab.http.post(f"{LOG_URL}/api/v1/log/entries", json=proposed)


def test_an_entry_can_be_added_by_anyone_and_read_by_anyone(lab):
    answer = add(lab, entry(lab))
    assert answer.status_code == 201
    [(uuid, logged)] = answer.json().items()
    assert logged["logIndex"] == 6 and logged["integratedTime"] == int(lab.clock.now().timestamp())
    assert uuid == leaf_hash(base64.b64decode(logged["body"])).hex()
    verify_merkle_inclusion(as_entry(answer.json()))
    read = lab.http.get(f"{LOG_URL}/api/v1/log/entries", params={"logIndex": 6})
    assert read.json()[uuid]["body"] == logged["body"]
    head = lab.http.get(f"{LOG_URL}/api/v1/log").json()
    assert head["treeSize"] == 7 and head["rootHash"] == tree_root(lab.log.leaves).hex()


@pytest.mark.parametrize("index", ["-1", "7", "", "x", None])
def test_an_entry_that_is_not_there_is_404(lab, index):
    params = {} if index is None else {"logIndex": index}
    assert lab.http.get(f"{LOG_URL}/api/v1/log/entries", params=params).status_code == 404


def test_the_log_refuses_a_signature_by_another_key(lab):
    answer = add(lab, entry(lab, signature=derive_key("another").sign(b"x", ECDSA)))
    assert answer.status_code == 400 and len(lab.log.bodies) == 6
    assert "not by the key in the certificate" in answer.json()["message"]
    assert not lab.events.of("log")[-1].ok


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: [],
        lambda good: None,
        lambda good: {},
        lambda good: good | {"kind": "rpm"},
        lambda good: good | {"kind": []},
        lambda good: good | {"spec": {}},
        lambda good: good | {"spec": {"proposedContent": {"envelope": "{", "verifiers": []}}},
        lambda good: good | {"spec": {"proposedContent": {
            "envelope": '{"payload": "", "payloadType": "", "signatures": []}', "verifiers": []}}},
        lambda good: good | {"spec": {"proposedContent": good["spec"]["proposedContent"] | {"verifiers": ["AA=="]}}},
        lambda good: good | {"spec": {"proposedContent": good["spec"]["proposedContent"] | {"verifiers": []}}},
    ],
)  # fmt: skip
def test_the_log_answers_400_to_what_is_no_entry(lab, spoil):
    assert add(lab, spoil(entry(lab))).status_code == 400
    assert len(lab.log.bodies) == 6


def test_the_log_takes_signatures_over_files_as_well(lab):
    leaf = certificate(lab, token(lab), KEY)
    content = b64(KEY.sign(b"a wheel", ECDSA))
    verifier = {"content": b64(leaf.public_bytes(Encoding.PEM))}
    data = {"hash": {"algorithm": "sha256", "value": SHA}}
    spec = {"data": data, "signature": {"content": content, "publicKey": verifier}}
    assert add(lab, {"kind": "hashedrekord", "spec": spec}).status_code == 201
    data["hash"]["value"] = "0" * 64
    assert add(lab, {"kind": "hashedrekord", "spec": spec}).status_code == 400


def test_only_a_whole_list_of_leaves_has_that_root():
    rng = random.Random(7)
    leaves = [rng.randbytes(32) for _ in range(20)]
    roots = {tree_root(leaves[:n]) for n in range(21)}
    roots |= {tree_root(leaves[:n] + leaves[n + 1 :]) for n in range(19)}
    assert len(roots) == 40


# -- trust ------------------------------------------------------------------------------------


def test_a_client_cache_is_this_processs_for_the_length_of_a_block(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "before")
    monkeypatch.delenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", raising=False)
    cache = ClientCache({})
    with cache:
        with cache:
            assert os.environ["XDG_CACHE_HOME"] == cache.variables["XDG_CACHE_HOME"]
        assert os.environ["XDG_CACHE_HOME"] == cache.variables["XDG_CACHE_HOME"]
    assert os.environ["XDG_CACHE_HOME"] == "before"
    assert "WIN_PD_OVERRIDE_LOCAL_APPDATA" not in os.environ
    cache.close()


def test_a_lab_that_does_not_sign_loads_nothing_of_it():
    code = (
        "import sys; from helpers.lab import Lab; Lab()\n"
        "print([m for m in sys.modules if m.startswith(('sigstore', 'pypi_att', 'helpers.signing', 'pydantic'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_an_attestation_made_of_parts_is_the_one_made_at_once(lab):
    payload = statement(WHEEL, SHA)
    key = derive_key("a key that signs once")
    leaf = certificate(lab, token(lab), key)
    signature = key.sign(pae("application/vnd.in-toto+json", payload), ECDSA)
    by_hand = assemble(
        payload, signature, leaf, add(lab, proposed_entry(payload, signature, leaf)).json()
    )
    with Lab() as other:
        assert attest(other, GitHubJob(), payload) == by_hand
