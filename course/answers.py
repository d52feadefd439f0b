"""Facts about an answer that need no question: is it finished, callable, and where did it fail."""

import ast
import contextlib
import dis
import inspect
import linecache
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from types import CodeType, FunctionType, MethodType

_IDLE = {
    "RESUME",
    "NOP",
    "LOAD_CONST",
    "RETURN_VALUE",
    "RETURN_CONST",
    "COPY_FREE_VARS",
    "MAKE_CELL",
}


def show(value: object, longest: int = 60) -> str:
    """Return a value's repr, cut to about `longest` characters. Never raises."""
    try:
        text = repr(value)
    except BaseException:
        text = f"a {type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 3) :]}"


def is_unfinished(answer: object) -> bool:
    """Return whether an Ellipsis is left: in a value, a default, or the body of a function."""
    return any(_is_gap(part) for part in _parts(answer))


def line_left(answer: object) -> int | None:
    """Return the line of the cell where an Ellipsis is left in code that is written otherwise."""
    lines, written = [], False
    for part in _parts(answer):
        if isinstance(part, FunctionType) and part.__module__ == "__main__":
            with contextlib.suppress(Exception):  # no source
                source, first = inspect.getsourcelines(part)
                tree = ast.parse(textwrap.dedent("".join(source)))
                lines += [first + line - 1 for line in _gaps(tree)]
            written |= not _is_idle(part.__code__)
    return min(lines) if written and lines else None


def compare_shape(stub: str, name: str, answer: object) -> str | None:
    """Return what is wrong with `answer` if it cannot be called like the stub; else None."""
    for node in ast.parse(textwrap.dedent(stub)).body:
        if getattr(node, "name", None) == name:
            return _misshapen(node, name, answer)
    return None


def line_of(error: BaseException, answers: tuple[object, ...]) -> str | None:
    """The last line of the learner's own code that the error went through; None if it never did."""
    parts = (part for answer in answers for part in _parts(answer))
    theirs = {id(part.__globals__) for part in parts if isinstance(part, FunctionType)}
    found, trace = None, error.__traceback__
    while trace is not None:
        if id(trace.tb_frame.f_globals) in theirs:
            source = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).strip()
            found = f"line {trace.tb_lineno} of your cell" + (f": `{source}`" if source else "")
        trace = trace.tb_next
    return found


def _parts(answer: object) -> Iterator[object]:
    """The answer and all that is in it; of functions and classes, those written in a notebook."""
    waiting, seen = [answer], {}
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part  # kept, so that no later object gets the same id
        yield part
        if isinstance(part, dict):
            waiting += [*dict.keys(part), *dict.values(part)]
        elif isinstance(part, (list, tuple, set, frozenset)):
            waiting += part
        elif isinstance(part, FunctionType):
            waiting += [part.__defaults__, part.__kwdefaults__, getattr(part, "__wrapped__", None)]
        elif isinstance(part, (staticmethod, classmethod, MethodType)):
            waiting.append(part.__func__)
        elif isinstance(part, property):
            waiting += [part.fget, part.fset]
        elif isinstance(part, type):
            own = vars(part).items() if part.__module__ == "__main__" else ()
            waiting += [member for name, member in own if not _is_generated(name, member)]
        elif is_dataclass(part) or type(part).__module__ == "__main__":
            waiting += [type(part), *getattr(part, "__dict__", {}).values()]
        elif hasattr(type(part), "cache_info"):  # functools.cache around a function
            waiting.append(getattr(part, "__wrapped__", None))


def _is_generated(name: str, member: object) -> bool:
    """Whether Python or `@dataclass` has put this member into a class."""
    code = getattr(member, "__code__", None)
    return "__annot" in name or (
        name.startswith("__") and (code is None or code.co_filename == "<string>")
    )


def _is_gap(part: object) -> bool:
    if isinstance(part, type) and part.__module__ == "__main__":  # `class Keys: ...`
        members = vars(part).items()
        own = [
            name for name, member in members if "__annot" in name or not _is_generated(name, member)
        ]
        return not own and part.__bases__ == (object,)
    if not isinstance(part, FunctionType) or part.__module__ != "__main__":
        return part is ...
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    except Exception:  # no source, or a lambda from the middle of a statement
        return _gap_in_bytecode(part.__code__) or _is_idle(part.__code__)
    return any(_gaps(tree))


def _gaps(node: ast.AST) -> Iterator[int]:
    """The lines with an Ellipsis, except in subscripts such as `tuple[int, ...]` and in code that
    is never reached."""
    if isinstance(node, ast.Constant) and node.value is ...:
        yield node.lineno
    in_subscript = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple)
    for child in node.slice.elts if in_subscript else _reached(node):  # type: ignore[attr-defined]
        if not (in_subscript and getattr(child, "value", None) is ...):
            yield from _gaps(child)
    if in_subscript:
        yield from _gaps(node.value)  # type: ignore[attr-defined]


def _reached(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node, without the statements that come after a `return` or `raise`, and
    without the `...` in `except KeyError: ...`, which means `pass`."""
    handles = isinstance(node, ast.ExceptHandler)
    for _, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            dots = isinstance(child, ast.Expr) and getattr(child.value, "value", None) is ...
            if isinstance(child, ast.AST) and not (handles and dots):
                yield child
            if isinstance(child, (ast.Return, ast.Raise)):
                break


def _gap_in_bytecode(code: CodeType) -> bool:
    return any(
        c is ... or (isinstance(c, CodeType) and _gap_in_bytecode(c)) for c in code.co_consts
    )


def _is_idle(code: CodeType) -> bool:
    """Return whether the body does nothing: CPython drops a bare `...` from the bytecode."""
    steps = list(dis.get_instructions(code))
    constants = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return {step.opname for step in steps} <= _IDLE and all(
        constant is None for constant in constants
    )


def _misshapen(wanted: ast.stmt, name: str, answer: object) -> str | None:
    if isinstance(wanted, ast.ClassDef):
        if not isinstance(answer, type):
            return f"`{name}` should be a class, and is {show(answer)}."
        methods = [node for node in wanted.body if isinstance(node, ast.FunctionDef)]
        found = [_misshapen(m, f"{name}.{m.name}", getattr(answer, m.name, None)) for m in methods]
        return next(filter(None, found), None)
    if not isinstance(wanted, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    if not callable(answer):
        return f"`{name}` should be a function, and is {show(answer)}."
    given = [argument.arg for argument in (*wanted.args.posonlyargs, *wanted.args.args)]
    keywords = {argument.arg: None for argument in wanted.args.kwonlyargs}
    with contextlib.suppress(ValueError):  # a builtin may have no signature
        signature = inspect.signature(answer)
        for count in {len(given), len(given) - len(wanted.args.defaults)}:
            try:
                signature.bind(*given[:count], **keywords)
            except TypeError:
                takes = ", ".join(signature.parameters) or "nothing"
                return (
                    f"`{name}` should take ({', '.join([*given, *keywords])}), and takes ({takes})."
                )
    return None
