"""Reading certificates, and the keys of the public signing services."""

import json
from importlib.resources import files
from typing import Any

from cryptography import x509

ARC = "1.3.6.1.4.1.57264.1"
EXTENSIONS = {
    8: "Issuer",
    9: "Build Signer URI",
    10: "Build Signer Digest",
    11: "Runner Environment",
    12: "Source Repository URI",
    13: "Source Repository Digest",
    14: "Source Repository Ref",
    15: "Source Repository Identifier",
    16: "Source Repository Owner URI",
    17: "Source Repository Owner Identifier",
    18: "Build Config URI",
    19: "Build Config Digest",
    20: "Build Trigger",
    21: "Run Invocation URI",
    22: "Source Repository Visibility",
    23: "Deployment Environment",
    24: "Token Subject",
}
"""The certificate's extensions by number (sigstore/fulcio, `docs/oid-info.md`)."""


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


def extensions(leaf: x509.Certificate) -> dict[int, str]:
    """Return the texts of all of Sigstore's extensions, 8 to 24, that a certificate has."""
    found = {}
    for each in leaf.extensions:
        arc, _, number = each.oid.dotted_string.rpartition(".")
        if arc == ARC and int(number) in EXTENSIONS:
            found[int(number)] = extension(leaf, int(number))
    return found


def public_trusted_root() -> dict[str, Any]:
    """Return the keys of the public services, as they come with the installed `sigstore`."""
    store = files("sigstore") / "_store"
    [folder] = [each for each in store.iterdir() if each.name.endswith("sigstore.dev")]
    return json.loads((folder / "trusted_root.json").read_text("utf-8"))
