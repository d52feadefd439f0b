"""Private keys made from names, worthless on purpose, and how certificates and logs name them."""

import base64
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Key = ec.EllipticCurvePrivateKey
ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
"""Signs without chance (RFC 6979), so that a signature is the same on every run."""


def derive_key(name: str) -> Key:
    """Return the private P-256 key of a name. Anyone can compute it, so it is for the lab only."""
    secret = hashlib.sha256(f"lab key, worthless: {name}".encode()).digest()
    return ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())


def public_der(key: Key) -> bytes:
    """Return a key's public half as DER (SubjectPublicKeyInfo, RFC 5280, section 4.1.2.7)."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    """Return the 32 bytes that name a log: the SHA-256 of its public key (RFC 6962, 3.2)."""
    return hashlib.sha256(public_der(key)).digest()


def b64(data: bytes) -> str:
    """Return standard base64 with padding, as text."""
    return base64.b64encode(data).decode("ascii")
