"""Things that a code host keeps for a repository: environments with rules, secrets and a cache.

They belong to a repository, not to its name: a repository that is deleted and made again under the
same name has another id and none of them. The rules are those of GitHub Docs, "Managing
environments for deployment" and "Deployments and environments".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from helpers.provider.jobs import GitHubJob


class NotStarted(Exception):
    """A job may not start, since the rules of its environment are not satisfied."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment and its rules; without any, every job may use it.

    Args:
        refs: Patterns of the refs whose jobs may use it, such as "refs/tags/v*". A bare "v*" holds
            for branches and tags alike. A `*` matches no slash. None: any ref.
        protected_branches: Only the repository's protected branches may use it. If it protects
            none, all may.
        reviewer: The name of the reviewer, or up to six names. One approval is enough.
        prevent_self_review: Nobody approves a job that they have started themselves.
        administrators_bypass: Administrators may let a job start that no reviewer has approved.
        secrets: Secrets for the jobs that use the environment, by name.

    Raises ValueError for more than six reviewers, and for both kinds of rules about refs.
    """

    refs: Sequence[str] = ()
    protected_branches: bool = False
    reviewer: str | Sequence[str] = ()
    prevent_self_review: bool = False
    administrators_bypass: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.refs, str):
            got = f"got {self.refs!r}: put it into brackets"
            raise ValueError(f"expected a list of patterns, {got}")
        if self.refs and self.protected_branches:
            raise ValueError("expected patterns or protected branches, got both")
        if len(self.reviewers) > 6:
            raise ValueError(f"expected at most six reviewers, got {len(self.reviewers)}")

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The names of those who may approve."""
        named = (self.reviewer,) if isinstance(self.reviewer, str) else self.reviewer
        return tuple(filter(None, named))


@dataclass
class Repository:
    """A repository: its environments by name, its administrators, the branches that it protects
    (patterns, without `refs/heads/`), and its owner's plan: "free", "pro", "team" or "enterprise".

    On the free plan a private repository's rules are ignored, and its reviewers on all but
    "enterprise".
    """

    name: str
    id: str
    environments: dict[str, Environment] = field(default_factory=dict)
    administrators: set[str] = field(default_factory=lambda: {"alice"})
    protected_branches: list[str] = field(default_factory=list)
    plan: str = "free"
    secrets: dict[str, str] = field(default_factory=dict)
    """Secrets for every job except those of pull requests from forks, by name."""
    cache: dict[str, str] = field(default_factory=dict)
    """Things that one job leaves for the next, by name."""
    profile: str = ""
    """A step that runs at the start of every job, because an earlier job has left it on a machine
    that is used again. A hosted machine is new each time and has none."""

    def environment(self, name: str) -> Environment:
        """The environment of that name, in upper or lower case. One that a job names and nobody has
        configured is made without rules."""
        known = {each.lower(): each for each in self.environments}
        return self.environments.setdefault(known.get(name.lower(), name), Environment())

    def secrets_for(self, job: GitHubJob) -> dict[str, str]:
        """Return the secrets that a job may have: its repository's and its environment's."""
        if job.from_fork:
            return {}
        inner = self.environment(job.environment).secrets if job.environment else {}
        return {**self.secrets, **inner}

    def admit(self, job: GitHubJob, approved_by: str = "") -> None:
        """Let a job start, perhaps since somebody has approved it. Raises NotStarted."""
        if not job.environment:
            return
        rules, public = self.environment(job.environment), job.visibility == "public"
        if public or self.plan != "free":
            self._check_ref(rules, job)
        if public or self.plan == "enterprise":
            self._check_review(rules, job, approved_by)

    def _check_ref(self, rules: Environment, job: GitHubJob) -> None:
        allowed = list(rules.refs)
        if rules.protected_branches:
            allowed = [f"refs/heads/{branch}" for branch in self.protected_branches]
            if not allowed and job.ref.startswith("refs/heads/"):
                return
        elif not allowed:
            return
        if not any(_matches(job.ref, pattern) for pattern in allowed):
            expected = " or ".join(allowed) or "a branch"
            raise NotStarted(f"environment {job.environment}: expected {expected}, got {job.ref}")

    def _check_review(self, rules: Environment, job: GitHubJob, approved_by: str) -> None:
        bypasses = rules.administrators_bypass and approved_by in self.administrators
        if not rules.reviewers or bypasses:
            return
        wanted = f"expected an approval by {' or '.join(rules.reviewers)}"
        expected = f"environment {job.environment}: {wanted}"
        if approved_by not in rules.reviewers:
            got = f"one by {approved_by}" if approved_by else "none"
            raise NotStarted(f"{expected}, got {got}")
        if rules.prevent_self_review and approved_by == job.actor:
            others = "of a job that somebody else has started"
            raise NotStarted(f"{expected} {others}, got {job.actor}'s own")


def _matches(ref: str, pattern: str) -> bool:
    """Compare slash by slash, so that no wildcard matches a slash."""
    if not pattern.startswith("refs/"):
        return any(_matches(ref, f"refs/{kind}/{pattern}") for kind in ("heads", "tags"))
    parts, wanted = ref.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
