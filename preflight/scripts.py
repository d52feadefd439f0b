"""Commands in shell scripts, Makefiles, tox and nox files: read, never run.

This is no shell. It knows quotes, comments, here-documents, `&&` and `||`, assignments, and tests of whether a variable
is empty, because release scripts choose their credential by them. What else decides between two branches is left open:
both count.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .clients import _PYTHON

_TOKEN = re.compile(
    r"""(?P<heredoc><<-?[ \t]*(?P<q>['"]?)(?P<end>\w+)(?P=q))|(?P<comment>(?<![^\s;&|()])\#[^\n]*)|"""
    r"""(?P<newline>\n)|(?P<join>\\\n|[ \t\r]+)|"""
    r"""(?P<word>(?:\$\{\{[^\n]{0,300}?\}\}|\$\{[^}\s]{0,300}\}|\d?>&\d|\\[^\n]|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s;|&()<>"'\\])+)|(?P<op>&&|\|\||[;|&()]+|[<>]+)|(?P<odd>.)""",
    re.DOTALL,
)
MOST_COMMANDS, LONGEST_WORD, MOST_LINES = 2_000, 1_000, 200
"""Commands of one script, characters of one word, and command lines of one tox, nox or make target that are looked at."""


@dataclass(frozen=True)
class Command:
    """A simple command: its `words` with quotes off and known variables filled in, `raw` words as written, its line (from 1),
    the variables that it sees, and whether the shell prints what it runs (`set -x`)."""

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
    shared: bool = False
    """Whether a command has been given the environment, so that a change needs a copy."""

    def set(self, values: Mapping[str, str]) -> None:
        """Assign variables."""
        if self.shared and values:
            self.environment, self.shared = dict(self.environment), False
        self.environment.update(values)


def unquote(word: str) -> str:
    """A word without its quotation marks."""
    quoted = r"(?s)'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)"
    return re.sub(quoted, lambda m: m[1] or m[2] or m[3] or "", word)


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


def _lexed(script: str) -> Iterator[tuple[str, str, int]]:
    """The tokens of a script: kind, text, line. Here-documents are left out."""
    ends: list[str] = []
    line = position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        assert match is not None  # `odd` takes any character
        kind = "heredoc" if match["heredoc"] else match.lastgroup or "odd"
        if match["heredoc"]:
            ends.append(match["end"])
        yield kind, match[0], line + 1
        line += match[0].count("\n")
        position = match.end()
        while kind == "newline" and ends and position < len(script):
            stop = script.find("\n", position)
            row, position = script[position:stop], stop + 1 if stop >= 0 else len(script)
            line += 1
            if row.strip() == ends[0] or stop < 0:
                ends = ends[1:]
    yield "newline", "", line + 1


def commands(
    script: str, environment: Mapping[str, str], *, traced: bool = False
) -> Iterator[Command]:
    """Return the commands of a shell script that may run, in order. Branches that a test for an empty variable rules out
    are left out."""
    complete = not re.search(r"^[ \t]*(\.|source|eval|read)[ \t]", script, re.MULTILINE)
    shell = _Shell(dict(environment), complete, traced)
    words: list[str] = []
    begun, count, joined = 1, 0, ""
    for kind, text, line in _lexed(script):
        if kind == "word" or (kind == "op" and text[0] in "<>"):
            begun = begun if words else line
            words.append(text)
        elif kind in ("newline", "op"):
            if words:
                count += 1
                if count > MOST_COMMANDS:
                    return
                yield from _joined(shell, words, begun, joined)
                joined, words = text if text in ("&&", "||") else "", []


def _joined(shell: _Shell, words: list[str], line: int, joined: str) -> Iterator[Command]:
    """Take in a command that may follow `&&` or `||`."""
    before = shell.last if joined else None
    if before is None or before == (joined == "&&"):
        yield from _run(shell, words, line)
        if shell.last is None and before is not None and not shell.testing:
            shell.last = True  # in `[ test ] && one || other`, the one is taken to succeed


_KEYWORDS = set("if elif else fi then do while until ! { } done".split())


def _keyword(shell: _Shell, keyword: str) -> None:
    """Follow a keyword into or out of a branch."""
    if keyword == "if":
        shell.branches.append(None)
        shell.taken.append(False)
        shell.testing, shell.last = True, None
    elif not shell.branches:
        return
    elif keyword in ("elif", "else"):
        over = shell.taken[-1]
        shell.branches[-1] = False if over else None if over is None or keyword == "elif" else True
        shell.testing, shell.last = keyword == "elif" and not over, None
    elif keyword == "then" and shell.testing:
        holds, over = shell.last, shell.taken[-1]
        shell.branches[-1] = None if holds and over is None else holds
        shell.taken[-1] = True if holds else over if holds is False else None
        shell.testing = False
    elif keyword == "fi":
        shell.branches.pop()
        shell.taken.pop()


_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def _run(shell: _Shell, words: list[str], line: int) -> Iterator[Command]:
    """Take one command in: keywords and assignments change the shell, the rest is a command if its branch may be taken."""
    negated = False
    while words and words[0] in _KEYWORDS:
        negated ^= words[0] == "!"
        _keyword(shell, words[0])
        words = words[1:]
    if not words or False in shell.branches:
        return
    prefix: dict[str, str] = {}
    exporting = words[0] in ("export", "declare", "local", "readonly")
    rest = words[1:] if exporting else words
    while rest and (match := _ASSIGNMENT.match(rest[0])):
        seen = {**shell.environment, **prefix} if prefix else shell.environment
        prefix[match[1]] = expand(unquote(match[2]), seen)
        rest = rest[1:]
    if not rest or exporting:
        shell.set(prefix)
        shell.last = None
        return
    environment, complete = shell.environment, shell.complete
    filled = tuple(expand(unquote(word), environment, complete=complete) for word in rest)
    shell.last = _test(filled, [unquote(word) for word in rest], complete)
    if shell.last is not None:
        shell.last = shell.last != negated
        return
    if filled[0] == "unset":
        shell.environment = {n: v for n, v in environment.items() if n not in filled[1:]}
    if filled[0] == "set" and len(filled) > 1:
        flags = "".join(word[1:] for word in filled[1:] if re.fullmatch(r"-[a-z]+", word))
        off = any(word.startswith("+") and "x" in word for word in filled[1:])
        shell.traced = (shell.traced or "x" in flags or "xtrace" in filled) and not off
    seen = {**shell.environment, **prefix} if prefix else shell.environment
    shell.shared = True
    yield Command(filled, tuple(rest), line, seen, shell.traced)


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
    """Return whether tox lets a variable through: one of the `pass_env` patterns covers it, or may do so."""
    return any("{" in each or fnmatchcase(name.upper(), each.upper()) for each in patterns)


def makefile(
    text: str, goals: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """Return the recipe lines (with their line numbers) that `make` with these goals runs, prerequisites first. No goal:
    the first target."""
    rules, variables = _rules(text, environment)
    goals = goals or [target for target in rules if not target.startswith(".")][:1]
    seen: set[str] = set()
    order: dict[str, None] = {}
    pending = list(reversed(goals))
    while pending:
        goal = pending.pop()
        if goal in rules and goal not in seen:
            seen.add(goal)
            pending += [goal, *reversed(rules[goal][0])]
        elif goal in seen:
            order.setdefault(goal)
    lines = [line for target in order for line in rules[target][1]]
    for at, recipe in lines[:MOST_LINES]:
        for _ in range(3):
            named = r"\$[({]([\w.-]+)[)}]"
            recipe = re.sub(named, lambda m: variables.get(m[1], "")[:300], recipe[:2000])
        yield at, recipe[:2000].replace("$$", "$").replace("\\\r", "\\\n")


Rules = dict[str, tuple[list[str], list[tuple[int, str]]]]


def _rules(text: str, environment: Mapping[str, str]) -> tuple[Rules, dict[str, str]]:
    """The rules of a Makefile (prerequisites, recipe lines) by target, and its variables."""
    rules: Rules = {}
    variables, number = dict(environment), 0
    current: list[str] = []
    # Joined lines are kept together; the carriage return marks where they were.
    for row in text.replace("\\\n", "\\\r").split("\n"):
        number += 1
        if row.startswith("\t"):
            for target in current:
                rules[target][1].append((number, row.lstrip("\t@-+ ")))
        elif match := re.match(r"\s*(?:export\s+)?([\w.-]+)\s*[:?+]?:?=\s*(.*)", row[:2000]):
            variables.setdefault(match[1], match[2].strip())
        elif match := re.match(r"([^\s:#=%][^:#=%]*):(?!=)([^#;]*)", row[:2000]):
            current = match[1].split()[:50]
            for target in current:
                needs = match[2].replace("|", " ").split()[:200]
                rules.setdefault(target, ([], []))[0].extend(needs)
        number += row.count("\r")
    return rules, variables


def tox(text: str, names: list[str], arguments: str = "") -> Iterator[tuple[int, str, list[str]]]:
    """Return, for each command of the environments named: its line, itself (`arguments` in place of `{posargs}`), and the
    patterns of variables that tox lets through. Raises ValueError."""
    import configparser  # only here, because most repositories have no tox.ini

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    lines = text.split("\n")
    for name in names[:20]:
        section = f"testenv:{name}"
        if not parser.has_section(section):
            continue
        base = dict(parser["testenv"]) if parser.has_section("testenv") else {}
        settings = base | dict(parser[section])
        passed = f"{settings.get('pass_env', '')}\n{settings.get('passenv', '')}"
        patterns = [each for each in re.split(r"[\s,]+", passed) if each]
        start = lines.index(f"[{section}]") + 1 if f"[{section}]" in lines else 1
        written = re.sub(r"\\\n\s{0,80}", " ", settings.get("commands", "")).split("\n")
        for command in [row.strip().lstrip("-!@ ")[:LONGEST_WORD] for row in written][:50]:
            if command:
                near = enumerate(lines[start : start + 1000], start + 1)
                at = next((n for n, row in near if command[:25] in row), start)
                posargs = r"\{posargs:?([^{}]{0,500})\}"
                command = re.sub(posargs, lambda m: arguments or m[1], command)
                yield at, re.sub(r"\{[^{}\s]{0,200}\}", "", command), patterns


def nox(text: str, names: list[str]) -> Iterator[tuple[int, list[str], bool]]:
    """Return the commands that `session.run` runs in the sessions named (all of them, if none is): line, words, and whether
    the variables of the job are kept from them. Parsed, not imported. Raises SyntaxError, ValueError, RecursionError."""
    import ast

    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef) or not function.decorator_list:
            continue
        decorator = ast.dump(function.decorator_list[0])
        named = re.search(r"keyword\(arg='name', value=Constant\(value='([^']*)'", decorator)
        known = {function.name, function.name.replace("_", "-"), named[1] if named else ""}
        if "session" not in decorator or (names and not known & set(names)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("run", "run_always"):
                    values = (getattr(each, "value", "…") for each in node.args)
                    words = [str(v) if not isinstance(v, ast.AST) else "…" for v in values]
                    outer = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
                    yield node.lineno, words, outer.get("include_outer_env") is False


def followed(words: tuple[str, ...], rest: list[str]) -> tuple[str, list[str]] | None:
    """Return what a command (`rest`: without its wrappers) runs of the repository: ("script", [path]), ("inline", [text]), ("make", goals), ("tox",
    environments), ("nox", sessions), ("python", [path]), ("module", [name]), or None. A script's own directory is not known
    here."""
    for before, dash, name in zip(words[:8], words[1:9], words[2:10], strict=False):
        if dash == "-m" and _PYTHON.fullmatch(before.rpartition("/")[2]):
            if name not in ("tox", "nox"):
                return ("module", [name])
    if not rest:
        return None
    program, arguments = rest[0], rest[1:]
    plain = [word for word in arguments if not word.startswith("-")]
    if program in ("bash", "sh", "dash", "zsh", "ksh", "source", "."):
        return _shell_script(arguments)
    if program in ("make", "gmake"):
        return ("make", [word for word in plain if "=" not in word])
    if program in ("tox", "nox"):
        return (program, _environments(program, arguments))
    if _PYTHON.fullmatch(program):
        return ("python", plain[:1]) if plain and plain[0].endswith(".py") else None
    first = next((word for word in words if word.endswith(program) and "/" in word), "")
    return ("script", [first]) if first and "://" not in first else None


def _shell_script(arguments: list[str]) -> tuple[str, list[str]] | None:
    for position, word in enumerate(arguments):
        if re.fullmatch(r"-\w*c", word):
            return ("inline", arguments[position + 1 : position + 2])
        if not word.startswith(("-", "+")) and arguments[position - 1 : position] != ["-o"]:
            return ("script", [word])
    return None


def _environments(program: str, arguments: list[str]) -> list[str]:
    """The names after `-e` or `-s`."""
    names: list[str] = []
    for position, word in enumerate(arguments[:50]):
        if word in ("-e", "-s", "--session", "--sessions"):
            rest = arguments[position + 1 : position + (2 if program == "tox" else 21)]
            names += [name for each in rest for name in each.split(",")]
        elif match := re.match(r"(?:-e|-s|--sessions?=)([\w,.-]+)$", word):
            names += match[1].split(",")
    return [name for name in names if not name.startswith("-")]
