"""The simple API: what installers ask. HTML as in PEP 503, JSON as in PEP 691 with the fields of
PEP 700 and PEP 792."""

import html
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import flask
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.index.registry import File, Project

HTML = "text/html"
V1_HTML = "application/vnd.pypi.simple.v1+html"
V1_JSON = "application/vnd.pypi.simple.v1+json"
_META = {"api-version": "1.4"}
Link = tuple[str, str, dict[str, str]]
"""A link of an HTML page: URL, text, further attributes."""


def project_list(projects: Iterable[Project], request: flask.Request) -> flask.Response:
    """All projects, by normalized name."""
    names = sorted((project.name for project in projects), key=canonicalize_name)
    links: list[Link] = [(f"/simple/{canonicalize_name(name)}/", name, {}) for name in names]
    body = {"meta": _META, "projects": [{"name": name} for name in names]}
    return _answer(request, body, "Simple index", links)


def project_detail(project: Project, request: flask.Request) -> flask.Response:
    """All files of a project, oldest version first. File URLs are absolute, at the host that was
    asked."""
    files = sorted(project.files, key=lambda file: (Version(file.version), file.filename))
    name = canonicalize_name(project.name)
    body = {
        "meta": _META,
        "name": name,
        "project-status": {"status": "active"},
        "versions": sorted((each.version for each in project.releases.values()), key=Version),
        "files": [_entry(project, file, request) for file in files],
    }
    links = []
    for file in files:
        attributes = {"data-requires-python": file.requires_python} if file.requires_python else {}
        if url := _provenance_url(project, file, request):
            attributes["data-provenance"] = url
        links.append((f"{_url(file, request)}#sha256={file.sha256}", file.filename, attributes))
    status = '<meta name="pypi:project-status" content="active">'
    return _answer(request, body, f"Links for {name}", links, status)


def _entry(project: Project, file: File, request: flask.Request) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "url": _url(file, request),
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python or None,
        "size": len(file.content),
        "upload-time": datetime.fromtimestamp(file.uploaded, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "yanked": False,
        "core-metadata": False,
        "data-dist-info-metadata": False,
        "provenance": _provenance_url(project, file, request),
    }


def _provenance_url(project: Project, file: File, request: flask.Request) -> str | None:
    path = f"{canonicalize_name(project.name)}/{file.version}/{quote(file.filename)}"
    return f"{request.host_url}integrity/{path}/provenance" if file.provenance else None


def _url(file: File, request: flask.Request) -> str:
    return f"{request.host_url}files/{quote(file.filename)}"


def _answer(
    request: flask.Request, body: dict[str, Any], title: str, links: list[Link], meta: str = ""
) -> flask.Response:
    """The page as JSON or HTML, as the Accept header prefers; HTML where it names neither."""
    chosen = request.accept_mimetypes.best_match([HTML, V1_HTML, V1_JSON], default=HTML)
    if chosen == V1_JSON:
        response = flask.jsonify(body)
    else:
        lines = [_link({"href": url, **more}, text) for url, text, more in links]
        version, title = _META["api-version"], html.escape(title)
        meta = f'<meta name="pypi:repository-version" content="{version}">{meta}'
        head = f"{meta}<title>{title}</title>"
        page = f"<!DOCTYPE html>\n<html>\n<head>{head}</head>\n<body>\n<h1>{title}</h1>\n"
        response = flask.Response(page + "\n".join([*lines, "</body>", "</html>", ""]))
    response.content_type = chosen if chosen == V1_JSON else f"{chosen}; charset=UTF-8"
    response.headers["Vary"] = "Accept"
    return response


def _link(attributes: dict[str, str], text: str) -> str:
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(text)}</a><br>"
