"""Bytes over a connection, plain; TLS has a pipe of its own."""

from __future__ import annotations

import socket
from typing import Protocol


class Pipe(Protocol):
    """Bytes over a connected socket that does not block. Its methods raise OSError when it is broken."""

    def shake(self) -> int:
        """Prepare; the selector's events to wait for before the next try, 0 when bytes may pass."""

    def read(self, size: int) -> bytes | None:
        """None: nothing there now; empty: the far end has closed."""

    def write(self, data: bytearray) -> int:
        """How many bytes were taken."""

    def close(self) -> None: ...


class PlainPipe:
    """TCP as it is."""

    __slots__ = ("_socket",)

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def shake(self) -> int:
        return 0

    def read(self, size: int) -> bytes | None:
        try:
            return self._socket.recv(size)
        except BlockingIOError:
            return None

    def write(self, data: bytearray) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._socket.close()
