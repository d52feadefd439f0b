"""API tokens: macaroons whose caveats only ever narrow what they are good for."""

import base64
import json
import re
import uuid

import pymacaroons
import pytest
import time_machine
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.index import api_tokens
from helpers.index.api_tokens import Bearer, InvalidApiToken, Use
from helpers.lab import Lab

NOW = 1_795_424_400
USER, PUBLISHER = Bearer(user="alice-id"), Bearer(publisher="publisher-id")
IDENTIFIER = api_tokens.token_id(1)
GOOD = [[4, "publisher-id", None], [2, ["rocket-id"]], [0, NOW + 900, NOW]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
)
IDS = st.sampled_from(["alice-id", "publisher-id", "rocket-id", "other-id", "octo-rocket", "other"])
TIMES = st.integers(NOW - 1000, NOW + 1000)
CAVEATS = (
    st.tuples(st.just(0), TIMES, TIMES).map(list)
    | st.tuples(st.sampled_from([1, 2]), st.lists(IDS, max_size=3)).map(list)
    | st.tuples(st.sampled_from([3, 4]), IDS).map(list)
    | st.lists(st.integers(-1, 6) | IDS | st.lists(IDS, max_size=2) | st.none(), max_size=4)
    | JSON
)
USES = st.builds(
    Use,
    project=st.sampled_from(["Octo.Rocket", "other"]),
    normalized_name=st.sampled_from(["octo-rocket", "other"]),
    project_id=st.sampled_from(["rocket-id", "other-id"]),
    bearer=st.sampled_from(
        [USER, PUBLISHER, Bearer(user="other-id"), Bearer(publisher="other-id")]
    ),
    publishers=st.sampled_from([["publisher-id"], [], ["other-id", "publisher-id"]]),
)


@pytest.fixture(autouse=True, scope="module")
def nine_o_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def use(
    bearer=PUBLISHER, project="octo-rocket", project_id="rocket-id", publishers=("publisher-id",)
):
    return Use(project, "octo-rocket", project_id, bearer, publishers)


def token(*caveats):
    return api_tokens.mint(IDENTIFIER, caveats)


def with_text(text, predicate):
    """A token with one more caveat, of any text at all."""
    macaroon = api_tokens.parse(text)
    macaroon.add_first_party_caveat(predicate)
    return api_tokens.PREFIX + macaroon.serialize()


def refusal(text, used_for):
    """Why the token will not do, or "" if it will. Anything but InvalidApiToken is a failure of the test."""
    try:
        api_tokens.verify(text, used_for)
    except InvalidApiToken as error:
        assert str(error)
        return str(error)
    return ""


# -- form


def test_a_token_is_pypi_and_a_version_2_macaroon_in_base64url_without_padding():
    text = token(*GOOD)
    assert re.fullmatch(r"pypi-[A-Za-z0-9_-]+", text)
    body = base64.urlsafe_b64decode(text.removeprefix("pypi-") + "===")
    assert body[0] == 2  # the version, in the binary format of libmacaroons
    macaroon = pymacaroons.Macaroon.deserialize(text.removeprefix("pypi-"))
    assert (macaroon.location, macaroon.version) == ("pypi.test", pymacaroons.MACAROON_V2)
    assert str(uuid.UUID(macaroon.identifier.decode())) == IDENTIFIER


def test_caveats_are_json_arrays_with_compact_separators():
    written = [caveat.caveat_id_bytes for caveat in api_tokens.parse(token(*GOOD)).caveats]
    assert written == [
        b'[4,"publisher-id",null]',
        b'[2,["rocket-id"]]',
        f"[0,{NOW + 900},{NOW}]".encode(),
    ]
    assert api_tokens.caveats(token(*GOOD)) == GOOD


def test_a_token_is_found_by_secret_scanners():
    with Lab() as lab:
        for text in (
            lab.index.create_api_token("alice"),
            lab.index.create_api_token("alice", "octo-rocket"),
        ):
            assert re.fullmatch(r"pypi-[A-Za-z0-9-_]{85,}", text)


def test_a_users_account_wide_token_names_the_user_and_never_expires():
    with Lab() as lab:
        assert [
            caveat[0] for caveat in api_tokens.caveats(lab.index.create_api_token("alice"))
        ] == [3]


def test_a_users_project_scoped_token_names_the_project_and_its_id_and_never_expires():
    with Lab() as lab:
        first, second = api_tokens.caveats(lab.index.create_api_token("alice", "octo-rocket"))
        assert first == [1, ["octo-rocket"]] and second == [
            2,
            [lab.index.projects["octo-rocket"].id],
        ]


def test_identifiers_are_uuids_and_no_two_are_the_same():
    ids = {api_tokens.token_id(number) for number in range(100)}
    assert len(ids) == 100 and all(str(uuid.UUID(each)) == each for each in ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pypi-",
        "pypi-x",
        "pypi",
        "PYPI-AgEI",
        "AgEI",
        "pypi-" + "A" * 100,
        "pypi-é",
        "pypi-\ud800",
        "pypi-e30",
    ],
)
def test_what_is_no_token_is_an_invalid_api_token(text):
    for function in (api_tokens.parse, api_tokens.identifier, api_tokens.caveats):
        with pytest.raises(InvalidApiToken, match="^expected "):
            function(text)


@given(
    st.text()
    | st.from_regex(r"\Apypi-[A-Za-z0-9_=-]*\Z")
    | st.binary().map(lambda b: "pypi-" + base64.urlsafe_b64encode(b).decode())
)
def test_no_text_makes_reading_a_token_raise_anything_but_invalid_api_token(text):
    assert refusal(text, use())


# -- the header


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (basic("__token__", "pypi-x"), "pypi-x"),
        (basic("__token__", " pypi-x\n"), "pypi-x"),
        (basic("__token__", "pypi-x:y"), "pypi-x:y"),
        (basic("__token__", "pypi-x").replace("Basic", "bAsIc"), "pypi-x"),
        ("Bearer pypi-x", "pypi-x"),
        ("bearer pypi-x", "pypi-x"),
        ("token pypi-x", "pypi-x"),
        (basic("alice", "pypi-x"), None),
        (basic("__TOKEN__", "pypi-x"), None),
        (basic("", "pypi-x"), None),
        ("Basic !!!", None),
        ("Basic _w==", None),
        ("Basic é", None),
        ("Digest pypi-x", None),
        ("pypi-x", None),
        ("", None),
    ],
)
def test_the_token_comes_by_basic_with_the_user_token_or_as_bearer_or_token(header, found):
    assert api_tokens.from_header(header) == found


# -- each caveat

SCOPED = "project-scoped token is not valid for project: 'octo-rocket'"
OIDC = "OIDC scoped token is not valid for project 'octo-rocket'"


@pytest.mark.parametrize(
    ("caveat", "used_for", "reason"),
    [
        ([0, NOW + 1, NOW], use(), ""),
        ([0, NOW, NOW - 900], use(), "token is expired"),
        ([0, NOW + 900, NOW + 1], use(), "token is expired"),
        ([0, 10**400, -(10**400)], use(), ""),
        ([1, ["octo-rocket"]], use(), ""),
        ([1, ["other", "octo-rocket"]], use(), ""),
        (
            [1, ["Octo.Rocket"]],
            use(project="Octo.Rocket"),
            "project-scoped token is not valid for project: 'Octo.Rocket'",
        ),
        ([1, ["other"]], use(), SCOPED),
        ([1, []], use(), SCOPED),
        ([2, ["rocket-id"]], use(), ""),
        ([2, ["other-id"]], use(), SCOPED),
        ([2, []], use(), SCOPED),
        ([3, "alice-id"], use(USER), ""),
        ([3, "other-id"], use(USER), "current user does not match user restriction in token"),
        ([3, "alice-id"], use(), "token with user restriction without a user"),
        ([4, "publisher-id", None], use(), ""),
        ([4, "publisher-id"], use(), ""),
        ([4, "publisher-id", {"ref": "x"}], use(), ""),
        (
            [4, "other-id", None],
            use(),
            "current OIDC publisher does not match publisher restriction in token",
        ),
        (
            [4, "publisher-id", None],
            use(USER),
            "OIDC scoped token used outside of an OIDC identified request",
        ),
        ([4, "publisher-id", None], use(publishers=()), OIDC),
        # nobody knows the tag
        ([5], use(), "caveat has unknown tag: 5"),
        ([-1, "x"], use(), "caveat has unknown tag: -1"),
        (["0", NOW + 9, NOW], use(), "caveat has unknown tag: 0"),
        ([None], use(), "caveat has unknown tag: None"),
        # the tag is known, what follows is not right
        ([0], use(), "Not enough values"),
        ([0, NOW + 9], use(), "Not enough values"),
        ([1], use(), "Not enough values"),
        ([3], use(USER), "Not enough values"),
        ([4], use(), "Not enough values"),
        ([0, str(NOW + 9), NOW], use(), "invalid values for fields"),
        ([0, NOW + 9.5, NOW], use(), "invalid values for fields"),
        ([0, True, False], use(), "invalid values for fields"),
        ([0, None, None], use(), "invalid values for fields"),
        ([1, "octo-rocket"], use(), "invalid values for fields"),
        ([1, ["octo-rocket", 7]], use(), "invalid values for fields"),
        ([2, {"rocket-id": 1}], use(), "invalid values for fields"),
        ([3, 7], use(USER), "invalid values for fields"),
        ([4, None, None], use(), "invalid values for fields"),
        ([4, "publisher-id", 7], use(), "invalid values for fields"),
        # no caveat at all
        ([], use(), "caveat array cannot be empty"),
        ({"exp": NOW + 9}, use(), "caveat must be an array"),
        ("0", use(), "caveat must be an array"),
        (None, use(), "caveat must be an array"),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, list | dict | str) else "",
)
def test_a_caveat_holds_or_says_why_not(caveat, used_for, reason):
    assert refusal(token(caveat), used_for) == reason


def test_a_minted_token_works_from_its_first_second_to_the_one_before_its_end():
    text = token(*GOOD)
    for second, expected in (
        (-1, "token is expired"),
        (0, ""),
        (899, ""),
        (900, "token is expired"),
    ):
        with time_machine.travel(NOW + second, tick=False):
            assert refusal(text, use()) == expected
    with time_machine.travel(NOW + 899.9, tick=False):
        assert refusal(text, use()) == ""


def test_fields_that_nobody_knows_yet_are_ignored_as_the_real_index_ignores_them():
    assert refusal(token([0, NOW + 9, NOW, "new"], [1, ["octo-rocket"], 7]), use()) == ""


def test_all_caveats_must_hold_and_all_reasons_are_given_in_order():
    text = token([0, NOW, 0], [1, ["other"]], [2, ["rocket-id"]], [9], [4, "publisher-id", None])
    expected = f"token is expired, {SCOPED}, caveat has unknown tag: 9, {OIDC}"
    assert refusal(text, use(publishers=())) == expected


def test_a_token_without_caveats_is_good_for_anything_its_bearer_may_do():
    assert refusal(token(), use()) == ""


@pytest.mark.parametrize(
    "predicate", ["", "[", "time < 2027", "nul", '[0,"\\ud800"', "[" * 100_000, "1" * 5000]
)
def test_a_caveat_that_is_not_json_is_an_unknown_error(predicate):
    assert refusal(with_text(token(*GOOD), predicate), use()) == "unknown error"
    assert len(api_tokens.caveats(with_text(token(*GOOD), predicate))) == 4


def test_a_caveat_that_is_not_json_hides_no_reason_before_it():
    assert refusal(with_text(token([0, NOW, 0]), "nonsense"), use()) == "token is expired"


def test_a_third_party_caveat_is_refused():
    macaroon = api_tokens.parse(token(*GOOD))
    object_with_vid = pymacaroons.Caveat(
        caveat_id=b"x", verification_key_id=b"y", location=b"z", version=2
    )
    macaroon.caveats.append(object_with_vid)
    assert refusal(api_tokens.PREFIX + macaroon.serialize(), use())


# -- the signature


def rebuilt(caveats, signature_of):
    """These caveats and another token's signature: what somebody without the key can put together."""
    macaroon = api_tokens.parse(api_tokens.mint(IDENTIFIER, caveats))
    macaroon.signature = api_tokens.parse(signature_of).signature
    return api_tokens.PREFIX + macaroon.serialize()


def test_no_caveat_can_be_taken_away_changed_or_moved():
    text = token(*GOOD)
    others = [
        GOOD[1:],
        GOOD[:1] + GOOD[2:],
        GOOD[:2],
        [],
        GOOD[::-1],
        [*GOOD[:2], [0, NOW + 9000, NOW]],
    ]
    for caveats in others:
        assert refusal(rebuilt(caveats, text), use()) == "signatures do not match"


def test_a_caveat_cannot_be_added_without_the_signature_that_goes_with_it():
    text = token(*GOOD)
    assert refusal(rebuilt([*GOOD, [2, ["rocket-id"]]], text), use()) == "signatures do not match"
    assert refusal(rebuilt([*GOOD, [9]], text), use()) == "caveat has unknown tag: 9"


def test_one_tokens_signature_is_nothing_under_another_identifier():
    macaroon = api_tokens.parse(token(*GOOD))
    other = pymacaroons.Macaroon.deserialize(
        api_tokens.mint(api_tokens.token_id(2), GOOD).removeprefix("pypi-")
    )
    other.signature = macaroon.signature
    assert refusal(api_tokens.PREFIX + other.serialize(), use()) == "signatures do not match"


def test_no_byte_of_a_token_can_be_changed_to_make_it_good_for_more():
    whole = base64.urlsafe_b64decode(
        token(*GOOD[:2], [0, NOW, NOW - 900]).removeprefix("pypi-") + "==="
    )
    for n in range(len(whole)):
        for byte in b"9]":  # a nine in the right place would make it live longer
            changed = whole[:n] + bytes([byte]) + whole[n + 1 :]
            assert refusal("pypi-" + base64.urlsafe_b64encode(changed).decode().rstrip("="), use())


# -- attenuation


def test_whoever_holds_a_token_can_narrow_it_without_asking():
    narrow = api_tokens.attenuate(token(*GOOD), [0, NOW + 60, NOW])
    assert refusal(narrow, use()) == ""
    with time_machine.travel(NOW + 60, tick=False):
        assert refusal(narrow, use()) == "token is expired"
        assert refusal(token(*GOOD), use()) == ""


def test_attenuating_leaves_the_token_itself_as_it_was():
    text = token(*GOOD)
    api_tokens.attenuate(text, [9])
    assert refusal(text, use()) == "" and api_tokens.identifier(text) == IDENTIFIER


@settings(max_examples=150)
@given(st.lists(CAVEATS, max_size=3), st.lists(CAVEATS, min_size=1, max_size=3), USES)
@example([[1, ["other"]]], [[1, ["octo-rocket"]]], use())
@example([[0, NOW, 0]], [[0, NOW + 900, 0]], use())
def test_attenuating_never_widens_a_token(caveats, more, used_for):
    before = text = token(*caveats)
    for caveat in more:
        text = api_tokens.attenuate(text, caveat)
    reasons, after = refusal(before, used_for), refusal(text, used_for)
    assert after or not reasons
    assert api_tokens.identifier(text) == IDENTIFIER
    if not after:  # every caveat held, so each would have held alone
        assert all(not refusal(token(caveat), used_for) for caveat in [*caveats, *more])


@given(st.text() | JSON.map(json.dumps), USES)
def test_no_caveat_text_raises_anything_but_invalid_api_token(predicate, used_for):
    try:
        predicate.encode("utf-8")
    except UnicodeEncodeError:
        return  # no macaroon can carry it
    refusal(with_text(token(), predicate), used_for)


def test_a_caveat_that_is_not_utf_8_is_refused():
    macaroon = api_tokens.parse(token(*GOOD))
    macaroon.caveats.append(
        pymacaroons.Caveat(caveat_id=b"[0,\xff]", version=pymacaroons.MACAROON_V2)
    )
    text = api_tokens.PREFIX + macaroon.serialize()
    assert refusal(text, use())
    assert len(api_tokens.caveats(text)) == 4
