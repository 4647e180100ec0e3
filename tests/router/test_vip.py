"""Who is a VIP: list entries with wildcards and expiry, contacts by rank."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import vip
from router.model import Contact, Group, VipEntry
from router.vip import Directory, PatternError, Vip, VipList, parse_pattern

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("0791234567", "0791234567"),
        ("079 123 45 67", "0791234567"),
        ("079.......", "0791234567"),
        ("079T", "079"),
        ("079T", "0791234567"),
        ("t67", "0791234567"),
        ("T", "1"),
        ("T", "+41"),
        ("0T9T7", "0791234567"),
        ("079T.67", "0791234567"),
        ("+41T", "+4179"),
        ("0041T", "+4179"),
        ("4179", "+4179"),
        ("*.#", "*1#"),
        ("TTT1", "1"),
    ],
)
def test_number_fits(pattern: str, number: str) -> None:
    assert parse_pattern(pattern).matches(number)


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("079", "0791"),
        ("0791", "079"),
        ("079.", "079"),
        ("+41T", "4179"),
        ("T1", "12"),
        ("1T1", "1"),
        (".T.", "1"),
        ("T", "anonymous"),
        ("T", ""),
    ],
)
def test_number_does_not_fit(pattern: str, number: str) -> None:
    assert not parse_pattern(pattern).matches(number)


@pytest.mark.parametrize("text", ["", " ", "+", "abc", "07x", "1+2", "(.*)+", "07,9", "1" * 65, "٣"])
def test_anything_else_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(PatternError) as refused:
        parse_pattern(text)
    assert refused.value.text == text
    assert "one digit" in refused.value.expected or "at most 64" in refused.value.expected


@given(st.text("123.T", min_size=1, max_size=12), st.text("123", min_size=1, max_size=12))
def test_matching_agrees_with_a_regular_expression(pattern: str, number: str) -> None:
    expression = pattern.replace(".", "[0-9]").replace("T", "[0-9]*")
    assert parse_pattern(pattern).matches(number) == (re.fullmatch(expression, number) is not None)


@given(st.text())
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError:
        return
    pattern.matches("0791234567")


def test_worst_pattern_takes_no_time() -> None:
    pattern = parse_pattern("T1" * 31 + "2")
    before = time.process_time()
    for _ in range(100):
        assert not pattern.matches("1" * 64)
    assert time.process_time() - before < 0.5


def test_entry_counts_until_it_expires() -> None:
    entries = VipList.of(
        [VipEntry("079T", "gone", NOW), VipEntry("079.", "stays", NOW + timedelta(seconds=1))]
    )
    found = entries.match("0791", NOW)
    assert found is not None
    assert found.description == "stays"
    assert entries.match("0791", NOW + timedelta(seconds=1)) is None


def test_expired_exact_entry_does_not_hide_a_valid_one() -> None:
    entries = VipList.of([VipEntry("0791", "gone", NOW), VipEntry("0791", "stays")])
    found = entries.match("0791", NOW)
    assert found is not None
    assert found.description == "stays"


def test_unreadable_entry_is_set_aside() -> None:
    entries = VipList.of([VipEntry("nonsense"), VipEntry("1")])
    assert entries.unreadable == (VipEntry("nonsense"),)
    assert entries.match("1", NOW) is not None


@given(st.lists(st.text("12.T", min_size=1, max_size=4)), st.text("12", min_size=1, max_size=4))
def test_list_finds_an_entry_exactly_if_one_of_them_fits(patterns: list[str], number: str) -> None:
    found = VipList.of(VipEntry(pattern) for pattern in patterns).match(number, NOW)
    assert (found is not None) == any(parse_pattern(pattern).matches(number) for pattern in patterns)


@pytest.mark.parametrize(
    ("rank", "threshold", "is_vip"), [(5, 5, True), (6, 5, True), (4, 5, False), (9, 0, False), (0, 0, False)]
)
def test_rank_counts_from_the_threshold_which_zero_switches_off(
    rank: int, threshold: int, is_vip: bool
) -> None:
    group = Group("Board", vip_threshold=threshold)
    found = vip.judge(group, VipList.of([]), Contact("Frei", ("1",), rank), "1", NOW)
    assert found == (Vip(rank=rank, threshold=threshold) if is_vip else None)


def test_of_two_contacts_with_one_number_the_higher_rank_counts() -> None:
    directory = Directory.of([Contact("A", ("1",), 2), Contact("B", ("1", "2"), 7), Contact("C", ("2",), 1)])
    assert [directory.find(number).name for number in ("1", "2")] == ["B", "B"]  # type: ignore[union-attr]
    assert directory.find("3") is None
