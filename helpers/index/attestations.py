"""The `attestations` field of an upload (PEP 740), verified by the unmodified `pypi_attestations`.

Order and wording are those of pypi/warehouse, `warehouse/attestations/services.py`. Importing this
module takes half a second, so the index does it when the first attestation arrives.
"""

from contextlib import AbstractContextManager
from typing import Any

import pypi_attestations as pep740
from pydantic import TypeAdapter, ValidationError

from helpers.index.publishers import Publisher
from helpers.index.registry import File
from helpers.index.uploads import Refused

_MOST = 2
_LIST = TypeAdapter(list[pep740.Attestation])
Identity = pep740.GitHubPublisher | pep740.GitLabPublisher | pep740.GooglePublisher
_REFUSED = "Could not verify the uploaded artifact using the included attestation"
_UNKNOWN = "Unknown error while trying to verify included attestations"


def provenance(
    text: str, publisher: Publisher | None, file: File, trust: AbstractContextManager[None]
) -> dict[str, Any]:
    """Return the provenance object that the index will serve for a file.

    `text` is the field as it came, a JSON list of attestations. `publisher` is the one that minted
    the API token, None if the token is a user's. Within `trust`, Sigstore's client finds the keys
    that the index believes. Raises Refused with status 400.
    """
    try:
        identity = _identity(publisher)
        attestations = _parse(text)
        with trust:
            _verify(attestations, identity, file)
    except ValueError as error:
        raise Refused(400, f"Invalid attestations supplied during upload: {error}") from error
    bundle = pep740.AttestationBundle(publisher=identity, attestations=attestations)
    return pep740.Provenance(attestation_bundles=[bundle]).model_dump(mode="json")


def _identity(publisher: Any) -> Identity:
    """The identity that an attestation must carry for a file that this publisher uploads."""
    if publisher is None:
        raise ValueError("Attestations are only supported when using Trusted Publishing")
    environment = getattr(publisher, "environment", None) or None
    match publisher.provider:
        case "github":
            slug, file = f"{publisher.owner}/{publisher.repository}", publisher.workflow
            return pep740.GitHubPublisher(repository=slug, workflow=file, environment=environment)
        case "gitlab":
            slug = f"{publisher.namespace}/{publisher.project}"
            named = {"workflow_filepath": publisher.workflow_path, "environment": environment}
            return pep740.GitLabPublisher(repository=slug, **named)
        case "google":
            return pep740.GooglePublisher(email=publisher.email)
    raise ValueError("Attestations are not currently supported with ActiveState publishers")


def _parse(text: str) -> list[pep740.Attestation]:
    try:
        attestations = _LIST.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"Malformed attestations: {error}") from None
    if not attestations:
        raise ValueError("Malformed attestations: an empty attestation set is not permitted")
    if len(attestations) > _MOST:
        raise ValueError(f"A maximum of {_MOST} attestations per file are supported")
    return attestations


def _verify(attestations: list[pep740.Attestation], identity: Identity, file: File) -> None:
    distribution, seen = pep740.Distribution(name=file.filename, digest=file.sha256), set()
    for attestation in attestations:
        try:
            kind, _ = attestation.verify(identity, distribution, offline=True)
        except Exception as error:  # an exception in a check is a refusal
            known = isinstance(error, pep740.VerificationError)
            raise ValueError(f"{_REFUSED if known else _UNKNOWN}: {error}") from error
        if kind in seen:
            same = f"Multiple attestations for the same file with the same predicate type ({kind})"
            raise ValueError(f"{same} are not supported")
        seen.add(kind)
