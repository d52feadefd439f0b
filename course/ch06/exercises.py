"""The exercises of chapter 06, migrating a release."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from course.exercise import Exercise, Wrong, numbered, show
from helpers.events import EventLog
from helpers.index import api_tokens
from helpers.index.publishers import GitHubPublisher
from helpers.lab import INDEX_URL, Lab
from helpers.provider.jobs import GitHubJob

SETUP = """
STEPS = ("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke")
"""


# ---------------------------------------------------------------- 1: may this job ask?

_READ, _WRITE = {"contents": "read"}, {"id-token": "write"}
_PERMISSIONS: list[tuple[Any, Any, bool, str]] = [
    (
        None,
        _WRITE,
        True,
        "A job with the permission, in a workflow that says nothing. What is asked first?",
    ),
    (
        _WRITE,
        None,
        True,
        "The workflow has the permission and the job says nothing. What holds for the job then?",
    ),
    (None, None, False, "Neither says anything. Is `id-token` part of what a job gets by default?"),
    (
        _WRITE,
        _READ,
        False,
        "The job has a block of its own, without `id-token`. Do the two blocks add up?",
    ),
    (_WRITE, {}, False, "The job's own block is empty. Is an empty block the same as no block?"),
    (
        _READ,
        _WRITE,
        True,
        "The workflow may read, the job has a block of its own. Which one holds?",
    ),
    (
        "write-all",
        None,
        True,
        "This workflow's permissions are one word, and that word gives everything.",
    ),
    (
        "write-all",
        "read-all",
        False,
        "Both blocks are one word each. Which holds, and what does it let a job write?",
    ),
    (
        _READ,
        "write-all",
        True,
        "This job's permissions are one word, and that word gives everything.",
    ),
    (None, {"id-token": "none"}, False, "There is an `id-token` in this block. What does it say?"),
]
_ABSENT = (
    "permissions:",
    "A block that is there and empty in the file is read as None. Did the job ask for anything?",
)


def probe_may_ask(may_ask: Callable[[dict[str, Any], dict[str, Any]], bool]) -> None:
    for top, own, expected, question in _PERMISSIONS:
        workflow = {True: {"push": None}, "jobs": {}} | (
            {} if top is None else {"permissions": top}
        )
        job = {"runs-on": "ubuntu-latest"} | ({} if own is None else {"permissions": own})
        got = may_ask(workflow, job)
        if not isinstance(got, bool):
            raise Wrong(f"Expected True or False, got {show(got)}.")
        if got is not expected:
            raise Wrong(f"{question} You say {got}.")
    if may_ask({"permissions": dict(_WRITE)}, {"permissions": None}) is not False:
        raise Wrong(_ABSENT[1])


MAY_ASK = Exercise(
    title="May this job ask?",
    names=("may_ask",),
    stub='''
def may_ask(workflow: dict, job: dict) -> bool:
    """Whether a job gets `id-token: write`; both as YAML gives them."""
    ...
''',
    probe=probe_may_ask,
    hints=(
        "Two questions: which of the two blocks holds for this job? And does that block, in either of its shapes, give it?",
        'The job\'s block if the key is there, else the workflow\'s. It is a dict, or a word: "write-all" gives everything.',
    ),
    answer="""
def may_ask(workflow, job):
    holder = job if "permissions" in job else workflow
    block = holder.get("permissions")
    if isinstance(block, dict):
        return block.get("id-token") == "write"
    return block == "write-all"
""",
    mistakes=(
        ("""
def may_ask(workflow, job):
    both = {**(workflow.get("permissions") or {}), **(job.get("permissions") or {})}
    return both.get("id-token") == "write"
""", "add up"),
        ("""
def may_ask(workflow, job):
    block = job.get("permissions") or workflow.get("permissions") or {}
    return block == "write-all" or (isinstance(block, dict) and block.get("id-token") == "write")
""", "empty block the same"),
        ("""
def may_ask(workflow, job):
    return isinstance(job.get("permissions"), dict) and job["permissions"].get("id-token") == "write"
""", "What holds for the job then"),
        ("""
def may_ask(workflow, job):
    block = job["permissions"] if "permissions" in job else workflow.get("permissions")
    return isinstance(block, dict) and block.get("id-token") == "write"
""", "permissions are one word, and that word"),
        ("""
def may_ask(workflow, job):
    block = job["permissions"] if "permissions" in job else workflow.get("permissions")
    return block == "write-all" or (isinstance(block, dict) and "id-token" in block)
""", "What does it say"),
    ),
    cheat="""
def may_ask(workflow, job):
    return "permissions" in job
""",
    right="A job's block replaces the workflow's, even an empty one. Nothing gives `id-token` by default.",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 2: what will the client do?

_MORNINGS = {
    "the secret is set, and the job may ask": ("token", "The script looks at the token first. What does it find?"),
    "the secret is set, and the job may not ask": ("token", "Who needs permission to use a token that is there?"),
    "the secret was deleted, and the job may ask": (
        "trusted", "A deleted secret is an empty text. What does `-n` say of one, and what comes after `else`?"),
    "the secret was deleted, and the job may not ask": (
        "fails", "What is left for it to show? You have read its log in part 1."),
    "a revoked token is still the secret, and the job may ask": (
        "fails", "The script cannot know that a token is dead. Does it try the other way afterwards?"),
}  # fmt: skip


def probe_mornings(mornings: dict[str, str]) -> None:
    if not isinstance(mornings, dict) or set(mornings) != set(_MORNINGS):
        raise Wrong(
            'Leave the five lines as they are, and write "token", "trusted" or "fails" behind each.'
        )
    for line, (happens, question) in _MORNINGS.items():
        if mornings[line] not in ("token", "trusted", "fails"):
            raise Wrong(
                f'Write "token", "trusted" or "fails" behind each line, and not {show(mornings[line])}.'
            )
        if mornings[line] != happens:
            raise Wrong(f"When {line}, the outcome is not {show(mornings[line])}. {question}")


def _mornings(*outcomes: str) -> str:
    lines = [f'    "{line}": {outcome},' for line, outcome in zip(_MORNINGS, outcomes, strict=True)]
    return "\n".join(["", "mornings = {", *lines, "}", ""])


_TOKEN, _TRUSTED, _FAILS = '"token"', '"trusted"', '"fails"'
MORNINGS = Exercise(
    title="Five mornings",
    names=("mornings",),
    stub=_mornings(*["..."] * 5),
    probe=probe_mornings,
    hints=(
        "Follow the script, not the wish: one `if`, and each branch runs one command.",
        "The token's branch is taken whenever the text is not empty, good or bad. Only the other one needs the permission.",
    ),
    answer=_mornings(_TOKEN, _TOKEN, _TRUSTED, _FAILS, _FAILS),
    mistakes=(
        (_mornings(_TRUSTED, _TOKEN, _TRUSTED, _FAILS, _FAILS), "looks at the token first"),
        (_mornings(_TOKEN, _FAILS, _TRUSTED, _FAILS, _FAILS), "Who needs permission"),
        (_mornings(_TOKEN, _TOKEN, _FAILS, _FAILS, _FAILS), "empty text"),
        (_mornings(_TOKEN, _TOKEN, _TRUSTED, _FAILS, _TRUSTED), "cannot know that a token is dead"),
    ),
    cheat=_mornings(*[_FAILS] * 5),
    right="The fourth is 29 May 2026. The fifth comes to those who revoke a token before they have taken it out.",
    minutes=2,
)


# ---------------------------------------------------------------- 3: who else is in the room?


def _job(*runs: str, **more: Any) -> dict[str, Any]:
    return {"runs-on": "ubuntu-latest", **more, "steps": [{"run": run} for run in runs]}


_ROOMS: list[tuple[dict[str, Any], dict[str, list[str]], str]] = [
    ({"jobs": {"release": _job("pip install build", "python -m build", "uv publish", permissions=dict(_WRITE))}},
     {"release": ["pip install build", "python -m build"]},
     "One job does everything. Which of its steps could read the request token, and have no need to?"),
    ({"jobs": {"build": _job("uv build"), "publish": _job("uv publish", permissions=dict(_WRITE))}},
     {}, "Building and publishing are apart, and only one job may ask. Who is in the room with `uv publish`?"),
    ({"permissions": dict(_WRITE), "jobs": {"test": _job("pytest"), "publish": _job("uv publish")}},
     {"test": ["pytest"]}, "The permission is the whole workflow's. For which jobs does that hold?"),
    ({"permissions": dict(_WRITE), "jobs": {"test": _job("pytest", permissions=dict(_READ)), "publish": _job("uv publish")}},
     {}, "One job here has a block of its own. What is left for it of the workflow's?"),
    ({"permissions": dict(_WRITE), "jobs": {"call": {"uses": "./.github/workflows/lint.yml"}, "publish": _job("uv publish")}},
     {}, "One job here calls another workflow: it has no `steps` of its own."),
]  # fmt: skip


def probe_bystanders(bystanders: Callable[[dict[str, Any]], dict[str, list[str]]]) -> None:
    for workflow, expected, question in _ROOMS:
        try:
            got = bystanders(workflow)
        except KeyError as error:
            if error.args == ("steps",):
                raise Wrong(f"{question} What does yours do with it?") from None
            raise
        if not isinstance(got, dict):
            raise Wrong(f"Expected a dict of lists, got {show(got)}.")
        if {job: list(steps) for job, steps in got.items() if steps} != expected:
            raise Wrong(f"{question} You say {show(got, 90)}.")


_MAY = """
def may_ask(workflow, job):
    block = (job if "permissions" in job else workflow).get("permissions")
    return block == "write-all" or (isinstance(block, dict) and block.get("id-token") == "write")
"""
BYSTANDERS = Exercise(
    title="Who else is in the room?",
    names=("bystanders",),
    stub='''
def bystanders(workflow: dict) -> dict[str, list[str]]:
    """For each job that may ask for an ID token, the commands in it that are not `uv publish`."""
    ...
''',
    probe=probe_bystanders,
    hints=(
        "You know already which jobs may ask. What runs in those, beside the one command that has to?",
        "For each job that may ask: `[step['run'] for step in job.get('steps', [])]`, without `uv publish`.",
    ),
    answer=_MAY + '''
def bystanders(workflow):
    found = {}
    for name, job in workflow["jobs"].items():
        runs = [step["run"] for step in job.get("steps", []) if "run" in step]
        others = [run for run in runs if run != "uv publish"]
        if may_ask(workflow, job) and others:
            found[name] = others
    return found
''',
    mistakes=(
        ('''
def bystanders(workflow):
    return {name: [step["run"] for step in job.get("steps", []) if step["run"] != "uv publish"]
            for name, job in workflow["jobs"].items()}
''', "only one job may ask"),
        ('''
def bystanders(workflow):
    return {name: [step["run"] for step in job.get("steps", []) if step["run"] != "uv publish"]
            for name, job in workflow["jobs"].items() if job.get("permissions", {}).get("id-token") == "write"}
''', "whole workflow's"),
        ('''
def bystanders(workflow):
    top = workflow.get("permissions", {})
    return {name: [step["run"] for step in job.get("steps", []) if step["run"] != "uv publish"]
            for name, job in workflow["jobs"].items()
            if {**top, **job.get("permissions", {})}.get("id-token") == "write"}
''', "What is left for it"),
        (_MAY + '''
def bystanders(workflow):
    return {name: [step["run"] for step in job["steps"] if step["run"] != "uv publish"]
            for name, job in workflow["jobs"].items() if may_ask(workflow, job)}
''', "What does yours do with it"),
    ),
    cheat='''
def bystanders(workflow):
    return {"release": ["pip install build", "python -m build"]}
''',
    right="The shorter this list, the fewer programs can turn the job's identity into a release.",
    minutes=4,
)  # fmt: skip


# ---------------------------------------------------------------- 4: no gap

_STEPS = ("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke")
_FILES = {"auto": "create-releases.yml", "manual": "publish-pypi.yml"}


@functools.cache
def _stuck(done: frozenset[str]) -> tuple[str, str]:
    """Which workflow cannot publish after these steps, tried on a lab, and why; empty if both can."""
    with Lab() as lab:
        lab.index.add_project("octo-gap", owner="alice")
        token = lab.index.create_api_token("alice", project="octo-gap")
        publishers = {
            which: GitHubPublisher(owner="octo-org", owner_id="65", repository="gap", workflow=file)
            for which, file in _FILES.items()
        }
        if "register" in done:
            for publisher in publishers.values():
                lab.index.add_publisher("octo-gap", publisher)
        if "revoke" in done:
            lab.index.revoke_api_token(token)
        for which, file in _FILES.items():
            job = GitHubJob(
                repository="octo-org/gap",
                workflow=file,
                environment="",
                id_token=f"perm_{which}" in done,
            )
            shown: str | None = token
            if f"drop_{which}" in done:
                if not job.may_ask:
                    return which, "has nothing to show: no token, and no permission to ask for one"
                body = {"token": lab.github.id_token(job)}
                shown = (
                    lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json=body).json().get("token")
                )
                if shown is None:
                    return which, "has an identity that the index does not know yet"
            if not _uploads(lab, shown, which):
                return which, "sends a dead token"
    return "", ""


def _uploads(lab: Lab, token: str, which: str) -> bool:
    file = {
        "content": (
            f"octo_gap-1.0-py3-none-{'any' if which == 'auto' else 'win_amd64'}.whl",
            which.encode(),
        )
    }
    form = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
    }
    form |= {"name": "octo-gap", "version": "1.0", "blake2_256_digest": _digest(which.encode())}
    answer = lab.http.post(f"{INDEX_URL}/legacy/", auth=("__token__", token), data=form, files=file)
    return answer.status_code == 200


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def probe_order(order: Sequence[str]) -> None:
    if not isinstance(order, (list, tuple)) or sorted(map(str, order)) != sorted(_STEPS):
        raise Wrong("Put the six steps in an order, each of them once.")
    for n in range(1, len(order) + 1):
        which, why = _stuck(frozenset(order[:n]))
        if not which:
            continue
        told = f"After step {n}, `{order[n - 1]}`, the {'automatic' if which == 'auto' else 'manual'} workflow {why}."
        recalls = (
            " Which version does that recall?"
            if why.startswith("has nothing")
            else " When is a token free to die?"
        )
        if "identity" in why:
            recalls = " Who has to hear of a publisher before it publishes?"
        raise Wrong(told + recalls)


def _order(*steps: str) -> str:
    return f"\norder = [{', '.join(f'{step!r}' for step in steps)}]\n".replace("'", '"')


NO_GAP = Exercise(
    title="No gap",
    names=("order",),
    stub='''
order = [...]  # all six of STEPS, first to last
''',
    probe=probe_order,
    hints=(
        "After each step, with what does each workflow authenticate?",
        "Open the new way before closing the old one, for each workflow; and kill the token when nobody sends it any more.",
    ),
    answer=_order("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke"),
    mistakes=(
        (_order("register", "perm_manual", "drop_auto", "drop_manual", "perm_auto", "revoke"), "Which version"),
        (_order("register", "perm_auto", "perm_manual", "revoke", "drop_auto", "drop_manual"), "free to die"),
        (_order("perm_auto", "perm_manual", "drop_auto", "register", "drop_manual", "revoke"), "hear of a publisher"),
    ),
    cheat='''
order = ["register", "drop_auto", "drop_manual", "perm_auto", "perm_manual", "revoke"]
''',
    right="Every step of it was tried on the lab. Of the 720 orders, 16 leave no gap: in all of them `revoke` comes last.",
    minutes=3,
)  # fmt: skip


# ---------------------------------------------------------------- 5: which tokens are left over?


def _use(lab: Lab, token: str, number: int) -> str:
    """Upload something with a token; the eight characters by which the log calls it."""
    content = f"{number}".encode()
    file = {"content": (f"octo_rocket-{number}-py3-none-any.whl", content)}
    form = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
    }
    form |= {"name": "octo-rocket", "version": str(number), "blake2_256_digest": _digest(content)}
    lab.http.post(
        f"{INDEX_URL}/legacy/", auth=("__token__", token), data=form, files=file
    ).raise_for_status()
    return api_tokens.identifier(token)[:8]


def _history() -> tuple[EventLog, list[tuple[str, bool, str]]]:
    """A log, and for each token in it: its name there, whether it is left over, and what to ask who misses that."""
    lab = Lab()
    for _ in range(3):
        lab.index.create_api_token("bob")  # so that names differ from those in the chapter
    tokens = [lab.index.create_api_token("alice") for _ in range(4)]
    names = [api_tokens.identifier(token)[:8] for token in tokens]
    for number, token in enumerate(tokens[:3], 1):
        _use(lab, token, number)
    _use(lab, tokens[0], 7)
    lab.index.revoke_api_token(tokens[1])
    minted = lab.http.post(
        f"{INDEX_URL}/_/oidc/mint-token", json={"token": lab.github.id_token(GitHubJob())}
    ).json()["token"]
    trusted = _use(lab, minted, 8)
    return lab.index.events, [
        (names[0], True, "was used although the project has a publisher, and nobody revoked it"),
        (names[2], True, "was used although the project has a publisher, and nobody revoked it"),
        (names[1], False, "was used, and revoked afterwards: which event says so?"),
        (names[3], False, "was never used on this project. Which event speaks of use?"),
        (trusted, False, "was minted for a job. Whose tokens does the index warn of?"),
    ]


def probe_leftovers(leftovers: Callable[[EventLog], set[str]]) -> None:
    events, tokens = _history()
    got = leftovers(events)
    if not isinstance(got, (set, frozenset, list, tuple)):
        raise Wrong(f"Expected a set of names, got {show(got)}.")
    for name, left, why in tokens:
        if (name in got) is not left:
            raise Wrong(
                f"A hidden log: a token that you {'name' if not left else 'do not name'} {why}."
            )
    if strange := set(got) - {name for name, *_ in tokens}:
        raise Wrong(
            f"{show(sorted(map(str, strange))[0])} is no token's name: eight characters, after the word `token`."
        )


LEFTOVERS = Exercise(
    title="Which tokens are left over?",
    names=("leftovers",),
    stub='''
def leftovers(events) -> set[str]:
    """Names of the users' API tokens that published although there was a publisher, and still live."""
    ...
''',
    probe=probe_leftovers,
    hints=(
        "Two kinds of events tell of it: one that such a token was used, one that a token is dead.",
        '`event.action` is "warn" or "revoke API token"; the name is the word after "token" in `event.detail`.',
    ),
    answer='''
def leftovers(events):
    used, revoked = set(), set()
    for event in events:
        words = event.detail.replace(",", "").split()
        if event.action == "warn":
            used.add(words[1])
        if event.action == "revoke API token":
            revoked.add(words[1])
    return used - revoked
''',
    mistakes=(
        ('''
def leftovers(events):
    return {event.detail.split()[1] for event in events if event.action == "warn"}
''', "which event says so"),
        ('''
def leftovers(events):
    def names(action):
        return {event.detail.replace(",", "").split()[1] for event in events if event.action == action}
    return names("create API token") - names("revoke API token")
''', "Which event speaks of use"),
        ('''
def leftovers(events):
    return {event.detail for event in events if event.action == "warn"}
''', "do not name"),
    ),
    cheat='''
def leftovers(events):
    return {"f04113e8"}
''',
    right="The real index mails the project's users instead. It helps if somebody reads them.",
    minutes=3,
)  # fmt: skip

EXERCISES = [MAY_ASK, MORNINGS, BYSTANDERS, LEFTOVERS, NO_GAP]

q6_1, q6_2, q6_3, q6_4, q6_5 = numbered(6, EXERCISES)
