"""Preflight on what people meet in the field: kind by kind, and its fixes applied."""

import subprocess
from collections import Counter

import field_cases as field
import pytest
from test_preflight_corpus import lay_out

import preflight


@pytest.mark.parametrize("case", field.CASES, ids=lambda case: f"{case.kind}, {case.name}")
def test_the_case_is_judged_right(case, tmp_path):
    report = preflight.check(lay_out(tmp_path, case.files), "octo-org/rocket", **case.options)
    text = report.text()
    assert [(job.verdict, job.fails) for job in report.jobs] == case.ways, text
    assert [words for words in case.told if words not in text] == [], text
    everything = text + report.json() + report.github() + report._repr_html_()
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
            assert preflight.check(folder, "octo-org/rocket").unread == []


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
        "index", "repository", "repository", "repository", "index", "GitHub",
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
