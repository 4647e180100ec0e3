from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.safe import safe, typed

anything = st.text(st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("raw", "visible"),
    [
        ("\x1b]0;pwned\x07", "^[]0;pwned^G"),
        ("a\r\nb", "a^M^Jb"),
        ("\x7f\x9b31m\x85", "^?\\x9b31m\\x85"),
        ("user\u202egnp", "user\\u202egnp"),
        ("one\u2028two", "one\\u2028two"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("a\tZürich 東京 🙂", "a\tZürich 東京 🙂"),
    ],
)
def test_what_steers_a_terminal_is_written_out(raw: str, visible: str) -> None:
    assert safe(raw) == visible


@given(anything)
def test_nothing_that_steers_or_hides_is_left(text: str) -> None:
    for char in safe(text):
        assert char == "\t" or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(char) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(anything)
def test_making_safe_twice_changes_nothing_more(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(anything)
def test_typed_text_keeps_the_keys_and_loses_what_no_key_makes(text: str) -> None:
    result = typed(text)
    assert len(result) == len(text)
    assert all(
        before == after or (ord(before) > 0x7F and after == "\ufffd")
        for before, after in zip(text, result, strict=True)
    )
    visible = "".join(char for char in result if char >= " " and char != "\x7f")
    assert safe(visible) == visible
