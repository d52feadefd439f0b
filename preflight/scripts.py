"""Commands in shell scripts, Makefiles, tox and nox files: read, never run.

This is no shell. It knows quotes, comments, here-documents, `&&` and `||`, assignments, and tests of whether a variable
is empty, because
release scripts choose their credential by them. What else decides between two branches is left open: both count.
"""

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .clients import bare

_TOKEN = re.compile(
    r"""(?P<heredoc><<-?[ \t]*(?P<q>['"]?)(?P<end>\w+)(?P=q))|(?P<comment>(?<![^\s;&|()])\#[^\n]*)|"""
    r"""(?P<newline>\n)|(?P<join>\\\n|[ \t\r]+)|"""
    r"""(?P<word>(?:\$\{\{[^\n]{0,300}?\}\}|\$\{[^}\s]{0,300}\}|\d?>&\d|\\[^\n]|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s;|&()<>"'\\])+)|(?P<op>&&|\|\||[;|&()]+|[<>]+)|(?P<odd>.)""",
    re.DOTALL,
)
MOST_COMMANDS, LONGEST_WORD = 10_000, 10_000


@dataclass(frozen=True)
class Command:
    """A simple command: its `words` with quotes off and known variables filled in, `raw` words as written, its line
    (from 1), the
    variables it sees, and whether the shell prints what it runs (`set -x`)."""

    words: tuple[str, ...]
    raw: tuple[str, ...]
    line: int
    environment: Mapping[str, str]
    traced: bool = False


@dataclass
class _Shell:
    environment: dict[str, str]
    complete: bool
    traced: bool = False
    branches: list[bool | None] = field(default_factory=list)
    """For each open `if`: whether the branch being read is taken. None where that is not known."""
    taken: list[bool | None] = field(default_factory=list)
    """For each open `if`: whether this branch, or one before it, is taken."""
    testing: bool = False
    last: bool | None = None


def unquote(word: str) -> str:
    """A word without its quotation marks."""
    return re.sub(
        r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)",
        lambda m: m[1] or m[2] or m[3] or "",
        word,
        flags=re.DOTALL,
    )


def expand(word: str, environment: Mapping[str, str], *, complete: bool = True) -> str:
    """A word with its variables filled in. One that nobody sets is empty, if all that can be set is known (`complete`);
    GitHub's own, and what comes out of other commands, stay as written."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1] or match[3], (match[2] or "").lstrip(":").removeprefix("-")
        found = environment.get(name, "") or default
        if not found and re.match(r"(GITHUB|RUNNER|ACTIONS)_|CI$|HOME$|PATH$|PWD$|TMPDIR$", name):
            return match[0]
        return found or ("" if complete else match[0])

    if "$" not in word:
        return word
    return re.sub(
        r"\$(?!\{\{)(?:\{([A-Za-z_]\w{0,99})(:?-[^}]{0,300})?\}|([A-Za-z_]\w{0,99}))",
        value,
        word[:LONGEST_WORD],
    )[:LONGEST_WORD]


def commands(
    script: str, environment: Mapping[str, str], *, traced: bool = False
) -> Iterator[Command]:
    """The commands of a shell script that may run, in order. Branches that a test for an empty variable rules out
    are left out."""
    shell = _Shell(
        dict(environment),
        complete=not re.search(r"^[ \t]*(\.|source|eval|read)[ \t]", script, re.MULTILINE),
        traced=traced,
    )
    words: list[str] = []
    line, begun, count, ends = 1, 1, 0, []
    skip_next = None
    position = 0
    while position <= len(script):
        match = _TOKEN.match(script, position)
        kind = match.lastgroup if match else "newline"
        text = match[0] if match else ""
        if match and match["heredoc"]:
            kind = "heredoc"
            ends.append(match["end"])
        position = match.end() if match else position + 1
        if kind == "word":
            begun = begun if words else line
            words.append(text)
        elif kind in ("newline", "op") and not text.startswith(("<", ">")):
            if words:
                count += 1
                if count > MOST_COMMANDS:
                    return
                before = shell.last if skip_next else None
                if before is None or before == (skip_next == "&&"):
                    yield from _run(shell, words, begun)
                    if shell.last is None and before is not None and not shell.testing:
                        shell.last = (
                            True  # in `[ test ] && one || other`, the one is taken to succeed
                        )
                skip_next, words = text if text in ("&&", "||") else None, []
            if kind == "newline" and ends and match:
                for end in ends:
                    over = re.compile(rf"^[ \t]*{end}[ \t]*$", re.MULTILINE).search(
                        script, position
                    )
                    stop = over.end() if over else len(script)
                    line += script.count("\n", position, stop)
                    position = stop
                ends = []
        elif kind == "op":
            words.append(text)
        line += text.count("\n")


def _run(shell: _Shell, words: list[str], line: int) -> Iterator[Command]:
    """Take one command in: keywords and assignments change the shell, the rest is a command if its branch may be taken."""
    negated = False
    while words and words[0] in (
        "if",
        "elif",
        "else",
        "fi",
        "then",
        "do",
        "while",
        "until",
        "!",
        "{",
        "}",
        "done",
    ):
        keyword, words = words[0], words[1:]
        if keyword == "if":
            shell.branches.append(None)
            shell.taken.append(False)
            shell.testing, shell.last = True, None
        elif keyword in ("elif", "else") and shell.branches:
            over = shell.taken[-1]
            shell.branches[-1] = (
                False if over else None if over is None or keyword == "elif" else True
            )
            shell.testing, shell.last = keyword == "elif" and not over, None
        elif keyword == "then" and shell.testing and shell.branches:
            holds, over = shell.last, shell.taken[-1]
            shell.branches[-1] = None if holds and over is None else holds
            shell.taken[-1] = True if holds else over if holds is False else None
            shell.testing = False
        elif keyword == "fi" and shell.branches:
            shell.branches.pop()
            shell.taken.pop()
        elif keyword == "!":
            negated = not negated
    if not words or False in shell.branches:
        return
    prefix: dict[str, str] = {}
    while words and (match := re.match(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL)):
        prefix[match[1]] = expand(unquote(match[2]), shell.environment)
        words = words[1:]
    exporting = words[:1] == ["export"]
    for word in words[1:] if exporting else ():
        if match := re.match(r"([A-Za-z_]\w*)=(.*)", word, re.DOTALL):
            prefix[match[1]] = expand(unquote(match[2]), shell.environment)
    if not words or exporting:
        shell.environment = {**shell.environment, **prefix}
        shell.last = None
        return
    filled = tuple(
        expand(unquote(word), shell.environment, complete=shell.complete) for word in words
    )
    shell.last = _test(filled, [unquote(word) for word in words], shell.complete)
    if shell.last is not None:
        shell.last = shell.last != negated
        return
    if filled[0] == "unset":
        shell.environment = {
            name: value for name, value in shell.environment.items() if name not in filled[1:]
        }
    if filled[0] == "set" and len(filled) > 1:
        flags = "".join(word[1:] for word in filled[1:] if re.fullmatch(r"-[a-z]+", word))
        shell.traced = shell.traced or "x" in flags or "xtrace" in filled
        shell.traced = shell.traced and not any(
            word.startswith("+") and "x" in word for word in filled[1:]
        )
    yield Command(
        filled,
        tuple(words),
        line,
        {**shell.environment, **prefix} if prefix else shell.environment,
        shell.traced,
    )


def _test(words: tuple[str, ...], raw: list[str], complete: bool) -> bool | None:
    """Whether `[ -n "$X" ]` or `[ -z "$X" ]` holds, where that can be told."""
    if words[0] not in ("[", "[[", "test") or len(words) < 3:
        return None
    inner = [
        (word, was) for word, was in zip(words[1:], raw[1:], strict=True) if was not in ("]", "]]")
    ]
    flip = bool(inner) and inner[0][0] == "!"
    inner = inner[1:] if flip else inner
    if len(inner) != 2 or inner[0][0] not in ("-n", "-z"):
        return None
    value = inner[1][0]
    always = re.fullmatch(
        r"\$\{?(GITHUB_ACTIONS|CI|GITHUB_REF)\}?", value
    )  # these are never empty there
    if not always and (not complete or re.search(r"`|\$(?!\{\{\s*secrets\.)", value)):
        return None
    return (bool(value) == (inner[0][0] == "-n")) != flip


def passes(name: str, patterns: list[str]) -> bool:
    """Whether tox lets a variable through: one of the `pass_env` patterns covers it."""
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


def makefile(
    text: str, goals: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """The recipe lines (with their line numbers) that `make` with these goals runs, prerequisites first. No goal: the
    first target."""
    text = re.sub(
        r"\\\n", "\\\\\r", text
    )  # keep joined lines together; the carriage return marks where they were
    rules: dict[str, tuple[list[str], list[tuple[int, str]]]] = {}
    variables, current, number = dict(environment), [], 0
    for row in text.split("\n"):
        number += 1
        if row.startswith("\t"):
            for target in current:
                rules[target][1].append((number, row.lstrip("\t@-+ ")))
        elif match := re.match(r"\s*(?:export\s+)?([\w.-]+)\s*[:?+]?:?=\s*(.*)", row):
            variables.setdefault(match[1], match[2].strip())
        elif (match := re.match(r"([^\s:#=][^:#=]*):(?!=)([^#]*)", row)) and "%" not in match[1]:
            current = match[1].split()
            for target in current:
                rules.setdefault(target, ([], []))[0].extend(
                    re.split(r"\s*;", match[2])[0].replace("|", " ").split()
                )
        number += row.count("\r")
    goals = goals or [target for target in rules if not target.startswith(".")][:1]
    seen: set[str] = set()
    pending = list(reversed(goals))
    order: dict[str, None] = {}
    while pending:
        goal = pending.pop()
        if goal in rules and goal not in seen:
            seen.add(goal)
            pending += [goal, *reversed(rules[goal][0])]
        elif goal in seen:
            order.setdefault(goal)
    for target in order:
        for at, recipe in rules[target][1]:
            for _ in range(3):
                recipe = re.sub(
                    r"\$[({]([\w.-]+)[)}]", lambda m: variables.get(m[1], "")[:300], recipe[:5000]
                )
            yield at, recipe[:5000].replace("$$", "$").replace("\\\r", "\\\n")


def tox(text: str, names: list[str], arguments: str = "") -> Iterator[tuple[int, str, list[str]]]:
    """For each command of the environments named: its line, itself (`arguments` in place of `{posargs}`), and the
    patterns of variables
    that tox lets through. Raises configparser.Error."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    lines = text.split("\n")
    for name in names:
        section = next(
            (
                each
                for each in parser.sections()
                if re.fullmatch(r"testenv:" + re.escape(name), each)
            ),
            None,
        )
        if section is None:
            continue
        base = dict(parser["testenv"]) if parser.has_section("testenv") else {}
        settings = base | dict(parser[section])
        passed = re.split(
            r"[\s,]+", settings.get("pass_env", "") + "\n" + settings.get("passenv", "")
        )
        start = next((n for n, row in enumerate(lines, 1) if row.strip() == f"[{section}]"), 1)
        for command in re.sub(r"\\\n\s*", " ", settings.get("commands", "")).split("\n"):
            command = command.strip().lstrip("-!@ ")
            if command:
                at = next(
                    (n for n, row in enumerate(lines[start:], start + 1) if command[:25] in row),
                    start,
                )
                command = re.sub(
                    r"\{posargs:?([^}]*)\}", lambda match: arguments or match[1], command
                )
                yield at, re.sub(r"\{[^}\s]*\}", "", command), [each for each in passed if each]


def nox(text: str, names: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The commands that `session.run` runs in the sessions named: all of them, if none is. Parsed, not imported. Raises
    SyntaxError,
    ValueError, RecursionError."""
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef) or not function.decorator_list:
            continue
        known = {function.name, function.name.replace("_", "-")} | {
            str(keyword.value.value) for decorator in function.decorator_list if isinstance(decorator, ast.Call)
            for keyword in decorator.keywords if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
        }  # fmt: skip
        if "session" not in ast.dump(function.decorator_list[0]) or (
            names and not known & set(names)
        ):
            continue
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("run", "run_always")
            ):
                yield (
                    node.lineno,
                    [str(a.value) if isinstance(a, ast.Constant) else "…" for a in node.args],
                )


def followed(words: tuple[str, ...]) -> tuple[str, list[str]] | None:
    """What a command runs of the repository: ("script", [path]), ("inline", [text]), ("make", goals), ("tox",
    environments), ("nox",
    sessions), ("python", [path]), or None. A script's own directory is not known here."""
    rest = bare(words)
    if not rest:
        return None
    program, arguments = rest[0], rest[1:]
    if program in ("bash", "sh", "dash", "zsh", "ksh", "source", "."):
        for position, word in enumerate(arguments):
            if re.fullmatch(r"-\w*c", word):
                return ("inline", arguments[position + 1 : position + 2])
            if not word.startswith(("-", "+")) and arguments[position - 1 : position] != ["-o"]:
                return ("script", [word])
        return None
    plain = [word for word in arguments if not word.startswith("-")]
    if program in ("make", "gmake"):
        return ("make", [word for word in plain if "=" not in word])
    if program in ("tox", "nox"):
        names: list[str] = []
        for position, word in enumerate(arguments):
            if word in ("-e", "-s", "--session", "--sessions"):
                names += [name for each in arguments[position + 1 :] for name in each.split(",")][
                    : 1 if program == "tox" else 20
                ]
            elif match := re.match(r"(?:-e|-s|--sessions?=)([\w,.-]+)$", word):
                names += match[1].split(",")
        return (program, [name for name in names if not name.startswith("-")])
    if re.fullmatch(r"python[\d.]*|py|pypy3?", program):
        return ("python", plain[:1]) if plain and plain[0].endswith(".py") else None
    first = next((word for word in words if word.endswith(program) and "/" in word), "")
    return ("script", [first]) if first and "://" not in first else None
