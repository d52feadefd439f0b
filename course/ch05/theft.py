"""The publish job of chapter 05, into whose folder somebody has left a file."""

import io
import re
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

from course.desk import exchange
from course.impostor import Impostor
from helpers.lab import Lab, Live
from helpers.machine.runner import Runner
from helpers.provider.jobs import GitHubJob

WHEEL = "octo_rocket-3.0-py3-none-any.whl"


def publish_job(live: Live) -> Runner:
    """Return the machine of a job that publishes one wheel, in `dist/`.

    The lab's machines usually tell uv to read no configuration file. A hosted machine does not, and
    neither does this one. The configuration of its user makes the lab the default index, where a
    hosted machine would have PyPI.
    """
    machine = live.runner(GitHubJob())
    del machine.environment["UV_NO_CONFIG"]
    settings = Path(machine.environment["HOME"], ".config")
    machine.environment |= {"XDG_CONFIG_HOME": str(settings), "APPDATA": str(settings)}
    (settings / "uv").mkdir(parents=True)
    (settings / "uv" / "uv.toml").write_text(f'publish-url = "{live.url}/legacy/"\n')
    (machine.folder / "dist").mkdir()
    (machine.folder / "dist" / WHEEL).write_bytes(small_wheel())
    return machine


def small_wheel() -> bytes:
    """Return the bytes of a wheel of octo-rocket 3.0 that clients accept."""
    data, about = io.BytesIO(), "octo_rocket-3.0.dist-info"
    with zipfile.ZipFile(data, "w") as wheel:
        wheel.writestr("octo_rocket.py", "def launch(): return '3 2 1 lift-off'")
        metadata = "Metadata-Version: 2.1\nName: octo-rocket\nVersion: 3.0\n"
        wheel.writestr(f"{about}/METADATA", metadata)
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", tag)
        wheel.writestr(f"{about}/RECORD", "")
    return data.getvalue()


def read_publish_job(leave_behind: Callable[[Path, str], None]) -> tuple[bool, str]:
    """Run `uv publish` in a folder in which `leave_behind(folder, url)` has left something.

    Returns whether Mallory's server at `url` received an ID token. With it comes the reason for
    which the real index refuses this token (empty if it accepts it), or else what uv did.
    """
    with Lab() as lab, lab.serve() as live, Impostor(live) as mallory:
        machine = publish_job(live)
        leave_behind(machine.folder, mallory.url)
        run = machine.run("uv publish")
        if not mallory.id_tokens:
            return False, "uv published to the index" if run.ok else complaint(run.log)
        return True, exchange(lab, mallory.id_tokens[0])[1]


def complaint(log: str) -> str:
    """Return the line of a log that says what went wrong: the last one about an error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"error|cause|unknown field|.*TOML", line)]
    said = textwrap.shorten((telling or lines or ["nothing"])[-1], 120, placeholder=" …")
    return f"uv said “{said}”"
