from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.layout import ago, cut, day_and_time, duration, fit, folded, pairs, paragraph, table
from shell.safe import safe
from shell.term import Span, Style, plain, width

words = st.text(st.characters(codec="utf-8"), max_size=30)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@given(words, st.integers(1, 20))
def test_a_fitted_text_has_exactly_its_room(text: str, room: int) -> None:
    assert width(fit(text, room)) == room
    assert width(cut(text, room)) <= room


@given(st.lists(st.tuples(words, words, words), max_size=5))
def test_a_table_keeps_within_the_screen(rows: list[tuple[str, str, str]]) -> None:
    for line in table(rows, 60, heading=("One", "Two", "Three"), most=20):
        assert width(plain(line)) <= 60


@given(st.lists(st.tuples(words, words, words), max_size=5), st.integers(12, 90))
def test_a_whole_table_keeps_within_the_screen_and_loses_nothing_of_its_last_column(
    rows: list[tuple[str, str, str]], columns: int
) -> None:
    lines = [plain(line) for line in table(rows, columns, most=2, whole=True)]
    assert all(width(line) <= columns for line in lines)
    shown = "".join("".join(lines).split())
    for row in rows:
        assert "".join(safe(row[2]).split()) in shown


def test_the_last_column_goes_on_below_itself_or_below_its_row_where_there_is_no_room() -> None:
    rows = [("short", "one"), ("trace", "See what happens, as it happens")]
    assert [plain(line) for line in table(rows, 38, whole=True)] == [
        "short  one",
        "trace  See what happens, as it happens",
    ]
    assert [plain(line).rstrip() for line in table(rows, 37, whole=True)] == [
        "short  one",
        "trace  See what happens, as it",
        "       happens",
    ]
    assert [plain(line).rstrip() for line in table(rows, 20, whole=True)] == [
        "short  one",
        "trace",
        "    See what",
        "    happens, as it",
        "    happens",
    ]


def test_a_table_for_programs_is_not_cut() -> None:
    lines = table([("a" * 50, "b" * 100)], None)
    assert plain(lines[0]) == "a" * 50 + "  " + "b" * 100


def test_columns_begin_below_each_other() -> None:
    lines = [plain(line) for line in table([("a", "1"), ("long", "2"), ("東京", "3")], 40)]
    assert [width(line[: line.index(digit)]) for line, digit in zip(lines, "123", strict=True)] == [6, 6, 6]


@given(st.lists(st.tuples(st.sampled_from(["Value", "Default"]), words), max_size=4), st.integers(40, 100))
def test_pairs_and_paragraphs_keep_within_the_screen(items: list[tuple[str, str]], columns: int) -> None:
    for line in (*pairs(items, columns), *paragraph(" ".join(text for _, text in items), columns)):
        assert len(plain(line)) <= columns


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (11100, "3 h 5 min"),
        (86400, "1 d"), (273600, "3 d 4 h"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_ages_are_never_in_the_future() -> None:
    assert ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert ago(NOW + timedelta(hours=1), NOW) == "just now"


def test_moments_are_shown_in_the_zone_of_the_machine() -> None:
    assert day_and_time(NOW, ZoneInfo("Europe/Zurich")) == "Tue 2026-11-24 13:00"


def test_a_line_wider_than_the_screen_goes_on_below_itself() -> None:
    hint = "  right are: process NAME, level warning, call ID"
    short, table_row = "short", (Span("a" * 30), Span("b" * 30, Style.DIM))
    assert [plain(line) for line in folded((short, hint, table_row), 30)] == [
        "short",
        "  right are: process NAME,",
        "  level warning, call ID",
        "a" * 30 + "b" * 30,
    ]
    told = folded(((Span("% what was said is not understood", Style.BAD),),), 20)
    assert told == (
        (Span("% what was said is", Style.BAD),),
        (Span("  not understood", Style.BAD),),
    )
