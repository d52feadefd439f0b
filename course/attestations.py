"""Attestations made by hand, from a job's ID token to the finished JSON, for chapters 07 and 08.

Keys are derived from names and signatures contain no chance, so that every byte repeats.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from helpers.lab import FULCIO_URL, LOG_URL, Lab
from helpers.provider.jobs import Job
from helpers.signing.keys import ECDSA, b64, derive_key
from helpers.signing.signature_log import pae

PAYLOAD_TYPE = "application/vnd.in-toto+json"
KEY = derive_key("a key that signs once")


def statement(filename: str, sha256: str, predicate: str = "", **more: Any) -> bytes:
    """Return a statement about a file of this name and digest (in-toto Statement v1, PEP 740).

    `predicate` is its type, by default PyPI's for a publishing job. `more` replaces members.
    """
    if not predicate:
        from pypi_attestations import AttestationType  # half a second

        predicate = AttestationType.PYPI_PUBLISH_V1.value
    members = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": predicate,
        "predicate": None,
    }
    return json.dumps(members | more, separators=(",", ":")).encode()


def certificate(lab: Lab, id_token: str, key: ec.EllipticCurvePrivateKey = KEY) -> x509.Certificate:
    """Return the certificate that the lab's signing authority gives for an ID token and a key.

    Raises ValueError with the authority's answer if it refuses.
    """
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
    )
    answer = lab.http.post(
        f"{FULCIO_URL}/api/v2/signingCert",
        headers={"Authorization": f"Bearer {id_token}"},
        json={"certificateSigningRequest": b64(csr.public_bytes(Encoding.PEM))},
    )
    if answer.is_error:
        raise ValueError(answer.json()["message"])
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return x509.load_pem_x509_certificate(chain[0].encode())


def proposed_entry(payload: bytes, signature: bytes, leaf: x509.Certificate) -> dict[str, Any]:
    """Return what a client asks the log to append: an envelope, and the certificate of its key."""
    envelope = {
        "payload": b64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": b64(signature)}],
    }
    content = {
        "envelope": json.dumps(envelope),
        "verifiers": [b64(leaf.public_bytes(Encoding.PEM))],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}}


def assemble(
    payload: bytes, signature: bytes, leaf: x509.Certificate, answer: dict[str, Any]
) -> dict[str, Any]:
    """Return an attestation made of its parts (PEP 740). `answer` is the log's."""
    (entry,) = answer.values()
    proof = entry["verification"]["inclusionProof"]
    logged = {
        "logIndex": str(entry["logIndex"]),
        "logId": {"keyId": _b64_of_hex(entry["logID"])},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(entry["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": _b64_of_hex(proof["rootHash"]),
            "treeSize": str(proof["treeSize"]),
            "hashes": [_b64_of_hex(each) for each in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }
    material = {
        "certificate": b64(leaf.public_bytes(Encoding.DER)),
        "transparency_entries": [logged],
    }
    envelope = {"statement": b64(payload), "signature": b64(signature)}
    return {"version": 1, "verification_material": material, "envelope": envelope}


def attest(lab: Lab, job: Job, payload: bytes) -> dict[str, Any]:
    """Return an attestation by a job: get ID token and certificate, sign, add to the log."""
    leaf = certificate(lab, lab.issuer_of(job).id_token(job, audience="sigstore"))
    signature = KEY.sign(pae(PAYLOAD_TYPE, payload), ECDSA)
    answer = lab.http.post(
        f"{LOG_URL}/api/v1/log/entries", json=proposed_entry(payload, signature, leaf)
    )
    return assemble(payload, signature, leaf, answer.json())


def leaf_of(attestation: Mapping[str, Any]) -> x509.Certificate:
    """Return an attestation's signing certificate."""
    encoded = attestation["verification_material"]["certificate"]
    return x509.load_der_x509_certificate(base64.b64decode(encoded))


def verdict(
    lab: Lab, attestation: dict[str, Any], publisher: Any, filename: str, sha256: str
) -> str:
    """Return "" if `pypi_attestations`, trusting the lab, accepts an attestation; else its reason.

    `publisher` is one of the library's. An installer that checks attestations asks the same.
    """
    from pypi_attestations import Attestation, Distribution

    try:
        with lab.trust:
            file = Distribution(name=filename, digest=sha256)
            Attestation.model_validate(attestation).verify(publisher, file, offline=True)
    except Exception as error:  # an exception in a check is a refusal
        return f"{type(error).__name__}: {error}"
    return ""


def _b64_of_hex(text: str) -> str:
    return b64(bytes.fromhex(text))
