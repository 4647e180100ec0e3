"""The web application on a port, inside a loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from appliance.web.connections import Config, Limits


async def start(app: ASGIApp, host: str, port: int, limits: Limits | None = None) -> WebServer:
    """Serve on `host`:`port` (0: any free one); return when it listens. OSError if it cannot."""
    listener = _listen(host, port)
    server = _Server(Config(app, limits or Limits()))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    listening = asyncio.create_task(server.listening.wait(), name="web server listens")
    await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if task.done():
        listener.close()
        await task
    return WebServer(server, task, listener.getsockname()[1])


class WebServer:
    """A server that runs. `port`: where it listens."""

    def __init__(self, server: _Server, task: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._task = task
        self.port = port

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
