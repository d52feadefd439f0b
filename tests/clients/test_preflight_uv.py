"""Preflight's verdict, and what happens when the lab's runner really runs the release script with a real uv."""

import pytest

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
