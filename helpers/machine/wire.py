"""Two ways to reach the lab's web applications: in process, with no socket at all, and over HTTPS on loopback.

In process, `InProcess` stands where httpx would open a connection, so that a learner writes the very code that would talk to
the real services. A host that the lab does not have is refused by name; nothing leaves the machine.
"""

import contextlib
import io
import os
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import httpx
from werkzeug.serving import DechunkedInput

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
HANDSHAKE_TIMEOUT = 5
"""Seconds a client has for its TLS handshake."""
IDLE_TIMEOUT = 30
"""Seconds after which a connection on which nothing comes is closed."""
MAX_BODY = 256 * 1024 * 1024
"""Bytes of a request's body that are kept. More is read and thrown away; the application sees only how many there were."""


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
            raise httpx.ConnectError(
                f"the lab has no {origin}, and nothing leaves this machine", request=request
            )
        return _call(app, request)


def _call(app: WSGIApp, request: httpx.Request) -> httpx.Response:
    body = request.read()
    target = request.url.raw_path.decode("latin-1")
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    ]
    environ = _environ(request.method, target, headers, body, len(body), request.url.host, 443)
    status, answer_headers, content = _answer(app, environ)
    code, _, phrase = status.partition(" ")
    return httpx.Response(
        int(code),
        headers=[
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer_headers
        ],
        content=content,
        extensions={"reason_phrase": phrase.encode("latin-1"), "http_version": b"HTTP/1.1"},
        request=request,
    )


def _environ(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, length: int,
             host: str, port: int) -> dict[str, Any]:  # fmt: skip
    """A request as WSGI has it (PEP 3333): texts are bytes read as latin-1, and the path is percent-decoded."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        if "_" in name:
            continue  # or it could pass itself off as one with a hyphen
        key = f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop(
        "HTTP_TRANSFER_ENCODING", None
    )  # the body has arrived: what counts is how long it was
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(length)
    return environ


def _answer(app: WSGIApp, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and content of an application's answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    chunks = app(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return *started[-1], content


class _Handler(BaseHTTPRequestHandler):
    """One connection: the handshake, then request after request until the client has had enough.

    werkzeug's own handler closes after each answer, having waited 10 ms in case there is more to read. This one reads the whole
    body first, as the in-process transport does, and builds the application's input in the same way.
    """

    server: "_Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and content in one go

    def setup(self) -> None:
        self.request.settimeout(HANDSHAKE_TIMEOUT)
        self.request.do_handshake()
        self.request.settimeout(IDLE_TIMEOUT)
        super().setup()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method is the application's affair
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        self.wfile.flush()  # what may be in it: "100 Continue"
        try:
            body, length = self._body()
        except (OSError, ValueError):
            self.close_connection = True
            return self.send_error(400)
        headers = [(name, re.sub(r"[\r\n]+", "", value)) for name, value in self.headers.items()]
        target = (
            self.path
            if self.path.startswith("/")
            else urlsplit(self.path)._replace(scheme="", netloc="").geturl()
        )
        host, port = self.server.server_address[:2]
        environ = _environ(self.command, target, headers, body, length, str(host), int(port))
        status, answer_headers, content = _answer(self.server.app, environ)
        code, _, phrase = status.partition(" ")
        self.send_response_only(int(code), phrase)
        for name, value in answer_headers:
            self.send_header(name, value)
        empty = self.command == "HEAD" or int(code) in (204, 304)
        if not empty and not any(name.lower() == "content-length" for name, _ in answer_headers):
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"" if empty else content)

    def _body(self) -> tuple[bytes, int]:
        """The request's body and its length in bytes. Beyond MAX_BODY it is read, but not kept. Raises ValueError or OSError
        for one that is not as long as was said, or whose chunks are none."""
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        stated = self.headers.get("Content-Length", "0")
        if not chunked and not re.fullmatch("[0-9]{1,15}", stated):
            raise ValueError("expected a length")
        source: Any = DechunkedInput(self.rfile) if chunked else self.rfile  # type: ignore[arg-type]
        kept, length, wanted = bytearray(), 0, sys.maxsize if chunked else int(stated)
        while length < wanted and (piece := source.read(min(wanted - length, 1 << 20))):
            length += len(piece)
            kept += piece if length <= MAX_BODY else b""
        if not chunked and length < wanted:
            raise ValueError("expected more")
        return bytes(kept), length

    def log_message(self, *_: Any) -> None:
        """The event log says what there is to say."""


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name == "posix"  # on Windows it would let two servers share a port

    def __init__(self, app: WSGIApp, context: ssl.SSLContext, port: int) -> None:
        self.app, self.context = app, context
        self.connections: set[ssl.SSLSocket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept a connection, but leave its handshake to its own thread."""
        plain, address = super().get_request()
        connection = self.context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """The end of a connection, whatever became of it."""
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not speak TLS, is its own affair."""


class HttpsServer:
    """A WSGI application behind HTTPS on 127.0.0.1, a thread for each connection, on a port that the system chooses.

    The handshake happens in the connection's own thread and has a time limit, so that an idle or hostile client blocks nobody.
    Raises OSError if the `port` is taken.
    """

    def __init__(self, app: WSGIApp, context: ssl.SSLContext, port: int = 0) -> None:
        self._server = _Server(app, context, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening, hang up on whoever is connected, and wait until the server is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(
                    connection, socket.SHUT_RDWR
                )  # beneath TLS: its thread wakes up and goes


def certificate() -> tuple[ssl.SSLContext, bytes]:
    """A TLS context for 127.0.0.1 from a throw-away certificate authority, and that authority's certificate in PEM."""
    import trustme

    authority = trustme.CA(organization_name="The lab's throw-away CA")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes()
