"""Many at once: what may happen once happens once, and nothing is half there."""

import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import INDEX, OTHER, OTHER_JOB, burn, exchange, mint, upload, wheel

from helpers.index import api_tokens
from helpers.index import web as index_web
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob


@pytest.fixture
def lab():
    lab = Lab()
    mint(lab)  # the keys are there, so nobody waits for them and all arrive at the registry at once
    return lab


def together(count: int, do) -> list:
    """What `do(number)` returns in each of `count` threads that begin at the same moment."""
    barrier = threading.Barrier(count)

    def one(number):
        barrier.wait(30)
        return do(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(
        1e-6
    )  # take turns as often as can be, so that what can go wrong between two lines does
    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))
    finally:
        sys.setswitchinterval(interval)


def test_fifty_threads_with_one_id_token_get_exactly_one_api_token(lab):
    token = lab.github.id_token(GitHubJob())
    answers = together(50, lambda _: exchange(lab, token).json())
    assert sum("token" in answer for answer in answers) == 1
    assert Counter(answer["errors"][0]["code"] for answer in answers if "errors" in answer) == {
        "invalid-reuse-token": 49
    }


def test_a_replay_in_the_middle_of_an_exchange_waits_for_its_end(lab, monkeypatch):
    token, real, lock, moved = (
        lab.github.id_token(GitHubJob()),
        api_tokens.mint,
        lab.index._registry._lock,
        threading.Event(),
    )
    answers = []

    def replay():
        answers.append(exchange(lab, token).status_code)
        moved.set()

    class Watched:
        """The registry's lock, which says when the replay has come to it."""

        def __enter__(self):
            if threading.current_thread() is second:
                moved.set()
            return lock.__enter__()

        def __exit__(self, *error):
            return lock.__exit__(*error)

    def mint_in_the_middle(*args):
        if threading.current_thread() is not second:
            second.start()
            assert moved.wait(30)
        return real(*args)

    second = threading.Thread(target=replay)
    monkeypatch.setattr(lab.index._registry, "_lock", Watched())
    monkeypatch.setattr(api_tokens, "mint", mint_in_the_middle)
    assert exchange(lab, token).status_code == 200
    second.join(30)
    assert answers == [422]


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
            f"{INDEX}/simple/octo-rocket/",
            headers={"Accept": "application/vnd.pypi.simple.v1+json"},
        ).json()
        return {lab.http.get(file["url"]).status_code for file in answer["files"]} <= {200}

    assert set(together(20, act)) == {200, True}


def test_a_token_burned_while_its_upload_is_on_the_way_is_refused(lab, monkeypatch):
    token, real = mint(lab), index_web.read_form

    def read_slowly(request):
        burn(lab, token)
        return real(request)

    monkeypatch.setattr(index_web, "read_form", read_slowly)
    assert upload(lab, token).status_code == 403 and lab.index.projects["octo-rocket"].files == ()


def test_of_burning_and_uploading_at_once_one_comes_first(lab):
    token = mint(lab)
    answers = together(20, lambda number: (upload if number % 2 else burn)(lab, token).status_code)
    stored = len(lab.index.projects["octo-rocket"].files)
    assert set(answers) <= {200, 202, 403} and stored == (200 in answers)
    assert upload(lab, token, version="2.0", content=b"later").status_code == 403
