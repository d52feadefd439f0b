"""The common part of the lab's web applications."""

import flask
from werkzeug.http import HTTP_STATUS_CODES


def new_app(name: str) -> flask.Flask:
    """A Flask application without static files, which takes requests of one MiB. JSON keeps its
    order, and reason phrases read as the standard writes them ("403 Forbidden"), where Flask would
    shout."""
    app = flask.Flask(name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1 << 20
    app.json.sort_keys = False  # type: ignore[attr-defined]

    @app.after_request
    def in_plain_case(response: flask.Response) -> flask.Response:
        usual = HTTP_STATUS_CODES.get(response.status_code, "")
        if response.status == f"{response.status_code} {usual.upper()}":
            response.status = f"{response.status_code} {usual}"
        return response

    return app


def client_name(request: flask.Request) -> str:
    """The program that asks, from the User-Agent: "uv", "pip", "python-httpx"."""
    return request.headers.get("User-Agent", "").partition("/")[0].strip()
