"""Runs one flow per call: SIP events in, SIP commands out, timers, notifications and call records.

One thread: the SIP side and the clock call it, and nothing here blocks. An error in one call ends that call
alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import uuid4

from router import admission, hunting
from router.admission import Load
from router.bulletin import Bulletin
from router.commands import (
    Alert,
    Command,
    Connect,
    Explain,
    HangUp,
    Notify,
    Record,
    Refuse,
    Result,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    Withdraw,
)
from router.events import (
    Answered,
    CallerGone,
    CallOffered,
    Event,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
)
from router.explain import sentence
from router.flow import step
from router.hunting import Call
from router.legs import Legs
from router.live import LiveCall, call_record, refused_record
from router.model import RoutingTable
from router.ports import CallRecords, Clock, IncomingCall, LegId, Notifier, Signalling
from router.reception import Reception
from router.state import Flow

log = logging.getLogger(__name__)

REFUSALS_RECORDED = 20
"""Records a second of calls that reached no group: a scanner must not fill the store. The rest is counted."""

BROKEN = "an error in the router: the call is ended"


class Engine:
    """The SignallingListener. Facts for the status: `calls_now`, `calls_total`, `peak`, `refused_busy`,
    `records_failed`, `refusals_unrecorded`."""

    def __init__(
        self,
        signalling: Signalling,
        clock: Clock,
        records: CallRecords,
        notifier: Notifier,
        table: RoutingTable,
    ) -> None:
        self._signalling = signalling
        self._clock = clock
        self._records = records
        self._bulletin = Bulletin(notifier)
        self._reception = Reception(table)
        self._calls: dict[LegId, LiveCall] = {}
        self._legs = Legs(signalling, clock, self._attempt)
        self._promised = 0
        self._refusals = (0, 0)
        self.calls_total = 0
        self.peak = 0
        self.refused_busy = 0
        self.records_failed = 0
        self.refusals_unrecorded = 0

    @property
    def calls_now(self) -> int:
        return len(self._calls)

    def use(self, table: RoutingTable) -> None:
        """Route new calls by this table; a call under way keeps the one it came with."""
        self._reception = Reception(table)

    def close(self) -> None:
        """End every call and write its record: the router stops."""
        for live in list(self._calls.values()):
            self._break_off(live, "the router stops: the call is ended", 503)

    # SignallingListener

    def offered(self, call: IncomingCall) -> None:
        self.calls_total += 1
        try:
            self._receive(call)
        except Exception:
            log.exception("SIP call %s to %s: error", call.call_id, call.dialled)
            self._turn_away(call, 500, "an error in the router", result=Result.FAILED)

    def ringing(self, leg: LegId) -> None:
        if found := self._legs.heard(leg):
            live, of = found
            self._happened(live, Ringing(self._at(live), of))

    def answered(self, leg: LegId) -> None:
        if found := self._legs.heard(leg):
            live, of = found
            self._happened(live, Answered(self._at(live), of))

    def refused(self, leg: LegId, status: int, reason: str) -> None:
        if found := self._legs.gone(leg):
            live, of = found
            self._happened(live, Refused(self._at(live), of, status, reason))

    def ended(self, leg: LegId) -> None:
        if found := self._legs.gone(leg):
            live, of = found
            self._happened(live, LegEnded(self._at(live), of))
        elif leg in self._calls:
            live = self._calls[leg]
            self._happened(live, CallerGone(self._at(live)))

    # A call's beginning

    def _receive(self, incoming: IncomingCall) -> None:
        reception, signalling = self._reception, self._signalling
        group = reception.group(incoming.dialled)
        if group is None:
            # 404 Not Found: nobody here has that number (RFC 3261 section 21.4.5).
            self._turn_away(incoming, 404, "no group has this number")
            return
        now = self._clock.now()
        call = reception.call(group, incoming.caller, incoming.dialled, now)
        alive = len(self._calls) + len(self._legs) + 1
        load = Load(signalling.capacity, signalling.legs_in_use, alive, self._promised)
        lines = admission.phones_at_once(load, hunting.most_at_once(call))
        if lines == 0:
            self.refused_busy += 1
            # 503 with Retry-After, not 486: the router is full, nobody is busy (RFC 3261 section 21.5.4).
            self._turn_away(incoming, 503, "no call leg is free", group=group.name)
            return
        self._begin(incoming, reception, hunting.with_lines(call, lines), now)

    def _begin(self, incoming: IncomingCall, reception: Reception, call: Call, now: datetime) -> None:
        live = LiveCall(
            id=str(uuid4()),
            incoming=incoming,
            reception=reception,
            flow=Flow.of(call),
            started=now,
            begun=self._clock.monotonic(),
            promised=1 + call.lines,
            identity=reception.outgoing_identity(call),
        )
        self._calls[incoming.leg] = live
        self._promised += live.promised
        self.peak = max(self.peak, len(self._calls))
        log.debug("call %s: raw caller %r, SIP call %s", live.id, incoming.caller.number, incoming.call_id)
        self._happened(live, CallOffered())

    def _turn_away(
        self,
        incoming: IncomingCall,
        status: int,
        because: str,
        *,
        group: str = "",
        result: Result = Result.REFUSED,
    ) -> None:
        """A call that reaches no flow: refused, and recorded while there are not too many of them."""
        retry_after = admission.RETRY_AFTER if status == 503 else None
        self._quietly(partial(self._signalling.refuse, incoming.leg, status, retry_after=retry_after))
        second, count = self._refusals
        this = int(self._clock.monotonic())
        self._refusals = (this, count + 1 if second == this else 1)
        if self._refusals[1] > REFUSALS_RECORDED:
            self.refusals_unrecorded += 1
            return
        caller = self._reception.shown(incoming.caller)
        record = refused_record(
            incoming, caller, self._clock.now(), group=group, status=status, result=result, because=because
        )
        self._keep(record)
        self._bulletin.turned_away(record)

    # A call's life

    def _at(self, live: LiveCall) -> float:
        return live.at(self._clock.monotonic())

    def _happened(self, live: LiveCall, event: Event) -> None:
        self._attempt(live, partial(self._perform, live, event))

    def _attempt(self, live: LiveCall, action: Callable[[], Refused | None]) -> None:
        """One call's error may hurt no other: it is ended on both sides, with a record."""
        try:
            refused = action()
            if refused is not None:
                self._perform(live, refused)
        except Exception:
            log.exception("call %s: error", live.id)
            self._break_off(live, BROKEN, 500)

    def _perform(self, live: LiveCall, event: Event) -> None:
        pending = [event]
        while pending:
            live.flow, commands = step(live.flow, pending.pop(0))
            for command in commands:
                refused = self._do(live, command)
                if refused is not None:
                    pending.append(refused)

    def _do(self, live: LiveCall, command: Command) -> Refused | None:
        """Carry out one command; Refused when a phone could not even be tried."""
        signalling, caller = self._signalling, live.incoming.leg
        match command:
            case Explain(at, fact):
                self._bulletin.step(live, at, sentence(fact))
            case Ring(leg, phone):
                return self._legs.ring(live, leg, phone.person.address)
            case StopRinging(leg):
                self._legs.release(live, leg)
            case Alert():
                signalling.alert(caller)
            case Connect(leg):
                self._connect(live, leg)
            case HangUp(leg):
                self._legs.release(live, leg)
                signalling.release(caller)
            case Refuse(status):
                signalling.refuse(caller, status)
            case StartTimer(timer, seconds):
                timed_out = partial(self._timed_out, live, timer)
                live.timers[timer] = self._clock.call_later(seconds, timed_out)
            case StopTimer(timer):
                live.stop_timer(timer)
            case Notify(at, ringing, anonymous):
                self._bulletin.rings(live, at, ringing, anonymous=anonymous)
            case Withdraw():
                self._bulletin.withdraw(live)
            case Record():
                self._finish(live, command)
        return None

    def _connect(self, live: LiveCall, leg: Leg) -> None:
        self._signalling.connect(live.incoming.leg, live.legs[leg])
        live.connected = True
        self._promise(live, 2)
        self._bulletin.answered(live, self._at(live), live.name_of(leg))

    def _timed_out(self, live: LiveCall, timer: TimerId) -> None:
        live.timers.pop(timer, None)
        self._happened(live, TimedOut(self._at(live), timer))

    # A call's end

    def _finish(self, live: LiveCall, record: Record) -> None:
        self._promise(live, 0)
        self._calls.pop(live.incoming.leg, None)
        live.stop_everything()
        self._keep(call_record(live, record))
        self._bulletin.ended(live, record.at, record.result.value)

    def _break_off(self, live: LiveCall, because: str, status: int) -> None:
        """End both sides whatever state they are in, and say so in the record."""
        caller, signalling = live.incoming.leg, self._signalling
        if self._calls.get(caller) is not live:
            return
        for leg in list(live.legs):
            self._quietly(partial(self._legs.release, live, leg))
        if live.connected:
            self._quietly(partial(signalling.release, caller))
        else:
            self._quietly(partial(signalling.refuse, caller, status))
        if live.shown:
            self._bulletin.withdraw(live)
        at = self._at(live)
        self._bulletin.step(live, at, because)
        self._finish(live, live.broken_off(at, status))

    def _promise(self, live: LiveCall, legs: int) -> None:
        self._promised += legs - live.promised
        live.promised = legs

    def _keep(self, record: dict[str, object]) -> None:
        try:
            self._records.append(record)
        except Exception:
            # A full disk must not end calls; the status shows the number.
            self.records_failed += 1
            log.exception("call %s: its record could not be written", record["id"])

    def _quietly(self, action: Callable[[], None]) -> None:
        """Do what may fail without stopping what must be done besides."""
        try:
            action()
        except Exception:
            log.exception("an error while a call was ended")
