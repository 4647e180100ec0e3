"""A clock with timers for a process of one thread that turns its own loop."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import datetime, tzinfo


class HeapTimer:
    """One callback to come."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    @property
    def cancelled(self) -> bool:
        return self._callback is None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback:
            callback()


class TimerHeap:
    """Fulfils `router.ports.Clock`; callbacks run in `turn`, in the order of their times."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        """As it is, without a method around it: a call asks a score of times."""
        self._heap: list[tuple[float, int, HeapTimer]] = []
        self._numbers = itertools.count()
        self._second = -1
        self._zone: tzinfo | None = None

    def now(self) -> datetime:
        """Local time. The offset of its zone is asked for once a second: that costs as much as a decision."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._zone = datetime.fromtimestamp(second).astimezone().tzinfo
        return datetime.fromtimestamp(now, self._zone)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> HeapTimer:
        timer = HeapTimer(callback)
        due = self.monotonic() + seconds if seconds > 0.0 else self.monotonic()
        heapq.heappush(self._heap, (due, next(self._numbers), timer))
        return timer

    def wait(self, at_most: float) -> float:
        """Seconds until the next callback is due, `at_most` if none is due before."""
        self._drop_cancelled()
        return min(at_most, max(0.0, self._heap[0][0] - self.monotonic())) if self._heap else at_most

    def turn(self) -> None:
        """Run what is due now; what these callbacks set for now runs at the next turn."""
        now = self.monotonic()
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        for timer in due:
            timer.fire()

    def _drop_cancelled(self) -> None:
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
