"""Runs one flow per call: SIP events in, SIP commands out, timers, notifications and call records.

One thread: the SIP side and the clock call it, and nothing here blocks. An error in one call ends that call
alone.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from uuid import uuid4

from router import admission, hunting, numbers
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
from router.explain import phrase, sentence
from router.flow import step
from router.hunting import Call, Phone
from router.live import LiveCall, call_record, refused_record
from router.model import RoutingTable
from router.ports import CallRecords, Clock, IncomingCall, LegId, Notifier, Signalling, Target
from router.reception import Reception
from router.state import Flow
from router.targets import Unreachable

log = logging.getLogger(__name__)

SILENCE = 35
"""Seconds after which a leg without any response is given up: SIP itself does so after 32 (RFC 3261 timer B),
and PJSIP has been seen to lose that end under load (pjproject#4992)."""

LEG_WAIT, LEG_RETRY = 5.0, 0.1
"""Seconds to wait for a free call leg when a phone is to be rung, and between two looks: a leg that was
cancelled keeps its slot until the phone has said so, for milliseconds, or for 32 s when it is dead."""

REFUSALS_RECORDED = 20
"""Records a second of calls that reached no group: a scanner must not fill the store. The rest is counted."""


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
        self._legs: dict[LegId, tuple[LiveCall, Leg]] = {}
        self._last_leg = 0
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
            self._turn_away(call, 500, "an error in the router", Result.FAILED)

    def ringing(self, leg: LegId) -> None:
        if leg in self._legs:
            live, of = self._legs[leg]
            live.calm(of)
            self._happened(live, Ringing(self._at(live), of))

    def answered(self, leg: LegId) -> None:
        if leg in self._legs:
            live, of = self._legs[leg]
            live.calm(of)
            self._happened(live, Answered(self._at(live), of))

    def refused(self, leg: LegId, status: int, reason: str) -> None:
        if leg in self._legs:
            live, of = self._legs.pop(leg)
            live.forget_leg(of)
            self._happened(live, Refused(self._at(live), of, status, reason))

    def ended(self, leg: LegId) -> None:
        if leg in self._legs:
            live, of = self._legs.pop(leg)
            live.forget_leg(of)
            self._happened(live, LegEnded(self._at(live), of))
        elif leg in self._calls:
            live = self._calls[leg]
            self._happened(live, CallerGone(self._at(live)))

    # A call's beginning

    def _receive(self, incoming: IncomingCall) -> None:
        reception = self._reception
        group = reception.group(incoming.dialled)
        if group is None:
            # 404 Not Found: nobody here has that number (RFC 3261 section 21.4.5).
            self._turn_away(incoming, 404, "no group has this number", Result.REFUSED)
            return
        now = self._clock.now()
        call = reception.call(group, incoming.caller, incoming.dialled, now)
        signalling = self._signalling
        alive = len(self._calls) + len(self._legs) + 1
        load = Load(signalling.capacity, signalling.legs_in_use, alive, self._promised)
        lines = admission.phones_at_once(load, hunting.most_at_once(call))
        if lines == 0:
            self.refused_busy += 1
            # 503 with Retry-After, not 486: the router is full, nobody is busy (RFC 3261 section 21.5.4).
            self._turn_away(incoming, 503, "no call leg is free", Result.REFUSED)
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
        log.info("call %s: raw caller %r, SIP call %s", live.id, incoming.caller.number, incoming.call_id)
        self._happened(live, CallOffered())

    def _turn_away(self, incoming: IncomingCall, status: int, because: str, result: Result) -> None:
        """A call that reaches no flow: refused, and recorded while there are not too many of them."""
        retry_after = admission.RETRY_AFTER if status == 503 else None
        self._quietly(partial(self._signalling.refuse, incoming.leg, status, retry_after=retry_after))
        second, count = self._refusals
        this = int(self._clock.monotonic())
        count = count + 1 if second == this else 1
        self._refusals = (this, count)
        if count > REFUSALS_RECORDED:
            self.refusals_unrecorded += 1
            return
        caller = numbers.shown(incoming.caller.number, self._reception.table.settings.strip_caller_id)
        text = f"{caller} calls {numbers.tidy(incoming.dialled)}, {because}: the caller gets {phrase(status)}"
        record = refused_record(incoming, caller, self._clock.now(), status=status, result=result, text=text)
        self._keep(record)
        self._bulletin.turned_away(record, text)

    # A call's life

    def _at(self, live: LiveCall) -> float:
        return self._clock.monotonic() - live.begun

    def _happened(self, live: LiveCall, event: Event) -> None:
        try:
            self._perform(live, event)
        except Exception:
            self._failed(live, event)

    def _failed(self, live: LiveCall, at: object) -> None:
        """One call's error may hurt no other: this call is ended on both sides, with a record."""
        log.exception("call %s: error at %s", live.id, at)
        self._break_off(live, "an error in the router: the call is ended", 500)

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
        signalling = self._signalling
        match command:
            case Explain(at, fact):
                self._bulletin.step(live, at, sentence(fact))
            case Ring(leg, phone):
                return self._ring(live, leg, phone)
            case StopRinging(leg):
                self._release(live, leg)
            case Alert():
                signalling.alert(live.incoming.leg)
            case Connect(leg):
                self._connect(live, leg)
            case HangUp(leg):
                self._release(live, leg)
                signalling.release(live.incoming.leg)
            case Refuse(status):
                signalling.refuse(live.incoming.leg, status)
            case StartTimer(timer, seconds):
                fire = partial(self._timed_out, live, timer)
                live.timers[timer] = self._clock.call_later(seconds, fire)
            case StopTimer(timer):
                live.stop_timer(timer)
            case Notify(at, ringing, anonymous):
                self._bulletin.rings(live, at, ringing, anonymous=anonymous)
            case Withdraw():
                self._bulletin.withdraw(live)
            case Record():
                self._finish(live, command)
        return None

    def _ring(self, live: LiveCall, leg: Leg, phone: Phone) -> Refused | None:
        target = live.reception.target(phone.person.address)
        if isinstance(target, Unreachable):
            return Refused(self._at(live), leg, 0, target.because)
        return self._dial(live, leg, target, until=self._clock.monotonic() + LEG_WAIT)

    def _dial(self, live: LiveCall, leg: Leg, target: Target, *, until: float) -> Refused | None:
        """Send the INVITE, now or as soon as a leg is free."""
        signalling = self._signalling
        capacity, in_use = signalling.capacity, signalling.legs_in_use
        if not admission.may_dial(capacity, in_use):
            if self._clock.monotonic() >= until:
                return Refused(self._at(live), leg, 0, f"no call leg is free ({in_use} of {capacity} in use)")
            again = partial(self._dial_again, live, leg, target, until)
            live.watchdogs[leg] = self._clock.call_later(LEG_RETRY, again)
            return None
        self._last_leg += 1
        leg_id = LegId(self._last_leg)
        self._legs[leg_id] = (live, leg)
        live.legs[leg] = leg_id
        live.watchdogs[leg] = self._clock.call_later(SILENCE, partial(self._silent, live, leg))
        signalling.dial(leg_id, target, offer_of=live.incoming.leg, caller=live.identity)
        return None

    def _dial_again(self, live: LiveCall, leg: Leg, target: Target, until: float) -> None:
        live.calm(leg)
        try:
            refused = self._dial(live, leg, target, until=until)
        except Exception:
            self._failed(live, f"leg {leg}")
            return
        if refused is not None:
            self._happened(live, refused)

    def _connect(self, live: LiveCall, leg: Leg) -> None:
        self._signalling.connect(live.incoming.leg, live.legs[leg])
        live.connected = True
        self._promise(live, 2)
        self._bulletin.answered(live, self._at(live), live.name_of(leg))

    def _release(self, live: LiveCall, leg: Leg) -> None:
        leg_id = live.forget_leg(leg)
        if leg_id is not None:
            self._legs.pop(leg_id, None)
            self._signalling.release(leg_id)

    def _timed_out(self, live: LiveCall, timer: TimerId) -> None:
        live.timers.pop(timer, None)
        self._happened(live, TimedOut(self._at(live), timer))

    def _silent(self, live: LiveCall, leg: Leg) -> None:
        """A leg of which nothing was heard: its end was lost."""
        log.warning("call %s: leg %s gave no sign for %s s: released", live.id, live.legs.get(leg), SILENCE)
        self._quietly(partial(self._release, live, leg))
        self._happened(live, Refused(self._at(live), leg, 408, ""))

    # A call's end

    def _finish(self, live: LiveCall, record: Record) -> None:
        self._forget(live)
        self._keep(call_record(live, record))
        self._bulletin.ended(live, record.at, record.result.value)

    def _break_off(self, live: LiveCall, because: str, status: int) -> None:
        """End both sides whatever state they are in, and say so in the record."""
        if self._calls.get(live.incoming.leg) is not live:
            return
        at, leg, signalling = self._at(live), live.incoming.leg, self._signalling
        for outgoing in list(live.legs):
            self._quietly(partial(self._release, live, outgoing))
        if live.connected:
            self._quietly(partial(signalling.release, leg))
        else:
            self._quietly(partial(signalling.refuse, leg, status))
        if live.shown:
            self._bulletin.withdraw(live)
        self._bulletin.step(live, at, because)
        self._finish(live, live.broken_off(at, status))

    def _forget(self, live: LiveCall) -> None:
        self._promise(live, 0)
        self._calls.pop(live.incoming.leg, None)
        for leg_id in live.legs.values():
            self._legs.pop(leg_id, None)
        live.stop_everything()

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

    def _quietly(self, action: partial[None]) -> None:
        """Do what may fail without stopping what must be done besides."""
        try:
            action()
        except Exception:
            log.exception("%s failed", getattr(action.func, "__name__", action.func))
