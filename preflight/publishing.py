"""Finding the commands that publish: through the steps of a job, composite actions, and the scripts
that they call."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePosixPath

from . import clients, scripts
from .clients import ACTION, CLIENTS, Client, Credential, inputs_of
from .expressions import UNKNOWN, Value, fill, holds, possible
from .files import Map, Repository, Text, Unreadable, mapping, text, under
from .words import TABLES, say
from .workflows import Changeable, JobContext, Note, Scope, Trigger, defaults, steps

DEEPEST = 8
"""How far scripts and composite actions are followed into one another."""
MOST_FOLLOWED, MOST_STEPS, LONGEST, MOST_WORLDS, MOST_LATER = 100, 400, 1 << 17, 4, 40
"""Scripts followed, publications found, and steps of one job; characters of one script; sets of
values that variables can have, and variables."""
NEEDED = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS")
"""The variables by which a client knows where it is and gets an ID token."""
_BUILDS = re.compile(
    r"(pip3?|uv pip|pipx|conda|npm|yarn|apt(-get)?|brew) (install|ci|i)\b|setup\.py|"
    r"(build|tox|nox|cibuildwheel|pytest)\b|uv (build|sync|run)\b|cargo (build|install)|"
    r"(poetry|hatch|flit|pdm|maturin) (install|build)\b|poetry publish\b.*--build|"
    r"pdm publish\b(?!.*--no-build)|flit publish|maturin publish"
)
_OTHERS = re.compile(
    r"pypi|twine|(poetry|python|package)[-_]?(publish|upload|release)|semantic-release|"
    r"(publish|upload|release)[-_]?(to[-_])?(poetry|python)",
    re.I,
)
_PUBLISHES = re.compile(r"twine[\"', ]+upload|(uv|poetry|hatch|flit|pdm|maturin)[\"', ]+publish")
_MINTS = (
    r"ACTIONS_ID_TOKEN_REQUEST_(URL|TOKEN)|oidc/mint-token|getIDToken|\bpython[\d.]* -m id\b|"
    r"(^|[\s(])id (pypi|testpypi)\b"
)
_OUTSIDERS = (
    r"\$\{\{[^}]{0,200}\bgithub\.(head_ref|event\.([\w.*\[\]0-9]{0,80}\.)?(title|body|message|"
    r"head\.ref|head\.label|default_branch|name|email|page_name))\b[^}]{0,200}\}\}"
)
_RELEASES = r"`(\./)?[\w./-]*(publish|upload|release|deploy|pypi)[\w-]*(\.sh|\.bash|\.py)?`"
_TASKS, _ID_TOKEN_USERS = TABLES["task runners"], tuple(TABLES["actions that use ID tokens"])
_ELSEWHERE = tuple(TABLES["actions that publish elsewhere"])
_NAMED_SECRET = r"(?i)secrets\.(\w*(?:PYPI|TWINE)\w*)"
Words = Sequence[str]
Target = tuple[str, list[str]] | None


@dataclass(frozen=True, eq=False)
class Frame(Changeable):
    """Where the finder stands: all that a step, a script or a command has around it. `here` is the
    line, in the job's own file, of the step that led here; `hidden` are the variables of `NEEDED`
    that tox or nox keeps from the client, after its name; `line_of` leads from a script's own lines
    to those of the file."""

    file: str
    scope: Scope
    environment: Mapping[str, str]
    here: int = 0
    shell: str = ""
    folder: str = ""
    depth: int = 0
    certain: bool = True
    traced: bool = False
    hidden: tuple[str, ...] = ()
    composite: bool = False
    line_of: Callable[[int], int] = int

    @property
    def place(self) -> tuple[str, int]:
        return self.file, self.line_of(1)

    def __call__(self, path: str) -> Value:
        if path.startswith(("env.", "steps.")):
            value = self.environment.get(path.removeprefix("env."), UNKNOWN)
            # What a shell puts in place of `$(…)` and `$NAME` is known to the shell alone.
            open_ = isinstance(value, str) and re.search(r"\$(?!\{\{)[({\w]|`", value)
            return UNKNOWN if open_ else value
        return self.scope(path)

    def at(self, line: int) -> "Frame":
        return self.but(line_of=lambda number: line)

    def filled(self, given: object) -> dict[str, str]:
        """Return the texts of a mapping, with their expressions filled in."""
        return {k: fill(v, self) for k, v in mapping(given).items() if isinstance(v, Text)}

    def inside(self, holder: Map) -> "Frame":
        """Return the same with the `env:` of a step, a job or a workflow."""
        own = self.filled(holder["env"]) if "env" in holder else {}
        return self.but(environment={**self.environment, **own}) if own else self


@dataclass(frozen=True, eq=False)
class Publication(Changeable):
    """One command that publishes, in one job: the `client`, where the command stands (`file`,
    `line`), where the step stands that leads to it, and what it finds there."""

    context: JobContext
    client: Client
    step_line: int
    file: str
    line: int
    words: tuple[str, ...]
    credential: Credential | None
    index: str
    triggers: tuple[Trigger, ...]
    user: str = ""
    refused: str = ""
    hidden: tuple[str, ...] = ()
    composite: bool = False
    version: str = ""
    by_hand: bool = False
    no_config: bool = False

    def older(self, version: str) -> bool:
        """Return whether the workflow itself states a version older than this one."""
        return bool(self.version) and clients.too_old(self.version, version)

    @property
    def attests(self) -> bool:
        """Whether it is the PyPA action and signs attestations: since 1.11, with an ID token."""
        off = inputs_of(self.words).get("attestations", "").lower() == "false"
        return self.client is ACTION and not (off or self.credential or self.older("1.11"))


@dataclass
class JobFacts:
    """All that a job does. `seen` has (file, line, text) of commands that build or install
    ("builds"), of "actions" and "checkouts", of programs that are given a secret in their arguments
    ("exposed"), of `set -x` beside a secret ("traced"), of outsiders' words in a script
    ("injected"), of artifacts unpacked at the top ("unpacked"), of ID tokens exchanged by hand
    ("minted"). `unknown` is what to say if nothing is recognized."""

    publications: list[Publication] = field(default_factory=list)
    seen: dict[str, list[Note]] = field(default_factory=lambda: defaultdict(list))
    attested: bool = False
    unknown: Note | None = None

    def add(self, kind: str, frame: Frame, what: str = "") -> None:
        self.seen[kind].append((*frame.place, what))


class Finder:
    """Looks through one job. `notes` receives what could not be followed."""

    def __init__(self, repository: Repository, context: JobContext) -> None:
        self.repository, self.context = repository, context
        self.notes: list[Note] = []
        self.facts = JobFacts()
        self._later: dict[str, tuple[str, ...]] = {}
        """What earlier steps put into GITHUB_ENV or GITHUB_OUTPUT, or told poetry: all values."""
        self._versions: dict[str, str] = {}
        self._followed = self._steps_seen = 0

    def look(self) -> JobFacts:
        context = self.context
        frame = Frame(context.file, context.scope, {})
        for holder in (context.workflow, context.body):
            run = under(holder, "defaults", "run")
            shell = text(under(run, "shell")) or frame.shell
            folder = text(under(run, "working-directory")) or frame.folder
            frame = frame.inside(holder).but(shell=shell, folder=folder)
        self._steps(context.body, frame)
        if not self.facts.publications:
            self.facts.unknown = self._explain()
        return self.facts

    def _explain(self) -> Note | None:
        """A note about a job that could publish, although nothing in it was recognized."""
        context, actions = self.context, self.facts.seen["actions"]
        key, known = self.repository.read(context.file), self.repository.known
        if key not in known:  # looked for in the whole file first, once
            known[key] = bool(re.search(_NAMED_SECRET, key))
        named = re.search(_NAMED_SECRET, str(context.body)) if known[key] else None
        users = [name for _, _, name in actions if name.lower().startswith(_ID_TOKEN_USERS)]
        uses = users or any("/azure-login" in name.lower() for _, _, name in actions)
        matters = named or (context.may_ask and not uses and not self.facts.attested)
        if not matters or any(" may publish" in why for _, _, why in self.notes):
            return None
        gets = f"gets the secret {named[1]}" if named else "may ask for an ID token"
        file, line, name = self._likely(actions, bool(named))
        facts = {"job": context.job, "gets": gets, "name": name, "form": self._form()}
        return file, line, say("notes", "runs" if name else "does", **facts)

    def _likely(self, actions: Sequence[Note], named: bool) -> Note:
        """The action that may publish, if one does: that which gets the secret, or sounds so."""
        file, set_up = self.context.file, tuple(TABLES["actions that set up"])
        for step in steps(self.context.body) if named else ():
            if re.search(_NAMED_SECRET, str(step)):
                return file, step.line, text(step.get("uses"))
        unknown = [each for each in actions if not each[2].lower().startswith(set_up)]
        sounds = [each for each in unknown if re.search(r"(?i)release|publish|deploy", each[2])]
        at = (file, self.context.workflow["jobs"].line_of(self.context.job), "")
        return next(iter([*sounds, *unknown]), at)

    def _form(self) -> str:
        file, where = self.context.file.rpartition("/")[2], self.context.environments()[0]
        return say("notes", "form", file=file, environment=where or "(none)")

    # -- steps -------------------------------------------------------------------------------------

    def _steps(self, holder: Map, frame: Frame) -> None:
        for step in steps(holder):
            self._steps_seen += 1
            if self._steps_seen > MOST_STEPS:
                return
            line = frame.here or step.line_of("run" if "run" in step else "uses")
            for world in self._worlds():
                seen = frame.but(environment={**frame.environment, **world}, here=line)
                met = holds(text(step["if"]), seen) if "if" in step else True
                if met is not False:
                    self._step(step, (seen if met else seen.but(certain=False)).inside(step))

    def _worlds(self) -> list[dict[str, str]]:
        worlds: list[dict[str, str]] = [{}]
        for name, values in self._later.items():
            worlds = [{**world, name: value} for world in worlds for value in values][:MOST_WORLDS]
        return worlds

    def _step(self, step: Map, frame: Frame) -> None:
        run = step.get("run")
        if isinstance(step.get("uses"), Text):
            self._action(step, str(step["uses"]), frame.at(step.line_of("uses")))
        elif isinstance(run, Text):
            kind = text(step.get("shell")) or frame.shell
            frame = frame.at(run.line)
            if "github." in run and re.search(_OUTSIDERS, run):
                self.facts.add("injected", frame)
            if re.match(r"(python|node|perl|ruby)", kind):
                if re.search(_MINTS, run):
                    self.facts.add("minted", frame)
                said = bool(re.search(r"twine|publish", run))
                return self._note(frame, "language", said, kind=kind.split()[0])
            folder = fill(text(step.get("working-directory")) or frame.folder, frame)
            traced = bool(re.search(r"\s-\w*x", kind))
            frame = frame.but(folder=folder, traced=traced, line_of=run.line_of)
            self._script(fill(run, frame), frame, text(step.get("id")))
        return None

    def _action(self, step: Map, name: str, frame: Frame) -> None:
        inputs = frame.filled(step.get("with"))
        if name.startswith(("./", "$/")):
            return self._composite(name[2:].rstrip("/"), inputs, frame)
        self.facts.add("actions", frame, name)
        path, _, ref = name.lower().partition("@")
        words = " ".join(inputs.values())
        if path == ACTION.name:
            self._publishing_action(step, inputs, ref, frame)
        elif path in ("pyo3/maturin-action", "messense/maturin-action"):
            self._maturin_action(name, inputs, frame)
        elif re.search(_MINTS, words) or ("mint" in path and "token" in path):
            self.facts.add("minted", frame)
        elif path.startswith(_ELSEWHERE):
            pass
        elif _OTHERS.search(path) or re.search(_PUBLISHES, words):
            form = f" {self._form()}" if self.context.may_ask else ""
            self._note(frame, "action", name=name, form=form)
        own = inputs.get("repository", "") in ("", self.repository.full_name)
        if path == "actions/checkout" and own:
            self.facts.add("checkouts", frame)
        folder = inputs.get("path", "").replace(" ", "").rstrip("/")
        if path == "actions/download-artifact" and folder in ("", ".", "${{github.workspace}}"):
            self.facts.add("unpacked", frame)
        self.facts.attested |= "attest" in path and not path.startswith("actions/")
        return None

    def _publishing_action(self, step: Map, inputs: dict[str, str], ref: str, frame: Frame) -> None:
        written = mapping(step.get("with"))
        key = "repository-url" if "repository-url" in written else "repository_url"
        for url in possible(text(written.get(key)), frame):
            words = {**inputs, key: url} if key in written else inputs
            version = f"@{ref}" if re.fullmatch(r"v\d+(\.\d+)*", ref) else ""
            self._add(ACTION, [f"{k}={v}" for k, v in words.items()], frame, version)

    def _maturin_action(self, name: str, inputs: dict[str, str], frame: Frame) -> None:
        command = inputs.get("command") or "build"
        if command in ("publish", "upload"):
            words = ["maturin", command, *inputs.get("args", "").split()]
            self._add(CLIENTS["maturin"], words, frame)
        if command != "upload":
            self.facts.add("builds", frame, f"{name} with `command: {command}`")

    def _composite(self, folder: str, inputs: dict[str, str], frame: Frame) -> None:
        paths = (self.repository.resolve(f"{folder}/action.{end}") for end in ("yml", "yaml"))
        path = next(filter(None, paths), None)
        relevant = self.context.may_ask or any(map(_OTHERS.search, (folder, *inputs.values())))
        if path is None:
            return self._note(frame, "no-action", relevant, folder=folder)
        if not self._may_follow(frame):
            return None
        try:
            action = self.repository.yaml(path)
        except Unreadable as error:
            return self._note(frame, "unread", why=error)
        if text(under(action, "runs", "using")) != "composite":
            return self._note(frame, "not-composite", relevant, path=path)
        scope = frame.scope.but(inputs=defaults(action.get("inputs")) | inputs)
        inner = frame.but(file=path, scope=scope, shell="", folder="", composite=True)
        return self._steps(mapping(action["runs"]), inner.but(depth=frame.depth + 1))

    # -- scripts -----------------------------------------------------------------------------------

    def _script(self, script: str, frame: Frame, step: str = "") -> None:
        if len(script) > LONGEST or not self.repository.spend(len(script)):
            return self._note(frame, "much")
        if ".pypirc" in script:
            self._later["~/.pypirc"] = ("written by a step",)
        if re.search(r"\b((npm|pnpm|yarn|cargo) publish|cosign)\b", script):
            self.facts.attested = True  # something else that an ID token is for
        if re.search(_MINTS, script):
            self.facts.add("minted", frame)
        known, key = self.repository.known, (script, frame.traced, *frame.environment.items())
        if key not in known:
            known[key] = tuple(scripts.commands(script, frame.environment, traced=frame.traced))
        for command in known[key]:
            around = frame.at(frame.line_of(command.line)).but(environment=command.environment)
            if command.traced and any(map(_secret, command.environment.values())):
                self.facts.add("traced", around)
            self._command(command, around, step)
        return None

    def _command(self, command: scripts.Command, frame: Frame, step: str = "") -> None:
        words = command.words
        if words[0] in ("echo", "printf") and self._written(command, frame, step):
            return
        rest, client, builds, target = _read(words)
        self._remember(rest, words, frame)
        if client is not None:
            told = self._later.get("POETRY_PYPI_TOKEN_PYPI")
            own = {"POETRY_PYPI_TOKEN_PYPI": told[-1]} if told else {}
            seen = frame.but(environment={**frame.environment, **own})
            self._add(client, rest, seen, _run_version(words, client.name))
        elif rest[:1] and rest[0] in _TASKS and re.search(r"\bpublish|\btwine", " ".join(rest[:6])):
            return self._note(frame, "task", plain=" ".join(rest[:6]), program=rest[0])
        if builds:
            self.facts.add("builds", frame, " ".join(rest[:2] if client else words[:4]))
        if target and target[1:] and self._may_follow(frame):
            self._follow(*target, words, frame.but(depth=frame.depth + 1))

    def _written(self, command: scripts.Command, frame: Frame, step: str) -> bool:
        """Note what a command hands on to later steps, by GITHUB_ENV or GITHUB_OUTPUT."""
        raw = " ".join(command.raw)
        if "GITHUB_ENV" not in raw and "GITHUB_OUTPUT" not in raw:
            return False
        start = f"steps.{step}.outputs." if "GITHUB_OUTPUT" in raw else ""
        for word in command.words[1:]:
            if match := re.match(r"([A-Za-z_][\w-]*)=(.*?)(\\n)?$", word, re.DOTALL):
                name, value = start + match[1], match[2] or "$(…)"
                sure = frame.certain and command.sure
                before = () if sure else self._later.get(name, ("",))
                if len(self._later) < MOST_LATER:
                    self._later[name] = tuple(dict.fromkeys((*before, value)))
        return True

    def _remember(self, rest: list[str], words: Words, frame: Frame) -> None:
        """Note a token that poetry is told, and the versions that pip is told to install."""
        told = rest[:2] == ["poetry", "config"] and len(rest) > 3
        if told and re.match(r"(pypi-token|http-basic)\.", rest[2]):
            self._later["POETRY_PYPI_TOKEN_PYPI"] = (rest[-1],)
            if _secret(rest[-1]):
                self.facts.add("exposed", frame, "poetry")
        for word in words if "install" in words else ():
            if match := re.fullmatch(r"(twine|pdm|maturin)((?:[<>=!~@]=?=?[^<>=~]+)+)", word):
                self._versions[match[1]] = match[2]

    # -- other files -------------------------------------------------------------------------------

    def _follow(self, kind: str, names: list[str], words: Words, frame: Frame) -> None:
        shell_x = r"(^| )(ba|z|da|k)?sh -\w*x"
        frame = frame.but(traced=bool(re.search(shell_x, " ".join(words)[:500])))
        first = "".join(names[:1])
        if kind == "inline":
            return self._script(first, frame)
        wanted, folder = _paths(kind, first, words, frame.folder)
        path = next(filter(None, (self.repository.resolve(each, folder) for each in wanted)), None)
        if path is None:
            absent = kind in ("script", "python") and re.fullmatch(_RELEASES, f"`{wanted[0]}`")
            return self._note(frame, "absent", bool(absent), path=wanted[0])
        try:
            self._file(path, kind, names, words, frame)
        except Unreadable as error:
            self._note(frame, "unread", why=error)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self._note(frame, "odd", path=path)
        return None

    def _file(self, path: str, kind: str, names: list[str], words: Words, frame: Frame) -> None:
        script = self.repository.read(path)
        if len(script) > LONGEST or not self.repository.spend(len(script)):
            raise Unreadable(path, "is more script than preflight reads.")
        inner = frame.but(file=path, line_of=int)
        shell = PurePosixPath(path).suffix in ("", ".sh", ".bash", ".zsh")
        foreign = re.match(r"#!(?!.*sh\b)", script) or not shell
        if kind in ("python", "module") or (kind == "script" and foreign):
            said = _PUBLISHES.search(script) or re.search(r"\btwine\b", script)
            self._note(frame, "program", bool(said), path=path)
        elif kind == "script":
            traced = frame.traced or bool(re.match(r"#!.*sh\s+-\w*x", script))
            self._script(script, inner.but(traced=traced))
        elif kind == "make":
            for at, recipe in scripts.makefile(script, names, frame.environment):
                self._script(recipe, inner.but(line_of=lambda n, at=at: at + n - 1))
        elif kind == "tox":
            self._tox(script, names, words, inner)
        else:
            self._nox(script, names, inner)

    def _tox(self, script: str, names: list[str], words: Words, frame: Frame) -> None:
        arguments = " ".join(words).partition(" -- ")[2][:500]
        for at, recipe, passed in scripts.tox(script, names, arguments):
            through = {n: v for n, v in frame.environment.items() if scripts.passes(n, passed)}
            kept = tuple(name for name in NEEDED if not scripts.passes(name, passed))
            hidden = ("tox", *kept) if kept else frame.hidden
            self._script(recipe, frame.at(at).but(environment=through, hidden=hidden))

    def _nox(self, script: str, names: list[str], frame: Frame) -> None:
        for at, words, alone in scripts.nox(script, names):
            seen = frame.but(environment={}, hidden=("nox", *NEEDED)) if alone else frame
            if words:
                command = scripts.Command(tuple(words), tuple(words), at, seen.environment)
                self._command(command, seen.at(at))

    def _may_follow(self, frame: Frame) -> bool:
        self._followed += 1
        may = frame.depth < DEEPEST and self._followed <= MOST_FOLLOWED
        self._note(frame, "circle", not may)
        return may

    def _note(self, frame: Frame, name: str, relevant: bool = True, /, **facts: object) -> None:
        if relevant:
            self.notes.append((*frame.place, say("notes", name, **facts)))

    def _add(self, client: Client, words: Words, frame: Frame, version: str = "") -> None:
        if len(self.facts.publications) == MOST_FOLLOWED:
            return
        environment, trigger = frame.environment, self.context.trigger
        found = clients.credential(client.name, environment, words)
        pypirc = client.name in ("twine", "flit", "hatch") and "~/.pypirc" in self._later
        if found is None and pypirc:
            found = Credential("~/.pypirc, which a step writes", "~/.pypirc")
        minted = self.facts.seen["minted"]
        made = bool(found and minted and "$" in found.value and not found.secret)
        alone = bool(environment.get("UV_NO_CONFIG")) or "--no-config" in words
        told = alone or environment.get("UV_PUBLISH_URL") or "--publish-url" in " ".join(words)
        name = clients.option(words, ("--index",)) or environment.get("UV_PUBLISH_INDEX", "")
        configured = client.name == "uv" and not alone
        named = self.repository.uv_index(frame.folder, name) if configured else ""
        self.facts.publications.append(Publication(
            self.context, client, frame.here, *frame.place, tuple(words), None if made else found,
            clients.index_of(client, environment, words, named),
            (replace(trigger, certain=trigger.certain and frame.certain),),
            clients.username(client, environment, words),
            clients.refused_combination(client, environment, words),
            frame.hidden, frame.composite, version or self._versions.get(client.name, ""), made,
            bool(told),
        ))  # fmt: skip


@lru_cache(4_000)
def _read(words: tuple[str, ...]) -> tuple[list[str], Client | None, bool, Target]:
    """A command without its wrappers, the client, whether it builds, and what else it leads to."""
    rest = clients.strip_wrappers(words)
    client = clients.recognize(rest)
    builds = any(_BUILDS.match(" ".join(each)[:2000]) for each in (rest, words))
    return rest, client, builds, None if client else scripts.followed(words, rest)


def _paths(kind: str, name: str, words: Words, folder: str) -> tuple[list[str], str]:
    """Where a file may be, in order; and from which folder."""
    if kind in ("script", "python"):
        top = r"^\$\{?GITHUB_WORKSPACE\}?/|^\$\{\{ *github\.workspace *\}\}/"
        return [re.sub(top, "", name)], folder
    if kind == "module":
        starts, ends = ("", "src/"), (".py", "/__main__.py", "/__init__.py")
        return [start + name.replace(".", "/") + end for start in starts for end in ends], folder
    line = " ".join(words)[:500]
    where = re.search(r"(?:^| )(?:-C ?|--directory[= ])(\S+)", line)
    if where and kind == "make":
        folder = str(PurePosixPath(folder or ".") / where[1])
    named = re.search(rf"(?:^| )(?:{TABLES['options of a file'][kind]})[ =](\S+)", line)
    return [named[1]] if named else list(TABLES["files"][kind]), folder


def _run_version(words: Words, name: str) -> str:
    """The version in `pipx run twine==5.1.1 …` or `uvx twine@5 …`."""
    stated = rf"(?:^|/){name}((?:[<>=~]=?=?|@)[\d.]+)"
    found = (re.search(stated, word) for word in words[:12])
    return next((match[1] for match in found if match), "")


def _secret(value: str) -> bool:
    return "secrets." in value and "secrets.GITHUB_TOKEN" not in value
