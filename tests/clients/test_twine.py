"""The PyPA publish action's way: `id` for the ID token, an exchange, and twine with the API token in its environment."""

import pytest

from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob, GitLabJob, GoogleJob

TWINE = "twine upload --disable-progress-bar --repository-url"
EXCHANGE = """
import json, os, subprocess, sys, httpx, id
index = sys.argv[1]
http = httpx.Client(verify=os.environ["SSL_CERT_FILE"])
audience = http.get(f"{index}/_/oidc/audience").json()["audience"]
answer = http.post(f"{index}/_/oidc/mint-token", json={"token": id.detect_credential(audience=audience)}).json()
print("::add-mask::" + answer["token"], flush=True)
credentials = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": answer["token"]}
sys.exit(subprocess.call(sys.argv[2:], env={**os.environ, **credentials}))
"""


def upload(desk, token: str, folder=None, url: str = "", extra: str = ""):
    """Run twine as the action does: never with -p, which every process on the machine could read."""
    machine = desk.machine(
        folder=folder, secrets={"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token}
    )
    files = sorted(map(str, (machine.folder / "dist").glob("octo*")))
    return machine.run([*TWINE.split(), url or desk.url, *extra.split(), *files])


# -- twine ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_the_whole_way_of_the_publish_action(provider, desk):
    machine = desk.machine(desk.register_gitlab() if provider == "gitlab" else GitHubJob())
    files = [f"dist/{name}" for name in desk.BOTH]
    run = machine.run(["python", "-c", EXCHANGE, desk.live.url, *TWINE.split(), desk.url, *files])
    assert run.ok and run.log.splitlines() == [
        "Uploading distributions to https://127.0.0.1:port/legacy/",
        "Uploading octo_rocket-1.0.0-py3-none-any.whl",
        "Uploading octo_rocket-1.0.0.tar.gz",
    ]
    assert desk.asked("python-httpx") == ["audience", "mint-token"] and desk.asked("twine") == [
        "upload",
        "upload",
    ]
    assert desk.files == desk.BOTH


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        ("expire", "403 Forbidden", "Invalid API Token: token is expired"),
        (
            "burn",
            "403 Forbidden",
            "Invalid or non-existent authentication information. See the help page for more information.",
        ),
    ],
)
def test_a_token_that_is_refused_is_refused_in_the_words_of_the_reason_phrase(
    spoil, status, reason, desk
):
    token = desk.mint()
    if spoil == "expire":
        desk.lab.clock.advance(minutes=15)
    else:
        desk.lab.http.post("https://pypi.test/_/oidc/burn-token", json={"token": token})
    run = upload(desk, token)
    assert run.exit_code == 1 and desk.asked("twine") == ["upload ✗"] and desk.files == []
    assert f"ERROR HTTPError: {status} from https://127.0.0.1:port/legacy/ {reason}" in desk.said(
        run
    )
    assert token not in run.log
    # No line is filled up with blanks, by as many as the port leaves: that would differ from run to run.
    assert all(line == line.rstrip() for line in run.log.splitlines())


def test_a_file_that_exists_with_other_bytes(desk, rebuilt):
    assert desk.run(desk.publish).ok
    run = upload(desk, desk.mint(), rebuilt)
    text = "ERROR HTTPError: 400 Bad Request from https://127.0.0.1:port/legacy/ File already exists ('octo_rocket-1.0.0-py3-none-any.whl'"
    assert run.exit_code == 1 and text in desk.said(run)


def test_a_project_by_another_name(desk, misnamed):
    run = upload(desk, desk.mint(), misnamed)
    text = "ERROR HTTPError: 400 Bad Request from https://127.0.0.1:port/legacy/ Non-user identities cannot create new projects."
    assert run.exit_code == 1 and text in desk.said(run)


def test_a_url_without_the_last_slash_is_not_followed(desk):
    run = upload(desk, desk.mint(), url=desk.url.removesuffix("/"))
    assert run.exit_code == 1 and desk.files == []
    assert (
        "ERROR RedirectDetected: https://127.0.0.1:port/legacy attempted to redirect to https://127.0.0.1:port/legacy/."
        in desk.said(run)
    )


def test_skipping_what_exists_is_refused_for_any_index_but_the_public_ones(desk):
    run = upload(desk, desk.mint(), extra="--skip-existing")
    assert run.exit_code == 1 and desk.asked("twine") == []
    assert "does not have support for the following features: --skip-existing" in desk.said(run)


def test_twine_does_not_try_trusted_publishing_with_this_index(desk):
    run = desk.machine().run(
        [*TWINE.split(), desk.url, f"dist/{desk.BOTH[0]}"]
    )  # with the permission, but no token
    assert run.exit_code == 1 and "Enter your username" in run.log
    assert [event.action for event in desk.lab.events[2:]] == []


# -- id ---------------------------------------------------------------------------------------------------------------


def test_id_finds_githubs_id_token(desk):
    token = desk.run("python -m id pypi").log.strip()
    answer = desk.lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token})
    assert answer.status_code == 200 and desk.last("id-token").ok


def test_id_finds_gitlabs_id_token_in_the_environment(desk):
    run = desk.run("python -m id pypi", GitLabJob())
    assert (run.log, run.exit_code) == ("***\n", 0)  # a secret of the job from the start
    assert "id-token" not in [event.action for event in desk.lab.events]


def test_for_id_any_text_in_github_actions_will_do(desk):
    machine = desk.machine()
    machine.environment["GITHUB_ACTIONS"] = "1"
    assert machine.run("python -m id pypi").log.count(".") == 2


def test_id_finds_nothing_on_a_machine_of_no_known_provider(desk):
    run = desk.run(
        ["python", "-c", "import id; print(id.detect_credential(audience='pypi'))"], GoogleJob()
    )
    assert run.log == "None\n"


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (
            GitHubJob(id_token=False),
            "id.GitHubOidcPermissionCredentialError: GitHub: missing or insufficient OIDC token permissions, "
            "the ACTIONS_ID_TOKEN_REQUEST_TOKEN environment variable was unset",
        ),
        (
            GitLabJob(id_tokens={}),
            "id.AmbientCredentialError: GitLab: Environment variable PYPI_ID_TOKEN not found",
        ),
    ],
    ids=["github", "gitlab"],
)
def test_without_the_permission_id_says_what_is_missing(job, error, desk):
    run = desk.run("python -m id pypi", job)
    assert run.exit_code == 1 and run.log.splitlines()[-1] == error


def test_a_provider_that_is_down(desk):
    desk.lab.github.online = False
    run = desk.run("python -m id pypi")
    assert (
        run.exit_code == 1
        and "id.AmbientCredentialError: GitHub: OIDC token request failed (code=503, " in run.log
    )


def test_with_a_wrong_certificate_authority_id_says_timed_out(desk, foreign_authority):
    machine = desk.machine()
    machine.environment["SSL_CERT_FILE"] = str(foreign_authority)
    run = machine.run("python -m id pypi")
    assert (
        run.exit_code == 1
        and run.log.splitlines()[-1]
        == "id.AmbientCredentialError: GitHub: OIDC token request timed out"
    )


@pytest.mark.parametrize("audience", [["pypi"], "testpypi"])
def test_id_wants_the_audience_it_asked_for_as_a_string(audience, desk, monkeypatch):
    honest = desk.lab.github.id_token(GitHubJob())
    claims = {**IdToken.decode(honest).claims, "aud": audience}
    other = desk.lab.github.id_token(claims)
    monkeypatch.setattr(desk.lab.github, "id_token", lambda *_: other)
    run = desk.run("python -m id pypi")
    assert run.exit_code == 1 and "aud" in run.log.splitlines()[-1]
