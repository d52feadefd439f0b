"""The exercises: what the engine says of any answer, and what holds for every exercise of every chapter."""

import functools
import importlib
import inspect
import sys
import textwrap
import types
from datetime import UTC, datetime
from pathlib import Path

import pytest
from learner import cases, check, run, source_of

from course import exercise as exercises
from course.exercise import Exercise, Wrong, exercise, expect, prediction, show
from helpers import lab as lab_module
from helpers.lab import Lab

STATES = {"○": "not attempted", "✗": "wrong", "✓": "right"}


def probe_double(double):
    for n in (0, 3, -7):
        if double(n) != 2 * n:
            raise Wrong(f"For {n} came {show(double(n))}.")


def an_exercise(
    probe=probe_double, names=("double",), stub="def double(n):\n    ...", **more
) -> Exercise:
    answer = more.pop("answer", "def double(n):\n    return n + n")
    return Exercise(title="Twice", names=names, stub=stub, probe=probe, answer=answer, **more)


# ---------------------------------------------------------------- the three outcomes


def test_a_right_answer_is_right():
    reply = check(an_exercise(right="Adding is doubling."), "def double(n):\n    return n + n")
    assert repr(reply) == "✓ q0_0 right · Adding is doubling."


def test_a_wrong_answer_gets_the_probes_sentence_and_nothing_else():
    reply = check(an_exercise(), "def double(n):\n    return n * n")
    assert repr(reply) == "✗ q0_0 wrong · For 3 came 9."


def test_the_stub_is_not_attempted_and_its_probe_does_not_run():
    exercise = an_exercise(probe=lambda double: pytest.fail("an untouched stub was run"))
    assert repr(check(exercise, exercise.stub)).startswith(
        "○ q0_0 not attempted · Replace the `...` in `double`"
    )


def test_a_table_that_is_half_filled_says_how_many_lines_are_left():
    exercise = an_exercise(names=("table",), stub="", answer="")
    assert "in `table` (2 left), run" in exercise.check({"a": 1, "b": ..., "c": ...}).text
    assert "in `table`, run" in exercise.check({"a": ..., "b": ...}).text


def test_every_sign_stands_for_its_outcome_without_colour():
    assert exercises.SIGNS == {state: sign for sign, state in STATES.items()}


def test_the_html_box_says_the_same_as_the_text_and_escapes_it():
    def probe(x):
        raise Wrong("`a < b` & <script>")

    reply = an_exercise(probe=probe, names=("x",), stub="x = ...").check(1)
    assert "<code>a &lt; b</code> &amp; &lt;script&gt;" in reply._repr_html_()
    assert "✗ q0_0 wrong" in reply._repr_html_()


def test_nothing_is_printed(capsys):
    exercise = an_exercise(hints=("Think.",))
    (
        check(exercise, exercise.stub),
        check(exercise, exercise.answer),
        exercise.hint(),
        exercise.solution(),
    )
    assert capsys.readouterr() == ("", "")


def test_an_answer_may_be_a_value():
    def probe(guess):
        if guess != 40:
            raise Wrong("Count again.")

    exercise = an_exercise(probe=probe, names=("guess",), stub="guess = ...")
    assert [exercise.check(x).state for x in (..., 41, 40)] == ["not attempted", "wrong", "right"]


def test_check_called_with_too_few_answers_says_how_to_call_it():
    assert "`exercises.q0_0.check(double)`" in an_exercise().check().text
    assert an_exercise().check(1, 2).state == "not attempted"


# ---------------------------------------------------------------- an Ellipsis left anywhere


@pytest.mark.parametrize(
    "value",
    [..., {"a": ...}, {...: 1}, [1, [2, ...]], (1, ...), {1, ...}, frozenset([...]), {"a": [{"b": (..., )}]}],
)  # fmt: skip
def test_an_ellipsis_in_a_value_is_found(value):
    assert (
        an_exercise(probe=lambda x: None, names=("x",), stub="x = ...").check(value).state
        == "not attempted"
    )


UNFINISHED = {
    "bare body": "def double(n):\n    ...",
    "docstring and body": "def double(n):\n    'Twice n.'\n    ...",
    "value": "def double(n):\n    return ...",
    "one of several": "def double(n):\n    if n < 0:\n        ...\n    return n + n",
    "loop": "def double(n):\n    while ...:\n        pass",
    "subscript": "def double(n):\n    return {n: n + n}[...]",
    "argument": "def double(n):\n    return max(n + n, ...)",
    "nested function": "def double(n):\n    def inner():\n        ...\n    return n + n",
    "default": "def double(n, twice=...):\n    return n + n",
    "nested default": "def double(n, *, twice={'a': [...]}):\n    return n + n",
    "lambda": "double = lambda n: ...",
    "cached": "import functools\n@functools.cache\ndef double(n):\n    ...",
    "wrapped": "import functools\ndef say(f):\n    @functools.wraps(f)\n    def g(*a):\n"
    "        return f(*a)\n    return g\n"
    "@say\ndef double(n):\n    ...",
}


ONLY_IN_SOURCE = (
    "one of several",
    "nested function",
    "loop",
)  # a bare `...` is in no bytecode, only an idle body shows


@pytest.mark.parametrize(
    ("name", "stored"),
    [(name, True) for name in UNFINISHED]
    + [(name, False) for name in UNFINISHED if name not in ONLY_IN_SOURCE],
)
def test_an_ellipsis_in_a_function_is_found_with_and_without_its_source(name, stored):
    assert check(an_exercise(), UNFINISHED[name], stored=stored).state == "not attempted"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (UNFINISHED["one of several"], 3),
        ("m = 2\ndef double(n):\n    m = n\n    ...\n    return n + m", 4),
    ],
)
def test_an_ellipsis_in_code_that_is_written_otherwise_is_located(source, line):
    assert f"in `double` (line {line} of your cell), run" in check(an_exercise(), source).text


FINISHED = {
    "type hints": "def double(n: tuple[int, ...] | int) -> tuple[int, ...]:\n    return n + n",
    "hint in the body": "def double(n):\n    seen: dict[str, tuple[int, ...]] = {}\n    return n + n",
    "alias in the body": "def double(n):\n    Row = dict[str, tuple[int, ...]]\n    return n + n",
    "docstring": "def double(n):\n    '''Twice ... n.'''\n    return n + n  # ...",
    "text": "def double(n):\n    return len('...' * n) // 3 * 2 if n > 0 else n + n",
    "slice": "def double(n):\n    class A:\n        def __getitem__(self, i):\n            return n + n\n"
    "    return A()[..., 0]",
    "placeholder in a default": "def double(n, mark='...'):\n    return n + n",
    "except": "def double(n):\n    try:\n        n + 1\n    except TypeError: ...\n    return n + n",
    "after the end": "def double(n):\n    if n:\n        return n + n\n        ...\n    return 0\n    ...",
}


@pytest.mark.parametrize("name", FINISHED)
def test_an_ellipsis_that_belongs_there_does_no_harm(name):
    assert check(an_exercise(), FINISHED[name]).state == "right"


def a_class_exercise() -> Exercise:
    def probe(Keys):
        if Keys(3).get(4) != 7:
            raise Wrong("Not the sum.")

    stub = (
        "class Keys:\n    def __init__(self, a):\n        ...\n\n    def get(self, b):\n        ..."
    )
    return an_exercise(probe=probe, names=("Keys",), stub=stub)


INIT = "    def __init__(self, a):\n        self.a = a\n"
GET = "    def get(self, b):\n        return self.a + b"


@pytest.mark.parametrize(
    "source",
    [
        "class Keys: ...",
        "class Keys:\n    'A store.'\n    ...",
        f"class Keys:\n{INIT}    def get(self, b):\n        ...",
        "class Keys:\n    def __init__(self, a):\n        ...\n    def get(self, b):\n        return 7",
        f"class Keys:\n    limit = ...\n{INIT}{GET}",
        f"class Keys:\n{INIT}    @staticmethod\n    def get(b):\n        ...",
        f"class Keys:\n{INIT}    @property\n    def c(self):\n        return ...\n{GET}",
        f"class Keys:\n    class Inner:\n        def f(self): ...\n{INIT}{GET}",
    ],
)
def test_an_ellipsis_in_a_class_is_found(source):
    assert check(a_class_exercise(), source).state == "not attempted"


@pytest.mark.parametrize(
    "source",
    [
        f"class Keys:\n    rows: tuple[int, ...] = ()\n{INIT}{GET}",
        f"from dataclasses import dataclass\n@dataclass\nclass Keys:\n    a: int\n{GET}",
        f"class Keys:\n    __init__ = lambda self, a: setattr(self, 'a', a)\n{GET}",
    ],
)
def test_a_finished_class_is_right(source):
    assert repr(check(a_class_exercise(), source)) == "✓ q0_0 right · Well reasoned."


def test_an_ellipsis_in_library_code_that_an_answer_refers_to_does_no_harm():
    exercise = an_exercise(probe=lambda x: None, names=("x",), stub="x = ...")
    library = type("Of", (), {"__module__": "library", "default": ...})
    for value in (library, {"hook": inspect.getsource, "type": importlib.abc.Loader, "path": Path}):
        assert exercise.check(value).state == "right"


# ---------------------------------------------------------------- whatever an answer does


def raising(what: str) -> str:
    return f"def double(n):\n    n = n + 1\n    raise {what}"


@pytest.mark.parametrize(
    "what", ["ValueError('no such key')", "SystemExit('bye')", "GeneratorExit", "MemoryError"]
)
def test_what_an_answer_raises_is_told_with_type_message_and_the_learners_line(what):
    reply = check(an_exercise(), raising(what))
    kind, message = what.split("(")[0], "".join(f": {m}" for m in what.split("'")[1:2])
    assert (
        repr(reply)
        == f"✗ q0_0 wrong · Your code raised {kind}{message} (line 3 of your cell: `raise {what}`)."
    )


def test_an_error_inside_a_library_is_told_with_the_line_that_called_it():
    reply = check(an_exercise(), "import json\n\ndef double(n):\n    return json.loads('{')")
    assert "line 4 of your cell: `return json.loads('{')`" in reply.text


def test_an_error_in_a_helper_of_the_learners_is_told_with_the_helpers_line():
    reply = check(
        an_exercise(), "def plus(n):\n    return n / 0\n\ndef double(n):\n    return plus(n)"
    )
    assert "ZeroDivisionError" in reply.text and "line 2 of your cell" in reply.text


def test_endless_recursion_is_told():
    assert "RecursionError" in check(an_exercise(), "def double(n):\n    return double(n)").text


def test_an_interrupted_answer_is_told_and_not_raised():
    reply = check(an_exercise(), raising("KeyboardInterrupt"))
    assert reply.state == "wrong" and "loop that never ends" in reply.text


def test_an_error_that_cannot_be_printed_is_told():
    source = "class E(Exception):\n    def __str__(self):\n        raise E\n\ndef double(n):\n    raise E"
    assert "Your code raised E (line 6 of your cell" in check(an_exercise(), source).text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("double = 4", "`double` should be a function, and is 4."),
        ("double = None", "should be a function, and is None."),
        (
            "def double():\n    return 4",
            "`double` should take (n); yours takes (nothing)".replace("; yours", ", and"),
        ),
        ("def double(n, m):\n    return 4", "`double` should take (n), and takes (n, m)."),
        ("def double(*, n):\n    return 4", "`double` should take (n), and takes (n)."),
    ],
)
def test_an_answer_of_the_wrong_shape_is_told_what_it_should_be(source, words):
    assert words in check(an_exercise(), source).text


@pytest.mark.parametrize(
    "source",
    ["def double(n, m=1):\n    return n + n", "def double(*args):\n    return 2 * args[0]"],
)
def test_an_answer_may_take_more_than_the_stub(source):
    assert check(an_exercise(), source).state == "right"


def test_a_keyword_only_parameter_of_the_stub_is_allowed_for():
    exercise = an_exercise(
        stub="def double(n, *, leeway, dry=False):\n    ...", probe=lambda f: None
    )
    assert check(exercise, "def double(n, *, leeway, dry=False):\n    return n").state == "right"
    assert "take (n, leeway, dry)" in check(exercise, "def double(n):\n    return n").text


def test_a_stub_with_a_default_must_be_callable_both_ways():
    exercise = an_exercise(stub="def double(n, leeway=30):\n    ...", probe=lambda f: None)
    assert check(exercise, "def double(n, leeway=30):\n    return n").state == "right"
    assert check(exercise, "def double(n, leeway):\n    return n").state == "wrong"
    assert check(exercise, "def double(n):\n    return n").state == "wrong"


def test_a_class_that_lacks_a_method_or_is_none_is_told():
    init = "class Keys:\n    def __init__(self, a):\n        self.a = a\n"
    assert "`Keys` should be a class, and is 3." in check(a_class_exercise(), "Keys = 3").text
    assert "`Keys.get` should be a function" in check(a_class_exercise(), init).text
    reply = check(a_class_exercise(), init + "    def get(self):\n        return 7")
    assert "`Keys.get` should take (self, b), and takes (self)." in reply.text


HOSTILE = """
class Odd:
    def __repr__(self): raise SystemExit
    def __eq__(self, other): raise KeyboardInterrupt
    def __hash__(self): raise MemoryError
    def __iter__(self): raise RecursionError
    def __getattribute__(self, name): raise SystemExit
"""


@pytest.mark.parametrize(
    "source", ["double = Odd()", "double = [Odd()]", "def double(n):\n    return Odd()"]
)
def test_a_hostile_object_is_wrong_and_raises_nothing(source):
    assert check(an_exercise(), source, setup=HOSTILE).state == "wrong"


def test_a_value_is_shown_in_one_short_piece_whatever_it_is():
    odd = run("odd = Odd()", setup=HOSTILE)["odd"]
    assert show(odd) == "a Odd" and show(b"12") == "b'12'"
    assert show("a" * 500 + "z") == "'" + "a" * 29 + "…" + "a" * 18 + "z'"


def test_a_value_that_contains_itself_is_examined_once():
    loop = []
    loop.append(loop)
    assert (
        an_exercise(probe=lambda x: None, names=("x",), stub="x = ...").check(loop).state == "right"
    )


def test_feedback_is_one_line_of_bounded_length():
    reply = check(an_exercise(), raising("ValueError('a\\nb' * 10_000)"))
    assert "\n" not in repr(reply) and len(repr(reply)) < 800


# ---------------------------------------------------------------- a probe's own lab


def probe_with_a_lab(double):
    lab = Lab(at="2030-01-01")
    lab.clock.advance(days=1)
    if double(lab.clock.now().day) != 4:
        raise Wrong("Not twice the day.")


def test_a_probes_lab_leaves_the_chapters_lab_and_clock_as_they_were():
    chapters = Lab()
    chapters.clock.advance(minutes=7)
    now, open_before = datetime.now(UTC), list(lab_module._open)
    for source, state in [
        ("return 2 * n", "right"),
        ("return n", "wrong"),
        ("raise ValueError", "wrong"),
    ]:
        assert (
            check(an_exercise(probe=probe_with_a_lab), f"def double(n):\n    {source}").state
            == state
        )
        assert lab_module._open == open_before == [chapters]
        assert datetime.now(UTC) == now
    assert chapters.http.get("https://pypi.test/_/oidc/audience").json() == {"audience": "pypi"}


def test_a_lab_that_a_probe_opens_first_of_all_is_closed(monkeypatch):
    def probe(double):
        monkeypatch.setitem(sys.modules, "helpers.lab", lab_module)
        probe_with_a_lab(double)

    monkeypatch.delitem(sys.modules, "helpers.lab")
    assert check(an_exercise(probe=probe), "def double(n):\n    return 2 * n").state == "right"
    assert lab_module._open == []


# ---------------------------------------------------------------- a check that fails is a refusal


def broken_probe(double):
    double(1)
    raise KeyError("the hidden case")


@pytest.mark.parametrize(
    "probe", [broken_probe, lambda double: True, lambda double: double(1) == 2, lambda: None]
)
def test_a_probe_that_fails_or_returns_something_makes_nothing_right(probe):
    reply = check(an_exercise(probe=probe), "def double(n):\n    return n + n")
    assert reply.state == "wrong"
    assert "hidden" not in reply.text and ("could not work" in reply.text or "broken" in reply.text)


def test_a_probe_that_cannot_digest_what_an_answer_returns_says_so():
    def probe(double):
        double(1).upper()

    reply = check(an_exercise(probe=probe), "def double(n):\n    return None")
    assert "could not work with your answer (AttributeError)" in reply.text


# ---------------------------------------------------------------- hints, solutions, names


def test_hints_come_one_by_one_and_end():
    exercise = an_exercise(hints=("Think.", "Add."))
    said = [repr(exercise.hint()) for _ in range(4)]
    assert said[:2] == ["q0_0 hint 1 of 2 · Think.", "q0_0 hint 2 of 2 · Add."]
    assert "no more hints" in said[2] and said[3] == said[2]


def test_the_solution_displays_as_code():
    shown = an_exercise(answer="\ndef double(n):\n    return n + n\n").solution()
    assert repr(shown) == "def double(n):\n    return n + n"
    assert shown._repr_markdown_() == "```python\ndef double(n):\n    return n + n\n```"


@pytest.fixture
def chapter_98(monkeypatch):
    module = types.ModuleType("course.ch98.exercises")
    for name in ("q98_1", "q98_2"):
        exercise = an_exercise()
        exercise.name = name
        setattr(module, name, exercise)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_an_exercise_is_found_by_chapter_and_number(chapter_98):
    assert exercises.chapter(98) == (chapter_98.q98_1, chapter_98.q98_2)
    assert repr(chapter_98.q98_2.check(...)).startswith("○ q98_2 not attempted")
    assert exercises.chapter(97) == ()


# ---------------------------------------------------------------- every exercise of every chapter


def the_docstrings_example():
    """The module that the engine's docstring shows to authors."""
    source = textwrap.dedent(
        exercises.__doc__.split("raises `Wrong`:\n")[1].split("\nThe second")[0]
    )
    module = run(source)
    return module["q4_2"], module["SETUP"]


SLOW = {"q4_4", "q8_1", "q8_3", "q8_5"}  # their checks race threads, or run a part of the grid


def every_exercise():
    for row in cases():
        marks = [pytest.mark.proof] if row[0].name in SLOW else []
        yield pytest.param(*row, id=row[0].name, marks=marks)


for_every_exercise = pytest.mark.parametrize(("exercise", "setup", "known"), list(every_exercise()))


def is_a_guess(exercise):
    """Three letters to choose from: a wrong one is no cheat, and two are known mistakes."""
    return exercise.names[0].startswith("guess_")


@functools.cache
def replies_to_mistakes(name):
    [(exercise, setup, known)] = [row for row in cases() if row[0].name == name]
    mistakes = known.mistakes if known else ()
    return [(check(exercise, source_of(exercise, m), setup), words) for m, words in mistakes]


@for_every_exercise
def test_untouched_it_is_not_attempted(exercise, setup, known):
    assert check(exercise, exercise.stub, setup).state == "not attempted"


@for_every_exercise
def test_its_solution_is_right_twice_in_a_row(exercise, setup, known):
    first, second = check(exercise, exercise.answer, setup), check(exercise, exercise.answer, setup)
    assert first.state == "right", first
    assert second.text == first.text and second.state == first.state


@for_every_exercise
def test_other_right_answers_are_right(exercise, setup, known):
    for answer in known.right if known else ():
        reply = check(exercise, source_of(exercise, answer), setup)
        assert reply.state == "right", (answer, reply)


@for_every_exercise
def test_each_known_mistake_gets_its_own_feedback(exercise, setup, known):
    replies = replies_to_mistakes(exercise.name)
    for reply, words in replies:
        assert reply.state == "wrong" and words in reply.text, reply
        assert sum(words in other.text for other, _ in replies) == 1, (
            f"{words!r} is said of other mistakes too"
        )
    assert check(exercise, exercise.answer, setup).state == "right", (
        "a mistake spoilt the check for the next answer"
    )


@for_every_exercise
def test_a_solution_of_the_visible_example_alone_is_wrong(exercise, setup, known):
    cheat = known.cheat if known else ""
    if is_a_guess(exercise):
        pytest.skip("chapter 00 asks for guesses")
    assert cheat
    assert check(exercise, cheat, setup).state == "wrong"


@for_every_exercise
def test_it_is_complete(exercise, setup, known):
    assert exercise.title and exercise.names and 1 <= exercise.minutes <= 15
    if not is_a_guess(exercise):
        assert len(exercise.hints) >= 2 and len(known.mistakes) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert not set("!") & set("".join(exercise.hints) + exercise.right)


@for_every_exercise
def test_no_feedback_and_no_first_hint_holds_a_line_of_the_solution(exercise, setup, known):
    lines = [line.strip() for line in exercise.answer.splitlines()]
    telling = [
        line
        for line in lines
        if len(line) > 15 and not line.startswith(("def ", "class ", "import ", "from ", '"""'))
    ]
    for text in [reply.text for reply, _ in replies_to_mistakes(exercise.name)] + list(
        exercise.hints[:1]
    ):
        assert not [line for line in telling if line in text], text


@for_every_exercise
def test_answers_that_cannot_be_right_are_not(exercise, setup, known):
    def stop(*args, **kwargs):
        raise SystemExit

    odd = [None, 42, [], stop, object(), Exception]
    odd += [lambda *a, **k: None, lambda *a, **k: True, lambda *a, **k: a]
    for answer in odd:
        if not is_a_guess(exercise):
            assert exercise.check(*[answer] * len(exercise.names)).state == "wrong", answer


# ---------------------------------------------------------------- the two forms of an exercise


def test_the_docstrings_example_judges_as_it_says():
    example, setup = the_docstrings_example()
    assert example.name == "q4_2" and example.names == ("decode_segment",)
    assert check(example, example.stub, setup).state == "not attempted"
    assert check(example, example.answer, setup).state == "right"
    wrong = example.answer.replace("urlsafe_b64decode", "b64decode")
    assert check(example, wrong, setup).state == "wrong"


def test_a_stub_is_the_solution_with_docstrings_and_without_bodies():
    example, _ = the_docstrings_example()
    assert example.stub == (
        "def decode_segment(segment: str) -> bytes:\n"
        '    """Return the bytes of a base64url segment without padding."""\n'
        "    ..."
    )


class Counter:
    """Counts."""

    def __init__(self, start):
        self.value = start

    def step(self):
        """Return the next number."""

        def add(n):
            return n + 1

        self.value = add(self.value)
        return self.value


def counting(**more):
    @exercise("Count", Counter, hints=("Look.", "Add."), right="Counted.", minutes=2, **more)
    def q98_1(counter, *rest):
        expect(counter(3).step(), 4, "What comes after 3?")

    return q98_1


def test_a_classs_stub_keeps_every_method():
    assert counting().stub.splitlines() == [
        "class Counter:",
        '    """Counts."""',
        "",
        "    def __init__(self, start):",
        "        ...",
        "",
        "    def step(self):",
        '        """Return the next number."""',
        "",
        "        ...",
    ]


def test_values_and_functions_can_be_asked_for_together():
    both = counting(guess="c")
    assert both.names == ("Counter", "guess") and both.stub.endswith("guess = ...")
    assert both.check(Counter, ...).state == "not attempted"
    assert both.check(Counter, "c").state == "right"


def test_expect_names_the_value_and_the_kind():
    with pytest.raises(Wrong, match=r"How many\? Your answer is 3\."):
        expect(3, 4, "How many?")
    with pytest.raises(Wrong, match="expected True or False"):
        expect(1, True, "Is it?")


def the_prediction(truth=None):
    @prediction(
        "Two lines",
        "works",
        {"the first": (True, "Why not?"), 'the "second"': (False, "Who says so?")},
        hints=("One.", "Two."),
        right="So it is.",
        minutes=1,
    )
    def q98_2():
        return truth

    return q98_2


def test_a_prediction_asks_for_a_value_for_each_line():
    two = the_prediction()
    assert two.name == "q98_2" and check(two, two.stub).state == "not attempted"
    assert check(two, two.answer).state == "right"
    wrong = check(two, two.answer.replace("True", "False"))
    assert wrong.text == "“the first”: you say False. Why not?"
    assert "Write True or False for each line." in check(two, two.answer.replace("True", "1")).text
    assert "Leave the 2 lines" in two.check({"the first": True}).text


def test_a_prediction_that_the_lab_contradicts_makes_no_answer_right():
    tried = the_prediction({"the first": False, 'the "second"': False})
    assert check(tried, tried.answer).state == "wrong"


def test_a_right_answer_says_how_many_of_the_chapter_are_done(chapter_98):
    first = chapter_98.q98_1
    assert repr(check(first, first.answer)).startswith("✓ q98_1 right · 1 of 2 done · ")
    assert repr(check(first, first.answer)).startswith("✓ q98_1 right · 1 of 2 done · ")
    assert "done" not in repr(check(chapter_98.q98_2, "double = 3"))
    second = check(chapter_98.q98_2, chapter_98.q98_2.answer)
    assert repr(second).startswith("✓ q98_2 right · 2 of 2 done · ")
