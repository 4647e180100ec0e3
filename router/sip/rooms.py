"""Calls that need media: each outside leg gets a leg of the media server to exchange descriptions with.

The media server is spoken to in SIP, after RFC 4240: `sip:conf=<id>@host:port`. Legs of one id hear each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from router.ports import LegId
from router.sip.agent import Agent, Place
from router.sip.leg import Leg
from router.sip.net import Flow
from router.sip.renegotiation import Reoffer, may_ask
from router.sip.stack import Stack

if TYPE_CHECKING:
    from router.sip.caller import Caller

EVENTS = "application/vnd.callisto.media"
_NO_ID = LegId(-1)

Ready = Callable[[bytes], None]
Trouble = Callable[[str], None]


class Room:
    """A conference of the media server, for one call."""

    __slots__ = ("_flow", "_name", "_seats", "_stack")

    def __init__(self, stack: Stack, flow: Flow, name: str) -> None:
        self._stack = stack
        self._flow = flow
        self._name = name
        self._seats: dict[Leg, Seat] = {}

    def seat(
        self, leg: Leg, ready: Ready, trouble: Trouble, *, play: str = "", played: Trouble | None = None
    ) -> None:
        """Bring a leg in. `ready` gets the answer to its offer, or an offer when it has made none yet;
        `trouble` is told instead when there is no seat, or later when the media server ends it. `played`: the
        announcement is over (empty text), or has failed."""
        host, port = self._flow.remote
        parameters = f";play={quote(play, safe='')}" if play else ""
        place = Place(f"sip:conf={self._name}@{host}:{port}{parameters}", self._flow)

        def refused(why: str) -> None:
            self._seats.pop(leg, None)
            trouble(why)

        seat = Seat(self._stack, place, leg, ready=ready, refused=refused, trouble=trouble, played=played)
        self._seats[leg] = seat
        seat.sit(leg.theirs)

    def holds(self, leg: Leg) -> bool:
        return leg in self._seats

    def describe(self, leg: Leg, sdp: bytes) -> None:
        """Tell the media server where a leg that was given its offer wants to hear."""
        seat = self._seats.get(leg)
        if seat is not None:
            seat.describe(sdp)

    def leave(self, leg: Leg) -> None:
        seat = self._seats.pop(leg, None)
        if seat is not None:
            seat.leave()

    def close(self) -> None:
        for leg in list(self._seats):
            self.leave(leg)


class Seat:
    """One leg of the media server. The `User` of that leg."""

    __slots__ = (
        "_described",
        "_media",
        "_offered",
        "_played",
        "_ready",
        "_refused",
        "_trouble",
        "_waits",
        "outside",
    )

    def __init__(
        self,
        stack: Stack,
        place: Place,
        outside: Leg,
        *,
        ready: Ready,
        refused: Trouble,
        trouble: Trouble,
        played: Trouble | None,
    ) -> None:
        self.outside = outside
        self._ready = ready
        self._refused = refused
        self._trouble = trouble
        self._played = played
        self._offered = False
        self._described = b""
        self._waits = False
        self._media = Agent(
            _NO_ID, stack, self, identity=f"<sip:callisto@{place.flow.local[0]}>", places=[place]
        )

    def sit(self, offer: bytes) -> None:
        self._offered = bool(offer)
        self._media.invite(offer, {})

    def describe(self, sdp: bytes) -> None:
        if sdp == self._described:
            return
        self._described = sdp
        if may_ask(self._media):
            Reoffer(self._media, sdp, self._redescribed)
        else:
            self._waits = True

    def leave(self) -> None:
        self._media.partner = None
        if self.outside.partner is self._media:
            self.outside.partner = None
        self._media.release()

    # User of the media server's leg

    def progressed(self, agent: Agent, sdp: bytes) -> None: ...

    def answered(self, agent: Agent) -> None:
        agent.partner = self.outside
        self.outside.partner = agent
        if self._offered:
            agent.acknowledge()
        else:
            agent.acknowledge(silent(agent.theirs))
        self._ready(agent.theirs)

    def silent(self, agent: Agent) -> None: ...

    def refused(self, agent: Agent, status: int, reason: str, contact: str) -> None:
        self._refused(f"the media server refused: {status} {reason}".rstrip())

    def answer_came(self, caller: Caller, sdp: bytes) -> None: ...

    def lost(self, leg: Leg, because: str) -> None:
        self._trouble(f"the media server was lost: {because}")

    def hung_up(self) -> None:
        self._trouble("the media server has ended its leg")

    def reported(self, body: bytes) -> None:
        """An event of the media server: `played`, `failed: why`, `silent`."""
        event, _, detail = body.decode(errors="replace").strip().partition(":")
        if event == "silent":
            self._trouble("no speech came for a long time")
        elif self._played is not None and event in {"played", "failed"}:
            played, self._played = self._played, None
            played("" if event == "played" else detail.strip() or "it could not be played")

    def _redescribed(self, reoffer: Reoffer, status: int, reason: str) -> None:
        if status >= 300:
            self._trouble(f"the media server took no description: {status} {reason}".rstrip())
        elif self._waits:
            self._waits = False
            sdp, self._described = self._described, b""
            self.describe(sdp)


def silent(offer: bytes) -> bytes:
    """An answer that takes every stream of an offer and sends nothing yet: the far end is not known."""
    lines = [line for line in offer.split(b"\r\n") if line]
    kept: list[bytes] = []
    in_media = False
    for line in lines:
        if line.startswith(b"m="):
            if in_media:
                kept.append(b"a=inactive")
            in_media = True
            kind, _, rest = line.partition(b" ")[0], b"", line.split(b" ", 2)[2]
            kept.append(kind + b" 9 " + rest)
        elif line.startswith(b"c="):
            kept.append(b"c=IN IP4 127.0.0.1")
        elif not line.startswith(_DROPPED):
            kept.append(line)
    if in_media:
        kept.append(b"a=inactive")
    return b"\r\n".join(kept) + b"\r\n"


_DROPPED = (b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive", b"a=rtcp:", b"a=candidate", b"a=ssrc")
