"""An identity provider: its documents, its tokens, its keys coming and going, and who gets a token."""

import httpx
import jwt
import pytest

from helpers.index.publishers import ISSUERS
from helpers.lab import LAB_DAY, Lab
from helpers.oidc.jws import IdToken
from helpers.provider.issuer import ProviderOffline
from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

NOW = int(LAB_DAY.timestamp())
JOBS = {
    "github": GitHubJob(),
    "gitlab": GitLabJob(),
    "google": GoogleJob(),
    "activestate": ActiveStateJob(),
}
providers = pytest.mark.parametrize("provider", JOBS)


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def discovery(lab, issuer):
    return lab.http.get(f"{issuer.url}/.well-known/openid-configuration")


# -- documents


@providers
def test_the_discovery_document_says_what_openid_connect_wants_said(lab, provider):
    issuer = getattr(lab, provider)
    document = discovery(lab, issuer).json()
    assert document["issuer"] == issuer.url == ISSUERS[provider]
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document["jwks_uri"].startswith(issuer.url)
    assert document["subject_types_supported"] == ["public", "pairwise"]
    assert document["response_types_supported"] == ["id_token"]


@providers
def test_the_discovery_document_lists_every_claim_of_a_token(lab, provider):
    issuer = getattr(lab, provider)
    supported = set(discovery(lab, issuer).json()["claims_supported"])
    named = {"github", "gitlab"}
    assert (
        provider not in named
        or set(IdToken.decode(issuer.id_token(JOBS[provider])).claims) <= supported
    )
    assert {"iss", "sub", "aud", "iat", "exp"} <= supported


@providers
def test_the_jwks_shows_public_keys_and_no_private_member(lab, provider):
    issuer = getattr(lab, provider)
    [key] = lab.http.get(discovery(lab, issuer).json()["jwks_uri"]).json()["keys"]
    assert set(key) == {"kty", "kid", "use", "alg", "x5t", "x5c", "n", "e"}


# -- tokens


@providers
def test_a_token_is_signed_with_a_published_key_for_the_audience_asked_for(lab, provider):
    issuer = getattr(lab, provider)
    token = issuer.id_token(JOBS[provider], audience="somebody")
    claims = jwt.decode(
        token, jwt.PyJWK(issuer.jwks["keys"][0]), algorithms=["RS256"], audience="somebody"
    )
    assert claims["iss"] == issuer.url


@providers
def test_the_times_are_those_of_the_provider(lab, provider):
    job = JOBS[provider]
    claims = IdToken.decode(getattr(lab, provider).id_token(job)).claims
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + job.lifetime)
    assert claims.get("nbf") == (None if job.nbf_lead is None else NOW - job.nbf_lead)
    assert ("jti" in claims) is (provider in ("github", "gitlab"))


def test_a_github_token_has_the_claims_and_the_header_of_a_real_one(lab):
    token = IdToken.decode(lab.github.id_token(GitHubJob()))
    assert set(token.header) == {"alg", "kid", "typ", "x5t"}
    assert (token.header["alg"], token.header["typ"]) == ("RS256", "JWT")
    assert set(token.claims) == set(GitHubJob().claims()) | {
        "aud",
        "exp",
        "iat",
        "iss",
        "jti",
        "nbf",
    }
    numbers = {name for name, value in token.claims.items() if not isinstance(value, str)}
    assert numbers == {"exp", "iat", "nbf"}


@pytest.mark.parametrize("provider", ["gitlab", "google"])
def test_gitlab_and_google_name_no_certificate_in_the_header(lab, provider):
    assert set(IdToken.decode(getattr(lab, provider).id_token(JOBS[provider])).header) == {
        "alg",
        "kid",
        "typ",
    }


def test_no_two_tokens_have_the_same_jti_and_every_lab_gives_the_same_ones(lab):
    first = [IdToken.decode(lab.github.id_token(GitHubJob())).claims["jti"] for _ in range(3)]
    assert len(set(first)) == 3
    with Lab() as again:
        assert [
            IdToken.decode(again.github.id_token(GitHubJob())).claims["jti"] for _ in range(3)
        ] == first


def test_a_dict_is_signed_exactly_as_it_is_with_nothing_added(lab):
    claims = {"b": [1, {"a": None}], "exp": "never"}
    token = IdToken.decode(lab.github.id_token(claims, header={"kid": "other", "x": 1}))
    assert token.claims == claims
    assert (token.header["kid"], token.header["x"]) == ("other", 1)


def test_a_job_of_another_provider_is_a_value_error(lab):
    with pytest.raises(ValueError, match="expected a job of gitlab, got a GitHubJob"):
        lab.gitlab.id_token(GitHubJob())


# -- keys come and go


def published(issuer):
    return [key["kid"] for key in issuer.jwks["keys"]]


def signed_with(issuer):
    return IdToken.decode(issuer.id_token({})).header["kid"]


def test_rotation_publishes_a_new_key_beside_the_old_one_and_signs_with_it(lab):
    assert (published(lab.github), signed_with(lab.github)) == (["github-1"], "github-1")
    lab.github.rotate()
    assert (published(lab.github), signed_with(lab.github)) == (
        ["github-1", "github-2"],
        "github-2",
    )
    lab.github.retire()
    assert (published(lab.github), signed_with(lab.github)) == (["github-2"], "github-2")


def test_a_third_key_needs_the_first_to_be_retired(lab):
    lab.github.rotate()
    with pytest.raises(RuntimeError, match="retire"):
        lab.github.rotate()
    lab.github.retire()
    lab.github.rotate()
    assert published(lab.github) == ["github-2", "github-1"]


# -- the off switch


def test_a_provider_that_is_down_answers_nobody_and_comes_back(lab):
    lab.github.online = False
    with pytest.raises(ProviderOffline, match="online = False"):
        lab.github.id_token(GitHubJob())
    with pytest.raises(httpx.ConnectError, match="does not answer"):
        discovery(lab, lab.github)
    assert discovery(lab, lab.gitlab).status_code == 200
    lab.github.online = True
    assert discovery(lab, lab.github).status_code == 200


# -- GitHub's way to an ID token


def ask(lab, environment, audience="&audience=pypi", scheme="bearer"):
    headers = {"Authorization": f"{scheme} {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    return lab.http.get(environment["ACTIONS_ID_TOKEN_REQUEST_URL"] + audience, headers=headers)


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
def test_a_job_with_the_permission_gets_its_token_for_the_audience_it_names(lab, scheme):
    environment = lab.github.job_environment(GitHubJob())
    assert "?" in environment["ACTIONS_ID_TOKEN_REQUEST_URL"]
    answer = ask(lab, environment, scheme=scheme)
    assert answer.status_code == 200 and set(answer.json()) == {"count", "value"}
    claims = IdToken.decode(answer.json()["value"]).claims
    assert (claims["aud"], claims["repository"]) == ("pypi", "octo-org/rocket")
    assert answer.json()["count"] == len(answer.json()["value"])


def test_without_an_audience_the_token_is_for_the_repositorys_owner(lab):
    answer = ask(lab, lab.github.job_environment(GitHubJob()), audience="")
    assert IdToken.decode(answer.json()["value"]).claims["aud"] == "https://github.com/octo-org"


@pytest.mark.parametrize(
    "job",
    [
        GitHubJob(id_token=False),
        GitHubJob(from_fork=True),
        GitHubJob(id_token=False, from_fork=True),
    ],
)
def test_without_the_permission_or_from_a_fork_neither_variable_exists(lab, job):
    environment = lab.github.job_environment(job)
    assert environment["GITHUB_ACTIONS"] == "true"
    assert not any(name.startswith("ACTIONS_ID_TOKEN_REQUEST") for name in environment)


@pytest.mark.parametrize(
    "authorization",
    ["", "bearer", "bearer wrong", "Basic abc", "bearer é", "token {}", "bearer {}x"],
)
def test_whoever_has_no_request_token_gets_none(lab, authorization):
    environment = lab.github.job_environment(GitHubJob())
    header = authorization.replace("{}", environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]).encode()
    answer = lab.http.get(
        environment["ACTIONS_ID_TOKEN_REQUEST_URL"], headers={b"Authorization": header}
    )
    assert answer.status_code == 401 and "value" not in answer.json()


def test_one_jobs_request_token_is_nothing_at_another_jobs_url(lab):
    one, two = (
        lab.github.job_environment(GitHubJob()),
        lab.github.job_environment(GitHubJob(repository="octo-org/other")),
    )
    mixed = one | {"ACTIONS_ID_TOKEN_REQUEST_URL": two["ACTIONS_ID_TOKEN_REQUEST_URL"]}
    assert ask(lab, mixed).status_code == 401
    assert ask(lab, two).status_code == 200


def test_a_run_that_there_is_not_has_no_token(lab):
    assert (
        lab.http.get(
            f"{lab.github.url}/idtoken/99?x=1", headers={"Authorization": "bearer "}
        ).status_code
        == 401
    )


def test_each_asking_gives_a_token_of_its_own(lab):
    environment = lab.github.job_environment(GitHubJob())
    one, two = (
        IdToken.decode(ask(lab, environment).json()["value"]).claims["jti"] for _ in range(2)
    )
    assert one != two


# -- GitLab's way


def test_a_gitlab_job_finds_the_tokens_that_its_file_asks_for(lab):
    environment = lab.gitlab.job_environment(
        GitLabJob(id_tokens={"PYPI_ID_TOKEN": "pypi", "VAULT": "https://vault.example"})
    )
    assert IdToken.decode(environment["PYPI_ID_TOKEN"]).claims["aud"] == "pypi"
    assert IdToken.decode(environment["VAULT"]).claims["aud"] == "https://vault.example"


def test_a_gitlab_job_that_does_not_ask_finds_none(lab):
    assert not any(
        value.count(".") == 2
        for value in lab.gitlab.job_environment(GitLabJob(id_tokens={})).values()
    )


def test_a_self_managed_gitlab_signs_with_keys_of_its_own(lab):
    own = lab.add_issuer("https://git.octo.example")
    token = IdToken.decode(own.id_token(GitLabJob(issuer=own.url)))
    assert token.claims["iss"] == "https://git.octo.example"
    assert token.header["kid"] == "self-managed-1"
    assert discovery(lab, own).json()["issuer"] == "https://git.octo.example"


# -- how long a request token lives -----------------------------------------------------------------------------------


def status(lab, environment, audience: str = "pypi") -> int:
    """The status of a request for an ID token."""
    url, token = (environment[f"ACTIONS_ID_TOKEN_REQUEST_{name}"] for name in ("URL", "TOKEN"))
    headers = {"Authorization": f"bearer {token}"}
    return lab.http.get(f"{url}&audience={audience}", headers=headers).status_code


def test_a_request_token_works_again_and_again_and_for_any_audience_for_six_hours(lab):
    environment = lab.github.job_environment(GitHubJob())
    for audience in ("pypi", "pypi", "testpypi", "sigstore"):
        assert status(lab, environment, audience) == 200
    lab.clock.advance(hours=6, seconds=-1)
    assert status(lab, environment) == 200
    lab.clock.advance(seconds=1)
    assert status(lab, environment) == 401


def test_a_request_token_dies_with_its_job_and_with_no_other(lab):
    with lab.serve() as live:
        first, second = live.runner(GitHubJob()), live.runner(GitHubJob())
        first.run("python -m id pypi")
        environments = [
            {
                name: value.replace(f"{live.url}/github", lab.github.url)
                for name, value in each.environment.items()
            }
            for each in (first, second)
        ]
        assert [status(lab, each) for each in environments] == [200, 200]
        first.close()
        assert [status(lab, each) for each in environments] == [401, 200]
    assert [status(lab, each) for each in environments] == [401, 401]


def test_a_machine_that_is_used_again_is_no_hosted_one(tmp_path):
    job = GitHubJob(runner_environment="self-hosted")
    with Lab() as lab, lab.serve() as live:
        live.runner(job, home=tmp_path)
        assert (
            IdToken.decode(lab.github.id_token(job)).claims["runner_environment"] == "self-hosted"
        )
        with pytest.raises(ValueError, match="self-hosted"):
            live.runner(GitHubJob(), home=tmp_path)
