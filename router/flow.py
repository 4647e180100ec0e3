"""The life of one call to a manager number: what has happened comes in, what shall be done goes out.

Spec: call flow, all rules; here from the first ring to the answer. Pure: the time comes with the events.
"""

from __future__ import annotations

from typing import assert_never

from router import announcing, choices, hunting, moves, overflow, refusals, talking
from router.call import Role, Why
from router.commands import AcceptTransfer, Alert, Command, Explain, Result
from router.endings import abandon, overflow_failed, refuse, ring_number
from router.events import (
    Announced,
    Answered,
    CallerGone,
    CallOffered,
    Event,
    GivenAway,
    HandedOver,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TransferAsked,
)
from router.facts import (
    Came,
    GoesOn,
    NextRound,
    NobodyToHunt,
    NotForwarded,
    Outcome,
    Skipped,
    Stopped,
    TimeIsOver,
)
from router.forwarding import MOST_DIVERSIONS
from router.model import Strategy
from router.notices import notices, with_notices
from router.state import Flow, Rung, Stage, Turn


def step(flow: Flow, event: Event) -> Turn:
    """The next state and what to do, in this order. After `Record` nothing more comes of a call."""
    if flow.stage is Stage.ENDED:
        return flow, ()  # everything is released: what still comes in was on its way
    after, commands = talking.happened(flow, event) if flow.stage is Stage.TALKING else _waits(flow, event)
    if after.rung is flow.rung and after.stage is flow.stage:
        return after, commands
    return after, with_notices(commands, notices(flow, after, event))


def _waits(flow: Flow, event: Event) -> Turn:
    """Until somebody has answered."""
    match event:
        case Ringing(_, leg) | Answered(_, leg) | Refused(_, leg) | LegEnded(_, leg):
            rung = flow.rings(leg)
            return _phone_says(flow, rung, event) if rung is not None else (flow, ())  # released before
        case CallOffered(at):
            return _begin(flow, at) if flow.stage is Stage.NEW else (flow, ())
        case CallerGone(at):
            return abandon(flow, at)
        case TimedOut(at, timer):
            return _timed_out(flow, at, timer)
        case Announced(at, because):
            return _announced(flow, at, because) if flow.stage is Stage.ANNOUNCING else (flow, ())
        case TransferAsked(_, asker, _):
            return flow, (AcceptTransfer(asker, 481),)  # nobody talks to anybody
        case HandedOver() | GivenAway():
            return flow, ()  # neither happens before the answer
        case _:
            assert_never(event)


def _timed_out(flow: Flow, at: float, timer: TimerId) -> Turn:
    if timer == flow.phone_timer:
        return _rang_out(flow, at)
    if timer == flow.call_timer:
        return _waited_out(flow, at)
    if timer == flow.side_timer:
        flow, said = announcing.ran_over(flow, at)
        flow, rest = _ring_first(flow, at)
        return flow, said + rest
    return flow, ()  # a late timer: that phone has stopped ringing


def _phone_says(flow: Flow, rung: Rung, event: Ringing | Answered | Refused | LegEnded) -> Turn:
    match event:
        case Ringing():
            return _alert(flow, rung)
        case Answered():
            return talking.connect(flow, rung, event)
        case Refused(at, _, status, reason):
            other, said = refusals.instead(flow, rung, event)
            if other is not None:
                return other, said
            if not said:
                outcome = Outcome.REFUSED if status else Outcome.NOT_TRIED
                fact = Stopped(rung.phone, rung.why, at - rung.since, outcome, status, reason)
                said = (Explain(at, fact),)
            flow, rest = _gives_way(flow, rung, at, status)
            return flow, said + rest
        case LegEnded(at):
            fact = Stopped(rung.phone, rung.why, at - rung.since, Outcome.LOST)
            flow, rest = _gives_way(flow, rung, at, 0)
            return flow, (Explain(at, fact), *rest)
        case _:
            assert_never(event)


def _begin(flow: Flow, at: float) -> Turn:
    call, opening = flow.call, flow.opening
    said: tuple[Command, ...] = (Explain(at, Came(call)),)
    if call.diversions >= MOST_DIVERSIONS:
        because = f"the call was forwarded {call.diversions} times before, so it goes round"
        flow, rest = refuse(flow, at, 482, because, Result.REFUSED)
        return flow, said + rest
    if opening.unfollowed:
        said = (*said, Explain(at, NotForwarded(opening.unfollowed)))
    if call.group.announcement and not opening.direct:
        flow, rest = announcing.begin(flow, at)
    else:
        flow, rest = _ring_first(flow, at)
    return flow, said + rest


def _announced(flow: Flow, at: float, because: str) -> Turn:
    flow, said = announcing.over(flow, at, because)
    flow, rest = _ring_first(flow, at)
    return flow, said + rest


def _ring_first(flow: Flow, at: float) -> Turn:
    if flow.opening.busy:
        return refuse(flow, at, 486, flow.opening.busy, Result.BUSY)
    flow, timer = moves.call_timer(flow, overflow.LONGEST_WAIT)
    flow, rest = _round(flow, at)
    return flow, timer + rest


def _round(flow: Flow, at: float) -> Turn:
    """From the start of the list: the manager, if it is his turn, or the assistants."""
    opening = flow.opening
    if opening.manager is None:
        return _hunt(flow.but(why=opening.why), at)
    if opening.manager.person.user in flow.declined:
        return _hunt(flow.but(why=Why.DECLINED), at)
    phones = [(opening.manager, opening.why)]
    if opening.parallel and flow.lines > 1:
        phones += [(phone, Why.PARALLEL) for phone in choices.candidates(flow)[:1]]
    flow, ring = moves.ring(flow.but(stage=Stage.MANAGER), phones, at)
    flow, timer = moves.phone_timer(flow, 0 if opening.alone else flow.call.group.manager_timeout)
    return flow, ring + timer


def _hunt(flow: Flow, at: float) -> Turn:
    """Go over to the assistants; one who rings together with the manager may be left ringing."""
    if flow.opening.alone:
        return _end_of_list(flow, at)
    group, timeout = flow.call.group, flow.call.group.assistant_timeout
    said: tuple[Command, ...] = ()
    if flow.round == 1:
        said = tuple([Explain(at, Skipped(phone, skip)) for phone, skip in choices.skipped(flow.call)])
    flow = flow.but(stage=Stage.HUNT)
    spent = [r for r in flow.rung if timeout and at - r.since >= timeout]
    flow, stop = moves.stop(flow, spent, at, Outcome.NO_ANSWER)
    ringing = tuple([rung.phone for rung in flow.rung])
    flow = flow.but(waves=hunting.waves(ringing + choices.candidates(flow), group.strategy, flow.lines))
    if not ringing:
        if not flow.waves:
            said = (*said, Explain(at, NobodyToHunt(flow.why)))
        flow, rest = _next_wave(flow, at)
        return flow, said + stop + rest
    goes_on = tuple([Explain(at, GoesOn(phone, flow.why)) for phone in ringing])
    added = [(phone, flow.why) for phone in flow.waves[0] if phone not in ringing]
    # One phone's time counts from its own first ring, that of phones that ring together from now.
    rung_for = at - flow.rung[0].since if group.strategy is Strategy.SEQUENTIAL else 0
    flow, ring = moves.ring(flow.but(waves=flow.waves[1:]), added, at)
    flow, timer = moves.phone_timer(flow, timeout - rung_for if timeout else 0)
    return flow, said + stop + goes_on + ring + timer


def _next_wave(flow: Flow, at: float) -> Turn:
    if not flow.waves:
        return _end_of_list(flow, at)
    phones = [(phone, flow.why) for phone in flow.waves[0]]
    flow, ring = moves.ring(flow.but(waves=flow.waves[1:]), phones, at)
    flow, timer = moves.phone_timer(flow, flow.call.group.assistant_timeout)
    return flow, ring + timer


def _end_of_list(flow: Flow, at: float, *, in_time: bool = True) -> Turn:
    if flow.opening.direct:
        return refuse(flow, at, 480, "the manager did not take the call", Result.REFUSED)
    fresh = flow.but(tried=frozenset())
    match overflow.at_end(
        flow.call.group, flow.round, rung=flow.legs > 0, again=in_time and choices.somebody_left(fresh)
    ):
        case overflow.Again():
            fresh = fresh.but(round=flow.round + 1)
            after, commands = _round(fresh, at)
            return after, (Explain(at, NextRound(fresh.round, overflow.ROUNDS)), *commands)
        case overflow.RingNumber(number):
            return ring_number(flow, number, at)
        case overflow.Busy(status, because):
            return refuse(flow, at, status, because, Result.BUSY if status == 486 else Result.REFUSED)
        case never:
            assert_never(never)


def _alert(flow: Flow, rung: Rung) -> Turn:
    heard = flow.heard | {rung.leg}
    return flow.but(heard=heard, alerted=True), () if flow.alerted else (Alert(),)


def _gives_way(flow: Flow, rung: Rung, at: float, status: int) -> Turn:
    """A phone will not take the call: the others ring on, or it is the next one's turn."""
    declined = flow.declined | {rung.phone.person.user} if status >= 600 else flow.declined
    flow = flow.but(rung=tuple([r for r in flow.rung if r is not rung]), declined=declined)
    if flow.stage is Stage.OVERFLOW:
        return overflow_failed(flow, at, status)
    if flow.opening.direct:
        answer = status if status in {486, 600, 603} else 480
        return refuse(flow, at, answer, "the manager did not take the call", Result.REFUSED)
    if rung.phone.role is not Role.ASSISTANT:
        return _hunt(flow.but(why=choices.why_not(rung.phone, status)), at)
    if flow.rung:
        return flow, ()
    return _next_wave(flow, at)


def _rang_out(flow: Flow, at: float) -> Turn:
    """The phone timer: the manager's phone, or the wave that rings, has rung long enough."""
    if flow.stage is Stage.MANAGER:
        spent = [rung for rung in flow.rung if rung.phone.role is not Role.ASSISTANT]
        flow, stop = moves.stop(flow.but(phone_timer=None), spent, at, Outcome.NO_ANSWER)
        forwarded = any(rung.phone.role is Role.FORWARDED for rung in spent)
        flow, rest = _hunt(flow.but(why=Why.FORWARD_FAILED if forwarded else Why.NO_ANSWER), at)
    else:
        flow, stop = moves.stop(flow.but(phone_timer=None), flow.rung, at, Outcome.NO_ANSWER)
        flow, rest = _next_wave(flow, at)
    return flow, stop + rest


def _waited_out(flow: Flow, at: float) -> Turn:
    """The call timer: nobody is hunted any longer."""
    flow, stop = moves.stop(flow.but(call_timer=None), flow.rung, at, Outcome.NO_ANSWER)
    said = (Explain(at, TimeIsOver(overflow.LONGEST_WAIT)),)
    if flow.stage is Stage.OVERFLOW:
        flow, rest = overflow_failed(flow, at, 0)
    else:
        flow, rest = _end_of_list(flow.but(waves=()), at, in_time=False)
    return flow, stop + said + rest
