from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.safe import safe
from shell.telnet.editor import Happened, LineEditor


def play(keys: str, limit: int = 20) -> tuple[Happened, str, str]:
    """What happened last, the line, and all echoes."""
    editor = LineEditor(limit)
    echoes = ""
    happened = Happened.NOTHING
    for char in keys:
        happened, echo = editor.key(char)
        echoes += echo
        if happened is not Happened.NOTHING:
            break
    return happened, editor.text, echoes


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("abc\r", "abc"),
        ("abx\x7fc\r", "abc"),
        ("abx\x08c\r", "abc"),
        ("\x7f\x7fa\r", "a"),
        ("rubbish\x15abc\r", "abc"),
        ("one two\x17three\r", "one three"),
        ("a\x1b[A\x1b[1;5C\x1bOP\x1bbc\r", "ac"),
        ("a\tb\r", "a b"),
        ("Zürich\r", "Zürich"),
        ("a\x1b[3\rb\r", "a"),
    ],
)
def test_keys_edit_the_line(keys: str, line: str) -> None:
    assert play(keys)[:2] == (Happened.ENTERED, line)


def test_interrupt_and_end_are_told_apart() -> None:
    assert play("abc\x03")[0] is Happened.INTERRUPTED
    assert play("\x04")[0] is Happened.ENDED
    assert play("abc\x04")[0] is Happened.NOTHING


def test_a_line_beyond_the_limit_is_refused_and_may_be_shortened() -> None:
    assert play("x" * 21 + "\r")[0] is Happened.TOO_LONG
    assert play("x" * 21 + "\x15abc\r")[:2] == (Happened.ENTERED, "abc")


def test_a_wide_character_is_erased_in_its_whole_width() -> None:
    assert play("東\x7f")[2] == "東\b \b\b \b"


@given(st.text(st.characters(), max_size=60))
def test_whatever_is_typed_the_line_is_harmless_and_within_its_limit(keys: str) -> None:
    _, line, echoes = play(keys)
    assert len(line) <= 20
    assert safe(line) == line
    assert not set(echoes) & {"\x1b", "\r", "\n", "\x9b"}


@given(st.text(st.characters(categories=("L", "N")), max_size=20))
def test_what_is_echoed_is_the_line(keys: str) -> None:
    assert play(keys + "\r") == (Happened.ENTERED, keys, keys)
