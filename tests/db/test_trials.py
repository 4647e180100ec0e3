"""When a trial is over, whatever happens to the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.variables.states import Actor, Change
from db.variables.trials import Deadlines, Outcome, Trial

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def trial(number: int = 1, given: timedelta = FIVE) -> Trial:
    change = Change(number, NOON, Actor("anna", "", "telnet"), "gWebTimeout", "20", "2", True, False)
    return Trial(change, given, NOON + given, Outcome.WAITING)


def test_a_trial_is_over_when_its_time_is() -> None:
    deadlines = Deadlines({}).following([trial()], NOON, 1000.0)
    assert deadlines.over(1299.9) == ()
    assert deadlines.over(1300.0) == (1,)


@pytest.mark.parametrize("hours", [-30000, -1, 1, 30000])
def test_a_step_of_the_wall_clock_moves_nothing(hours: int) -> None:
    first = Deadlines({}).following([trial()], NOON, 1000.0)
    later = first.following([trial()], NOON + timedelta(hours=hours), 1100.0)
    assert later == first


def test_after_a_restart_what_is_left_counts() -> None:
    again = Deadlines({}).following([trial()], NOON + timedelta(minutes=4), 0.0)
    assert again.over(59.0) == ()
    assert again.over(60.0) == (1,)


def test_what_ran_out_while_nothing_ran_is_over_at_once() -> None:
    assert Deadlines({}).following([trial()], NOON + timedelta(days=9), 0.0).over(0.0) == (1,)


def test_a_clock_that_went_back_while_nothing_ran_gives_no_more_than_was_given() -> None:
    assert Deadlines({}).following([trial()], NOON - timedelta(days=9), 0.0).over(300.0) == (1,)


def test_what_waits_no_more_is_forgotten_and_the_latest_is_undone_first() -> None:
    both = Deadlines({}).following([trial(1), trial(2)], NOON, 0.0)
    assert both.over(300.0) == (2, 1)
    assert both.following([trial(2)], NOON, 1.0).over(300.0) == (2,)


@given(
    steps=st.lists(st.tuples(st.floats(0, 400), st.integers(-(10**6), 10**6)), max_size=20),
    minutes=st.integers(1, 60),
)
def test_however_the_clock_is_set_a_trial_takes_as_long_as_was_given(
    steps: list[tuple[float, int]], minutes: int
) -> None:
    one = trial(1, timedelta(minutes=minutes))
    deadlines, monotonic = Deadlines({}).following([one], NOON, 0.0), 0.0
    for passed, jump in steps:
        monotonic += passed
        deadlines = deadlines.following([one], NOON + timedelta(seconds=jump), monotonic)
        assert bool(deadlines.over(monotonic)) is (monotonic >= minutes * 60)
