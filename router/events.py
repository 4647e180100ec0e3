"""What has happened to a call. `at`: seconds since the call came, monotonic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType

Leg = NewType("Leg", int)
"""An outgoing leg within its call: 1, 2, …, in the order in which phones are rung; never used twice."""


class TimerKind(Enum):
    PHONE = "phone"
    """The phones that ring now have rung long enough."""
    CALL = "call"
    """The call has rung long enough in all."""
    TALK = "talk"
    """The call has been up so long that its end must have been lost."""


@dataclass(frozen=True, slots=True)
class TimerId:
    """A timer within its call; `number` is never used twice, so that a late one is known as such."""

    kind: TimerKind
    number: int


@dataclass(frozen=True, slots=True)
class CallOffered:
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ringing:
    at: float
    leg: Leg


@dataclass(frozen=True, slots=True)
class Answered:
    at: float
    leg: Leg


@dataclass(frozen=True, slots=True)
class Refused:
    """A phone gave a final response >= 300. `status` 0: it could not even be tried, for the given reason."""

    at: float
    leg: Leg
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The phone hung up, or its leg was lost."""

    at: float
    leg: Leg


@dataclass(frozen=True, slots=True)
class CallerGone:
    at: float


@dataclass(frozen=True, slots=True)
class TimedOut:
    at: float
    timer: TimerId


Event = CallOffered | Ringing | Answered | Refused | LegEnded | CallerGone | TimedOut
