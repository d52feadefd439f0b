"""The machine a job runs on: an environment built from nothing, a masked log, and that nothing survives a job."""

import base64
import gc
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from helpers.events import EventLog
from helpers.index.publishers import ISSUERS
from helpers.machine import runner as module
from helpers.machine.runner import MASK, Runner
from helpers.provider.issuer import Issuer
from helpers.provider.jobs import ActiveStateJob, GitHubJob, GitLabJob, GoogleJob

SECRET = "octo-secret-0123456789-abcdef"
posix = pytest.mark.skipif(os.name != "posix", reason="sessions and scripts are a matter of POSIX")


def machine(job=None, **more) -> Runner:
    """A runner without a lab behind it: a job's variables, and an index that nobody asks."""
    url = ISSUERS[job.provider] if job else ""
    variables = Issuer(url, job.provider, EventLog()).job_environment(job) if job else {}
    return Runner(variables, "https://127.0.0.1:1", Path("ca.pem"), **more)


@pytest.fixture
def runner():
    with machine(GitHubJob(), secrets={"DEPLOY_KEY": SECRET}) as runner:
        yield runner


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def environment(runner: Runner) -> dict[str, str]:
    """What a program finds in its environment, told by a program."""
    run = runner.run(python("import json, os; print(json.dumps(dict(os.environ)))"))
    assert run.ok, run
    return json.loads(run.log)


# -- the environment --------------------------------------------------------------------------------------------------

HOSTILE = """
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_CONFIG_FILE PIP_PROXY PIP_CERT PIP_TARGET PIP_CONSTRAINT
    UV_INDEX UV_INDEX_URL UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_PUBLISH_TOKEN UV_PUBLISH_USERNAME UV_PUBLISH_PASSWORD
    UV_PUBLISH_URL UV_TRUSTED_PUBLISHING UV_KEYRING_PROVIDER UV_OFFLINE UV_CONFIG_FILE UV_INSECURE_HOST UV_PROJECT
    TWINE_USERNAME TWINE_PASSWORD TWINE_REPOSITORY TWINE_REPOSITORY_URL TWINE_CERT
    GITHUB_ACTIONS GITHUB_TOKEN GITHUB_REPOSITORY ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN
    GITLAB_CI PYPI_ID_TOKEN CI CIRCLECI BUILDKITE GOOGLE_APPLICATION_CREDENTIALS ACTIVESTATE_API_KEY
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSLKEYLOGFILE NETRC
    PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS PYTHONBREAKPOINT PYTHONUSERBASE VIRTUAL_ENV
    GIT_DIR GIT_SSH_COMMAND GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS
    HOME USERPROFILE XDG_CONFIG_HOME LANG LC_ALL LD_PRELOAD BASH_ENV PYPI_TOKEN AWS_SECRET_ACCESS_KEY
""".split()


def test_nothing_is_inherited_from_the_machine_the_lab_runs_on(monkeypatch):
    for name in HOSTILE:
        monkeypatch.setenv(name, "hostile")
    with machine() as runner:
        found = environment(runner)
    assert [name for name, value in found.items() if "hostile" in value] == []
    # What no client is told to use is not there at all.
    told = set(module._clients("", Path(), Path())) | {
        "PATH",
        "RUNNER_TRACKING_ID",
        "LC_CTYPE",
        *module._INHERITED,
    }
    assert set(found) <= told


def test_a_program_put_in_front_of_the_path_outside_is_not_the_one_that_runs(monkeypatch, tmp_path):
    impostor = tmp_path / "uv"
    impostor.write_text("#!/bin/sh\necho impostor\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with machine() as runner:
        assert runner.run("uv --version").log.startswith("uv ")


@posix
def test_programs_in_a_folder_given_to_the_runner_come_first(tmp_path):
    older = tmp_path / "uv"
    older.write_text("#!/bin/sh\necho older\n")
    older.chmod(0o755)
    with machine(path=(tmp_path,)) as runner:
        assert runner.run("uv --version").log == "older\n"


def test_a_github_job_with_the_permission_finds_the_way_to_its_id_token():
    with machine(GitHubJob()) as runner:
        found = environment(runner)
    assert (found["CI"], found["GITHUB_ACTIONS"], found["GITHUB_REPOSITORY"]) == (
        "true",
        "true",
        "octo-org/rocket",
    )
    assert "?" in found["ACTIONS_ID_TOKEN_REQUEST_URL"]
    assert (
        found["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] == MASK
    )  # it is there; only the log does not show it


@pytest.mark.parametrize(
    "job",
    [
        GitHubJob(id_token=False),
        GitHubJob(from_fork=True),
        GitHubJob(id_token=True, from_fork=True),
    ],
)
def test_without_the_permission_and_in_pull_requests_from_forks_neither_variable_exists(job):
    with machine(job) as runner:
        found = environment(runner)
    assert found["GITHUB_ACTIONS"] == "true"
    assert [name for name in found if "ID_TOKEN" in name] == []


def test_a_gitlab_job_finds_the_id_tokens_its_pipeline_file_asks_for():
    with machine(
        GitLabJob(id_tokens={"PYPI_ID_TOKEN": "pypi", "VAULT_ID_TOKEN": "vault"})
    ) as runner:
        found = environment(runner)
    assert found["GITLAB_CI"] == "true" and "GITHUB_ACTIONS" not in found
    assert found["PYPI_ID_TOKEN"] == found["VAULT_ID_TOKEN"] == MASK
    with machine(GitLabJob(id_tokens={})) as runner:
        assert [name for name in environment(runner) if "ID_TOKEN" in name] == []


@pytest.mark.parametrize("job", [GoogleJob(), ActiveStateJob()])
def test_the_other_providers_put_nothing_into_the_environment(job):
    with machine(job) as runner, machine() as bare:
        assert set(environment(runner)) == set(environment(bare))


def test_a_secret_of_the_job_is_a_variable_of_that_name(runner):
    assert (
        runner.run(python("import os; print(len(os.environ['DEPLOY_KEY']))")).log
        == f"{len(SECRET)}\n"
    )


def test_every_client_is_pointed_at_the_labs_index_and_its_certificate_authority():
    with Runner({}, "https://127.0.0.1:1", Path("ca.pem")) as runner:
        ours = runner.environment
    assert ours["PIP_INDEX_URL"] == ours["UV_DEFAULT_INDEX"] == "https://127.0.0.1:1/simple/"
    # pip prefers REQUESTS_CA_BUNDLE to its own variable: both have to be set.
    assert {ours[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")} == {
        "ca.pem"
    }
    assert ours["PIP_CONFIG_FILE"] == ours["GIT_CONFIG_GLOBAL"] == os.devnull
    assert ours["UV_NO_CONFIG"] == "1"


def test_each_machine_has_a_home_of_its_own_and_it_goes_with_the_machine(runner):
    with machine() as other:
        homes = [each.run(python("import os; open(os.path.expanduser('~/x'), 'w'); print(os.getcwd() == os.environ['HOME'])")) for
                 each in (runner, other)]  # fmt: skip
        assert [home.log for home in homes] == ["True\n", "True\n"]
        folder = other.folder
        assert folder != runner.folder and (folder / "x").exists()
    assert not folder.exists() and runner.folder.exists()


def test_the_home_of_a_machine_that_nobody_has_closed_goes_too():
    folder = machine().folder
    gc.collect()
    assert not folder.exists()


def test_a_folder_that_was_given_is_worked_in_and_stays(tmp_path):
    with machine(folder=tmp_path) as runner:
        runner.run(python("open('made', 'w')"))
        assert runner.environment["HOME"] != str(tmp_path)
    assert (tmp_path / "made").exists()


# -- running ----------------------------------------------------------------------------------------------------------


def test_a_text_is_split_as_a_shell_would_and_no_shell_sees_it(runner):
    show = "import sys; print(sys.argv[1:])"
    run = runner.run(f"python -c {shlex.quote(show)} 'two words' $HOME *.toml ';' '&&' `id`")
    assert run.log == "['two words', '$HOME', '*.toml', ';', '&&', '`id`']\n"


def test_words_are_taken_as_they_are(runner):
    assert runner.run(python("import sys; print(sys.argv[1])", "it's $1")).log == "it's $1\n"


def test_the_exit_code_is_the_programs(runner):
    failed, passed = runner.run(python("raise SystemExit(3)")), runner.run(python(""))
    assert (failed.exit_code, failed.ok, passed.exit_code, passed.ok) == (3, False, 0, True)


def test_both_outputs_go_into_the_log_in_the_order_in_which_they_came(runner):
    code = "import sys\nfor n in range(3): print(n, flush=True); print('e', n, file=sys.stderr, flush=True)"
    assert runner.run(python(code)).log == "0\ne 0\n1\ne 1\n2\ne 2\n"


def test_calling_the_machine_runs_a_command(runner):
    assert runner(python("print('hi')")).log == "hi\n"


def test_a_run_displays_its_command_its_log_and_its_end(runner):
    run = runner.run("python -c 'print(1)'")
    assert repr(run) == "$ python -c 'print(1)'\n1\n[exit code 0]"


@pytest.mark.parametrize(
    "command",
    ["no-such-program --token x", ["no-such-program"], "./no-such-script", "/no/such/program"],
)
def test_a_program_that_is_not_there_is_127_as_in_a_shell(command, runner):
    run = runner.run(command)
    assert run.exit_code == 127 and run.log.endswith(": command not found\n") and not run.ok


def test_a_secret_in_the_name_of_a_program_that_is_not_there_is_masked(runner):
    run = runner.run([f"./{SECRET}", SECRET])
    assert SECRET not in repr(run)


@pytest.mark.parametrize("command", ["", "  ", []])
def test_no_command_at_all_is_a_mistake_that_is_named(command, runner):
    with pytest.raises(ValueError, match="expected a command, got none"):
        runner.run(command)


@posix
def test_a_script_in_the_working_folder_can_be_run_by_its_path(runner):
    script = runner.folder / "release"
    script.write_text("#!/bin/sh\necho released from ${PWD##*/}\n")
    script.chmod(0o755)
    assert runner.run("./release").log == f"released from {runner.folder.name}\n"


def test_there_is_no_standard_input(runner):
    reading, writing = os.pipe()
    ours = os.dup(0)
    try:
        os.write(writing, b"typed by somebody\n")
        os.dup2(reading, 0)
        assert "EOFError" in runner.run(python("input()")).log
    finally:
        os.dup2(ours, 0)
        for each in (ours, reading, writing):
            os.close(each)


def test_output_that_is_not_text_is_no_accident(runner):
    run = runner.run(python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)"))
    assert run.ok and "\ufffd" in run.log


def test_a_huge_output_is_no_accident(runner):
    line = "127.0.0.1:8000 took 15 s"
    run = runner.run(
        python(f"print({line!r} * 9, *[''] * 100_000, '1' * 100_000, sep='\\n', end='*')")
    )
    assert run.ok and run.log.count("\n") == 100_001 and run.log.endswith("1*")


@pytest.mark.parametrize(
    "text",
    [
        "1" * 50_000,
        " " * 50_000 + "x",
        "(" * 50_000,
        "1." * 25_000,
        "\x1b[" * 25_000,
        "::" * 25_000,
    ],
)
def test_no_output_makes_the_cleaning_of_the_log_slow(text, runner):
    before = os.times().user
    runner._clean(text)
    assert os.times().user - before < 1


def test_a_command_does_not_wait_for_what_it_left_running_with_its_output_open(runner):
    run = runner.run(python(LEAVE_BEHIND))
    assert run.ok and not gone(int(run.log))


# -- the end of a command ---------------------------------------------------------------------------------------------

SLEEPER = "import time; time.sleep(60)"
LEAVE_BEHIND = (
    f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid)"
)
# Children of three kinds, one with a child of its own; then a file that says they are there; then nothing, for long.
FAMILY = f"""
import os, pathlib, subprocess, sys, time
again = {LEAVE_BEHIND!r} + '; sys.stdout.flush(); time.sleep(60)'
bare = {{name: os.environ[name] for name in os.environ if name in ('SYSTEMROOT', 'PATH')}}
children = [
    subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]),
    subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True),
    subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True, env=bare),
    subprocess.Popen([sys.executable, '-c', 'import time; ' + again], stdout=subprocess.PIPE, start_new_session=True),
]
grandchild = int(children[-1].stdout.readline())
pathlib.Path('family.new').write_text(' '.join(map(str, [os.getpid(), grandchild, *(child.pid for child in children)])))
os.rename('family.new', 'family')
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether no such process runs (what nobody has buried yet does not run)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_command_that_takes_too_long_is_killed(runner):
    run = runner.run(python(SLEEPER), time_limit=0.1)
    assert run.exit_code is None and not run.ok
    assert repr(run).endswith("[killed: it took too long]")


def test_what_a_killed_command_had_said_by_then_is_in_the_log(runner, monkeypatch):
    until_there(monkeypatch, runner.folder / "said")
    code = f"import pathlib; print('so far', flush=True); pathlib.Path('said').touch(); {SLEEPER}"
    assert runner.run(python(code)).log == "so far\n"


def until_there(monkeypatch, file: Path) -> None:
    """Let the time limit strike when a file is there, not a moment earlier or later."""

    def wait(process, time_limit):
        while not file.exists() and process.poll() is None:
            pass

    monkeypatch.setattr(module, "_wait", wait)


@posix
def test_children_of_a_killed_command_die_with_it_also_in_sessions_of_their_own(
    runner, monkeypatch
):
    until_there(monkeypatch, runner.folder / "family")
    run = runner.run(python(FAMILY))
    pids = [int(pid) for pid in (runner.folder / "family").read_text().split()]
    assert len(set(pids)) == 6 and run.exit_code is None
    assert [pid for pid in pids if not gone(pid)] == []


@posix
def test_children_of_an_interrupted_command_die_with_it(runner, monkeypatch):
    until_there(monkeypatch, runner.folder / "family")
    wait = module._wait

    def interrupted(process, time_limit):
        wait(process, time_limit)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.run(python(FAMILY))
    pids = [int(pid) for pid in (runner.folder / "family").read_text().split()]
    assert [pid for pid in pids if not gone(pid)] == []


@posix
@pytest.mark.parametrize("session", ["", ", start_new_session=True", ", env={}"])
def test_what_a_command_leaves_running_lives_until_the_job_ends(session):
    with machine() as runner:
        first = runner.run(python(LEAVE_BEHIND.replace("])", f"]{session})")))
        assert first.ok and runner.run(python("")).ok
        assert not gone(int(first.log))
    assert gone(int(first.log))


def test_a_process_that_was_left_running_sees_what_later_steps_do(runner):
    spy = "while not os.path.exists('secret'): pass\nos.rename('secret', 'stolen')"
    runner.run(
        python(
            f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {'import os' + chr(10) + spy!r}])"
        )
    )
    runner.run(
        python("open('secret.new', 'w').close(); import os; os.rename('secret.new', 'secret')")
    )
    run = runner.run(python("import os\nwhile not os.path.exists('stolen'): pass"), time_limit=30)
    assert run.ok


def test_a_job_that_is_over_runs_nothing_and_says_so_once(tmp_path):
    ends = []
    runner = Runner({}, "", Path(), at_end=lambda: ends.append("end"))
    runner.close()
    runner.close()
    with pytest.raises(RuntimeError, match="start another"):
        runner.run("python --version")
    assert ends == ["end"]


def test_a_machine_that_is_used_again_keeps_its_home_but_not_the_processes(tmp_path):
    with machine(home=tmp_path) as first:
        left = first.run(python(LEAVE_BEHIND + "; open('left', 'w').close()"))
    assert gone(int(left.log))
    with machine(home=tmp_path) as second:
        ask = "import os; print(os.listdir(os.path.expanduser('~')))"
        assert second.run(python(ask)).log == "['left']\n"
    assert (tmp_path / "left").exists()


@posix
def test_a_child_that_ignores_polite_requests_dies_too(runner, monkeypatch):
    until_there(monkeypatch, runner.folder / "deaf")
    deaf = f"""
import os, pathlib, signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
pathlib.Path('deaf.new').write_text(str(os.getpid()))
os.rename('deaf.new', 'deaf')
{SLEEPER}
"""
    runner.run(python(deaf))
    assert gone(int((runner.folder / "deaf").read_text()))


def test_the_processes_of_other_machines_are_left_alone(runner):
    with subprocess.Popen(
        python(SLEEPER), env={**os.environ, "RUNNER_TRACKING_ID": "lab_another"}
    ) as other:
        assert runner.run(python("")).ok
        assert other.poll() is None
        other.kill()


@posix
def test_a_program_that_kills_itself_is_reported_as_such(runner):
    run = runner.run(python(f"import os; os.kill(os.getpid(), {signal.SIGTERM:d})"))
    assert run.exit_code == -signal.SIGTERM and not run.ok


# -- the log ----------------------------------------------------------------------------------------------------------


def say(runner: Runner, text: str) -> str:
    """The log of a program that prints a text."""
    run = runner.run(python(f"print({text!r})"))
    assert run.ok
    assert SECRET not in repr(run)  # nor in the command that is shown
    return run.log.removesuffix("\n")


def test_a_secret_is_masked_wherever_it_stands(runner):
    assert say(runner, f"<{SECRET}> and {SECRET}{SECRET}") == f"<{MASK}> and {MASK}{MASK}"


def test_a_secret_is_masked_in_the_command_that_is_shown(runner):
    assert runner.run(python("", f"--token={SECRET}")).command[-1] == f"--token={MASK}"


def test_each_line_of_a_secret_is_masked_by_itself(runner):
    runner.mask("-----BEGIN KEY-----\nfirst line\n\nsecond line\n-----END KEY-----\n")
    assert say(runner, "the second line, then the first line") == f"the {MASK}, then the {MASK}"
    assert say(runner, "a b") == "a b"  # an empty line is no secret


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "user:", "__token__:"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_inside_base64_at_every_offset(before, after, encode, runner):
    encoded = encode(f"{before}{SECRET}{after}".encode()).decode()
    assert encoded[8:-8] not in runner._clean(encoded)
    assert MASK in runner._clean(f"Authorization: Basic {encoded}")


def test_what_is_masked_of_base64_is_the_part_that_the_secret_alone_decides(runner):
    for before, after in (("", "a"), ("b", "c"), ("dd", "ee"), ("fff", "")):
        shown = runner._clean(base64.b64encode(f"{before}{SECRET}{after}".encode()).decode())
        assert len(shown.replace(MASK, "")) <= 4 + 8


@pytest.mark.parametrize(
    "disguise",
    [
        SECRET[::-1],
        SECRET.encode().hex(),
        SECRET.upper(),
        " ".join(SECRET),
        "\n".join(
            base64.b64encode(SECRET.encode()).decode()[start : start + 8]
            for start in range(0, 40, 8)
        ),
        base64.b32encode(SECRET.encode()).decode(),
        base64.b64encode(base64.b64encode(SECRET.encode())).decode(),
        SECRET[:-1],
    ],
    ids=[
        "reversed",
        "hex",
        "upper case",
        "spaced",
        "base64 in short lines",
        "base32",
        "base64 twice",
        "all but its end",
    ],
)
def test_masking_is_no_protection_against_whoever_wants_to_show_a_secret(disguise, runner):
    assert runner._clean(disguise) == disguise


def test_a_value_announced_with_add_mask_is_masked_and_the_line_swallowed(runner):
    assert (
        say(runner, "before\n::add-mask::hush-hush\nthe value is hush-hush")
        == f"before\nthe value is {MASK}"
    )


def test_an_announced_value_stays_masked_for_the_job(runner):
    say(runner, "::add-mask::hush-hush")
    assert say(runner, "hush-hush") == MASK
    with machine() as other:
        assert say(other, "hush-hush") == "hush-hush"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("  ::add-mask::hush-hush  ", "hush-hush"),
        ("::add-mask::50%25 off", "50% off"),
        ("::add-mask::one-line%0Atwo-lines", "two-lines"),
    ],
    ids=["indented", "percent sign", "two lines"],
)
def test_an_announced_value_is_read_as_the_ci_system_writes_it(line, value, runner):
    assert say(runner, f"{line}\n{value}") == MASK


def test_an_announcement_in_the_middle_of_a_line_is_none(runner):
    assert say(runner, "see ::add-mask::hush-hush") == "see ::add-mask::hush-hush"


def test_announcing_nothing_masks_nothing(runner):
    assert say(runner, "::add-mask::\nall of it") == "all of it"


@pytest.mark.parametrize("job", [GitHubJob(), GitLabJob()])
def test_what_leads_to_an_id_token_is_masked_from_the_start(job):
    with machine(job) as runner:
        run = runner.run(
            python(
                "import os; print(*(os.environ[name] for name in os.environ if 'TOKEN' in name))"
            )
        )
    assert MASK in run.log and not any(
        len(word) > 40 and "/" not in word for word in run.log.split()
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("https://127.0.0.1:43210/legacy/", "https://127.0.0.1:port/legacy/"),
        ("localhost:1", "localhost:port"),
        ("Resolved 1 package in 12ms", "Resolved 1 package in … s"),
        ("took 1.23s, or 4 seconds", "took … s, or … s"),
        ("1.2 MB/s", "… kB/s"),
        (
            "octo.whl (1.2KiB) octo.tar.gz (654 bytes) x (654B)",
            "octo.whl (… kB) octo.tar.gz (… kB) x (… kB)",
        ),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("Windows\r\nline", "Windows\nline"),
        ("filled up      \nto the edge   ", "filled up\nto the edge"),
        ("octo_rocket-1.0.0.tar.gz, 3 files, 200 OK", "octo_rocket-1.0.0.tar.gz, 3 files, 200 OK"),
    ],
)
def test_what_differs_from_run_to_run_is_not_shown_and_the_rest_is(said, shown, runner):
    assert runner._clean(said) == shown


def test_folders_are_shown_short(tmp_path):
    with machine(folder=tmp_path) as runner:
        assert (
            runner._clean(f"{tmp_path}/dist in {runner.environment['HOME']}/x") == "./dist in ~/x"
        )


# -- Windows, as far as one can read it from here ---------------------------------------------------------------------


def test_a_system_without_process_groups_still_kills_what_it_started(runner, monkeypatch):
    monkeypatch.delattr(os, "killpg", raising=False)
    monkeypatch.setattr(subprocess.Popen, "kill", psutil_kill)
    until_there(monkeypatch, runner.folder / "family")
    runner.run(python(FAMILY))
    assert [
        pid for pid in map(int, (runner.folder / "family").read_text().split()) if not gone(pid)
    ] == []


def psutil_kill(process: subprocess.Popen) -> None:
    psutil.Process(process.pid).kill()


def test_what_windows_needs_to_start_a_program_is_passed_on(monkeypatch):
    monkeypatch.setenv("SYSTEMROOT", r"C:\Windows")
    monkeypatch.setenv("PATHEXT", ".EXE")
    with machine() as runner:
        assert (runner.environment["SYSTEMROOT"], runner.environment["PATHEXT"]) == (
            r"C:\Windows",
            ".EXE",
        )


def test_a_machine_without_git_is_a_machine(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    with machine() as runner:
        assert str(Path(sys.executable).parent) in runner.environment["PATH"]
