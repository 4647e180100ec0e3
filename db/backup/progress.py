"""How far a backup is. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes `done` `of` all that there are in this step; `of` is 0 where nobody knows. `doing`: the step, in
    words that fit after the name of who does it."""

    done: int
    of: int
    doing: str

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.of) if self.of else 0


Tell = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """For those who do not want to know."""
