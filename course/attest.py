"""The signing step of a release job: `python attest.py FILES` puts an attestation beside each file.

The PyPA publish action does the same before it uploads. Only the first line of `main` is the lab's:
elsewhere it reads `config = ClientTrustConfig.production()`.
"""

import os
import sys
from pathlib import Path

from pypi_attestations import Attestation, Distribution
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken, detect_credential
from sigstore.sign import SigningContext


def main(files: list[str]) -> None:
    """Sign each file with a key that is never stored, in the name of this job."""
    config = ClientTrustConfig.from_json(Path(os.environ["TRUST_CONFIG"]).read_text())
    config.force_tlog_version = 1  # PEP 740 has no field for the signed times of Rekor 2
    token = IdentityToken(detect_credential())
    with SigningContext.from_trust_config(config).signer(token) as signer:
        for file in map(Path, files):
            attestation = Attestation.sign(signer, Distribution.from_file(file))
            Path(f"{file}.publish.attestation").write_text(attestation.model_dump_json())
            print(f"signed {file.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
