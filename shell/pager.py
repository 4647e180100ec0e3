"""Long output on a terminal with a person at it: a screen at a time."""

from __future__ import annotations

from collections.abc import Sequence

from shell.term import Interrupted, Line, LineTooLongError, Span, Style, Term, plain, width

MORE = (Span(" more: Space a screen, Enter a line, / search, n again, q stop ", Style.BAR),)
SEARCH = frozenset({"/", "n"})
STOP = frozenset({"q", "Q", "\x03", "\x04", "\x1b"})


async def page(term: Term, lines: Sequence[Line], *, above: int = 0) -> None:
    """Show all lines; on a rich terminal stop before each one that would push unread text off the screen, of
    which there are `above` lines already."""
    await Pager(term, above=above).show(lines)


class Pager:
    """For output that comes in several pieces."""

    def __init__(self, term: Term, *, above: int = 0) -> None:
        self._term = term
        self._room = term.rows - 1 - above
        self._sought = ""
        self._fresh = True
        """Nothing was shown since the reader wanted more: one line is shown however high it is."""

    async def show(self, lines: Sequence[Line]) -> bool:
        """The next lines; False when the reader has seen enough."""
        term, left = self._term, list(lines)
        if not term.rich:
            await term.show(*left)
            return True
        while left:
            shown: list[Line] = []
            while left and (self._fresh or self._room >= _height(left[0], term.columns)):
                self._room -= _height(left[0], term.columns)
                self._fresh = False
                shown.append(left.pop(0))
            await term.show(*shown)
            if left and not await self._go_on(left):
                return False
        return True

    async def _go_on(self, left: list[Line]) -> bool:
        """What the reader wants; a search leaves out of `left` what comes before."""
        message: Line = MORE
        while True:
            await self._term.status(message)
            pressed = await self._term.key()
            await self._term.status("")
            if pressed == "/":
                self._sought = await self._asked() or self._sought
            if pressed not in SEARCH or self._found(left):
                break
            message = (Span(f" not found below: {self._sought[:40]} ", Style.BAR), *MORE)
        self._room = 1 if pressed in {"\r", "\n"} else self._term.rows - 1
        self._fresh = True
        return pressed not in STOP

    async def _asked(self) -> str:
        try:
            return (await self._term.ask("/")).strip().casefold()
        except (Interrupted, LineTooLongError):
            return ""

    def _found(self, left: list[Line]) -> bool:
        for place, line in enumerate(left):
            if self._sought and self._sought in plain(line).casefold():
                del left[:place]
                return True
        return False


def _height(line: Line, columns: int) -> int:
    return max(1, -(-width(plain(line)) // columns))
