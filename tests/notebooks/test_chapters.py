"""Every chapter satisfies every rule of `chapter_rules`. With no chapters, there is nothing to satisfy."""

from pathlib import Path

import pytest
from chapter_rules import RULES, Chapter

CHAPTERS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter(path, rule):
    assert not list(rule(Chapter(path)))
