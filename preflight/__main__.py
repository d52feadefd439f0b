"""The command: `preflight PATH`, or `python -m preflight PATH`."""

import argparse
import gc
import sys
from pathlib import Path

from preflight import check


def preflight_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="preflight",
        description="Say which jobs of a repository publish a Python package, and if they can.",
        epilog="Exit status: 0, nothing will fail; 1, something will; 2, something is unreadable.",
    )
    option = parser.add_argument
    option("path", type=Path, metavar="PATH", help="a checked-out repository")
    option("--repository", default="", metavar="OWNER/NAME", help="default: that of origin")
    told = 'what the index has: "workflow=release.yml environment=pypi"; can be repeated'
    option("--publisher", action="append", default=[], metavar="WORDS", help=told)
    option("--format", choices=("text", "json", "github"), default="text", help="how to print it")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Print the report; return the exit status."""
    options = preflight_parser().parse_args(arguments)
    gc.disable()  # it takes a sixth of the time, and what is read is bounded
    try:
        report = check(options.path, options.repository, options.publisher)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    told = {"text": report.text, "json": report.json, "github": report.github}[options.format]()
    # As bytes, so that carriage returns in a diff stay what they are on Windows too.
    sys.stdout.buffer.write(told.encode("utf-8", "replace"))
    sys.stdout.flush()
    return report.status


if __name__ == "__main__":
    sys.exit(main())
