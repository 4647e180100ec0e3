"""Random words for branches, tags and Call-IDs."""

from __future__ import annotations

import os

_LENGTH = 16
_AT_ONCE = 512


class Tokens:
    """Words of 16 hexadecimal digits that nobody can guess: one system call for 512 of them."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        start = self._at
        if start >= len(self._pool):
            self._pool = os.urandom(_LENGTH // 2 * _AT_ONCE).hex()
            start = 0
        self._at = start + _LENGTH
        return self._pool[start : start + _LENGTH]
