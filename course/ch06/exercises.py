"""Exercises of chapter 06, migrating a release."""

from dataclasses import replace
from functools import cache
from typing import Any

from course.desk import exchange, upload
from course.exercise import Wrong, exercise, expect, prediction, show
from helpers.index import api_tokens
from helpers.index.publishers import GitHubPublisher
from helpers.lab import PUBLISHER, Lab, set_aside
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment, NotStarted

READ, WRITE = {"contents": "read"}, {"id-token": "write"}
SETUP = """
from preflight import effective_permissions

def may_request(workflow, job):
    return effective_permissions(workflow, job).id_token
"""

# ---------------------------------------------------------------- 6.1

NEITHER = "Neither block is there. Does a job get `id-token` by default?"
# The workflow's block, the job's, whether the job may ask, and the question for a wrong answer.
PERMISSIONS: list[tuple[Any, Any, bool, str]] = [
    (..., WRITE, True, "Only the job has a block. What does it say?"),
    (WRITE, ..., True, "Only the workflow has a block. Does it hold for the job?"),
    (..., ..., False, NEITHER),
    (WRITE, READ, False, "Both have a block. Are the two added up?"),
    (WRITE, {}, False, "The job's block is empty. Is an empty block the same as no block?"),
    (WRITE, None, False, "The job says `permissions:` and nothing after it. Is that a block?"),
    (READ, WRITE, True, "Both have a block. Which one holds?"),
    (None, ..., False, "The workflow says `permissions:` and nothing after it. What does it give?"),
    ("write-all", ..., True, "The workflow's block is one word. What does this word give?"),
    (..., "read-all", False, "The job's block is `read-all`. Is asking for an ID token reading?"),
    ("write-all", "read-all", False, "Both blocks are one word. Which of them holds?"),
    (READ, "write-all", True, "The job's block is one word. What does this word give?"),
    (..., {"contents": "write"}, False, "The job's block grants writing. Does it name `id-token`?"),
    (..., {"id-token": "none"}, False, "The job's block names `id-token`. Which value has it?"),
]


def may_ask(workflow: dict, job: dict) -> bool:
    """Return whether the job may request an ID token. Both arguments are as YAML gives them."""
    block = job["permissions"] if "permissions" in job else workflow.get("permissions")
    if isinstance(block, dict):
        return block.get("id-token") == "write"
    return block == "write-all"


@exercise(
    "May this job ask?",
    may_ask,
    hints=(
        "First find out which of the two blocks holds. Then ask what this block gives, in each of "
        "its shapes.",
        "The job's block holds if the key is there, else the workflow's. A block is a dict, one "
        'word, or None. The word "write-all" gives everything.',
    ),
    right="A job's block replaces the workflow's, even an empty one. Nothing gives `id-token` by "
    "default.",
    minutes=8,
)
def q6_1(may_ask):
    for top, own, right, question in PERMISSIONS:
        workflow = {"on": {"push": None}} | ({} if top is ... else {"permissions": top})
        job = {"runs-on": "ubuntu-latest"} | ({} if own is ... else {"permissions": own})
        try:
            got = may_ask(workflow | {"jobs": {"release": job}}, job)
        except (AttributeError, TypeError, KeyError) as error:
            blocks = f"the workflow's block {shown(top)} and the job's {shown(own)}"
            raise Wrong(f"With {blocks}, your function raised {type(error).__name__}.") from None
        expect(got, right, question)


def shown(block: Any) -> str:
    """Return a permissions block as a word in a sentence."""
    return "missing" if block is ... else show(block)


# ---------------------------------------------------------------- 6.2


@prediction(
    "Five mornings",
    "mornings",
    {
        "the secret is set, and the job may ask": ("token", "The script looks for a token first."),
        "the secret is set, and the job may not ask": (
            "token",
            "Does a job need a permission to use a token that it has already?",
        ),
        "the secret was deleted, and the job may ask": (
            "trusted",
            "A deleted secret is empty text. What does `-n` say about empty text?",
        ),
        "the secret was deleted, and the job may not ask": (
            "fails",
            "What is left for the job to show? You have read its log in part 1.",
        ),
        "a revoked token is still the secret, and the job may ask": (
            "fails",
            "The script cannot know that the token was revoked. Does it try the other way "
            "afterwards?",
        ),
    },
    choices=("token", "trusted", "fails"),
    hints=(
        "Read what the script does, not what its author wanted. It has one `if`, and each branch "
        "runs one command.",
        "If the text is not empty, the script uses it as a token, good or bad. Only the other "
        "branch needs the permission.",
    ),
    right="The fourth morning is 29 May 2026. The fifth is what happens if you revoke a stored "
    "token before you remove it from the CI's secrets.",
    minutes=4,
)
def q6_2():
    return None  # tests/clients runs the script with the real uv on all five mornings


# ---------------------------------------------------------------- 6.3 and 6.6

MIGRATION = ("register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke")
"""The six steps from stored token to Trusted Publishing, for two workflows."""
HARDENING = ("register_new", "switch", "tag_rule", "remove_old")
"""The four steps to one hardened workflow."""
OLD = {"auto": "create-releases.yml", "manual": "publish-pypi.yml"}
NEW = "release.yml"
REPOSITORY = "octo-org/gap"


def publisher(workflow: str) -> GitHubPublisher:
    """Return the publisher of a workflow of octo-org/gap."""
    return replace(PUBLISHER, repository="gap", workflow=workflow)


@cache
def stuck(done: frozenset[str]) -> tuple[str, str]:
    """Try both workflows after these steps of MIGRATION.

    Returns the workflow that cannot publish ("the automatic workflow" or "the manual workflow") and
    why, or two empty strings if both can.
    """
    with set_aside(), Lab() as lab:
        lab.index.add_project("octo-gap", owner="alice")
        token = lab.index.create_api_token("alice", project="octo-gap")
        for workflow in OLD.values() if "register" in done else ():
            lab.index.add_publisher("octo-gap", publisher(workflow))
        if "revoke" in done:
            lab.index.revoke_api_token(token)
        for number, which in enumerate(OLD):
            why = attempt(lab, which, done, token, f"octo_gap-{number}.0-py3-none-any.whl")
            if why:
                return f"the {'automatic' if which == 'auto' else 'manual'} workflow", why
    return "", ""


def attempt(lab: Lab, which: str, done: frozenset[str], token: str, filename: str) -> str:
    """Let one workflow publish; return why it cannot, or an empty string."""
    if f"drop_{which}" in done:
        job = GitHubJob(
            repository=REPOSITORY, workflow=OLD[which], id_token=f"perm_{which}" in done
        )
        if not job.may_ask:
            return "has nothing to show"
        token, refused = exchange(lab, lab.github.id_token(job))
        if refused:
            return "is not known to the index"
    return "" if upload(lab, token, filename) else "sends a revoked token"


@cache
def stuck_while_hardening(done: frozenset[str]) -> tuple[str, str]:
    """Try the workflows of the repository after these steps of HARDENING.

    Before the step `switch`, the repository has the two old workflows, which run on main; after it,
    the new one, which runs on a tag. Returns the workflow that cannot publish and why, or two empty
    strings.
    """
    switched = "switch" in done
    files = [NEW] if switched else list(OLD.values())
    ref = "refs/tags/v1.1.0" if switched else "refs/heads/main"
    with set_aside(), Lab() as lab:
        lab.index.add_project("octo-gap", owner="alice")
        registered = [] if "remove_old" in done else list(OLD.values())
        for workflow in [*registered, *([NEW] if "register_new" in done else [])]:
            lab.index.add_publisher("octo-gap", publisher(workflow))
        repository = lab.github.repository(REPOSITORY)
        if "tag_rule" in done:
            repository.environments["pypi"] = Environment(refs=["refs/tags/v*"])
        for workflow in files:
            job = GitHubJob(repository=REPOSITORY, workflow=workflow, ref=ref)
            try:
                repository.admit(job)
            except NotStarted:
                return f"`{workflow}`", "is not allowed to start"
            if exchange(lab, lab.github.id_token(job))[1]:
                return f"`{workflow}`", "is not known to the index"
    return "", ""


GAPS = {
    "has nothing to show": "What does a job show that has no token and may not ask?",
    "is not known to the index": "Who has to know a job before it can exchange its ID token?",
    "sends a revoked token": "After which steps does no workflow send this token anymore?",
    "is not allowed to "
    "start": "Which ref does this workflow run on, and which refs does the rule allow?",
}


def check_order(given: Any, steps: tuple[str, ...], stuck: Any) -> None:
    """Raise Wrong unless every state that this order of the steps passes through can publish."""
    if not isinstance(given, (list, tuple)):
        raise Wrong(f"Expected a list of the {len(steps)} steps, but got {show(given)}.")
    if strange := [step for step in given if step not in steps]:
        raise Wrong(f"{show(strange[0])} is not one of the {len(steps)} steps.")
    for step in steps:
        if given.count(step) != 1:
            times = "is missing" if step not in given else f"is there {given.count(step)} times"
            raise Wrong(f"The step `{step}` {times}. Each step is done once.")
    for n in range(1, len(given) + 1):
        which, why = stuck(frozenset(given[:n]))
        if which:
            raise Wrong(f"After step {n}, `{given[n - 1]}`, {which} {why}. {GAPS[why]}")


@exercise(
    "No gap",
    order=["register", "perm_auto", "perm_manual", "drop_auto", "drop_manual", "revoke"],
    stub="order = [...]  # the six names, first to last",
    hints=(
        "After each step, ask for each workflow: what does it authenticate with?",
        "Open the new way before you close the old one, for each workflow. Revoke the token when "
        "no workflow sends it anymore.",
    ),
    right="The lab tried every state. 16 of the 720 orders leave no gap, and in all of them "
    "`revoke` comes last.",
    minutes=5,
)
def q6_3(order):
    check_order(order, MIGRATION, stuck)


# ---------------------------------------------------------------- 6.4


def leftovers(events) -> set[str]:
    """Return the names of the stored tokens that are left over.

    A token's name is the word after `token` in `event.detail`. An event whose `action` is "warn"
    says that a stored token was used although the project has a trusted publisher. An event whose
    `action` is "revoke API token" says that a token was revoked.
    """
    used = {event.detail.split()[1] for event in events if event.action == "warn"}
    revoked = {event.detail.split()[1] for event in events if event.action == "revoke API token"}
    return used - revoked


@cache
def history() -> tuple[Any, tuple[tuple[str, bool, str], ...]]:
    """Return a log and, for each token in it, its name, whether it is left over, and why."""
    lab = Lab()
    others = [lab.index.create_api_token("bob") for _ in range(3)]
    users = [lab.index.create_api_token("alice") for _ in range(4)]
    for number, token in enumerate([*users[:3], users[0]]):
        upload(lab, token, f"octo_rocket-{number}.0-py3-none-any.whl")
    lab.index.revoke_api_token(users[1])
    minted, _ = exchange(lab, lab.github.id_token(GitHubJob()))
    upload(lab, minted, "octo_rocket-8.0-py3-none-any.whl")
    *names, trusted = (api_tokens.identifier(token)[:8] for token in (*users, minted))
    unused = [(api_tokens.identifier(token)[:8], False, "nobody ever used it") for token in others]
    left = "it was used although there is a publisher, and nobody revoked it"
    return lab.index.events, (
        (trusted, False, "it was minted for a job, and it expires by itself"),
        (names[0], True, left),
        (names[2], True, left),
        (names[1], False, "somebody revoked it after its use"),
        (names[3], False, "nobody ever used it"),
        *unused,
    )


@exercise(
    "Which tokens are left over?",
    leftovers,
    hints=(
        "Two kinds of event matter. One says that a stored token was used, and the other says that "
        "a token was revoked.",
        'Collect the names from the "warn" events in one set, and those from "revoke API token" in '
        "another. Which names are in the first set only?",
    ),
    right="The real index sends a mail instead of a log. It helps if somebody reads it.",
    minutes=7,
)
def q6_4(leftovers):
    events, tokens = history()
    got = leftovers(events)
    if not isinstance(got, (set, frozenset, list, tuple)):
        raise Wrong(f"Expected a set of names, but your function returned {show(got)}.")
    known = {name for name, *_ in tokens}
    if strange := sorted(set(map(str, got)) - known):
        raise Wrong(
            f"{show(strange[0])} is not the name of a token. A name has eight characters, and no "
            "comma belongs to it."
        )
    for name, left, why in tokens:
        if (name in got) is not left:
            said = "leaves out" if left else "contains"
            raise Wrong(f"With another log, your answer {said} the token {name}, but {why}.")


# ---------------------------------------------------------------- 6.5


def job(*runs: str, **more: Any) -> dict[str, Any]:
    """Return a job whose steps are actions, which have an @ in them, and named `run` commands."""
    steps = [{"uses": run} if "@" in run else {"name": run.title(), "run": run} for run in runs]
    return {"runs-on": "ubuntu-latest", **more, "steps": steps}


CALL = "./.github/workflows/lint.yml"
PUBLISH, TOP = job("uv publish"), "permissions"
# The jobs (and the workflow's own permissions), the answer, and the question for a wrong one.
ROOMS: list[tuple[dict[str, Any], dict[str, list[str]], str]] = [
    (
        {"release": job("pip install build", "uv build", "uv publish", permissions=WRITE)},
        {"release": ["pip install build", "uv build"]},
        "One job does everything. What do its steps run, apart from `uv publish`?",
    ),
    (
        {"release": job("octo-org/fetch@v1", "uv build", "uv publish", permissions=WRITE)},
        {"release": ["octo-org/fetch@v1", "uv build"]},
        "The first step is an action. Can an action use what the job may do?",
    ),
    (
        {"build": job("uv build"), "publish": job("uv publish", permissions=WRITE)},
        {},
        "Building and publishing are two jobs, and only one may ask. What runs beside `uv "
        "publish`?",
    ),
    (
        {"publish": job("uv publish", "echo uv publish is done", permissions=WRITE)},
        {"publish": ["echo uv publish is done"]},
        "One step publishes, and another only prints these words. Which of them needs the "
        "permission?",
    ),
    (
        {"publish": job("uv publish && make announce", permissions=WRITE)},
        {"publish": ["uv publish && make announce"]},
        "One `run` publishes and then does something else. Is that exactly `uv publish`?",
    ),
    (
        {"publish": job("uv build\nuv publish", permissions=WRITE)},
        {"publish": ["uv build\nuv publish"]},
        "One `run` has two lines. A step is left out or kept as a whole. Is this `run` `uv "
        "publish`?",
    ),
    (
        {TOP: WRITE, "test": job("pytest"), "publish": PUBLISH},
        {"test": ["pytest"]},
        "The permission is in the workflow's block. For which jobs does it hold?",
    ),
    (
        {TOP: WRITE, "test": job("pytest", permissions=READ), "publish": PUBLISH},
        {},
        "The job `test` has a block of its own. Does the workflow's block still hold for it?",
    ),
    (
        {TOP: WRITE, "call": {"uses": CALL}, "publish": PUBLISH},
        {"call": [CALL]},
        "The job `call` has no steps, but a `uses`. What can run in it?",
    ),
]


def may_request(workflow: dict, job: dict) -> bool:
    """Return whether the job may request an ID token, as the chapter's function does."""
    return may_ask(workflow, job)


def bystanders(workflow: dict) -> dict[str, list[str]]:
    """Return, for each job that may ask, what runs in it apart from `uv publish`.

    That is a list: for each step, its `run` or its `uses`. A step is left out if its `run` is
    exactly `uv publish`. For a job that calls another workflow, the list has only the job's own
    `uses`. A job in which nothing else runs may be left out, or have an empty list.
    """
    found = {}
    for name, job in workflow["jobs"].items():
        steps = [job] if "uses" in job else job["steps"]
        runs = [step["uses"] if "uses" in step else step["run"] for step in steps]
        others = [run for run in runs if run != "uv publish"]
        if may_request(workflow, job) and others:
            found[name] = others
    return found


@exercise(
    "Who else is in the room?",
    bystanders,
    hints=(
        "`may_request` says which jobs may ask. What runs in these jobs apart from the one command "
        "that has to?",
        "For each job that may ask, collect the `run` or the `uses` of its steps, or its own "
        "`uses`. Leave out `uv publish`.",
    ),
    right="Everything in this list can request an ID token, so it could publish. The fix is a job "
    "of its own for `uv publish`.",
    minutes=10,
)
def q6_5(bystanders):
    for jobs, right, question in ROOMS:
        workflow = {"jobs": {name: job for name, job in jobs.items() if name != TOP}}
        got = bystanders(workflow | {name: block for name, block in jobs.items() if name == TOP})
        if not isinstance(got, dict):
            raise Wrong(f"Expected a dict, but your function returned {show(got)}.")
        got = {name: list(runs) for name, runs in got.items() if runs}
        if any("uv publish" in runs for runs in got.values()):
            question = "`uv publish` itself is the one command that needs the permission."
        if got != right:
            raise Wrong(f"{question} Your function returned {show(got)}.")


@exercise(
    "No gap, once more",
    order_2=["register_new", "switch", "tag_rule", "remove_old"],
    stub="order_2 = [...]  # the four names, first to last",
    hints=(
        "The old workflows run on a branch, and the new one runs on a tag. Which of them does each "
        "step affect?",
        "Nothing that the old workflows need may go before `switch`. What does the new one need at "
        "the moment of the switch?",
    ),
    right="The new file has to be known before the switch, and everything that shuts out the old "
    "files comes after it.",
    minutes=4,
)
def q6_6(order_2):
    check_order(order_2, HARDENING, stuck_while_hardening)
