"""What the leakage model and the scanner cost: part of `make bench`. Nothing is asserted about time."""

import base64
import gzip
import io
import os
import random
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from course.ch01.leakage import YEAR, Policy, simulate, two_speeds
from course.ch01.scanner import scan
from helpers.index.api_tokens import USER, mint

FILES, ARCHIVES, COMMITS, TOKENS = 10_000, 200, 1_000, 50
TEXT = Path(__file__).parents[2].joinpath("README.md").read_bytes()


def test_ten_million_simulated_releases(benchmark):
    speeds = two_speeds(31, 0.74, late=4 * YEAR, late_alive=0.64, early=3, early_share=0.9)
    policy = Policy("rotated", rotation=90)
    found = benchmark.pedantic(
        lambda: simulate(policy, speeds, releases=10_000_000, seed=1), rounds=3
    )
    off = abs(found.mean - policy.exposure(speeds)) / found.standard_error
    result = f"{off:.1f} standard errors off"
    benchmark.extra_info.update(
        what="ten million simulated releases, against the closed form",
        aim="under 2 s, within 3",
        times=1,
        result=result,
    )


def test_a_large_project_scanned(benchmark, haystack):
    """The peer reads the same bytes: every file once, and what git has of its history."""
    root, tokens = haystack

    def read():
        for folder, _, names in os.walk(root):
            for name in names:
                Path(folder, name).read_bytes()

    begun = time.perf_counter()
    read()
    reading = time.perf_counter() - begun
    report = benchmark.pedantic(scan, (root,), rounds=3)
    found = {finding.fingerprint for finding in report.findings}
    result = f"{len(found)} of {len(tokens)} found, {len(report.findings) - len(tokens)} invented"
    benchmark.extra_info.update(
        what=f"scan of {FILES:,} files, {ARCHIVES} archives, {COMMITS:,} commits; reading the files",
        aim="under 5 s, all, none",
        times=1,
        peer=reading,
        result=result,
    )


@pytest.fixture(scope="module")
def haystack(tmp_path_factory):
    """A project with tokens in files (plain and in base64), in archives (one or two deep), and in deleted
    files of its history."""
    root, chance = tmp_path_factory.mktemp("haystack"), random.Random(1)
    tokens = [mint(f"token-{n:04}-{'x' * 25}", [[USER, "alice"]]).encode() for n in range(TOKENS)]
    wanted = iter(tokens)
    marked = set(chance.sample(range(FILES), 20))
    for n in range(FILES):
        body = _text(chance)
        if n in marked:
            token = next(wanted)
            body += (
                b"\nkey = "
                + (token if n % 2 else base64.b64encode(b"u" * (n % 3) + b":" + token))
                + b"\n"
            )
        path = root / f"src{n % 97}" / f"module{n}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
    marked = set(chance.sample(range(ARCHIVES), 15))
    (root / "dist").mkdir()
    for n in range(ARCHIVES):
        members = {f"m{k}.py": _text(chance) for k in range(10)}
        if n in marked:
            members["leak.env"] = next(wanted)
        name, data = (
            (f"a{n}.whl", _zip(members))
            if n % 2
            else (f"a{n}.tar.gz", gzip.compress(_tar(members), 1))
        )
        (root / "dist" / name).write_bytes(_zip({name: data}) if n % 5 == 0 else data)
    _history(root / "repository", list(wanted), chance)
    return root, tokens


def _text(chance: random.Random) -> bytes:
    start = chance.randrange(len(TEXT) - 3000)
    return TEXT[start : start + chance.randrange(200, 3000)] + chance.randbytes(20).hex().encode()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return buffer.getvalue()


def _history(folder: Path, tokens: list[bytes], chance: random.Random) -> None:
    """A thousand commits by `git fast-import`; each token is in one of them, and its file is deleted in the
    next."""
    marked = dict(zip(chance.sample(range(2, COMMITS - 2, 2), len(tokens)), tokens, strict=True))
    stream = []
    for n in range(COMMITS):
        body = _text(chance)
        changes = [b"M 100644 inline file%d.txt\ndata %d\n%s\n" % (n % 50, len(body), body)]
        if n in marked:
            changes.append(
                b"M 100644 inline secret.env\ndata %d\n%s\n" % (len(marked[n]), marked[n])
            )
        if n - 1 in marked:
            changes.append(b"D secret.env\n")
        who = b"committer alice <alice@octo.example> %d +0000\n" % (1_700_000_000 + n)
        stream.append(b"commit refs/heads/main\n" + who + b"data 1\nx\n" + b"".join(changes))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(
        ["git", "-C", str(folder), "fast-import", "--quiet"], input=b"".join(stream), check=True
    )
