"""What a typed time means, also in the nights when clocks go forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.reply import CommandError
from shell.wall import Never, Once, Twice, WallTimeError, meaning, read, step_words
from shell.zones import find_zone, zones

ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("date", "clock", "local"),
    [
        ("2026-11-22", "14:30", datetime.fromisoformat("2026-11-22T14:30:00")),
        ("2026-11-22", "14:30:59", datetime.fromisoformat("2026-11-22T14:30:59")),
        ("2028-02-29", "00:00", datetime.fromisoformat("2028-02-29T00:00:00")),
    ],
)
def test_date_and_time_are_read(date: str, clock: str, local: datetime) -> None:
    assert read(date, clock) == local


@pytest.mark.parametrize(
    ("date", "clock", "says"),
    [
        ("2026-02-30", "14:30", "no date and time"),
        ("22.11.2026", "14:30", "no date and time"),
        ("2026-11-22", "24:00", "no date and time"),
        ("2026-11-22", "14:30:60", "no date and time"),
        ("2026-11-22", "now", "no date and time"),
        ("1970-01-01", "00:00", "is not between 2020 and 2099"),
        ("2100-01-01", "00:00", "is not between 2020 and 2099"),
    ],
)
def test_what_is_no_time_is_said(date: str, clock: str, says: str) -> None:
    with pytest.raises(WallTimeError, match=says):
        read(date, clock)


def test_a_time_that_clocks_go_forward_over_does_not_exist() -> None:
    found = meaning(datetime.fromisoformat("2026-03-29T02:30:00"), ZURICH)
    assert found == Never(datetime(2026, 3, 29, 3, 30, tzinfo=ZURICH))


def test_a_time_that_clocks_go_back_over_comes_twice() -> None:
    found = meaning(datetime.fromisoformat("2026-10-25T02:30:00"), ZURICH)
    assert isinstance(found, Twice)
    assert (f"{found.first:%Z}", f"{found.second:%Z}") == ("CEST", "CET")
    assert found.second.astimezone(UTC) - found.first.astimezone(UTC) == timedelta(hours=1)


@given(
    st.sampled_from(["Europe/Zurich", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "UTC"]),
    st.datetimes(
        datetime.fromisoformat("2020-01-01T00:00:00"), datetime.fromisoformat("2099-12-31T00:00:00")
    ),
)
def test_every_other_time_is_the_moment_that_shows_it(name: str, local: datetime) -> None:
    zone = ZoneInfo(name)
    match meaning(local, zone):
        case Once(at):
            assert at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
        case Twice(first, second):
            assert first.astimezone(UTC) < second.astimezone(UTC)
            for at in (first, second):
                assert at.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == local
        case Never(instead):
            assert instead.replace(tzinfo=None) > local


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (timedelta(hours=2, minutes=5), "2 h 5 min forward"),
        (-timedelta(seconds=45), "45 s back"),
        (timedelta(days=365, seconds=3), "365 d 3 s forward"),
        (timedelta(milliseconds=3), "not at all"),
    ],
)
def test_a_step_reads_as_what_it_is(step: timedelta, words: str) -> None:
    assert step_words(step) == words


@pytest.mark.parametrize("typed", ["Europe/Zurich", "europe/zurich", " EUROPE/ZURICH "])
def test_a_zone_is_found_whatever_its_case(typed: str) -> None:
    assert find_zone(typed) == "Europe/Zurich"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("zurich", "Europe/Zurich"), ("Europe/Zuric", "Europe/Zurich"), ("qqq", "such as Europe/Zurich")],
)
def test_an_unknown_zone_is_refused_with_the_nearest(typed: str, hint: str) -> None:
    with pytest.raises(CommandError, match="there is no time zone") as refused:
        find_zone(typed)
    assert hint in refused.value.hint


def test_every_zone_that_is_offered_is_one() -> None:
    assert len(zones()) > 400
    for name in zones():
        ZoneInfo(name)
