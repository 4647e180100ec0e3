"""Whether a machine is served, asked from outside all the time: the longest time in which it was not."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from tests.image.vm import HOST
from tests.journeys.telnet_admin import TelnetAdmin

OFTEN = 0.1
PATIENCE = 3.0
OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{own};rport;branch=z9hG4bK{number}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:probe@{host}>;tag={number}\r\nTo: <sip:{host}:{port}>\r\n"
    "Call-ID: {number}@{host}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Served(Protocol):
    """Where the services are, on this machine."""

    @property
    def telnet(self) -> int: ...
    @property
    def web(self) -> int: ...
    @property
    def sip(self) -> int: ...


class Probes:
    """A context manager: asks Telnet, web and SIP by turns of their own until it ends."""

    def __init__(self, one: Served) -> None:
        self._one = one
        self._over = threading.Event()
        self._answered: dict[str, list[float]] = {"telnet": [], "web": [], "sip": []}
        asked: dict[str, Callable[[], bool]] = {"telnet": self._telnet, "web": self._web, "sip": self._sip}
        self._threads = [
            threading.Thread(target=self._ask, args=(name, ask), name=f"probe {name}")
            for name, ask in asked.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def all_answered_since(self, when: float) -> bool:
        return all(times and times[-1] > when for times in self._answered.values())

    def outages(self) -> dict[str, float]:
        """Seconds between two answers, the longest of each service."""
        return {
            name: max((later - sooner for sooner, later in itertools.pairwise(times)), default=0.0)
            for name, times in self._answered.items()
        }

    def _ask(self, name: str, ask: Callable[[], bool]) -> None:
        while not self._over.wait(OFTEN):
            with contextlib.suppress(OSError):
                if ask():
                    self._answered[name].append(time.monotonic())

    def _telnet(self) -> bool:
        """Whoever answers no negotiation is made to wait for a second."""
        try:
            with TelnetAdmin(self._one.telnet, within_s=PATIENCE) as client:
                client.read_to("Username")
        except AssertionError:
            return False
        return True

    def _web(self) -> bool:
        with urllib.request.urlopen(f"http://{HOST}:{self._one.web}/login", timeout=PATIENCE) as page:
            return b"password" in page.read().lower()

    def _sip(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.settimeout(PATIENCE)
            asked.connect((HOST, self._one.sip))
            number, own = time.monotonic_ns(), asked.getsockname()[1]
            asked.send(OPTIONS.format(host=HOST, port=self._one.sip, own=own, number=number).encode())
            return asked.recv(4096).startswith(b"SIP/2.0 ")
