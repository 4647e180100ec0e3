"""The router's `Signalling`: our own SIP stack, legs back to back, session descriptions passed through."""

from __future__ import annotations

import random
from collections.abc import Iterable

from router.ports import Clock, Identity, LegId, Media, SignallingListener, Target
from router.sip import refreshing, replacing
from router.sip.agent import Agent
from router.sip.caller import Caller
from router.sip.connecting import Connecting
from router.sip.dialling import Dialling, NowhereError
from router.sip.flows import Observer
from router.sip.handover import HandOver
from router.sip.inbox import Inbox
from router.sip.leg import Leg
from router.sip.net import Flow, Network
from router.sip.peering import Peering, Told
from router.sip.phase import Phase
from router.sip.referral import Referral
from router.sip.rooms import Seat
from router.sip.seating import Seating
from router.sip.stack import Stack
from router.sip.switchboard import Switchboard
from router.sip.tls import TlsFiles
from router.sip.traffic import Traffic
from router.sip.transactions import Transactions

MOST_LEGS = 8000
"""Call legs at the same time: 4000 bridged calls, some 25 kB each."""
SWEEP_EVERY = 1.0
CLOSE_WITHIN = 2.0


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
        self._next_sweep = 0.0
        self._stack = Stack(clock)
        self._traffic = traffic = Traffic(self._stack.tags)
        self._network = Network(
            listen,
            port,
            received=traffic.received,
            broken=traffic.broken,
            tls=tls,
            tls_port=tls_port,
            in_use=self._in_use,
        )
        self._board = Switchboard(self._stack, most_legs)
        self._board.listener = listener
        self._transactions = Transactions(clock, Inbox(self._stack, self._board))
        self.peering = Peering(
            self._network, self._transactions, clock, jitter=random.random, told=peer_changed
        )
        # They need each other: the stack its way out, the traffic its way in, the switchboard its peers.
        self._stack.network = traffic.network = self._network
        self._stack.transactions = traffic.transactions = self._transactions
        self._board.peering = traffic.peering = self.peering
        self._stack.credentials = self.peering.credentials
        self._seating = Seating(self._board, media)
        self._dialling = Dialling(self._board, self._seating)
        self._connecting = Connecting(self._board)

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

    def reachable(self, address: str) -> bool | None:
        """Whether the phone at this SIP URI is there; None where nothing says that it is not."""
        return self._board.phones.present(address, self._clock.monotonic())

    def renew(self, tls: TlsFiles) -> None:
        """See `Network.renew`."""
        self._network.renew(tls)

    def observe(self, observer: Observer | None) -> None:
        """See `Network.observe`."""
        self._network.observe(observer)

    def leg_of(self, tags: Iterable[str]) -> LegId | None:
        """The leg with one of these tags in its dialog; of a leg of the media server, the one it is for."""
        for tag in tags:
            leg = self._stack.tags.get(tag)
            if leg is not None:
                return _outside(leg)
        return None

    def dialogs(self) -> list[tuple[str, LegId]]:
        """Call-ID and leg of every dialog; of a leg of the media server, the one it is for."""
        return [(leg.dialog.call_id, _outside(leg)) for leg in self._stack.tags.values()]

    def facts(self) -> dict[str, object]:
        return {
            "engine": "SIP",
            "capacity": self.capacity,
            "legs_in_use": self.legs_in_use,
            "garbage": self._traffic.garbage,
            "transactions": len(self._transactions),
            **self._traffic.overload.facts(),
            "network": self._network.facts(),
            **self.peering.facts(),
        }

    def pump(self, max_wait_s: float) -> int:
        """One turn: wait for the network at most `max_wait_s`, tell the listener; messages dealt with."""
        count = self._network.pump(0.0 if self._board.has_news else max_wait_s)
        self._board.deliver()
        now = self._clock.monotonic()
        self._traffic.turned(now, count)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            self._transactions.sweep(now)
            refreshing.sweep(self._board.legs.values(), now)
            self._traffic.tell_overload()
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
        try:
            self._dialling.dial(
                leg, target, offer_of=offer_of, caller=caller, media=media, diverted_by=diverted_by
            )
        except NowhereError as exc:
            self._board.later(self._board.tell_refused, leg, exc.status, str(exc))

    def alert(self, leg: LegId) -> None:
        caller = self._board.legs.get(leg)
        if isinstance(caller, Caller):
            caller.alert()

    def announce(self, leg: LegId, file: str, *, early: bool) -> None:
        caller = self._board.legs.get(leg)
        if isinstance(caller, Caller) and caller.phase is Phase.EARLY:
            self._seating.announce(caller, file, early=early)

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        caller = self._board.legs.get(leg)
        if isinstance(caller, Caller) and caller.phase is not Phase.CONNECTED:
            extra = {"Retry-After": [str(retry_after)]} if retry_after is not None else None
            caller.refuse(status, extra)
            self._board.forget(caller)

    def connect(self, caller: LegId, agent: LegId) -> None:
        calling, called = self._board.legs.get(caller), self._board.legs.get(agent)
        if not isinstance(calling, Caller) or not isinstance(called, Agent) or called.peer is calling:
            return
        if called.phase is Phase.ANSWERED or called.phase is Phase.CONNECTED:
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

    def _in_use(self, flow: Flow) -> bool:
        return any(flow in {leg.dialog.flow, leg.dialog.hop} for leg in self._board.legs.values())

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


def _outside(leg: Leg) -> LegId:
    while isinstance(leg.user, Seat):
        leg = leg.user.outside
    return leg.id
