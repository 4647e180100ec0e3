"""What an explanation is made of: what was decided and what came of it. `explain` puts it into words."""

from __future__ import annotations

from enum import Enum

from router.call import Call, Phone, Skip, Why
from router.ports import Media
from router.values import value


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


@value(frozen=True, slots=True)
class Came:
    call: Call


@value(frozen=True, slots=True)
class Rings:
    phone: Phone
    why: Why


@value(frozen=True, slots=True)
class Stopped:
    """`seconds`: how long it rang. `status`, `reason`: the phone's answer when it refused. `media`: where the
    speech goes when it was answered."""

    phone: Phone
    why: Why
    seconds: float
    outcome: Outcome
    status: int = 0
    reason: str = ""
    media: Media | None = None


@value(frozen=True, slots=True)
class Skipped:
    phone: Phone
    skip: Skip


@value(frozen=True, slots=True)
class NobodyToHunt:
    """It is the assistants' turn, and there is none."""

    why: Why


@value(frozen=True, slots=True)
class GoesOn:
    """The assistants are hunted, though nobody is rung anew: one rings already."""

    phone: Phone
    why: Why


@value(frozen=True, slots=True)
class NextRound:
    round: int
    of: int


@value(frozen=True, slots=True)
class TimeIsOver:
    seconds: int


@value(frozen=True, slots=True)
class CallerRefused:
    """The caller got a final response; `because` in words. `picked_up`: an announcement had answered him."""

    status: int
    because: str
    picked_up: bool = False


@value(frozen=True, slots=True)
class CallerHungUp:
    seconds: float


@value(frozen=True, slots=True)
class TalkEnded:
    """`by`: who hung up; empty when the call was ended as forgotten. `asked`: the PBX that was to take it
    over."""

    seconds: float
    by: str = ""
    asked: str = ""


@value(frozen=True, slots=True)
class Announces:
    """`early`: the caller is not answered for it."""

    file: str
    early: bool


@value(frozen=True, slots=True)
class AnnouncementOver:
    seconds: float
    problem: str = ""


@value(frozen=True, slots=True)
class NotForwarded:
    """The manager's own forwarding cannot be followed."""

    because: str


@value(frozen=True, slots=True)
class Redirected:
    """A phone forwards the call. `to`: where; `because`: why it is not followed, empty when it is."""

    phone: Phone
    to: str
    because: str = ""


@value(frozen=True, slots=True)
class RungAgain:
    """A phone is rung once more with other media, for this reason."""

    phone: Phone
    because: str
    directly: bool


@value(frozen=True, slots=True)
class ThroughServer:
    """The speech of this phone's leg goes through the media server."""

    phone: Phone
    because: str


@value(frozen=True, slots=True)
class TransferBegins:
    """`by`: the name of the one who asks. `joins`: the phone is in a call with him already."""

    by: str
    phone: Phone
    attended: bool
    joins: bool = False


@value(frozen=True, slots=True)
class TransferRefused:
    by: str
    status: int
    because: str


@value(frozen=True, slots=True)
class TransferDone:
    """`joined`: it was in a call with the one who asked."""

    phone: Phone
    seconds: float
    joined: bool = False


@value(frozen=True, slots=True)
class TransferFailed:
    """`status` 0: not answered in time. `stays`: the call goes on with the one who asked; empty: it ends."""

    phone: Phone
    seconds: float
    status: int
    reason: str
    stays: str


@value(frozen=True, slots=True)
class TransferLeft:
    """The one who asked has hung up before the other answered; the caller waits."""

    by: str


@value(frozen=True, slots=True)
class JoinedElsewhere:
    """The caller had asked back for another call, which has the phone now."""

    seconds: float


@value(frozen=True, slots=True)
class HandingOver:
    peer: str


@value(frozen=True, slots=True)
class HandOverDone:
    peer: str


@value(frozen=True, slots=True)
class Bridged:
    """The call is not handed over to the PBX, for this reason, and stays here."""

    because: str


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
    | Announces
    | AnnouncementOver
    | NotForwarded
    | Redirected
    | RungAgain
    | ThroughServer
    | TransferBegins
    | TransferRefused
    | TransferDone
    | TransferFailed
    | TransferLeft
    | JoinedElsewhere
    | HandingOver
    | HandOverDone
    | Bridged
)
