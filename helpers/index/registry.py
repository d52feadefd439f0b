"""The index's memory, which changes everything at once or not at all.

The whole of it is one value, `State`. A change works on a copy, and one assignment puts the copy in
the original's place. So nobody ever sees half a change, and a change that is refused or interrupted
has not begun.
"""

import copy
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name, canonicalize_version

from helpers.index import api_tokens
from helpers.index.api_tokens import LOCATION, Bearer, stable_uuid
from helpers.index.names import NameRefused, check_new_name, ultranormalize
from helpers.index.publishers import Publisher

PENDING_LIFETIME = 30 * 24 * 3600
"""Seconds after which a pending publisher lapses."""


@dataclass(frozen=True)
class File:
    """A file as it was uploaded. `uploaded` is in Unix seconds, digests are hexadecimal."""

    filename: str
    version: str
    filetype: str
    content: bytes = field(repr=False)
    sha256: str
    blake2_256: str
    requires_python: str
    uploaded: float
    provenance: dict[str, Any] | None = field(default=None, repr=False)
    """The PEP 740 provenance object, if it was uploaded with attestations."""


class ProjectUrl(NamedTuple):
    """A project URL of a release. `verified` says that it belongs to the publisher of its first
    file, or is the project's own page. It is decided when the release is made, and never again."""

    label: str
    url: str
    verified: bool


@dataclass(frozen=True)
class Release:
    """A version of a project, as its first file writes it, and when it was created (Unix
    seconds)."""

    version: str
    created: float
    urls: tuple[ProjectUrl, ...] = ()


def release_key(version: str) -> str:
    """The text that is the same for all spellings of a version: 1.0 and 1.0.0 are one release (PEP
    440)."""
    return canonicalize_version(version)


@dataclass(frozen=True)
class Project:
    """A project: its name as last written, who owns it, its files in the order of upload, and its
    releases by `release_key`."""

    name: str
    owner: str
    id: str
    files: tuple[File, ...] = ()
    releases: Mapping[str, Release] = field(default_factory=dict)


@dataclass(frozen=True)
class Registration:
    """A trusted publisher in use: its id, and the normalized names of the projects it may
    publish."""

    id: str
    publisher: Publisher
    projects: frozenset[str]


@dataclass(frozen=True)
class Pending:
    """A trusted publisher for a project that does not exist yet. It reserves no name. `created` is
    in Unix seconds."""

    publisher: Publisher
    project: str
    owner: str
    created: float


@dataclass
class State:
    """All that the index at `domain` knows. Projects are found by their normalized name, files by
    filename, tokens by identifier."""

    domain: str = LOCATION
    projects: dict[str, Project] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    registrations: dict[str, Registration] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    tokens: dict[str, Bearer] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    used_jtis: dict[tuple[str, str], float] = field(default_factory=dict)
    warned: frozenset[tuple[str, str]] = frozenset()
    deleted: frozenset[str] = frozenset()
    count: int = 0

    def project(self, name: str) -> Project | None:
        """The project of that name, however it is written."""
        return self.projects.get(canonicalize_name(name))

    def publishers_of(self, name: str) -> list[Registration]:
        """The trusted publishers of a project."""
        normal = canonicalize_name(name)
        return [each for each in self.registrations.values() if normal in each.projects]

    def current_pending(self) -> list[Pending]:
        """The pending publishers that have not lapsed."""
        return [each for each in self.pending if time.time() - each.created < PENDING_LIFETIME]

    def existing(self, name: str) -> Project:
        """The project of that name. Raises LookupError if there is none."""
        if found := self.project(name):
            return found
        advice = "create it first, or add a pending publisher"
        raise LookupError(f"expected a project of the index, got {name!r}: {advice}")

    def publisher_of(self, bearer: Bearer) -> Publisher | None:
        """The trusted publisher that a token was minted for; None if it is gone, or the token is a
        user's."""
        registration = self.registrations.get(bearer.publisher or "")
        return registration.publisher if registration else None

    def who(self, bearer: Bearer) -> str:
        """A name for the log: the user's, or the publisher's."""
        if bearer.user is not None:
            return self.users[bearer.user]
        return str(self.publisher_of(bearer) or "a publisher that is gone")

    def create(self, name: str, owner: str, *, allowed: bool = True) -> Project:
        """Create a project without files; drop other users' pending publishers for that name or a
        similar one. Raises NameRefused if the name will not do, or none are `allowed` at the
        moment. Follows pypi/warehouse, `warehouse/packaging/services.py`."""
        if not allowed:
            raise NameRefused(403, "New project registration temporarily disabled.")
        check_new_name(name, [project.name for project in self.projects.values()])
        normalized = canonicalize_name(name)
        project = Project(name, owner, stable_uuid("project", normalized, self.domain))
        self.projects[normalized] = project
        self.pending = tuple(
            each
            for each in self.pending
            if each.owner == owner or ultranormalize(each.project) != ultranormalize(name)
        )
        self.users[stable_uuid("user", owner, self.domain)] = owner
        return project

    def issue(self, caveats: list[list[Any]], bearer: Bearer) -> str:
        """A new API token with these caveats, known to the index from now on."""
        self.count += 1
        identifier = api_tokens.token_id(self.count, self.domain)
        self.tokens[identifier] = bearer
        return api_tokens.mint(identifier, caveats, self.domain)

    def add_file(self, project: Project, release: Release, file: File) -> None:
        """Store a file of a project, for a release that may be new."""
        self.files[file.filename] = file
        releases = {**project.releases, release_key(file.version): release}
        files = (*project.files, file)
        changed = replace(project, files=files, releases=releases)
        self.projects[canonicalize_name(project.name)] = changed

    def delete_release(self, project: Project, version: str) -> None:
        """Delete a release with its files. Their names are remembered. Raises LookupError if there
        is none."""
        key = release_key(version)
        if key not in project.releases:
            raise LookupError(f"expected a release of {project.name!r}, got {version!r}")
        gone = [file for file in project.files if release_key(file.version) == key]
        self.deleted |= {self.files.pop(file.filename).filename for file in gone}
        files = tuple(file for file in project.files if file not in gone)
        releases = {each: release for each, release in project.releases.items() if each != key}
        changed = replace(project, files=files, releases=releases)
        self.projects[canonicalize_name(project.name)] = changed

    def register(self, name: str, publisher: Publisher) -> Registration:
        """Let a publisher publish a project too. One with the same identity that is registered
        already is used again, with the owner's id that it has."""
        normalized = canonicalize_name(name)
        registered = self.registrations.values()
        same = next((each for each in registered if each.publisher.is_same(publisher)), None)
        if same is None:
            self.count += 1
            id = stable_uuid("publisher", str(self.count), self.domain)
            same = Registration(id, publisher, frozenset())
        registration = replace(same, projects=same.projects | {normalized})
        self.registrations[registration.id] = registration
        return registration

    def unregister(self, name: str, registration: Registration) -> None:
        """Take a publisher off a project. With its last project it is gone, and so are the tokens
        minted for it."""
        id, left = registration.id, registration.projects - {canonicalize_name(name)}
        self.registrations[id] = replace(registration, projects=left)
        if not left:
            del self.registrations[id]
            tokens = self.tokens.items()
            self.tokens = {key: bearer for key, bearer in tokens if bearer.publisher != id}


class Registry:
    """The state that holds now, and the one way to change it. Reading `state` needs no lock."""

    def __init__(self, domain: str) -> None:
        self.state = State(domain)
        self._lock = threading.RLock()

    @contextmanager
    def change(self) -> Iterator[State]:
        """A draft to work on. It becomes the state when the block ends, and is forgotten if the
        block raises."""
        with self._lock:
            draft = copy.copy(self.state)
            for name in ("projects", "files", "registrations", "tokens", "users", "used_jtis"):
                setattr(draft, name, dict(getattr(draft, name)))
            yield draft
            self.state = draft
