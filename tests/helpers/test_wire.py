"""The two ways to the lab's applications, in process and over HTTPS: that they agree, and that nobody blocks or leaves."""

import contextlib
import io
import json
import socket
import ssl
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from helpers.lab import Lab
from helpers.machine import wire
from helpers.machine.wire import HttpsServer, InProcess, certificate
from helpers.provider.jobs import GitHubJob

AUDIENCE = "https://pypi.test/_/oidc/audience"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def echo(environ, start_response):
    """An application that answers with what it was asked, as bytes written in latin-1."""
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    seen["body"] = environ["wsgi.input"].read().decode("latin-1")
    start_response(
        "200 As you wish", [("Content-Type", "application/json"), ("X-Answer", "caf\xe9")]
    )
    return [json.dumps(seen).encode("ascii")]


class Served:
    """An application behind HTTPS, with a client and with raw connections to it."""

    def __init__(self, app):
        context, authority = certificate()
        self.server = HttpsServer(app, context)
        self.trusting = ssl.create_default_context(cadata=authority.decode("ascii"))
        self.url = f"https://127.0.0.1:{self.server.port}"
        self.client = httpx.Client(
            verify=self.trusting, trust_env=False, base_url=self.url, timeout=5
        )
        self._sockets = []

    def connect(self) -> socket.socket:
        """A connection that has said nothing yet."""
        self._sockets.append(socket.create_connection(("127.0.0.1", self.server.port), timeout=5))
        return self._sockets[-1]

    def handshake(self) -> ssl.SSLSocket:
        """A connection that speaks TLS and has asked for nothing yet."""
        self._sockets.append(self.trusting.wrap_socket(self.connect(), server_hostname="127.0.0.1"))
        return self._sockets[-1]

    def close(self):
        self.client.close()
        self.server.close()
        for each in self._sockets:
            each.close()


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        yield lambda app=echo: stack.enter_context(contextlib.closing(Served(app)))


@pytest.fixture
def in_process():
    return httpx.Client(
        transport=InProcess(lambda host: echo if host == "pypi.test" else None), trust_env=False
    )


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up, one way or the other."""
    received = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := connection.recv(65536):
            received += piece
    return received


def ask(
    method: str = "GET", path: str = "/", *headers: str, body: bytes = b"", version: str = "1.1"
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


# -- in process -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://pypi.example/simple/",
        "https://files.pypi.test/",
        "http://pypi.test/simple/",
        "https://pypi.test:8443/simple/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_host_that_the_lab_does_not_have_is_refused_by_name(url):
    with Lab() as lab, pytest.raises(httpx.ConnectError) as caught:
        lab.http.get(url)
    asked = httpx.URL(url)
    assert f"{asked.scheme}://{asked.netloc.decode()}" in str(caught.value)
    assert "nothing leaves this machine" in str(caught.value) and caught.value.request.url == url


def test_a_redirect_to_somewhere_else_is_refused_too(in_process):
    def elsewhere(environ, start_response):
        start_response("302 Found", [("Location", "https://elsewhere.example/")])
        return [b""]

    client = httpx.Client(
        transport=InProcess(lambda host: elsewhere if host == "pypi.test" else None),
        trust_env=False,
    )
    with pytest.raises(httpx.ConnectError, match="elsewhere.example"):
        client.get("https://pypi.test/", follow_redirects=True)


def test_a_provider_that_is_down_cannot_be_connected_to():
    with Lab() as lab:
        lab.gitlab.online = False
        with pytest.raises(httpx.ConnectError, match="https://gitlab.com does not answer"):
            lab.http.get("https://gitlab.com/.well-known/jwks")
        assert lab.http.get("https://accounts.google.com/.well-known/jwks").status_code == 200


def test_a_response_is_closed_even_if_its_iteration_fails():
    class Chunks:
        closed = False

        def __iter__(self):
            raise OSError("halfway")

        def close(self):
            Chunks.closed = True

    def app(environ, start_response):
        start_response("200 OK", [])
        return Chunks()

    with pytest.raises(OSError, match="halfway"):
        httpx.Client(transport=InProcess(lambda host: app), trust_env=False).get(
            "https://pypi.test/"
        )
    assert Chunks.closed


# -- proxies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(monkeypatch):
    """A socket that every proxy variable points to; it must never see a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        for name in PROXIES:
            for variable in (name, name.lower()):
                monkeypatch.setenv(variable, f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        yield listening
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_the_fake_proxy_would_notice_a_client_that_believes_the_environment(proxy):
    with httpx.Client(verify=False) as believing, ThreadPoolExecutor() as pool:
        answer = pool.submit(believing.get, "http://elsewhere.example/", timeout=5)
        proxy.setblocking(True)
        connection, _ = proxy.accept()
        proxy.setblocking(False)
        with connection:
            assert connection.recv(100).startswith(b"GET http://elsewhere.example/")
        with pytest.raises(httpx.HTTPError):
            answer.result()


def test_in_process_nothing_goes_to_a_proxy(proxy):
    with Lab() as lab:
        assert lab.http.get(AUDIENCE).status_code == 200
        token = lab.github.id_token(GitHubJob())  # to verify it, the index asks the provider
        assert (
            lab.http.post("https://pypi.test/_/oidc/mint-token", json={"token": token}).status_code
            == 200
        )
        with pytest.raises(httpx.ConnectError, match="elsewhere.example"):
            lab.http.get("https://elsewhere.example/")


def test_nothing_that_runs_on_a_runner_goes_to_a_proxy(proxy):
    with Lab() as lab, lab.serve() as live, live.runner(GitHubJob()) as runner:
        assert runner.run("python -m id pypi").ok
        assert (
            runner.run(
                f"pip download --no-deps octo-rocket --index-url {live.url}/simple/"
            ).exit_code
            == 1
        )
        assert [event.client for event in lab.events if event.action == "list"] == ["pip"]


# -- both ways agree --------------------------------------------------------------------------------------------------

REQUESTS = [
    ("GET", "/_/oidc/audience", {}, b""),
    ("HEAD", "/_/oidc/audience", {}, b""),
    ("GET", "/simple/", {"Accept": "application/vnd.pypi.simple.v1+json"}, b""),
    ("GET", "/simple/Octo_Rocket", {}, b""),
    ("GET", "/simple/nothing/", {}, b""),
    ("GET", "/simple/%ff%fe/", {}, b""),
    ("GET", "/%2e%2e/%00", {}, b""),
    ("GET", "/simple/?q=%ff&r=\u00e4", {"X-Odd": "caf\u00e9"}, b""),
    ("POST", "/_/oidc/mint-token", {}, b"not JSON \xff"),
    ("POST", "/_/oidc/burn-token", {"Content-Type": "text/plain"}, b"{}"),
    ("POST", "/legacy/", {"Authorization": "Basic \u00e9\u00e9"}, b"x=1"),
    ("POST", "/legacy", {}, b""),
    ("PUT", "/legacy/", {}, b"x" * 100_000),
    ("BREW", "/simple/", {}, b""),
]


@pytest.mark.parametrize(("method", "target", "headers", "body"), REQUESTS)
def test_the_same_request_gets_the_same_answer_in_process_and_over_https(
    method, target, headers, body
):
    headers = {name: value.encode("utf-8") for name, value in headers.items()}
    with Lab() as lab, lab.serve() as live:
        trusting = ssl.create_default_context(cafile=live.ca_file)
        with httpx.Client(
            verify=trusting, trust_env=False, headers={"User-Agent": "learner"}
        ) as https:
            here = lab.http.request(
                method, f"https://pypi.test{target}", headers=headers, content=body
            )
            there = https.request(method, f"{live.url}{target}", headers=headers, content=body)
    assert (here.status_code, here.reason_phrase) == (there.status_code, there.reason_phrase)
    assert here.headers == httpx.Headers(
        [
            (name, value.replace(live.url, "https://pypi.test"))
            for name, value in there.headers.multi_items()
        ]
    )
    assert here.content == there.content.replace(live.url.encode(), b"https://pypi.test")
    events = lab.events[2:]
    assert events[: len(events) // 2] == events[len(events) // 2 :]


@pytest.mark.parametrize("path", ["/a%ff/b", "/%c3%a4", "/%00", "/a%2fb", "/a;b=c%3B", "/%25ff"])
def test_a_path_arrives_as_the_bytes_it_stands_for(path, serve, in_process):
    url = httpx.URL("https://pypi.test/", raw_path=path.encode("ascii") + b"?q=%ff")
    served = serve()
    for answer in (
        in_process.get(url),
        served.client.get(url.copy_with(host="127.0.0.1", port=served.server.port)),
    ):
        assert answer.json()["PATH_INFO"].encode("latin-1") == decoded(path)
        assert answer.json()["QUERY_STRING"] == "q=%ff"


def decoded(path: str) -> bytes:
    """The path's bytes, worked out by hand."""
    first, *rest = path.split("%")
    return first.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)


def test_headers_that_are_not_ascii_arrive_as_the_bytes_they_are(serve, in_process):
    headers = [
        (b"X-Word", "naïve".encode()),
        (b"X-Byte", b"\xff\x85"),
        (b"X-Twice", b"a"),
        (b"X-Twice", b"b"),
    ]
    for answer in (
        in_process.get("https://pypi.test/", headers=headers),
        serve().client.get("/", headers=headers),
    ):
        seen = answer.json()
        assert seen["HTTP_X_WORD"].encode("latin-1").decode("utf-8") == "naïve"
        assert seen["HTTP_X_BYTE"].encode("latin-1") == b"\xff\x85"
        assert seen["HTTP_X_TWICE"] == "a, b"
        assert answer.headers["X-Answer"] == "café"


def test_a_header_with_an_underscore_cannot_pass_itself_off_as_another(serve, in_process):
    for answer in (
        in_process.get("https://pypi.test/", headers={"X_Odd": "1"}),
        serve().client.get("/", headers={"X_Odd": "1"}),
    ):
        assert "HTTP_X_ODD" not in answer.json()


def test_reason_phrases_arrive(serve, in_process):
    for answer in (in_process.get("https://pypi.test/"), serve().client.get("/")):
        assert answer.reason_phrase == "As you wish"


def test_a_token_minted_in_process_can_be_burned_over_https():
    with Lab() as lab, lab.serve() as live:
        body = {"token": lab.github.id_token(GitHubJob())}
        token = lab.http.post("https://pypi.test/_/oidc/mint-token", json=body).json()["token"]
        with httpx.Client(
            verify=ssl.create_default_context(cafile=live.ca_file), trust_env=False
        ) as https:
            assert (
                https.post(f"{live.url}/_/oidc/burn-token", json={"token": token}).status_code
                == 202
            )
        assert lab.events[-1].detail.endswith("is dead")


# -- HTTPS on loopback ------------------------------------------------------------------------------------------------


def test_the_server_listens_on_loopback_only(serve):
    served = serve()
    for elsewhere in ("127.0.0.2", "::1"):
        with pytest.raises(OSError):
            socket.create_connection((elsewhere, served.server.port), timeout=0.5).close()


def test_only_who_trusts_this_certificate_authority_connects(serve):
    served, other = serve(), serve()
    with (
        httpx.Client(verify=other.trusting, trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="certificate"),
    ):
        client.get(served.url)


def test_plain_http_is_not_answered(serve):
    served = serve()
    connection = served.connect()
    connection.sendall(ask())
    assert not read_all(connection).startswith(b"HTTP")
    assert served.client.get("/").status_code == 200


def hostile(served: Served) -> None:
    """20 clients that never begin the handshake, 20 that say nothing after it, one that sends garbage, and two that stop in
    the middle of a request."""
    for _ in range(20):
        served.connect()
        served.handshake()
    served.connect().sendall(b"\x16\x03\x01garbage" * 50)
    served.handshake().sendall(b"GET / HT")
    served.handshake().sendall(ask("POST", "/", "Content-Length: 1000", body=b"only a few"))


def test_idle_and_hostile_connections_block_nobody(serve):
    served = serve()
    hostile(served)
    assert served.client.get("/", timeout=2).status_code == 200


def test_idle_and_hostile_connections_do_not_delay_the_end(serve):
    served = serve()
    hostile(served)
    before = time.monotonic()
    served.server.close()
    assert time.monotonic() - before < wire.HANDSHAKE_TIMEOUT  # it waits for nobody to finish


def test_whoever_is_connected_when_the_server_closes_is_hung_up_on(serve):
    served = serve()
    reluctant, silent, busy = served.connect(), served.handshake(), served.handshake()
    busy.sendall(ask())
    assert busy.recv(65536).startswith(b"HTTP/1.1 200")
    served.server.close()
    assert read_all(silent) == read_all(reluctant) == b""
    with contextlib.suppress(OSError):
        busy.sendall(ask())
    assert read_all(busy) == b""


def test_nobody_answers_once_the_server_is_closed(serve):
    served = serve()
    served.server.close()
    with pytest.raises(ConnectionRefusedError):
        served.connect()


@pytest.mark.parametrize("limit", ["HANDSHAKE_TIMEOUT", "IDLE_TIMEOUT"])
def test_a_client_that_says_nothing_is_hung_up_on_in_the_end(limit, serve, monkeypatch):
    monkeypatch.setattr(wire, limit, 0.05)
    served = serve()
    silent = served.connect() if limit == "HANDSHAKE_TIMEOUT" else served.handshake()
    assert read_all(silent) == b""


def test_a_client_that_sends_a_byte_now_and_then_keeps_only_its_own_thread_busy(serve):
    served = serve()
    slow = served.handshake()
    for byte in ask()[:10]:
        slow.send(bytes([byte]))
        assert served.client.get("/").status_code == 200
    slow.sendall(ask()[10:])
    assert slow.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_port_that_is_taken_is_an_error():
    context, _ = certificate()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        HttpsServer(echo, context, taken.getsockname()[1])


# -- HTTP/1.1 ---------------------------------------------------------------------------------------------------------


def answers(connection: ssl.SSLSocket, count: int) -> list[dict]:
    """So many of echo's answers from one connection."""
    reader, found = connection.makefile("rb"), []
    for _ in range(count):
        assert reader.readline().startswith(b"HTTP/1.1 200 ")
        length = 0
        while line := reader.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        found.append(json.loads(reader.read(length)))
    return found


def test_a_connection_is_kept_for_the_next_request(serve):
    connection = serve().handshake()
    for number in range(3):
        connection.sendall(ask("POST", f"/{number}", "Content-Length: 2", body=b"hi"))
        (answer,) = answers(connection, 1)
        assert (answer["PATH_INFO"], answer["body"]) == (f"/{number}", "hi")


def test_what_an_application_does_not_read_is_not_taken_for_the_next_request(serve):
    def careless(environ, start_response):
        return echo({**environ, "wsgi.input": io.BytesIO()}, start_response)

    connection = serve(careless).handshake()
    unread = ask("GET", "/smuggled")
    connection.sendall(
        ask("POST", "/1", f"Content-Length: {len(unread)}", body=unread) + ask("GET", "/2")
    )
    assert [answer["PATH_INFO"] for answer in answers(connection, 2)] == ["/1", "/2"]


@pytest.mark.parametrize(
    "request_",
    [ask("GET", "/", "Connection: close"), ask(version="1.0")],
    ids=["close", "HTTP/1.0"],
)
def test_a_client_that_wants_no_more_is_hung_up_on(request_, serve):
    connection = serve().handshake()
    connection.sendall(request_)
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer


def test_a_body_in_chunks_arrives_whole(serve):
    served = serve()
    answer = served.client.post("/", content=(part for part in [b"in ", b"three ", b"parts"]))
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.json()["body"], answer.json()["CONTENT_LENGTH"]) == ("in three parts", "14")
    assert "HTTP_TRANSFER_ENCODING" not in answer.json()


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(serve):
    connection = serve().handshake()
    connection.sendall(ask("POST", "/", "Content-Length: 2", "Expect: 100-continue"))
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"hi")
    assert answers(connection, 1)[0]["body"] == "hi"


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ask("POST", "/", "Content-Length: -1"), 400),
        (ask("POST", "/", "Content-Length: many"), 400),
        (ask("POST", "/", "Content-Length: ²"), 400),
        (ask("POST", "/", "Content-Length: " + "9" * 5000), 400),
        (ask("POST", "/", "Content-Length: 2", "Content-Length: 3", body=b"hi"), 400),
        (ask("POST", "/", "Content-Length: 2, 3", body=b"hi"), 400),
        (ask("POST", "/", "Content-Length: 2", CHUNKED, body=b"2\r\nhi\r\n0\r\n\r\n"), 400),
        (ask("POST", "/", "Content-Length : 2", body=b"hi"), 400),
        (ask("POST", "/", "X\tY: 2"), 400),
        (ask("GET", "/", "X: a\rContent-Length: 2"), 400),
        (ask("GET", "/", "Host: another"), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (ask("POST", "/", CHUNKED, body=b"zz\r\n"), 400),
        (ask("POST", "/", CHUNKED, body=b"-5\r\nhello"), 400),
        (ask("POST", "/", CHUNKED, body=b"2\r\nhi!!0\r\n\r\n"), 400),
        (ask("POST", "/", "Transfer-Encoding: gzip, chunked"), 501),
        (ask("POST", "/", "Transfer-Encoding: gzip", CHUNKED), 501),
        (ask("POST", "/", "Transfer-Encoding: gzip"), 400),
        (ask("POST", "/", "Transfer-Encoding: chunked, gzip"), 400),
        (ask("GET", "http://[/"), 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
        (b"GET /" + b"a" * 90_000 + b" HTTP/1.1\r\n\r\n", 431),
        (ask("GET", "/", *[f"X-{number}: 1" for number in range(9000)]), 431),
    ],
)
def test_a_request_that_is_none_is_refused_and_its_connection_closed(request_, status, serve):
    served = serve()
    connection = served.handshake()
    connection.sendall(request_ + ask("GET", "/smuggled"))
    answer = read_all(connection)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()) and b"Error" in answer
    assert answer.count(b"HTTP/1.1") == 1 and b"smuggled" not in answer
    assert served.client.get("/").status_code == 200


def truncated(path: str, headers: str, whole: bytes) -> list[bytes]:
    """One request for each way in which its body can end too early."""
    return [ask("POST", path, *headers.split("\n"), body=whole[:end]) for end in range(len(whole))]


def in_chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def last_words(trusting: ssl.SSLContext, connection: socket.socket, request: bytes) -> bytes:
    """What is answered to a request in the TLS record after which the client says that no more will come."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(heard, said, server_hostname="127.0.0.1")

    def until_done(action) -> bytes:
        while True:
            try:
                result = action()
                connection.sendall(said.read())
                return result
            except ssl.SSLWantReadError:
                connection.sendall(said.read())
                if not (piece := connection.recv(65536)):
                    return b""
                heard.write(piece)

    until_done(client.do_handshake)
    client.write(request)
    with contextlib.suppress(ssl.SSLWantReadError):  # the server has not said its last word yet
        client.unwrap()
    answer = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := until_done(lambda: client.read(65536)):
            answer += piece
    return answer


FORM = b'--x\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\nhi\r\n--x--\r\n'
MULTIPART = "Content-Type: multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    "requests",
    [
        [ask("POST", "/_/oidc/mint-token", CHUNKED, body=size + b"\r\n" + body)
         for size in (b"40000000", b"100001", b"7fffffff", b"f" * 16, b"3") for body in (b"{}", b"")],
        truncated("/_/oidc/mint-token", CHUNKED, in_chunks(b'{"token":', b' "x"}')),
        truncated("/_/oidc/burn-token", "Content-Length: 14", b'{"token": "x"}'),
        truncated("/legacy/", f"{MULTIPART}\nContent-Length: {len(FORM)}", FORM)[::7],
        truncated("/legacy/", f"{MULTIPART}\n{CHUNKED}", in_chunks(FORM[:50], FORM[50:]))[::7],
    ],
    ids=["sizes that never come", "chunks", "a length", "a form with a length", "a form in chunks"],
)  # fmt: skip
def test_a_lab_survives_bodies_that_end_too_early(requests):
    with Lab() as lab, lab.serve() as live:
        trusting = ssl.create_default_context(cafile=live.ca_file)
        address = ("127.0.0.1", httpx.URL(live.url).port)
        for request in requests:
            with socket.create_connection(address, timeout=5) as connection:
                assert last_words(trusting, connection, request).startswith(b"HTTP/1.1 400 ")
        with httpx.Client(verify=trusting, trust_env=False) as client:
            body = {"token": lab.github.id_token(GitHubJob())}
            assert client.post(f"{live.url}/_/oidc/mint-token", json=body).status_code == 200
        assert [event.action for event in lab.index.events[2:]] == ["mint-token"]


def test_a_connection_that_is_never_silent_has_an_end_too(serve, monkeypatch):
    monkeypatch.setattr(wire, "CONNECTION_LIMIT", 0.2)
    connection, patience = serve().handshake(), time.monotonic() + 20
    with contextlib.suppress(OSError):
        connection.sendall(ask())
        while connection.recv(65536) and time.monotonic() < patience:
            connection.sendall(ask() + b"GET / HT")
            connection.recv(65536)
            connection.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
    assert time.monotonic() < patience


def test_a_body_that_ends_early_is_never_taken_for_a_whole_one(serve):
    asked = []

    def app(environ, start_response):
        asked.append(environ)
        return echo(environ, start_response)

    connection = serve(app).handshake()
    connection.sendall(ask("POST", "/", "Content-Length: 10", body=b"half"))
    with contextlib.suppress(OSError):
        connection.unwrap()
    assert b" 200 " not in read_all(connection) and not asked


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_to_keep_is_only_counted(chunked, serve, monkeypatch):
    monkeypatch.setattr(wire, "MAX_BODY", 100)
    served = serve()
    body = (b"x" * 60 for _ in range(3)) if chunked else b"x" * 180
    answer = served.client.post("/", content=body).json()
    assert answer["CONTENT_LENGTH"] == "180" and len(answer["body"]) <= 100
    assert served.client.post("/", content=b"x" * 100).json()["body"] == "x" * 100


def test_head_has_the_length_of_the_answer_and_nothing_of_it(serve):
    served = serve()
    connection = served.handshake()
    connection.sendall(ask("HEAD") + ask("GET", "/", "Connection: close"))
    head, _, rest = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and rest.startswith(b"HTTP/1.1 200")


def test_the_address_may_be_written_out_in_the_request_line(serve):
    connection = serve().handshake()
    connection.sendall(ask("GET", "https://pypi.test/simple/?x=1"))
    (answer,) = answers(connection, 1)
    assert (answer["PATH_INFO"], answer["QUERY_STRING"]) == ("/simple/", "x=1")


def test_an_application_that_raises_costs_one_connection_and_no_more(serve):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/bad":
            raise ZeroDivisionError
        return echo(environ, start_response)

    served = serve(app)
    with pytest.raises(httpx.RemoteProtocolError):
        served.client.get("/bad")
    assert served.client.get("/good").status_code == 200


def test_requests_from_many_threads_are_answered_at_the_same_time(serve):
    meeting = threading.Barrier(10, timeout=5)

    def app(environ, start_response):
        meeting.wait()  # returns only if ten are inside at once
        return echo(environ, start_response)

    served = serve(app)
    words = [uuid.uuid5(uuid.NAMESPACE_DNS, str(number)).hex for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        seen = pool.map(
            lambda word: served.client.post("/", content=word * 1000).json()["body"], words
        )
        assert list(seen) == [word * 1000 for word in words]
