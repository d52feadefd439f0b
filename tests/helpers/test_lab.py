"""The lab object: its clock, its cast, and that nothing of it is left behind."""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from helpers import lab as module
from helpers.index.publishers import GitLabPublisher
from helpers.lab import Lab
from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def time_is_real() -> bool:
    """Whether the clock moves, and stands where the system's does: a new file's time stamp, which nothing here can change."""
    before, begun = time.time(), time.monotonic()
    while time.time() == before and time.monotonic() - begun < 0.05:
        pass
    with tempfile.TemporaryFile() as new:
        return time.time() > before and abs(os.fstat(new.fileno()).st_mtime - time.time()) < 5


def frozen_at(moment: datetime) -> bool:
    return {datetime.now(UTC) for _ in range(100)} == {moment}


# -- the clock --------------------------------------------------------------------------------------------------------


def test_time_stands_still_on_the_labs_day_for_everything_in_the_process():
    with Lab() as lab:
        assert frozen_at(NINE) and lab.clock.now() == NINE and time.time() == NINE.timestamp()
        assert NINE.strftime("%A") == "Monday"


def test_the_monotonic_clock_goes_on():
    with Lab():
        before = time.monotonic_ns()
        assert any(time.monotonic_ns() > before for _ in range(1000))


def test_advance_moves_the_clock_by_what_it_is_told_and_returns_the_new_time():
    with Lab() as lab:
        assert lab.clock.advance(minutes=16) == NINE + timedelta(minutes=16)
        lab.clock.advance(days=1, hours=2, seconds=3)
        assert frozen_at(NINE + timedelta(days=1, hours=2, minutes=16, seconds=3))


@pytest.mark.parametrize(
    "at",
    [
        "2026-05-29 00:07",
        "2026-05-29T02:07:00+02:00",
        datetime(2026, 5, 29, 0, 7),
        datetime(2026, 5, 29, 0, 7, tzinfo=UTC),
        datetime(2026, 5, 28, 19, 7, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_lab_can_be_made_for_another_moment_in_utc_unless_the_moment_says_otherwise(at):
    with Lab(at=at):
        assert frozen_at(datetime(2026, 5, 29, 0, 7, tzinfo=UTC))


def test_an_impossible_moment_leaves_an_open_lab_as_it_was():
    lab = Lab()
    with pytest.raises(ValueError, match="29 May"):
        Lab(at="29 May")
    assert frozen_at(NINE) and lab.http.get("https://pypi.test/_/oidc/audience").status_code == 200


def test_the_real_clock_runs_and_cannot_be_advanced():
    with Lab(at=None) as lab:
        assert time_is_real()
        with pytest.raises(RuntimeError, match="real clock"):
            lab.clock.advance(minutes=1)
        assert lab.events and abs(lab.events[0].time.timestamp() - time.time()) < 60


def test_tokens_are_stamped_with_the_labs_time():
    with Lab(at="2026-05-29 00:07") as lab:
        events = lab.events
        assert {event.time for event in events} == {datetime(2026, 5, 29, 0, 7, tzinfo=UTC)}
        token = lab.github.id_token(GitHubJob())
        assert (
            lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token}).status_code
            == 200
        )
        lab.clock.advance(seconds=331)
        late = lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token})
        assert late.json()["errors"][0]["code"] == "invalid-token"


# -- beginning and end ------------------------------------------------------------------------------------------------


def test_closing_gives_the_real_time_back():
    lab = Lab()
    assert not time_is_real()
    lab.close()
    assert time_is_real()


def test_closing_twice_does_no_harm():
    lab = Lab()
    lab.close()
    lab.close()
    assert time_is_real()


def test_closing_a_lab_that_was_closed_by_its_successor_leaves_the_successor_alone():
    first = Lab()
    with Lab(at="2026-05-29 00:07") as second:
        first.close()
        assert frozen_at(datetime(2026, 5, 29, 0, 7, tzinfo=UTC))
        assert second.http.get("https://pypi.test/simple/").status_code == 200


def test_an_exception_inside_the_with_block_gives_the_real_time_back():
    with pytest.raises(ZeroDivisionError), Lab():
        assert frozen_at(NINE)
        raise ZeroDivisionError
    assert time_is_real()


def test_an_exception_while_the_lab_is_being_made_leaves_the_real_time(monkeypatch):
    def broken(*_):
        raise OSError("no keys")

    monkeypatch.setattr(module, "Index", broken)
    with pytest.raises(OSError, match="no keys"):
        Lab()
    assert time_is_real()


def test_a_second_lab_starts_afresh_and_closes_the_first():
    first = Lab()
    first.clock.advance(hours=5)
    first.index.create_api_token("alice")
    first.github.rotate()
    second = Lab()
    assert frozen_at(NINE)
    assert len(second.events) == 2 and len(second.github.jwks["keys"]) == 1
    with pytest.raises(RuntimeError):
        first.http.get("https://pypi.test/_/oidc/audience")
    second.close()
    assert time_is_real()


def test_a_second_lab_stops_the_first_ones_server_and_removes_its_files():
    live = Lab().serve()
    url, ca_file = live.url, live.ca_file
    runner = live.runner(GitHubJob())
    assert ca_file.exists() and runner.folder.exists()
    Lab()
    assert not ca_file.exists() and not runner.folder.exists()
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False, verify=False) as client:
        client.get(f"{url}/simple/")


def test_two_labs_in_a_row_print_the_same_tokens():
    printed = []
    for _ in range(2):
        with Lab() as lab:
            token = lab.github.id_token(GitHubJob())
            answer = lab.http.post(
                "https://pypi.test/_/oidc/mint-token", json={"token": token}
            ).json()
            printed.append((token, answer, lab.index.create_api_token("alice"), str(lab.events)))
    assert printed[0] == printed[1]


def test_a_lab_set_aside_is_found_as_it_was():
    lab = Lab()
    lab.clock.advance(minutes=1)
    with module.set_aside():
        Lab(at="2020-01-01 00:00")
    assert frozen_at(NINE + timedelta(minutes=1))
    assert lab.http.get("https://pypi.test/simple/").status_code == 200


# -- the cast and the ways to it --------------------------------------------------------------------------------------


def test_the_cast_is_in_place():
    with Lab() as lab:
        assert [event.action for event in lab.events] == ["create project", "add publisher"]
        assert lab.index.projects["octo-rocket"].owner == "alice"
        assert lab.index.publishers("octo-rocket") == [module.PUBLISHER]
        issuers = (lab.github, lab.gitlab, lab.google, lab.activestate)
        assert [each.provider for each in issuers] == ["github", "gitlab", "google", "activestate"]


@pytest.mark.parametrize("job", [GitHubJob(), GitLabJob(), GoogleJob(), ActiveStateJob()])
def test_every_provider_is_reached_at_its_real_url_and_speaks_for_its_jobs(job):
    with Lab() as lab:
        issuer = lab.issuer_of(job)
        configuration = lab.http.get(f"{issuer.url}/.well-known/openid-configuration").json()
        assert configuration["issuer"] == issuer.url
        assert lab.http.get(configuration["jwks_uri"]).json() == issuer.jwks


def test_a_self_managed_gitlab_can_be_added_and_publishes():
    with Lab() as lab:
        url = "https://gitlab.octo.example"
        issuer = lab.add_issuer(url)
        lab.index.add_publisher(
            "octo-rocket", GitLabPublisher(namespace="octo-org", project="rocket", issuer=url)
        )
        job = GitLabJob(issuer=url)
        assert lab.issuer_of(job) is issuer
        minted = lab.http.post(
            "https://pypi.test/_/oidc/mint-token", json={"token": issuer.id_token(job)}
        )
        assert minted.status_code == 200, minted.text


@pytest.mark.parametrize(
    "url",
    [
        "https://pypi.test",
        "https://gitlab.com",
        "https://gitlab.com/elsewhere",
        "https://token.actions.githubusercontent.com",
        "http://gitlab.octo.example",
        "https://",
        "gitlab.octo.example",
        "https://gitlab.octo.example/",
        "https://gitlab.octo.example:8443",
    ],
)
def test_an_issuer_needs_an_https_url_of_its_own(url):
    with Lab() as lab:
        lab.github.online = False  # a host that is down is taken all the same
        with pytest.raises(ValueError, match="expected the https:// URL of a host"):
            lab.add_issuer(url)


def test_the_job_of_an_issuer_that_nobody_added_is_refused_in_a_sentence():
    with (
        Lab() as lab,
        pytest.raises(LookupError, match=r"lab\.add_issuer\('https://gitlab\.octo\.example'\)"),
    ):
        lab.issuer_of(GitLabJob(issuer="https://gitlab.octo.example"))


def test_an_issuer_that_nobody_trusts_can_be_asked_for_keys_and_gets_no_token_exchanged():
    with Lab() as lab:
        issuer = lab.add_issuer("https://mallory.test", trusted=False)
        assert lab.http.get("https://mallory.test/.well-known/jwks").json() == issuer.jwks
        assert issuer.url not in lab.index.issuers and issuer.url not in lab.test_index.issuers
        assert lab.add_issuer("https://gitlab.octo.example").url in lab.index.issuers
