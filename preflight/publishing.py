"""Finding the commands that publish: through the steps of a job, composite actions, and the scripts that they call."""

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from . import scripts
from .clients import ACTION, CLIENTS, Client, Credential, bare, credential, index_of, recognise
from .files import Map, Repository, Seq, Text, Unreadable
from .workflows import JobContext, Trigger, narrow

DEEPEST = 8
"""How far scripts and composite actions are followed into one another."""
MOST_FOLLOWED, LONGEST, MOST_SCRIPT = 200, 1 << 17, 1 << 20
"""Scripts followed in one job; characters of one script; characters of script read for one repository."""
_BUILDS = re.compile(
    r"(pip3?|uv pip|pipx|conda|npm|yarn|apt(-get)?|brew) (install|ci|i)\b|(build|tox|nox|cibuildwheel|pytest)\b|setup\.py|"
    r"uv (build|sync|run)\b|(poetry|hatch|flit|pdm|maturin) (install|build)\b|cargo (build|install)|poetry publish\b.*--build|"
    r"pdm publish\b(?!.*--no-build)|flit publish|maturin publish"
)
_OTHERS = re.compile(
    r"pypi|twine|(poetry|python|package)[-_]?(publish|upload|release)|(publish|upload|release)[-_]?(to[-_])?(poetry|python)|semantic-release",
    re.I,
)
_RUNNERS = ("just", "task", "invoke", "inv", "poe", "rake", "doit", "mise", "fab", "hatch")


@dataclass(frozen=True)
class Publication:
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
    sealed: bool = False
    """Whether tox keeps the way to the ID token from the client."""


@dataclass
class JobFacts:
    """What else a job with a publishing command does: (file, line, text) of what builds or installs, of `set -x` beside
    a secret, of actions, of programs that are given a secret in their arguments."""

    publications: list[Publication] = field(default_factory=list)
    builds: list[tuple[str, int, str]] = field(default_factory=list)
    traces: list[tuple[str, int]] = field(default_factory=list)
    actions: list[tuple[str, int, str]] = field(default_factory=list)
    exposed: list[tuple[str, int, str]] = field(default_factory=list)


class Finder:
    """Looks through one job. `notes` receives (file, line, sentence) for what could not be followed."""

    def __init__(
        self, repository: Repository, context: JobContext, notes: list[tuple[str, int, str]]
    ) -> None:
        self.repository, self.context, self.notes = repository, context, notes
        self.facts = JobFacts()
        self._later: dict[str, str] = {}  # what earlier steps put into GITHUB_ENV, or told poetry
        self._followed = 0

    def look(self) -> JobFacts:
        """Look at every step of the job."""
        job, workflow = self.context.body, self.context.workflow
        environment = self._environment({}, workflow.get("env"))
        environment = self._environment(environment, job.get("env"))
        shell, folder = "", ""
        for holder in (workflow, job):
            defaults = holder.get("defaults")
            run = defaults.get("run") if isinstance(defaults, Map) else None
            if isinstance(run, Map):
                shell = _text(run.get("shell")) or shell
                folder = _text(run.get("working-directory")) or folder
        self._steps(
            job.get("steps"),
            self.context.file,
            environment,
            self.context,
            self.context.triggers,
            shell,
            folder,
            0,
            0,
        )
        return self.facts

    def _environment(self, outer: Mapping[str, str], given: Any) -> dict[str, str]:
        found = dict(outer)
        for name, value in given.items() if isinstance(given, Map) else ():
            if isinstance(value, Text):
                found[name] = self._inner.fill(str(value), outer)
        return found

    _scope: JobContext | None = None

    @property
    def _inner(self) -> JobContext:
        """The context that expressions are filled in by: the job's, or that of the composite action being read."""
        return self._scope or self.context

    def _steps(self, steps: Any, file: str, environment: Mapping[str, str], scope: JobContext, triggers: tuple[Trigger, ...],
               shell: str, folder: str, depth: int, outer: int) -> None:  # fmt: skip
        """`outer` is the line in the job's own file of the step that led here; 0 at the top."""
        for step in steps if isinstance(steps, Seq) else ():
            if not isinstance(step, Map):
                continue
            self._scope = scope
            left = tuple(narrow(list(triggers), _text(step.get("if"))))
            if not left:
                continue
            seen = self._environment({**environment, **self._later}, step.get("env"))
            here = outer or (step.line_of("run") if "run" in step else step.line_of("uses"))
            if isinstance(step.get("uses"), Text):
                self._action(step, str(step["uses"]), file, seen, left, depth, here)
            elif isinstance(step.get("run"), Text):
                run = step["run"]
                kind = _text(step.get("shell")) or shell
                if re.match(r"(python|node|perl|ruby)", kind):
                    if re.search(r"twine|publish", run):
                        told = f"A step is written in {kind.split()[0]} and says `publish` or `twine`: it is not followed."
                        self._note(file, run.line, told)
                    continue
                inside = self._inner.fill(_text(step.get("working-directory")) or folder, seen)
                traced = bool(re.search(r"\s-\w*x", kind))
                self._script(
                    self._inner.fill(str(run), seen),
                    file,
                    seen,
                    left,
                    inside,
                    depth,
                    here,
                    run.line_of,
                    traced,
                )

    def _action(
        self,
        step: Map,
        name: str,
        file: str,
        environment: Mapping[str, str],
        triggers: tuple[Trigger, ...],
        depth: int,
        here: int,
    ) -> None:
        line = step.line_of("uses")
        given = step.get("with") if isinstance(step.get("with"), Map) else Map()
        inputs = {
            key: self._inner.fill(str(value), environment)
            for key, value in given.items()
            if isinstance(value, Text)
        }
        if name.startswith(("./", "$/")):
            return self._composite(name[2:], file, line, inputs, environment, triggers, depth, here)
        self.facts.actions.append((file, line, name))
        owner_name = "/".join(name.partition("@")[0].lower().split("/")[:2])
        if owner_name == ACTION.name:
            words = tuple(f"{key}={value}" for key, value in inputs.items())
            self._add(ACTION, here, file, line, words, environment, triggers)
        elif owner_name in ("pyo3/maturin-action", "messense/maturin-action"):
            command = inputs.get("command") or "build"
            if command in ("publish", "upload"):
                self._add(
                    CLIENTS["maturin"],
                    here,
                    file,
                    line,
                    ("maturin", command, *inputs.get("args", "").split()),
                    environment,
                    triggers,
                )
            if command != "upload":
                self.facts.builds.append((file, line, f"{name} with `command: {command}`"))
        elif _OTHERS.search(owner_name) or re.search(
            r"twine upload|(uv|poetry|hatch|flit|pdm) publish", " ".join(inputs.values())
        ):
            self._note(
                file,
                line,
                f"{name} may publish: what an action of another repository does is not known.",
            )

    def _composite(self, folder: str, file: str, line: int, inputs: dict[str, str], environment: Mapping[str, str],
                   triggers: tuple[Trigger, ...], depth: int, here: int) -> None:  # fmt: skip
        folder = folder.rstrip("/")
        path = self.repository.resolve(f"{folder}/action.yml") or self.repository.resolve(
            f"{folder}/action.yaml"
        )
        telling = self.context.may_ask or any(
            _OTHERS.search(value) for value in (folder, *inputs.values())
        )
        if path is None:
            return self._note(
                file,
                line,
                f"./{folder} holds no action.yml: it may be fetched while the job runs, and is not followed.",
                telling,
            )
        if not self._may_follow(file, line, depth):
            return
        try:
            action = self.repository.yaml(path)
        except Unreadable as error:
            return self._note(file, line, f"Not followed: {error}")
        runs = action.get("runs")
        if not isinstance(runs, Map) or _text(runs.get("using")) != "composite":
            return self._note(
                file, line, f"{path} is not a composite action: its code is not followed.", telling
            )
        stated = action.get("inputs") if isinstance(action.get("inputs"), Map) else Map()
        defaults = {
            name: _text(what.get("default"))
            for name, what in stated.items()
            if isinstance(what, Map)
        }
        scope, before = replace(self._inner, inputs={**defaults, **inputs}), self._scope
        self._steps(runs.get("steps"), path, environment, scope, triggers, "", "", depth + 1, here)
        self._scope = before

    def _script(self, text: str, file: str, environment: Mapping[str, str], triggers: tuple[Trigger, ...], folder: str,
                depth: int, here: int, line_of: Any, traced: bool = False, sealed: bool = False) -> None:  # fmt: skip
        self.repository.script_read += len(text)
        if len(text) > LONGEST or self.repository.script_read > MOST_SCRIPT:
            return self._note(
                file, line_of(1), "More script than preflight reads: this one is not looked at."
            )
        if ".pypirc" in text:
            self._later["~/.pypirc"] = "written by a step"
        for command in scripts.commands(text, environment, traced=traced):
            line = line_of(command.line)
            if command.traced and any(_secret(value) for value in command.environment.values()):
                self.facts.traces.append((file, line))
            self._command(command, file, line, triggers, folder, depth, here, sealed)

    def _command(self, command: scripts.Command, file: str, line: int, triggers: tuple[Trigger, ...], folder: str,
                 depth: int, here: int, sealed: bool) -> None:  # fmt: skip
        words = command.words
        if "$GITHUB_ENV" in " ".join(command.raw) and words[0] in ("echo", "printf"):
            for word in words[1:]:
                if match := re.match(r"([A-Za-z_]\w*)=(.*?)(\\n)?$", word, re.DOTALL):
                    self._later[match[1]] = match[2] or "$(…)"
            return
        rest = bare(words)
        if (
            rest[:2] == ["poetry", "config"]
            and len(rest) > 3
            and re.match(r"(pypi-token|http-basic)\.", rest[2])
        ):
            self._later["POETRY_PYPI_TOKEN_PYPI"] = rest[-1]
            if _secret(rest[-1]):
                self.facts.exposed.append((file, line, "poetry"))
        client = recognise(rest)
        if client is not None:
            environment = {**command.environment, **self._later}
            self._add(client, here, file, line, tuple(rest), environment, triggers, sealed)
            if _BUILDS.match(" ".join(rest)):
                self.facts.builds.append((file, line, " ".join(rest[:2])))
            return
        plain = " ".join(rest[:6])
        if re.search(r"\bpublish|\btwine", plain) and rest[0] in _RUNNERS:
            return self._note(file, line, f"`{plain}` is a task of {rest[0]}: not followed.")
        if _BUILDS.match(" ".join(rest)) or _BUILDS.match(" ".join(words)):
            self.facts.builds.append((file, line, " ".join(words[:4])))
        target = scripts.followed(words)
        if target is not None and target[1:] and self._may_follow(file, line, depth):
            self._follow(target, command, file, line, triggers, folder, depth + 1, here, sealed)

    def _follow(self, target: tuple[str, list[str]], command: scripts.Command, file: str, line: int,
                triggers: tuple[Trigger, ...], folder: str, depth: int, here: int, sealed: bool) -> None:  # fmt: skip
        kind, names = target
        environment, traced = (
            command.environment,
            bool(re.search(r"(^| )(ba|z|da|k)?sh -\w*x", " ".join(command.words))),
        )
        if kind == "inline" and names:
            return self._script(
                names[0],
                file,
                environment,
                triggers,
                folder,
                depth,
                here,
                lambda n: line,
                traced,
                sealed,
            )
        if kind in ("script", "python") and names:
            wanted = re.sub(
                r"^\$\{?GITHUB_WORKSPACE\}?/|^\$\{\{ *github\.workspace *\}\}/", "", names[0]
            )
            path = self.repository.resolve(wanted, folder)
            told = f"`{wanted}`"
        elif kind in ("make", "tox", "nox"):
            where = re.search(r"(?:^| )(?:-C ?|--directory[= ])(\S+)", " ".join(command.words))
            candidates = {
                "make": ("GNUmakefile", "makefile", "Makefile"),
                "tox": ("tox.ini",),
                "nox": ("noxfile.py",),
            }[kind]
            base = (
                str(PurePosixPath(folder or ".") / where[1]) if where and kind == "make" else folder
            )
            path = next(
                (found for name in candidates if (found := self.repository.resolve(name, base))),
                None,
            )
            told = f"`{' '.join(command.words[:4])}`"
        else:
            return
        if path is None:
            if re.fullmatch(
                r"`(\./)?[\w./-]*(publish|upload|release|deploy|pypi)[\w-]*(\.sh|\.bash|\.py)?`",
                told,
            ):
                self._note(file, line, f"{told} is not in the repository: not followed.")
            return
        try:
            text = self.repository.read(path)
            foreign = (
                path.endswith(".py")
                or re.match(r"#!(?!.*sh\b)", text)
                or PurePosixPath(path).suffix not in ("", ".sh", ".bash", ".zsh")
            )
            if kind == "python" or (kind == "script" and foreign):
                if re.search(r"twine|(uv|hatch|flit|poetry|pdm|maturin)[\"', ]+publish", text):
                    self._note(
                        file, line, f"{path} is a program that mentions publishing: not followed."
                    )
            elif kind == "script":
                traced = traced or bool(re.match(r"#!.*sh\s+-\w*x", text))
                self._script(
                    text,
                    path,
                    environment,
                    triggers,
                    folder,
                    depth,
                    here,
                    lambda n: n,
                    traced,
                    sealed,
                )
            elif kind == "make":
                for at, recipe in scripts.makefile(text, names, environment):
                    self._script(
                        recipe,
                        path,
                        environment,
                        triggers,
                        folder,
                        depth,
                        here,
                        lambda n, at=at: at + n - 1,
                        False,
                        sealed,
                    )
            elif kind == "tox":
                for at, recipe, passed in scripts.tox(
                    text, names, " ".join(command.words).partition(" -- ")[2]
                ):
                    through = {
                        name: value
                        for name, value in environment.items()
                        if scripts.passes(name, passed)
                    }
                    closed = sealed or not all(
                        scripts.passes(name, passed)
                        for name in (
                            "ACTIONS_ID_TOKEN_REQUEST_URL",
                            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                        )
                    )
                    self._script(
                        recipe,
                        path,
                        through,
                        triggers,
                        folder,
                        depth,
                        here,
                        lambda n, at=at: at,
                        False,
                        closed,
                    )
            else:
                for at, called in scripts.nox(text, names):
                    if called:
                        self._command(
                            scripts.Command(tuple(called), tuple(called), at, environment),
                            path,
                            at,
                            triggers,
                            folder,
                            depth,
                            here,
                            sealed,
                        )
        except (
            Unreadable,
            configparser.Error,
            SyntaxError,
            ValueError,
            RecursionError,
            MemoryError,
        ) as error:
            why = (
                str(error)
                if isinstance(error, Unreadable)
                else f"{path} cannot be understood as it stands."
            )
            self._note(file, line, f"Not followed: {why}")

    def _may_follow(self, file: str, line: int, depth: int) -> bool:
        self._followed += 1
        if depth < DEEPEST and self._followed <= MOST_FOLLOWED:
            return True
        self._note(
            file,
            line,
            "Scripts that call one another in a circle, or very many of them: not followed further.",
        )
        return False

    def _note(self, file: str, line: int, sentence: str, telling: bool = True) -> None:
        if telling:
            self.notes.append((file, line, sentence))

    def _add(self, client: Client, here: int, file: str, line: int, words: tuple[str, ...], environment: Mapping[str, str],
             triggers: tuple[Trigger, ...], sealed: bool = False) -> None:  # fmt: skip
        found = credential(client.name, environment, words)
        if (
            found is None
            and client.name in ("twine", "flit", "hatch")
            and "~/.pypirc" in self._later
        ):
            found = Credential("~/.pypirc, which a step writes", "~/.pypirc")
        index = index_of(client.name, environment, words)
        self.facts.publications.append(
            Publication(
                self.context,
                client,
                here,
                file,
                line,
                words,
                found,
                index,
                triggers,
                sealed and client is not ACTION,
            )
        )


def find(
    repository: Repository, context: JobContext, notes: list[tuple[str, int, str]]
) -> JobFacts:
    """All that a job publishes, and what else it does."""
    return Finder(repository, context, notes).look()


def _secret(value: str) -> bool:
    return "secrets." in value and "secrets.GITHUB_TOKEN" not in value


def _text(value: Any) -> str:
    return str(value) if isinstance(value, Text) else ""
