"""The jobs of the hardened workflow, run on the lab: their own commands, from their own file."""

import base64
import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import yaml

from course.desk import upload
from helpers.lab import Lab, Live
from helpers.machine.runner import Run, Runner
from helpers.provider.jobs import GitHubJob, GitLabJob, Job

DATA = Path(__file__).parents[2] / "notebooks" / "data"
BACKEND = "rocket_build-1.0-py3-none-any.whl"


def backend_wheel() -> bytes:
    """Return the wheel of the build backend, the same bytes on every machine."""
    about, data = "rocket_build-1.0.dist-info", io.BytesIO()
    files = {
        "rocket_build.py": (DATA / "rocket_build.py").read_text(encoding="utf-8"),
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: rocket-build\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(data, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name, (2026, 11, 23, 9, 0, 0)), text)
    return data.getvalue()


def publish_backend(lab: Lab) -> str:
    """Put the build backend onto the lab's index, and return its SHA-256 (hexadecimal)."""
    lab.index.add_project("rocket-build", owner="bob")
    upload(lab, lab.index.create_api_token("bob"), BACKEND, backend_wheel())
    return hashlib.sha256(backend_wheel()).hexdigest()


def commands(file: Path, job: str) -> list[str]:
    """Return the `run` commands of a job of a GitHub workflow, or the `script` of a GitLab job."""
    content: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "jobs" in content:
        return [step["run"] for step in content["jobs"][job]["steps"] if "run" in step]
    return list(content[job]["script"])


class Pipeline:
    """The two jobs of a release, each on a machine of its own.

    live: the served lab. folder: the repository. file: the workflow in it. job: the job that
    publishes, as its provider sees it.
    """

    def __init__(self, live: Live, folder: Path, file: str, job: Job) -> None:
        self.file = folder / file
        self.build_machine = live.runner(build_job(job))
        self.publish_machine = live.runner(job)
        self.publish_machine.environment["UV_PUBLISH_URL"] = f"{live.url}/legacy/"
        shutil.copytree(folder, self.build_machine.folder, dirs_exist_ok=True)
        self.digests = ""

    def build(self) -> list[Run]:
        """Run the build job, and hand over `dist/` and its digests, as the two artifact steps do."""
        machine = self.build_machine
        output = machine.folder / "digests.env"  # where the GitLab job writes them, too
        output.touch()
        machine.environment["GITHUB_OUTPUT"] = str(output)
        runs = run_all(machine, commands(self.file, "build"))
        dist = machine.folder / "dist"
        if dist.exists():
            shutil.copytree(dist, self.publish_machine.folder / "dist")
        self.digests = output.read_text().strip().partition("=")[2]
        return runs

    def publish(self) -> list[Run]:
        """Run the publish job on what was handed over."""
        self.publish_machine.environment["DIGESTS"] = self.digests
        return run_all(self.publish_machine, commands(self.file, "publish"))


def build_job(job: Job) -> Job:
    """Return the job that builds: the same run, without an environment and without ID tokens."""
    if isinstance(job, GitLabJob):
        return GitLabJob(ref=job.ref, ref_type=job.ref_type, id_tokens={})
    assert isinstance(job, GitHubJob)
    return GitHubJob(workflow=job.workflow, ref=job.ref, environment="", id_token=False)


def run_all(machine: Runner, lines: list[str]) -> list[Run]:
    """Run commands in bash, one after the other, until one fails."""
    runs = []
    for line in lines:
        runs.append(machine.run(["bash", "-c", line]))
        if not runs[-1].ok:
            break
    return runs


def decode_digests(digests: str) -> str:
    """Return the list of SHA-256 digests that the build job hands over, in the form of sha256sum."""
    return base64.b64decode(digests).decode()
