"""Who looks at traces. Each says every few seconds that he is still there; who does not is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.variables.states import Actor
from shell.trace.choice import Choice
from shell.trace_ports import TraceRefusedError, Watcher

MOST_LOOKERS: Final = 64
LEASE_S: Final = 15.0
"""A viewer whose process has not said for so long that it is there is gone."""


@dataclass(slots=True)
class Looker:
    """`capture`: the one he belongs to; empty where there is none, and `problem` says why. `heard`:
    monotonic seconds."""

    who: Actor
    choice: Choice
    since: datetime
    capture: str
    problem: str
    heard: float
    missed: int = 0


class Lookers:
    """By the id of their view."""

    def __init__(self) -> None:
        self._lookers: dict[str, Looker] = {}

    def must_have_room(self) -> None:
        """Raises TraceRefusedError."""
        if len(self._lookers) >= MOST_LOOKERS:
            raise TraceRefusedError(f"{MOST_LOOKERS} people look at traces already")

    def enter(self, view: str, looker: Looker) -> None:
        self._lookers[view] = looker

    def get(self, view: str) -> Looker | None:
        return self._lookers.get(view)

    def leave(self, view: str) -> Looker | None:
        """Who it was; None where nobody is known by it."""
        return self._lookers.pop(view, None)

    def late(self, now: float) -> list[str]:
        """The views whose lease is over. `now`: monotonic seconds."""
        return [view for view, looker in self._lookers.items() if looker.heard < now - LEASE_S]

    def of(self, capture: str) -> int:
        """How many belong to it."""
        return sum(looker.capture == capture for looker in self._lookers.values())

    def watchers(self) -> list[Watcher]:
        return [
            Watcher(
                looker.who.user,
                looker.who.address,
                looker.since,
                looker.choice,
                looker.capture,
                looker.missed,
            )
            for looker in self._lookers.values()
        ]
