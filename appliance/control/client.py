"""The control socket from an asyncio process or a command: requests, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Self

from appliance.control import address, protocol
from appliance.control.protocol import MAX_LINE, RefusedError


class ControlUnavailableError(Exception):
    """No appliance answers on this state directory, or it went away."""


class ControlClient:
    """One connection, opened at the first request and again after a loss. Requests may overlap."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def request(self, name: str, within: float = 10.0, **args: object) -> Any:
        """The result. Raises RefusedError when the other side refuses, ControlUnavailableError when it is not
        there or does not answer `within` seconds."""
        writer = await self._open()
        number = next(self._numbers)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(protocol.encode({"id": number, "request": name, "args": args}))
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise ControlUnavailableError(
                f"the appliance did not answer {name} within {within:g} s"
            ) from None
        finally:
            self._waiting.pop(number, None)

    async def send(self, name: str, **args: object) -> None:
        """A request nobody waits for."""
        writer = await self._open()
        writer.write(protocol.encode({"request": name, "args": args}))

    async def connected(self) -> None:
        """Open the connection if it is not open."""
        await self._open()

    async def lost(self) -> None:
        """Return when the present connection is gone."""
        if self._reading:
            await asyncio.wait({self._reading})

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _open(self) -> asyncio.StreamWriter:
        async with self._opening:
            if self._writer is None or self._writer.is_closing():
                reader, self._writer = await connect(self._path)
                self._reading = asyncio.create_task(self._read(reader, self._writer), name="control: replies")
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for message in _messages(reader):
                number = message.get("id")
                future = self._waiting.get(number) if isinstance(number, int) else None
                if future and not future.done():
                    _resolve(future, message)
        finally:
            writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ControlUnavailableError("the appliance closed the connection"))


async def watch(path: Path, topics: Iterable[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Events (topic, data) of these topics until the appliance ends; also ("dropped", {"count": n}).
    Raises ControlUnavailableError if nothing runs."""
    reader, writer = await connect(path)
    try:
        writer.write(protocol.encode({"id": 0, "request": "watch", "args": {"topics": list(topics)}}))
        async for message in _messages(reader):
            topic, data = message.get("event"), message.get("data")
            if isinstance(topic, str) and isinstance(data, dict):
                yield topic, data
    finally:
        writer.close()


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection. Raises ControlUnavailableError."""
    try:
        sock = address.connect(path, timeout=0.5)
    except OSError as exc:
        raise ControlUnavailableError(f"nothing runs on {path.parent.parent}: {exc.strerror or exc}") from exc
    sock.setblocking(False)
    return await asyncio.open_unix_connection(sock=sock, limit=MAX_LINE)


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, object]]:
    with contextlib.suppress(ConnectionError, ValueError, RefusedError):  # gone, or no peer of ours
        while line := await reader.readline():
            yield protocol.decode(line)


def _resolve(future: asyncio.Future[object], message: dict[str, object]) -> None:
    if message.get("ok"):
        future.set_result(message.get("result"))
    else:
        future.set_exception(RefusedError(str(message.get("error", "")), str(message.get("hint", ""))))
