"""The machine that a CI job runs on: an environment built from nothing, real commands, a log in
which secrets are masked.

What a job finds in its environment decides whether it can publish. So nothing is inherited from the
machine that the lab runs on but what a program needs in order to start.
"""

import base64
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers.machine import programs

TIME_LIMIT = 120
"""Seconds after which a command is killed, unless `run` is told otherwise."""
MASK = "***"
LAB_TIME = Path(__file__).parent / "lab_time"
"""A folder for a job's PYTHONPATH: with it, Python programs live at the time in the variable
LAB_TIME."""

_INHERITED = "SYSTEMROOT SYSTEMDRIVE COMSPEC PATHEXT WINDIR".split()
"""Without these, nothing starts on Windows."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ADD_MASK = re.compile(r"^[ \t]*::add-mask::(.*)\n?", re.MULTILINE)
_WORD = re.compile(r"[^\s`'\":,;()]*\\[^\s`'\":,;()]*")
"""A word with a backslash: on Windows it may be a path."""
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d+")
_DURATION = re.compile(r"\b\d+(\.\d+)?\s?(ms|µs|s|seconds?)\b")
_RATE = re.compile(r"\b\d+(\.\d+)? ([kKMG]i?B)/s")
_SIZE = re.compile(r"\(\d+(\.\d+)? ?(([kKMG]i?)?B|bytes)\)")
"""Of a file, which is compressed a little differently elsewhere."""


@dataclass(frozen=True)
class Run:
    """A command that has run: its arguments, its exit code (None if it was killed for taking too
    long), and its masked log."""

    command: tuple[str, ...]
    exit_code: int | None
    log: str

    @property
    def ok(self) -> bool:
        """True if the command succeeded."""
        return self.exit_code == 0

    def __repr__(self) -> str:
        killed = "killed: it took too long"
        end = killed if self.exit_code is None else f"exit code {self.exit_code}"
        return f"$ {shlex.join(self.command)}\n{self.log}[{end}]"


class Runner:
    """A machine for one job. `run("uv publish …")` runs a command on it, in `folder`.

    `variables` are what the provider puts into the job's environment, `index_url` is the index that
    every client on this machine is to use, `ca_file` the certificate authority they are to trust,
    `secrets` what the job was given from the CI system's secret store: variables whose values are
    masked in the log. `home` is the home folder of a machine that is used for more than one job;
    without it, the machine is new.

    Close it, or use it in a `with` block: that ends the job. Whatever still runs is killed, a new
    machine's home folder removed, and `at_end` called.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        index_url: str,
        ca_file: Path,
        folder: Path | None = None,
        secrets: Mapping[str, str] | None = None,
        path: Sequence[Path] = (),
        *,
        home: Path | None = None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._home = home or Path(tempfile.mkdtemp(prefix="lab-job-"))
        self._is_new, self._is_over, self._at_end = home is None, False, at_end
        if self._is_new:
            self._remove = weakref.finalize(self, shutil.rmtree, self._home, ignore_errors=True)
        self._left_running: list[psutil.Process] = []
        self.folder = folder or self._home
        self._hidden: set[str] = set()
        self.environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.environment |= _clients(index_url, ca_file, self._home)
        self.environment["PATH"] = os.pathsep.join([*map(str, path), *programs.search_path()])
        self.environment |= {**variables, **(secrets or {})}
        self.environment["RUNNER_TRACKING_ID"] = f"lab_{uuid.uuid4().hex}"
        for value in (secrets or {}).values():
            self.mask(value)
        for name, value in variables.items():
            if name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN" or name.endswith("_ID_TOKEN"):
                self.mask(value)

    def mask(self, secret: str) -> None:
        """Hide a value, each of its lines, and what it looks like in base64, wherever the log shows
        them from now on."""
        for value in {secret, *secret.splitlines()}:
            if value.strip():
                self._hidden |= {value, *_base64_forms(value)}

    def run(self, command: str | Sequence[str], *, time_limit: float = TIME_LIMIT) -> Run:
        """Run a real command without a shell: a text is split into words as a shell would. Standard
        error goes into the log with standard output. After `time_limit` seconds the command is
        killed, with all that it has started; what a command leaves running otherwise lives until
        the job ends. A program that does not exist has exit code 127, as in a shell. Raises
        RuntimeError once the job is over."""
        if self._is_over:
            got = "got one that is over: start another"
            raise RuntimeError(f"expected a job that still runs, {got}")
        words = tuple(shlex.split(command) if isinstance(command, str) else map(str, command))
        if not words:
            raise ValueError("expected a command, got none")
        in_folder = os.path.dirname(words[0])  # as in ./release
        name = str(self.folder / words[0]) if in_folder else words[0]
        program = shutil.which(name, path=self.environment["PATH"])
        if program is None:
            return self._log(words, 127, f"{words[0]}: command not found\n")
        # Not a pipe: a child that outlives its parent would keep that open.
        with tempfile.TemporaryFile() as output:
            process = psutil.Popen(
                [program, *words[1:]],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            exit_code = None
            try:
                exit_code = _wait(process, time_limit)
            finally:
                if exit_code is None:
                    _kill(process)
            self._left_running += _session_of(process.pid)
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        return self._log(words, exit_code, text)

    __call__ = run

    def _log(self, words: tuple[str, ...], exit_code: int | None, text: str) -> Run:
        log = self._clean(text)  # first, since it may announce what is to be masked in the words
        return Run(tuple(map(self._clean, words)), exit_code, log)

    def _clean(self, text: str) -> str:
        """The text as the CI system shows it: secrets masked, commands to the CI system taken out;
        and, for the lab's sake, without what differs from run to run: ports, durations, sizes of
        built files, folders, colours."""
        text = _ANSI.sub("", text).replace("\r\n", "\n")
        for announced in _ADD_MASK.findall(text):
            self.mask(_unescape(announced.strip()))
        text = _ADD_MASK.sub("", text)
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, MASK)
        for folder, name in ((self.folder, "."), (self._home, "~")):
            text = text.replace(str(folder.resolve()), name).replace(str(folder), name)
        if programs.WINDOWS:
            text = _WORD.sub(self._with_slashes, text)
        text = _DURATION.sub("… s", _PORT.sub(r"\1:port", text))
        text = _SIZE.sub("(… kB)", _RATE.sub("… kB/s", text))
        # twine fills its lines with blanks, as many as the port leaves
        return "\n".join(line.rstrip(" ") for line in text.split("\n"))

    def _with_slashes(self, word: re.Match[str]) -> str:
        """Return a word as on other systems, if it is the path of a file in the job's folder."""
        path = word[0].replace("\\", "/")
        return path if os.path.exists(self.folder / path) else word[0]

    def close(self) -> None:
        """End the job. Closing twice does no harm.

        Besides what was seen to be left running, everything dies that carries the job's tracking
        id, which is how GitHub's runner finds the orphans of a job.
        """
        if self._is_over:
            return
        self._is_over = True
        _kill_all(self._left_running)
        mine = self.environment["RUNNER_TRACKING_ID"]
        while orphans := [each for each in psutil.process_iter() if _tracking_id(each) == mine]:
            _kill_all(orphans)
        self._at_end()
        if self._is_new:
            self._remove()

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _clients(index_url: str, ca_file: Path, home: Path) -> dict[str, str]:
    """The variables that keep uv, pip, twine and git to this index, this certificate authority and
    this folder."""
    authority, nowhere = str(ca_file), os.devnull
    return {
        "HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(home), "TEMP": str(home),
        "TMP": str(home), "LANG": "C.UTF-8", "PYTHONUTF8": "1", "NO_COLOR": "1",
        "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1", "SSL_CERT_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority, "PIP_CERT": authority, "PIP_CONFIG_FILE": nowhere,
        "PIP_INDEX_URL": f"{index_url}/simple/", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off", "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0", "UV_NO_CONFIG": "1", "UV_HTTP_RETRIES": "0",
        "UV_DEFAULT_INDEX": f"{index_url}/simple/", "UV_NO_PROGRESS": "1",
        "UV_CACHE_DIR": str(home / "uv-cache"), "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON": sys.executable, "GIT_CONFIG_GLOBAL": nowhere, "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }  # fmt: skip


def _unescape(value: str) -> str:
    """A value as it stands in a command to the CI system, where `%`, CR and LF are written as %25,
    %0D and %0A."""
    return value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _base64_forms(value: str) -> set[str]:
    """The forms of a value inside base64, at each of the three offsets at which it may begin: the
    characters that depend on it alone. GitHub's runner registers these as well."""
    data, forms = value.encode("utf-8"), set()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + data).decode("ascii").rstrip("=")
        start = -(-offset * 8 // 6)
        end = (offset + len(data)) * 8 // 6
        if end - start >= 8:
            forms.add(whole[start:end])
    return forms


def _wait(process: psutil.Popen, time_limit: float) -> int | None:
    try:
        return process.wait(time_limit)
    except psutil.TimeoutExpired:
        return None


def _kill(process: psutil.Popen) -> None:
    """Kill a command with its session and all that it has started, also in sessions of their
    own."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = process.children(recursive=True)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    _kill_all(family)


def _kill_all(processes: Iterable[psutil.Process]) -> None:
    """Kill processes and wait until they are dead, five seconds at most."""
    family = list(processes)
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    for _ in range(100):  # a signal takes a moment to strike
        family = [each for each in family if not _is_dead(each)]
        if not family:
            break
        psutil.wait_procs(family, timeout=0.05)


def _session_of(leader: int) -> list[psutil.Process]:
    """The living processes of a session, by its leader's id."""
    if not hasattr(os, "getsid"):
        return []
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(OSError):
            if os.getsid(each.pid) == leader and not _is_dead(each):
                found.append(each)
    return found


def _is_dead(process: psutil.Process) -> bool:
    """True if a process runs no more, buried or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _tracking_id(process: psutil.Process) -> str | None:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get("RUNNER_TRACKING_ID")
    return None
