"""Preflight's verdict, and what happens when the lab's runner really runs the release script with a real uv."""

import pytest
import yaml

import preflight
from helpers.provider.jobs import GitHubJob

SCRIPT = """\
#!/usr/bin/env bash
set -eu
if [ -n "${PYPI_TOKEN:-}" ]; then
  uv publish --token="$PYPI_TOKEN"
else
  uv publish
fi
"""
WORKFLOW = """\
name: Release
on:
  push: {{branches: [main]}}
permissions: {top}
jobs:
  release:
    runs-on: ubuntu-latest
    environment: pypi
    {own}
    steps:
      - run: bash ./bin/publish
        {env}
"""
SECRET = "env: {PYPI_TOKEN: '${{ secrets.PYPI_TOKEN }}'}"
WRITE = "permissions: {id-token: write}"


@pytest.mark.proof
@pytest.mark.parametrize("version", ["today's", "of May"])
@pytest.mark.parametrize(
    ("top", "own", "env", "verdict", "asked"),
    [
        ("{}", "", "", preflight.NEITHER, ["audience"]),
        ("{}", WRITE, "", preflight.TRUSTED, ["audience", "mint-token", "upload"]),
        ("{id-token: write}", "", "", preflight.TRUSTED, ["audience", "mint-token", "upload"]),
        ("{id-token: write}", "permissions: {contents: read}", "", preflight.NEITHER, ["audience"]),
        ("{}", "", SECRET, preflight.TOKEN, ["upload"]),
        ("{}", WRITE, SECRET, preflight.EITHER, ["upload"]),
    ],
    ids=["none", "job", "workflow", "replaced", "token", "both"],
)
def test_what_preflight_foretells_happens(
    request, desk, tmp_path, version, top, own, env, verdict, asked
):
    old = version == "of May"
    project = request.getfixturevalue("built_then") if old else desk.folder
    for name, text in (
        ("bin/publish", SCRIPT),
        (".github/workflows/release.yml", WORKFLOW.format(top=top, own=own, env=env)),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "dist").symlink_to(project / "dist")
    publisher = "workflow=release.yml environment=pypi owner_id=65"
    report = preflight.check(tmp_path, "octo-org/rocket", publisher)
    [job] = report.jobs
    assert job.verdict == verdict

    secrets = {"PYPI_TOKEN": desk.lab.index.create_api_token("alice")} if env else {}
    path = (request.getfixturevalue("old_uv"),) if old else ()
    told = desk.live.job_environment
    desk.live.job_environment = lambda job, **more: {
        **told(job, **more),
        "UV_PUBLISH_URL": desk.url,
    }
    machine = desk.machine(
        GitHubJob(id_token=job.id_token), folder=tmp_path, secrets=secrets, path=path
    )
    run = machine.run("bash ./bin/publish")
    assert run.ok is report.ok, run
    client_asked = [
        action for action in desk.asked() if action in ("audience", "mint-token", "upload")
    ]
    assert list(dict.fromkeys(client_asked)) == asked
    assert desk.files == (desk.BOTH if report.ok else [])
    if not report.ok:
        assert "Missing credentials for" in run.log


STEP = """\
name: Release
on:
  push: {{branches: [main]}}
permissions: {{}}
jobs:
  release:
    runs-on: ubuntu-latest
    environment: pypi
    permissions: {{id-token: write}}
    steps:
      - run: {command}
        env: {env}
"""
PASTED = "{UV_PUBLISH_TOKEN: '${{ secrets.PYPI_TOKEN }}'}"
TOGETHER = "{UV_PUBLISH_TOKEN: '${{ secrets.PYPI_TOKEN }}', UV_PUBLISH_USERNAME: __token__}"
PASSWORD = "{UV_PUBLISH_PASSWORD: '${{ secrets.PYPI_TOKEN }}'}"
BOTH = "{UV_PUBLISH_PASSWORD: '${{ secrets.PYPI_TOKEN }}', UV_PUBLISH_USERNAME: __token__}"
STORED = "{TWINE_PASSWORD: '${{ secrets.PYPI_TOKEN }}', TWINE_USERNAME: __token__}"
LAB_IS_PYPI = """\
import os, sys
from twine import utils
utils.DEFAULT_REPOSITORY = os.environ["TWINE_REPOSITORY_URL"]
from twine.__main__ import main
sys.exit(main())
"""
"""The real twine, with the lab's index in the place of PyPI: for another index it asks for no ID token."""
TRUSTED = "twine upload --non-interactive --disable-progress-bar dist/*"
TWINE = "twine upload --non-interactive --disable-progress-bar dist/*"


@pytest.mark.proof
@pytest.mark.parametrize(
    ("command", "env", "token", "predicted", "log"),
    [
        ("uv publish --trusted-publishing always", PASTED, "good", "uv refuses", "not allowed when"),
        ("uv publish --trusted-publishing always", PASTED, "", "", "not allowed when"),
        ("uv publish --trusted-publishing always", "{}", "", "may ask", ""),
        ("uv publish", TOGETHER, "good", "uv refuses", "cannot be used with"),
        ("uv publish", PASSWORD, "good", "uv refuses", "no username"),
        ("uv publish", BOTH, "good", "The client finds", ""),
        ("uv publish", PASTED, "", "The client finds", "403"),
        ("uv publish -u alice", "{}", "", "'alice'", "403"),
        (TWINE, STORED, "good", "The client finds", ""),
        (TWINE, STORED, "", "The client finds", "403"),
        ("uv publish", "{UV_PUBLISH_TOKEN: ''}", "", "counts as given", "403"),
        ("uv publish --token=", "{}", "", "counts as given", "403"),
        ("uv publish", "{UV_PUBLISH_USERNAME: __token__}", "", "and no password", "403"),
        ("uv publish", "{UV_PUBLISH_USERNAME: ''}", "", "and no password", "Missing credentials"),
        ("uv publish", "{UV_PUBLISH_PASSWORD: ''}", "", "uv refuses", "no username"),
        ("uv publish", "{UV_PUBLISH_TOKEN: '', UV_PUBLISH_USERNAME: ''}", "", "uv refuses", "cannot be"),
        ("uv publish --trusted-publishing always", "{UV_PUBLISH_USERNAME: ''}", "", "uv refuses", "not"),
        (TRUSTED, "{}", "", "may ask", "Minted upload token"),
        (TRUSTED, "{TWINE_USERNAME: ''}", "", "may ask", "Minted upload token"),
        (TRUSTED, "{TWINE_PASSWORD: ''}", "", "counts as given", "403"),
        (f"{TRUSTED} -p ''", "{}", "", "counts as given", "403"),
    ],
)  # fmt: skip
def test_credentials_do_what_preflight_says(desk, tmp_path, command, env, token, predicted, log):
    """Also where the secret is missing: then uv and twine send an empty token, and ask for no ID token."""
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/release.yml").write_text(STEP.format(command=command, env=env))
    (tmp_path / "dist").symlink_to(desk.folder / "dist")
    [job] = preflight.check(tmp_path, "octo-org/rocket").jobs
    assert predicted in job.reason

    secret = desk.lab.index.create_api_token("alice") if token else ""
    given = yaml.safe_load(env)
    variables = {name: secret if "secrets" in value else value for name, value in given.items()}
    told = desk.live.job_environment
    where = {"UV_PUBLISH_URL": desk.url, "TWINE_REPOSITORY_URL": desk.url}
    desk.live.job_environment = lambda *job, **more: {**told(*job, **more), **where, **variables}
    machine = desk.machine(GitHubJob(), folder=tmp_path)
    (machine.folder / "lab_is_pypi.py").write_text(LAB_IS_PYPI)
    if command.startswith(TRUSTED):
        command = command.replace("twine", "python lab_is_pypi.py", 1)
    run = machine.run(["bash", "-c", command])
    missing = "secrets" in env and not token
    assert run.ok is not (job.fails or missing) and log in run.log, run
