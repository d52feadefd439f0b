"""Finding the commands that publish: through the steps of a job, composite actions, and the scripts that they call."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from . import scripts
from .clients import (
    ACTION,
    CLIENTS,
    Client,
    Credential,
    credential,
    index_of,
    inputs_of,
    recognize,
    refused_combination,
    strip_wrappers,
    too_old,
    username,
)
from .expressions import UNKNOWN, Value, fill, holds, possible
from .files import Map, Repository, Seq, Text, Unreadable
from .workflows import Changeable, JobContext, Note, Scope, Trigger, mapping, text

DEEPEST = 8
"""How far scripts and composite actions are followed into one another."""
MOST_FOLLOWED, LONGEST, MOST_WORLDS, MOST_STEPS, MOST_LATER = 100, 1 << 17, 4, 400, 40
"""Scripts followed, and publications found, in one job; characters of one script; sets of values that variables can have; steps of one job."""
NEEDED = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS")
"""The variables by which a client knows where it is and gets an ID token."""
_BUILDS = re.compile(
    r"(pip3?|uv pip|pipx|conda|npm|yarn|apt(-get)?|brew) (install|ci|i)\b|(build|tox|nox|cibuildwheel|pytest)\b|setup\.py|"
    r"uv (build|sync|run)\b|(poetry|hatch|flit|pdm|maturin) (install|build)\b|cargo (build|install)|poetry publish\b.*--build|"
    r"pdm publish\b(?!.*--no-build)|flit publish|maturin publish"
)
_OTHERS = re.compile(
    r"pypi|twine|(poetry|python|package)[-_]?(publish|upload|release)|(publish|upload|release)[-_]?(to[-_])?(poetry|python)|"
    r"semantic-release",
    re.I,
)
_PUBLISHES = re.compile(r"twine[\"', ]+upload|(uv|poetry|hatch|flit|pdm|maturin)[\"', ]+publish")
_MINTS = r"ACTIONS_ID_TOKEN_REQUEST_(URL|TOKEN)|oidc/mint-token|getIDToken|\bpython[\d.]* -m id\b|(^|[\s(])id (pypi|testpypi)\b"
_OUTSIDERS = (
    r"\$\{\{[^}]{0,200}\bgithub\.(head_ref|event\.[\w.*\[\]0-9]{0,80}"
    r"\.?(title|body|message|head\.ref|head\.label|default_branch|name|email|page_name))\b[^}]{0,200}\}\}"
)
_TASKS = ("just", "task", "invoke", "inv", "poe", "rake", "doit", "mise", "fab", "hatch")
_ID_TOKEN_USERS = (
    r"(actions/(deploy-pages|attest)|aws-actions/|google-github-actions/|azure/login|codecov/|sigstore/|docker/|anchore/"
    r"|slsa-framework/|ossf/scorecard|github/|rust-lang/|depot/|actions/publish|hynek/build-and-inspect)"
)
_NAMED_SECRET = r"(?i)secrets\.(\w*(?:PYPI|TWINE)\w*)"


@dataclass(frozen=True, eq=False)
class Frame(Changeable):
    """Where the finder stands: all that a step, a script or a command has around it."""

    file: str
    scope: Scope
    environment: Mapping[str, str]
    here: int = 0
    """The line, in the job's own file, of the step that led here; 0 at the top."""
    shell: str = ""
    folder: str = ""
    depth: int = 0
    certain: bool = True
    traced: bool = False
    hidden: tuple[str, ...] = ()
    """The variables of `NEEDED` that tox or nox keeps from the client, and its name."""
    composite: bool = False
    line_of: Callable[[int], int] = int
    """From a script's own lines to those of the file."""

    def __call__(self, path: str) -> Value:
        """The value of a path in an expression."""
        if path.startswith(("env.", "steps.")):
            return self.environment.get(path.removeprefix("env."), UNKNOWN)
        return self.scope(path)

    def fill(self, value: str) -> str:
        """A text with its expressions filled in."""
        return fill(value, self) if "${{" in value else value


@dataclass(frozen=True, eq=False)
class Publication(Changeable):
    """One command that publishes, in one job: the `client`, where the command stands (`file`, `line`), where the step
    stands that leads to it, and what it finds there."""

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
        return bool(self.version) and too_old(self.version, version)

    @property
    def attests(self) -> bool:
        """Return whether it is the PyPA action, and signs attestations: by default, since 1.11, with an ID token."""
        off = inputs_of(self.words).get("attestations", "").lower() == "false"
        return self.client is ACTION and not (off or self.credential or self.older("1.11"))


@dataclass
class JobFacts:
    """All that a job does besides: (file, line, text) of commands that build or install, of actions, of programs that are
    given a secret in their arguments; (file, line) of `set -x` beside a secret, of outsiders' words in a script, and more."""

    publications: list[Publication] = field(default_factory=list)
    builds: list[Note] = field(default_factory=list)
    actions: list[Note] = field(default_factory=list)
    exposed: list[Note] = field(default_factory=list)
    traces: list[tuple[str, int]] = field(default_factory=list)
    injected: list[tuple[str, int]] = field(default_factory=list)
    unpacked: list[tuple[str, int]] = field(default_factory=list)
    checkouts: list[tuple[str, int]] = field(default_factory=list)
    minted: list[tuple[str, int]] = field(default_factory=list)
    attested: bool = False
    unknown: Note | None = None
    """What to say if the job publishes in no way that is recognized."""


class Finder:
    """Looks through one job. `notes` receives (file, line, sentence) for what could not be followed."""

    def __init__(self, repository: Repository, context: JobContext) -> None:
        self.repository, self.context = repository, context
        self.notes: list[Note] = []
        self.facts = JobFacts()
        self._later: dict[str, tuple[str, ...]] = {}
        """What earlier steps put into GITHUB_ENV or GITHUB_OUTPUT, or told poetry: all values that it can have."""
        self._versions: dict[str, str] = {}
        self._followed = self._steps_seen = 0

    def look(self) -> JobFacts:
        """Look at every step of the job."""
        context = self.context
        frame = Frame(context.file, context.scope, {})
        for holder in (context.workflow, context.body):
            run = mapping(mapping(holder.get("defaults")).get("run"))
            shell = text(run.get("shell")) or frame.shell
            folder = text(run.get("working-directory")) or frame.folder
            env = _environment(frame, holder.get("env"))
            frame = frame.but(environment=env, shell=shell, folder=folder)
        self._steps(context.body.get("steps"), frame)
        if not self.facts.publications:
            self.facts.unknown = self._explain()
        return self.facts

    def _explain(self) -> Note | None:
        """A note about a job that could publish, although nothing in it was recognized."""
        context, actions = self.context, self.facts.actions
        key, known = ("named", context.file), self.repository.known
        if key not in known:  # looked for in the whole file first, once
            known[key] = bool(re.search(_NAMED_SECRET, self.repository.read(context.file)))
        named = re.search(_NAMED_SECRET, str(context.body)) if known[key] else None
        users = self.facts.attested or any(re.match(_ID_TOKEN_USERS, a[2].lower()) for a in actions)
        if not named and (not context.may_ask or users):
            return None
        if any(" may publish" in why for _, _, why in self.notes):
            return None
        gets = f"gets the secret {named[1]}" if named else "may ask for an ID token"
        unknown = [a for a in actions if not a[2].startswith(("actions/", "github/"))]
        if not unknown:
            line = context.workflow["jobs"].line_of(context.job)
            why = f"Job {context.job!r} {gets}, and nothing in it is known to publish."
            return context.file, line, f"{why} {self._form()}"
        file, line, name = unknown[0]
        why = f"Job {context.job!r} {gets} and runs {name}: not followed. {self._form()}"
        return file, line, why

    def _form(self) -> str:
        name = self.context.file.rpartition("/")[2]
        where = self.context.environments()[0]
        entered = f"workflow {name}, environment {where or '(none)'}"
        return f"If it publishes with an ID token, enter on the index: {entered}."

    # -- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, steps: object, frame: Frame) -> None:
        for step in steps if isinstance(steps, Seq) else ():
            self._steps_seen += 1
            if not isinstance(step, Map) or self._steps_seen > MOST_STEPS:
                continue
            line = frame.here or step.line_of("run" if "run" in step else "uses")
            for world in self._worlds() if self._later else ({},):
                around = {**frame.environment, **world} if world else frame.environment
                seen = frame.but(environment=around, here=line)
                met = holds(text(step["if"]), seen) if "if" in step else True
                if met is not False:
                    seen = seen if met else seen.but(certain=False)
                    env = step.get("env")
                    self._step(step, seen.but(environment=_environment(seen, env)) if env else seen)

    def _worlds(self) -> list[dict[str, str]]:
        worlds: list[dict[str, str]] = [{}]
        for name, values in self._later.items():
            worlds = [{**world, name: value} for world in worlds for value in values][:MOST_WORLDS]
        return worlds

    def _step(self, step: Map, frame: Frame) -> None:
        if isinstance(step.get("uses"), Text):
            return self._action(step, str(step["uses"]), frame)
        run = step.get("run")
        if not isinstance(run, Text):
            return None
        kind = text(step.get("shell")) or frame.shell
        if "github." in run and re.search(_OUTSIDERS, run):
            self.facts.injected.append((frame.file, run.line))
        if re.match(r"(python|node|perl|ruby)", kind):
            if re.search(_MINTS, run):
                self.facts.minted.append((frame.file, run.line))
            if re.search(r"twine|publish", run):
                why = f"A step is written in {kind.split()[0]} and says `publish` or `twine`: it is not followed."
                self._note(frame.file, run.line, why)
            return None
        folder = frame.fill(text(step.get("working-directory")) or frame.folder)
        traced = bool(re.search(r"\s-\w*x", kind))
        frame = frame.but(folder=folder, traced=traced, line_of=run.line_of)
        return self._script(frame.fill(str(run)), frame, text(step.get("id")))

    def _action(self, step: Map, name: str, frame: Frame) -> None:
        line, given = step.line_of("uses"), mapping(step.get("with"))
        inputs = {k: frame.fill(str(v)) for k, v in given.items() if isinstance(v, Text)}
        if name.startswith(("./", "$/")):
            return self._composite(name[2:].rstrip("/"), line, inputs, frame)
        self.facts.actions.append((frame.file, line, name))
        path, _, ref = name.lower().partition("@")
        if path == ACTION.name:
            return self._publishing_action(step, inputs, ref, frame.but(line_of=lambda n: line))
        if path in ("pyo3/maturin-action", "messense/maturin-action"):
            return self._maturin_action(name, inputs, frame.but(line_of=lambda n: line))
        if path == "actions/checkout" and inputs.get("repository", "") in (
            "",
            self.repository.full_name,
        ):
            self.facts.checkouts.append((frame.file, line))
        if path == "actions/download-artifact" and _is_top(inputs.get("path", "")):
            self.facts.unpacked.append((frame.file, line))
        self.facts.attested |= "attest" in path and not path.startswith("actions/")
        words = " ".join(inputs.values())
        if re.search(_MINTS, words) or ("mint" in path and "token" in path):
            self.facts.minted.append((frame.file, line))
        elif _OTHERS.search(path) or re.search(_PUBLISHES, words):
            form = f" {self._form()}" if self.context.may_ask else ""
            why = f"{name} may publish: an action of another repository is not followed.{form}"
            self._note(frame.file, line, why)
        return None

    def _publishing_action(self, step: Map, inputs: dict[str, str], ref: str, frame: Frame) -> None:
        written = mapping(step.get("with"))
        key = "repository-url" if "repository-url" in written else "repository_url"
        for url in possible(text(written.get(key)), frame):
            words = {**inputs, key: url} if key in written else inputs
            version = f"@{ref}" if re.fullmatch(r"v\d+(\.\d+)*", ref) else ""
            self._add(ACTION, tuple(f"{k}={v}" for k, v in words.items()), frame, version)

    def _maturin_action(self, name: str, inputs: dict[str, str], frame: Frame) -> None:
        command = inputs.get("command") or "build"
        if command in ("publish", "upload"):
            words = ("maturin", command, *inputs.get("args", "").split())
            self._add(CLIENTS["maturin"], words, frame)
        if command != "upload":
            what = f"{name} with `command: {command}`"
            self.facts.builds.append((frame.file, frame.line_of(1), what))

    def _composite(self, folder: str, line: int, inputs: dict[str, str], frame: Frame) -> None:
        paths = (self.repository.resolve(f"{folder}/action.{end}") for end in ("yml", "yaml"))
        path = next(filter(None, paths), None)
        relevant = self.context.may_ask or any(map(_OTHERS.search, (folder, *inputs.values())))
        if path is None:
            why = f"./{folder} holds no action.yml: it may be fetched while the job runs, and is not followed."
            return self._note(frame.file, line, why, relevant)
        if not self._may_follow(frame.file, line, frame.depth):
            return None
        try:
            action = self.repository.yaml(path)
        except Unreadable as error:
            return self._note(frame.file, line, f"Not followed: {error}")
        runs = mapping(action.get("runs"))
        if text(runs.get("using")) != "composite":
            why = f"{path} is not a composite action: its code is not followed."
            return self._note(frame.file, line, why, relevant)
        stated = mapping(action.get("inputs"))
        given = {name: text(mapping(what).get("default")) for name, what in stated.items()} | inputs
        inner = frame.but(file=path, scope=frame.scope.but(inputs=given), shell="", folder="",
            depth=frame.depth + 1, composite=True,
        )  # fmt: skip
        return self._steps(runs.get("steps"), inner)

    # -- scripts ------------------------------------------------------------------------------------------------------

    def _script(self, script: str, frame: Frame, step: str = "") -> None:
        if len(script) > LONGEST or not self.repository.spend(len(script)):
            why = "More script than preflight reads: this one is not looked at."
            return self._note(frame.file, frame.line_of(1), why)
        if ".pypirc" in script:
            self._later["~/.pypirc"] = ("written by a step",)
        if re.search(r"\b((npm|pnpm|yarn|cargo) publish|cosign)\b", script):
            self.facts.attested = True  # something else that an ID token is for
        if re.search(_MINTS, script):
            self.facts.minted.append((frame.file, frame.line_of(1)))
        for command in self._commands(script, frame):
            line = frame.line_of(command.line)
            if command.traced and any(map(_secret, command.environment.values())):
                self.facts.traces.append((frame.file, line))
            self._command(command, frame.but(line_of=lambda n, line=line: line), step)
        return None

    def _commands(self, script: str, frame: Frame) -> tuple[scripts.Command, ...]:
        """The commands of a script; jobs often repeat one another's."""
        known = self.repository.known
        key = (script, frame.traced, tuple(frame.environment.items()))
        if key not in known:
            known[key] = tuple(scripts.commands(script, frame.environment, traced=frame.traced))
        return known[key]  # type: ignore[no-any-return]

    def _command(self, command: scripts.Command, frame: Frame, step: str = "") -> None:
        words, line = command.words, frame.line_of(1)
        if words[0] in ("echo", "printf") and self._written(command, frame, step):
            return None
        rest = strip_wrappers(words)
        self._remember(rest, words, frame)
        client = recognize(rest)
        plain = " ".join(rest[:6])
        if client is not None:
            seen = dict(command.environment)
            if told := self._later.get("POETRY_PYPI_TOKEN_PYPI"):
                seen["POETRY_PYPI_TOKEN_PYPI"] = told[-1]
            version = _run_version(words, client.name)
            self._add(client, tuple(rest), frame.but(environment=seen), version)
        elif re.search(r"\bpublish|\btwine", plain) and rest[0] in _TASKS:
            return self._note(frame.file, line, f"`{plain}` is a task of {rest[0]}: not followed.")
        if _BUILDS.match(" ".join(rest)[:2000]) or _BUILDS.match(" ".join(words)[:2000]):
            what = " ".join(rest[:2] if client else words[:4])
            self.facts.builds.append((frame.file, line, what))
        target = scripts.followed(words, rest) if client is None else None
        if target and target[1:] and self._may_follow(frame.file, line, frame.depth):
            deeper = frame.but(environment=command.environment, depth=frame.depth + 1)
            self._follow(*target, command, deeper)
        return None

    def _written(self, command: scripts.Command, frame: Frame, step: str) -> bool:
        """Note what a command hands on to later steps, by GITHUB_ENV or GITHUB_OUTPUT."""
        raw = " ".join(command.raw)
        if "GITHUB_ENV" not in raw and "GITHUB_OUTPUT" not in raw:
            return False
        start = f"steps.{step}.outputs." if "GITHUB_OUTPUT" in raw else ""
        for word in command.words[1:]:
            if match := re.match(r"([A-Za-z_][\w-]*)=(.*?)(\\n)?$", word, re.DOTALL):
                name, value = start + match[1], match[2] or "$(…)"
                before = () if frame.certain else self._later.get(name, ("",))
                if len(self._later) < MOST_LATER:
                    self._later[name] = tuple(dict.fromkeys((*before, value)))
        return True

    def _remember(self, rest: list[str], words: tuple[str, ...], frame: Frame) -> None:
        """Note a token that poetry is told, and the versions that pip is told to install."""
        if rest[:2] == ["poetry", "config"] and len(rest) > 3:
            if re.match(r"(pypi-token|http-basic)\.", rest[2]):
                self._later["POETRY_PYPI_TOKEN_PYPI"] = (rest[-1],)
                if _secret(rest[-1]):
                    self.facts.exposed.append((frame.file, frame.line_of(1), "poetry"))
        if "install" in words:
            for word in words:
                if match := re.fullmatch(r"(twine|pdm|maturin)((?:[<>=!~@]=?=?[^<>=~]+)+)", word):
                    self._versions[match[1]] = match[2]

    # -- other files --------------------------------------------------------------------------------------------------

    def _follow(self, kind: str, names: list[str], command: scripts.Command, frame: Frame) -> None:
        shell_x = r"(^| )(ba|z|da|k)?sh -\w*x"
        frame = frame.but(traced=bool(re.search(shell_x, " ".join(command.words)[:500])))
        if kind == "inline":
            return self._script("".join(names[:1]), frame)
        paths, told = self._paths(kind, names, command, frame.folder)
        found = (self.repository.resolve(each, base) for each, base in paths)
        path = next(filter(None, found), None)
        if path is None:
            if re.fullmatch(
                r"`(\./)?[\w./-]*(publish|upload|release|deploy|pypi)[\w-]*(\.sh|\.bash|\.py)?`",
                told,
            ):
                why = f"{told} is not in the repository: not followed."
                self._note(frame.file, frame.line_of(1), why)
            return None
        try:
            script = self.repository.read(path)
            if len(script) > LONGEST or not self.repository.spend(len(script)):
                raise Unreadable(path, "is more script than preflight reads.")
            self._file(kind, path, script, names, command, frame)
        except (Unreadable, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            known = isinstance(error, Unreadable)
            why = str(error) if known else f"{path} cannot be understood as it stands."
            self._note(frame.file, frame.line_of(1), f"Not followed: {why}")
        return None

    def _paths(
        self, kind: str, names: list[str], command: scripts.Command, folder: str
    ) -> tuple[list[tuple[str, str]], str]:
        """Where a file may be: (path, folder) in order; and the words for it."""
        if kind in ("script", "python"):
            top = r"^\$\{?GITHUB_WORKSPACE\}?/|^\$\{\{ *github\.workspace *\}\}/"
            wanted = re.sub(top, "", "".join(names[:1]))
            return [(wanted, folder)], f"`{wanted}`"
        if kind == "module":
            module = "".join(names[:1]).replace(".", "/")
            ends = (".py", "/__main__.py", "/__init__.py")
            return [
                (f"{start}{module}{end}", folder) for start in ("", "src/") for end in ends
            ], "``"
        words = " ".join(command.words)[:500]
        where = re.search(r"(?:^| )(?:-C ?|--directory[= ])(\S+)", words)
        if where and kind == "make":
            folder = str(PurePosixPath(folder or ".") / where[1])
        files = {"make": ("GNUmakefile", "makefile", "Makefile"), "tox": ("tox.ini",)}
        return [(name, folder) for name in files.get(kind, ("noxfile.py",))], "``"

    def _file(
        self,
        kind: str,
        path: str,
        script: str,
        names: list[str],
        command: scripts.Command,
        frame: Frame,
    ) -> None:
        """Read a file of the repository that a command runs."""
        inner = frame.but(file=path, line_of=int)
        suffix = PurePosixPath(path).suffix
        foreign = re.match(r"#!(?!.*sh\b)", script) or suffix not in ("", ".sh", ".bash", ".zsh")
        if kind in ("python", "module") or (kind == "script" and foreign):
            if _PUBLISHES.search(script) or re.search(r"\btwine\b", script):
                why = f"{path} is a program that mentions publishing: not followed."
                self._note(frame.file, frame.line_of(1), why)
        elif kind == "script":
            traced = frame.traced or bool(re.match(r"#!.*sh\s+-\w*x", script))
            self._script(script, inner.but(traced=traced))
        elif kind == "make":
            for at, recipe in scripts.makefile(script, names, frame.environment):
                self._script(recipe, inner.but(line_of=lambda n, at=at: at + n - 1))
        elif kind == "tox":
            arguments = " ".join(command.words).partition(" -- ")[2][:500]
            for at, recipe, passed in scripts.tox(script, names, arguments):
                through = {n: v for n, v in frame.environment.items() if scripts.passes(n, passed)}
                kept = tuple(name for name in NEEDED if not scripts.passes(name, passed))
                hidden = ("tox", *kept) if kept else frame.hidden
                seen = inner.but(environment=through, hidden=hidden, line_of=lambda n, at=at: at)
                self._script(recipe, seen)
        else:
            for at, called, alone in scripts.nox(script, names):
                seen = inner.but(line_of=lambda n, at=at: at)
                if alone:
                    seen = seen.but(environment={}, hidden=("nox", *NEEDED))
                if called:
                    words = tuple(called)
                    self._command(scripts.Command(words, words, at, seen.environment), seen)

    def _may_follow(self, file: str, line: int, depth: int) -> bool:
        self._followed += 1
        if depth < DEEPEST and self._followed <= MOST_FOLLOWED:
            return True
        why = "Scripts that call one another in a circle, or very many of them"
        self._note(file, line, f"{why}: not followed further.")
        return False

    def _note(self, file: str, line: int, sentence: str, relevant: bool = True) -> None:
        if relevant:
            self.notes.append((file, line, sentence))

    def _add(self, client: Client, words: tuple[str, ...], frame: Frame, version: str = "") -> None:
        environment = frame.environment
        found = credential(client.name, environment, words)
        if (
            found is None
            and client.name in ("twine", "flit", "hatch")
            and "~/.pypirc" in self._later
        ):
            found = Credential("~/.pypirc, which a step writes", "~/.pypirc")
        made = bool(found and self.facts.minted and "$" in found.value and not found.secret)
        named, no_config = "", False
        if client.name == "uv":
            no_config = bool(environment.get("UV_NO_CONFIG")) or "--no-config" in words
            named = "" if no_config else self.repository.uv_index(frame.folder, words, environment)
        trigger = self.context.trigger
        if len(self.facts.publications) == MOST_FOLLOWED:
            return
        self.facts.publications.append(Publication(
            self.context, client, frame.here, frame.file, frame.line_of(1), words, None if made else found,
            index_of(client, environment, words, named),
            (replace(trigger, certain=trigger.certain and frame.certain),),
            username(client, environment, words), refused_combination(client, environment, words),
            frame.hidden, frame.composite, version or self._versions.get(client.name, ""), made,
            no_config or bool(environment.get("UV_PUBLISH_URL")) or "--publish-url" in " ".join(words),
        ))  # fmt: skip


def find(repository: Repository, context: JobContext) -> tuple[JobFacts, list[Note]]:
    """Return all that a job publishes, what else it does, and what could not be followed."""
    finder = Finder(repository, context)
    return finder.look(), finder.notes


def _environment(frame: Frame, given: object) -> Mapping[str, str]:
    own = {n: frame.fill(str(v)) for n, v in mapping(given).items() if isinstance(v, Text)}
    return {**frame.environment, **own} if own else frame.environment


def _run_version(words: tuple[str, ...], name: str) -> str:
    """The version in `pipx run twine==5.1.1 …` or `uvx twine@5 …`."""
    found: Iterator[re.Match[str] | None] = (
        re.search(rf"(?:^|/){name}((?:[<>=~]=?=?|@)[\d.]+)", word) for word in words[:12]
    )
    return next((match[1] for match in found if match), "")


def _is_top(path: str) -> bool:
    """Whether a folder is the one that the job works in."""
    return path.strip().rstrip("/") in ("", ".", "${{ github.workspace }}", "${{github.workspace}}")


def _secret(value: str) -> bool:
    return "secrets." in value and "secrets.GITHUB_TOKEN" not in value
