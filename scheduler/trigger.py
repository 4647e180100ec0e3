"""The day mask as APScheduler sees it.

CronTrigger fires twice when clocks go back and counts weekdays from Monday, so the rule is ours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger

from scheduler.days import WeeklyTime, next_run

LOOK_BACK = timedelta(days=8)
"""APScheduler lists every run time since the last one even when it coalesces them (apscheduler #1066);
a clock set forward by years would keep it busy. Runs older than this are not listed."""


class DayMaskTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 carries no types
    """Fires once per masked date, as `scheduler.days.next_run` says."""

    __slots__ = ("weekly", "zone")

    def __init__(self, weekly: WeeklyTime, zone: ZoneInfo) -> None:
        self.weekly = weekly
        self.zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The run after the previous one; without one, the run after `now`."""
        if previous_fire_time is None:
            return next_run(self.weekly, now, self.zone)
        oldest = now.astimezone(UTC) - LOOK_BACK
        return next_run(self.weekly, max(previous_fire_time.astimezone(UTC), oldest), self.zone)

    def __str__(self) -> str:
        return f"{self.weekly.words()} ({self.zone})"
