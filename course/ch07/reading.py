"""Reading attestations and trusted roots, so that chapter 07 can do its checks on what they say."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from course.attestations import verdict
from helpers.lab import Lab
from helpers.signing.signature_log import node_hash

WHEEL = "octo_rocket-1.0.0-py3-none-any.whl"

ARC = "1.3.6.1.4.1.57264.1"
EXTENSIONS = {
    8: "Issuer",
    9: "Build Signer URI",
    12: "Source Repository URI",
    14: "Source Repository Ref",
    17: "Source Repository Owner Identifier",
    18: "Build Config URI",
    20: "Build Trigger",
    23: "Deployment Environment",
}
"""Some of the certificate's extensions by number (sigstore/fulcio, `docs/oid-info.md`)."""


def extension(leaf: x509.Certificate, number: int) -> str:
    """Return the text of one of Sigstore's extensions, 8 to 24, of a certificate.

    Raises cryptography's ExtensionNotFound if the certificate does not have it, and ValueError if
    its value is no DER UTF8String.
    """
    oid = x509.ObjectIdentifier(f"{ARC}.{number}")
    der = leaf.extensions.get_extension_for_oid(oid).value.public_bytes()
    start, length = 2, der[1]
    if length >= 128:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:start])
    if der[0] != 0x0C or len(der) != start + length:
        raise ValueError(f"extension {number} is no text: {der[:8].hex()}…")
    return der[start:].decode()


def public_trusted_root() -> dict[str, Any]:
    """Return the keys of the public services, as they come with the installed `sigstore`."""
    store = files("sigstore") / "_store"
    [folder] = [each for each in store.iterdir() if each.name.endswith("sigstore.dev")]
    return json.loads((folder / "trusted_root.json").read_text("utf-8"))


def parts(attestation: Mapping[str, Any]) -> SimpleNamespace:
    """Return an attestation's parts, decoded.

    Raises KeyError or ValueError if one is missing, or if there is not exactly one log entry.
    """
    envelope, material = attestation["envelope"], attestation["verification_material"]
    [entry] = material["transparency_entries"]
    return SimpleNamespace(
        statement=base64.b64decode(envelope["statement"]),
        signature=base64.b64decode(envelope["signature"]),
        certificate=x509.load_der_x509_certificate(base64.b64decode(material["certificate"])),
        entry=entry,
        log_id=base64.b64decode(entry["logId"]["keyId"]),
        body=base64.b64decode(entry["canonicalizedBody"]),
    )


def trusted(root: Mapping[str, Any]) -> SimpleNamespace:
    """Return what is in a trusted root: certificates of authorities, and keys by the log's id."""
    ders = [
        base64.b64decode(each["rawBytes"])
        for authority in root["certificateAuthorities"]
        for each in authority["certChain"]["certificates"]
    ]
    return SimpleNamespace(
        authorities=[x509.load_der_x509_certificate(der) for der in ders],
        logs=_keys_of(root["tlogs"]),
        certificate_logs=_keys_of(root["ctlogs"]),
    )


def _keys_of(logs: Iterable[Mapping[str, Any]]) -> dict[bytes, Any]:
    decode = base64.b64decode
    return {
        decode(log["logId"]["keyId"]): load_der_public_key(decode(log["publicKey"]["rawBytes"]))
        for log in logs
    }


def left_half(size: int) -> int:
    """Return how many of a tree's entries are in its left half: the largest power of two below."""
    return 1 << (size - 1).bit_length() - 1


def root_from(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """Return the root that a leaf and the hashes of its proof give (RFC 9162, section 2.1.3).

    Raises ValueError if the tree has no such entry, or the proof has too few or too many hashes.
    """
    if not 0 <= index < size or (size == 1) is not (not hashes):
        raise ValueError(f"{len(hashes)} hashes left for entry {index} in a tree of {size}")
    if size == 1:
        return leaf
    *lower, other = hashes  # the last one is nearest to the root
    left = left_half(size)
    if index < left:
        return node_hash(root_from(leaf, index, left, lower), other)
    return node_hash(other, root_from(leaf, index - left, size - left, lower))


def verify_root(proof: Mapping[str, Any], key: Any) -> None:
    """Raise an exception unless a log's key has signed the root and the size of a proof.

    A checkpoint is a text, an empty line and a signature, whose first four bytes identify the key.
    The text's lines are the log's name, the tree's size, and the root (C2SP, `tlog-checkpoint`).
    """
    text, _, signed = proof["checkpoint"]["envelope"].partition("\n\n")
    _, size, root = text.splitlines()[:3]
    _, _, signature = signed.splitlines()[0].split(" ")
    key.verify(base64.b64decode(signature)[4:], f"{text}\n".encode(), ec.ECDSA(SHA256()))
    if (size, base64.b64decode(root)) != (proof["treeSize"], base64.b64decode(proof["rootHash"])):
        raise ValueError("the checkpoint is about another tree")


def verify_receipt(leaf: x509.Certificate, issuer: x509.Certificate, logs: Mapping) -> None:
    """Raise an exception unless a certificate log (by id) has signed a receipt for `leaf`.

    A receipt is added to the certificate last. So it is a signature over the certificate without
    it, over the time, and over the key of the issuer (RFC 6962, section 3.2).
    """
    receipts = x509.PrecertificateSignedCertificateTimestamps
    [receipt] = leaf.extensions.get_extension_for_class(receipts).value
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    milliseconds = round(receipt.timestamp.replace(tzinfo=UTC).timestamp() * 1000)
    before = leaf.tbs_precertificate_bytes
    version_and_type, entry_type, no_extensions = b"\0\0", b"\0\1", b"\0\0"
    seen = version_and_type + milliseconds.to_bytes(8) + entry_type + hashlib.sha256(key).digest()
    seen += len(before).to_bytes(3) + before + no_extensions
    logs[receipt.log_id].verify(receipt.signature, seen, ec.ECDSA(SHA256()))


def expected_wheel(content: bytes) -> SimpleNamespace:
    """Return what a verifier expects if octo-rocket's wheel has this content."""
    return SimpleNamespace(
        filename=WHEEL,
        sha256=hashlib.sha256(content).hexdigest(),
        repository="octo-org/rocket",
        workflow="release.yml",
    )


def library_says(lab: Lab, attestation: dict[str, Any], expected: SimpleNamespace) -> str:
    """Return "accepted" or "refused", as `pypi_attestations` decides if it trusts the lab."""
    from pypi_attestations import GitHubPublisher  # half a second

    publisher = GitHubPublisher(repository=expected.repository, workflow=expected.workflow)
    refusal = verdict(lab, attestation, publisher, expected.filename, expected.sha256)
    return "refused" if refusal else "accepted"
