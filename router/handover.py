"""Whether an answered call is left to the PBX, which then joins both sides itself.

Spec: call flow, Connecting the call (`gBridgeTransfer`).
"""

from __future__ import annotations

from router import moves, transfer
from router.call import Call
from router.commands import Explain, HandOver, Record
from router.events import TimerKind
from router.facts import Bridged, HandingOver, HandOverDone
from router.state import Flow, Stage, Turn
from router.words import phrase

WAIT = 40
"""Seconds for the PBX to say how it went: beyond what SIP itself waits (RFC 3261 timer F, 32 s)."""


def after_answer(flow: Flow, at: float, peer: str) -> Turn:
    """Ask the PBX, if it has both sides. `peer`: the one that the phone that answered is reached through."""
    call, talking = flow.call, flow.talking
    if call.house.bridges or talking is None:
        return flow, ()
    if call.peer is None and not peer:
        return flow, ()  # no PBX has to do with it, so nobody wonders
    because = _obstacle(call, peer)
    if because or call.peer is None:
        return flow, (Explain(at, Bridged(because)),)
    flow, timer = moves.side_timer(flow, TimerKind.HAND_OVER, WAIT)
    ask = HandOver(talking.leg, call.peer.replaces)
    return flow.but(handing=peer), (Explain(at, HandingOver(peer)), ask, *timer)


def told(flow: Flow, at: float, status: int, reason: str) -> Turn:
    """What the PBX says; only success ends the call here, however late it comes."""
    if 200 <= status < 300:
        peer = flow.call.peer
        done = Explain(at, HandOverDone(peer.name if peer else ""))
        record = Record(at, flow.result, 200, flow.agent, flow.answered)
        called_off = transfer.called_off(flow)
        ended = flow.but(stage=Stage.ENDED, rung=(), talking=None, transfer=None)
        return ended, (*called_off, done, record)
    if not flow.handing:
        return flow, ()  # the call is bridged already
    answer = "says nothing" if status == 408 else f"refuses it ({phrase(status, reason)})"
    flow, stop = moves.no_side_timer(flow)
    return flow.but(handing=""), (*stop, Explain(at, Bridged(f"{flow.handing} {answer}")))


def silent(flow: Flow, at: float) -> Turn:
    return flow.but(side_timer=None, handing=""), (Explain(at, Bridged(f"{flow.handing} says nothing")),)


def _obstacle(call: Call, peer: str) -> str:
    if call.peer is None:
        return "the caller did not come through a PBX"
    if peer != call.peer.name:
        return "the caller and the phone are not on the same PBX"
    return ""
