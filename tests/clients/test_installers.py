"""pip and uv install back what was published: by HTML and by JSON."""

import pytest

from helpers.index import simple_api

pytestmark = pytest.mark.proof

ANSWER = (
    "import sys; sys.path.insert(0, sys.argv[1]); import octo_rocket; print(octo_rocket.answer)"
)


@pytest.fixture(params=["JSON", "HTML"])
def published(request, desk, monkeypatch):
    """A desk with octo-rocket published on an index that speaks JSON and HTML, or HTML only, and what it answered."""
    assert desk.run(desk.publish).ok
    types = {"JSON": [simple_api.V1_JSON], "HTML": [simple_api.V1_HTML, simple_api.HTML]}
    if request.param == "HTML":  # clients ask for JSON whenever it is offered
        monkeypatch.setattr(simple_api, "V1_JSON", "application/vnd.pypi.simple.v1+not-offered")
    index, desk.spoken = desk.lab.index_app, []

    def listening(environ, start_response):
        def note(status, headers, *rest):
            if environ["PATH_INFO"].startswith("/simple/"):
                desk.spoken.append(dict(headers)["Content-Type"].partition(";")[0])
            return start_response(status, headers, *rest)

        return index(environ, note)

    desk.lab.index_app = listening
    yield desk
    assert desk.spoken and set(desk.spoken) <= set(types[request.param])


@pytest.fixture
def machine(published, tmp_path):
    """A machine with nothing on it, for somebody who installs."""
    return published.machine(folder=tmp_path)


def test_pip_installs_what_was_published_and_it_can_be_imported(published, machine):
    run = machine.run("pip install --no-deps --target here octo-rocket")
    assert run.ok, run
    assert run.log.splitlines()[:3] == [
        "Looking in indexes: https://127.0.0.1:port/simple/",
        "Collecting octo-rocket",
        "  Downloading octo_rocket-1.0.0-py3-none-any.whl (… kB)",
    ]
    assert run.log.endswith("Successfully installed octo-rocket-1.0.0\n")
    assert machine.run(["python", "-c", ANSWER, "here"]).log == "42\n"
    assert published.asked("pip") == ["list", "download"]


def test_pip_downloads_the_very_bytes_that_were_uploaded(published, machine):
    run = machine.run("pip download --no-deps -d here Octo_Rocket==1.0.0")
    assert run.ok, run
    (wheel,) = (machine.folder / "here").iterdir()
    assert wheel.read_bytes() == (published.folder / "dist" / wheel.name).read_bytes()


def test_uv_installs_what_was_published_and_it_can_be_imported(published, machine):
    run = machine.run("uv pip install --no-deps --target here octo-rocket")
    assert run.ok, run
    assert run.log.splitlines()[1:] == [
        "Resolved 1 package in … s",
        "Prepared 1 package in … s",
        "Installed 1 package in … s",
        " + octo-rocket==1.0.0",
    ]
    assert machine.run(["python", "-c", ANSWER, "here"]).log == "42\n"


def test_a_file_that_is_not_the_one_that_was_listed_is_not_installed(desk, tmp_path):
    # Somebody between the index and the installer: the list says one thing, the file is another.
    assert desk.run(desk.publish).ok
    index = desk.lab.index_app

    def tampering(environ, start_response):
        answer = b"".join(index(environ, start_response))
        return [
            answer.replace(b"octo", b"tako", 1)
            if environ["PATH_INFO"].startswith("/files/")
            else answer
        ]

    desk.lab.index_app = tampering
    machine = desk.machine(folder=tmp_path)
    run = machine.run("pip install --no-deps --target here octo-rocket")
    assert (
        run.exit_code == 1
        and "THESE PACKAGES DO NOT MATCH THE HASHES" in run.log
        and "Expected sha256" in run.log
    )
    assert not (tmp_path / "here").exists()


def test_a_project_that_is_not_there(desk, tmp_path):
    machine = desk.machine(folder=tmp_path)
    run = machine.run("pip install octo-comet")
    assert run.exit_code == 1 and run.log.endswith(
        "ERROR: No matching distribution found for octo-comet\n"
    )
    run = machine.run("uv pip install --target here octo-comet")
    assert (
        run.exit_code == 1
        and "Because octo-comet was not found in the package registry" in desk.said(run)
    )


def test_pip_prefers_the_requests_bundle_to_its_own_setting(desk, foreign_authority, tmp_path):
    machine = desk.machine(folder=tmp_path)
    machine.environment["SSL_CERT_FILE"] = str(
        foreign_authority
    )  # pip trusts what the system trusts, in any case
    machine.environment["REQUESTS_CA_BUNDLE"] = str(
        foreign_authority
    )  # while PIP_CERT is still right
    run = machine.run("pip download --no-deps octo-rocket")
    assert run.exit_code == 1 and "CERTIFICATE_VERIFY_FAILED" in run.log and desk.asked("pip") == []
