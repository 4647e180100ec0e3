"""People at the shell: they log in and type, and how long each key takes to be seen is counted."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence

from tests.bench.shell_server import PASSWORD, USER
from tests.shell.telnet.client import REFUSES_ALL, terminal

KEY = b"x"
ERASE = b"\x15"
LINE = 40
"""Keys before the line is erased and begun anew."""
WITHIN_S = 120.0
LINES = REFUSES_ALL
RICH = terminal("xterm-256color")


class Typist(asyncio.Protocol):
    """One connection. `echoes_ms`: from a key sent to the same key seen, in the order of the keys."""

    def __init__(self) -> None:
        self.echoes_ms: list[float] = []
        self._sent: deque[float] = deque()
        self._seen = b""
        self._wanted = b""
        self._found: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def owed(self) -> int:
        """Keys that have not been seen yet."""
        return len(self._sent)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._found is None:
            now = time.monotonic()
            for _ in range(min(data.count(KEY), len(self._sent))):
                self.echoes_ms.append((now - self._sent.popleft()) * 1000)
            return
        self._seen += data
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._found is not None and not self._found.done():
            self._found.set_exception(
                ConnectionError(f"closed before {self._wanted!r}: {self._seen[-200:]!r}")
            )

    async def until(self, text: bytes) -> None:
        self._wanted = text
        self._found = asyncio.get_running_loop().create_future()
        self._look()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._found
        finally:
            self._found = None

    async def log_in(self, client: bytes, user: str = USER, password: str = PASSWORD) -> None:
        """To the prompt; `client`: what it says of itself."""
        await self.give(client, user, password, b"callisto#")
        if client == LINES:
            await self.until(b" ")

    async def give(self, client: bytes, user: str, password: str, verdict: bytes) -> None:
        self.transport.write(client)
        await self.until(b"Username: ")
        self.transport.write(user.encode() + b"\r")
        await self.until(b"Password: ")
        self.transport.write(password.encode() + b"\r")
        await self.until(verdict)

    async def type(self, keys: float, seconds: float, dice: random.Random) -> None:
        """So many keys a second, whether or not the last one has been seen; as a person does."""
        end = time.monotonic() + seconds
        await asyncio.sleep(dice.uniform(0, 1 / keys))
        typed = 0
        while time.monotonic() < end:
            typed += 1
            if typed % LINE == 0:
                self.transport.write(ERASE)
            else:
                self._sent.append(time.monotonic())
                self.transport.write(KEY)
            await asyncio.sleep(dice.uniform(0.5, 1.5) / keys)
        async with asyncio.timeout(WITHIN_S):
            while True:
                if not self._sent:
                    return
                await asyncio.sleep(0.05)

    def _look(self) -> None:
        place = self._seen.find(self._wanted)
        if place >= 0 and self._found is not None and not self._found.done():
            self._seen = self._seen[place + len(self._wanted) :]
            self._found.set_result(None)


async def connect(port: int) -> Typist:
    _, typist = await asyncio.get_running_loop().create_connection(Typist, "127.0.0.1", port)
    return typist


async def seat(port: int, count: int, client: bytes) -> list[Typist]:
    """So many people, logged in; a few at a time."""
    room = asyncio.Semaphore(8)

    async def one() -> Typist:
        async with room:
            typist = await connect(port)
            await typist.log_in(client)
            return typist

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def guess(port: int) -> float:
    """One wrong login; seconds until the verdict."""
    begun = time.monotonic()
    typist = await connect(port)
    await typist.give(LINES, USER, "a wrong password", b"% Login incorrect")
    typist.transport.close()
    return time.monotonic() - begun


async def all_type(typists: Sequence[Typist], keys: float, seconds: float) -> list[float]:
    """Milliseconds until each key was seen, ascending."""
    dice = random.Random(4)
    for typist in typists:
        typist.echoes_ms.clear()
    await asyncio.gather(*(typist.type(keys, seconds, dice) for typist in typists))
    return sorted(echo for typist in typists for echo in typist.echoes_ms)


def leave(typists: Sequence[Typist]) -> None:
    for typist in typists:
        typist.transport.close()
