"""Known mistakes, cheats and other right answers for the exercises of chapter 05."""

from learner import Answers

FORM = 'form = dict(owner="octo-org", owner_id="65", repository="telescope", workflow="ship.yml", environment="production")'


def lines(name: str, *values: object) -> str:
    """The answer to a prediction: the chapter's lines with these values."""
    from course.ch05 import exercises

    rows = exercises.KNOCKING if name == "gets_in" else exercises.REACH
    return f"{name} = {dict(zip(rows, values, strict=True))}"


ANSWERS = {
    "q5_1": Answers(
        mistakes=(
            (('"ship.yml"', '"Release"'), "name that the file gives itself"),
            (('"production"', '""'), "nightly job can publish"),
            (('"65"', '"81"'), "81 is the repository's id"),
            (('"65"', "65"), "numbers too"),
            (('"telescope"', '"octo-org/telescope"'), "has a slash"),
            (('"production"', '"pypi"'), "expects pypi, and the job says production"),
        ),
        cheat=FORM.replace("telescope", "rocket").replace("production", "pypi"),
        right=(FORM, ('"production"', '"Production"')),
    ),
    "q5_2": Answers(
        mistakes=(
            (('"workflow": workflow', '"workflow": claims["workflow"]'), "name that the file gives itself"),
            (('claims["job_workflow_ref"]', 'claims["workflow_ref"]'), "The triggered workflow calls"),
            ((' or claims["event_name"] == "pull_request_target"', ""), "pull_request_target"),
            (('claims.get("environment", "")', 'claims["environment"]'), "KeyError"),
            (('claims["repository_owner_id"]', 'claims["repository_id"]'), "For `owner_id`, your function returned '74'"),
            ("""
def form_for(claims):
    owner, repository = claims["repository"].split("/")
    if claims["event_name"] == "pull_request_target":
        return None
    file = claims["job_workflow_ref"].rpartition("@")[0].rpartition("/")[2]
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=file, environment=claims.get("environment", ""))
""", "odd@branch.yml"),
            ("""
def form_for(claims):
    owner, repository = claims["repository"].split("/")
    if claims["event_name"] == "pull_request_target":
        return None
    file = claims["job_workflow_ref"].split("/")[4].removesuffix("@refs")
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=file, environment=claims.get("environment", ""))
""", "'publish.yml@669"),
            ("""
def form_for(claims):
    file = claims["job_workflow_ref"]
    for end in ("@" + claims["ref"], "@" + claims["sha"]):
        if file.endswith(end) and claims["event_name"] != "pull_request_target":
            return dict(owner=claims["repository_owner"], owner_id=claims["repository_owner_id"],
                        repository=claims["repository"].split("/")[1],
                        workflow=file.removesuffix(end).rpartition("/")[2],
                        environment=claims.get("environment", ""))
""", "octo-org/ci`. No form lets this job in, but your function returned {'owner'"),
            ("""
def form_for(claims):
    file, ends = claims["job_workflow_ref"], [f"@{claims[name]}" for name in ("ref", "sha")]
    if claims["event_name"] == "pull_request_target" or not file.startswith(claims["repository"]):
        return None
    for end in filter(file.endswith, ends):
        return dict(owner=claims["repository_owner"], owner_id=claims["repository_owner_id"],
                    repository=claims["repository"].split("/")[1],
                    workflow=file.removesuffix(end).rpartition("/")[2],
                    environment=claims.get("environment", ""))
""", "rocket-tools"),
            (('("@" + claims["ref"], "@" + claims["sha"])', '("@" + claims["ref"],)'), "`sha`. Your function returned None"),
            (("        return None\n", "        return {}\n"), "returned {}."),
            (('== "pull_request_target"', 'in ("pull_request_target", "workflow_run", "issue_comment")'),
             "`workflow_run` started this job. Your function returned None"),
            (('== "pull_request_target"', 'in ("pull_request_target", "issue_comment")'),
             "`issue_comment` started this job. Your function returned None"),
            (('claims["event_name"] == "pull_request_target"', 'claims["event_name"].startswith("pull_request")'),
             "`pull_request` started this job. Your function returned None"),
            ("""
def form_for(claims):
    file, folder = claims["job_workflow_ref"], claims["repository"] + "/.github/workflows/"
    if claims["event_name"] == "pull_request_target" or folder not in file:
        return None
    for end in (claims["ref"], claims["sha"]):
        if file.endswith("@" + end):
            return dict(owner=claims["repository_owner"], owner_id=claims["repository_owner_id"],
                        repository=claims["repository"].split("/")[1],
                        workflow=file.removesuffix("@" + end).rpartition("/")[2],
                        environment=claims.get("environment", ""))
""", "The file is in `my-octo-org/rocket`"),
            ("""
def form_for(claims):
    path, owner_and_name = claims["job_workflow_ref"], claims["repository"].split("/")
    if claims["event_name"] == "pull_request_target" or path.split("/")[:2] != owner_and_name:
        return None
    for end in ("@" + claims["ref"], "@" + claims["sha"]):
        if path.endswith(end):
            return dict(owner=owner_and_name[0], owner_id=claims["repository_owner_id"],
                        repository=owner_and_name[1],
                        workflow=path.removesuffix(end).rpartition("/")[2],
                        environment=claims.get("environment", ""))
""", "the folder `.github/actions/`"),
            ("""
def form_for(claims):
    folder, file = claims["repository"] + "/.github/workflows/", claims["job_workflow_ref"]
    if claims["event_name"] == "pull_request_target" or not file.startswith(folder):
        return None
    for end in (claims["ref"], claims["sha"]):
        if file.endswith(end):
            name = file.removeprefix(folder)[: -len(end) - 1]
            return dict(owner=claims["repository_owner"], owner_id=claims["repository_owner_id"],
                        repository=claims["repository"].split("/")[1], workflow=name,
                        environment=claims.get("environment", ""))
""", "ends in `@refs/heads/refs/heads/main`"),
            (("found.endswith(end)", "end in found"), "ends in `@refs/heads/main-2`"),
            ("""
import re
def form_for(claims):
    end = f"(?:{claims['ref']}|{claims['sha']})"
    path = f"{claims['repository']}/.github/workflows/([^/]+)@{end}"
    found = re.fullmatch(path, claims["job_workflow_ref"])
    if not found or claims["event_name"] == "pull_request_target":
        return None
    owner, repository = claims["repository"].split("/")
    return dict(owner=owner, owner_id=claims["repository_owner_id"], repository=repository,
                workflow=found[1], environment=claims.get("environment", ""))
""", "its file is in `acme/an-vil`"),
        ),
        cheat="""
def form_for(claims):
    return dict(owner="octo-org", owner_id="65", repository="rocket", workflow="release.yml", environment="pypi")
""",
        right=("""
import re

def form_for(claims):
    ends = "|".join(re.escape(claims[name]) for name in ("ref", "sha") if claims[name])
    pattern = re.escape(claims["repository"]) + r"/\\.github/workflows/([^/]+)@(?:" + ends + ")"
    match = re.fullmatch(pattern, claims["job_workflow_ref"])
    if match is None or claims["event_name"] == "pull_request_target":
        return None
    owner, repository = claims["repository"].split("/")
    return {"owner": owner, "owner_id": claims["repository_owner_id"], "repository": repository,
            "workflow": match[1], "environment": claims.get("environment") or ""}
""", """
def form_for(claims):
    wanted = [f'{claims["repository"]}/.github/workflows/', f'@{claims["ref"]}']
    path = claims["job_workflow_ref"]
    if claims["event_name"] == "pull_request_target" or not path.startswith(wanted[0]):
        return None
    if not path.endswith(wanted[1]):
        wanted[1] = f'@{claims["sha"]}'
        if not path.endswith(wanted[1]):
            return None
    file = path[len(wanted[0]) : -len(wanted[1])]
    return dict(owner=claims["repository_owner"], owner_id=claims["repository_owner_id"],
                repository=claims["repository"].split("/")[1], workflow=file,
                environment=claims["environment"] if "environment" in claims else "")
"""),
    ),
    "q5_3": Answers(
        mistakes=(
            (lines("gets_in", False, False, True, False, True, False), "What does an empty field"),
            (lines("gets_in", True, True, True, False, True, False), "which one the name"),
            (lines("gets_in", True, False, False, False, True, False), "expect of `ref`"),
            (lines("gets_in", True, False, True, True, True, False), "What else does the publisher"),
            (lines("gets_in", True, False, True, False, False, False), "Which number"),
            (lines("gets_in", True, False, True, False, True, True), "Which repository is named"),
            (lines("gets_in", 1, False, True, False, True, True), "Write True or False"),
        ),
        cheat=lines("gets_in", *[True] * 6),
    ),
    "q5_4": Answers(
        mistakes=(
            (('"uv.toml"', '"uv.conf"'), "Where does uv look for options"),
            (("publish-url", "index-url"), "Which of them says where to upload"),
            ("def leave_behind(folder, url):\n    return f'publish-url = \"{url}\"'", "left nothing in `folder`"),
            (("publish-url", "publish_url"), "unknown field"),
            (("\"{url}\"", "{url}"), "parse error"),
            (("    (folder", "    next((folder / 'dist').iterdir()).unlink()\n    (folder"), "No files found"),
        ),
        cheat="""
def leave_behind(folder, url):
    (folder / "uv.toml").write_text('publish-url = "https://127.0.0.1:1/legacy/"')
""",
        right=("""
def leave_behind(folder, url):
    project = folder / "pyproject.toml"
    project.write_text('[tool.uv]\\npublish-url = "%s"\\n' % url)
""", """
def leave_behind(folder, url):
    with open(folder / "uv.toml", "a") as file:
        print("publish-url =", repr(url), file=file)
"""),
    ),
    "q5_5": Answers(
        mistakes=(
            (lines("works", True, True, True, False, False), "ask for the project's publishers"),
            (lines("works", False, False, True, False, False), "altogether, or for one project"),
            (lines("works", False, True, False, False, False), "Was it ever deleted"),
            (lines("works", False, True, True, True, False), "the deleted publisher or the new one"),
            (lines("works", False, True, True, False, True), "list of projects written"),
        ),
        cheat=lines("works", *[False] * 5),
    ),
}  # fmt: skip
