"""Try the classroom on this machine, without root: `make hub`.

It listens on 127.0.0.1 only, on ports that the system chooses, and keeps everything in build/hub.
Ctrl-C ends it, and the learners' servers with it.
"""

import json
import os
import secrets
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

HUB = Path(__file__).resolve().parent
JUPYTERHUB = HUB / ".venv" / "bin" / "jupyterhub"


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nothing listens."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def main() -> None:
    """Print where the classroom is, and become the hub. `--json`: print it for a program."""
    ports = free_ports(3)
    password = os.environ.get("LAB_PASSWORD") or secrets.token_hex(4)
    settings = {
        "LAB_PASSWORD": password,
        "LAB_TEACHER_PASSWORD": os.environ.get("LAB_TEACHER_PASSWORD") or secrets.token_hex(16),
        "LAB_PORTS": " ".join(map(str, ports)),
        "LAB_SPAWNER": os.environ.get("LAB_SPAWNER", "trial"),
        "LAB_STATE": os.environ.get("LAB_STATE") or str(HUB.parent / "build" / "hub"),
    }
    address = f"http://127.0.0.1:{ports[0]}/"
    if "--json" in sys.argv:
        print(json.dumps({"address": address, **settings}), flush=True)
    else:
        print(
            f"In a few seconds: {address}\n"
            f"Log in as anyone (such as alice) with the password {password}\n"
            f"or as teacher with the password {settings['LAB_TEACHER_PASSWORD']}\n"
            "Here all learners are the same Unix user; hub/README.md has the real thing.\n"
            "Ctrl-C ends it.",
            flush=True,
        )
    os.makedirs(settings["LAB_STATE"], exist_ok=True)
    os.chdir(settings["LAB_STATE"])
    config = str(HUB / "jupyterhub_config.py")
    arguments = [
        str(JUPYTERHUB),
        "--config",
        config,
        f"--log-level={os.environ.get('LAB_LOG', 'ERROR')}",
    ]
    os.execve(JUPYTERHUB, arguments, os.environ | settings)


if __name__ == "__main__":
    main()
