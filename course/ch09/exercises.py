"""Exercises of chapter 09, your own project."""

from dataclasses import replace

from course.desk import exchange, upload
from course.exercise import prediction
from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER, Lab
from helpers.provider.jobs import GitHubJob

SETUP = ""

# ---------------------------------------------------------------- 9.1

FORMS = {
    "owner octo-org, repository rocket, workflow release.yml, environment pypi":
        (True, "Compare it with the report, word by word."),
    "owner octo-org, repository rocket, workflow .github/workflows/release.yml, environment pypi":
        (False, "The form asks for the name of the file. Does a name have a folder?"),
    "owner octo-org, repository Rocket, workflow release.yml, environment pypi":
        (False, "Which letters does GitHub write into the claim `repository`?"),
    "owner octo-org, repository rocket, workflow Release, environment pypi":
        (False, "Is that the file, or the `name:` inside it?"),
    "owner octo-org, repository rocket, workflow release.yml, environment PyPI":
        (True, "Does the index compare the letters of a GitHub environment exactly?"),
    "owner octo-org, repository rocket, workflow release.yml, no environment":
        (True, "What does an empty field ask of a job? Being let in is one thing, being advised "
               "another."),
}  # fmt: skip


@prediction(
    "Six forms",
    "lets_in",
    FORMS,
    hints=(
        "The index compares the names of repository and file exactly. For the environment, upper "
        "and lower case are the same.",
        "An empty field asks nothing. The index also refuses to take a form with a folder in the "
        "file's name.",
    ),
    right="The last form lets in every job of the file, so it is not advised.",
    minutes=3,
)
def q9_1():
    lab = Lab()
    return {line: form_lets_in(lab, line) for line in FORMS}


def form_lets_in(lab: Lab, line: str) -> bool:
    """Return whether the release job fits the form that the line describes."""
    fields = dict(part.rsplit(" ", 1) for part in line.split(", "))
    environment = fields.get("environment", "")
    try:
        form = GitHubPublisher(
            owner=fields["owner"],
            owner_id="65",
            repository=fields["repository"],
            workflow=fields["workflow"],
            environment=environment,
        )
    except ValueError:
        return False
    lab.index.remove_publisher("octo-rocket", lab.index.publishers("octo-rocket")[0])
    lab.index.add_publisher("octo-rocket", form)
    return gets_in(lab, GitHubJob())


# ---------------------------------------------------------------- 9.2

ATTACKS = {
    "Mallory pushes a branch that changes `on:` and the job's commands, not its environment":
        (True, "Has the environment any rules, and does a publisher name a branch?"),
    "Mallory opens a pull request from her fork":
        (False, "Does a job from a fork get a request token?"),
    "Mallory pushes a branch that adds a job without an environment to create-releases.yml":
        (False, "The publisher names an environment. Does this job have one?"),
    "a build dependency that Mallory has taken over asks for an ID token during `uv build`":
        (True, "Which permission does the job have in which `uv build` runs?"),
    "Mallory finds the old API token in a log, after Alice has revoked it":
        (False, "What does the index answer to a revoked token?"),
    "Mallory finds the old API token in a log, and nobody has revoked it":
        (True, "Does a trusted publisher close the old way?"),
}  # fmt: skip


@prediction(
    "Attack your own workflow",
    "succeeds",
    ATTACKS,
    hints=(
        "For each line ask two questions: can the job request an ID token, and does the index "
        "accept what it says?",
        "The environment has no rules, so it is only a name. The build runs in the job that may "
        "ask.",
    ),
    right="Three of six succeed. Rules of the environment stop the changed branch, a build in a "
    "job of its own stops the dependency (chapter 06, part 4), and revoking stops the old token.",
    minutes=4,
)
def q9_2():
    lab = Lab()
    auto = replace(PUBLISHER, workflow="create-releases.yml")
    lab.index.add_publisher("octo-rocket", auto)
    release = GitHubJob(workflow="create-releases.yml")
    fork = replace(release, from_fork=True, event_name="pull_request")
    old, revoked = (lab.index.create_api_token("alice") for _ in range(2))
    lab.index.revoke_api_token(revoked)
    return dict(
        zip(
            ATTACKS,
            (
                gets_in(lab, replace(release, ref="refs/heads/faster")),
                fork.may_ask and gets_in(lab, fork),
                gets_in(lab, replace(release, environment="")),
                release.may_ask and gets_in(lab, release),
                upload(lab, revoked, "octo_rocket-6.6.6-py3-none-any.whl"),
                upload(lab, old, "octo_rocket-6.6.7-py3-none-any.whl"),
            ),
            strict=True,
        )
    )


def gets_in(lab: Lab, job: GitHubJob) -> bool:
    """Return whether the index exchanges the job's ID token."""
    return not exchange(lab, lab.github.id_token(job))[1]


# ---------------------------------------------------------------- 9.3

MESSAGES = {
    "insufficient permissions: missing ACTIONS_ID_TOKEN_REQUEST_URL":
        ("permission", "Which variable is missing, and what puts it into the job?"),
    "invalid-publisher: … (Publisher with matching claims was not found)":
        ("form", "The token is genuine. What does the index compare it with?"),
    "invalid-token: malformed or invalid token":
        ("token", "Did the index get as far as looking for a publisher, or did it refuse the ID "
                  "token before?"),
    "invalid-reuse-token: invalid token: already used":
        ("twice", "How often can a job exchange one ID token?"),
    "Invalid API Token: token is expired":
        ("too slow", "How long does a minted API token live?"),
    "Non-user identities cannot create new projects":
        ("name", "A project exists, and the file belongs to another one. Where do the two names "
                 "come from?"),
}  # fmt: skip


@prediction(
    "Read the message",
    "causes",
    MESSAGES,
    choices=("permission", "token", "form", "twice", "too slow", "name"),
    hints=(
        "Chapter 04, part 3, provokes most of these messages.",
        "Ask how far the job came: no ID token, refused at the exchange, or refused at the upload.",
    ),
    right="A message says how far the job came, and that says where to look.",
    minutes=4,
)
def q9_3():
    return None  # the table below the exercise runs each of them
