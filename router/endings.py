"""The end of a call that nobody has answered."""

from __future__ import annotations

from router import moves
from router.commands import Explain, Record, Refuse, Result
from router.facts import CallerHungUp, CallerRefused, Outcome
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
