"""Short ways to say what most tests begin with: a token, an exchange, an upload, and what became of it."""

import hashlib
import json
import time
from typing import Any

import httpx
from packaging.utils import canonicalize_name

from helpers.index.publishers import (
    ActiveStatePublisher,
    GitHubPublisher,
    GitLabPublisher,
    GooglePublisher,
)
from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.issuer import Issuer
from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

INDEX = "https://pypi.test"
PUBLISHER = GitHubPublisher(
    owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml", environment="pypi"
)
"""The publisher that every lab begins with, that of octo-rocket."""
OTHER = GitHubPublisher(
    owner="octo-org", owner_id="65", repository="comet", workflow="release.yml", environment="pypi"
)
"""A publisher that no lab begins with, and the job that it lets in."""
OTHER_JOB = GitHubJob(repository="octo-org/comet")
JOBS = {
    "github": (GitHubJob(), PUBLISHER),
    "gitlab": (GitLabJob(), GitLabPublisher(namespace="octo-org", project="rocket")),
    "google": (GoogleJob(), GooglePublisher(email="release@octo.example")),
    "activestate": (
        ActiveStateJob(),
        ActiveStatePublisher(
            organization="octo-org", project="rocket", actor_id=ActiveStateJob().actor_id
        ),
    ),
}
"""For each provider, a job and a publisher that lets it in."""


def claims(issuer: Issuer, job: Any = None, **changes: Any) -> dict[str, Any]:
    """The claims of a job's ID token with changes; `...` as a value takes a claim away."""
    job = job or JOBS[issuer.provider][0]
    changed = IdToken.decode(issuer.id_token(job)).claims | changes
    return {name: value for name, value in changed.items() if value is not ...}


def exchange(lab: Lab, token: Any, path: str = "/_/oidc/mint-token") -> httpx.Response:
    """What the index answers to a mint-token request."""
    return lab.http.post(INDEX + path, content=json.dumps({"token": token}))


def mint(lab: Lab, job: Any = None) -> str:
    """An API token for a job (octo-rocket's release job, if not told), by the whole exchange."""
    job = job or GitHubJob()
    answer = exchange(lab, lab.issuer_of(job).id_token(job)).json()
    assert answer.get("success") is True, answer
    return answer["token"]


def refusal(response: httpx.Response) -> tuple[str, str]:
    """Code and description of a refused exchange; the rest of the answer is always the same."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    [error] = answer["errors"]
    assert answer == {"message": "Token request failed", "errors": [error]} and set(error) == {
        "code",
        "description",
    }
    return error["code"], error["description"]


def burn(lab: Lab, token: Any) -> httpx.Response:
    """What the index answers to a burn-token request."""
    return lab.http.post(f"{INDEX}/_/oidc/burn-token", content=json.dumps({"token": token}))


def form(
    name: str = "octo-rocket", version: str = "1.0", content: bytes = b"a wheel", **fields: str
) -> dict[str, str]:
    """The fields that a client sends with a wheel; `...` as a value takes a field away."""
    sent = {
        ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.4", "name": name,
        "version": version,
        "filetype": "bdist_wheel", "pyversion": "py3", "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(), "requires_python": "",
    } | fields  # fmt: skip
    return {key: value for key, value in sent.items() if value is not ...}


def wheel(name: str = "octo-rocket", version: str = "1.0") -> str:
    """A wheel's filename."""
    return f"{canonicalize_name(name).replace('-', '_')}-{version}-py3-none-any.whl"


def sdist(name: str = "octo-rocket", version: str = "1.0") -> str:
    """An sdist's filename."""
    return f"{canonicalize_name(name).replace('-', '_')}-{version}.tar.gz"


def upload(
    lab: Lab,
    token: str,
    *,
    name: str = "octo-rocket",
    version: str = "1.0",
    content: bytes = b"a wheel",
    filename: str | None = None,
    accept: str = "*/*",
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> httpx.Response:
    """What the index answers to an upload: of a wheel, unless `filename` says something else."""
    filename = wheel(name, version) if filename is None else filename
    if filename.endswith(".tar.gz"):
        fields = {"filetype": "sdist", "pyversion": "source"} | fields
    return lab.http.post(
        f"{INDEX}/legacy/",
        data=form(name, version, content, **fields),
        files={"content": (filename, content, None)},
        headers={"Authorization": f"Bearer {token}", "Accept": accept}
        if headers is None
        else headers,
    )


def said(response: httpx.Response) -> tuple[int, str]:
    """Status and reason phrase, which is how twine hears of a refusal."""
    return response.status_code, response.reason_phrase


def now() -> int:
    """The lab's time in Unix seconds."""
    return int(time.time())


def snapshot(lab: Lab) -> Any:
    """All that the index knows, to be compared with what it knows later."""
    state = lab.index._registry.state
    return {
        name: (dict(value) if isinstance(value, dict) else value)
        for name, value in vars(state).items()
    }
