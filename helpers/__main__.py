"""`python -m helpers serve`: the lab as a server to poke with curl, on the real clock, until interrupted.

`python -m helpers progress`: which exercises are done in the learner's saved notebooks.
"""

import argparse
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.lab import Live

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers", description="The Trusted Publishing lab, outside a notebook."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser(
        "serve", help="serve the lab over HTTPS on 127.0.0.1 until interrupted"
    )
    serving.add_argument(
        "--port",
        type=int,
        default=0,
        help="port to listen on (default: one that the system chooses)",
    )
    standing = commands.add_parser(
        "progress", help="say which exercises are done in saved notebooks"
    )
    standing.add_argument(
        "notebooks", nargs="*", type=Path, help="notebooks to read (default: all chapters)"
    )
    options = parser.parse_args(arguments)
    if options.command == "progress":
        return stand(options.notebooks or sorted(NOTEBOOKS.glob("[0-9]*.ipynb")))
    if not 0 <= options.port <= 65535:
        parser.error(f"expected a port between 0 and 65535, got {options.port}")
    return serve(options.port)


def serve(port: int) -> int:
    """Serve until interrupted; return the exit status.

    Standard output gets one line of JSON, standard error a few things to try.
    """
    with interruption() as wait:
        from helpers.lab import Lab

        try:
            with Lab(at=None) as lab, lab.serve(port) as live:
                announce(live)
                wait()
        except OSError as error:
            problem = f"expected a free port to listen on, got {port}: {error.strerror}"
            print(f"{problem}; choose another with --port", file=sys.stderr)
            return 2
    return 0


def announce(live: "Live") -> None:
    """Print where the lab is served, and last, when everything is ready, the line of JSON."""
    from helpers.provider.jobs import GitHubJob

    job = live.job_environment(GitHubJob())
    url, token = job["ACTIONS_ID_TOKEN_REQUEST_URL"], job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    facts = {"index": live.url, "ca_file": str(live.ca_file)}
    facts |= {"id_token_request_url": url, "id_token_request_token": token}
    facts["trust_config"] = str(live.trust_config)
    curl = f"curl --cacert {live.ca_file}"
    body = '{"token": "PASTE THE value HERE"}'
    print(
        "The lab is up; Ctrl-C ends it. Its tokens are worth nothing anywhere else. To try:\n"
        f"  {curl} {live.url}/_/oidc/audience\n"
        f"  {curl} -H 'Authorization: bearer {token}' '{url}&audience=pypi'\n"
        f"  {curl} {live.url}/github/.well-known/jwks\n"
        f"  {curl} -d '{body}' {live.url}/_/oidc/mint-token",
        file=sys.stderr,
        flush=True,
    )
    print(json.dumps(facts), flush=True)


@contextlib.contextmanager
def interruption() -> Iterator[Callable[[], object]]:
    """Catch Ctrl-C and SIGTERM from here on; yield a function that waits until one has come.

    A sleep would miss a signal that comes right before it begins, and an exception could be lost in
    a callback. A byte in a socket waits for its reader, and wakes one on Windows too. The handlers
    also work where a shell has put the process into the background, deaf to SIGINT.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda number, frame: None)
        try:
            yield lambda: reader.recv(1)
        finally:
            signal.set_wakeup_fd(-1)


def stand(notebooks: Iterable[Path]) -> int:
    """Print, for each notebook, how its exercises stand: as they were when it was last saved."""
    from course.exercise import RIGHT, SIGNS
    from course.progress import progress

    try:
        found = progress(notebooks)
    except (ValueError, OSError) as error:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"expected saved notebooks, got something else: {told}", file=sys.stderr)
        return 2
    for notebook, rows in groupby(found, key=lambda row: row.notebook):
        states = [(row.exercise, row.state) for row in rows]
        done = sum(state == RIGHT for _, state in states)
        shown = "  ".join(f"{name} {SIGNS.get(state, '·')} {state}" for name, state in states)
        print(f"{notebook}: {done} of {len(states)} right\n  {shown}")
    done = sum(row.state == RIGHT for row in found)
    print(
        f"{done} of {len(found)} exercises are right, as of the last time that each notebook was saved."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
