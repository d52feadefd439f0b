"""Exercises of chapter 04, the mint-token exchange."""

import contextlib
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import Any

import httpx

from course.ch04.race import call, overtake
from course.desk import exchange, post_file
from course.exercise import Wrong, exercise, prediction, show
from helpers.index import api_tokens
from helpers.index.publishers import GitLabPublisher
from helpers.lab import INDEX_URL, PUBLISHER, Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob, GitLabJob

INDEX = INDEX_URL
GITLAB = GitLabPublisher(namespace="octo-org", project="rocket")
SETUP = '''
import hashlib
import threading

from helpers.index import api_tokens
from helpers.oidc.jws import IdToken

INDEX = "https://pypi.test"

def upload(http, api_token, filename, content=b""):
    """Upload one wheel. The answer has status 200 if the index published it."""
    project, version = filename.split("-")[:2]
    content = content or filename.encode()
    form = {":action": "file_upload", "metadata_version": "2.4",
        "filetype": "bdist_wheel", "pyversion": "py3",
        "name": project.replace("_", "-"), "version": version,
        "sha256_digest": hashlib.sha256(content).hexdigest()}
    file = {"content": (filename, content)}
    return http.post(f"{INDEX}/legacy/", auth=("__token__", api_token), data=form, files=file)
'''


def upload(http: httpx.Client, api_token: str, filename: str, content: bytes) -> httpx.Response:
    """Upload as the chapter's function does."""
    return post_file(http, api_token, filename, content)


# ---------------------------------------------------------------- 4.1


def seconds_left(api_token: str, now: int) -> int | None:
    """Return for how many seconds the token still works after `now`, a time in Unix seconds.
    Return 0 if the token does not work at `now`. Return None if the token never expires.

    `api_tokens.caveats(api_token)` returns the caveats. Those that begin with
    `api_tokens.EXPIRATION` read [EXPIRATION, expires_at, not_before].
    """
    expiries = [
        rest for tag, *rest in api_tokens.caveats(api_token) if tag == api_tokens.EXPIRATION
    ]
    if not expiries:
        return None
    end = min(expires_at for expires_at, not_before in expiries)
    start = max(not_before for expires_at, not_before in expiries)
    return max(0, end - now) if now >= start else 0


@exercise(
    "How long is this token good for?",
    seconds_left,
    hints=(
        "How many expiry caveats can a token have after its holders have added some? None, one or "
        "several.",
        "All caveats must hold, so the token works from the latest `not_before` to the earliest "
        "`expires_at`.",
    ),
    right="Every caveat must hold, so adding one can shorten a token's life and never lengthen it.",
    minutes=8,
)
def q4_1(seconds_left):
    lab, tag = Lab(), api_tokens.EXPIRATION
    now = int(time.time())
    minted, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    narrowed = api_tokens.attenuate(minted, [tag, now + 45, now])
    widened = api_tokens.attenuate(narrowed, [tag, now + 5000, now])
    later = api_tokens.attenuate(minted, [tag, now + 600, now + 300])
    for token, passed, right, question in (
        (minted, 200, 700, "The index minted it 200 seconds ago, for 900 seconds. How many are "
                           "left?"),
        (minted, 2000, 0, "This token expired a while ago. How many seconds does it have left?"),
        (lab.index.create_api_token("alice"), 0, None, "A stored API token. Which caveats has it?"),
        (narrowed, 5, 40, "A holder has narrowed it. How many expiry caveats has it now?"),
        (widened, 5, 40, "Somebody added a later end to it. Which caveats must hold?"),
        (later, 100, 0, "The index does not accept it yet. Which number says so?"),
        (later, 300, 300, "This token begins to work in this very second. Does it count?"),
    ):  # fmt: skip
        got = seconds_left(token, now + passed)
        if got is not None and type(got) not in (int, float):
            raise Wrong(f"Return a number of seconds, or None. Your function returned {show(got)}.")
        if got != right:
            means = ", which means that the token never expires" if got is None else ""
            raise Wrong(f"{question} Your function returned {show(got)}{means}.")
    for added in permutations(((600, 0), (2000, 500), (5000, 300))):
        token = minted
        for end, start in added:
            token = api_tokens.attenuate(token, [tag, now + end, now + start])
        for passed, right in ((100, 0), (400, 0), (550, 50), (650, 0)):
            if (got := seconds_left(token, now + passed)) != right:
                raise Wrong(
                    "This token has four expiry caveats, and at this moment the index "
                    f"{'accepts' if right else 'refuses'} it. Which of their eight numbers decide? "
                    f"Your function returned {show(got)}."
                )


# ---------------------------------------------------------------- 4.2

CODES = ("invalid-payload", "not-enabled", "invalid-token", "invalid-pending-publisher",
         "invalid-publisher", "invalid-reuse-token", "accepted")  # fmt: skip


REFUSALS = {
        "an API token, sent in place of the ID token":
            ("invalid-payload", "What does the index read before it knows whom to trust?"),
        "for another audience, while GitHub is switched off":
            ("not-enabled", "Does the index verify a token if its provider is switched off?"),
        "expired, and exchanged once before":
            ("invalid-token", "It has two faults. Which one does the index check first?"),
        "exchanged once, and then its publisher was removed":
            ("invalid-publisher", "The index looks at the `jti` late. What comes before that?"),
        "refused while GitHub was switched off, and shown again now that GitHub is on":
            ("accepted", "Did the refusal spend the token?"),
}  # fmt: skip


@prediction(
    "Which refusal comes first?",
    "verdicts",
    REFUSALS,
    choices=CODES,
    hints=(
        "Most of the tokens have two things wrong. The headings of this part are in the index's "
        "order.",
        "First the signature and the standard claims, such as `exp`. Then the publisher. Then the "
        "`jti`.",
    ),
    right="The order of the checks is part of the protocol. So the code of a refusal tells you how "
    "far your token came, except while the index creates no new projects.",
    minutes=5,
)
def q4_2():
    lab = Lab()

    def code(id_token: str) -> str:
        return exchange(lab, id_token)[1] or "accepted"

    def token(audience: str = "pypi") -> str:
        return lab.github.id_token(GitHubJob(), audience=audience)

    happened = [code(lab.index.create_api_token("alice"))]
    lab.index.disabled.add("github")
    spared, removed = token(), token()
    happened.append(code(token(audience="elsewhere")))
    code(spared)
    lab.index.disabled.clear()
    shown_again = code(spared)
    code(removed)
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    without_publisher = code(removed)
    lab.clock.advance(minutes=6)
    happened += [code(removed), without_publisher, shown_again]
    return dict(zip(REFUSALS, happened, strict=True))


# ---------------------------------------------------------------- 4.3


def twice(mint, clock, id_token: str) -> list[str]:
    """Return two API tokens that the old index minted for this one ID token.

    `mint(id_token)` returns the index's answer, and `clock.advance(seconds=…)` lets time pass.
    `clock.now().timestamp()` is the time in Unix seconds.
    """
    first = mint(id_token)
    expires_at = IdToken.decode(id_token).claims["exp"]
    clock.advance(seconds=expires_at + 15 - clock.now().timestamp())
    second = mint(id_token)
    return [first["token"], second["token"]]


@exercise(
    "Twice with one token",
    twice,
    hints=(
        "When has the old index forgotten the `jti`, and until when does it accept the token?",
        "Exchange the token at once. Then wait until a moment between 5 and 30 seconds after its "
        "`exp`.",
    ),
    right="The window was 25 seconds long. The index closed it on 5 March 2026 by remembering each "
    "`jti` for longer than the leeway (pypi/warehouse#19627).",
    minutes=8,
)
def q4_3(twice):
    for waited, provider in ((0, "github"), (100, "github"), (7, "gitlab")):
        lab = Lab()
        lab.index.jti_margin = 5
        job = GitHubJob() if provider == "github" else GitLabJob()
        if provider == "gitlab":
            lab.index.add_publisher("octo-rocket", GITLAB)
        id_token = lab.issuer_of(job).id_token(job)
        lab.clock.advance(seconds=waited)
        check_twice(lab, twice, id_token)


def check_twice(lab: Lab, twice: Callable[..., Any], id_token: str) -> None:
    """Raise Wrong unless `twice` gets two API tokens out of the old index for this ID token."""
    expires_at, answers = IdToken.decode(id_token).claims["exp"], []

    def mint(token: str) -> dict[str, Any]:
        answer = lab.http.post(f"{INDEX}/_/oidc/mint-token", json={"token": token}).json()
        answers.append((int(time.time()) - expires_at, answer))
        shown.add(token)
        return answer

    error, got, shown = None, None, set[str]()
    try:
        got = twice(mint, lab.clock, id_token)
    except Exception as raised:
        error = raised
    tokens = [answer["token"] for _, answer in answers if answer.get("success")]
    for second, answer in answers if len(tokens) < 2 else ():
        if not answer.get("success"):
            side = "after" if second >= 0 else "before"
            code = answer["errors"][0]["code"]
            raise Wrong(
                f"Your function showed a token {abs(second)} seconds {side} its `exp`, and the "
                f"index answered `{code}`. Does it still remember the `jti` then, and does it "
                "still accept the token?"
            )
    if error:
        raise error
    if shown - {id_token}:
        raise Wrong("Your function showed another ID token. Exchange the one that it got, twice.")
    if len(tokens) < 2:
        done = "exchanged the ID token once" if tokens else "did not exchange the ID token"
        raise Wrong(f"Your function {done}. Exchange it twice.")
    parts = list(got) if isinstance(got, (list, tuple, set)) else []
    if len(parts) != 2 or len(set(map(str, parts)) & set(tokens)) != 2:
        what = f"[{', '.join(show(part, 30) for part in parts[:4])}]" if parts else show(got)
        what = "the index's whole answers" if dict in map(type, parts) else what
        raise Wrong(f"Return the two API tokens in a list. Your function returned {what}.")


# ---------------------------------------------------------------- 4.4

LOOK_ALIKE = ("b3958e25-9337-5dec", "b3958e25-9337-5def", "a3958e25-9337-5dec")
LOCKS = (type(threading.Lock()), type(threading.RLock()))


class UsedTokens:
    """Remembers which `jti` values were used. Many threads ask at the same time."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.lock = threading.Lock()

    def claim(self, jti: str) -> bool:
        """Return True to the first who asks for this `jti`, and False to everybody after that."""
        with self.lock:
            if jti in self.seen:
                return False
            self.seen.add(jti)
            return True


@exercise(
    "One claim at a time",
    UsedTokens,
    hints=(
        "Looking and adding must be one step, or nobody else may come in between.",
        "Make one `threading.Lock()` for the store, and put all of `claim` under `with "
        "self.lock:`.",
    ),
    right="The real index leaves this to Redis, which has one command that stores a `jti` or says "
    "that it is there already.",
    minutes=8,
)
def q4_4(UsedTokens):  # noqa: N803  a class is what the learner writes
    store = UsedTokens()
    seen: set[str] = set()
    many = [f"{number:03}-0f61-0f61-{number:03}" for number in range(300)]
    for jti in ("a", "a", "b", "a", "b", "c", *LOOK_ALIKE, *many, "a", *many[:2]):
        got = call(partial(store.claim, jti))
        if got is not (jti not in seen):
            known = "already seen" if jti in seen else "never seen"
            question = "Of two requests with the same `jti`, which one should get an API token?"
            if len(seen) > 9:
                question = f"How much does it still know after {len(seen)} others?"
            elif jti in LOOK_ALIKE:
                question = "Does it compare the whole `jti`?"
            raise Wrong(
                f"Your store had {known} the `jti` `{jti}`, and `claim` returned {show(got)}. "
                + question
            )
        seen.add(jti)
    if call(lambda: UsedTokens().claim("a")) is not True:
        raise Wrong(
            "A new store knew a `jti` already. Is the memory the store's own, or the class's?"
        )
    check_race(UsedTokens)


def check_race(kind: type) -> None:
    """Raise Wrong unless exactly one of two requests with the same `jti` gets True, and two with
    different ones both do, wherever they pause."""
    waited, pause = False, 0.005
    for step in range(1, 400):
        both, stopped, waits = overtake(kind, step, pause=pause)
        if sorted(both, key=str) != [False, True]:
            raise Wrong(explain(kind, both))
        long = waits and not waited  # once is enough to notice a request that gives up
        others, _, waits_long = overtake(kind, step, 0, "another", 1.2 if long else 0.005)
        waited |= waits
        if others != [True, True]:
            raise Wrong(
                f"One request was paused inside `claim`{' for a second' * long}, and another came "
                f"with a different `jti`, never seen before. They got {show(others)}. Both should "
                "get True."
            )
        if long and not waits_long and not overtake(kind, step, pause=1.2)[2]:
            pause = 1.2  # the second goes on without the lock: from now on, wait until it does
        if not stopped:
            break
    for first in range(1, step):
        for line in range(2, 40):
            both, came, waits = overtake(kind, first, line)
            if sorted(both, key=str) != [False, True]:
                raise Wrong(explain(kind, both, came))
            if waits or not came:
                break


def explain(kind: type, both: list[Any], both_paused: bool = False) -> str:
    """Return what a store did with two simultaneous requests, and where to look."""
    if both.count(True) != 2:
        return f"Two simultaneous requests got {show(both)}. Exactly one of them should get True."
    happened = (
        "One request was paused inside `claim`, another with the same `jti` came meanwhile, and "
        "both got True."
    )
    if both_paused:
        happened = "Two requests with the same `jti` were paused inside `claim`, and both got True."
    code = getattr(kind.claim, "__code__", None)  # type: ignore[attr-defined]
    names = set(getattr(code, "co_names", ()))
    if names & {"Lock", "RLock", "Semaphore", "Condition"}:
        return (
            f"{happened} A lock keeps out only those who want the same lock. How many do you make?"
        )
    if any(isinstance(value, LOCKS) for value in vars(kind()).values()):
        if "timeout" in str(code and code.co_consts):
            return f"{happened} What does `acquire` return when its time is up?"
        return f"{happened} Do you hold the lock from the question to the answer, without a gap?"
    return f"{happened} Between which two of your steps can that happen?"


# ---------------------------------------------------------------- 4.5

FILES = {
    f"octo_rocket-{version}-py3-none-any.whl": version.encode() for version in ("2.0", "2.1", "2.2")
}


def publish(http, id_token: str, files: dict[str, bytes]) -> list[str]:
    """Exchange the ID token, upload the files (filename → content), burn the API token, and return
    the filenames.

    Raises an exception if the index refuses anything. The exception contains no token.
    """
    answer = http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token}).json()
    if not answer.get("success"):
        raise RuntimeError(f"no API token: {answer['errors']}")
    try:
        for filename, content in files.items():
            response = upload(http, answer["token"], filename, content)
            if response.status_code != 200:
                raise RuntimeError(f"{filename}: {response.reason_phrase}")
    finally:
        http.post(f"{INDEX}/_/oidc/burn-token", json={"token": answer["token"]})
    return list(files)


@exercise(
    "The exchange as one function",
    publish,
    hints=(
        "Which lines must run whatever happens? Python has a word for that.",
        "Mint through `http`, and look at the answer: a refusal has no `token`. Put the uploads "
        "under `try:`, and raise for the first status that is not 200. Burn under `finally:`.",
    ),
    right="Your function burns the token in every case: after an upload, after a refusal, and "
    "after a broken connection or a canceled job. `uv publish` does the same.",
    minutes=13,
)
def q4_5(publish):
    check_success(publish)
    check_refusal(publish)
    check_breaks(publish)
    check_expired(publish)
    lab = Lab()
    run_and_listen(publish, lab, lab.http, {})
    if any(event.action == "mint-token" for event in lab.index.events):
        check_burned(lab, "There was no file to upload")


def check_breaks(publish: Callable[..., Any]) -> None:
    """Raise Wrong unless an upload that breaks is reported, and the token burned all the same."""
    reset = httpx.ReadError("the connection was reset")
    for number, error, what in (
        (2, reset, "The connection broke during an upload"),
        (2, Canceled(), "The job was canceled during an upload"),
        (1, reset, "The connection broke during the first upload"),
        (3, reset, "The connection broke during the last upload"),
    ):
        lab = Lab()
        broken = httpx.Client(transport=Breaks(lab, error, number), trust_env=False)
        returned, words = run_and_listen(publish, lab, broken)
        check_burned(lab, what)
        if not words:
            raise Wrong(
                f"{what}, and your function returned {show(returned)} to the caller, as if nothing "
                "had happened. Where did the exception go?"
            )


def run_and_listen(
    publish: Callable[..., Any], lab: Lab, http: Any, files: dict[str, bytes] = FILES
) -> tuple[Any, str]:
    """Publish the files; return the result and the error's words. Raises Wrong if a token leaks."""
    printed, error, returned = io.StringIO(), None, None
    id_token = lab.github.id_token(GitHubJob())
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            returned = publish(http, id_token, dict(files))
        except (Exception, SystemExit, Canceled) as raised:
            error = raised
    if holds_token(printed.getvalue()):
        raise Wrong("Your function printed a token into the build log. Who reads that log?")
    if any(holds_token(str(getattr(each, "__notes__", ""))) for each in chain(error)):
        raise Wrong("A note on the error contains a token, and a traceback shows the notes.")
    if any(holds_token(f"{each} {each.args}") for each in chain(error)):
        raise Wrong("The error contains a token, and errors end up in logs. Who reads those?")
    told = list(chain(error, lambda each: each.__cause__))
    words = " ".join(f"{type(each).__name__}: {each}" for each in told)
    if told and told[-1].__context__:
        words += f" (raised while a {type(told[-1].__context__).__name__} was under way)"
    return returned, words


def holds_token(text: str) -> bool:
    """Return whether the text holds more of an API token or an ID token than `shorten` keeps."""
    return re.search(r"(pypi-|eyJ)[\w.-]{16}", text) is not None


def chain(
    error: BaseException | None,
    before: Callable[[Any], Any] = lambda each: each.__cause__ or each.__context__,
) -> Iterator[BaseException]:
    """Iterate over an error, those in its group, and those that it came from."""
    while error is not None:
        yield error
        for inner in getattr(error, "exceptions", ()):
            yield from chain(inner, before)
        error = before(error)


def check_success(publish: Callable[..., Any]) -> None:
    """Raise Wrong unless one exchange publishes all files, and the token is burned last."""
    lab = Lab()
    returned, words = run_and_listen(publish, lab, lab.http)
    events = [event for event in lab.index.events if event.service == "index"]
    if not any(event.action == "mint-token" for event in events):
        raise Wrong(
            "The client `http` was not asked for an exchange. Send every request through it; "
            "`mint` and `burn` of the chapter use `lab.http`."
        )
    if any("invalid-reuse-token" in event.detail for event in events):
        raise Wrong(
            "The index says `invalid-reuse-token`. How often can you exchange one ID token?"
        )
    published = {name: lab.index.file(name) for name in FILES if name in stored(lab)}
    for name, content in published.items():
        if content != FILES[name]:
            raise Wrong(
                f"The content of {name} should be {FILES[name]!r}, and the index got "
                f"{show(content)}. Which argument of `upload` is the content?"
            )
    if words:
        raise Wrong(f"Nothing was wrong with these files, and your function raised {words[:200]}.")
    if len(published) < len(FILES):
        raise Wrong(f"Of {len(FILES)} files, the index has {len(published)}. Where are the others?")
    burns = "burn" in getattr(getattr(publish, "__code__", None), "co_names", ())
    question = "Does `burn` use `http`? The chapter's `burn` uses `lab.http`." if burns else ""
    check_burned(lab, "All files were published", question)
    actions = [event.action for event in events if event.ok]
    if actions[-1] != "burn-token" or actions.count("mint-token") != 1:
        raise Wrong(
            f"The index was asked for {', '.join(actions[2:])}. When is the token needed for the "
            "last time?"
        )
    if not isinstance(returned, (list, tuple)) or sorted(map(str, returned)) != sorted(FILES):
        raise Wrong(f"Your function returned {show(returned)}. Which names should it return?")


def stored(lab: Lab) -> set[str]:
    """Return the names of the files that octo-rocket has on the index."""
    return {file.filename for file in lab.index.projects["octo-rocket"].files}


def check_refusal(publish: Callable[..., Any]) -> None:
    """Raise Wrong unless a refused upload is reported, and the token burned all the same."""
    lab, refused = Lab(), list(FILES)[1]
    api_token, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    post_file(lab.http, api_token, refused, b"other bytes under that name")
    _, words = run_and_listen(publish, lab, lab.http)
    check_burned(lab, "The index refused a file")
    if not words:
        check_breaks(publish)  # this notices a function that swallows every exception
    if "File already exists" not in words and "400" not in words:
        raise Wrong(
            f"The index refused {refused}, and your function told the caller "
            f"{show(words or 'nothing')}. What does the index's answer say?"
        )


def check_burned(lab: Lab, what: str, question: str = "") -> None:
    """Raise Wrong, with the question, unless the log shows that a token was burned."""
    question = question or "Which lines must run whatever happens?"
    if not any(event.action == "burn-token" and event.ok for event in lab.index.events):
        raise Wrong(f"{what}, and the API token lived on for 15 minutes. {question}")


def check_expired(publish: Callable[..., Any]) -> None:
    """Raise Wrong unless the reason for a refused exchange reaches the caller."""
    lab = Lab()
    late = lab.github.id_token(GitHubJob())
    lab.clock.advance(minutes=6)

    def late_publish(http: Any, id_token: str, files: Any) -> Any:
        return publish(http, late, files)

    _, words = run_and_listen(late_publish, lab, lab.http)
    if "invalid-token" not in words and "malformed or invalid token" not in words:
        raise Wrong(
            f"The ID token had expired, and your function told the caller "
            f"{show(words or 'nothing', 120)}. The index gave a reason. Where did its `code` or "
            "`description` go?"
        )


class Canceled(KeyboardInterrupt):
    """What a program notices when somebody cancels its job."""


class Breaks(httpx.BaseTransport):
    """A connection to the lab that breaks during one upload, given by its number."""

    def __init__(self, lab: Lab, error: BaseException, number: int) -> None:
        self._lab, self._uploads, self._error, self._number = lab, 0, error, number

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on, unless it is that upload: then raise the error."""
        self._uploads += request.url.path == "/legacy/"
        if request.url.path == "/legacy/" and self._uploads == self._number:
            raise self._error
        return self._lab.http.send(request)
