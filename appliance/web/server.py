"""The web application on a port, inside a loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from appliance.web.connections import Config, Limits
from shell.telnet.limits import Door
from shell.telnet.limits import Limits as Handshakes
from shell.telnet.networks import Networks
from shell.telnet.tls import Tls, TlsPort

HANDSHAKES = Handshakes(handshakes=64, handshakes_per_address=16, handshake_s=10.0, farewell_s=1.0)
HINT = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks HTTPS: write https:// before the address.\n"
)


async def start(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None, tls: Tls | None = None
) -> WebServer:
    """Serve on `host`:`port` (0: any free one), and over `tls` on its port; return when it listens. OSError
    if it cannot. Both ports share the limits."""
    listener = _listen(host, port)
    server = _Server(Config(app, limits or Limits()))
    if tls is not None:
        try:
            server.listen_tls(host, tls)
        except OSError:
            listener.close()
            raise
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    listening = asyncio.create_task(server.listening.wait(), name="web server listens")
    await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if task.done():
        listener.close()
        await server.close_tls()
        await task
    return WebServer(server, task, listener.getsockname()[1], server.tls_port)


def encrypted(port: int, context: Callable[[], ssl.SSLContext]) -> Tls:
    """HTTPS on `port`, with the certificate that `context` gives each time."""
    return Tls(port, context, hint=HINT)


class WebServer:
    """A server that runs. `port`: where it listens; `tls_port`: for HTTPS, 0 for nowhere."""

    def __init__(self, server: _Server, task: asyncio.Task[None], port: int, tls_port: int) -> None:
        self._server = server
        self._task = task
        self.port = port
        self.tls_port = tls_port

    async def wait_closed(self) -> None:
        """Return when it serves no more."""
        await asyncio.shield(self._task)

    async def close(self) -> None:
        """Take no more connections, finish what is under way within its limit, return when all is closed."""
        self._server.end()
        await self._task


class _Server(uvicorn.Server):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()
        self._tls: TlsPort | None = None

    @property
    def tls_port(self) -> int:
        return self._tls.port if self._tls else 0

    def listen_tls(self, host: str, tls: Tls) -> None:
        """Raises OSError when the port cannot be had."""
        door = Door(HANDSHAKES, Networks.of(("any",)))
        port = TlsPort(tls, door, HANDSHAKES, self._protocol)
        port.listen(host)
        self._tls = port

    async def close_tls(self) -> None:
        if self._tls is not None:
            await self._tls.close()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """uvicorn's own wakes ten times a second. Once will do, for the date in our answers."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ending.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.close_tls()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes it for a connection of its own."""
        config = self.config
        if not config.loaded:
            config.load()
        make: Any = config.http_protocol_class
        made: asyncio.Protocol = make(config=config, server_state=self.server_state, app_state={})
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that serves, not to its server."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    listener.setblocking(False)
    return listener


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
