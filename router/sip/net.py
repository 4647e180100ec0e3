"""The router's way in and out: every transport behind one turn of one loop."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from router.sip.flows import Flow, NetworkError, literal, wildcards
from router.sip.udp import UdpDoor

__all__ = ["Flow", "Network", "NetworkError"]

_HOUSEKEEPING_S = 0.5
_ROUTES_KEPT_S = 60.0


class Network:
    """UDP and streams on one port, one thread; nothing blocks but the wait of `pump`.

    `received` gets raw datagrams (bytes) over UDP and parsed messages over streams. `broken` gets a stream
    that ended or could not be had, and a UDP far end that cannot be reached, with the reason; both are called
    from `pump` alone, so never from inside `send`.
    """

    def __init__(
        self,
        listen: str,
        port: int,
        *,
        received: Callable[[Any, Flow], None],
        broken: Callable[[Flow, str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`listen`: a literal address, `0.0.0.0` (all of IPv4) or `::` (all of both). Raise NetworkError."""
        self._received = received
        self._tell_broken = broken
        self._now = now
        self._reports: deque[tuple[Flow, str]] = deque(maxlen=10_000)
        self._doors: dict[socket.AddressFamily, UdpDoor] = {}
        self._next_housekeeping = self._next_routes = 0.0
        with ExitStack() as undo:
            self._selector = undo.enter_context(selectors.DefaultSelector())
            for family, host in wildcards(listen):
                door = UdpDoor(family, host, port, received=received, broken=self._report)
                undo.callback(door.close)
                self._selector.register(door, selectors.EVENT_READ, door.ready)
                self._doors[family] = door
                port = door.port
            self._open = undo.pop_all()
        self.port = port

    def flow(self, transport: str, host: str, port: int) -> Flow:
        """The way to a far end: `host` is a literal address. Raise NetworkError."""
        family, host = literal(host, port)
        if transport.upper() == "UDP":
            door = self._doors.get(family)
            if door is None:
                raise NetworkError(f"{host} is not reached: listen serves the other address family only")
            return door.flow(host, port)
        raise NetworkError(f"no transport {transport[:20]!r} here")

    def pump(self, max_wait_s: float) -> int:
        """One turn: wait, deliver what came, tell what broke; the number of messages delivered."""
        if self._reports:
            max_wait_s = 0.0
        count = 0
        for key, mask in self._selector.select(min(max_wait_s, _HOUSEKEEPING_S)):
            count += key.data(mask)
        now = self._now()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + _HOUSEKEEPING_S
            self._keep_house(now)
        while self._reports:
            self._tell_broken(*self._reports.popleft())
        return count

    def close(self) -> None:
        self._open.close()

    def facts(self) -> dict[str, object]:
        return {"udp": [door.facts() for door in self._doors.values()]}

    def _report(self, flow: Flow, problem: str) -> None:
        self._reports.append((flow, problem))

    def _keep_house(self, now: float) -> None:
        if now >= self._next_routes:
            self._next_routes = now + _ROUTES_KEPT_S
            for door in self._doors.values():
                door.forget_routes()
