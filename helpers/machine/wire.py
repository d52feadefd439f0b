"""Two ways to reach the lab's web applications: in process, with no socket at all, and over HTTPS
on loopback.

In process, `InProcess` stands where httpx would open a connection, so that a learner writes the
very code that would talk to the real services. A host that the lab does not have is refused by
name; nothing leaves the machine.
"""

import contextlib
import io
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import h11
import httpx

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
HANDSHAKE_TIMEOUT = 5
"""Seconds a client has for its TLS handshake."""
IDLE_TIMEOUT = 30
"""Seconds after which a connection on which nothing comes is closed."""
CONNECTION_LIMIT = 300
"""Seconds after which a connection is closed, whatever happens on it."""
MAX_HEAD = 64 * 1024
"""Bytes that a request's first line and headers may have."""
MAX_BODY = 256 * 1024 * 1024
"""Bytes of a request's body that are kept. More is read and thrown away; the application sees only
how many there were."""


class InProcess(httpx.BaseTransport):
    """An httpx transport that calls WSGI applications, by host. `reach` returns the host's
    application or None, or raises ConnectionError for one that is down."""

    def __init__(self, reach: Callable[[str], WSGIApp | None]) -> None:
        self._reach = reach

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. Raises httpx.ConnectError for a host that the lab does not have or that
        is down."""
        try:
            app = self._reach(request.url.host)
        except ConnectionError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if app is None or request.url.scheme != "https" or request.url.port is not None:
            origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
            reason = f"the lab has no {origin}, and nothing leaves this machine"
            raise httpx.ConnectError(reason, request=request)
        return _call(app, request)


def _call(app: WSGIApp, request: httpx.Request) -> httpx.Response:
    body = request.read()
    target = request.url.raw_path.decode("latin-1")
    headers = [(n.decode("latin-1"), value.decode("latin-1")) for n, value in request.headers.raw]
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
    """A request as WSGI has it (PEP 3333): texts are bytes read as latin-1, and the path is
    percent-decoded."""
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
    for name in ("TRANSFER_ENCODING", "CONTENT_LENGTH"):  # the body has arrived, so long it was
        environ.pop(f"HTTP_{name}", None)
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


class _Handler(BaseRequestHandler):
    """One connection: the handshake, then request after request until either side closes it.

    h11 reads and writes HTTP/1.1 and is as strict as RFC 9112 asks. The whole body is read before
    the application sees the request, as the in-process transport does.
    """

    server: "_Server"

    def handle(self) -> None:
        self.request.settimeout(HANDSHAKE_TIMEOUT)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.request.do_handshake()
        self.request.settimeout(IDLE_TIMEOUT)
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self.head, self.method = b"", ""
        try:
            while isinstance(request := self._next_event(), h11.Request):
                self._respond(request)
                if self.http.our_state is h11.MUST_CLOSE:
                    break
                self.http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._refuse(error)

    def _next_event(self) -> Any:
        while (event := self._read_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                response = h11.InformationalResponse
                self._send(response(status_code=100, reason=b"Continue", headers=[]))
            self.http.receive_data(self.request.recv(1 << 16))
        return event

    def _read_event(self) -> "h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]":
        if self.http.their_state is h11.IDLE:
            self.head = self.http.trailing_data[0]
        return self.http.next_event()

    def _respond(self, request: h11.Request) -> None:
        """Answer a request. What its body has beyond MAX_BODY is read, but not kept."""
        self.method = request.method.decode("ascii")
        if request.http_version not in (b"1.0", b"1.1"):
            raise h11.RemoteProtocolError("expected version 1.1 of HTTP", 505)
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in request.headers}:
            raise h11.RemoteProtocolError("expected one statement of the length, got two")
        target = request.target.decode("ascii")
        if not target.startswith("/"):
            target = _path_of(target)
        kept, length = bytearray(), 0
        while isinstance(event := self._next_event(), h11.Data):
            length += len(event.data)
            kept += event.data if length <= MAX_BODY else b""
        headers = [(n.decode("latin-1"), value.decode("latin-1")) for n, value in request.headers]
        host, port = self.server.server_address[:2]
        environ = _environ(self.method, target, headers, bytes(kept), length, str(host), int(port))
        self._answer(*_answer(self.server.app, environ))

    def _answer(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code, _, phrase = status.partition(" ")
        empty = self.method == "HEAD" or int(code) in (204, 304)
        if not empty and not any(name.lower() == "content-length" for name, _ in headers):
            headers = [*headers, ("Content-Length", str(len(content)))]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        reason = phrase.encode("latin-1")
        head = h11.Response(status_code=int(code), headers=encoded, reason=reason)
        self._send(head, h11.Data(data=b"" if empty else content), h11.EndOfMessage())

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer a request that is none: 400, or what RFC 9112 asks for instead; then hang up."""
        status = HTTPStatus(error.error_status_hint)
        if status == 501 and not re.search(
            rb"(?im)^transfer-encoding:.*\bchunked[ \t]*\r?$", self.head
        ):
            status = HTTPStatus.BAD_REQUEST  # how long the body is cannot be known (RFC 9112, 6.3)
        content = f"Error: {status} {status.phrase}: {error}\n"
        headers = [("Content-Type", "text/plain; charset=UTF-8"), ("Connection", "close")]
        self._answer(f"{status} {status.phrase}", headers, content.encode("utf-8"))
        # What is still on its way is read, or the system would throw our answer away with it.
        socket.socket.shutdown(self.request, socket.SHUT_WR)
        while self.request.recv(1 << 16):
            pass

    def _send(self, *events: h11.Event) -> None:
        """Send it in one go: headers and content."""
        self.request.sendall(b"".join(self.http.send(event) or b"" for event in events))


def _path_of(address: str) -> str:
    """Path and query of an address that is written out in the request line. Raises
    RemoteProtocolError."""
    try:
        return urlsplit(address)._replace(scheme="", netloc="").geturl()
    except ValueError as error:
        raise h11.RemoteProtocolError("expected a path or an address") from error


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name == "posix"  # on Windows it would let two servers share a port

    def __init__(self, app: WSGIApp, context: ssl.SSLContext, port: int) -> None:
        self.app, self.context = app, context
        self.connections: dict[ssl.SSLSocket, float] = {}  # and when each has to end
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept a connection, but leave its handshake to its own thread."""
        plain, address = super().get_request()
        wrap = self.context.wrap_socket
        connection = wrap(plain, server_side=True, do_handshake_on_connect=False)
        self.connections[connection] = time.monotonic() + CONNECTION_LIMIT
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection, whatever became of it."""
        self.connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up, or does not speak TLS, harms only itself."""

    def service_actions(self) -> None:
        """Hang up on connections that have reached their limit. Called by the server's loop, many
        times a second."""
        now = time.monotonic()
        for connection, end in list(self.connections.items()):
            if end < now:
                _hang_up(connection)


class HttpsServer:
    """A WSGI application behind HTTPS on 127.0.0.1, a thread for each connection, on a port that
    the system chooses.

    The handshake happens in the connection's own thread and has a time limit, so that an idle or
    hostile client blocks nobody. Raises OSError if the `port` is taken.
    """

    def __init__(self, app: WSGIApp, context: ssl.SSLContext, port: int = 0) -> None:
        self._server = _Server(app, context, port)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening, close all connections, and wait until the server is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._server.connections):
            _hang_up(connection)


def _hang_up(connection: ssl.SSLSocket) -> None:
    """End a connection beneath TLS: the thread that serves it wakes up and goes."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def certificate() -> tuple[ssl.SSLContext, bytes]:
    """A TLS context for 127.0.0.1 from a throw-away certificate authority, and that authority's
    certificate in PEM."""
    import trustme

    authority = trustme.CA(organization_name="The lab's throw-away CA")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context, authority.cert_pem.bytes()
