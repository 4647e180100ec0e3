"""Telnet over TLS: a port where nobody is a session before he has shaken hands, in time and among few."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shell.telnet.limits import Door, Limits
from shell.telnet.seldom import Seldom

log = logging.getLogger(__name__)

HANDSHAKE = b"\x16"
"""The first byte of a record that carries a ClientHello (RFC 8446, 5.1)."""
HINT = b"% This port speaks TLS: telnet-ssl -z ssl, or openssl s_client -connect, open it.\r\n"
BACKLOG = 100
AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Tls:
    """`context` is asked for each connection: the certificate may have been replaced. `facts`: of the
    certificate, for the status."""

    port: int
    context: Callable[[], ssl.SSLContext]
    facts: Callable[[], Mapping[str, object]] = dict
    hint: bytes = HINT
    """For a client that does not begin with a handshake."""


class TlsPort:
    """Accepts; `make` gives the protocol of a connection that has shaken hands."""

    def __init__(self, tls: Tls, door: Door, limits: Limits, make: Callable[[], asyncio.Protocol]) -> None:
        self._tls = tls
        self._door = door
        self._limits = limits
        self._make = make
        self._seldom = Seldom(log)
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def listen(self, host: str) -> None:
        """Raises OSError when the port cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, self._tls.port), family=family, backlog=BACKLOG)
        self._socket.setblocking(False)
        self._start(self._accept(self._socket), "telnet: accept for TLS")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listening)
            except OSError as exc:
                log.warning("nobody can be let in just now: %s", exc)
                await asyncio.sleep(AGAIN_S)
                continue
            address = str(peer[0])
            reason = self._door.knock(address)
            if reason is None:
                self._start(self._shake_hands(sock, address), f"TLS handshake with {address}")
            else:
                sock.close()
                self._seldom.warning("refused a TLS connection from %s: %s", address, reason)
            # One at a time: those who are inside have their turn between two strangers.
            await asyncio.sleep(0)

    def _start(self, work: asyncio._CoroutineLike[None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake_hands(self, sock: socket.socket, address: str) -> None:
        done = False
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                if await _begins_with(sock, HANDSHAKE, self._tls.hint):
                    await self._encrypt(sock)
                    done = True
        except (OSError, ValueError) as exc:  # TimeoutError and ssl.SSLError are OSErrors
            log.debug("no handshake with %s: %r", address, exc)
        finally:
            self._door.shaken(address, done=done)

    async def _encrypt(self, sock: socket.socket) -> None:
        """From here on the socket belongs to its transport, which closes it."""
        await asyncio.get_running_loop().connect_accepted_socket(
            self._make,
            sock,
            ssl=self._tls.context(),
            ssl_handshake_timeout=self._limits.handshake_s,
            ssl_shutdown_timeout=self._limits.farewell_s,
        )


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3, without what lets a stranger cause work again and again. Raises OSError and ValueError
    for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("the key asks for a password")


async def _begins_with(sock: socket.socket, wanted: bytes, hint: bytes) -> bool:
    """Whether the client begins as it must. One that does not, or waits for us to begin, is told what this
    port is, and the socket is closed."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, _tell, ready)
    right = False
    try:
        await ready
        right = sock.recv(1, socket.MSG_PEEK) == wanted
        return right
    finally:
        loop.remove_reader(sock)
        if not right:
            _tell_and_close(sock, hint)


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _tell_and_close(sock: socket.socket, hint: bytes) -> None:
    with suppress(OSError):
        sock.send(hint)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(4096)  # what is unread at the close would make the kernel drop our words
    sock.close()
