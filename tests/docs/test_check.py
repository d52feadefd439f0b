"""The check that every build runs: `docs/check.py` finds what is broken, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOUND = """<!doctype html><link rel="canonical" href="https://octo.example/"><link rel="icon" href="i.svg">
<h1 id="top">One</h1><a href="#top">up</a><a href="two.html#1.-A%20·">two</a>
<a href="https://octo.example/">out</a><img src="i.svg" alt="A rocket on its launch pad, at night">"""

BROKEN = {
    '<script src="https://octo.example/a.js"></script>': "one.html: loads https://octo.example/a.js",
    '<img src="//octo.example/a.png" alt="A picture that comes from elsewhere">': "loads //octo",
    '<p style="background:url(https://octo.example/a.png)">': "loads https://octo.example/a.png",
    '<img src="i.svg" srcset="https://octo.example/a.png 2x" alt="A rocket on its pad">': "loads https",
    '<a href="three.html">': "links to three.html, which is not there",
    '<a href="two.html#three">': "links to two.html#three, a place that is not there",
    '<a href="#three">': "links to #three, a place that is not there",
    '<img src="missing.svg" alt="A rocket on its launch pad">': "links to missing.svg",
    '<img src="i.svg">': "a picture without words: i.svg",
    '<img src="i.svg" alt="figure 1">': "a picture without words: i.svg",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site with nothing wrong."""
    (tmp_path / "one.html").write_text(SOUND, "utf-8")
    (tmp_path / "two.html").write_text('<h2 id="1.-A ·">A</h2>', "utf-8")
    (tmp_path / "i.svg").write_text("<svg/>", "utf-8")
    (tmp_path / "site.css").write_text("p { background: url('i.svg') }", "utf-8")
    return tmp_path


def check(site: Path) -> tuple[int, str]:
    """Return the exit status and the lines that the check writes."""
    command = [sys.executable, str(ROOT / "docs" / "check.py"), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_sound_site_passes(site):
    assert check(site) == (0, "")


@pytest.mark.parametrize("html", BROKEN)
def test_each_thing_that_is_broken_is_found(site, html):
    (site / "one.html").write_text(SOUND + html, "utf-8")
    status, said = check(site)
    assert status == 1
    assert BROKEN[html] in said


@pytest.mark.parametrize(
    "rule", ["@import 'https://octo.example/a.css';", "p { background: url(//octo.example/a.png) }"]
)
def test_a_style_sheet_that_loads_from_elsewhere_is_found(site, rule):
    (site / "site.css").write_text(rule, "utf-8")
    status, said = check(site)
    assert status == 1
    assert "site.css: loads " in said


def test_the_built_site_passes(built):
    assert check(built) == (0, "")
