"""The page about teaching: its plans add up, its questions are the chapters', its sheets are complete."""

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "docs")]

import sheet  # noqa: E402
from chapter_rules import Chapter, minutes_of, parts_of, reading_minutes  # noqa: E402
from learner import cases  # noqa: E402

PAGE = (ROOT / "docs" / "teaching.md").read_text("utf-8")
CHAPTERS = {
    path.name[:2]: Chapter(path) for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
}
SECTIONS = {text[:2]: text for text in re.split(r"(?m)^### ", PAGE) if re.match(r"\d\d · ", text)}
ROW = re.compile(r"^\| (\d\d:\d\d) \| (\d+) \| (.+) \|$", re.MULTILINE)
PLANS = [ROW.findall(table) for table in re.split(r"\n\n", PAGE) if ROW.search(table)]
LINK = re.compile(r"\[Chapter (\d\d)\]\(\.\./notebooks/(\S+?)\), ([^:|]+)")
chapter = pytest.mark.parametrize("number", CHAPTERS)


def test_the_plans_are_for_half_a_day_a_day_and_two_evenings():
    lengths = [sum(int(minutes) for _, minutes, _ in plan) for plan in PLANS]
    assert len(lengths) == 4
    assert lengths[0] <= 4 * 60 and lengths[1] <= 8 * 60 and max(lengths[2:]) <= 3 * 60


@pytest.mark.parametrize("plan", PLANS, ids=["half a day", "a day", "evening 1", "evening 2"])
def test_each_row_of_a_plan_begins_when_the_one_before_ends(plan):
    starts = [datetime.strptime(start, "%H:%M") for start, _, _ in plan]
    ends = [start + timedelta(minutes=int(row[1])) for start, row in zip(starts, plan, strict=True)]
    assert starts[1:] == ends[:-1]
    assert plan[-1][1:] == ("0", "End")


@pytest.mark.parametrize("plan", PLANS, ids=["half a day", "a day", "evening 1", "evening 2"])
def test_nobody_sits_for_more_than_two_hours_without_a_break(plan):
    sitting = 0
    for _, minutes, what in plan:
        sitting = 0 if what in ("Break", "Lunch") else sitting + int(minutes)
        assert sitting <= 120, what


@pytest.mark.parametrize("plan", PLANS, ids=["half a day", "a day", "evening 1", "evening 2"])
def test_a_chapter_gets_the_minutes_that_it_needs(plan):
    for _, minutes, what in plan:
        if not (found := LINK.match(what)):
            continue
        each = CHAPTERS[found[1]]
        assert each.path.name == found[2]
        if found[3].startswith("all of it"):
            assert int(minutes) == minutes_of(each)
        elif found[3].startswith("workshop path"):
            assert int(minutes) == sheet.workshop_path(each)[0]
        else:
            parts = [int(part) for part in re.findall(r"\d+", found[3])]
            cells = sheet.opening(each).union(*(parts_of(each)[part] for part in parts))
            assert int(minutes) >= 0.9 * reading_minutes(each, cells), what


@chapter
def test_each_chapter_has_an_idea_a_question_of_its_own_and_its_sheet(number):
    section = SECTIONS[number]
    title = CHAPTERS[number].headings[0].text
    assert section.startswith(f"{title}\n")
    assert "**The one idea.** " in section and f"```{{sheet}} {number}\n" in section
    text = " ".join(source for _, source in CHAPTERS[number].prose)
    asked = [" ".join(each.split()) for each in re.findall(r"\*\*([^*]+\?)\*\*", section)]
    assert asked
    for question in asked:
        assert question in " ".join(text.split()), f"the chapter does not ask: {question}"


@chapter
def test_the_sheet_on_the_page_has_every_exercise_and_what_its_check_says(built, number):
    page = (built / "teaching.html").read_text("utf-8")
    own = [case for case in cases() if case[0].name.startswith(f"q{int(number)}_")]
    assert own or number == "08"
    for exercise, _, known in own:
        name = exercise.name[1:].replace("_", ".")
        [count] = re.findall(rf">{re.escape(name)} [^<]*: (\d+) wrong answers<", page)
        assert int(count) == len(known.mistakes) > 0


def test_the_sheet_quotes_the_check_and_shows_the_answer():
    [case] = [case for case in cases() if case[0].name == "q2_5"]
    text = sheet.sheet(CHAPTERS["02"].path, [case])
    assert '+    return claims.get("aud") in (audience, [audience])' in text
    assert "Is a list with one member a string?" in text


def test_a_reply_is_shown_as_it_is_whatever_it_contains():
    assert sheet.escaped("a `x*y` and *z* $1") == r"a `x*y` and \*z\* \$1"
    assert sheet.escaped("one ` alone") == r"one \` alone"


def test_a_sheet_is_made_again_when_an_exercise_has_changed(tmp_path, monkeypatch):
    (tmp_path / "course").mkdir()
    exercises = tmp_path / "course" / "exercises.py"
    exercises.write_text("minutes = 3")
    monkeypatch.setattr(sheet, "ROOT", tmp_path)
    before = sheet.fingerprint(CHAPTERS["02"].path)
    assert sheet.fingerprint(CHAPTERS["02"].path) == before
    assert sheet.fingerprint(CHAPTERS["03"].path) != before
    exercises.write_text("minutes = 4")
    assert sheet.fingerprint(CHAPTERS["02"].path) != before
