"""Words that make a part of a workflow suspicious, and words that lead to another file."""

import shlex

import pytest

from preflight.scripts import followed
from preflight.workflows import mentions_publishing


@pytest.mark.parametrize(
    ("part", "mentioned"),
    [
        ("upload to PyPI", True),
        ("twine upload dist/*", True),
        ("tox -e release", True),
        ("tox -e py311", False),
        ("make a release", False),
        ("uv publish", True),
        ("poetry-publish", True),
        ("npm publish", False),
    ],
)
def test_the_words_of_a_python_release_are_suspicious(part, mentioned):
    assert mentions_publishing({"run": part}) is mentioned


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("bash -x bin/release.sh", ("script", ["bin/release.sh"])),
        ("bash -o pipefail bin/release.sh one", ("script", ["bin/release.sh"])),
        ("bash +e bin/release.sh", ("script", ["bin/release.sh"])),
        ("sh -ec 'uv publish'", ("inline", ["uv publish"])),
        ("bash -x", None),
        ("make TAG=1 release", ("make", ["release"])),
        ("python3 tools/release.py --dry", ("python", ["tools/release.py"])),
    ],
)
def test_a_command_leads_to_what_it_runs_of_the_repository(command, what):
    words = tuple(shlex.split(command))
    assert followed(words, list(words)) == what
