"""Chapter 01: narrowing a token, getting past a mask, looking inside base64, and two clocks' worth of
arithmetic."""

import base64
import hashlib
import math
import random
import sys
from pathlib import Path
from typing import Any

from course.exercise import Exercise, Wrong, numbered, show
from helpers.index import api_tokens
from helpers.lab import Lab
from helpers.machine.runner import MASK, Runner

SETUP = """
import base64
import re
import time

from helpers.index import api_tokens

TOKEN = re.compile(rb"pypi-[A-Za-z0-9_-]{85,}")
"""


def _upload(lab: Lab, token: str, project: str, version: str) -> str | None:
    """What the index has against a small release; None if it is published."""
    content = f"{project} {version}".encode()
    fields = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "name": project,
        "version": version,
        "filetype": "sdist",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    files = {"content": (f"{project.replace('-', '_')}-{version}.tar.gz", content)}
    answer = lab.http.post(
        "https://pypi.test/legacy/", data=fields, files=files, auth=("__token__", token)
    )
    return None if answer.status_code == 200 else answer.reason_phrase


def probe_lend(lend: Any) -> None:
    for project, other, seconds in (
        ("octo-rocket", "octo-engine", 600),
        ("octo-engine", "octo-rocket", 45),
    ):
        with Lab() as lab:
            lab.index.add_project("octo-engine", owner="alice")
            whole = lab.index.create_api_token("alice")
            lent = lend(whole, project, seconds)
            if not isinstance(lent, str):
                raise Wrong(f"Expected a token, a text that begins with `pypi-`, got {show(lent)}.")
            if lent == whole:
                raise Wrong("That is the token you were given: it lends everything, for ever.")
            if not _upload(lab, lent, other, "1.0"):
                raise Wrong(
                    f"With the lent token {other} was published too. Which caveat names projects?"
                )
            if refusal := _upload(lab, lent, project, "1.0"):
                text = "Which of a caveat's values are lists, and which whole numbers? How many are there?"
                if "scoped" in refusal:
                    text = f"Which project was to be lent? It was asked to be {project}."
                elif "expired" in refusal or "not yet" in refusal:
                    text = "In which order does the caveat with tag 0 take its two times, and counted from when?"
                raise Wrong(
                    f"Right after it was lent, the token does not publish {project}: `{refusal}`. {text}"
                )
            lab.clock.advance(seconds=seconds - 1)
            if _upload(lab, lent, project, "2.0"):
                raise Wrong(
                    f"Lent for {seconds} seconds, it was dead a second before they were over."
                )
            lab.clock.advance(seconds=1)
            if not _upload(lab, lent, project, "3.0"):
                raise Wrong(
                    f"After {seconds} seconds it still publishes {project}. What makes it stop?"
                )


def probe_disguise(disguise: Any, restore: Any) -> None:
    for n in (7, 8, 9):
        token = api_tokens.mint(api_tokens.token_id(n) + "x" * n, [[api_tokens.USER, f"user {n}"]])
        text = disguise(token)
        if not isinstance(text, str):
            raise Wrong(
                f"`disguise` should return a text that can be printed, and returned {show(text)}."
            )
        with Runner(
            {}, "https://pypi.test", Path("ca.pem"), secrets={"PYPI_TOKEN": token}
        ) as runner:
            runner.environment["PYTHONUTF8"] = "1"
            run = runner([sys.executable, "-c", "import sys; print(sys.argv[1])", text])
        shown = run.log.removesuffix("\n")
        if MASK in shown:
            raise Wrong(
                f"The log reads {show(shown)}. The mask knows this form; look at the table once more."
            )
        if restore(shown) != token:
            what = (
                "already before it was printed"
                if restore(text) != token
                else "from what the log shows"
            )
            raise Wrong(
                f"`restore` does not give the token back {what}. A thief wants every character, in its case."
            )


def probe_find_tokens(find_tokens: Any) -> None:
    chance = random.Random(11)
    tokens = [
        api_tokens.mint(api_tokens.token_id(n), [[api_tokens.USER, "x" * n]]).encode()
        for n in range(70, 76)
    ]
    header = b"Authorization: Basic "
    noise = [base64.b64encode(chance.randbytes(n)) for n in (90, 91, 92)]

    def log(*texts: bytes) -> bytes:
        lines = [
            b"GET /legacy/ HTTP/1.1",
            b"Host: pypi.test",
            *texts,
            b"Accept: */*",
            b"Digest: " + noise[0],
            b"200 OK",
        ]
        return b"\n".join(lines) + b"\n"

    def ask(blob: bytes, wanted: set[bytes], wrong: str) -> None:
        got = find_tokens(blob)
        if not isinstance(got, (set, frozenset)):
            raise Wrong(f"Expected a set of tokens as bytes, got {show(got)}.")
        if wrong_kind := [each for each in got if not isinstance(each, bytes)]:
            raise Wrong(f"Expected tokens as bytes, and one is {show(wrong_kind[0])}.")
        if got != wanted:
            raise Wrong(
                wrong if wanted - got else "Something was reported that is no token of that log."
            )

    ask(
        log(b"token: " + tokens[0]),
        {tokens[0]},
        "A token that lay there in plain sight was missed.",
    )
    ask(log(b"Etag: " + noise[1], b"X: " + noise[2]), set(), "")
    found = [
        sum(
            token in find_tokens(log(b"Id: " + b"i" * n, header + base64.b64encode(user + token)))
            for n in range(4)
        )
        for token, user in zip(
            tokens[1:4], (b"__token__:", b"__token__::", b"__token__:::"), strict=True
        )
    ]
    if not any(found):
        raise Wrong(
            "None of the tokens in a header's base64 was found. Decode one such line by hand: what is in it?"
        )
    if 4 not in found:
        text = (
            "What does the decoder do to colons and spaces, and what happens to its groups of four?"
        )
        raise Wrong(
            f"In base64, a token was found only when the lines above it had a certain length. {text}"
        )
    if set(found) != {4}:
        text = "Encode `x` and a token, `xx` and a token, and compare the three texts."
        raise Wrong(
            f"In base64 a token can begin at three offsets; it was found at {found.count(4)} of them. {text}"
        )
    both = log(b"a " + tokens[4], header + base64.b64encode(b"alice:" + tokens[5]))
    ask(
        both,
        set(tokens[4:]),
        "With one token in plain sight and another in base64, not both were found.",
    )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Wrong(f"Expected a number, got {show(value)}.") from None


_SPEEDS = ([(1.0, 20.0)], [(0.5, 2.0), (0.5, 300.0)], [(0.2, 1.0), (0.3, 30.0), (0.5, 4000.0)])


def probe_still_alive(still_alive: Any) -> None:
    for speeds in _SPEEDS:
        for days in (0, 1.5, 31, 700):
            right = sum(share * math.exp(-days / mean) for share, mean in speeds)
            got = _number(still_alive(days, list(speeds)))
            if math.isclose(got, right, rel_tol=1e-9):
                continue
            asked = f"For {days} days and {speeds}"
            if math.isclose(got, 1 - right, rel_tol=1e-9):
                raise Wrong(f"{asked} came {got:.4f}: that is the share of the dead.")
            if math.isclose(
                got, sum(share * 2 ** (-days / mean) for share, mean in speeds), rel_tol=1e-9
            ):
                raise Wrong(
                    f"{asked} came {got:.4f}: that is right if `mean` were the time by which half are gone."
                )
            mixed = sum(share * mean for share, mean in speeds)
            if math.isclose(got, math.exp(-days / mixed), rel_tol=1e-9):
                raise Wrong(
                    f"{asked} came {got:.4f}: one leak of average speed. Was any leak of that speed there?"
                )
            raise Wrong(
                f"{asked} came {got:.4f}. On day 0 all are alive; then each group dies at its own speed."
            )


def probe_mean_exposure(mean_exposure: Any) -> None:
    for speeds in _SPEEDS:
        for lifetime in (0.01, 3, 90, 1461):
            right = sum(share * mean * -math.expm1(-lifetime / mean) for share, mean in speeds)
            got = _number(mean_exposure(lifetime, list(speeds)))
            if math.isclose(got, right, rel_tol=1e-6):
                continue
            asked = f"For a lifetime of {lifetime} days and {speeds}"
            if math.isclose(
                got, sum(share * min(mean, lifetime) for share, mean in speeds), rel_tol=1e-6
            ):
                text = "Leaks that are noticed earlier than the mean bring their own average down."
                raise Wrong(
                    f"{asked} came {got:.4g}: the smaller of two means is not the mean of the smaller. {text}"
                )
            if math.isclose(got, sum(share * mean for share, mean in speeds), rel_tol=1e-6):
                raise Wrong(
                    f"{asked} came {got:.4g}: days are counted on which the token had long expired."
                )
            if got > lifetime * (1 + 1e-9):
                raise Wrong(f"{asked} came {got:.4g}, longer than any of these tokens lives.")
            raise Wrong(f"{asked} came {got:.4g}. What area under the curve of those alive is it?")


EXERCISES = [
    Exercise(
        title="Lend a token",
        names=("lend",),
        stub='''
def lend(token: str, project: str, seconds: int) -> str:
    """The same token, good for one project only, and only for so many seconds from now."""
    ...
''',
        probe=probe_lend,
        hints=(
            "You may add as many caveats as you like. How many conditions are there to add, and what is each as JSON?",
            "`api_tokens.attenuate` twice: with `[1, [project]]`, and with the caveat for time, from now on.",
        ),
        answer="""
def lend(token, project, seconds):
    now = int(time.time())
    narrowed = api_tokens.attenuate(token, [1, [project]])
    return api_tokens.attenuate(narrowed, [0, now + seconds, now])
""",
        mistakes=(
            (
                """
def lend(token, project, seconds):
    now = int(time.time())
    return api_tokens.attenuate(token, [0, now + seconds, now])
""",
                "names projects",
            ),
            (
                """
def lend(token, project, seconds):
    now = int(time.time())
    return api_tokens.attenuate(api_tokens.attenuate(token, [1, [project]]), [0, now, now + seconds])
""",
                "In which order",
            ),
            (
                """
def lend(token, project, seconds):
    return api_tokens.attenuate(token, [1, [project]])
""",
                "What makes it stop",
            ),
        ),
        cheat="""
def lend(token, project, seconds):
    now = int(time.time())
    narrowed = api_tokens.attenuate(token, [1, ["octo-rocket"]])
    return api_tokens.attenuate(narrowed, [0, now + 600, now])
""",
        right="Nobody was asked: not the index, not even the owner. Narrowing is free, and hardly ever done.",
        minutes=4,
    ),
    Exercise(
        title="Past the mask",
        names=("disguise", "restore"),
        stub='''
def disguise(token: str) -> str:
    """A text that the runner prints without hiding anything."""
    ...

def restore(text: str) -> str:
    """The token, from what the log shows."""
    ...
''',
        probe=probe_disguise,
        hints=(
            "The mask looks for texts that it knows. What are you free to do with a text that it does not?",
            "A change that can be undone and that no hidden row shows will do: even one character more.",
        ),
        answer="""
def disguise(token):
    return token[:20] + " " + token[20:]

def restore(text):
    return text.replace(" ", "")
""",
        mistakes=(
            (
                """
def disguise(token):
    return base64.b64encode(token.encode()).decode()

def restore(text):
    return base64.b64decode(text).decode()
""",
                "knows this form",
            ),
            (
                """
def disguise(token):
    return token.swapcase()

def restore(text):
    return text.lower()
""",
                "already before",
            ),
        ),
        cheat="""
def disguise(token):
    return token[:-2] + " " + token[-2:]

def restore(text):
    return text[:174] + text[175:]
""",
        right="Masking protects from accidents. It stops nobody who can change one line of the job.",
        minutes=3,
    ),
    Exercise(
        title="Base64 in the log",
        names=("find_tokens",),
        stub='''
def find_tokens(blob: bytes) -> set[bytes]:
    """All tokens in a log: in plain sight, and inside base64."""
    ...
''',
        probe=probe_find_tokens,
        hints=(
            "Cut out candidates, decode each, then use your regular expression again.",
            "A candidate is a long run of `[A-Za-z0-9+/]` with its padding: `re.findall` cuts them all out.",
        ),
        answer="""
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"[A-Za-z0-9+/]{100,}={0,2}", blob):
        found |= set(TOKEN.findall(base64.b64decode(run + b"=" * (-len(run) % 4))))
    return found
""",
        mistakes=(
            (
                """
def find_tokens(blob):
    found = set(TOKEN.findall(blob))
    for run in re.findall(rb"cHlwaS[A-Za-z0-9+/]+={0,2}", blob):
        found |= set(TOKEN.findall(base64.b64decode(run + b"=" * (-len(run) % 4))))
    return found
""",
                "at 1 of them",
            ),
            (
                """
def find_tokens(blob):
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", blob)
    kept = kept[: len(kept) // 4 * 4]
    return set(TOKEN.findall(blob)) | set(TOKEN.findall(base64.b64decode(kept)))
""",
                "groups of four",
            ),
            (
                """
def find_tokens(blob):
    return set(TOKEN.findall(blob))
""",
                "by hand",
            ),
        ),
        cheat="""
def find_tokens(blob):
    return {blob.split(b"token: ")[1].split()[0]} if b"token: " in blob else set()
""",
        right="Wrapped over lines, or in hexadecimal, it would be missed: there is always one more idea.",
        minutes=6,
    ),
    Exercise(
        title="Two speeds",
        names=("still_alive",),
        stub='''
def still_alive(days: float, speeds: list[tuple[float, float]]) -> float:
    """The share of leaked tokens alive after so many days. `speeds`: pairs of a share and a mean in days."""
    ...
''',
        probe=probe_still_alive,
        hints=(
            "Follow each group by itself. How many of it are left, and how large was it?",
            "One group with mean m: `math.exp(-days / m)` of it are left. Weigh by the share, and add.",
        ),
        answer="""
import math

def still_alive(days, speeds):
    return sum(share * math.exp(-days / mean) for share, mean in speeds)
""",
        mistakes=(
            (
                """
import math

def still_alive(days, speeds):
    return math.exp(-days / sum(share * mean for share, mean in speeds))
""",
                "average speed",
            ),
            (
                """
def still_alive(days, speeds):
    return sum(share * 2 ** (-days / mean) for share, mean in speeds)
""",
                "half are gone",
            ),
            (
                """
import math

def still_alive(days, speeds):
    return sum(share * (1 - math.exp(-days / mean)) for share, mean in speeds)
""",
                "share of the dead",
            ),
        ),
        cheat="""
import math

def still_alive(days, speeds):
    return math.exp(-days / speeds[0][1])
""",
        right="A mixture: the quick die out, and what is left looks slower and slower.",
        minutes=4,
    ),
    Exercise(
        title="The mean of the shorter",
        names=("mean_exposure",),
        stub='''
def mean_exposure(lifetime: float, speeds: list[tuple[float, float]]) -> float:
    """Mean days for which a leaked token works, if it expires after `lifetime` days at the latest."""
    ...
''',
        probe=probe_mean_exposure,
        hints=(
            "A token alive at a moment adds that moment: so it is an area. Under which curve, up to where?",
            "Integrate `share * exp(-t / mean)` from 0 to `lifetime`, for each group, and add.",
        ),
        answer="""
import math

def mean_exposure(lifetime, speeds):
    return sum(share * mean * (1 - math.exp(-lifetime / mean)) for share, mean in speeds)
""",
        mistakes=(
            (
                """
def mean_exposure(lifetime, speeds):
    return sum(share * min(mean, lifetime) for share, mean in speeds)
""",
                "mean of the smaller",
            ),
            (
                """
def mean_exposure(lifetime, speeds):
    return sum(share * mean for share, mean in speeds)
""",
                "long expired",
            ),
        ),
        cheat="""
def mean_exposure(lifetime, speeds):
    return lifetime * 0.999
""",
        right="For a lifetime far below every mean, the answer is the lifetime: detection no longer matters.",
        minutes=5,
    ),
]

q1_1, q1_2, q1_3, q1_4, q1_5 = numbered(1, EXERCISES)
