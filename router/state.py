"""Where a call stands: the state between two events."""

from __future__ import annotations

from enum import Enum
from typing import TypedDict, Unpack

from router.call import Call, Opening, Phone, Why
from router.commands import Command, Result
from router.events import Leg, TimerId
from router.media import Plan
from router.opening import opening
from router.ports import Media
from router.values import value


class Stage(Enum):
    NEW = "new"
    ANNOUNCING = "announcing"
    MANAGER = "manager"
    """The manager's phone rings, or the one his calls are forwarded to."""
    HUNT = "hunt"
    OVERFLOW = "overflow"
    TALKING = "talking"
    ENDED = "ended"


@value(frozen=True, slots=True)
class Rung:
    """A phone that rings, or that has the call.

    `followed`: it is where the phone that was rung first forwards to; `again`: it was rung before, with other
    media.
    """

    leg: Leg
    phone: Phone
    why: Why
    since: float
    followed: bool = False
    again: bool = False


@value(frozen=True, slots=True)
class Transfer:
    """A transfer under way: the phone it goes to rings. `by`: the one who asked; `left`: he has hung up."""

    by: Rung
    left: bool = False


class Changes(TypedDict, total=False):
    """The fields of a Flow that change."""

    stage: Stage
    rung: tuple[Rung, ...]
    waves: tuple[tuple[Phone, ...], ...]
    why: Why
    round: int
    tried: frozenset[str]
    declined: frozenset[str]
    heard: frozenset[Leg]
    legs: int
    timers: int
    diversions: int
    phone_timer: TimerId | None
    call_timer: TimerId | None
    side_timer: TimerId | None
    alerted: bool
    picked_up: bool
    plan: Plan | None
    talking: Rung | None
    answered: float | None
    result: Result
    agent: str | None
    media: Media
    transfer: Transfer | None
    handing: str


@value(frozen=True)
class Flow:
    """Where a call stands. Begin with `Flow.of(call)` and the event CallOffered."""

    call: Call
    opening: Opening
    lines: int = 1000
    """How many phones may ring at the same time; at least 1."""
    stage: Stage = Stage.NEW
    rung: tuple[Rung, ...] = ()
    """The phones that ring now; in a transfer, the one it goes to."""
    waves: tuple[tuple[Phone, ...], ...] = ()
    """Who is hunted next."""
    why: Why = Why.TEAM
    """Why assistants are hunted."""
    round: int = 1
    tried: frozenset[str] = frozenset()
    """Users offered the call in this round."""
    declined: frozenset[str] = frozenset()
    """Users who want no part of this call (6xx, RFC 3261 section 21.6): not rung again."""
    heard: frozenset[Leg] = frozenset()
    """Legs whose 180 has come."""
    legs: int = 0
    timers: int = 0
    diversions: int = 0
    """How often phones have forwarded the call."""
    phone_timer: TimerId | None = None
    call_timer: TimerId | None = None
    side_timer: TimerId | None = None
    """Of an announcement, a transfer or a handing over."""
    alerted: bool = False
    """The caller needs no 180 any more."""
    picked_up: bool = False
    """An announcement has answered him."""
    plan: Plan | None = None
    """The media of every leg, once the course of the call has decided them."""
    talking: Rung | None = None
    """Who has the call; None from the moment he has left it to a transfer."""
    answered: float | None = None
    result: Result = Result.ANSWERED
    """What is recorded of a call that was answered."""
    agent: str | None = None
    """The user of the member who had the call last."""
    media: Media = Media.DIRECT
    """Where the speech goes since then; a call that is up cannot change over."""
    transfer: Transfer | None = None
    handing: str = ""
    """The peer that was asked to take the call over."""

    @classmethod
    def of(cls, call: Call, first: Opening | None = None, *, lines: int = 1000) -> Flow:
        """`first`: its opening, where it is known already."""
        return cls(call, first or opening(call), lines)

    def but(self, **changes: Unpack[Changes]) -> Flow:
        """The same with other values in some fields. `dataclasses.replace` was a third of a call's cost."""
        flow = object.__new__(Flow)
        flow.__dict__.update(self.__dict__, **changes)
        return flow

    def rings(self, leg: Leg) -> Rung | None:
        for rung in self.rung:
            if rung.leg == leg:
                return rung
        return None


Turn = tuple[Flow, tuple[Command, ...]]
