"""The package index: what its maintainers configure, what it grants, and a log of all of it.

Order of checks, codes and wording follow the real index (pypi/warehouse, `warehouse/oidc/` and
`warehouse/forklift/`). The log is the lab's own: unlike the wire, it says why. `web` puts this
behind HTTP.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from packaging.utils import canonicalize_name

from helpers.events import EventLog
from helpers.index import api_tokens
from helpers.index.api_tokens import LOCATION, Bearer, InvalidApiToken, Use, stable_uuid
from helpers.index.exchange import Grant, MintRefused, payload, peek, trade
from helpers.index.names import NameRefused, check_new_name
from helpers.index.publishers import ISSUERS, Publisher
from helpers.index.registry import (
    Pending,
    Project,
    ProjectUrl,
    Registration,
    Registry,
    Release,
    State,
    release_key,
)
from helpers.index.uploads import Refused, Upload, accept
from helpers.oidc.verification import LEEWAY, InvalidToken, Keys, verify_id_token

_Known = TypeVar("_Known", Registration, Pending)
_NO_AUTHENTICATION = (
    "Invalid or non-existent authentication information. See the help page for more information."
)
_WRONG_NAME = (
    "Non-user identities cannot create new projects. This was probably caused by successfully "
    "using a pending publisher but specifying the project name incorrectly (either in the "
    "publisher or in your project's metadata). Please ensure that both match. See: "
    "Troubleshooting, in the documentation of trusted publishers"
)


class Index:
    """A package index at https://`domain`, which wants ID tokens for `audience`. The event log
    calls it `name`.

    `keys` is where it finds the providers' public keys. `disabled` is a set of switches: "oidc"
    turns trusted publishing off; "github", "gitlab", "google" or "activestate" that provider, but
    not self-managed issuers; "attestations" makes it ignore them. `new_projects` is False while no
    projects may be created. `issuers` are the issuers it knows, with their providers. `trust` gives
    a context in which Sigstore's client finds the keys that attestations are verified with.
    """

    def __init__(
        self,
        keys: Keys,
        log: EventLog,
        *,
        domain: str = LOCATION,
        audience: str = "pypi",
        name: str = "index",
    ) -> None:
        self.domain, self.audience, self.name = domain, audience, name
        self.disabled: set[str] = set()
        self.new_projects = True
        self.jti_margin = LEEWAY + 5
        """Seconds after `exp` for which the index remembers that an ID token was used. It has to be
        more than the leeway; until 5 March 2026 it was 5 (pypi/warehouse#19627)."""
        self.issuers = {url: provider for provider, url in ISSUERS.items()}
        self.trust: Callable[[], AbstractContextManager[None]] = nullcontext
        self._keys = keys
        self._log = log
        self._registry = Registry(domain)

    @property
    def events(self) -> EventLog:
        """The events at this index, oldest first."""
        return self._log.of(self.name)

    @property
    def projects(self) -> Mapping[str, Project]:
        """The projects by normalized name, as they stand now."""
        return MappingProxyType(self._registry.state.projects)

    @property
    def pending(self) -> list[Pending]:
        """The pending publishers that have neither been used nor lapsed."""
        return self._registry.state.current_pending()

    def publishers(self, project: str) -> list[Publisher]:
        """The trusted publishers of a project."""
        return [each.publisher for each in self._registry.state.publishers_of(project)]

    def note(self, action: str, actor: str, project: str | None, detail: str, **more: Any) -> None:
        """Write something into the event log. `more` is `ok` and `client`, see `EventLog.add`."""
        self._log.add(self.name, action, actor, project, detail, **more)

    # -- what a maintainer does in a browser -------------------------------------------------------

    def add_project(self, name: str, owner: str) -> Project:
        """Create a project; return it unchanged if this owner has it already, so that a cell can
        be run twice. Raises ValueError if the name is somebody else's or not allowed."""
        with self._registry.change() as draft:
            if existing := draft.project(name):
                if existing.owner == owner:
                    return existing
                raise ValueError(f"expected a new name, got {name!r}: the project exists already")
            project = draft.create(name, owner, allowed=self.new_projects)
        self.note("create project", owner, project.name, "by hand")
        return project

    def add_publisher(self, project: str, publisher: Publisher) -> None:
        """Let a trusted publisher publish a project. A publisher that is registered with the
        project already changes nothing. Raises LookupError if there is no such project, ValueError
        if the index does not know the publisher's issuer."""
        self._check_issuer(publisher)
        with self._registry.change() as draft:
            owner = draft.existing(project).owner
            if _same(publisher, draft.publishers_of(project)):
                return
            draft.register(project, publisher)
        self.note("add publisher", owner, project, str(publisher))

    def remove_publisher(self, project: str, publisher: Publisher) -> None:
        """Take a trusted publisher off a project; tokens minted for it no longer work there. Raises
        LookupError if it is not registered there."""
        with self._registry.change() as draft:
            owner = draft.existing(project).owner
            if not (found := _same(publisher, draft.publishers_of(project))):
                got = f"got {publisher}: it is not registered there"
                raise LookupError(f"expected a publisher of {project!r}, {got}")
            draft.unregister(project, found[0])
        self.note("remove publisher", owner, project, str(publisher))

    def add_pending_publisher(self, project: str, publisher: Publisher, owner: str) -> None:
        """Register a publisher for a project that does not exist yet, for 30 days. The name is not
        reserved. Raises ValueError if the project exists, the name is not allowed, or the publisher
        waits for a project already."""
        self._check_issuer(publisher)
        with self._registry.change() as draft:
            if draft.project(project):
                reason = "the project exists, add a normal publisher to it"
                raise ValueError(f"expected a new name, got {project!r}: {reason}")
            check_new_name(project, [each.name for each in draft.projects.values()])
            waiting = draft.current_pending()
            if _same(publisher, waiting):
                got = f"got {publisher}: it is pending already"
                raise ValueError(f"expected a new publisher, {got}")
            draft.pending = (*waiting, Pending(publisher, project, owner, time.time()))
        self.note("add pending publisher", owner, project, str(publisher))

    def delete_release(self, project: str, version: str) -> None:
        """Delete a release with its files, whose names can never be used again. Made again, the
        release takes new files for another 14 days. Raises LookupError if there is none."""
        with self._registry.change() as draft:
            owner = draft.existing(project).owner
            draft.delete_release(draft.existing(project), version)
        self.note("delete release", owner, project, version)

    def create_api_token(self, user: str, project: str | None = None) -> str:
        """Create a user's API token, without expiry: for one project, or for the whole account.
        Raises LookupError for a project that does not exist."""
        user_id = stable_uuid("user", user, self.domain)
        with self._registry.change() as draft:
            caveats: list[list[Any]] = [[api_tokens.USER, user_id]]
            if project is not None:
                names = [api_tokens.PROJECT_NAMES, [canonicalize_name(project)]]
                caveats = [names, [api_tokens.PROJECT_IDS, [draft.existing(project).id]]]
            draft.users[user_id] = user
            token = draft.issue(caveats, Bearer(user=user_id))
        scope = "account-wide" if project is None else "for one project"
        self.note("create API token", user, project, f"{_named(token)}, {scope}, no expiry")
        return token

    def revoke_api_token(self, token: str) -> None:
        """Make an API token worthless. Raises LookupError if it is not, or no longer, one of this
        index's."""
        with self._registry.change() as draft:
            bearer = draft.tokens.pop(_identifier(token), None)
            if bearer is None:
                got = "got one it does not know: there is nothing to revoke"
                raise LookupError(f"expected an API token of this index, {got}")
        self.note("revoke API token", self._registry.state.who(bearer), None, _named(token))

    def add_issuer(self, url: str, provider: str) -> None:
        """Tell the index of an organization's own issuer, for instance a self-managed GitLab."""
        self.issuers[url] = provider

    def _check_issuer(self, publisher: Publisher) -> None:
        if self.issuers.get(publisher.issuer) != publisher.provider:
            got = f"got {publisher.issuer!r}: lab.add_issuer makes it known"
            raise ValueError(f"expected an issuer the index knows, {got}")

    # -- what it grants to those who ask -----------------------------------------------------------

    def mint_token(self, body: bytes, client: str = "") -> tuple[int, dict[str, Any]]:
        """Exchange an ID token for an API token: status and JSON answer for the body of a
        mint-token request."""
        actor = "unknown"
        try:
            token = payload(body)
            issuer, provider = peek(token, self.issuers, self.disabled)
            try:
                claims = verify_id_token(token, self._keys, issuer=issuer, audience=self.audience)
                actor = _actor(claims)
                grant = self._trade(provider, claims)
            except (InvalidToken, RecursionError) as error:  # the latter: nested very deep
                description = "malformed or invalid token"
                raise MintRefused("invalid-token", description, str(error)) from error
        except MintRefused as refusal:
            detail = f"{refusal.code}: {refusal.why}"
            self.note("mint-token", actor, None, detail, ok=False, client=client)
            return 422, refusal.answer
        if new := grant.realized:
            detail = f"by pending publisher {new.publisher}"
            self.note("create project", new.owner, new.project, detail)
        minutes = api_tokens.LIFETIME // 60
        detail = f"{_named(grant.token)} for {', '.join(grant.projects)}, {minutes} minutes"
        project = grant.projects[0] if len(grant.projects) == 1 else None
        self.note("mint-token", actor, project, detail, client=client)
        return 200, {"success": True, "token": grant.token, "expires": grant.expires}

    def _trade(self, provider: str, claims: dict[str, Any]) -> Grant:
        """Exchange verified claims, all of it or nothing. Raises MintRefused, once in a while with
        a change."""
        new, margin = self.new_projects, self.jti_margin
        with self._registry.change() as draft:
            grant = trade(draft, provider, claims, new_projects=new, jti_margin=margin)
        if isinstance(grant, MintRefused):
            raise grant
        return grant

    def burn_token(self, body: bytes, client: str = "") -> None:
        """Delete the minted token that the body of a burn-token request names. The client hears
        nothing of it."""
        who, ok, detail = "unknown", False, "no such token"
        try:
            identifier = _identifier(payload(body))
        except MintRefused as refusal:
            identifier, detail = "", refusal.why
        with self._registry.change() as draft:
            bearer = draft.tokens.get(identifier)
            if bearer is not None:
                who = draft.who(bearer)
                detail = f"token {identifier[:8]} is a user's and was left alone"
                if bearer.publisher is not None:
                    del draft.tokens[identifier]
                    ok, detail = True, f"token {identifier[:8]} is dead"
        self.note("burn-token", who, None, detail, ok=ok, client=client)

    def authenticate(self, authorization: str) -> tuple[str, Bearer]:
        """Return the API token in an Authorization header and its bearer. Signature and caveats are
        checked later. Raises Refused for a token that the index does not know."""
        token = api_tokens.from_header(authorization) or ""
        bearer = self._registry.state.tokens.get(_identifier(token))
        if bearer is None:
            raise Refused(403, _NO_AUTHENTICATION)
        return token, bearer

    def who(self, bearer: Bearer) -> str:
        """The name of a token's bearer, for the log."""
        return self._registry.state.who(bearer)

    def store(self, upload: Upload, token: str, bearer: Bearer, client: str = "") -> None:
        """Check and store an upload, all of it or nothing. Raises Refused."""
        warn = False
        with self._registry.change() as draft:
            project, registered = self._authorize(draft, upload.name, token, bearer)
            project = replace(project, name=upload.name)
            release = self._release(draft, project, upload, bearer)
            new = accept(upload, project, release, draft)
            if new:
                file = replace(upload.file, provenance=self._provenance(draft, upload, bearer))
                draft.add_file(project, release, file)
                mark = (_identifier(token), project.id)
                warn = bearer.user is not None and bool(registered) and mark not in draft.warned
                draft.warned |= {mark} if warn else frozenset()
        again = "" if new else ", the same file was there already"
        who, detail = self.who(bearer), f"{upload.file.filename}{again}"
        self.note("upload", who, upload.name, detail, client=client)
        if warn:
            used = f"{_named(token)} of {who} was used"
            detail = f"{used}, although the project has a trusted publisher"
            self.note("warn", self.name, upload.name, detail)

    def _authorize(
        self, draft: State, name: str, token: str, bearer: Bearer
    ) -> tuple[Project, list[str]]:
        """The project to upload to, created if the bearer may do that, and the ids of its
        publishers. Raises Refused if the token is not good for it."""
        if draft.tokens.get(_identifier(token)) != bearer:
            raise Refused(403, _NO_AUTHENTICATION)  # burned or revoked since the request came in
        if draft.project(name) is None:
            if bearer.user is None:
                raise Refused(400, _WRONG_NAME)
            try:
                draft.create(name, draft.who(bearer), allowed=self.new_projects)
            except NameRefused as refusal:
                raise Refused(refusal.status, str(refusal)) from refusal
        project = draft.existing(name)
        registered = [each.id for each in draft.publishers_of(name)]
        use = Use(project.name, canonicalize_name(name), project.id, bearer, registered)
        try:
            api_tokens.verify(token, use)
        except InvalidApiToken as error:
            raise Refused(403, f"Invalid API Token: {error}") from error
        if bearer.user is not None and project.owner != (who := draft.who(bearer)):
            reason = f"isn't allowed to upload to project '{project.name}'"
            raise Refused(403, f"The user '{who}' {reason}.")
        return project, registered

    def _release(self, draft: State, project: Project, upload: Upload, bearer: Bearer) -> Release:
        """The release that an upload belongs to: one that exists, or a new one with its project
        URLs."""
        if existing := project.releases.get(release_key(upload.file.version)):
            return existing
        publisher = draft.publisher_of(bearer)
        pages = [f"https://{self.domain}/{path}" for path in ("project", "p")]
        names = {project.name, canonicalize_name(project.name)}
        own = [f"{page}/{name}" for page in pages for name in names]

        def is_verified(url: str) -> bool:
            vouched = publisher is not None and publisher.vouches_for(url)
            return vouched or url.removesuffix("/") in own

        urls = tuple(ProjectUrl(label, url, is_verified(url)) for label, url in upload.urls)
        return Release(upload.file.version, time.time(), urls)

    def _provenance(self, draft: State, upload: Upload, bearer: Bearer) -> dict[str, Any] | None:
        """The index's word on the file's origin, None without attestations. Raises Refused."""
        if upload.attestations is None or "attestations" in self.disabled:
            return None
        from helpers.index.attestations import provenance  # half a second, for the first of them

        publisher = draft.publisher_of(bearer)
        return provenance(upload.attestations, publisher, upload.file, self.trust())

    def provenance(self, project: str, version: str, filename: str) -> dict[str, Any] | None:
        """The provenance object of a file (PEP 740), None if it has none or does not belong
        there."""
        found = self._registry.state.project(project)
        files = [file for file in found.files if file.filename == filename] if found else []
        return files[0].provenance if files and files[0].version == version else None

    def file(self, filename: str) -> bytes | None:
        """The bytes of an uploaded file, or None."""
        found = self._registry.state.files.get(filename)
        return found.content if found else None


def _identifier(token: str) -> str:
    """The identifier in an API token; empty, which no token's is, if it is not one."""
    try:
        return api_tokens.identifier(token)
    except InvalidApiToken:
        return ""


def _same(publisher: Publisher, known: Sequence[_Known]) -> list[_Known]:
    """The publishers among those known that the index cannot tell from this one."""
    return [each for each in known if each.publisher.is_same(publisher)]


def _named(token: str) -> str:
    """A name for an API token in the log."""
    return f"token {_identifier(token)[:8]}"


def _actor(claims: Mapping[str, Any]) -> str:
    """A name for whoever an ID token speaks for, for the log."""
    names = ("repository", "project_path", "email", "sub")
    return str(next((claims[name] for name in names if claims.get(name)), "unknown"))
