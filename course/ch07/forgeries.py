"""Nine ways to make an attestation for Mallory's wheel, and what she needs for each.

Each takes the lab, Alice's attestation, and the statement about Mallory's wheel, and returns an
attestation. The first of the chapter's ten checks, "is it about this file?", holds for all nine.
"""

import copy
from collections.abc import Callable
from typing import Any

from cryptography import x509

from course.attestations import KEY, PAYLOAD_TYPE, assemble, attest, leaf_of, proposed_entry
from helpers.events import EventLog
from helpers.lab import Lab
from helpers.oidc.key_store import KeyStore
from helpers.provider.jobs import GitHubJob
from helpers.signing.certificates import SigningAuthority
from helpers.signing.keys import ECDSA, Key, b64, derive_key
from helpers.signing.signature_log import SignatureLog, pae

Attestation = dict[str, Any]
MALLORY = derive_key("mallory")


def rewritten(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Replace the statement and keep everything else."""
    forged = copy.deepcopy(alices)
    forged["envelope"]["statement"] = b64(statement)
    return forged


def own_repository(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Run a workflow of the same name in a repository of her own."""
    return attest(lab, GitHubJob(repository="mallory/rocket"), statement)


def own_authority(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Sign a certificate that names Alice's job with a key of her own."""
    fake = SigningAuthority(KeyStore(lab.http), EventLog(), key=MALLORY)
    leaf = fake.certify(GitHubJob().claims() | {"iss": lab.github.url}, MALLORY.public_key())
    return _logged(lab, statement, MALLORY, leaf)


def late(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Sign with the private key of Alice's job, found eleven minutes after the certificate."""
    lab.clock.advance(minutes=11)
    forged = _logged(lab, statement, KEY, leaf_of(alices))
    lab.clock.advance(minutes=-11)
    return forged


def time_set_back(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Sign late, and write an earlier time into the log entry."""
    forged = late(lab, alices, statement)
    entry(forged)["integratedTime"] = entry(alices)["integratedTime"]
    return forged


def alices_entry(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Sign late, and show the log entry of the signature that Alice's job made."""
    forged = late(lab, alices, statement)
    forged["verification_material"]["transparency_entries"] = [entry(alices)]
    return forged


def promise_only(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Let the log promise an early time for an entry that it never adds, with Alice's proof."""
    forged = _promised(lab, statement, leaf_of(alices))
    entry(forged)["inclusionProof"] = entry(alices)["inclusionProof"]
    return forged


def own_tree(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Let the log promise the same, and prove it with a tree that Mallory has built herself."""
    forged = _promised(lab, statement, leaf_of(alices))
    tree = SignatureLog(EventLog(), key=MALLORY)
    built = _logged(lab, statement, KEY, leaf_of(alices), tree)
    entry(forged)["inclusionProof"] = entry(built)["inclusionProof"]
    return forged


def stolen_authority(lab: Lab, alices: Attestation, statement: bytes) -> Attestation:
    """Sign the certificate with the authority's own key, unseen by the certificate log."""
    stolen = SigningAuthority(KeyStore(lab.http), EventLog(), key=lab.fulcio.key, ct_key=MALLORY)
    leaf = stolen.certify(GitHubJob().claims() | {"iss": lab.github.url}, MALLORY.public_key())
    return _logged(lab, statement, MALLORY, leaf)


NINE: dict[str, Callable[[Lab, Attestation, bytes], Attestation]] = {
    "a certificate that she has signed herself, and that names Alice's job": own_authority,
    "Alice's attestation with another digest written into the statement": rewritten,
    "Alice's key; the log promises an early time, and she shows Alice's proof": promise_only,
    "Alice's key, found eleven minutes later": late,
    "Alice's key, and an earlier time written into the log entry": time_set_back,
    "Alice's key, and the log entry of Alice's own signature": alices_entry,
    "a job of her own repository, with a workflow of the same name": own_repository,
    "Alice's key; the log promises an early time, and she builds her own tree": own_tree,
    "the authority's stolen key, and no receipt from a certificate log": stolen_authority,
}


def entry(attestation: Attestation) -> dict[str, Any]:
    """Return an attestation's log entry."""
    [found] = attestation["verification_material"]["transparency_entries"]
    return found


def _logged(lab: Lab, statement: bytes, key: Key, leaf: x509.Certificate,
            log: SignatureLog | None = None) -> Attestation:  # fmt: skip
    signature = key.sign(pae(PAYLOAD_TYPE, statement), ECDSA)
    answer = (log or lab.log).add(proposed_entry(statement, signature, leaf))
    return assemble(statement, signature, leaf, answer)


def _promised(lab: Lab, statement: bytes, leaf: x509.Certificate) -> Attestation:
    """What the log's operator can make without adding the entry: a promise, with the log's key."""
    aside = SignatureLog(EventLog(), key=lab.log.key)
    aside.bodies = list(lab.log.bodies)
    return _logged(lab, statement, KEY, leaf, aside)
