"""Lines on their way to one peer: bounded; what a slow peer misses is counted and said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from appliance.control import protocol

MAX_EVENTS = 1000
MAX_BYTES = 4 << 20
BATCH = 64 << 10


class Outbox:
    """Replies are always kept (whoever reads requests must stop while `full`); events are dropped when full,
    and `say_dropped(count)` is put in their place once there is room."""

    def __init__(
        self,
        say_dropped: Callable[[int], bytes] = lambda count: protocol.event(
            protocol.DROPPED, {"count": count}
        ),
        max_lines: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._say_dropped = say_dropped
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._max_lines = max_lines
        self._max_bytes = max_bytes

    @property
    def full(self) -> bool:
        return len(self._lines) >= self._max_lines or self._bytes >= self._max_bytes

    def __bool__(self) -> bool:
        return bool(self._lines)

    def keep(self, line: bytes) -> None:
        self._lines.append(line)
        self._bytes += len(line)

    def offer(self, line: bytes) -> None:
        """Keep an event, or count it as dropped."""
        if self.full:
            self._dropped += 1
            return
        if self._dropped:
            self.keep(self._say_dropped(self._dropped))
            self._dropped = 0
        self.keep(line)

    def take(self) -> bytes:
        """The next lines, about 64 KiB of them; empty when there are none."""
        batch = bytearray()
        while self._lines and len(batch) < BATCH:
            line = self._lines.popleft()
            self._bytes -= len(line)
            batch += line
        return bytes(batch)
