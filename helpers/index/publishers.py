"""Trusted publishers: which jobs one line of configuration on the index lets in.

One class for each provider. Each states its rules once, as a list of `ClaimCheck`s; the index's short answer and the long
table that `check` gives are two readings of the same list. Rules and wording of the refusals are those of the real index
(pypi/warehouse, `warehouse/oidc/models/`); PyPI's own documentation calls this "Trusted Publishers".

A rule belongs to the *lookup* (the publisher is searched by it, so a mismatch reads "was not found") or to the *check* that
follows, whose failures name the claim.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from helpers.index.claim_checks import CHECK, LOOKUP, ClaimCheck, ClaimChecks, shown

NOT_FOUND = "Publisher with matching claims was not found"


class Publisher:
    """What all trusted publishers have in common: the claims that must be there, and reading the rules."""

    provider: ClassVar[str]
    required: ClassVar[tuple[str, ...]]

    @property
    def specific(self) -> bool:
        """Whether the optional part of the configuration is filled in."""
        return bool(getattr(self, "environment", "") or getattr(self, "subject", ""))

    @property
    def issuer(self) -> str:
        """The issuer whose tokens this publisher accepts."""
        return ISSUERS[self.provider]

    @property
    def pages(self) -> tuple[str, ...]:
        """The web pages of this publisher, that of its repository first; empty if it has none."""
        return ()

    def is_same(self, other: "Publisher") -> bool:
        """True if the index cannot have both: they are one publisher."""
        return self == other

    def vouches_for(self, url: str) -> bool:
        """True if a project URL is one of the publisher's pages or lies below it, so that the index shows it as
        verified (PyPI's documentation, "Project metadata"). Upper and lower case are alike.

        A URL with `.` or `..` among its segments is never verified; the real index resolves them first.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        segments = parts.path.split("/")
        if "\\" in url or "%2e" in url.lower() or {".", ".."} & set(segments):
            return False
        asked = f"{parts.scheme}://{parts.netloc}{parts.path}".lower()
        repository = asked.removesuffix("/").removesuffix(".git")
        pages = [page.lower() for page in self.pages]
        return repository in pages[:1] or any(f"{asked}/".startswith(f"{page}/") for page in pages)

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """Every rule of this publisher, lookup first, in the order in which the index applies them."""
        raise NotImplementedError

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """What keeps the index from looking for any publisher of this kind: required claims that are absent."""
        return [
            ClaimCheck(
                name, "present", "nothing", False, f"Missing claim {name!r}", "present", LOOKUP
            )
            for name in cls.required
            if claims.get(name) is None
        ]

    def check(self, claims: Mapping[str, Any]) -> ClaimChecks:
        """Every claim this publisher looks at: what it expects, what came, and whether that will do.

        `claims` are those of a *verified* token. Never raises: a claim of an impossible shape is a mismatch.
        """
        unreadable = self.unreadable(claims)
        known = {check.claim for check in unreadable}
        iss = self._compare({"iss": self.issuer, **claims}, "iss", self.issuer, stage=LOOKUP)
        return ClaimChecks(
            [iss, *unreadable, *(check for check in self.rules(claims) if check.claim not in known)]
        )

    def _compare(self, claims: Mapping[str, Any], claim: str, expected: str, *, stage: str = CHECK, rule: str = "equal",
                 got: Any = ..., reason: str = "") -> ClaimCheck:  # fmt: skip
        """One rule that compares two texts. What is not a text never compares equal."""
        got = claims.get(claim) if got is ... else got
        fold = str.lower if rule == "equal, ignoring case" else str
        ok = isinstance(got, str) and fold(got) == fold(expected)
        reason = (
            NOT_FOUND if stage == LOOKUP else reason or f"Check failed for required claim {claim!r}"
        )
        return ClaimCheck(claim, shown(expected), shown(got), ok, "" if ok else reason, rule, stage)

    def _any_text(self, claims: Mapping[str, Any], claim: str) -> ClaimCheck:
        """The claim has to be there; its value is free."""
        value = claims.get(claim)
        ok = isinstance(value, str)
        reason = "" if ok else f"Check failed for required claim {claim!r}"
        return ClaimCheck(claim, "any", shown(value), ok, reason, "present")

    def _environment(self, claims: Mapping[str, Any], configured: str, rule: str) -> ClaimCheck:
        """The environment: free unless configured."""
        if configured:
            return self._compare(claims, "environment", configured, stage=LOOKUP, rule=rule)
        value = claims.get("environment")
        ok = value is None or isinstance(value, str)
        reason = "" if ok else "Check failed for optional claim 'environment'"
        return ClaimCheck("environment", "any", shown(value), ok, reason, "not configured")


def _require(text: str, what: str, pattern: str = r"[^\x00-\x1f\x7f]+") -> str:
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise ValueError(f"expected {what}, got {text!r}")
    return text


@dataclass(frozen=True, kw_only=True)
class GitHubPublisher(Publisher):
    """A workflow file of a GitHub repository, in one environment or in any (`environment=""`).

    `owner` and `owner_id` are what GitHub says of the account, `repository` is the name without the owner, `workflow` a bare
    filename. Stored as the real index stores it: the environment in lower case, everything else as given. Raises ValueError for
    what the form on the index would not accept.
    """

    owner: str
    owner_id: str
    repository: str
    workflow: str
    environment: str = ""

    provider: ClassVar[str] = "github"
    required: ClassVar[tuple[str, ...]] = (
        "repository", "repository_owner", "repository_owner_id", "job_workflow_ref", "jti", "event_name", "ref", "sha",
    )  # fmt: skip

    def __post_init__(self) -> None:
        _require(
            self.owner, "the name of a GitHub user or organisation", r"[A-Za-z0-9][A-Za-z0-9-]*"
        )
        _require(self.owner_id, "the owner's numeric id, as a string", r"[0-9]+")
        _require(self.repository, "a repository name without its owner", r"[A-Za-z0-9._-]+")
        _require(
            self.workflow,
            "a workflow filename that ends in .yml or .yaml, without directories",
            r"[^/]+\.ya?ml\s*",
        )
        object.__setattr__(self, "workflow", self.workflow.strip())
        _require(
            self.environment,
            "an environment name, or ''",
            r"(?! )[^\x00-\x1f\x7f'\"`,;\\]{0,255}(?<! )",
        )
        object.__setattr__(self, "environment", self.environment.lower())

    def __str__(self) -> str:
        where = f" in environment {self.environment}" if self.environment else ""
        return f"{self.workflow} of {self.owner}/{self.repository}{where}"

    @property
    def pages(self) -> tuple[str, ...]:
        """The repository, and its site on GitHub Pages."""
        site = f"https://{self.owner}.github.io/{self.repository}"
        return f"https://github.com/{self.owner}/{self.repository}", site

    def is_same(self, other: Publisher) -> bool:
        """True if repository, owner's name, workflow and environment are the same. The owner's id is not compared:
        the index has one row for both, with the id that it was made with."""
        return isinstance(other, GitHubPublisher) and replace(other, owner_id=self.owner_id) == self

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """Absent claims, or else a `job_workflow_ref` in which no workflow filename can be found."""
        reason = "Could not job extract workflow filename from OIDC claims"  # the real index's sentence, as it is
        return super().unreadable(claims) or _without_file(
            "job_workflow_ref", claims, workflow_filename, reason
        )

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """See PyPI's documentation, "Security model and considerations", and GitHub Docs, "OpenID Connect reference"."""
        repository = f"{self.owner}/{self.repository}"
        filename = workflow_filename(claims.get("job_workflow_ref"))
        yield self._compare(claims, "repository", repository, stage=LOOKUP)
        yield self._compare(claims, "repository_owner_id", self.owner_id, stage=LOOKUP)
        yield self._compare(
            claims,
            "job_workflow_ref",
            self.workflow,
            stage=LOOKUP,
            rule="filename equal",
            got=filename,
        )
        yield self._environment(claims, self.environment, "equal, ignoring case")
        yield self._compare(claims, "repository_owner", self.owner)
        yield self._workflow_ref(claims, f"{repository}/.github/workflows/{self.workflow}")
        yield self._any_text(claims, "jti")
        event, forbidden = claims.get("event_name"), "pull_request_target"
        refused = f"Publishing from a workflow invoked via '{forbidden}' is not supported."
        reason = (
            ""
            if event != forbidden and isinstance(event, str)
            else "Check failed for required claim 'event_name'"
        )
        reason = refused if event == forbidden else reason
        yield ClaimCheck(
            "event_name", f"not {forbidden}", shown(event), not reason, reason, "not equal"
        )
        yield self._any_text(claims, "ref")
        yield self._any_text(claims, "sha")

    def _workflow_ref(self, claims: Mapping[str, Any], path: str) -> ClaimCheck:
        """The whole of job_workflow_ref: this file of this repository, at the ref or the commit that the token names."""
        got = claims.get("job_workflow_ref")
        reason = _mismatch("job_workflow_ref", path, [claims.get("ref"), claims.get("sha")], got)
        if not any((claims.get("ref"), claims.get("sha"))):
            reason = "The ref and sha claims are empty"
        return ClaimCheck(
            "job_workflow_ref", shown(f"{path}@<ref or sha>"), shown(got), not reason, reason
        )


@dataclass(frozen=True, kw_only=True)
class GitLabPublisher(Publisher):
    """A pipeline file of a GitLab project, in one environment or in any (`environment=""`).

    `namespace` may have slashes, `workflow_path` directories; `issuer` is https://gitlab.com or a self-managed instance. No id
    is compared, so nothing protects against a namespace that somebody else has taken over. Raises ValueError for what the form
    would not accept.
    """

    namespace: str
    project: str
    workflow_path: str = ".gitlab-ci.yml"
    environment: str = ""
    issuer: str = "https://gitlab.com"  # type: ignore[assignment]

    provider: ClassVar[str] = "gitlab"
    required: ClassVar[tuple[str, ...]] = (
        "sub",
        "project_path",
        "ci_config_ref_uri",
        "jti",
        "ref_path",
        "sha",
    )

    def __post_init__(self) -> None:
        name = r"(?!.*[._-]{2})(?!(?i:.*\.(git|atom))\Z)[A-Za-z0-9]"
        _require(self.namespace, "a GitLab namespace", name + r"[A-Za-z0-9_./+-]*[A-Za-z0-9]")
        _require(
            self.project,
            "a GitLab project name without its namespace",
            name + r"[A-Za-z0-9_.-]*[A-Za-z0-9]",
        )
        what = "the path of a .yml or .yaml file, not beginning with a slash"
        _require(self.workflow_path, what, r"\s*(?!/).*[^/]\.ya?ml\s*")
        object.__setattr__(self, "workflow_path", self.workflow_path.strip())
        _require(
            self.environment,
            "an environment name of letters, digits, spaces and -_/${}, or ''",
            r"[A-Za-z0-9_/${} -]*",
        )
        object.__setattr__(
            self, "environment", "" if self.environment.isspace() else self.environment
        )
        _require(
            self.issuer,
            "the issuer's https:// URL, without a slash at the end",
            r"https://[^/]+(/[^/]+)*",
        )

    def __str__(self) -> str:
        where = f" in environment {self.environment}" if self.environment else ""
        return f"{self.workflow_path} of {self.issuer.removeprefix('https://')}/{self.namespace}/{self.project}{where}"

    @property
    def pages(self) -> tuple[str, ...]:
        """The project, and its site on GitLab Pages."""
        group, _, subgroups = f"{self.namespace}/".partition("/")
        site = f"https://{group}.gitlab.io"
        below = f"/{subgroups}{self.project}"
        own_domain = below == f"/{group}.gitlab.io"
        return f"{self.issuer}/{self.namespace}/{self.project}", site + (
            "" if own_domain else below
        )

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """Absent claims, or else a `ci_config_ref_uri` in which no pipeline file can be found."""
        reason = "Could not extract workflow filename from OIDC claims"
        return super().unreadable(claims) or _without_file(
            "ci_config_ref_uri", claims, pipeline_path, reason
        )

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """See GitLab Docs, "OpenID Connect (OIDC) Authentication Using ID Tokens"."""
        path, uri = f"{self.namespace}/{self.project}", claims.get("ci_config_ref_uri")
        yield self._compare(claims, "project_path", path, stage=LOOKUP, rule="equal, ignoring case")
        filepath = pipeline_path(uri)
        yield self._compare(
            claims,
            "ci_config_ref_uri",
            self.workflow_path,
            stage=LOOKUP,
            rule="path equal",
            got=filepath,
        )
        yield self._environment(claims, self.environment, "equal")
        sub = claims.get("sub")
        subject = ":".join(sub.split(":")[:2]) if isinstance(sub, str) else sub
        yield self._compare(
            claims, "sub", f"project_path:{path}", rule="equal, ignoring case", got=subject
        )
        refs = [claims.get("ref_path"), claims.get("sha")]
        whole = f"{self.issuer.removeprefix('https://')}/{path}//{self.workflow_path}"
        reason = (
            _mismatch("ci_config_ref_uri", whole, refs, uri)
            if all(refs)
            else "The ref_path and sha claims are empty"
        )
        yield ClaimCheck(
            "ci_config_ref_uri", shown(f"{whole}@<ref_path or sha>"), shown(uri), not reason, reason
        )
        yield self._any_text(claims, "jti")
        yield self._any_text(claims, "ref_path")
        yield self._any_text(claims, "sha")


@dataclass(frozen=True, kw_only=True)
class GooglePublisher(Publisher):
    """A Google Cloud service account, by e-mail and, if `subject` is given, by its numeric subject too."""

    email: str
    subject: str = ""

    provider: ClassVar[str] = "google"
    required: ClassVar[tuple[str, ...]] = ("email", "email_verified")

    def __post_init__(self) -> None:
        _require(self.email, "a service account's e-mail address", r"[^\s@]+@[^\s@]+")

    def __str__(self) -> str:
        return self.email

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """See Google Cloud's documentation, "Get an ID token"."""
        yield self._compare(claims, "email", self.email, stage=LOOKUP)
        if self.subject:
            yield self._compare(claims, "sub", self.subject, stage=LOOKUP)
        ok = claims.get("email_verified") is True
        reason = "" if ok else "Check failed for required claim 'email_verified'"
        yield ClaimCheck(
            "email_verified", shown(True), shown(claims.get("email_verified")), ok, reason
        )


@dataclass(frozen=True, kw_only=True)
class ActiveStatePublisher(Publisher):
    """A project on the ActiveState platform, published by one actor."""

    organization: str
    project: str
    actor_id: str

    provider: ClassVar[str] = "activestate"
    required: ClassVar[tuple[str, ...]] = ("sub", "organization", "project", "actor_id", "builder")

    def __post_init__(self) -> None:
        _require(self.organization, "an organisation on the ActiveState platform")
        _require(self.project, "a project on the ActiveState platform")
        _require(self.actor_id, "an actor's id on the ActiveState platform")

    def __str__(self) -> str:
        return f"{self.organization}/{self.project} on ActiveState"

    @property
    def pages(self) -> tuple[str, ...]:
        """The project on the platform."""
        return (f"https://platform.activestate.com/{self.organization}/{self.project}",)

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """See PyPI's documentation, "Publishing with a Trusted Publisher"."""
        for claim in ("organization", "project", "actor_id"):
            yield self._compare(claims, claim, getattr(self, claim), stage=LOOKUP)
        expected, sub = f"org:{self.organization}:project:{self.project}", claims.get("sub")
        parts = sub.split(":") if isinstance(sub, str) else []
        if not sub:
            reason = "Missing 'subject' claim"
        elif len(parts) < 4:
            reason = "Invalid 'subject' claim. Wrong format"
        else:
            reason = "" if ":".join(parts[:4]) == expected else "Invalid 'subject' claim"
        yield ClaimCheck(
            "sub", shown(expected), shown(sub), not reason, reason, "first four parts equal"
        )
        yield self._compare(claims, "builder", "pypi-publisher")


ISSUERS = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "google": "https://accounts.google.com",
    "activestate": "https://platform.activestate.com/api/v1/oauth/oidc",
}


CLASSES: dict[str, type[Publisher]] = {
    kind.provider: kind
    for kind in (GitHubPublisher, GitLabPublisher, GooglePublisher, ActiveStatePublisher)
}


def match(
    provider: str, publishers: Iterable[Publisher], claims: Mapping[str, Any]
) -> tuple[Publisher | None, str]:
    """The publisher of this provider that lets these verified claims in; or None, and why, as the real index words it.

    With several matches, the one with most configured wins: bound to the token's environment over bound to none, with a
    subject over without.
    """
    iss = claims.get("iss")
    if provider != "gitlab" and iss != ISSUERS[provider]:
        return (
            None,
            f"JWT issuer {_quoted(iss)} does not match expected issuer {ISSUERS[provider]!r}",
        )
    if unreadable := CLASSES[provider].unreadable(claims):
        return None, unreadable[0].reason
    mine = [each for each in publishers if each.provider == provider and each.issuer == iss]
    answers = [(publisher, publisher.check(claims)) for publisher in mine]
    found = [
        answer
        for answer in answers
        if all(check.ok for check in answer[1] if check.stage == LOOKUP)
    ]
    if not found:
        return None, NOT_FOUND
    publisher, checks = max(found, key=lambda answer: answer[0].specific)
    return (publisher, "") if checks.ok else (None, checks.refusal)


def workflow_filename(job_workflow_ref: object) -> str | None:
    """The workflow's filename in a `job_workflow_ref`, or None. Filenames may contain `@`, and refs may look like workflows:
    the first stretch without a slash that ends in .yml or .yaml before an `@`, as long as it can be."""
    found = (
        re.search(r"[^/]+\.ya?ml(?=@)", job_workflow_ref)
        if isinstance(job_workflow_ref, str)
        else None
    )
    return found[0] if found else None


def pipeline_path(ci_config_ref_uri: object) -> str | None:
    """The pipeline file's path in a `ci_config_ref_uri`, or None: between `//` and the last `@` that follows .yml or .yaml."""
    found = (
        re.search(r"(?<=//).*[^/]\.ya?ml(?=@)", ci_config_ref_uri)
        if isinstance(ci_config_ref_uri, str)
        else None
    )
    return found[0] if found else None


def _mismatch(claim: str, path: str, refs: list[Any], got: Any) -> str:
    """Empty if `got` is the file at one of the refs, else the real index's sentence about it."""
    expected = sorted({f"{path}@{ref}" for ref in refs if ref and isinstance(ref, str)})
    if got in expected:
        return ""
    return f"The {claim} claim does not match, expecting one of {expected!r}, got {_quoted(got)}"


def _quoted(value: object) -> str:
    """A value inside one of the real index's sentences."""
    return repr(value) if isinstance(value, str) else shown(value)


def _without_file(
    claim: str, claims: Mapping[str, Any], find: Callable[[object], str | None], reason: str
) -> list[ClaimCheck]:
    """The complaint about a claim in which no file can be found."""
    if find(claims.get(claim)) is not None:
        return []
    return [
        ClaimCheck(
            claim,
            "a .yml or .yaml file",
            shown(claims.get(claim)),
            False,
            reason,
            "readable",
            LOOKUP,
        )
    ]
