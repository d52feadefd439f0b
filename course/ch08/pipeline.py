"""A release pipeline with ten defenses to switch on, and an honest release through it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from course.ch08.clients import Policy, ask, attest, install, mint, upload, wheel
from helpers.lab import INDEX_URL, PUBLISHER, Lab
from helpers.machine.steps import StepMachine, Stopped
from helpers.provider.jobs import GitHubJob
from helpers.provider.repository import Environment, NotStarted

BUILDER, SETUP = "build(here)", "pass"
"""The build dependency and the set-up action, each as short as can be."""
UPLOAD_SECONDS = 20
PYPI_TOKEN = "PYPI_TOKEN"  # the secret's name, not a secret


@dataclass(frozen=True)
class Pipeline:
    """How octo-rocket is released. Each field is a defense; by default there is none.

    Pipeline.of("TE") has Trusted Publishing and an environment, by the letters of LETTERS.
    """

    revoked: bool = False  # R  stored API tokens that no job uses are revoked
    trusted_publisher: bool = False  # T  the index trusts the workflow; no job uses a stored token
    environment: bool = False  # E  the trusted publisher names the environment
    rules: bool = False  # P  the environment has rules: tags only, and Bob approves
    separate_publish: bool = False  # S  a job of its own publishes; it gets dist/ and nothing else
    locked_build: bool = False  # H  the build dependency is fetched by hash, never from the cache
    pinned_actions: bool = False  # C  actions are fetched by commit
    digest: bool = False  # D  the publish job compares dist/ with the build job's digest
    burn: bool = False  # B  the minted API token is burned after the upload
    attested: bool = False  # V  releases carry attestations, and installers check them

    @classmethod
    def of(cls, letters: str) -> "Pipeline":
        """Return the pipeline with these defenses, by letter."""
        return cls(**{LETTERS[letter]: True for letter in letters})


LETTERS = {
    "R": "revoked", "T": "trusted_publisher", "E": "environment", "P": "rules",
    "S": "separate_publish", "H": "locked_build", "C": "pinned_actions", "D": "digest",
    "B": "burn", "V": "attested",
}  # fmt: skip


class Shelf:
    """Things that are fetched by name: packages on an index, an action at its tag.

    A name can be moved to another thing. A digest cannot.
    """

    def __init__(self) -> None:
        self._things: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def put(self, name: str, steps: str) -> str:
        """Let a name stand for these steps from now on, and return their SHA-256."""
        digest = hashlib.sha256(steps.encode()).hexdigest()
        self._things[digest], self._names[name] = steps, digest
        return digest

    def get(self, name: str, digest: str = "") -> str:
        """Return what a name stands for now, or the very thing that has the digest."""
        return self._things[digest or self._names[name]]


class Project:
    """octo-rocket, its pipeline and its users, in a lab.

    What an attacker may be able to change is public: `repository` (secrets, cache, machines),
    `shelf` (the build dependency and the action), `source`, `tests`, `title` (of a pull request
    that the release notes mention) and `log_readers`. `malware` is what happens when a step calls
    `mallory`.
    """

    def __init__(self, lab: Lab, pipeline: Pipeline, policy: Policy | None = None) -> None:
        self.lab, self.pipeline, self.policy = lab, pipeline, policy
        self.repository, self.shelf = lab.github.repository("octo-org/rocket"), Shelf()
        self.source, self.tests, self.title, self.minor = "lift-off", "pass", "", -1
        self.lock = self.shelf.put("rocket-builder", BUILDER)
        self.pin = self.shelf.put("setup@v1", SETUP)
        self.malware: Callable[[StepMachine], None] | None = None
        self.malware_ran = False
        self.log_readers: list[Callable[[str], None]] = []
        self.id_tokens: list[str] = []
        self.programs: dict[str, Callable[[StepMachine], None]] = {
            "build": self.build, "hand_over": self.hand_over, "sign": self.sign,
            "publish": self.publish, "mallory": self.run_malware,
        }  # fmt: skip
        self._set_up_index()
        self._set_up_repository()
        self.release()  # 1.0, long ago

    def _set_up_index(self) -> None:
        p, index = self.pipeline, self.lab.index
        index.add_project("octo-radar", owner="alice")  # her other project
        index.remove_publisher("octo-rocket", PUBLISHER)
        if p.trusted_publisher:
            publisher = replace(PUBLISHER, environment="pypi" if p.environment else "")
            index.add_publisher("octo-rocket", publisher)
        self.old_token = index.create_api_token("alice")
        self.token = index.create_api_token("alice")  # what CI uses, or has used
        if p.revoked:
            index.revoke_api_token(self.old_token)
        if p.revoked and p.trusted_publisher:
            index.revoke_api_token(self.token)

    def _set_up_repository(self) -> None:
        if self.pipeline.rules:
            self.repository.environments["pypi"] = Environment(
                refs=["refs/tags/v*"],
                reviewer="bob",
                prevent_self_review=True,
                secrets={PYPI_TOKEN: self.token},
            )
        else:  # also after the move to Trusted Publishing: nobody deleted it
            self.repository.secrets[PYPI_TOKEN] = self.token

    # -- the workflow, release.yml -----------------------------------------------------------------

    def release(self) -> None:
        """Release the next version: Alice tags it. Raises Stopped if a job fails."""
        p = self.pipeline
        self.minor += 1
        job = GitHubJob(ref=f"refs/tags/v1.{self.minor}", id_token=p.trusted_publisher)
        here = self.building(job)
        if self.title:
            here.shell('echo "In this release: ${{ title }}"', title=self.title)
            here.run("if (here.folder / 'mallory').exists(): mallory(here)")
        here.run(self.builder())
        if p.separate_publish:
            here = self.publishing(job, here)
        else:
            here.run(self.tests)
        if p.attested:
            here.run("sign(here)")
        stored = {} if p.trusted_publisher else {"UV_PUBLISH_TOKEN": here.secrets[PYPI_TOKEN]}
        here.run("publish(here)", **stored)
        here.close()

    def try_out(self, event: str) -> None:
        """Build somebody's pull request, to see whether it builds. The publish step is skipped."""
        permitted = self.pipeline.trusted_publisher
        here = self.building(GitHubJob(event_name=event, actor="mallory", id_token=permitted))
        here.run(BUILDER + "\nmallory(here)")  # what is built is hers, so building runs her code
        here.close()

    def building(self, job: GitHubJob) -> StepMachine:
        """Return the machine that builds: the release's own, or one without the permission."""
        if self.pipeline.separate_publish:
            job = replace(job, environment="", id_token=False)
        return self.with_uv(self.start(job))

    def publishing(self, job: GitHubJob, build: StepMachine) -> StepMachine:
        """Return the machine that publishes, with dist/. A job in between runs the tests."""
        build.run("hand_over(here)")
        artifacts = build.artifacts
        digest = digest_of(artifacts["dist"])
        build.close()
        tests = self.start(replace(job, environment="", id_token=False))
        tests.artifacts = artifacts
        tests.run(self.tests)
        tests.close()
        here = self.with_uv(self.start(job))
        if self.pipeline.digest and digest_of(artifacts["dist"]) != digest:
            raise Stopped("the digest of dist/ is not the one that the build job handed over")
        for name, content in artifacts["dist"].items():
            (here.dist / name).write_bytes(content)
        return here

    def with_uv(self, here: StepMachine) -> StepMachine:
        """Run the first step of every job that uses uv: an action, at its tag or by commit."""
        here.run(self.shelf.get("setup@v1", self.pin if self.pipeline.pinned_actions else ""))
        return here

    def builder(self) -> str:
        """Return the build dependency: by its hash, or from the cache, or else the newest."""
        if self.pipeline.locked_build:
            return self.shelf.get("rocket-builder", self.lock)
        return self.repository.cache.get("rocket-builder") or self.shelf.get("rocket-builder")

    def start(self, job: GitHubJob, mentions: Iterable[str] | None = None) -> StepMachine:
        """Return a machine for a job, with the secrets that its workflow mentions.

        Bob approves what Alice has announced, and nothing else. Raises Stopped if the rules of its
        environment do not let the job start: then there is neither a machine nor a request token.
        """
        if mentions is None:
            needed = job.environment and not self.pipeline.trusted_publisher
            mentions = (PYPI_TOKEN,) if needed else ()
        github = self.lab.github
        repository = github.repository(job.repository, job.repository_id)
        if repository.profile:
            job = replace(job, runner_environment="self-hosted")
        try:
            approved_by = "bob" if job.actor == "alice" else ""
            environment = github.job_environment(job, approved_by=approved_by)
        except NotStarted as reason:
            raise Stopped(str(reason)) from None
        known = repository.secrets_for(job)
        secrets = {name: known[name] for name in mentions if name in known}
        here = StepMachine(job, environment, secrets, self.programs)
        if repository.profile:
            here.run(repository.profile)
        return here

    # -- the programs that its steps call ----------------------------------------------------------

    def build(self, here: StepMachine) -> None:
        """Put a wheel into dist/."""
        name, content = wheel("octo-rocket", f"1.{self.minor}", self.source)
        (here.dist / name).write_bytes(content)

    def hand_over(self, here: StepMachine) -> None:
        """Upload dist/ as an artifact of the run."""
        here.artifacts["dist"] = {file.name: file.read_bytes() for file in here.dist.iterdir()}

    def sign(self, here: StepMachine) -> None:
        """Put an attestation beside each wheel, as the publish action does."""
        for file in sorted(here.dist.glob("*.whl")):
            id_token = ask(self.lab, here.environment, "sigstore")
            attestation = attest(self.lab, id_token, file.name, file.read_bytes())
            Path(f"{file}.publish.attestation").write_text(attestation)

    def publish(self, here: StepMachine) -> None:
        """Do what uv does: exchange, upload, burn. Somebody has left its debug log on."""
        token = here.environment.get("UV_PUBLISH_TOKEN")
        minted = token is None
        if token is None:
            self.id_tokens.append(ask(self.lab, here.environment, "pypi"))
            token = mint(self.lab, self.id_tokens[-1])
        for read in self.log_readers:
            read(token)
        for file in sorted(here.dist.glob("*.whl")):
            beside = Path(f"{file}.publish.attestation")
            attestation = beside.read_text() if beside.exists() else ""
            upload(self.lab, token, file.name, file.read_bytes(), attestation)
        self.lab.clock.advance(seconds=UPLOAD_SECONDS)
        if minted and self.pipeline.burn:
            self.lab.http.post(f"{INDEX_URL}/_/oidc/burn-token", json={"token": token})

    def run_malware(self, here: StepMachine) -> None:
        """Run Mallory's code."""
        self.malware_ran = True
        if self.malware:
            self.malware(here)

    # -- its users ---------------------------------------------------------------------------------

    def install(self, name: str = "octo-rocket") -> str:
        """Return what a user sees who installs one of Alice's projects and starts it."""
        return install(self.lab, name, attested=self.pipeline.attested, policy=self.policy)


def digest_of(files: dict[str, bytes]) -> str:
    """Return one SHA-256 for the names and contents of some files."""
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
