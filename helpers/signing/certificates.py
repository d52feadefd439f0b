"""A signing authority: for an ID token and a public key it returns a certificate naming the job.

Requests and certificates are those of Sigstore's authority (sigstore/fulcio: for the profile
`docs/certificate-specification.md`, for the extensions `docs/oid-info.md`). A certificate contains
the promise of a certificate log, a *signed certificate timestamp* (RFC 6962, section 3.2).
◆ The lab makes that promise and keeps no such log.
"""

import base64
import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from helpers.events import EventLog
from helpers.oidc.jws import IdToken
from helpers.oidc.verification import Keys, verify_id_token
from helpers.signing.keys import ECDSA, Key, derive_key, key_id
from helpers.webapp import client_name, new_app

AUDIENCE = "sigstore"
LIFETIME = 10 * 60
"""Seconds for which a signing certificate is valid."""

ARC = "1.3.6.1.4.1.57264.1"
"""Identifies the extensions, by one more number: bare text up to .6, a DER UTF8String from .8."""
_SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"


def _github(claims: Mapping[str, Any]) -> tuple[x509.GeneralName, list[str]]:
    hub, repository, sha = "https://github.com", claims["repository"], claims["sha"]
    trigger, ref = claims["event_name"], claims["ref"]
    run = f"actions/runs/{claims['run_id']}/attempts/{claims['run_attempt']}"
    signer = f"{hub}/{claims['job_workflow_ref']}"
    owner, config = f"{hub}/{claims['repository_owner']}", f"{hub}/{claims['workflow_ref']}"
    return x509.UniformResourceIdentifier(signer), [
        *(claims["iss"], trigger, sha, claims["workflow"], repository, ref, ""),
        *(claims["iss"], signer, claims["job_workflow_sha"], claims["runner_environment"]),
        *(f"{hub}/{repository}", sha, ref, claims["repository_id"]),
        *(owner, claims["repository_owner_id"], config, claims["workflow_sha"], trigger),
        *(f"{hub}/{repository}/{run}", claims["repository_visibility"]),
    ]


def _gitlab(claims: Mapping[str, Any]) -> tuple[x509.GeneralName, list[str]]:
    lab, path = "https://gitlab.com", claims["project_path"]
    uri, sha = f"https://{claims['ci_config_ref_uri']}", claims["ci_config_sha"]
    owner = f"{lab}/{claims['namespace_path']}"
    return x509.UniformResourceIdentifier(uri), [
        *(claims["iss"], *[""] * 6, claims["iss"], uri, sha, claims["runner_environment"]),
        *(f"{lab}/{path}", claims["sha"], claims["ref_path"], claims["project_id"]),
        *(owner, claims["namespace_id"], uri, sha, claims["pipeline_source"]),
        *(f"{lab}/{path}/-/jobs/{claims['job_id']}", claims["project_visibility"]),
    ]


def _google(claims: Mapping[str, Any]) -> tuple[x509.GeneralName, list[str]]:
    if claims["email_verified"] is not True:
        raise ValueError("expected a verified e-mail address, got one that is not")
    values = [claims["iss"], *[""] * 6, claims["iss"], *[""] * 14]
    return x509.RFC822Name(claims["email"]), values


_PROVIDERS = {
    "https://token.actions.githubusercontent.com": _github,
    "https://gitlab.com": _gitlab,
    "https://accounts.google.com": _google,
}


class SigningAuthority:
    """A certificate authority that believes ID tokens: anyone who shows one gets a certificate.

    `keys` is where it finds the providers' public keys. Its own private key, and that of the
    certificate log, are made from names unless they are given.
    """

    def __init__(self, keys: Keys, events: EventLog, name: str = "lab-fulcio",
                 key: Key | None = None, ct_key: Key | None = None) -> None:  # fmt: skip
        self.events, self.name = events, name
        self.key, self.ct_key = key or derive_key(name), ct_key or derive_key("lab-ct")
        self.certificate = self._own_certificate()
        self._keys, self._numbers = keys, itertools.count(1)
        self.app = self._make_app()

    def issue(self, id_token: str, csr: x509.CertificateSigningRequest) -> x509.Certificate:
        """Return a certificate for the key in a signing request, naming the job of an ID token.

        Raises InvalidToken for a token that does not verify, and ValueError for an unknown issuer
        or a request whose sender does not have the private key. A token can be used again until
        it expires.
        """
        issuer = IdToken.decode(id_token).claims.get("iss")
        if issuer not in _PROVIDERS:
            raise ValueError(f"expected an issuer that the authority knows, got {issuer!r}")
        claims = verify_id_token(id_token, self._keys, issuer=issuer, audience=AUDIENCE)
        public_key = csr.public_key()
        if not isinstance(public_key, PublicKey) or not csr.is_signature_valid:
            raise ValueError("expected a request signed with the elliptic-curve key in it")
        return self.certify(claims, public_key)

    def certify(self, claims: Mapping[str, Any], public_key: PublicKey) -> x509.Certificate:
        """Return a certificate over these claims, unchecked, valid for ten minutes from now."""
        now = datetime.now(UTC).replace(microsecond=0)
        name, values = _PROVIDERS[claims["iss"]](claims)
        values += [claims.get("environment", ""), claims["sub"]]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        code_signing = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING])
        serial = hashlib.sha256(f"{self.name} {next(self._numbers)}".encode()).digest()[:19]
        builder = (
            _certificate(x509.Name([]), self.certificate.subject, public_key)
            .serial_number(int.from_bytes(serial))
            .not_valid_before(now)
            .not_valid_after(now + timedelta(seconds=LIFETIME))
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(code_signing, critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        )
        for number, value in enumerate(values, start=1):
            if value:
                raw = value.encode() if number < 8 else asn1.encode_der(value)
                builder = _extended(builder, f"{ARC}.{number}", raw)
        # The certificate log's promise is about the certificate without it, so it is made twice.
        before = builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)
        sct = self._timestamp(before.tbs_certificate_bytes, now)
        listed = (len(sct) + 2).to_bytes(2) + len(sct).to_bytes(2) + sct
        builder = _extended(builder, _SCT_LIST, asn1.encode_der(listed))
        return builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)

    def _own_certificate(self) -> x509.Certificate:
        me = x509.Name.from_rfc4514_string(f"CN={self.name},O=lab\\, worthless")
        return (
            _certificate(me, me, self.key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)
        )

    def _timestamp(self, tbs: bytes, at: datetime) -> bytes:
        """The certificate log's promise for a certificate to be signed (RFC 6962, 3.2)."""
        stamp = (int(at.timestamp()) * 1000).to_bytes(8)
        entry = b"\0\1" + key_id(self.key) + len(tbs).to_bytes(3) + tbs
        signature = self.ct_key.sign(b"\0\0" + stamp + entry + b"\0\0", ECDSA)
        algorithm = b"\x04\x03"  # SHA-256 with ECDSA
        log = b"\0" + key_id(self.ct_key)
        return log + stamp + b"\0\0" + algorithm + len(signature).to_bytes(2) + signature

    def _make_app(self) -> flask.Flask:
        app = new_app("fulcio")

        @app.post("/api/v2/signingCert")
        def signing_cert() -> Any:
            try:
                token = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
                pem = base64.b64decode(flask.request.get_json()["certificateSigningRequest"])
                leaf = self.issue(token, x509.load_pem_x509_csr(pem))
            except Exception as error:  # an exception in a check is a refusal
                why = str(error) if isinstance(error, ValueError) else repr(error)
                self._note("unknown", why, ok=False)
                message = "There was an error processing the identity token"
                return {"code": 3, "message": message, "details": []}, 400
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            self._note(names[0].value, f"{LIFETIME // 60} minutes")
            chain = [each.public_bytes(Encoding.PEM).decode() for each in (leaf, self.certificate)]
            return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

        return app

    def _note(self, actor: str, detail: str, *, ok: bool = True) -> None:
        client = client_name(flask.request)
        self.events.add("fulcio", "certificate", actor, None, detail, ok=ok, client=client)


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    known = x509.SubjectKeyIdentifier.from_public_key(key)
    builder = x509.CertificateBuilder(issuer, subject, key)
    return builder.add_extension(known, critical=False)


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    more = "key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in f"{names} {more}".split()})


def _extended(builder: x509.CertificateBuilder, oid: str, raw: bytes) -> x509.CertificateBuilder:
    unnamed = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), raw)
    return builder.add_extension(unnamed, critical=False)
