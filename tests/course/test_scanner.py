"""The scanner: every hiding place found, none invented, and nothing that an archive does stops it."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import random
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.ch01 import layers, scanner
from course.ch01.layers import Budget
from course.ch01.leaky_project import make, run, write
from course.ch01.scanner import find_tokens, scan
from helpers.index.api_tokens import USER, mint

TOKEN = mint("a-token-for-tests", [[USER, "alice"]])
LEAK = f"PYPI_TOKEN={TOKEN}\n".encode()


def places(root):
    return [finding.place for finding in scan(root).findings]


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(**members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return buffer.getvalue()


# -- the leaky project
# ------------------------------------------------------------------------------------------------


def test_all_seven_places_of_the_leaky_project_are_found_and_nothing_else(tmp_path):
    made = make(tmp_path, TOKEN)
    report = scan(tmp_path)
    tops = sorted(tmp_path / finding.place[0] for finding in report.findings)
    assert tops == sorted(place.path for place in made)
    assert len({finding.fingerprint for finding in report.findings}) == 1
    assert report.skipped == []
    assert run("git log --format=%s", tmp_path / "repository").splitlines() == [
        "Remove .env",
        "First version",
    ]


def test_nothing_is_reported_in_the_same_project_without_a_token(tmp_path):
    make(tmp_path, "pypi-replaced-by-hand")
    assert repr(scan(tmp_path)) == "nothing found"


# -- text and base64
# --------------------------------------------------------------------------------------------------


@given(before=st.binary(max_size=7), after=st.binary(max_size=7), urlsafe=st.booleans())
def test_a_token_is_found_in_base64_at_any_offset(before, after, urlsafe):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    blob = b"Authorization: Basic " + encode(before + b":" + TOKEN.encode() + b"\n" + after) + b"\n"
    assert [(form, token) for _, form, token in find_tokens(blob)] == [("base64", TOKEN.encode())]


@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\n    "])
@pytest.mark.parametrize("shift", range(12))
def test_base64_that_is_wrapped_over_lines_is_found(width, line_end, shift):
    encoded = base64.b64encode(b"x" * (50 + shift) + b":" + LEAK)
    blob = line_end.join(encoded[i : i + width] for i in range(0, len(encoded), width))
    assert [token for _, _, token in find_tokens(blob + b"\n")] == [TOKEN.encode()]


def test_a_token_that_ends_with_the_text_is_found_whole_plain_and_in_base64():
    for blob in (TOKEN.encode(), base64.b64encode(TOKEN.encode()).rstrip(b"=")):
        assert [token for _, _, token in find_tokens(blob)] == [TOKEN.encode()]


def test_the_offset_is_that_of_the_token():
    assert [offset for offset, _, _ in find_tokens(b"12345" + TOKEN.encode())] == [5]


@given(st.binary(max_size=300))
def test_innocent_bytes_and_innocent_base64_yield_nothing(data):
    assert (
        list(find_tokens(data)) == list(find_tokens(base64.b64encode(b"pypi-" + data[:80]))) == []
    )


# -- containers
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        zipped(a=LEAK),
        tarred(a=LEAK),
        gzip.compress(LEAK),
        bz2.compress(LEAK),
        lzma.compress(LEAK),
        gzip.compress(tarred(a=zipped(b=gzip.compress(LEAK)))),
        gzip.compress(b"first") + gzip.compress(LEAK),
        zipped(a=base64.encodebytes(LEAK)),
        b"#!/usr/bin/env python3\n" + zipped(a=LEAK),
    ],
    ids=[
        "zip",
        "tar",
        "gzip",
        "bzip2",
        "xz",
        "nested",
        "second gzip member",
        "base64 in zip",
        "zipapp",
    ],
)
def test_a_token_in_a_container_is_found_once_whatever_the_name_says(tmp_path, data):
    (tmp_path / "picture.png").write_bytes(data)
    assert len(places(tmp_path)) == 1


def test_what_lies_in_a_zip_beside_its_members_is_found_too(tmp_path):
    buffer = io.BytesIO(zipped(a=b"nothing"))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = LEAK
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    assert places(tmp_path) == [("a.zip",)]


def test_a_notebooks_stored_output_is_found_in_its_cell_even_as_wrapped_base64(tmp_path):
    lines = base64.encodebytes(LEAK).decode().splitlines(keepends=True)
    cells = [{"source": "x"}, {"source": [], "outputs": [{"output_type": "stream", "text": lines}]}]
    write(tmp_path / "a.ipynb", json.dumps({"cells": cells}))
    assert places(tmp_path) == [("a.ipynb", "cell 2, output")]


def test_a_name_that_is_a_token_is_not_repeated_in_the_report(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(**{f"{TOKEN}\n\x1b[31m.txt": LEAK}))
    assert TOKEN not in repr(scan(tmp_path)) and "\x1b" not in repr(scan(tmp_path))


def test_a_finding_does_not_contain_the_secret(tmp_path):
    write(tmp_path / "a", TOKEN)
    assert TOKEN[10:20] not in repr(scan(tmp_path).findings)


# -- git -----------------------------------------------------------------------------------------------------
# ---------


@pytest.fixture
def repository(tmp_path):
    """Two commits, the second of which deletes `.env`."""
    write(tmp_path / ".env", TOKEN)
    for command in (
        "git init -q",
        "git add .",
        "git commit -qm one",
        "git rm -q .env",
        "git commit -qm two",
    ):
        run(command, tmp_path)
    return tmp_path


def test_a_deleted_file_is_found_in_the_history(repository):
    [(folder, blob)] = places(repository)
    assert folder == ".git" and blob.startswith(".env@")


def test_a_commit_that_was_amended_away_is_found(repository):
    for command in (
        "git checkout -q --orphan clean",
        "git commit -q --allow-empty -m clean",
        "git branch -D master main",
    ):
        run(command, repository, fails=True)
    run("git reflog expire --expire=now --all", repository)
    [(_, blob)] = places(repository)
    assert blob.startswith("unreachable@")


def test_packed_bare_and_with_a_token_in_a_message(repository, tmp_path_factory):
    run(f"git commit -q --allow-empty -m {TOKEN}", repository)
    bare = tmp_path_factory.mktemp("bare")
    run(f"git clone -q --bare {repository} {bare}/copy.git", bare)
    assert sorted(place[1].split("@")[0] for place in places(bare)) == [".env", "commit"]


def test_an_archive_in_the_history_is_opened(repository):
    (repository / "a.whl").write_bytes(zipped(a=LEAK))
    for command in ("git add .", "git commit -qm three", "git rm -q a.whl", "git commit -qm four"):
        run(command, repository)
    assert [place[2] for place in places(repository) if len(place) == 3] == ["a"]


def test_a_broken_repository_is_said_and_the_rest_is_scanned(repository):
    write(repository / "a", TOKEN)
    (repository / ".git" / "HEAD").write_text("broken")
    report = scan(repository)
    assert [skipped.reason for skipped in report.skipped] == [
        "git could not read all of its objects"
    ]
    assert ("a",) in [finding.place for finding in report.findings]


def test_without_git_the_report_says_that_the_history_was_not_looked_at(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in str(scan(repository).skipped[0])


def test_the_repositorys_own_settings_run_nothing(repository):
    marker = repository.parent / f"{repository.name}-ran"
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external"):
        run(f"git config {name} 'touch {marker}'", repository)
    scan(repository)
    assert not marker.exists()


# -- hostile, broken, odd
# ---------------------------------------------------------------------------------------------


def bomb():
    return gzip.compress(b"\0" * 3_000_000)


@pytest.mark.parametrize(
    "data",
    [
        bomb(),
        zipped(a=b"\0" * 3_000_000),
        zipped(**{str(n): bytes(300_000) for n in range(10)}),
        bz2.compress(b"\0" * 3_000_000),
        tarred(**{str(n): b"" for n in range(9000)}),
        zipped(a=bomb()),
    ],
    ids=["gzip", "zip", "many", "bzip2", "empty members", "nested"],
)
def test_a_bomb_is_skipped_and_said(tmp_path, monkeypatch, data):
    monkeypatch.setattr(scanner, "MAX_UNPACKED", 2**20)
    (tmp_path / "a").write_bytes(data)
    write(tmp_path / "b", TOKEN)
    report = scan(tmp_path)
    assert report.skipped and "limit" in report.skipped[0].reason
    assert [finding.place for finding in report.findings] == [("b",)]


def test_a_bomb_does_not_use_up_its_neighbours_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "MAX_UNPACKED", 2**20)
    (tmp_path / "a").write_bytes(bomb())
    (tmp_path / "b").write_bytes(gzip.compress(LEAK))
    assert places(tmp_path) == [("b", "b")]


def test_a_bomb_in_the_history_is_skipped_and_said(repository, monkeypatch):
    monkeypatch.setattr(scanner, "MAX_UNPACKED", 2**20)
    (repository / "a").write_bytes(bomb())
    for command in ("git add a", "git commit -qm three", "git rm -q a", "git commit -qm four"):
        run(command, repository)
    report = scan(repository)
    assert ["limit" in skipped.reason for skipped in report.skipped] == [True]
    assert [finding.place[1].split("@")[0] for finding in report.findings] == [".env"]


def test_archives_nested_too_deep_are_skipped_and_said(tmp_path):
    data = LEAK
    for _ in range(20):
        data = gzip.compress(data)
    (tmp_path / "a").write_bytes(data)
    assert [skipped.reason for skipped in scan(tmp_path).skipped] == ["more than 8 containers deep"]


def test_a_large_file_is_skipped_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "MAX_FILE", 10)
    write(tmp_path / "a", TOKEN)
    assert [skipped.place for skipped in scan(tmp_path).skipped] == [("a",)]


def test_what_there_is_of_a_truncated_gzip_is_looked_at(tmp_path):
    noise = random.Random(1).randbytes(100_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(LEAK + noise)[:-50_000])
    report = scan(tmp_path)
    assert [finding.place for finding in report.findings] == [("a.gz", "a")]
    assert [skipped.reason for skipped in report.skipped] == ["breaks off, or is broken"]


@given(
    st.sampled_from(
        [
            zipped(a=LEAK),
            tarred(a=LEAK),
            gzip.compress(LEAK),
            bz2.compress(LEAK),
            lzma.compress(LEAK),
        ]
    ),
    st.integers(0, 400),
    st.binary(max_size=6),
    st.integers(0, 3000),
)
def test_no_damage_to_an_archive_makes_it_raise(data, position, garbage, end):
    damaged = (data[:position] + garbage + data[position + len(garbage) :])[:end]
    opened = layers.open_layers(damaged, "a")
    if opened is not None:
        try:
            list(opened(Budget(2**20)))
        except layers.Skip as skip:
            assert str(skip)


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"cells": 3}', '{"cells": [1]}', '{"cells": [{"outputs": 3}]}', '{"a":' * 9999],
)
def test_a_notebook_that_is_none_is_read_as_text(tmp_path, text):
    write(tmp_path / "a.ipynb", text + TOKEN)
    assert places(tmp_path) == [("a.ipynb",)]


def test_links_are_not_followed(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    write(outside / "secret", TOKEN)
    root.mkdir()
    try:
        (root / "folder").symlink_to(outside, target_is_directory=True)
        (root / "file").symlink_to(outside / "secret")
        (root / "loop").symlink_to(root, target_is_directory=True)
        (root / "nowhere").symlink_to(root / "missing")
    except OSError:
        pytest.skip("this system lets no ordinary user make links")
    assert repr(scan(root)) == "nothing found"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert scan(tmp_path).files == 0


def test_a_file_that_cannot_be_read_is_said_and_the_rest_is_scanned(tmp_path, monkeypatch):
    write(tmp_path / "a", TOKEN)
    write(tmp_path / "b", TOKEN)
    lstat = os.lstat

    def refuse(path):
        if str(path).endswith("a"):
            raise PermissionError(13, "denied")
        return lstat(path)

    monkeypatch.setattr(scanner.os, "lstat", refuse)
    report = scan(tmp_path)
    assert [str(skipped) for skipped in report.skipped] == ["a: not readable"]
    assert [finding.place for finding in report.findings] == [("b",)]


def test_a_single_file_can_be_scanned(tmp_path):
    assert places(write(tmp_path / "a.log", TOKEN)) == [("a.log",)]


def test_a_bad_crc_and_an_encrypted_member_are_said(tmp_path):
    data = bytearray(zipped(a=b"x" * 100, b=LEAK))
    data[data.index(b"PK\1\2") + 8] |= 1  # the first member claims to be encrypted
    (tmp_path / "a.zip").write_bytes(data)
    report = scan(tmp_path)
    assert [finding.place for finding in report.findings] == [("a.zip", "b")]
    assert [skipped.reason for skipped in report.skipped] == ["1 members encrypted, 0 broken"]
