"""What the engine shall do for a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from router.events import Leg, TimerId
from router.facts import Fact
from router.hunting import Phone


@dataclass(frozen=True, slots=True)
class Ring:
    leg: Leg
    phone: Phone


@dataclass(frozen=True, slots=True)
class StopRinging:
    """End an outgoing leg that was not connected."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell the caller that it rings."""


@dataclass(frozen=True, slots=True)
class Connect:
    leg: Leg


@dataclass(frozen=True, slots=True)
class HangUp:
    """End both sides of the connected call; a side that is gone is left alone."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Refuse:
    """Final response >= 300 to the caller."""

    status: int


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: TimerId
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: TimerId


@dataclass(frozen=True, slots=True)
class Explain:
    """A step of the call's explanation."""

    at: float
    fact: Fact


@dataclass(frozen=True, slots=True)
class Notify:
    """Show the assistants the call and who is being rung. `anonymous`: without the caller's identity."""

    at: float
    ringing: tuple[str, ...]
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The assistants need not see the call any more."""


class Result(Enum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    BUSY = "busy"
    OVERFLOW = "overflow"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """The call is over: write its record. Always the last command.

    `status`: what the caller got. `agent`: the member who took the call. `answered`: when, None if never.
    """

    at: float
    result: Result
    status: int
    agent: str | None = None
    answered: float | None = None


Command = (
    Ring
    | StopRinging
    | Alert
    | Connect
    | HangUp
    | Refuse
    | StartTimer
    | StopTimer
    | Explain
    | Notify
    | Withdraw
    | Record
)
