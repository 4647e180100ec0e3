"""Which phones are there, as far as calls have shown: pure, time is an argument.

A phone that is reached directly registers with nobody here. One that gave no response at all to its last call
is taken for switched off, until it is heard of, or for a while: then a call is worth a try again.
"""

from __future__ import annotations

ABSENT_FOR = 60.0
"""Seconds."""
_REMEMBERED = 4096


class Phones:
    """By the SIP URI they are called at."""

    def __init__(self) -> None:
        self._absent: dict[str, float] = {}
        """Until when, in the order in which they were missed."""

    def missed(self, uri: str, now: float) -> None:
        """A call has had no response."""
        self._absent.pop(uri, None)
        if len(self._absent) >= _REMEMBERED:
            del self._absent[next(iter(self._absent))]
        self._absent[uri] = now + ABSENT_FOR

    def heard(self, uri: str) -> None:
        """It has said something."""
        if self._absent:
            self._absent.pop(uri, None)

    def present(self, uri: str, now: float) -> bool | None:
        """False for a phone that was missed a short while ago; None: nothing is known against it."""
        until = self._absent.get(uri)
        return False if until is not None and now < until else None
