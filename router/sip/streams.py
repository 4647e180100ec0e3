"""Every connection there is: accepted, made, found again, limited in number and in time."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from selectors import EVENT_READ

from router.sip.doors import Door
from router.sip.flows import Flow, NetworkError, Observer
from router.sip.message import Message
from router.sip.pipe import Pipe, PlainPipe
from router.sip.poller import Poller
from router.sip.stream import IDLE_S, Stream

MOST = 1000
MOST_PER_SOURCE = 32
RESERVED = 256
"""Descriptors of the process that connections leave alone."""
_FEWEST = 16


class Streams:
    """Owns the connections of one Network.

    A connection that has never brought a message is a stranger. When there are too many, the stranger that
    waits longest goes first, then the one that was silent longest; none whose flow is `in_use`.
    """

    def __init__(
        self,
        poller: Poller,
        *,
        received: Callable[[Message, Flow], None],
        broken: Callable[[Flow, str], None],
        in_use: Callable[[Flow], bool],
        now: Callable[[], float],
    ) -> None:
        self.now = now
        self.observer: Observer | None = None
        self._most = _allowed()
        self._poller = poller
        self._received = received
        self._broken = broken
        self._in_use = in_use
        self._strangers: dict[Stream, None] = {}
        self._known: dict[Stream, None] = {}
        """Longest silent first, as the strangers are oldest first."""
        self._by_remote: dict[tuple[str, str, int, str], Stream] = {}
        self._by_source: Counter[str] = Counter()
        self._paused: list[Door] = []
        self._counts = {"accepted": 0, "made": 0, "refused": 0, "ended": 0, "received": 0}

    def flow(
        self,
        transport: str,
        family: socket.AddressFamily,
        remote: tuple[str, int],
        *,
        source: tuple[str, int],
        name: str = "",
        pipe: Callable[[socket.socket], Pipe] = PlainPipe,
    ) -> Stream:
        """The connection to exactly that far end, else a new one, connected in the background: when that
        fails, `broken` tells. Raise NetworkError when there is no room for it.

        `source`: our address, empty for the one the kernel chooses, and the port we listen on.
        """
        stream = self._by_remote.get((transport, *remote, name))
        if stream is not None:
            return stream
        if not self._room():
            raise NetworkError(f"no connection to {remote[0]}:{remote[1]}: {self._most} are in use")
        connection = _ours(family, source[0], remote)
        error = connection.connect_ex(remote)
        local = (str(connection.getsockname()[0]), source[1])
        self._counts["made"] += 1
        stream = Stream(
            connection,
            pipe,
            transport=transport,
            remote=remote,
            local=local,
            keeper=self,
            accepted=False,
            name=name,
        )
        self._known[stream] = None
        self._own(stream)
        if error not in {0, errno.EINPROGRESS}:
            stream.end(os.strerror(error))
        return stream

    def accept(self, connection: socket.socket, remote: tuple[str, int], door: Door) -> None:
        if self._by_source[remote[0]] >= MOST_PER_SOURCE or not self._room():
            self._counts["refused"] += 1
            connection.close()
            return
        _tune(connection)
        local = (str(connection.getsockname()[0]), door.port)
        stream = Stream(
            connection,
            door.pipe,
            transport=door.transport,
            remote=remote,
            local=local,
            keeper=self,
            accepted=True,
        )
        self._counts["accepted"] += 1
        self._by_source[remote[0]] += 1
        self._strangers[stream] = None
        self._own(stream)
        stream.begin()

    def listen(self, door: Door) -> None:
        self._poller.register(door, EVENT_READ, door.ready)

    def pause(self, door: Door) -> None:
        """No descriptor is left: a door that cannot be served is not to wake us for a while."""
        self._poller.unregister(door)
        self._paused.append(door)

    def observe(self, observer: Observer | None) -> None:
        self.observer = observer
        for stream in self._all():
            stream.show(shown=observer is not None)

    def keep_house(self, now: float) -> None:
        """Close what is late, and what was silent for long and is not in use."""
        while self._paused:
            self.listen(self._paused.pop())
        for stream in tuple(self._all()):
            problem = stream.overdue(now)
            if not problem and now - stream.last >= IDLE_S and not self._in_use(stream):
                problem = "nothing was said for long"
            if problem:
                stream.end(problem)

    def close(self) -> None:
        for stream in tuple(self._all()):
            stream.end("the router stops")

    def facts(self) -> dict[str, int]:
        return {
            **self._counts,
            "open": len(self._strangers) + len(self._known),
            "strangers": len(self._strangers),
        }

    # What the streams themselves tell (stream.Keeper).

    def wait_for(self, stream: Stream, events: int) -> None:
        self._poller.modify(stream, events, stream.ready)

    def delivered(self, stream: Stream, message: Message) -> None:
        if stream in self._strangers:
            del self._strangers[stream]
            self._known[stream] = None
        self._counts["received"] += 1
        if self.observer is not None:
            self.observer.came(stream.raw(), stream)
        self._received(message, stream)

    def active(self, stream: Stream) -> None:
        if stream in self._known:
            del self._known[stream]
            self._known[stream] = None

    def ended(self, stream: Stream, problem: str) -> None:
        self._poller.unregister(stream)
        self._strangers.pop(stream, None)
        self._known.pop(stream, None)
        self._counts["ended"] += 1
        key = _key(stream)
        if self._by_remote.get(key) is stream:
            del self._by_remote[key]
        if stream.accepted:
            self._by_source[stream.remote[0]] -= 1
            if not self._by_source[stream.remote[0]]:
                del self._by_source[stream.remote[0]]
        self._broken(stream, problem)

    def unsent(self, stream: Stream) -> None:
        self._broken(stream, "the connection is closed")

    def _own(self, stream: Stream) -> None:
        stream.show(shown=self.observer is not None)
        self._by_remote.setdefault(_key(stream), stream)
        self._poller.register(stream, stream.wanted, stream.ready)

    def _all(self) -> Iterator[Stream]:
        return chain(self._strangers, self._known)

    def _room(self) -> bool:
        """Make room for one more; False when all there are must stay."""
        if len(self._strangers) + len(self._known) < self._most:
            return True
        victim = next((stream for stream in self._all() if not self._in_use(stream)), None)
        if victim is None:
            return False
        victim.end("too many connections")
        return True


def _key(stream: Stream) -> tuple[str, str, int, str]:
    return (stream.transport, *stream.remote, stream.name)


def _ours(family: socket.AddressFamily, source: str, remote: tuple[str, int]) -> socket.socket:
    """A socket to connect with. Raise NetworkError if the machine has none left."""
    try:
        connection = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:
        raise NetworkError(f"no connection to {remote[0]}:{remote[1]}: {exc.strerror}") from exc
    try:
        connection.setblocking(False)
        _tune(connection)
        if source:
            connection.bind((source, 0))
    except OSError as exc:
        connection.close()
        raise NetworkError(f"no connection to {remote[0]}:{remote[1]}: {exc.strerror}") from exc
    return connection


def _allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(_FEWEST, soft - RESERVED))


def _tune(connection: socket.socket) -> None:
    """Small messages leave at once; a far end that vanished is noticed half a minute after we sent."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
