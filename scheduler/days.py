"""Day bit masks: which days of the week, at which minute, and when that is next.

Values in, values out: no clock, no I/O. `spec: system variables, Day bit masks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import STRICT, IntFlag
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

EXPECTED = (
    "a day bit mask from 0 to 127 and a time of day in 24 h form, such as 9,02:00 (Sunday 1, Monday 2, "
    "Tuesday 4, Wednesday 8, Thursday 16, Friday 32, Saturday 64, added up), or day names and a time, "
    "such as sun,wed 02:00; blank for never"
)
LONGEST_TEXT = 200
"""Characters `parse` looks at; nobody needs more, and a network may send any number."""


class Days(IntFlag, boundary=STRICT):
    """Days of the week as the documents number them; their sum is the day bit mask, 0 … 127."""

    SUNDAY = 1
    MONDAY = 2
    TUESDAY = 4
    WEDNESDAY = 8
    THURSDAY = 16
    FRIDAY = 32
    SATURDAY = 64

    @classmethod
    def of(cls, day: date) -> Days:
        """The one day of the week that `day` is."""
        return cls(1 << day.isoweekday() % 7)

    def names(self) -> tuple[str, ...]:
        """English names, Sunday first."""
        return tuple((day.name or "").capitalize() for day in self)


NEVER = Days(0)
EVERY_DAY = Days(127)
WEEKDAYS = Days.MONDAY | Days.TUESDAY | Days.WEDNESDAY | Days.THURSDAY | Days.FRIDAY
WEEKEND = Days.SATURDAY | Days.SUNDAY


class WeeklyTimeError(ValueError):
    """Text that is no weekly time. `problem`: what was wrong; `expected`: what would be right."""

    def __init__(self, text: str, expected: str = EXPECTED, *, problem: str = "not a weekly time") -> None:
        super().__init__(f"{problem}; expected {expected}")
        self.text = text
        self.expected = expected
        self.problem = problem


@dataclass(frozen=True, slots=True)
class WeeklyTime:
    """A minute of the day, local, on some days of the week; no day at all means never."""

    days: Days
    at: time

    def __post_init__(self) -> None:
        if self.at.second or self.at.microsecond or self.at.tzinfo is not None:
            raise ValueError(f"{self.at!r} is not a whole minute of local time")

    def stored(self) -> str:
        """The documented form, `9,02:00`; `parse` gives the same value back."""
        return f"{int(self.days)},{self.at:%H:%M}"

    def words(self) -> str:
        """For people: `Sunday, Wednesday at 02:00`."""
        if self.days == NEVER:
            return "never (no day is set)"
        days = "every day" if self.days == EVERY_DAY else ", ".join(self.days.names())
        return f"{days} at {self.at:%H:%M}"


def parse(text: str) -> WeeklyTime | None:
    """What a person or the store wrote: `9,02:00`, `sun,wed 02:00`, `Mon-Fri at 2:30 pm`, `daily 02:00`.

    None for blank (and `never`, `off`): no plan. Raises WeeklyTimeError.
    """
    if len(text) > LONGEST_TEXT:
        raise WeeklyTimeError(text, problem=f"longer than {LONGEST_TEXT} characters")
    plain = " ".join(text.split()).lower()
    if plain in _BLANK:
        return None
    days, times = _read(text, plain)
    if not times:
        raise WeeklyTimeError(text, problem="the time of day is missing")
    if len(times) > 1:
        raise WeeklyTimeError(text, problem=f"{len(times)} times of day; there may be one")
    if days is None:
        raise WeeklyTimeError(text, problem="the days are missing")
    return WeeklyTime(days, times[0])


def next_run(weekly: WeeklyTime, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The first run later than `after` (aware), in `zone`; None if the mask is 0.

    Once per masked date: a time skipped when clocks go forward runs at the first minute that exists after it,
    a time that comes twice runs the first time. A date that its zone left out altogether (Samoa, 30 December
    2011) is such a skipped time: its run is at the next midnight.

    Compare results in UTC: Python compares two datetimes of one zone by the clock on the wall.
    """
    return next(_runs(weekly, after, zone), None)


def next_runs(weekly: WeeklyTime, after: datetime, zone: ZoneInfo, count: int) -> tuple[datetime, ...]:
    """The first `count` runs later than `after`, in order; empty if the mask is 0."""
    return tuple(islice(_runs(weekly, after, zone), count))


def _runs(weekly: WeeklyTime, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    if after.utcoffset() is None:
        raise ValueError(f"{after!r} has no zone")
    if weekly.days == NEVER:
        return
    last = after.astimezone(UTC)
    day = after.astimezone(zone).date()
    while day < date.max:
        if Days.of(day) in weekly.days:
            run = _first_instant(datetime.combine(day, weekly.at), zone)
            if run > last:
                yield run.astimezone(zone)
                last = run
        day += timedelta(days=1)


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """In UTC: when clocks in `zone` first show `wall`; if never, the first whole minute after that gap."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # In a gap fold=0 counts with the offset before it, fold=1 with the one after it (PEP 495),
    # so the change of the clocks lies between the two.
    before, since = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset = before.astimezone(zone).utcoffset()
    while since - before > timedelta(seconds=1):
        middle = before + (since - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            since = middle
    change = since.replace(microsecond=0).astimezone(zone)
    return since.replace(microsecond=0) + timedelta(seconds=-change.second % 60)


_BLANK = frozenset({"", "never", "off", "none", "blank"})
_SEPARATORS = frozenset({",", ";", "/", "&", "+", "@", "and", "at", "on", "every", "each", "the", "o'clock"})
_TO = frozenset({"-", "–", "to", "till", "until", "through"})
_SETS = {
    "daily": EVERY_DAY,
    "day": EVERY_DAY,
    "days": EVERY_DAY,
    "everyday": EVERY_DAY,
    "always": EVERY_DAY,
    "all": EVERY_DAY,
    "weekday": WEEKDAYS,
    "weekdays": WEEKDAYS,
    "workday": WEEKDAYS,
    "workdays": WEEKDAYS,
    "weekend": WEEKEND,
    "weekends": WEEKEND,
}
_ORDER = tuple(Days)
_NAMED_TIMES = {"midnight": time(0, 0), "noon": time(12, 0)}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time> [0-9]+ [:.] [0-9]+ (?: [:.] [0-9]+ )* (?: \s* [ap]\.?m\b\.? )?
              | [0-9]+ \s* [ap]\.?m\b\.? )
    | (?P<number> -?[0-9]+ )
    | (?P<word> [^\W\d_]+ (?: ' [^\W\d_]+ )? ) \.?
    | (?P<sign> [,;/&+@–-] )
    )""",
    re.VERBOSE,
)
_TIME = re.compile(r"(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2}))?\s*(?P<half>[ap])?[.m]*")


class _Seen(NamedTuple):
    kind: str
    word: str


def _tokens(text: str, plain: str) -> Iterator[_Seen]:
    position = 0
    while position < len(plain):
        found = _TOKEN.match(plain, position)
        if found is None:
            raise WeeklyTimeError(text, problem=f"{plain[position:].strip()[:20]!a} is not understood")
        yield _Seen(found.lastgroup or "", found[found.lastgroup or 0])
        position = found.end()


def _read(text: str, plain: str) -> tuple[Days | None, list[time]]:
    """Days (None if there are none) and times of day that `plain` names."""
    mask: Days | None = None
    named: Days | None = None
    first: Days | None = None  # a single day that a range may start from
    to = False  # a range has started and waits for its last day
    times: list[time] = []
    for kind, word in _tokens(text, plain):
        day = _day(word) if kind == "word" else None
        if to and day is None:
            raise WeeklyTimeError(text, problem=f"{word} is not the last day of a range")
        if kind == "time" or word in _NAMED_TIMES:
            times.append(_NAMED_TIMES.get(word) or _time(text, word))
        elif kind == "number":
            mask = _mask(text, word, mask)
        elif day is not None:
            span = _span(first, day) if to and first else day
            named, to = (named or NEVER) | span, False
        elif word in _TO:
            if first is None:
                raise WeeklyTimeError(text, problem=f"{word} without a day before it")
            to = True
        elif word in _SETS:
            named = (named or NEVER) | _SETS[word]
        elif word not in _SEPARATORS:
            raise WeeklyTimeError(text, problem=f"{word[:20]!a} is not a day")
        first = day if day is not None else first if to else None
    if to:
        raise WeeklyTimeError(text, problem="the last day of a range is missing")
    if mask is not None and named is not None:
        raise WeeklyTimeError(text, problem="a day bit mask and day names; there may be one of them")
    return (named if mask is None else mask), times


def _day(word: str) -> Days | None:
    """`sunday`, `sundays`, or a beginning of two letters or more; the first two tell all seven apart."""
    singular = word.removesuffix("s") if word.endswith("days") else word
    if singular in ("weds", "tues", "thurs"):
        singular = singular.removesuffix("s")
    if len(singular) < 2:
        return None
    return next((day for day in _ORDER if (day.name or "").lower().startswith(singular)), None)


def _span(first: Days, last: Days) -> Days:
    """All days from `first` to `last`, over Saturday if needed."""
    start, count = _ORDER.index(first), (_ORDER.index(last) - _ORDER.index(first)) % 7
    days = first
    for step in range(count + 1):
        days |= _ORDER[(start + step) % 7]
    return days


def _mask(text: str, word: str, earlier: Days | None) -> Days:
    if earlier is not None:
        raise WeeklyTimeError(text, problem=f"{int(earlier)} and {word[:20]}; there may be one day bit mask")
    if len(word) > 3 or not 0 <= int(word) <= EVERY_DAY:
        raise WeeklyTimeError(text, problem=f"{word[:20]} is not a day bit mask")
    return Days(int(word))


def _time(text: str, word: str) -> time:
    found = _TIME.fullmatch(word)
    if found is None:
        raise WeeklyTimeError(text, problem=f"{word[:20]} is not a time of day in hours and minutes")
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), found["half"]
    if half and not 1 <= hour <= 12:
        raise WeeklyTimeError(text, problem=f"{word[:20]}: with am and pm the hour is 1 to 12")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59:
        raise WeeklyTimeError(text, problem=f"{word[:20]} is not between 00:00 and 23:59")
    return time(hour, minute)
