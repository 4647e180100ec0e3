"""Exactly once per masked date, over every zone of the zone database and every change of its clocks."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from scheduler.days import EVERY_DAY, Days, WeeklyTime, next_run

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Change:
    """Clocks in `zone` are changed at `at` (UTC) from offset `old` to `new`."""

    zone: ZoneInfo
    at: datetime
    old: timedelta
    new: timedelta

    def runs_for(self, wall: datetime) -> datetime:
        """The rule, worked out from the change alone: first showing, else the moment of the change."""
        if wall - self.old < self.at.replace(tzinfo=None):
            return (wall - self.old).replace(tzinfo=UTC)
        return max(self.at, (wall - self.new).replace(tzinfo=UTC))

    def times(self) -> set[time]:
        """Times of day worth trying: both edges of the gap or the fold, its middle, and two ordinary ones."""
        low, high = sorted((self.at + self.old, self.at + self.new))
        middle = low + (high - low) / 2
        return {
            at.replace(second=0, microsecond=0, tzinfo=None).time()
            for at in (low - MINUTE, low, middle, high - MINUTE, high)
        } | {time(0), time(2)}


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Change]:
    """Found by looking, not by asking the database: day by day, then halving down to the second."""
    day, old = start, start.astimezone(zone).utcoffset()
    while day < end:
        new = (day + DAY).astimezone(zone).utcoffset()
        if new != old:
            low, high = day, day + DAY
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == old else (low, middle)
            assert old is not None
            assert new is not None
            yield Change(zone, high.replace(microsecond=0), old, new)
        day, old = day + DAY, new


@cache
def all_changes(first_year: int, last_year: int) -> tuple[Change, ...]:
    start, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    return tuple(
        change
        for name in sorted(zoneinfo.available_timezones() - {"localtime"})
        for change in changes(ZoneInfo(name), start, end)
    )


def walked(weekly: WeeklyTime, after: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """What a planner does: the next run, then the next after that."""
    found = []
    run = next_run(weekly, after, zone)
    while run is not None and run.astimezone(UTC) < until:
        found.append(run.astimezone(UTC))
        run = next_run(weekly, run, zone)
    return found


@pytest.mark.parametrize(("first", "last"), [(2008, 2012), (2021, 2025), (2026, 2030)])
def test_every_masked_date_runs_once_around_every_change_of_the_clocks(first, last):
    seen = 0
    for change in all_changes(first, last):
        middle = (change.at + change.old).date()
        dates = [middle + n * DAY for n in range(-2, 4)]
        for at in change.times():
            expected = [change.runs_for(datetime.combine(day, at)) for day in dates]
            after, until = expected[0] - MINUTE, expected[-1] + MINUTE
            # Only where a whole day is left out can two dates meet at one instant.
            distinct = sorted(set(expected))
            assert len(distinct) == len(dates) or change.new - change.old == DAY
            assert walked(WeeklyTime(EVERY_DAY, at), after, until, change.zone) == distinct, (change, at)
        seen += 1
    assert seen > 500, "the zone database has lost its changes"


@pytest.mark.parametrize("year", [2011, 2026])
def test_one_day_of_the_week_runs_once_for_its_date_around_every_change(year):
    for change in all_changes(year, year):
        middle = (change.at + change.old).date()
        for at in change.times():
            for day in (middle - DAY, middle, middle + DAY):
                run = change.runs_for(datetime.combine(day, at))
                found = walked(WeeklyTime(Days.of(day), at), run - 2 * DAY, run + 4 * DAY, change.zone)
                assert found == [run], (change, at, day)


def test_in_every_zone_a_daily_time_runs_on_each_date_of_a_quiet_week():
    for name in zoneinfo.available_timezones() - {"localtime"}:
        zone = ZoneInfo(name)
        found = walked(
            WeeklyTime(EVERY_DAY, time(12)),
            datetime(2026, 1, 12, tzinfo=zone),
            datetime(2026, 1, 19, tzinfo=zone).astimezone(UTC),
            zone,
        )
        assert [run.astimezone(zone).date() for run in found] == [
            date(2026, 1, 12) + n * DAY for n in range(7)
        ], name
