"""Where a call stands: the state between two events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from router import hunting
from router.commands import Command
from router.events import Leg, TimerId
from router.hunting import Call, Opening, Phone, Why


class Stage(Enum):
    NEW = "new"
    MANAGER = "manager"
    HUNT = "hunt"
    OVERFLOW = "overflow"
    TALKING = "talking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Rung:
    """A phone that rings. `heard`: its 180 has come."""

    leg: Leg
    phone: Phone
    why: Why
    since: float
    heard: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a call stands. Begin with `Flow.of(call)` and the event CallOffered."""

    call: Call
    opening: Opening
    stage: Stage = Stage.NEW
    rung: tuple[Rung, ...] = ()
    """The phones that ring now; in stage TALKING the one that is connected."""
    waves: tuple[tuple[Phone, ...], ...] = ()
    """Who is hunted next."""
    why: Why = Why.TEAM
    """Why assistants are hunted."""
    round: int = 1
    tried: frozenset[str] = field(default_factory=frozenset)
    """Users offered the call in this round."""
    declined: frozenset[str] = field(default_factory=frozenset)
    """Users who want no part of this call (6xx, RFC 3261 section 21.6): not rung again."""
    legs: int = 0
    timers: int = 0
    phone_timer: TimerId | None = None
    call_timer: TimerId | None = None
    alerted: bool = False
    answered: float | None = None

    @classmethod
    def of(cls, call: Call) -> Flow:
        return cls(call, hunting.opening(call))

    def rings(self, leg: Leg) -> Rung | None:
        return next((rung for rung in self.rung if rung.leg == leg), None)


Turn = tuple[Flow, tuple[Command, ...]]
