"""The trace of a process of one loop that must not be slowed: nothing happens unless somebody looks, and then
little at a time. What is too much is left out and counted."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from appliance.trace.batches import Batcher
from appliance.trace.log_records import LogRecords
from shell.trace.record import TOPIC, Record

SLICE: Final = 0.004
"""Seconds of a turn that records may take: calls have the rest."""
MOST_WAITING: Final = 4000
ROOM: Final = 8 << 20
"""Bytes of SIP messages that may wait."""

Make = Callable[[], Record]
"""Makes the record of what was seen: later, when there is time."""


class Reporter(Protocol):
    """The way to the supervisor (appliance.control.reporter)."""

    def publish(self, topic: str, data: dict[str, object]) -> None: ...

    def is_watched(self, topic: str) -> bool:
        """Whether anybody may be told."""

    def is_looked_at(self, topic: str) -> bool:
        """Whether anybody is known to watch it."""


class LoopSource:
    """Call `turn` from the loop, some fifty times a second. It calls `began` when somebody begins to look and
    `ended` when nobody does any more."""

    def __init__(
        self,
        process: str,
        reporter: Reporter,
        *,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        spent: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.process = process
        self.now = clock
        self._reporter = reporter
        self._began = began
        self._ended = ended
        self._spent = spent
        self._batcher = Batcher(process, lambda data: reporter.publish(TOPIC, data))
        self._handler = LogRecords(process, self.put)
        self._waiting: deque[tuple[Record | Make, int]] = deque()
        self._bytes = 0
        self._left_out = 0
        self.is_on = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, what: Record | Make, size: int = 0) -> None:
        """`size`: bytes it holds until it is made."""
        if len(self._waiting) >= MOST_WAITING or self._bytes + size > ROOM:
            self._left_out += 1
            return
        self._waiting.append((what, size))
        self._bytes += size

    def leave_out(self, count: int = 1) -> None:
        """Count what was not even put."""
        self._left_out += count

    def turn(self, now: float) -> None:
        """`now`: monotonic seconds."""
        if self._reporter.is_looked_at(TOPIC) is not self.is_on:
            self._switch()
        if self.is_on:
            self._make()
            self._batcher.turn(now)

    def close(self) -> None:
        """Give the last records away, as far as they can be had at once."""
        if self.is_on:
            self._make()
            self._batcher.flush()
            self._switch()

    def _made(self, make: Make) -> Record:
        try:
            return make()
        except Exception as exc:  # an error of ours over what somebody looks at: the calls go on
            text = f"something could not be shown: {type(exc).__name__}"
            return Record(self.now(), self.process, "error", "log", text)

    def _switch(self) -> None:
        self.is_on = not self.is_on
        root = logging.getLogger()
        if self.is_on:
            root.addHandler(self._handler)
            self._began()
        else:
            root.removeHandler(self._handler)
            self._ended()
            self._waiting.clear()
            self._bytes = self._left_out = 0
            self._batcher.clear()

    def _make(self) -> None:
        waiting, until = self._waiting, self._spent() + SLICE
        while waiting and self._spent() < until:
            what, size = waiting.popleft()
            self._bytes -= size
            self._batcher.put(what if isinstance(what, Record) else self._made(what))
        if self._left_out and len(waiting) < MOST_WAITING // 2:
            count, self._left_out = self._left_out, 0
            text = f"[... {count} records are left out here: more came than there is time for ...]"
            self._batcher.lose(count)
            self._batcher.put(Record(self.now(), self.process, "warning", "log", text))
