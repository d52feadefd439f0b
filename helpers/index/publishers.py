"""Trusted publishers: which jobs one line of configuration on the index lets in.

One class for each provider. Each states its rules once, as a list of `ClaimCheck`s; the index's
short answer and the long table that `check` gives are two readings of the same list. Rules and
wording of the refusals are those of the real index (pypi/warehouse, `warehouse/oidc/models/`);
PyPI's own documentation calls this "Trusted Publishers".

A rule belongs to the *lookup* (the publisher is searched by it, so a mismatch reads "was not
found") or to the *check* that follows, whose failures name the claim.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from helpers.index.claim_checks import CHECK, LOOKUP, ClaimCheck, ClaimChecks, shown

NOT_FOUND = "Publisher with matching claims was not found"


class _Claims:
    """The claims of a verified token, and the ways in which rules look at them."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.get = claims.get

    def equal(
        self, claim: str, expected: str, stage: str = CHECK, rule: str = "equal", got: Any = ...
    ) -> ClaimCheck:
        """Compare two texts. What is not a text never compares equal."""
        got = self.get(claim) if got is ... else got
        fold = str.lower if rule == _IGNORING_CASE else str
        ok = isinstance(got, str) and fold(got) == fold(expected)
        reason = "" if ok else NOT_FOUND if stage == LOOKUP else _failed(claim)
        return ClaimCheck(claim, shown(expected), shown(got), ok, reason, rule, stage)

    def present(self, claim: str) -> ClaimCheck:
        """Ask for a claim whose value is free."""
        ok = isinstance(value := self.get(claim), str)
        return ClaimCheck(claim, "any", shown(value), ok, "" if ok else _failed(claim), "present")

    def environment(self, configured: str, rule: str) -> ClaimCheck:
        """Compare the environment; it is free unless configured."""
        if configured:
            return self.equal("environment", configured, LOOKUP, rule)
        value = self.get("environment")
        ok = value is None or isinstance(value, str)
        reason = "" if ok else "Check failed for optional claim 'environment'"
        return ClaimCheck("environment", "any", shown(value), ok, reason, "not configured")

    def file(self, claim: str, path: str, refs: tuple[str, str], empty: str) -> ClaimCheck:
        """Compare the whole path of a workflow file, which ends in one of two refs."""
        got, values = self.get(claim), [self.get(ref) for ref in refs]
        reason = empty or _mismatch(claim, path, values, got)
        expected = shown(f"{path}@<{' or '.join(refs)}>")
        return ClaimCheck(claim, expected, shown(got), not reason, reason)


_IGNORING_CASE = "equal, ignoring case"


def _failed(claim: str) -> str:
    return f"Check failed for required claim {claim!r}"


class Publisher:
    """The common part of all trusted publishers: the claims that must be there, and reading the
    rules."""

    provider: ClassVar[str]
    required: ClassVar[tuple[str, ...]]

    @property
    def specific(self) -> bool:
        """True if the optional part of the configuration is filled in."""
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
        """True if a project URL is one of the publisher's pages or lies below it, so that the index
        shows it as verified (PyPI's documentation, "Project metadata"). Upper and lower case are
        alike.

        A URL with `.` or `..` among its segments is never verified; the real index resolves them
        first.
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
        """Every rule of this publisher, lookup first, in the order in which the index applies
        them."""
        raise NotImplementedError

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """Reasons for which the index looks for no publisher of this kind: required claims that are
        absent."""
        return [
            ClaimCheck(
                name, "present", "nothing", False, f"Missing claim {name!r}", "present", LOOKUP
            )
            for name in cls.required
            if claims.get(name) is None
        ]

    def check(self, claims: Mapping[str, Any]) -> ClaimChecks:
        """Check every claim that this publisher looks at: what it expects, what came, and the
        verdict.

        `claims` are those of a *verified* token. Never raises: a claim of an impossible shape is a
        mismatch.

            >>> publisher.check(IdToken.decode(token).claims).refusal
            'Publisher with matching claims was not found'
        """
        unreadable = self.unreadable(claims)
        known = {check.claim for check in unreadable}
        iss = _Claims({"iss": self.issuer, **claims}).equal("iss", self.issuer, LOOKUP)
        rest = [check for check in self.rules(claims) if check.claim not in known]
        return ClaimChecks([iss, *unreadable, *rest])

    def _require(self, field: str, expected: str, pattern: str = r"[^\x00-\x1f\x7f]+") -> None:
        """Check a field. Raises ValueError unless it is a text that matches the pattern."""
        value = getattr(self, field)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}, got {value!r}")

    def _store(self, field: str, value: str) -> None:
        object.__setattr__(self, field, value)

    def _in_environment(self) -> str:
        environment = getattr(self, "environment", "")
        return f" in environment {environment}" if environment else ""


@dataclass(frozen=True, kw_only=True)
class GitHubPublisher(Publisher):
    """A workflow file of a GitHub repository, in one environment or in any (`environment=""`).

    `owner` and `owner_id` are what GitHub says of the account, `repository` is the name without the
    owner, `workflow` a bare filename. Stored as the real index stores it: the environment in lower
    case, everything else as given. Raises ValueError for what the form on the index would not
    accept.
    """

    owner: str
    owner_id: str
    repository: str
    workflow: str
    environment: str = ""

    provider: ClassVar[str] = "github"
    required: ClassVar[tuple[str, ...]] = (
        "repository", "repository_owner", "repository_owner_id", "job_workflow_ref",
        "jti", "event_name", "ref", "sha",
    )  # fmt: skip

    def __post_init__(self) -> None:
        owner = "the name of a GitHub user or organization"
        self._require("owner", owner, r"[A-Za-z0-9][A-Za-z0-9-]*")
        self._require("owner_id", "the owner's numeric id, as a string", r"[0-9]+")
        self._require("repository", "a repository name without its owner", r"[A-Za-z0-9._-]+")
        file = "a workflow filename that ends in .yml or .yaml, without directories"
        self._require("workflow", file, r"[^/]+\.ya?ml\s*")
        self._store("workflow", self.workflow.strip())
        pattern = r"(?! )[^\x00-\x1f\x7f'\"`,;\\]{0,255}(?<! )"
        self._require("environment", "an environment name, or ''", pattern)
        self._store("environment", self.environment.lower())

    def __str__(self) -> str:
        return f"{self.workflow} of {self.owner}/{self.repository}{self._in_environment()}"

    @property
    def pages(self) -> tuple[str, ...]:
        """The repository, and its site on GitHub Pages."""
        site = f"https://{self.owner}.github.io/{self.repository}"
        return f"https://github.com/{self.owner}/{self.repository}", site

    def is_same(self, other: Publisher) -> bool:
        """True if repository, owner's name, workflow and environment are the same. The owner's id
        is not compared: the index has one row for both, with the id that it was made with."""
        return isinstance(other, GitHubPublisher) and replace(other, owner_id=self.owner_id) == self

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """Absent claims, or else a `job_workflow_ref` in which no workflow filename can be
        found."""
        # The sentence is the real index's, as it is.
        reason = "Could not job extract workflow filename from OIDC claims"
        found = super().unreadable(claims)
        return found or _without_file("job_workflow_ref", claims, workflow_filename, reason)

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """The rules of PyPI's documentation, "Security model and considerations"; the claims are
        those of GitHub Docs, "OpenID Connect reference"."""
        ask, repository = _Claims(claims), f"{self.owner}/{self.repository}"
        file = workflow_filename(ask.get("job_workflow_ref"))
        yield ask.equal("repository", repository, LOOKUP)
        yield ask.equal("repository_owner_id", self.owner_id, LOOKUP)
        yield ask.equal("job_workflow_ref", self.workflow, LOOKUP, "filename equal", file)
        yield ask.environment(self.environment, _IGNORING_CASE)
        yield ask.equal("repository_owner", self.owner)
        path = f"{repository}/.github/workflows/{self.workflow}"
        empty = "" if ask.get("ref") or ask.get("sha") else "The ref and sha claims are empty"
        yield ask.file("job_workflow_ref", path, ("ref", "sha"), empty)
        yield ask.present("jti")
        event, forbidden = ask.get("event_name"), "pull_request_target"
        reason = "" if isinstance(event, str) else _failed("event_name")
        if event == forbidden:
            reason = f"Publishing from a workflow invoked via '{forbidden}' is not supported."
        expected = f"not {forbidden}"
        yield ClaimCheck("event_name", expected, shown(event), not reason, reason, "not equal")
        yield ask.present("ref")
        yield ask.present("sha")


@dataclass(frozen=True, kw_only=True)
class GitLabPublisher(Publisher):
    """A pipeline file of a GitLab project, in one environment or in any (`environment=""`).

    `namespace` may have slashes, `workflow_path` directories; `issuer` is https://gitlab.com or a
    self-managed instance. No id is compared, so nothing protects against a namespace that somebody
    else has taken over. Raises ValueError for what the form would not accept.
    """

    namespace: str
    project: str
    workflow_path: str = ".gitlab-ci.yml"
    environment: str = ""
    issuer: str = "https://gitlab.com"  # type: ignore[assignment]

    provider: ClassVar[str] = "gitlab"
    required: ClassVar[tuple[str, ...]] = (
        "sub", "project_path", "ci_config_ref_uri", "jti", "ref_path", "sha",
    )  # fmt: skip

    def __post_init__(self) -> None:
        name = r"(?!.*[._-]{2})(?!(?i:.*\.(git|atom))\Z)[A-Za-z0-9]"
        self._require("namespace", "a GitLab namespace", name + r"[A-Za-z0-9_./+-]*[A-Za-z0-9]")
        project = "a GitLab project name without its namespace"
        self._require("project", project, name + r"[A-Za-z0-9_.-]*[A-Za-z0-9]")
        path = "the path of a .yml or .yaml file, not beginning with a slash"
        self._require("workflow_path", path, r"\s*(?!/).*[^/]\.ya?ml\s*")
        self._store("workflow_path", self.workflow_path.strip())
        environment = "an environment name of letters, digits, spaces and -_/${}, or ''"
        self._require("environment", environment, r"[A-Za-z0-9_/${} -]*")
        self._store("environment", self.environment if self.environment.strip() else "")
        issuer = "the issuer's https:// URL, without a slash at the end"
        self._require("issuer", issuer, r"https://[^/]+(/[^/]+)*")

    @property
    def _host(self) -> str:
        return self.issuer.removeprefix("https://")

    def __str__(self) -> str:
        where = f"{self._host}/{self.namespace}/{self.project}{self._in_environment()}"
        return f"{self.workflow_path} of {where}"

    @property
    def pages(self) -> tuple[str, ...]:
        """The project, and its site on GitLab Pages."""
        group, _, subgroups = f"{self.namespace}/".partition("/")
        site, below = f"https://{group}.gitlab.io", f"/{subgroups}{self.project}"
        site += "" if below == f"/{group}.gitlab.io" else below
        return f"{self.issuer}/{self.namespace}/{self.project}", site

    @classmethod
    def unreadable(cls, claims: Mapping[str, Any]) -> list[ClaimCheck]:
        """Absent claims, or else a `ci_config_ref_uri` in which no pipeline file can be found."""
        reason = "Could not extract workflow filename from OIDC claims"
        found = super().unreadable(claims)
        return found or _without_file("ci_config_ref_uri", claims, pipeline_path, reason)

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """The claims are those of GitLab Docs, "OpenID Connect (OIDC) Authentication Using ID
        Tokens"."""
        ask, path = _Claims(claims), f"{self.namespace}/{self.project}"
        yield ask.equal("project_path", path, LOOKUP, _IGNORING_CASE)
        file = pipeline_path(ask.get("ci_config_ref_uri"))
        yield ask.equal("ci_config_ref_uri", self.workflow_path, LOOKUP, "path equal", file)
        yield ask.environment(self.environment, "equal")
        sub = ask.get("sub")
        subject = ":".join(sub.split(":")[:2]) if isinstance(sub, str) else sub
        yield ask.equal("sub", f"project_path:{path}", CHECK, _IGNORING_CASE, subject)
        refs = ("ref_path", "sha")
        empty = "" if all(map(ask.get, refs)) else "The ref_path and sha claims are empty"
        whole = f"{self._host}/{path}//{self.workflow_path}"
        yield ask.file("ci_config_ref_uri", whole, refs, empty)
        for claim in ("jti", *refs):
            yield ask.present(claim)


@dataclass(frozen=True, kw_only=True)
class GooglePublisher(Publisher):
    """A Google Cloud service account, by e-mail and, if `subject` is given, by its numeric subject
    too."""

    email: str
    subject: str = ""

    provider: ClassVar[str] = "google"
    required: ClassVar[tuple[str, ...]] = ("email", "email_verified")

    def __post_init__(self) -> None:
        self._require("email", "a service account's e-mail address", r"[^\s@]+@[^\s@]+")

    def __str__(self) -> str:
        return self.email

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """The claims are those of Google Cloud's documentation, "Get an ID token"."""
        ask = _Claims(claims)
        yield ask.equal("email", self.email, LOOKUP)
        if self.subject:
            yield ask.equal("sub", self.subject, LOOKUP)
        ok = (verified := ask.get("email_verified")) is True
        reason = "" if ok else _failed("email_verified")
        yield ClaimCheck("email_verified", shown(True), shown(verified), ok, reason)


@dataclass(frozen=True, kw_only=True)
class ActiveStatePublisher(Publisher):
    """A project on the ActiveState platform, published by one actor."""

    organization: str
    project: str
    actor_id: str

    provider: ClassVar[str] = "activestate"
    required: ClassVar[tuple[str, ...]] = ("sub", "organization", "project", "actor_id", "builder")

    def __post_init__(self) -> None:
        self._require("organization", "an organization on the ActiveState platform")
        self._require("project", "a project on the ActiveState platform")
        self._require("actor_id", "an actor's id on the ActiveState platform")

    def __str__(self) -> str:
        return f"{self.organization}/{self.project} on ActiveState"

    @property
    def pages(self) -> tuple[str, ...]:
        """The project on the platform."""
        return (f"https://platform.activestate.com/{self.organization}/{self.project}",)

    def rules(self, claims: Mapping[str, Any]) -> Iterator[ClaimCheck]:
        """The rules of PyPI's documentation, "Publishing with a Trusted Publisher"."""
        ask = _Claims(claims)
        for claim in ("organization", "project", "actor_id"):
            yield ask.equal(claim, getattr(self, claim), LOOKUP)
        expected, sub = f"org:{self.organization}:project:{self.project}", ask.get("sub")
        parts = sub.split(":") if isinstance(sub, str) else []
        if not sub:
            reason = "Missing 'subject' claim"
        elif len(parts) < 4:
            reason = "Invalid 'subject' claim. Wrong format"
        else:
            reason = "" if ":".join(parts[:4]) == expected else "Invalid 'subject' claim"
        rule = "first four parts equal"
        yield ClaimCheck("sub", shown(expected), shown(sub), not reason, reason, rule)
        yield ask.equal("builder", "pypi-publisher")


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
    """Find the publisher of this provider that lets these verified claims in; or None, and the
    reason in the real index's words.

    With several matches, the one with most configured wins: bound to the token's environment over
    bound to none, with a subject over without.
    """
    iss = claims.get("iss")
    if provider != "gitlab" and iss != ISSUERS[provider]:
        expected = f"expected issuer {ISSUERS[provider]!r}"
        return None, f"JWT issuer {_quoted(iss)} does not match {expected}"
    if unreadable := CLASSES[provider].unreadable(claims):
        return None, unreadable[0].reason
    mine = [each for each in publishers if each.provider == provider and each.issuer == iss]
    answers = [(publisher, publisher.check(claims)) for publisher in mine]
    found = [each for each in answers if all(row.ok for row in each[1] if row.stage == LOOKUP)]
    if not found:
        return None, NOT_FOUND
    publisher, checks = max(found, key=lambda answer: answer[0].specific)
    return (publisher, "") if checks.ok else (None, checks.refusal)


def workflow_filename(job_workflow_ref: object) -> str | None:
    """Return the workflow's filename in a `job_workflow_ref`, or None. Filenames may contain `@`,
    and refs may look like workflows: it is the first stretch without a slash that ends in .yml or
    .yaml before an `@`, as long as it can be."""
    return _find(r"[^/]+\.ya?ml(?=@)", job_workflow_ref)


def pipeline_path(ci_config_ref_uri: object) -> str | None:
    """Return the pipeline file's path in a `ci_config_ref_uri`, or None: it stands between `//` and
    the last `@` that follows .yml or .yaml."""
    return _find(r"(?<=//).*[^/]\.ya?ml(?=@)", ci_config_ref_uri)


def _find(pattern: str, value: object) -> str | None:
    found = re.search(pattern, value) if isinstance(value, str) else None
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
    if find(got := claims.get(claim)) is not None:
        return []
    expected = "a .yml or .yaml file"
    return [ClaimCheck(claim, expected, shown(got), False, reason, "readable", LOOKUP)]
