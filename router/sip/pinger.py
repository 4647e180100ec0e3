"""Asks PBX peers by OPTIONS whether they are there, and keeps what is known of each (`router.peers`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from router import peers
from router.model import Peer
from router.peers import Outcome, PeerState
from router.ports import Clock, Timer
from router.sip.message import Response
from router.sip.net import Network, NetworkError
from router.sip.series import Series, contact, peer_uri
from router.sip.tokens import Tokens
from router.sip.transactions import ClientTransaction, Transactions

Changed = Callable[[Peer, PeerState], None]
"""A peer has come to be up or down."""


class Pinger:
    """The peers of one router. Idle until `use`."""

    def __init__(
        self, network: Network, transactions: Transactions, clock: Clock, *, changed: Changed
    ) -> None:
        self._network = network
        self._transactions = transactions
        self._clock = clock
        self._changed = changed
        self._tokens = Tokens()
        self._watched: dict[str, _Watched] = {}

    def use(self, offered: Iterable[Peer]) -> None:
        """Watch these from now on. What is known of a peer stays while its address does."""
        before, self._watched = self._watched, {}
        for peer in offered:
            known = before.get(peer.name)
            if known is not None and known.peer == peer:
                self._watched[peer.name] = before.pop(peer.name)
                continue
            state = PeerState(since=self._clock.monotonic())
            if known is not None and _place(known.peer) == _place(peer):
                state = known.state
            self._watched[peer.name] = _Watched(self, peer, state)
        for gone in before.values():
            gone.stop()
        for watched in self._watched.values():
            watched.plan()

    def close(self) -> None:
        self.use(())

    @property
    def states(self) -> Mapping[str, PeerState]:
        """By the name of the peer."""
        return {name: watched.state for name, watched in self._watched.items()}

    def candidates(self) -> tuple[Peer, ...]:
        """The peers in the order in which a call tries them now."""
        offered = [watched.peer for watched in self._watched.values()]
        return peers.candidates(offered, self.states, self._clock.monotonic())

    def called(self, name: str, outcome: Outcome) -> None:
        """What a call to this peer has shown of it; ignored for one that is not watched any more."""
        watched = self._watched.get(name)
        if watched is not None:
            watched.become(peers.after_call(watched.state, outcome, self._clock.monotonic()))

    def ask(self, peer: Peer, series: Series, client: _Ping) -> None:
        """Send one OPTIONS. Raise NetworkError."""
        flow = self._network.flow(peer.transport.upper(), peer.host, peer.port, name=peer.domain)
        request = series.next(
            "OPTIONS",
            flow,
            sender=contact(flow, peer.user),
            to=peer_uri(peer),
            headers={"Accept": ["application/sdp"]},
        )
        self._transactions.request(request, flow, client)

    def tell(self, watched: _Watched) -> None:
        self._changed(watched.peer, watched.state)

    def series(self, peer: Peer) -> Series:
        return Series(peer, self._tokens(), self._tokens())

    @property
    def clock(self) -> Clock:
        return self._clock


def _place(peer: Peer) -> tuple[str, int, str]:
    return peer.host, peer.port, peer.transport


class _Watched:
    """One peer: its state, and the one timer that waits for the next ping or for the answer to the last."""

    __slots__ = ("_asked", "_pinger", "_series", "_stopped", "_timer", "peer", "state")

    def __init__(self, pinger: Pinger, peer: Peer, state: PeerState) -> None:
        self.peer = peer
        self.state = state
        self._pinger = pinger
        self._series = pinger.series(peer)
        self._asked: _Ping | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        self._asked = None
        self._cancel()

    def plan(self) -> None:
        """Wait for the next ping, unless an answer is waited for."""
        if self._asked is not None or self._stopped:
            return
        self._cancel()
        due = peers.next_due(self.peer, self.state)
        if due is not None:
            clock = self._pinger.clock
            self._timer = clock.call_later(max(0.0, due - clock.monotonic()), self._ping)

    def become(self, state: PeerState) -> None:
        """Take a new state, tell of it, and plan by it; nothing of a peer that is not watched any more."""
        if self._stopped:
            return
        before, self.state = self.state, state
        if state.reach is not before.reach:
            self._pinger.tell(self)
        self.plan()

    def answered(self, ping: _Ping, status: int | None) -> None:
        """The answer to a ping, None for none. The first word on each ping counts, and a late life sign."""
        ok = peers.alive(status)
        if ping is self._asked:
            self._asked = None
            self._cancel()
        elif not ok:
            return
        self.become(peers.after_ping(self.state, ok, self._pinger.clock.monotonic()))

    def _ping(self) -> None:
        ping = self._asked = _Ping(self)
        self._timer = self._pinger.clock.call_later(peers.PING_WAIT, ping.lost)
        try:
            self._pinger.ask(self.peer, self._series, ping)
        except NetworkError:
            # Not this turn: a way that is closed now may be open when the ping would have been lost anyway.
            return

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Ping:
    """One OPTIONS and its outcome."""

    __slots__ = ("_watched",)

    def __init__(self, watched: _Watched) -> None:
        self._watched = watched

    def lost(self) -> None:
        self._watched.answered(self, None)

    def responded(self, _tx: ClientTransaction, response: Response) -> None:
        if response.status >= 200:
            self._watched.answered(self, response.status)

    def failed(self, _tx: ClientTransaction, _status: int, _reason: str) -> None:
        self._watched.answered(self, None)
