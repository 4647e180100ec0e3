"""When the garbage collector may run: between calls, not in the middle of one."""

from __future__ import annotations

import gc

AT_MOST_EVERY = 10.0
AT_LEAST_EVERY = 60.0


class Housekeeping:
    """Owns the collector of this process: a full collection of a busy heap holds every call up for 100 ms."""

    def __init__(self) -> None:
        self._started = False
        self._not_before = 0.0
        self._at_the_latest = 0.0

    def turn(self, now: float, *, quiet: bool) -> None:
        """`now`: monotonic seconds; `quiet`: no call is up and nothing has just happened."""
        if not self._started:
            self._started = True
            gc.disable()
            gc.collect()
            gc.freeze()
        elif quiet and now >= self._not_before:
            gc.collect()
        elif now >= self._at_the_latest:
            gc.collect(1)  # what has come since the last time: a few milliseconds
        else:
            return
        self._not_before, self._at_the_latest = now + AT_MOST_EVERY, now + AT_LEAST_EVERY
