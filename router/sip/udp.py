"""SIP over UDP: one socket that serves every far end of its address family."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from router.sip import icmp
from router.sip.flows import Flow, Observer, refused
from router.sip.routes import Routes

LARGEST = 65535
A_TURN = 64
"""Datagrams read before others get their turn."""
BUFFER = 4 * 1024 * 1024
_REMEMBERED = 4096
_KEPT_FOR_A_DATAGRAM = 2304
"""Bytes that Linux counts for a waiting datagram of 600 to 1900 bytes."""
_SHORTEST = 16
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE, _SO_MEMINFO = 33, 32, 55
_LASTING = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EINVAL})
"""Errors of sendto that are the far end's and last; the others are left to the transaction's timers."""


class UdpFlow:
    """A far end over UDP. Equal to every other flow of that far end: one may be made anew at any time."""

    __slots__ = ("_address", "_door", "_hash", "last", "remote")

    transport = "UDP"
    reliable = False
    alive = True

    def __init__(self, door: UdpDoor, address: tuple[Any, ...]) -> None:
        self.remote: tuple[str, int] = (address[0], address[1])
        self.last = b""
        """What was sent last, to know it again in an ICMP report."""
        self._address = address
        self._door = door
        self._hash = hash(("UDP", self.remote))

    @property
    def local(self) -> tuple[str, int]:
        return self._door.seen_from(self.remote[0])

    def send(self, data: bytes) -> None:
        self.last = data
        try:
            self._door.sendto(data, self._address)
        except OSError:
            self._door.send_again(self, data, self._address)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, UdpFlow) and self._address == other._address)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"UDP {self.remote[0]}:{self.remote[1]}"


class UdpDoor:
    """`received` gets every datagram that may be SIP; `broken` a flow whose far end cannot be reached."""

    def __init__(
        self,
        family: socket.AddressFamily,
        host: str,
        port: int,
        *,
        received: Callable[[bytes, Flow], None],
        broken: Callable[[Flow, str], None],
    ) -> None:
        """Raise NetworkError if the port cannot be had."""
        self._received = self._deliver = received
        self._broken = broken
        self._family = family
        self._routes = Routes(family, host)
        self._flows: dict[tuple[Any, ...], UdpFlow] = {}
        self._counts = {"received": 0, "odd": 0, "unsent": 0, "unreached": 0}
        self._socket = _bound(family, host, port)
        self._recvfrom = self._socket.recvfrom
        self.sendto: Callable[[bytes, tuple[Any, ...]], object] = self._socket.sendto
        self._budget = 1
        """Datagrams to be read in the next turn."""
        self.is_pressed = False
        """More come than a turn takes."""
        self.port: int = self._socket.getsockname()[1]

    def fileno(self) -> int:
        return self._socket.fileno()

    def flow(self, host: str, port: int) -> UdpFlow:
        """`host`: a literal address of this door's family."""
        address = (host, port) if self._family == socket.AF_INET else (host, port, 0, _scope(host))
        return self._flows.get(address) or self._met(address)

    def ready(self, _mask: int) -> int:
        """Deliver what waits, at most A_TURN datagrams; the number delivered."""
        recvfrom, received, flows = self._recvfrom, self._received, self._flows
        count, left = 0, self._budget
        while left:
            try:
                data, address = recvfrom(LARGEST)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP report of something sent earlier: it says nothing about what waits to be read.
                self._hear_reports()
                continue
            left -= 1
            # Both ends of a method name or "SIP/2.0" are printable; STUN, RTP and keep-alives are not.
            if len(data) < _SHORTEST or not 32 < data[0] < 127:
                data = data.lstrip(b"\r\n")
                if len(data) < _SHORTEST or not 32 < data[0] < 127:
                    self._counts["odd"] += 1
                    continue
            count += 1
            received(data, flows.get(address) or self._met(address))
        # Alone, a datagram is not worth a second look, which finds nothing; more come where more have come.
        self._budget = 1 if left else min(4 * self._budget, A_TURN)
        self.is_pressed = self._budget >= A_TURN
        self._counts["received"] += count
        if not count:
            self._hear_reports()
        return count

    @property
    def waiting(self) -> int:
        """About how many datagrams wait. Looked up only while there are more than a turn takes, else 0."""
        if not self.is_pressed:
            return 0
        return _meminfo(self._socket)[0] // _KEPT_FOR_A_DATAGRAM

    def seen_from(self, host: str) -> tuple[str, int]:
        return self._routes.towards(host), self.port

    def send_again(self, flow: UdpFlow, data: bytes, address: tuple[Any, ...]) -> None:
        """The first error may have been an ICMP report about another far end (ip(7), IP_RECVERR)."""
        self._hear_reports()
        try:
            self.sendto(data, address)
        except OSError as exc:
            self._counts["unsent"] += 1
            if exc.errno in _LASTING:
                self._broken(flow, exc.strerror or str(exc))

    def observe(self, observer: Observer | None) -> None:
        """Show all that comes and goes to `observer`; without one, the ways in and out are bare again."""
        self._received, self.sendto = self._deliver, self._socket.sendto
        if observer is None:
            return

        def received(data: bytes, flow: Flow) -> None:
            observer.came(data, flow)
            self._deliver(data, flow)

        def sendto(data: bytes, address: tuple[Any, ...]) -> None:
            self._socket.sendto(data, address)
            observer.went(data, self._flows.get(address) or self._met(address))

        self._received, self.sendto = received, sendto

    def forget_routes(self) -> None:
        self._routes.forget()

    def close(self) -> None:
        self._socket.close()

    def facts(self) -> dict[str, int]:
        """Counts since the start; `lost`: datagrams the kernel dropped because nobody read them in time."""
        return {
            **self._counts,
            "buffer": self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
            "lost": _meminfo(self._socket)[8],
        }

    def _hear_reports(self) -> None:
        for report in icmp.reports(self._socket):
            flow = self._flows.get(report.address)
            if flow is not None and len(report.quote) >= icmp.ENOUGH and flow.last.startswith(report.quote):
                self._counts["unreached"] += 1
                self._broken(flow, os.strerror(report.error))

    def _met(self, address: tuple[Any, ...]) -> UdpFlow:
        # Whoever forges sources must not fill our memory; flows in use live on with their dialogs.
        if len(self._flows) >= _REMEMBERED:
            self._flows.clear()
        flow = self._flows[address] = UdpFlow(self, address)
        return flow


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    door = socket.socket(family, socket.SOCK_DGRAM)
    try:
        door.setblocking(False)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _enlarge(door, _SO_RCVBUFFORCE, socket.SO_RCVBUF)
        _enlarge(door, _SO_SNDBUFFORCE, socket.SO_SNDBUF)
        icmp.ask_for_reports(door)
        door.bind((host, port))
    except OSError as exc:
        door.close()
        raise refused(exc, "sip_port", host, port, "UDP") from exc
    return door


def _enlarge(door: socket.socket, forced: int, plain: int) -> None:
    """As large as we may: beyond the system's limit takes a privilege."""
    try:
        door.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
    except OSError:
        door.setsockopt(socket.SOL_SOCKET, plain, BUFFER)


def _meminfo(door: socket.socket) -> tuple[int, ...]:
    """sock_diag(7): nine numbers, the first the bytes that wait to be read, the last the datagrams lost."""
    try:
        memory = door.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
    except OSError:
        return (0,) * 9
    return struct.unpack("9I", memory) if len(memory) == 36 else (0,) * 9  # since Linux 4.12


def _scope(host: str) -> int:
    """Number of the interface behind `%` in a link-local address; 0 without one or for an unknown one."""
    _, _, interface = host.partition("%")
    if not interface:
        return 0
    try:
        return int(interface) if interface.isdecimal() else socket.if_nametoindex(interface)
    except OSError:
        return 0
