"""A dictionary that remembers so many values and no more."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """What was kept first is forgotten first: one entry for each new one, never many at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        if len(self) >= self._most and key not in self:
            del self[next(iter(self))]
        self[key] = value
        return value
