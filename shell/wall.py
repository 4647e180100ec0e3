"""Date and time as an administrator types them, and what they mean where clocks go forward and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EARLIEST = datetime(2020, 1, 1)  # noqa: DTZ001 -- local time, wherever that is
LATEST = datetime(2100, 1, 1)  # noqa: DTZ001
EXPECTED = "YYYY-MM-DD HH:MM or HH:MM:SS, such as 2026-11-22 14:30"


class WallTimeError(ValueError):
    """Text that is no date and time to set a clock to; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Once:
    """An ordinary time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Twice:
    """Clocks go back over it: it comes once before and once after."""

    first: datetime
    second: datetime


@dataclass(frozen=True, slots=True)
class Never:
    """Clocks go forward over it. `instead`: what the clock shows when it should have come."""

    instead: datetime


Meaning = Once | Twice | Never


def read(date: str, clock: str) -> datetime:
    """Naive local time. Raises WallTimeError."""
    text = f"{date} {clock}"
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            local = datetime.strptime(text, form)  # noqa: DTZ007
        except ValueError:
            continue
        if not EARLIEST <= local < LATEST:
            raise WallTimeError(f"{date} is not between {EARLIEST:%Y} and {LATEST.year - 1}")
        return local
    raise WallTimeError(f"{text!r} is no date and time")


def meaning(local: datetime, zone: ZoneInfo) -> Meaning:
    """What naive `local` is in that zone. `PEP 495`: with fold 0 a gap is counted from before it."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    assert before is not None
    assert after is not None
    if before == after:
        return Once(first)
    if before > after:
        return Twice(first, second)
    return Never(first.astimezone(UTC).astimezone(zone))


def step_words(step: timedelta) -> str:
    """`2 h 5 min forward`, `45 s back`, `not at all`."""
    seconds = round(abs(step).total_seconds())
    if not seconds:
        return "not at all"
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return f"{' '.join(parts[:2])} {'forward' if step > timedelta(0) else 'back'}"
