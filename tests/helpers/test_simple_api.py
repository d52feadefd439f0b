"""The simple API and the files behind it: what installers are told, in HTML and in JSON."""

import hashlib
import html.parser
import re

import pytest
from support import INDEX, mint, sdist, upload, wheel

from helpers.lab import Lab

HTML, V1_HTML, V1_JSON = (
    "text/html",
    "application/vnd.pypi.simple.v1+html",
    "application/vnd.pypi.simple.v1+json",
)


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def stocked(lab):
    """A lab with an old wheel, a new wheel and a new sdist, uploaded in another order."""
    token = mint(lab)
    for version, filename, content, python in (
        ("1.10", wheel(version="1.10"), b"new", ">=3.11,<4"),
        ("1.9", wheel(version="1.9"), b"old", ""),
        ("1.10", sdist(version="1.10"), b"source", ">=3.11,<4"),
    ):
        response = upload(
            lab, token, version=version, filename=filename, content=content, requires_python=python
        )
        assert response.status_code == 200, response.text
    return lab


def get(lab, path: str, accept: str | None = None):
    """The answer, without following redirects. Without `accept`, there is no such header at all."""
    request = lab.http.build_request("GET", INDEX + path)
    request.headers.pop("accept", None)
    if accept is not None:
        request.headers["accept"] = accept
    return lab.http.send(request)


class Links(html.parser.HTMLParser):
    """The links of a page: text and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self._open = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self._open = dict(attributes) if tag == "a" else None

    def handle_data(self, data):
        if self._open is not None:
            self.found.append((data, self._open))
            self._open = None


@pytest.mark.parametrize("path", ["/simple/", "/simple/octo-rocket/"])
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, f"{HTML}; charset=UTF-8"),
        ("*/*", f"{HTML}; charset=UTF-8"),
        ("image/png", f"{HTML}; charset=UTF-8"),
        ("~~;;q=,", f"{HTML}; charset=UTF-8"),
        (V1_HTML, f"{V1_HTML}; charset=UTF-8"),
        (V1_JSON, V1_JSON),
        (f"{V1_JSON}, {V1_HTML};q=0.1, {HTML};q=0.01", V1_JSON),
        (f"{V1_JSON};q=0.1, {HTML}", f"{HTML}; charset=UTF-8"),
        (f"{V1_JSON};q=0", f"{HTML}; charset=UTF-8"),
    ],
)
def test_accept_chooses_the_form_and_the_answer_varies_by_it(lab, path, accept, kind):
    response = get(lab, path, accept)
    assert (response.status_code, response.headers["content-type"], response.headers["vary"]) == (
        200,
        kind,
        "Accept",
    )


def test_the_list_has_all_projects_by_normalised_name(lab):
    lab.index.add_project("Octo.Comet", owner="alice")
    assert get(lab, "/simple/", V1_JSON).json() == {
        "meta": {"api-version": "1.4"}, "projects": [{"name": "Octo.Comet"}, {"name": "octo-rocket"}],
    }  # fmt: skip
    assert Links(get(lab, "/simple/").text).found == [
        ("Octo.Comet", {"href": "/simple/octo-comet/"}), ("octo-rocket", {"href": "/simple/octo-rocket/"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "octo-rocket",
        "Octo-Rocket/",
        "octo_rocket/",
        "OCTO..ROCKET/",
        "octo-_.rocket",
        "octo-roc%E2%84%AAet/",
    ],
)
def test_another_spelling_is_redirected_to_the_normalised_name_with_a_slash(lab, name):
    response = get(lab, f"/simple/{name}")
    assert (response.status_code, response.headers["location"]) == (301, "/simple/octo-rocket/")


@pytest.mark.parametrize(
    "path",
    [
        "/simple/octo-comet/",
        "/simple/%ff/",
        "/simple/%00/",
        "/simple/../",
        "/files/none.whl",
        "/files/%ff",
    ],
)
def test_what_is_not_there_is_404(lab, path):
    assert get(lab, path).status_code == 404


def test_html_and_json_list_the_same_files_oldest_version_first(stocked):
    page, answer = (
        get(stocked, "/simple/octo-rocket/"),
        get(stocked, "/simple/octo-rocket/", V1_JSON).json(),
    )
    names = [wheel(version="1.9"), wheel(version="1.10"), sdist(version="1.10")]
    assert [file["filename"] for file in answer["files"]] == [
        text for text, _ in Links(page.text).found
    ]
    assert (
        sorted(names) == sorted(file["filename"] for file in answer["files"])
        and answer["files"][0]["filename"] == names[0]
    )
    assert answer["versions"] == ["1.9", "1.10"]
    for file, (_, attributes) in zip(answer["files"], Links(page.text).found, strict=True):
        assert attributes["href"] == f"{file['url']}#sha256={file['hashes']['sha256']}"
        assert attributes.get("data-requires-python") == file["requires-python"]


def test_a_link_leads_to_the_bytes_that_were_uploaded(stocked):
    for file in get(stocked, "/simple/octo-rocket/", V1_JSON).json()["files"]:
        assert file["url"] == f"{INDEX}/files/{file['filename']}"
        response = stocked.http.get(file["url"])
        assert hashlib.sha256(response.content).hexdigest() == file["hashes"]["sha256"]
        assert len(response.content) == file["size"] and response.content == stocked.index.file(
            file["filename"]
        )


def test_the_json_has_the_documented_fields_and_no_others(stocked):
    answer = get(stocked, "/simple/octo-rocket/", V1_JSON).json()
    assert {key: answer[key] for key in ("meta", "name", "project-status")} == {
        "meta": {"api-version": "1.4"}, "name": "octo-rocket", "project-status": {"status": "active"},
    }  # fmt: skip
    assert set(answer) == {"meta", "name", "project-status", "versions", "files"}
    file = answer["files"][0]
    assert {key: file[key] for key in file if key not in ("filename", "url", "hashes", "size")} == {
        "requires-python": None, "upload-time": "2026-11-23T09:00:00.000000Z", "yanked": False,
        "core-metadata": False,
        "data-dist-info-metadata": False, "provenance": None,
    }  # fmt: skip


def test_no_metadata_file_is_promised_and_none_is_served(stocked):
    assert "metadata" not in get(stocked, "/simple/octo-rocket/").text
    assert get(stocked, f"/files/{wheel(version='1.9')}.metadata").status_code == 404


def test_the_html_states_version_and_status(lab):
    page = get(lab, "/simple/octo-rocket/").text
    assert dict(re.findall(r'<meta name="(pypi:[a-z-]+)" content="([^"]*)">', page)) == {
        "pypi:repository-version": "1.4", "pypi:project-status": "active",
    }  # fmt: skip


def test_requires_python_is_escaped_in_html(stocked):
    page = get(stocked, "/simple/octo-rocket/").text
    assert (
        'data-requires-python="&gt;=3.11,&lt;4"' in page
        or 'data-requires-python="&lt;4,&gt;=3.11"' in page
    )


def test_urls_are_those_of_the_host_that_was_asked(stocked):
    request = stocked.http.build_request(
        "GET", f"{INDEX}/simple/octo-rocket/", headers={"Host": "127.0.0.1:4443", "Accept": V1_JSON}
    )
    urls = [file["url"] for file in stocked.http.send(request).json()["files"]]
    assert all(url.startswith("https://127.0.0.1:4443/files/") for url in urls)


def test_a_project_without_files_is_an_empty_page(lab):
    assert get(lab, "/simple/octo-rocket/", V1_JSON).json()["files"] == []
    assert Links(get(lab, "/simple/octo-rocket/").text).found == []


def test_listing_and_downloading_are_in_the_log_with_the_program_that_asked(stocked):
    stocked.http.get(f"{INDEX}/simple/octo-rocket/", headers={"User-Agent": "pip/26.0 {}"})
    stocked.http.get(f"{INDEX}/files/{wheel(version='1.9')}", headers={"User-Agent": "uv/0.13"})
    listed, downloaded = stocked.index.events[-2:]
    assert (listed.action, listed.project, listed.detail, listed.client) == (
        "list",
        "octo-rocket",
        "3 files",
        "pip",
    )
    assert (downloaded.action, downloaded.detail, downloaded.client) == (
        "download",
        wheel(version="1.9"),
        "uv",
    )
