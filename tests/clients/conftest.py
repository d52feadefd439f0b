"""What the tests with real clients share: a lab behind HTTPS, and small projects built once by the real uv."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from course.ch00 import setup_check
from helpers.events import Event
from helpers.index.publishers import GitLabPublisher
from helpers.lab import Lab, Live
from helpers.machine.runner import Run, Runner
from helpers.machine.wire import certificate
from helpers.provider.jobs import GitHubJob, GitLabJob, Job

PYPROJECT = """\
[project]
name = "{name}"
version = "1.0.0"
requires-python = ">=3.11"

[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"
"""


def build(
    folder: Path, name: str = "octo-rocket", code: str = "", path: tuple[Path, ...] = ()
) -> Path:
    """A folder with a project, and its wheel and sdist in `dist`."""
    module = folder / "src" / name.replace("-", "_")
    module.mkdir(parents=True)
    (module / "__init__.py").write_text(f"answer = 42\n{code}")
    (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name))
    with Runner({}, "https://127.0.0.1:1", Path("none"), folder, path=path) as runner:
        run = runner.run("uv build --offline")
    assert run.ok, run
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """octo-rocket 1.0.0."""
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory) -> Path:
    """octo-rocket 1.0.0 again, with other bytes in it."""
    return build(tmp_path_factory.mktemp("rebuilt"), code="question = None\n")


@pytest.fixture(scope="session")
def misnamed(tmp_path_factory) -> Path:
    """A project by another name."""
    return build(tmp_path_factory.mktemp("misnamed"), name="octo-racket")


@pytest.fixture(scope="session")
def old_uv() -> Path:
    """The folder with uv 0.9.13."""
    program = setup_check.old_uv()
    if program is None:
        pytest.skip("uv 0.9.13 is not there: set-up (make test) puts it into .venv/uv-0.9.13")
    return program.parent


@pytest.fixture(scope="session")
def built_then(tmp_path_factory, old_uv) -> Path:
    """octo-rocket 1.0.0 as uv 0.9.13 builds it."""
    return build(tmp_path_factory.mktemp("then"), path=(old_uv,))


@pytest.fixture
def foreign_authority(tmp_path) -> Path:
    """The certificate of an authority that the lab's is not."""
    file = tmp_path / "foreign.pem"
    file.write_bytes(certificate()[1])
    return file


@dataclass
class Desk:
    """A lab behind HTTPS, machines for its jobs, and what there is to see afterwards."""

    BOTH = ["octo_rocket-1.0.0-py3-none-any.whl", "octo_rocket-1.0.0.tar.gz"]

    lab: Lab
    live: Live
    folder: Path
    machines: list[Runner] = field(default_factory=list)

    @staticmethod
    def said(run: Run) -> str:
        """A log without the line breaks that a client puts in to fill a line."""
        return " ".join(run.log.split())

    @property
    def url(self) -> str:
        """Where uploads go."""
        return f"{self.live.url}/legacy/"

    @property
    def publish(self) -> str:
        """The command that publishes."""
        return f"uv publish --publish-url {self.url}"

    def machine(self, job: Job | None = None, folder: Path | None = None, **more) -> Runner:
        """A machine for a job, with octo-rocket built on it."""
        self.machines.append(
            self.live.runner(job or GitHubJob(), folder=folder or self.folder, **more)
        )
        return self.machines[-1]

    def run(self, command: str, job: Job | None = None, **more) -> Run:
        """What a command does on a fresh machine for a job."""
        return self.machine(job, **more).run(command)

    def register_gitlab(self) -> GitLabJob:
        """A GitLab job that may publish octo-rocket."""
        self.lab.index.add_publisher(
            "octo-rocket", GitLabPublisher(namespace="octo-org", project="rocket")
        )
        return GitLabJob()

    def mint(self) -> str:
        """An API token, minted without any client."""
        body = {"token": self.lab.github.id_token(GitHubJob())}
        return str(
            self.lab.http.post("https://pypi.test/_/oidc/mint-token", json=body).json()["token"]
        )

    def asked(self, client: str = "uv") -> list[str]:
        """What a client asked of the index, in order; refused things with a mark."""
        events = [event for event in self.lab.index.events if event.client == client]
        return [event.action + ("" if event.ok else " ✗") for event in events]

    def last(self, action: str) -> Event:
        """The last event of a kind."""
        return [event for event in self.lab.events if event.action == action][-1]

    @property
    def files(self) -> list[str]:
        """What octo-rocket consists of on the index."""
        return sorted(file.filename for file in self.lab.index.projects["octo-rocket"].files)


@pytest.fixture
def desk(built):
    with Lab() as lab, lab.serve() as live:
        yield Desk(lab, live, built)


@pytest.fixture
def interfere(desk) -> Callable[[str, str], list[str]]:
    """Let the index answer requests for paths that end in something with a status of our choice; returns who asked."""

    def answer_instead(ending: str, status: str) -> list[str]:
        index, seen = desk.lab.index_app, []

        def app(environ, start_response):
            if not environ["PATH_INFO"].endswith(ending):
                return index(environ, start_response)
            seen.append(environ["HTTP_USER_AGENT"].partition("/")[0])
            start_response(status, [("Content-Length", "0")])
            return []

        desk.lab.index_app = app
        return seen

    return answer_instead
