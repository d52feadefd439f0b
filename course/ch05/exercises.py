"""The exercises of chapter 05, who may publish."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course.exercise import Exercise, Wrong, numbered, show
from helpers.index.publishers import GitHubPublisher
from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob, GitLabJob

SETUP = """
from helpers.oidc.jws import IdToken
"""


def _claims(lab: Lab, job: GitHubJob) -> dict[str, Any]:
    return IdToken.decode(lab.github.id_token(job)).claims


# ---------------------------------------------------------------- 1: fill in the form

_FIELDS = ("owner", "owner_id", "repository", "workflow", "environment")
_SHIP = GitHubJob(
    repository="octo-org/telescope",
    repository_id="81",
    workflow="ship.yml",
    environment="production",
)


def probe_form(form: dict[str, str]) -> None:
    if not isinstance(form, dict) or set(form) != set(_FIELDS):
        raise Wrong(f"Leave the five fields as they are: {', '.join(_FIELDS)}.")
    if any(not isinstance(value, str) for value in form.values()):
        raise Wrong(
            'A form holds texts, numbers in quotes too, and `""` for a field that stays empty.'
        )
    if "release" in form["workflow"].lower():
        raise Wrong("Any file can give itself that name. Which claim holds the path of a file?")
    if "/" in form["workflow"] or "/" in form["repository"]:
        raise Wrong(
            "Neither the workflow nor the repository has a slash in it here. Which part of the claim is it?"
        )
    try:
        publisher = GitHubPublisher(**form)
    except ValueError as error:
        raise Wrong(f"The index does not take this form: {error}.") from None
    lab = Lab()
    release = replace(_SHIP, ref="refs/tags/v3.1", sha="d6fd9ad", event_name="release")
    checks = publisher.check(_claims(lab, release))
    if form["owner_id"] == _SHIP.repository_id:
        raise Wrong(
            "That number belongs to the repository. Whose number keeps out a new `octo-org`?"
        )
    if not checks.ok:
        wrong = next(check for check in checks if not check.ok)
        raise Wrong(f"The job that should release is refused: {wrong.claim} is {wrong.got}.")
    if publisher.check(_claims(lab, replace(_SHIP, environment="", event_name="schedule"))).ok:
        raise Wrong("The nightly job can publish as well. In which rows do the two columns differ?")
    others = [
        replace(_SHIP, owner_id="9001"),
        replace(_SHIP, repository="mallory/telescope", owner_id="9001"),
        replace(_SHIP, event_name="pull_request_target"),
    ]
    if any(publisher.check(_claims(lab, other)).ok for other in others):
        raise Wrong("A stranger's job can publish as well.")


def _form(**changes: str) -> str:
    fields = {
        "owner": "octo-org",
        "owner_id": "65",
        "repository": "telescope",
        "workflow": "ship.yml",
    }
    filled = fields | {"environment": "production"} | changes
    return (
        "\nform = dict(\n"
        + "".join(f"    {name}={value!r},\n" for name, value in filled.items())
        + ")\n"
    )


FORM = Exercise(
    title="Fill in the form",
    names=("form",),
    stub="\nform = dict(\n" + "".join(f"    {name}=...,\n" for name in _FIELDS) + ")\n",
    probe=probe_form,
    hints=(
        "Go down the two columns and mark the rows that differ. Which of them has a field in the form?",
        "The file is at the end of a path in `job_workflow_ref`, before the `@`; owner and id have claims of their own.",
    ),
    answer=_form(),
    mistakes=(
        (_form(workflow="Release"), "give itself that name"),
        (_form(environment=""), "nightly job can publish"),
        (_form(owner_id="81"), "belongs to the repository"),
        (_form(repository="octo-org/telescope"), "has a slash"),
        (_form(environment="pypi"), "is refused: environment is production"),
    ),
    cheat=_form(repository="rocket", workflow="deploy.yml", environment="pypi"),
    right="Release passes with any ref and commit; the nightly job and three kinds of stranger do not.",
    minutes=2,
)


# ---------------------------------------------------------------- 2: the form, from a token

_ELSEWHERE = "octo-org/ci/.github/workflows/publish.yml@refs/tags/v1"
_CALLED = "octo-org/rocket/.github/workflows/publish.yml@refs/heads/main"
_JOBS: tuple[tuple[GitHubJob, str, str], ...] = (
    (GitHubJob(), "release.yml", "This is the release job of octo-org/rocket."),
    (GitHubJob(repository="acme/anvil", owner_id="77", workflow="ship.yml"), "ship.yml", "This job is somebody else's."),
    (GitHubJob(environment=""), "release.yml", "This job has no environment."),
    (GitHubJob(ref="refs/heads/odd@branch.yml"), "release.yml", "A branch may be called `odd@branch.yml`."),
    (GitHubJob(workflow="ship@home.yml"), "ship@home.yml", "A file may be called `ship@home.yml`."),
    (GitHubJob(called_workflow=_CALLED), "publish.yml", "This job stands in a file that the triggered one calls."),
    (GitHubJob(called_workflow=_ELSEWHERE), "", "This job stands in another repository's file."),
    (GitHubJob(called_workflow=_CALLED.replace("heads/main", "tags/v1")), "", "The called file is at another ref than `ref`."),
    (GitHubJob(event_name="pull_request_target"), "", "Look at the event that set this job off."),
)  # fmt: skip


def probe_form_for(form_for: Callable[[dict[str, Any]], dict[str, str] | None]) -> None:
    lab = Lab()
    for job, workflow, about in _JOBS:
        claims = _claims(lab, job)
        got = form_for(dict(claims))
        if not workflow:
            if got is not None:
                raise Wrong(
                    f"{about} Is there any form with which the index would let it in? You say {show(got)}."
                )
            continue
        owner, _, repository = job.repository.partition("/")
        right = {
            "owner": owner,
            "owner_id": job.owner_id,
            "repository": repository,
            "workflow": workflow,
        }
        right["environment"] = job.environment
        assert GitHubPublisher(**right).check(claims).ok  # what counts is the index's own verdict
        if got is None:
            raise Wrong(f"{about} There is a form that lets it in, and you say there is none.")
        if not isinstance(got, dict) or set(got) != set(right):
            raise Wrong(f"Return a dict with {', '.join(_FIELDS)}; this is {show(got)}.")
        for field, value in right.items():
            if got[field] == job.workflow_name:
                raise Wrong(
                    "Any file can give itself that name. Which claim holds the path of a file?"
                )
            if got[field] != value:
                raise Wrong(f"{about} For `{field}` you return {show(got[field])}.")


_ANSWER = """
def form_for(claims):
    owner, _, repository = claims["repository"].partition("/")
    folder, found = f"{claims['repository']}/.github/workflows/", claims["job_workflow_ref"]
    workflow = ""
    for at in (claims["ref"], claims["sha"]):
        if found.startswith(folder) and found.endswith(f"@{at}"):
            workflow = found.removeprefix(folder).removesuffix(f"@{at}")
    if not workflow or claims["event_name"] == "pull_request_target":
        return None
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=workflow, environment=claims.get("environment", ""))
"""

FORM_FOR = Exercise(
    title="The form, from a token",
    names=("form_for",),
    stub='''
def form_for(claims: dict) -> dict[str, str] | None:
    """The five fields that let exactly this job in, environment "" if it has none; None if no form does."""
    ...
''',
    probe=probe_form_for,
    hints=(
        "All five are in the claims, one of them in the middle of a longer text. What stands before it, what after it?",
        "`job_workflow_ref` is folder, file, `@` and `ref` or `sha`. Take away what you know; if it does not fit, return None.",
    ),
    answer=_ANSWER,
    mistakes=(
        (_ANSWER.replace("workflow=workflow", 'workflow=claims["workflow"]'), "give itself that name"),
        (_ANSWER.replace("job_workflow_ref", "workflow_ref"), "that the triggered one calls"),
        ('''
def form_for(claims):
    owner, repository = claims["repository"].split("/")
    if claims["event_name"] == "pull_request_target":
        return None
    file = claims["job_workflow_ref"].rpartition("@")[0].rpartition("/")[2]
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=file, environment=claims.get("environment", ""))
''', "odd@branch.yml"),
        ('''
def form_for(claims):
    owner, repository = claims["repository"].split("/")
    if claims["event_name"] == "pull_request_target":
        return None
    file = claims["job_workflow_ref"].split("/")[4].removesuffix("@refs")
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=file, environment=claims.get("environment", ""))
''', "another repository's file"),
        (_ANSWER.replace(' or claims["event_name"] == "pull_request_target"', ""), "event that set this job off"),
        (_ANSWER.replace('claims.get("environment", "")', 'claims["environment"]'), "KeyError"),
        (_ANSWER.replace('claims["repository_owner_id"]', 'claims["repository_id"]'), "For `owner_id` you return '74'"),
    ),
    cheat="""
def form_for(claims):
    return dict(owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml", environment="pypi")
""",
    right="From the claims of a refused job to the form that would have let it in: keep this one.",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 3: who gets in?

_WHO: dict[str, tuple[GitHubJob, str]] = {
    "a job of release.yml in environment staging": (
        GitHubJob(environment="staging"), "What does an empty field ask of a job?"),
    "nightly.yml, whose first line says: name: Release": (
        GitHubJob(workflow="nightly.yml"), "Which claim holds the file, and which the name?"),
    "release.yml on a branch that nobody has reviewed": (
        GitHubJob(ref="refs/heads/unreviewed"), "Which value does the publisher expect of `ref`?"),
    "octo-org was renamed octo-inc; a job of octo-inc/rocket": (
        GitHubJob(repository="octo-inc/rocket"), "The number is the same. What else is compared?"),
    "octo-org/rocket was deleted, and made anew by a member of octo-org": (
        GitHubJob(repository_id="9003"), "Which of the two numbers is compared, the owner's or the repository's?"),
    "octo-org/tools calls release.yml of octo-org/rocket as a reusable workflow": (
        GitHubJob(repository="octo-org/tools", repository_id="75", workflow="ci.yml",
                  called_workflow="octo-org/rocket/.github/workflows/release.yml@refs/heads/main"),
        "The file is the right one. In whose name does the job run?"),
}  # fmt: skip


def _true_or_false(verdicts: dict[str, Any]) -> None:
    for line, verdict in verdicts.items():
        if not isinstance(verdict, bool):
            raise Wrong(
                f"Write True or False behind each line; behind “{line}” stands {show(verdict)}."
            )


def probe_gets_in(gets_in: dict[str, bool]) -> None:
    if not isinstance(gets_in, dict) or set(gets_in) != set(_WHO):
        raise Wrong("Leave the six lines as they are, and write True or False behind each.")
    _true_or_false(gets_in)
    lab = Lab()
    for publisher in lab.index.publishers("octo-rocket"):
        lab.index.remove_publisher("octo-rocket", publisher)
    form = {
        "owner": "octo-org",
        "owner_id": "65",
        "repository": "rocket",
        "workflow": "release.yml",
    }
    lab.index.add_publisher("octo-rocket", GitHubPublisher(**form))
    for line, (job, question) in _WHO.items():
        body = {"token": lab.github.id_token(job)}
        happened = (
            lab.http.post("https://pypi.test/_/oidc/mint-token", json=body).status_code == 200
        )
        if gets_in[line] is not happened:
            raise Wrong(
                f"Tried it: {line} … does not come out as {show(gets_in[line])}. {question}"
            )


def _who(*verdicts: object) -> str:
    lines = [
        f"    {line!r}: {'...' if verdict is ... else verdict},"
        for line, verdict in zip(_WHO, verdicts, strict=True)
    ]
    return "\n".join(["", "gets_in = {", *lines, "}", ""]).replace("'", '"')


GETS_IN = Exercise(
    title="Who gets in?",
    names=("gets_in",),
    stub=_who(*[...] * 6),
    probe=probe_gets_in,
    hints=(
        "Ask of each line: which claims does it change, and are those rows of the matching table?",
        "Compared are the repository's full name, the owner's number, the path of the file, and what the form fills in.",
    ),
    answer=_who(True, False, True, False, True, False),
    mistakes=(
        (_who(False, False, True, False, True, False), "What does an empty field"),
        (_who(True, True, True, False, True, False), "which the name"),
        (_who(True, False, False, False, True, False), "expect of `ref`"),
        (_who(True, False, True, True, True, False), "The number is the same"),
        (_who(True, False, True, False, False, False), "Which of the two numbers"),
        (_who(True, False, True, False, True, True), "In whose name"),
    ),
    cheat=_who(*[True] * 6),
    right="Two of the three that get in are nobody's release. Part 3 is about what to do there.",
    minutes=2,
)


# ---------------------------------------------------------------- 4: could this step publish?


def _environments() -> list[tuple[dict[str, str], bool, str]]:
    lab = Lab()
    github, gitlab = lab.github.job_environment, lab.gitlab.job_environment
    vault = "https://vault.octo.example"
    full = github(GitHubJob())
    half = {name: value for name, value in full.items() if name != "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}
    api_token = lab.index.create_api_token("alice", project="octo-rocket")
    return [
        (full, True, "A GitHub job with the permission. What does it find?"),
        (github(GitHubJob(id_token=False)), False, "A GitHub job without the permission. What is left to ask with?"),
        (github(GitHubJob(from_fork=True, event_name="pull_request")), False, "A pull request from a fork. What is missing?"),
        (half, False, "An address is there, and no request token. Does the provider answer?"),
        (gitlab(GitLabJob()), True, "A GitLab job finds a finished ID token. Where?"),
        (gitlab(GitLabJob(id_tokens={"RELEASE_JWT": "pypi"})), True,
         "In GitLab a project chooses the variable's name. What makes its value one for the index?"),
        (gitlab(GitLabJob(id_tokens={"PYPI_ID_TOKEN": vault})), False,
         "This ID token is made out to a vault, whatever its variable is called. Who is its audience?"),
        ({"UPLOAD_PASSWORD": api_token, "HOME": "/"}, True, "An old API token, under a name of its own. How do tokens begin?"),
        ({"PYPI_TOKEN": "", "TWINE_PASSWORD": ""}, False, "These secrets are empty. What would a thief do with them?"),
        ({"MIRROR": "pypi-mirror", "NOTE": "eyJ.looks.like", "EMPTY": ""}, False,
         "Not everything that begins like a token is one. How long are they, and what do they decode to?"),
    ]  # fmt: skip


def probe_can_publish(can_publish: Callable[[dict[str, str]], bool]) -> None:
    for environment, right, question in _environments():
        try:
            got = can_publish(dict(environment))
        except ValueError:
            raise Wrong(
                "Something that only looks like a token made it raise an error. What does `decode` do then?"
            ) from None
        if not isinstance(got, bool):
            raise Wrong(f"Return True or False; yours returns {show(got)}.")
        if got is not right:
            raise Wrong(f"{question} You say {show(got)}.")


_CAN_PUBLISH = """
import re

def can_publish(environment):
    if {"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} <= environment.keys():
        return True
    for value in environment.values():
        if re.search(r"pypi-[A-Za-z0-9_-]{85,}", value):
            return True
        try:
            if IdToken.decode(value).claims.get("aud") == "pypi":
                return True
        except ValueError:
            pass
    return False
"""

_PATTERN = 're.search(r"pypi-[A-Za-z0-9_-]{85,}", value)'

CAN_PUBLISH = Exercise(
    title="Could this step publish?",
    names=("can_publish",),
    stub='''
def can_publish(environment: dict[str, str]) -> bool:
    """Whether whoever reads these variables could publish.

    `IdToken.decode(text).claims` has an ID token's claims; what is none raises ValueError.
    """
    ...
''',
    probe=probe_can_publish,
    hints=(
        "Three things to find: a way to ask for an ID token, an ID token, an API token. Which of them have a fixed name?",
        "Two variables together for GitHub. Otherwise look at the values: `aud` is `pypi`, or `pypi-` and 85 more characters.",
    ),
    answer=_CAN_PUBLISH,
    mistakes=(
        ("""
def can_publish(environment):
    return "ACTIONS_ID_TOKEN_REQUEST_URL" in environment
""", "no request token"),
        ("""
def can_publish(environment):
    return "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in environment
""", "A GitLab job finds"),
        ("""
def can_publish(environment):
    return "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in environment or "PYPI_ID_TOKEN" in environment
""", "a project chooses the variable's name"),
        ("""
def can_publish(environment):
    return any(name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN" or value.startswith("eyJ") for name, value in environment.items())
""", "made out to a vault"),
        (_CAN_PUBLISH.replace(_PATTERN, "False"), "under a name of its own"),
        (_CAN_PUBLISH.replace(_PATTERN, 'value.startswith("pypi-")'), "begins like a token"),
        (_CAN_PUBLISH.replace("except ValueError:\n            pass", "finally:\n            pass"), "made it raise an error"),
    ),
    cheat="""
def can_publish(environment):
    return True
""",
    right="Run it as the first line of a build backend, and you know what your build tools know.",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 5: how far does the token reach?

_REACH: dict[str, tuple[tuple[str, ...], str, str]] = {
    "publisher removed from octo-radar; upload to octo-radar": (
        ("- octo-radar",), "octo-radar", "What has to hold at the moment of an upload?"),
    "publisher removed from octo-radar; upload to octo-rocket": (
        ("- octo-radar",), "octo-rocket", "Did the token die altogether, or for one project?"),
    "removed from octo-radar, registered there again; upload to octo-radar": (
        ("- octo-radar", "+ octo-radar"), "octo-radar",
        "The publisher was never gone altogether. What does the caveat remember of it?"),
    "removed from both, registered with both again; upload to octo-rocket": (
        ("- octo-radar", "- octo-rocket", "+ octo-radar", "+ octo-rocket"), "octo-rocket",
        "With its last project the publisher was gone. Is the new one the same?"),
    "publisher registered with octo-probe, too; upload to octo-probe": (
        ("+ octo-probe",), "octo-probe", "When was the list of projects written?"),
}  # fmt: skip


def _reached(changes: tuple[str, ...], project: str) -> bool:
    """Whether a token minted for octo-rocket and octo-radar still uploads to `project` after these changes."""
    lab = Lab()
    publisher = lab.index.publishers("octo-rocket")[0]
    for name in ("octo-radar", "octo-probe"):
        lab.index.add_project(name, owner="alice")
    lab.index.add_publisher("octo-radar", publisher)
    body = {"token": lab.github.id_token(GitHubJob())}
    api_token = lab.http.post("https://pypi.test/_/oidc/mint-token", json=body).json()["token"]
    for change in changes:
        act = lab.index.add_publisher if change.startswith("+") else lab.index.remove_publisher
        act(change[2:], publisher)
    name = f"{project.replace('-', '_')}-1.0-py3-none-any.whl"
    form = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
    }
    form |= {
        "name": project,
        "version": "1.0",
        "sha256_digest": hashlib.sha256(b"wheel").hexdigest(),
    }
    files = {"content": (name, b"wheel")}
    return lab.http.post(
        "https://pypi.test/legacy/", auth=("__token__", api_token), data=form, files=files
    ).is_success


def probe_works(works: dict[str, bool]) -> None:
    if not isinstance(works, dict) or set(works) != set(_REACH):
        raise Wrong("Leave the five lines as they are, and write True or False behind each.")
    _true_or_false(works)
    for line, (changes, project, question) in _REACH.items():
        if works[line] is not _reached(changes, project):
            raise Wrong(f"Tried it: {line} … does not come out as {show(works[line])}. {question}")


def _works(*verdicts: object) -> str:
    lines = [
        f'    "{line}": {"..." if verdict is ... else verdict},'
        for line, verdict in zip(_REACH, verdicts, strict=True)
    ]
    return "\n".join(["", "works = {", *lines, "}", ""])


WORKS = Exercise(
    title="How far does the token reach?",
    names=("works",),
    stub=_works(*[...] * 5),
    probe=probe_works,
    hints=(
        "Two things are asked at each upload: is the project on the token's list, and is its publisher one of the project's?",
        "List and publisher's id were written when the token was minted. A publisher that was gone comes back with a new id.",
    ),
    answer=_works(False, True, True, False, False),
    mistakes=(
        (_works(True, True, True, False, False), "at the moment of an upload"),
        (_works(False, False, True, False, False), "altogether, or for one project"),
        (_works(False, True, False, False, False), "never gone altogether"),
        (_works(False, True, True, True, False), "Is the new one the same"),
        (_works(False, True, True, False, True), "When was the list"),
    ),
    cheat=_works(*[False] * 5),
    right="The list in the token never grows, and the publisher's id decides whether it counts at all.",
    minutes=2,
)

EXERCISES = [FORM, FORM_FOR, GETS_IN, CAN_PUBLISH, WORKS]

q5_1, q5_2, q5_3, q5_4, q5_5 = numbered(5, EXERCISES)
