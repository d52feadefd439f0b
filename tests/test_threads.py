"""Many at once: what may happen once happens once, and nothing is half there."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import INDEX, OTHER, OTHER_JOB, burn, exchange, mint, upload, wheel

from helpers import Lab, api_tokens
from helpers.jobs import GitHubJob


@pytest.fixture
def lab():
    return Lab()


def together(count: int, do) -> list:
    """What `do(number)` returns in each of `count` threads that begin at the same moment."""
    barrier = threading.Barrier(count)

    def one(number):
        barrier.wait(30)
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_fifty_threads_with_one_id_token_get_exactly_one_api_token(lab):
    token = lab.github.id_token(GitHubJob())
    answers = together(50, lambda _: exchange(lab, token).json())
    assert sum("token" in answer for answer in answers) == 1
    assert Counter(answer["errors"][0]["code"] for answer in answers if "errors" in answer) == {
        "invalid-reuse-token": 49
    }


def test_fifty_threads_with_fifty_id_tokens_get_fifty_api_tokens_that_work(lab):
    tokens = [lab.github.id_token(GitHubJob()) for _ in range(50)]
    minted = together(50, lambda number: exchange(lab, tokens[number]).json()["token"])
    assert len({api_tokens.identifier(token) for token in minted}) == 50
    assert {
        upload(lab, token, version=str(number), content=b"%d" % number).status_code
        for number, token in enumerate(minted)
    } == {200}


def test_fifty_threads_with_one_pending_publisher_create_one_project(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    tokens = [lab.github.id_token(OTHER_JOB) for _ in range(50)]
    answers = together(50, lambda number: exchange(lab, tokens[number]).status_code)
    assert set(answers) == {200} and lab.index.publishers("octo-comet") == [OTHER]
    assert [event.action for event in lab.index.events].count(
        "create project"
    ) == 2  # octo-rocket, and this one


def test_twenty_threads_uploading_other_bytes_under_one_name_store_one_file_whole(lab):
    token = mint(lab)
    contents = [bytes([number]) * 100_000 for number in range(20)]
    answers = together(20, lambda number: upload(lab, token, content=contents[number]))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 19}
    assert all(
        answer.reason_phrase.startswith("File already exists ")
        for answer in answers
        if answer.status_code == 400
    )
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    [file] = lab.index.projects["octo-rocket"].files
    assert file.content == contents[winner] == lab.http.get(f"{INDEX}/files/{wheel()}").content


def test_twenty_threads_uploading_the_same_bytes_all_succeed_and_store_one_file(lab):
    token = mint(lab)
    assert {answer.status_code for answer in together(20, lambda _: upload(lab, token))} == {200}
    assert len(lab.index.projects["octo-rocket"].files) == 1


def test_twenty_threads_uploading_twenty_files_store_twenty_files(lab):
    token = mint(lab)
    together(20, lambda number: upload(lab, token, version=str(number), content=b"%d" % number))
    files = lab.index.projects["octo-rocket"].files
    assert {file.content for file in files} == {b"%d" % number for number in range(20)}
    assert all(lab.index.file(file.filename) == file.content for file in files)


def test_twenty_threads_with_one_users_token_are_warned_about_once(lab):
    token = lab.index.create_api_token("alice")
    together(20, lambda number: upload(lab, token, version=str(number), content=b"%d" % number))
    assert [event.action for event in lab.index.events].count("warn") == 1


def test_readers_see_whole_releases_while_others_write(lab):
    token = mint(lab)

    def act(number):
        if number % 2:
            return upload(lab, token, version=str(number), content=b"%d" % number).status_code
        answer = lab.http.get(
            f"{INDEX}/simple/octo-rocket/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        ).json()
        return {lab.http.get(file["url"]).status_code for file in answer["files"]} <= {200}

    assert set(together(20, act)) == {200, True}


def test_of_burning_and_uploading_at_once_one_comes_first(lab):
    token = mint(lab)
    answers = together(20, lambda number: (upload if number % 2 else burn)(lab, token).status_code)
    stored = len(lab.index.projects["octo-rocket"].files)
    assert set(answers) <= {200, 202, 403} and stored == (200 in answers)
    assert upload(lab, token, version="2.0", content=b"later").status_code == 403
