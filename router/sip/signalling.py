"""The router's `Signalling`: our own SIP stack, legs back to back, session descriptions passed through."""

from __future__ import annotations

import logging
import random
from functools import partial
from secrets import token_hex

from router.model import Peer
from router.overload import Overload
from router.ports import NO_MEDIA_SERVER, Clock, Identity, LegId, Media, SignallingListener, Target
from router.sip import identity, refreshing, replacing, sdp
from router.sip.agent import Agent, Place
from router.sip.caller import Caller
from router.sip.connecting import Connecting
from router.sip.dialog import new_tag
from router.sip.grammar import GrammarError, parse_uri, parse_via
from router.sip.handover import HandOver
from router.sip.inbox import Inbox
from router.sip.message import MessageError, Request, Response, encode, parse, response
from router.sip.net import Flow, Network, NetworkError
from router.sip.peering import Peering, Told
from router.sip.phase import Phase
from router.sip.referral import Referral
from router.sip.rooms import Room
from router.sip.sdp import resumed
from router.sip.stack import Stack
from router.sip.switchboard import Switchboard
from router.sip.tls import TlsFiles
from router.sip.transactions import Transactions

log = logging.getLogger(__name__)

MOST_LEGS = 8000
"""Call legs at the same time: 4000 bridged calls, some 25 kB each."""
SWEEP_EVERY = 1.0
CLOSE_WITHIN = 2.0

_PASSED_ON = ("Alert-Info", "Call-Info", "Subject", "Priority", "User-To-User", "Accept-Language")
"""Headers of a caller's INVITE that the phone gets as they came, besides those of identity.py."""


def _unheard(facts: dict[str, object]) -> None:
    """Nobody wants to hear of the peers."""


class SipSignalling:
    """Fulfils `router.ports.Signalling`. All calls, `pump` included, come from one thread.

    The listener is called from `pump` and `close` only."""

    def __init__(
        self,
        listen: str,
        port: int,
        clock: Clock,
        *,
        listener: SignallingListener | None = None,
        most_legs: int = MOST_LEGS,
        media: tuple[str, int] | None = None,
        peer_changed: Told = _unheard,
        tls: TlsFiles | None = None,
        tls_port: int | None = None,
    ) -> None:
        """Serve SIP on UDP and TCP, with `tls` on TLS too; raise NetworkError when that cannot be. `media`:
        where the media server listens."""
        self._clock = clock
        self._network = Network(
            listen,
            port,
            received=self._received,
            broken=self._broken,
            tls=tls,
            tls_port=tls_port,
            in_use=self._in_use,
        )
        self._stack = Stack(self._network, clock)
        self._board = Switchboard(self._stack)
        self._transactions = Transactions(clock, Inbox(self._stack, self._board))
        self.peering = Peering(
            self._network, self._transactions, clock, jitter=random.random, told=peer_changed
        )
        self._stack.transactions = self._transactions
        self._stack.credentials = self.peering.credentials
        self._board.peering = self.peering
        self._connecting = Connecting(self._board)
        self._media = media
        self._rooms = token_hex(4)
        """Part of the names of our conferences: those of a router before us may still be there."""
        self._board.listener = listener
        self._board.most_legs = most_legs
        self.overload = Overload()
        self._is_overloaded = False
        self._garbage = 0
        self._next_sweep = 0.0

    def attach(self, listener: SignallingListener) -> None:
        """From now on `listener` is told; until then calls are refused."""
        self._board.listener = listener

    @property
    def port(self) -> int:
        return self._network.port

    @property
    def capacity(self) -> int:
        return self._board.most_legs

    @property
    def legs_in_use(self) -> int:
        return len(self._board.legs)

    def facts(self) -> dict[str, object]:
        return {
            "engine": "SIP",
            "capacity": self.capacity,
            "legs_in_use": self.legs_in_use,
            "garbage": self._garbage,
            "transactions": len(self._transactions),
            **self.overload.facts(),
            "network": self._network.facts(),
            **self.peering.facts(),
        }

    def pump(self, max_wait_s: float) -> int:
        """One turn: wait for the network at most `max_wait_s`, tell the listener; messages dealt with."""
        count = self._network.pump(0.0 if self._board.has_news else max_wait_s)
        self._board.deliver()
        now = self._clock.monotonic()
        self._note_load(now, count)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            self._transactions.sweep(now)
            refreshing.sweep(self._board.legs.values(), now)
            self._tell_overload()
        return count

    # Signalling

    def dial(
        self,
        leg: LegId,
        target: Target,
        *,
        offer_of: LegId,
        caller: Identity,
        media: Media = Media.DIRECT,
        diverted_by: str = "",
    ) -> None:
        board = self._board
        calling = board.legs.get(offer_of)
        if board.closing or not isinstance(calling, Caller):
            reason = "shutting down" if board.closing else "the caller has gone"
            board.later(board.tell_refused, leg, 503, reason)
            return
        if len(board.legs) >= board.most_legs:
            board.later(board.tell_refused, leg, 503, "no call leg is free")
            return
        places = self._places(target)
        if isinstance(places, NowhereError):
            board.later(board.tell_refused, leg, places.status, str(places))
            return
        first = places[0].flow
        trusted = bool(places[0].peer)
        host_port = _host_port(first)
        shown = identity.sender(calling.arrival, caller, host_port, trusted=trusted)
        agent = Agent(leg, self._stack, board, identity=shown, places=places, caller=calling)
        headers = {"Max-Forwards": [str(calling.forwards - 1)]}
        extra = identity.outgoing_headers(
            calling.arrival, caller, diverted_by, host_port, trusted=trusted, target=places[0].uri
        )
        for name, value in extra:
            headers.setdefault(name, []).append(value)
        came = calling.tx.request.headers
        for name in _PASSED_ON:
            if name in came:
                headers[name] = came[name]
        if calling.replaces:
            headers["Replaces"] = [calling.replaces]
            calling.replaces = ""
        board.legs[leg] = agent
        calling.agents.append(agent)
        if media is Media.DIRECT and calling.partner_is_outside:
            # Who transfers has mostly put the caller on hold: the new phone is to hear him.
            offer = resumed(calling.theirs) if calling.phase is Phase.CONNECTED else calling.theirs
            agent.invite(offer, headers)
        else:
            self._dial_in_room(calling, agent, headers)

    def alert(self, leg: LegId) -> None:
        caller = self._board.legs.get(leg)
        if isinstance(caller, Caller):
            caller.alert()

    def announce(self, leg: LegId, file: str, *, early: bool) -> None:
        board = self._board
        caller = board.legs.get(leg)
        if not isinstance(caller, Caller) or caller.phase is not Phase.EARLY:
            return
        told = partial(self._announced, leg)
        room = self._room(caller)
        if room is None:
            board.later(told, NO_MEDIA_SERVER)
        elif caller.offerless:
            board.later(told, "the caller made no offer")
        else:
            ready = caller.early if early else caller.answer
            lost = partial(board.lost, caller)
            room.seat(
                caller,
                ready,
                lost,
                play=file,
                played=told,
                dtmf=_dtmf(self.peering.peer_of(caller.dialog.flow)),
            )

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        caller = self._board.legs.get(leg)
        if isinstance(caller, Caller) and caller.phase is not Phase.CONNECTED:
            extra = {"Retry-After": [str(retry_after)]} if retry_after is not None else None
            caller.refuse(status, extra)
            self._board.forget(caller)

    def connect(self, caller: LegId, agent: LegId) -> None:
        calling, called = self._board.legs.get(caller), self._board.legs.get(agent)
        if isinstance(calling, Caller) and isinstance(called, Agent) and called.phase is Phase.ANSWERED:
            self._connecting.connect(calling, called)

    def hand_over(self, caller: LegId, agent: LegId, *, replaces: bool) -> None:
        board = self._board
        calling, called = board.legs.get(caller), board.legs.get(agent)
        if calling in board.handovers:
            return
        if isinstance(calling, Caller) and isinstance(called, Agent) and calling.peer is called:
            handover = HandOver(calling, called, self._handed_over, replaces=replaces)
            board.handovers[calling] = board.handovers[called] = handover

    def accept_transfer(self, leg: LegId, *, status: int) -> None:
        referral = self._referral(leg)
        if referral is not None:
            referral.answer(status)
            other = referral.leg.peer
            if referral.accepted and isinstance(other, Caller):
                other.replaces = replacing.as_the_other_side_knows_it(self._board, referral.replaces)

    def transfer_progress(self, leg: LegId, status: int) -> None:
        referral = self._referral(leg)
        if referral is not None:
            referral.tell(status)

    def release(self, leg: LegId) -> None:
        found = self._board.legs.get(leg)
        if found is not None:
            self._board.end_quietly(found)

    def close(self) -> None:
        """End every call, tell the listener, give the far ends CLOSE_WITHIN seconds, close the sockets."""
        board = self._board
        board.closing = True
        board.end_all()
        self.peering.close()
        until = self._clock.monotonic() + CLOSE_WITHIN
        while (self._stack.asking or not self.peering.closed) and self._clock.monotonic() < until:
            self._network.pump(0.02)
            board.deliver()
        self._network.close()

    # The network

    def _tell_overload(self) -> None:
        limit = self.overload.limit
        if (limit is None) == self._is_overloaded:
            self._is_overloaded = limit is not None
            if limit is None:
                log.warning("calls are taken as they come again, %d were refused", self.overload.refused)
            else:
                log.warning("more calls come than can be carried: %.0f a second are taken", limit)

    def _note_load(self, now: float, count: int) -> None:
        """What comes next has waited as long as this turn took, and longer when many wait."""
        if not count:
            self.overload.turn(now, 0.0, 0)
            return
        took = now - self._network.woke
        self.overload.turn(now, took * max(1.0, self._network.waiting / count), count)

    def _received(self, data: bytes | Request | Response, flow: Flow) -> None:
        message: Request | Response
        if isinstance(data, bytes):
            try:
                message = parse(data)
            except MessageError as exc:
                self._malformed(exc, len(data), flow)
                return
        else:
            message = data
        try:
            if isinstance(message, Request) and message.to_tag not in self._stack.tags:
                size = len(data) if isinstance(data, bytes) else len(encode(message))
                if not self.peering.admits(message, flow, size):
                    return
                flow = self._way_back(message, flow)
                if message.method == "INVITE" and self._is_too_much(message, flow):
                    return
            self._transactions.receive(message, flow)
        except Exception:  # an error of ours over one message: the others go on
            log.exception("a message from %s:%d", *flow.remote)

    def _is_too_much(self, request: Request, flow: Flow) -> bool:
        """Turn a new call away while others wait too long: the cheapest of all answers, of which nothing is
        kept (RFC 3261 section 21.5.4)."""
        if request.to_tag or (self.overload.limit is not None and self._transactions.knows(request)):
            return False
        if self.overload.admits():
            return False
        answer = response(request, 503, to_tag=new_tag())
        answer.headers["Retry-After"] = [str(self.overload.retry_after)]
        flow.send(encode(answer))
        return True

    def _way_back(self, request: Request, flow: Flow) -> Flow:
        """Where responses go: to the port of the Via, unless it asks for the one it was sent from (RFC 3261
        section 18.2.2, RFC 3581). Some gateways send from any port and listen on 5060."""
        top = request.headers["Via"][0]
        if flow.reliable or ";rport" in top:
            return flow
        try:
            port = parse_via(top).port or 5060
            return flow if port == flow.remote[1] else self._network.flow("UDP", flow.remote[0], port)
        except (GrammarError, NetworkError):
            return flow

    def _malformed(self, error: MessageError, size: int, flow: Flow) -> None:
        """A request that can be answered is told what is wrong with it, if its sender may call at all."""
        self._garbage += 1
        request = error.message
        if not isinstance(request, Request) or request.method == "ACK" or not request.get("Via"):
            return
        if self.peering.admits(request, flow, size):
            answer = response(request, error.status, to_tag=new_tag())
            answer.headers["Warning"] = [f'399 callisto "{error.problem[:80]}"']
            flow.send(encode(answer))

    def _in_use(self, flow: Flow) -> bool:
        return any(flow in {leg.dialog.flow, leg.dialog.hop} for leg in self._board.legs.values())

    def _broken(self, flow: Flow, problem: str) -> None:
        log.debug("flow to %s:%d: %s", *flow.remote, problem)
        self._transactions.broken(flow, problem)

    # Helpers of the port's methods

    def _places(self, target: Target) -> list[Place] | NowhereError:
        """Where the target may be reached, or why nowhere."""
        found: list[Place] = []
        problem = NowhereError("no address is given", 503)
        for one in (target, *target.others):
            try:
                uri = parse_uri(one.uri)
                transport = uri.params.get("transport", "tls" if uri.scheme == "sips" else "udp")
                port = uri.port or (5061 if transport.lower() == "tls" else 5060)
                peer = self.peering.peer(one.peer)
                name = peer.domain if peer is not None else ""
                flow = self._network.flow(transport.upper(), uri.host, port, name=name)
                if flow.local != flow.remote:
                    found.append(Place(one.uri, flow, one.peer))
                else:
                    problem = NowhereError(f"{one.uri} is this router itself", 482)
            except (GrammarError, NetworkError) as exc:
                problem = NowhereError(str(exc), 503)
        return found or problem

    def _room(self, caller: Caller) -> Room | None:
        """The caller's conference, made when it is asked for; None without a media server."""
        room = self._board.rooms.get(caller)
        if room is None and self._media is not None:
            try:
                flow = self._network.flow("UDP", *self._media)
            except NetworkError as exc:
                log.error("media server at %s:%d: %s", *self._media, exc)
                return None
            room = self._board.rooms[caller] = Room(self._stack, flow, f"{self._rooms}.{caller.id:x}")
        return room

    def _dial_in_room(self, caller: Caller, agent: Agent, headers: dict[str, list[str]]) -> None:
        room = self._room(caller)
        if room is None:
            self._no_seat(agent, NO_MEDIA_SERVER)
            return
        peer = self.peering.peer(agent.peer_name)
        requires = peer is not None and peer.srtp == "require"
        # Without an announcement, the two sides do not share their kind of speech: it may be for the SRTP.
        is_plain = not sdp.parse(caller.theirs).has_srtp
        room.seat(
            agent,
            partial(agent.invite, headers=headers),
            partial(self._no_seat, agent),
            srtp="require" if requires else "offer" if is_plain and not room.holds(caller) else "off",
            dtmf=_dtmf(peer),
        )
        if not requires:
            agent.otherwise = partial(self._encrypted, room, agent, _dtmf(peer))

    def _encrypted(self, room: Room, agent: Agent, dtmf: str) -> None:
        """A phone that takes no unencrypted speech gets an offer of nothing else (RFC 3711, RFC 4568)."""
        room.leave(agent)
        room.seat(agent, agent.offer_another, partial(self._no_seat, agent), srtp="require", dtmf=dtmf)

    def _no_seat(self, agent: Agent, why: str) -> None:
        board = self._board
        if agent.phase is Phase.EARLY:
            agent.release()
            board.forget(agent)
            board.later(board.tell_refused, agent.id, 503, why)
        else:
            board.lost(agent, why)

    def _announced(self, leg: LegId, problem: str) -> None:
        if self._board.listener is not None and leg in self._board.legs:
            self._board.listener.announced(leg, problem)

    def _handed_over(self, handover: HandOver, status: int, reason: str) -> None:
        board = self._board
        caller, agent = handover.caller, handover.agent
        board.handovers.pop(caller, None)
        board.handovers.pop(agent, None)
        if board.listener is not None:
            board.listener.handed_over(caller.id, status, reason)
        if status < 300:
            board.end_quietly(caller)
            board.end_quietly(agent)

    def _referral(self, leg: LegId) -> Referral | None:
        found = self._board.legs.get(leg)
        return self._board.referrals.get(found) if found is not None else None


class NowhereError(Exception):
    """A target that cannot be dialled. `status`: what its leg is told."""

    def __init__(self, problem: str, status: int) -> None:
        super().__init__(problem)
        self.status = status


def _dtmf(peer: Peer | None) -> str:
    return "" if peer is None or peer.dtmf == "auto" else peer.dtmf


def _host_port(flow: Flow) -> str:
    host, port = flow.local
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
