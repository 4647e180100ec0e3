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

from router import admission, hunting, numbers
from router.admission import Load
from router.announcing import HEARD
from router.bulletin import Bulletin
from router.call import Call, Opening, Phone
from router.commands import (
    AcceptTransfer,
    Alert,
    Announce,
    Command,
    Connect,
    Explain,
    HandOver,
    HangUp,
    LetGo,
    Notify,
    NotifyAnswered,
    Record,
    Refuse,
    Result,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    TransferProgress,
    Withdraw,
)
from router.events import (
    Announced,
    Answered,
    CallerGone,
    CallOffered,
    Event,
    HandedOver,
    Leg,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TransferAsked,
)
from router.explain import sentence
from router.facts import ThroughServer
from router.flow import step
from router.legs import Legs
from router.lines import Lines
from router.live import LiveCall, call_record, refused_record
from router.media import Plan
from router.model import Group, RoutingTable
from router.opening import opening
from router.ports import (
    CallRecords,
    Clock,
    IncomingCall,
    LegId,
    Media,
    Notifier,
    Signalling,
    TransferRequest,
)
from router.reception import Candidates, Reachable, Reception
from router.state import Flow, Stage
from router.targets import Unreachable

log = logging.getLogger(__name__)

REFUSALS_RECORDED = 20
"""Records a second of calls that reached no group: a scanner must not fill the store. The rest is counted."""

BROKEN = "an error in the router: the call is ended"


RESCUED = "an error in the router: the rules are left aside"
UNUSABLE = "the group's data cannot be used"


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
        self._promised = 0
        self._refusals = (0, 0)
        self.use(table)
        self.calls_total = 0
        self.peak = 0
        self.refused_busy = 0
        self.records_failed = 0
        self.refusals_unrecorded = 0
        self.fail_safe = 0

    @property
    def calls_now(self) -> int:
        return len(self._calls)

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
            self._turn_away(call, 500, "an error in the router", result=Result.FAILED)

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
            self._turn_away(incoming, 404, "no group has this number")
            return
        now = self._clock.now()
        call, first, wanted = self._decide(reception, group, incoming, now)
        alive = len(self._calls) + len(self._legs) + 1
        load = Load(signalling.capacity, signalling.legs_in_use, alive, self._promised)
        lines = admission.phones_at_once(load, wanted)
        if lines == 0:
            self.refused_busy += 1
            # 503 with Retry-After, not 486: the router is full, nobody is busy (RFC 3261 section 21.5.4).
            self._turn_away(incoming, 503, "no call leg is free", group=group.name)
            return
        self._begin(incoming, reception, Flow.of(call, first, lines=lines), now)

    def _decide(
        self, reception: Reception, group: Group, incoming: IncomingCall, now: datetime
    ) -> tuple[Call, Opening, int]:
        """The call, who is rung first, and how many phones at once; by the fail-safe when the rules fail."""
        try:
            call = reception.call(group, incoming, now, self._lines)
            first = opening(call)
            return call, first, hunting.most_at_once(call, first)
        except Exception:
            safe = reception.fail_safe(group, incoming)
            if safe is None:
                raise
            log.exception("group %s: %s, the call goes to the manager's phone", group.name, UNUSABLE)
            self.fail_safe += 1
            return safe, opening(safe), 1

    def _begin(self, incoming: IncomingCall, reception: Reception, flow: Flow, now: datetime) -> None:
        call = flow.call
        live = LiveCall(
            id=str(uuid4()),
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
        self._promised += live.promised
        self.peak = max(self.peak, len(self._calls))
        if not call.private:
            number, call_id = incoming.caller.number, incoming.call_id
            log.debug("call %s: raw caller %r, SIP call %s", live.id, number, call_id)
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
        pending = [event]
        for happened in pending:
            live.flow, commands = step(live.flow, happened)
            for command in commands:
                refused = self._do(live, command)
                if refused is not None:
                    pending.append(refused)

    def _do(self, live: LiveCall, command: Command) -> Refused | None:
        """Carry out one command; Refused when a phone could not even be tried."""
        match command:
            case Explain(at, fact):
                self._bulletin.step(live, at, sentence(fact))
            case Ring(leg, phone, plan):
                return self._ring(live, leg, phone, plan)
            case StartTimer(timer, seconds):
                timed_out = partial(self._timed_out, live, timer)
                live.timers[timer] = self._clock.call_later(seconds, timed_out)
            case StopTimer(timer):
                live.stop_timer(timer)
            case Alert():
                self._signalling.alert(live.incoming.leg)
            case Connect(leg, name):
                self._connect(live, leg, name)
            case StopRinging(leg) | LetGo(leg):
                self._legs.release(live, leg)
            case HangUp(leg):
                if leg is not None:
                    self._legs.release(live, leg)
                self._signalling.release(live.incoming.leg)
            case Notify():
                self._bulletin.rings(live, command)
            case NotifyAnswered():
                self._bulletin.taken(live, command)
            case Withdraw(at, why):
                self._bulletin.withdraw(live, at, why)
            case Refuse(status):
                self._signalling.refuse(live.incoming.leg, status)
            case Record():
                self._finish(live, command)
            case _:
                self._do_seldom(live, command)
        return None

    def _do_seldom(
        self, live: LiveCall, command: Announce | AcceptTransfer | TransferProgress | HandOver
    ) -> None:
        signalling, caller = self._signalling, live.incoming.leg
        match command:
            case Announce(file, early):
                signalling.announce(caller, file, early=early)
            case AcceptTransfer(leg, status):
                asker = caller if leg is None else live.legs.get(leg)
                if asker is not None:
                    signalling.accept_transfer(asker, status=status)
            case TransferProgress(leg, status):
                if (asker := live.legs.get(leg)) is not None:
                    signalling.transfer_progress(asker, status)
            case HandOver(leg, replaces):
                signalling.hand_over(caller, live.legs[leg], replaces=replaces)

    def _ring(self, live: LiveCall, leg: Leg, phone: Phone, wanted: Plan | None) -> Refused | None:
        reception = live.reception
        target = reception.target(phone.person)
        if isinstance(target, Unreachable):
            return Refused(self._at(live), leg, 0, target.because)
        plan = reception.plan(live.flow.call, target, wanted)
        if plan.media is Media.CONFERENCE and plan.because:
            self._bulletin.step(live, self._at(live), sentence(ThroughServer(phone, plan.because)))
        if live.connected:
            self._promise(live, 3)
        return self._legs.ring(live, leg, phone, target, plan)

    def _connect(self, live: LiveCall, leg: Leg, name: str) -> None:
        self._signalling.connect(live.incoming.leg, live.legs[leg])
        live.connected = True
        self._promise(live, 2)
        self._bulletin.answered(live, self._at(live), name)

    def _timed_out(self, live: LiveCall, timer: TimerId) -> None:
        live.timers.pop(timer, None)
        self._happened(live, TimedOut(self._at(live), timer))

    # A call's end

    def _finish(self, live: LiveCall, record: Record) -> None:
        self._promise(live, 0)
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
        flow = live.flow
        safe = None
        if not (hopeless or live.connected or flow.call.is_fail_safe):
            safe = self._safe_call(live)
        if safe is None:
            self._break_off(live, BROKEN, 500)
            return
        self._let_go(live)
        self.fail_safe += 1
        self._bulletin.step(live, self._at(live), RESCUED)
        plan = HEARD if flow.stage is Stage.ANNOUNCING else flow.plan
        live.flow = Flow.of(safe).but(
            legs=flow.legs,
            timers=flow.timers,
            alerted=flow.picked_up,
            picked_up=flow.picked_up,
            plan=plan,
        )
        self._happened(live, CallOffered(self._at(live)))

    def _safe_call(self, live: LiveCall) -> Call | None:
        try:
            return live.reception.fail_safe(live.flow.call.group, live.incoming)
        except Exception:
            log.exception("call %s: no way to the manager's phone", live.id)
            return None

    def _let_go(self, live: LiveCall) -> None:
        """End the outgoing legs and stop what waits, in whatever state they are."""
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
