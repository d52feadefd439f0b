"""Answers to the exercises of chapter 07: mistakes that people make, and other ways to be right."""

from learner import Answers

ANSWERS = {
    "q7_1": Answers(
        mistakes=(
            (
                ('pypi": False', 'pypi": True'),
                "Which service accepts a token",
            ),
            (
                ('a second time": True', 'a second time": False'),
                "remembers the `jti`",
            ),
            (
                ("Mallory's repository, with an ID token for sigstore\": True",
                 "Mallory's repository, with an ID token for sigstore\": False"),
                "who is good",
            ),
            (
                ("that Mallory signs\": True", "that Mallory signs\": False"),
                "does not name a key",
            ),
            (
                ("six minutes old\": False", "six minutes old\": True"),
                "how many seconds more",
            ),
        ),
        cheat="""
certified = {
    "Alice's release job, with an ID token for sigstore": True,
    "the same ID token, shown a second time": False,
    "Alice's release job, with an ID token for pypi": False,
    "a job in Mallory's repository, with an ID token for sigstore": False,
    "Alice's ID token, six minutes old": False,
    "Alice's ID token, stolen, with Mallory's key in a request that Mallory signs": False,
    "Alice's ID token, with Alice's public key in a request that Mallory signs": False,
}
""",
    ),
    "q7_2": Answers(
        mistakes=(
            (
                ('entry["kind"] != "dsse"', 'entry["kind"] == "alpine"'),
                "skip the other kinds",
            ),
            (
                ('["payloadHash"]["value"]', '["payloadHash"]["sha256"]'),
                "under which name",
            ),
            (
                ("        if extension(leaf, 12) != f\"https://github.com/{repository}\":\n            continue\n", ""),
                "signed by a job of another repository",
            ),
            (
                ("if spec[\"payloadHash\"][\"value\"] not in known:", "if True:"),
                "a release of the project",
            ),
            (
                ("for number, body in enumerate(bodies):", "for number, body in enumerate(bodies, 1):"),
                "off by 1",
            ),
            (
                ("return found", "return [*found, len(bodies)]"),
                "The hidden log has no entry",
            ),
            (
                ("return found", "return found + found"),
                "Each entry is named once",
            ),
            (
                ("base64.b64decode(spec[\"signatures\"][0][\"verifier\"])", "spec[\"signatures\"][0][\"verifier\"].encode()"),
                "Do you decode it first?",
            ),
            (
                ("for number, body in enumerate(bodies):",
                 "for number, body in enumerate(b for b in bodies if b'dsse' in b):"),
                "off by 6. The first entry has the number 0, and those that you skip are counted",
            ),
            (
                ('if extension(leaf, 12) != f"https://github.com/{repository}":',
                 'if not extension(leaf, 12).startswith(f"https://github.com/{repository}"):'),
                "signed by a job of octo-org/rocket-extra",
            ),
            (
                ('if extension(leaf, 12) != f"https://github.com/{repository}":',
                 'if not extension(leaf, 9).startswith(f"https://github.com/{repository}/"):'),
                "which calls the project's workflow",
            ),
            (
                ("    return found", "    return [str(number) for number in found]"),
                "Expected a list of numbers",
            ),
        ),
        cheat="""
def not_ours(bodies, repository, known):
    return [9, 11]
""",
        right=(
            """
def not_ours(bodies, repository, known):
    def is_theirs(body):
        entry = json.loads(body)
        if entry.get("kind") != "dsse" or entry["spec"]["payloadHash"]["value"] in known:
            return False
        pems = [base64.b64decode(each["verifier"]) for each in entry["spec"]["signatures"]]
        names = [extension(x509.load_pem_x509_certificate(pem), 12) for pem in pems]
        return "https://github.com/" + repository in names

    return {number for number, body in enumerate(bodies) if is_theirs(body)}
""",
            """
def not_ours(bodies, repository, known):
    found = []
    for number, body in enumerate(bodies):
        try:
            spec = json.loads(body)["spec"]
            leaf = x509.load_pem_x509_certificate(base64.b64decode(spec["signatures"][0]["verifier"]))
        except (KeyError, ValueError):
            continue
        owner, name = extension(leaf, 12).split("/")[-2:]
        if f"{owner}/{name}" == repository and spec["payloadHash"]["value"] not in known:
            found.append(number)
    return tuple(found)
""",
        ),
    ),
    "q7_3": Answers(
        mistakes=(
            (("return replace(release, ref=\"refs/heads/mallory\", environment=\"\", actor=\"mallory\")",
              "return replace(release, environment=\"\", event_name=\"workflow_dispatch\")"), "runs the files there, and Mallory cannot change those"),
            (("environment=\"\", ", ""), "reads the environment"),
            (("ref=\"refs/heads/mallory\"", "ref=\"refs/heads/mallory\", workflow=\"evil.yml\""),
             "which file does it name"),
            (("ref=\"refs/heads/mallory\"", "ref=\"refs/heads/mallory\", repository=\"mallory/rocket\""),
             "got release.yml of octo-org/rocket. Check 2 refuses your job: whose repository"),
            (("ref=\"refs/heads/mallory\"",
              "ref=\"refs/heads/mallory\", workflow=\"evil.yml\", "
              "called_workflow=f\"{release.repository}/.github/workflows/{release.workflow}@refs/heads/main\""),
             "not the called one"),
            (("ref=\"refs/heads/mallory\"", "ref=\"refs/heads/mallory\", from_fork=True"),
             "gets no ID token"),
            (("ref=\"refs/heads/mallory\"", "ref=\"refs/heads/mallory\", owner_id=\"666\""),
             "The ids are GitHub's"),
            (("environment=\"\"", "environment=None"), "No environment is"),
            (("ref=\"refs/heads/mallory\"", "ref=\"mallory\""), "The ref of a job is never 'mallory'"),
            ("def mallorys_job(release):\n    release.ref = 'refs/heads/x'\n    return release\n",
             "returns a copy with changes"),
            ("def mallorys_job(release):\n    return replace(GitHubJob(), ref='refs/heads/x', environment='')\n",
             "'workflow': 'release.yml', 'environment': '', 'ref': 'refs/heads/x'"),
            ("def mallorys_job(release):\n    return vars(release)\n", "Expected a GitHubJob"),
        ),
        cheat="""
def mallorys_job(release):
    return GitHubJob(ref="refs/heads/mallory", environment="")
""",
        right=(
            """
def mallorys_job(release):
    return replace(release, ref="refs/heads/x", environment="", event_name="workflow_dispatch")
""",
            """
def mallorys_job(release):
    return GitHubJob(
        repository=release.repository, workflow=release.workflow, environment="staging",
        ref="refs/pull/7/merge", event_name="pull_request", owner_id=release.owner_id,
        repository_id=release.repository_id,
    )
""",
        ),
    ),
    "q7_4": Answers(
        mistakes=(
            ((": 5,", ": 6,"), "when did the certificate expire"),
            ((": 8,", ": 9,"), "Whose proof is it"),
            ((": 4,", ": 3,"), "Who signed the certificate"),
            ((": 2,", ": 4,"), "Every signature in this one is genuine"),
            ((": 10,", ": 'accepted',"), "for each line"),
        ),
        cheat="""
stopped_by = dict.fromkeys([
    "a certificate that she has signed herself, and that names Alice's job",
    "Alice's attestation with another digest written into the statement",
    "Alice's key; the log promises an early time, and she shows Alice's proof",
    "Alice's key, found eleven minutes later",
    "Alice's key, and an earlier time written into the log entry",
    "Alice's key, and the log entry of Alice's own signature",
    "a job of her own repository, with a workflow of the same name",
    "Alice's key; the log promises an early time, and she builds her own tree",
    "the authority's stolen key, and no receipt from a certificate log",
], 3)
""",
    ),
    "q7_5": Answers(
        mistakes=(
            (("signed in that job.\": False", "signed in that job.\": True"), "A thief of the job's ID token"),
            (("`pypi`.\": False", "`pypi`.\": True"), "names the branch and the environment"),
            (("rocket`.\": True", "rocket`.\": False"), "Where did the authority get the workflow"),
            (("no harm.\": False", "no harm.\": True"), "What is in her wheel"),
        ),
        cheat="""
proved = dict.fromkeys([
    "This is the file whose digest was signed with the certificate's key.",
    "GitHub gave an ID token to a job of `release.yml` in `octo-org/rocket`.",
    "The file was signed in that job.",
    "The job ran on `main`, in the environment `pypi`.",
    "The file was built from the commit in the certificate.",
    "`octo-org` belongs to the same people as last year.",
    "The log received the signature in the ten minutes of the certificate.",
    "`pip install` would have refused the file without it.",
    "The file does no harm.",
], False)
""",
    ),
}  # fmt: skip
