"""A moment as people type it: pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

EXPECTED = '"2026-11-22 14:30", "14:30" for today, or a day and a time such as "sunday 03:00"'
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class WhenError(ValueError):
    """Text that is no moment; the message says what is right."""


def parse(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Local time of `zone` unless the text has an offset. A day of the week is the next one, or today if the
    time is still to come. Raises WhenError."""
    words = text.split()
    try:
        if len(words) == 1 and ":" in text and "-" not in text:
            return _at(now.astimezone(zone), words[0])
        if len(words) == 2 and (day := _day(words[0])) is not None:
            return _next(now.astimezone(zone), day, words[1])
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WhenError(f'"{text}" is no time; right would be {EXPECTED}') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _day(word: str) -> int | None:
    matching = [day for day, name in enumerate(_DAYS) if len(word) >= 2 and name.startswith(word.lower())]
    return matching[0] if len(matching) == 1 else None


def _at(day: datetime, clock: str) -> datetime:
    at = time.fromisoformat(clock)
    return day.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0, fold=0)


def _next(now: datetime, day: int, clock: str) -> datetime:
    found = _at(now + timedelta(days=(day - now.weekday()) % 7), clock)
    return found if found >= now else found + timedelta(days=7)
