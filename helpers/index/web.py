"""The index behind HTTP: paths, status codes, headers, and how a refusal travels. Paths are those
of the real index."""

import io
from http import HTTPStatus
from typing import Any

import flask
from packaging.utils import canonicalize_name

from helpers.index import simple_api
from helpers.index.index import Index
from helpers.index.uploads import Refused, read_form
from helpers.webapp import client_name, new_app

MAX_REQUEST = 100 * 1024 * 1024
"""Bytes that a request may have, and MAX_PARTS the fields of a form. More is answered with status
413."""
MAX_PARTS = 10_000
INTEGRITY = "application/vnd.pypi.integrity.v1+json"
MAX_REASON = 1000
"""Characters of a refusal that fit into a reason phrase."""


class _Request(flask.Request):
    def _get_file_stream(self, *_: Any, **__: Any) -> io.BytesIO:
        """The index keeps files in memory anyway, and so a body that ends too soon leaves no open
        file behind."""
        return io.BytesIO()


def make_app(index: Index) -> flask.Flask:
    """A WSGI application that serves the index."""
    app = new_app(index.name)
    app.request_class = _Request
    app.url_map.strict_slashes = False
    app.config |= {"MAX_CONTENT_LENGTH": MAX_REQUEST, "MAX_FORM_MEMORY_SIZE": MAX_REQUEST}
    app.config["MAX_FORM_PARTS"] = MAX_PARTS
    _add_exchange(app, index)
    _add_upload(app, index)
    _add_downloads(app, index)
    return app


def _add_exchange(app: flask.Flask, index: Index) -> None:
    @app.get("/_/oidc/audience")
    def audience() -> Any:
        off = "oidc" in index.disabled
        detail = "trusted publishing is switched off" if off else f"audience {index.audience}"
        _note(index, "audience", None, detail, ok=not off)
        if off:
            return {"message": "Trusted publishing functionality not enabled"}, 403
        return {"audience": index.audience}

    @app.post("/_/oidc/mint-token")
    @app.post("/_/oidc/github/mint-token")
    def mint_token() -> Any:
        status, answer = index.mint_token(flask.request.get_data(), client_name(flask.request))
        return answer, status

    @app.post("/_/oidc/burn-token")
    def burn_token() -> Any:
        index.burn_token(flask.request.get_data(), client_name(flask.request))
        return {"message": "Accepted", "errors": []}, 202


def _add_upload(app: flask.Flask, index: Index) -> None:
    @app.post("/legacy/")
    def upload() -> Any:
        client, who, project = client_name(flask.request), "unknown", None
        try:
            if not flask.request.path.endswith("/"):
                return _moved()
            token, bearer = index.authenticate(flask.request.headers.get("Authorization", ""))
            who = index.who(bearer)
            form = read_form(flask.request)
            project = form.name
            index.store(form, token, bearer, client)
        except Refused as refusal:
            index.note("upload", who, project, refusal.message, ok=False, client=client)
            return refused(refusal)
        return flask.Response("", content_type="text/plain; charset=UTF-8")


def _add_downloads(app: flask.Flask, index: Index) -> None:
    @app.get("/simple/")
    def project_list() -> Any:
        _note(index, "list", None, "all projects")
        return simple_api.project_list(index.projects.values(), flask.request)

    @app.get("/simple/<name>/")
    def project_detail(name: str) -> Any:
        normalized = canonicalize_name(name)
        project = index.projects.get(normalized)
        if project is None:
            return "404 Not Found", 404
        if flask.request.path != f"/simple/{normalized}/":
            return flask.redirect(f"/simple/{normalized}/", 301)
        _note(index, "list", project.name, f"{len(project.files)} files")
        return simple_api.project_detail(project, flask.request)

    @app.get("/integrity/<name>/<version>/<filename>/provenance")
    def provenance(name: str, version: str, filename: str) -> Any:
        accepted = flask.request.accept_mimetypes
        offers = [INTEGRITY, "application/json"]
        chosen = accepted.best_match(offers) if accepted else INTEGRITY
        if not chosen:
            return {"message": "Request not acceptable"}, 406
        if "attestations" in index.disabled:
            return {"message": "Attestations temporarily disabled"}, 403
        found = index.provenance(name, version, filename)
        _note(index, "provenance", name, filename, ok=found is not None)
        if found is None:
            return {"message": f"No provenance available for {filename}"}, 404
        response = flask.jsonify(found)
        response.content_type = chosen
        response.headers["Vary"] = "Accept"
        return response

    @app.get("/files/<filename>")
    def file(filename: str) -> Any:
        content = index.file(filename)
        if content is None:
            return "404 Not Found", 404
        _note(index, "download", None, filename)
        return flask.Response(content, content_type="application/octet-stream")


def _note(index: Index, action: str, project: str | None, detail: str, *, ok: bool = True) -> None:
    """Note a request that anyone may make."""
    index.note(action, "anyone", project, detail, ok=ok, client=client_name(flask.request))


def refused(refusal: Refused) -> flask.Response:
    """A refusal, twice: as the reason phrase, and in the body, as JSON for clients that ask for
    it."""
    title = HTTPStatus(refusal.status).phrase
    line = "".join(each if each.isprintable() else "?" for each in refusal.message[:MAX_REASON])
    status = f"{refusal.status} {line}".encode("latin-1", "replace").decode("latin-1")
    accepted, as_json = flask.request.accept_mimetypes, "application/json"
    if accepted.best_match(["text/html", as_json]) == as_json:
        response = flask.jsonify(message=refusal.message, code=status, title=title)
    else:
        body = f"{title}\n\n{refusal.message}\n"
        response = flask.Response(body, content_type="text/plain; charset=UTF-8")
    response.status = status
    return response


def _moved() -> flask.Response:
    expected = "the expected upload URL is /legacy/ (with a trailing slash)"
    message = f"An upload was attempted to /legacy but {expected}"
    response = flask.Response(message, content_type="text/plain; charset=UTF-8")
    response.status = f"308 {message}"
    response.headers["Location"] = f"{flask.request.host_url}legacy/"
    return response
