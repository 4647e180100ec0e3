"""A clock with timers for a process of one thread that turns its own loop."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import datetime, tzinfo

MOST_CANCELLED = 64


class HeapTimer:
    """One callback to come; None once it has come or is not wanted. `heap`: where it stands, if it does."""

    __slots__ = ("callback", "heap")

    def __init__(self, callback: Callable[[], None], heap: TimerHeap) -> None:
        self.callback: Callable[[], None] | None = callback
        self.heap: TimerHeap | None = heap

    def cancel(self) -> None:
        self.callback = None
        if self.heap is not None:
            self.heap.cancelled += 1
            self.heap = None

    @property
    def cancelled(self) -> bool:
        return self.callback is None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback:
            callback()


class TimerHeap:
    """Fulfils `router.ports.Clock`; callbacks run in `turn`, in the order of their times."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        """As it is, without a method around it: a call asks a score of times."""
        self._heap: list[tuple[float, int, HeapTimer]] = []
        self.cancelled = 0
        """Timers that stand in the heap for nothing. Hardly one of a call's timers ever fires, and some would
        stand there for minutes: the larger the heap, the dearer every timer."""
        self._numbers = itertools.count()
        self._second = -1
        self._zone: tzinfo | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def now(self) -> datetime:
        """Local time. The offset of its zone is asked for once a second: that costs as much as a decision."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._zone = datetime.fromtimestamp(second).astimezone().tzinfo
        return datetime.fromtimestamp(now, self._zone)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> HeapTimer:
        if self.cancelled > MOST_CANCELLED and 2 * self.cancelled > len(self._heap):
            self._tidy()
        timer = HeapTimer(callback, self)
        due = self.monotonic() + seconds if seconds > 0.0 else self.monotonic()
        heapq.heappush(self._heap, (due, next(self._numbers), timer))
        return timer

    def wait(self, at_most: float) -> float:
        """Seconds until the next callback is due, `at_most` if none is due before."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
            self.cancelled -= 1
        return min(at_most, max(0.0, heap[0][0] - self.monotonic())) if heap else at_most

    def turn(self) -> None:
        """Run what is due now; what these callbacks set for now runs at the next turn."""
        now, heap = self.monotonic(), self._heap
        if not heap or heap[0][0] > now:
            return
        due = []
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)[2]
            if timer.callback is None:
                self.cancelled -= 1
            else:
                timer.heap = None
                due.append(timer)
        for timer in due:
            timer.fire()

    def _tidy(self) -> None:
        self._heap = [one for one in self._heap if one[2].callback is not None]
        heapq.heapify(self._heap)
        self.cancelled = 0
