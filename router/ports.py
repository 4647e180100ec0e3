"""What the engine needs of the outside: a SIP side, a clock with timers, a place for call records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

LegId = NewType("LegId", int)
"""A call leg, unique for the life of the process, given by whoever creates the leg: the engine
counts outgoing legs from 1, the SIP side incoming ones from 2**32."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as displayed. `number`: raw, of the SIP From or P-Asserted-Identity; `name` may be empty."""

    number: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a phone is reached: a complete SIP URI whose host is a literal address."""

    uri: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE from outside. `dialled`: user part of the Request-URI."""

    leg: LegId
    caller: Identity
    dialled: str
    source: str
    """Address and port the INVITE came from, as `host:port`."""
    call_id: str


class SignallingListener(Protocol):
    """What SIP tells the engine. Never called from inside a call to `Signalling`."""

    def offered(self, call: IncomingCall) -> None: ...
    def ringing(self, leg: LegId) -> None:
        """An outgoing leg got 180 or 183."""

    def answered(self, leg: LegId) -> None:
        """An outgoing leg got 200; nothing is connected until `Signalling.connect`."""

    def refused(self, leg: LegId, status: int, reason: str) -> None:
        """An outgoing leg got a final response >= 300, or none (408), or could not be sent (503)."""

    def ended(self, leg: LegId) -> None:
        """CANCEL or BYE from the far side, or the leg was lost. Not called for legs the engine released."""


class Signalling(Protocol):
    """The SIP side: legs in, legs out. No method blocks; none raises for the state of a leg (a leg that is
    gone is ignored: its end is, or was, reported to the listener)."""

    @property
    def capacity(self) -> int:
        """Call legs this process can carry, discovered at start."""

    @property
    def legs_in_use(self) -> int:
        """Slots taken now, those of legs that linger after their end included."""

    def dial(self, leg: LegId, target: Target, *, offer_of: LegId, caller: Identity) -> None:
        """Send an INVITE with the SDP offer of the incoming leg `offer_of`; From shows `caller`."""

    def alert(self, leg: LegId) -> None:
        """Tell the caller 180 Ringing, once; later calls change nothing."""

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        """Final response >= 300 to an incoming leg that is not answered.

        `retry_after` in seconds (RFC 3261 section 20.33).
        """

    def connect(self, caller: LegId, agent: LegId) -> None:
        """Answer the incoming leg with the SDP answer of the outgoing one and hold both as a bridge.

        From now on a BYE on one ends the other (reported as `ended` for each side that the far end ended).
        """

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
    def publish(self, topic: str, data: dict[str, object]) -> None:
        """Tell watchers. Never blocks; may drop when nobody keeps up."""
