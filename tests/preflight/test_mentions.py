"""Words by which a part of a workflow that is not looked at is suspected of publishing."""

import pytest

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
