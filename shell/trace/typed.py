"""What people type after `trace`, word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

SYNTAX: Final = (
    "process NAME, level warning, call ID, number N, group NAME, text T, sip, last 60s, for 5min, size 10MB"
)
LONGEST: Final = 200
"""Characters of a name or a text."""
UNITS: Final = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "b": 1, "byte": 1, "bytes": 1,
    "k": 1000, "kb": 1000, "mb": 1_000_000, "g": 10**9, "gb": 10**9,
}  # fmt: skip
"""Seconds and bytes."""


class ChoiceError(ValueError):
    """Words that are no choice. `hint`: what is right."""

    def __init__(self, message: str, hint: str = f"right are: {SYNTAX}") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class Words:
    """The words that are not used up yet."""

    left: list[str] = field(default_factory=list)

    def take(self) -> str:
        return self.left.pop(0)

    def value(self, keyword: str, example: str) -> str:
        """The word after a keyword."""
        if not self.left or not self.left[0]:
            raise ChoiceError(f"{keyword}: the value is missing", f"right is such as {keyword} {example}")
        if len(self.left[0]) > LONGEST:
            raise ChoiceError(f"{keyword}: the value has more than {LONGEST} characters")
        return self.take()

    def measure(self, keyword: str, example: str) -> str:
        """A number with its unit, together or as two words."""
        found = self.value(keyword, example)
        if re.fullmatch(r"[\d.]+", found) and self.left and self.left[0].casefold() in UNITS:
            found += self.take()
        return found


def tokens(text: str, is_keyword: Callable[[str], bool]) -> Iterator[str]:
    """Words; one in quotes may have blanks, and `\\` there takes the next character as it is. A word of
    which `is_keyword` may have a `=` after it."""
    at = 0
    while match := _TOKEN.match(text, at):
        at = match.end()
        double, single, bare = match.groups()
        if bare is None:
            yield re.sub(r"\\(.)", r"\1", double, flags=re.DOTALL) if double is not None else single
            continue
        keyword, equals, _ = bare.partition("=")
        if equals and is_keyword(keyword.casefold()):
            at = match.start(3) + len(keyword) + 1
            bare = keyword
        yield bare
    if text[at:].strip():
        raise ChoiceError(
            f"the quote in {text[at:].strip()[:40]} does not end", 'right is such as text "two words"'
        )


_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']\S*))""", re.DOTALL)
