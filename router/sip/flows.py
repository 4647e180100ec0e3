"""What the transports offer: a flow to one far end, and the error of an address that cannot be served."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Protocol


class NetworkError(Exception):
    """An address that cannot be listened on or sent to; `hint` says what to do next."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


class Flow(Protocol):
    """One far end over one transport. Hashable: by transport and remote for UDP, a stream by identity."""

    @property
    def transport(self) -> str:
        """`UDP`, `TCP` or `TLS`, as written in Via."""

    @property
    def reliable(self) -> bool:
        """Nothing is sent twice over it (RFC 3261 section 17)."""

    @property
    def local(self) -> tuple[str, int]:
        """Our address as that far end can reach it: for Via and Contact. IPv6 without brackets."""

    @property
    def remote(self) -> tuple[str, int]:
        """IPv6 without brackets. Of an accepted stream: the port it came from, not the one it listens on."""

    @property
    def alive(self) -> bool:
        """False once a stream is closed: ask the network for another flow. UDP is always alive."""

    def send(self, data: bytes) -> None:
        """Never blocks and never raises: what cannot be sent is told by the network's `broken`, later."""


class Observer(Protocol):
    """Who looks at the traffic. Neither method may raise or take long."""

    def came(self, data: bytes, flow: Flow) -> None:
        """A message as it came; of a datagram, what may be one."""

    def went(self, data: bytes, flow: Flow) -> None:
        """A message is sent, or waits for its connection."""


def literal(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """Family and plain form of a literal address; brackets are taken off, an IPv4-mapped one is IPv4.

    Nothing is ever resolved. Raise NetworkError for anything else.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise NetworkError(f"not a literal address: {host[:80]!r}") from None
    if not 0 < port < 65536:
        raise NetworkError(f"not a port: {port}")
    if isinstance(address, ipaddress.IPv4Address):
        return socket.AF_INET, str(address)
    if address.ipv4_mapped is not None:
        return socket.AF_INET, str(address.ipv4_mapped)
    return socket.AF_INET6, str(address)


def wildcards(listen: str) -> tuple[tuple[socket.AddressFamily, str], ...]:
    """The families and addresses to bind: `::` serves both families, each on a socket of its own."""
    if listen == "::":
        return (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")
    return (literal(listen or "0.0.0.0", 1),)


def refused(exc: OSError, setting: str, listen: str, port: int, transport: str) -> NetworkError:
    """Why `listen`:`port` cannot be served, in words."""
    if exc.errno == errno.EADDRINUSE:
        return NetworkError(
            f"{setting} {port} ({transport}) on {listen} is in use",
            f"stop the other user or change {setting}",
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return NetworkError(f"listen {listen} is no address of this machine", "change listen")
    if exc.errno == errno.EACCES:
        return NetworkError(f"{setting} {port} ({transport}) is reserved", f"use a {setting} above 1023")
    return NetworkError(
        f"cannot serve SIP on {listen}:{port} ({transport}): {exc.strerror}", f"check listen and {setting}"
    )
