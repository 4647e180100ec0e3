"""What a phone that refuses may still bring: a place that it forwards to, or another try with other media."""

from __future__ import annotations

from router import media, moves
from router.commands import Command, Explain
from router.events import Refused
from router.facts import Redirected, RungAgain
from router.forwarding import NotFollowed, redirected
from router.media import Plan
from router.ports import Media
from router.state import Flow, Rung

FORWARDS = frozenset({300, 301, 302})
"""Responses that say where else (RFC 3261 sections 21.3.1 to 21.3.3)."""


def instead(flow: Flow, rung: Rung, event: Refused) -> tuple[Flow | None, tuple[Command, ...]]:
    """The call with another leg in place of the one that refused; None when there is none to be had.

    What is to be said comes in both cases.
    """
    if event.status in FORWARDS:
        return forwarded(flow, rung, event)
    plan = None if rung.again else media.second_try(event.status, event.reason, event.media)
    if plan is None:
        return None, ()
    directly = plan.media is Media.DIRECT
    if directly:  # the media server is gone: no further phone needs to find that out
        flow = flow.but(plan=Plan(plan.media))
    said = Explain(event.at, RungAgain(rung.phone, plan.because, directly))
    again = Plan(plan.media)
    flow, ring = moves.ring_instead(flow, rung, rung.phone, again, followed=rung.followed, again=True)
    return flow, (said, *ring)


def forwarded(flow: Flow, rung: Rung, event: Refused) -> tuple[Flow | None, tuple[Command, ...]]:
    """The same for a phone that forwards, and no other reason."""
    if event.status not in FORWARDS:
        return None, ()
    found = (
        NotFollowed("it was forwarded once already")
        if rung.followed
        else redirected(flow.call, rung.phone, event.contact, before=flow.diversions)
    )
    if isinstance(found, NotFollowed):
        return None, (Explain(event.at, Redirected(rung.phone, event.contact, found.because)),)
    flow = flow.but(diversions=flow.diversions + 1)
    said = Explain(event.at, Redirected(rung.phone, found.person.address))
    plan = flow.plan if flow.talking is None and flow.transfer is None else Plan(flow.media)
    flow, ring = moves.ring_instead(flow, rung, found, plan, followed=True, again=False)
    return flow, (said, *ring)
