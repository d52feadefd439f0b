"""Mallory's server: it answers clients as a package index would, and keeps what they bring."""

from typing import Any

import flask

from helpers.lab import Live
from helpers.machine.wire import HttpsServer


class Impostor:
    """A server on loopback that clients take for an index; close it, or use it in a `with` block.

    live: the served lab, whose certificate the impostor shares, so that the lab's machines trust
    it. (In reality Mallory gets a certificate for a domain of hers.) audience: what it tells
    clients to request an ID token for.

    `url` is its upload address; `id_tokens` and `api_tokens` hold what clients have brought.
    """

    def __init__(self, live: Live, audience: str = "pypi") -> None:
        self.audience = audience
        self.id_tokens: list[str] = []
        self.api_tokens: list[str] = []
        self._server = HttpsServer(self._make_app(), live.tls_context)
        self.url = f"https://127.0.0.1:{self._server.port}/legacy/"

    def _make_app(self) -> flask.Flask:
        app = flask.Flask("impostor")

        @app.get("/_/oidc/audience")
        def audience() -> Any:
            return {"audience": self.audience}

        @app.post("/_/oidc/mint-token")
        def mint_token() -> Any:
            self.id_tokens.append(flask.request.get_json(force=True)["token"])
            return {"success": True, "token": "pypi-AgEJbWFsbG9yeQ", "expires": 9_999_999_999}

        @app.post("/_/oidc/burn-token")
        def burn_token() -> Any:
            return {"message": "Accepted", "errors": []}, 202

        @app.post("/legacy/")
        def upload() -> Any:
            if flask.request.authorization:
                self.api_tokens.append(str(flask.request.authorization.password))
            return ""

        return app

    def close(self) -> None:
        """Stop the server."""
        self._server.close()

    def __enter__(self) -> "Impostor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
