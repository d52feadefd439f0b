"""`python -m helpers serve`: the lab as a process of its own, on the real clock, until interrupted."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(
    os.name != "posix", reason="Windows has no signal that only one process gets"
)


@contextlib.contextmanager
def serving(*arguments: str):
    """A server in a process of its own, killed at the end if it still runs."""
    command = [sys.executable, "-m", "helpers", "serve", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finish(process: subprocess.Popen, signal_number: int) -> tuple[int, str, str]:
    """Interrupt it: exit status, and what it had still to say."""
    process.send_signal(signal_number)
    rest, said = process.communicate(timeout=10)
    return process.returncode, rest, said


def client(facts: dict) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cafile=facts["ca_file"]), trust_env=False)


@posix
def test_an_interrupt_ends_it_also_where_a_shell_made_it_deaf_to_one():
    deaf = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-c", deaf, sys.executable, "-m", "helpers", "serve"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            json.loads(process.stdout.readline())
            assert finish(process, signal.SIGINT)[0] == 0
        finally:
            process.kill()


TWENTY_TIMES = """
import os, select, signal, sys, time
import helpers.lab, helpers.provider.jobs  # once for all of them
from helpers.__main__ import main

for _ in range(20):
    ours, theirs = os.pipe()
    if (server := os.fork()) == 0:
        os.dup2(theirs, 1)
        os._exit(main(["serve"]))
    os.close(theirs)
    with open(ours) as said:
        said.readline()
        os.kill(server, signal.SIGINT)
        if not select.select([said], [], [], 10)[0]:  # its end of the pipe closes with it
            os.kill(server, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]), end=" ")
"""


@pytest.mark.proof
@posix
def test_an_interrupt_right_after_the_start_ends_it_twenty_times_out_of_twenty():
    command = [sys.executable, "-c", TWENTY_TIMES]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["0"] * 20, ran.stderr


def served_by(code: str) -> subprocess.CompletedProcess:
    """Run the code, which changes something in the lab that then is served until interrupted."""
    code = f"import os, signal, sys, threading\nfrom helpers import __main__, lab\n{code}"
    command = [sys.executable, "-c", f"{code}\nsys.exit(__main__.main(['serve']))"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)


@posix
def test_an_interrupt_that_does_not_wake_a_sleeping_main_thread_ends_it_too():
    ran = served_by("""
def dumps(value, original=__main__.json.dumps, **more):
    # Another thread gets the signal, a moment after everything is ready.
    hit = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    if "ca_file" in value:
        threading.Timer(0.2, hit).start()
    return original(value, **more)
__main__.json.dumps = dumps
""")
    assert ran.returncode == 0 and ran.stdout.count("\n") == 1, ran.stderr


@posix
def test_an_interrupt_while_it_starts_ends_it_too():
    ran = served_by("""
class Lab(lab.Lab):
    def serve(self, port):
        os.kill(os.getpid(), signal.SIGINT)
        return super().serve(port)
lab.Lab = Lab
""")
    assert ran.returncode == 0 and ran.stdout.count("\n") == 1, ran.stderr


@posix
def test_the_whole_exchange_with_what_the_one_line_of_json_says_and_a_tidy_end():
    with serving() as process:
        facts = json.loads(process.stdout.readline())
        names = ["index", "ca_file", "id_token_request_url", "id_token_request_token"]
        assert list(facts) == [*names, "trust_config"]
        config = json.loads(Path(facts["trust_config"]).read_text())
        assert config["signingConfig"]["caUrls"][0]["url"] == facts["index"]
        index = facts["index"]
        assert index.startswith("https://127.0.0.1:") and facts["id_token_request_url"].startswith(
            f"{index}/github/"
        )
        with client(facts) as http:
            audience = http.get(f"{index}/_/oidc/audience").json()["audience"]
            url, token = facts["id_token_request_url"], facts["id_token_request_token"]
            id_token = http.get(
                f"{url}&audience={audience}", headers={"Authorization": f"bearer {token}"}
            ).json()["value"]
            minted = http.post(f"{index}/_/oidc/mint-token", json={"token": id_token})
            assert minted.status_code == 200, minted.text
            assert abs(minted.json()["expires"] - 900 - time.time()) < 30  # the real clock
            again = http.post(f"{index}/_/oidc/mint-token", json={"token": id_token}).json()
            assert again["errors"][0]["code"] == "invalid-reuse-token"
            burned = http.post(f"{index}/_/oidc/burn-token", json={"token": minted.json()["token"]})
            assert burned.status_code == 202
            # As on the real index, whoever wants an ID token has to show the job's request token.
            assert http.get(f"{url}&audience={audience}").status_code == 401
            # The connection is still open when the server is interrupted.
            status, rest, said = finish(process, signal.SIGINT)
    assert (status, rest) == (0, "")
    assert "Traceback" not in said and "Ctrl-C ends it" in said
    assert not Path(facts["ca_file"]).parent.exists()


@posix
def test_the_curl_lines_on_standard_error_name_the_same_addresses():
    with serving() as process:
        facts = json.loads(process.stdout.readline())
        _, _, said = finish(process, signal.SIGINT)
    lines = [line for line in said.splitlines() if line.startswith("  curl ")]
    assert len(lines) == 4 and all(f"--cacert {facts['ca_file']} " in line for line in lines)
    assert all(facts["index"] in line for line in lines)


@posix
def test_it_ends_as_tidily_when_it_is_told_to_terminate():
    with serving() as process:
        facts = json.loads(process.stdout.readline())
        with client(facts) as http:
            assert http.get(f"{facts['index']}/simple/").status_code == 200
        status, _, said = finish(process, signal.SIGTERM)
    assert status == 0 and "Traceback" not in said
    assert not Path(facts["ca_file"]).parent.exists()


@posix
def test_it_listens_on_the_port_that_was_asked_for():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with serving("--port", str(port)) as process:
        assert json.loads(process.stdout.readline())["index"] == f"https://127.0.0.1:{port}"
        assert finish(process, signal.SIGINT)[0] == 0


def test_a_port_that_is_taken_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving("--port", str(port)) as process:
            out, said = process.communicate(timeout=10)
    assert (process.returncode, out) == (2, "")
    assert (
        said.count("\n") == 1
        and f"expected a free port to listen on, got {port}" in said
        and "--port" in said
    )


@pytest.mark.parametrize("port", ["-1", "65536", "many", ""])
def test_what_is_no_port_is_said_without_a_traceback(port, capsys):
    from helpers.__main__ import main

    with pytest.raises(SystemExit) as caught:
        main(["serve", f"--port={port}"])
    assert caught.value.code == 2
    assert "port" in capsys.readouterr().err.splitlines()[-1]
