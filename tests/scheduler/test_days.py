"""Day bit masks: what people write, what is stored, and when it is next in one zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.days import EVERY_DAY, NEVER, Days, WeeklyTime, WeeklyTimeError, next_run, next_runs, parse

ZURICH = ZoneInfo("Europe/Zurich")
HOWE = ZoneInfo("Australia/Lord_Howe")

minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
weeklies = st.builds(WeeklyTime, st.integers(0, 127).map(Days), minutes)
zones = st.sampled_from(
    [
        "Europe/Zurich",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Nuuk",
        "Asia/Beirut",
        "America/Santiago",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "America/Havana",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "UTC",
    ]
).map(ZoneInfo)
moments = st.datetimes(datetime(1975, 1, 1), datetime(2036, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def weekly(text: str) -> WeeklyTime:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "9,02:00",
        " 9 , 2:00 ",
        "9 02:00",
        "009,02:00",
        "9;02.00",
        "sun,wed 02:00",
        "su we 02:00",
        "Sunday, Wednesday at 02:00",
        "on SUNDAYS and Weds. at 2 am",
        "02:00 sun + wed",
        "wed sun wed 2:00 a.m.",
        "every Sunday & Wednesday @ 2am",
    ],
)
def test_the_documents_example_is_understood_however_it_is_spelled(text):
    assert weekly(text) == WeeklyTime(Days.SUNDAY | Days.WEDNESDAY, time(2))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("daily 02:00", "127,02:00"),
        ("every day at 14:30", "127,14:30"),
        ("weekdays 2:30 pm", "62,14:30"),
        ("weekend noon", "65,12:00"),
        ("mon-fri 23:59", "62,23:59"),
        ("fri to mon 0:00", "99,00:00"),
        ("Monday – Wednesday, Saturday at midnight", "78,00:00"),
        ("tues,thurs 12 am", "20,00:00"),
        ("tues,thurs 12:05 pm", "20,12:05"),
        ("sun-sun 1:00", "1,01:00"),
        ("127,23:59", "127,23:59"),
        ("0,02:00", "0,02:00"),
    ],
)
def test_sets_ranges_and_halves_of_the_day_become_the_documented_form(text, stored):
    assert weekly(text).stored() == stored


@pytest.mark.parametrize("text", ["", "   ", "\t", "never", "Off"])
def test_blank_means_no_plan(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("128,02:00", "128 is not a day bit mask"),
        ("-1,02:00", "-1 is not a day bit mask"),
        ("0001001,02:00", "0001001 is not a day bit mask"),
        ("9", "the time of day is missing"),
        ("sun", "the time of day is missing"),
        ("02:00", "the days are missing"),
        ("9,24:00", "24:00 is not between 00:00 and 23:59"),
        ("9,02:60", "02:60 is not between 00:00 and 23:59"),
        ("9,02:0", "02:0 is not a time of day in hours and minutes"),
        ("9,02:00:00", "02:00:00 is not a time of day in hours and minutes"),
        ("9,2", "9 and 2; there may be one day bit mask"),
        ("9 sun 02:00", "a day bit mask and day names; there may be one of them"),
        ("sun 02:00 03:00", "2 times of day; there may be one"),
        ("sun 14:00 pm", "14:00 pm: with am and pm the hour is 1 to 12"),
        ("someday 02:00", "'someday' is not a day"),
        ("s 02:00", "'s' is not a day"),
        ("sun- 02:00", "02:00 is not the last day of a range"),
        ("sun-", "the last day of a range is missing"),
        ("-sun 02:00", "- without a day before it"),
        ("٩,02:00", "'\\u0669,02:00' is not understood"),
        ("9,02:00\x1b[2J", "'\\x1b[2j' is not understood"),
        ("9" * 201, "longer than 200 characters"),
    ],
)
def test_a_refusal_says_what_was_wrong_and_what_is_right(text, problem):
    with pytest.raises(WeeklyTimeError) as refusal:
        parse(text)
    assert refusal.value.problem == problem
    assert refusal.value.text == text
    assert "9,02:00" in refusal.value.expected
    assert str(refusal.value).isascii()


@given(weeklies)
def test_the_stored_form_comes_back_as_it_was(value):
    assert parse(value.stored()) == value


@given(weeklies.filter(lambda value: value.days != NEVER))
def test_the_words_are_understood_too(value):
    assert parse(value.words()) == value


@given(
    st.text(max_size=250)
    | st.lists(
        st.sampled_from(["sun", "wed", "-", "to", ",", "9", "2:00", "am", "daily", "at", "99", ":", "é"])
    ).map(" ".join)
)
def test_any_text_is_a_weekly_time_or_blank_or_refused_and_nothing_else(text):
    try:
        value = parse(text)
    except WeeklyTimeError as refusal:
        assert refusal.problem  # noqa: PT017
    else:
        assert value is None or parse(value.stored()) == value


def test_words_are_for_people():
    assert weekly("9,02:00").words() == "Sunday, Wednesday at 02:00"
    assert weekly("127,14:05").words() == "every day at 14:05"
    assert weekly("0,02:00").words() == "never (no day is set)"


def test_a_date_knows_its_bit():
    sunday = date(2026, 11, 22)
    assert [int(Days.of(sunday + timedelta(days=n))) for n in range(7)] == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("at", [time(2, 0, 1), time(2, 0, 0, 1), time(2, tzinfo=UTC)])
def test_a_weekly_time_is_a_whole_local_minute(at):
    with pytest.raises(ValueError, match="whole minute"):
        WeeklyTime(EVERY_DAY, at)


def test_a_mask_beyond_the_week_is_no_mask():
    with pytest.raises(ValueError, match="128"):
        Days(128)


def test_the_next_three_dates_of_the_documents_example():
    runs = next_runs(weekly("9,02:00"), datetime(2026, 11, 22, 2, 0, tzinfo=ZURICH), ZURICH, 3)
    assert [f"{run:%a %d.%m. %H:%M}" for run in runs] == [
        "Wed 25.11. 02:00",
        "Sun 29.11. 02:00",
        "Wed 02.12. 02:00",
    ]
    assert all(run.tzinfo is ZURICH for run in runs)


def test_a_mask_of_zero_never_runs():
    assert next_run(weekly("0,02:00"), datetime(2026, 1, 1, tzinfo=UTC), ZURICH) is None
    assert next_runs(weekly("0,02:00"), datetime(2026, 1, 1, tzinfo=UTC), ZURICH, 3) == ()


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no zone"):
        next_run(weekly("9,02:00"), datetime(2026, 1, 1), ZURICH)  # noqa: DTZ001


def test_sunday_restart_happens_once_when_clocks_go_back():
    run = next_run(weekly("1,02:30"), datetime(2026, 10, 24, tzinfo=UTC), ZURICH)
    assert run is not None
    assert run.astimezone(UTC) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )  # 02:30 summer time, not again at 01:30 UTC
    again = next_run(weekly("1,02:30"), run, ZURICH)
    assert again == datetime(2026, 11, 1, 2, 30, tzinfo=ZURICH)


def test_between_the_two_half_past_twos_the_restart_is_already_done():
    second = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # 02:00 for the second time
    run = next_run(weekly("127,02:30"), second, ZURICH)
    assert run == datetime(2026, 10, 26, 2, 30, tzinfo=ZURICH)


def test_a_skipped_time_runs_at_the_first_minute_that_exists():
    run = next_run(weekly("1,02:30"), datetime(2026, 3, 28, tzinfo=UTC), ZURICH)
    assert run is not None
    assert run.isoformat() == "2026-03-29T03:00:00+02:00"


@pytest.mark.parametrize(
    ("zone", "at", "eve", "expected"),
    [
        ("Australia/Lord_Howe", "02:15", "2026-10-03T10:00+00:00", "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", "01:45", "2026-04-04T10:00+00:00", "2026-04-05T01:45:00+11:00"),
        ("Asia/Beirut", "00:00", "2026-03-28T12:00+00:00", "2026-03-29T01:00:00+03:00"),
        ("America/Asuncion", "00:59", "2023-09-30T12:00+00:00", "2023-10-01T01:00:00-03:00"),
        ("America/Santiago", "00:30", "2026-09-05T12:00+00:00", "2026-09-06T01:00:00-03:00"),
        ("America/Nuuk", "23:30", "2026-03-28T12:00+00:00", "2026-03-29T00:00:00-01:00"),
        ("America/Caracas", "02:45", "2016-05-01T05:00+00:00", "2016-05-01T03:00:00-04:00"),
        ("Antarctica/Troll", "01:30", "2026-03-29T00:30+00:00", "2026-03-29T03:00:00+02:00"),
        ("Pacific/Kwajalein", "12:00", "1993-08-21T10:00+00:00", "1993-08-22T00:00:00+12:00"),
    ],
)
def test_odd_changes_of_the_clocks(zone, at, eve, expected):
    run = next_run(weekly(f"127,{at}"), datetime.fromisoformat(eve), ZoneInfo(zone))
    assert run is not None
    assert run.isoformat() == expected


def test_where_an_offset_had_seconds_the_first_whole_minute_counts():
    # Liberia went from -0:44:30 to UTC on 7 January 1972: 00:00:00 became 00:44:30.
    run = next_run(weekly("127,00:10"), datetime(1972, 1, 6, 12, tzinfo=UTC), ZoneInfo("Africa/Monrovia"))
    assert run is not None
    assert run.isoformat() == "1972-01-07T00:45:00+00:00"


def test_the_friday_that_samoa_left_out_runs_at_the_next_midnight():
    apia = ZoneInfo("Pacific/Apia")
    eve = datetime(2011, 12, 29, 12, tzinfo=apia)
    assert [run.isoformat() for run in next_runs(weekly("fri,sat 02:00"), eve, apia, 3)] == [
        "2011-12-31T00:00:00+14:00",
        "2011-12-31T02:00:00+14:00",
        "2012-01-06T02:00:00+14:00",
    ]


def test_two_dates_that_meet_at_one_instant_are_one_run():
    apia = ZoneInfo("Pacific/Apia")
    eve = datetime(2011, 12, 29, 12, tzinfo=apia)
    assert [run.isoformat() for run in next_runs(weekly("fri,sat 00:00"), eve, apia, 2)] == [
        "2011-12-31T00:00:00+14:00",
        "2012-01-06T00:00:00+14:00",
    ]


@given(weeklies.filter(lambda value: value.days != NEVER), moments, zones)
def test_the_next_run_is_later_and_within_eight_days(value, after, zone):
    run = next_run(value, after, zone)
    assert run is not None
    assert after < run.astimezone(UTC) <= after + timedelta(days=8, hours=2)


@given(
    weeklies.filter(lambda value: value.days != NEVER),
    moments,
    zones,
    st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_a_later_look_never_finds_an_earlier_run(value, after, zone, more):
    first, second = next_run(value, after, zone), next_run(value, after + more, zone)
    assert first is not None
    assert second is not None
    assert first.astimezone(UTC) <= second.astimezone(UTC)
    if after + more < first.astimezone(UTC):
        assert first == second


@given(weeklies.filter(lambda value: value.days != NEVER), moments, zones, st.integers(0, 5))
def test_a_list_of_runs_is_one_run_after_the_other(value, after, zone, count):
    runs, moment = [], after
    for _ in range(count):
        run = next_run(value, moment, zone)
        assert run is not None
        runs.append(run)
        moment = run
    assert next_runs(value, after, zone, count) == tuple(runs)


@given(weeklies.filter(lambda value: value.days != NEVER), moments, zones)
def test_the_zone_of_the_question_does_not_matter(value, after, zone):
    assert next_run(value, after, zone) == next_run(value, after.astimezone(HOWE), zone)
