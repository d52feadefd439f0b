"""Who may publish: every rule of the four kinds of trusted publisher, as a table and over the wire."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.index.claim_checks import ClaimCheck, shown
from helpers.index.publishers import (
    ISSUERS,
    NOT_FOUND,
    ActiveStatePublisher,
    GitHubPublisher,
    GitLabPublisher,
    GooglePublisher,
    match,
    pipeline_path,
    workflow_filename,
)
from helpers.lab import Lab
from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

GITHUB = GitHubPublisher(
    owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml", environment="pypi"
)
GITLAB = GitLabPublisher(namespace="octo-org/tools", project="rocket", environment="release")
GOOGLE = GooglePublisher(email="release@octo.example", subject="111")
ACTIVESTATE = ActiveStatePublisher(organization="octo-org", project="rocket", actor_id="7c2c")
JOBS = {
    "github": GitHubJob(),
    "gitlab": GitLabJob(namespace="octo-org/tools", environment="release"),
    "google": GoogleJob(subject="111"),
    "activestate": ActiveStateJob(actor_id="7c2c"),
}
PUBLISHERS = {"github": GITHUB, "gitlab": GITLAB, "google": GOOGLE, "activestate": ACTIVESTATE}
MISSING = object()
NUMBERED = ("github", "gitlab")
SHA = JOBS["github"].claims()["sha"]
GITLAB_SHA = JOBS["gitlab"].claims()["sha"]
WORKFLOW = "octo-org/rocket/.github/workflows/release.yml"
PIPELINE = "gitlab.com/octo-org/tools/rocket//.gitlab-ci.yml"


@pytest.fixture
def lab():
    with Lab() as lab:
        lab.index.remove_publisher("octo-rocket", GITHUB)
        yield lab


def claims_of(provider, **changes):
    """The claims of a verified token of the provider's job, some of them changed or missing."""
    jti = {"jti": "one"} if provider in NUMBERED else {}
    claims = JOBS[provider].claims() | {"iss": ISSUERS[provider]} | jti | changes
    return {name: value for name, value in claims.items() if value is not MISSING}


def wire(lab, provider, claims):
    """What mint-token says of a token with these claims: "minted", or its code and description."""
    now = int(lab.clock.now().timestamp())
    token = getattr(lab, provider).id_token({"aud": "pypi", "iat": now, "exp": now + 300} | claims)
    answer = lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token})
    if answer.status_code == 200:
        return "minted"
    [error] = answer.json()["errors"]
    return f"{error['code']}: {error['description']}"


def missing(claim):
    return f"Missing claim {claim!r}"


def failed(claim):
    return f"Check failed for required claim {claim!r}"


def workflow_mismatch(got, *refs):
    expected = sorted(f"{WORKFLOW}@{ref}" for ref in refs)
    return f"The job_workflow_ref claim does not match, expecting one of {expected!r}, got {got!r}"


def pipeline_mismatch(got, *refs):
    expected = sorted(f"{PIPELINE}@{ref}" for ref in refs)
    return f"The ci_config_ref_uri claim does not match, expecting one of {expected!r}, got {got!r}"


NO_WORKFLOW = "Could not job extract workflow filename from OIDC claims"
NO_PIPELINE = "Could not extract workflow filename from OIDC claims"
MAIN = "refs/heads/main"
PULL_REQUEST_TARGET = (
    "Publishing from a workflow invoked via 'pull_request_target' is not supported."
)

# provider, changed claims, reason ("" where it will do)
CASES = [
    # GitHub: the lookup
    ("github", {}, ""),
    *(
        ("github", {claim: absent}, missing(claim))
        for claim in GITHUB.required
        for absent in (MISSING, None)
    ),
    ("github", {"repository": "octo-org/other"}, NOT_FOUND),
    ("github", {"repository": "Octo-Org/rocket"}, NOT_FOUND),
    ("github", {"repository": "octo-org/Rocket"}, NOT_FOUND),
    ("github", {"repository": "rocket"}, NOT_FOUND),
    ("github", {"repository": ""}, NOT_FOUND),
    ("github", {"repository": 7}, NOT_FOUND),
    ("github", {"repository": ["octo-org/rocket"]}, NOT_FOUND),
    ("github", {"repository_owner_id": "66"}, NOT_FOUND),
    ("github", {"repository_owner_id": 65}, NOT_FOUND),
    ("github", {"repository_owner_id": "065"}, NOT_FOUND),
    (
        "github",
        {"job_workflow_ref": f"octo-org/rocket/.github/workflows/other.yml@{MAIN}"},
        NOT_FOUND,
    ),
    (
        "github",
        {"job_workflow_ref": f"octo-org/rocket/.github/workflows/Release.yml@{MAIN}"},
        NOT_FOUND,
    ),
    (
        "github",
        {"job_workflow_ref": f"octo-org/rocket/.github/workflows/release.yaml@{MAIN}"},
        NOT_FOUND,
    ),
    ("github", {"job_workflow_ref": "octo-org/rocket"}, NO_WORKFLOW),
    ("github", {"job_workflow_ref": ""}, NO_WORKFLOW),
    ("github", {"job_workflow_ref": 7}, NO_WORKFLOW),
    ("github", {"job_workflow_ref": {}}, NO_WORKFLOW),
    ("github", {"environment": MISSING}, NOT_FOUND),
    ("github", {"environment": None}, NOT_FOUND),
    ("github", {"environment": ""}, NOT_FOUND),
    ("github", {"environment": "testpypi"}, NOT_FOUND),
    ("github", {"environment": 7}, NOT_FOUND),
    ("github", {"environment": "PyPI"}, ""),
    # GitHub: the checks that follow
    ("github", {"repository_owner": "somebody"}, failed("repository_owner")),
    ("github", {"repository_owner": "Octo-Org"}, failed("repository_owner")),
    ("github", {"repository_owner": 7}, failed("repository_owner")),
    (
        "github",
        {"job_workflow_ref": f"{WORKFLOW}@refs/heads/x"},
        workflow_mismatch(f"{WORKFLOW}@refs/heads/x", MAIN, SHA),
    ),
    (
        "github",
        {"job_workflow_ref": f"octo-org/shared/.github/workflows/release.yml@{MAIN}"},
        workflow_mismatch(f"octo-org/shared/.github/workflows/release.yml@{MAIN}", MAIN, SHA),
    ),
    ("github", {"job_workflow_ref": f"{WORKFLOW}@{SHA}"}, ""),
    ("github", {"job_workflow_ref": f"{WORKFLOW}@{SHA}", "ref": ""}, ""),
    ("github", {"ref": "", "sha": ""}, "The ref and sha claims are empty"),
    (
        "github",
        {"ref": "refs/heads/x"},
        workflow_mismatch(f"{WORKFLOW}@{MAIN}", "refs/heads/x", SHA),
    ),
    ("github", {"ref": 7}, workflow_mismatch(f"{WORKFLOW}@{MAIN}", SHA)),
    ("github", {"sha": 7}, failed("sha")),
    ("github", {"sha": "anything"}, ""),
    ("github", {"event_name": "pull_request_target"}, PULL_REQUEST_TARGET),
    ("github", {"event_name": 7}, failed("event_name")),
    ("github", {"event_name": "workflow_dispatch"}, ""),
    ("github", {"jti": 7}, failed("jti")),
    # GitHub: what nobody looks at
    ("github", {"sub": "repo:somebody/else:ref:refs/heads/main"}, ""),
    ("github", {"sub": MISSING}, ""),
    (
        "github",
        {
            "repository_id": "1",
            "actor": "mallory",
            "workflow_ref": "x",
            "runner_environment": "self-hosted",
        },
        "",
    ),
    ("github", {"repo_property_x": "y", "never_heard_of": [1, {}]}, ""),
    # GitLab: the lookup
    ("gitlab", {}, ""),
    *(
        ("gitlab", {claim: absent}, missing(claim))
        for claim in GITLAB.required
        for absent in (MISSING, None)
    ),
    ("gitlab", {"project_path": "octo-org/tools/other"}, NOT_FOUND),
    ("gitlab", {"project_path": "octo-org/rocket"}, NOT_FOUND),
    ("gitlab", {"project_path": "rocket"}, NOT_FOUND),
    ("gitlab", {"project_path": ""}, NOT_FOUND),
    ("gitlab", {"project_path": 7}, NOT_FOUND),
    ("gitlab", {"project_path": "Octo-Org/TOOLS/Rocket"}, ""),
    (
        "gitlab",
        {"ci_config_ref_uri": f"gitlab.com/octo-org/tools/rocket//ci/.gitlab-ci.yml@{MAIN}"},
        NOT_FOUND,
    ),
    (
        "gitlab",
        {"ci_config_ref_uri": f"gitlab.com/octo-org/tools/rocket/.gitlab-ci.yml@{MAIN}"},
        NO_PIPELINE,
    ),
    ("gitlab", {"ci_config_ref_uri": ""}, NO_PIPELINE),
    ("gitlab", {"ci_config_ref_uri": 7}, NO_PIPELINE),
    ("gitlab", {"environment": MISSING}, NOT_FOUND),
    ("gitlab", {"environment": None}, NOT_FOUND),
    ("gitlab", {"environment": "Release"}, NOT_FOUND),
    ("gitlab", {"environment": 7}, NOT_FOUND),
    # GitLab: the checks that follow
    (
        "gitlab",
        {"sub": "project_path:octo-org/tools/other:ref_type:branch:ref:main"},
        failed("sub"),
    ),
    ("gitlab", {"sub": "octo-org/tools/rocket:ref_type:branch"}, failed("sub")),
    ("gitlab", {"sub": "project_path"}, failed("sub")),
    ("gitlab", {"sub": ""}, failed("sub")),
    ("gitlab", {"sub": 7}, failed("sub")),
    ("gitlab", {"sub": "project_path:octo-org/tools/rocket"}, ""),
    ("gitlab", {"sub": "PROJECT_PATH:Octo-Org/Tools/ROCKET:what:ever"}, ""),
    (
        "gitlab",
        {"ci_config_ref_uri": f"{PIPELINE}@x"},
        pipeline_mismatch(f"{PIPELINE}@x", MAIN, GITLAB_SHA),
    ),
    (
        "gitlab",
        {"ci_config_ref_uri": f"{PIPELINE.replace('octo', 'Octo')}@{MAIN}"},
        pipeline_mismatch(f"{PIPELINE.replace('octo', 'Octo')}@{MAIN}", MAIN, GITLAB_SHA),
    ),
    (
        "gitlab",
        {"ci_config_ref_uri": f"{PIPELINE.replace('gitlab.com', 'evil.example')}@{MAIN}"},
        pipeline_mismatch(
            f"{PIPELINE.replace('gitlab.com', 'evil.example')}@{MAIN}", MAIN, GITLAB_SHA
        ),
    ),
    ("gitlab", {"ci_config_ref_uri": f"{PIPELINE}@{GITLAB_SHA}"}, ""),
    ("gitlab", {"ref_path": ""}, "The ref_path and sha claims are empty"),
    ("gitlab", {"sha": ""}, "The ref_path and sha claims are empty"),
    ("gitlab", {"ref_path": 7}, pipeline_mismatch(f"{PIPELINE}@{MAIN}", GITLAB_SHA)),
    ("gitlab", {"sha": 7}, failed("sha")),
    ("gitlab", {"jti": 7}, failed("jti")),
    # GitLab: no id is compared, so nothing protects against a resurrected name
    ("gitlab", {"project_id": "1", "namespace_id": "2", "user_id": "3"}, ""),
    # Google
    ("google", {}, ""),
    *(
        ("google", {claim: absent}, missing(claim))
        for claim in GOOGLE.required
        for absent in (MISSING, None)
    ),
    ("google", {"email": "other@octo.example"}, NOT_FOUND),
    ("google", {"email": "Release@octo.example"}, NOT_FOUND),
    ("google", {"email": 7}, NOT_FOUND),
    ("google", {"sub": "112"}, NOT_FOUND),
    ("google", {"sub": MISSING}, NOT_FOUND),
    ("google", {"sub": None}, NOT_FOUND),
    ("google", {"sub": 111}, NOT_FOUND),
    ("google", {"email_verified": False}, failed("email_verified")),
    ("google", {"email_verified": "true"}, failed("email_verified")),
    ("google", {"email_verified": 1}, failed("email_verified")),
    ("google", {"email_verified": [True]}, failed("email_verified")),
    ("google", {"azp": "somebody"}, ""),
    # ActiveState
    ("activestate", {}, ""),
    *(
        ("activestate", {claim: absent}, missing(claim))
        for claim in ACTIVESTATE.required
        for absent in (MISSING, None)
    ),
    *(
        ("activestate", {claim: wrong}, NOT_FOUND)
        for claim in ("organization", "project", "actor_id")
        for wrong in ("Octo-Org", "", 7, ["rocket"])
    ),
    ("activestate", {"builder": "somebody"}, failed("builder")),
    ("activestate", {"builder": True}, failed("builder")),
    ("activestate", {"sub": ""}, "Missing 'subject' claim"),
    ("activestate", {"sub": "org:octo-org:project"}, "Invalid 'subject' claim. Wrong format"),
    ("activestate", {"sub": "org:octo-org:project:other"}, "Invalid 'subject' claim"),
    ("activestate", {"sub": "org:octo-org:Project:rocket"}, "Invalid 'subject' claim"),
    ("activestate", {"sub": "org:octo-org:project:rocket:and:more"}, ""),
    ("activestate", {"sub": 7}, "Invalid 'subject' claim. Wrong format"),
    ("activestate", {"actor": "somebody", "project_id": "x"}, ""),
]


def case_name(value):
    if isinstance(value, dict):
        return (
            ",".join(
                f"{name}={'missing' if each is MISSING else repr(each)[:30]}"
                for name, each in value.items()
            )
            or "as is"
        )
    return value if value in PUBLISHERS else ""


cases = pytest.mark.parametrize(("provider", "changes", "reason"), CASES, ids=case_name)


@cases
def test_each_claim_wrong_in_turn_has_its_reason(provider, changes, reason):
    publisher = PUBLISHERS[provider]
    assert match(provider, [publisher], claims_of(provider, **changes)) == (
        None if reason else publisher,
        reason,
    )


@cases
def test_each_claim_wrong_in_turn_is_refused_over_the_wire_in_these_words(
    lab, provider, changes, reason
):
    lab.index.add_publisher("octo-rocket", PUBLISHERS[provider])
    expected = (
        f"invalid-publisher: valid token, but no corresponding publisher ({reason})"
        if reason
        else "minted"
    )
    changed_type = {name for name in ("sub", "jti") if not isinstance(changes.get(name, ""), str)}
    if changed_type and MISSING not in changes.values():
        expected = "invalid-token: malformed or invalid token"  # so says PyJWT, before any publisher is looked for
    assert wire(lab, provider, claims_of(provider, **changes)) == expected


@cases
def test_the_table_and_the_short_answer_never_disagree(provider, changes, reason):
    checks = PUBLISHERS[provider].check(claims_of(provider, **changes))
    assert checks.refusal == reason
    assert checks.ok is (reason == "")
    assert all(bool(check.reason) is not check.ok for check in checks)


@pytest.mark.parametrize("provider", ["github", "google", "activestate"])
def test_a_token_of_an_issuer_of_its_own_is_for_gitlab_only(lab, provider):
    own = "https://git.octo.example"
    reason = f"JWT issuer {own!r} does not match expected issuer {ISSUERS[provider]!r}"
    assert match(provider, [PUBLISHERS[provider]], claims_of(provider, iss=own)) == (None, reason)


@pytest.mark.parametrize("provider", PUBLISHERS)
@pytest.mark.parametrize("iss", [MISSING, None, 7, []])
def test_claims_without_an_issuer_match_no_publisher(provider, iss):
    assert match(provider, [PUBLISHERS[provider]], claims_of(provider, iss=iss))[0] is None


@pytest.mark.parametrize("provider", PUBLISHERS)
def test_a_publisher_of_one_provider_never_matches_for_another(provider):
    others = [each for name, each in PUBLISHERS.items() if name != provider]
    assert match(provider, others, claims_of(provider)) == (None, NOT_FOUND)


# -- several publishers

GITHUB_ANY = dataclasses.replace(GITHUB, environment="")
GITHUB_TEST = dataclasses.replace(GITHUB, environment="test")
GITLAB_ANY = dataclasses.replace(GITLAB, environment="")
GOOGLE_ANY = dataclasses.replace(GOOGLE, subject="")


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("provider", "publishers", "changes", "winner"),
    [
        ("github", [GITHUB_ANY, GITHUB_TEST, GITHUB], {}, GITHUB),
        ("github", [GITHUB_ANY, GITHUB_TEST, GITHUB], {"environment": "TEST"}, GITHUB_TEST),
        ("github", [GITHUB_ANY, GITHUB_TEST, GITHUB], {"environment": "else"}, GITHUB_ANY),
        ("github", [GITHUB_ANY, GITHUB_TEST, GITHUB], {"environment": MISSING}, GITHUB_ANY),
        ("github", [GITHUB_ANY, GITHUB], {"environment": None}, GITHUB_ANY),
        ("gitlab", [GITLAB_ANY, GITLAB], {}, GITLAB),
        ("gitlab", [GITLAB_ANY, GITLAB], {"environment": "Release"}, GITLAB_ANY),
        ("gitlab", [GITLAB_ANY, GITLAB], {"environment": MISSING}, GITLAB_ANY),
        ("google", [GOOGLE_ANY, GOOGLE], {}, GOOGLE),
        ("google", [GOOGLE_ANY, GOOGLE], {"sub": "112"}, GOOGLE_ANY),
        ("google", [GOOGLE_ANY, GOOGLE], {"sub": MISSING}, GOOGLE_ANY),
    ],
)
def test_bound_to_this_environment_or_subject_wins_over_bound_to_none(
    provider, publishers, changes, winner, turn
):
    assert match(provider, publishers[::turn], claims_of(provider, **changes)) == (winner, "")


def test_the_winner_of_the_lookup_is_the_one_that_is_checked():
    claims = claims_of("github", event_name="pull_request_target")
    assert match("github", [GITHUB_ANY, GITHUB], claims) == (None, PULL_REQUEST_TARGET)


def test_an_environment_of_an_impossible_shape_is_refused_even_where_any_will_do():
    reason = "Check failed for optional claim 'environment'"
    assert match("github", [GITHUB_ANY], claims_of("github", environment=7)) == (None, reason)


# -- GitLab's own issuers

OWN = "https://git.octo.example"
SELF_MANAGED = dataclasses.replace(GITLAB, issuer=OWN)


def self_managed_claims(**changes):
    job = dataclasses.replace(JOBS["gitlab"], issuer=OWN)
    return job.claims() | {"iss": OWN, "jti": "one"} | changes


def test_a_self_managed_gitlab_has_to_be_the_issuer_that_was_registered():
    assert match("gitlab", [GITLAB, SELF_MANAGED], self_managed_claims()) == (SELF_MANAGED, "")
    assert match("gitlab", [GITLAB], self_managed_claims()) == (None, NOT_FOUND)
    assert match("gitlab", [SELF_MANAGED], claims_of("gitlab")) == (None, NOT_FOUND)
    assert match("gitlab", [SELF_MANAGED], self_managed_claims(iss="https://other.example")) == (
        None,
        NOT_FOUND,
    )


def test_a_self_managed_gitlab_cannot_speak_for_gitlab_com():
    """It can sign any claims it likes, but not with another issuer's name."""
    claims = self_managed_claims(ci_config_ref_uri=f"{PIPELINE}@{MAIN}")
    assert match("gitlab", [GITLAB, SELF_MANAGED], claims)[0] is None


def test_a_self_managed_gitlab_publishes_over_the_wire(lab):
    issuer = lab.add_issuer(OWN)
    lab.index.add_publisher("octo-rocket", SELF_MANAGED)
    token = issuer.id_token(dataclasses.replace(JOBS["gitlab"], issuer=OWN))
    assert (
        lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token}).status_code
        == 200
    )


# -- filenames

DEEP = "octo-org/rocket/.github/workflows/"


@pytest.mark.parametrize(
    ("ref", "filename"),
    [
        ("a.yml@refs/heads/odd@branch.yml", "a.yml"),
        ("a.yml@b.yml@refs/heads/main", "a.yml@b.yml"),
        (".yml@refs/heads/main", None),
        ("a.yml@refs/heads/main", "a.yml"),
        ("a.yaml@refs/tags/v1", "a.yaml"),
        ("a.yml", None),
        ("a.yml@", "a.yml"),
        ("a.ymlx@refs/heads/main", None),
        ("a.YML@refs/heads/main", None),
        ("a.yml.yaml@refs/heads/main", "a.yml.yaml"),
        ("..yml@refs/heads/main", "..yml"),
        ("a.yml@refs/heads/b.yml@c", "a.yml"),
        ("a@refs/heads/b.yml@c", "b.yml"),
        ("a.txt@refs/heads/main", None),
        ("@.yml@refs/heads/main", "@.yml"),
        (".yml@.yml@refs/heads/main", ".yml@.yml"),
        ("a.yml@b.yaml@c.yml@refs/heads/x", "a.yml@b.yaml@c.yml"),
        ("a b.yml@refs/heads/main", "a b.yml"),
        ("a\u200b.yml@refs/heads/main", "a\u200b.yml"),
        ("a\n.yml@refs/heads/main", "a\n.yml"),
        ("a.yml@x.yml", "a.yml"),
        ("a.yml@x.yml@", "a.yml@x.yml"),
    ],
)
def test_the_workflow_filename_is_the_first_stretch_that_ends_in_yml_before_an_at_as_long_as_it_can_be(
    ref, filename
):
    assert workflow_filename(DEEP + ref) == filename


@pytest.mark.parametrize("value", [None, 7, [], {}, True, "", "@", "/", ".yml@"])
def test_what_holds_no_filename_gives_none(value):
    assert workflow_filename(value) is None
    assert pipeline_path(value) is None


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("//.gitlab-ci.yml@refs/heads/main", ".gitlab-ci.yml"),
        ("//ci/deep/release.yaml@refs/heads/main", "ci/deep/release.yaml"),
        ("//a.yml@refs/heads/odd@branch.yml", "a.yml"),
        ("//a.yml@b.yml@refs/heads/main", "a.yml@b.yml"),
        ("//a.yml@refs/heads/b.yml@c", "a.yml@refs/heads/b.yml"),
        ("//.yml@refs/heads/main", None),
        ("//ci/.yml@refs/heads/main", None),
        ("/a.yml@refs/heads/main", None),
        ("//a.yml", None),
        ("//a.YAML@refs/heads/main", None),
        ("//x//a.yml@refs/heads/main", "x//a.yml"),
        ("//a b.yml@refs/heads/main", "a b.yml"),
        ("//a\n//b.yml@refs/heads/main", "b.yml"),
    ],
)
def test_the_pipeline_path_stands_between_two_slashes_and_the_last_at_that_follows_yml(rest, path):
    assert pipeline_path("gitlab.com/octo-org/rocket" + rest) == path


@pytest.mark.proof
@given(st.from_regex(r"[a-z@.]{0,8}[a-z@]\.ya?ml", fullmatch=True))
def test_a_registered_filename_is_found_again_in_the_tokens_of_its_workflow(filename):
    publisher = dataclasses.replace(GITHUB, workflow=filename)
    claims = GitHubJob(workflow=filename).claims() | {"iss": ISSUERS["github"], "jti": "one"}
    assert workflow_filename(claims["job_workflow_ref"]) == filename
    assert match("github", [publisher], claims) == (publisher, "")


# -- what the index's form accepts


def test_the_environment_of_a_github_publisher_is_stored_in_lower_case_and_the_rest_as_typed():
    publisher = GitHubPublisher(
        owner="O", owner_id="1", repository="R", workflow=" W.yml ", environment="PyPI Prod"
    )
    assert (publisher.owner, publisher.repository, publisher.workflow) == ("O", "R", "W.yml")
    assert publisher.environment == "pypi prod"


def test_a_repository_typed_in_the_wrong_case_never_matches():
    typed = dataclasses.replace(GITHUB, repository="Rocket")
    assert match("github", [typed], claims_of("github")) == (None, NOT_FOUND)


BAD = [
    (GITHUB, "owner", ["", "-x", "a/b", "a_b", "é", " a", "a\n", None, 7]),
    (GITHUB, "owner_id", ["", "x", 65, None, "6 5", "٦"]),
    (GITHUB, "repository", ["", "octo-org/rocket", "a b", None]),
    (
        GITHUB,
        "workflow",
        [
            "",
            "release",
            "a.yml@main",
            ".github/workflows/a.yml",
            "a/b.yml",
            ".yml",
            "a.YML",
            None,
            7,
        ],
    ),
    (
        GITHUB,
        "environment",
        [" x", "x ", "a,b", "a;b", "a'b", 'a"b', "a`b", "a\\b", "a\nb", "x" * 256, None, 7],
    ),
    (GITLAB, "namespace", ["", "/a", "a/", "-a", "a--b", "a._b", "x.git", "x.ATOM", None]),
    (GITLAB, "project", ["", "a/b", "_a", "a_", "x.git", None]),
    (GITLAB, "workflow_path", ["", "/ci.yml", "ci.yml/", "ci", "ci/.yml", None]),
    (GITLAB, "environment", ["é", "a.b", "a,b", None]),
    (GITLAB, "issuer", ["http://gitlab.com", "gitlab.com", "https://gitlab.com/", "", None]),
    (GOOGLE, "email", ["", "nobody", "a b@c", "a@b@c", None]),
    *((ACTIVESTATE, name, ["", "a\nb", None]) for name in ("organization", "project", "actor_id")),
]


@pytest.mark.parametrize(("publisher", "name", "values"), BAD)
def test_what_the_form_would_not_accept_is_a_value_error_that_says_what_was_expected(
    publisher, name, values
):
    for value in values:
        with pytest.raises(ValueError, match="^expected .*, got "):
            dataclasses.replace(publisher, **{name: value})


def test_a_gitlab_environment_of_spaces_alone_is_none():
    assert dataclasses.replace(GITLAB, environment="  ").environment == ""


# -- the table


def row(publisher, claim, provider, **changes):
    """The first check of a claim that failed, or else its first."""
    rows = [
        check for check in publisher.check(claims_of(provider, **changes)) if check.claim == claim
    ]
    return next((check for check in rows if not check.ok), rows[0])


def test_the_table_reports_every_claim_not_only_the_first_that_fails():
    checks = GITHUB.check(
        claims_of("github", repository="a/b", environment=MISSING, event_name="pull_request_target")
    )
    assert [check.claim for check in checks if not check.ok] == [
        "repository",
        "environment",
        "event_name",
    ]


def test_a_row_has_claim_expected_got_verdict_reason_and_rule():
    check = row(GITHUB, "environment", "github", environment="test")
    assert check == ClaimCheck(
        "environment", "pypi", "test", False, NOT_FOUND, "equal, ignoring case", "lookup"
    )


def test_an_absent_claim_is_shown_as_nothing():
    assert row(GITHUB, "environment", "github", environment=MISSING).got == "nothing"


def test_printed_the_table_has_the_verdicts_and_ends_with_what_the_index_says():
    printed = repr(GITHUB.check(claims_of("github", environment="test")))
    assert printed.splitlines()[0].split() == ["claim", "verdict", "expected", "got", "rule"]
    [told] = [line.split() for line in printed.splitlines() if line.startswith("environment")]
    assert told[1:4] == ["MISMATCH", "pypi", "test"]
    assert printed.endswith(f"→ {NOT_FOUND}")
    assert repr(GITHUB.check(claims_of("github"))).endswith("→ this publisher lets the job in")


def test_displayed_as_html_a_claim_cannot_add_markup():
    assert "<script>" not in GITHUB.check(claims_of("github", environment="<script>"))._repr_html_()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("pypi", "pypi"),
        ("", "''"),
        (None, "nothing"),
        ("nothing", "'nothing'"),
        ("pypi ", "'pypi '"),
        ("a  b", "'a  b'"),
        ("py\u200bpi", "'py\\u200bpi' contains U+200B ZERO WIDTH SPACE"),
        ("p\u0443pi", "'p\u0443pi' contains U+0443 CYRILLIC SMALL LETTER U"),
        ("pypi\n", "'pypi\\n' contains U+000A without a name"),
        ("\ud800", "'\\ud800' contains U+D800 without a name"),
        (65, "65 (a number)"),
        (True, "true (a boolean)"),
        (["pypi"], '["pypi"] (an array)'),
        ({}, "{} (an object)"),
    ],
)
def test_values_that_differ_look_different(value, text):
    assert shown(value) == text


def test_a_number_where_a_text_belongs_can_be_told_from_the_text():
    check = row(GITHUB, "repository_owner_id", "github", repository_owner_id=65)
    assert not check.ok and check.expected != check.got
    check = row(GOOGLE, "email_verified", "google", email_verified="true")
    assert not check.ok and check.expected != check.got


def test_an_invisible_character_in_the_form_is_named_as_one_in_the_token_is():
    typed = dataclasses.replace(GITHUB, environment="pypi\u200b")
    assert "ZERO WIDTH SPACE" in row(typed, "environment", "github").expected
    assert "ZERO WIDTH SPACE" in row(GITHUB, "environment", "github", environment="pypi\u200b").got


# -- whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
NAMES = sorted({name for provider in PUBLISHERS for name in claims_of(provider)})


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(PUBLISHERS)),
    st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON, max_size=4),
    st.booleans(),
)
def test_no_claims_make_check_or_match_raise_and_the_two_agree(provider, changes, whole):
    publisher = PUBLISHERS[provider]
    claims = claims_of(provider) | changes if whole else changes
    checks = publisher.check(claims)
    found, reason = match(provider, [publisher], claims)
    assert (found is publisher) is (reason == "")
    if claims.get("iss") == ISSUERS[provider]:
        assert (checks.ok, checks.refusal) == (found is not None, reason)
    for text in (repr(checks), checks._repr_html_(), reason):
        text.encode("utf-8")  # can be printed


@pytest.mark.parametrize("provider", PUBLISHERS)
def test_a_claim_as_deep_as_the_parser_takes_it_is_a_mismatch_and_no_more(provider):
    publisher = PUBLISHERS[provider]
    limit = next(depth for depth in range(1000, 0, -1) if nested(depth) is not None)
    for depth in range(limit - 12, limit + 1):
        for claim in (*publisher.required, "environment", "iss"):
            claims = claims_of(provider, **{claim: nested(depth)})
            assert publisher.check(claims).ok is (
                claim == "environment" and provider not in NUMBERED
            )
            match(provider, [publisher], claims)


def nested(depth):
    try:
        return json.loads("[" * depth + "]" * depth)
    except RecursionError:
        return None
