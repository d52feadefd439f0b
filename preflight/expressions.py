"""Expressions of workflow files, with three answers: yes, no, and not known before the run.

GitHub Docs, "Evaluate expressions in workflows and actions". What is not understood is not known.
"""

import _ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LONGEST = 2_000
"""Characters of one expression. Longer ones are not known."""
LONGEST_TEXT = 10_000
"""Characters that a text may have once its expressions are filled in; the rest is cut off."""


@dataclass(frozen=True)
class Open:
    """A value that is decided during the run. `options` are all that it can be, if those are known;
    it begins with `prefix`; it is none of `never`."""

    options: tuple[str, ...] = ()
    prefix: str = ""
    never: frozenset[str] = frozenset()


UNKNOWN = Open()
Value = Any
"""A text, a truth value, a number, None, a list of these, or an `Open`."""
Lookup = Callable[[str], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))"
    r"|(?P<sign>&&|\|\||[=!<>]=|[!<>()\[\],])|(?P<call>[A-Za-z]\w*)(?=\s*\()"
    r"|(?P<path>[A-Za-z_][\w-]*(?:\.[\w*-]+|\['[^']*'\])*))\s*"
)
_SIGNS = {"&&": " and ", "||": " or ", "!": "~"}
_WORDS = {"true": "True", "false": "False", "null": "None"}
_COMPARISONS = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}


@lru_cache(2_000)
def _parse(text: str) -> Any:
    """The tree of an expression, written as Python, whose precedence is the same; never run."""
    source, position = "", 0
    while position < len(text) <= LONGEST:
        match = _TOKEN.match(text, position)
        if not match or match.end() == position:
            return None
        kind, word, position = match.lastgroup, match[match.lastgroup or 0], match.end()
        if kind == "text":
            word = repr(word[1:-1].replace("''", "'"))
        elif kind == "path":
            path = re.sub(r"\['([^']*)'\]", r".\1", word)
            word = _WORDS.get(word) or f"_({path!r})"
        source += f"f_{word.lower()}" if kind == "call" else _SIGNS.get(word, word)
    try:
        return compile(source.strip(), "", "eval", _ast.PyCF_ONLY_AST).body  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def evaluate(text: str, lookup: Lookup) -> Value:
    """Return the value of an expression, without its `${{ }}`; `lookup` gives that of a path."""
    try:
        return _value(_parse(text.strip()), lookup)
    except RecursionError:
        return UNKNOWN


def holds(condition: str, lookup: Lookup) -> bool | None:
    """Whether an `if:` is met; None if that is not known. An empty one is."""
    text = condition.strip()
    if text.startswith("${{") and text.endswith("}}") and text.count("${{") == 1:
        text = text[3:-2]
    elif "${{" in text:  # text around an expression makes it a text, and so true
        return None
    return truth(evaluate(text, lookup)) if text.strip() else True


def truth(value: Value) -> bool | None:
    """Whether a value counts as true; None if that is not known."""
    if isinstance(value, Open):
        return _agree(map(truth, value.options)) if value.options else bool(value.prefix) or None
    if isinstance(value, str) and "${{" in value:
        return None
    return value is not None and value == value and bool(value)


def _agree(answers: Any) -> bool | None:
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def _value(node: Any, lookup: Lookup) -> Value:
    if isinstance(node, _ast.Constant):
        return float(node.value) if type(node.value) is int else node.value
    if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Name):
        given = [_value(each, lookup) for each in node.args]
        return lookup(given[0]) if node.func.id == "_" else _call(node.func.id[2:], given)
    if isinstance(node, _ast.UnaryOp):
        known = truth(_value(node.operand, lookup))
        return UNKNOWN if known is None else not known
    if isinstance(node, _ast.BoolOp):
        value = _value(node.values[0], lookup)
        for each in node.values[1:]:
            value = _choose(value, isinstance(node.op, _ast.And), each, lookup)
        return value
    if isinstance(node, _ast.Compare) and len(node.ops) == 1:
        sign = _COMPARISONS.get(type(node.ops[0]).__name__, "")
        answer = _compare(sign, _value(node.left, lookup), _value(node.comparators[0], lookup))
        return UNKNOWN if answer is None else answer
    return UNKNOWN


def _choose(left: Value, wanted: bool, node: Any, lookup: Lookup) -> Value:
    """`left && right` or `left || right`: the right side if the left one's truth is `wanted`."""
    known = truth(left)
    if known is not None and known != wanted:
        return left
    right = _value(node, lookup)
    if known is not None:
        return right
    if truth(right) is (not wanted) and not isinstance(right, (str, Open)):
        return right
    stay = [each for each in options(left) if truth(each) is not wanted] or [""] * wanted
    both = tuple(dict.fromkeys([*stay, *options(right)]))
    complete = (wanted or options(left)) and options(right)
    return Open(both) if complete and all(isinstance(each, str) for each in both) else UNKNOWN


def options(value: Value) -> tuple[Value, ...]:
    """All that a value can be; () if that is not known."""
    return value.options if isinstance(value, Open) else (value,)


def _compare(sign: str, left: Value, right: Value) -> bool | None:
    if sign in ("==", "!="):
        same = _equal(left, right)
        return None if same is None else same == (sign == "==")
    a, b = _number(left), _number(right)
    known = not isinstance(left, Open) and not isinstance(right, Open)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}.get(sign) if known else None


def _equal(left: Value, right: Value) -> bool | None:
    if isinstance(right, Open):
        left, right = right, left
    if isinstance(right, Open) or "${{" in f"{left}{right}":
        return None
    if isinstance(left, Open) and left.options:
        return _agree(_equal(each, right) for each in left.options)
    if isinstance(left, Open):
        if isinstance(right, str) and not right.lower().startswith(left.prefix.lower()):
            return False
        return False if isinstance(right, str) and right in left.never else None
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return _number(left) == _number(right)


def _number(value: Value) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")


def _call(name: str, given: list[Value]) -> Value:
    if name in ("always", "success", "cancelled"):
        return name != "cancelled"
    if name in ("contains", "startswith", "endswith") and len(given) == 2:
        answer = _search(name, *given)
        return UNKNOWN if answer is None else answer
    if name == "fromjson" and given and isinstance(given[0], str):
        try:
            value = json.loads(given[0])
        except (ValueError, RecursionError):
            return UNKNOWN
        return UNKNOWN if isinstance(value, dict) else value
    if name == "format" and all(isinstance(each, str) for each in given):
        values = [*given[1:], *[""] * 10]
        return re.sub(r"\{(\d)\}", lambda m: values[int(m[1])], given[0][:LONGEST])[:LONGEST]
    return UNKNOWN


def _search(name: str, place: Value, wanted: Value) -> bool | None:
    if isinstance(place, list):
        answers = {_equal(each, wanted) for each in place}
        return True if True in answers else None if None in answers else False
    if isinstance(wanted, Open):
        return None
    part = show(wanted).lower()
    if isinstance(place, Open):
        if place.options:
            return _agree(_search(name, each, wanted) for each in place.options)
        known = place.prefix.lower()
        if name == "startswith" and not known.startswith(part[: len(known)]):
            return False
        begins = name == "startswith" and known.startswith(part)
        return True if part and (begins or (name == "contains" and part in known)) else None
    text = show(place).lower()
    ends = text.startswith(part) if name == "startswith" else text.endswith(part)
    return None if "${{" in text else part in text if name == "contains" else ends


def show(value: Value) -> str:
    """A known value as GitHub writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """A text in pieces: what stands before an expression, and the expression; the last has none."""
    position = 0
    while (start := text.find("${{", position)) >= 0 and (end := text.find("}}", start)) >= 0:
        yield text[position:start], text[start + 3 : end]
        position = end + 2
    yield text[position:], ""


def fill(text: str, lookup: Lookup) -> str:
    """The text with its expressions filled in. What is not known stays as it is written."""
    if "${{" not in text:
        return text
    filled, size = [], 0
    for before, expression in _parts(text):
        value = evaluate(expression, lookup) if expression else ""
        known = not isinstance(value, (Open, list))
        filled += [before, show(value) if known else f"${{{{{expression}}}}}"]
        size += len(filled[-1]) + len(before)
        if size > LONGEST_TEXT + len(text):
            break
    return "".join(filled)[: max(LONGEST_TEXT, len(text))]


def possible(text: str, lookup: Lookup) -> tuple[str, ...]:
    """All that a text can be. What is not known stays as it is written."""
    for before, expression in _parts(text):
        value = evaluate(expression, lookup) if expression else None
        if isinstance(value, Open) and value.options:
            written, rest = f"{before}${{{{{expression}}}}}", len(before) + len(expression) + 5
            heads = [fill(before, lookup) + show(each) for each in value.options[:8]]
            tail = fill(text[rest:], lookup) if text.startswith(written) else ""
            return tuple(dict.fromkeys(head + tail for head in heads))
    return (fill(text, lookup),)
