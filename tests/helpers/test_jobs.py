"""What a provider says of a job: names, types and formats as in the real tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

# What a real GitHub ID token (February 2026) says about the job; `environment` comes if the job has one.
GITHUB = set(
    "actor actor_id base_ref check_run_id event_name head_ref job_workflow_ref job_workflow_sha ref "
    "ref_protected ref_type repository repository_id repository_owner repository_owner_id "
    "repository_visibility run_attempt run_id run_number runner_environment sha sub workflow "
    "workflow_ref workflow_sha".split()
)
# Those of a token of gitlab.com (June 2025, a fixture of the real index's tests).
GITLAB = set(
    "namespace_id namespace_path project_id project_path user_id user_login user_email "
    "user_access_level pipeline_id pipeline_source job_id ref ref_type ref_path ref_protected "
    "runner_id runner_environment sha project_visibility ci_config_ref_uri ci_config_sha sub".split()
)
VALUE = st.text(max_size=20)


# -- GitHub


def test_a_github_job_has_the_claims_of_a_real_token():
    assert set(GitHubJob(environment="").claims()) == GITHUB
    assert set(GitHubJob(environment="pypi").claims()) == GITHUB | {"environment"}


def test_every_claim_of_a_github_job_is_a_string():
    assert all(isinstance(value, str) for value in GitHubJob().claims().values())


@pytest.mark.parametrize(
    ("job", "sub"),
    [
        (GitHubJob(environment="pypi"), "repo:octo-org/rocket:environment:pypi"),
        (
            GitHubJob(environment="pypi", event_name="pull_request"),
            "repo:octo-org/rocket:environment:pypi",
        ),
        (GitHubJob(environment="", event_name="pull_request"), "repo:octo-org/rocket:pull_request"),
        (GitHubJob(environment=""), "repo:octo-org/rocket:ref:refs/heads/main"),
        (
            GitHubJob(environment="", ref="refs/tags/v1.0"),
            "repo:octo-org/rocket:ref:refs/tags/v1.0",
        ),
        (
            GitHubJob(environment="", event_name="pull_request_target"),
            "repo:octo-org/rocket:ref:refs/heads/main",
        ),
        (GitHubJob(environment="eu:prod"), "repo:octo-org/rocket:environment:eu%3Aprod"),
        (
            GitHubJob(environment="", ref="refs/heads/a:b:c"),
            "repo:octo-org/rocket:ref:refs/heads/a%3Ab%3Ac",
        ),
        (GitHubJob(immutable_subject=True), "repo:octo-org@65/rocket@74:environment:pypi"),
        (
            GitHubJob(immutable_subject=True, environment="", event_name="pull_request"),
            "repo:octo-org@65/rocket@74:pull_request",
        ),
        (
            GitHubJob(immutable_subject=True, environment="", ref="refs/heads/a:b"),
            "repo:octo-org@65/rocket@74:ref:refs/heads/a%3Ab",
        ),
    ],
)
def test_the_subject_says_environment_or_pull_request_or_ref_in_both_formats(job, sub):
    assert job.claims()["sub"] == sub


@given(VALUE, VALUE, st.booleans())
def test_no_value_can_add_a_part_to_the_subject(environment, ref, immutable):
    parts = GitHubJob(environment=environment, ref=ref, immutable_subject=immutable).subject.split(
        ":"
    )
    assert len(parts) == 4 and parts[2] == ("environment" if environment else "ref")


def test_a_job_of_its_own_workflow_names_it_twice():
    claims = GitHubJob(ref="refs/tags/v1", workflow="publish.yml").claims()
    assert (
        claims["job_workflow_ref"]
        == claims["workflow_ref"]
        == "octo-org/rocket/.github/workflows/publish.yml@refs/tags/v1"
    )
    assert claims["job_workflow_sha"] == claims["workflow_sha"] == claims["sha"]


def test_with_a_reusable_workflow_job_workflow_ref_names_the_called_file_and_workflow_ref_the_caller():
    called = "octo-org/shared/.github/workflows/upload.yml@refs/heads/main"
    claims = GitHubJob(called_workflow=called).claims()
    assert claims["job_workflow_ref"] == called
    assert claims["workflow_ref"] == "octo-org/rocket/.github/workflows/release.yml@refs/heads/main"
    assert claims["job_workflow_sha"] != claims["workflow_sha"]


@pytest.mark.parametrize(("ref", "kind"), [("refs/heads/main", "branch"), ("refs/tags/v1", "tag")])
def test_ref_type_follows_the_ref(ref, kind):
    assert GitHubJob(ref=ref).claims()["ref_type"] == kind


def test_a_commit_id_has_forty_hexadecimal_digits_and_depends_on_repository_and_ref():
    ids = {GitHubJob(ref=ref).claims()["sha"] for ref in ("refs/heads/main", "refs/heads/other")}
    assert len(ids) == 2 and all(len(each) == 40 and int(each, 16) >= 0 for each in ids)
    assert GitHubJob(sha="f" * 40).claims()["sha"] == "f" * 40


@pytest.mark.parametrize(
    ("permission", "fork", "may"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_an_id_token_is_for_jobs_with_the_permission_that_do_not_come_from_a_fork(
    permission, fork, may
):
    assert GitHubJob(id_token=permission, from_fork=fork).may_ask is may


def test_a_github_job_is_recognised_by_github_actions_being_literally_true():
    variables = GitHubJob().variables()
    assert variables["GITHUB_ACTIONS"] == "true"
    assert variables["GITHUB_REPOSITORY"] == "octo-org/rocket"
    assert not any(name.startswith("ACTIONS_ID_TOKEN") for name in variables)


# -- GitLab


def test_a_gitlab_job_has_the_claims_of_a_real_token():
    assert set(GitLabJob().claims()) == GITLAB
    with_environment = {
        "environment",
        "environment_protected",
        "deployment_tier",
        "environment_action",
    }
    assert set(GitLabJob(environment="release").claims()) == GITLAB | with_environment


def test_every_claim_of_a_gitlab_job_is_a_string_but_the_runners_number():
    claims = GitLabJob(environment="release").claims()
    assert {name for name, value in claims.items() if not isinstance(value, str)} == {"runner_id"}
    assert type(claims["runner_id"]) is int


@pytest.mark.parametrize(("kind", "folder"), [("branch", "heads"), ("tag", "tags")])
def test_gitlab_names_the_ref_without_and_the_ref_path_with_its_folder(kind, folder):
    claims = GitLabJob(ref="v1", ref_type=kind).claims()
    assert (claims["ref"], claims["ref_type"], claims["ref_path"]) == (
        "v1",
        kind,
        f"refs/{folder}/v1",
    )
    assert claims["sub"] == f"project_path:octo-org/rocket:ref_type:{kind}:ref:v1"
    assert (
        claims["ci_config_ref_uri"]
        == f"gitlab.com/octo-org/rocket//.gitlab-ci.yml@refs/{folder}/v1"
    )


def test_a_self_managed_gitlab_names_itself_and_its_own_runners():
    claims = GitLabJob(issuer="https://git.octo.example", namespace="a/b").claims()
    assert (
        claims["ci_config_ref_uri"] == "git.octo.example/a/b/rocket//.gitlab-ci.yml@refs/heads/main"
    )
    assert claims["runner_environment"] == "self-hosted"
    assert GitLabJob().claims()["runner_environment"] == "gitlab-hosted"


def test_a_gitlab_job_is_recognised_by_gitlab_ci():
    assert GitLabJob().variables()["GITLAB_CI"] == "true"
    assert "PYPI_ID_TOKEN" not in GitLabJob().variables()


# -- Google and ActiveState


def test_google_says_who_by_e_mail_and_subject_and_that_the_e_mail_is_verified():
    claims = GoogleJob().claims()
    assert set(claims) == {"azp", "email", "email_verified", "sub"}
    assert claims["email_verified"] is True and claims["sub"].isdigit()


def test_activestate_says_organisation_project_actor_and_builder():
    claims = ActiveStateJob().claims()
    assert {"organization", "project", "actor_id", "builder", "sub"} <= set(claims)
    assert claims["builder"] == "pypi-publisher"
    assert claims["sub"] == "org:octo-org:project:rocket"


@pytest.mark.parametrize("job", [GoogleJob(), ActiveStateJob()])
def test_these_two_put_nothing_into_the_environment(job):
    assert job.variables() == {}


@pytest.mark.parametrize(
    ("job", "lifetime", "nbf_lead", "has_jti"),
    [
        (GitHubJob(), 300, 300, True),
        (GitLabJob(), 3600, 5, True),
        (GoogleJob(), 3600, None, False),
        (ActiveStateJob(), 3600, None, False),
    ],
    ids=lambda value: getattr(value, "provider", ""),
)
def test_lifetime_nbf_and_jti_are_those_of_the_provider(job, lifetime, nbf_lead, has_jti):
    assert (job.lifetime, job.nbf_lead, job.has_jti) == (lifetime, nbf_lead, has_jti)
