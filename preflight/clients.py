"""The programs that publish: their command lines, where each looks for a credential, and who can
use Trusted Publishing.

Taken from each program's own source or documentation, as of November 2026; uv 0.13 and twine 7 were
also tried in the lab.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import dropwhile
from urllib.parse import urlsplit

from .words import TABLES, first, say


@dataclass(frozen=True)
class Client:
    """One program, a row of "clients" in tables.json. `since` is the first version that can use
    Trusted Publishing, or "". `variables` are patterns of the environment variables that it takes a
    token or password from, `options` the options that do the same; `user_…` and `index_…` are those
    that name a user and another index. `builds` is the command that builds, where publishing builds
    as well; `again` are the options that let a file through which the index has already."""

    name: str
    subcommands: tuple[str, ...]
    since: str = ""
    variables: tuple[str, ...] = ()
    options: tuple[str, ...] = ("--password", "-p")
    user_variables: tuple[str, ...] = ()
    user_options: tuple[str, ...] = ("--username", "-u")
    index_options: tuple[str, ...] = ("--repository", "-r", "--repository-url")
    index_variables: tuple[str, ...] = ()
    builds: str = ""
    again: tuple[str, ...] = ("--skip-existing",)

    @property
    def trusted(self) -> bool:
        return bool(self.since)


CLIENTS = {
    name: Client(name, **{k: v if isinstance(v, str) else (*v,) for k, v in row.items()})  # type: ignore[arg-type]
    for name, row in TABLES["clients"].items()
}
ACTION = CLIENTS["pypa/gh-action-pypi-publish"]
_VALUED = set(TABLES["options with a value"])
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=(?!=)")
_WRAPPERS, _SKIPPED = set(TABLES["wrappers"]), TABLES["words before a program"]
PYTHON = re.compile(r"(python[\d.]*|py|pypy3?)")


def strip_wrappers(words: Sequence[str]) -> list[str]:
    """Return a command without what only starts it: `python -m twine`, `uv run --with x twine` and
    `.venv/bin/twine` are all twine."""
    rest = list(words)
    for _ in range(6):
        rest = list(dropwhile(lambda word: word in _WRAPPERS or _ASSIGNS.match(word), rest))
        if not rest:
            return []
        program = re.sub(r"(\.exe|[=<>~!@].*)$", "", re.split(r"[/\\}]", rest[0])[-1][:200])
        skip = _SKIPPED.get(program) or _SKIPPED.get(" ".join([program, *rest[1:2]]))
        if PYTHON.fullmatch(program) and "-m" in rest[1:4]:
            rest = rest[rest.index("-m") + 1 :]
        elif skip:
            while skip < len(rest) and rest[skip].startswith("-"):
                skip += 2 if rest[skip] in _VALUED else 1
            rest = rest[skip:]
        else:
            return [program, *rest[1:]]
    return rest


def recognize(words: Sequence[str]) -> Client | None:
    """Return the client that a command (without wrappers) publishes with, if it does. A dry run
    counts only where it is told to take a failed exchange for an error."""
    client = CLIENTS.get(words[0]) if words else None
    if client is None or client is ACTION or "--help" in words:
        return None
    if "--dry-run" in words and option(words, ("--trusted-publishing",)) != "always":
        return None
    verb = next((word for word in words[1:5] if not word.startswith("-")), "")
    return client if verb in client.subcommands else None


def option(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the value of an option: `--token x`, `--token=x`, `-tx`. The last one counts."""
    found = None
    for position, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name in names:
            found = value if sign else "".join(words[position + 1 : position + 2])
        elif not word.startswith("--") and len(word) > 2 and word[:2] in names:
            found = word[2:].removeprefix("=")
    return found


def inputs_of(words: Sequence[str]) -> dict[str, str]:
    """Return the inputs of the PyPA action, which are kept as words such as `password=…`."""
    parts = (word.partition("=") for word in words)
    return {key.replace("_", "-"): value for key, _, value in parts}


@dataclass(frozen=True)
class Credential:
    """A token or password that a client will find: `where` it is, and its `value` as written."""

    where: str
    value: str
    in_arguments: bool = False

    @property
    def secret(self) -> str:
        """The secret that it comes from, such as "secrets.PYPI_TOKEN"; "" if it comes from none."""
        found = re.search(r"\bsecrets\.\w+", self.value)
        return found[0] if found else ""

    @property
    def literal(self) -> str:
        """The token itself, if it stands in the file."""
        return "" if "$" in self.value or self.where.startswith("~") else self.value

    def __str__(self) -> str:
        return f"{self.where} ({self.secret})" if self.secret else self.where


def credential(
    client: str, environment: Mapping[str, str], words: Sequence[str] = ()
) -> Credential | None:
    """Return the credential that a client, such as "uv", will find: in its arguments first (for the
    action: inputs, as `password=…`), then in its environment. An empty value is none."""
    known = CLIENTS[client]
    if known is ACTION:
        given = inputs_of(words)
        if given.get("password"):
            return Credential("`password` in `with:`", given["password"])
        user = given.get("user") or "__token__"
        alone = Credential("a `user` in `with:`, and no password", user)
        return alone if user != "__token__" else None
    value = option(words, known.options)
    if value and not (client == "uv" and value.startswith("-")):
        name = next(name for name in known.options if any(word.startswith(name) for word in words))
        return Credential(f"`{name}` in the arguments", value, in_arguments=True)
    name = _set(environment, known.variables)
    return Credential(f"{name} in the environment", environment[name]) if name else None


def _set(environment: Mapping[str, str], patterns: Sequence[str]) -> str:
    """The first variable that one of the patterns covers and that is not empty; "" for none."""
    names = (name for name, value in environment.items() if value)
    return next((name for name in names if any(fnmatchcase(name, p) for p in patterns)), "")


def username(client: Client, environment: Mapping[str, str], words: Sequence[str]) -> str:
    """Return the user name that a client is given; "" for none."""
    if client is ACTION:
        return inputs_of(words).get("user", "")
    given = option(words, client.user_options)
    return given or environment.get(_set(environment, client.user_variables), "")


def refused_combination(
    client: Client, environment: Mapping[str, str], words: Sequence[str]
) -> str:
    """Return why uv or twine cannot publish with what it is given; "" if it can, or is given
    nothing. Both take an empty value for one that is given, and ask for no ID token then."""

    def given(variable: str, *options: str) -> str | None:
        value = option(words, options)
        return environment.get(variable) if value is None else value

    if client.name not in ("uv", "twine"):
        return ""
    if client.name == "twine":
        empty = given("TWINE_PASSWORD", *client.options) == ""
        return say("refused", "empty", what="TWINE_PASSWORD or `-p`", client="twine") * empty
    user = given("UV_PUBLISH_USERNAME", *client.user_options)
    token = given("UV_PUBLISH_TOKEN", "--token", "-t")
    password = given("UV_PUBLISH_PASSWORD", "--password", "-p")
    found = [each for each in (token, user, password) if each is not None]
    keyring = "UV_KEYRING_PROVIDER" in environment or "--keyring-provider" in " ".join(words)
    reasons = {
        "both": token is not None and len(found) > 1,
        "always": bool(found) and option(words, ("--trusted-publishing",)) == "always",
        "no-user": password is not None and user is None,
        "empty": "" in (token, password),
        "no-password": user is not None and password is None and not keyring,
    }
    what = "UV_PUBLISH_TOKEN or `--token`" if token == "" else "The password"
    return first("refused", reasons, user=user, what=what, client="uv")


# -- the index -------------------------------------------------------------------------------------

DOMAIN = "pypi" + ".org"
_HOSTS = {"PyPI": "upload", "TestPyPI": "test"}
ADDRESSES = {index: f"https://{host}.{DOMAIN}/legacy/" for index, host in _HOSTS.items()}


def index_of(
    client: Client, environment: Mapping[str, str], words: Sequence[str], named: str = ""
) -> str:
    """Return the index that is published to: "PyPI", "TestPyPI", or what the command, the
    environment, or else the client's configuration (`named`) says."""
    if client is ACTION:
        return index_called(inputs_of(words).get("repository-url", ""))
    given = option(words, client.index_options)
    variables = (environment[name] for name in client.index_variables if environment.get(name))
    by_name = option(words, ("--index",)) or environment.get("UV_PUBLISH_INDEX")
    return index_called((named if by_name else "") or given or next(variables, "") or named)


def index_called(name: str) -> str:
    """Return "PyPI" or "TestPyPI" for their names and addresses; else what is given."""
    known = {address.rstrip("/"): index for index, address in ADDRESSES.items()}
    return known.get(name.rstrip("/")) or TABLES["names of indexes"].get(name.lower(), name)


def misspelled(index: str) -> str:
    """Return the address that was meant, for one at the index's own domain at which no upload is
    taken; else ""."""
    try:
        host = (urlsplit(index).hostname or "") if "://" in index else ""
    except ValueError:
        return ""
    if host != DOMAIN and not host.endswith(("." + DOMAIN, "pypi.python" + ".org")):
        return ""
    return ADDRESSES["TestPyPI" if "test" in host else "PyPI"]


# -- versions --------------------------------------------------------------------------------------


def too_old(specifier: str, since: str) -> bool:
    """Return whether all that a specifier such as "<6" or "~=5.0" allows is older than `since`."""
    for sign, version in re.findall(r"(===?|<=?|~=|@v?)\s*([\d.]+)", specifier):
        bound, wanted = _numbers(version), _numbers(since)
        if sign == "~=":
            bound = [*bound[:-2], bound[-2] + 1 if len(bound) > 1 else bound[-1] + 1]
        if bound < wanted[: len(bound)] if sign in ("==", "===", "@", "@v") else bound <= wanted:
            return True if sign != "<=" else bound < wanted
    return False


def _numbers(version: str) -> list[int]:
    return [int(each[:9]) for each in version.split(".") if each] or [0]
