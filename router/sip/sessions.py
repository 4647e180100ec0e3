"""Session timers (RFC 4028): what is agreed on when and by whom a session is refreshed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from router.sip.message import Request, Response

if TYPE_CHECKING:
    from router.sip.leg import Leg

INTERVAL = 1800
"""Seconds; RFC 4028 section 4 recommends half an hour."""
SHORTEST = 90
"""The least that may be asked for: RFC 4028 section 4."""
PROBE = 900
"""Seconds between two OPTIONS to a far end that knows no session timers."""

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
    """Whether the request asks for refreshes more often than we take part in: 422 with Min-SE, which only
    those understand who know session timers (section 9)."""
    headers = request.headers
    text = request.get("Session-Expires") if "Session-Expires" in headers else ""
    if not text or "Supported" not in headers or "timer" not in request.values("Supported"):
        return False
    found = _NUMBER.match(text)
    return found is not None and int(found[1]) < SHORTEST


def offer(headers: dict[str, list[str]], least: int = 0) -> None:
    """Headers of an INVITE of ours."""
    headers["Supported"] = ["100rel, replaces, timer"]
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
        leg.session = Session(now, INTERVAL, ours=True, probed=True)
        return {}
    interval = max(SHORTEST, int(found[1])) if found else INTERVAL
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


def renewed(leg: Leg, response: Response) -> None:
    """A 2xx to a re-INVITE or UPDATE of ours came: what it says counts, or what was agreed before."""
    session = leg.session
    if "Session-Expires" in response.headers:
        note(leg, response)
    elif session is not None:
        session.refreshed(leg.stack.clock.monotonic())


def lengthen(leg: Leg, response: Response) -> None:
    """The far end's 422 says how long the interval must be at least (section 7.4)."""
    session = leg.session
    if session is not None and not session.is_probed:
        session.interval = max(session.interval, least_of(response))


def least_of(response: Response) -> int:
    """Min-SE of a 422, in seconds; 0 when it gives none."""
    found = _NUMBER.match(response.get("Min-SE"))
    return min(int(found[1]), 86_400) if found else 0
