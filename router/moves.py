"""What a flow does again and again: ring phones, stop them, start and stop its timers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from router.commands import Command, Explain, Ring, StartTimer, StopRinging, StopTimer
from router.events import Leg, TimerId, TimerKind
from router.facts import Outcome, Rings, Stopped
from router.hunting import Phone, Why
from router.state import Flow, Rung, Turn


def ring(flow: Flow, phones: Sequence[tuple[Phone, Why]], at: float) -> Turn:
    rung = tuple(
        Rung(Leg(leg), phone, why, at) for leg, (phone, why) in enumerate(phones, start=flow.legs + 1)
    )
    tried = flow.tried.union(phone.person.user for phone, _ in phones)
    flow = replace(flow, rung=flow.rung + rung, legs=flow.legs + len(rung), tried=tried)
    said = tuple(Explain(at, Rings(r.phone, r.why)) for r in rung)
    return flow, said + tuple(Ring(r.leg, r.phone) for r in rung)


def stop(flow: Flow, rungs: Sequence[Rung], at: float, outcome: Outcome) -> Turn:
    if not rungs:
        return flow, ()
    commands: list[Command] = []
    for rung in rungs:
        silent = outcome is Outcome.NO_ANSWER and not rung.heard
        how = Outcome.SILENT if silent else outcome
        commands += [StopRinging(rung.leg), Explain(at, Stopped(rung.phone, rung.why, at - rung.since, how))]
    return replace(flow, rung=tuple(r for r in flow.rung if r not in rungs)), tuple(commands)


def phone_timer(flow: Flow, seconds: float) -> Turn:
    """A new phone timer in place of the old one; none for 0 seconds."""
    stop = (StopTimer(flow.phone_timer),) if flow.phone_timer else ()
    if seconds <= 0:
        return replace(flow, phone_timer=None) if stop else flow, stop
    timer = TimerId(TimerKind.PHONE, flow.timers + 1)
    return replace(flow, phone_timer=timer, timers=timer.number), (*stop, StartTimer(timer, seconds))


def no_timers(flow: Flow) -> Turn:
    running = [timer for timer in (flow.phone_timer, flow.call_timer) if timer]
    return replace(flow, phone_timer=None, call_timer=None), tuple(StopTimer(timer) for timer in running)
