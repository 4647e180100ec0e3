"""The legs of this process, and what their far ends do: told to the listener, passed on to the other side."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from router.phones import Phones
from router.ports import IncomingCall, LegId, SignallingListener
from router.sip import identity, referral, replacing, sessions
from router.sip.agent import Agent
from router.sip.caller import Caller
from router.sip.handover import HandOver
from router.sip.leg import Leg, reply
from router.sip.message import Request, Response
from router.sip.peering import Peering
from router.sip.phase import Phase
from router.sip.referral import Referral
from router.sip.rooms import EVENTS, Room, Seat
from router.sip.sdp import sdp_of
from router.sip.stack import Stack
from router.sip.transactions import ServerTransaction

log = logging.getLogger(__name__)

FIRST_INCOMING = 1 << 32
"""Incoming legs count from here, so that whoever dials may count from 1."""
HEARD_WITHIN = 2.0
"""Seconds within which a phone or PBX that is there has given a response."""
_FORWARDS = 70


class Switchboard:
    """`Desk` of the inbox and `User` of every leg with an outside far end."""

    peering: Peering
    """Set once, by whoever makes the switchboard: the peers need the transactions, and those the inbox."""

    def __init__(self, stack: Stack, most_legs: int) -> None:
        self.stack = stack
        self.most_legs = most_legs
        self.listener: SignallingListener | None = None
        self.phones = Phones()
        self.legs: dict[LegId, Leg] = {}
        self.rooms: dict[Caller, Room] = {}
        self.referrals: dict[Leg, Referral] = {}
        self.handovers: dict[Leg, HandOver] = {}
        self.replaced: dict[ServerTransaction, Leg] = {}
        """The legs that an INVITE is about to take over."""
        self.closing = False
        self._unanswered: dict[ServerTransaction, Caller] = {}
        self._ids = itertools.count(FIRST_INCOMING)
        self._later: deque[Callable[[], None]] = deque()

    # What is told after the method that caused it has returned

    def later(self, handler: Callable[..., None], *arguments: object) -> None:
        self._later.append(partial(handler, *arguments))

    @property
    def has_news(self) -> bool:
        return bool(self._later)

    def deliver(self) -> None:
        for _ in range(len(self._later)):
            event = self._later.popleft()
            try:
                event()
            except Exception:  # in one call: the others go on
                log.exception("event of a leg")

    def tell_refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        if self.listener is not None:
            self.listener.refused(leg, status, reason, contact)

    # Desk: calls that come in

    def invited(self, tx: ServerTransaction, request: Request) -> None:
        if "Replaces" in request.headers and not self.closing:
            replacing.take(self, tx)
            return
        refusal = self._refusal(request)
        if refusal or self.listener is None:
            reply(tx, refusal or 503, extra=_WITH.get(refusal or 503))
            return
        arrival = identity.read(request)
        forwards = _forwards(request)
        offer = sdp_of(request) if request.body else b""
        caller = Caller(
            LegId(next(self._ids)), self.stack, self, tx, arrival=arrival, offer=offer, forwards=forwards
        )
        self.legs[caller.id] = caller
        self._unanswered[tx] = caller
        host, port = tx.flow.remote
        call = IncomingCall(
            caller.id,
            arrival.caller,
            arrival.dialled,
            f"{host}:{port}",
            request.call_id,
            peer=self.peering.name_of(tx.flow),
            private=arrival.private,
            diversions=arrival.diversions,
            forwards=forwards,
            has_offer=bool(offer),
        )
        try:
            self.listener.offered(call)
        except Exception:  # nobody knows of this caller now
            log.exception("offering leg %s", caller.id)
            caller.refuse(500)
            self.forget(caller)

    def _refusal(self, request: Request) -> int:
        if self.closing or len(self.legs) >= self.most_legs:
            return 503
        if sessions.too_short(request):
            return 422
        # RFC 3261 section 16.3: a request that may go no further.
        return 483 if _forwards(request) == 0 else 0

    def given_up(self, tx: ServerTransaction) -> None:
        caller = self._unanswered.get(tx)
        if caller is not None:
            if caller.phase is Phase.EARLY:
                self._end(caller, "", bye=False)
            return
        leg = self.replaced.get(tx) or self.stack.tags.get(tx.request.to_tag)
        if leg is not None and leg.serving is not None and leg.serving.tx is tx:
            serving, leg.serving = leg.serving, None
            serving.abandon()

    # Desk: requests within a call

    def hung_up(self, leg: Leg, request: Request) -> None:
        if isinstance(leg.user, Seat):
            leg.leave()
            leg.user.hung_up()
            return
        handover = self.handovers.get(leg)
        if handover is not None and handover.agent is leg and handover.replaces:
            leg.leave()
            handover.agent_left()
            return
        self._end(leg, request.get("Reason"), bye=False)

    def informed(self, leg: Leg, tx: ServerTransaction) -> None:
        """INFO goes to the leg that the speech goes to: the other side, or the media server and back."""
        request = tx.request
        if isinstance(leg.user, Seat) and request.get("Content-Type").startswith(EVENTS):
            reply(tx, 200)
            leg.user.reported(request.body)
            return
        other = leg.partner or leg.peer
        if other is None or other.phase is not Phase.CONNECTED:
            reply(tx, 200 if not request.body else 481 if leg.phase is Phase.CONNECTED else 500)
            return
        passed = other.dialog.request("INFO")
        for name in _OF_INFO:
            if name in request.headers:
                passed.headers[name] = request.headers[name]
        passed.body = request.body
        other.ask(passed, partial(self._answer_as, tx, other))

    def _answer_as(self, tx: ServerTransaction, other: Leg, status: int, response: Response | None) -> None:
        """The far end's word on what was passed on to it; RFC 3261 section 12.2.1.2 when it is gone."""
        gone = response is None or status in {408, 481}
        reply(tx, 500 if gone or status in {401, 407} else status)
        if gone and not other.is_over:
            other.user.lost(other, f"what was passed on to it was answered {status}")

    def referred(self, leg: Leg, tx: ServerTransaction) -> None:
        if leg.peer is None or leg.phase is not Phase.CONNECTED or self.listener is None:
            reply(tx, 403)
            return
        found = referral.read(leg, tx)
        pending = self.referrals.get(leg)
        if isinstance(found, int):
            reply(tx, found)
        elif (pending is not None and not pending.over) or leg in self.handovers:
            reply(tx, 491)
        else:
            self.referrals[leg] = found
            asked_back = replacing.caller_named(self, found.replaces)
            if asked_back is not None:
                found.joins(asked_back.id)
            self.later(self.listener.transfer_asked, leg.id, found.asked)

    def notified(self, leg: Leg, tx: ServerTransaction) -> None:
        handover = self.handovers.get(leg)
        if handover is not None and handover.caller is leg:
            handover.notified(tx)
        else:
            reply(tx, 481)  # RFC 6665 section 4.1.3: no such subscription

    # User of the legs

    def progressed(self, agent: Agent, sdp: bytes) -> None:
        caller = agent.caller
        if caller is None or self.listener is None:
            return
        self._heard(agent)
        if sdp:
            if agent.partner is not None:
                self.rooms[caller].describe(agent, sdp)
            elif caller.agents == [agent] and caller.phase is Phase.EARLY and caller.partner is None:
                caller.early(sdp)
        if not agent.rings:
            agent.rings = True
            self.listener.ringing(agent.id)

    def answered(self, agent: Agent) -> None:
        if self.listener is None:
            return
        self._heard(agent)
        if not agent.theirs:
            agent.release()
            self.forget(agent)
            self.tell_refused(agent.id, 488, "answered without a session description")
            return
        self.listener.answered(agent.id)

    def _heard(self, agent: Agent) -> None:
        self.peering.heard(agent.peer_name)
        self.phones.heard(agent.uri)

    def _given_up(self, agent: Agent) -> None:
        """Before the transaction's 32 s are over: whoever lives has said 100 by then."""
        if self.stack.clock.monotonic() - agent.since >= HEARD_WITHIN:
            self.silent(agent)

    def silent(self, agent: Agent) -> None:
        self.peering.silent(agent.peer_name)
        if not agent.peer_name:
            self.phones.missed(agent.uri, self.stack.clock.monotonic())

    def refused(self, agent: Agent, status: int, reason: str, contact: str) -> None:
        if agent.heard:
            self._heard(agent)
        self.forget(agent)
        self.tell_refused(agent.id, status, reason, contact)

    def answer_came(self, caller: Caller, sdp: bytes) -> None:
        agent = caller.partner
        if isinstance(agent, Agent):
            agent.acknowledge(sdp)

    def lost(self, leg: Leg, because: str) -> None:
        log.warning("leg %s: %s", leg.id, because)
        self._end(leg, "", bye=True, because=because)

    def end_all(self) -> None:
        """The router stops."""
        for leg in list(self.legs.values()):
            leg.peer = None  # each side is told of its own end
            self._end(leg, "", bye=True, because="the router stops")

    # Ends

    def _end(self, leg: Leg, reason: str, *, bye: bool, because: str = "") -> None:
        """A far end has ended its leg, or the leg was lost: so the other side is ended too."""
        if leg.id not in self.legs:
            return
        peer, phase = leg.peer, leg.phase
        if phase is Phase.EARLY and isinstance(leg, Caller):
            leg.refuse(487 if not bye else 503 if self.closing else 500)
        elif phase is Phase.EARLY and isinstance(leg, Agent):
            leg.release()
        elif bye:
            leg.bye()
        if not leg.is_over:
            leg.leave()
        if peer is not None and peer.peer is leg:
            if self._is_transferring(leg):
                peer.peer = None
                if peer.partner is leg:
                    peer.partner = None
            else:
                self.end_quietly(peer, reason)
        self._gone(leg, refused=because if phase is Phase.EARLY and isinstance(leg, Agent) else "")

    def _is_transferring(self, leg: Leg) -> bool:
        """The other side waits for the phone that this leg has asked for."""
        referral = self.referrals.get(leg)
        return referral is not None and referral.accepted and not referral.over

    def _gone(self, leg: Leg, *, refused: str = "") -> None:
        self.forget(leg)
        if self.listener is None:
            return
        if refused:
            self.listener.refused(leg.id, 503, refused)
        else:
            self.listener.ended(leg.id)

    def end_quietly(self, leg: Leg, reason: str = "") -> None:
        """End a leg that the listener knows, or will know, to be over."""
        if isinstance(leg, Agent):
            if leg.phase is Phase.EARLY and not leg.heard:
                self._given_up(leg)
            leg.release(reason)
        elif leg.phase is Phase.EARLY and isinstance(leg, Caller):
            leg.refuse(500)
        elif not leg.is_over:
            leg.bye(reason)
        self.forget(leg)

    def forget(self, leg: Leg) -> None:
        self.legs.pop(leg.id, None)
        if self.referrals:
            referral = self.referrals.pop(leg, None)
            if referral is not None:
                referral.answer(487)
        handover = self.handovers.pop(leg, None) if self.handovers else None
        if handover is not None and handover.caller is leg:
            handover.stop()
            self.handovers.pop(handover.agent, None)
        if isinstance(leg, Caller):
            self._unanswered.pop(leg.tx, None)
            room = self.rooms.pop(leg, None) if self.rooms else None
            if room is not None:
                room.close()
        elif self.rooms and isinstance(leg, Agent) and leg.caller is not None:
            room = self.rooms.get(leg.caller)
            if room is not None:
                room.leave(leg)


def _forwards(request: Request) -> int:
    text = request.get("Max-Forwards").strip()
    return min(int(text), 255) if text.isdigit() and len(text) < 6 else _FORWARDS


_OF_INFO = ("Content-Type", "Content-Disposition", "Info-Package")
_WITH = {422: {"Min-SE": [str(sessions.SHORTEST)]}, 503: {"Retry-After": ["5"]}}
