"""What the shell needs of a terminal, whatever carries it: Telnet today. Also the words for styled text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Style(Enum):
    PLAIN = "plain"
    TITLE = "title"
    LABEL = "label"
    KEY = "key"
    """What the user may type, such as the number of a menu entry."""
    DIM = "dim"
    GOOD = "good"
    BAD = "bad"
    """Needs somebody to act."""
    BAR = "bar"
    """A header line across the screen."""


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    style: Style = Style.PLAIN


Line = str | tuple[Span, ...]
"""One line of output, without its end. Text may come from anywhere: a terminal makes it safe."""


def plain(line: Line) -> str:
    return line if isinstance(line, str) else "".join(span.text for span in line)


def width(text: str) -> int:
    """Columns the text takes on a terminal: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on with a line: `word` replaces the word that is being typed."""

    word: str
    help: str


Suggest = Callable[[str], Sequence[Suggestion]]
"""From the line up to the cursor to what may come next; pure and quick."""


class Interrupted(Exception):  # noqa: N818 -- what the user did, not what went wrong
    """Ctrl-C, or Telnet's Interrupt Process or Break."""


class EndOfInput(Exception):  # noqa: N818 -- as above
    """Ctrl-D on an empty line, or the far side has no more to say."""


class Question(Exception):  # noqa: N818 -- as above
    """The user asked `?` in the middle of a line; `text` is the line so far, to be offered again."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class LineTooLongError(Exception):
    """More was typed than a line may hold; nothing of it may be used. The argument is the limit."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The size that the user has said; 0: the terminal's own."""

    rows: int = 0
    columns: int = 0

    def but(self, rows: int | None, columns: int | None) -> Fixed:
        return Fixed(self.rows if rows is None else rows, self.columns if columns is None else columns)


class Term(Protocol):
    """A terminal with a person or a program at it. Everything raises EndOfInput once the line is gone."""

    @property
    def columns(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def rich(self) -> bool:
        """True with cursor control: screens may be cleared, long output is paged, `key` works."""

    def fix(self, *, rows: int | None = None, columns: int | None = None) -> None:
        """As large as the user says, whatever the terminal says; 0: as that says again. What is not given
        stays."""

    async def ask(
        self,
        prompt: str,
        *,
        secret: bool = False,
        suggest: Suggest | None = None,
        remember: bool = False,
        start: str = "",
    ) -> str:
        """One line of input. `secret` is never echoed; `remember` keeps it in the history; `start` is
        offered for editing (rich only). Raises Interrupted, EndOfInput, LineTooLongError, and Question where
        `suggest` is given and the terminal is rich."""

    async def key(self) -> str:
        """One key press, not echoed; rich terminals only."""

    async def meanwhile(self) -> str:
        """What the user does while output goes on by itself: a key on a rich terminal, else a whole line.
        Raises Interrupted. May be cancelled: nothing typed is lost."""

    async def interrupted(self) -> None:
        """Returns when the user presses Ctrl-C; what else is typed stays for what comes after. May be
        cancelled."""

    async def show(self, *lines: Line) -> None:
        """Write lines and wait until a slow reader has room for more."""

    async def stream(self, *lines: Line) -> None:
        """Write lines little by little, each piece when the one before is on its way: whatever is written
        next is not behind much. May be cancelled between two lines."""

    async def redraw(self, *lines: Line) -> None:
        """These lines alone on the screen, without flicker; where it is not rich, below the last."""

    async def status(self, line: Line) -> None:
        """Write without ending the line; the next output replaces it. Rich terminals only."""

    async def clear(self) -> None:
        """Begin a new screen; nothing on a terminal that is not rich."""
