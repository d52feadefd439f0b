"""The attacker: what she does while her code runs in a job, and afterwards."""

import json
from collections.abc import Callable

from course.ch08.clients import ask, attest, certificate_says, mint, upload, wheel
from course.ch08.pipeline import Project
from helpers.machine.steps import StepMachine, Stopped
from helpers.provider.jobs import GitHubJob

VERSIONS = ("6.6.6", "6.7.0", "6.7.1", "6.7.2", "6.7.3")
"""What she publishes: one version at once, and one each time that she tries again."""


class Mallory:
    """Mallory: she holds API tokens, and ways to an ID token for an audience of her choice."""

    def __init__(self, project: Project) -> None:
        self.project, self.lab = project, project.lab
        self.api_tokens: list[str] = []
        self.identities: list[Callable[[str], str]] = []
        self.signed: dict[str, str] = {}
        self.refusals: list[str] = []
        self.story: list[str] = []

    # -- while her code runs in a job --------------------------------------------------------------

    def read(self, variables: dict[str, str]) -> None:
        """Keep what is of use among these variables: API tokens, and a request token."""
        self.api_tokens += [value for value in variables.values() if value.startswith("pypi-")]
        if "ACTIONS_ID_TOKEN_REQUEST_URL" in variables:
            self.identities.append(lambda audience: ask(self.lab, variables, audience))

    def take(self, here: StepMachine) -> None:
        """Read the step's environment and the memory of the runner's own process."""
        self.read(here.environment)
        self.read(here.secrets)

    def alter(self, here: StepMachine) -> None:
        """Put her own code into every wheel in dist/ and among the artifacts of the run."""
        for file in here.dist.glob("*.whl"):
            file.write_bytes(bad(file.name))
        for files in here.artifacts.values():
            files |= {name: bad(name) for name in files}

    def everything(self, here: StepMachine) -> None:
        """Take what there is, alter what there is, and stay until the job ends."""
        self.take(here)
        self.alter(here)
        here.waiting.append(self.alter)

    def work_in(self, job: GitHubJob, *mentions: str) -> None:
        """Run a job whose steps are hers, and take what it finds."""
        self._try(self._work, job, mentions)

    def keep(self, id_token: str) -> None:
        """Keep an ID token, whatever audience it is for."""
        self.identities.append(lambda audience: id_token)

    # -- afterwards, on her own machine ------------------------------------------------------------

    def publish(self, n: int = 0, project: str = "octo-rocket") -> bool:
        """Try to upload her n-th version, in every way that she has. Return whether one worked."""
        name, content = wheel(project, VERSIONS[n], "boom")
        self.sign(n, project)
        for identity in self.identities:
            self._try(self._mint, identity)
        for attestation in dict.fromkeys((self.signed.get(name, ""), "")):
            for token in reversed(self.api_tokens):  # the youngest first
                if self._try(upload, self.lab, token, name, content, attestation):
                    signed = " with an attestation" if attestation else ""
                    self.story.append(f"she publishes {project} {VERSIONS[n]}{signed}")
                    return True
        return False

    def sign(self, n: int = 0, project: str = "octo-rocket") -> None:
        """Have her n-th version attested in every name that she can use, if installers look at
        attestations. The next one, too: later she may be able to sign nothing."""
        for version in VERSIONS[n : n + 2]:
            name, content = wheel(project, version, "boom")
            if self.project.pipeline.attested and name not in self.signed:
                for identity in self.identities:
                    self._try(self._sign, identity, name, content)

    def _mint(self, identity: Callable[[str], str]) -> None:
        self.api_tokens.append(mint(self.lab, identity("pypi")))
        self.story.append("the index gives her an API token for an ID token")

    def _sign(self, identity: Callable[[str], str], name: str, content: bytes) -> None:
        made, policy = attest(self.lab, identity("sigstore"), name, content), self.project.policy
        if name not in self.signed or not policy or policy(certificate_says(json.loads(made))):
            self.signed[name] = made  # a policy is public: she keeps what it accepts
            self.story.append("the signing authority gives her a certificate for an ID token")

    def _work(self, job: GitHubJob, mentions: tuple[str, ...]) -> None:
        self.take(self.project.start(job, mentions))

    def _try(self, act: Callable[..., None], *arguments: object) -> bool:
        """Return whether an act was let pass. If not, remember what stopped it."""
        try:
            act(*arguments)
        except Stopped as stopped:
            self.refusals.append(str(stopped))
            return False
        return True


def bad(name: str) -> bytes:
    """Return a wheel of octo-rocket with this filename, with Mallory's code in it."""
    return wheel("octo-rocket", name.split("-")[1], "boom")[1]
