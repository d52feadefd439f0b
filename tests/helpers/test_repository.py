"""Environments at the provider: which jobs start, and that one that does not start has no way to an ID token."""

import pytest

from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment, NotStarted, Repository

TAG = GitHubJob(ref="refs/tags/v1.0")


def starts(rules: Environment, job: GitHubJob = TAG, approved_by: str = "", **more) -> bool:
    """Whether a job starts in a repository whose environment has these rules."""
    repository = Repository("octo-org/rocket", "74", {"pypi": rules}, **more)
    try:
        repository.admit(job, approved_by)
    except NotStarted as refusal:
        assert str(refusal).startswith(f"environment {job.environment}: expected ")
        return False
    return True


@pytest.mark.parametrize(
    ("pattern", "ref", "expected"),
    [
        ("refs/tags/v*", "refs/tags/v1.0", True),
        ("refs/tags/v*", "refs/heads/v1.0", False),
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/tags/main", False),
        ("v*", "refs/tags/v1.0", True),
        ("v*", "refs/heads/v1.0", True),
        ("v*", "refs/heads/main", False),
        ("*", "refs/heads/feature/x", False),
        ("release/*", "refs/heads/release/1", True),
        ("release/*", "refs/heads/release/1/2", False),
        ("refs/heads/V*", "refs/heads/v1", False),
        ("v[12]", "refs/tags/v2", True),
        ("*", "refs/pull/7/merge", False),
        ("refs/pull/*/merge", "refs/pull/7/merge", True),
    ],
)
def test_a_pattern_holds_for_refs_slash_by_slash(pattern, ref, expected):
    assert starts(Environment(refs=[pattern]), GitHubJob(ref=ref)) is expected


def test_one_matching_pattern_is_enough():
    assert starts(Environment(refs=["refs/heads/main", "refs/tags/v*"]))


def test_an_environment_without_rules_lets_every_job_start():
    assert starts(Environment(), GitHubJob(ref="refs/pull/7/merge", from_fork=True))


def test_a_job_without_an_environment_meets_no_rules():
    assert starts(Environment(reviewer="bob"), GitHubJob(environment=""))


@pytest.mark.parametrize("name", ["PyPI", "pypi"])
def test_environments_are_found_in_upper_and_lower_case(name):
    assert not starts(Environment(reviewer="bob"), GitHubJob(environment=name))


def test_an_environment_that_nobody_has_configured_is_made_without_rules():
    repository = Repository("octo-org/rocket", "74")
    repository.admit(GitHubJob(environment="prod"))
    assert repository.environments == {"prod": Environment()}


@pytest.mark.parametrize(
    ("protected", "ref", "expected"),
    [
        (["main"], "refs/heads/main", True),
        (["main"], "refs/heads/other", False),
        (["main"], "refs/tags/main", False),
        ([], "refs/heads/other", True),
        ([], "refs/tags/v1", False),
    ],
)
def test_protected_branches_only_means_all_branches_where_none_is_protected(
    protected, ref, expected
):
    rules = Environment(protected_branches=True)
    assert starts(rules, GitHubJob(ref=ref), protected_branches=protected) is expected


@pytest.mark.parametrize("reviewer", ["bob", ["bob"], ["carol", "bob"]])
def test_one_reviewer_has_to_approve(reviewer):
    rules = Environment(reviewer=reviewer)
    assert starts(rules, approved_by="bob")
    assert not starts(rules) and not starts(rules, approved_by="mallory")


def test_a_reviewer_may_approve_a_job_of_their_own_unless_that_is_prevented():
    job = GitHubJob(actor="bob")
    assert starts(Environment(reviewer="bob"), job, "bob")
    assert not starts(Environment(reviewer="bob", prevent_self_review=True), job, "bob")
    assert starts(Environment(reviewer="bob", prevent_self_review=True), TAG, "bob")


def test_administrators_let_a_job_start_unless_that_is_switched_off():
    assert starts(Environment(reviewer="bob"), approved_by="alice")
    assert not starts(Environment(reviewer="bob", administrators_bypass=False), approved_by="alice")
    assert not starts(Environment(reviewer="bob"), approved_by="alice", administrators={"carol"})


def test_no_approval_makes_up_for_a_wrong_ref():
    rules = Environment(refs=["refs/tags/v*"], reviewer="bob")
    for approver in ("alice", "bob"):
        assert not starts(rules, GitHubJob(ref="refs/heads/mallory"), approver)


@pytest.mark.parametrize(
    ("plan", "refs_hold", "reviewers_hold"),
    [
        ("free", False, False),
        ("pro", True, False),
        ("team", True, False),
        ("enterprise", True, True),
    ],
)
def test_for_a_private_repository_the_plan_decides_which_rules_hold(
    plan, refs_hold, reviewers_hold
):
    job = GitHubJob(visibility="private", ref="refs/heads/other")
    assert starts(Environment(refs=["refs/tags/v*"]), job, plan=plan) is not refs_hold
    assert starts(Environment(reviewer="bob"), job, plan=plan) is not reviewers_hold


@pytest.mark.parametrize(
    "rules",
    [{"reviewer": list("abcdefg")}, {"refs": "v*"}, {"refs": ["v*"], "protected_branches": True}],
)
def test_rules_that_the_provider_does_not_have_are_refused(rules):
    with pytest.raises(ValueError, match="expected"):
        Environment(**rules)


# -- in the lab -------------------------------------------------------------------------------------------------------


def test_a_job_that_does_not_start_has_no_request_token_and_the_log_says_why():
    with Lab() as lab:
        rules = Environment(refs=["refs/tags/v*"], reviewer="bob")
        lab.github.repository("octo-org/rocket").environments["pypi"] = rules
        with pytest.raises(NotStarted, match="expected refs/tags/v\\*, got refs/heads/main"):
            lab.github.job_environment(GitHubJob(), approved_by="bob")
        with pytest.raises(NotStarted, match="expected an approval by bob, got none"):
            lab.github.job_environment(TAG)
        assert [(event.action, event.ok) for event in lab.events.of("github")] == [
            ("start job", False)
        ] * 2
        for run in range(5):
            assert lab.http.get(f"{lab.github.url}/idtoken/{run}").status_code == 401
        assert "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in lab.github.job_environment(
            TAG, approved_by="bob"
        )


def test_a_runner_is_started_for_an_approved_job_only():
    with Lab() as lab, lab.serve() as live:
        lab.github.repository("Octo-Org/Rocket").environments["pypi"] = Environment(reviewer="bob")
        with pytest.raises(NotStarted):
            live.runner(GitHubJob())
        assert live.runner(GitHubJob(), approved_by="bob").run("python -m id pypi").ok


def test_the_rules_belong_to_the_repository_not_to_its_name():
    with Lab() as lab:
        lab.github.repository("octo-org/rocket").environments["pypi"] = Environment(reviewer="bob")
        lab.github.job_environment(GitHubJob(repository_id="99"))  # made again under the same name
        lab.github.job_environment(GitHubJob(repository="octo-org/comet"))
        with pytest.raises(NotStarted):
            lab.github.job_environment(GitHubJob())
