"""The exercises of chapter 04, the mint-token exchange."""

import contextlib
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from packaging.utils import canonicalize_name

from course.exercise import Exercise, Wrong, numbered, show
from helpers.index import api_tokens
from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER, Lab
from helpers.provider.jobs import GitHubJob

SETUP = '''
import hashlib

from helpers.index import api_tokens

INDEX = "https://pypi.test"


def upload(http, api_token, filename, content=b""):
    """Upload one wheel; the answer has status 200 if it is published."""
    name, version = filename.split("-")[:2]
    content = content or f"almost {filename}".encode()
    form = {
        ":action": "file_upload", "metadata_version": "2.4", "filetype": "bdist_wheel", "pyversion": "py3",
        "name": name.replace("_", "-"), "version": version,
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    file = {"content": (filename, content)}
    return http.post(f"{INDEX}/legacy/", auth=("__token__", api_token), data=form, files=file)
'''
_chapter: dict[str, Any] = {}
exec(SETUP, _chapter)  # the probes upload as the chapter does
_upload, _INDEX = _chapter["upload"], _chapter["INDEX"]


def _mint(lab: Lab, id_token: str) -> str:
    """What became of an exchange: an API token, or the code of the refusal."""
    answer = lab.http.post(f"{_INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
    return answer["token"] if answer.get("success") else answer["errors"][0]["code"]


# ---------------------------------------------------------------- 1: how long is this token good for?


def probe_seconds_left(seconds_left: Callable[[str, int], int | None]) -> None:
    lab = Lab()
    now = int(time.time())
    minted = _mint(lab, lab.github.id_token(GitHubJob()))
    narrowed = api_tokens.attenuate(minted, [api_tokens.EXPIRATION, now + 45, now])
    cases = [
        (minted, 200, 700, "A token as the index mints it. Which two numbers does its expiry caveat hold?"),
        (minted, 2000, 0, "A token that has been dead for a while. What is left of it?"),
        (lab.index.create_api_token("alice"), 0, None, "A user's own token. Which caveats has it?"),
        (narrowed, 5, 40, "Its holder has narrowed this one. How many expiry caveats has it now?"),
        (api_tokens.attenuate(narrowed, [0, now + 5000, now]), 5, 40,
         "Somebody who wanted more time has added a later end. Which of the caveats must hold?"),
        (api_tokens.attenuate(minted, [0, now + 600, now + 300]), 100, 0,
         "This one is for later: the index refuses it at this moment. Which number in the caveat says so?"),
        (api_tokens.attenuate(minted, [0, now + 600, now + 300]), 300, 300,
         "This one has begun to work this very second. To which side does the boundary belong?"),
    ]  # fmt: skip
    for token, later, left, question in cases:
        got = seconds_left(token, now + later)
        if got != left or isinstance(got, bool):
            raise Wrong(f"{question} You say {show(got)}.")


SECONDS_LEFT = Exercise(
    title="How long is this token good for?",
    names=("seconds_left",),
    stub='''
def seconds_left(api_token: str, now: int) -> int | None:
    """Seconds for which the token still works; 0 if it does not work now, None if it never expires."""
    expiries = [fields for tag, *fields in api_tokens.caveats(api_token) if tag == api_tokens.EXPIRATION]
    ...
''',
    probe=probe_seconds_left,
    hints=(
        "How many expiry caveats can a token have, once its holders have been at it? None, one, several.",
        "All caveats must hold: the token works from the latest `not_before` to the earliest `expires_at`.",
    ),
    answer="""
def seconds_left(api_token: str, now: int) -> int | None:
    expiries = [fields for tag, *fields in api_tokens.caveats(api_token) if tag == api_tokens.EXPIRATION]
    if not expiries:
        return None
    end = min(expires_at for expires_at, not_before in expiries)
    start = max(not_before for expires_at, not_before in expiries)
    return max(0, end - now) if now >= start else 0
""",
    mistakes=(
        ("""
def seconds_left(api_token, now):
    expiries = [fields for tag, *fields in api_tokens.caveats(api_token) if tag == 0]
    return max(0, expiries[0][0] - now) if expiries else None
""", "narrowed this one"),
        ("""
def seconds_left(api_token, now):
    expiry = dict((tag, fields) for tag, *fields in api_tokens.caveats(api_token)).get(0)
    return max(0, expiry[0] - now) if expiry else None
""", "wanted more time"),
        ("""
def seconds_left(api_token, now):
    ends = [fields[0] for tag, *fields in api_tokens.caveats(api_token) if tag == 0]
    return max(0, min(ends) - now) if ends else None
""", "for later"),
        ("""
def seconds_left(api_token, now):
    ends = [fields[0] for tag, *fields in api_tokens.caveats(api_token) if tag == 0]
    return min(ends) - now if ends else None
""", "dead for a while"),
    ),
    cheat="""
def seconds_left(api_token, now):
    return 900
""",
    right="Every caveat must hold, so adding one can shorten a token's life and never lengthen it.",
    minutes=3,
)  # fmt: skip


# ---------------------------------------------------------------- 2: which refusal comes first?

_QUESTIONS = {
    "an API token, sent in place of the ID token": "What does the index read before it knows whom to trust?",
    "for another audience, and GitHub is switched off": "Is a token verified whose provider is switched off?",
    "expired, and exchanged once before": "Nobody asks any more if it was used. What is checked earlier?",
    "exchanged once before, and the publisher removed since": "Replay is looked at late. What comes first?",
    "refused while GitHub was off, and shown again now that it is on": "Did the refusal spend anything?",
}


_CODES = (
    "invalid-payload",
    "not-enabled",
    "invalid-token",
    "invalid-pending-publisher",
    "invalid-publisher",
    "invalid-reuse-token",
    "accepted",
)


def _refusals() -> dict[str, str]:
    """What really happens, in the order of the questions."""
    lab = Lab()

    def token(**claims: str) -> str:
        return lab.github.id_token(GitHubJob(), **claims)

    happened = [_mint(lab, lab.index.create_api_token("alice"))]
    lab.index.disabled.add("github")
    again = token()
    happened.append(_mint(lab, token(audience="elsewhere")))
    _mint(lab, again)
    lab.index.disabled.clear()
    accepted = "accepted" if _mint(lab, again).startswith("pypi-") else "refused"
    removed = token()
    _mint(lab, removed)
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    last = _mint(lab, removed)
    lab.clock.advance(minutes=6)
    happened += [_mint(lab, removed), last, accepted]
    return dict(zip(_QUESTIONS, happened, strict=True))


def probe_verdicts(verdicts: dict[str, str]) -> None:
    if not isinstance(verdicts, dict) or set(verdicts) != set(_QUESTIONS):
        raise Wrong("Leave the five lines as they are, and write a code or `accepted` behind each.")
    for line, answer in verdicts.items():
        if answer not in _CODES:
            raise Wrong(
                f"{show(answer)}, behind \u201c{line}\u201d, is none of the six codes, nor `accepted`."
            )
    for line, happened in _refusals().items():
        if verdicts[line] != happened:
            raise Wrong(
                f"Tried it, \u201c{line}\u201d: the answer is not {show(verdicts[line])}. {_QUESTIONS[line]}"
            )


def _verdicts(*codes: str) -> str:
    lines = [f'    "{line}": {code},' for line, code in zip(_QUESTIONS, codes, strict=True)]
    return "\n".join(["", "verdicts = {", *lines, "}", ""])


_PAYLOAD, _OFF, _TOKEN, _PUBLISHER, _REUSE, _ACCEPTED = (
    f'"{code}"' for code in _CODES if code != "invalid-pending-publisher"
)

VERDICTS = Exercise(
    title="Which refusal comes first?",
    names=("verdicts",),
    stub=_verdicts(*["..."] * 5),
    probe=probe_verdicts,
    hints=(
        "Most of them have two things wrong. The order of this part's cells is the index's order.",
        "Signature and standard claims, `exp` among them; then the publisher; then, last, the `jti`.",
    ),
    answer=_verdicts(_PAYLOAD, _OFF, _TOKEN, _PUBLISHER, _ACCEPTED),
    mistakes=(
        (_verdicts(_PAYLOAD, _OFF, _REUSE, _PUBLISHER, _ACCEPTED), "Nobody asks any more"),
        (_verdicts(_PAYLOAD, _OFF, _TOKEN, _REUSE, _ACCEPTED), "Replay is looked at late"),
        (
            _verdicts(_PAYLOAD, _TOKEN, _TOKEN, _PUBLISHER, _ACCEPTED),
            "whose provider is switched off",
        ),
        (_verdicts(_PAYLOAD, _OFF, _TOKEN, _PUBLISHER, _REUSE), "spend anything"),
        (
            _verdicts('"invalid-payload: malformed JWT"', _OFF, _TOKEN, _PUBLISHER, _ACCEPTED),
            "none of the six codes",
        ),
    ),
    cheat=_verdicts(*[_PAYLOAD] * 5),
    right="The order is part of the protocol: a client that knows it can tell how far its token came.",
    minutes=3,
)


# ---------------------------------------------------------------- 3: one claim, whoever asks at the same time

_LOCKS = (type(threading.Lock()), type(threading.RLock()))


def probe_used_tokens(UsedTokens: type) -> None:  # noqa: N803  a class is what the learner writes
    store = UsedTokens()
    for jti, first in (
        ("a", True),
        ("a", False),
        ("b", True),
        ("a", False),
        ("b", False),
        ("c", True),
    ):
        got = _in_a_thread(lambda jti=jti: store.claim(jti))
        if got is not first:
            told = f"A store that has seen {'this' if not first else 'no such'} `jti` answered {show(got)}."
            raise Wrong(f"{told} Who is to get an API token, the first or the second?")
    if _in_a_thread(lambda: UsedTokens().claim("a")) is not True:
        raise Wrong(
            "A fresh store knew a `jti` already. Is what it remembers its own, or shared by the whole class?"
        )
    step, stopped = 0, True
    while stopped and step < 400:
        step += 1
        both, stopped = _overtaken(UsedTokens, step)
        if sorted(both) != [False, True]:
            raise Wrong(_race(UsedTokens, both))


def _race(kind: type, both: list[object]) -> str:
    used = set(getattr(getattr(kind.claim, "__code__", None), "co_names", ()))
    if both.count(True) != 2:
        return (
            f"Two requests at the same time were told {show(both)}. Exactly one is to get a token."
        )
    happened = "One request was stopped on its way through `claim`, another ran past it, and both were told True."
    if used & {"Lock", "RLock", "Semaphore", "Condition"}:
        return f"{happened} A lock keeps out those who want the same one. How many locks are made here?"
    if any(isinstance(value, _LOCKS) for value in vars(kind()).values()):
        return f"{happened} There is a lock; is it held from the question to the answer, without a gap?"
    return f"{happened} Between which two of your steps can that happen?"


def _in_a_thread(function: Callable[[], Any]) -> Any:
    """What a call returns or raises; Wrong if it does not come back."""
    done: list[Any] = []
    thread = threading.Thread(target=_report, args=(function, done), daemon=True)
    thread.start()
    thread.join(2)
    return _reported(done)


def _report(function: Callable[[], Any], done: list[Any]) -> None:
    try:
        done.append((function(), None))
    except BaseException as error:  # raised again where the engine can tell of it
        done.append((None, error))


def _reported(done: list[Any]) -> Any:
    if not done:
        raise Wrong(
            "A call of `claim` never came back. Is something acquired that is not released on every way out?"
        )
    value, error = done[0]
    if error is not None:
        raise error
    return value


def _overtaken(kind: type, step: int) -> tuple[list[Any], bool]:
    """Two requests for one `jti`: the first is stopped at its n-th step until the second is through, or waits
    for it. Returns both answers, and whether the first had that many steps.
    """
    store, counted = kind(), 0
    one: list[Any] = []
    other: list[Any] = []
    under_way = threading.Event()

    def overtake() -> Any:
        under_way.set()
        return store.claim("jti")

    second = threading.Thread(target=_report, args=(overtake, other), daemon=True)
    theirs = getattr(kind.claim, "__globals__", None)

    def watch(frame: Any, event: str, _: Any) -> Any:
        nonlocal counted
        if frame.f_globals is not theirs:
            return None
        frame.f_trace_opcodes = True
        if event in ("line", "opcode"):
            counted += 1
            if counted == step:
                second.start()
                under_way.wait(2)
                second.join(
                    0.005
                )  # through by then; or it waits for a lock that the first one holds
        return watch

    def traced() -> Any:
        sys.settrace(watch)
        try:
            return store.claim("jti")
        finally:
            sys.settrace(None)

    first = threading.Thread(target=_report, args=(traced, one), daemon=True)
    first.start()
    first.join(2)
    stopped = second.ident is not None
    if not stopped:
        second.start()
    second.join(2)
    return [_reported(one), _reported(other)], stopped


_INIT = """
import threading

class UsedTokens:
    def __init__(self):
        self.seen = set()
"""

USED_TOKENS = Exercise(
    title="One claim, whoever asks at the same time",
    names=("UsedTokens",),
    stub='''
class UsedTokens:
    """Remembers which `jti`s were used. Many threads ask at once."""

    def __init__(self) -> None:
        ...

    def claim(self, jti: str) -> bool:
        """True for the first who asks about this jti, False for everybody after."""
        ...
''',
    probe=probe_used_tokens,
    hints=(
        "Looking and adding have to be one step, or nobody else may come in between.",
        "`threading.Lock()` made once for the store, and `with self.lock:` around all of `claim`.",
    ),
    answer="""
import threading

class UsedTokens:
    def __init__(self):
        self.seen = set()
        self.lock = threading.Lock()

    def claim(self, jti):
        with self.lock:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
""",
    mistakes=(
        (f"""{_INIT}
    def claim(self, jti):
        if jti in self.seen:
            return False
        self.seen.add(jti)
        return True
""", "Between which two"),
        (f"""{_INIT}
    def claim(self, jti):
        with threading.Lock():
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
""", "How many locks"),
        (f"""{_INIT}        self.lock = threading.Lock()

    def claim(self, jti):
        if jti in self.seen:
            return False
        with self.lock:
            self.seen.add(jti)
        return True
""", "without a gap"),
        (f"""{_INIT}        self.lock = threading.Lock()

    def claim(self, jti):
        self.lock.acquire()
        if jti in self.seen:
            return False
        self.seen.add(jti)
        self.lock.release()
        return True
""", "never came back"),
        ("""
import threading

class UsedTokens:
    seen = set()
    lock = threading.Lock()

    def claim(self, jti):
        with self.lock:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True
""", "shared by the whole class"),
    ),
    cheat=f"""{_INIT}
    def claim(self, jti):
        return not self.seen and not self.seen.add(jti)
""",
    right="The real index leaves it to Redis: one command that stores the `jti`, or says that it is there.",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 4: the name a pending publisher waits for

_NAMES = ("octo_compass", "Octo.Compass", "octocompass", "octo-compass-sdk")
_WAITING = GitHubPublisher(
    owner="octo-org", owner_id="65", repository="compass", workflow="release.yml"
)


def _first_release(package: str) -> tuple[bool, set[str]]:
    """Whether the first release of a package works, and which projects exist because of it."""
    lab = Lab()
    before = set(lab.index.projects)
    lab.index.add_pending_publisher("octo-compass", _WAITING, owner="alice")
    api_token = _mint(lab, lab.github.id_token(GitHubJob(repository="octo-org/compass")))
    response = _upload(
        lab.http,
        api_token,
        f"{package.replace('-', '_').replace('.', '_').lower()}-1.0-py3-none-any.whl",
        b"",
    )
    return response.status_code == 200, set(lab.index.projects) - before


def probe_names(works: dict[str, bool], left_behind: str | None) -> None:
    if (
        not isinstance(works, dict)
        or set(works) != set(_NAMES)
        or not all(isinstance(v, bool) for v in works.values())
    ):
        raise Wrong("Leave the four names as they are, and write True or False behind each.")
    happened = {name: _first_release(name) for name in _NAMES}
    for name in _NAMES:
        if works[name] and not happened[name][0]:
            raise Wrong(
                f"Tried it: {name!r} was refused. Alike to the eye is not enough; which characters may vary?"
            )
        if happened[name][0] and not works[name]:
            raise Wrong(
                f"Tried it: {name!r} is that project. Which spellings are one name to an index (PEP 503)?"
            )
    (left,) = happened["octocompass"][1]
    if left_behind is None or (isinstance(left_behind, str) and not left_behind):
        raise Wrong(
            "Something is left behind. What succeeded before the upload failed, and what did it create?"
        )
    if not isinstance(left_behind, str) or canonicalize_name(left_behind) != left:
        raise Wrong(
            f"The index has no {show(left_behind)}. What has the exchange seen: the package, or the publisher?"
        )


def _names(verdicts: tuple[object, ...], left: str) -> str:
    lines = [f'    "{name}": {verdict},' for name, verdict in zip(_NAMES, verdicts, strict=True)]
    return "\n".join(["", "works = {", *lines, "}", f"left_behind = {left}", ""])


NAMES = Exercise(
    title="The name that a pending publisher waits for",
    names=("works", "left_behind"),
    stub=_names(
        ("...",) * 4,
        '...  # the project that exists after a release of "octocompass" failed, or None',
    ),
    probe=probe_names,
    hints=(
        "An index compares normalised names: what does PEP 503 make of capitals, dots, dashes?",
        "Exchange and upload are two requests, and the project is created by the first. Nothing undoes it.",
    ),
    answer=_names((True, True, False, False), '"octo-compass"'),
    mistakes=(
        (_names((False, False, False, False), '"octo-compass"'), "one name to an index"),
        (_names((True, True, True, False), '"octo-compass"'), "Alike to the eye"),
        (_names((True, True, False, False), "None"), "Something is left behind"),
        (_names((True, True, False, False), '"octocompass"'), "What has the exchange seen"),
    ),
    cheat=_names((True, True, True, True), '"octo-compass"'),
    right="So compare the form with `name` in pyproject.toml, not with the repository.",
    minutes=2,
)


# ---------------------------------------------------------------- 5: the exchange as one function

_FILES = {
    f"octo_rocket-{version}-py3-none-any.whl": version.encode() for version in ("2.0", "2.1", "2.2")
}


def probe_publish(publish: Callable[..., list[str]]) -> None:
    _check_happy(publish)
    lab = Lab()
    token = _mint(lab, lab.github.id_token(GitHubJob()))
    refused = list(_FILES)[1]
    _upload(lab.http, token, refused, b"other bytes under that name")
    before = len(lab.index.events)
    error, printed = _try(publish, lab, lab.http, _FILES)
    _check_secrets(error, printed)
    _check_burned(
        lab,
        before,
        "after the refused upload the token lived on for 15 minutes. Which lines must run whatever happens?",
    )
    if error is None:
        raise Wrong(
            f"{refused} was refused, and whoever called `publish` was not told. What does the answer say?"
        )
    lab = Lab()
    error, printed = _try(
        publish, lab, httpx.Client(transport=_Drops(lab), trust_env=False), _FILES
    )
    _check_secrets(error, printed)
    _check_burned(
        lab,
        0,
        "the connection broke in an upload, no answer came at all, and the token lived on. Is that covered?",
    )
    _check_expired(publish)


def _check_happy(publish: Callable[..., list[str]]) -> None:
    lab = Lab()
    before = len(lab.index.events)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            published = publish(lab.http, lab.github.id_token(GitHubJob()), dict(_FILES))
        except Exception:
            if any("invalid-reuse-token" in event.detail for event in lab.index.events):
                raise Wrong(
                    "The index says `invalid-reuse-token`. How often can one ID token be exchanged?"
                ) from None
            raise
    _check_secrets(None, printed.getvalue())
    actions = [
        event.action for event in lab.index.events[before:] if event.service == "index" and event.ok
    ]
    if (
        set(actions) - {"mint-token", "burn-token", "upload", "audience"}
        or actions.count("mint-token") != 1
    ):
        raise Wrong(
            f"The index was asked for {', '.join(actions) or 'nothing'}. One exchange will do for all files."
        )
    if actions.count("upload") != len(_FILES) or len(
        lab.index.projects["octo-rocket"].files
    ) != len(_FILES):
        raise Wrong(
            f"Of {len(_FILES)} files the index has {actions.count('upload')}. Who uploads the others?"
        )
    if {name: lab.index.file(name) for name in _FILES} != _FILES:
        raise Wrong("The names are right, the bytes are not those that were to be published.")
    _check_burned(
        lab,
        before,
        "all files were up, and the token lived on for 15 minutes. Which call ends its life?",
    )
    if actions[-1] != "burn-token":
        raise Wrong(
            f"The index was asked for {', '.join(actions)}. When is the token needed for the last time?"
        )
    if not isinstance(published, (list, tuple)) or list(published) != list(_FILES):
        raise Wrong(
            f"It came back with {show(published)}. Which names does the caller want to read?"
        )


def _try(
    publish: Callable[..., Any], lab: Lab, http: httpx.Client, files: dict[str, bytes]
) -> tuple[BaseException | None, str]:
    """What it raised, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            publish(http, lab.github.id_token(GitHubJob()), dict(files))
        except Exception as error:
            return error, printed.getvalue()
    return None, printed.getvalue()


class _Drops(httpx.BaseTransport):
    """A connection to the lab that breaks when the second file is on its way."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._uploads = lab, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._uploads += request.url.path == "/legacy/"
        if request.url.path == "/legacy/" and self._uploads == 2:
            raise httpx.ReadError("the connection was reset", request=request)
        return self._lab.http.send(request)


def _check_secrets(error: BaseException | None, printed: str) -> None:
    if "pypi-" in printed or "eyJ" in printed:
        raise Wrong(
            "The build log now holds a token: something was printed that contains it. Who reads that log?"
        )
    for each in _chain(error):
        told = f"{each} {each.args!r} {' '.join(getattr(each, '__notes__', []))}"
        if "pypi-" in told or "eyJ" in told:
            raise Wrong(
                "The error that it raises contains a token, and errors end up in logs. Who reads those?"
            )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _check_burned(lab: Lab, before: int, lived_on: str) -> None:
    events = lab.index.events[before:]
    if not any(event.action == "burn-token" and event.ok for event in events):
        raise Wrong(f"Look at the event log: {lived_on}")


def _check_expired(publish: Callable[..., Any]) -> None:
    lab = Lab()
    id_token = lab.github.id_token(GitHubJob())
    lab.clock.advance(minutes=6)
    before = len(lab.index.events)
    told = "nothing"
    try:
        publish(lab.http, id_token, dict(_FILES))
    except Exception as error:
        told = " ".join(f"{type(each).__name__}: {each}" for each in _chain(error))
        _check_secrets(error, "")
    if "invalid-token" not in told:
        raise Wrong(
            f"With an expired ID token the caller was told {show(told, 120)}. The index gave a reason; "
            "where did it go?"
        )
    if any(event.action == "upload" for event in lab.index.events[before:]):
        raise Wrong(
            "With an expired ID token there was no API token, and an upload was tried all the same."
        )


_PUBLISH = """
def publish(http, id_token, files):
    answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
    if not answer.get("success"):
        raise RuntimeError(f"no API token: {answer['errors']}")
    api_token, published = answer["token"], []
"""

PUBLISH = Exercise(
    title="The exchange as one function",
    names=("publish",),
    stub='''
def publish(http, id_token: str, files: dict[str, bytes]) -> list[str]:
    """Exchange the ID token, upload the files (name → content), burn the API token; return their names.

    Raises an exception that says what the index said, and contains no token, if anything is refused.
    """
    ...
''',
    probe=probe_publish,
    hints=(
        "Which lines must run whatever happens? Python has a word for that.",
        "Mint, and look at the answer; `try:` all uploads, raising for the first whose status is not 200; "
        "`finally:` burn.",
    ),
    answer=f'''{_PUBLISH}    try:
        for filename, content in files.items():
            response = upload(http, api_token, filename, content)
            if response.status_code != 200:
                raise RuntimeError(f"{{filename}}: {{response.status_code}} {{response.reason_phrase}}")
            published.append(filename)
    finally:
        http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return published
''',
    mistakes=(
        (f'''{_PUBLISH}    for filename, content in files.items():
        response = upload(http, api_token, filename, content)
        if response.status_code != 200:
            raise RuntimeError(f"{{filename}}: {{response.reason_phrase}}")
        published.append(filename)
    http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return published
''', "after the refused upload the token lived on"),
        (f'''{_PUBLISH}    print(answer)
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
            published.append(filename)
    finally:
        http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return published
''', "build log now holds a token"),
        (f'''{_PUBLISH}    for filename, content in files.items():
        response = upload(http, api_token, filename, content)
        if response.status_code != 200:
            http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
            raise RuntimeError(f"{{filename}}: {{response.reason_phrase}}")
        published.append(filename)
    http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return published
''', "no answer came at all"),
        (f'''{_PUBLISH}    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content)
            published.append(filename)
    finally:
        http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return published
''', "was not told"),
        ('''
def publish(http, id_token, files):
    api_token = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()["token"]
    try:
        for filename, content in files.items():
            upload(http, api_token, filename, content).raise_for_status()
    finally:
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": api_token})
    return list(files)
''', "where did it go"),
        (f'''{_PUBLISH}    try:
        for filename, content in files.items():
            response = upload(http, api_token, filename, content)
            if response.status_code != 200:
                raise RuntimeError(f"upload of {{filename}} with {{api_token}} failed")
    finally:
        http.post(f"{{INDEX}}/_/oidc/burn-token", json={{"token": api_token}})
    return list(files)
''', "error that it raises contains a token"),
        ('''
def publish(http, id_token, files):
    for filename, content in files.items():
        answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
        upload(http, answer["token"], filename, content).raise_for_status()
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": answer["token"]})
    return list(files)
''', "How often can one ID token"),
    ),
    cheat='''
def publish(http, id_token, files):
    return list(files)
''',
    right="Uploads, refusals, broken connections: the token is dead afterwards. `uv publish` does the same.",
    minutes=6,
)  # fmt: skip

EXERCISES = [SECONDS_LEFT, VERDICTS, USED_TOKENS, NAMES, PUBLISH]

q4_1, q4_2, q4_3, q4_4, q4_5 = numbered(4, EXERCISES)
