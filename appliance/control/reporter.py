"""The control socket from a process that must never wait: the router's one thread."""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from appliance.control import address, protocol
from appliance.control.outbox import Outbox

log = logging.getLogger(__name__)

AGAIN_AFTER = 1.0
READ_AT_ONCE = 1 << 16


class Reporter:
    """Says that `service` is ready, its facts, and publishes events. Call `turn` from the loop.

    No method blocks or raises: what a slow or missing supervisor does not take is dropped and counted, and
    what nobody watches is not sent at all. After a lost connection it introduces itself anew.
    """

    def __init__(self, path: Path, service: str) -> None:
        self._path = path
        self._service = service
        self._sock: socket.socket | None = None
        self._try_at = 0.0
        self._outbox = Outbox(self._say_dropped)
        self._unsent = b""
        self._facts: Mapping[str, object] | None = None
        self._heard = b""
        # A buffer of its own: recv() would ask malloc for READ_AT_ONCE bytes each time, and while PJSIP gives
        # back the memory of ended transactions, that search takes glibc longer than routing the calls.
        self._buffer = memoryview(bytearray(READ_AT_ONCE))
        self._incoming = select.poll()
        """Whether there is anything to read: asked at each turn, at half the price of reading in vain."""
        self._alive = protocol.encode({"request": "alive", "args": {"service": service}})
        self._watched: frozenset[str] | None = None
        """None: not told yet, so everything is sent."""
        self._has_listened = False
        """In this turn; once is enough, for it costs more than most events."""

    def ready(self, facts: Mapping[str, object]) -> None:
        """From now on the process counts as ready."""
        self._facts = facts
        self._introduce()

    def facts(self, facts: Mapping[str, object]) -> None:
        """Tell the facts if they differ from those told before, else only that the loop still turns. Call it
        once a second from the loop: who says nothing for five seconds is taken to be stalled."""
        if self._facts is None:
            return
        if facts == self._facts:
            self._outbox.offer(self._alive)
            return
        self._facts = facts
        self._offer({"request": "facts", "args": {"service": self._service, "facts": facts}})

    def is_watched(self, topic: str) -> bool:
        """router.ports.Notifier."""
        if not self._has_listened and not self._watches(topic):
            self._listen()  # somebody may have begun to watch since the last turn
        return self._watches(topic)

    def publish(self, topic: str, data: dict[str, object]) -> None:
        """router.ports.Notifier."""
        if self.is_watched(topic):
            self._offer({"request": "publish", "args": {"topic": topic, "data": data}})

    def is_looked_at(self, topic: str) -> bool:
        """Whether anybody is known to watch it."""
        return self._watched is not None and topic in self._watched

    def turn(self, now: float) -> None:
        """Move what can be moved without waiting. `now`: monotonic seconds."""
        if self._sock is None and now >= self._try_at:
            self._try_at = now + AGAIN_AFTER
            self._connect()
        if self._sock is not None:
            try:
                with suppress(BlockingIOError):  # the peer is slow
                    self._write(self._sock)
            except OSError as exc:
                self._lost(exc)
        if not self._has_listened:
            self._listen()
        self._has_listened = False

    def close(self) -> None:
        if self._sock is not None:
            self._incoming.unregister(self._sock)
            self._sock.close()
            self._sock = None

    def _watches(self, topic: str) -> bool:
        return self._watched is None or topic in self._watched

    def _introduce(self) -> None:
        if self._sock is not None:
            args = {"service": self._service, "facts": self._facts}
            self._put(self._outbox.keep, {"id": 1, "request": "ready", "args": args})

    def _offer(self, message: Mapping[str, object]) -> None:
        self._put(self._outbox.offer, message)

    def _put(self, put: Callable[[bytes], None], message: Mapping[str, object]) -> None:
        try:
            put(protocol.encode(message))
        except (protocol.RefusedError, ValueError, TypeError) as exc:
            log.warning("not told to the supervisor: %s", exc)

    def _say_dropped(self, count: int) -> bytes:
        data = {"count": count, "service": self._service}
        return protocol.encode({"request": "publish", "args": {"topic": protocol.DROPPED, "data": data}})

    def _connect(self) -> None:
        try:
            sock = address.connect(self._path, timeout=0.0)
        except OSError:
            return  # nobody there; again later
        self._sock = sock
        self._incoming.register(sock, select.POLLIN)
        self._unsent = self._heard = b""
        self._outbox.keep(
            protocol.encode({"id": 0, "request": "watch", "args": {"topics": [protocol.WATCHED]}})
        )
        if self._facts is not None:
            self._introduce()

    def _lost(self, reason: OSError) -> None:
        log.warning("the supervisor's socket is lost: %s", reason)
        self._watched = None
        self.close()

    def _write(self, sock: socket.socket) -> None:
        while self._unsent or self._outbox:
            self._unsent = self._unsent or self._outbox.take()
            self._unsent = self._unsent[sock.send(self._unsent) :]

    def _listen(self) -> None:
        self._has_listened = True
        if self._sock is None or not self._incoming.poll(0):
            return
        try:
            with suppress(BlockingIOError):
                self._read(self._sock)
        except OSError as exc:
            self._lost(exc)

    def _read(self, sock: socket.socket) -> None:
        data = bytes(self._buffer[: sock.recv_into(self._buffer)])
        if not data:
            raise ConnectionResetError("closed by the supervisor")
        *lines, self._heard = (self._heard + data).split(b"\n")
        self._heard = self._heard[-READ_AT_ONCE:]
        for line in lines:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        if b'"ok":false' in line:
            log.warning("the supervisor refuses: %s", line.decode(errors="replace"))
        elif b'"event":"watched"' in line:
            with suppress(protocol.RefusedError):  # not of our supervisor: as if nothing had been said
                self._take_watched(protocol.decode(line))

    def _take_watched(self, message: Mapping[str, object]) -> None:
        match message:
            case {"event": protocol.WATCHED, "data": {"topics": [*topics]}}:
                self._watched = frozenset(str(topic) for topic in topics)
