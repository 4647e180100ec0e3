"""Changes on trial: who made them, until when they may be confirmed, how that ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from db.variables.states import Change

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=1)


class Outcome(StrEnum):
    """What has become of a change on trial; all but WAITING are final."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    UNDONE = "undone"
    """Nobody confirmed it in time: the value is as it was before."""
    OVERTAKEN = "overtaken"
    """Somebody has changed the value, or taken the change back, meanwhile: there is nothing to undo."""
    KEPT = "kept"
    """It could not be undone, since the old value would not be right any more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`until`: aware, UTC; `given`: how long that was; `ended`: when `outcome` came about."""

    change: Change
    given: timedelta
    until: datetime
    outcome: Outcome
    ended: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.outcome is Outcome.WAITING


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When each waiting trial is over, on a clock that nobody sets: a step of the wall clock neither cuts a
    trial short nor makes it last. Across a restart there is only the wall clock, and it is believed as far
    as what was given."""

    at: Mapping[int, float]

    def following(self, waiting: Sequence[Trial], wall: datetime, monotonic: float) -> Deadlines:
        """With trials that are new to us, and without those that wait no more."""
        return Deadlines(
            {
                trial.change.id: self.at.get(trial.change.id, monotonic + _left(trial, wall))
                for trial in waiting
            }
        )

    def without(self, change: int) -> Deadlines:
        return Deadlines({number: at for number, at in self.at.items() if number != change})

    def over(self, monotonic: float) -> tuple[int, ...]:
        """The changes whose time is up, the latest first: each can be undone only after those that came
        after it."""
        return tuple(sorted((number for number, at in self.at.items() if at <= monotonic), reverse=True))


def _left(trial: Trial, wall: datetime) -> float:
    """Seconds: none when the time is over, never more than was given."""
    return max(0.0, min((trial.until - wall).total_seconds(), trial.given.total_seconds()))
