"""What the engine needs of the outside: a SIP side, a clock with timers, a place for call records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import NewType, Protocol

from router.values import value

LegId = NewType("LegId", int)
"""A call leg, unique for the life of the process, given by whoever creates the leg: the engine
counts outgoing legs from 1, the SIP side incoming ones from 2**32."""


@value(frozen=True, slots=True)
class Identity:
    """Who calls, as displayed. `number`: raw, of the SIP From or P-Asserted-Identity; `name` may be empty."""

    number: str
    name: str = ""


@value(frozen=True, slots=True)
class Target:
    """Where a phone is reached: a complete SIP URI whose host is a literal address.

    `peer`: the name of the PBX peer it goes through, empty for a phone that is reached directly. `others`:
    where to try next when this one is silent or refuses with 5xx.
    """

    uri: str
    peer: str = ""
    others: tuple[Target, ...] = ()


class Media(Enum):
    """Where the speech of a leg goes."""

    DIRECT = "direct"
    """From phone to phone: session descriptions are passed through, no media here."""
    CONFERENCE = "conference"
    """Through the media server's conference bridge."""


NO_MEDIA_SERVER = "there is no media server"
"""The reason of a `refused` with 503 when a leg with `Media.CONFERENCE` finds no media server."""


@value(frozen=True, slots=True)
class IncomingCall:
    """An INVITE from outside. `dialled`: user part of the Request-URI."""

    leg: LegId
    caller: Identity
    dialled: str
    source: str
    """Address and port the INVITE came from, as `host:port`."""
    call_id: str
    peer: str = ""
    """Name of the PBX peer it came from; empty for another admitted network."""
    private: bool = False
    """The caller asks for privacy (RFC 3323): his identity is for routing alone."""
    diversions: int = 0
    """How often the call was forwarded before (Diversion, RFC 5806; History-Info, RFC 7044)."""
    forwards: int = 70
    """Max-Forwards as it came."""
    has_offer: bool = True


@value(frozen=True, slots=True)
class TransferRequest:
    """A REFER (RFC 3515) from a connected leg. `number`: user part of Refer-To; `uri`: all of it, without
    headers; `attended`: it carries Replaces (RFC 3891), which the SIP side keeps.

    `replaces`: the leg, when that Replaces names one of ours: whoever transfers has asked back through this
    router, and the two calls are joined here by `connect`. It then goes to nobody else.
    """

    number: str
    uri: str
    attended: bool = False
    replaces: LegId | None = None


class SignallingListener(Protocol):
    """What SIP tells the engine. Never called from inside a call to `Signalling`."""

    def offered(self, call: IncomingCall) -> None: ...
    def ringing(self, leg: LegId) -> None:
        """An outgoing leg got 180 or 183."""

    def answered(self, leg: LegId) -> None:
        """An outgoing leg got 200; nothing is connected until `Signalling.connect`."""

    def refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        """An outgoing leg got a final response >= 300, or none (408), or could not be sent (503).

        `contact`: the first URI of a 3xx, where the phone forwards the call to."""

    def ended(self, leg: LegId) -> None:
        """CANCEL or BYE from the far side, or the leg was lost. Not called for legs the engine released."""

    def announced(self, leg: LegId, problem: str) -> None:
        """The announcement to this incoming leg is over; `problem` is empty, or says why it was not heard."""

    def transfer_asked(self, leg: LegId, transfer: TransferRequest) -> None:
        """The far end of a connected leg asks for a transfer; it waits for `accept_transfer`."""

    def handed_over(self, caller: LegId, status: int, reason: str) -> None:
        """The end of `hand_over`: 200 when the PBX has joined both sides (both legs have ended or are being
        ended), else why it has not, and the call is bridged as before. 408: the PBX went silent."""


class Signalling(Protocol):
    """The SIP side: legs in, legs out. No method blocks; none raises for the state of a leg (a leg that is
    gone is ignored: its end is, or was, reported to the listener)."""

    @property
    def capacity(self) -> int:
        """Call legs this process can carry."""

    @property
    def legs_in_use(self) -> int:
        """Slots taken now, those of legs that linger after their end included."""

    def dial(
        self,
        leg: LegId,
        target: Target,
        *,
        offer_of: LegId,
        caller: Identity,
        media: Media = Media.DIRECT,
        diverted_by: str = "",
    ) -> None:
        """Send an INVITE on behalf of the incoming leg `offer_of`; From shows `caller`.

        With `Media.DIRECT` it carries that leg's offer (or none, when that leg came without one).
        `diverted_by`: the number that forwards the call, written as Diversion and History-Info.
        For an attended transfer, the Replaces of the accepted request goes along.
        """

    def alert(self, leg: LegId) -> None:
        """Tell the caller 180 Ringing, once; later calls change nothing."""

    def announce(self, leg: LegId, file: str, *, early: bool) -> None:
        """Play a WAV file to an incoming leg that is not connected, in early media or, with `early` false,
        after answering it. From now on its speech goes through the media server. Ends with `announced`."""

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        """Final response >= 300 to an incoming leg that is not answered; BYE if an announcement answered it.

        `retry_after` in seconds (RFC 3261 section 20.33).
        """

    def connect(self, caller: LegId, agent: LegId) -> None:
        """Answer the incoming leg with the SDP answer of the outgoing one and hold both as a bridge.

        An agent who is connected to another caller is taken from him; that caller is left to `release`.
        When the caller is connected already (a transfer), he is moved over by re-INVITE and the leg of the
        former agent is left to `release`. From now on a BYE on one ends the other (reported as `ended` for
        each side that the far end ended).
        """

    def hand_over(self, caller: LegId, agent: LegId, *, replaces: bool) -> None:
        """Ask the PBX on the caller's side by REFER to join both sides itself; ends with `handed_over`."""

    def accept_transfer(self, leg: LegId, *, status: int) -> None:
        """Answer a `transfer_asked`: 202, or >= 300 to refuse it.

        From 202 to the final `transfer_progress` a BYE of this leg ends this leg alone: the other side waits.
        """

    def transfer_progress(self, leg: LegId, status: int) -> None:
        """Tell the one who asked how the new leg fares: NOTIFY with message/sipfrag; final from 200 on."""

    def release(self, leg: LegId) -> None:
        """End an outgoing leg as its state needs: CANCEL, or ACK and BYE after a crossing 200; BYE on a call.

        An incoming leg only once it is connected; until then it is refused.
        """


class Timer(Protocol):
    def cancel(self) -> None:
        """The callback will not run any more."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall clock, with its zone: for records and VIP expiry only."""

    def monotonic(self) -> float:
        """Seconds; for every duration."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer: ...


class CallRecords(Protocol):
    def append(self, record: dict[str, object]) -> None:
        """Keep the finished call; it must survive a kill of the process right after return."""


class Notifier(Protocol):
    def is_watched(self, topic: str) -> bool:
        """Whether anybody may be told: what nobody watches is not even put together."""

    def publish(self, topic: str, data: dict[str, object]) -> None:
        """Tell watchers. Never blocks; may drop when nobody keeps up."""
