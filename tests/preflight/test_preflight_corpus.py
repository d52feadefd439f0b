"""Preflight's verdicts on the corpus, and that its fixes are fixes."""

import subprocess
from collections import Counter
from pathlib import Path

import corpus
import pytest

import preflight


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    """Write a set's files."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    return folder


@pytest.mark.parametrize("case", corpus.ALL, ids=lambda case: case.name)
def test_the_verdict_is_the_expected_one_and_the_fix_is_a_fix(case, tmp_path):
    folder = lay_out(tmp_path, case.files)
    report = preflight.check(folder, "octo-org/rocket")
    assert [(job.job, job.verdict) for job in report.jobs] == case.expected, report
    assert report.status == case.status and report.unread == []
    for name in ("index", "environment"):
        assert all(
            getattr(job, name) == case.more.get(name, getattr(job, name)) for job in report.jobs
        )
    for name, attribute in (("events", "event"), ("refs", "ref")):
        if name in case.more:
            assert [
                getattr(trigger, attribute) for trigger in report.jobs[0].triggers
            ] == case.more[name]
    failing = [job for job in report.jobs if job.verdict == corpus.N]
    fixable = case.more.get("fixed", case.name != "another index")
    assert all(bool(job.fix) == fixable for job in failing)
    assert not any(job.fix for job in report.jobs if job not in failing) and bool(
        report.patch
    ) == bool(failing and fixable)
    if report.patch:
        applied = subprocess.run(
            ["git", "apply", "-"], input=report.patch.encode(), cwd=folder, capture_output=True
        )
        assert applied.returncode == 0, (applied.stderr, report.patch)
        after = preflight.check(folder, "octo-org/rocket")
        assert after.status == 0 and len(after.jobs) == len(report.jobs), (report.patch, after)
        assert after.patch == ""


def test_the_corpus_is_large_and_covers_every_verdict():
    assert len(corpus.ALL) >= 60
    assert set(Counter(verdict for case in corpus.ALL for _, verdict in case.expected)) == {
        preflight.TOKEN,
        preflight.TRUSTED,
        preflight.EITHER,
        preflight.NEITHER,
    }
    assert len({case.name for case in corpus.ALL}) == len(corpus.ALL)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("last", ["", "ending"])
def test_a_fix_keeps_the_line_endings_and_the_missing_last_one(ending, last, tmp_path):
    text = corpus.workflow(corpus.step("uv", False)).removesuffix("\n").replace("\n", ending) + (
        ending if last else ""
    )
    folder = lay_out(tmp_path, {corpus.RELEASE: text})
    report = preflight.check(folder)
    subprocess.run(["git", "apply", "-"], input=report.jobs[0].fix.encode(), cwd=folder, check=True)
    after = (folder / corpus.RELEASE).read_bytes().decode()
    assert preflight.check(folder).ok
    assert [row for row in after.split(ending) if "\r" in row] == [] and after.endswith(
        ending
    ) == bool(last)
    assert set(text.split(ending)) <= set(after.split(ending))
