"""The end of a call that nobody has answered, and the overflow number that may still take it."""

from __future__ import annotations

from router import moves, overflow
from router.call import Phone, Role, Why
from router.commands import Explain, Record, Refuse, Result
from router.facts import CallerHungUp, CallerRefused, Outcome
from router.forwarding import problem
from router.model import Person
from router.state import Flow, Stage, Turn


def refuse(flow: Flow, at: float, status: int, because: str, result: Result) -> Turn:
    ended = flow.but(stage=Stage.ENDED, rung=(), waves=())
    said = Explain(at, CallerRefused(status, because, picked_up=flow.picked_up))
    return ended, (said, Refuse(status), Record(at, result, 200 if flow.picked_up else status))


def abandon(flow: Flow, at: float) -> Turn:
    flow, stop = moves.stop(flow, flow.rung, at, Outcome.CALLER_GONE)
    # 487 Request Terminated is what a CANCEL brings the caller (RFC 3261 section 9.2); the SIP side sends it.
    status = 200 if flow.picked_up else 487
    said = (Explain(at, CallerHungUp(at)), Record(at, Result.ABANDONED, status))
    return flow.but(stage=Stage.ENDED, waves=()), stop + said


def ring_number(flow: Flow, number: str, at: float) -> Turn:
    """The overflow number gets the longest wait for itself."""
    if because := problem(number, flow.call.house):
        return refuse(flow, at, 486, f"the overflow number is not called: {because}", Result.BUSY)
    person = Person(user="", name=number, address=number)
    phone = Phone(Role.OVERFLOW, person, diverted_by=flow.call.dialled)
    flow, ring = moves.ring(flow.but(stage=Stage.OVERFLOW, waves=()), [(phone, Why.OVERFLOW)], at)
    flow, stop = moves.phone_timer(flow, 0)
    flow, timer = moves.call_timer(flow, overflow.LONGEST_WAIT)
    return flow, (*stop, *ring, *timer)


def overflow_failed(flow: Flow, at: float, status: int) -> Turn:
    """The overflow number's "busy" is passed on; for every other reason the caller hears "unavailable"."""
    answer = 486 if status in {486, 600} else 480
    return refuse(flow, at, answer, "the overflow number did not take the call", Result.OVERFLOW)
