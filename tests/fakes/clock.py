"""Time that passes when a test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Fulfils `router.ports.Clock`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._monotonic = 1000.0
        self._agenda: list[tuple[float, int, FakeTimer]] = []
        self._order = count()
        self.set_by = timedelta(0)
        """How far somebody has moved the wall clock."""

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._monotonic - 1000.0) + self.set_by

    def monotonic(self) -> float:
        return self._monotonic

    def call_later(self, seconds: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._agenda, (self._monotonic + seconds, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due runs in its order, at its own time."""
        until = self._monotonic + seconds
        while self._agenda and self._agenda[0][0] <= until:
            due, _, timer = heapq.heappop(self._agenda)
            self._monotonic = max(self._monotonic, due)
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                callback()
        self._monotonic = until

    @property
    def running(self) -> int:
        """Timers that have neither run nor been cancelled."""
        return sum(timer.callback is not None for _, _, timer in self._agenda)
