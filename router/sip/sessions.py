"""Session timers (RFC 4028): a far end that has vanished is noticed, and its leg ended.

Looked at once in a few seconds, for all legs: no timer of their own, since a call is mostly shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from router.sip.message import Request, Response
from router.sip.phase import Phase

if TYPE_CHECKING:
    from router.sip.leg import Leg

INTERVAL = 1800
"""Seconds; RFC 4028 section 4 recommends half an hour."""
SHORTEST = 90
"""The least that may be asked for: RFC 4028 section 4."""
PROBE = 900
"""Seconds between two OPTIONS to a far end that knows no session timers."""

_DIALOG_IS_GONE = frozenset({404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 502, 503, 604})
"""RFC 5057 section 5.1, and 503 for a broken transport."""
_NUMBER = re.compile(r"\s*(\d{1,9})")


class Session:
    """When the session is to be refreshed, by whom, and when it is over. Monotonic seconds."""

    __slots__ = ("interval", "is_probed", "next", "over", "refresh_is_ours")

    def __init__(self, now: float, interval: int, *, ours: bool, probed: bool = False) -> None:
        self.interval = interval
        self.refresh_is_ours = ours
        self.is_probed = probed
        self.next = 0.0
        self.over = 0.0
        self.refreshed(now)

    def refreshed(self, now: float) -> None:
        if self.is_probed:
            self.next, self.over = now + PROBE, now + 3 * PROBE
            return
        self.next = now + self.interval / 2
        # RFC 4028 section 10: BYE a third of the interval, at most 32 s, before it is over.
        self.over = now + self.interval - min(32.0, self.interval / 3)


def too_short(request: Request) -> bool:
    """Whether the request asks for refreshes more often than we take part in: 422 with Min-SE."""
    text = request.get("Session-Expires") if "Session-Expires" in request.headers else ""
    found = _NUMBER.match(text) if text else None
    return found is not None and int(found[1]) < SHORTEST


def offer(headers: dict[str, list[str]], least: int = 0) -> None:
    """Headers of an INVITE of ours."""
    headers["Supported"] = ["timer, 100rel"]
    headers["Session-Expires"] = [str(max(INTERVAL, least))]
    headers["Min-SE"] = [str(max(SHORTEST, least))]


def agree(leg: Leg, request: Request) -> dict[str, list[str]]:
    """The callee's side: headers of our 2xx to an INVITE or UPDATE; notes what was agreed."""
    now = leg.stack.clock.monotonic()
    headers = request.headers
    knows = "Supported" in headers and "timer" in request.values("Supported")
    asked = request.get("Session-Expires") if "Session-Expires" in headers else ""
    found = _NUMBER.match(asked) if asked else None
    if not knows and found is None:
        if leg.session is None:
            leg.session = Session(now, INTERVAL, ours=True, probed=True)
        return {}
    interval = int(found[1]) if found else INTERVAL
    ours = not knows or "refresher=uas" in asked
    leg.session = Session(now, interval, ours=ours)
    extra = {"Session-Expires": [f"{interval};refresher={'uas' if ours else 'uac'}"]}
    if knows:
        extra["Require"] = ["timer"]
    return extra


def keep(leg: Leg, request: Request) -> None:
    """Headers of a re-INVITE or UPDATE of ours: without them the far end stops its timer (section 7.4)."""
    request.headers["Supported"] = ["timer"]
    session = leg.session
    if session is not None and not session.is_probed:
        refresher = "uac" if session.refresh_is_ours else "uas"
        request.headers["Session-Expires"] = [f"{session.interval};refresher={refresher}"]
        request.headers["Min-SE"] = [str(SHORTEST)]


def note(leg: Leg, response: Response) -> None:
    """The caller's side: what the far end's 2xx agreed to."""
    now = leg.stack.clock.monotonic()
    asked = response.get("Session-Expires") if "Session-Expires" in response.headers else ""
    found = _NUMBER.match(asked) if asked else None
    if found is None:
        leg.session = Session(now, INTERVAL, ours=True, probed=True)
    else:
        leg.session = Session(now, max(SHORTEST, int(found[1])), ours="refresher=uas" not in asked)


def sweep(legs: Iterable[Leg], now: float) -> None:
    """Refresh what is due, and tell of what is over. Called about once a second."""
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
        if status in _DIALOG_IS_GONE:
            leg.user.lost(leg, f"it does not answer a session refresh ({status})")
        elif response is not None and (status < 300 or session.is_probed):
            session.refreshed(leg.stack.clock.monotonic())

    if session.is_probed or not leg.can_update:
        leg.ask(leg.dialog.request("OPTIONS"), done)
        return
    request = leg.dialog.request("UPDATE")
    keep(leg, request)
    leg.ask(request, done)


def least_of(response: Response) -> int:
    """Min-SE of a 422, in seconds; 0 when it gives none."""
    found = _NUMBER.match(response.get("Min-SE"))
    return min(int(found[1]), 86_400) if found else 0
