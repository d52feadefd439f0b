"""What a maintainer does in a browser, the registry behind it, and the log."""

import base64
import sys
from urllib.parse import quote

import pytest
from support import (
    INDEX,
    JOBS,
    OTHER,
    OTHER_JOB,
    PUBLISHER,
    burn,
    claims,
    exchange,
    form,
    mint,
    refusal,
    said,
    snapshot,
    upload,
    wheel,
)

from helpers.events import redact
from helpers.index import api_tokens
from helpers.index.publishers import GitLabPublisher
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob


@pytest.fixture
def lab():
    return Lab()


def latest(lab) -> tuple:
    """Who did what to which project, at last."""
    event = lab.index.events[-1]
    return event.action, event.actor, event.project


# -- a maintainer's operations -------------------------------------------------------------------------------


def test_a_project_can_be_created_by_hand(lab):
    project = lab.index.add_project("Octo.Comet", owner="bob")
    assert lab.index.projects["octo-comet"] == project and latest(lab) == (
        "create project",
        "bob",
        "Octo.Comet",
    )


@pytest.mark.parametrize("name", ["octo-rocket", "Octo.Rocket", "", "-", "a b", "json"])
def test_a_name_that_is_taken_or_not_allowed_raises_a_value_error(lab, name):
    before = snapshot(lab)
    with pytest.raises(ValueError):
        lab.index.add_project(name, owner="bob")
    assert snapshot(lab) == before


def test_a_publisher_can_be_added_and_removed(lab):
    lab.index.add_publisher("Octo.Rocket", OTHER)
    assert lab.index.publishers("octo_rocket") == [PUBLISHER, OTHER] and latest(lab)[:2] == (
        "add publisher",
        "alice",
    )
    lab.index.remove_publisher("octo-rocket", OTHER)
    assert lab.index.publishers("octo-rocket") == [PUBLISHER] and latest(lab)[:2] == (
        "remove publisher",
        "alice",
    )


def test_a_publisher_of_no_project_raises_a_lookup_error(lab):
    with pytest.raises(LookupError, match="'octo-comet'"):
        lab.index.add_publisher("octo-comet", OTHER)
    with pytest.raises(LookupError, match="'octo-comet'"):
        lab.index.remove_publisher("octo-comet", OTHER)
    with pytest.raises(LookupError, match="not registered there"):
        lab.index.remove_publisher("octo-rocket", OTHER)


def test_what_exists_can_be_added_again_and_changes_nothing(lab):
    before, events = snapshot(lab), len(lab.events)
    lab.index.add_publisher("octo-rocket", PUBLISHER)
    assert lab.index.add_project("octo-rocket", owner="alice").name == "octo-rocket"
    assert snapshot(lab) == before and len(lab.events) == events
    with pytest.raises(ValueError, match="exists already"):
        lab.index.add_project("octo-rocket", owner="mallory")


def test_a_publisher_of_an_issuer_nobody_knows_cannot_be_added(lab):
    publisher = GitLabPublisher(
        namespace="octo-org", project="rocket", issuer="https://gitlab.octo.example"
    )
    for add in (lambda: lab.index.add_publisher("octo-rocket", publisher),
                lambda: lab.index.add_pending_publisher("octo-comet", publisher, owner="alice")):  # fmt: skip
        with pytest.raises(ValueError, match="issuer"):
            add()
    lab.add_issuer("https://gitlab.octo.example")
    lab.index.add_publisher("octo-rocket", publisher)


def test_a_publisher_must_be_of_its_issuers_kind(lab):
    google = GitLabPublisher(
        namespace="octo-org", project="rocket", issuer="https://accounts.google.com"
    )
    with pytest.raises(ValueError, match="issuer"):
        lab.index.add_publisher("octo-rocket", google)


@pytest.mark.parametrize(
    ("name", "publisher"),
    [("Octo.Rocket", OTHER), ("a b", OTHER), ("json", OTHER), ("octo-moon", OTHER)],
)
def test_a_pending_publisher_wants_a_new_name_and_to_be_new(lab, name, publisher):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="bob")
    before = snapshot(lab)
    with pytest.raises(ValueError):
        lab.index.add_pending_publisher(name, publisher, owner="alice")
    assert snapshot(lab) == before


def test_a_lapsed_pending_publisher_can_be_registered_anew(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="bob")
    lab.clock.advance(days=30)
    assert lab.index.pending == []
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    mint(lab, OTHER_JOB)
    assert lab.index.projects["octo-comet"].owner == "alice"


def test_a_users_token_has_the_documented_caveats(lab):
    [[tag, user]] = api_tokens.caveats(lab.index.create_api_token("alice"))
    assert tag == 3 and isinstance(user, str)
    scoped = api_tokens.caveats(lab.index.create_api_token("alice", "Octo.Rocket"))
    assert scoped == [[1, ["octo-rocket"]], [2, [lab.index.projects["octo-rocket"].id]]]


def test_a_token_for_no_project_raises_a_lookup_error(lab):
    with pytest.raises(LookupError):
        lab.index.create_api_token("alice", "octo-comet")


def test_a_token_can_be_revoked_once(lab):
    token = lab.index.create_api_token("alice")
    lab.index.revoke_api_token(token)
    assert latest(lab)[:2] == ("revoke API token", "alice")
    assert said(upload(lab, token))[0] == 403
    for gone in (token, "pypi-nonsense", ""):
        with pytest.raises(LookupError):
            lab.index.revoke_api_token(gone)


def test_tokens_of_one_index_are_all_different(lab):
    tokens = {mint(lab) for _ in range(20)} | {
        lab.index.create_api_token("alice") for _ in range(20)
    }
    assert len(tokens) == len({api_tokens.identifier(token) for token in tokens}) == 40


def test_the_same_story_gives_the_same_tokens_again():
    stories = []
    for _ in range(2):
        lab = Lab()
        stories.append((lab.index.create_api_token("alice"), mint(lab)))
    assert stories[0] == stories[1]


def test_what_the_index_shows_cannot_be_changed_through_it(lab):
    with pytest.raises(TypeError):
        lab.index.projects["octo-comet"] = None
    lab.index.events.clear()
    lab.index.publishers("octo-rocket").clear()
    assert lab.index.events and lab.index.publishers("octo-rocket") == [PUBLISHER]


# -- all at once or not at all -------------------------------------------------------------------------------


class Interrupted(BaseException):
    """Raised in the middle of something."""


def at_each_line(do, look) -> int:
    """Run `do`, and call `look` before each line of the helpers with its number. Returns the count."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "helpers" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            look(count)
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        do()
    finally:
        sys.settrace(previous)
    return count


def pending_exchange():
    """A lab in which an exchange has most to do, and the body to ask for it."""
    lab = Lab()
    lab.index.add_pending_publisher("octo-comet", PUBLISHER, owner="alice")
    token = lab.github.id_token(GitHubJob())
    lab.index._keys.key(lab.github.url, "github-1")
    return lab, lambda: lab.index.mint_token(f'{{"token": "{token}"}}'.encode())


def first_upload():
    """A lab and an upload that creates its project."""
    lab = Lab()
    token = lab.index.create_api_token("alice")
    return lab, lambda: upload(lab, token, name="octo-comet")


def burning():
    """A lab and the end of a token."""
    lab = Lab()
    token = mint(lab)
    return lab, lambda: burn(lab, token)


STORIES = pytest.mark.parametrize("story", [pending_exchange, first_upload, burning])


@STORIES
def test_at_no_line_can_half_of_it_be_seen(story):
    lab, do = story()
    before, seen = snapshot(lab), []
    at_each_line(do, lambda _: seen.append(snapshot(lab)))
    after = snapshot(lab)
    assert before != after and len(seen) > 50
    turn = seen.index(after)
    assert all(each == before for each in seen[:turn]) and all(
        each == after for each in seen[turn:]
    )


@pytest.mark.proof
@STORIES
def test_interrupted_at_any_line_it_has_happened_whole_or_not_at_all(story):
    lab, do = story()
    lines = at_each_line(do, lambda _: None)
    after = snapshot(lab)
    lab, do = story()
    before = snapshot(lab)

    def interrupt_at(stop):
        def look(line):
            if line == stop:
                raise Interrupted

        return look

    for stop in range(1, lines, 3 if lines > 300 else 1):
        with pytest.raises(Interrupted):
            at_each_line(do, interrupt_at(stop))
        if snapshot(lab) != before:
            assert snapshot(lab) == after
            break
        assert lab.index._registry._lock.acquire(blocking=False)
        lab.index._registry._lock.release()
    else:
        pytest.fail("it never happened")


@pytest.mark.parametrize(
    "point", ["helpers.index.api_tokens.mint", "helpers.index.registry.State.create", "helpers.index.registry.State.register",
              "helpers.index.registry.State.issue", "helpers.index.exchange._claim_jti", "helpers.index.exchange._mint"],
)  # fmt: skip
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_error_in_any_step_of_an_exchange_leaves_nothing_behind(monkeypatch, point, moment):
    lab, do = pending_exchange()
    before = snapshot(lab)
    module, _, name = point.rpartition(".")
    owner = sys.modules.get(module) or getattr(
        sys.modules[module.rpartition(".")[0]], module.rpartition(".")[2]
    )
    real = getattr(owner, name)

    def broken(*args, **kwargs):
        if moment == "after":
            real(*args, **kwargs)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        with pytest.raises(Interrupted):
            do()
    assert snapshot(lab) == before
    assert do()[0] == 200


def test_readers_are_not_held_up_and_see_the_old_state(lab, monkeypatch):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    token, seen, real = lab.github.id_token(OTHER_JOB), [], api_tokens.mint

    def slow(*args):
        seen.append(lab.http.get(f"{INDEX}/simple/octo-comet/").status_code)
        return real(*args)

    monkeypatch.setattr(api_tokens, "mint", slow)
    assert exchange(lab, token).status_code == 200
    assert seen == [404] and lab.http.get(f"{INDEX}/simple/octo-comet/").status_code == 200


# -- the log -------------------------------------------------------------------------------------------------


def everywhere(lab, text: str) -> None:
    """Send a text to index and issuer in every place that a client can choose."""
    http, raw = lab.http, text.encode("utf-8", "surrogatepass")
    exchange(lab, text), exchange(lab, f"x{text}"), burn(lab, text)
    (
        http.post(f"{INDEX}/_/oidc/mint-token", content=raw),
        http.post(f"{INDEX}/_/oidc/burn-token", json={text: text}),
    )
    latin = raw.replace(b"\n", b"").replace(b"\0", b"")
    agent = {b"User-Agent": latin, b"Accept": latin, b"Host": latin, b"Content-Type": latin}
    for path in ("/simple/", "/_/oidc/audience", f"/simple/{wheel()}/", "/legacy/"):
        http.get(INDEX + path, headers=agent), http.post(INDEX + path, headers=agent)
    for path in (
        f"/simple/{quote(text)}/",
        f"/files/{quote(text)}",
        f"/{quote(text)}",
        f"/legacy/?x={quote(text)}",
    ):
        http.get(INDEX + path), http.post(INDEX + path)
    known = lab.index.create_api_token("alice")
    for field in (*form(), "another"):
        upload(lab, known, **{field: text, "filename": wheel()} if field != "filename" else {})
        upload(lab, known, **{field: f"{'x' * 200}{text}", "filename": wheel()})
    for filename in (text, f"{text}.whl", f"{text}-1.0-py3-none-any.whl", wheel(text[:99] or "x")):
        (
            upload(lab, known, filename=filename.replace("\0", "") or "x"),
            upload(lab, text.replace("\n", ""), filename=wheel()),
        )
    for claim in claims(lab.github):
        exchange(lab, lab.github.id_token(claims(lab.github, **{claim: text})))
        exchange(lab, lab.github.id_token(claims(lab.github, **{claim: [text]})))
    for header in ("kid", "typ", "cty"):
        exchange(lab, lab.github.id_token(claims(lab.github), header={header: text}))
    exchange(lab, lab.google.id_token(claims(lab.google, email=text, sub=text)))
    url = lab.github.job_environment(GitHubJob())["ACTIONS_ID_TOKEN_REQUEST_URL"]
    http.get(url, headers={b"Authorization": b"bearer " + latin}, params={"audience": text})
    environment = lab.github.job_environment(GitHubJob())
    bearer = {"Authorization": f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    http.get(
        f"{environment['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={quote(text)}",
        headers={**bearer, "User-Agent": "x"},
    )


def secrets(lab) -> dict[str, str]:
    """One of each kind, all of them good for something."""
    return {
        "minted API token": mint(lab),
        "user's API token": lab.index.create_api_token("alice"),
        "ID token": lab.github.id_token(GitHubJob()),
        "request token": lab.github.job_environment(GitHubJob())["ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
    }


@pytest.mark.parametrize(
    "kind", ["minted API token", "user's API token", "ID token", "request token"]
)
def test_whatever_is_sent_the_log_holds_no_usable_secret(lab, kind):
    lab.index.add_publisher("octo-rocket", JOBS["google"][1])
    secret = secrets(lab)[kind]
    everywhere(lab, secret)
    lab.index.add_project(f"x{secret}x", owner=secret)
    for event in lab.events:
        for text in (
            event.actor,
            event.project or "",
            event.detail,
            event.client,
            repr(event),
            str(event),
        ):
            assert secret not in text
            assert not any(
                secret[start : start + 64] in text for start in range(0, len(secret) - 63)
            )
    assert len(lab.events) > 100 and secret not in repr(lab.events)


@pytest.mark.parametrize("junk", ["!", " ", "\0", "é", "!!!!"])
def test_a_token_with_junk_strewn_in_still_works_and_is_still_cut_out(lab, junk):
    token = mint(lab)
    strewn = f"pypi-{junk.join(token[5:])}==="
    assert api_tokens.identifier(strewn) == api_tokens.identifier(token)
    for part in (strewn, f"pypi-{junk}{token[5:]}", f"got {strewn}"):
        assert not set(redact(part).replace("[secret]", "")) - set("got '\"pypi")


@pytest.mark.parametrize("user", ["__token__", "alice", "x", "xy", ""])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("wrap", ["Basic {}", "basic  {}", "{}", "<{}>", "x{}"])
def test_a_token_inside_the_base64_of_a_basic_header_is_cut_out_too(lab, user, encode, wrap):
    encoded = encode(f"{user}:{mint(lab)}".encode()).decode().rstrip("=")
    assert encoded[10:20] not in redact(wrap.format(encoded))
    lab.http.get(f"{INDEX}/simple/", headers={"User-Agent": wrap.format(encoded)})
    assert not any(encoded[at : at + 12] in repr(lab.events) for at in range(20))


@pytest.mark.parametrize("password", ["swordfish", "correct horse battery staple"])
def test_any_users_credentials_in_a_basic_header_are_cut_out(password):
    encoded = base64.b64encode(f"alice:{password}".encode()).decode()
    assert redact(f"Authorization: Basic {encoded}") == "Authorization: [secret]"


@pytest.mark.proof
@pytest.mark.parametrize("piece", ["ey", "pypi-", "cHlwa", "basic ", "A", "pypi-!", "ey."])
def test_no_text_makes_the_log_slow(piece, at_most):
    with at_most(1):
        redact(piece * (10**6 // len(piece)))


@pytest.mark.parametrize(
    "text",
    [
        "pypi-publisher",
        "pypi-attestations-0.1-py3",
        "release.yml of octo-org/pypi-agent in environment pypi",
        "eyes.open",
        "e30.e30",
    ],
)
def test_ordinary_words_stay(text):
    assert redact(text) == text


def test_control_characters_cannot_forge_a_line_of_the_log(lab):
    text = "x\n09:00:00  alice → index  mint-token\x1b[2J\u2028"
    exchange(lab, lab.github.id_token(claims(lab.github, aud=text, repository=text)))
    lab.http.get(f"{INDEX}/simple/", headers={b"User-Agent": b"x\x1b[2J"})
    lab.http.post(
        f"{INDEX}/legacy/", headers={"Authorization": f"Bearer {lab.index.create_api_token(text)}"}
    )
    assert len(repr(lab.index.events).splitlines()) == len(lab.index.events)
    assert "\x1b" not in repr(lab.index.events)


def test_entries_are_short_however_long_the_texts(lab):
    exchange(lab, lab.github.id_token(claims(lab.github, aud="a" * 10**5, repository="r" * 10**5)))
    lab.http.get(f"{INDEX}/simple/", headers={"User-Agent": "u" * 10**5})
    assert max(len(str(event)) for event in lab.events) < 1000


def test_the_log_of_the_index_is_its_own_and_in_order(lab):
    mint(lab)
    assert {event.service for event in lab.index.events} == {"index"}
    assert {event.service for event in lab.events} >= {"index", "github"}
    times = [event.time for event in lab.events]
    assert times == sorted(times) and all(time.utcoffset().total_seconds() == 0 for time in times)


def test_every_refusal_has_its_line_with_code_and_reason(lab):
    for token in (
        "abc",
        lab.github.id_token(claims(lab.github, aud="x")),
        lab.github.id_token(OTHER_JOB),
    ):
        code, _ = refusal(exchange(lab, token))
        assert not lab.index.events[-1].ok and lab.index.events[-1].detail.startswith(f"{code}: ")


def test_reason_phrases_read_as_the_standard_writes_them(lab):
    lab.index.disabled.add("oidc")
    answers = [lab.http.get("https://pypi.test/_/oidc/audience"), lab.http.post("https://pypi.test/_/oidc/mint-token"),
               lab.http.get("https://pypi.test/simple/nothing/"), lab.http.get(f"{lab.github.url}/idtoken/9")]  # fmt: skip
    phrases = [f"{answer.status_code} {answer.reason_phrase}" for answer in answers]
    assert phrases == [
        "403 Forbidden",
        "422 Unprocessable Entity",
        "404 Not Found",
        "401 Unauthorized",
    ]
