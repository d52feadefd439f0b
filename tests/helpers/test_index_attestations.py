"""The `attestations` field of an upload, and what the index serves of it. Order and words are those of PROTOCOL 7 and 8."""

import hashlib
import json

import pytest
from support import INDEX, JOBS, mint, said, sdist, snapshot, upload, wheel

from course.attestations import attest, statement
from helpers.index.registry import File
from helpers.lab import Lab
from helpers.oidc.key_store import KeyStore
from helpers.provider.jobs import GitHubJob
from helpers.signing.certificates import SigningAuthority

CONTENT = b"a wheel"
SHA = hashlib.sha256(CONTENT).hexdigest()
SLSA = "https://slsa.dev/provenance/v1"
SUPPLIED = "Invalid attestations supplied during upload: "
V1_JSON = "application/vnd.pypi.simple.v1+json"
INTEGRITY = "application/vnd.pypi.integrity.v1+json"


@pytest.fixture
def lab():
    return Lab()


def signed(lab, *, job=None, filename="", sha=SHA, **more):
    """An attestation over the wheel, by the release job if not told otherwise."""
    return attest(lab, job or GitHubJob(), statement(filename or wheel(), sha, **more))


def slsa(lab, **more):
    return signed(lab, predicate=SLSA, **more)


def send(lab, *attestations, job=None, **more):
    return upload(lab, mint(lab, job), attestations=json.dumps(attestations), **more)


def refused_as(response) -> str:
    """The reason of a 400 about attestations, without what all of them begin with."""
    status, reason = said(response)
    assert status == 400 and reason.startswith(SUPPLIED), said(response)
    return reason.removeprefix(SUPPLIED)


# -- what becomes of good ones ------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [[signed], [slsa], [signed, slsa], [slsa, signed]])
def test_what_verifies_is_stored_and_served(lab, kinds):
    attestations = [kind(lab) for kind in kinds]
    assert send(lab, *attestations).status_code == 200
    page = lab.http.get(f"{INDEX}/simple/octo-rocket/", headers={"Accept": V1_JSON}).json()
    [url] = [file["provenance"] for file in page["files"]]
    assert url == f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance"
    assert f'data-provenance="{url}"' in lab.http.get(f"{INDEX}/simple/octo-rocket/").text
    answer = lab.http.get(url)
    assert answer.headers["content-type"] == INTEGRITY
    [bundle] = answer.json()["attestation_bundles"]
    assert bundle["publisher"] == {
        "kind": "GitHub", "repository": "octo-org/rocket", "workflow": "release.yml", "environment": "pypi",
    }  # fmt: skip
    assert [each["envelope"] for each in bundle["attestations"]] == [
        each["envelope"] for each in attestations
    ]


def test_a_file_without_attestations_has_no_provenance(lab):
    assert upload(lab, mint(lab)).status_code == 200
    page = lab.http.get(f"{INDEX}/simple/octo-rocket/", headers={"Accept": V1_JSON}).json()
    assert page["files"][0]["provenance"] is None
    assert "data-provenance" not in lab.http.get(f"{INDEX}/simple/octo-rocket/").text
    answer = lab.http.get(f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance")
    assert answer.status_code == 404
    assert answer.json() == {"message": f"No provenance available for {wheel()}"}


@pytest.mark.parametrize("provider", ["gitlab", "google"])
def test_other_providers_jobs_attest_as_well(lab, provider):
    job, publisher = JOBS[provider]
    lab.index.add_publisher("octo-rocket", publisher)
    assert said(send(lab, signed(lab, job=job), job=job)) == (200, "OK")
    url = f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance"
    [bundle] = lab.http.get(url).json()["attestation_bundles"]
    assert bundle["publisher"]["kind"].lower() == provider


def test_the_same_file_again_is_200_whatever_its_attestations(lab):
    assert send(lab, signed(lab)).status_code == 200
    before = snapshot(lab)["files"]
    assert upload(lab, mint(lab), attestations="nonsense").status_code == 200
    assert snapshot(lab)["files"] == before


# -- refusals, in order -------------------------------------------------------------------------


def test_a_users_token_comes_with_no_attestations(lab):
    token = lab.index.create_api_token("alice")
    for field in (json.dumps([signed(lab)]), "[]", "nonsense", ""):
        reason = refused_as(upload(lab, token, attestations=field))
        assert reason == "Attestations are only supported when using Trusted Publishing"


def test_activestate_publishers_cannot_attest(lab):
    job, publisher = JOBS["activestate"]
    lab.index.add_publisher("octo-rocket", publisher)
    reason = refused_as(upload(lab, mint(lab, job), attestations="nonsense"))
    assert reason == "Attestations are not currently supported with ActiveState publishers"


@pytest.mark.parametrize(
    "field", ["", "nonsense", "{}", "[{}]", "[1]", "null", '[{"version": 2}]', "[" * 9999]
)
def test_what_is_no_list_of_attestations_is_malformed(lab, field):
    assert refused_as(upload(lab, mint(lab), attestations=field)).startswith(
        "Malformed attestations: "
    )


def test_an_empty_list_is_malformed(lab):
    reason = "Malformed attestations: an empty attestation set is not permitted"
    assert refused_as(send(lab)) == reason


def test_there_are_at_most_two(lab):
    three = refused_as(send(lab, signed(lab), slsa(lab), slsa(lab)))
    assert three == "A maximum of 2 attestations per file are supported"


def test_there_is_at_most_one_of_each_kind(lab):
    reason = f"Multiple attestations for the same file with the same predicate type ({SLSA}) are not supported"
    assert refused_as(send(lab, slsa(lab), slsa(lab))) == reason


WRONG = {
    "of other bytes": dict(sha="0" * 64),
    "of another file": dict(filename=wheel(version="2.0")),
    "of another workflow": dict(job=GitHubJob(workflow="test.yml")),
    "of another repository": dict(job=GitHubJob(repository="mallory/rocket")),
    "of an unknown kind": dict(predicate="https://mallory.example/v1"),
}


@pytest.mark.parametrize("which", WRONG)
def test_what_does_not_verify_is_refused_with_the_verifiers_words(lab, which):
    reason = refused_as(send(lab, signed(lab, **WRONG[which])))
    start = "Could not verify the uploaded artifact using the included attestation: Verification failed: "
    assert reason.startswith(start) and len(reason) > len(start)


def test_a_second_one_that_does_not_verify_is_refused_too(lab):
    assert "Could not verify" in refused_as(send(lab, signed(lab), slsa(lab, sha="0" * 64)))


def test_what_the_verifier_trips_over_is_refused(lab):
    broken = signed(lab)
    broken["verification_material"]["certificate"] = "AAAA"
    start = "Unknown error while trying to verify included attestations: "
    assert refused_as(send(lab, broken)).startswith(start)


def test_an_upload_refused_for_its_attestation_stores_nothing(lab):
    before = snapshot(lab)
    refused_as(send(lab, signed(lab, sha="0" * 64)))
    after = snapshot(lab)
    assert {**after, "tokens": 0, "used_jtis": 0, "count": 0} == {
        **before, "tokens": 0, "used_jtis": 0, "count": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (dict(sha256_digest="0" * 64), "The digest supplied does not match"),
        (dict(filename=wheel(version="2.0")), "Version in filename should be"),
        (
            dict(name="octo-comet", filename=wheel()),
            "Non-user identities cannot create new projects",
        ),
    ],
)
def test_attestations_are_looked_at_last(lab, spoil, words):
    status, reason = said(upload(lab, mint(lab), attestations="nonsense", **spoil))
    assert status == 400 and reason.startswith(words)


def test_a_second_sdist_is_refused_before_its_attestation(lab):
    assert upload(lab, mint(lab), filename=sdist(), content=b"an sdist").status_code == 200
    other = sdist().replace(".tar.gz", ".zip")
    answer = upload(lab, mint(lab), filename=other, content=b"another", attestations="nonsense",
                    filetype="sdist", pyversion="source")  # fmt: skip
    assert not said(answer)[1].startswith(SUPPLIED) and answer.status_code == 400


def test_an_index_that_does_not_trust_the_labs_authority_refuses_its_certificates(lab):
    good = signed(lab)
    with Lab() as other:
        other.fulcio = SigningAuthority(KeyStore(other.http), other.events, name="another")
        assert "Could not verify" in refused_as(send(other, good))


# -- switched off, and the API --------------------------------------------------------------------


def test_switched_off_the_field_is_ignored_and_nothing_is_served(lab):
    assert send(lab, signed(lab)).status_code == 200
    lab.index.disabled.add("attestations")
    url = f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance"
    assert lab.http.get(url).status_code == 403
    assert lab.http.get(url, headers={"Accept": "text/html"}).status_code == 406
    answer = upload(lab, mint(lab), version="2.0", content=b"other", attestations="nonsense")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, INTEGRITY),
        ("application/json", 200, "application/json"),
        (f"application/json;q=0.5, {INTEGRITY}", 200, INTEGRITY),
        ("text/html", 406, "application/json"),
    ],
)
def test_provenance_is_served_as_what_is_accepted(lab, accept, status, kind):
    assert send(lab, signed(lab)).status_code == 200
    url = f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance"
    answer = lab.http.get(url, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)


@pytest.mark.parametrize(
    "path",
    [
        f"octo-comet/1.0/{wheel()}",
        f"octo-rocket/2.0/{wheel()}",
        f"octo-rocket/1.0/{sdist()}",
        "octo-rocket/1.0/x",
    ],
)
def test_provenance_of_what_is_not_there_is_404(lab, path):
    assert send(lab, signed(lab)).status_code == 200
    assert lab.http.get(f"{INDEX}/integrity/{path}/provenance").status_code == 404
    assert (
        lab.http.get(f"{INDEX}/integrity/Octo.Rocket/1.0/{wheel()}/provenance").status_code == 200
    )


def test_the_log_says_who_asked_for_provenance(lab):
    lab.http.get(f"{INDEX}/integrity/octo-rocket/1.0/{wheel()}/provenance")
    event = lab.events[-1]
    assert (event.action, event.ok, event.detail) == ("provenance", False, wheel())


def test_a_files_provenance_is_not_in_its_repr():
    file = File("a", "1", "bdist_wheel", b"", "", "", "", 0.0, {"version": 1})
    assert "provenance" not in repr(file)
