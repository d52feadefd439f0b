"""Exercises of chapter 05, who may publish."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from course.ch05.theft import read_publish_job
from course.desk import exchange, upload
from course.exercise import Wrong, exercise, prediction, show
from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER, Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob

SETUP = """
from pathlib import Path
"""
FIELDS = ("owner", "owner_id", "repository", "workflow", "environment")


def claims_of(lab: Lab, job: GitHubJob) -> dict[str, Any]:
    """Return the claims of a job's ID token."""
    return IdToken.decode(lab.github.id_token(job)).claims


# ---------------------------------------------------------------- 5.1

SHIP = GitHubJob(
    repository="octo-org/telescope",
    repository_id="81",
    workflow="ship.yml",
    environment="production",
)
ALSO_MEANT = replace(SHIP, ref="refs/tags/v3.1", sha="d6fd9ad", event_name="release")
STRANGERS = [
    replace(SHIP, owner_id="9001"),
    replace(SHIP, repository="mallory/telescope", owner_id="9001"),
    replace(SHIP, event_name="pull_request_target"),
]


def typed(form: object) -> GitHubPublisher:
    """Return the publisher of a form, or raise Wrong with what is odd about the fields."""
    if not isinstance(form, dict) or set(form) != set(FIELDS):
        raise Wrong(f"Leave the five fields as they are: {', '.join(FIELDS)}.")
    if not all(isinstance(value, str) for value in form.values()):
        raise Wrong('Write every field as text in quotes, numbers too, and an empty field as `""`.')
    if form["workflow"].lower() == "release":
        raise Wrong(
            "`Release` is the name that the file gives itself. Which claim holds the file's path?"
        )
    if "/" in form["workflow"] + form["repository"]:
        raise Wrong(
            "Neither `workflow` nor `repository` has a slash. Which part of the claim is it?"
        )
    try:
        return GitHubPublisher(**form)
    except ValueError as error:
        raise Wrong(f"The index does not take this form: {error}.") from None


@exercise(
    "Fill in the form",
    form=dict(
        owner="octo-org",
        owner_id="65",
        repository="telescope",
        workflow="ship.yml",
        environment="production",
    ),
    stub="form = dict(\n" + "".join(f"    {name}=...,\n" for name in FIELDS) + ")",
    hints=(
        "Compare the two jobs line by line. In which lines do they differ, and which of these "
        "lines has a field in the form?",
        "The file is the end of the path in `job_workflow_ref`, before the `@`. The owner and the "
        "owner's id have claims of their own.",
    ),
    right="The release gets in from any branch or tag. The nightly job and a stranger do not.",
    minutes=4,
)
def q5_1(form):
    publisher = typed(form)
    lab = Lab()
    if form["owner_id"] == SHIP.repository_id:
        raise Wrong(
            "81 is the repository's id. Whose id keeps out a stranger who registers `octo-org`?"
        )
    failed = [each for each in publisher.check(claims_of(lab, ALSO_MEANT)) if not each.ok]
    if failed:
        said = f"the form expects {failed[0].expected}, and the job says {failed[0].got}"
        raise Wrong(f"The index refuses the release job. In the row `{failed[0].claim}`, {said}.")
    nightly = replace(SHIP, environment="", event_name="schedule")
    if publisher.check(claims_of(lab, nightly)).ok:
        raise Wrong("The nightly job can publish as well. In which lines do the two jobs differ?")
    for stranger in STRANGERS:
        if publisher.check(claims_of(lab, stranger)).ok:
            raise Wrong(f"A stranger's job can publish as well: {show(stranger.repository)}.")


# ---------------------------------------------------------------- 5.2

CALLED = "octo-org/rocket/.github/workflows/publish.yml@refs/heads/main"
SHA = "669f6620a29fea10280974a84a3d232893df69ef"
JOBS: tuple[tuple[dict[str, Any], str, str], ...] = (  # job, its file if there is a form, about it
    ({}, "release.yml", "This is the release job of octo-org/rocket."),
    (
        {"repository": "acme/anvil", "owner_id": "77", "workflow": "ship.yml"},
        "ship.yml",
        "This is a job of acme/anvil.",
    ),
    ({"environment": ""}, "release.yml", "This job has no environment."),
    ({"ref": "refs/heads/odd@branch.yml"}, "release.yml", "The branch is named `odd@branch.yml`."),
    ({"workflow": "ship@home.yml"}, "ship@home.yml", "The file is named `ship@home.yml`."),
    ({"called_workflow": CALLED}, "publish.yml", "The triggered workflow calls this job's file."),
    (
        {"called_workflow": CALLED.replace("refs/heads/main", SHA), "sha": SHA},
        "publish.yml",
        "The file that is called is at the claim `sha`.",
    ),
    ({"called_workflow": CALLED.replace("rocket", "ci")}, "", "The file is in `octo-org/ci`."),
    (
        {"called_workflow": CALLED.replace("rocket", "rocket-tools")},
        "",
        "The job is one of `octo-org/rocket`, and its file is in `octo-org/rocket-tools`.",
    ),
    ({"called_workflow": f"my-{CALLED}"}, "", "The file is in `my-octo-org/rocket`."),
    (
        {"called_workflow": CALLED.replace("workflows", "actions")},
        "",
        "The file is in the folder `.github/actions/`.",
    ),
    (
        {"called_workflow": CALLED.replace("@", "@refs/heads/")},
        "",
        "`job_workflow_ref` ends in `@refs/heads/refs/heads/main`, and `ref` is `refs/heads/main`.",
    ),
    ({"called_workflow": f"{CALLED}-2"}, "", "`job_workflow_ref` ends in `@refs/heads/main-2`."),
    (
        {
            "repository": "acme/an.vil",
            "called_workflow": CALLED.replace("octo-org/rocket", "acme/an-vil"),
        },
        "",
        "The job is one of `acme/an.vil`, and its file is in `acme/an-vil`.",
    ),
    (
        {"called_workflow": CALLED.replace("heads/main", "tags/v1")},
        "",
        "The file that is called is at another ref than the claim `ref`.",
    ),
    ({"event_name": "pull_request_target"}, "", "`pull_request_target` started this job."),
    ({"event_name": "pull_request"}, "release.yml", "`pull_request` started this job."),
    ({"event_name": "workflow_run"}, "release.yml", "`workflow_run` started this job."),
    ({"event_name": "issue_comment"}, "release.yml", "`issue_comment` started this job."),
)


def form_for(claims: dict) -> dict[str, str] | None:
    """Return the five fields of the tightest form that lets in this job, or None if none does."""
    repository, found = claims["repository"], claims["job_workflow_ref"]
    folder, workflow = f"{repository}/.github/workflows/", ""
    for end in ("@" + claims["ref"], "@" + claims["sha"]):
        if found.startswith(folder) and found.endswith(end):
            workflow = found.removeprefix(folder).removesuffix(end)
    if not workflow or claims["event_name"] == "pull_request_target":
        return None
    owner, _, name = repository.partition("/")
    return {
        "owner": owner,
        "owner_id": claims["repository_owner_id"],
        "repository": name,
        "workflow": workflow,
        "environment": claims.get("environment", ""),
    }


@exercise(
    "The form, from a token",
    form_for,
    hints=(
        "All five fields are in the claims. One of them is in the middle of a longer text. What "
        "comes before it, and what after it?",
        "`job_workflow_ref` is the repository, a folder, the file, `@`, and `ref` or `sha`. Take "
        "away what you know from other claims. Return None if something does not fit, or if the "
        "index refuses the event.",
    ),
    right="This function turns the claims of a refused job into the form that would let it in.",
    minutes=14,
)
def q5_2(form_for):
    lab = Lab()
    for fields, workflow, about in JOBS:
        job = GitHubJob(**fields)
        claims = claims_of(lab, job)
        got = form_for(dict(claims))
        if workflow:
            check_form(got, job, workflow, about)
            assert GitHubPublisher(**got).check(claims).ok  # the index's own verdict
        elif got is not None:
            raise Wrong(
                f"{about} No form lets this job in, but your function returned {show(got)}."
            )


def check_form(got: Any, job: GitHubJob, workflow: str, about: str) -> None:
    """Raise Wrong unless `got` is the form that lets in this job only."""
    if got is None:
        raise Wrong(f"{about} Your function returned None, but there is a form that lets it in.")
    if not isinstance(got, dict) or set(got) != set(FIELDS):
        raise Wrong(f"Return a dict with {', '.join(FIELDS)}. Your function returned {show(got)}.")
    owner, _, repository = job.repository.partition("/")
    values = (owner, job.owner_id, repository, workflow, job.environment)
    for field, value in zip(FIELDS, values, strict=True):
        if got[field] == job.workflow_name:
            raise Wrong(
                f"`{field}` is the name that the file gives itself. Which claim has its path?"
            )
        if got[field] != value:
            raise Wrong(f"{about} For `{field}`, your function returned {show(got[field])}.")


# ---------------------------------------------------------------- 5.3

OUR_FILE = "octo-org/rocket/.github/workflows/release.yml@refs/heads/main"
KNOCKING = {
    "a job of release.yml in the environment staging": GitHubJob(environment="staging"),
    "a job of nightly.yml, whose first line says name: Release": GitHubJob(workflow="nightly.yml"),
    "release.yml on a branch that nobody has reviewed": GitHubJob(ref="refs/heads/unreviewed"),
    "octo-org was renamed to octo-inc; a job of octo-inc/rocket": GitHubJob(
        repository="octo-inc/rocket"
    ),
    "octo-org/rocket was deleted, and a member of octo-org created it again": GitHubJob(
        repository_id="9003"
    ),
    "octo-org/tools calls release.yml of octo-org/rocket": GitHubJob(
        repository="octo-org/tools", repository_id="75", workflow="ci.yml", called_workflow=OUR_FILE
    ),
}
ANSWERS = (
    (True, "What does an empty field ask of a job?"),
    (False, "Which claim holds the file, and which one the name?"),
    (True, "Which value does the publisher expect of `ref`?"),
    (False, "The owner's id is the same. What else does the publisher compare?"),
    (True, "Which number does the publisher compare, the owner's or the repository's?"),
    (False, "The file is the right one. Which repository is named in `repository`?"),
)


@prediction(
    "Who gets in?",
    "gets_in",
    dict(zip(KNOCKING, ANSWERS, strict=True)),
    hints=(
        "For each line, ask which claims it changes, and whether the table has a row for them.",
        "The publisher compares the repository's full name, the owner's id and the path of the "
        "file. The environment is compared only if the form names one.",
    ),
    right="Three of the six get in, and none of them should. The rest of part 4 stops one of them: "
    "the branch that nobody has reviewed.",
    minutes=4,
)
def q5_3():
    lab = Lab()
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    lab.index.add_publisher("octo-rocket", replace(PUBLISHER, environment=""))
    return {line: not exchange(lab, lab.github.id_token(job))[1] for line, job in KNOCKING.items()}


# ---------------------------------------------------------------- 5.4


def leave_behind(folder: Path, url: str) -> None:
    """Write into the publish job's folder whatever makes a plain `uv publish` go to `url`."""
    (folder / "uv.toml").write_text(f'publish-url = "{url}"\n')


@exercise(
    "The index you did not mean",
    leave_behind,
    hints=(
        "uv reads its options from the command line, from variables, and from a file in the folder "
        "in which it runs. uv's documentation calls this file a configuration file.",
        "The file is `uv.toml`, and the option is `publish-url`. The value is text in quotes.",
    ),
    right="uv asked Mallory's server which audience to use and handed it an ID token. The real "
    "index minted an API token for it.",
    minutes=7,
)
def q5_4(leave_behind: Callable[[Path, str], None]):
    left: set[str] = set()

    def watched(folder: Path, url: str) -> None:
        before = set(folder.iterdir())
        leave_behind(folder, url)
        left.update(path.name for path in set(folder.iterdir()) - before)

    heard, told = read_publish_job(watched)
    if not heard:
        what = "Where does uv look for options"
        if "said" in told:
            what = "What does uv complain about"
        elif not left:
            told = "beside `dist/`, your function left nothing in `folder`"
            what = "Which file does it write"
        elif read := left & {"uv.toml", "pyproject.toml"}:
            what = f"uv looks for options in `{read.pop()}`. Which of them says where to upload"
        raise Wrong(f"Mallory's server received nothing: {told}. {what}?")
    if told:
        raise Wrong(f"Mallory's server received an ID token, but the index answered {told}.")


# ---------------------------------------------------------------- 5.5

REACH: dict[str, tuple[str, str, bool, str]] = {
    "publisher removed from octo-radar; upload to octo-radar":
        ("-radar", "octo-radar", False, "When does the index ask for the project's publishers?"),
    "publisher removed from octo-radar; upload to octo-rocket":
        ("-radar", "octo-rocket", True, "Is the token dead altogether, or for one project?"),
    "removed from octo-radar, registered there again; upload to octo-radar":
        ("-radar +radar", "octo-radar", True,
         "The publisher still had octo-rocket. Was it ever deleted?"),
    "removed from both, registered with both again; upload to octo-rocket":
        ("-radar -rocket +radar +rocket", "octo-rocket", False,
         "A publisher is deleted with its last project. Does the token name the deleted publisher "
         "or the new one?"),
    "publisher registered with octo-probe too; upload to octo-probe":
        ("+probe", "octo-probe", False, "When was the token's list of projects written?"),
}  # fmt: skip


def reached(changes: str, project: str) -> bool:
    """Return whether a token minted before these changes can still upload to the project."""
    lab = Lab()
    for name in ("octo-radar", "octo-probe"):
        lab.index.add_project(name, owner="alice")
    lab.index.add_publisher("octo-radar", PUBLISHER)
    api_token, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    for change in changes.split():
        sign, name = change[0], f"octo-{change[1:]}"
        act = lab.index.add_publisher if sign == "+" else lab.index.remove_publisher
        act(name, PUBLISHER)
    return upload(lab, api_token, f"{project.replace('-', '_')}-2.0-py3-none-any.whl")


@prediction(
    "How far does the token reach?",
    "works",
    {line: (right, question) for line, (_, _, right, question) in REACH.items()},
    hints=(
        "For each line, ask both questions of the text above. When was the token's list written?",
        "The index wrote the list and the publisher's id when it minted the token. A publisher "
        "that was deleted comes back with a new id.",
    ),
    right="The list in the token never grows, and the publisher's id decides whether it counts.",
    minutes=5,
)
def q5_5():
    return {line: reached(changes, project) for line, (changes, project, *_) in REACH.items()}
