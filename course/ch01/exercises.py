"""The exercises of chapter 01: narrow a token, get one past a mask, look inside base64, and compute
how long a leaked token works."""

import base64
import binascii
import contextlib
import math
import os
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.ch01 import leakage
from course.desk import post_file
from course.exercise import Wrong, exercise, show
from helpers.index import api_tokens
from helpers.lab import INDEX_URL, Lab
from helpers.machine.runner import MASK, Runner

SETUP = """
import base64
import math
import re
import time

from helpers.index import api_tokens

TOKEN = re.compile(rb"pypi-[A-Za-z0-9_-]{85,}")
"""
TOKEN = re.compile(rb"pypi-[A-Za-z0-9_-]{85,}")

# ---------------------------------------------------------------- 1: lend a token


def lend(token: str, project: str, seconds: int) -> str:
    """Return the token narrowed to one project, and to so many seconds from now."""
    now = int(time.time())
    narrowed = api_tokens.attenuate(token, [1, [project]])
    return api_tokens.attenuate(narrowed, [0, now + seconds, now])


@exercise(
    "Lend a token",
    lend,
    hints=(
        "`api_tokens.attenuate` adds one caveat, and you may add several. How many conditions does "
        "the task have?",
        "Call `api_tokens.attenuate` twice: once with `[1, [project]]`, and once with the caveat "
        "for time, which counts from `int(time.time())`.",
    ),
    right="You did not have to ask the index. Anyone who holds a token can narrow it.",
    minutes=8,
)
def q1_1(lend: Callable[[str, str, int], str]) -> None:
    for project, other, seconds, fraction in (
        ("octo-rocket", "octo-engine", 600, 0),
        ("octo-engine", "octo-rocket", 45, 0.5),
    ):
        with Lab() as lab:
            lab.clock.advance(seconds=fraction)
            lab.index.add_project("octo-engine", owner="alice")
            whole = lab.index.create_api_token("alice")
            lent = lend(whole, project, seconds)
            if not isinstance(lent, str):
                raise Wrong(f"Expected a token, but your function returned {show(lent)}.")
            if lent == whole:
                raise Wrong("Your function returned the token unchanged. Which caveats narrow it?")

            def refusal(project: str, version: str, lent: str = lent, lab: Lab = lab) -> str:
                answer = post_file(lab.http, lent, f"{project.replace('-', '_')}-{version}.tar.gz")
                return "" if answer.is_success else answer.reason_phrase

            task = f"Lent for {project} and {seconds} seconds, your token"
            if not refusal(other, "1.0"):
                raise Wrong(f"{task} also published {other}. Which caveat names projects?")
            if reason := refusal(project, "1.0"):
                lab.clock.advance(seconds=1)
                late = not refusal(project, "1.1")
                why = _why(reason, late, lent)
                raise Wrong(f"{task} did not publish {project} at once. {why}")
            lab.clock.advance(seconds=seconds - 1)
            if refusal(project, "2.0"):
                raise Wrong(f"{task} stopped working before {seconds} seconds were over.")
            lab.clock.advance(seconds=1 + fraction)
            if not refusal(project, "3.0"):
                raise Wrong(f"{task} still published after {seconds} seconds. What makes it stop?")


def _why(reason: str, late: bool, lent: str) -> str:
    said = f"The index said: `{reason.strip(' .')}`. "
    if "non-existent" in reason:
        return said + "Narrow the token that you were given, and make no other."
    if "scoped" in reason:
        return said + "Which project does your caveat name?"
    if late:
        return "A second later it did. Is your `not_before` over by now?"
    if "expired" in reason:
        for _, expires_at, not_before in (
            each for each in api_tokens.caveats(lent) if each[0] == 0
        ):
            if expires_at < 10**9:
                return (
                    said + f"Unix seconds count from 1970, and your `expires_at` is {expires_at}."
                )
            if expires_at == not_before:
                return said + "Your `not_before` and your `expires_at` are the same moment."
        return said + "In which order does the caveat with tag 0 take its two times?"
    return said + "Which values of a caveat are lists, and which are whole numbers?"


# ---------------------------------------------------------------- 2: past the mask


def disguise(token: str) -> str:
    """Return a text that the runner prints without hiding any of it."""
    return token[:20] + " " + token[20:]


def restore(text: str) -> str:
    """Return the token, made from the text that the log shows."""
    return text.replace(" ", "")


@exercise(
    "Past the mask",
    disguise,
    restore,
    hints=(
        "The mask looks for a few texts that it knows. Which other texts can hold the same token?",
        "Any change that you can undo will do, even one more character in the middle.",
    ),
    right="A mask protects against accidents. It stops nobody who can change one line of the job.",
    minutes=4,
)
def q1_2(disguise: Callable[[str], str], restore: Callable[[str], str]) -> None:
    logs = []
    for n in (7, 8, 9):
        token = api_tokens.mint(api_tokens.token_id(n) + "x" * n, [[api_tokens.USER, f"user {n}"]])
        text = disguise(token)
        if not isinstance(text, str) or "\0" in text:
            raise Wrong(f"Expected a text to print, but `disguise` returned {show(text)}.")
        with Runner({}, INDEX_URL, Path("ca.pem"), secrets={"PYPI_TOKEN": token}) as runner:
            run = runner([sys.executable, "-c", "import sys; print(sys.argv[1])", text])
        shown = run.log.removesuffix("\n")
        if shown.count(MASK) > text.count(MASK):
            raise Wrong(
                f"The log shows {show(shown)}, because the mask knows this form. Which forms of "
                "the table does it not know?"
            )
        logs.append((token, text, shown))
    for token, text, shown in logs:  # all are disguised by now: what is not in the log is lost
        made = restore(shown)
        # The lab's log also leaves out times such as "3 s"; a text without commands is shown whole.
        if made != token and ("::" in text or restore(text) != token):
            why = _lost(made, shown, token)
            if made in [other for other, *_ in logs]:
                why = "`restore` returned a token that `disguise` was given at another call."
            raise Wrong(f"The log shows {show(shown)}. {why}")


def _lost(made: object, shown: str, token: str) -> str:
    if not isinstance(made, str):
        return f"Expected a token as text, but `restore` returned {show(made)}."
    if made == shown:
        return "`restore` returned this text as it is. How can it undo what `disguise` did?"
    if made.lower() == token.lower():
        return "`restore` made a token of it whose letters are not all in the right case."
    if _identifier(made) not in ("", _identifier(token)):
        return (
            "`restore` returned another token than `disguise` was given. The check makes its own "
            "tokens, so work with the arguments only, and not with the notebook's `token`."
        )
    same = len(os.path.commonprefix([made, token]))
    return (
        f"This token is the check's own, and has {len(token)} characters. `restore` returned "
        f"{len(made)}, of which the first {same} are right. Which function changes the others?"
    )


def _identifier(token: str) -> str:
    """Return the identifier in a token, or "" for what is no token."""
    try:
        return api_tokens.identifier(token)
    except ValueError:
        return ""


# ---------------------------------------------------------------- 3: base64 in the log


def find_tokens(blob: bytes) -> set[bytes]:
    """Return all tokens in a log: those in plain sight, and those inside base64."""
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob):
        found |= set(TOKEN.findall(base64.b64decode(run)))
    return found


@exercise(
    "Base64 in the log",
    find_tokens,
    hints=(
        "Cut the base64 out of the log, decode it, and then look for tokens as before.",
        '`re.findall(rb"Basic ([A-Za-z0-9+/=]+)", blob)` cuts it out. What does decoding give?',
    ),
    right="Your function would still miss base64 that is wrapped over lines, or hexadecimal. There "
    "is always one more form.",
    minutes=9,
)
def q1_3(find_tokens: Callable[[bytes], set[bytes]]) -> None:
    chance = random.Random(11)
    tokens = [
        api_tokens.mint(api_tokens.token_id(n), [[api_tokens.USER, "x" * n]]).encode()
        for n in range(70, 76)
    ]

    def found(*lines: bytes) -> set[bytes]:
        digest = base64.b64encode(chance.randbytes(90))
        got = find_tokens(
            b"\n".join([b"POST /pypi-mirror/ HTTP/1.1", *lines, b"Digest: " + digest, b""])
        )
        if not isinstance(got, (set, frozenset)) or not all(
            isinstance(each, bytes) for each in got
        ):
            raise Wrong(
                f"Expected a set of tokens as bytes, but your function returned {show(got)}."
            )
        return set(got)

    if tokens[0] not in found(b"token: " + tokens[0]):
        raise Wrong("Your function missed a token that the log shows in plain sight.")
    _at_each_offset(found, tokens[1:4])
    plain = {tokens[0], tokens[3], tokens[4]}
    if missing := plain - found(tokens[0] + b" " + tokens[3], b"and " + tokens[4]):
        raise Wrong(f"Of three unhidden tokens on two lines, yours missed {len(missing)}.")
    if missing := {tokens[4], tokens[5]} - found(b"a " + tokens[4], _header("bob", tokens[5])):
        where = "in plain sight" if tokens[4] in missing else "in base64"
        raise Wrong(f"Of one token in plain sight and one in base64, yours missed that {where}.")
    two = [_header("alice", tokens[1]), _header("bob", tokens[2])]
    if missing := {tokens[1], tokens[2]} - found(*two):
        raise Wrong(f"Of two `Basic` headers with a token each, yours missed {len(missing)}.")
    for sign, user in (("+", "ab~"), ("/", "ab?")):
        _whole_base64(found, user, tokens[1], sign)
    others = [_header("alice", b"correct:horse"), _header("eve", b"pypi-mirror"), two[1]]
    if extra := sorted(found(*others) - {tokens[2]}):
        raise Wrong(f"Your function also returned {show(extra[0])}. Is that a token?")


def _at_each_offset(found: Callable[..., set[bytes]], tokens: list[bytes]) -> None:
    """Raise Wrong if a token is missed behind user names of three lengths.

    So the token begins at each of the three offsets in a group of base64.
    """
    users = ("alice", "mallory", "__token__")
    missed = [
        user
        for user, token in zip(users, tokens, strict=True)
        if any(token not in found(b"X-Id: " + b"i" * n, _header(user, token)) for n in range(4))
    ]
    if missed == list(users):
        raise Wrong(
            "Your function found no token in the base64 of a `Basic` header. Decode one such line "
            "by hand: what is in it?"
        )
    if missed:
        raise Wrong(
            f"In a `Basic` header your function found the token of "
            f"{' and '.join(sorted(set(users) - set(missed)))}, but not that of "
            f"{' and '.join(missed)}. Where do you begin to decode, and where does a user name end?"
        )


def _header(user: str, password: bytes) -> bytes:
    return b"Authorization: Basic " + base64.b64encode(user.encode() + b":" + password)


def _whole_base64(found: Callable[[bytes], set[bytes]], user: str, token: bytes, sign: str) -> None:
    """Raise Wrong if a token is not found behind a user whose base64 contains a sign."""
    with contextlib.suppress(binascii.Error):
        if token in found(_header(user, token)):
            return
    raise Wrong(
        f"Your function missed the token in a header whose base64 contains a `{sign}`. Which "
        "characters does base64 use?"
    )


# ---------------------------------------------------------------- 4 and 5: how long a token works


def still_alive(days: float, groups: list[tuple[float, float]]) -> float:
    """Return the share of leaked tokens that still work after so many days.

    groups: for each group of leaks, its share and its mean in days.
    """
    return sum(share * math.exp(-days / mean) for share, mean in groups)


_GROUPS = ([(1.0, 20.0)], [(0.5, 2.0), (0.5, 300.0)], [(0.2, 1.0), (0.3, 30.0), (0.5, 4000.0)])


@exercise(
    "Any number of groups",
    still_alive,
    hints=(
        "Follow each group by itself. How large was it, and how much of it is left?",
        "Of a group with mean m, `math.exp(-days / m)` is left. Multiply by its share, and add up.",
    ),
    right="The fast group dies out, so what is left looks slower and slower.",
    minutes=5,
)
def q1_4(still_alive: Callable[[float, list[tuple[float, float]]], float]) -> None:
    for groups in _GROUPS:
        mean = sum(share * mean for share, mean in groups)
        for days in (0, 1.5, 31, 700):
            right = sum(share * math.exp(-days / mean) for share, mean in groups)
            got = _number(still_alive(days, list(groups)))
            halves = sum(share * 2 ** (-days / mean) for share, mean in groups)
            known = (
                (1 - right, "That is the share of those that no longer work."),
                (halves, "That would be right if `mean` were the time after which half are left."),
                (
                    math.exp(-days / mean),
                    "That would be right if all leaks had the average speed. Which of the groups "
                    "has that speed?",
                ),
                (
                    sum(math.exp(-days / mean) for _, mean in groups),
                    "That counts each group as if all leaks were in it.",
                ),
                (
                    groups[0][0] * math.exp(-days / groups[0][1]),
                    "That is the first group alone. Where does your function return?",
                ),
                (100 * right, "That is a percentage. Return a share, between 0 and 1."),
                (
                    sum(mean * math.exp(-days / share) for share, mean in groups),
                    "In each pair of `groups`, which number is the share, and which the mean?",
                ),
            )
            rounded = [(round(right, n), "Return the share without rounding.") for n in range(1, 5)]
            asked = f"{days} days and {groups}"
            _compare(got, right, asked, (*known, *rounded), "What is left of each group?")


def mean_exposure(lifetime: float, groups: list[tuple[float, float]]) -> float:
    """Return the mean days for which a leaked token works, if it expires after `lifetime` days."""
    return sum(share * mean * (1 - math.exp(-lifetime / mean)) for share, mean in groups)


@exercise(
    "The mean exposure window",
    mean_exposure,
    hints=(
        "The mean window is an area. Under which curve is it, and from where to where?",
        "Integrate `share * exp(-t / mean)` from 0 to `lifetime` for each group, and add up.",
    ),
    right="If the lifetime is far below every mean, the answer is the lifetime itself, and how "
    "fast anyone detects a leak no longer matters.",
    minutes=6,
)
def q1_5(mean_exposure: Callable[[float, list[tuple[float, float]]], float]) -> None:
    for groups in reversed(_GROUPS):  # begins with the groups that tell the mistakes apart
        for lifetime in (90, 3, 1461, 0.01):
            right = sum(share * mean * -math.expm1(-lifetime / mean) for share, mean in groups)
            got = _number(mean_exposure(lifetime, list(groups)))
            known = (
                (
                    sum(share * min(mean, lifetime) for share, mean in groups),
                    "That would be right if each leak were noticed exactly after its group's mean. "
                    "But some are noticed sooner, and some later.",
                ),
                (
                    sum(share * mean for share, mean in groups),
                    "That counts days on which the token had expired.",
                ),
                (lifetime, "That would be right if nobody noticed a leak while the token works."),
                (
                    sum(mean * -math.expm1(-lifetime / mean) for _, mean in groups),
                    "That counts each group as if all leaks were in it.",
                ),
                (
                    leakage.Policy("", rotation=lifetime).exposure(
                        leakage.Detection(*zip(*groups, strict=True)), math.inf
                    ),
                    "That is the window of a token that is replaced every `lifetime` days.",
                ),
            )
            asked = f"a lifetime of {lifetime} days and {groups}"
            words = "Which area under the curve is that?"
            if math.isclose(got, right, rel_tol=0.01):
                words = "That is nearly right. If you add slices of the area, take thinner ones."
            _compare(got, right, asked, known, words)


def _number(value: Any) -> float:
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise Wrong(f"Expected a number, but your function returned {show(value)}.")


def _compare(
    got: float, right: float, asked: str, known: tuple[tuple[float, str], ...], question: str
) -> None:
    """Raise Wrong unless two numbers agree to 0.1 %, so that a numeric integral passes."""
    if math.isclose(got, right, rel_tol=1e-3, abs_tol=1e-12):
        return
    words = next((words for value, words in known if math.isclose(got, value)), question)
    raise Wrong(f"For {asked} your function returned {show(got)}. {words}")
