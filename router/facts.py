"""What an explanation is made of: what was decided and what came of it. `explain` puts it into words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from router.hunting import Call, Phone, Skip, Why


class Outcome(Enum):
    """How the ringing of a phone ended."""

    NO_ANSWER = "no answer"
    SILENT = "silent"
    """Not even 180 Ringing came back."""
    REFUSED = "refused"
    LOST = "lost"
    NOT_TRIED = "not tried"
    ANSWERED = "answered"
    ELSEWHERE = "answered elsewhere"
    CALLER_GONE = "caller gone"


@dataclass(frozen=True, slots=True)
class Came:
    call: Call


@dataclass(frozen=True, slots=True)
class Rings:
    phone: Phone
    why: Why


@dataclass(frozen=True, slots=True)
class Stopped:
    """`seconds`: how long it rang. `status`, `reason`: the phone's answer when it refused."""

    phone: Phone
    why: Why
    seconds: float
    outcome: Outcome
    status: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    phone: Phone
    skip: Skip


@dataclass(frozen=True, slots=True)
class NobodyToHunt:
    """It is the assistants' turn, and there is none."""

    why: Why


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The assistants are hunted, though nobody is rung anew: one rings already."""

    phone: Phone
    why: Why


@dataclass(frozen=True, slots=True)
class NextRound:
    round: int
    of: int


@dataclass(frozen=True, slots=True)
class TimeIsOver:
    seconds: int


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """The caller got a final response; `because` in words."""

    status: int
    because: str


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    seconds: float


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """`by`: who hung up; empty when the call was ended as forgotten."""

    seconds: float
    by: str = ""


Fact = (
    Came
    | Rings
    | Stopped
    | Skipped
    | NobodyToHunt
    | GoesOn
    | NextRound
    | TimeIsOver
    | CallerRefused
    | CallerHungUp
    | TalkEnded
)
