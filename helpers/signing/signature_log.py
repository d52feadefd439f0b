"""A log of signatures that can only grow, so that anyone can check when a signature was there.

The tree and its proofs are those of RFC 6962, section 2.1. Entries and answers are those of
Sigstore's log in its first version (sigstore/rekor, `openapi.yaml` and `pkg/types`), because an
attestation of PEP 740 has no place for the timestamp that the second version needs.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import flask
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from helpers.events import EventLog
from helpers.signing.keys import ECDSA, Key, b64, derive_key, key_id
from helpers.webapp import client_name, new_app


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry: SHA-256 over a zero byte and the entry (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two hashes: SHA-256 over a one byte and both, unlike that of an entry."""
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes (RFC 6962, 2.1). Of no leaves it is the hash of nothing."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256().digest()
    cut = _split(len(leaves))
    return node_hash(tree_root(leaves[:cut]), tree_root(leaves[cut:]))


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root, lowest first (RFC 6962, 2.1.1)."""
    if len(leaves) == 1:
        return []
    cut = _split(len(leaves))
    if index < cut:
        return [*inclusion_path(index, leaves[:cut]), tree_root(leaves[cut:])]
    return [*inclusion_path(index - cut, leaves[cut:]), tree_root(leaves[:cut])]


def _split(count: int) -> int:
    """The largest power of two smaller than a number."""
    return 1 << (count - 1).bit_length() - 1


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value of texts and small whole numbers (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what the signature of an envelope is over (DSSE, "pre-authentication encoding")."""
    return f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload


class SignatureLog:
    """An append-only log of signatures. `bodies` are its entries, oldest first.

    Its private key is made from its name unless it is given. It begins with some entries of
    strangers, so that its tree has branches.
    """

    def __init__(self, events: EventLog, name: str = "lab-log", key: Key | None = None,
                 strangers: int = 6) -> None:  # fmt: skip
        self.events, self.name, self.key = events, name, key or derive_key(name)
        other = {"apiVersion": "0.0.1", "kind": "alpine"}  # one of Rekor's other kinds
        specs = [{"package": f"a stranger's, {n}"} for n in range(strangers)]
        self.bodies = [canonical({**other, "spec": spec}) for spec in specs]
        self._lock = threading.RLock()
        self.app = self._make_app()

    @property
    def leaves(self) -> list[bytes]:
        """The leaf hashes of all entries."""
        return [leaf_hash(body) for body in self.bodies]

    def checkpoint(self) -> str:
        """Return the tree's size and root now, signed (C2SP, `tlog-checkpoint`)."""
        note = f"{self.name} - 1\n{len(self.bodies)}\n{b64(tree_root(self.leaves))}\n"
        signature = key_id(self.key)[:4] + self.key.sign(note.encode(), ECDSA)
        return f"{note}\n— {self.name} {b64(signature)}\n"

    def add(self, proposed: Mapping[str, Any]) -> dict[str, Any]:
        """Append an entry of kind "dsse" or "hashedrekord", and return it as `entry` does.

        Raises ValueError, KeyError or TypeError unless the entry is complete and each signature is
        by the key that it names. Anyone may add an entry, so it does not matter whose key that is.
        """
        kinds = {"dsse": _dsse, "hashedrekord": _hashedrekord}
        if (kind := proposed["kind"]) not in kinds:
            raise ValueError(f"expected an entry of kind {' or '.join(kinds)}, got {kind!r}")
        body = {"apiVersion": "0.0.1", "kind": kind, "spec": kinds[kind](proposed["spec"])}
        with self._lock:
            self.bodies.append(canonical(body))
            return self.entry(len(self.bodies) - 1)

    def entry(self, index: int) -> dict[str, Any]:
        """Return an entry, as the API does, with its proof in the tree as it is now.

        The promised time is now, in Unix seconds. Raises IndexError if there is no such entry.
        """
        leaves = self.leaves
        promised = {"body": b64(self.bodies[index]), "integratedTime": int(time.time())}
        promised |= {"logID": key_id(self.key).hex(), "logIndex": index}
        path = [each.hex() for each in inclusion_path(index, leaves)]
        proof = {"logIndex": index, "treeSize": len(leaves), "rootHash": tree_root(leaves).hex()}
        proof |= {"hashes": path, "checkpoint": self.checkpoint()}
        promise = b64(self.key.sign(canonical(promised), ECDSA))
        verification = {"inclusionProof": proof, "signedEntryTimestamp": promise}
        return {leaves[index].hex(): {**promised, "verification": verification}}

    def _make_app(self) -> flask.Flask:
        app = new_app("rekor")

        @app.post("/api/v1/log/entries")
        def add() -> Any:
            try:
                entry = self.add(flask.request.get_json())
            except Exception as error:  # an exception in a check is a refusal
                why = str(error) if isinstance(error, ValueError) else repr(error)
                self._note(why, ok=False)
                return {"code": 400, "message": f"error processing entry: {why}"}, 400
            self._note(f"number {next(iter(entry.values()))['logIndex']}")
            return entry, 201

        @app.get("/api/v1/log/entries")
        def read() -> Any:
            index = flask.request.args.get("logIndex", default=-1, type=int)
            if not 0 <= index < len(self.bodies):
                return {"code": 404, "message": f"there is no entry {index}"}, 404
            return self.entry(index)

        @app.get("/api/v1/log")
        def head() -> Any:
            root = tree_root(self.leaves).hex()
            size, note = len(self.bodies), self.checkpoint()
            return {"rootHash": root, "treeSize": size, "signedTreeHead": note, "treeID": "1"}

        return app

    def _note(self, detail: str, *, ok: bool = True) -> None:
        client = client_name(flask.request)
        self.events.add("log", "entry", "anyone", None, detail, ok=ok, client=client)


def _dsse(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An envelope's entry: digests and signatures, but not the statement in it."""
    text = spec["proposedContent"]["envelope"]
    envelope = json.loads(text)
    payload = base64.b64decode(envelope["payload"])
    signatures = []
    verifiers = spec["proposedContent"]["verifiers"]
    for each, verifier in zip(envelope["signatures"], verifiers, strict=True):
        _check(verifier, each["sig"], pae(envelope["payloadType"], payload), hashes.SHA256())
        signatures.append({"signature": each["sig"], "verifier": verifier})
    if not signatures:
        raise ValueError("expected an envelope with a signature, got none")
    digests = {"envelopeHash": _sha256(text.encode()), "payloadHash": _sha256(payload)}
    return {**digests, "signatures": signatures}


def _hashedrekord(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a signature over a file's digest, which is what `sigstore sign` makes."""
    digest, content = spec["data"]["hash"]["value"], spec["signature"]["content"]
    verifier = spec["signature"]["publicKey"]["content"]
    _check(verifier, content, bytes.fromhex(digest), Prehashed(hashes.SHA256()))
    signature = {"content": content, "publicKey": {"content": verifier}}
    return {"data": {"hash": {"algorithm": "sha256", "value": digest}}, "signature": signature}


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _check(verifier: str, signature: str, data: bytes, algorithm: Any) -> None:
    key = x509.load_pem_x509_certificate(base64.b64decode(verifier)).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("expected the certificate of an elliptic-curve key")
    try:
        key.verify(base64.b64decode(signature), data, ec.ECDSA(algorithm))
    except InvalidSignature:
        raise ValueError("the signature is not by the key in the certificate") from None
