"""Calls that need media: each outside leg gets a leg of the media server to exchange descriptions with.

The media server is spoken to in SIP, after RFC 4240: `sip:conf=<id>@host:port`. Legs of one id hear each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from router.ports import NO_MEDIA_SERVER, LegId
from router.sip.agent import Agent, Place
from router.sip.leg import Leg
from router.sip.net import Flow
from router.sip.renegotiation import Reoffer, may_ask
from router.sip.stack import Stack

if TYPE_CHECKING:
    from router.sip.caller import Caller

EVENTS = "application/vnd.callisto.media"
PATIENCE = 2.0
"""Seconds that the media server has for an answer."""
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
        self,
        leg: Leg,
        ready: Ready,
        trouble: Trouble,
        *,
        play: str = "",
        played: Trouble | None = None,
        srtp: str = "",
        dtmf: str = "",
        afresh: bool = False,
    ) -> None:
        """Bring a leg in. `ready` gets the answer to its offer, or an offer when it has made none yet, or one
        that does not count any more (`afresh`);
        `trouble` is told instead when there is no seat, or later when the media server ends it. `played`: the
        announcement is over (empty text), or has failed. `srtp` (off, offer, require) and `dtmf` (rfc4733,
        info): what the media server does towards this leg, empty for what it finds best."""
        host, port = self._flow.remote
        given = {"play": play, "srtp": srtp, "dtmf": dtmf}
        parameters = "".join(f";{name}={quote(value, safe='')}" for name, value in given.items() if value)
        place = Place(f"sip:conf={self._name}@{host}:{port}{parameters}", self._flow)

        def refused(why: str) -> None:
            self._seats.pop(leg, None)
            (played or trouble)(why)

        seat = Seat(self._stack, place, leg, ready=ready, refused=refused, trouble=trouble, played=played)
        self._seats[leg] = seat
        seat.sit(b"" if afresh else leg.theirs)

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
        "_patience",
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
        self._patience = stack.clock.call_later(PATIENCE, self._impatient)
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
        self._patience.cancel()
        self._media.partner = None
        if self.outside.partner is self._media:
            self.outside.partner = None
        self._media.release()
        # Else the two would keep each other, and the whole call, until the next garbage collection.
        self._media.user = NOBODY

    # User of the media server's leg

    def progressed(self, agent: Agent, sdp: bytes) -> None: ...

    def answered(self, agent: Agent) -> None:
        self._patience.cancel()
        agent.partner = self.outside
        self.outside.partner = agent
        if self._offered:
            agent.acknowledge()
        elif isinstance(self.outside, Agent):
            agent.acknowledge(silent(agent.theirs))
        # A caller's answer comes with his ACK, at once: it is not spoken to before (see `answer_came`).
        self._ready(agent.theirs)

    def silent(self, agent: Agent) -> None: ...

    def refused(self, agent: Agent, status: int, reason: str, contact: str) -> None:
        self._patience.cancel()
        # 503 is what a full one says, and what a closed port is told as.
        self._refused(
            NO_MEDIA_SERVER
            if status in {408, 503}
            else f"the media server refused: {status} {reason}".rstrip()
        )

    def _impatient(self) -> None:
        """It is on this machine and answers within milliseconds, or not at all."""
        self._media.release()
        self._refused(NO_MEDIA_SERVER)

    def answer_came(self, caller: Caller, sdp: bytes) -> None: ...

    def lost(self, leg: Leg, because: str) -> None:
        self._lose(f"the media server was lost: {because}")

    def hung_up(self) -> None:
        self._lose("the media server has ended its leg")

    def _lose(self, why: str) -> None:
        """Without its seat a leg is dumb; one that is only being played to can do without."""
        if self._played is not None:
            self._played = None
            self.leave()
            self._refused(why)
        else:
            self._trouble(why)

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
            self._lose(f"the media server took no description: {status} {reason}".rstrip())
        elif self._waits:
            self._waits = False
            sdp, self._described = self._described, b""
            self.describe(sdp)


class Nobody:
    """The `User` of a leg whose seat was left: what still comes of it concerns nobody."""

    def progressed(self, agent: Agent, sdp: bytes) -> None: ...

    def answered(self, agent: Agent) -> None: ...

    def silent(self, agent: Agent) -> None: ...

    def refused(self, agent: Agent, status: int, reason: str, contact: str) -> None: ...

    def answer_came(self, caller: Caller, sdp: bytes) -> None: ...

    def lost(self, leg: Leg, because: str) -> None: ...


NOBODY = Nobody()


def silent(offer: bytes) -> bytes:
    """An answer that takes every stream of an offer and sends nothing yet: the far end is not known."""
    kept: list[bytes] = []
    keys = 0
    for line in offer.split(b"\r\n"):
        if line.startswith(b"m="):
            if any(one.startswith(b"m=") for one in kept):
                kept.append(b"a=inactive")
            kind, _, protocol, *formats = line.split(b" ")
            keys = 1 if b"SAVP" in protocol else 0
            kept.append(b" ".join([kind, b"9", protocol, *formats]))
        elif line.startswith(b"c="):
            kept.append(b"c=IN IP4 127.0.0.1")
        elif line.startswith(b"a=crypto:"):
            if keys:
                kept.append(line)  # one of those offered must be taken; nothing is ever sent with it
                keys = 0
        elif line and not line.startswith(_DROPPED):
            kept.append(line)
    return b"\r\n".join([*kept, b"a=inactive"]) + b"\r\n"


_DROPPED = (b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive", b"a=rtcp:", b"a=candidate", b"a=ssrc")
