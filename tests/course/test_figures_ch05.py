"""The figures of chapter 05 draw what they are given, and say it."""

import pytest
from matplotlib import colors

from course.ch05 import figures
from helpers.index.claim_checks import ClaimCheck
from helpers.lab import PUBLISHER, Lab
from helpers.provider.jobs import GitHubJob


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def grounds(figure):
    return [
        colors.to_hex(patch.get_facecolor())
        for axes in figure.drawing.axes
        for patch in axes.patches
    ]


def rule(claim, ok, expected="a", got="a"):
    return ClaimCheck(claim, expected, got, ok, "" if ok else "no")


FITS = [rule("repository", True), rule("environment", True)]
DIFFERS = [rule("repository", True), rule("environment", False, "pypi", "a")]


def test_a_mismatch_has_a_sign_a_word_and_a_ground_of_its_own():
    figure = figures.matching({"first": FITS, "second": DIFFERS})
    assert words(figure).count("✓") == 1 and words(figure).count("✗") == 1
    assert words(figure).count("ok") == 1 and "expects\npypi" in words(figure)
    assert len(grounds(figure)) == 2 and len(set(grounds(figure))) == 2
    assert words(figure)[-3:] == ["✓ let in", "✗ refused", "ok for every form: repository"]


def test_the_sentence_counts_publishers_and_names_what_differs():
    sentence = figures.matching({"first": FITS, "second": DIFFERS}).sentence
    assert sentence.startswith("One of two forms lets the job in; first: everything fits")
    assert "second: mismatch in environment (expects pypi)" in sentence


def test_with_jobs_across_a_mismatch_says_what_came():
    figure = figures.matching({"first": FITS, "second": DIFFERS}, across="job")
    assert "says\na" in words(figure) and figure.sentence.startswith("One of two jobs gets in")


def test_of_a_long_path_the_part_that_differs_is_shown():
    path = "octo-org/rocket/.github/workflows/"
    rows = [rule("job_workflow_ref", False, f"{path}a.yml@main", f"{path}b.yml@main")]
    assert "expects\n…a.yml@main" in words(figures.matching({"only": rows, "second": rows}))
    rows = [rule("job_workflow_ref", False, "octo-org/Rocket/.github/a.yml", "octo-org/rocket/a")]
    assert "expects\n…Rocket/…" in words(figures.matching({"only": rows, "second": rows}))


def test_rows_that_are_fine_everywhere_are_named_and_the_others_are_drawn():
    with Lab() as lab:
        claims = {**GitHubJob().claims(), "iss": lab.github.url, "jti": "1"}
    fine = PUBLISHER.check(claims)
    other = PUBLISHER.check(claims | {"environment": "test", "repository_owner": "mallory"})
    figure = figures.matching({"as it should be": fine, "wrong": other})
    drawn = [word for word in words(figure) if word in claims]
    assert drawn == [each.claim for each in other if not each.ok] and len(drawn) == 2
    rest = "iss, repository, repository_owner_id, job_workflow_ref, job_workflow_ref, jti"
    assert words(figure)[-1] == f"ok for every form: {rest}, event_name, ref, sha"
    assert words(figures.matching({"only": fine}))[-1].count(",") == len(fine) - 1


def test_a_row_is_drawn_where_a_column_is_ok_for_another_reason_than_the_first():
    loose = [rule("repository", True), rule("environment", True, "any", "a")]
    figure = figures.matching({"tight": FITS, "loose": loose})
    assert "environment" in words(figure) and "ok, expects\nany" in words(figure)
    assert "loose: everything fits, and ok: environment (expects any)" in figure.sentence
    assert words(figure)[-1] == "ok for every form: repository"


def test_a_claim_that_has_two_rows_is_named_with_its_rule_if_one_of_them_is_drawn():
    first = [rule("file", True), rule("file", True)]
    figure = figures.matching({"first": first, "second": [first[0], rule("file", False)]})
    assert words(figure)[-1] == "ok for every form: file (equal)"


@pytest.mark.parametrize("columns", [{}, {"one": FITS, "other": FITS[:1]}])
def test_publishers_that_follow_different_rules_are_not_drawn(columns):
    with pytest.raises(ValueError, match="same provider"):
        figures.matching(columns)


def test_the_gauntlet_marks_what_went_wrong_and_not_who_was_refused():
    rows = {"release": {"tight": True, "loose": True}, "stranger": {"tight": False, "loose": True}}
    figure = figures.gauntlet(rows, honest=["release"])
    dark = colors.to_hex(figures.fig.PALE[figures.fig.VERMILLION])
    assert [ground == dark for ground in grounds(figure)] == [False, False, False, True]
    assert [word for word in words(figure) if word in ("let in", "refused")] == [
        "let in",
        "let in",
        "refused",
        "let in",
    ]
    assert (
        "0 with “tight”, 1 with “loose”" in figure.sentence and "stranger: loose" in figure.sentence
    )


def test_a_gauntlet_needs_the_same_configurations_for_each_job():
    with pytest.raises(ValueError, match="same configurations"):
        figures.gauntlet({"a": {"x": True}, "b": {"y": True}})


def test_a_gauntlet_says_what_happens_to_those_who_do_not_get_in():
    figure = figures.gauntlet({"a": {"x": True}, "b": {"x": False}}, shut="not started")
    assert "not started" in words(figure) and "refused" not in words(figure)
