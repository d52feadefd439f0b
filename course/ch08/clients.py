"""The work of uv, the publish action and a careful installer, inside this process.

Chapter 05 carries out three of the attacks with the real programs.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from course import attestations
from course.desk import exchange, post_file
from helpers.lab import INDEX_URL, LOG_URL, Lab
from helpers.machine.steps import Stopped
from helpers.signing.certificates import ARC
from helpers.signing.keys import ECDSA
from helpers.signing.signature_log import pae

US = "octo-org/rocket"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
EXTENSIONS = {
    11: "runner environment", 12: "source repository", 14: "source repository ref",
    15: "source repository identifier", 17: "source repository owner identifier",
    18: "build config", 20: "build trigger", 23: "deployment environment",
}  # fmt: skip
"""The extensions of a signing certificate that a policy can ask for, by number and name
(sigstore/fulcio, docs/oid-info.md)."""
Policy = Callable[[dict[str, str]], bool]
"""What an installer asks of an attestation's certificate, given what the certificate says."""


def wheel(project: str, version: str, words: str) -> tuple[str, bytes]:
    """Return filename and bytes of a wheel whose `launch()` returns these words."""
    name, file = project.replace("-", "_"), io.BytesIO()
    about = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"def launch(): return {words!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member), text)  # no date: the same bytes every day
    return f"{name}-{version}-py3-none-any.whl", file.getvalue()


def ask(lab: Lab, variables: dict[str, str], audience: str) -> str:
    """Return an ID token, by the request token among a job's variables. Raises Stopped."""
    url = variables.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if not url:
        raise Stopped("no id-token permission, so no request token")
    bearer = {"Authorization": f"bearer {variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    answer = lab.http.get(f"{url}&audience={audience}", headers=bearer).json()
    if "value" not in answer:
        raise Stopped(answer["message"])
    return str(answer["value"])


def mint(lab: Lab, id_token: str) -> str:
    """Exchange an ID token for an API token. Raises Stopped with the index's code."""
    api_token, refused = exchange(lab, id_token)
    if refused:
        raise Stopped(f"the index answers {refused}")
    return api_token


def upload(lab: Lab, api_token: str, name: str, content: bytes, attestation: str = "") -> None:
    """Upload a wheel, with an attestation if there is one. Raises Stopped with the answer."""
    more = {"attestations": f"[{attestation}]"} if attestation else {}
    answer = post_file(lab.http, api_token, name, content, **more)
    if answer.status_code != 200:
        raise Stopped(f"{answer.status_code} {answer.reason_phrase.partition('. See')[0]}")


def attest(lab: Lab, id_token: str, name: str, content: bytes) -> str:
    """Return an attestation for a file, made with this ID token, as JSON (PEP 740).

    Raises Stopped if the signing authority does not accept the token.
    """
    payload = attestations.statement(name, hashlib.sha256(content).hexdigest())
    try:
        leaf = attestations.certificate(lab, id_token)
    except ValueError as error:
        raise Stopped(f"no signing certificate: {error}") from None
    signature = attestations.KEY.sign(pae(attestations.PAYLOAD_TYPE, payload), ECDSA)
    proposed = attestations.proposed_entry(payload, signature, leaf)
    answer = lab.http.post(f"{LOG_URL}/api/v1/log/entries", json=proposed).json()
    return json.dumps(attestations.assemble(payload, signature, leaf, answer))


def install(lab: Lab, project: str, *, attested: bool = False, policy: Policy | None = None) -> str:
    """Install the newest version of a project, start it, and return what it says.

    With `attested`, raises Stopped unless the index serves an attestation that octo-org/rocket
    published this very file, and unless the `policy`, if there is one, accepts the certificate.
    """
    listing = lab.http.get(f"{INDEX_URL}/simple/{project}/", headers=JSON).json()
    file = listing["files"][-1]
    content = lab.http.get(file["url"]).content
    if hashlib.sha256(content).hexdigest() != file["hashes"]["sha256"]:
        raise Stopped("the installer got other bytes than the index lists")
    if attested:
        check_provenance(lab, file, policy)
    source = zipfile.ZipFile(io.BytesIO(content)).read(f"{project.replace('-', '_')}.py")
    module: dict[str, Any] = {}
    exec(source, module)
    return str(module["launch"]())


def check_provenance(lab: Lab, file: dict[str, Any], policy: Policy | None) -> None:
    """Raise Stopped unless there is provenance for a file, from our repository, and it verifies."""
    from pypi_attestations import Provenance  # half a second

    if not file.get("provenance"):
        raise Stopped("the installer finds no attestation")
    served = lab.http.get(file["provenance"]).json()
    bundles = Provenance.model_validate(served).attestation_bundles
    for bundle, raw in zip(bundles, served["attestation_bundles"], strict=True):
        signer = getattr(bundle.publisher, "repository", "")
        if signer != US:
            raise Stopped(f"the installer expects {US}, and the attestation says {signer}")
        for attestation in raw["attestations"]:
            digest = file["hashes"]["sha256"]
            why = attestations.verdict(lab, attestation, bundle.publisher, file["filename"], digest)
            if why:
                raise Stopped(f"the attestation does not verify: {why}")
            if policy and not policy(certificate_says(attestation)):
                raise Stopped("the installer does not accept what the certificate says")


def certificate_says(attestation: dict[str, Any]) -> dict[str, str]:
    """Return what an attestation's certificate says, by the names of EXTENSIONS."""
    names = {f"{ARC}.{number}": name for number, name in EXTENSIONS.items()}
    said = {}
    for extension in attestations.leaf_of(attestation).extensions:
        if name := names.get(extension.oid.dotted_string):
            said[name] = extension.value.value[2:].decode()  # behind the DER tag and length
    return said
