"""What the engine shall do for a call."""

from __future__ import annotations

from enum import Enum

from router.call import Phone
from router.events import Leg, TimerId
from router.facts import Fact
from router.media import Plan
from router.values import value


@value(frozen=True, slots=True)
class Ring:
    """`plan`: the media of the leg, when the course of the call has decided them."""

    leg: Leg
    phone: Phone
    plan: Plan | None = None


@value(frozen=True, slots=True)
class StopRinging:
    """End an outgoing leg that was not connected."""

    leg: Leg


@value(frozen=True, slots=True)
class Alert:
    """Tell the caller that it rings."""


@value(frozen=True, slots=True)
class Connect:
    """Join the caller and this phone; in a transfer, the phone he had before is let go next."""

    leg: Leg
    name: str


@value(frozen=True, slots=True)
class Adopt:
    """Take over the phone that was consulted from the call it is in; `leg` is its number in this call."""

    leg: Leg


@value(frozen=True, slots=True)
class LetGo:
    """End the leg of a phone that has handed its call on."""

    leg: Leg


@value(frozen=True, slots=True)
class HangUp:
    """End both sides of the connected call; a side that is gone is left alone.

    `leg`: None when the caller has nobody to talk to.
    """

    leg: Leg | None


@value(frozen=True, slots=True)
class Announce:
    """Play a WAV file to the caller; with `early` false after answering him."""

    file: str
    early: bool


@value(frozen=True, slots=True)
class AcceptTransfer:
    """Answer a request for a transfer with 202, or refuse it. `leg`: who asked, None for the caller."""

    leg: Leg | None
    status: int


@value(frozen=True, slots=True)
class TransferProgress:
    """Tell the phone that asked for a transfer how the new one fares; from 200 on nothing follows."""

    leg: Leg
    status: int


@value(frozen=True, slots=True)
class HandOver:
    """Ask the PBX to join the caller and this phone itself."""

    leg: Leg
    replaces: bool


@value(frozen=True, slots=True)
class Refuse:
    """Final response >= 300 to the caller, or the end of a call that an announcement answered."""

    status: int


@value(frozen=True, slots=True)
class StartTimer:
    timer: TimerId
    seconds: float


@value(frozen=True, slots=True)
class StopTimer:
    timer: TimerId


@value(frozen=True, slots=True)
class Explain:
    """A step of the call's explanation."""

    at: float
    fact: Fact


@value(frozen=True, slots=True)
class Notify:
    """Show the assistants the call and who is being rung. `anonymous`: without the caller's identity."""

    at: float
    ringing: tuple[str, ...]
    why: str
    anonymous: bool = False


@value(frozen=True, slots=True)
class NotifyAnswered:
    """Tell the assistants who has the call; they see it no more. `user`: empty when it is no member."""

    at: float
    name: str
    user: str


@value(frozen=True, slots=True)
class Withdraw:
    """The assistants need not see the call any more, for this reason."""

    at: float
    why: str


class Result(Enum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    BUSY = "busy"
    OVERFLOW = "overflow"
    REFUSED = "refused"
    FAILED = "failed"


@value(frozen=True, slots=True)
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
    | Adopt
    | LetGo
    | HangUp
    | Announce
    | AcceptTransfer
    | TransferProgress
    | HandOver
    | Refuse
    | StartTimer
    | StopTimer
    | Explain
    | Notify
    | NotifyAnswered
    | Withdraw
    | Record
)
