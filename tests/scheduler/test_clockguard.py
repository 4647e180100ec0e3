"""A step of the wall clock is told once; its ordinary running, summer time and slewing are none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.clockguard import THRESHOLD, ClockGuard, Reading, SystemClock, step_between

START = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)


class HandClock:
    """Both clocks moved by hand; shown in a zone with summer time."""

    def __init__(self) -> None:
        self.wall = START
        self.steady = 100.0

    def now(self) -> datetime:
        return self.wall.astimezone(ZoneInfo("Europe/Zurich"))

    def monotonic(self) -> float:
        return self.steady

    def go_on(self, seconds: float, step: float = 0.0) -> None:
        self.steady += seconds
        self.wall += timedelta(seconds=seconds + step)


@given(st.floats(0, 1e6), st.floats(-1e6, 1e6))
def test_a_step_is_the_difference_of_the_two_clocks(elapsed, stepped):
    later = Reading(START + timedelta(seconds=elapsed + stepped), 100.0 + elapsed)
    step = step_between(Reading(START, 100.0), later)
    if abs(stepped) > THRESHOLD.total_seconds() + 1e-3:
        assert step is not None
        assert step.total_seconds() == pytest.approx(stepped, abs=1e-3)
    if abs(stepped) < THRESHOLD.total_seconds() - 1e-3:
        assert step is None


@pytest.mark.parametrize("step", [3600.0, 2.0, -2.0, -3600.0, 86400.0 * 365])
def test_a_step_is_told_once(step):
    clock, told = HandClock(), []
    guard = ClockGuard(clock, told.append)
    clock.go_on(0.25, step)
    guard.look()
    clock.go_on(0.25)
    guard.look()
    assert told == [timedelta(seconds=step)]


def test_summer_time_is_no_step():
    clock, told = HandClock(), []
    guard = ClockGuard(clock, told.append)
    clock.go_on(120)  # 01:59 CET to 03:01 CEST
    guard.look()
    assert told == []


def test_many_small_steps_count_when_they_add_up():
    clock, told = HandClock(), []
    guard = ClockGuard(clock, told.append)
    for _ in range(5):
        clock.go_on(0.25, 0.3)
        guard.look()
    assert len(told) == 1
    assert told[0].total_seconds() == pytest.approx(1.2)


async def test_the_guard_looks_by_itself_until_it_is_cancelled():
    clock = HandClock()
    told: asyncio.Queue[timedelta] = asyncio.Queue()
    looking = asyncio.create_task(ClockGuard(clock, told.put_nowait, interval_s=0.001).run())
    clock.go_on(1, -600)
    async with asyncio.timeout(5):
        assert await told.get() == timedelta(seconds=-600)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


def test_the_machines_clocks_are_aware_and_go_on():
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() >= first
