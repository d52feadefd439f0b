"""Commands in shell scripts, Makefiles, tox and nox files: read, never run.

This is no shell. It knows quotes, comments, here-documents, `&&` and `||`, assignments, and tests
of whether a variable is empty, because release scripts choose their credential by them. What else
decides between two branches is left open: both count.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import takewhile

from .clients import PYTHON

_TOKEN = re.compile(
    r"""(?P<heredoc><<-?[ \t]*(?P<q>['"]?)(?P<end>\w+)(?P=q))|"""
    r"""(?P<comment>(?<![^\s;&|()])\#[^\n]*)|(?P<newline>\n)|(?P<join>\\\n|[ \t\r]+)|"""
    r"""(?P<word>(?:\$\{\{[^\n]{0,300}?\}\}|\$\{[^}\s]{0,300}\}|\d?>&\d|\\[^\n]|"""
    r""""(?:[^"\\]|\\.)*"|'[^']*'|[^\s;|&()<>"'\\])+)|(?P<op>&&|\|\||[;|&()]+|[<>]+)|(?P<odd>.)""",
    re.DOTALL,
)
_VARIABLE = r"\$(?!\{\{)(?:\{([A-Za-z_]\w{0,99})(:?-[^}]{0,300})?\}|([A-Za-z_]\w{0,99}))"
_KEYWORDS = set("if elif else fi then do while until ! { } done".split())
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
MOST_COMMANDS, LONGEST_WORD, MOST_LINES = 2_000, 1_000, 200
"""Commands of one script, characters of one word, command lines of one tox, nox or make target."""


@dataclass(frozen=True)
class Command:
    """A simple command: its `words` with quotes off and known variables filled in, `raw` words as
    written, its line (from 1), the variables that it sees, whether `set -x` prints it, and whether
    it runs for sure."""

    words: tuple[str, ...]
    raw: tuple[str, ...]
    line: int
    environment: Mapping[str, str]
    traced: bool = False
    sure: bool = True


def unquote(word: str) -> str:
    quoted = r"(?s)'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)"
    return re.sub(quoted, lambda m: m[1] or m[2] or m[3] or "", word)


def expand(word: str, environment: Mapping[str, str], *, complete: bool = True) -> str:
    """Return a word with its variables filled in. One that nobody sets is empty, if all that can be
    set is known (`complete`); GitHub's own, and the output of commands, stay as written."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1] or match[3], (match[2] or "").lstrip(":").removeprefix("-")
        found = environment.get(name, "") or default
        if not found and re.match(r"(GITHUB|RUNNER|ACTIONS)_|CI$|HOME$|PATH$|PWD$|TMPDIR$", name):
            return match[0]
        return found or ("" if complete else match[0])

    if "$" not in word:
        return word
    return re.sub(_VARIABLE, value, word[:LONGEST_WORD])[:LONGEST_WORD]


def _lexed(script: str) -> Iterator[tuple[str, str, int]]:
    """The tokens of a script: kind, text, line. Here-documents are left out."""
    ends: list[str] = []
    line = position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        assert match is not None  # `odd` takes any character
        kind = "heredoc" if match["heredoc"] else match.lastgroup or "odd"
        ends += [match["end"]] if match["heredoc"] else []
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
    """Yield the commands that may run, in order: not those that an empty variable rules out."""
    complete = not re.search(r"^[ \t]*(\.|source|eval|read)[ \t]", script, re.MULTILINE)
    shell = _Shell(dict(environment), complete, traced)
    words: list[str] = []
    begun, count, joined = 1, 0, ""
    for kind, text, line in _lexed(script):
        if kind == "word" or (kind == "op" and text[0] in "<>"):
            begun = begun if words else line
            words.append(text)
        elif kind in ("newline", "op") and words:
            count += 1
            if count > MOST_COMMANDS:
                return
            if command := shell.take(words, begun, joined):
                yield command
            joined, words = text if text in ("&&", "||") else "", []


class _Shell:
    """What a shell knows between two commands. `complete`: nothing else sets variables."""

    def __init__(self, environment: dict[str, str], complete: bool, traced: bool) -> None:
        self.environment, self.complete, self.traced = environment, complete, traced
        self.branches: list[tuple[bool | None, bool | None]] = []
        """For each open `if`: whether the branch being read is taken, and whether this one or one
        before it is. None where that is not known."""
        self.testing = False
        self.last: bool | None = None

    def take(self, words: list[str], line: int, joined: str) -> Command | None:
        """Take in a command that may follow `&&` or `||`."""
        before = self.last if joined else None
        if before is not None and before != (joined == "&&"):
            return None
        command = self.run(words, line)
        if command and joined and before is None:
            command = replace(command, sure=False)
        if self.last is None and before is not None and not self.testing:
            self.last = True  # in `[ test ] && one || other`, the one is taken to succeed
        return command

    def keyword(self, keyword: str) -> None:
        if keyword == "if":
            self.branches.append((None, False))
            self.testing, self.last = True, None
        if keyword == "if" or not self.branches:
            return
        now, over = self.branches[-1]
        if keyword in ("elif", "else"):
            now = False if over else None if over is None or keyword == "elif" else True
            self.testing, self.last = keyword == "elif" and not over, None
        elif keyword == "then" and self.testing:
            holds, self.testing = self.last, False
            now = None if holds and over is None else holds
            over = True if holds else over if holds is False else None
        self.branches[-1:] = [] if keyword == "fi" else [(now, over)]

    def run(self, words: list[str], line: int) -> Command | None:
        """Take one command in: keywords, assignments and tests change what is known; the rest is a
        command if its branch may be taken."""
        leading = list(takewhile(_KEYWORDS.__contains__, words))
        for word in leading:
            self.keyword(word)
        words = words[len(leading) :]
        if not words or any(now is False for now, _ in self.branches):
            return None
        exporting = words[0] in ("export", "declare", "local", "readonly")
        seen, rest = self.assigned(words[1:] if exporting else words)
        if not rest or exporting:
            self.environment, self.last = seen, None
            return None
        plain, known = [unquote(word) for word in rest], self.environment
        filled = tuple(expand(word, known, complete=self.complete) for word in plain)
        self.last = _test(filled, plain, self.complete)
        if self.last is not None:
            self.last = self.last != bool(leading.count("!") % 2)
            return None
        if filled[0] == "unset":
            self.environment = {n: v for n, v in known.items() if n not in filled[1:]}
            seen = {n: v for n, v in seen.items() if n not in filled[1:]}
        if filled[0] == "set" and len(filled) > 1:
            flags = "".join(word[1:] for word in filled[1:] if re.fullmatch(r"-[a-z]+", word))
            off = any(word.startswith("+") and "x" in word for word in filled[1:])
            self.traced = (self.traced or "x" in flags or "xtrace" in filled) and not off
        sure = all(now for now, _ in self.branches)
        return Command(filled, tuple(rest), line, seen, self.traced, sure)

    def assigned(self, words: list[str]) -> tuple[dict[str, str], list[str]]:
        """The variables after the assignments that a command begins with, and its other words."""
        found = [match for match in takewhile(bool, map(_ASSIGNMENT.match, words)) if match]
        seen = dict(self.environment) if found else self.environment
        for match in found:
            seen[match[1]] = expand(unquote(match[2]), seen)
        return seen, words[len(found) :]


def _test(words: tuple[str, ...], raw: list[str], complete: bool) -> bool | None:
    """Whether `[ -n "$X" ]` or `[ -z "$X" ]` holds, where that can be told."""
    if words[0] not in ("[", "[[", "test") or len(words) < 3:
        return None
    inner = [word for word, was in zip(words[1:], raw[1:], strict=True) if was not in ("]", "]]")]
    flip = inner[:1] == ["!"]
    inner = inner[1:] if flip else inner
    if len(inner) != 2 or inner[0] not in ("-n", "-z"):
        return None
    never_empty = re.fullmatch(r"\$\{?(GITHUB_ACTIONS|CI|GITHUB_REF)\}?", inner[1])
    open_ = not complete or re.search(r"`|\$(?!\{\{\s*secrets\.)", inner[1])
    return None if open_ and not never_empty else (bool(inner[1]) == (inner[0] == "-n")) != flip


def passes(name: str, patterns: list[str]) -> bool:
    """Return whether tox's `pass_env` patterns let a variable through, or may do so."""
    return any("{" in each or fnmatchcase(name.upper(), each.upper()) for each in patterns)


def makefile(
    text: str, goals: list[str], environment: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """Yield the recipe lines (with their line numbers) that `make` with these goals runs,
    prerequisites first. No goal: the first target."""
    rules, variables = _rules(text, environment)
    pending = goals[::-1] or [target for target in rules if not target.startswith(".")][:1]
    seen: set[str] = set()
    order: dict[str, None] = {}
    while pending:
        goal = pending.pop()
        if goal in seen:
            order.setdefault(goal)
        elif goal in rules:
            seen.add(goal)
            pending += [goal, *reversed(rules[goal][0])]
    for at, recipe in [line for target in order for line in rules[target][1]][:MOST_LINES]:
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
            current, needs = match[1].split()[:50], match[2].replace("|", " ").split()[:200]
            for target in current:
                rules.setdefault(target, ([], []))[0].extend(needs)
        number += row.count("\r")
    return rules, variables


def tox(text: str, names: list[str], arguments: str = "") -> Iterator[tuple[int, str, list[str]]]:
    """Yield, for each command of the environments named: its line, itself (`arguments` in place of
    `{posargs}`), and the patterns of variables that tox lets through. Raises ValueError."""
    import configparser  # only here, because most repositories have no tox.ini

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    lines = text.split("\n")
    for section in [f"testenv:{name}" for name in names[:20]]:
        if not parser.has_section(section):
            continue
        base = dict(parser["testenv"]) if parser.has_section("testenv") else {}
        settings = base | dict(parser[section])
        passed = f"{settings.get('pass_env', '')}\n{settings.get('passenv', '')}"
        patterns = [each for each in re.split(r"[\s,]+", passed) if each]
        start = lines.index(f"[{section}]") + 1 if f"[{section}]" in lines else 1
        written = re.sub(r"\\\n\s{0,80}", " ", settings.get("commands", "")).split("\n")
        for command in [row.strip().lstrip("-!@ ")[:LONGEST_WORD] for row in written][:50]:
            near = enumerate(lines[start : start + 1000], start + 1)
            at = next((n for n, row in near if command[:25] in row), start)
            posargs = r"\{posargs:?([^{}]{0,500})\}"
            command = re.sub(posargs, lambda m: arguments or m[1], command)
            yield at, re.sub(r"\{[^{}\s]{0,200}\}", "", command), patterns


def nox(text: str, names: list[str]) -> Iterator[tuple[int, list[str], bool]]:
    """Yield what `session.run` runs in the sessions named, or in all: line, words, and whether the
    job's variables are kept from it. Raises SyntaxError, ValueError, RecursionError."""
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
            method = getattr(getattr(node, "func", None), "attr", "")
            if isinstance(node, ast.Call) and method in ("run", "run_always"):
                words = [str(getattr(each, "value", "…")) for each in node.args]
                outer = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
                yield node.lineno, words, outer.get("include_outer_env") is False


def followed(words: Sequence[str], rest: list[str]) -> tuple[str, list[str]] | None:
    """Return what a command (`rest`: without its wrappers) runs of the repository: ("script",
    [path]), ("inline", [text]), ("make", goals), ("tox", environments), ("nox", sessions),
    ("python", [path]), ("module", [name]), or None."""
    for before, dash, name in zip(words[:8], words[1:9], words[2:10], strict=False):
        module = dash == "-m" and PYTHON.fullmatch(before.rpartition("/")[2])
        if module and name not in ("tox", "nox"):
            return ("module", [name])
    if not rest:
        return None
    program, arguments = rest[0], rest[1:]
    plain = [word for word in arguments if not word.startswith("-")]
    if program in ("bash", "sh", "dash", "zsh", "ksh", "source", "."):
        return _shell_script(arguments)
    if program in ("make", "gmake"):
        valued = ("-f", "-C", "-j", "--file", "--makefile", "--directory", "--jobs")
        pairs = zip(["", *arguments], arguments, strict=False)
        goals = [w for before, w in pairs if w[:1] != "-" and before not in valued]
        return ("make", [word for word in goals if "=" not in word])
    if program in ("tox", "nox"):
        return (program, _environments(program, arguments))
    if PYTHON.fullmatch(program):
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
    names: list[str] = []
    for position, word in enumerate(arguments[:50]):
        if word in ("-e", "-s", "--session", "--sessions"):
            rest = arguments[position + 1 : position + (2 if program == "tox" else 21)]
            names += [name for each in rest for name in each.split(",")]
        elif match := re.match(r"(?:-e|-s|--sessions?=)([\w,.-]+)$", word):
            names += match[1].split(",")
    return [name for name in names if not name.startswith("-")]
