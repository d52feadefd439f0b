"""What the hardened state needs on the lab: its build backend, and its jobs on GitLab."""

import hashlib
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from course.ch06.rocket import ROCKET, check_out
from course.desk import upload
from helpers.lab import Lab, Live
from helpers.machine.runner import Run
from helpers.provider.jobs import GitLabJob

BACKEND = "rocket_build-1.0-py3-none-any.whl"


def backend_wheel() -> bytes:
    """Return the wheel of the build backend, the same bytes on every machine."""
    about, data = "rocket_build-1.0.dist-info", io.BytesIO()
    files = {
        "rocket_build.py": (ROCKET.parent / "rocket_build.py").read_text(encoding="utf-8"),
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


def run_gitlab(live: Live, file: Path, job: GitLabJob) -> list[Run]:
    """Run the jobs `build` and `publish` of a GitLab CI file on octo-rocket, until one fails.

    job: the one that publishes, as GitLab sees it. The lab hands over `dist/` and the variables of
    `digests.env`, as the artifacts of the file say.
    """
    said: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    scripts = {
        name: ["bash", "-e", "-c", "\n".join(said[name]["script"])] for name in said["stages"]
    }
    build, publish = live.runner(replace(job, environment="", id_tokens={})), live.runner(job)
    check_out(ROCKET / "hardened", build)
    built = build.run(scripts["build"])
    if not built.ok:
        return [built]
    shutil.copytree(build.folder / "dist", publish.folder / "dist")
    handed = (build.folder / "digests.env").read_text("utf-8").splitlines()
    publish.environment |= said["publish"]["variables"] | dict(
        line.split("=", 1) for line in handed
    )
    publish.environment["UV_PUBLISH_URL"] = f"{live.url}/legacy/"
    return [built, publish.run(scripts["publish"])]
