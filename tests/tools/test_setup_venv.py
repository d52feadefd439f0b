"""Set-up, really run: with small locks, a package index on this machine, and the Pythons of this machine."""

import base64
import hashlib
import http.server
import os
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import setup_venv  # noqa: E402

UV = shutil.which("uv", path=str(Path(sys.executable).parent))
posix = pytest.mark.skipif(
    os.name != "posix", reason="the stand-ins for programs are shell scripts"
)


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """Make a wheel; return its line for a lock."""
    info = f"{name}-{version}.dist-info"
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    record = ""
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = 0o100755 << 16  # a program can be executed
            archive.writestr(entry, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record += f"{file},sha256={digest.decode().rstrip('=')},{len(text.encode())}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Index:
    """A package index over HTTPS on loopback, with a certificate authority that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self.wheels, self.ca_file = folder / "wheels", folder / "ca.pem"
        self.wheels.mkdir()
        self.clients: list[tuple[str, str]] = []  # the first word of each User-Agent, and the path
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.clients.append((self.headers["User-Agent"].split("/")[0], self.path))
                name = self.path.strip("/").rpartition("/")[2]
                if self.path.endswith(".whl"):
                    kind, body = "application/zip", (index.wheels / name).read_bytes()
                else:
                    found = index.wheels.glob(f"{name}-*.whl")
                    links = "".join(f'<a href="/{each.name}">{each.name}</a>' for each in found)
                    kind, body = "text/html", links.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/simple/"


@pytest.fixture
def index(tmp_path):
    made = Index(tmp_path)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """Whatever this machine tells pip and uv about indexes and certificates, it does not tell here."""
    for name in list(os.environ):
        foreign = name.startswith(("PIP_", "UV_", "SSL_")) or name.lower().endswith("_proxy")
        if foreign or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path, monkeypatch, index):
    """A project with small locks and a .venv with pip in it, on a machine whose pip is told where the index is."""
    monkeypatch.setattr(setup_venv, "ROOT", str(tmp_path))
    for name in ("VENV", "SCRIPTS", "PYTHON", "UV", "STAMP", "LOCK", "OLD_UV_LOCK", "OLD_UV"):
        path = Path(getattr(setup_venv, name)).relative_to(ROOT)
        monkeypatch.setattr(setup_venv, name, str(tmp_path / path))
    venv.create(setup_venv.VENV, symlinks=True)
    shutil.copytree(find_spec("pip").submodule_search_locations[0], tmp_path / "ours" / "pip")
    Path(setup_venv.site_packages(), "ours.pth").write_text(str(tmp_path / "ours"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_CERT", str(index.ca_file))
    return tmp_path


def lock(index: Index, uv: str) -> None:
    """Write the locks; uv: the shell script that the locked uv is."""
    script = {"uv-0.0.1.data/scripts/uv": f"#!/bin/sh\n{uv}\n"}
    tiny = wheel(index.wheels, "tiny", "1.0", {"tiny.py": "ONE = 1\n"})
    Path(setup_venv.LOCK).write_text(tiny + wheel(index.wheels, "uv", "0.0.1", script))
    old = wheel(index.wheels, "older", "0.9", {"older.py": "OLD = 1\n"})
    Path(setup_venv.OLD_UV_LOCK).write_text(old)


def is_complete() -> bool:
    """Tell whether both locks are installed, the first one compiled."""
    code = "import tiny, os; print(os.path.exists(tiny.__cached__))"
    ran = subprocess.run([setup_venv.PYTHON, "-B", "-c", code], capture_output=True, text=True)
    return ran.stdout == "True\n" and Path(setup_venv.OLD_UV, "older.py").exists()


@pytest.mark.proof
@posix
@pytest.mark.skipif(UV is None, reason="uv is not beside this Python")
def test_pip_installs_uv_and_uv_the_rest_from_pips_index_by_pips_authority(project, index, capfd):
    lock(index, f'exec "{UV}" "$@"')
    setup_venv.install()
    assert capfd.readouterr().out == ""
    assert is_complete()
    assert {client for client, path in index.clients if "tiny" in path} == {"uv"}
    assert {client for client, path in index.clients if "uv-0.0.1" in path} == {"pip"}


@pytest.mark.proof
@posix
def test_where_uv_fails_pip_installs_everything_and_one_sentence_says_why(project, index, capfd):
    lock(index, "echo 'error: This is no\n  computer for uv' >&2; exit 2")
    setup_venv.install()
    said = capfd.readouterr().out
    assert said.startswith("uv failed (error: This is no computer for uv), so pip installs")
    assert said.count("\n") == 1
    assert is_complete()
    assert {client for client, path in index.clients} == {"pip"}


@pytest.mark.skipif(UV is None, reason="uv is not beside this Python")
def test_uv_refuses_a_file_with_another_hash_than_the_locks(project, index, monkeypatch):
    pip_says = {"index-url": index.url, "cert": str(index.ca_file)}
    monkeypatch.setattr(setup_venv, "pip_settings", lambda: pip_says)
    monkeypatch.setattr(setup_venv, "UV", UV)
    lock(index, "exit 1")
    wheel(index.wheels, "tiny", "1.0", {"tiny.py": "TROJAN = 1\n"})
    assert "Hash mismatch" in setup_venv.uv_installs([["-r", setup_venv.LOCK]])
    assert not Path(setup_venv.site_packages(), "tiny.py").exists()


def test_a_setting_of_pip_is_found_wherever_it_is_made(project, monkeypatch):
    file = project / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://first.test\ntimeout = 7\nextra-index-url =\n  https://a.test\n"
        "  https://b.test\n[install]\nindex-url = https://second.test\n[download]\nproxy = no\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.delenv("PIP_INDEX_URL")
    found = setup_venv.pip_settings()
    assert (found["index-url"], found["timeout"]) == ("https://second.test", "7")
    assert found["extra-index-url"].split() == ["https://a.test", "https://b.test"]
    assert "proxy" not in found
    monkeypatch.setenv("PIP_INDEX_URL", "https://third.test")
    assert setup_venv.pip_settings()["index-url"] == "https://third.test"


@pytest.mark.parametrize(
    ("setting", "value", "variable", "words"),
    [
        ("index-url", "https://me:secret@a.test", "UV_DEFAULT_INDEX", "https://me:secret@a.test"),
        ("extra-index-url", "\nhttps://a.test\n/b", "UV_INDEX", "https://a.test /b"),
        ("find-links", "/wheels https://a.test", "UV_FIND_LINKS", "/wheels,https://a.test"),
        ("trusted-host", "a.test\nb.test:81", "UV_INSECURE_HOST", "a.test b.test:81"),
        ("timeout", "60", "UV_HTTP_TIMEOUT", "60"),
        ("default-timeout", "60", "UV_HTTP_TIMEOUT", "60"),
        ("proxy", "http://p.test:3128", "HTTPS_PROXY", "http://p.test:3128"),
        ("client-cert", "/me.pem", "SSL_CLIENT_CERT", "/me.pem"),
        ("cert", "/my authorities.pem", "SSL_CERT_FILE", "/my authorities.pem"),
        ("cert", str(ROOT), "SSL_CERT_DIR", str(ROOT)),
    ],
)
def test_uv_is_given_what_pip_is_told(setting, value, variable, words):
    options, environment = setup_venv.for_uv({setting: value})
    assert environment[variable] == words
    assert options == [], "what may hold a password stays off the command line"


def test_uv_takes_no_index_from_pip_and_the_systems_authorities_unless_pip_names_some(monkeypatch):
    monkeypatch.setattr(setup_venv, "has_authorities", lambda: True)
    assert setup_venv.for_uv({"no-index": "true"})[0] == ["--no-index"]
    assert setup_venv.for_uv({"no-index": "0"})[0] == []
    assert setup_venv.for_uv({})[1]["UV_SYSTEM_CERTS"] == "true"
    assert "UV_SYSTEM_CERTS" not in setup_venv.for_uv({"cert": "/ca.pem"})[1]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/company.pem")
    assert setup_venv.for_uv({"cert": "/ca.pem"})[1]["SSL_CERT_FILE"] == "/company.pem"


def test_the_pin_of_uv_is_found_in_the_real_lock():
    lines = setup_venv.pin_of("uv", Path(setup_venv.LOCK).read_text()).splitlines()
    assert lines[0].startswith("uv==") and len(lines) > 10
    assert all(line.startswith("    --hash=sha256:") for line in lines[1:])
    with pytest.raises(ValueError, match="pin of absent"):
        setup_venv.pin_of("absent", "a==1\n")


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"])
def test_the_folder_of_packages_is_the_one_that_a_venv_looks_into(python, tmp_path):
    """Debian's Python gives another one to whoever asks it without naming the scheme."""
    tools = str(ROOT / "tools")
    check = [python, os.path.join(tools, "setup_venv.py"), "--will-do"]
    if not Path(python).exists() or subprocess.run(check, capture_output=True).returncode:
        pytest.skip(f"{python} is not a Python that set-up supports")
    code = (
        f"import sys, venv; sys.path.insert(0, {tools!r}); import setup_venv\n"
        f"setup_venv.VENV = {str(tmp_path / 'v')!r}; venv.create(setup_venv.VENV, symlinks=True)\n"
        "print(setup_venv.site_packages())"
    )
    ran = subprocess.run([python, "-B", "-c", code], capture_output=True, text=True, check=True)
    ours = ran.stdout.strip()
    inside = tmp_path / "v" / Path(setup_venv.PYTHON).relative_to(setup_venv.VENV)
    path = subprocess.run(
        [inside, "-c", "import sys; print(*sys.path, sep='\\n')"], capture_output=True, text=True
    )
    assert ours in path.stdout.splitlines() and Path(ours).is_dir()


@posix
@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"py": "good"}, "py"),
        ({"python3": "shop", "python": "shop", "py": "good"}, "py"),
        ({"python3": "good", "py": "good"}, "python3"),
        ({"python3": "old", "python3.12": "good"}, "python3.12"),
        ({"python3": "shop", "python": "old"}, "python"),
        ({"python3": "shop"}, None),
    ],
)
def test_make_takes_the_first_python_that_will_do_whatever_its_name(tmp_path, there, taken):
    """old: one that runs and will not do; shop: a `python3` of Windows that only opens a shop window."""
    kinds = {
        "good": f'exec "{sys.executable}" "$@"',
        "old": f'[ "$1" = -c ] && exec "{sys.executable}" "$@"; echo "too old" >&2; exit 1',
        "shop": "echo 'Python was not found' >&2; exit 49",
    }
    for name, kind in there.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{kinds[kind]}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path), "LANG": "C"}
    ran = subprocess.run(
        [shutil.which("make"), "-n", "setup"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert f'"{taken or ""}" tools/setup_venv.py' in ran.stdout


def test_binder_makes_the_workbook_and_the_uv_of_that_day():
    script = ROOT / "postBuild"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "-r requirements-uv-0.9.13.txt" in text and "--require-hashes" in text
    assert text.rstrip().endswith("\npython tools/workbook.py")
    if os.name == "posix":
        assert script.stat().st_mode & stat.S_IXUSR
