"""The rules themselves: a sample that satisfies them all, and the breakages that each rule must notice."""

import copy
import json
import sys
import types

import chapter_rules
import pytest
from chapter_rules import FIRST_CELL, METADATA, RULES, Chapter

from course.exercise import Exercise


def markdown(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(source, *outputs):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs)}


def shown(text, **more):
    return {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": text, **more}}


def the_sample() -> dict:
    """A chapter that satisfies every rule; the numbers of its cells are used below."""
    check = "exercises.q98_1.check(double)\n# exercises.q98_1.hint()\n# exercises.q98_1.solution()"
    cells = [
        markdown(
            "# 98 · The sample chapter\n\n*What does a chapter look like?*\n\n"
            "16 minutes · after chapters 02 and 03\n\nWorkshop path, 16 minutes: part 1.\n\n"
            "## What you will be able to do\n\n- say what it looks like,\n  and why\n- write one"
        ),
        code(FIRST_CELL.format(chapter=98)),
        markdown(
            "## 1. The first part\n\nA **bearer token** is worth something to whoever has it, `!` or not.\n\n"
            "An ID token lives 5 minutes; see [RFC 7519](https://example.org/rfc7519) of May 2015.\n\n"
            "On 23 November 2026 nothing happens. [The end](#Where-it-stops-being-true) is near."
        ),
        code("minted = 4\nminted / 6", shown("67 % of 1,234")),
        markdown("So 67 % of them fail, and 1,234 were tried: ○ and ✗ and ✓ say how."),
        code(
            "figures.sequence(lab.events)",
            shown("A picture shows four things.", **{"image/png": "iVBOR"}),
        ),
        markdown(
            "| who | when |\n|---|---|\n| uv | September 2026 |\n\n(uv's documentation, release notes)"
        ),
        markdown(
            "As the survey says (Truffle Security, January 2024):\n\n- 74 % still worked\n- 3 % did not"
        ),
        markdown("### Exercise 98.1 · Twice\n\nDouble it."),
        code("def double(n):\n    ..."),
        code(check, shown("○ q98_1 not attempted · Replace it.")),
        *[code(f"x{n} = {n}") for n in range(20)],
        markdown("### Further: the algebra\n\n" + "word " * 9_000),
        markdown("## What we have seen\n\n- one\n- two\n\n## Where it stops being true\n\nHere."),
        markdown("## The question that leads on\n\nWhat comes next?"),
    ]
    for n, cell in enumerate(cells):
        cell["id"] = f"cell-{n}"
    for n, cell in enumerate([cell for cell in cells if cell["cell_type"] == "code"], 1):
        cell["execution_count"] = n
    return {"cells": cells, "metadata": copy.deepcopy(METADATA), "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(autouse=True)
def the_samples_exercise(monkeypatch):
    def probe(double):
        return None

    module = types.ModuleType("course.ch98.exercises")
    stub, answer = "\ndef double(n):\n    ...\n", "\ndef double(n):\n    return n * x0 // x0 + n\n"
    module.q98_1 = Exercise(
        title="Twice", names=("double",), stub=stub, probe=probe, answer=answer, hints=("?",)
    )
    module.q98_1.name = "q98_1"
    module.SETUP = "\nminted = 4\n"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def complaints(folder, notebook) -> dict[str, list[str]]:
    chapter = stored(folder, notebook)
    found = {rule.__name__: list(rule(chapter)) for rule in RULES}
    return {name: said for name, said in found.items() if said}


def stored(folder, notebook) -> Chapter:
    path = folder / "notebooks" / "98_sample_chapter.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(notebook), "utf-8")
    return Chapter(path)


def test_the_sample_satisfies_every_rule(tmp_path):
    assert complaints(tmp_path, the_sample()) == {}


def replaced(n, old, new):
    def change(notebook):
        assert old in notebook["cells"][n]["source"]
        notebook["cells"][n]["source"] = notebook["cells"][n]["source"].replace(old, new)

    return change


def added(n, text):
    def change(notebook):
        notebook["cells"][n]["source"] += text

    return change


def output(n, text, **more):
    def change(notebook):
        notebook["cells"][n]["outputs"] = [shown(text, **more)]

    return change


def put(*path, value):
    def change(notebook):
        *way, last = path
        place = notebook
        for step in way:
            place = place[step]
        place[last] = value

    return change


def removed(*ns):
    def change(notebook):
        for n in sorted(ns, reverse=True):
            del notebook["cells"][n]
        for k, cell in enumerate(
            [cell for cell in notebook["cells"] if cell["cell_type"] == "code"], 1
        ):
            cell["execution_count"] = k

    return change


def moved(a, b):
    def change(notebook):
        cells = notebook["cells"]
        cells[a], cells[b] = cells[b], cells[a]

    return change


BREAKAGES = {
    "it_opens_with_title_question_minutes_and_objectives": [
        replaced(0, "98 ·", "98:"),
        replaced(0, "98 ·", "97 ·"),
        replaced(0, "sample chapter", "other chapter"),
        replaced(0, "look like?*", "look like.*"),
        replaced(0, "*What does a chapter look like?*\n\n", ""),
        replaced(0, "16 minutes ·", "16 min ·"),
        replaced(0, "after chapters 02 and 03", "later"),
        replaced(0, "02 and 03", "02 and 99"),
        replaced(0, "## What you will be able to do", "## Aims"),
        replaced(0, "\n- write one", ""),
    ],
    "it_closes_with_what_we_have_seen_where_it_stops_and_a_question": [
        replaced(-2, "## What we have seen", "## Summary"),
        replaced(-2, "## Where it stops being true\n\nHere.", ""),
        replaced(-2, "- one\n- two", ""),
        replaced(-2, "- two", "- 2\n- 3\n- 4\n- 5\n- 6"),
        replaced(-1, "What comes next?", "Next."),
        replaced(-1, "What comes next?", ""),
        added(-1, "\n\n## And this\n\nToo."),
        moved(-2, -5),
    ],
    "headings_go_down_one_level_at_a_time": [
        added(3 - 1, "\n\n# Another title"),
        replaced(8, "### Exercise", "#### Exercise"),
        replaced(2, "## 1. The first part", "#### The first part"),
    ],
    "it_starts_with_the_three_lines": [
        replaced(1, "lab = Lab()", "lab = Lab( )"),
        replaced(1, "\nlab = Lab()", ""),
    ],
    "it_has_enough_cells_and_none_is_long": [
        removed(*range(12, 15)),
        added(3, "\n1" * 14),
        put("cells", 12, "source", value=" "),
        lambda notebook: [notebook["cells"].insert(12, notebook["cells"][12]) for _ in range(45)],
    ],
    "no_output_is_exempt_from_comparison": [
        added(3, "  # NBVAL_IGNORE_OUTPUT"),
        put("cells", 3, "metadata", value={"tags": ["nbval-skip"]}),
    ],
    "it_was_run_from_top_to_bottom_without_errors": [
        put("cells", 3, "execution_count", value=7),
        put("cells", 3, "execution_count", value=None),
        put("cells", 12, "outputs", value=[{"output_type": "error", "ename": "KeyError"}]),
        put("cells", 12, "outputs", value=[{"output_type": "stream", "name": "stderr", "text": "Warning"}]),
    ],
    "its_metadata_is_small_and_the_same_everywhere": [
        put("metadata", "kernelspec", "display_name", value="Python 3 (ipykernel)"),
        put("metadata", "language_info", "version", value="3.11.7"),
        put("metadata", "widgets", value={}),
        put("cells", 3, "metadata", value={"execution": {"iopub.execute_input": "2026"}}),
        put("cells", 2, "metadata", value={"collapsed": True}),
        put("cells", 12, "outputs", value=[{**shown("1"), "metadata": {"needs_background": "light"}}]),
        output(12, "1", **{"application/vnd.jupyter.widget-view+json": {}}),
        put("cells", 3, "id", value="cell-4"),
    ],
    "every_figure_says_what_it_shows": [
        output(5, "<Figure size 640x480 with 1 Axes>", **{"image/png": "iVBOR"}),
        output(5, "A picture shows four things", **{"image/png": "iVBOR"}),
        output(5, "Four things.", **{"image/png": "iVBOR"}),
        lambda notebook: notebook["cells"][5]["outputs"][0]["data"].pop("text/plain"),
    ],
    "no_output_depends_on_the_machine": [
        output(12, text)
        for text in (
            "stored in /tmp/x/y.whl", "/home/me/lab", "C:\\Users\\me", "https://127.0.0.1:40213/simple/",
            "localhost:8888", "<Lab at 0x7f0101d0a350>", "took 0.37 s", "Published in 25ms", "3.2 seconds",
            "pypi-" + "A" * 90, "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJweXBpIiwiZXhwIjoxfQ." + "x" * 340,
        )
    ] + [
        put("cells", 12, "outputs", value=[{"output_type": "stream", "name": "stdout", "text": "/root/x"}]),
        output(12, "x", **{"text/html": "<p>/Users/me</p>"}),
    ],
    "every_link_leads_somewhere": [
        added(2, " See [chapter 97](97_nothing.ipynb)."),
        added(2, " See [this](#Nowhere)."),
        added(2, " See [itself](98_sample_chapter.ipynb#Nowhere)."),
        added(2, " See ![](../README.md)."),
        added(2, " ![A picture](missing.png)"),
    ],
    "a_term_is_bold_where_it_is_introduced_and_nowhere_else": [
        added(4, " A **bearer token** again."),
        added(4, " A **Bearer\ntoken.** again."),
        added(4, " A **relying party** and a **relying party**."),
    ],
    "its_prose_is_plain": [
        added(4, " Wow!"),
        added(4, " It is simply so."),
        added(4, "\n\nJust so."),
        added(4, " \N{ROCKET}"),
        added(4, " \u2705"),
        added(4, "\n\n| a | b! |\n|---|---|"),
    ],
    "every_fact_has_its_source_beside_it": [
        added(4, " And 74 % still worked."),
        added(4, " On 29 May 2026 it broke."),
        added(4, " In 2024 it broke."),
        added(4, " On 2026-05-28 it broke."),
        added(4, " It lived 483 days."),
        added(4, " And 5,870 were told."),
        replaced(7, "As the survey says (Truffle Security, January 2024):", "As everybody says:"),
        replaced(6, "(uv's documentation, release notes)", "as everybody knows"),
    ],
    "its_minutes_are_those_that_a_reader_needs": [
        replaced(0, "16 minutes ·", "5 minutes ·"),
        replaced(0, "16 minutes ·", "30 minutes ·"),
        replaced(-3, "Further", "The last part"),
        added(4, "\n\n" + "word " * 9_000),
    ],
    "a_long_chapter_has_a_path_that_fits_a_workshop": [
        lambda notebook: [replaced(0, "16 minutes ·", "50 minutes ·")(notebook), replaced(0, "Workshop path", "A path")(notebook)],
        replaced(0, "path, 16", "path, 5"),
        replaced(0, "path, 16", "path, 46"),
        replaced(0, "part 1.", "parts 1 and 2."),
        lambda notebook: [added(8, "\n\n## 2. What is left out")(notebook), replaced(3, "minted = 4", "minted = x19")(notebook)],
    ],
    "every_exercise_is_there_in_order_with_its_stub": [
        replaced(10, "q98_1.check(double)", "q98_2.check(double)"),
        replaced(10, "check(double)", "check( double)"),
        replaced(10, "\n# exercises.q98_1.hint()", ""),
        replaced(10, "# exercises.q98_1.hint()", "# exercises.q98_7.hint()"),
        replaced(9, "...", "return 1"),
        replaced(8, "98.1 · Twice", "98.1 · Thrice"),
        output(10, "✓ q98_1 right · Yes."),
        put("cells", 10, "outputs", value=[]),
        lambda notebook: removed(9, 10)(notebook) or notebook["cells"].insert(11, code("1")),
    ],
    "what_an_answer_may_use_is_defined_by_then": [replaced(3, "minted = 4\nminted", "4")],
}  # fmt: skip


def test_every_rule_has_its_breakages():
    assert list(BREAKAGES) == [rule.__name__ for rule in RULES]


@pytest.mark.parametrize(
    ("rule", "n"), [(rule, n) for rule, all_of in BREAKAGES.items() for n in range(len(all_of))]
)
def test_a_breakage_is_noticed_by_its_rule(tmp_path, rule, n):
    notebook = the_sample()
    BREAKAGES[rule][n](notebook)
    assert list(getattr(chapter_rules, rule)(stored(tmp_path, notebook)))


FINE = [
    added(4, " An array index `x!`, and\n\n```\njust simply 74 % in 2024!\n```\n"),
    added(4, " As 74 % did (PyPI blog, 2023-08-17)."),
    added(4, " As PEP 740 of 2024 says."),
    added(4, " In 2026, commit 24fe7d6 said so."),
    added(4, " A token lives 900 s, or 15 minutes."),
    added(4, " See [the sample](98_sample_chapter.ipynb#Exercise-98.1-·-Twice)."),
    added(4, " Most were used within 40 seconds (Clutch Security, 2024)."),
    output(12, "sha256 0f1e2d3c4b5a, version 0.105.2, 900 s, 15 minutes, kid github-1"),
    output(12, "token pypi-AgEIc…9xQ"),
]


@pytest.mark.parametrize("n", range(len(FINE)))
def test_what_is_fine_is_left_alone(tmp_path, n):
    notebook = the_sample()
    FINE[n](notebook)
    assert complaints(tmp_path, notebook) == {}


def test_the_minutes_are_those_of_the_readme(tmp_path):
    (tmp_path / "README.md").write_text(
        "| [98](notebooks/98_sample_chapter.ipynb) | What? | 40 min |\n"
    )
    assert "it says 16 minutes, and README 40" in str(complaints(tmp_path, the_sample()))


def test_the_reading_time_counts_words_code_figures_and_exercises(tmp_path):
    def minutes(*changes):
        notebook = the_sample()
        for change in changes:
            change(notebook)
        return chapter_rules.reading_minutes(stored(tmp_path, notebook))

    assert minutes(added(4, " word" * 180)) == pytest.approx(minutes() + 1)
    assert minutes(added(3, "\n1" * 10)) == pytest.approx(minutes() + 40 / 60)
    assert minutes(output(12, "1\n2\n3")) == pytest.approx(minutes())
    assert minutes(output(12, "1\n2\n3\n4")) == pytest.approx(minutes() + 15 / 60)
    assert minutes(added(-3, " word" * 1800)) == pytest.approx(minutes())
    assert minutes(output(5, "A picture no more.")) == pytest.approx(minutes() - 15 / 60)
    assert minutes(replaced(10, "q98_1.check", "q98_2.check")) == pytest.approx(minutes() - 4)
