"""What tests/conftest.py promises to every other test: nothing leaves this machine, and no lab stays open."""

import socket

import httpx
import pytest

from helpers import lab as lab_module
from helpers.lab import Lab

ELSEWHERE = ("192.0.2.1", 80)  # RFC 5737: an address for documentation, where nobody is


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(ELSEWHERE, timeout=1),
        lambda: socket.socket().connect_ex(ELSEWHERE),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: httpx.get("https://example.org", trust_env=False),
    ],
    ids=["connect", "connect_ex", "look-up", "httpx"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nothing_leaves_this_machine(reach):
    with pytest.raises((ConnectionRefusedError, httpx.ConnectError), match="nothing may leave"):
        reach()


def test_loopback_is_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1])).close()


@pytest.mark.parametrize("test", ["one", "another"])
def test_a_lab_left_open_by_one_test_is_not_open_in_the_next(test):
    assert not lab_module._open
    Lab()
