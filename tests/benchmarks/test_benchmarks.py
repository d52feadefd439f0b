"""What the lab costs: `make bench`. Nothing is asserted about time; the table at the end says how it compares."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jwt

from helpers.lab import Lab
from helpers.machine.runner import Runner
from helpers.machine.wire import HttpsServer, certificate
from helpers.oidc.jws import IdToken, b64url_encode
from helpers.oidc.verification import LEEWAY, verify_id_token
from helpers.provider.jobs import GitHubJob

ROOT = Path(__file__).parent.parent.parent
INDEX = "https://pypi.test"
GITHUB = "https://token.actions.githubusercontent.com"


def test_a_lab_from_nothing(against, tmp_path):
    # As on any start but the first: compiled, whatever the machine's own settings.
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "",
    }

    def process(code):
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)

    against(
        "import and Lab(), whole process; the libraries alone",
        lambda: process("from helpers.lab import Lab; Lab()"),
        lambda: process("import httpx, flask, jwt, cryptography, pymacaroons"),
        "at most 1.3 times",
        rounds=15,
    )


def test_verifying_an_id_token(against):
    class Cached:
        def key(self, issuer, kid):
            return keys._ready[issuer][kid]

    with Lab() as lab:
        keys = lab.index._keys
        token = lab.github.id_token(GitHubJob())
        verify_id_token(token, keys, issuer=GITHUB)  # fetches the keys
        key = keys.key(GITHUB, IdToken.decode(token).header["kid"])
        options = {"require": ["iss", "iat", "exp", "aud"], "strict_aud": True}

        def ours():
            for _ in range(200):
                verify_id_token(token, keys, issuer=GITHUB, audience="pypi")

        def peer():
            for _ in range(200):
                jwt.decode(
                    token,
                    key,
                    algorithms=["RS256"],
                    options=options,
                    issuer=GITHUB,
                    audience="pypi",
                    leeway=LEEWAY,
                )

        what = "verify_id_token, warm cache; bare jwt.decode"
        against(what, ours, peer, "at most 1.15 times", rounds=50, times=200)


def test_whole_exchanges(benchmark):
    def prepare():
        lab = Lab()  # closes the last one
        environment = lab.github.job_environment(GitHubJob())
        exchange(lab, environment)  # the index has the keys from now on
        return (lab, environment), {}

    def exchange(lab, environment):
        audience = lab.http.get(f"{INDEX}/_/oidc/audience").json()["audience"]
        id_token = lab.http.get(
            f"{environment['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}",
            headers={"Authorization": f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        ).json()["value"]
        answer = lab.http.post(f"{INDEX}/_/oidc/mint-token", json={"token": id_token})
        assert answer.status_code == 200

    def exchanges(lab, environment):
        for _ in range(50):
            exchange(lab, environment)

    benchmark.pedantic(exchanges, setup=prepare, rounds=15, warmup_rounds=1)
    benchmark.extra_info.update(
        what="an exchange in process: audience, ID token, mint",
        times=50,
        aim="250 a second",
        result=None,
    )


def test_made_up_kids(benchmark):
    with Lab() as lab:
        _, claims, signature = lab.github.id_token(GitHubJob()).split(".")
        bodies = []
        for number in range(10_000):
            header = {"alg": "RS256", "kid": f"made-up-{number}", "typ": "JWT"}
            token = f"{b64url_encode(json.dumps(header).encode())}.{claims}.{signature}"
            bodies.append(json.dumps({"token": token}).encode())

        def flood():
            for body in bodies:
                lab.clock.advance(seconds=0.0059)  # all within 59 s
                assert lab.index.mint_token(body)[0] == 422

        benchmark.pedantic(flood, rounds=1)
        fetched = [event.action for event in lab.events if event.service == "github"]
        benchmark.extra_info.update(
            what="a token with a made-up kid, cold cache, 10,000 in a minute",
            times=10_000,
            aim="1 fetch",
            result=f"{fetched.count('jwks')} fetch of the keys",
        )


def test_publishing_two_files_with_uv(against, tmp_path):
    (tmp_path / "src" / "octo_rocket").mkdir(parents=True)
    (tmp_path / "src" / "octo_rocket" / "__init__.py").write_text("answer = 42\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "octo-rocket"\nversion = "1.0.0"\n'
        '[build-system]\nrequires = ["uv_build>=0.9,<1"]\nbuild-backend = "uv_build"\n'
    )
    with Lab() as lab:
        id_token = lab.github.id_token(GitHubJob())
    context, authority = certificate()
    (tmp_path / "ca.pem").write_bytes(authority)
    bare = HttpsServer(lambda *request: accept_everything(id_token, *request), context)
    url = f"https://127.0.0.1:{bare.port}"
    variables = {
        **GitHubJob().variables(),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/idtoken?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "0123456789",
    }

    def publish(runner, url):
        command = ["uv", "publish", "--quiet", "--publish-url", f"{url}/legacy/"]
        run = subprocess.run(
            command, cwd=tmp_path, env=runner.environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr

    def prepare():
        live = Lab().serve()  # a fresh one: nothing has been published yet
        return live.runner(GitHubJob(), folder=tmp_path), live.url

    with Runner(variables, url, tmp_path / "ca.pem", tmp_path) as runner:
        assert runner.run("uv build --offline").ok
        against(
            "uv publish, two files; to an app that accepts everything",
            publish,
            lambda: publish(runner, url),
            "at most 1.5 times",
            rounds=15,
            prepare=prepare,
        )
    bare.close()


def accept_everything(id_token, environ, start_response):
    """An index and a provider that look at nothing but the path."""
    answers = {
        "audience": {"audience": "pypi"},
        "idtoken": {"count": len(id_token), "value": id_token},
        "mint-token": {"success": True, "token": "pypi-" + "A" * 300, "expires": 0},
        "burn-token": {"message": "Accepted", "errors": []},
    }
    answer = json.dumps(answers.get(environ["PATH_INFO"].rpartition("/")[2], {})).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    )
    return [answer]
