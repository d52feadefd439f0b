"""The scanner: every hiding place found, none invented, and nothing that an archive does stops it."""

import base64
import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.ch01 import scanner
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


@pytest.mark.proof
def test_nothing_is_reported_in_the_same_project_without_a_token(tmp_path):
    make(tmp_path, "pypi-replaced-by-hand")
    assert repr(scan(tmp_path)) == "nothing found"


# -- text and base64
# --------------------------------------------------------------------------------------------------


@given(before=st.binary(max_size=7), after=st.binary(max_size=7), urlsafe=st.booleans())
def test_a_token_is_found_in_base64_at_any_offset(before, after, urlsafe):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    blob = b"Authorization: Basic " + encode(before + b":" + TOKEN.encode() + b"\n" + after) + b"\n"
    assert list(find_tokens(blob)) == [("base64", TOKEN.encode())]


@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\n    "])
@pytest.mark.parametrize("shift", range(12))
def test_base64_that_is_wrapped_over_lines_is_found(width, line_end, shift):
    encoded = base64.b64encode(b"x" * (50 + shift) + b":" + LEAK)
    blob = line_end.join(encoded[i : i + width] for i in range(0, len(encoded), width))
    assert [token for _, token in find_tokens(blob + b"\n")] == [TOKEN.encode()]


def test_a_token_that_ends_with_the_text_is_found_whole_plain_and_in_base64():
    for blob in (TOKEN.encode(), base64.b64encode(TOKEN.encode()).rstrip(b"=")):
        assert [token for _, token in find_tokens(blob)] == [TOKEN.encode()]


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
    assert folder == ".git" and blob.startswith("blob ")


def test_a_commit_that_was_amended_away_is_found(repository):
    for command in (
        "git checkout -q --orphan clean",
        "git commit -q --allow-empty -m clean",
        "git branch -D master main",
    ):
        run(command, repository, fails=True)
    run("git reflog expire --expire=now --all", repository)
    [(_, blob)] = places(repository)
    assert blob.startswith("blob ")


def test_packed_bare_and_with_a_token_in_a_message(repository, tmp_path_factory):
    run(f"git commit -q --allow-empty -m {TOKEN}", repository)
    bare = tmp_path_factory.mktemp("bare")
    run(f"git clone -q --bare {repository} {bare}/copy.git", bare)
    assert sorted(place[1].split()[0] for place in places(bare)) == ["blob", "commit"]


def test_an_archive_in_the_history_is_opened(repository):
    (repository / "a.whl").write_bytes(zipped(a=LEAK))
    for command in ("git add .", "git commit -qm three", "git rm -q a.whl", "git commit -qm four"):
        run(command, repository)
    assert [place[2] for place in places(repository) if len(place) == 3] == ["a"]


def test_a_broken_object_is_said_and_the_rest_is_scanned(repository):
    write(repository / "a", TOKEN)
    for loose in (repository / ".git" / "objects").glob("??/*"):
        loose.chmod(0o600)
        loose.write_bytes(b"broken")
    report = scan(repository)
    assert report.skipped == [".git: git cannot read all of its objects"]
    assert [finding.place for finding in report.findings] == [("a",)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_history_named_by_sha256_is_said_to_be_left_out(tmp_path, packed):
    write(tmp_path / "a", "x")
    run("git init -q --object-format=sha256", tmp_path)
    for command in ("git add .", "git commit -qm one", "git gc -q")[: 3 if packed else 2]:
        run(command, tmp_path)
    assert scan(tmp_path).skipped == [
        ".git: has git objects named by SHA-256, which is not supported"
    ]


def test_without_git_the_report_says_that_the_history_was_not_looked_at(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in scan(repository).skipped[0]


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets no ordinary user make links")


@pytest.fixture
def neighbor(repository, tmp_path_factory):
    """A repository without a token, beside one with."""
    folder = tmp_path_factory.mktemp("neighbor")
    for command in ("git init -q", "git commit -q --allow-empty -m one"):
        run(command, folder)
    return folder / ".git"


def test_the_alternates_of_a_repository_are_not_followed(repository, neighbor):
    write(neighbor / "objects" / "info" / "alternates", f"{repository / '.git' / 'objects'}\n")
    report = scan(neighbor.parent)
    assert report.skipped == [".git: borrows the objects of another git repository"]
    assert report.findings == []


@pytest.mark.parametrize("part", ["objects", "objects/pack", "objects/ab"])
def test_a_link_to_another_repositorys_objects_is_not_followed(repository, neighbor, part):
    run("git gc -q", repository)
    place = neighbor / part
    if place.exists():
        place.rename(neighbor.parent / "kept")
    link(place, repository / ".git" / part.replace("ab", "pack"))
    report = scan(neighbor)
    assert report.findings == [] and ("links" in str(report) or "borrows" in str(report))


def test_what_a_repository_says_of_another_one_counts_for_nothing(
    repository, neighbor, monkeypatch
):
    write(neighbor / "commondir", f"{repository / '.git'}\n")
    monkeypatch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", str(repository / ".git" / "objects"))
    assert scan(neighbor).findings == []


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
    assert report.skipped and "limit" in report.skipped[0]
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
    assert ["limit" in words for words in report.skipped] == [True]
    assert [finding.place[1].split()[0] for finding in report.findings] == ["blob"]


def test_a_history_has_a_limit_of_its_own(repository, monkeypatch):
    monkeypatch.setattr(scanner, "MAX_UNPACKED", 2**10)
    assert "limit" in scan(repository).skipped[0]
    monkeypatch.setattr(scanner, "MAX_FILE", 10)
    assert any("an object larger than" in words for words in scan(repository).skipped)


def test_archives_nested_too_deep_are_skipped_and_said(tmp_path):
    data = LEAK
    for _ in range(20):
        data = gzip.compress(data)
    (tmp_path / "a").write_bytes(data)
    assert [words.partition(": ")[2] for words in scan(tmp_path).skipped] == [
        "more than 8 containers deep"
    ]


def test_a_large_file_is_skipped_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "MAX_FILE", 10)
    write(tmp_path / "a", TOKEN)
    assert scan(tmp_path).skipped == ["a: larger than 0 MB"]


def test_what_there_is_of_a_truncated_gzip_is_looked_at(tmp_path):
    noise = random.Random(1).randbytes(100_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(LEAK + noise)[:-50_000])
    report = scan(tmp_path)
    assert [finding.place for finding in report.findings] == [("a.gz", "a")]
    assert report.skipped == ["a.gz: 1 broken or encrypted"]


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
    scanner._look(damaged, ("a",), scanner.Report(), None)


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
    write(tmp_path / "z", TOKEN)
    assert places(tmp_path) == [("z",)]
    assert repr(scan(tmp_path / "pipe")) == "nothing found"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    about = os.lstat(write(tmp_path / "a", TOKEN))
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    monkeypatch.setattr(scanner.os, "lstat", lambda path: about)
    assert scan(tmp_path).findings == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
@pytest.mark.parametrize("place", ["objects/ab", "objects/pack/x.idx", "objects/info/packs"])
def test_a_pipe_among_gits_objects_is_not_waited_for(repository, place):
    os.mkfifo(repository / ".git" / place)
    report = scan(repository)
    assert report.skipped == [".git: has links or pipes among its git objects"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
@pytest.mark.parametrize("place", ["config", "HEAD", "packed-refs", "shallow"])
def test_a_pipe_among_gits_settings_is_not_waited_for(repository, place):
    (repository / ".git" / place).unlink(missing_ok=True)
    os.mkfifo(repository / ".git" / place)
    assert [place[0] for place in places(repository)] == [".git"]


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
    assert report.skipped == ["a: not readable"]
    assert [finding.place for finding in report.findings] == [("b",)]


def test_a_single_file_can_be_scanned(tmp_path):
    assert places(write(tmp_path / "a.log", TOKEN)) == [("a.log",)]


def test_a_bad_crc_and_an_encrypted_member_are_said(tmp_path):
    data = bytearray(zipped(a=b"x" * 100, b=LEAK))
    data[data.index(b"PK\1\2") + 8] |= 1  # the first member claims to be encrypted
    (tmp_path / "a.zip").write_bytes(data)
    report = scan(tmp_path)
    assert [finding.place for finding in report.findings] == [("a.zip", "b")]
    assert report.skipped == ["a.zip: 1 broken or encrypted"]


def test_a_zip_inside_a_tar_does_not_hide_its_neighbor(tmp_path):
    (tmp_path / "a.tar").write_bytes(
        tarred(**{"a.gz": gzip.compress(LEAK), "z.whl": zipped(a=b"")})
    )
    assert places(tmp_path) == [("a.tar", "a.gz", "a")]


def negative_tar(kind):
    """A tar with a member of negative size, which some versions of tarfile read for ever."""
    about = tarfile.TarInfo("a")
    about.type = kind
    header = bytearray(about.tobuf())
    header[124:136] = (-512).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) * 2 + bytes(1024)


def overlapping_zip():
    """A zip with 3,000 entries for the same half megabyte of empty blocks, which unpack to nothing."""
    blocks = b"\x00\x00\x00\xff\xff" * 100_000 + b"\x03\x00"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", blocks)
        [row] = archive.infolist()
        row.compress_type, row.file_size, row.CRC = zipfile.ZIP_DEFLATED, 0, 0
        archive.filelist = [row] * 3000
    data = bytearray(buffer.getvalue())
    data[8:10] = (8).to_bytes(2, "little")  # deflated, in the local header too
    return bytes(data)


@pytest.mark.proof
@pytest.mark.parametrize("kind", [b"0", b"5", b"x", b"g", b"L", b"K", b"S", b"V", b"1"])
def test_a_member_of_negative_size_ends(kind, at_most):
    with at_most(10):
        scanner._look(negative_tar(kind), ("a.tar",), scanner.Report(), None)


def test_entries_that_share_their_bytes_cost_no_more_than_the_limit(at_most):
    report = scanner.Report()
    with at_most(10):
        scanner._look(overlapping_zip(), ("a.zip",), report, None)
    assert "limit" in report.skipped[0]


@pytest.mark.proof
@pytest.mark.parametrize(
    "blob",
    [
        b"cHlwaS" * 150_000,
        b"cHlwaSB5cGktweXBpL" * 50_000,
        b"cHlwaS\n" * 120_000,
        b"cHlwaS" + b"a\n" * 400_000,
        b"cHlwaS" + b"a\r" * 400_000,
        b"cHlwaS" + b"a!" * 400_000,
        (b"cHlwaS" + b"a" * 93 + b"!") * 9_000,
        b"pypi-" * 200_000,
        (b"pypi-" + b"a" * 84 + b"!") * 10_000,
        base64.b64encode(b"x:" + TOKEN.encode()) * 4_000,
    ],
    ids=lambda blob: blob[:12].decode(),
)
def test_a_megabyte_of_anything_is_searched_in_little_time(blob, at_most):
    with at_most(2):
        assert len(blob) > 600_000 and sum(1 for _ in find_tokens(blob)) <= 4_000
