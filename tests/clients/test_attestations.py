"""Attestations by the real clients: a job signs, uv and twine upload, the index verifies, a consumer verifies."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_twine import EXCHANGE

from course.attestations import attest, statement
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob

ROOT = Path(__file__).parents[2]
WHEEL = "octo_rocket-1.0.0-py3-none-any.whl"
SDIST = "octo_rocket-1.0.0.tar.gz"
SUPPLIED = "Invalid attestations supplied during upload: "
VERIFY = "pypi-attestations verify pypi --offline --provenance-file provenance.json --repository"


@pytest.fixture
def folder(built, tmp_path):
    """A folder of this test's own with octo-rocket 1.0.0 built in it, and the signing step."""
    shutil.copytree(built / "dist", tmp_path / "dist")
    shutil.copy(ROOT / "course" / "attest.py", tmp_path)
    return tmp_path


def machine(desk, folder, job=None, **more):
    """A machine for a job, on which clients sign and verify at the lab."""
    made = desk.machine(job, folder=folder, **more)
    made.environment |= desk.live.signing_environment()
    return made


def sign(desk, folder, *names, job=None):
    """Put attestations by a job beside these files, made by hand: a client needs a second for each."""
    for name in names:
        file = folder / "dist" / name
        about = statement(name, hashlib.sha256(file.read_bytes()).hexdigest())
        made = json.dumps(attest(desk.lab, job or GitHubJob(), about))
        file.with_name(f"{name}.publish.attestation").write_text(made, "utf-8")


def provenance(desk, name):
    """The status of what the index says of a file's origin, and the answer itself."""
    url = f"https://pypi.test/integrity/octo-rocket/1.0.0/{name}/provenance"
    answer = desk.lab.http.get(url)
    return answer.status_code, answer.json()


@pytest.mark.proof
def test_a_job_signs_and_uv_uploads_and_a_consumer_verifies(desk, folder):
    run = machine(desk, folder).run(["python", "attest.py", f"dist/{WHEEL}", f"dist/{SDIST}"])
    assert run.ok and run.log.splitlines() == [f"signed {WHEEL}", f"signed {SDIST}"], run
    services = [
        (event.service, event.action)
        for event in desk.lab.events
        if event.service in ("fulcio", "log")
    ]
    assert services == [("fulcio", "certificate"), ("log", "entry"), ("log", "entry")]
    run = machine(desk, folder).run(f"{desk.publish} --trusted-publishing always")
    assert run.ok and desk.files == desk.BOTH, run
    for name in (WHEEL, SDIST):
        status, found = provenance(desk, name)
        assert status == 200 and len(found["attestation_bundles"][0]["attestations"]) == 1
        (folder / "provenance.json").write_text(json.dumps(found), "utf-8")
        reader = machine(desk, folder, GitHubJob(repository="someone/else", id_token=False))
        run = reader.run(f"{VERIFY} https://github.com/octo-org/rocket dist/{name}")
        assert run.ok and f"OK: {name}" in run.log, run
        run = reader.run(f"{VERIFY} https://github.com/mallory/rocket dist/{name}")
        assert run.exit_code == 1, run
    (folder / "dist" / SDIST).write_bytes(b"something else")
    run = reader.run(f"{VERIFY} https://github.com/octo-org/rocket dist/{SDIST}")
    assert run.exit_code == 1 and "subject does not match distribution digest" in run.log


def test_uv_leaves_attestations_behind_that_are_not_among_its_files(desk, folder):
    sign(desk, folder, WHEEL)
    assert machine(desk, folder).run(f"{desk.publish} dist/{WHEEL}").ok
    assert provenance(desk, WHEEL)[0] == 404


@pytest.mark.proof
def test_uv_can_be_told_to_leave_them(desk, folder):
    sign(desk, folder, WHEEL)
    assert machine(desk, folder).run(f"{desk.publish} --no-attestations").ok
    assert provenance(desk, WHEEL)[0] == 404 and desk.files == desk.BOTH


def spoilt(how, folder):
    """Change something between signing and publishing."""
    wheel = folder / "dist" / WHEEL
    attestation = wheel.with_name(f"{WHEEL}.publish.attestation")
    if how == "the wheel changed":
        wheel.write_bytes(wheel.read_bytes() + b"\0")
    if how == "no attestation":
        attestation.write_text("{}", "utf-8")
    if how == "twice":
        shutil.copy(attestation, f"{wheel}.again.attestation")


SPOILT = {
    "the wheel changed": "subject does not match distribution digest",
    "no attestation": "Malformed attestations: ",
    "twice": "Multiple attestations for the same file with the same predicate type",
}


@pytest.mark.parametrize("how", SPOILT)
def test_uv_shows_why_the_index_refuses_an_attestation(how, desk, folder):
    sign(desk, folder, WHEEL)
    (folder / "dist" / SDIST).unlink()
    spoilt(how, folder)
    run = machine(desk, folder).run(desk.publish)
    assert run.exit_code == 2 and desk.files == []
    said = desk.said(run)
    assert SUPPLIED in said and SPOILT[how] in said, run
    assert desk.asked() == ["audience", "mint-token", "upload ✗", "burn-token"]


def test_signed_by_another_workflow_it_is_refused(desk, folder):
    sign(desk, folder, WHEEL, job=GitHubJob(workflow="test.yml"))
    run = machine(desk, folder).run(desk.publish)
    assert run.exit_code == 2 and "Could not verify the uploaded artifact" in desk.said(run)


def test_a_stored_token_with_an_attestation_is_refused(desk, folder):
    sign(desk, folder, WHEEL)
    token = desk.lab.index.create_api_token("alice", "octo-rocket")
    stored = dict(secrets={"UV_PUBLISH_TOKEN": token})
    run = machine(desk, folder, **stored).run(f"{desk.publish} --trusted-publishing never")
    assert run.exit_code == 2
    assert f"{SUPPLIED}Attestations are only supported when using Trusted Publishing" in desk.said(
        run
    )
    assert (
        machine(desk, folder, **stored)
        .run(f"{desk.publish} --no-attestations --trusted-publishing never")
        .ok
    )


def test_a_called_workflow_gets_a_token_and_its_attestation_is_refused(desk, folder):
    called = "octo-org/rocket/.github/workflows/release.yml@refs/heads/main"
    job = GitHubJob(workflow="ci.yml", called_workflow=called)
    sign(desk, folder, WHEEL, job=job)
    run = machine(desk, folder, job).run(desk.publish)
    assert run.exit_code == 2 and "Build Config URI" in desk.said(run)
    assert desk.asked()[:2] == ["audience", "mint-token"]


@pytest.mark.proof
@pytest.mark.parametrize("attests", [True, False])
def test_twine_uploads_them_only_if_it_is_told_to(attests, desk, folder):
    sign(desk, folder, WHEEL)
    files = [f"dist/{WHEEL}", f"dist/{WHEEL}.publish.attestation"]
    twine = ["twine", "upload", "--disable-progress-bar", "--repository-url", desk.url]
    twine += ["--attestations"] if attests else []
    run = machine(desk, folder).run(["python", "-c", EXCHANGE, desk.live.url, *twine, *files])
    assert run.ok, run
    assert provenance(desk, WHEEL)[0] == (200 if attests else 404)


@pytest.mark.proof
def test_twine_shows_why_the_index_refuses_one(desk, folder):
    sign(desk, folder, WHEEL)
    spoilt("the wheel changed", folder)
    files = [f"dist/{WHEEL}", f"dist/{WHEEL}.publish.attestation"]
    twine = [
        "twine",
        "upload",
        "--disable-progress-bar",
        "--repository-url",
        desk.url,
        "--attestations",
    ]
    run = machine(desk, folder).run(["python", "-c", EXCHANGE, desk.live.url, *twine, *files])
    assert run.exit_code == 1 and "subject does not match distribution digest" in desk.said(run)


@pytest.mark.proof
def test_the_sigstore_program_signs_and_verifies_with_the_trust_configuration(desk, folder):
    job, config = machine(desk, folder), desk.live.trust_config
    run = job.run(f"sigstore --trust-config {config} sign dist/{WHEEL}")
    assert run.ok, run
    name = "https://github.com/octo-org/rocket/.github/workflows/release.yml@refs/heads/main"
    verify = f"sigstore --trust-config {config} verify github --cert-identity {name} --repository"
    run = job.run(f"{verify} octo-org/rocket dist/{WHEEL}")
    assert run.ok and f"OK: dist/{WHEEL}" in run.log, run
    assert job.run(f"{verify} mallory/rocket dist/{WHEEL}").exit_code == 1


@pytest.mark.proof
def test_a_job_without_the_permission_signs_nothing(desk, folder):
    run = machine(desk, folder, GitHubJob(id_token=False)).run(f"python attest.py dist/{WHEEL}")
    assert run.exit_code == 1 and "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in run.log
    assert len(desk.lab.log.bodies) == 6


@pytest.mark.proof
def test_on_the_real_clock_a_job_signs_as_well(built, tmp_path):
    shutil.copytree(built / "dist", tmp_path / "dist")
    shutil.copy(ROOT / "course" / "attest.py", tmp_path)
    with Lab(at=None) as lab, lab.serve() as live:
        job = live.runner(GitHubJob(), folder=tmp_path)
        job.environment |= live.signing_environment()
        assert "LAB_TIME" not in job.environment
        assert job.run(f"python attest.py dist/{WHEEL}").ok
        run = job.run(
            f"uv publish --publish-url {live.url}/legacy/ dist/{WHEEL} dist/{WHEEL}.publish.attestation"
        )
        assert run.ok, run
        assert lab.index.provenance("octo-rocket", "1.0.0", WHEEL)


def test_a_jobs_python_lives_at_the_labs_time(desk, folder):
    desk.lab.clock.advance(days=3)
    run = machine(desk, folder).run(
        ["python", "-c", "import datetime; print(datetime.date.today())"]
    )
    assert run.log == "2026-11-26\n"


@pytest.mark.proof
def test_what_serve_prints_is_enough_to_sign_from_outside(tmp_path):
    command = [sys.executable, "-m", "helpers", "serve"]
    code = """
import json, os, sys, urllib.request, ssl
from pathlib import Path
facts = json.loads(sys.argv[1])
os.environ.update(SSL_CERT_FILE=facts["ca_file"], REQUESTS_CA_BUNDLE=facts["ca_file"], NO_PROXY="127.0.0.1",
                  TRUST_CONFIG=facts["trust_config"], GITHUB_ACTIONS="true",
                  ACTIONS_ID_TOKEN_REQUEST_URL=facts["id_token_request_url"],
                  ACTIONS_ID_TOKEN_REQUEST_TOKEN=facts["id_token_request_token"])
from course.attest import main
main([sys.argv[2]])
"""
    wheel = tmp_path / WHEEL
    wheel.write_bytes(b"a wheel")
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            facts = server.stdout.readline()
            ran = subprocess.run(
                [sys.executable, "-c", code, facts, str(wheel)],
                cwd=ROOT,
                capture_output=True,
                text=True,
            )
        finally:
            server.kill()
    assert ran.stdout == f"signed {WHEEL}\n", ran.stderr
    assert json.loads(Path(f"{wheel}.publish.attestation").read_text("utf-8"))["version"] == 1
