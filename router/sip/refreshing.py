"""Keeping sessions alive, and noticing those whose far end has vanished (RFC 4028 sections 7 and 10).

Looked at once in a second, for all legs: no timer of their own, since a call is mostly shorter.
"""

from __future__ import annotations

from collections.abc import Iterable

from router.sip import sessions
from router.sip.leg import Leg
from router.sip.message import Response
from router.sip.phase import Phase
from router.sip.renegotiation import refresh
from router.sip.sessions import Session

_DIALOG_IS_GONE = frozenset({404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 502, 604})
"""RFC 5057 section 5.1."""


def sweep(legs: Iterable[Leg], now: float) -> None:
    """Refresh what is due, and tell of what is over."""
    due = [leg for leg in legs if leg.session is not None and now >= leg.session.next]
    for leg in due:
        session = leg.session
        if session is None or leg.phase is not Phase.CONNECTED:
            continue
        if now >= session.over:
            leg.user.lost(leg, f"no session refresh within {session.interval} s")
        elif session.refresh_is_ours:
            session.next = now + min(30.0, session.interval / 6)
            _refresh(leg, session)
        else:
            session.next = session.over


def _refresh(leg: Leg, session: Session) -> None:
    """OPTIONS to a far end without session timers; else UPDATE without a description, or the INVITE again."""

    def done(status: int, response: Response | None) -> None:
        if leg.is_over:
            return
        if response is None or status in _DIALOG_IS_GONE:
            leg.user.lost(leg, f"it does not answer a session refresh ({status})")
        elif session.is_probed:
            session.refreshed(leg.stack.clock.monotonic())
        elif status < 300:
            sessions.renewed(leg, response)
        elif status == 422:
            sessions.lengthen(leg, response)
            session.next = leg.stack.clock.monotonic()

    if session.is_probed:
        leg.ask(leg.dialog.request("OPTIONS"), done)
    elif leg.can_update:
        request = leg.dialog.request("UPDATE")
        sessions.keep(leg, request)
        leg.ask(request, done)
    else:
        refresh(leg)
