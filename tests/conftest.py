"""What holds for every test: examples are the same on each run, no lab stays open, no way to the network."""

import contextlib
import gc
import ipaddress
import socket
import sys
import time
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent.parent))  # as the first cell of a chapter does

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=100, print_blob=True
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def no_lab_left_open():
    """A lab freezes the clock: one that a test leaves open would freeze it for the next."""
    yield
    lab = sys.modules.get("helpers.lab")  # who has not imported it has none open
    if lab is not None:
        lab.close_open()


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Refuse every connection, and every look-up of a name, that would leave this machine."""
    patch = pytest.MonkeyPatch()
    ours = {None, "", "localhost", socket.gethostname()}

    def guarded(name, original, host_of):
        def call(*args, **kwargs):
            host = host_of(*args, **kwargs)
            if host not in ours and not _is_loopback(host):
                raise ConnectionRefusedError(
                    f"a test reached for {host!r}; nothing may leave this machine"
                )
            return original(*args, **kwargs)

        patch.setattr(name, call)

    def addressee(self, address):
        return (
            address[0] if isinstance(address, tuple) else None
        )  # a Unix socket's address is a path

    guarded("socket.socket.connect", socket.socket.connect, addressee)
    guarded("socket.socket.connect_ex", socket.socket.connect_ex, addressee)
    guarded("socket.getaddrinfo", socket.getaddrinfo, lambda host, *rest, **more: host)
    yield
    patch.undo()


@pytest.fixture
def at_most():
    """`with at_most(1):` fails if what is inside takes more than one second of processor time on an idle machine.

    A busy machine counts more seconds for the same work, so a known piece of work is timed beside it. What earlier tests
    left in memory is kept from the garbage collector, which would go through it again and again."""

    @contextlib.contextmanager
    def limited(seconds: float):
        gc.freeze()
        try:
            begun = time.process_time()
            yield
            taken = time.process_time() - begun
            sum(number * number for number in range(1_000_000))
            known = time.process_time() - begun - taken
        finally:
            gc.unfreeze()
        assert taken < seconds * max(1.0, known / 0.08)

    return limited


def _is_loopback(host: object) -> bool:
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return host == b"localhost"
    return address.is_loopback or address.is_unspecified
