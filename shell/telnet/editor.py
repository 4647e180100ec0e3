"""Editing one line at a time, for clients without cursor control. Pure: keys in, echo and an event out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from shell.safe import safe
from shell.term import width

BELL = "\a"


class Happened(Enum):
    NOTHING = auto()
    ENTERED = auto()
    TOO_LONG = auto()
    """Enter after more characters than a line may hold."""
    TAB = auto()
    QUESTION = auto()
    """Tab or `?`, pressed for help."""
    INTERRUPTED = auto()
    ENDED = auto()


class _Sequence(Enum):
    NONE = auto()
    ESCAPE = auto()
    CSI = auto()
    SS3 = auto()


@dataclass(slots=True)
class LineEditor:
    """Backspace, ^U, ^W, ^C, ^D; sequences of cursor keys are swallowed whole."""

    limit: int
    text: str = ""
    overflow: bool = False
    _sequence: _Sequence = _Sequence.NONE

    @property
    def in_sequence(self) -> bool:
        """Whether the next character belongs to the sequence of a cursor key."""
        return self._sequence is not _Sequence.NONE

    def key(self, char: str) -> tuple[Happened, str]:
        """What one character does, and what to echo for it (the end of the line not included)."""
        if char < " " and char != "\x1b":
            self._sequence = _Sequence.NONE  # a sequence cut short: no part of one is a control
        if self._sequence is not _Sequence.NONE or char == "\x1b":
            self._swallow(char)
            return Happened.NOTHING, ""
        match char:
            case "\r":
                return (Happened.TOO_LONG if self.overflow else Happened.ENTERED), ""
            case "\x03":
                return Happened.INTERRUPTED, "^C"
            case "\x04":
                return (Happened.NOTHING if self.text else Happened.ENDED), ""
            case "\x08" | "\x7f":
                return Happened.NOTHING, self._erase(1 if self.text else 0)
            case "\x15":
                return Happened.NOTHING, self._erase(len(self.text))
            case "\x17":
                kept = self.text.rstrip().rpartition(" ")
                return Happened.NOTHING, self._erase(len(self.text) - len(kept[0] + kept[1]))
            case _:
                return Happened.NOTHING, self._add(" " if char == "\t" else char)

    def _add(self, char: str) -> str:
        if safe(char) != char:
            return BELL
        if len(self.text) >= self.limit:
            self.overflow = True
            return BELL
        self.text += char
        return char

    def _erase(self, count: int) -> str:
        if not count:
            return ""
        gone = self.text[-count:]
        self.text = self.text[:-count]
        self.overflow = False
        return "\b \b" * width(gone)

    def _swallow(self, char: str) -> None:
        match self._sequence:
            case _Sequence.NONE:
                self._sequence = _Sequence.ESCAPE
            case _Sequence.ESCAPE if char == "[":
                self._sequence = _Sequence.CSI
            case _Sequence.ESCAPE if char == "O":
                self._sequence = _Sequence.SS3
            case _Sequence.CSI if char != "\x1b" and not "\x40" <= char <= "\x7e":
                pass
            case _ if char == "\x1b":
                self._sequence = _Sequence.ESCAPE
            case _:
                self._sequence = _Sequence.NONE
