"""mint-token, rule by rule: what is answered to which body, and in which order."""

import json

import jwt
import pytest
from support import (
    INDEX,
    JOBS,
    OTHER,
    OTHER_JOB,
    PUBLISHER,
    claims,
    exchange,
    mint,
    now,
    refusal,
    said,
    snapshot,
    upload,
)

from helpers.index import api_tokens, index
from helpers.index.publishers import GitHubPublisher, GitLabPublisher, GooglePublisher
from helpers.lab import Lab
from helpers.oidc.jws import b64url_encode
from helpers.provider.jobs import GitHubJob, GitLabJob

MALFORMED = ("invalid-payload", "malformed JWT")
UNKNOWN_ISSUER = ("invalid-payload", "unknown trusted publishing issuer")
INVALID_TOKEN = ("invalid-token", "malformed or invalid token")
NOT_FOUND = (
    "invalid-publisher",
    "valid token, but no corresponding publisher (Publisher with matching claims was not found)",
)
EXISTS = ("invalid-pending-publisher", "valid token, but project already exists")
REUSED = ("invalid-reuse-token", "invalid token: already used")
JOB = GitHubJob()


@pytest.fixture
def lab():
    return Lab()


def unsigned(payload: bytes, **header) -> str:
    """A token whose signature nobody made."""
    head = json.dumps({"alg": "RS256", "kid": "github-1", **header}).encode()
    return f"{b64url_encode(head)}.{b64url_encode(payload)}.{b64url_encode(b'signature')}"


# -- the answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/_/oidc/mint-token", "/_/oidc/github/mint-token"])
def test_a_good_id_token_is_answered_with_an_api_token_for_900_seconds(lab, path):
    response = exchange(lab, lab.github.id_token(JOB), path)
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer == {"success": True, "token": answer["token"], "expires": now() + 900}
    assert answer["success"] is True and answer["token"].startswith("pypi-AgE")


def test_other_keys_and_the_content_type_do_not_matter(lab):
    body = json.dumps({"token": lab.github.id_token(JOB), "audience": ["x"], "success": False})
    response = lab.http.post(
        f"{INDEX}/_/oidc/mint-token", content=body, headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 200


def test_a_body_without_any_content_type_will_do(lab):
    request = lab.http.build_request(
        "POST",
        f"{INDEX}/_/oidc/mint-token",
        content=json.dumps({"token": lab.github.id_token(JOB)}),
    )
    request.headers.pop("content-type", None)
    assert lab.http.send(request).status_code == 200


@pytest.mark.parametrize(
    "path", ["/_/oidc/mint-token", "/_/oidc/github/mint-token", "/_/oidc/burn-token"]
)
def test_only_post_is_answered(lab, path):
    assert lab.http.get(INDEX + path).status_code == 405


def test_the_audience_is_told(lab):
    response = lab.http.get(f"{INDEX}/_/oidc/audience")
    assert (response.status_code, response.json()) == (200, {"audience": "pypi"})
    assert response.headers["content-type"] == "application/json"


def test_the_audience_is_not_told_when_trusted_publishing_is_switched_off(lab):
    lab.index.disabled.add("oidc")
    response = lab.http.get(f"{INDEX}/_/oidc/audience")
    assert (response.status_code, response.json()) == (
        403,
        {"message": "Trusted publishing functionality not enabled"},
    )
    assert response.headers["content-type"] == "application/json"


def test_the_audience_is_told_when_a_provider_is_switched_off(lab):
    lab.index.disabled.add("github")
    assert lab.http.get(f"{INDEX}/_/oidc/audience").status_code == 200


# -- 1: the body ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "got"),
    [
        (b"", "a body that is not JSON"),
        (b"token=abc", "a body that is not JSON"),
        (b'{"token": "abc"', "a body that is not JSON"),
        (b'{"token": "\xff"}', "a body that is not JSON"),
        (b"[" * 100_000, "a body that is not JSON"),
        (b"1" * 5_000, "a body that is not JSON"),
        ('{"token": "abc"}'.encode("utf-16"), "a body that is not JSON"),
        (b'\xef\xbb\xbf{"token": "abc"}', "a body that is not JSON"),
        (b"[]", "an array"),
        (b'"abc"', "a string"),
        (b"1.5", "a number"),
        (b"NaN", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
        (b"{}", "no 'token'"),
        (b'{"Token": "abc"}', "no 'token'"),
        (b'{"token": null}', "null as 'token'"),
        (b'{"token": 7}', "a number as 'token'"),
        (b'{"token": ["abc"]}', "an array as 'token'"),
        (b'{"token": "abc", "token": {}}', "an object as 'token'"),
    ],
)
def test_a_body_without_a_string_token_is_refused_with_what_was_wrong(lab, body, got):
    response = lab.http.post(f"{INDEX}/_/oidc/mint-token", content=body)
    assert refusal(response) == (
        "invalid-payload",
        f"expected a JSON object with a string 'token', got {got}",
    )


# -- 2 to 4: the peek ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b.c",
        "pypi-AgEIcHlwaS50ZXN0",
        "\ud800.\udfff.",
        unsigned(b"[" * 100_000),
        unsigned(b"[]"),
        unsigned(b"null"),
        unsigned(b"{}"),
        unsigned(b'{"iss": "\xff"}'),
        unsigned(b'{"iss": "https://gitlab.com"}', kid=7),
        unsigned(b'{"iss": "https://gitlab.com"}', kid=None),
        unsigned(
            b'{"iss": "https://gitlab.com"}', crit=["never-heard-of"], **{"never-heard-of": 1}
        ),
        unsigned(b'{"iss": "https://gitlab.com"}').rpartition(".")[0],
        unsigned(b'{"iss": "https://gitlab.com"}') + ".more",
    ],
)
def test_what_cannot_be_decoded_or_has_no_iss_is_a_malformed_jwt(lab, token):
    assert refusal(exchange(lab, token)) == MALFORMED


@pytest.mark.parametrize(
    "iss",
    [
        "https://gitlab.example",
        "https://gitlab.com/",
        "HTTPS://GITLAB.COM",
        "",
        None,
        7,
        ["https://gitlab.com"],
        {},
        True,
    ],
)
def test_an_issuer_nobody_knows_is_unknown_whatever_its_type(lab, iss):
    assert refusal(exchange(lab, unsigned(json.dumps({"iss": iss}).encode()))) == UNKNOWN_ISSUER


@pytest.mark.parametrize("provider", JOBS)
@pytest.mark.parametrize("switch", ["its own", "oidc"])
def test_a_provider_can_be_switched_off(lab, provider, switch):
    job, publisher = JOBS[provider]
    if provider != "github":
        lab.index.add_publisher("octo-rocket", publisher)
    lab.index.disabled.add(provider if switch == "its own" else switch)
    description = f"{provider} trusted publishing functionality not enabled"
    assert refusal(exchange(lab, getattr(lab, provider).id_token(job))) == (
        "not-enabled",
        description,
    )
    lab.index.disabled.clear()
    assert mint(lab, job)


def test_a_provider_switched_off_leaves_the_others_on(lab):
    lab.index.disabled.update({"gitlab", "google", "activestate"})
    assert mint(lab)


def test_the_switch_of_gitlab_does_not_cover_a_self_managed_one_but_the_big_switch_does(lab):
    own = lab.add_issuer("https://gitlab.octo.example")
    publisher = GitLabPublisher(namespace="octo-org", project="rocket", issuer=own.url)
    lab.index.add_publisher("octo-rocket", publisher)
    lab.index.disabled.add("gitlab")
    assert mint(lab, GitLabJob(issuer=own.url))
    lab.index.disabled.add("oidc")
    answer = refusal(exchange(lab, own.id_token(GitLabJob(issuer=own.url))))
    assert answer == ("not-enabled", "gitlab trusted publishing functionality not enabled")


# -- 5: signature and standard claims ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": ["pypi"]}, "aud: "),
        ({"aud": "testpypi"}, "aud: "),
        ({"exp": 0}, "exp: "),
        ({"iat": 2**40}, "iat: "),
        ({"nbf": 2**40}, "nbf: "),
        ({"iat": ...}, "iat: "),
        ({"exp": ...}, "exp: "),
        ({"aud": ...}, "aud: "),
        ({"exp": 10**400}, None),
        ({"exp": "never"}, "token: "),
        ({"exp": float("inf")}, "token: "),
        ({"jti": 7}, "token: "),
        ({"sub": None, "jti": {}}, "token: "),
        ({"sub": ["repo:octo-org/rocket"]}, "token: "),
    ],
)
def test_a_standard_claim_that_fails_gives_one_answer_whose_reason_only_the_log_knows(
    lab, changes, reason
):
    response = exchange(lab, lab.github.id_token(claims(lab.github, **changes)))
    if reason is None:  # an odd way to say "never expires", which a provider may
        assert response.status_code == 200
    else:
        assert refusal(response) == INVALID_TOKEN
        assert lab.index.events[-1].detail.startswith(f"invalid-token: {reason}")


def test_another_providers_signature_is_an_invalid_token(lab):
    assert refusal(exchange(lab, lab.gitlab.id_token(claims(lab.github)))) == INVALID_TOKEN


@pytest.mark.parametrize("header", [{"kid": "made-up"}, {"kid": ""}])
def test_a_key_nobody_has_is_an_invalid_token(lab, header):
    assert refusal(exchange(lab, lab.github.id_token(JOB, header=header))) == INVALID_TOKEN


def test_a_token_without_kid_is_an_invalid_token(lab):
    token = jwt.encode(claims(lab.github), lab.github.signing_key.private_key, algorithm="RS256")
    assert refusal(exchange(lab, token)) == INVALID_TOKEN


def test_a_provider_that_is_down_means_invalid_token(lab):
    token = lab.github.id_token(JOB)
    lab.github.online = False
    assert refusal(exchange(lab, token)) == INVALID_TOKEN


def test_of_two_claims_of_one_name_the_last_counts(lab):
    payload = json.dumps(claims(lab.github, repository=...))[:-1].encode()
    for first, last, code in (
        ("octo-org/comet", "octo-org/rocket", 200),
        ("octo-org/rocket", "octo-org/comet", 422),
    ):
        both = payload + f', "repository": "{first}", "repository": "{last}"}}'.encode()
        key = lab.github.signing_key
        token = jwt.PyJWS().encode(
            both, key.private_key, algorithm="RS256", headers={"kid": key.kid}
        )
        assert exchange(lab, token).status_code == code


def test_claims_nested_as_deep_as_can_be_read_are_refused_like_any_others(lab):
    key, payload = lab.github.signing_key, json.dumps(claims(lab.github, environment=...))[:-1]
    for depth in range(850, 1000):
        nested = f'{payload}, "environment": {"[" * depth}{"]" * depth}}}'.encode()
        token = jwt.PyJWS().encode(
            nested, key.private_key, algorithm="RS256", headers={"kid": key.kid}
        )
        assert refusal(exchange(lab, token)) in (NOT_FOUND, INVALID_TOKEN, MALFORMED)


def test_claims_too_deep_to_look_at_are_an_invalid_token(lab, monkeypatch):
    def too_deep(*_, **__):
        raise RecursionError

    monkeypatch.setattr(index, "trade", too_deep)
    before = snapshot(lab)
    assert refusal(exchange(lab, lab.github.id_token(JOB))) == INVALID_TOKEN
    assert snapshot(lab) == before


# -- 6: pending publishers -----------------------------------------------------------------------------------


def test_a_pending_publisher_creates_its_project_and_becomes_a_normal_publisher(lab):
    lab.index.add_pending_publisher("Octo.Comet", OTHER, owner="bob")
    token = mint(lab, OTHER_JOB)
    project = lab.index.projects["octo-comet"]
    assert (project.name, project.owner, project.files) == ("Octo.Comet", "bob", ())
    assert lab.index.publishers("octo-comet") == [OTHER] and lab.index.pending == []
    assert api_tokens.caveats(token)[1] == [2, [project.id]]
    assert upload(lab, token, name="octo-comet").status_code == 200
    assert mint(lab, OTHER_JOB)  # and again, by the publisher that it has become


def test_a_pending_publisher_that_equals_a_normal_one_becomes_that_one_and_covers_its_projects_too(
    lab,
):
    lab.index.add_pending_publisher("octo-comet", PUBLISHER, owner="alice")
    token = mint(lab)
    ids = [lab.index.projects[name].id for name in ("octo-comet", "octo-rocket")]
    assert api_tokens.caveats(token)[1] == [2, ids]
    assert (
        upload(lab, token, name="octo-comet").status_code
        == upload(lab, token, content=b"b").status_code
        == 200
    )
    lab.index.remove_publisher("octo-comet", PUBLISHER)
    assert lab.index.publishers("octo-rocket") == [PUBLISHER]


def test_other_users_pending_publishers_for_the_name_are_dropped_and_ones_own_are_kept(lab):
    comet = {"owner": "octo-org", "owner_id": "65", "repository": "comet"}
    ours = GitHubPublisher(**comet, workflow="ours.yml")
    theirs = GitHubPublisher(**comet, workflow="theirs.yml")
    elsewhere = GitHubPublisher(**comet, workflow="elsewhere.yml")
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    lab.index.add_pending_publisher("Octo_Comet", ours, owner="alice")
    lab.index.add_pending_publisher("octo.comet", theirs, owner="mallory")
    lab.index.add_pending_publisher("octo-moon", elsewhere, owner="mallory")
    mint(lab, OTHER_JOB)
    assert {each.publisher for each in lab.index.pending} == {ours, elsewhere}


def test_a_pending_publisher_reserves_no_name_and_goes_when_another_user_takes_it(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    lab.index.add_project("Octo.Comet", owner="mallory")
    assert lab.index.pending == [] and lab.index.projects["octo-comet"].owner == "mallory"
    assert refusal(exchange(lab, lab.github.id_token(OTHER_JOB))) == NOT_FOUND


def test_a_pending_publisher_is_dropped_when_it_comes_too_late_for_its_owners_own_project(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    lab.index.add_project("Octo.Comet", owner="alice")
    token = lab.github.id_token(OTHER_JOB)
    assert len(lab.index.pending) == 1 and refusal(exchange(lab, token)) == EXISTS
    assert lab.index.pending == []
    assert (
        refusal(exchange(lab, token)) == NOT_FOUND
    )  # the ID token is not spent, there is nothing left for it to match


def test_a_pending_publisher_comes_before_a_normal_one(lab):
    lab.index.add_pending_publisher("octo-comet", PUBLISHER, owner="alice")
    lab.index.add_project("octo-comet", owner="alice")
    token = lab.github.id_token(JOB)
    assert refusal(exchange(lab, token)) == EXISTS
    assert exchange(lab, token).status_code == 200


@pytest.mark.parametrize(("seconds", "created"), [(-1, True), (0, False), (1, False)])
def test_a_pending_publisher_lapses_after_30_days(lab, seconds, created):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    lab.clock.advance(days=30, seconds=seconds)
    response = exchange(lab, lab.github.id_token(OTHER_JOB))
    assert ("octo-comet" in lab.index.projects) is created is (response.status_code == 200)
    if not created:
        assert refusal(response) == NOT_FOUND and lab.index.pending == []


def test_a_project_that_cannot_be_created_is_an_invalid_payload_and_nothing_is_spent(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    lab.index.new_projects = False
    token, before = lab.github.id_token(OTHER_JOB), snapshot(lab)
    assert refusal(exchange(lab, token)) == (
        "invalid-payload",
        "New project registration temporarily disabled.",
    )
    assert snapshot(lab) == before
    lab.index.new_projects = True
    assert exchange(lab, token).status_code == 200


def test_a_pending_publisher_whose_checks_fail_creates_nothing(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    token = lab.github.id_token(claims(lab.github, OTHER_JOB, event_name="pull_request_target"))
    assert refusal(exchange(lab, token)) == NOT_FOUND
    assert "octo-comet" not in lab.index.projects and len(lab.index.pending) == 1


def test_an_invalid_token_creates_nothing(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    assert (
        refusal(exchange(lab, lab.github.id_token(claims(lab.github, OTHER_JOB, aud="other"))))
        == INVALID_TOKEN
    )
    assert "octo-comet" not in lab.index.projects and len(lab.index.pending) == 1


def test_a_replay_never_creates_a_project(lab):
    token = lab.github.id_token(JOB)
    assert exchange(lab, token).status_code == 200
    lab.index.add_pending_publisher("octo-comet", PUBLISHER, owner="alice")
    before = snapshot(lab)
    assert refusal(exchange(lab, token)) == REUSED
    assert (
        snapshot(lab) == before
        and "octo-comet" not in lab.index.projects
        and len(lab.index.pending) == 1
    )


@pytest.mark.parametrize("provider", JOBS)
def test_publishers_of_every_provider_can_be_pending(lab, provider):
    job, publisher = JOBS[provider]
    lab.index.add_pending_publisher("octo-comet", publisher, owner="alice")
    mint(lab, job)
    assert publisher in lab.index.publishers("octo-comet")


# -- 7: publishers -------------------------------------------------------------------------------------------


def test_no_publisher_at_all_is_an_invalid_publisher(lab):
    assert refusal(exchange(lab, lab.google.id_token(JOBS["google"][0]))) == NOT_FOUND


def test_a_check_that_fails_says_which(lab):
    token = lab.github.id_token(claims(lab.github, event_name="pull_request_target"))
    reason = "Publishing from a workflow invoked via 'pull_request_target' is not supported."
    expected = ("invalid-publisher", f"valid token, but no corresponding publisher ({reason})")
    assert refusal(exchange(lab, token)) == expected


def test_a_publisher_of_another_issuer_does_not_match(lab):
    own = lab.add_issuer("https://gitlab.octo.example")
    lab.index.add_publisher("octo-rocket", GitLabPublisher(namespace="octo-org", project="rocket"))
    job = GitLabJob(issuer=own.url)
    assert refusal(exchange(lab, own.id_token(job))) == NOT_FOUND


def test_the_publisher_bound_to_the_environment_is_preferred(lab):
    anywhere = GitHubPublisher(
        owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml"
    )
    lab.index.add_project("octo-anywhere", owner="alice")
    lab.index.add_publisher("octo-anywhere", anywhere)
    assert api_tokens.caveats(mint(lab))[1] == [2, [lab.index.projects["octo-rocket"].id]]
    assert api_tokens.caveats(mint(lab, GitHubJob(environment="")))[1] == [
        2,
        [lab.index.projects["octo-anywhere"].id],
    ]


# -- 8: once -------------------------------------------------------------------------------------------------


def test_an_id_token_can_be_exchanged_once(lab):
    token = lab.github.id_token(JOB)
    assert exchange(lab, token).status_code == 200
    assert refusal(exchange(lab, token)) == REUSED == refusal(exchange(lab, token))


def test_a_jti_counts_not_the_token(lab):
    first = lab.github.id_token(claims(lab.github, jti="one"))
    second = lab.github.id_token(claims(lab.github, jti="one", run_number="11"))
    assert exchange(lab, first).status_code == 200
    assert refusal(exchange(lab, second)) == REUSED


def test_a_jti_is_remembered_for_its_own_issuer_only(lab):
    lab.index.add_publisher("octo-rocket", JOBS["gitlab"][1])
    assert exchange(lab, lab.github.id_token(claims(lab.github, jti="one"))).status_code == 200
    assert exchange(lab, lab.gitlab.id_token(claims(lab.gitlab, jti="one"))).status_code == 200


def test_a_refused_exchange_does_not_spend_the_id_token(lab):
    token = lab.github.id_token(OTHER_JOB)
    assert refusal(exchange(lab, token)) == NOT_FOUND
    lab.index.add_publisher("octo-rocket", OTHER)
    assert exchange(lab, token).status_code == 200


@pytest.mark.parametrize(("after", "code"), [(0, 422), (34, 422), (35, 200)])
def test_a_jti_is_remembered_until_35_seconds_after_the_token_has_expired(lab, after, code):
    first = claims(lab.github, jti="one")
    assert exchange(lab, lab.github.id_token(first)).status_code == 200
    lab.clock.advance(seconds=first["exp"] - now() + after)
    response = exchange(lab, lab.github.id_token(claims(lab.github, jti="one")))
    assert response.status_code == code and (code == 200 or refusal(response) == REUSED)


def test_a_replay_inside_the_leeway_is_still_a_replay(lab):
    token = lab.github.id_token(JOB)
    assert exchange(lab, token).status_code == 200
    lab.clock.advance(seconds=300 + 29)
    assert refusal(exchange(lab, token)) == REUSED
    lab.clock.advance(seconds=1)
    assert refusal(exchange(lab, token)) == INVALID_TOKEN


@pytest.mark.parametrize("provider", ["google", "activestate"])
def test_a_token_without_jti_can_be_exchanged_until_it_expires(lab, provider):
    job, publisher = JOBS[provider]
    lab.index.add_publisher("octo-rocket", publisher)
    token = getattr(lab, provider).id_token(job)
    assert exchange(lab, token).status_code == 200 == exchange(lab, token).status_code
    lab.clock.advance(seconds=3600 + 30)
    assert refusal(exchange(lab, token)) == INVALID_TOKEN


def test_where_no_jti_is_required_one_that_is_there_counts(lab):
    lab.index.add_publisher("octo-rocket", GooglePublisher(email="release@octo.example"))
    token = lab.google.id_token(claims(lab.google, jti="one"))
    assert exchange(lab, token).status_code == 200
    assert refusal(exchange(lab, token)) == REUSED


# -- 9: the API token ----------------------------------------------------------------------------------------


def test_the_api_token_names_publisher_projects_and_times_in_that_order(lab):
    token = mint(lab)
    publisher, projects, expiry = api_tokens.caveats(token)
    assert publisher[0] == 4 and isinstance(publisher[1], str) and publisher[2] is None
    assert projects == [2, [lab.index.projects["octo-rocket"].id]]
    assert expiry == [0, now() + 900, now()]


def test_the_api_token_works_for_900_seconds_and_no_longer(lab):
    token = mint(lab)
    lab.clock.advance(seconds=899)
    assert upload(lab, token).status_code == 200
    lab.clock.advance(seconds=1)
    assert said(upload(lab, token, version="2.0")) == (403, "Invalid API Token: token is expired")


def test_the_api_token_covers_every_project_of_the_publisher(lab):
    lab.index.add_project("octo-comet", owner="alice")
    lab.index.add_publisher("octo-comet", PUBLISHER)
    token = mint(lab)
    assert (
        upload(lab, token).status_code
        == upload(lab, token, name="octo-comet", content=b"b").status_code
        == 200
    )


def test_projects_added_to_the_publisher_after_minting_are_not_covered(lab):
    lab.index.add_project("octo-comet", owner="alice")
    token = mint(lab)
    lab.index.add_publisher("octo-comet", PUBLISHER)
    refused = "Invalid API Token: project-scoped token is not valid for project: 'octo-comet'"
    assert said(upload(lab, token, name="octo-comet")) == (403, refused)


def test_the_api_token_dies_for_the_project_that_its_publisher_is_removed_from(lab):
    lab.index.add_project("octo-comet", owner="alice")
    lab.index.add_publisher("octo-comet", PUBLISHER)
    token = mint(lab)
    lab.index.remove_publisher("octo-comet", PUBLISHER)
    refused = "Invalid API Token: OIDC scoped token is not valid for project 'octo-comet'"
    assert said(upload(lab, token, name="octo-comet")) == (403, refused)
    assert upload(lab, token).status_code == 200


def test_the_api_token_dies_with_its_publishers_last_project(lab):
    token = mint(lab)
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    assert said(upload(lab, token))[1].startswith(
        "Invalid or non-existent authentication information."
    )
    lab.index.add_publisher("octo-rocket", PUBLISHER)  # the same again is another publisher
    assert upload(lab, token).status_code == 403


# -- the order -----------------------------------------------------------------------------------------------


def test_refusals_come_in_the_documented_order(lab):
    """One request with everything wrong at once, mended one thing at a time."""
    wrong = {
        "iss": "https://nobody.example",
        "aud": ["pypi"],
        "repository": "octo-org/comet",
        "jti": "spent",
    }
    assert exchange(lab, lab.github.id_token(claims(lab.github, jti="spent"))).status_code == 200
    lab.index.add_pending_publisher("octo-moon", OTHER, owner="alice")
    lab.index.add_project("octo-moon", owner="alice")
    lab.index.disabled.add("oidc")

    def answer():
        return refusal(exchange(lab, lab.github.id_token(claims(lab.github, OTHER_JOB, **wrong))))

    assert answer() == UNKNOWN_ISSUER
    del wrong["iss"]
    assert answer() == ("not-enabled", "github trusted publishing functionality not enabled")
    lab.index.disabled.clear()
    assert answer() == INVALID_TOKEN
    del wrong["aud"]
    assert answer() == EXISTS
    assert answer() == NOT_FOUND
    lab.index.add_publisher("octo-rocket", OTHER)
    assert answer() == REUSED
    wrong["jti"] = "fresh"
    assert (
        exchange(lab, lab.github.id_token(claims(lab.github, OTHER_JOB, **wrong))).status_code
        == 200
    )


def test_a_publisher_that_is_gone_is_told_before_a_replay(lab):
    token = lab.github.id_token(JOB)
    assert exchange(lab, token).status_code == 200
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    assert refusal(exchange(lab, token)) == NOT_FOUND


# -- the log -------------------------------------------------------------------------------------------------


def test_the_log_says_what_was_granted_to_whom(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="bob")
    token = mint(lab, OTHER_JOB)
    created, granted = lab.index.events[-2:]
    assert (created.action, created.actor, created.project) == (
        "create project",
        "bob",
        "octo-comet",
    )
    assert (granted.action, granted.actor, granted.ok) == ("mint-token", "octo-org/comet", True)
    identifier = api_tokens.identifier(token)
    assert (
        granted.detail == f"token {identifier[:8]} for octo-comet, 15 minutes"
        and identifier not in granted.detail
    )


def test_the_log_says_why_an_exchange_was_refused(lab):
    exchange(lab, lab.github.id_token(claims(lab.github, aud=["pypi"])))
    event = lab.index.events[-1]
    assert (event.action, event.ok) == ("mint-token", False)
    assert event.detail == "invalid-token: aud: expected the single string 'pypi', got ['pypi']"
