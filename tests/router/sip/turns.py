"""A network under test: what it delivers and what it tells, and turns of it until something is so."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from router.sip.net import Flow, Network, TlsFiles

PATIENCE_S = 10.0


class Clock:
    """Real time that can be made to jump."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def jump(self, seconds: float) -> None:
        self._ahead += seconds


class Watched:
    """A Network, with what it delivered and told."""

    def __init__(self, listen: str = "127.0.0.1", *, tls: TlsFiles | None = None) -> None:
        self.received: list[tuple[Any, Flow]] = []
        self.broken: list[tuple[Flow, str]] = []
        self.in_use: set[Flow] = set()
        self.clock = Clock()
        self.react: Callable[[Any, Flow], None] = lambda _message, _flow: None
        self.net = Network(
            listen,
            0,
            received=self._take,
            broken=lambda flow, problem: self.broken.append((flow, problem)),
            tls=tls,
            in_use=self.in_use.__contains__,
            now=self.clock,
        )

    def _take(self, message: Any, flow: Flow) -> None:
        self.received.append((message, flow))
        self.react(message, flow)

    def until(self, condition: Callable[[], object]) -> None:
        """Turns until `condition` holds; fails after PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.received, self.broken, self.net.facts())
            self.net.pump(0.01)

    def delivered(self, count: int) -> list[tuple[Any, Flow]]:
        self.until(lambda: len(self.received) >= count)
        return self.received

    def problem(self) -> str:
        """The first thing that broke."""
        self.until(lambda: self.broken)
        return self.broken[0][1]

    def streams(self) -> int:
        """Connections open now."""
        facts = self.net.facts()["streams"]
        assert isinstance(facts, dict)
        return int(facts["open"])


@contextmanager
def watched(listen: str = "127.0.0.1", *, tls: TlsFiles | None = None) -> Iterator[Watched]:
    network = Watched(listen, tls=tls)
    try:
        yield network
    finally:
        network.net.close()


@contextmanager
def caller(port: int, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A TCP connection to that port."""
    with socket.create_connection((host, port), timeout=PATIENCE_S) as connection:
        yield connection


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def request(number: int = 1, body: bytes = b"", method: str = "MESSAGE") -> bytes:
    """A request whose Call-ID is `number`."""
    head = (
        f"{method} sip:1000@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:5070;branch=z9hG4bK{number}\r\n"
        "From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:b@127.0.0.1>\r\n"
        f"Call-ID: {number}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        return True
    return False


has_ipv6 = pytest.mark.skipif(not _ipv6(), reason="no IPv6 on this machine")
