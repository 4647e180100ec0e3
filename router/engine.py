"""Runs one flow per call: SIP events in, SIP commands out, timers, notifications and call records.

One thread: the SIP side and the clock call it, and nothing here blocks. An error in one call ends that call
alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from router import admission, numbers
from router.admission import Load
from router.bulletin import Bulletin
from router.commands import (
    Record,
    Result,
)
from router.door import Door
from router.events import (
    Announced,
    Answered,
    CallerGone,
    CallOffered,
    Consulted,
    Event,
    GivenAway,
    HandedOver,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TransferAsked,
)
from router.failsafe import FailSafe
from router.flow import step
from router.legs import Legs
from router.lines import Lines
from router.live import LiveCall, call_record, new_id
from router.model import RoutingTable
from router.performer import Performer
from router.ports import (
    CallRecords,
    Clock,
    IncomingCall,
    LegId,
    Notifier,
    Signalling,
    TransferRequest,
)
from router.reception import Candidates, Reachable, Reception
from router.state import Flow, Rung
from router.transfer import called_off

log = logging.getLogger(__name__)

BROKEN = "an error in the router: the call is ended"
RESCUED = "an error in the router: the rules are left aside"


class Engine:
    """The SignallingListener. Facts for the status: `calls_now`, `calls_total`, `peak`, `refused_busy`,
    `records_failed`, `refusals_unrecorded`, `fail_safe` (calls that went to the manager since the rules could
    not be used).

    `candidates` and `reachable`: what is known of peers and phones, see router/reception.py.
    """

    def __init__(
        self,
        signalling: Signalling,
        clock: Clock,
        records: CallRecords,
        notifier: Notifier,
        table: RoutingTable,
        *,
        candidates: Candidates | None = None,
        reachable: Reachable | None = None,
    ) -> None:
        self._signalling = signalling
        self._clock = clock
        self._records = records
        self._bulletin = Bulletin(notifier)
        self._candidates = candidates
        self._reachable = reachable
        self._lines = Lines()
        self._calls: dict[LegId, LiveCall] = {}
        self._legs = Legs(signalling, clock, self._lines, self._attempt)
        self._performer = Performer(
            signalling,
            clock,
            self._bulletin,
            self._legs,
            timed_out=self._timed_out,
            finished=self._finish,
        )
        self._fail_safe = FailSafe()
        self._door = Door(signalling, clock, self._bulletin, self._keep)
        self.use(table)
        self.calls_total = 0
        self.peak = 0
        self.refused_busy = 0
        self.records_failed = 0

    @property
    def calls_now(self) -> int:
        return len(self._calls)

    @property
    def fail_safe(self) -> int:
        return self._fail_safe.used

    @property
    def refusals_unrecorded(self) -> int:
        return self._door.unrecorded

    def call_of(self, leg: LegId) -> LiveCall | None:
        """The call under way that has this leg, be it the caller's or a phone's."""
        return self._calls.get(leg) or self._legs.call_of(leg)

    def use(self, table: RoutingTable) -> None:
        """Route new calls by this table; a call under way keeps the one it came with."""
        self._reception = Reception(table, candidates=self._candidates, reachable=self._reachable)

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
            caller = self._reception.shown(call.caller)
            because = "an error in the router"
            self._door.turn_away(call, 500, because, caller=caller, result=Result.FAILED)

    def ringing(self, leg: LegId) -> None:
        if out := self._legs.heard(leg):
            self._happened(out.live, Ringing(self._at(out.live), out.leg))

    def answered(self, leg: LegId) -> None:
        if out := self._legs.heard(leg):
            self._happened(out.live, Answered(self._at(out.live), out.leg, out.peer, out.media))

    def refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        if out := self._legs.gone(leg):
            refused = Refused(self._at(out.live), out.leg, status, reason, contact, out.media)
            self._happened(out.live, refused)

    def ended(self, leg: LegId) -> None:
        if out := self._legs.gone(leg):
            self._happened(out.live, LegEnded(self._at(out.live), out.leg))
        elif live := self._calls.get(leg):
            self._happened(live, CallerGone(self._at(live)))

    def announced(self, leg: LegId, problem: str) -> None:
        if live := self._calls.get(leg):
            self._happened(live, Announced(self._at(live), problem))

    def transfer_asked(self, leg: LegId, transfer: TransferRequest) -> None:
        if out := self._legs.heard(leg):
            other = self._calls.get(transfer.replaces) if transfer.replaces is not None else None
            if other is not None and other is not out.live and other.flow.talking is not None:
                self._join(out.live, out.leg, transfer, other, other.flow.talking)
            else:
                self._happened(out.live, TransferAsked(self._at(out.live), out.leg, transfer))
        elif live := self._calls.get(leg):
            self._happened(live, TransferAsked(self._at(live), None, transfer))
        else:
            # 481 Call/Transaction Does Not Exist (RFC 3261 section 21.4.19): it ended while the REFER came.
            self._quietly(partial(self._signalling.accept_transfer, leg, status=481))

    def handed_over(self, caller: LegId, status: int, reason: str) -> None:
        if live := self._calls.get(caller):
            self._happened(live, HandedOver(self._at(live), status, reason))

    # A call's beginning

    def _receive(self, incoming: IncomingCall) -> None:
        reception, signalling = self._reception, self._signalling
        group = reception.group(incoming.dialled)
        if group is None:
            # 404 Not Found: nobody here has that number (RFC 3261 section 21.4.5).
            caller = reception.shown(incoming.caller)
            self._door.turn_away(incoming, 404, "no group has this number", caller=caller)
            return
        now = self._clock.now()
        call, first, wanted = self._fail_safe.decide(reception, group, incoming, now, self._lines)
        alive = len(self._calls) + len(self._legs) + 1
        load = Load(signalling.capacity, signalling.legs_in_use, alive, self._performer.promised)
        lines = admission.phones_at_once(load, wanted)
        if lines == 0:
            self.refused_busy += 1
            # 503 with Retry-After, not 486: the router is full, nobody is busy (RFC 3261 section 21.5.4).
            caller, because = reception.shown(incoming.caller), "no call leg is free"
            self._door.turn_away(incoming, 503, because, caller=caller, group=group.name)
            return
        self._begin(incoming, reception, Flow.of(call, first, lines=lines), now)

    def _begin(self, incoming: IncomingCall, reception: Reception, flow: Flow, now: datetime) -> None:
        call = flow.call
        live = LiveCall(
            id=new_id(),
            incoming=incoming,
            reception=reception,
            flow=flow,
            started=now,
            begun=self._clock.monotonic(),
            promised=1 + flow.lines,
            identity=reception.outgoing_identity(call),
            line=call.member or numbers.normalise(call.number),
        )
        self._calls[incoming.leg] = live
        self._lines.take(live.line)
        self._performer.promised += live.promised
        self.peak = max(self.peak, len(self._calls))
        if not call.private:
            number, call_id = incoming.caller.number, incoming.call_id
            log.debug("call %s: raw caller %r, SIP call %s", live.id, number, call_id)
        self._happened(live, CallOffered())

    # A call's life

    def _at(self, live: LiveCall) -> float:
        return self._clock.monotonic() - live.begun

    def _happened(self, live: LiveCall, event: Event) -> None:
        try:
            self._perform(live, event)
        except Exception:
            self._rescue(live, hopeless=isinstance(event, CallerGone))

    def _attempt(self, live: LiveCall, action: Callable[[], Refused | None]) -> None:
        try:
            refused = action()
            if refused is not None:
                self._perform(live, refused)
        except Exception:
            self._rescue(live)

    def _perform(self, live: LiveCall, event: Event) -> None:
        ways, pending = self._performer.ways, [event]
        for happened in pending:
            live.flow, commands = step(live.flow, happened)
            for command in commands:
                refused = ways[type(command)](live, command)
                if refused is not None:
                    pending.append(refused)

    def _join(
        self, live: LiveCall, leg: Leg, transfer: TransferRequest, other: LiveCall, talking: Rung
    ) -> None:
        """Who has one call asks to join it with another that he has made: that one's phone moves over."""
        leg_id = other.legs[talking.leg]
        consulted = Consulted(talking.phone, other.flow.media)
        live.consulted = leg_id
        self._happened(live, TransferAsked(self._at(live), leg, transfer, consulted))
        live.consulted = None
        if talking.leg not in other.legs:
            self._happened(other, GivenAway(self._at(other)))

    def _timed_out(self, live: LiveCall, timer: TimerId) -> None:
        self._happened(live, TimedOut(self._at(live), timer))

    # A call's end

    def _finish(self, live: LiveCall, record: Record) -> None:
        self._calls.pop(live.incoming.leg, None)
        self._lines.drop(live.line)
        self._legs.forget(live)
        live.stop_everything()
        self._keep(call_record(live, record))
        self._bulletin.ended(live, record.at, record.result.value)

    def _rescue(self, live: LiveCall, *, hopeless: bool = False) -> None:
        """One call's error may hurt no other. The manager's phone is rung once, whatever the rules would say;
        where that is no use, or has failed too, both sides are ended, with a record."""
        log.exception("call %s: error", live.id)
        if self._calls.get(live.incoming.leg) is not live:
            return
        instead = None if hopeless else self._fail_safe.instead(live)
        if instead is None:
            self._break_off(live, BROKEN, 500)
            return
        self._let_go(live)
        self._bulletin.step(live, self._at(live), RESCUED)
        live.flow = instead
        self._happened(live, CallOffered(self._at(live)))

    def _let_go(self, live: LiveCall) -> None:
        """End the outgoing legs and stop what waits, in whatever state they are."""
        for command in called_off(live.flow):
            self._quietly(partial(self._performer.do, live, command))
        for leg in list(live.legs):
            self._quietly(partial(self._legs.release, live, leg))
        live.stop_everything()
        if live.shown:
            self._bulletin.withdraw(live, self._at(live), "an error")

    def _break_off(self, live: LiveCall, because: str, status: int) -> None:
        """End both sides whatever state they are in, and say so in the record."""
        caller, signalling = live.incoming.leg, self._signalling
        if self._calls.get(caller) is not live:
            return
        self._let_go(live)
        if live.connected:
            self._quietly(partial(signalling.release, caller))
        else:
            self._quietly(partial(signalling.refuse, caller, status))
        at = self._at(live)
        self._bulletin.step(live, at, because)
        self._performer.do(live, live.broken_off(at, status))

    def _keep(self, record: dict[str, object]) -> None:
        try:
            self._records.append(record)
        except Exception:
            # A full disk must not end calls; the status shows the number.
            self.records_failed += 1
            log.exception("call %s: its record could not be written", record["id"])

    def _quietly(self, action: Callable[[], object]) -> None:
        """Do what may fail without stopping what must be done besides."""
        try:
            action()
        except Exception:
            log.exception("an error while a call was ended")
