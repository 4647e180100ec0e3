"""A wall clock that tests may set: ours by injection, APScheduler's through `conftest.clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """Runs like the real one, from wherever it was set to. Monotonic time is not touched."""

    def __init__(self) -> None:
        self.shift = timedelta(0)
        self.looks = 0
        """How often the clock guard has compared the clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def monotonic(self) -> float:
        self.looks += 1
        return time.monotonic()

    def set(self, moment: datetime) -> None:
        self.shift += moment - self.now()
