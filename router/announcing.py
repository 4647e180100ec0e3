"""The announcement that a caller hears before phones ring.

Spec: call flow, rule 1.
"""

from __future__ import annotations

from router import moves
from router.commands import Announce, Explain
from router.events import TimerKind
from router.facts import AnnouncementOver, Announces
from router.media import Plan
from router.ports import Media
from router.state import Flow, Stage, Turn

LONGEST = 120
"""Seconds after which phones ring all the same: its end was lost, or nobody would listen so long."""

HEARD = Plan(Media.CONFERENCE, "an announcement was played")


def begin(flow: Flow, at: float) -> Turn:
    file, early = flow.call.group.announcement, flow.call.early
    flow, timer = moves.side_timer(flow, TimerKind.ANNOUNCEMENT, LONGEST)
    flow = flow.but(stage=Stage.ANNOUNCING, picked_up=not early)
    return flow, (Explain(at, Announces(file, early)), Announce(file, early), *timer)


def over(flow: Flow, at: float, problem: str) -> Turn:
    """Heard to the end, or not for this reason: the call goes on either way."""
    flow, stop = moves.no_side_timer(flow)
    picked_up = flow.picked_up and not problem
    # 180 Ringing is no answer to a call that has its 200 already.
    flow = flow.but(picked_up=picked_up, alerted=picked_up, plan=None if problem else HEARD)
    return flow, (*stop, Explain(at, AnnouncementOver(at, problem)))


def ran_over(flow: Flow, at: float) -> Turn:
    fact = AnnouncementOver(at, f"it did not end within {LONGEST} s")
    return flow.but(side_timer=None, alerted=flow.picked_up, plan=HEARD), (Explain(at, fact),)
