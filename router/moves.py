"""What a flow does again and again: ring phones, stop them, start and stop its timers."""

from __future__ import annotations

from collections.abc import Sequence

from router.call import Phone, Why
from router.commands import Command, Explain, Ring, StartTimer, StopRinging, StopTimer
from router.events import Leg, TimerId, TimerKind
from router.facts import Outcome, Rings, Stopped
from router.media import Plan
from router.state import Flow, Rung, Turn


def ring(flow: Flow, phones: Sequence[tuple[Phone, Why]], at: float) -> Turn:
    first, plan = flow.legs + 1, flow.plan
    rung = tuple([Rung(Leg(leg), phone, why, at) for leg, (phone, why) in enumerate(phones, start=first)])
    tried = flow.tried.union([phone.person.user for phone, _ in phones])
    said: list[Command] = [Explain(at, Rings(r.phone, r.why)) for r in rung]
    said += [Ring(r.leg, r.phone, plan) for r in rung]
    return flow.but(rung=flow.rung + rung, legs=flow.legs + len(rung), tried=tried), tuple(said)


def ring_instead(
    flow: Flow, old: Rung, new: Phone, plan: Plan | None, *, followed: bool, again: bool
) -> Turn:
    """Another leg in the place of one that is over; the time it has rung goes on."""
    leg = Leg(flow.legs + 1)
    rung = Rung(leg, new, old.why, old.since, followed, again)
    others = tuple([rung if one is old else one for one in flow.rung])
    return flow.but(rung=others, legs=flow.legs + 1), (Ring(leg, new, plan),)


def stop(flow: Flow, rungs: Sequence[Rung], at: float, outcome: Outcome) -> Turn:
    if not rungs:
        return flow, ()
    commands: list[Command] = []
    for rung in rungs:
        silent = outcome is Outcome.NO_ANSWER and rung.leg not in flow.heard
        how = Outcome.SILENT if silent else outcome
        commands += [StopRinging(rung.leg), Explain(at, Stopped(rung.phone, rung.why, at - rung.since, how))]
    return flow.but(rung=tuple([r for r in flow.rung if r not in rungs])), tuple(commands)


def phone_timer(flow: Flow, seconds: float) -> Turn:
    """A new phone timer in place of the old one; none for 0 seconds."""
    stop = (StopTimer(flow.phone_timer),) if flow.phone_timer else ()
    if seconds <= 0:
        return flow.but(phone_timer=None) if stop else flow, stop
    timer = TimerId(TimerKind.PHONE, flow.timers + 1)
    return flow.but(phone_timer=timer, timers=timer.number), (*stop, StartTimer(timer, seconds))


def call_timer(flow: Flow, seconds: float) -> Turn:
    """A new call timer in place of the old one."""
    stop = (StopTimer(flow.call_timer),) if flow.call_timer else ()
    timer = TimerId(TimerKind.CALL, flow.timers + 1)
    return flow.but(call_timer=timer, timers=timer.number), (*stop, StartTimer(timer, seconds))


def side_timer(flow: Flow, kind: TimerKind, seconds: float) -> Turn:
    timer = TimerId(kind, flow.timers + 1)
    return flow.but(side_timer=timer, timers=timer.number), (StartTimer(timer, seconds),)


def no_side_timer(flow: Flow) -> Turn:
    if flow.side_timer is None:
        return flow, ()
    return flow.but(side_timer=None), (StopTimer(flow.side_timer),)


def no_timers(flow: Flow) -> Turn:
    running = [timer for timer in (flow.phone_timer, flow.call_timer, flow.side_timer) if timer]
    if not running:
        return flow, ()
    after = flow.but(phone_timer=None, call_timer=None, side_timer=None)
    return after, tuple([StopTimer(timer) for timer in running])
