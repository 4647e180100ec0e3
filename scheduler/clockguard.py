"""Notices that the wall clock was set, by holding it against the monotonic one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

log = logging.getLogger(__name__)

THRESHOLD = timedelta(seconds=1)
"""Smaller differences are left alone: they move a run by less than a second."""

INTERVAL_S = 0.5
"""How often the clocks are compared."""


class Clock(Protocol):
    """Two clocks, read by whoever needs the time."""

    def now(self) -> datetime:
        """The wall clock, aware."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment. `wall` is in UTC, so that summer time is no step."""

    wall: datetime
    monotonic: float


def read(clock: Clock) -> Reading:
    return Reading(clock.now().astimezone(UTC), clock.monotonic())


def step_between(earlier: Reading, later: Reading) -> timedelta | None:
    """By how much the wall clock was set between two readings, negative when back; None if it just went on.

    Linux does not count sleep (suspend) as monotonic time, so a machine that slept has stepped forward:
    rightly, since every timer slept too.
    """
    elapsed = timedelta(seconds=later.monotonic - earlier.monotonic)
    step = (later.wall - earlier.wall) - elapsed
    return step if abs(step) > THRESHOLD else None


class ClockGuard:
    """Calls `on_step(step)` once for every step of the wall clock.

    Steps too small to count add up: they are measured against the last step told, not the last look.
    """

    def __init__(
        self, clock: Clock, on_step: Callable[[timedelta], None], *, interval_s: float = INTERVAL_S
    ) -> None:
        self._clock = clock
        self._on_step = on_step
        self._interval_s = interval_s
        self._base = read(clock)

    def look(self) -> None:
        """Compare the clocks now; also for whoever has just set the clock and cannot wait."""
        reading = read(self._clock)
        step = step_between(self._base, reading)
        if step is None:
            return
        self._base = reading
        log.warning(
            "the clock was set %s by %.1f s", "forward" if step > timedelta(0) else "back", _size(step)
        )
        self._on_step(step)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                self.look()
            except Exception:  # a step that could not be acted on must not leave the next one unnoticed
                log.exception("a step of the clock could not be acted on")


def _size(step: timedelta) -> float:
    return abs(step.total_seconds())
