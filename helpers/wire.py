"""Two ways to reach the lab's web applications: in process, with no socket at all, and over HTTPS on loopback.

In process, `InProcess` stands where httpx would open a connection, so that a learner writes the very code that would talk to the
real services. A host that the lab does not have is refused by name; nothing leaves the machine.
"""

import io
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
HANDSHAKE_TIMEOUT = 5
"""Seconds a client has for its TLS handshake."""
IDLE_TIMEOUT = 30
"""Seconds after which a connection on which nothing comes is closed."""


class InProcess(httpx.BaseTransport):
    """An httpx transport that calls WSGI applications, by host. `reach` returns the host's application or None, or raises
    ConnectionError for one that is down."""

    def __init__(self, reach: Callable[[str], WSGIApp | None]) -> None:
        self._reach = reach

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. Raises httpx.ConnectError for a host that the lab does not have or that is down."""
        try:
            app = self._reach(request.url.host)
        except ConnectionError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if app is None or request.url.scheme != "https" or request.url.port is not None:
            origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
            raise httpx.ConnectError(f"the lab has no {origin}, and nothing leaves this machine", request=request)
        return _call(app, request)


def _call(app: WSGIApp, request: httpx.Request) -> httpx.Response:
    path, _, query = request.url.raw_path.partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": request.url.host,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.read()),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in request.headers.raw:
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        environ[name] = f"{environ[name]}, {value}" if name in environ else value
    environ.setdefault("CONTENT_LENGTH", str(len(request.content)))
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    chunks = app(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, headers = started[-1]
    code, _, phrase = status.partition(" ")
    return httpx.Response(
        int(code),
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        content=content,
        extensions={"reason_phrase": phrase.encode("latin-1"), "http_version": b"HTTP/1.1"},
        request=request,
    )


class HttpsServer:
    """A WSGI application behind HTTPS on 127.0.0.1, a thread for each connection, on a port that the system chooses.

    The handshake happens in the connection's own thread and has a time limit, so that an idle or hostile client blocks nobody.
    """

    def __init__(self, app: WSGIApp, context: ssl.SSLContext, port: int = 0) -> None:
        from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler  # slow to import, and not always needed

        class Handler(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = IDLE_TIMEOUT
            disable_nagle_algorithm = True

            def setup(self) -> None:
                self.request.settimeout(HANDSHAKE_TIMEOUT)
                self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def log(self, *_: Any) -> None:
                """The event log says what there is to say."""

        class Server(ThreadedWSGIServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up, or does not speak TLS, is its own affair."""

        self._server = Server("127.0.0.1", port, app, handler=Handler)
        self._server.ssl_context = context  # what tells werkzeug that the scheme is https
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening and wait until the server is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def certificate() -> tuple[ssl.SSLContext, bytes]:
    """A TLS context for 127.0.0.1 from a throw-away certificate authority, and that authority's certificate in PEM."""
    import trustme

    authority = trustme.CA(organization_name="The lab's throw-away CA")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes()
