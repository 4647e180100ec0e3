"""Who may call, which PBX peers live, and with which password we answer whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from router.model import Peer
from router.peers import Outcome, PeerState, Reach
from router.ports import Clock
from router.sip.dialog import new_tag
from router.sip.digest import Credentials
from router.sip.gate import Gate, Verdict
from router.sip.message import Request, encode, response
from router.sip.net import Flow, Network
from router.sip.pinger import Pinger
from router.sip.registrar_client import RegistrarClient, Registration, Stage
from router.sip.transactions import Transactions

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Who is admitted until the first `use`."""

Told = Callable[[dict[str, object]], None]
"""A peer has changed: its facts, as in `Peering.facts`."""


class Peering:
    """The PBX peers and networks of the routing table, as the SIP side needs them."""

    def __init__(
        self,
        network: Network,
        transactions: Transactions,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        told: Told,
    ) -> None:
        """`jitter`: from 0 to 1 by chance, asked for after each failed registration."""
        self._clock = clock
        self._told = told
        self._gate = Gate(LOOPBACK)
        self._peers: dict[str, Peer] = {}
        self._by_host: dict[str, tuple[Peer, ...]] = {}
        self._pinger = Pinger(network, transactions, clock, changed=self._reach_changed)
        self._registrar = RegistrarClient(
            network, transactions, clock, jitter=jitter, changed=self._registration_changed
        )

    def use(self, peers: Sequence[Peer], networks: Iterable[str]) -> None:
        """From now on calls are taken from these peers and networks only."""
        self._peers = {peer.name: peer for peer in peers}
        by_host: dict[str, tuple[Peer, ...]] = {}
        for peer in peers:
            by_host[peer.host] = (*by_host.get(peer.host, ()), peer)
        self._by_host = by_host
        self._gate.use(networks, [peer.host for peer in peers])
        self._pinger.use(peers)
        self._registrar.use(peers)

    def close(self) -> None:
        """Unregister, and ask nobody any more; keep the network going until `closed`."""
        self._pinger.close()
        self._registrar.close()

    @property
    def closed(self) -> bool:
        return self._registrar.closed

    def admits(self, request: Request, flow: Flow, size: int) -> bool:
        """Whether a request of `size` bytes that belongs to no call is dealt with. A stranger's is answered
        403 now and then, without keeping anything of it."""
        verdict = self._gate.judge(flow.remote[0], self._clock.monotonic())
        if verdict is Verdict.ADMIT:
            return True
        if verdict is Verdict.REFUSE and request.method != "ACK":
            data = encode(response(request, 403, to_tag=new_tag()))
            if self._gate.fits(size, len(data)):
                log.info(
                    "%s from %s: 403, it is no peer and in no admitted network",
                    request.method,
                    flow.remote[0],
                )
                flow.send(data)
        return False

    def peer(self, name: str) -> Peer | None:
        return self._peers.get(name)

    def peer_of(self, flow: Flow) -> Peer | None:
        """The peer at the far end: the one with its port among those of its address, else the first."""
        found = self._by_host.get(flow.remote[0])
        if found is None:
            return None
        return next((peer for peer in found if peer.port == flow.remote[1]), found[0])

    def name_of(self, flow: Flow) -> str:
        peer = self.peer_of(flow)
        return peer.name if peer is not None else ""

    def credentials(self, flow: Flow) -> Credentials | None:
        peer = self.peer_of(flow)
        return Credentials(peer.user, peer.password, peer.realm) if peer is not None and peer.user else None

    def candidates(self) -> Sequence[Peer]:
        """The peers in the order in which a call tries them now."""
        return self._pinger.candidates()

    def silent(self, name: str) -> None:
        """A call has had no response of this peer."""
        if name:
            self._pinger.called(name, Outcome.SILENT)

    def heard(self, name: str) -> None:
        """A call has had a response of this peer."""
        state = self._pinger.states.get(name) if name else None
        if state is not None and state.reach is not Reach.UP:
            self._pinger.called(name, Outcome.ANSWERED)

    def facts(self) -> dict[str, object]:
        states = self._pinger.states
        return {
            "peers": [
                self._facts_of(peer, states.get(peer.name, PeerState())) for peer in self._peers.values()
            ],
            "strangers": self._gate.facts(),
        }

    def _facts_of(self, peer: Peer, state: PeerState) -> dict[str, object]:
        registration = self._registrar.registrations.get(peer.name)
        is_checked = peer.ping_s > 0 or state.reach is not Reach.UNKNOWN
        return {
            "name": peer.name,
            "address": f"{peer.host}:{peer.port};transport={peer.transport}",
            "state": state.reach.value if is_checked else "not checked",
            "since": self._wall(state.since),
            "registered": registration is not None and registration.stage is Stage.REGISTERED,
            "problem": registration.problem if registration is not None else "",
        }

    def _wall(self, monotonic: float) -> str:
        """A moment in the past as wall-clock time, to the second."""
        ago = self._clock.monotonic() - monotonic
        return datetime.fromtimestamp(self._clock.now().timestamp() - ago, UTC).isoformat(timespec="seconds")

    def _reach_changed(self, peer: Peer, state: PeerState) -> None:
        log.warning("peer %s is %s", peer.name, state.reach.value)
        self._told(self._facts_of(peer, state))

    def _registration_changed(self, peer: Peer, registration: Registration) -> None:
        if registration.problem:
            log.warning("peer %s: not registered: %s", peer.name, registration.problem)
        else:
            log.info("peer %s: %s", peer.name, registration.stage.value)
        self._told(self._facts_of(peer, self._pinger.states.get(peer.name, PeerState())))
