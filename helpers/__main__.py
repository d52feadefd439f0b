"""`python -m helpers serve`: the lab as a server to poke with curl, on the real clock, until interrupted."""

import argparse
import json
import sys
import threading

from .jobs import GitHubJob
from .lab import Lab


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers", description="The Trusted Publishing lab, outside a notebook.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve the lab over HTTPS on 127.0.0.1 until interrupted")
    serving.add_argument("--port", type=int, default=0, help="port to listen on (default: one that the system chooses)")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"expected a port between 0 and 65535, got {options.port}")
    return serve(options.port)


def serve(port: int) -> int:
    """Serve until interrupted. Standard output gets one line of JSON, standard error a few things to try."""
    try:
        with Lab(at=None) as lab, lab.serve(port) as live:
            job = live.job_environment(GitHubJob())
            url, token = job["ACTIONS_ID_TOKEN_REQUEST_URL"], job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
            facts = {"index": live.url, "ca_file": str(live.ca_file), "id_token_request_url": url, "id_token_request_token": token}
            print(json.dumps(facts), flush=True)
            curl = f"curl --cacert {live.ca_file}"
            print(
                f"The lab is up; Ctrl-C ends it. Its tokens are worth nothing anywhere else. To try:\n"
                f"  {curl} {live.url}/_/oidc/audience\n"
                f"  {curl} -H 'Authorization: bearer {token}' '{url}&audience=pypi'\n"
                f"  {curl} {live.url}/github/.well-known/jwks\n"
                f"  {curl} -d '{{\"token\": \"PASTE THE value HERE\"}}' {live.url}/_/oidc/mint-token",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f"expected a free port to listen on, got {port}: {error.strerror}; choose another with --port", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
