"""Known mistakes, cheats and other right answers for the exercises of chapter 06."""

from itertools import permutations

from learner import Answers

from course.ch06.exercises import HARDENING, MIGRATION, stuck

MORNINGS = ("the secret is set, and the job may ask", "the secret is set, and the job may not ask",
            "the secret was deleted, and the job may ask", "the secret was deleted, and the job may not ask",
            "a revoked token is still the secret, and the job may ask")  # fmt: skip


def mornings(*values: object) -> str:
    """The answer to exercise 6.2 with these values."""
    return f"mornings = {dict(zip(MORNINGS, values, strict=True))}"


def good_orders() -> tuple[str, ...]:
    """All sixteen orders of the migration that leave no gap."""
    good = [order for order in permutations(MIGRATION)
            if not any(stuck(frozenset(order[:n]))[0] for n in range(1, 7))]  # fmt: skip
    assert len(good) == 16
    return tuple(f"order = {list(order)}" for order in good)


R, PA, PM, DA, DM, REVOKE = MIGRATION
NEW, SWITCH, TAGS, REMOVE = HARDENING
ANSWERS = {
    "q6_1": Answers(
        mistakes=(
            (('job["permissions"] if "permissions" in job else workflow.get("permissions")',
              '{**workflow.get("permissions", {}), **job.get("permissions", {})}'), "Are the two added up"),
            (('job["permissions"] if "permissions" in job else workflow.get("permissions")',
              'job.get("permissions") or workflow.get("permissions")'), "an empty block the same"),
            (('    return block == "write-all"', "    return False"), "What does this word give"),
            (('block == "write-all"', 'block in ("read-all", "write-all")'), "Is asking for an ID token reading"),
            (('block.get("id-token") == "write"', '"id-token" in block'), "Which value has it"),
            (('block.get("id-token") == "write"', '"write" in block.values()'), "Does it name `id-token`"),
            (('    if isinstance(block, dict):\n        return block.get("id-token") == "write"\n    return block == "write-all"',
              '    return block == "write-all" or block.get("id-token") == "write"'), "raised AttributeError"),
            (('job["permissions"] if "permissions" in job else workflow.get("permissions")', 'job.get("permissions")'),
             "Only the workflow has a block"),
        ),
        cheat="""
def may_ask(workflow, job):
    return job.get("permissions") == {"id-token": "write"}
""",
        right=("""
def may_ask(workflow, job):
    permissions = workflow.get("permissions", {})
    if "permissions" in job:
        permissions = job["permissions"]
    match permissions:
        case {"id-token": "write"} | "write-all":
            return True
    return False
""", """
def may_ask(workflow, job):
    for holder in (job, workflow):
        try:
            block = holder["permissions"]
        except KeyError:
            continue
        if isinstance(block, str):
            return block == "write-all"
        return (block or {}).get("id-token", "none") == "write"
    return False
"""),
    ),
    "q6_2": Answers(
        mistakes=(
            (mornings("trusted", "token", "trusted", "fails", "fails"), "looks for a token first"),
            (mornings("token", "fails", "trusted", "fails", "fails"), "a token that it has already"),
            (mornings("token", "token", "fails", "fails", "fails"), "What does `-n` say"),
            (mornings("token", "token", "trusted", "trusted", "fails"), "What is left"),
            (mornings("token", "token", "trusted", "fails", "trusted"), "try the other way"),
        ),
        cheat=mornings(*["token"] * 5),
    ),
    "q6_5": Answers(
        mistakes=(
            (("may_request(workflow, job)", 'job.get("permissions") == {"id-token": "write"}'), "For which jobs does it hold"),
            (('[job] if "uses" in job else job["steps"]', 'job.get("steps", [])'), "has no steps, but a `uses`"),
            (('[job] if "uses" in job else ', ""), "KeyError: 'steps'"),
            (('step["uses"] if "uses" in step else step["run"]', 'step["run"]'), "KeyError: 'run'"),
            (('run != "uv publish"', '"uv publish" not in run'), "only prints these words"),
            (('if run != "uv publish"', "if run"), "is the one command that needs"),
            (('run != "uv publish"', 'not run.startswith("uv publish")'), "Is that exactly"),
            (('[run for run in runs if run != "uv publish"]',
              '[line for run in runs for line in run.splitlines() if line != "uv publish"]'), "kept as a whole"),
            (('[step["uses"] if "uses" in step else step["run"] for step in steps]',
              '[step.get("run") or job["uses"] for step in steps if "run" in step or "uses" in job]'), "The first step is an action"),
            (('step["uses"] if "uses" in step else step["run"]',
              'step.get("name") or step.get("run") or step.get("uses")'), "What do its steps run"),
        ),
        cheat="""
def bystanders(workflow):
    return {"release": ["octo-org/fetch@v1", "uv build"]}
""",
        right=("""
def bystanders(workflow):
    result = {}
    for name, job in workflow["jobs"].items():
        if not may_request(workflow, job):
            continue
        result[name] = []
        for step in job.get("steps", []):
            what = step.get("run") or step.get("uses")
            if what.strip() != "uv publish":
                result[name].append(what)
        if job.get("uses"):
            result[name].append(job["uses"])
    return result
""",),
    ),
    "q6_4": Answers(
        mistakes=(
            ((" - revoked", ""), "somebody revoked it after its use"),
            (('event.action == "warn"', 'event.action == "create API token"'), "no comma belongs to it"),
            (("return used", "return set() and used"), "your answer leaves out"),
            (('event.action == "warn"', 'event.action == "mint-token"'), "expires by itself"),
        ),
        cheat="""
def leftovers(events):
    return set()
""",
        right=("""
import re

def leftovers(events):
    left = set()
    for event in events:
        name = re.search(r"token ([0-9a-f]{8})", event.detail)
        if event.action == "warn":
            left.add(name[1])
        elif event.action == "revoke API token":
            left.discard(name[1])
    return left
""", """
def leftovers(events):
    def names(action):
        return [event.detail.split("token ")[1][:8] for event in events if event.action == action]
    return [name for name in set(names("warn")) if name not in names("revoke API token")]
"""),
    ),
    "q6_3": Answers(
        mistakes=(
            (f"order = {[PA, DA, R, PM, DM, REVOKE]}", "is not known to the index"),
            (f"order = {[R, DA, PA, PM, DM, REVOKE]}", "has nothing to show"),
            (f"order = {[R, PA, PM, REVOKE, DA, DM]}", "sends a revoked token"),
            (f"order = {[R, PA, PM, DA, DM]}", "`revoke` is missing"),
            (f"order = {[R, PA, PM, DA, DA, DM, REVOKE]}", "`drop_auto` is there 2 times"),
            (f"order = {[R, PA, PM, DA, DM, 'revoked']}", "'revoked' is not one of"),
            (f"order = {','.join(MIGRATION)!r}", "Expected a list"),
        ),
        cheat=f"order = {sorted(MIGRATION)}",
        right=good_orders(),
    ),
    "q6_6": Answers(
        mistakes=(
            (f"order_2 = {[SWITCH, NEW, TAGS, REMOVE]}", "After step 1, `switch`"),
            (f"order_2 = {[NEW, TAGS, SWITCH, REMOVE]}", "is not allowed to start"),
            (f"order_2 = {[NEW, REMOVE, SWITCH, TAGS]}", "After step 2, `remove_old`"),
            (f"order_2 = {[NEW, SWITCH, TAGS]}", "`remove_old` is missing"),
        ),
        cheat=f"order_2 = {sorted(HARDENING)}",
        right=(f"order_2 = {[NEW, SWITCH, REMOVE, TAGS]}", f"order_2 = {(NEW, SWITCH, TAGS, REMOVE)}"),
    ),
}  # fmt: skip
