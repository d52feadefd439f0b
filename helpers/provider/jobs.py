"""A CI job, and what its provider says of it: the claims that go into its ID token.

A job's own code chooses none of these values. The provider fills them in from what it knows about
the run, which is why the index may believe them. Names and shapes follow GitHub Docs "OpenID
Connect reference", GitLab Docs "OpenID Connect (OIDC) Authentication Using ID Tokens", and what the
real index expects of Google Cloud and ActiveState. Claims that the provider adds to every token
alike (`iss`, `aud`, `iat`, `nbf`, `exp`, `jti`) are the issuer's business.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol


class Job(Protocol):
    """The part of a job that an issuer needs to know. All claim values are strings unless the
    provider writes something else."""

    provider: ClassVar[str]
    lifetime: ClassVar[int]
    """Seconds from `iat` to `exp`."""
    nbf_lead: ClassVar[int | None]
    """Seconds from `nbf` to `iat`; None where tokens carry no `nbf`."""
    has_jti: ClassVar[bool]
    """True if its ID tokens carry a `jti`."""

    def claims(self) -> dict[str, Any]:
        """The claims about this job."""

    def variables(self) -> dict[str, str]:
        """The variables in the job's environment, but for the way to an ID token."""


def _commit(*parts: str) -> str:
    """A commit id for a made-up commit, the same on every run."""
    data = " ".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, kw_only=True)
class GitHubJob:
    """A GitHub Actions job. As it stands, the release job of the chapters' cast.

    `workflow` is the filename of the workflow that was triggered. With a reusable workflow,
    `called_workflow` is the called file as `owner/repo/.github/workflows/file.yml@ref`. `id_token`
    says whether the job has the permission `id-token: write`; a pull request `from_fork` never gets
    it. `immutable_subject` selects the `sub` format of repositories created, renamed or transferred
    after 15 July 2026. `runner_environment` is "github-hosted", or "self-hosted" for a job on a
    machine of the owner's.
    """

    provider: ClassVar[str] = "github"
    lifetime: ClassVar[int] = 300
    nbf_lead: ClassVar[int | None] = 300
    has_jti: ClassVar[bool] = True

    repository: str = "octo-org/rocket"
    owner_id: str = "65"
    repository_id: str = "74"
    workflow: str = "release.yml"
    workflow_name: str = "Release"
    called_workflow: str = ""
    environment: str = "pypi"
    ref: str = "refs/heads/main"
    sha: str = ""
    event_name: str = "push"
    head_ref: str = ""
    base_ref: str = ""
    actor: str = "alice"
    actor_id: str = "12"
    run_number: int = 10
    visibility: str = "public"
    runner_environment: str = "github-hosted"
    id_token: bool = True
    from_fork: bool = False
    immutable_subject: bool = False

    @property
    def may_ask(self) -> bool:
        """True if the provider hands this job an ID token at all."""
        return self.id_token and not self.from_fork

    @property
    def subject(self) -> str:
        """The `sub` claim, in the format that this repository has."""
        owner, _, name = (part.replace(":", "%3A") for part in self.repository.partition("/"))
        if self.immutable_subject:
            owner, name = f"{owner}@{self.owner_id}", f"{name}@{self.repository_id}"
        if self.environment:
            context = f"environment:{self.environment.replace(':', '%3A')}"
        elif self.event_name == "pull_request":
            context = "pull_request"
        else:
            context = f"ref:{self.ref.replace(':', '%3A')}"
        return f"repo:{owner}/{name}:{context}"

    def claims(self) -> dict[str, Any]:
        """All claims of a GitHub ID token about the job; `environment` only if the job has one."""
        sha = self.sha or _commit(self.repository, self.ref)
        workflow_ref = f"{self.repository}/.github/workflows/{self.workflow}@{self.ref}"
        called_ref = self.called_workflow or workflow_ref
        claims = {
            "actor": self.actor,
            "actor_id": self.actor_id,
            "base_ref": self.base_ref,
            "check_run_id": str(58_000_000_000 + self.run_number),
            "event_name": self.event_name,
            "head_ref": self.head_ref,
            "job_workflow_ref": called_ref,
            "job_workflow_sha": _commit(called_ref) if self.called_workflow else sha,
            "ref": self.ref,
            "ref_protected": "false",
            "ref_type": "tag" if self.ref.startswith("refs/tags/") else "branch",
            "repository": self.repository,
            "repository_id": self.repository_id,
            "repository_owner": self.repository.partition("/")[0],
            "repository_owner_id": self.owner_id,
            "repository_visibility": self.visibility,
            "run_attempt": "1",
            "run_id": str(19_000_000_000 + self.run_number),
            "run_number": str(self.run_number),
            "runner_environment": self.runner_environment,
            "sha": sha,
            "sub": self.subject,
            "workflow": self.workflow_name,
            "workflow_ref": workflow_ref,
            "workflow_sha": sha,
        }
        return claims | ({"environment": self.environment} if self.environment else {})

    def variables(self) -> dict[str, str]:
        """The variables by which programs recognize GitHub Actions and the run."""
        claims = self.claims()
        shown = ("actor", "event_name", "ref", "repository", "run_id", "sha")
        named = {f"GITHUB_{name.upper()}": claims[name] for name in shown}
        named["GITHUB_WORKFLOW"] = self.workflow_name
        return {"CI": "true", "GITHUB_ACTIONS": "true", **named}


@dataclass(frozen=True, kw_only=True)
class GitLabJob:
    """A GitLab CI job, on gitlab.com or on the self-managed instance at `issuer`.

    `config` is the path of the pipeline's file; `id_tokens` what that file asks for with
    `id_tokens:`, as a variable's name and its audience, e.g. `{"PYPI_ID_TOKEN": "pypi"}`.
    `namespace` may have slashes. Its tokens live as long as the job may run: an hour, unless the
    project says otherwise.
    """

    provider: ClassVar[str] = "gitlab"
    lifetime: ClassVar[int] = 3600
    nbf_lead: ClassVar[int | None] = 5
    has_jti: ClassVar[bool] = True

    namespace: str = "octo-org"
    project: str = "rocket"
    project_id: str = "74"
    namespace_id: str = "65"
    config: str = ".gitlab-ci.yml"
    ref: str = "main"
    ref_type: str = "branch"
    sha: str = ""
    environment: str = ""
    source: str = "push"
    user: str = "alice"
    pipeline: int = 10
    issuer: str = "https://gitlab.com"
    id_tokens: dict[str, str] = field(default_factory=lambda: {"PYPI_ID_TOKEN": "pypi"})

    def claims(self) -> dict[str, Any]:
        """All claims of a GitLab ID token about the job; `environment` only if the job has one."""
        path, host = f"{self.namespace}/{self.project}", self.issuer.removeprefix("https://")
        ref_path = f"refs/{'tags' if self.ref_type == 'tag' else 'heads'}/{self.ref}"
        sha = self.sha or _commit(path, ref_path)
        claims = {
            "namespace_id": self.namespace_id,
            "namespace_path": self.namespace,
            "project_id": self.project_id,
            "project_path": path,
            "user_id": "12",
            "user_login": self.user,
            "user_email": f"{self.user}@octo.example",
            "user_access_level": "maintainer",
            "pipeline_id": str(1_900_000_000 + self.pipeline),
            "pipeline_source": self.source,
            "job_id": str(9_000_000_000 + self.pipeline),
            "ref": self.ref,
            "ref_type": self.ref_type,
            "ref_path": ref_path,
            "ref_protected": "true",
            "runner_id": 1,
            "runner_environment": "gitlab-hosted"
            if self.issuer == "https://gitlab.com"
            else "self-hosted",
            "sha": sha,
            "project_visibility": "public",
            "ci_config_ref_uri": f"{host}/{path}//{self.config}@{ref_path}",
            "ci_config_sha": sha,
            "sub": f"project_path:{path}:ref_type:{self.ref_type}:ref:{self.ref}",
        }
        if self.environment:
            claims |= {"environment": self.environment, "environment_protected": "false"}
            claims |= {"deployment_tier": "production", "environment_action": "start"}
        return claims

    def variables(self) -> dict[str, str]:
        """The part of a job's environment by which programs recognize GitLab CI and the run."""
        claims = self.claims()
        return {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": claims["project_path"],
            "CI_COMMIT_SHA": claims["sha"],
        }


@dataclass(frozen=True, kw_only=True)
class GoogleJob:
    """A program on Google Cloud, running as a service account with an e-mail and a subject."""

    provider: ClassVar[str] = "google"
    lifetime: ClassVar[int] = 3600
    nbf_lead: ClassVar[int | None] = None
    has_jti: ClassVar[bool] = False

    email: str = "release@octo.example"
    subject: str = "111260650121185072906"
    email_verified: bool = True

    def claims(self) -> dict[str, Any]:
        """The claims of a service account's ID token. There is no `jti` among them."""
        mail = {"email": self.email, "email_verified": self.email_verified}
        return {"azp": self.subject, **mail, "sub": self.subject}

    def variables(self) -> dict[str, str]:
        """Nothing: programs there ask a metadata server, which the lab does not have."""
        return {}


@dataclass(frozen=True, kw_only=True)
class ActiveStateJob:
    """A build on the ActiveState platform."""

    provider: ClassVar[str] = "activestate"
    lifetime: ClassVar[int] = 3600
    nbf_lead: ClassVar[int | None] = None
    has_jti: ClassVar[bool] = False

    organization: str = "octo-org"
    project: str = "rocket"
    actor: str = "alice"
    actor_id: str = "7c2cf3b6-1d1f-4e93-8b16-b54c3f6a2a10"
    builder: str = "pypi-publisher"

    def claims(self) -> dict[str, Any]:
        """The claims of an ActiveState ID token. There is no `jti` among them."""
        return {
            "actor": self.actor,
            "actor_id": self.actor_id,
            "artifact_id": "8e3a3a52-5f5c-4a1c-9d0e-1f0f4d6a7b11",
            "builder": self.builder,
            "ingredient": self.project,
            "organization": self.organization,
            "organization_id": "2f6c8d0e-7a51-4b0c-8a55-3d9f0c1e2b65",
            "project": self.project,
            "project_id": "9b1d7f42-0c3e-4d6a-b2f8-5e6a7c8d9e74",
            "project_path": f"{self.organization}/{self.project}",
            "project_visibility": "public",
            "sub": f"org:{self.organization}:project:{self.project}",
        }

    def variables(self) -> dict[str, str]:
        """Nothing that a publishing client would look for."""
        return {}
