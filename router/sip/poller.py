"""Which sockets have something for us: epoll(7) without the book-keeping of `selectors`, which costs a turn
of the router's loop more than reading the datagram does."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from typing import Protocol

Handler = Callable[[int], int]
"""Gets the events (EVENT_READ, EVENT_WRITE); gives the number of messages delivered."""


class Descriptor(Protocol):
    def fileno(self) -> int: ...


class Poller:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self.woke = 0.0
        """When the last wait ended, in monotonic seconds."""

    def register(self, source: Descriptor, events: int, handler: Handler) -> None:
        self._epoll.register(source.fileno(), _MASKS[events])
        self._handlers[source.fileno()] = handler

    def modify(self, source: Descriptor, events: int, handler: Handler) -> None:
        self._epoll.modify(source.fileno(), _MASKS[events])
        self._handlers[source.fileno()] = handler

    def unregister(self, source: Descriptor) -> None:
        """Before the source is closed."""
        self._epoll.unregister(source.fileno())
        del self._handlers[source.fileno()]

    def turn(self, max_wait_s: float) -> int:
        """Wait, and let the handlers of what is ready run; the messages they have delivered together."""
        count = 0
        ready = self._epoll.poll(max_wait_s)
        self.woke = time.monotonic()
        for descriptor, mask in ready:
            handler = self._handlers.get(descriptor)  # one before it may have closed this one
            if handler is not None:
                count += handler(mask if mask == EVENT_READ else _events(mask))
        return count

    def close(self) -> None:
        self._epoll.close()


def _events(mask: int) -> int:
    """An error or a hang-up wakes both ways, so that whoever reads or writes meets it."""
    read = EVENT_READ if mask & ~select.EPOLLOUT else 0
    return read | (EVENT_WRITE if mask & ~select.EPOLLIN else 0)


_MASKS = {
    0: 0,
    EVENT_READ: select.EPOLLIN,
    EVENT_WRITE: select.EPOLLOUT,
    EVENT_READ | EVENT_WRITE: select.EPOLLIN | select.EPOLLOUT,
}
