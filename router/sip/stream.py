"""SIP over one connection: accepted or made, plain or TLS, all alike once bytes may pass."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from enum import Enum, auto
from selectors import EVENT_READ, EVENT_WRITE
from typing import Protocol

from router.sip.flows import Observer
from router.sip.message import Message, MessageError, StreamParser
from router.sip.pipe import Pipe

QUEUE = 1024 * 1024
"""Bytes a far end may leave unread before its connection is given up."""
CONNECT_S = 4.0
HANDSHAKE_S = 5.0
MESSAGE_S = 30.0
"""From the first byte of a message to its last."""
IDLE_S = 15 * 60.0
_CHUNK = 32768


class Keeper(Protocol):
    """Who owns the streams."""

    observer: Observer | None

    def now(self) -> float: ...
    def wait_for(self, stream: Stream, events: int) -> None:
        """The selector's events the stream is woken for."""

    def delivered(self, stream: Stream, message: Message) -> None: ...
    def active(self, stream: Stream) -> None:
        """Something came."""

    def ended(self, stream: Stream, problem: str) -> None:
        """Told once; the stream is closed."""

    def unsent(self, stream: Stream) -> None:
        """Something was to be sent over a stream that has ended."""


class _Stage(Enum):
    CONNECTING = auto()
    SHAKING = auto()
    OPEN = auto()
    CLOSED = auto()


class Stream:
    """A flow over a connection; equal to itself alone."""

    __slots__ = (
        "_connection",
        "_fd",
        "_keeper",
        "_limit",
        "_parser",
        "_pipe",
        "_queue",
        "_stage",
        "_wanted",
        "accepted",
        "last",
        "local",
        "name",
        "remote",
        "transport",
    )

    reliable = True

    def __init__(
        self,
        connection: socket.socket,
        pipe: Callable[[socket.socket], Pipe],
        *,
        transport: str,
        remote: tuple[str, int],
        local: tuple[str, int],
        keeper: Keeper,
        accepted: bool,
        name: str = "",
    ) -> None:
        """`connection` does not block; unless `accepted` it is being connected. `name`: see Network.flow."""
        self.transport = transport
        self.remote = remote
        self.local = local
        self.accepted = accepted
        self.name = name
        self.last = keeper.now()
        self._connection = connection
        self._fd = connection.fileno()
        self._keeper = keeper
        self._parser = StreamParser()
        self._pipe = pipe(connection)
        self._queue = bytearray()
        self._stage = _Stage.SHAKING if accepted else _Stage.CONNECTING
        self._limit: float | None = self.last + (HANDSHAKE_S if accepted else CONNECT_S)
        self._wanted = EVENT_READ if accepted else EVENT_WRITE

    def fileno(self) -> int:
        return self._fd

    @property
    def wanted(self) -> int:
        return self._wanted

    @property
    def alive(self) -> bool:
        return self._stage is not _Stage.CLOSED

    def send(self, data: bytes) -> None:
        if self._stage is _Stage.CLOSED:
            self._keeper.unsent(self)
            return
        queue = self._queue
        if len(queue) + len(data) > QUEUE:
            self.end("the far end does not read what it is sent")
            return
        if self._keeper.observer is not None:
            self._keeper.observer.went(data, self)
        waiting = bool(queue)
        queue += data
        if self._stage is _Stage.OPEN and not waiting:
            self._flush()

    def show(self, *, shown: bool) -> None:
        """From now on `raw` is what it says, or empty."""
        self._parser.raw = [] if shown else None

    def raw(self) -> bytes:
        """As it came: the oldest message delivered that has not been asked for."""
        return self._parser.raw.pop(0) if self._parser.raw else b""

    def begin(self) -> None:
        """An accepted connection is owned and may speak."""
        self._opened()

    def ready(self, _mask: int) -> int:
        """The selector woke us; the number of messages delivered. TLS may read to write and write to read."""
        if self._stage is not _Stage.OPEN and not self._opened():
            return 0
        if self._queue:
            self._flush()
        return self._read() if self._stage is _Stage.OPEN else 0

    def overdue(self, now: float) -> str:
        """Which time limit has passed, in words; empty: none."""
        if self._limit is not None and now >= self._limit:
            if self._stage is _Stage.CONNECTING:
                return "no connection in time"
            if self._stage is _Stage.SHAKING:
                return "no TLS handshake in time"
            return "a message was begun and not finished in time"
        return ""

    def end(self, problem: str) -> None:
        """Close; the keeper is told why."""
        if self._stage is _Stage.CLOSED:
            return
        self._stage = _Stage.CLOSED
        self._queue.clear()
        self._keeper.ended(self, problem)
        self._pipe.close()

    def __repr__(self) -> str:
        return f"{self.transport} {self.remote[0]}:{self.remote[1]}"

    def _opened(self) -> bool:
        if self._stage is _Stage.CLOSED:
            return False  # ended by another one's message in this very turn
        try:
            if self._stage is _Stage.CONNECTING:
                error = self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    self.end(os.strerror(error))
                    return False
                self._stage = _Stage.SHAKING
                self._limit = self._keeper.now() + HANDSHAKE_S
            events = self._pipe.shake()
        except OSError as exc:
            self.end(_words(exc))
            return False
        if events:
            self._want(events)
            return False
        self._stage = _Stage.OPEN
        self._limit = None
        self._flush()
        return self.alive

    def _flush(self) -> None:
        queue = self._queue
        try:
            while queue:
                taken = self._pipe.write(queue)
                if not taken:
                    break
                del queue[:taken]
        except OSError as exc:
            self.end(_words(exc))
            return
        self._want(EVENT_READ | EVENT_WRITE if queue else EVENT_READ)

    def _read(self) -> int:
        # One chunk: a flood over one connection is not to hold up the others. It is more than a TLS record,
        # so nothing stays behind where the selector does not see it.
        try:
            data = self._pipe.read(_CHUNK)
        except OSError as exc:
            self.end(_words(exc))
            return 0
        if data is None:
            return 0
        if not data:
            self.end("closed by the far end")
            return 0
        return self._take(data)

    def _take(self, data: bytes) -> int:
        problem = ""
        try:
            messages = self._parser.feed(data)
        except MessageError as exc:
            messages, problem = exc.earlier, f"what came is not SIP: {exc}"
        self.last = now = self._keeper.now()
        self._keeper.active(self)
        for message in messages:
            self._keeper.delivered(self, message)
        if problem:
            self.end(problem)
            return len(messages)
        if self._parser.pongs and self.alive:
            pongs, self._parser.pongs = self._parser.pongs, 0
            self.send(b"\r\n" * pongs)
        if not self._parser.partial:
            self._limit = None
        elif messages or self._limit is None:
            self._limit = now + MESSAGE_S
        return len(messages)

    def _want(self, events: int) -> None:
        if events != self._wanted:
            self._wanted = events
            self._keeper.wait_for(self, events)


def _words(exc: OSError) -> str:
    return exc.strerror or str(exc)
