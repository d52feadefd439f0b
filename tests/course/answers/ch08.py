"""Known mistakes, cheats and other right answers for the exercises of chapter 08."""

from learner import Answers

ROW = ("none", "T", "TE", "TS", "TH", "TC", "TV")


def row(*values: str) -> str:
    """The answer to exercise 8.2 with these values."""
    return f"row = {dict(zip(ROW, values, strict=True))}"


ANSWERS = {
    "q8_1": Answers(
        mistakes=(
            (("project.old_token", "project.token"), "Has she seen the token that CI uses"),
            (
                ("mallory.api_tokens.append(project.old_token)", "mallory.publish()"),
                "Which list of hers",
            ),
            (
                ('environment="", event_name="schedule"', 'event_name="schedule"'),
                "wants the environment",
            ),
            (
                ('event_name="schedule")', 'event_name="schedule"), "PYPI_TOKEN"'),
                "mention a secret",
            ),
            ((', event_name="schedule"', ""), "has the event `schedule`"),
            (
                ("project.malware = mallory.everything", "project.malware = mallory.alter"),
                "before anything is built",
            ),
            (('"mallory(here)")\n    project.release()', '"mallory(here)")'), "does Alice release"),
            (
                ('project.shelf.put("setup', 'project.pin = project.shelf.put("setup'),
                "changes the pinned commit of an action",
            ),
            (
                ('project.shelf.put("setup', 'project.lock = project.shelf.put("setup'),
                "changes the lock of the build dependency",
            ),
            (
                ('project.shelf.put("setup@v1"', 'project.shelf.put("rocket-builder"'),
                "A hash guards the build",
            ),
        ),
        cheat="""
def old_log(project, mallory):
    mallory.api_tokens.append(project.token)


nightly_job = new_action = old_log
""",
        right=(
            """
def old_log(project, mallory):
    mallory.read({"found": project.old_token})


def nightly_job(project, mallory):
    nightly = GitHubJob(event_name="schedule", environment="", ref="refs/heads/main")
    mallory.work_in(job=nightly)


def new_action(project, mallory):
    project.shelf.put(name="setup@v1", steps="pass; mallory(here)")
    project.malware = mallory.take
    project.release()
""",
            """
def old_log(project, mallory):
    mallory.api_tokens += [project.old_token]
    mallory.publish()


def nightly_job(project, mallory):
    mallory.take(project.start(GitHubJob(environment="", event_name="schedule")))


def new_action(project, mallory):
    def steal(here):
        mallory.read(here.secrets)
        mallory.read(here.environment)

    project.malware = steal
    project.shelf.put("setup@v1", "mallory(here)")
    project.release()
    project.release()
""",
        ),
    ),
    "q8_2": Answers(
        mistakes=(
            (row("once", "6 h", "6 h", "once", "stopped", "6 h", "6 h"), "When does that end"),
            (
                row("no end", "15 min", "6 h", "once", "stopped", "6 h", "6 h"),
                "How long can the job",
            ),
            (
                row("no end", "6 h", "stopped", "once", "stopped", "6 h", "6 h"),
                "is in the environment",
            ),
            (row("no end", "6 h", "6 h", "stopped", "stopped", "6 h", "6 h"), "What can she alter"),
            (row("no end", "6 h", "6 h", "once", "6 h", "6 h", "6 h"), "Where does a locked build"),
            (
                row("no end", "6 h", "6 h", "once", "stopped", "6 h", "stopped"),
                "What else does an ID token buy",
            ),
            (row("no end", "6 h", "6 h", "once", "stopped", "6 hours", "6 h"), "'6 hours'"),
            (row("no end ×2", "6 h", "6 h", "once", "stopped", "6 h", "6 h"), "'no end ×2'"),
        ),
        cheat=row(*["stopped"] * 7),
    ),
    "q8_3": Answers(
        mistakes=(
            ('three = ["burn", "rules", "environment"]', "is “a stored token in an old log”"),
            ('three = ["revoked", "rules", "separate_publish"]', "With P, R, S, "),
            (
                'three = ["revoked", "locked_build", "separate_publish"]',
                "With H, R, S, 10 attacks succeed, and 6 of",
            ),
            ('three = ["R", "S", "B"]', "you could stop is “another job of release.yml"),
            ('three = ["revoked", "separate_publish"]', "three different letters"),
            ('three = ["revoked", "separate_publish", "attested"]', "Choose among"),
            ('three = "revoked"', "in a list"),
        ),
        cheat='three = ["environment", "rules", "revoked"]',
        right=(
            'three = {"C", "S", "R"}',
            'three = ["pinned_actions", "separate_publish", "revoked"]',
            'three = ("environment", "revoked", "separate_publish")',
        ),
    ),
    "q8_4": Answers(
        mistakes=(
            (("mallory.everything", "mallory.alter"), "comes before the build"),
            (
                (
                    'project.title = "Fix a typo $(touch mallory)"',
                    "project.title = 'Fix a typo\"; mallory; \"'",
                ),
                "made no file called `mallory`",
            ),
            (("    project.release()", ""), "Bob has made no release"),
            (("    project.malware = mallory.everything\n", ""), "You have not said what"),
            (
                ('project.title = "Fix a typo $(touch mallory)"', 'project.source = "boom"'),
                "the source of octo-rocket",
            ),
            (
                "def beat_bob(project, mallory):\n    attacks.changed_workflow(project, mallory)\n",
                "starts no job",
            ),
            (
                "def beat_bob(project, mallory):\n    attacks.provider_key(project, mallory)\n",
                "GitHub's signing key",
            ),
            (
                "def beat_bob(project, mallory):\n    attacks.bad_update(project, mallory)\n",
                "the lock of the build",
            ),
            (
                "def beat_bob(project, mallory):\n    attacks.test_dependency(project, mallory)\n",
                "changes the tests",
            ),
            (
                "def beat_bob(project, mallory):\n    attacks.self_hosted(project, mallory)\n",
                "the machine of a job",
            ),
            (
                "def beat_bob(project, mallory):\n"
                "    project.builder = lambda: project.shelf.get('rocket-builder') + '\\nmallory(here)'\n"
                "    project.malware = mallory.everything\n    project.release()\n",
                "the pipeline's own steps",
            ),
        ),
        cheat="def beat_bob(project, mallory):\n    project.release()\n",
        right=(
            "def beat_bob(project, mallory):\n    attacks.script_injection(project, mallory)\n",
            """
def beat_bob(project, mallory):
    project.malware = mallory.take
    project.title = "`echo > mallory`"
    project.release()
""",
        ),
    ),
    "q8_5": Answers(
        mistakes=(
            (
                ('certificate["source repository identifier"] == "74"\n        and ', ""),
                "Which number is not the old one",
            ),
            (
                'def policy(certificate):\n    return certificate["source repository identifier"] == "74"\n',
                "a nightly job and the job",
            ),
            (
                'def policy(certificate):\n    return (certificate["source repository identifier"] == "74"\n'
                '            and "deployment environment" in certificate)\n',
                "What started this job",
            ),
            (
                'def policy(certificate):\n    return (certificate["source repository identifier"] == "74"\n'
                '            and "deployment environment" in certificate and certificate["build trigger"] == "push")\n',
                "On what does a release run",
            ),
            ("def policy(certificate):\n    return True\n", "What does GitHub never reuse"),
            (
                (
                    'certificate["source repository identifier"] == "74"',
                    'certificate["source repository identifier"] != "9003"',
                ),
                "accepts the repository id 9004",
            ),
            (
                (
                    'certificate["source repository identifier"] == "74"',
                    'int(certificate["source repository identifier"]) < 9000',
                ),
                "accepts the repository id 75",
            ),
            (
                (
                    'certificate["source repository ref"].startswith("refs/tags/v")',
                    '"refs/heads" not in certificate["source repository ref"]',
                ),
                "accepts refs/pull/7/merge",
            ),
            (
                'def policy(certificate):\n    return (certificate["source repository identifier"] == "74"\n'
                '            and "@refs/tags/" in certificate["build config"])\n',
                "accepts refs/heads/x@refs/tags/v1",
            ),
            ("def policy(certificate):\n    pass\n", "It returned None"),
            (('.startswith("refs/tags/v")', ' == "refs/tags/v1.1"'), "refuses v2.0"),
            (('"74"', "74"), "v1.1. Which fields does it compare"),
            (
                (
                    'certificate["source repository ref"].startswith("refs/tags/v")',
                    '"tags" in certificate["source repository ref"]',
                ),
                "accepts refs/heads/tags/v6",
            ),
            (
                (
                    'certificate["source repository ref"].startswith("refs/tags/v")',
                    'certificate["source repository ref"].split("/")[-1][0] == "v"',
                ),
                "accepts refs/heads/v6",
            ),
        ),
        cheat='def policy(certificate):\n    return certificate["source repository"].endswith("octo-org/rocket")\n',
        right=(
            'def policy(certificate):\n    return (certificate["source repository identifier"], '
            'certificate["source repository ref"][:10]) == ("74", "refs/tags/")\n',
            """
def policy(certificate):
    if certificate.get("source repository identifier") != "74":
        return False
    kind = certificate.get("source repository ref", "").split("/")[1:2]
    return kind == ["tags"] and certificate.get("build trigger") == "push"
""",
            """
import re

def policy(certificate):
    workflow = r"https://github.com/octo-org/rocket/.github/workflows/release.yml@refs/tags/v[0-9.]+"
    return certificate["source repository identifier"] == "74" and bool(
        re.fullmatch(workflow, certificate["build config"]))
""",
        ),
    ),
}
