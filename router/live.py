"""A call under way as the engine holds it, and the record that is left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import randbits

from router import numbers
from router.call import ANONYMOUS
from router.commands import Record, Result
from router.events import Leg, TimerId
from router.ports import Identity, IncomingCall, LegId, Timer
from router.reception import Reception
from router.state import Flow
from router.words import phrase


def new_id() -> str:
    """A UUID of version 4 as text (RFC 9562), at a quarter of the price of the `uuid` module's."""
    digits = f"{randbits(128) & _RANDOM | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_RANDOM = ~(0xF << 76 | 0x3 << 62)
_VERSION_4 = 0x4 << 76 | 0x2 << 62


@dataclass(slots=True, eq=False)
class LiveCall:
    """The mutable side of a flow.

    `begun`: monotonic; `promised`: call legs it may use, the caller's included; `line`: under which the
    caller is known to be in a call; `shown`: assistants see it; `consulted`: the leg of another call that
    this one is about to take over.
    """

    id: str
    incoming: IncomingCall
    reception: Reception
    flow: Flow
    started: datetime
    begun: float
    promised: int
    identity: Identity
    line: str
    connected: bool = False
    shown: bool = False
    consulted: LegId | None = None
    legs: dict[Leg, LegId] = field(default_factory=dict)
    timers: dict[TimerId, Timer] = field(default_factory=dict)
    watchdogs: dict[Leg, Timer] = field(default_factory=dict)
    steps: list[dict[str, object]] = field(default_factory=list)

    def at(self, monotonic: float) -> float:
        """Seconds since the call came."""
        return monotonic - self.begun

    def calm(self, leg: Leg) -> None:
        """The leg is heard of, or over: nobody needs to watch it."""
        watchdog = self.watchdogs.pop(leg, None)
        if watchdog is not None:
            watchdog.cancel()

    def forget_leg(self, leg: Leg) -> LegId | None:
        self.calm(leg)
        return self.legs.pop(leg, None)

    def stop_timer(self, timer: TimerId) -> None:
        running = self.timers.pop(timer, None)
        if running is not None:
            running.cancel()

    def stop_everything(self) -> None:
        """Timers are let go too: each holds the call, and the router has no collector to find the ring."""
        for timer in (*self.timers.values(), *self.watchdogs.values()):
            timer.cancel()
        self.timers.clear()
        self.watchdogs.clear()
        self.legs.clear()

    def broken_off(self, at: float, status: int) -> Record:
        """How a call that the router itself ends is recorded: one that was answered stays so."""
        if not self.connected:
            return Record(at, Result.FAILED, status)
        return Record(at, Result.FAILED, 200, self.flow.agent, self.flow.answered)


def call_record(live: LiveCall, record: Record) -> dict[str, object]:
    """Wall-clock times are the start plus monotonic durations, so that setting the clock bends no call.

    A caller who asked for privacy leaves neither number nor name.
    """
    call, start = live.flow.call, live.started
    answered, until = record.answered, record.at if record.answered is None else record.answered
    return {
        "id": live.id,
        "started": start.isoformat(),
        "ended": (start + timedelta(seconds=record.at)).isoformat(),
        "answered": None if answered is None else (start + timedelta(seconds=answered)).isoformat(),
        "caller": call.shown_number,
        "caller_raw": "" if call.private else numbers.tidy(live.incoming.caller.number, 200),
        "caller_name": call.shown_name,
        "dialled": call.dialled,
        "group": call.group.name,
        "vip": call.vip is not None,
        "result": record.result.value,
        "status": record.status,
        "agent": record.agent,
        "talk_s": 0.0 if answered is None else round(record.at - answered, 3),
        "ring_s": round(until, 3),
        "steps": live.steps,
    }


def refused_record(
    incoming: IncomingCall,
    caller: str,
    now: datetime,
    *,
    group: str,
    status: int,
    result: Result,
    because: str,
) -> dict[str, object]:
    """The record of a call that reached no group's rules, explained in one step."""
    dialled, private = numbers.tidy(incoming.dialled), incoming.private
    who = "an anonymous caller" if private else caller or "an unknown caller"
    text = f"{who} calls {dialled}, {because}: the caller gets {phrase(status)}"
    return {
        "id": new_id(),
        "started": now.isoformat(),
        "ended": now.isoformat(),
        "answered": None,
        "caller": ANONYMOUS if private else caller,
        "caller_raw": "" if private else numbers.tidy(incoming.caller.number, 200),
        "caller_name": "" if private else numbers.tidy(incoming.caller.name, 80),
        "dialled": dialled,
        "group": group,
        "vip": False,
        "result": result.value,
        "status": status,
        "agent": None,
        "talk_s": 0.0,
        "ring_s": 0.0,
        "steps": [{"at_s": 0.0, "text": text}],
    }
