"""The router's way in and out: every transport behind one turn of one loop."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from selectors import EVENT_READ
from typing import Any

from router.sip.doors import Door
from router.sip.flows import Flow, NetworkError, Observer, literal, wildcards
from router.sip.poller import Poller
from router.sip.streams import Streams
from router.sip.tls import Tls, TlsFiles
from router.sip.udp import UdpDoor

__all__ = ["Flow", "Network", "NetworkError", "TlsFiles"]

_HOUSEKEEPING_S = 0.5
_ROUTES_KEPT_S = 60.0
_REPORTS = 10_000
_FREE_PORT_TRIES = 20


class Network:
    """UDP and streams on one port, one thread; nothing blocks but the wait of `pump`.

    `received` gets raw datagrams (bytes) over UDP and parsed messages over streams. `broken` gets a stream
    that ended or could not be had, and a UDP far end that cannot be reached, with the reason; both are called
    from `pump` alone, so never from inside `send`. `broken` may come more than once for a flow.
    """

    def __init__(
        self,
        listen: str,
        port: int,
        *,
        received: Callable[[Any, Flow], None],
        broken: Callable[[Flow, str], None],
        tls: TlsFiles | None = None,
        tls_port: int | None = None,
        in_use: Callable[[Flow], bool] = lambda _flow: False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`listen`: a literal address, `0.0.0.0` (all of IPv4) or `::` (all of both).

        `port`: 0 for a free one; `tls_port`: `port` + 1 if not given. `in_use`: a dialog needs this stream,
        so it is not closed for being silent or to make room. Raise NetworkError, naming what is wrong.
        """
        self._received = received
        self._tell_broken = broken
        self._now = now
        self._reports: deque[tuple[Flow, str]] = deque(maxlen=_REPORTS)
        self._next_housekeeping = self._next_routes = 0.0
        self._tls = Tls(tls) if tls else None
        self._hosts = dict(wildcards(listen))
        self._udp: dict[socket.AddressFamily, UdpDoor] = {}
        with ExitStack() as undo:
            self._poller = Poller()
            undo.callback(self._poller.close)
            self._streams = Streams(
                self._poller, received=received, broken=self._report, in_use=in_use, now=now
            )
            undo.callback(self._streams.close)
            self.port = self._open_plain(port, undo)
            self.tls_port = 0
            if self._tls is not None:
                if tls_port is None:
                    tls_port = port and port + 1
                self.tls_port = self._open_tls(tls_port, self._tls, undo)
            self._open = undo.pop_all()

    def flow(self, transport: str, host: str, port: int, *, name: str = "") -> Flow:
        """The way to a far end: `host` is a literal address. Raise NetworkError.

        A stream to exactly that address and port is used again, whoever connected it; else one is connected
        in the background. `name`: what a TLS far end must prove to be if there is a CA; without, its address.
        """
        family, host = literal(host, port)
        if family not in self._hosts:
            raise NetworkError(
                f"{host} is not reached from {next(iter(self._hosts.values()))}", "change listen"
            )
        transport = transport.upper()
        if transport == "UDP":
            return self._udp[family].flow(host, port)
        bound = self._hosts[family]
        source = "" if bound in {"0.0.0.0", "::"} else bound
        if transport == "TCP":
            return self._streams.flow("TCP", family, (host, port), source=(source, self.port))
        if transport == "TLS" and self._tls is not None:
            # One who connected to us has proved no name: where names count, his connection is his alone.
            proved = (name or host) if self._tls.asks_for_proof else ""
            return self._streams.flow(
                "TLS",
                family,
                (host, port),
                name=proved,
                source=(source, self.tls_port),
                pipe=self._tls.towards(name or host),
            )
        if transport == "TLS":
            raise NetworkError("no TLS without a certificate", "name the certificate and its key")
        raise NetworkError(f"no transport {transport[:20]!r} here: it is udp, tcp or tls")

    def renew(self, tls: TlsFiles) -> None:
        """Use these files for connections from now on. Raise NetworkError: the old ones stay in use."""
        if self._tls is None:
            raise NetworkError("TLS is not served here", "restart the router with the certificate")
        self._tls.use(tls)

    def observe(self, observer: Observer | None) -> None:
        """Show all traffic to `observer`, until called with None; then nothing of it costs anything."""
        for door in self._udp.values():
            door.observe(observer)
        self._streams.observe(observer)

    def pump(self, max_wait_s: float) -> int:
        """One turn: wait, deliver what came, tell what broke; the number of messages delivered."""
        if self._reports:
            max_wait_s = 0.0
        count = self._poller.turn(min(max_wait_s, _HOUSEKEEPING_S))
        now = self._now()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + _HOUSEKEEPING_S
            self._keep_house(now)
        for _ in range(len(self._reports)):  # whoever sends again when told is told next turn
            self._tell_broken(*self._reports.popleft())
        return count

    @property
    def woke(self) -> float:
        """When the wait of this turn ended: monotonic seconds."""
        return self._poller.woke

    @property
    def waiting(self) -> int:
        """About how many datagrams wait for a later turn; 0 while there are few."""
        waiting = 0
        for door in self._udp.values():
            if door.is_pressed:
                waiting += door.waiting
        return waiting

    def close(self) -> None:
        """Close everything; nothing is told. Once closed, flows swallow what is sent."""
        self._open.close()

    def facts(self) -> dict[str, object]:
        """Counts since the start, for status and support."""
        udp = [door.facts() for door in self._udp.values()]
        return {
            "udp": {count: sum(door[count] for door in udp) for count in udp[0]},
            "streams": self._streams.facts(),
        }

    def _open_plain(self, port: int, undo: ExitStack) -> int:
        """UDP and TCP on the same port of every family; the port."""
        # A port that is free for UDP in IPv4 need not be free for the others.
        for tries_left in reversed(range(1 if port else _FREE_PORT_TRIES)):
            try:
                with ExitStack() as attempt:
                    udp, streams = self._pairs(port, attempt)
                    undo.push(attempt.pop_all())
                    break
            except NetworkError:
                if not tries_left:
                    raise
        for family, door in udp.items():
            self._udp[family] = door
            self._poller.register(door, EVENT_READ, door.ready)
        for listening in streams:
            self._streams.listen(listening)
        return streams[0].port

    def _pairs(self, port: int, undo: ExitStack) -> tuple[dict[socket.AddressFamily, UdpDoor], list[Door]]:
        udp, streams = {}, []
        for family, host in self._hosts.items():
            udp[family] = UdpDoor(family, host, port, received=self._received, broken=self._report)
            undo.callback(udp[family].close)
            port = udp[family].port
            door = Door(family, host, port, setting="sip_port", transport="TCP", owner=self._streams)
            undo.callback(door.close)
            streams.append(door)
        return udp, streams

    def _open_tls(self, port: int, tls: Tls, undo: ExitStack) -> int:
        for family, host in self._hosts.items():
            door = Door(
                family,
                host,
                port,
                setting="tls_port",
                transport="TLS",
                owner=self._streams,
                pipe=tls.accepted,
            )
            undo.callback(door.close)
            self._streams.listen(door)
            port = door.port
        return port

    def _report(self, flow: Flow, problem: str) -> None:
        self._reports.append((flow, problem))

    def _keep_house(self, now: float) -> None:
        self._streams.keep_house(now)
        if now >= self._next_routes:
            self._next_routes = now + _ROUTES_KEPT_S
            for door in self._udp.values():
                door.forget_routes()
