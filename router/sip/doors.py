"""Where connections come in."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Protocol

from router.sip.flows import refused
from router.sip.pipe import Pipe, PlainPipe

_BACKLOG = 512
_A_TURN = 16
"""Connections accepted before others get their turn."""
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Owner(Protocol):
    """Who takes what comes in."""

    def accept(self, connection: socket.socket, remote: tuple[str, int], door: Door) -> None:
        """The connection does not block."""

    def pause(self, door: Door) -> None:
        """The machine has nothing left to accept with."""


class Door:
    """A listening socket."""

    def __init__(
        self,
        family: socket.AddressFamily,
        host: str,
        port: int,
        *,
        setting: str,
        transport: str,
        owner: Owner,
        pipe: Callable[[socket.socket], Pipe] = PlainPipe,
    ) -> None:
        """Raise NetworkError, naming `setting`, if the port cannot be had."""
        self.transport = transport
        self.pipe = pipe
        self._owner = owner
        self._socket = _listening(family, host, port, setting, transport)
        self.port: int = self._socket.getsockname()[1]

    def fileno(self) -> int:
        return self._socket.fileno()

    def ready(self, _mask: int) -> int:
        for _ in range(_A_TURN):
            try:
                connection, address = self._socket.accept()
            except OSError as exc:
                # Nobody waits any more, or one gave up before we took him (accept(2)).
                if exc.errno in _FULL:
                    self._owner.pause(self)
                break
            connection.setblocking(False)
            self._owner.accept(connection, (address[0], address[1]), self)
        return 0

    def close(self) -> None:
        self._socket.close()


def _listening(
    family: socket.AddressFamily, host: str, port: int, setting: str, transport: str
) -> socket.socket:
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setblocking(False)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind((host, port))
        door.listen(_BACKLOG)
    except OSError as exc:
        door.close()
        raise refused(exc, setting, host, port, transport) from exc
    return door
