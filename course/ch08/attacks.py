"""Twenty-three attacks on a release pipeline, in three groups.

All want the same: that someone who installs octo-rocket runs Mallory's code. An attack gives her
what she starts with and lets the world go on. Its docstring is its name. What comes afterwards is
the same for all, in `grid.run`: she publishes with whatever she has got, and a user installs.
"""

from collections.abc import Callable
from typing import Any

from course.ch08.mallory import Mallory
from course.ch08.pipeline import BUILDER, PYPI_TOKEN, SETUP, Project
from course.ch08.wrong_index import to_impostor
from helpers.index.publishers import GitHubPublisher
from helpers.machine.steps import StepMachine
from helpers.oidc.jws import IdToken, sign
from helpers.provider.jobs import GitHubJob
from helpers.provider.keys import load

Attack = Callable[[Project, Mallory], None]
AND_MALLORY = "\nmallory(here)"
"""One more line in something that a job runs."""


# -- from outside ----------------------------------------------------------------------------------


def leftover_token(project: Project, mallory: Mallory) -> None:
    """a stored token in an old log"""
    mallory.api_tokens.append(project.old_token)


def published_token(project: Project, mallory: Mallory) -> None:
    """CI's stored token, in a file that was published"""
    mallory.api_tokens.append(project.token)  # Alice had it in a file, too: chapter 01


def token_in_debug_log(project: Project, mallory: Mallory) -> None:
    """the token in use, in a log she is reading"""

    def read(token: str) -> None:
        mallory.api_tokens.append(token)
        mallory.publish()  # at once

    project.log_readers.append(read)
    project.release()


def index_account(project: Project, mallory: Mallory) -> None:
    """Alice's account on the index"""
    index = project.lab.index
    fork: dict[str, Any] = {"repository": "mallory/rocket", "owner_id": "9001"}
    mallory.api_tokens.append(index.create_api_token("alice"))
    hers = GitHubPublisher(
        owner="mallory", owner_id="9001", repository="rocket", workflow="release.yml"
    )
    index.add_publisher("octo-rocket", hers)
    mallory.work_in(GitHubJob(**fork, environment=""))


def provider_key(project: Project, mallory: Mallory) -> None:
    """the provider's old key, withdrawn but cached"""
    github, stolen = project.lab.github, load("github")[0]
    github.rotate()
    github.retire()

    def forge(audience: str) -> str:
        claims = IdToken.decode(github.id_token(GitHubJob(ref="refs/tags/v6"), audience)).claims
        return sign({"kid": stolen.kid}, claims, stolen.private_key)

    mallory.identities.append(forge)


def forged_or_replayed(project: Project, mallory: Mallory) -> None:
    """an ID token, forged or replayed"""
    claims = IdToken.decode(project.lab.github.id_token(GitHubJob())).claims
    mallory.keep(sign({"kid": "github-1"}, claims, load("self-managed")[0].private_key))
    for used in project.id_tokens:
        mallory.keep(used)


def fork_or_namesake(project: Project, mallory: Mallory) -> None:
    """a fork, or the owner's name taken over"""
    mallory.work_in(GitHubJob(repository="mallory/rocket", owner_id="9001", repository_id="9002"))
    mallory.work_in(GitHubJob(owner_id="9001", repository_id="9002"))


# -- in the repository -----------------------------------------------------------------------------


def repository_made_again(project: Project, mallory: Mallory) -> None:
    """the repository, deleted and made again"""
    mallory.work_in(GitHubJob(repository_id="9003", actor="mallory"), PYPI_TOKEN)


def other_job(project: Project, mallory: Mallory) -> None:
    """another job of release.yml that may ask"""
    mallory.work_in(GitHubJob(environment="", event_name="schedule"))  # it logs in to a cloud


def pull_request_target(project: Project, mallory: Mallory) -> None:
    """a pull request, built on pull_request_target"""
    project.malware = mallory.everything
    project.try_out("pull_request_target")


def workflow_run(project: Project, mallory: Mallory) -> None:
    """a pull request, built on workflow_run"""
    project.malware = mallory.everything
    project.try_out("workflow_run")


def changed_workflow(project: Project, mallory: Mallory) -> None:
    """release.yml, changed on a branch of hers"""
    branch: dict[str, Any] = {"ref": "refs/heads/faster", "actor": "mallory"}
    mallory.work_in(GitHubJob(environment="pypi", **branch), PYPI_TOKEN)
    mallory.work_in(GitHubJob(environment="", **branch), PYPI_TOKEN)


def merged_line(project: Project, mallory: Mallory) -> None:
    """a bad line, merged"""
    project.source = "boom"
    project.release()


# -- in what the jobs run --------------------------------------------------------------------------


def bad_update(project: Project, mallory: Mallory) -> None:
    """a bad update of a dependency, merged"""
    project.malware = mallory.everything
    project.lock = project.shelf.put("rocket-builder", BUILDER + AND_MALLORY)
    project.release()


def dependency_reads(project: Project, mallory: Mallory) -> None:
    """a build dependency reads its environment"""
    project.malware = lambda here: mallory.read(here.environment)
    project.shelf.put("rocket-builder", BUILDER + AND_MALLORY)
    project.release()


def dependency_waits(project: Project, mallory: Mallory) -> None:
    """a build dependency waits for the next step"""

    def look(here: StepMachine) -> None:
        mallory.read(here.environment)

    project.malware = lambda here: here.waiting.append(look)
    project.shelf.put("rocket-builder", BUILDER + AND_MALLORY)
    project.release()


def dependency_alters(project: Project, mallory: Mallory) -> None:
    """a build dependency alters the wheel"""
    project.malware = mallory.alter
    project.shelf.put("rocket-builder", BUILDER + AND_MALLORY)
    project.release()


def wrong_index(project: Project, mallory: Mallory) -> None:
    """a build dependency names another index"""
    project.shelf.put("rocket-builder", BUILDER + AND_MALLORY)
    to_impostor(project, mallory)  # from here on, the real uv publishes


def poisoned_cache(project: Project, mallory: Mallory) -> None:
    """a nightly job poisons the cache"""
    project.malware = mallory.everything
    project.repository.cache["rocket-builder"] = BUILDER + AND_MALLORY
    project.release()


def moved_tag(project: Project, mallory: Mallory) -> None:
    """an action's tag is moved"""
    project.malware = mallory.everything
    project.shelf.put("setup@v1", SETUP + AND_MALLORY)
    project.release()


def test_dependency(project: Project, mallory: Mallory) -> None:
    """a bad test dependency, run before publishing"""
    project.malware, project.tests = mallory.everything, "mallory(here)"
    project.release()


def script_injection(project: Project, mallory: Mallory) -> None:
    """a title with a command in it"""
    project.malware = mallory.everything
    project.title = 'Fix a typo"; >mallory; "'  # bash makes a file: her command has run
    project.release()


def self_hosted(project: Project, mallory: Mallory) -> None:
    """a self-hosted machine with something left on it"""
    project.malware = mallory.everything
    project.repository.profile = "mallory(here)"
    project.release()


GROUPS: dict[str, list[Attack]] = {
    "From outside": [
        leftover_token, published_token, token_in_debug_log, index_account, provider_key,
        forged_or_replayed, fork_or_namesake,
    ],
    "In the repository": [
        repository_made_again, other_job, pull_request_target, workflow_run, changed_workflow,
        merged_line,
    ],
    "In what the jobs run": [
        bad_update, dependency_reads, dependency_waits, dependency_alters, wrong_index,
        poisoned_cache, moved_tag, test_dependency, script_injection, self_hosted,
    ],
}  # fmt: skip
ATTACKS = [attack for group in GROUPS.values() for attack in group]
