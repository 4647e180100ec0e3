"""What a planned job is, how a run ended, and when it is due when the clock is not what it was.

Values in, values out; the clock is read elsewhere. `spec: system variables, Day bit masks, Edge rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from scheduler.days import WeeklyTime, next_run

GRACE = timedelta(minutes=5)
"""How late a run may start. A restart missed at 02:00 must not happen at 08:00."""

SMALL_STEP = timedelta(minutes=1)
"""A clock set back by less than this does not make a run happen again."""

MOST_MISSED = 1000
"""Missed runs are counted up to here: a clock that starts in 1970 must not keep us counting."""


class Outcome(Enum):
    """What became of a due time. MISSED: nothing ran within its grace. SKIPPED: the run before still ran."""

    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one due time of a plan ended. `started` is None if nothing ran; times are aware."""

    name: str
    due: datetime
    started: datetime | None
    finished: datetime
    outcome: Outcome
    detail: str = ""

    def words(self) -> str:
        """One line: `done: web answers again`."""
        return f"{self.outcome.value}: {self.detail}" if self.detail else self.outcome.value


@dataclass(frozen=True, slots=True)
class JobState:
    """A plan as it stands. `last_run` is when the last result's run was due."""

    name: str
    weekly: WeeklyTime | None
    next_run: datetime | None
    last_run: datetime | None
    last_result: str | None


@dataclass(frozen=True, slots=True)
class Missed:
    """Due times that passed while nobody watched: how many, and the last of them."""

    count: int
    last: datetime

    def words(self) -> str:
        if self.count == 1:
            return "the system was off at that time; not caught up"
        shown = f"more than {MOST_MISSED - 1}" if self.count >= MOST_MISSED else str(self.count)
        return f"the system was off at {shown} planned times, this the last; not caught up"


def due_after(
    weekly: WeeklyTime | None, now: datetime, zone: ZoneInfo, last_due: datetime | None = None
) -> datetime | None:
    """When the plan is due next. What ran at `last_due` is not due again for a clock set back a little."""
    if weekly is None:
        return None
    after = now.astimezone(UTC)
    if last_due is not None and timedelta(0) <= last_due.astimezone(UTC) - after < SMALL_STEP:
        after = last_due.astimezone(UTC)
    return next_run(weekly, after, zone)


def is_too_late(due: datetime, now: datetime) -> bool:
    """Whether a run that was due must not start any more."""
    return now.astimezone(UTC) - due.astimezone(UTC) > GRACE


def missed_between(
    weekly: WeeklyTime | None, since: datetime, now: datetime, zone: ZoneInfo
) -> Missed | None:
    """Due times later than `since` and not later than `now`; None if there were none."""
    missed: Missed | None = None
    due = due_after(weekly, since, zone)
    while weekly is not None and due is not None and due.astimezone(UTC) <= now.astimezone(UTC):
        count = 1 if missed is None else missed.count + 1
        if count >= MOST_MISSED:
            # The rest is not walked: the last one lies within the week before now.
            recent = _last_due(weekly, now, zone)
            return Missed(count, recent or due)
        missed = Missed(count, due)
        due = next_run(weekly, due, zone)
    return missed


def _last_due(weekly: WeeklyTime, now: datetime, zone: ZoneInfo) -> datetime | None:
    last: datetime | None = None
    due = next_run(weekly, now - timedelta(days=9), zone)
    while due is not None and due.astimezone(UTC) <= now.astimezone(UTC):
        last, due = due, next_run(weekly, due, zone)
    return last
