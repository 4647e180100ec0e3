"""Long output on a terminal with a person at it: a screen at a time."""

from __future__ import annotations

from collections.abc import Sequence

from shell.term import Line, Span, Style, Term, plain, width

MORE = (Span(" more: Space a screen, Enter a line, q stop ", Style.BAR),)
STOP = frozenset({"q", "Q", "\x03", "\x04", "\x1b"})


async def page(term: Term, lines: Sequence[Line], *, above: int = 0) -> None:
    """Show all lines; on a rich terminal stop before each one that would push unread text off the screen, of
    which there are `above` lines already."""
    if not term.rich:
        await term.show(*lines)
        return
    left = list(lines)
    room = term.rows - 1 - above
    while left:
        shown: list[Line] = []
        while left and (not shown or room >= _height(left[0], term.columns)):
            room -= _height(left[0], term.columns)
            shown.append(left.pop(0))
        await term.show(*shown)
        if left:
            await term.status(MORE)
            pressed = await term.key()
            await term.status("")
            if pressed in STOP:
                return
            room = 1 if pressed in {"\r", "\n"} else term.rows - 1


def _height(line: Line, columns: int) -> int:
    return max(1, -(-width(plain(line)) // columns))
