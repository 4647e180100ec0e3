"""When a plan is due although the clock was set, and what passed while nobody watched."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.days import EVERY_DAY, NEVER, Days, WeeklyTime
from scheduler.jobs import (
    GRACE,
    SMALL_STEP,
    Missed,
    Outcome,
    RunResult,
    due_after,
    is_too_late,
    missed_between,
)

ZURICH = ZoneInfo("Europe/Zurich")
TWO = WeeklyTime(EVERY_DAY, time(2))
DUE = datetime(2026, 6, 10, 2, 0, tzinfo=ZURICH)


def at(seconds: float) -> datetime:
    return (DUE + timedelta(seconds=seconds)).astimezone(UTC)


@pytest.mark.parametrize("seconds", [-59, -30, -1, 0])
def test_a_clock_set_back_by_less_than_a_minute_does_not_run_it_again(seconds):
    assert due_after(TWO, at(seconds), ZURICH, last_due=DUE) == DUE + timedelta(days=1)


@pytest.mark.parametrize("seconds", [-60, -3600, -86400 * 2.5])
def test_a_clock_set_back_further_makes_the_plan_anew(seconds):
    due = due_after(TWO, at(seconds), ZURICH, last_due=DUE)
    assert due is not None
    assert due == due_after(TWO, at(seconds), ZURICH)
    assert due <= DUE


def test_a_run_long_ago_changes_nothing():
    assert due_after(TWO, at(7200), ZURICH, last_due=DUE) == DUE + timedelta(days=1)


def test_no_plan_and_no_day_are_never_due():
    assert due_after(None, at(0), ZURICH) is None
    assert due_after(WeeklyTime(NEVER, time(2)), at(0), ZURICH) is None


@given(st.integers(1, 127).map(Days), st.floats(0, 59.999), st.floats(0, 300))
def test_nothing_is_due_twice_for_any_jump_shorter_than_a_minute(days, jump, after):
    weekly = WeeklyTime(days, time(2))
    ran = due_after(weekly, at(-1), ZURICH)
    assert ran is not None
    now = ran.astimezone(UTC) + timedelta(seconds=after - jump)
    again = due_after(weekly, now, ZURICH, last_due=ran)
    assert again is not None
    assert again > ran


def test_five_minutes_late_is_the_last_moment():
    assert not is_too_late(DUE, at(GRACE.total_seconds()))
    assert is_too_late(DUE, at(GRACE.total_seconds() + 1))
    assert not is_too_late(DUE, at(-5))
    assert timedelta(0) < SMALL_STEP < GRACE


def test_what_passed_while_the_system_was_off_is_counted():
    assert missed_between(TWO, at(0), at(86399), ZURICH) is None
    assert missed_between(TWO, at(-1), at(0), ZURICH) == Missed(1, DUE)
    assert missed_between(TWO, at(0), at(86400 * 3), ZURICH) == Missed(3, DUE + timedelta(days=3))
    assert missed_between(None, at(0), at(86400), ZURICH) is None
    assert missed_between(WeeklyTime(NEVER, time(2)), at(0), at(86400), ZURICH) is None


def test_a_clock_that_went_back_in_time_has_missed_nothing():
    assert missed_between(TWO, at(86400 * 30), at(0), ZURICH) is None


def test_decades_are_not_counted_out_but_the_last_run_is_right():
    missed = missed_between(TWO, datetime(1970, 1, 1, tzinfo=UTC), at(60), ZURICH)
    assert missed is not None
    assert missed.last == DUE
    assert "more than 999" in missed.words()


def test_the_words_say_how_many():
    assert "at that time" in Missed(1, DUE).words()
    assert "at 3 planned times" in Missed(3, DUE).words()


def test_a_result_is_one_line():
    result = RunResult("web restart", DUE, DUE, DUE, Outcome.FAILED, "TimeoutError: not ready in 20 s")
    assert result.words() == "failed: TimeoutError: not ready in 20 s"
    assert RunResult("web restart", DUE, DUE, DUE, Outcome.DONE).words() == "done"
