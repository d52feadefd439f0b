"""The lab outside a notebook: `python -m helpers serve` and `python -m helpers progress`.

serve: the lab as a server to poke with curl, on the real clock, until interrupted.
progress: which exercises are done in saved notebooks, a learner's own or those of a class.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.lab import Live

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the process's exit status."""
    about = "The Trusted Publishing lab, outside a notebook."
    parser = argparse.ArgumentParser(prog="python -m helpers", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    about = "serve the lab over HTTPS on 127.0.0.1 until interrupted"
    serve_parser = commands.add_parser("serve", help=about)
    about = "port to listen on (default: the system chooses one)"
    serve_parser.add_argument("--port", type=int, default=0, help=about)
    about = "show which exercises are done in saved notebooks"
    progress_parser = commands.add_parser("progress", help=about)
    about = "a learner's folder, or one with a folder for each learner (default: your workbook)"
    progress_parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help=about)
    progress_parser.add_argument("--format", choices=("text", "csv"), default="text")
    options = parser.parse_args(arguments)
    if options.command == "progress":
        return progress(options.places, options.format)
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


def progress(places: list[Path], form: str) -> int:
    """Print how the learners in these places stand, as text or csv; return the exit status."""
    from course.progress import as_csv, as_table, exercises_of, learners

    try:
        found = learners(places or [ROOT])
    except OSError as error:
        print(f"expected folders, got {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if not found:
        wanted = "expected folders with chapters, named like 00_*.ipynb"
        print(f"{wanted}, found none in {', '.join(map(str, places))}", file=sys.stderr)
        return 2
    exercises = exercises_of(ROOT / "notebooks")
    text = as_csv(found, exercises) if form == "csv" else as_table(found, exercises) + "\n"
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
