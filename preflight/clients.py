"""The programs that publish: their command lines, where each looks for a credential, and who can use Trusted Publishing.

Taken from each program's own source or documentation, as of November 2026; uv 0.13 and twine 7 were also tried in the lab.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Client:
    """One program. `variables` are patterns of the environment variables that it takes a token or password from, `options`
    the options that do the same; `user_…` and `index_…` are those that name a user and another index."""

    name: str
    subcommands: tuple[str, ...]
    since: str = ""
    """The first version that can use Trusted Publishing; "" for none."""
    variables: tuple[str, ...] = ()
    options: tuple[str, ...] = ("--password", "-p")
    user_variables: tuple[str, ...] = ()
    user_options: tuple[str, ...] = ("--username", "-u")
    index_options: tuple[str, ...] = ("--repository", "-r", "--repository-url")
    index_variables: tuple[str, ...] = ()
    builds: str = ""
    """The command that builds, for a client whose publishing builds as well."""
    again: tuple[str, ...] = ("--skip-existing",)
    """Options that let a file through which the index has already."""

    @property
    def trusted(self) -> bool:
        """Whether it can use Trusted Publishing."""
        return bool(self.since)


ACTION = Client(
    "pypa/gh-action-pypi-publish", (), "1.7", again=("skip-existing=true", "skip_existing=true")
)
CLIENTS = {client.name: client for client in (
    Client("uv", ("publish",), "0.4.16", ("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD"), ("--token", "-t", "--password", "-p"),
           ("UV_PUBLISH_USERNAME",), index_options=("--publish-url", "--index"),
           index_variables=("UV_PUBLISH_URL", "UV_PUBLISH_INDEX"), again=("--check-url", "--index")),
    Client("twine", ("upload",), "6.1", ("TWINE_PASSWORD",), user_variables=("TWINE_USERNAME",),
           index_variables=("TWINE_REPOSITORY_URL", "TWINE_REPOSITORY")),
    Client("hatch", ("publish",), "", ("HATCH_INDEX_AUTH",), ("--auth", "-a"), ("HATCH_INDEX_USER",), ("--user", "-u"),
           ("--repo", "-r"), ("HATCH_INDEX_REPO",)),
    Client("flit", ("publish",), "", ("FLIT_PASSWORD",), (), ("FLIT_USERNAME",), (), ("--repository",), ("FLIT_INDEX_URL",),
           "flit build"),
    Client("poetry", ("publish",), "", ("POETRY_PYPI_TOKEN_*", "POETRY_HTTP_BASIC_*_PASSWORD"),
           user_variables=("POETRY_HTTP_BASIC_*_USERNAME",), index_options=("--repository", "-r"), builds="poetry build"),
    Client("pdm", ("publish",), "2.6", ("PDM_PUBLISH_PASSWORD",), ("--password", "-P"), ("PDM_PUBLISH_USERNAME",),
           index_options=("--repository", "-r"), index_variables=("PDM_PUBLISH_REPO",)),
    Client("maturin", ("publish", "upload"), "0.15", ("MATURIN_PYPI_TOKEN", "MATURIN_PASSWORD"),
           user_variables=("MATURIN_USERNAME",), index_variables=("MATURIN_REPOSITORY", "MATURIN_REPOSITORY_URL")),
)}  # fmt: skip
CLIENTS[ACTION.name] = ACTION

_VALUED = set(
    "--with --from --python -p --spec --group --extra --env -e --directory --project --index-url".split()
)
_WRAPPERS = set("sudo env exec time command nohup then else do ! { if elif while".split())
_RUNNERS = {"uvx": 1} | dict.fromkeys(
    "uv run,pipx run,poetry run,pdm run,hatch run,rye run,pixi run".split(","), 2
)
_RUNNERS["uv tool"] = 3
_PYTHON = re.compile(r"(python[\d.]*|py|pypy3?)")


def strip_wrappers(words: Sequence[str]) -> list[str]:
    """Return a command without what only starts it: `python -m twine`, `uv run --with x twine` and `.venv/bin/twine` are
    all twine."""
    rest = list(words)
    for _ in range(6):
        while rest and (rest[0] in _WRAPPERS or re.match(r"[A-Za-z_]\w*=(?!=)", rest[0])):
            rest = rest[1:]
        if not rest:
            return []
        program = re.sub(r"(\.exe|[=<>~!@].*)$", "", re.split(r"[/\\}]", rest[0])[-1][:200])
        skip = _RUNNERS.get(program) or _RUNNERS.get(" ".join([program, *rest[1:2]]))
        if _PYTHON.fullmatch(program) and "-m" in rest[1:4]:
            rest = rest[rest.index("-m") + 1 :]
        elif skip:
            rest = rest[skip:]
            while rest and rest[0].startswith("-"):
                rest = rest[2 if rest[0] in _VALUED else 1 :]
        else:
            return [program, *rest[1:]]
    return rest


def recognize(words: Sequence[str]) -> Client | None:
    """Return the client that a command (without wrappers) publishes with, if it does. A dry run publishes nothing; it counts
    only where it is told to take a failed exchange for an error, which uv otherwise does not."""
    client = CLIENTS.get(words[0]) if words else None
    if client is None or client is ACTION or "--help" in words:
        return None
    if "--dry-run" in words and option(words, ("--trusted-publishing",)) != "always":
        return None
    first = next((word for word in words[1:5] if not word.startswith("-")), "")
    return client if first in client.subcommands else None


def option(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the value of an option on a command line: `--token x`, `--token=x`, `-tx`. The last one counts."""
    found = None
    for position, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name in names:
            found = value if sign else (words[position + 1] if position + 1 < len(words) else "")
        elif not word.startswith("--") and len(word) > 2 and word[:2] in names:
            found = word[2:].removeprefix("=")
    return found


def inputs_of(words: Sequence[str]) -> dict[str, str]:
    """Return the inputs of the PyPA action, which are kept as words such as `password=…`."""
    return {
        key.replace("_", "-"): value for key, _, value in (word.partition("=") for word in words)
    }


@dataclass(frozen=True)
class Credential:
    """A token or password that a client will find: `where` it is, its `value` as written, and whether it is in the
    arguments."""

    where: str
    value: str
    in_arguments: bool = False

    @property
    def secret(self) -> str:
        """The name of the secret that it comes from, such as "secrets.PYPI_TOKEN"; "" if it comes from none."""
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
    """Return the credential that a client will find: in its options first, then in its environment; None if there is none.

    `client` is a name such as "uv", `environment` maps variables to values, `words` are the arguments (for the PyPA
    action: its inputs, as `password=…`). An empty value is no credential, but see `refused_combination`.
    """
    if client == ACTION.name:
        given = inputs_of(words)
        if given.get("password"):
            return Credential("`password` in `with:`", given["password"])
        user = given.get("user") or "__token__"
        alone = Credential("a `user` in `with:`, and no password", user)
        return alone if user != "__token__" else None
    known = CLIENTS[client]
    value = option(words, known.options)
    if value and not (client == "uv" and value.startswith("-")):
        name = next(name for name in known.options if any(word.startswith(name) for word in words))
        return Credential(f"`{name}` in the arguments", value, in_arguments=True)
    for name, value in environment.items():
        if value and any(fnmatchcase(name, pattern) for pattern in known.variables):
            return Credential(f"{name} in the environment", value)
    return None


def username(client: Client, environment: Mapping[str, str], words: Sequence[str]) -> str:
    """Return the user name that a client is given; "" for none."""
    if client is ACTION:
        return inputs_of(words).get("user", "")
    given = option(words, client.user_options)
    patterns = client.user_variables
    names = [name for name in environment if any(fnmatchcase(name, each) for each in patterns)]
    return given or next((environment[name] for name in names if environment[name]), "")


def refused_combination(
    client: Client, environment: Mapping[str, str], words: Sequence[str]
) -> str:
    """Return why uv or twine cannot publish with what it is given; "" if it can, or is given nothing. Both take an empty
    value for one that is given, and ask for no ID token then."""

    def given(options: Sequence[str], variable: str) -> str | None:
        value = option(words, options)
        return environment.get(variable) if value is None else value

    if client.name == "twine":
        empty = given(client.options, "TWINE_PASSWORD") == ""
        return _EMPTY.format("TWINE_PASSWORD or `-p`", "twine") if empty else ""
    if client.name != "uv":
        return ""
    user = given(client.user_options, "UV_PUBLISH_USERNAME")
    token = given(("--token", "-t"), "UV_PUBLISH_TOKEN")
    password = given(("--password", "-p"), "UV_PUBLISH_PASSWORD")
    found = [each for each in (token, user, password) if each is not None]
    if token is not None and len(found) > 1:
        return "uv refuses a token together with a user name or a password."
    if found and option(words, ("--trusted-publishing",)) == "always":
        return "uv refuses `--trusted-publishing always` together with a token, user or password, also an empty one."
    if password is not None and user is None:
        return "uv refuses a password without a user name."
    if token == "" or password == "":
        what = "UV_PUBLISH_TOKEN or `--token`" if token == "" else "The password"
        return _EMPTY.format(what, "uv")
    keyring = "UV_KEYRING_PROVIDER" in environment or "--keyring-provider" in " ".join(words)
    if user is not None and password is None and not keyring:
        return f"uv is given the user name {user!r} and no password. It then asks for no ID token, and the index refuses the upload."
    return ""


_EMPTY = "{} is empty. That counts as given: {} sends it, asks for no ID token, and is refused."


# -- the index --------------------------------------------------------------------------------------------------------

DOMAIN = "pypi" + ".org"
ADDRESSES = {
    "PyPI": f"https://upload.{DOMAIN}/legacy/", "TestPyPI": f"https://test.{DOMAIN}/legacy/",
}  # fmt: skip
_NAMES = {"": "PyPI", "pypi": "PyPI", "main": "PyPI", "testpypi": "TestPyPI", "test": "TestPyPI"}
_NAMES["test-pypi"] = "TestPyPI"


def index_of(
    client: Client, environment: Mapping[str, str], words: Sequence[str], named: str = ""
) -> str:
    """Return the index that is published to: "PyPI", "TestPyPI", or what the command, the environment, or else the client's
    configuration (`named`) says."""
    if client is ACTION:
        return index_called(inputs_of(words).get("repository-url", ""))
    given = option(words, client.index_options)
    variables = (environment[name] for name in client.index_variables if environment.get(name))
    by_name = option(words, ("--index",)) or environment.get("UV_PUBLISH_INDEX")
    return index_called((named if by_name else "") or given or next(variables, "") or named)


def index_called(name: str) -> str:
    """Return "PyPI" or "TestPyPI" for their names and addresses; anything else is returned as it is."""
    known = {address.rstrip("/"): index for index, address in ADDRESSES.items()}
    return known.get(name.rstrip("/")) or _NAMES.get(name.lower(), name)


def misspelled(index: str) -> str:
    """Return the address that was meant, for one at the index's own domain at which no upload is taken; else ""."""
    try:
        host = (urlsplit(index).hostname or "") if "://" in index else ""
    except ValueError:
        return ""
    if host != DOMAIN and not host.endswith(("." + DOMAIN, "pypi.python" + ".org")):
        return ""
    return ADDRESSES["TestPyPI" if "test" in host else "PyPI"]


# -- versions ---------------------------------------------------------------------------------------------------------


def too_old(specifier: str, since: str) -> bool:
    """Return whether every version that a specifier such as "<6", "==5.1.1" or "~=5.0" allows is older than `since`."""
    for sign, version in re.findall(r"(===?|<=?|~=|@v?)\s*([\d.]+)", specifier):
        bound, first = _numbers(version), _numbers(since)
        if sign == "~=":
            bound = [*bound[:-2], bound[-2] + 1 if len(bound) > 1 else bound[-1] + 1]
        if bound < first[: len(bound)] if sign in ("==", "===", "@", "@v") else bound <= first:
            return True if sign != "<=" else bound < first
    return False


def _numbers(version: str) -> list[int]:
    return [int(each[:9]) for each in version.split(".") if each] or [0]
