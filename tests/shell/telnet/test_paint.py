from __future__ import annotations

import pytest

from shell.telnet.paint import Paint, depth
from shell.term import Span, Style


@pytest.mark.parametrize(
    ("term", "colorterm", "colours"),
    [
        ("xterm-256color", "", 256),
        ("xterm", "truecolor", 1 << 24),
        ("xterm", "24bit", 1 << 24),
        ("screen", "", 16),
        ("putty", "", 16),
        ("vt100", "", 0),
        ("wyse60", "nonsense", 0),
    ],
)
def test_a_terminal_gets_the_colours_it_says_it_has(term: str, colorterm: str, colours: int) -> None:
    assert depth(term, colorterm) == colours


def test_styles_are_sequences_around_text_made_safe() -> None:
    line = (Span("state "), Span("bad\x1b[2J", Style.BAD))
    assert Paint(256).line(line, 80) == "state \x1b[1;31mbad^[[2J\x1b[0m"
    assert Paint(0).line(line, 80) == "state \x1b[1mbad^[[2J\x1b[0m"
    assert Paint(256).line("a\x1bb", 80) == "a^[b"


def test_a_header_line_fills_the_screen() -> None:
    assert Paint(0).line((Span("title", Style.BAR),), 8) == "\x1b[7mtitle\x1b[0m\x1b[7m   \x1b[0m"
    assert Paint(0).line((Span("title", Style.BAR),), 3) == "\x1b[7mtitle\x1b[0m"
