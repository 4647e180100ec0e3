"""What is made of a record for one viewer need not be made again for the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from shell.trace.record import Record

T = TypeVar("T")
KEPT = 8192


class Once(Generic[T]):
    """Calls `make` once for each record *object* among the last KEPT ones."""

    def __init__(self, make: Callable[[Record], T], kept: int = KEPT) -> None:
        self._make = make
        self._kept = kept
        self._made: dict[int, tuple[Record, T]] = {}

    def __call__(self, record: Record) -> T:
        found = self._made.get(id(record))
        if found is not None:
            return found[1]  # the record is kept with it, so nobody else can have its id
        made = self._make(record)
        if len(self._made) >= self._kept:
            self._made.clear()
        self._made[id(record)] = (record, made)
        return made
