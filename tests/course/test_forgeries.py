"""Every forgery that we know of, at the check of chapter 07 that refuses it, by hand and by the library; and those that pass."""

import base64
import copy
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hand_checks import NOTEBOOK, first_refusal, verdicts
from pypi_attestations import Attestation, Distribution, GitHubPublisher
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from course.attestations import KEY, attest, certificate, proposed_entry, statement, verdict
from course.ch07 import forgeries
from course.ch07.forgeries import entry
from course.ch07.reading import public_trusted_root
from helpers.events import EventLog
from helpers.lab import Lab
from helpers.oidc.key_store import KeyStore
from helpers.provider.jobs import GitHubJob
from helpers.signing.certificates import SigningAuthority
from helpers.signing.keys import ECDSA, b64, derive_key, key_id
from helpers.signing.signature_log import SignatureLog
from helpers.signing.trust import ClientCache, trusted_root

WHEEL = "octo_rocket-1.0-py3-none-any.whl"
SHA, EVIL = (hashlib.sha256(text).hexdigest() for text in (b"a wheel", b"an evil one"))
ROCKET = GitHubPublisher(repository="octo-org/rocket", workflow="release.yml", environment="pypi")
EXPECTED = dict(filename=WHEEL, sha256=SHA, repository="octo-org/rocket", workflow="release.yml")


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def good(lab):
    return attest(lab, GitHubJob(), statement(WHEEL, SHA))


def judged(lab, attestation, publisher=ROCKET, root=None, **changes) -> tuple[int, str]:
    """The first check by hand that fails (0 if none does), and the library's reason ("" if none)."""
    expected = (
        EXPECTED | {"repository": publisher.repository, "workflow": publisher.workflow} | changes
    )
    by_hand = first_refusal(attestation, root or lab.trusted_root, **expected)
    if root is not None:
        lab.trust = ClientCache(root)
    library = verdict(lab, attestation, publisher, expected["filename"], expected["sha256"])
    assert bool(by_hand) == bool(library), (by_hand, library)
    return by_hand, library


# -- what has to be accepted --------------------------------------------------------------------


def test_the_labs_attestation_made_by_hand_passes_all_ten_checks(lab, good):
    assert judged(lab, good) == (0, "")


def test_the_labs_attestation_made_by_the_real_client_passes_all_ten_checks(lab, monkeypatch):
    with lab.serve() as live:
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(live.ca_file))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        config = ClientTrustConfig.from_json(live.trust_config.read_text())
        config.force_tlog_version = 1
        token = IdentityToken(lab.github.id_token(GitHubJob(), audience="sigstore"))
        with SigningContext.from_trust_config(config).signer(token) as signer:
            made = Attestation.sign(signer, Distribution(name=WHEEL, digest=SHA))
    assert judged(lab, json.loads(made.model_dump_json())) == (0, "")


def test_a_real_attestation_passes_all_ten_checks_with_the_public_keys():
    data = json.loads((NOTEBOOK.parent / "data" / "real_attestation.json").read_text("utf-8"))
    [real] = data["provenance"]["attestation_bundles"][0]["attestations"]
    expected = dict(filename=data["file"]["name"], sha256=data["file"]["sha256"],
                    repository="trailofbits/pypi-attestations", workflow="release.yml")  # fmt: skip
    assert verdicts(real, public_trusted_root(), **expected) == [True] * 10
    with ClientCache():
        publisher = GitHubPublisher(repository=expected["repository"], workflow="release.yml")
        file = Distribution(name=expected["filename"], digest=expected["sha256"])
        assert Attestation.model_validate(real).verify(publisher, file, offline=True)
    # And for the reasons that the chapter gives: with another key, file or publisher it does not.
    assert first_refusal(real, Lab().trusted_root, **expected) == 4
    assert first_refusal(real, public_trusted_root(), **expected | {"sha256": SHA}) == 1
    assert first_refusal(real, public_trusted_root(), **expected | {"workflow": "ci.yml"}) == 2


def test_it_passes_400_days_later(lab, good):
    lab.clock.advance(days=400)
    assert judged(lab, good) == (0, "")


# -- the nine of the chapter ----------------------------------------------------------------------


@pytest.mark.parametrize("name", forgeries.NINE)
def test_each_of_the_nine_is_refused_at_the_check_that_the_exercise_names(name, lab, good):
    from course.ch07.exercises import _STOPPED

    forged = forgeries.NINE[name](lab, good, statement(WHEEL, EVIL))
    assert judged(lab, forged, sha256=EVIL)[0] == _STOPPED[name][0]


def test_the_nine_are_stopped_by_nine_checks():
    from course.ch07.exercises import _STOPPED

    assert list(_STOPPED) == list(forgeries.NINE)
    assert sorted(number for number, _ in _STOPPED.values()) == list(range(2, 11))


# -- the file and the statement -------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [dict(sha256=EVIL), dict(filename="octo_rocket-1.1-py3-none-any.whl")]
)
def test_another_file_is_refused_at_check_1(lab, good, changes):
    assert judged(lab, good, **changes)[0] == 1


def test_a_statement_of_an_unknown_kind_is_refused_at_check_1(lab):
    made = attest(lab, GitHubJob(), statement(WHEEL, SHA, predicate="https://example.org/v1"))
    assert judged(lab, made)[0] == 1


def test_a_rewritten_statement_is_refused_at_check_3(lab, good):
    good["envelope"]["statement"] = b64(statement(WHEEL, EVIL))
    assert judged(lab, good, sha256=EVIL)[0] == 3


def test_another_signature_is_refused_at_check_3(lab, good):
    good["envelope"]["signature"] = b64(derive_key("x").sign(b"x", ECDSA))
    assert judged(lab, good)[0] == 3


# -- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job",
    [
        GitHubJob(repository="mallory/rocket", owner_id="666", repository_id="667"),
        GitHubJob(workflow="test.yml"),
        GitHubJob(
            workflow="ci.yml",
            called_workflow="octo-org/rocket/.github/workflows/release.yml@refs/heads/main",
        ),
    ],
    ids=["another repository", "another workflow", "called by another workflow"],
)
def test_another_identity_is_refused_at_check_2(lab, job):
    assert judged(lab, attest(lab, job, statement(WHEEL, SHA)))[0] == 2


def test_the_repository_in_another_case_is_refused_at_check_2(lab, good):
    other = GitHubPublisher(repository="Octo-Org/Rocket", workflow="release.yml")
    assert judged(lab, good, other)[0] == 2


# -- time -----------------------------------------------------------------------------------------


def logged_after(lab, **time):
    """An attestation whose signature was logged that long after its certificate was issued."""
    alices = attest(lab, GitHubJob(), statement(WHEEL, SHA))
    lab.clock.advance(**time)
    made = forgeries._logged(lab, statement(WHEEL, SHA), KEY, forgeries.leaf_of(alices))
    return made


@pytest.mark.parametrize("seconds", [-1, 601])
def test_what_was_logged_outside_the_ten_minutes_is_refused_at_check_5(lab, seconds):
    assert judged(lab, logged_after(lab, seconds=seconds))[0] == 5


@pytest.mark.parametrize("seconds", [0, 600])
def test_what_was_logged_within_them_passes(lab, seconds):
    assert judged(lab, logged_after(lab, seconds=seconds)) == (0, "")


def test_a_rewritten_time_is_refused_at_check_6(lab):
    made = logged_after(lab, seconds=601)
    entry(made)["integratedTime"] = str(int(entry(made)["integratedTime"]) - 60)
    assert judged(lab, made)[0] == 6


def test_without_a_promise_there_is_no_time(lab, good):
    del entry(good)["inclusionPromise"]
    assert judged(lab, good)[0] == 6


def test_without_a_time_it_is_refused_at_check_5(lab, good):
    del entry(good)["integratedTime"]
    assert judged(lab, good)[0] == 5


# -- the log --------------------------------------------------------------------------------------


def spoil(attestation, name, value):
    entry(attestation)["inclusionProof"][name] = value


def test_without_a_log_entry_nothing_is_left_to_check(lab, good):
    good["verification_material"]["transparency_entries"] = []
    assert judged(lab, good)[0] == 1


@pytest.mark.parametrize("index", ["5", "7", "-1"])
def test_a_proof_for_another_place_is_refused_at_check_8(lab, good, index):
    spoil(good, "logIndex", index)
    assert judged(lab, good)[0] == 8


def test_a_changed_hash_is_refused_at_check_8(lab, good):
    spoil(good, "hashes", [b64(bytes(32)), *entry(good)["inclusionProof"]["hashes"][1:]])
    assert judged(lab, good)[0] == 8


def test_a_missing_hash_is_refused_at_check_8(lab, good):
    spoil(good, "hashes", entry(good)["inclusionProof"]["hashes"][:-1])
    assert judged(lab, good)[0] == 8


def test_an_entry_of_another_log_is_refused_at_check_6(lab, good):
    other = SignatureLog(EventLog(), name="mallory-log")
    made = forgeries._logged(lab, statement(WHEEL, SHA), KEY, forgeries.leaf_of(good), other)
    assert judged(lab, made)[0] == 6


def test_a_log_with_another_key_and_the_id_of_ours_is_refused_at_check_6(lab, good):
    fork = SignatureLog(EventLog(), key=derive_key("mallory"))
    made = forgeries._logged(lab, statement(WHEEL, SHA), KEY, forgeries.leaf_of(good), fork)
    entry(made)["logId"]["keyId"] = b64(key_id(lab.log.key))
    assert judged(lab, made)[0] == 6


def test_another_root_in_the_checkpoint_is_refused_at_check_9(lab, good):
    lab.log.bodies.append(b"x")
    spoil(good, "checkpoint", {"envelope": lab.log.checkpoint()})
    assert judged(lab, good)[0] == 9


def test_a_checkpoint_signed_by_somebody_else_is_refused_at_check_9(lab, good):
    fork = SignatureLog(EventLog(), key=derive_key("mallory"))
    fork.bodies = lab.log.bodies
    spoil(good, "checkpoint", {"envelope": fork.checkpoint()})
    assert judged(lab, good)[0] == 9


def test_the_entry_of_another_signature_is_refused_at_check_7(lab, good):
    other = attest(lab, GitHubJob(), statement(WHEEL, EVIL))
    material = good["verification_material"]
    material["transparency_entries"] = other["verification_material"]["transparency_entries"]
    assert judged(lab, good)[0] == 7


# -- trust ----------------------------------------------------------------------------------------


def with_authority(lab, **changes):
    """An attestation whose certificate another authority has issued."""
    fake = SigningAuthority(KeyStore(lab.http), EventLog(), **changes)
    leaf = fake.certify(GitHubJob().claims() | {"iss": lab.github.url}, KEY.public_key())
    return forgeries._logged(lab, statement(WHEEL, SHA), KEY, leaf)


def test_another_authority_is_refused_at_check_4(lab):
    assert judged(lab, with_authority(lab, name="mallory-ca"))[0] == 4


def test_another_authority_of_the_same_name_is_refused_at_check_4(lab):
    assert judged(lab, with_authority(lab, key=derive_key("mallory")))[0] == 4


def test_a_certificate_without_a_good_receipt_is_refused_at_check_10(lab):
    assert judged(lab, with_authority(lab, ct_key=derive_key("mallory")))[0] == 10


@pytest.mark.parametrize(("part", "check"), [("authority", 4), ("log", 6)])
def test_a_verifier_that_trusts_other_keys_refuses(lab, good, part, check):
    authority = SigningAuthority(KeyStore(lab.http), EventLog(), key=derive_key("next"))
    log = SignatureLog(EventLog(), key=derive_key("next"))
    root = trusted_root(
        authority if part == "authority" else lab.fulcio, log if part == "log" else lab.log, ""
    )
    assert judged(lab, good, root=root)[0] == check


# -- what passes, and why the chapter teaches it ----------------------------------------------------

PASSES = {
    "another environment": GitHubJob(environment=""),
    "an owner of the same name with another id": GitHubJob(owner_id="999"),
    "pull_request_target": GitHubJob(event_name="pull_request_target"),
    "any branch or tag": GitHubJob(ref="refs/heads/mallory"),
}


@pytest.mark.parametrize("what", PASSES)
def test_no_check_compares(what, lab):
    assert judged(lab, attest(lab, PASSES[what], statement(WHEEL, SHA))) == (0, "")


def test_a_called_workflow_passes_for_the_publisher_that_names_the_caller(lab):
    called = "octo-org/rocket/.github/workflows/release.yml@refs/heads/main"
    made = attest(lab, GitHubJob(workflow="ci.yml", called_workflow=called), statement(WHEEL, SHA))
    ci = GitHubPublisher(repository="octo-org/rocket", workflow="ci.yml")
    assert judged(lab, made, ci) == (0, "")


@pytest.mark.parametrize("token_stolen", [True, False], ids=["ID token", "private key"])
def test_what_a_thief_signs_within_the_ten_minutes_passes(lab, good, token_stolen):
    """So an attestation does not prove that the job signed; the log at least shows the entry."""
    key, leaf = KEY, forgeries.leaf_of(good)
    if token_stolen:
        key = derive_key("mallory")
        leaf = certificate(lab, lab.github.id_token(GitHubJob(), audience="sigstore"), key)
    made = forgeries._logged(lab, statement(WHEEL, EVIL), key, leaf)
    assert judged(lab, made, sha256=EVIL) == (0, "")


def test_a_log_that_shows_two_trees_passes(lab, good):
    """The second lie that the chapter names at its end: only those who compare checkpoints see it."""
    fork = SignatureLog(EventLog(), key=lab.log.key)
    made = forgeries._logged(lab, statement(WHEEL, EVIL), KEY, forgeries.leaf_of(good), fork)
    assert judged(lab, made, sha256=EVIL) == (0, "")
    assert fork.checkpoint() != lab.log.checkpoint()


def test_a_log_that_adds_the_entry_and_signs_a_wrong_time_passes(lab, good):
    """The time is in the promise only, so a tree does not show it. The chapter shows this one."""
    late = forgeries.late(lab, good, statement(WHEEL, EVIL))
    answer = lab.log.entry(int(entry(late)["logIndex"]))  # the clock is set back by now
    signature = base64.b64decode(late["envelope"]["signature"])
    leaf = forgeries.leaf_of(late)
    made = forgeries.assemble(statement(WHEEL, EVIL), signature, leaf, answer)
    assert judged(lab, made, sha256=EVIL) == (0, "")
    assert entry(made)["canonicalizedBody"] == entry(late)["canonicalizedBody"]


def test_the_log_does_not_take_a_forged_signature(lab, good):
    leaf = forgeries.leaf_of(good)
    with pytest.raises(ValueError, match="not by the key"):
        lab.log.add(
            proposed_entry(statement(WHEEL, EVIL), b"\x30\x06\x02\x01\x01\x02\x01\x01", leaf)
        )


@pytest.mark.proof
def test_nothing_of_this_goes_into_the_users_own_cache(tmp_path):
    root = Path(__file__).parents[2]
    code = (
        "from course.attestations import *\n"
        "from helpers.provider.jobs import GitHubJob\n"
        "from pypi_attestations import GitHubPublisher\n"
        f"lab, wheel, sha = Lab(), {WHEEL!r}, {SHA!r}\n"
        "rocket = GitHubPublisher(repository='octo-org/rocket', workflow='release.yml')\n"
        "made = attest(lab, GitHubJob(), statement(wheel, sha))\n"
        "assert not verdict(lab, made, rocket, wheel, sha)"
    )
    home = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    home.pop("XDG_CACHE_HOME", None)
    subprocess.run([sys.executable, "-c", code], cwd=root, env=home, check=True)
    assert not list(tmp_path.rglob("*sigstore*"))


def test_a_spoilt_copy_leaves_the_original_alone(lab, good):
    before = copy.deepcopy(good)
    for forge in forgeries.NINE.values():
        forge(lab, good, statement(WHEEL, EVIL))
    assert good == before
