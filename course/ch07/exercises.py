"""The exercises of chapter 07, who built this file."""

import base64
import hashlib
import json
from dataclasses import FrozenInstanceError, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from course.attestations import KEY, attest, statement, verdict
from course.ch07.reading import extension
from course.exercise import Wrong, exercise, prediction, show
from helpers.lab import FULCIO_URL, Lab
from helpers.provider.jobs import GitHubJob
from helpers.signing.keys import b64, derive_key

SETUP = """
import base64, hashlib, json
from dataclasses import replace
from cryptography import x509
from course.ch07.reading import extension
from helpers.provider.jobs import GitHubJob
"""

# ---------------------------------------------------------------- 7.1: who gets a certificate?


_CERTIFIED = {
    "Alice's release job, with an ID token for sigstore": (
        True,
        "It is the honest case. What could the authority have against it?",
    ),
    "the same ID token, shown a second time": (
        True,
        "The index remembers the `jti` of a token. What does part 2 say about the authority?",
    ),
    "Alice's release job, with an ID token for pypi": (
        False,
        "Which service accepts a token that says `aud: pypi`?",
    ),
    "a job in Mallory's repository, with an ID token for sigstore": (
        True,
        "Does the authority decide who is good, or does it write down who asked?",
    ),
    "Alice's ID token, six minutes old": (
        False,
        "How long is an ID token valid, and how many seconds more does the authority allow?",
    ),
    "Alice's ID token, stolen, with Mallory's key in a request that Mallory signs": (
        True,
        "The token does not name a key. What ties it to Alice's machine?",
    ),
    "Alice's ID token, with Alice's public key in a request that Mallory signs": (
        False,
        "What does the signature on the request prove?",
    ),
}


@prediction(
    "Who gets a certificate?",
    "certified",
    _CERTIFIED,
    hints=(
        "The authority checks the token's signature, audience and age, and the signature on the "
        "request.",
        "It does not ask whether the job is a good one. It writes down which job it was.",
    ),
    right="A certificate says who asked. Whether to trust them is the verifier's decision.",
    minutes=5,
)
def q7_1():
    with Lab() as lab:
        alice = GitHubJob()
        good = lab.github.id_token(alice, audience="sigstore")
        for_index = lab.github.id_token(alice, audience="pypi")
        mallory = lab.github.id_token(GitHubJob(repository="mallory/rocket"), audience="sigstore")
        mine, forged = _request(derive_key("mallory")), bytearray(_request(KEY))
        forged[-1] ^= 1  # not Alice's signature any more
        tried = [(good, _request(KEY)), (good, _request(KEY)), (for_index, _request(KEY))]
        tried += [(mallory, mine), (good, _request(KEY)), (good, mine), (good, bytes(forged))]
        answers = []
        for number, (token, request) in enumerate(tried):
            old = number == 4
            lab.clock.advance(minutes=6 if old else 0)
            answers.append(_is_certified(lab, token, request))
            lab.clock.advance(minutes=-6 if old else 0)
    return dict(zip(_CERTIFIED, answers, strict=True))


def _request(key) -> bytes:
    """A signing request for a key, as DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _is_certified(lab: Lab, id_token: str, request: bytes) -> bool:
    pem = x509.load_der_x509_csr(request).public_bytes(Encoding.PEM)
    headers = {"Authorization": f"Bearer {id_token}"}
    body = {"certificateSigningRequest": b64(pem)}
    answer = lab.http.post(f"{FULCIO_URL}/api/v2/signingCert", headers=headers, json=body)
    return answer.is_success


# ---------------------------------------------------------------- 7.2: a monitor


def not_ours(bodies: list[bytes], repository: str, known: set[str]) -> list[int]:
    """Return the numbers of the log's entries that name this repository and are not known.

    known: the SHA-256, in hexadecimal, of every statement that the project has signed.
    """
    found = []
    for number, body in enumerate(bodies):
        entry = json.loads(body)
        if entry["kind"] != "dsse":
            continue
        spec = entry["spec"]
        pem = base64.b64decode(spec["signatures"][0]["verifier"])
        leaf = x509.load_pem_x509_certificate(pem)
        if extension(leaf, 12) != f"https://github.com/{repository}":
            continue
        if spec["payloadHash"]["value"] not in known:
            found.append(number)
    return found


@exercise(
    "Signatures that Alice did not make",
    not_ours,
    hints=(
        "Two things in each entry matter: whose certificate it has, and its `payloadHash`.",
        "Decode `verifier` from base64, and read it with `x509.load_pem_x509_certificate`.",
    ),
    right="That is why the log is public: a signature in your name cannot be used in secret.",
    minutes=14,
)
def q7_2(not_ours):
    for repository, other in (
        ("octo-org/rocket", "octo-org/comet"),
        ("octo-org/comet", "a/b-octo-org/comet"),
    ):
        bodies, known, wanted = _watched(repository, other)
        try:
            got = not_ours(list(bodies), repository, set(known))
        except KeyError as error:
            kind = "Which entries have one? Does your function skip the other kinds?"
            if error.args == ("sha256",):
                kind = "The digest is in `payloadHash`, but under which name?"
            raise Wrong(f"Your function raised KeyError for {error}. {kind}") from None
        except ValueError as error:
            if "PEM" not in str(error):
                raise
            text = "`verifier` is base64 of PEM text. Do you decode it first?"
            raise Wrong(f"Your function found no certificate in an entry. {text}") from None
        if not isinstance(got, (list, tuple, set)) or not all(type(n) is int for n in got):
            raise Wrong(f"Expected a list of numbers, but your function returned {show(got)}.")
        right = sorted(number for number, (_, theirs) in wanted.items() if theirs)
        off = min(got) - right[0] if got else 0
        if off and sorted(got) == [number + off for number in right]:
            every = "The first entry has the number 0, and those that you skip are counted too."
            raise Wrong(f"A hidden log: all your numbers are off by {abs(off)}. {every}")
        for number, (what, theirs) in sorted(wanted.items()):
            if (number in got) is not theirs:
                says = "names" if number in got else "does not name"
                raise Wrong(f"A hidden log: your answer {says} entry {number}, and that is {what}.")
        if strange := sorted(set(got) - set(wanted)):
            raise Wrong(f"The hidden log has no entry {strange[0]}. Do you count from 0?")
        if len(got) != len(set(got)):
            raise Wrong(f"Each entry is named once; your function returned {show(got)}.")


def _watched(repository: str, other: str) -> tuple[list[bytes], set[str], dict]:
    """A log, the statements that are known, and for each entry what it is and if it is theirs."""
    with Lab() as lab:
        told = {number: ("a stranger's, of another kind", False) for number in range(6)}
        known, called = set(), f"{repository}/.github/workflows/release.yml@refs/heads/main"

        def sign(signer: str, version: str, what: str, theirs: bool = False, called="") -> str:
            name = f"octo_rocket-{version}-py3-none-any.whl"
            payload = statement(name, hashlib.sha256(version.encode()).hexdigest())
            attest(lab, GitHubJob(repository=signer, called_workflow=called), payload)
            told[len(lab.log.bodies) - 1] = (what, theirs)
            return hashlib.sha256(payload).hexdigest()

        for release in range(len(other) % 3):
            known.add(sign(repository, f"0.{release}", "a release of the project"))
        known.add(sign(repository, "1.0", "a release of the project"))
        sign(other, "1.0.1", "signed by a job of another repository")
        sign(f"{repository}-extra", "1.0.2", f"signed by a job of {repository}-extra")
        what = "signed by a job of someone/else, which calls the project's workflow"
        sign("someone/else", "1.0.3", what, called=called)
        known.add(sign(repository, "1.1", "a release of the project"))
        in_name = "signed in the project's name, over a statement that is not in `known`"
        sign(repository, "6.6", in_name, True)
        sign(repository, "1.0", "one of the project's known statements, signed once more")
        sign(repository, "6.7", in_name, True)
        other_kind = json.dumps({"kind": "hashedrekord", "spec": {}}).encode()
        told[len(lab.log.bodies)] = told[0]
        return [*lab.log.bodies, other_kind], known, told


# ---------------------------------------------------------------- 7.3: the one that passes


def mallorys_job(release: GitHubJob) -> GitHubJob:
    """Return a job that Mallory can start, and whose attestation passes the ten checks."""
    return replace(release, ref="refs/heads/mallory", environment="", actor="mallory")


@exercise(
    "The one that passes",
    mallorys_job,
    hints=(
        "Keep what check 2 expects: provider, repository and workflow file. Which fields are left?",
        "`replace(release, …)` returns a copy with changes. Which ref can she choose herself?",
    ),
    right="All ten checks hold. The attestation names repository and workflow, and both are right.",
    minutes=6,
)
def q7_3(mallorys_job):
    for release in (
        GitHubJob(),
        GitHubJob(repository="octo-org/comet", workflow="ship.yml", ref="refs/tags/v2.0"),
    ):
        try:
            job = mallorys_job(release)
        except FrozenInstanceError:
            text = "`replace(release, …)` returns a copy with changes."
            raise Wrong(
                f"Your function sets a field, but a job cannot be changed. {text}"
            ) from None
        if not isinstance(job, GitHubJob):
            raise Wrong(f"Expected a GitHubJob, but your function returned {show(job)}.")
        if not isinstance(job.environment, str):
            raise Wrong(f'`environment` is {show(job.environment)}. No environment is `""`.')
        for fails, why in _out_of_reach(job, release):
            if fails:
                raise Wrong(why)
        refusal = _refusal(job, release)
        if refusal:
            raise Wrong(f"{refusal} Your job says {show(_changes(job, release), 350)}.")


def _out_of_reach(job: GitHubJob, release: GitHubJob) -> list[tuple[bool, str]]:
    """What Mallory cannot do with a job, and the sentence that says so."""
    theirs = job.repository == release.repository
    same_ids = (job.owner_id, job.repository_id) == (release.owner_id, release.repository_id)
    protected = job.ref == "refs/heads/main" or job.ref.startswith("refs/tags/")
    return [
        (
            theirs and protected,
            f"A job on {job.ref} runs the files there, and Mallory cannot change those. On which "
            "ref can she change the workflow?",
        ),
        (
            not job.ref.startswith("refs/"),
            f"The ref of a job is never {show(job.ref)}. It is written in full: `refs/heads/main`.",
        ),
        (
            job.environment.lower() == "pypi",
            "A job gets into the environment `pypi` only after a review. Which of the ten checks "
            "reads the environment?",
        ),
        (
            theirs and not same_ids,
            "The ids are GitHub's: no job chooses them. Leave those of the release.",
        ),
        (
            not job.may_ask,
            "This job gets no ID token, so there is nothing to show to the authority.",
        ),
    ]


def _refusal(job: GitHubJob, release: GitHubJob) -> str:
    """Why the verifier refuses an attestation by the job; "" if it does not."""
    from pypi_attestations import GitHubPublisher

    sha256 = hashlib.sha256(b"Mallory's wheel").hexdigest()
    wheel = "octo_rocket-1.0-py3-none-any.whl"
    expected = GitHubPublisher(repository=release.repository, workflow=release.workflow)
    with Lab() as lab:
        try:
            made = attest(lab, job, statement(wheel, sha256))
        except ValueError as error:
            return f"The authority gives this job no certificate: {error}."
        if not verdict(lab, made, expected, wheel, sha256):
            return ""
    asked = f"Your function got {release.workflow} of {release.repository}"
    if job.repository != release.repository:
        return f"{asked}. Check 2 refuses your job: whose repository is it?"
    if job.called_workflow and job.workflow != release.workflow:
        return "Check 2 refuses it: extension 18 names the triggered file, not the called one."
    return f"{asked}. Check 2 refuses your job: which file does it name?"


def _changes(job: GitHubJob, release: GitHubJob) -> dict[str, object]:
    """What the job has that the release job has not."""
    return {name: value for name, value in vars(job).items() if value != vars(release)[name]}


# ---------------------------------------------------------------- 7.4: nine forgeries

_STOPPED = {
    "a certificate that she has signed herself, and that names Alice's job": (
        4,
        "The statement is signed with the key in that certificate. Who signed the certificate?",
    ),
    "Alice's attestation with another digest written into the statement": (
        3,
        "The statement is about Mallory's wheel now. Which signature was over the old one?",
    ),
    "Alice's key; the log promises an early time, and she shows Alice's proof": (
        8,
        "The log has signed the time, and the entry is about her statement. Whose proof is it?",
    ),
    "Alice's key, found eleven minutes later": (
        5,
        "Which time does her entry say, and when did the certificate expire?",
    ),
    "Alice's key, and an earlier time written into the log entry": (
        6,
        "The time fits now. Which signature was over the old time?",
    ),
    "Alice's key, and the log entry of Alice's own signature": (
        7,
        "The log has signed the time of this entry. Which signature is the entry about?",
    ),
    "a job of her own repository, with a workflow of the same name": (
        2,
        "Every signature in this one is genuine. Which job does the certificate name?",
    ),
    "Alice's key; the log promises an early time, and she builds her own tree": (
        9,
        "Her proof leads to the root of her own tree. Who has signed this root?",
    ),
    "the authority's stolen key, and no receipt from a certificate log": (
        10,
        "The certificate is signed with the right key. Which log should have seen it?",
    ),
}


@prediction(
    "Which check stops it?",
    "stopped_by",
    _STOPPED,
    choices=(2, 3, 4, 5, 6, 7, 8, 9, 10),
    hints=(
        "For each line, go through the table of checks from the top. Which is the first to fail?",
        "Ask for each line which key has signed the part that Mallory has made or replaced.",
    ),
    right="Each check stops something that all the checks before it let through.",
    minutes=9,
)
def q7_4():
    return None  # the chapter tries it in the next cell, with checks that it wrote itself


# ---------------------------------------------------------------- 7.5: what it proves


@prediction(
    "What does it prove?",
    "proved",
    {
        "This is the file whose digest was signed with the certificate's key.": (
            True,
            "Check 1 compares the digest, and check 3 the signature over it.",
        ),
        "GitHub gave an ID token to a job of `release.yml` in `octo-org/rocket`.": (
            True,
            "Where did the authority get the workflow that is in the certificate?",
        ),
        "The file was signed in that job.": (
            False,
            "A thief of the job's ID token gets a certificate too. What does it say, and for "
            "which key?",
        ),
        "The job ran on `main`, in the environment `pypi`.": (
            False,
            "The certificate names the branch and the environment. Which check compares them?",
        ),
        "The file was built from the commit in the certificate.": (
            False,
            "A job can sign any file. Who says that it has built this one, and from what?",
        ),
        "`octo-org` belongs to the same people as last year.": (
            False,
            "An account can be deleted and registered again. Which extension would tell?",
        ),
        "The log received the signature in the ten minutes of the certificate.": (
            True,
            "Checks 5 and 6 look at the time. Whose time is it?",
        ),
        "`pip install` would have refused the file without it.": (
            False,
            "Has pip asked for provenance anywhere in this chapter?",
        ),
        "The file does no harm.": (
            False,
            "Mallory's own attestation from exercise 7.3 passes. What is in her wheel?",
        ),
    },
    hints=(
        "A fact is proved only if one of the ten checks would fail without it.",
        "Three of the nine are proved.",
    ),
    right="An attestation says whose ID token was used. Whether the file is good is your question.",
    minutes=6,
)
def q7_5():
    return None  # facts about what the checks leave out: there is nothing to try
