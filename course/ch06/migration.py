"""The states that a migration passes through, each of them tried on a lab."""

from functools import cache

from course.desk import exchange, upload
from helpers.index.publishers import GitHubPublisher
from helpers.lab import Lab, set_aside
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment, NotStarted

MIGRATION = ("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke")
"""The six steps from stored token to Trusted Publishing, for two workflows."""
HARDENING = ("register_new", "switch", "tag_rule", "remove_old")
"""The four steps to one hardened workflow."""
OLD = {"auto": "create-releases.yml", "manual": "publish-pypi.yml"}
NEW = "release.yml"
REPOSITORY = "octo-org/gap"


def publisher(workflow: str) -> GitHubPublisher:
    """Return the publisher of a workflow of octo-org/gap."""
    return GitHubPublisher(
        owner="octo-org", owner_id="65", repository="gap", workflow=workflow, environment="pypi"
    )


@cache
def stuck(done: frozenset[str]) -> tuple[str, str]:
    """Try both workflows after these steps of MIGRATION.

    Returns the workflow that cannot publish ("the automatic workflow" or "the manual workflow") and
    why, or two empty strings if both can.
    """
    with set_aside(), Lab() as lab:
        lab.index.add_project("octo-gap", owner="alice")
        token = lab.index.create_api_token("alice", project="octo-gap")
        for workflow in OLD.values() if "register" in done else ():
            lab.index.add_publisher("octo-gap", publisher(workflow))
        if "revoke" in done:
            lab.index.revoke_api_token(token)
        for number, which in enumerate(OLD):
            why = attempt(lab, which, done, token, f"octo_gap-{number}.0-py3-none-any.whl")
            if why:
                return f"the {'automatic' if which == 'auto' else 'manual'} workflow", why
    return "", ""


def attempt(lab: Lab, which: str, done: frozenset[str], token: str, filename: str) -> str:
    """Let one workflow publish; return why it cannot, or an empty string."""
    if f"drop_{which}" in done:
        job = GitHubJob(
            repository=REPOSITORY, workflow=OLD[which], id_token=f"perm_{which}" in done
        )
        if not job.may_ask:
            return "has nothing to show"
        token, refused = exchange(lab, lab.github.id_token(job))
        if refused:
            return "is not known to the index"
    return "" if upload(lab, token, filename) else "sends a revoked token"


@cache
def stuck_while_hardening(done: frozenset[str]) -> tuple[str, str]:
    """Try the workflows of the repository after these steps of HARDENING.

    Before the step `switch`, the repository has the two old workflows, which run on main; after it,
    the new one, which runs on a tag. Returns the workflow that cannot publish and why, or two empty
    strings.
    """
    switched = "switch" in done
    files = [NEW] if switched else list(OLD.values())
    ref = "refs/tags/v1.1.0" if switched else "refs/heads/main"
    with set_aside(), Lab() as lab:
        lab.index.add_project("octo-gap", owner="alice")
        registered = [] if "remove_old" in done else list(OLD.values())
        for workflow in [*registered, *([NEW] if "register_new" in done else [])]:
            lab.index.add_publisher("octo-gap", publisher(workflow))
        repository = lab.github.repository(REPOSITORY)
        if "tag_rule" in done:
            repository.environments["pypi"] = Environment(refs=["refs/tags/v*"])
        for workflow in files:
            job = GitHubJob(repository=REPOSITORY, workflow=workflow, ref=ref)
            try:
                repository.admit(job)
            except NotStarted:
                return f"`{workflow}`", "is not allowed to start"
            if exchange(lab, lab.github.id_token(job))[1]:
                return f"`{workflow}`", "is not known to the index"
    return "", ""
