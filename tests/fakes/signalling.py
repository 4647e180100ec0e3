"""A SIP side without SIP: a test plays the callers and the phones. Strict where the port's words are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from router.ports import Identity, IncomingCall, LegId, SignallingListener, Target

FIRST_INCOMING = 1 << 32


@dataclass(slots=True)
class FakeLeg:
    """`state`: offered, alerting, dialled, ringing, answered, connected, refused, released, ended."""

    id: LegId
    incoming: bool
    state: str
    uri: str = ""
    caller: Identity | None = None
    peer: LegId | None = None
    status: int = 0
    retry_after: int | None = None
    lingers: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in {"refused", "released", "ended"}


class FakeSignalling:
    """Fulfils `router.ports.Signalling`. `slow_to_die`: released legs keep their slot until `forget_all`."""

    def __init__(self, capacity: int = 2048) -> None:
        self._capacity = capacity
        self.listener: SignallingListener | None = None
        self.legs: dict[LegId, FakeLeg] = {}
        self.said: list[tuple[object, ...]] = []
        """Every command of the engine, in order."""
        self.slow_to_die = False
        self._ids = count(FIRST_INCOMING)

    # Signalling

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def legs_in_use(self) -> int:
        return sum(not leg.is_over or leg.lingers for leg in self.legs.values())

    def dial(self, leg: LegId, target: Target, *, offer_of: LegId, caller: Identity) -> None:
        assert leg not in self.legs, "a leg is dialled once"
        assert self.legs[offer_of].incoming
        assert self.legs_in_use < self._capacity, "the C library would refuse"
        self.said.append(("dial", leg, target.uri))
        self.legs[leg] = FakeLeg(leg, incoming=False, state="dialled", uri=target.uri, caller=caller)

    def alert(self, leg: LegId) -> None:
        found = self.legs[leg]
        assert found.incoming
        self.said.append(("alert", leg))
        if found.state == "offered":
            found.state = "alerting"

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        found = self.legs[leg]
        assert found.incoming
        assert status >= 300
        self.said.append(("refuse", leg, status))
        if found.state in {"offered", "alerting"}:
            found.state, found.status, found.retry_after = "refused", status, retry_after

    def connect(self, caller: LegId, agent: LegId) -> None:
        calling, called = self.legs[caller], self.legs[agent]
        assert calling.incoming
        assert not called.incoming
        self.said.append(("connect", caller, agent))
        if calling.state in {"offered", "alerting"} and called.state == "answered":
            calling.state = called.state = "connected"
            calling.peer, called.peer = agent, caller

    def release(self, leg: LegId) -> None:
        found = self.legs.get(leg)
        self.said.append(("release", leg))
        if found is None or found.is_over:
            return
        assert not found.incoming or found.state == "connected", "an unanswered caller is refused"
        found.lingers = self.slow_to_die and found.state in {"dialled", "ringing"}
        found.state = "released"

    # The callers

    def invite(self, dialled: str, caller: str = "0441234567", name: str = "") -> LegId:
        """A call comes in; its leg."""
        leg = LegId(next(self._ids))
        self.legs[leg] = FakeLeg(leg, incoming=True, state="offered")
        self._listening.offered(
            IncomingCall(leg, Identity(caller, name), dialled, "127.0.0.1:5070", f"call-{leg}@test")
        )
        return leg

    def hang_up(self, leg: LegId) -> None:
        """CANCEL or BYE from the far side; a BYE ends the bridge's other side too."""
        found = self.legs[leg]
        if found.is_over:
            return
        peer = self.legs.get(found.peer) if found.peer is not None else None
        found.state = "ended"
        if peer is not None and not peer.is_over:
            peer.state = "released"
        self._listening.ended(leg)

    # The phones

    def rings(self, user: str) -> None:
        leg = self.phone(user)
        leg.state = "ringing"
        self._listening.ringing(leg.id)

    def answers(self, user: str) -> None:
        """200; on a leg just released, it has crossed the CANCEL: ACK and BYE, and the engine may hear."""
        leg = self.phone(user)
        if not leg.is_over:
            leg.state = "answered"
        self._listening.answered(leg.id)

    def refuses(self, user: str, status: int = 486, reason: str = "") -> None:
        leg = self.phone(user)
        leg.state = "refused"
        self._listening.refused(leg.id, status, reason)

    def phone(self, user: str) -> FakeLeg:
        """The leg of this user part whose phone rings, or else his newest one."""
        legs = [leg for leg in self.legs.values() if leg.uri.startswith(f"sip:{user}@")]
        return next((leg for leg in legs if leg.state in {"dialled", "ringing"}), legs[-1])

    def ringing_phones(self) -> list[str]:
        """User parts of the phones that ring now."""
        return [_user(leg) for leg in self.legs.values() if leg.state in {"dialled", "ringing"}]

    def dialled(self) -> list[str]:
        """User parts of all phones rung, in order."""
        return [_user(leg) for leg in self.legs.values() if not leg.incoming]

    def forget_all(self) -> None:
        """Lingering legs give up their slots."""
        for leg in self.legs.values():
            leg.lingers = False

    @property
    def _listening(self) -> SignallingListener:
        assert self.listener is not None
        return self.listener


def _user(leg: FakeLeg) -> str:
    return leg.uri.removeprefix("sip:").split("@")[0]
