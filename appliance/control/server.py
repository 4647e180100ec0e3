"""The control socket's server: requests to handlers, published events to watchers. Everything is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appliance.control import address, protocol
from appliance.control.outbox import Outbox
from appliance.control.protocol import MAX_LINE, RefusedError, Request

log = logging.getLogger(__name__)

MAX_CLIENTS = 64
MAX_TOPICS = 32
MAX_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    pid: int


Handler = Callable[[Request, Peer], object]
"""Gives the result, or an awaitable of it; raises RefusedError. Results must be JSON."""


class ControlServer:
    """Serve with `async with ControlServer(path, handlers)`; `publish` and `watch` are answered here."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler], max_clients: int = MAX_CLIENTS) -> None:
        self._path = path
        self._handlers = {**handlers, "publish": self._published}
        self._max_clients = max_clients
        self._clients: set[_Client] = set()
        self._taps: dict[str, list[Callable[[Mapping[str, object]], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        sock = address.listen(self._path)
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=MAX_LINE)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def publish(self, topic: str, data: Mapping[str, object]) -> None:
        """Tell every watcher of `topic`; never waits."""
        if any(client.listens(topic) for client in self._clients):
            line = protocol.event(topic, data)
            for client in self._clients:
                client.offer(topic, line)
        for take in tuple(self._taps.get(topic, ())):
            take(data)

    def tap(self, topic: str, take: Callable[[Mapping[str, object]], None]) -> Callable[[], None]:
        """Watch a topic from inside this process; returns what ends that. `take` must not raise."""
        self._taps.setdefault(topic, []).append(take)
        self._tell_watched()

        def end() -> None:
            taps = self._taps.get(topic, [])
            if take in taps:
                taps.remove(take)
                self._tell_watched()

        return end

    def _tell_watched(self) -> None:
        """What nobody watches need not be sent to us."""
        topics = frozenset[str]().union(
            (topic for topic, taps in self._taps.items() if taps),
            *(client.topics for client in self._clients),
        )
        self.publish(protocol.WATCHED, {"topics": sorted(topics - {protocol.WATCHED})})

    def _published(self, request: Request, _: Peer) -> None:
        self.publish(request.text("topic"), request.table("data"))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client = _Client(self._handlers, reader, writer, self._tell_watched)
        try:
            if len(self._clients) >= self._max_clients:
                writer.write(
                    protocol.refusal(None, RefusedError("too many clients", "close one and try again"))
                )
                return
            self._clients.add(client)
            await client.serve()
        except (ConnectionError, asyncio.CancelledError):
            pass  # gone, or we are closing
        finally:
            self._clients.discard(client)
            self._tasks.discard(task)
            writer.close()
            if client.topics:
                self._tell_watched()


class _Client:
    """One connection: reads requests while there is room for replies, writes as fast as the peer reads."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        watches: Callable[[], None],
    ) -> None:
        """`watches` is called when the client has said what it watches."""
        self._handlers = handlers
        self._watches = watches
        self._reader = reader
        self._writer = writer
        self._peer = Peer(_peer_pid(writer.get_extra_info("socket")))
        self.topics: frozenset[str] = frozenset()
        self._outbox = Outbox()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._closing = False

    def listens(self, topic: str) -> bool:
        return topic in self.topics or (topic == protocol.DROPPED and bool(self.topics))

    def offer(self, topic: str, line: bytes) -> None:
        if self.listens(topic):
            self._outbox.offer(line)
            self._filled.set()

    async def serve(self) -> None:
        """Until the peer closes its side; replies that are still due are sent first."""
        writing = asyncio.create_task(self._write(), name=f"control: write to {self._peer.pid}")
        try:
            async with asyncio.TaskGroup() as group:
                await self._read(group)
            self._closing = True
            self._filled.set()
            await writing
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writing

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while not self._writer.is_closing():
            try:
                line = await self._reader.readline()
            except ValueError:  # the reader's limit
                too_long = RefusedError(f"a line is longer than {MAX_LINE} bytes", "the connection is closed")
                self._send(protocol.refusal(None, too_long))
                return
            except ConnectionError:
                return
            if not line:
                return
            if line.strip():
                await self._take(line, group)

    async def _take(self, line: bytes, group: asyncio.TaskGroup) -> None:
        number = None
        try:
            message = protocol.decode(line)
            number = protocol.id_of(message)
            request = protocol.request_of(message)
        except RefusedError as exc:
            self._send(protocol.refusal(number, exc))
        else:
            await self._carry_out(request, group)
        while self._outbox.full and not self._writer.is_closing():
            self._room.clear()
            await self._room.wait()

    async def _carry_out(self, request: Request, group: asyncio.TaskGroup) -> None:
        with self._refusing(request):
            result = self._begin(request)
            if inspect.isawaitable(result):
                await self._slots.acquire()
                group.create_task(self._finish(request, result), name=f"control: {request.name[:40]}")
            else:
                self._answer(request, protocol.reply(request.id, result))

    def _begin(self, request: Request) -> object:
        if request.name == "watch":
            return self._watch(request)
        handler = self._handlers.get(request.name)
        if handler is None:
            known = ", ".join(sorted({*self._handlers, "watch"}))
            raise RefusedError(f"there is no request {request.name[:100]!r}", f"known are {known}")
        return handler(request, self._peer)

    def _watch(self, request: Request) -> dict[str, object]:
        topics = request.args.get("topics")
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            raise RefusedError('watch: the argument "topics" must be a list of texts')
        if len(topics) > MAX_TOPICS:
            raise RefusedError(f"watch: at most {MAX_TOPICS} topics")
        self.topics = frozenset(topics)
        self._watches()
        return {"topics": sorted(self.topics)}

    async def _finish(self, request: Request, result: Awaitable[object]) -> None:
        try:
            with self._refusing(request):
                self._answer(request, protocol.reply(request.id, await result))
        finally:
            self._slots.release()

    @contextlib.contextmanager
    def _refusing(self, request: Request) -> Iterator[None]:
        """A request that fails hurts nobody else: its sender is told, and the log if it is our fault."""
        try:
            yield
        except RefusedError as exc:
            self._answer(request, protocol.refusal(request.id, exc))
        except Exception:
            log.exception("control: %s failed", request.name)
            failed = RefusedError(f"{request.name} failed", "the appliance's log says why")
            self._answer(request, protocol.refusal(request.id, failed))

    def _answer(self, request: Request, line: bytes) -> None:
        if request.id is not None:
            self._send(line)

    def _send(self, line: bytes) -> None:
        self._outbox.keep(line)
        self._filled.set()

    async def _write(self) -> None:
        try:
            while self._outbox or not self._closing:
                if not self._outbox:
                    self._filled.clear()
                    await self._filled.wait()
                self._writer.write(self._outbox.take())
                await self._writer.drain()
                self._room.set()
        finally:
            self._writer.close()
            self._room.set()


def _peer_pid(sock: socket.socket) -> int:
    pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid
