"""Rules of the real index that are easily forgotten, one by one (PROTOCOL 7 and 8; pypi/warehouse's own tests)."""

import hashlib
import json
from dataclasses import replace

import pytest
from support import INDEX, PUBLISHER, exchange, mint, refusal, said, sdist, upload, wheel

from helpers.index import api_tokens
from helpers.index.names import standard_library
from helpers.index.publishers import (
    ActiveStatePublisher,
    GitLabPublisher,
    GooglePublisher,
)
from helpers.index.registry import release_key
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def token(lab):
    return lab.index.create_api_token("alice")


# -- publishers are unique without the owner's id ---------------------------------------------------------------------

RESURRECTED = replace(PUBLISHER, owner_id="999")
IMPOSTOR = GitHubJob(owner_id="999")


def test_a_publisher_with_another_owner_id_is_the_one_that_exists_with_its_old_id(lab):
    lab.index.add_project("octo-radar", owner="alice")
    lab.index.add_publisher("octo-radar", RESURRECTED)
    assert lab.index.publishers("octo-radar") == [PUBLISHER]
    code, _ = refusal(exchange(lab, lab.github.id_token(IMPOSTOR)))
    assert code == "invalid-publisher"
    assert lab.index.events[-1].ok is False and mint(lab)  # the old owner still gets in


def test_a_new_owner_gets_in_when_the_old_row_is_gone(lab):
    lab.index.remove_publisher("octo-rocket", RESURRECTED)  # it is found without the id, too
    assert lab.index.publishers("octo-rocket") == []
    lab.index.add_publisher("octo-rocket", RESURRECTED)
    assert lab.index.publishers("octo-rocket") == [RESURRECTED] and mint(lab, IMPOSTOR)


def test_a_pending_publisher_becomes_the_row_that_exists_with_its_old_id(lab):
    lab.index.add_pending_publisher("octo-radar", RESURRECTED, owner="alice")
    assert refusal(exchange(lab, lab.github.id_token(IMPOSTOR)))[0] == "invalid-publisher"


def test_two_pending_publishers_that_differ_in_the_owners_id_are_one(lab):
    lab.index.add_pending_publisher("octo-radar", PUBLISHER, owner="alice")
    with pytest.raises(ValueError, match="pending already"):
        lab.index.add_pending_publisher("octo-comet", RESURRECTED, owner="alice")


@pytest.mark.parametrize("field", ["owner", "repository", "workflow", "environment"])
def test_whatever_else_differs_makes_another_publisher(lab, field):
    other = replace(PUBLISHER, **{field: "other.yml" if field == "workflow" else "other"})
    lab.index.add_publisher("octo-rocket", other)
    assert len(lab.index.publishers("octo-rocket")) == 2


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("-x", 400, "is invalid"),
        ("json", 400, "isn't allowed (conflict with Python Standard Library module name)"),
        ("ConfigParser", 400, "Standard Library"),  # of Python 2
        ("urllib2", 400, "Standard Library"),
        ("imp", 400, "Standard Library"),  # gone since 3.12
        ("asyncio", 400, "Standard Library"),
        ("annotationlib", 400, "Standard Library"),  # new in 3.14
        ("os.path", 400, "Standard Library"),
        ("os-path", 400, "Standard Library"),
        ("xml_etree", 400, "Standard Library"),
        ("future", 400, "Standard Library"),  # __future__
        ("Octo.Rocket", 409, "conflicts with an existing project"),
        ("requirements.txt", 400, "isn't allowed."),
        ("rrequirements_txt", 400, "isn't allowed."),
        ("0ct0-r0cket", 400, "is too similar to an existing project"),
        ("octorocket", 400, "is too similar to an existing project"),
        ("OCTO_R.O.C.K.E.T", 400, "is too similar to an existing project"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_by_whatever_way_it_is_asked_for(
    lab, token, name, status, reason
):
    with pytest.raises(ValueError, match="name"):
        lab.index.add_project(name, owner="mallory")
    with pytest.raises(ValueError, match="name"):
        lab.index.add_pending_publisher(name, PUBLISHER, owner="alice")
    if status != 409 and reason != "is invalid":  # else it goes to the project, or is no form
        got, message = said(upload(lab, token, name=name))
        assert got == status and reason in message
    assert list(lab.index.projects) == ["octo-rocket"]


@pytest.mark.parametrize(
    "name", ["octo-rockets", "jsonn", "os-pathlike", "requirements", "oct-rocket"]
)
def test_names_that_are_merely_near_can_be_had(lab, name):
    assert lab.index.add_project(name, owner="alice")


@pytest.mark.parametrize("pair", [("alpha-li", "alpha-11"), ("a.b-c.d", "abcd"), ("zoo", "Z00")])
def test_look_alikes_are_one_name(lab, pair):
    lab.index.add_project(pair[0], owner="alice")
    with pytest.raises(ValueError, match="too similar"):
        lab.index.add_project(pair[1], owner="alice")


def test_the_standard_librarys_names_are_many_and_normalized():
    names = standard_library()
    assert len(names) > 2000 and all(name == name.lower() for name in names)
    assert {"os", "distutils-command-upload", "main"} <= names


def test_a_new_project_drops_others_pending_publishers_for_similar_names(lab):
    mine, theirs = (replace(PUBLISHER, repository=name) for name in ("mine", "theirs"))
    far = replace(PUBLISHER, repository="far")
    lab.index.add_pending_publisher("nebula-1", mine, owner="alice")
    lab.index.add_pending_publisher("nebu1a.l", theirs, owner="mallory")
    lab.index.add_pending_publisher("nebula-2", far, owner="mallory")
    lab.index.add_project("nebula-i", owner="alice")
    assert [each.publisher for each in lab.index.pending] == [mine, far]


# -- releases ---------------------------------------------------------------------------------------------------------


CLOSED = (400, "Uploading new files to releases older than 14 days is not allowed.")


def test_a_release_takes_new_files_for_fourteen_days_from_its_creation(lab, token):
    assert upload(lab, token).status_code == 200
    lab.clock.advance(days=14)
    assert upload(lab, token, content=b"s", filename=sdist()).status_code == 200  # not yet *older*
    lab.clock.advance(seconds=1)
    other = "octo_rocket-1.0-py3-none-win32.whl"
    assert said(upload(lab, token, content=b"w", filename=other)) == CLOSED
    assert upload(lab, token, version="1.1", content=b"new").status_code == 200


def test_what_is_there_already_is_answered_before_the_age_of_the_release(lab, token):
    upload(lab, token)
    lab.clock.advance(days=15)
    assert said(upload(lab, token)) == (200, "OK")
    status, reason = said(upload(lab, token, content=b"other"))
    assert status == 400 and reason.startswith("File already exists")


def test_the_age_comes_before_a_second_sdist_and_a_wrong_filename(lab, token):
    upload(lab, token, filename=sdist())
    lab.clock.advance(days=15)
    for filename in ("octo_rocket-1.0.zip", "other-1.0.tar.gz", sdist(version="1.0.0")):
        fields = {"filetype": "sdist", "pyversion": "source"}
        assert said(upload(lab, token, content=b"x", filename=filename, **fields)) == CLOSED


def test_a_deleted_filename_is_never_used_again_and_its_release_begins_anew(lab, token):
    upload(lab, token)
    lab.clock.advance(days=15)
    lab.index.delete_release("octo-rocket", "1.0.0")
    assert not lab.index.projects["octo-rocket"].files and lab.index.file(wheel()) is None
    for content in (b"a wheel", b"another"):
        status, reason = said(upload(lab, token, content=content))
        assert status == 400 and reason.startswith(
            "This filename was previously used by a file that has since been deleted. Use a different version."
        )
    assert upload(lab, token, content=b"s", filename=sdist()).status_code == 200
    assert said(upload(lab, token, content=b"y", filename="octo_rocket-1.0.tar.gz"))[0] == 400
    with pytest.raises(LookupError, match="expected a release"):
        lab.index.delete_release("octo-rocket", "2.0")


@pytest.mark.parametrize("again", ["1.0.0", "1", "1.0.0.0"])
def test_a_version_is_one_release_however_it_is_written(lab, token, again):
    upload(lab, token, filename=sdist())
    name = f"octo_rocket-{again}"
    second = upload(lab, token, version=again, content=b"2", filename=f"{name}.tar.gz")
    assert said(second) == (400, "Only one sdist may be uploaded per release.")
    built = upload(lab, token, version=again, content=b"3", filename=f"{name}-py3-none-any.whl")
    assert built.status_code == 200
    page = lab.http.get(
        f"{INDEX}/simple/octo-rocket/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    assert page.json()["versions"] == ["1.0"] and len(page.json()["files"]) == 2


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("octo_rocket-1.0.exe", "Invalid file extension"),
        ("x/octo_rocket-1.0.tar.gz", "Cannot upload a file with '/'"),
        ("whatever.tar.gz", "Only one sdist"),
        ("other-1.0.zip", "Only one sdist"),
    ],
)
def test_a_second_sdist_is_refused_after_the_extension_and_before_the_filename(
    lab, token, filename, reason
):
    upload(lab, token, filename=sdist())
    fields = {"filetype": "sdist", "pyversion": "source"}
    assert reason in said(upload(lab, token, content=b"2", filename=filename, **fields))[1]


# -- filenames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("octo_rocket.tar.gz", "Invalid source distribution filename: octo_rocket.tar.gz"),
        ("octo_racket-1.0.tar.gz", "Start filename for 'octo-rocket' with 'octo_rocket'."),
        ("octo-rocket-1.0.tar.gz", "Filename 'octo-rocket-1.0.tar.gz' is invalid, should be 'octo_rocket-1.0.tar.gz'."),
        ("octo_rocket-1.0.0.tar.gz", "Filename 'octo_rocket-1.0.0.tar.gz' is invalid, should be 'octo_rocket-1.0.tar.gz'."),
        ("octo_rocket-1.0.zip", "Filename 'octo_rocket-1.0.zip' is invalid, should be 'octo_rocket-1.0.tar.gz'."),
        ("octo_racket-1.0-py3-none-any.whl", "Start filename for 'octo-rocket' with 'octo_rocket'."),
        ("Octo_Rocket-1.0-py3-none-any.whl", "Filename 'Octo_Rocket-1.0-py3-none-any.whl' should contain the normalized project name 'octo_rocket', not 'Octo_Rocket'."),
        ("octo.rocket-1.0-py3-none-any.whl", "Filename 'octo.rocket-1.0-py3-none-any.whl' should contain the normalized project name 'octo_rocket', not 'octo.rocket'."),
        ("octo_rocket-2.0-py3-none-any.whl", "Version in filename should be '1.0' not '2.0'."),
    ],
)  # fmt: skip
def test_a_filename_that_does_not_belong_is_refused_with_the_one_that_would(
    lab, token, filename, reason
):
    fields = {} if filename.endswith(".whl") else {"filetype": "sdist", "pyversion": "source"}
    assert said(upload(lab, token, filename=filename, **fields)) == (400, reason)


def test_a_post_release_with_a_hyphen_is_told_its_proper_filename(lab, token):
    answer = said(upload(lab, token, version="1.0-1", filename="octo_rocket-1.0-1.tar.gz"))
    expected = "should be 'octo_rocket-1.0.post1.tar.gz'."
    assert answer == (400, f"Filename 'octo_rocket-1.0-1.tar.gz' is invalid, {expected}")


def test_a_wheels_filename_that_is_none_is_refused_with_the_librarys_reason(lab, token):
    status, reason = said(upload(lab, token, filename="octo_rocket-1.0.whl"))
    assert status == 400 and reason.startswith("Invalid wheel filename")


# -- platform tags ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "platform",
    """any win32 win_amd64 win_arm64 win_ia64 manylinux1_x86_64 manylinux2010_i686 manylinux2014_ppc64
    manylinux_2_28_riscv64 manylinux_2_5_ppc64 musllinux_1_2_s390x linux_armv6l linux_armv7l macosx_10_9_x86_64
    macosx_10_15_universal macosx_11_0_arm64 macosx_26_0_universal2 ios_13_0_arm64_iphoneos
    ios_13_0_x86_64_iphonesimulator android_21_arm64_v8a pyemscripten_2025_0_wasm32
    manylinux_2_17_x86_64.manylinux2014_x86_64 macosx_10_9_x86_64.macosx_11_0_arm64""".split(),
)
def test_wheels_for_these_platforms_are_taken(lab, token, platform):
    name = f"octo_rocket-1.0-cp312-cp312-{platform}.whl"
    assert upload(lab, token, filename=name).status_code == 200


@pytest.mark.parametrize(
    "platform",
    """linux_x86_64 linux_aarch64 linux_i686 manylinux1_aarch64 manylinux2010_armv7l manylinux_2_28_sparc
    musllinux_1_2_ppc64 macosx_11_1_arm64 macosx_17_0_arm64 macosx_10_9_sparc win_x86 solaris_x86 freebsd_14_amd64
    ios_13_0_armv7_iphoneos android_21_mips emscripten_3_1_wasm32 xlinux_x86_64 anyx""".split(),
)
def test_wheels_for_other_platforms_are_refused(lab, token, platform):
    name = f"octo_rocket-1.0-cp312-cp312-{platform}.whl"
    reason = f"Binary wheel '{name}' has an unsupported platform tag '{platform}'."
    assert said(upload(lab, token, filename=name)) == (400, reason)


def test_one_unsupported_platform_among_several_is_enough(lab, token):
    name = "octo_rocket-1.0-cp312-cp312-linux_x86_64.manylinux2014_x86_64.whl"
    assert "unsupported platform tag 'linux_x86_64'" in said(upload(lab, token, filename=name))[1]


def test_the_platform_comes_before_project_and_version(lab, token):
    assert "platform" in said(upload(lab, token, filename="x-2-cp312-cp312-linux_x86_64.whl"))[1]


# -- actions that are gone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_old_actions_are_gone(lab, token, action):
    status, reason = said(upload(lab, token, **{":action": action}))
    assert status == 410 and "no longer" in reason


# -- caveats ----------------------------------------------------------------------------------------------------------


def with_caveats(lab, *caveats: object) -> tuple[int, str]:
    """What an upload is told whose token carries these caveats too."""
    macaroon = api_tokens.parse(lab.index.create_api_token("alice"))
    for caveat in caveats:
        text = caveat if isinstance(caveat, str) else json.dumps(caveat)
        macaroon.add_first_party_caveat(text)
    return said(upload(lab, api_tokens.PREFIX + macaroon.serialize()))


NOT_VALID = "project-scoped token is not valid for project: 'octo-rocket'"


@pytest.mark.parametrize(
    "caveat",
    [
        {"version": 1, "permissions": "user"},
        {"version": 1, "permissions": {"projects": ["octo-rocket", "other"]}},
        {"exp": 10**10, "nbf": 0},
        [True, ["octo-rocket"]],  # to Python, true is 1
        [1.0, ["octo-rocket"]],
    ],
)
def test_caveats_of_the_old_form_hold_as_the_new_ones_do(lab, caveat):
    assert with_caveats(lab, caveat) == (200, "OK")


@pytest.mark.parametrize(
    ("caveats", "reason"),
    [
        ([{"version": 1, "permissions": {"projects": ["other"]}}], NOT_VALID),
        ([{"project_ids": ["x"]}], NOT_VALID),
        ([{"exp": 1, "nbf": 0}], "token is expired"),
        ([{"exp": "1", "nbf": 0}], "invalid values for fields"),
        ([{"version": 1, "permissions": {"projects": "other"}}], "invalid values for fields"),
        ([{"version": 1}], "caveat must be an array"),
        ([{"version": 1, "permissions": "everybody"}], "caveat must be an array"),
        ([{"version": 2, "permissions": "user"}], "caveat must be an array"),
        ([{"exp": 1}], "caveat must be an array"),
        ([{}], "caveat must be an array"),
        (['"text"'], "caveat must be an array"),
        ([[]], "caveat array cannot be empty"),
        ([[9]], "caveat has unknown tag: 9"),
        ([[None]], "caveat has unknown tag: None"),
        ([["x"]], "caveat has unknown tag: x"),
        ([[[1]]], "unknown error"),
        ([[{}]], "unknown error"),
        (["no JSON"], "unknown error"),
        ([[9], [[1]]], "caveat has unknown tag: 9"),
        ([[9], "no JSON"], "caveat has unknown tag: 9"),
    ],
)
def test_a_caveat_that_does_not_hold_is_told_in_the_real_indexs_words(lab, caveats, reason):
    assert with_caveats(lab, *caveats) == (403, f"Invalid API Token: {reason}")


def test_an_old_caveat_for_the_user_is_nothing_to_a_publishers_token(lab):
    macaroon = api_tokens.parse(mint(lab))
    macaroon.add_first_party_caveat('{"version": 1, "permissions": "user"}')
    answer = said(upload(lab, api_tokens.PREFIX + macaroon.serialize()))
    assert answer == (403, "Invalid API Token: caveat must be an array")


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "usable"),
    [
        ({}, True),
        ({"alg": None}, True),
        ({"alg": ""}, True),
        ({"alg": "RS512"}, False),
        ({"alg": "HS256"}, False),
        ({"use": "enc"}, False),
        ({"key_ops": ["verify"]}, True),
        ({"key_ops": ["encrypt"]}, False),
    ],
)
def test_a_key_has_to_be_one_for_rs256_signatures(lab, monkeypatch, members, usable):
    published = [{**key, **members} for key in lab.github.jwks["keys"]]
    monkeypatch.setattr(type(lab.github), "jwks", {"keys": published})
    answer = exchange(lab, lab.github.id_token(GitHubJob()))
    assert (answer.status_code == 200) is usable
    assert usable or refusal(answer)[0] == "invalid-token"


# -- project URLs -----------------------------------------------------------------------------------------------------

GITLAB = GitLabPublisher(namespace="octo-org/labs", project="rocket")


@pytest.mark.parametrize(
    ("publisher", "url", "verified"),
    [
        (PUBLISHER, "https://github.com/octo-org/rocket", True),
        (PUBLISHER, "https://GitHub.com/Octo-Org/Rocket/", True),
        (PUBLISHER, "https://github.com/octo-org/rocket.git", True),
        (PUBLISHER, "https://github.com/octo-org/rocket/issues?q=1#top", True),
        (PUBLISHER, "https://octo-org.github.io/rocket/docs/", True),
        (PUBLISHER, "https://github.com/octo-org/rocket.git/issues", False),
        (PUBLISHER, "https://github.com/octo-org/rockets", False),
        (PUBLISHER, "https://github.com/octo-org", False),
        (PUBLISHER, "http://github.com/octo-org/rocket", False),
        (PUBLISHER, "https://github.com.example/octo-org/rocket", False),
        (PUBLISHER, "https://github.com@mallory.example/octo-org/rocket", False),
        (PUBLISHER, "https://github.com:444/octo-org/rocket", False),
        (PUBLISHER, "https://github.com/octo-org/rocket/../../mallory/rocket", False),
        (PUBLISHER, "https://github.com/octo-org/rocket/%2e%2E/x", False),
        (PUBLISHER, "https://github.com/octo-org/rocket/..\\x", False),
        (PUBLISHER, "https://[", False),
        (PUBLISHER, "", False),
        (GITLAB, "https://gitlab.com/octo-org/labs/rocket/-/issues", True),
        (GITLAB, "https://octo-org.gitlab.io/labs/rocket", True),
        (GITLAB, "https://octo-org.gitlab.io/rocket", False),
        (replace(GITLAB, namespace="me", project="me.gitlab.io"), "https://me.gitlab.io/x", True),
        (ActiveStatePublisher(organization="o", project="p", actor_id="1"),
         "https://platform.activestate.com/o/p/x", True),
        (GooglePublisher(email="a@b.example"), "https://b.example/", False),
    ],
)  # fmt: skip
def test_a_publisher_vouches_for_its_own_pages(publisher, url, verified):
    assert publisher.vouches_for(url) is verified


def urls(lab, version: str = "1.0") -> dict[str, bool]:
    release = lab.index.projects["octo-rocket"].releases[release_key(version)]
    return {url.label: url.verified for url in release.urls}


FIELDS = {
    "project_urls": [
        "Source, https://github.com/octo-org/rocket",
        "Elsewhere,https://mallory.example/",
        "Index, https://pypi.test/project/octo-rocket/",
    ],
    "home_page": "https://octo-org.github.io/rocket/",
}


def test_project_urls_are_verified_once_when_the_release_is_made(lab, token):
    upload(lab, mint(lab), **FIELDS)
    expected = {"Source": True, "Elsewhere": False, "Index": True, "Homepage": True}
    assert urls(lab) == expected
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    upload(lab, token, content=b"s", filename=sdist(), **FIELDS)
    assert urls(lab) == expected


def test_without_a_publisher_only_the_projects_own_page_is_verified(lab, token):
    upload(lab, token, **FIELDS)
    assert urls(lab) == {"Source": False, "Elsewhere": False, "Index": True, "Homepage": False}
    upload(lab, mint(lab), content=b"s", filename=sdist(), **FIELDS)  # too late
    assert not urls(lab)["Source"]


# -- the order in which it all is looked at ---------------------------------------------------------------------------


def test_an_upload_is_refused_for_the_first_thing_that_is_wrong(lab, token):
    upload(lab, token, filename=sdist())
    lab.clock.advance(days=15)
    wrong = {
        "filename": "x/other-9-cp312-cp312-linux_x86_64.exe",
        "content": b"x",
        "sha256_digest": "0" * 64,
    }
    steps = [
        ("Cannot upload a file with '/'", {"filename": "other-9-cp312-cp312-linux_x86_64.exe"}),
        ("Invalid file extension", {"filename": "other-9-cp312-cp312-linux_x86_64.whl"}),
        ("The digest supplied", {"sha256_digest": hashlib.sha256(b"a wheel").hexdigest(), "content": b"a wheel"}),
        ("File already exists", {"content": b"new", "sha256_digest": hashlib.sha256(b"new").hexdigest()}),
        ("older than 14 days", {"version": "2.0"}),
        ("unsupported platform tag", {"filename": "other-9-cp312-cp312-any.whl"}),
        ("Start filename", {"filename": "octo_rocket-9-cp312-cp312-any.whl"}),
        ("Version in filename", {"filename": "octo_rocket-2.0-cp312-cp312-any.whl"}),
    ]  # fmt: skip
    for reason, repair in steps:
        assert reason in said(upload(lab, token, **wrong))[1]
        wrong |= repair
    assert upload(lab, token, **wrong).status_code == 200
