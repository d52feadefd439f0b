"""`python -m helpers serve`: the lab as a server to poke with curl, on the real clock, until interrupted.

`python -m helpers progress`: which exercises are done in the learner's saved notebooks.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

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
    """Serve until interrupted. Standard output gets one line of JSON, standard error a few things to try."""
    from helpers.lab import Lab
    from helpers.provider.jobs import GitHubJob

    try:
        with Lab(at=None) as lab, lab.serve(port) as live:
            for each in (
                signal.SIGINT,
                signal.SIGTERM,
            ):  # also where a shell has put it into the background, deaf to SIGINT
                signal.signal(each, signal.default_int_handler)
            job = live.job_environment(GitHubJob())
            url, token = job["ACTIONS_ID_TOKEN_REQUEST_URL"], job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
            facts = {"index": live.url, "ca_file": str(live.ca_file)}
            facts |= {"id_token_request_url": url, "id_token_request_token": token}
            curl = f"curl --cacert {live.ca_file}"
            print(
                f"The lab is up; Ctrl-C ends it. Its tokens are worth nothing anywhere else. To try:\n"
                f"  {curl} {live.url}/_/oidc/audience\n"
                f"  {curl} -H 'Authorization: bearer {token}' '{url}&audience=pypi'\n"
                f"  {curl} {live.url}/github/.well-known/jwks\n"
                f"  {curl} -d '{{\"token\": \"PASTE THE value HERE\"}}' {live.url}/_/oidc/mint-token",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            print(
                json.dumps(facts), flush=True
            )  # last: whoever has read it knows that all is said and ready
            while True:
                time.sleep(3600)  # unlike a lock, this can be interrupted on Windows too
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(
            f"expected a free port to listen on, got {port}: {error.strerror}; choose another with --port",
            file=sys.stderr,
        )
        return 2


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
