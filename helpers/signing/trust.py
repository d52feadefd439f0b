"""What a client believes when it verifies an attestation, and where it goes to make one.

The formats are Sigstore's (sigstore/protobuf-specs, `sigstore_trustroot.proto`).
"""

import json
import logging
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from helpers.signing.certificates import SigningAuthority
from helpers.signing.keys import Key, b64, key_id, public_der
from helpers.signing.signature_log import SignatureLog

_MEDIA = "application/vnd.dev.sigstore"
_VALID = {"start": "2020-01-01T00:00:00Z"}


def trusted_root(authority: SigningAuthority, log: SignatureLog, url: str) -> dict[str, Any]:
    """Return the public keys of an authority, its certificate log and a signature log.

    `url` is the origin where they are reached. A verifier that works offline does not use it.
    """
    certificate = b64(authority.certificate.public_bytes(Encoding.DER))
    name = {"organization": "lab, worthless", "commonName": authority.name}
    chain = {"certificates": [{"rawBytes": certificate}]}
    issuer = {"subject": name, "uri": url, "certChain": chain, "validFor": _VALID}
    return {
        "mediaType": f"{_MEDIA}.trustedroot+json;version=0.1",
        "tlogs": [_instance(log.key, f"{url}/rekor")],
        "certificateAuthorities": [issuer],
        "ctlogs": [_instance(authority.ct_key, f"{url}/ct")],
        "timestampAuthorities": [],
    }


def _instance(key: Key, url: str) -> dict[str, Any]:
    details = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": _VALID}
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(public_der(key)), **details},
        "logId": {"keyId": b64(key_id(key))},
    }


def client_trust_config(root: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return what `sigstore --trust-config FILE` reads: a trusted root and where to sign.

    Clients expect the authority at the root of an origin. The log is below `/rekor`.
    """
    found = {"majorApiVersion": 1, "validFor": _VALID, "operator": "lab"}
    signing = {
        "mediaType": f"{_MEDIA}.signingconfig.v0.2+json",
        "caUrls": [{"url": url, **found}],
        "oidcUrls": [],
        "rekorTlogUrls": [{"url": f"{url}/rekor", **found}],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [],
        "tsaConfig": {"selector": "ANY"},
    }
    config = {"trustedRoot": root, "signingConfig": signing}
    return {"mediaType": f"{_MEDIA}.clienttrustconfig.v0.1+json", **config}


class ClientCache:
    """The folder where Sigstore's client, working offline, finds the trusted root it believes.

    It takes what it finds there without a check. An empty folder (`root=None`) gets the root of
    the public services, which comes with the client. Within a `with` block the folder is that of
    this process, in all its threads; `variables` make it that of another process. `close` removes
    it, as does the end of the process.
    """

    def __init__(self, root: Mapping[str, Any] | None = None) -> None:
        # The client warns each time that it is offline, and here it always is.
        logging.getLogger("sigstore._internal.tuf").setLevel(logging.ERROR)
        folder = tempfile.mkdtemp(prefix="lab-trust-")
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        names = ("XDG_CACHE_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA")
        self.variables = dict.fromkeys(names, folder)
        self._lock, self._inside = threading.Lock(), 0
        self._before: dict[str, str | None] = {}
        if root is not None:
            inner = "sigstore/sigstore-python/Cache" if os.name == "nt" else "sigstore-python"
            url = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
            place = Path(folder) / inner / "tuf" / url
            place.mkdir(parents=True)
            (place / "trusted_root.json").write_text(json.dumps(root), "utf-8")

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = {name: os.environ.get(name) for name in self.variables}
                os.environ.update(self.variables)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            for name, value in self._before.items() if not self._inside else ():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
