"""An OIDC identity provider: discovery, JWKS, ID tokens for jobs, key rotation, and an off switch.

The endpoints are those of OpenID Connect Discovery 1.0 (section 4) and of GitHub Docs "OpenID
Connect reference".
"""

import functools
import hashlib
import hmac
import itertools
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import flask

from helpers.events import EventLog
from helpers.oidc.jws import b64url_encode, sign
from helpers.provider.jobs import GitHubJob, GitLabJob, Job
from helpers.provider.keys import load
from helpers.provider.repository import NotStarted, Repository
from helpers.webapp import client_name, new_app

JOB_LIMIT = 6 * 3600
"""Seconds after which a job is over at the latest, and its request token with it."""


class ProviderOffline(ConnectionError):
    """The identity provider was asked for something while it is down."""


class Issuer:
    """One identity provider. `url` is what its tokens carry as `iss`; `online` may be set to False.

    `provider` is "github", "gitlab", "google" or "activestate"; `keys` names the set in
    `lab_keys.json`.
    """

    def __init__(self, url: str, provider: str, events: EventLog, keys: str | None = None) -> None:
        self.url = url
        self.provider = provider
        self.events = events
        self.online = True
        self._keys = load(keys or provider)
        self._published = [self._keys[0]]
        self._numbers, self._runs = itertools.count(1), itertools.count(1)
        self._jobs: dict[str, tuple[str, GitHubJob, float]] = {}  # run -> request token, job, end
        self._repositories: dict[tuple[str, str], Repository] = {}

    @functools.cached_property
    def app(self) -> flask.Flask:
        """The provider's web application, made on first use: most labs need one of four."""
        return self._make_app()

    # -- keys --------------------------------------------------------------------------------------

    @property
    def signing_key(self) -> Any:
        """The key that signs now: the newest of those published."""
        return self._published[-1]

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys as published: `{"keys": […]}` (RFC 7517, section 5)."""
        return {"keys": [key.public_jwk for key in self._published]}

    def rotate(self) -> None:
        """Publish the provider's other key beside today's and sign with it from now on. Raises
        RuntimeError the second time in a row: `retire()` the old one first, the lab has two for
        each provider."""
        if len(self._published) == 2:
            what = "both keys of this provider are published already"
            raise RuntimeError(f"{what}; call retire() before rotating again")
        self._published.append(next(key for key in self._keys if key is not self.signing_key))

    def retire(self) -> None:
        """Withdraw all keys but the one that signs."""
        self._published = [self.signing_key]

    # -- tokens ------------------------------------------------------------------------------------

    def id_token(
        self,
        job: Job | dict[str, Any],
        audience: str = "pypi",
        *,
        header: dict[str, Any] | None = None,
    ) -> str:
        """An ID token for a job, or, given a dict, a token over exactly these claims, with nothing
        added.

        `header` replaces or adds members of the JWS header. Raises ProviderOffline while the
        provider is down, and ValueError for a job of another provider.
        """
        if not self.online:
            reason = "it was switched off with .online = False"
            raise ProviderOffline(f"{self.url} does not answer: {reason}")
        claims = job if isinstance(job, dict) else self._claims(job, audience)
        key = self.signing_key
        thumbprint = {"x5t": key.jwk["x5t"]} if self.provider == "github" else {}
        return sign({"kid": key.kid, **thumbprint, **(header or {})}, claims, key.private_key)

    def _claims(self, job: Job, audience: str) -> dict[str, Any]:
        if job.provider != self.provider:
            got = f"got a {type(job).__name__}: ask that job's own provider"
            raise ValueError(f"expected a job of {self.provider}, {got}")
        now = int(time.time())
        claims = {**job.claims(), "iss": self.url, "aud": audience}
        claims |= {"iat": now, "exp": now + job.lifetime}
        if job.nbf_lead is not None:
            claims["nbf"] = now - job.nbf_lead
        if job.has_jti:
            name = f"{self.url}/jti/{next(self._numbers)}"
            claims["jti"] = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        return dict(sorted(claims.items()))

    def repository(self, name: str, id: str = GitHubJob.repository_id) -> Repository:
        """Return what the provider keeps for the repository with that name and id, whatever is made
        later under the same name: its environments with their rules."""
        return self._repositories.setdefault((name.lower(), id), Repository(name, id))

    def job_environment(
        self, job: Job, base_url: str | None = None, *, approved_by: str = ""
    ) -> dict[str, str]:
        """Start a job: the environment variables that the provider gives it, the way to its ID
        token included if it may have one.

        `base_url` is where this provider is reached, if not at `url`. `approved_by` is who has
        approved the job, where its environment asks for that; raises NotStarted if its rules are
        not satisfied. The request token in the environment is a secret of the job. It works until
        `end_job`, JOB_LIMIT seconds at most.
        """
        variables = job.variables()
        if isinstance(job, GitHubJob):
            self._admit(job, approved_by)
        if isinstance(job, GitHubJob) and job.may_ask:
            run = str(next(self._runs))
            # A real one cannot be guessed. This one is the same on every run, like all in the lab.
            digest = hashlib.sha256(f"{self.url}/idtoken/{run}".encode()).digest()
            request_token = b64url_encode(digest)
            self._jobs[run] = (request_token, job, time.time() + JOB_LIMIT)
            self.events.hide(request_token)
            request_url = f"{base_url or self.url}/idtoken/{run}?api-version=2.0"
            variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = request_url
            variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = request_token
        if isinstance(job, GitLabJob):
            asked = job.id_tokens.items()
            variables |= {name: self.id_token(job, audience) for name, audience in asked}
        return variables

    def _admit(self, job: GitHubJob, approved_by: str) -> None:
        try:
            self.repository(job.repository, job.repository_id).admit(job, approved_by)
        except NotStarted as refusal:
            self.events.add(self.provider, "start job", job.actor, None, str(refusal), ok=False)
            raise

    def end_job(self, environment: Mapping[str, str]) -> None:
        """End the job that has this environment: its request token works no more."""
        token = environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        self._jobs = {run: known for run, known in self._jobs.items() if known[0] != token}

    # -- the web -----------------------------------------------------------------------------------

    def _make_app(self) -> flask.Flask:
        app = new_app(f"issuer:{self.provider}")
        base = urlsplit(self.url).path

        @app.before_request
        def down() -> Any:
            return None if self.online else (flask.jsonify(message="service unavailable"), 503)

        @app.get(f"{base}/.well-known/openid-configuration")
        def discovery() -> Any:
            self._note("discovery", f"keys are at {self.url}/.well-known/jwks")
            return flask.jsonify(
                issuer=self.url,
                jwks_uri=f"{self.url}/.well-known/jwks",
                subject_types_supported=["public", "pairwise"],
                response_types_supported=["id_token"],
                claims_supported=[
                    "sub",
                    "aud",
                    "exp",
                    "iat",
                    "iss",
                    "jti",
                    "nbf",
                    *_CLAIMS[self.provider],
                ],
                id_token_signing_alg_values_supported=["RS256"],
                scopes_supported=["openid"],
            )

        @app.get(f"{base}/.well-known/jwks")
        def jwks() -> Any:
            self._note("jwks", ", ".join(key.kid for key in self._published))
            return flask.jsonify(self.jwks)

        @app.get(f"{base}/idtoken/<run>")
        def idtoken(run: str) -> Any:
            request_token, job, end = self._jobs.get(run, ("", None, 0))
            scheme, _, shown = flask.request.headers.get("Authorization", "").partition(" ")
            if (
                job is None
                or time.time() >= end
                or scheme.lower() != "bearer"
                or not hmac.compare_digest(_bytes(shown), _bytes(request_token))
            ):
                why = "no such job, or not its request token"
                self._note("id-token", why, actor="unknown", ok=False)
                return flask.jsonify(message="the request token is not that of a running job"), 401
            audience = (
                flask.request.args.get("audience")
                or f"https://github.com/{job.repository.partition('/')[0]}"
            )
            token = self.id_token(job, audience)
            self._note("id-token", f"audience {audience}", actor=job.repository)
            return flask.jsonify(count=len(token), value=token)

        return app

    def _note(self, action: str, detail: str, *, actor: str = "", ok: bool = True) -> None:
        client = client_name(flask.request)
        asking = actor or _CLIENTS.get(client, "anyone")
        self.events.add(self.provider, action, asking, None, detail, ok=ok, client=client)


_CLIENTS = {"pypi.test": "index", "test.pypi.test": "test index", "fulcio.test": "fulcio"}
"""Services that introduce themselves when they fetch keys, and their names in the event log."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_CLAIMS = {
    "github": [name for name in GitHubJob().claims() if name != "sub"],
    "gitlab": [name for name in GitLabJob(environment="pypi").claims() if name != "sub"],
    "google": ["azp", "email", "email_verified"],
    "activestate": ["actor_id", "builder", "organization", "project"],
}
