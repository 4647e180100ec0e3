"""A call that was answered, until it ends: connected, transferred, handed over, hung up."""

from __future__ import annotations

from router import handover, moves, refusals, transfer
from router.call import Role
from router.commands import Connect, Explain, HangUp, Record, Result, StartTimer
from router.events import (
    Answered,
    CallerGone,
    Event,
    GivenAway,
    HandedOver,
    LegEnded,
    Refused,
    Ringing,
    TimedOut,
    TimerId,
    TimerKind,
    TransferAsked,
)
from router.facts import Outcome, Stopped, TalkEnded
from router.ports import Media
from router.state import Flow, Rung, Stage, Transfer, Turn

LONGEST_TALK = 12 * 3600
"""Seconds after which a connected call is ended: its BYE was lost, or its phones were switched off."""


def connect(flow: Flow, rung: Rung, event: Answered) -> Turn:
    """First to answer wins. A 200 of another that is on its way finds its leg released already."""
    at = event.at
    losers = [other for other in flow.rung if other is not rung]
    flow, stop = moves.stop(flow, losers, at, Outcome.ELSEWHERE)
    flow, stopped = moves.no_timers(flow)
    timer = TimerId(TimerKind.TALK, flow.timers + 1)
    person = rung.phone.person
    flow = flow.but(
        stage=Stage.TALKING,
        rung=(),
        waves=(),
        talking=rung,
        timers=timer.number,
        answered=at,
        result=Result.OVERFLOW if rung.phone.role is Role.OVERFLOW else Result.ANSWERED,
        agent=person.user or None,
        media=event.media or Media.DIRECT,
    )
    took = Explain(at, Stopped(rung.phone, rung.why, at - rung.since, Outcome.ANSWERED, media=event.media))
    flow, asked = handover.after_answer(flow, at, event.peer)
    connected = Connect(rung.leg, person.name)
    return flow, (connected, took, *stop, *stopped, StartTimer(timer, LONGEST_TALK), *asked)


def happened(flow: Flow, event: Event) -> Turn:
    match event:
        case CallerGone(at):
            return _hang_up(flow, at, "the caller")
        case TimedOut(at, timer):
            return _timed_out(flow, at, timer)
        case TransferAsked():
            return transfer.asked(flow, event)
        case GivenAway(at):
            return transfer.given_away(flow, at)
        case HandedOver(at, status, reason):
            return handover.told(flow, at, status, reason)
        case Ringing(at, leg) | Answered(at, leg) | Refused(at, leg) | LegEnded(at, leg):
            talking, under_way = flow.talking, flow.transfer
            if talking is not None and talking.leg == leg:
                return _agent_says(flow, talking, event)
            if under_way is not None and (rung := flow.rings(leg)) is not None:
                return _new_phone_says(flow, under_way, rung, event)
    return flow, ()  # on its way when the call was answered


def _timed_out(flow: Flow, at: float, timer: TimerId) -> Turn:
    if timer.kind is TimerKind.TALK:
        return _hang_up(flow, at, "")
    if timer != flow.side_timer:
        return flow, ()
    if flow.transfer is not None:
        return transfer.rang_out(flow, flow.transfer, at)
    return handover.silent(flow, at)


def _agent_says(flow: Flow, talking: Rung, event: Ringing | Answered | Refused | LegEnded) -> Turn:
    match event:
        case Refused(at) | LegEnded(at) if flow.transfer is not None:
            return transfer.left(flow, flow.transfer, at)
        case Refused(at) | LegEnded(at):
            return _hang_up(flow, at, talking.phone.person.name)
    return flow, ()  # a response that was repeated


def _new_phone_says(
    flow: Flow, under_way: Transfer, rung: Rung, event: Ringing | Answered | Refused | LegEnded
) -> Turn:
    match event:
        case Ringing():
            return transfer.rings(flow, under_way)
        case Answered(at):
            return transfer.done(flow, under_way, rung, at)
        case LegEnded(at):
            return transfer.failed(flow, under_way, at, 480)
        case Refused(at, _, status, reason):
            instead, said = refusals.forwarded(flow, rung, event)
            if instead is not None:
                return instead, said
            flow, rest = transfer.failed(flow, under_way, at, status or 503, reason)
            return flow, said + rest


def _hang_up(flow: Flow, at: float, by: str) -> Turn:
    since = at if flow.answered is None else flow.answered
    said = Explain(at, TalkEnded(at - since, by, flow.handing))
    record = Record(at, flow.result, 200, flow.agent, flow.answered)
    hang_up = HangUp(flow.talking.leg if flow.talking else None)
    ended = flow.but(stage=Stage.ENDED, rung=(), talking=None, transfer=None)
    return ended, (*transfer.called_off(flow), hang_up, said, record)
