"""The life of one call to a manager number: what has happened comes in, what shall be done goes out.

Spec: call flow, rules 3 to 6, 8 and 9. Pure: the time comes with the events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from router import hunting, moves, overflow
from router.commands import (
    Alert,
    Command,
    Connect,
    Explain,
    HangUp,
    Record,
    Refuse,
    Result,
    StartTimer,
    StopTimer,
)
from router.events import (
    Answered,
    CallerGone,
    CallOffered,
    Event,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TimerKind,
)
from router.facts import (
    CallerHungUp,
    CallerRefused,
    Came,
    GoesOn,
    NextRound,
    NobodyToHunt,
    Outcome,
    Skipped,
    Stopped,
    TalkEnded,
    TimeIsOver,
)
from router.hunting import Call, Phone, Role, Why
from router.model import Person, Strategy
from router.notices import notices
from router.state import Flow, Rung, Stage, Turn

LONGEST_TALK = 12 * 3600
"""Seconds after which a connected call is ended: its BYE was lost, or its phones were switched off."""


def step(flow: Flow, event: Event) -> Turn:
    """The next state and what to do, in this order. After `Record` nothing more comes of a call."""
    after, commands = _decide(flow, event)
    shown = notices(flow.call, event.at, _who_rings(flow), _who_rings(after))
    return after, _before_record(commands, shown) if shown else commands


def _decide(flow: Flow, event: Event) -> Turn:
    match event:
        case _ if flow.stage is Stage.ENDED:
            return flow, ()  # everything is released: what still comes in was on its way
        case CallOffered(at):
            return _begin(flow, at) if flow.stage is Stage.NEW else (flow, ())
        case CallerGone(at):
            return _hang_up(flow, at, "the caller") if flow.stage is Stage.TALKING else _abandon(flow, at)
        case TimedOut(at, timer):
            return _timed_out(flow, at, timer)
        case Ringing(_, leg) | Answered(_, leg) | Refused(_, leg) | LegEnded(_, leg):
            rung = flow.rings(leg)
            return _phone_says(flow, rung, event) if rung is not None else (flow, ())  # released before
        case _:
            assert_never(event)


def _timed_out(flow: Flow, at: float, timer: TimerId) -> Turn:
    if timer == flow.phone_timer:
        return _rang_out(flow, at)
    if timer == flow.call_timer:
        return _waited_out(flow, at)
    if timer.kind is TimerKind.TALK and flow.stage is Stage.TALKING:
        return _hang_up(flow, at, "")
    return flow, ()  # a late timer: that phone has stopped ringing


def _phone_says(flow: Flow, rung: Rung, event: Ringing | Answered | Refused | LegEnded) -> Turn:
    match event:
        case Refused(at) | LegEnded(at) if flow.stage is Stage.TALKING:
            return _hang_up(flow, at, rung.phone.person.name)
        case _ if flow.stage is Stage.TALKING:
            return flow, ()  # a response that was repeated
        case Ringing():
            return _alert(flow, rung)
        case Answered(at):
            return _connect(flow, rung, at)
        case Refused(at, _, status, reason):
            outcome = Outcome.REFUSED if status else Outcome.NOT_TRIED
            return _refused(flow, rung, at, outcome=outcome, status=status, reason=reason)
        case LegEnded(at):
            return _refused(flow, rung, at, outcome=Outcome.LOST)
        case _:
            assert_never(event)


def _begin(flow: Flow, at: float) -> Turn:
    timer = TimerId(TimerKind.CALL, flow.timers + 1)
    flow = replace(flow, timers=flow.timers + 1, call_timer=timer)
    flow, rest = _round(flow, at)
    return flow, (Explain(at, Came(flow.call)), StartTimer(timer, overflow.LONGEST_WAIT), *rest)


def _round(flow: Flow, at: float) -> Turn:
    """From the start of the list: the manager, if it is his turn, or the assistants."""
    opening, group = flow.opening, flow.call.group
    if opening.manager is None:
        return _hunt(replace(flow, why=opening.why), at)
    if opening.manager.person.user in flow.declined:
        return _hunt(replace(flow, why=Why.DECLINED), at)
    phones = [(opening.manager, opening.why)]
    if opening.parallel:
        phones += [(phone, Why.PARALLEL) for phone in _candidates(flow)[:1]]
    flow, ring = moves.ring(replace(flow, stage=Stage.MANAGER), phones, at)
    flow, timer = moves.phone_timer(flow, 0 if opening.alone else group.manager_timeout)
    return flow, ring + timer


def _hunt(flow: Flow, at: float) -> Turn:
    """Go over to the assistants; one who rings together with the manager may be left ringing."""
    if flow.opening.alone:
        return _end_of_list(flow, at)
    group, timeout = flow.call.group, flow.call.group.assistant_timeout
    said: tuple[Command, ...] = ()
    if flow.round == 1:
        said = tuple(Explain(at, Skipped(phone, skip)) for phone, skip in _skipped(flow.call))
    flow = replace(flow, stage=Stage.HUNT)
    spent = [r for r in flow.rung if timeout and at - r.since >= timeout]
    flow, stop = moves.stop(flow, spent, at, Outcome.NO_ANSWER)
    ringing = tuple(rung.phone for rung in flow.rung)
    flow = replace(flow, waves=hunting.waves(ringing + _candidates(flow), group.strategy, flow.call.lines))
    if not ringing:
        if not flow.waves:
            said = (*said, Explain(at, NobodyToHunt(flow.why)))
        flow, rest = _next_wave(flow, at)
        return flow, said + stop + rest
    goes_on = tuple(Explain(at, GoesOn(phone, flow.why)) for phone in ringing)
    added = tuple((phone, flow.why) for phone in flow.waves[0] if phone not in ringing)
    # One phone's time counts from its own first ring, that of phones that ring together from now.
    rung_for = at - flow.rung[0].since if group.strategy is Strategy.SEQUENTIAL else 0
    flow, ring = moves.ring(replace(flow, waves=flow.waves[1:]), added, at)
    flow, timer = moves.phone_timer(flow, timeout - rung_for if timeout else 0)
    return flow, said + stop + goes_on + ring + timer


def _next_wave(flow: Flow, at: float) -> Turn:
    if not flow.waves:
        return _end_of_list(flow, at)
    phones = [(phone, flow.why) for phone in flow.waves[0]]
    flow, ring = moves.ring(replace(flow, waves=flow.waves[1:]), phones, at)
    flow, timer = moves.phone_timer(flow, flow.call.group.assistant_timeout)
    return flow, ring + timer


def _end_of_list(flow: Flow, at: float, *, in_time: bool = True) -> Turn:
    if flow.opening.direct:
        return _refuse(flow, at, 480, "the manager did not take the call", Result.REFUSED)
    fresh = replace(flow, tried=frozenset())
    match overflow.at_end(
        flow.call.group, flow.round, rung=flow.legs > 0, again=in_time and _somebody_left(fresh)
    ):
        case overflow.Again():
            fresh = replace(fresh, round=flow.round + 1)
            after, commands = _round(fresh, at)
            return after, (Explain(at, NextRound(fresh.round, overflow.ROUNDS)), *commands)
        case overflow.RingNumber(number):
            return _ring_number(flow, number, at)
        case overflow.Busy(status, because):
            return _refuse(flow, at, status, because, Result.BUSY if status == 486 else Result.REFUSED)
        case never:
            assert_never(never)


def _ring_number(flow: Flow, number: str, at: float) -> Turn:
    """The overflow number gets the longest wait for itself."""
    phone = Phone(Role.OVERFLOW, Person(user="", name=number, address=number))
    flow, ring = moves.ring(replace(flow, stage=Stage.OVERFLOW, waves=()), [(phone, Why.OVERFLOW)], at)
    flow, stop = moves.phone_timer(flow, 0)
    old = flow.call_timer
    timer = TimerId(TimerKind.CALL, flow.timers + 1)
    flow = replace(flow, timers=flow.timers + 1, call_timer=timer)
    stopped = (StopTimer(old),) if old else ()
    return flow, (*stop, *stopped, *ring, StartTimer(timer, overflow.LONGEST_WAIT))


def _alert(flow: Flow, rung: Rung) -> Turn:
    heard = tuple(replace(r, heard=True) if r is rung else r for r in flow.rung)
    return replace(flow, rung=heard, alerted=True), () if flow.alerted else (Alert(),)


def _connect(flow: Flow, rung: Rung, at: float) -> Turn:
    """First to answer wins. A 200 of another that is on its way finds its leg released already."""
    losers = [other for other in flow.rung if other is not rung]
    flow, stop = moves.stop(flow, losers, at, Outcome.ELSEWHERE)
    flow, stopped = moves.no_timers(flow)
    timer = TimerId(TimerKind.TALK, flow.timers + 1)
    flow = replace(flow, stage=Stage.TALKING, waves=(), timers=flow.timers + 1, answered=at)
    took = Explain(at, Stopped(rung.phone, rung.why, at - rung.since, Outcome.ANSWERED))
    return flow, (Connect(rung.leg), took, *stop, *stopped, StartTimer(timer, LONGEST_TALK))


def _refused(
    flow: Flow, rung: Rung, at: float, *, outcome: Outcome, status: int = 0, reason: str = ""
) -> Turn:
    """A phone will not take the call: the others ring on, or it is the next one's turn."""
    fact = Stopped(rung.phone, rung.why, at - rung.since, outcome, status, reason)
    declined = flow.declined | {rung.phone.person.user} if status >= 600 else flow.declined
    flow = replace(flow, rung=tuple(r for r in flow.rung if r is not rung), declined=declined)
    said: tuple[Command, ...] = (Explain(at, fact),)
    if flow.stage is Stage.OVERFLOW:
        flow, rest = _overflow_failed(flow, at, status)
    elif flow.opening.direct:
        answer = status if status in {486, 600, 603} else 480
        flow, rest = _refuse(flow, at, answer, "the manager did not take the call", Result.REFUSED)
    elif rung.phone.role is Role.MANAGER:
        flow, rest = _hunt(replace(flow, why=_why_not(status)), at)
    elif flow.rung:
        return flow, said
    else:
        flow, rest = _next_wave(flow, at)
    return flow, said + rest


def _rang_out(flow: Flow, at: float) -> Turn:
    """The phone timer: the manager's phone, or the wave that rings, has rung long enough."""
    if flow.stage is Stage.MANAGER:
        spent = [rung for rung in flow.rung if rung.phone.role is Role.MANAGER]
        flow, stop = moves.stop(replace(flow, phone_timer=None), spent, at, Outcome.NO_ANSWER)
        flow, rest = _hunt(replace(flow, why=Why.NO_ANSWER), at)
    else:
        flow, stop = moves.stop(replace(flow, phone_timer=None), flow.rung, at, Outcome.NO_ANSWER)
        flow, rest = _next_wave(flow, at)
    return flow, stop + rest


def _waited_out(flow: Flow, at: float) -> Turn:
    """The call timer: nobody is hunted any longer."""
    flow, stop = moves.stop(replace(flow, call_timer=None), flow.rung, at, Outcome.NO_ANSWER)
    said = (Explain(at, TimeIsOver(overflow.LONGEST_WAIT)),)
    if flow.stage is Stage.OVERFLOW:
        flow, rest = _overflow_failed(flow, at, 0)
    else:
        flow, rest = _end_of_list(replace(flow, waves=()), at, in_time=False)
    return flow, stop + said + rest


def _overflow_failed(flow: Flow, at: float, status: int) -> Turn:
    """The overflow number's "busy" is passed on; for every other reason the caller hears "unavailable"."""
    answer = 486 if status in {486, 600} else 480
    return _refuse(flow, at, answer, "the overflow number did not take the call", Result.OVERFLOW)


def _refuse(flow: Flow, at: float, status: int, because: str, result: Result) -> Turn:
    ended = replace(flow, stage=Stage.ENDED, rung=(), waves=())
    return ended, (Explain(at, CallerRefused(status, because)), Refuse(status), Record(at, result, status))


def _abandon(flow: Flow, at: float) -> Turn:
    flow, stop = moves.stop(flow, flow.rung, at, Outcome.CALLER_GONE)
    # 487 Request Terminated is what a CANCEL brings the caller (RFC 3261 section 9.2); the SIP side sends it.
    said = (Explain(at, CallerHungUp(at)), Record(at, Result.ABANDONED, 487))
    return replace(flow, stage=Stage.ENDED, waves=()), stop + said


def _hang_up(flow: Flow, at: float, by: str) -> Turn:
    (rung,) = flow.rung
    is_overflow = rung.phone.role is Role.OVERFLOW
    result = Result.OVERFLOW if is_overflow else Result.ANSWERED
    since = at if flow.answered is None else flow.answered
    record = Record(at, result, 200, None if is_overflow else rung.phone.person.user, flow.answered)
    said = Explain(at, TalkEnded(at - since, by))
    return replace(flow, stage=Stage.ENDED, rung=()), (HangUp(rung.leg), said, record)


def _candidates(flow: Flow) -> tuple[Phone, ...]:
    """The assistants still to be offered the call in this round, in hunting order."""
    out = flow.tried | flow.declined
    return tuple(phone for phone in hunting.available(flow.call) if phone.person.user not in out)


def _somebody_left(flow: Flow) -> bool:
    manager = flow.opening.manager
    if manager is not None and manager.person.user not in flow.declined:
        return True
    return not flow.opening.alone and bool(_candidates(flow))


def _skipped(call: Call) -> list[tuple[Phone, hunting.Skip]]:
    reasons = ((phone, hunting.absence(phone, call.member)) for phone in hunting.assistants(call.group))
    return [(phone, skip) for phone, skip in reasons if skip is not None]


def _why_not(status: int) -> Why:
    """Why the manager did not take the call, by his phone's final response."""
    return {486: Why.LINE_BUSY, 600: Why.LINE_BUSY, 603: Why.DECLINED}.get(status, Why.NOT_REACHED)


def _who_rings(flow: Flow) -> tuple[str, ...]:
    """Names of those whose phones ring, as assistants see them; nobody from an answer or overflow on."""
    if flow.opening.direct or flow.stage not in {Stage.MANAGER, Stage.HUNT}:
        return ()
    return tuple(rung.phone.person.name for rung in flow.rung)


def _before_record(commands: tuple[Command, ...], shown: tuple[Command, ...]) -> tuple[Command, ...]:
    if commands and isinstance(commands[-1], Record):
        return *commands[:-1], *shown, commands[-1]
    return commands + shown
