"""`uv publish`, unmodified: the exchange, each refusal as uv shows it, and what it does with the token afterwards."""

import shlex

import pytest

from helpers.index import api_tokens
from helpers.index.publishers import GitHubPublisher, GitLabPublisher
from helpers.provider.jobs import GitHubJob, GitLabJob, GoogleJob

ALWAYS = "--trusted-publishing always"
NO_CREDENTIALS = "Missing credentials for: https://127.0.0.1:port/legacy/"
NOTE = "Note: Trusted publishing also failed. To use it, check the error below. error: Trusted publishing failed"
EXCHANGE = ["audience", "mint-token", "upload", "upload", "burn-token"]


# -- when it works ----------------------------------------------------------------------------------------------------


def test_a_release_goes_through_the_whole_exchange_and_the_token_is_burned(desk):
    run = desk.run(desk.publish)
    assert run.ok, run
    assert desk.asked() == EXCHANGE and desk.files == desk.BOTH
    providers = [
        (event.actor, event.action) for event in desk.lab.events if event.service == "github"
    ]
    assert providers == [("octo-org/rocket", "id-token"), ("index", "discovery"), ("index", "jwks")]
    assert desk.last("burn-token").detail.endswith("is dead")


def test_the_log_of_a_release_is_the_same_on_every_run(desk):
    first = desk.run(desk.publish).log
    assert first.splitlines() == [
        "Publishing 2 files to https://127.0.0.1:port/legacy/",
        "Hashing octo_rocket-1.0.0-py3-none-any.whl (… kB)",
        "Uploading octo_rocket-1.0.0-py3-none-any.whl (… kB)",
        "Hashing octo_rocket-1.0.0.tar.gz (… kB)",
        "Uploading octo_rocket-1.0.0.tar.gz (… kB)",
    ]
    assert (
        desk.run(desk.publish).log == first
    )  # the same files again are no error, and nothing changes
    assert desk.files == desk.BOTH


def test_gitlabs_way_to_the_id_token(desk):
    run = desk.run(desk.publish, desk.register_gitlab())
    assert run.ok, run
    assert desk.asked() == EXCHANGE and desk.files == desk.BOTH
    assert "id-token" not in [
        event.action for event in desk.lab.events
    ]  # it lay in the environment


def test_a_self_managed_gitlabs_job_publishes(desk):
    url = "https://gitlab.octo.example"
    desk.lab.add_issuer(url)
    desk.lab.index.add_publisher(
        "octo-rocket", GitLabPublisher(namespace="octo-org", project="rocket", issuer=url)
    )
    assert desk.run(desk.publish, GitLabJob(issuer=url)).ok and desk.files == desk.BOTH


def test_the_token_that_was_burned_uploads_nothing_any_more(desk):
    token = shown_to_the_ci_system(desk)
    assert [caveat[0] for caveat in api_tokens.caveats(token)] == [
        api_tokens.PUBLISHER,
        api_tokens.PROJECT_IDS,
        api_tokens.EXPIRATION,
    ]
    answer = desk.lab.http.post(
        "https://pypi.test/legacy/", headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.reason_phrase) == (403, NOT_A_TOKEN)


NOT_A_TOKEN = (
    "Invalid or non-existent authentication information. See the help page for more information."
)


def shown_to_the_ci_system(desk) -> str:
    """Publish, and read the API token in uv's `::add-mask::` line, smuggled past the log's masking."""
    code = f"import subprocess; print(subprocess.check_output({shlex.split(desk.publish)!r}, stderr=subprocess.DEVNULL).decode()[::-1])"
    announced = desk.machine().run(["python", "-c", code]).log[::-1].strip()
    assert announced.startswith("::add-mask::pypi-") and len(announced.splitlines()) == 1
    return announced.removeprefix("::add-mask::")


def test_on_github_the_token_is_announced_for_masking(desk):
    assert shown_to_the_ci_system(desk).startswith("pypi-")


def test_the_announcement_is_swallowed_and_the_value_masked(desk):
    code = f"""
import re, subprocess
log = subprocess.check_output({shlex.split(desk.publish)!r}, stderr=subprocess.STDOUT, text=True)
print(log)
print("token:", *re.findall("pypi-.*", log))
"""
    run = desk.machine().run(["python", "-c", code])
    assert run.ok and run.log.endswith("token: ***\n")
    assert "add-mask" not in run.log and "pypi-" not in run.log


def test_not_on_github_nothing_is_announced(desk):
    job = desk.register_gitlab()
    code = f"import subprocess; print(subprocess.check_output({shlex.split(desk.publish)!r}, stderr=subprocess.DEVNULL).decode()[::-1])"
    assert desk.machine(job).run(["python", "-c", code]).log.strip() == ""


def test_a_publish_url_without_the_last_slash_is_followed_to_the_right_one(desk):
    run = desk.run(desk.publish.removesuffix("/"))
    assert run.ok, run
    assert desk.files == desk.BOTH


def test_audience_and_exchange_are_https_even_where_the_upload_is_not(desk):
    run = desk.run(desk.publish.replace("https:", "http:"))
    assert run.exit_code == 2  # the lab speaks HTTPS only
    assert desk.asked() == ["audience", "mint-token", "burn-token"]


def test_with_a_token_of_the_users_nobody_is_asked_for_an_id_token(desk):
    token = desk.lab.index.create_api_token("alice")
    assert desk.run(desk.publish, secrets={"UV_PUBLISH_TOKEN": token}).ok
    assert desk.asked() == ["upload", "upload"] and desk.last("warn").project == "octo-rocket"


def test_a_token_that_is_empty_is_a_token(desk):
    # A secret that does not exist is an empty text in CI: no trusted publishing then, but a refusal.
    run = desk.run(desk.publish, secrets={"UV_PUBLISH_TOKEN": ""})
    assert run.exit_code == 2 and desk.asked() == ["upload ✗"]
    assert (
        f"Server returned status code 403 Forbidden. Server says: 403 {NOT_A_TOKEN}"
        in desk.said(run)
    )


# -- dry runs ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_really_mints_and_burns(desk):
    run = desk.run(f"{desk.publish} --dry-run")
    assert run.ok and run.log.startswith(
        "Checking 2 files against https://127.0.0.1:port/legacy/\n"
    )
    assert desk.asked() == ["audience", "mint-token", "burn-token"] and desk.files == []
    assert desk.last("burn-token").ok


def test_a_dry_run_spends_the_id_token(desk):
    machine = desk.machine(desk.register_gitlab())
    assert machine.run(f"{desk.publish} --dry-run").ok
    assert "invalid-reuse-token" in machine.run(f"{desk.publish} {ALWAYS}").log


def test_in_automatic_mode_a_dry_run_says_nothing_of_a_failed_exchange(desk):
    run = desk.run(f"{desk.publish} --dry-run", GitHubJob(id_token=False))
    assert run.ok and "rror" not in run.log


def test_told_always_a_dry_run_finds_the_missing_permission(desk):
    run = desk.run(f"{desk.publish} --dry-run {ALWAYS}", GitHubJob(id_token=False))
    assert (
        run.exit_code == 2
        and "insufficient permissions: missing ACTIONS_ID_TOKEN_REQUEST_URL" in run.log
    )


# -- refusals of the exchange, as uv shows them -----------------------------------------------------------------------


def refusal(desk, job=None, machine=None) -> str:
    """What uv says, told to use trusted publishing always: an error that ends it before anything is uploaded."""
    run = (machine or desk.machine(job)).run(f"{desk.publish} {ALWAYS}")
    assert (
        run.exit_code == 2
        and "upload" not in desk.asked()[-1:]
        and "Missing credentials" not in run.log
    )
    text = desk.said(run)
    assert "error: Failed to obtain token for trusted publishing cause: " in text
    return text


def answered(code: str, description: str) -> str:
    """How uv shows the index's answer to an exchange."""
    errors = f'{{"message":"Token request failed","errors":[{{"code":"{code}","description":"{description}"}}]}}'
    return f"Server returned error code 422 Unprocessable Entity, is trusted publishing correctly configured? Response: {errors}"


def test_invalid_publisher(desk):
    text = refusal(desk, GitHubJob(workflow="other.yml"))
    reason = (
        "valid token, but no corresponding publisher (Publisher with matching claims was not found)"
    )
    assert answered("invalid-publisher", reason) in text


def test_with_a_refusal_of_the_index_uv_shows_the_claims_that_have_to_match(desk):
    text = refusal(desk, GitHubJob(workflow="other.yml"))
    assert (
        "Token claims, which must match the publisher configuration: GitHub( GitHubTokenClaims {"
        in text
    )
    for claim in (
        'sub: "repo:octo-org/rocket:environment:pypi"',
        'repository: "octo-org/rocket"',
        'repository_owner_id: "65"',
        'job_workflow_ref: "octo-org/rocket/.github/workflows/other.yml@refs/heads/main"',
        'environment: Some( "pypi", )',
    ):
        assert claim in text


def test_invalid_publisher_on_gitlab(desk):
    text = refusal(desk, GitLabJob())
    assert "invalid-publisher" in text and "GitLabTokenClaims" in text
    assert 'ci_config_ref_uri: "gitlab.com/octo-org/rocket//.gitlab-ci.yml@refs/heads/main"' in text


def test_invalid_token(desk):
    machine = desk.machine(desk.register_gitlab())
    desk.lab.clock.advance(hours=2)  # the ID token lay in the environment, and expired there
    assert answered("invalid-token", "malformed or invalid token") in refusal(desk, machine=machine)
    assert desk.last("mint-token").detail.startswith("invalid-token: exp: ")


def test_invalid_reuse_token(desk):
    machine = desk.machine(desk.register_gitlab())
    assert machine.run(desk.publish).ok
    assert answered("invalid-reuse-token", "invalid token: already used") in refusal(
        desk, machine=machine
    )


def test_invalid_pending_publisher(desk):
    publisher = GitHubPublisher(
        owner="octo-org", owner_id="65", repository="rocket", workflow="first.yml"
    )
    desk.lab.index.add_pending_publisher("octo-comet", publisher, owner="alice")
    desk.lab.index.add_project("octo-comet", owner="alice")
    text = refusal(desk, GitHubJob(workflow="first.yml"))
    assert answered("invalid-pending-publisher", "valid token, but project already exists") in text


def test_an_issuer_the_index_does_not_know(desk):
    desk.lab.add_issuer("https://gitlab.octo.example")
    machine = desk.machine(GitLabJob(issuer="https://gitlab.octo.example"))
    del desk.lab.index.issuers["https://gitlab.octo.example"]
    assert answered("invalid-payload", "unknown trusted publishing issuer") in refusal(
        desk, machine=machine
    )


@pytest.mark.parametrize("job", [GitHubJob(), GitLabJob()])
def test_a_provider_that_is_switched_off_at_the_index(job, desk):
    desk.lab.index.disabled.add(job.provider)
    description = f"{job.provider} trusted publishing functionality not enabled"
    assert answered("not-enabled", description) in refusal(desk, job)


def test_trusted_publishing_switched_off_at_the_index(desk):
    desk.lab.index.disabled.add("oidc")
    text = refusal(desk)
    assert (
        "Failed to fetch: https://127.0.0.1:port/_/oidc/audience cause: HTTP status client error (403 "
        in text
    )
    assert desk.asked() == ["audience ✗"]


def test_a_provider_that_is_down_for_the_job(desk):
    desk.lab.github.online = False
    text = refusal(desk)
    assert (
        "Failed to discover OIDC token cause: GitHub Actions detection error cause: HTTP request failed: "
        in text
    )
    assert "HTTP status server error (503 " in text and desk.asked() == ["audience"]


def test_a_provider_that_is_down_for_the_index_which_has_no_keys_yet(desk):
    machine = desk.machine(desk.register_gitlab())
    desk.lab.gitlab.online = False
    assert answered("invalid-token", "malformed or invalid token") in refusal(desk, machine=machine)


def test_a_provider_that_is_down_for_the_index_which_has_its_keys(desk):
    job = desk.register_gitlab()
    assert desk.run(desk.publish, job).ok
    machine = desk.machine(job)
    desk.lab.gitlab.online = False
    assert machine.run(desk.publish).ok


@pytest.mark.parametrize("job", [GitHubJob(id_token=False), GitHubJob(from_fork=True)])
def test_a_github_job_without_the_permission(job, desk):
    text = refusal(desk, job)
    assert "Failed to obtain OIDC token: is the `id-token: write` permission missing?" in text
    assert text.endswith(
        "GitHub Actions detection error cause: insufficient permissions: missing ACTIONS_ID_TOKEN_REQUEST_URL"
    )


def test_a_gitlab_job_that_did_not_ask_for_an_id_token(desk):
    text = refusal(desk, GitLabJob(id_tokens={"SIGSTORE_ID_TOKEN": "sigstore"}))
    assert text.endswith(
        "GitLab CI detection error cause: ID token variable not found: PYPI_ID_TOKEN"
    )


def test_a_machine_on_which_uv_knows_no_way_to_an_id_token(desk):
    assert refusal(desk, GoogleJob()).endswith(
        "No OIDC token discovered: are you in a supported trusted publishing environment?"
    )


def test_github_actions_must_be_literally_true(desk):
    machine = desk.machine()
    machine.environment["GITHUB_ACTIONS"] = "1"
    assert "No OIDC token discovered" in refusal(desk, machine=machine)


def test_a_certificate_authority_that_is_not_trusted(desk, foreign_authority):
    machine = desk.machine()
    machine.environment["SSL_CERT_FILE"] = str(foreign_authority)
    assert refusal(desk, machine=machine).endswith("invalid peer certificate: UnknownIssuer")
    assert desk.asked() == []


# -- in automatic mode a failed exchange is a note --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (
            GitHubJob(id_token=False),
            "insufficient permissions: missing ACTIONS_ID_TOKEN_REQUEST_URL",
        ),
        (GitHubJob(workflow="other.yml"), "invalid-publisher"),
        (GitLabJob(id_tokens={}), "ID token variable not found: PYPI_ID_TOKEN"),
        (GoogleJob(), "No OIDC token discovered"),
    ],
    ids=["permission", "publisher", "GitLab", "elsewhere"],
)
def test_in_automatic_mode_a_failed_exchange_is_a_note_and_the_end_is_missing_credentials(
    job, reason, desk
):
    run = desk.run(desk.publish, job)
    assert run.exit_code == 2 and desk.files == []
    note, _, end = desk.said(run).partition(" error: Failed to publish ")
    assert NOTE in note and reason in note
    assert end.endswith(f"cause: Failed to send POST request cause: {NO_CREDENTIALS}")
    assert "upload ✗" not in desk.asked()  # without credentials, it does not even try


# -- refused uploads, and the burn ------------------------------------------------------------------------------------


def test_a_file_that_exists_with_other_bytes_is_refused_in_the_indexs_words_and_the_token_burned(
    desk, rebuilt
):
    assert desk.run(desk.publish).ok
    run = desk.run(desk.publish, folder=rebuilt)
    assert run.exit_code == 2
    text = (
        "cause: Server returned status code 400 Bad Request. Server says: 400 File already exists "
    )
    assert f"{text}('octo_rocket-1.0.0-py3-none-any.whl', with blake2_256 hash" in desk.said(run)
    assert desk.asked()[5:] == ["audience", "mint-token", "upload ✗", "burn-token"]
    assert desk.last("burn-token").ok


def test_a_pending_publisher_with_another_name_than_the_package(desk, misnamed):
    publisher = GitHubPublisher(
        owner="octo-org", owner_id="65", repository="rocket", workflow="first.yml"
    )
    desk.lab.index.add_pending_publisher("octo-comet", publisher, owner="alice")
    run = desk.run(desk.publish, GitHubJob(workflow="first.yml"), folder=misnamed)
    assert run.exit_code == 2
    assert (
        "Server says: 400 Non-user identities cannot create new projects. This was probably caused by "
        in desk.said(run)
    )
    assert "octo-comet" in desk.lab.index.projects and "octo-racket" not in desk.lab.index.projects
    assert (
        desk.asked() == ["audience", "mint-token", "upload ✗", "burn-token"]
        and desk.last("burn-token").ok
    )


def test_a_token_for_another_project(desk, misnamed):
    desk.lab.index.add_project("octo-racket", owner="alice")
    run = desk.run(desk.publish, folder=misnamed)
    reasons = "OIDC scoped token is not valid for project 'octo-racket'"
    assert (
        run.exit_code == 2
        and "403 Forbidden. Server says: 403 Invalid API Token: " in desk.said(run)
    )
    assert reasons in desk.said(run) and desk.asked()[-1] == "burn-token"


def test_a_burn_that_fails_is_a_warning_and_no_error(desk, interfere):
    asked = interfere("/burn-token", "503 Service Unavailable")
    run = desk.run(desk.publish)
    assert run.exit_code == 0 and desk.files == desk.BOTH and asked == ["uv"]
    assert run.log.splitlines()[-1] == (
        "warning: Failed to invalidate trusted publishing token. It will expire naturally. "
        "Cause: Failed to fetch: https://127.0.0.1:port/_/oidc/burn-token"
    )


@pytest.mark.proof
def test_a_burn_that_fails_is_tried_as_often_again_as_other_requests(desk, interfere):
    # Left to itself, uv tries four times, and takes some ten seconds over it.
    asked = interfere("/burn-token", "503 Service Unavailable")
    machine = desk.machine()
    machine.environment["UV_HTTP_RETRIES"] = "1"
    run = machine.run(desk.publish)
    assert run.exit_code == 0 and asked == ["uv", "uv"]


def test_after_a_refused_upload_too_a_burn_that_fails_is_only_a_warning(desk, rebuilt, interfere):
    assert desk.run(desk.publish).ok
    interfere("/burn-token", "404 Not Found")
    run = desk.run(desk.publish, folder=rebuilt)
    assert run.exit_code == 2 and desk.said(run).index("warning: Failed to invalidate") < desk.said(
        run
    ).index("File already exists")


# -- uv 0.9.13, the version of 29 May 2026 ----------------------------------------------------------------------------


def test_uv_0_9_13_without_the_permission_fails_as_it_did(desk, old_uv, built_then):
    run = desk.run(desk.publish, GitHubJob(id_token=False), folder=built_then, path=(old_uv,))
    assert run.exit_code == 2 and desk.files == []
    text = desk.said(run)
    assert (
        "Note: Neither credentials nor keyring are configured, and there was an error fetching the trusted publishing token."
        in text
    )
    assert (
        "error: Trusted publishing failed Caused by: Failed to obtain OIDC token: is the `id-token: write` permission missing?"
        in text
    )
    assert "Caused by: insufficient permissions: missing ACTIONS_ID_TOKEN_REQUEST_URL" in text
    assert text.endswith(
        "Failed to send POST request Caused by: Missing credentials for https://127.0.0.1:port/legacy/"
    )


def test_uv_0_9_13_with_the_permission_publishes_the_sdist_first_and_burns_nothing(
    desk, old_uv, built_then
):
    run = desk.run(desk.publish, folder=built_then, path=(old_uv,))
    assert run.ok and desk.asked() == ["audience", "mint-token", "upload", "upload"]
    uploaded = [
        event.detail.partition(",")[0]
        for event in desk.lab.index.events
        if event.action == "upload"
    ]
    assert uploaded == desk.BOTH[::-1]


def test_uv_0_9_13_rejects_the_sdist_that_todays_uv_builds(desk, old_uv):
    run = desk.run(desk.publish, path=(old_uv,))
    assert run.exit_code == 2 and run.log.endswith("Caused by: malformed pax extension\n")
    assert desk.asked() == ["audience", "mint-token"]  # and the token lives on
