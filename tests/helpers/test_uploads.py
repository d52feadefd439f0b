"""Uploads, rule by rule: who may, what is stored, and in which order things are refused."""

import base64
import hashlib
import re

import pytest
from support import INDEX, OTHER, OTHER_JOB, burn, form, mint, said, sdist, snapshot, upload, wheel

from helpers.index import api_tokens
from helpers.lab import Lab

NO_AUTHENTICATION = "Invalid or non-existent authentication information."


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def alice(lab):
    """A user's account-wide token."""
    return lab.index.create_api_token("alice")


def basic(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refused_as(response) -> str:
    """The reason of a 400."""
    status, reason = said(response)
    assert status == 400, said(response)
    return reason


# -- what becomes of a good one ------------------------------------------------------------------------------


def test_an_upload_is_answered_with_200_and_stored_whole(lab):
    content = bytes(range(256)) * 100
    response = upload(lab, mint(lab), content=content, requires_python=">=3.11")
    assert response.status_code == 200
    [file] = lab.index.projects["octo-rocket"].files
    assert (file.filename, file.version, file.filetype) == (wheel(), "1.0", "bdist_wheel")
    assert file.content == content and file.sha256 == hashlib.sha256(content).hexdigest()
    assert file.requires_python == ">=3.11"


def test_what_uv_sends_will_do(lab):
    fields = form(md5_digest=...)
    assert "md5_digest" not in fields and fields["requires_python"] == ""
    boundary = "a boundary"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
        for k, v in fields.items()
    )
    content = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{wheel()}"'
    )
    content += "\r\n\r\na wheel\r\n"
    headers = {
        "Authorization": f"Bearer {mint(lab)}",
        "Content-Type": f'multipart/form-data; boundary="{boundary}"',
    }
    body = f"{parts}{content}--{boundary}--\r\n".encode()
    assert lab.http.post(f"{INDEX}/legacy/", content=body, headers=headers).status_code == 200


def test_a_project_takes_the_spelling_of_the_last_upload_and_keeps_its_id(lab):
    before = lab.index.projects["octo-rocket"].id
    assert upload(lab, mint(lab), name="Octo.Rocket", filename=wheel()).status_code == 200
    assert (
        lab.index.projects["octo-rocket"].name == "Octo.Rocket"
        and lab.index.projects["octo-rocket"].id == before
    )


def test_an_api_token_is_good_for_several_uploads(lab):
    token = mint(lab)
    assert (
        upload(lab, token).status_code
        == upload(lab, token, filename=sdist(), content=b"an sdist").status_code
        == 200
    )


# -- the path ------------------------------------------------------------------------------------------------


def test_without_the_slash_the_answer_is_308_with_an_absolute_location(lab):
    response = lab.http.post(f"{INDEX}/legacy", data=form())
    assert (response.status_code, response.headers["location"]) == (308, f"{INDEX}/legacy/")
    assert response.reason_phrase.startswith(
        "An upload was attempted to /legacy but the expected upload URL is /legacy/"
    )


# -- 1: authentication ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheme", ["Bearer", "bearer", "token", "TOKEN", "Basic", "bASIC", "Basic with space around"]
)
def test_an_api_token_may_come_as_basic_bearer_or_token(lab, scheme):
    token = mint(lab)
    header = {"Authorization": f"{scheme} {token}"}
    if "asic" in scheme.lower():
        value = basic("__token__", f" {token}\n" if "space" in scheme else token)[
            "Authorization"
        ].partition(" ")[2]
        header = {"Authorization": f"{scheme.partition(' ')[0]} {value}"}
    assert upload(lab, "", headers=header).status_code == 200


def attempts(token: str) -> dict[str, dict[str, str]]:
    """Headers that authenticate nobody."""
    gone = api_tokens.mint(api_tokens.token_id(10**6), [])
    return {
        "no header": {},
        "empty": {"Authorization": ""},
        "another user": basic("alice", token),
        "capitals": basic("__TOKEN__", token),
        "no colon": {"Authorization": "Basic " + base64.b64encode(b"__token__").decode()},
        "not base64": {"Authorization": "Basic ~"},
        "not UTF-8": {"Authorization": "Basic " + base64.b64encode(b"__token__:\xff").decode()},
        "another scheme": {"Authorization": f"Digest {token}"},
        "no scheme": {"Authorization": token},
        "no prefix": {"Authorization": f"Bearer {token.removeprefix('pypi-')}"},
        "no macaroon": {"Authorization": "Bearer pypi-"},
        "half a macaroon": {"Authorization": f"Bearer {token[: len(token) // 2]}"},
        "identifier unknown": {"Authorization": f"Bearer {gone}"},
    }


@pytest.mark.parametrize("attempt", attempts(""))
def test_who_is_not_known_is_refused_before_anything_else(lab, attempt):
    headers = attempts(mint(lab))[attempt]
    status, reason = said(lab.http.post(f"{INDEX}/legacy/", data={"name": ""}, headers=headers))
    assert status == 403 and reason.startswith(NO_AUTHENTICATION)


@pytest.mark.parametrize("end", ["burned", "revoked", "publisher gone"])
def test_a_token_that_is_no_more_is_refused_like_one_that_never_was(lab, end):
    token = mint(lab)
    if end == "burned":
        burn(lab, token)
    elif end == "revoked":
        lab.index.revoke_api_token(token)
    else:
        lab.index.remove_publisher("octo-rocket", lab.index.publishers("octo-rocket")[0])
    status, reason = said(upload(lab, token))
    assert status == 403 and reason.startswith(NO_AUTHENTICATION)


# -- 2: form and metadata ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({":action": ...}, "Expected the field :action to be 'file_upload', got ''."),
        ({":action": "browse"}, "Expected the field :action to be 'file_upload', got 'browse'."),
        ({"protocol_version": "2"}, "Unknown protocol version."),
        ({"metadata_version": ...}, "'' is an invalid value for Metadata-Version."),
        ({"metadata_version": "0.1"}, "'0.1' is an invalid value for Metadata-Version."),
        ({"name": ...}, "'' is an invalid value for Name."),
        ({"name": "UNKNOWN"}, "'' is an invalid value for Name."),
        ({"name": "-octo-rocket"}, "'-octo-rocket' is an invalid value for Name."),
        ({"name": "octo rocket"}, "'octo rocket' is an invalid value for Name."),
        ({"name": "octo-rocket\n"}, "'octo-rocket\\n' is an invalid value for Name."),
        (
            {"name": "octo-roc\N{KELVIN SIGN}et"},
            "'octo-roc?et' is an invalid value for Name.",
        ),  # a reason phrase is Latin-1
        ({"version": ...}, "'' is invalid for 'version'."),
        ({"version": "one"}, "'one' is invalid for 'version'."),
        ({"version": "1.0+local"}, "The use of local versions in '1.0+local' is not allowed."),
        ({"version": "1" * 5000}, "'1111"),
        ({"filetype": ...}, "Invalid value for filetype. Error: Use a known file type."),
        ({"filetype": "bdist_egg"}, "Invalid value for filetype. Error: Use a known file type."),
        (
            {"pyversion": ...},
            "Invalid value for pyversion. Error: Python version is required for binary distribution uploads.",
        ),
        (
            {"filetype": "sdist"},
            "Invalid value for pyversion. Error: Use 'source' as Python version for an sdist.",
        ),
        (
            {"sha256_digest": ..., "blake2_256_digest": ...},
            "Error: Include at least one message digest.",
        ),
        ({"sha256_digest": "abc"}, "Invalid value for sha256_digest."),
        ({"blake2_256_digest": "g" * 64}, "Invalid value for blake2_256_digest."),
        ({"requires_python": "three"}, "'three' is invalid for 'requires-python'."),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(lab, fields, reason):
    token = mint(lab)
    before = snapshot(lab)
    assert refused_as(upload(lab, token, filename=wheel(), **fields)).startswith(reason)
    assert snapshot(lab) == before


def test_a_form_without_content_is_refused(lab):
    response = lab.http.post(
        f"{INDEX}/legacy/", data=form(), headers={"Authorization": f"Bearer {mint(lab)}"}
    )
    assert refused_as(response) == "Upload payload does not have a file."


def test_content_that_is_no_file_is_refused(lab):
    fields = {**form(), "content": "a wheel"}
    response = lab.http.post(
        f"{INDEX}/legacy/", data=fields, headers={"Authorization": f"Bearer {mint(lab)}"}
    )
    assert refused_as(response) == "Upload payload does not have a file."


def test_a_field_sent_as_a_file_is_refused(lab):
    files = {"content": (wheel(), b"a wheel"), "name": ("name.txt", b"octo-rocket")}
    headers = {"Authorization": f"Bearer {mint(lab)}"}
    assert refused_as(
        lab.http.post(f"{INDEX}/legacy/", data=form(), files=files, headers=headers)
    ) == ("name: Should not be a tuple.")


def test_an_image_is_refused(lab):
    files = {"content": (wheel(), b"a wheel", "image/png")}
    headers = {"Authorization": f"Bearer {mint(lab)}"}
    assert refused_as(
        lab.http.post(f"{INDEX}/legacy/", data=form(), files=files, headers=headers)
    ) == ("Invalid distribution file.")


@pytest.mark.parametrize("body", [b"", b"{}", b"--x\r\n", b"\xff" * 100])
@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=x"]
)
def test_a_body_that_is_no_form_is_refused(lab, body, kind):
    headers = {"Authorization": f"Bearer {mint(lab)}", "Content-Type": kind}
    refused_as(lab.http.post(f"{INDEX}/legacy/", content=body, headers=headers))


@pytest.mark.parametrize("digest", ["md5_digest", "sha256_digest", "blake2_256_digest"])
def test_one_digest_is_enough_in_capitals_too(lab, digest):
    content = b"a wheel"
    value = {"md5_digest": hashlib.md5(content).hexdigest(), **form()}[digest].upper()
    only = {"sha256_digest": ..., "blake2_256_digest": ..., digest: value}
    assert upload(lab, mint(lab), **only).status_code == 200


# -- 3: no such project --------------------------------------------------------------------------------------


def test_a_minted_token_cannot_create_a_project(lab):
    reason = refused_as(upload(lab, mint(lab), name="octo-comet"))
    assert reason.startswith(
        "Non-user identities cannot create new projects. This was probably caused by successfully using"
    )
    assert "octo-comet" not in lab.index.projects


def test_a_pending_publishers_wrong_name_shows_at_the_upload(lab):
    lab.index.add_pending_publisher("octo-comet", OTHER, owner="alice")
    assert refused_as(upload(lab, mint(lab, OTHER_JOB), name="octo-comets")).startswith(
        "Non-user identities"
    )


def test_a_users_account_wide_token_creates_the_project(lab, alice):
    assert upload(lab, alice, name="Octo-Comet").status_code == 200
    project = lab.index.projects["octo-comet"]
    assert (project.name, project.owner, len(project.files)) == ("Octo-Comet", "alice", 1)


@pytest.mark.parametrize("name", ["json", "JSON", "xml", "Async.IO", "thread"])
def test_a_name_of_the_standard_library_is_refused(lab, alice, name):
    if name == "Async.IO":  # which is another name
        assert upload(lab, alice, name=name, filename=wheel("async_io")).status_code == 200
    else:
        rule = "isn't allowed (conflict with Python Standard Library module name)."
        assert refused_as(upload(lab, alice, name=name)) == f"The name {name!r} {rule}"


def test_no_project_is_created_while_none_may_be(lab, alice):
    lab.index.new_projects = False
    assert said(upload(lab, alice, name="octo-comet")) == (
        403,
        "New project registration temporarily disabled.",
    )
    assert upload(lab, alice).status_code == 200


def test_a_refused_upload_creates_no_project(lab, alice):
    before = snapshot(lab)
    assert upload(lab, alice, name="octo-comet", filename="octo_comet-1.0.exe").status_code == 400
    assert upload(lab, api_tokens.attenuate(alice, [0, 1, 0]), name="octo-comet").status_code == 403
    assert snapshot(lab) == before


# -- 4: macaroon ---------------------------------------------------------------------------------------------


def test_all_caveats_that_do_not_hold_are_told_at_once(lab):
    lab.index.add_project("octo-comet", owner="alice")
    token = mint(lab)
    lab.clock.advance(minutes=15)
    reasons = (
        "OIDC scoped token is not valid for project 'octo-comet', "
        "project-scoped token is not valid for project: 'octo-comet', token is expired"
    )
    assert said(upload(lab, token, name="octo-comet")) == (403, f"Invalid API Token: {reasons}")


def test_a_forged_signature_is_refused(lab):
    token = mint(lab)
    forged = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    assert said(upload(lab, forged)) == (403, "Invalid API Token: signatures do not match")


def test_a_token_whose_caveats_were_taken_away_is_refused(lab, monkeypatch):
    token = mint(lab)
    with monkeypatch.context() as patch:
        patch.setattr(api_tokens, "root_key", lambda identifier: b"not the index's key")
        bare = api_tokens.mint(api_tokens.identifier(token), [])
    assert said(upload(lab, bare)) == (403, "Invalid API Token: signatures do not match")


def test_a_users_project_token_is_for_that_project_alone(lab):
    token = lab.index.create_api_token("alice", "octo-rocket")
    assert upload(lab, token).status_code == 200
    reason = "project-scoped token is not valid for project: 'octo-comet'"
    assert said(upload(lab, token, name="octo-comet")) == (
        403,
        f"Invalid API Token: {reason}, {reason}",
    )
    assert "octo-comet" not in lab.index.projects


def test_a_users_token_does_not_expire(lab, alice):
    lab.clock.advance(days=4000)
    assert upload(lab, alice).status_code == 200


def test_another_user_may_not_upload(lab):
    token = lab.index.create_api_token("mallory")
    status, reason = said(upload(lab, token))
    assert status == 403 and reason.startswith(
        "The user 'mallory' isn't allowed to upload to project 'octo-rocket'."
    )


def test_an_attenuated_token_is_held_to_what_was_added(lab):
    token = api_tokens.attenuate(mint(lab), [1, ["octo-comet"]])
    reason = "Invalid API Token: project-scoped token is not valid for project: 'octo-rocket'"
    assert said(upload(lab, token)) == (403, reason)


# -- 5: the file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("octo_rocket-1.0\x7f.whl", "Cannot upload a file with non-printable characters"),
        (
            "octo_rocket-1.0-py3-none-any\\.whl",
            "Cannot upload a file with '/' or '\\' in the name.",
        ),
        ("octo_rocket-1.0.exe", "Invalid file extension: Use .tar.gz, .whl or .zip extension."),
        ("octo_rocket-1.0.whl.asc", "Invalid file extension: Use .tar.gz, .whl or .zip extension."),
        (".whl", "Invalid file extension: Use .tar.gz, .whl or .zip extension."),
        ("octo_rocket-1.0.zip", "Invalid file extension: Extension .zip is invalid for filetype"),
        ("octo_rocket-1.0-py3-none-any.WHL", "Invalid file extension: Extension .WHL is invalid"),
        ("octo_rocket.whl", "Invalid wheel filename"),
        ("octo_rocket-one-py3-none-any.whl", "Invalid wheel filename"),
        ("octo_comet-1.0-py3-none-any.whl", "Start filename for 'octo-rocket' with 'octo_rocket'."),
        (
            "Octo_Rocket-1.0-py3-none-any.whl",
            "Filename 'Octo_Rocket-1.0-py3-none-any.whl' should contain",
        ),
        ("octo_rocket-1.1-py3-none-any.whl", "Version in filename should be '1.0' not '1.1'."),
    ],
)
def test_a_wheels_filename_must_be_that_of_project_and_version(lab, filename, reason):
    token = mint(lab)
    before = snapshot(lab)
    assert refused_as(upload(lab, token, filename=filename)).startswith(reason)
    assert snapshot(lab) == before


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        (
            "octo_rocket-1.0-py3-none-any.whl",
            "Invalid file extension: Extension .whl is invalid for filetype sdist.",
        ),
        ("octo_rocket.tar.gz", "Invalid source distribution filename: octo_rocket.tar.gz"),
        ("octo_comet-1.0.tar.gz", "Start filename for 'octo-rocket' with 'octo_rocket'."),
        (
            "octo-rocket-1.0.tar.gz",
            "Filename 'octo-rocket-1.0.tar.gz' is invalid, should be 'octo_rocket-1.0.tar.gz'.",
        ),
        (
            "octo_rocket-1.0.0.tar.gz",
            "Filename 'octo_rocket-1.0.0.tar.gz' is invalid, should be 'octo_rocket-1.0.tar.gz'.",
        ),
        (
            "octo_rocket-1.0.zip",
            "Filename 'octo_rocket-1.0.zip' is invalid, should be 'octo_rocket-1.0.tar.gz'.",
        ),
    ],
)
def test_an_sdists_filename_must_be_that_of_project_and_version(lab, filename, reason):
    response = upload(lab, mint(lab), filename=filename, filetype="sdist", pyversion="source")
    assert refused_as(response).startswith(reason)


def test_an_equal_version_spelled_differently_is_the_same_version(lab):
    assert upload(lab, mint(lab), version="v1.0", filename=wheel(version="1.0")).status_code == 200
    assert (
        upload(
            lab, mint(lab), version="1.00", filename=wheel(version="1.0"), content=b"b"
        ).status_code
        == 400
    )
    assert {file.version for file in lab.index.projects["octo-rocket"].files} == {"1.0"}


@pytest.mark.parametrize("digest", ["sha256_digest", "blake2_256_digest", "md5_digest"])
def test_every_digest_that_is_stated_must_be_right(lab, digest):
    response = upload(lab, mint(lab), **{digest: "0" * (32 if digest == "md5_digest" else 64)})
    assert (
        refused_as(response)
        == "The digest supplied does not match a digest calculated from the uploaded file."
    )


def test_the_same_filename_and_bytes_again_change_nothing(lab):
    token = mint(lab)
    upload(lab, token)
    before = snapshot(lab)
    response = upload(lab, token)
    assert response.status_code == 200 and snapshot(lab) == before
    assert lab.index.events[-1].detail.endswith("the same file was there already")


def test_the_same_filename_with_other_bytes_exists_already(lab):
    token = mint(lab)
    upload(lab, token)
    reason = refused_as(upload(lab, token, content=b"other bytes"))
    assert re.match(
        rf"File already exists \('{wheel()}', with blake2_256 hash '[0-9a-f]{{64}}'\)\.", reason
    )
    assert lab.index.file(wheel()) == b"a wheel"


def test_the_same_bytes_under_another_name_exist_already(lab):
    token = mint(lab)
    upload(lab, token)
    assert refused_as(upload(lab, token, version="2.0")).startswith("File already exists ")


def test_a_release_has_one_sdist(lab):
    token = mint(lab)
    assert upload(lab, token, version="1.0", filename=sdist(version="1.0")).status_code == 200
    lab.index._registry.state.files.pop(sdist())  # so that the filename does not speak first
    response = upload(lab, token, filename=sdist(), content=b"another")
    assert refused_as(response) == "Only one sdist may be uploaded per release."
    assert (
        upload(
            lab, token, version="2.0", filename=sdist(version="2.0"), content=b"third"
        ).status_code
        == 200
    )


# -- the order -----------------------------------------------------------------------------------------------


def test_refusals_come_in_the_documented_order(lab):
    """One upload with everything wrong at once, mended one thing at a time."""
    lab.index.add_project("octo-comet", owner="alice")
    token, dead = mint(lab), mint(lab)
    burn(lab, dead)
    upload(lab, token)
    lab.clock.advance(minutes=15)
    request = {
        "name": "octo comet",
        "filename": "octo_comet-1.0.exe",
        "sha256_digest": "0" * 64,
        "content": b"a wheel",
    }
    assert said(upload(lab, dead, **request))[1].startswith(NO_AUTHENTICATION)
    assert refused_as(upload(lab, token, **request)).startswith(
        "'octo comet' is an invalid value for Name."
    )
    request["name"] = "octo-moon"
    assert refused_as(upload(lab, token, **request)).startswith(
        "Non-user identities cannot create new projects."
    )
    request["name"] = "octo-rocket"
    assert said(upload(lab, token, **request)) == (403, "Invalid API Token: token is expired")
    token = mint(lab)
    assert refused_as(upload(lab, token, **request)).startswith("Invalid file extension")
    request["filename"] = "octo_comet-9.0-py3-none-any.whl"
    assert refused_as(upload(lab, token, **request)).startswith(
        "The digest supplied does not match"
    )
    del request["sha256_digest"]
    assert refused_as(upload(lab, token, **request)).startswith("File already exists")
    request["content"] = b"other bytes"
    assert refused_as(upload(lab, token, **request)).startswith("Start filename for 'octo-rocket'")
    request["filename"] = wheel()
    assert refused_as(upload(lab, token, **request)).startswith("File already exists")
    assert upload(lab, token, version="2.0", content=b"other bytes").status_code == 200


# -- how a refusal travels -----------------------------------------------------------------------------------


def test_a_client_that_asks_for_json_gets_json(lab):
    response = upload(lab, "pypi-nobody", accept="application/json")
    assert response.headers["content-type"] == "application/json"
    message = response.json()["message"]
    assert response.json() == {"message": message, "code": f"403 {message}", "title": "Forbidden"}
    assert message.startswith(NO_AUTHENTICATION) and response.reason_phrase == message


@pytest.mark.parametrize("accept", ["*/*", "text/html, application/json;q=0.9", ""])
def test_other_clients_get_text_and_the_reason_phrase(lab, accept):
    response = upload(lab, mint(lab), version="one", accept=accept)
    assert (
        response.headers["content-type"].startswith("text/") and "'one' is invalid" in response.text
    )
    assert refused_as(response).startswith("'one' is invalid for 'version'.")


def test_a_reason_phrase_is_one_line_of_latin_1_however_long_the_name(lab):
    token = lab.index.create_api_token("mallory")
    for name in ("octo-roc\N{KELVIN SIGN}et", "octo\r\nX-Evil: 1", "o" * 100_000 + "!"):
        response = upload(lab, token, name=name, filename=wheel())
        assert refused_as(response).isprintable() and len(response.reason_phrase) <= 1000
        assert "x-evil" not in response.headers


# -- the warning ---------------------------------------------------------------------------------------------


def warnings(lab) -> list[str]:
    return [event.project for event in lab.index.events if event.action == "warn"]


def test_a_users_token_where_there_is_a_publisher_is_warned_about_once_per_token_and_project(
    lab, alice
):
    lab.index.add_project("octo-comet", owner="alice")
    lab.index.add_publisher("octo-comet", OTHER)
    upload(lab, alice)
    assert warnings(lab) == ["octo-rocket"]
    upload(
        lab, alice, name="Octo.Rocket", filename=wheel(version="2.0"), version="2.0", content=b"b"
    )
    assert warnings(lab) == ["octo-rocket"]
    upload(lab, alice, name="octo-comet", content=b"c")
    assert warnings(lab) == ["octo-rocket", "octo-comet"]
    upload(lab, lab.index.create_api_token("alice"), version="3.0", content=b"d")
    assert warnings(lab) == ["octo-rocket", "octo-comet", "octo-rocket"]


def test_no_warning_without_a_publisher_nor_for_a_minted_token_nor_for_a_refused_upload(lab, alice):
    upload(lab, alice, name="octo-comet")
    upload(lab, mint(lab), content=b"b")
    upload(lab, alice, filename="octo_rocket-1.0.exe")
    assert warnings(lab) == []


# -- the log -------------------------------------------------------------------------------------------------


def test_the_log_says_who_uploaded_what(lab):
    upload(lab, mint(lab))
    event = lab.index.events[-1]
    assert (event.action, event.project, event.ok, event.detail) == (
        "upload",
        "octo-rocket",
        True,
        wheel(),
    )
    assert event.actor == "release.yml of octo-org/rocket in environment pypi"


def test_the_log_says_why_an_upload_was_refused(lab, alice):
    reason = refused_as(upload(lab, alice, filename="octo_rocket-1.0.exe"))
    event = lab.index.events[-1]
    assert (event.actor, event.action, event.ok, event.detail) == ("alice", "upload", False, reason)
