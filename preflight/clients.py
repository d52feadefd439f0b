"""The programs that publish: how a command line shows them, where each looks for a credential, who can use Trusted
Publishing.

Taken from each program's own source or documentation, as of November 2026. twine can since 6.1, pdm, maturin and uv can,
hatch,
flit and poetry cannot.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Client:
    """One program. `variables` are patterns of the environment variables it takes a token or password from, `options` the
    options that do the same, `index_options` and `index_variables` those that name another index."""

    name: str
    subcommands: tuple[str, ...]
    trusted: bool
    variables: tuple[str, ...]
    options: tuple[str, ...]
    index_options: tuple[str, ...] = ("--repository", "-r", "--repository-url")
    index_variables: tuple[str, ...] = ()
    builds: str = ""
    """The command that builds, for a client whose publishing builds as well."""


ACTION = Client("pypa/gh-action-pypi-publish", (), True, (), (), ())
CLIENTS = {client.name: client for client in (
    Client("uv", ("publish",), True, ("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD"), ("--token", "-t", "--password", "-p"),
           ("--publish-url", "--index"), ("UV_PUBLISH_URL", "UV_PUBLISH_INDEX")),
    Client("twine", ("upload",), True, ("TWINE_PASSWORD",), ("--password", "-p"),
           index_variables=("TWINE_REPOSITORY_URL", "TWINE_REPOSITORY")),
    Client("hatch", ("publish",), False, ("HATCH_INDEX_AUTH",), ("--auth", "-a"), ("--repo", "-r"), ("HATCH_INDEX_REPO",)),
    Client("flit", ("publish",), False, ("FLIT_PASSWORD",), (), ("--repository",), ("FLIT_INDEX_URL",), "flit build"),
    Client("poetry", ("publish",), False, ("POETRY_PYPI_TOKEN_*", "POETRY_HTTP_BASIC_*_PASSWORD"), ("--password", "-p"),
           ("--repository", "-r"), (), "poetry build"),
    Client("pdm", ("publish",), True, ("PDM_PUBLISH_PASSWORD",), ("--password", "-P"), ("--repository", "-r"),
           ("PDM_PUBLISH_REPO",)),
    Client("maturin", ("publish", "upload"), True, ("MATURIN_PYPI_TOKEN", "MATURIN_PASSWORD"), ("--password", "-p"),
           index_variables=("MATURIN_REPOSITORY", "MATURIN_REPOSITORY_URL")),
)}  # fmt: skip
CLIENTS[ACTION.name] = ACTION

_VALUED = {
    "--with",
    "--from",
    "--python",
    "-p",
    "--spec",
    "--group",
    "--extra",
    "--env",
    "-e",
    "--directory",
    "--project",
    "--index-url",
}
_WRAPPERS = {
    "sudo",
    "env",
    "exec",
    "time",
    "command",
    "nohup",
    "then",
    "else",
    "do",
    "!",
    "{",
    "if",
    "elif",
    "while",
}
_RUNNERS = {
    "uvx": 1,
    "uv run": 2,
    "uv tool": 3,
    "pipx run": 2,
    "poetry run": 2,
    "pdm run": 2,
    "hatch run": 2,
    "rye run": 2,
    "pixi run": 2,
}


def bare(words: Sequence[str]) -> list[str]:
    """A command without what only starts it: `python -m twine`, `uv run --with x twine` and `.venv/bin/twine` are twine."""
    rest = list(words)
    for _ in range(6):
        while rest and (
            rest[0] in _WRAPPERS or re.fullmatch(r"[A-Za-z_]\w*=(?!=).*", rest[0], re.DOTALL)
        ):
            rest = rest[1:]
        if not rest:
            return []
        program = re.sub(r"(\.exe|[=<>~!@].*)$", "", re.split(r"[/\\}]", rest[0])[-1])
        pair = f"{program} {rest[1]}" if len(rest) > 1 else program
        skip = _RUNNERS.get(program) or _RUNNERS.get(pair)
        if re.fullmatch(r"(python[\d.]*|py|pypy3?)", program) and "-m" in rest[1:4]:
            rest = rest[rest.index("-m") + 1 :]
        elif skip:
            rest = rest[skip:]
            while rest and rest[0].startswith("-"):
                rest = rest[2 if rest[0] in _VALUED else 1 :]
        else:
            return [program, *rest[1:]]
    return rest


def recognise(words: Sequence[str]) -> Client | None:
    """The client that a (bare) command publishes with, if it does. A dry run publishes nothing; it is looked at only where it
    is told to take a failed exchange for an error, which uv otherwise does not."""
    client = CLIENTS.get(words[0]) if words else None
    if client is None or client is ACTION or "--help" in words:
        return None
    if "--dry-run" in words and option(words, ("--trusted-publishing",)) != "always":
        return None
    first = next((word for word in words[1:5] if not word.startswith("-")), "")
    return client if first in client.subcommands else None


def option(words: Sequence[str], names: Sequence[str]) -> str | None:
    """The value of an option on a command line: `--token x`, `--token=x`, `-tx`. The last one counts."""
    found = None
    for position, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name in names:
            found = value if sign else (words[position + 1] if position + 1 < len(words) else "")
        elif not word.startswith("--") and len(word) > 2 and word[:2] in names:
            found = word[2:].removeprefix("=")
    return found


@dataclass(frozen=True)
class Credential:
    """A token or password that a client will find: `where` it is, its `value` as written, and whether it is in the
    arguments."""

    where: str
    value: str
    in_arguments: bool = False

    def __str__(self) -> str:
        secret = re.search(r"\$\{\{\s*(secrets\.\w+)", self.value)
        return f"{self.where} ({secret[1]})" if secret else self.where


def credential(
    client: str, environment: Mapping[str, str], words: Sequence[str] = ()
) -> Credential | None:
    """The credential that a client will find: in its options first, then in its environment; None if there is none.

    `client` is a name such as "uv", `environment` maps variables to values, `words` are the arguments (for the PyPA
    action: its inputs, as `password=…`). An empty value counts as none. (uv alone takes an empty UV_PUBLISH_TOKEN for a
    token, and is refused by the index; a workflow that states one outright is not told of that here.)
    """
    if client == ACTION.name:
        given = dict(word.partition("=")[::2] for word in words)
        if given.get("password"):
            return Credential("`password` in `with:`", given["password"])
        return (
            Credential("a `user` in `with:`, and no password", given["user"])
            if given.get("user", "__token__") != "__token__"
            else None
        )
    known = CLIENTS[client]
    value = option(words, known.options)
    if value and not (client == "uv" and value.startswith("-")):
        name = next(name for name in known.options if any(word.startswith(name) for word in words))
        return Credential(f"`{name}` in the arguments", value, in_arguments=True)
    for name in environment:
        if environment[name] and any(fnmatchcase(name, pattern) for pattern in known.variables):
            return Credential(f"{name} in the environment", environment[name])
    return None


def index_of(client: str, environment: Mapping[str, str], words: Sequence[str] = ()) -> str:
    """The index that is published to: "PyPI", "TestPyPI", or what the command or the environment says."""
    if client == ACTION.name:
        given = dict(word.partition("=")[::2] for word in words)
        named = given.get("repository-url") or given.get("repository_url")
    else:
        known = CLIENTS[client]
        named = option(words, known.index_options) or next(
            (environment[name] for name in known.index_variables if environment.get(name)), ""
        )
    if not named or named.lower() in ("pypi", "main") or re.match(r"https://upload\.pypi\.", named):
        return "PyPI"
    return "TestPyPI" if re.search(r"test[._-]?pypi", named.lower()) else named
