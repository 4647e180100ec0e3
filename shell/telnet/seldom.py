"""Log lines that strangers cause: a few a minute, and how many there were more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


class Seldom:
    """A log that others can make us write to: `most` warnings a minute, the rest counted."""

    def __init__(
        self, log: logging.Logger, most: int = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._most = most
        self._clock = clock
        self._since = clock()
        self._said = self._left_out = 0

    def warning(self, text: str, *args: object) -> None:
        """At most so many a minute; the first one after that tells how many were left out."""
        now = self._clock()
        if now - self._since >= 60:
            if self._left_out:
                self._log.warning("(%d lines like the next one were left out)", self._left_out)
            self._since, self._said, self._left_out = now, 0, 0
        if self._said >= self._most:
            self._left_out += 1
            return
        self._said += 1
        self._log.warning(text, *args)
