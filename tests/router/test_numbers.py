"""Numbers as they come, as they are shown, and as they are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import numbers


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("0791234567", 0, "0791234567"),
        ("00791234567", 1, "0791234567"),
        ("+41791234567", 2, "791234567"),
        ("123", 2, "3"),
        ("123", 3, "123"),
        ("123", 20, "123"),
        ("+12", 2, "+12"),
        ("", 5, ""),
        ("alice", 2, "alice"),
    ],
)
def test_digits_are_removed_from_the_front_but_never_all(text: str, digits: int, expected: str) -> None:
    assert numbers.strip_front(text, digits) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("044 123-45.67", "0441234567"),
        ("(044) 123/45 67", "0441234567"),
        ("+41 (0)44 123 45 67", "+41441234567"),
        ("0041 (0)44 1", "0041441"),
        ("*21#", "*21#"),
        ("anna.meier", "anna.meier"),
        ("a b", "a b"),
        ("12+3", "12+3"),
        (" 12\r\nX", "12 X"),
        ("", ""),
    ],
)
def test_separators_go_and_names_stay(text: str, expected: str) -> None:
    assert numbers.clean(text) == expected


def test_double_zero_is_the_plus_sign_when_numbers_are_compared() -> None:
    assert numbers.normalise("0041 79 1") == numbers.normalise("+41791") == "+41791"
    assert numbers.normalise("00") == "00"
    assert numbers.shown("0041 79 1", 0) == "0041791"


@given(st.text())
def test_any_text_becomes_one_safe_line(text: str) -> None:
    tidied = numbers.tidy(text)
    assert len(tidied) <= numbers.LONGEST
    assert len(tidied.splitlines()) <= 1
    assert not any(ord(character) < 32 or character in "\x7f\u202e" for character in tidied)


@given(st.text(), st.integers(0, 20))
def test_normalising_twice_changes_nothing_more(text: str, digits: int) -> None:
    once = numbers.normalise(text)
    assert numbers.normalise(once) == once
    assert numbers.shown(text, digits) or not numbers.clean(text)
