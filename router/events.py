"""What has happened to a call. `at`: seconds since the call came, monotonic."""

from __future__ import annotations

from enum import Enum
from typing import NewType

from router.call import Phone
from router.ports import Media, TransferRequest
from router.values import value

Leg = NewType("Leg", int)
"""An outgoing leg within its call: 1, 2, …, in the order in which phones are rung; never used twice."""


class TimerKind(Enum):
    PHONE = "phone"
    """The phones that ring now have rung long enough."""
    CALL = "call"
    """The call has rung long enough in all."""
    TALK = "talk"
    """The call has been up so long that its end must have been lost."""
    ANNOUNCEMENT = "announcement"
    """The announcement has not come to its end."""
    TRANSFER = "transfer"
    """The phone that the call is transferred to has rung long enough."""
    HAND_OVER = "hand over"
    """The PBX was asked to take the call over and says nothing."""


@value(frozen=True, slots=True)
class TimerId:
    """A timer within its call; `number` is never used twice, so that a late one is known as such."""

    kind: TimerKind
    number: int

    def __hash__(self) -> int:
        return self.number


@value(frozen=True, slots=True)
class CallOffered:
    at: float = 0.0


@value(frozen=True, slots=True)
class Ringing:
    at: float
    leg: Leg


@value(frozen=True, slots=True)
class Answered:
    """`peer`: the name of the PBX peer it is reached through. `media`: where its speech goes."""

    at: float
    leg: Leg
    peer: str = ""
    media: Media | None = None


@value(frozen=True, slots=True)
class Refused:
    """A phone gave a final response >= 300. `status` 0: it could not even be tried, for the given reason.

    `contact`: where a 3xx forwards to. `media`: what it was asked to take; None when it was not asked.
    """

    at: float
    leg: Leg
    status: int
    reason: str = ""
    contact: str = ""
    media: Media | None = None


@value(frozen=True, slots=True)
class LegEnded:
    """The phone hung up, or its leg was lost."""

    at: float
    leg: Leg


@value(frozen=True, slots=True)
class CallerGone:
    at: float


@value(frozen=True, slots=True)
class TimedOut:
    at: float
    timer: TimerId


@value(frozen=True, slots=True)
class Announced:
    """The announcement is over. `problem`: why it was not heard; empty when it was."""

    at: float
    problem: str = ""


@value(frozen=True, slots=True)
class Consulted:
    """The phone that the one who transfers talks to through this router; `media`: where that speech goes."""

    phone: Phone
    media: Media


@value(frozen=True, slots=True)
class TransferAsked:
    """`leg`: the phone that asks; None: the caller does. `consulted`: whom it has asked before, if that call
    is up here."""

    at: float
    leg: Leg | None
    request: TransferRequest
    consulted: Consulted | None = None


@value(frozen=True, slots=True)
class GivenAway:
    """The phone of this call has been joined with the caller of another one."""

    at: float


@value(frozen=True, slots=True)
class HandedOver:
    """What the PBX says that was asked to join both sides itself: 200, it has; 408: nothing."""

    at: float
    status: int
    reason: str = ""


Event = (
    CallOffered
    | Ringing
    | Answered
    | Refused
    | LegEnded
    | CallerGone
    | TimedOut
    | Announced
    | TransferAsked
    | GivenAway
    | HandedOver
)
