"""Preflight on what people meet in the field: kind by kind, and its fixes applied."""

import subprocess
from collections import Counter

import field_cases as field
import pytest
import yaml
from test_preflight_corpus import lay_out

import preflight


@pytest.mark.parametrize("case", field.CASES, ids=lambda case: f"{case.kind}, {case.name}")
def test_the_case_is_judged_right(case, tmp_path):
    report = preflight.check(lay_out(tmp_path, case.files), "octo-org/rocket", **case.options)
    text = report.text()
    assert [(job.verdict, job.fails) for job in report.jobs] == case.ways, text
    assert [words for words in case.told if words not in text] == [], text
    everything = text + report.json() + report.github()
    assert [words for words in case.untold if words in everything] == [], text
    codes = {warning.code for warning in report.warnings}
    assert codes >= set(case.codes) and not codes & set(case.no_codes), text


@pytest.mark.parametrize("case", field.CASES, ids=lambda case: f"{case.kind}, {case.name}")
def test_a_fix_that_is_given_makes_the_next_run_pass(case, tmp_path):
    folder = lay_out(tmp_path, case.files)
    report = preflight.check(folder, "octo-org/rocket", **case.options)
    if not report.patch:
        return
    command = ["git", "apply", "-"]
    subprocess.run(command, input=report.patch.encode(), cwd=folder, check=True)
    fixed = {(job.workflow, job.job, job.client) for job in report.jobs if job.fix}
    after = preflight.check(folder, "octo-org/rocket", **case.options)
    still = {(job.workflow, job.job, job.client) for job in after.jobs if job.fails}
    assert fixed and not fixed & still, after


@pytest.mark.parametrize("case", field.CASES, ids=lambda case: f"{case.kind}, {case.name}")
def test_the_diffs_of_a_migration_apply_one_after_another(case, tmp_path):
    folder = lay_out(tmp_path, case.files)
    report = preflight.check(folder, "octo-org/rocket", **case.options)
    for step in report.steps:
        if step.diff:
            command = ["git", "apply", "-"]
            subprocess.run(command, input=step.diff.encode(), cwd=folder, check=True)
            after = preflight.check(folder, "octo-org/rocket")
            assert after.unread == [] and len(after.jobs) >= len(report.jobs)
            assert sum(job.fails for job in after.jobs) <= sum(job.fails for job in report.jobs)


def test_each_kind_has_inputs_that_fail_and_inputs_that_do_not():
    assert min(Counter(case.kind for case in field.CASES).values()) >= 5
    for kind in range(1, 10):
        fails = [any(fails for _, fails in case.ways) for case in field.CASES if case.kind == kind]
        assert kind in (3, 4) or (any(fails) and not all(fails)), kind
    assert len({case.name for case in field.CASES}) == len(field.CASES)


def test_a_migration_leads_from_a_stored_token_to_trusted_publishing(tmp_path):
    steps = f"run: uv publish\nenv:\n  UV_PUBLISH_TOKEN: {field.SECRET}"
    folder = lay_out(tmp_path, field.one(field.job(steps, "")))
    report = preflight.check(folder, "octo-org/rocket")
    assert [step.where for step in report.steps] == [
        "index", "repository", "repository", "repository", "repository", "index", "GitHub", "GitHub",
    ]  # fmt: skip
    verdicts = [report.jobs[0].verdict]
    for step in report.steps:
        if step.diff:
            command = ["git", "apply", "-"]
            subprocess.run(command, input=step.diff.encode(), cwd=folder, check=True)
            [job] = preflight.check(folder, "octo-org/rocket").jobs
            verdicts.append(job.verdict)
    assert verdicts == [preflight.TOKEN, preflight.EITHER, preflight.TRUSTED]


def test_an_index_that_nobody_knows_is_no_index():
    with pytest.raises(ValueError, match="expected a publisher"):
        preflight.read_publisher("workflow=release.yml index=npm", "octo-org/rocket")


def migrated(folder, files):
    """The verdicts before a migration and after each of its diffs, and its steps."""
    report = preflight.check(lay_out(folder, files), "octo-org/rocket")
    verdicts = [[job.verdict for job in report.jobs]]
    for step in report.steps:
        if step.diff:
            command = ["git", "apply", "-"]
            subprocess.run(command, input=step.diff.encode(), cwd=folder, check=True)
            jobs = preflight.check(folder, "octo-org/rocket").jobs
            verdicts.append([job.verdict for job in jobs])
            assert not any(job.fails for job in jobs) or any(job.fails for job in report.jobs)
    return verdicts, report.steps


ENV = f"env:\n  TWINE_USERNAME: __token__\n  TWINE_PASSWORD: {field.SECRET}"
IN_BRACES = f"env: {{TWINE_PASSWORD: '{field.SECRET}', KEEP: '1'}}"
HANDED_ON = f"env:\n  PYPI_TOKEN: {field.SECRET}"
SCRIPT = "set -eu\nmkdir -p dist\ntwine upload -u __token__ -p $PYPI_TOKEN dist/*\necho {: }\n"
STORED = {
    "twine, by its variables": ({}, f"run: twine upload x\n{ENV}"),
    "twine, with other variables in braces": ({}, f"run: twine upload x\n{IN_BRACES}"),
    "twine, by an option": ({}, f"run: mkdir -p dist && twine upload x -p {field.SECRET}"),
    "twine, on several lines": ({}, f"run: |\n  twine upload \\\n    -u __token__ \\\n    -p {field.SECRET} \\\n    x"),
    "twine, too old": ({}, f"run: pip install twine==5.1.1 build\n\nrun: twine upload x\n{ENV}"),
    "twine, in a step that begins with env": ({}, f"{ENV}\nrun: twine upload x"),
    "uv, by user and password": ({}, f"run: uv publish -u __token__ -p {field.SECRET}"),
    "uv, by an option": ({}, f"run: uv publish --token {field.SECRET}"),
    "the action": ({}, f"{field.ACTION_STEP}\nwith:\n  user: __token__\n  password: {field.SECRET}"),
    "a script": ({"go.sh": SCRIPT}, f"run: bash go.sh\n{HANDED_ON}"),
    "make": ({"Makefile": "go:\n\ttwine upload x -p $(PYPI_TOKEN)\n"}, f"run: make go\n{HANDED_ON}"),
    "tox": ({"tox.ini": field.TOX.format("TWINE_*")}, f"run: tox -e go\n{ENV}"),
    "poetry": ({}, f"run: poetry publish --build\nenv:\n  POETRY_PYPI_TOKEN_PYPI: {field.SECRET}"),
    "twine, by an assignment": ({}, f"run: TWINE_USERNAME=__token__ TWINE_PASSWORD={field.SECRET} twine upload x"),
    "hatch": ({}, f"run: hatch publish -u __token__ -a {field.SECRET}"),
    "hatch, in single quotes": ({}, f"run: hatch publish -u __token__ -a '{field.SECRET}'"),
    "flit": ({}, f"run: flit publish\nenv:\n  FLIT_USERNAME: __token__\n  FLIT_PASSWORD: {field.SECRET}"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_every_way_to_hand_a_token_over_is_migrated_without_a_gap(name, tmp_path):
    files, steps = STORED[name]
    workflow = field.one(field.job(steps, "", env=""), top="permissions: {contents: read}")
    verdicts, plan = migrated(tmp_path, {**workflow, **files})
    assert verdicts == [[field.T], [field.T], [field.E], [field.P]], plan
    assert [step.what for step in plan if "No simple diff" in step.what] == []
    text = (tmp_path / field.RELEASE).read_text()
    assert "secrets." not in text and "environment: pypi" in text and "{: }" in SCRIPT
    assert ("KEEP" in text) == ("KEEP" in steps) and ("mkdir -p dist" in steps) <= (
        "-p dist" in text
    )


@pytest.mark.parametrize(
    ("step", "contents"),
    [("uses: softprops/action-gh-release@v2", "write"), ("run: gh release create v1", "write"), ("run: git push --tags", "write"),
     ("uses: acme/notes@v1", "read"), ("run: gh run list", "read")],
)  # fmt: skip
@pytest.mark.parametrize("token", [f"\nenv:\n  UV_PUBLISH_TOKEN: {field.SECRET}", ""])
def test_a_job_that_makes_a_release_can_still_make_it(step, contents, token, tmp_path):
    job = field.job(f"{step}\n\n{field.UV}{token}", "")
    folder = lay_out(tmp_path, field.one(job, top=""))
    if token:
        _, plan = migrated(folder, {})
        assert sum("replace the default" in each.what for each in plan) == 1
    else:
        patch = preflight.check(folder, "octo-org/rocket").patch
        subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True)
    job = yaml.safe_load((folder / field.RELEASE).read_text())["jobs"]["release"]
    assert job["permissions"] == {"contents": contents, "id-token": "write"}


def test_a_job_that_publishes_twice_has_one_heading(tmp_path):
    steps = "run: |\n  echo\n  twine upload -r testpypi x\n\nrun: |\n  echo\n  twine upload x"
    report = preflight.check(lay_out(tmp_path, field.one(field.job(steps))), "octo-org/rocket")
    assert len(report.jobs) == 2 and report.text().count(", job release\n") == 1


def test_a_caller_is_given_what_every_job_of_the_called_workflow_states(tmp_path):
    other = field.job(
        "run: docker push x", "permissions: {packages: write, contents: read}", name="image"
    )
    token = f"{field.UV}\nenv:\n  UV_PUBLISH_TOKEN: {field.SECRET}"
    few = field.job("run: echo", "permissions: {packages: read, contents: none}", name="last")
    upload = field.flow(field.job(token, ""), other, few, on="workflow_call", top="")
    call = (
        "on: push\njobs:\n  go:\n    uses: ./.github/workflows/upload.yml\n    secrets: inherit\n"
    )
    call += "    permissions: {actions: read}\n"
    migrated(tmp_path, {field.RELEASE: call, ".github/workflows/upload.yml": upload})
    workflow = yaml.safe_load((tmp_path / field.RELEASE).read_text())
    given = workflow["jobs"]["go"]["permissions"]
    wanted = {"contents": "read", "id-token": "write", "packages": "write"}
    assert given == {"actions": "read", **wanted}


def test_a_client_that_uv_replaces_hands_its_token_over_in_a_variable(tmp_path):
    _, steps = migrated(tmp_path, field.one(field.job(STORED["hatch, in single quotes"][1], "")))
    [uv] = [step.diff for step in steps if step.what.startswith("Let uv publish")]
    assert f'- run: UV_PUBLISH_TOKEN="{field.SECRET}" pipx run uv publish\n' in uv


def test_a_client_that_uv_replaces_still_publishes_to_the_same_index(tmp_path):
    token = f"env:\n  POETRY_PYPI_TOKEN_TESTPYPI: {field.SECRET}"
    files = field.one(field.job(f"run: poetry publish -r testpypi\n{token}", ""))
    verdicts, _ = migrated(tmp_path, files)
    [job] = preflight.check(tmp_path, "octo-org/rocket").jobs
    assert verdicts[-1] == [field.P] and (job.client, job.index) == ("uv", "TestPyPI")


def test_a_job_is_named_once_for_each_thing_to_do(tmp_path):
    both = f"run: twine upload -r testpypi x\n{ENV}\n\nrun: twine upload x\n{ENV}"
    _, steps = migrated(tmp_path, field.one(field.job(both, "", env="")))
    done = [step.what for step in steps if step.diff]
    assert len(done) == len(set(done)) == 3 and "testpypi" not in done[0]


def test_another_jobs_token_stays_until_its_own_step(tmp_path):
    test = field.job(f"run: twine upload -r testpypi x\n{ENV}", "", name="a")
    verdicts, _ = migrated(tmp_path, field.one(test, field.job(f"run: twine upload x\n{ENV}", "")))
    assert verdicts[-2:] == [[field.P, field.E], [field.P, field.P]]


@pytest.mark.parametrize(
    "step", [field.UV, "run: pipx run twine==5.1.1 upload x", "uses: ./gone", "run: poetry publish"]
)
def test_a_job_that_fails_has_a_step_that_says_why(step, tmp_path):
    report = preflight.check(lay_out(tmp_path, field.one(field.job(step, ""))), "octo-org/rocket")
    for job in report.jobs:
        assert any(job.reason in step.what and step.diff for step in report.steps), report.steps
    verdicts, _ = migrated(tmp_path, {})
    assert verdicts[-1] == [field.P] * len(report.jobs)


def test_a_secret_that_is_still_named_is_named_in_the_step_that_deletes_it(tmp_path):
    other = f"run: echo\nenv:\n  X: a{field.SECRET}\n\nrun: twine upload x\n{ENV}"
    steps = preflight.check(
        lay_out(tmp_path, field.one(field.job(other, ""))), "octo-org/rocket"
    ).steps
    assert any("Delete the secret: PYPI_TOKEN. First take out" in step.what for step in steps)


@pytest.mark.parametrize(
    "install",
    ["pip install twine==5.1.1 build", 'pip install "twine<6" build', "pip install 'twine==5.1.1' build",
     "|\n  pip install build twine==5.1.1", "bash -c 'pip install twine==5.1.1 build'", "'pip install twine==5.1.1 build'",
     '"pip install twine==5.1.1 build"', "pipx run twine==5.1.1 upload x", "uvx twine@5.1.1 upload x"],
)  # fmt: skip
def test_a_newer_version_is_asked_for_in_words_that_survive_bash(install, tmp_path):
    steps = f"run: {install}" + "\n\nrun: twine upload x" * ("upload" not in install)
    folder = lay_out(tmp_path, field.one(field.job(steps)))
    patch = preflight.check(folder, "octo-org/rocket").patch
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True)
    [job] = preflight.check(folder, "octo-org/rocket").jobs
    assert not job.fails
    script = yaml.safe_load((folder / field.RELEASE).read_text())["jobs"]["release"]["steps"][0]
    told = 'pip() { printf \'%s\\n\' "$@"; }; pipx() { pip "$@"; }; uvx() { pip "$@"; }; export -f pip\n'
    before = sorted(folder.rglob("*"))
    run = subprocess.run(
        ["bash", "-ec", told + script["run"]], cwd=folder, capture_output=True, text=True
    )
    assert "twine@latest" in run.stdout.split() or "twine~=6.1" in run.stdout.split(), run
    assert sorted(folder.rglob("*")) == before


def test_jobs_that_share_a_script_have_a_diff_each(tmp_path):
    jobs = [field.job(f"run: bash go.sh\n{HANDED_ON}", name=name) for name in ("a", "b")]
    verdicts, steps = migrated(tmp_path, {**field.one(*jobs), "go.sh": SCRIPT})
    assert verdicts[-1] == [field.P, field.P]
    assert [step.what for step in steps if "No simple diff" in step.what] == []
    assert "secrets" not in (tmp_path / field.RELEASE).read_text()
    assert not any("First take out" in step.what for step in steps)


def test_a_step_without_a_diff_says_what_stands_in_the_way(tmp_path):
    twice = f"{ACTION_TEST}\n  password: {field.SECRET}\n\n{field.ACTION_STEP}\nwith:\n  password: {field.SECRET}"
    _, steps = migrated(tmp_path, field.one(field.job(twice, "")))
    [step] = [step for step in steps if "No simple diff" in step.what]
    assert "used twice in this job" in step.what and step.what.startswith("Take the token")


def test_a_plan_that_would_take_too_long_to_try_has_its_steps_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("preflight.migration.MOST_LOOKED_AT", 0)
    folder = lay_out(tmp_path, field.one(field.job(f"run: twine upload x\n{ENV}", "", env="")))
    steps = preflight.check(folder, "octo-org/rocket").steps
    untried = [step for step in steps if "too large to try" in step.what]
    assert len(untried) == 3 and not any(step.diff for step in steps)


ACTION_TEST = f"{field.ACTION_STEP}\nwith:\n  repository-url: {field.TEST}"


def test_what_one_step_has_done_for_two_jobs_is_no_second_step(tmp_path):
    jobs = [field.job("run: twine upload x", name=name) for name in ("a", "b")]
    top = f"permissions: {{}}\nenv:\n  KEEP: '1'\n  TWINE_PASSWORD: {field.SECRET}"
    verdicts, steps = migrated(tmp_path, field.one(*jobs, top=top))
    assert verdicts == [[field.E, field.E], [field.P, field.P]]
    assert [step.what for step in steps if "No simple diff" in step.what] == []
    assert "KEEP" in (tmp_path / field.RELEASE).read_text()


def test_a_user_name_above_all_jobs_stays_for_another_job_that_uploads(tmp_path):
    workflow = (
        "on: {push: {tags: [v1]}}\nenv:\n  TWINE_USERNAME: __token__\njobs:\n"
        "  pypi:\n    environment: pypi\n    permissions: {id-token: write}\n    steps:\n"
        "      - run: twine upload dist/*\n"
        "        env: {TWINE_PASSWORD: '${{ secrets.PYPI }}'}\n"
    )
    other = (
        "  company:\n    steps:\n      - run: twine upload --repository-url https://a.test/ d/*\n"
    )
    for text, stays in ((workflow + other, True), (workflow, False)):
        path = tmp_path / f"{stays}" / ".github" / "workflows" / "release.yml"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
        report = preflight.check(path.parents[2], "octo-org/rocket")
        [diff] = [step.diff for step in report.steps if step.diff]
        assert "-        env: {TWINE_PASSWORD" in diff
        assert ("-  TWINE_USERNAME" not in diff) is stays
