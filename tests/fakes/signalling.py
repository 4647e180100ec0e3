"""A SIP side without SIP: a test plays the callers and the phones. Strict where the port's words are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from router.ports import (
    NO_MEDIA_SERVER,
    Identity,
    IncomingCall,
    LegId,
    Media,
    SignallingListener,
    Target,
    TransferRequest,
)

FIRST_INCOMING = 1 << 32
_WAITING = frozenset({"offered", "alerting", "announced"})


@dataclass(slots=True)
class FakeLeg:
    """`state`: offered, alerting, announced, dialled, ringing, answered, connected, refused, released, ended.

    `moving`: a transfer that it asked for is under way; `told`: what it was told of transfers; `picked_up`:
    an announcement has answered it.
    """

    id: LegId
    incoming: bool
    state: str
    uri: str = ""
    caller: Identity | None = None
    peer: LegId | None = None
    status: int = 0
    retry_after: int | None = None
    lingers: bool = False
    media: Media = Media.DIRECT
    diverted_by: str = ""
    playing: str = ""
    picked_up: bool = False
    asking: bool = False
    moving: bool = False
    told: list[int] = field(default_factory=list)
    handing: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in {"refused", "released", "ended"}


class FakeSignalling:
    """Fulfils `router.ports.Signalling`. `slow_to_die`: released legs keep their slot until `forget_all`.

    `has_media_server`: without one, announcements and legs through the conference fail once `run` is called.
    """

    def __init__(self, capacity: int = 2048) -> None:
        self._capacity = capacity
        self.listener: SignallingListener | None = None
        self.legs: dict[LegId, FakeLeg] = {}
        self.said: list[tuple[object, ...]] = []
        """Every command of the engine, in order."""
        self.slow_to_die = False
        self.has_media_server = True
        self._later: list[Callable[[], None]] = []
        self._ids = count(FIRST_INCOMING)

    # Signalling

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def legs_in_use(self) -> int:
        return sum(not leg.is_over or leg.lingers for leg in self.legs.values())

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
        assert leg not in self.legs, "a leg is dialled once"
        assert self.legs[offer_of].incoming
        assert self.legs_in_use < self._capacity, "the C library would refuse"
        self.said.append(("dial", leg, target.uri))
        found = FakeLeg(leg, incoming=False, state="dialled", uri=target.uri, caller=caller)
        found.media, found.diverted_by = media, diverted_by
        self.legs[leg] = found
        if media is Media.CONFERENCE and not self.has_media_server:
            self._later.append(lambda: self._refused(leg, 503, NO_MEDIA_SERVER))

    def alert(self, leg: LegId) -> None:
        found = self.legs[leg]
        assert found.incoming
        self.said.append(("alert", leg))
        if found.state in {"offered", "announced"} and not found.picked_up:
            found.state = "alerting"

    def announce(self, leg: LegId, file: str, *, early: bool) -> None:
        found = self.legs[leg]
        assert found.incoming
        self.said.append(("announce", leg, file, early))
        if found.is_over:
            return
        assert found.state == "offered", "announcements come first"
        if not self.has_media_server:
            self._later.append(lambda: self._listening.announced(leg, NO_MEDIA_SERVER))
            return
        found.state, found.playing, found.picked_up = "announced", file, not early

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        found = self.legs[leg]
        assert found.incoming
        assert status >= 300
        self.said.append(("refuse", leg, status))
        if found.picked_up and found.state == "announced":
            found.state = "released"
        elif found.state in _WAITING:
            found.state, found.status, found.retry_after = "refused", status, retry_after

    def connect(self, caller: LegId, agent: LegId) -> None:
        calling, called = self.legs[caller], self.legs[agent]
        assert calling.incoming
        assert not called.incoming
        self.said.append(("connect", caller, agent))
        consulted = self.legs.get(called.peer) if called.peer is not None else None
        if consulted is not None and consulted is not calling:
            assert called.state == "connected"
            consulted.peer = None
        if called.state in {"answered", "connected"} and (
            calling.state in _WAITING or calling.state == "connected"
        ):
            former = self.legs.get(calling.peer) if calling.peer is not None else None
            if former is not None:
                former.peer = None
            calling.state = called.state = "connected"
            calling.peer, called.peer = agent, caller

    def hand_over(self, caller: LegId, agent: LegId, *, replaces: bool) -> None:
        self.said.append(("hand_over", caller, agent, replaces))
        self.legs[caller].handing = self.legs[caller].state == "connected"

    def accept_transfer(self, leg: LegId, *, status: int) -> None:
        self.said.append(("accept_transfer", leg, status))
        found = self.legs.get(leg)
        if found is None or found.is_over:
            return
        assert found.asking, "nobody has asked"
        found.asking, found.moving = False, found.moving or status < 300
        found.told.append(status)

    def transfer_progress(self, leg: LegId, status: int) -> None:
        self.said.append(("transfer_progress", leg, status))
        found = self.legs.get(leg)
        if found is None or found.is_over:
            return
        assert found.moving, "no transfer is under way"
        found.told.append(status)
        found.moving = status < 200

    def release(self, leg: LegId) -> None:
        found = self.legs.get(leg)
        self.said.append(("release", leg))
        if found is None or found.is_over:
            return
        assert not found.incoming or found.state == "connected", "an unanswered caller is refused"
        assert not found.moving, "who asked for a transfer is told how it went"
        found.lingers = self.slow_to_die and found.state in {"dialled", "ringing"}
        found.state = "released"

    # The callers

    def invite(self, dialled: str, caller: str = "0441234567", name: str = "", **more: object) -> LegId:
        """A call comes in; its leg. `more`: other fields of the IncomingCall."""
        leg = LegId(next(self._ids))
        self.legs[leg] = FakeLeg(leg, incoming=True, state="offered")
        call_id = f"call-{leg}@test"
        call = IncomingCall(leg, Identity(caller, name), dialled, "127.0.0.1:5070", call_id, **more)  # type: ignore[arg-type]
        self._listening.offered(call)
        return leg

    def hang_up(self, leg: LegId) -> None:
        """CANCEL or BYE from the far side; a BYE ends the bridge's other side too."""
        found = self.legs[leg]
        if found.is_over:
            return
        peer = self.legs.get(found.peer) if found.peer is not None else None
        found.state = "ended"
        if peer is not None and not peer.is_over and not found.moving:
            peer.state = "released"
        self._listening.ended(leg)

    def hears(self, leg: LegId, problem: str = "") -> None:
        """The announcement comes to its end."""
        assert self.legs[leg].playing, "no announcement is played"
        self.legs[leg].playing = ""
        self._listening.announced(leg, problem)

    def takes_over(self, leg: LegId, status: int = 200, reason: str = "") -> None:
        """The PBX says what came of a `hand_over` of this caller."""
        found = self.legs[leg]
        assert found.handing, "nobody has asked the PBX"
        found.handing = False
        if status < 300:
            for one in (found, self.legs.get(found.peer) if found.peer is not None else None):
                if one is not None and not one.is_over:
                    one.state = "ended"
        self._listening.handed_over(leg, status, reason)

    def run(self) -> None:
        """What the SIP side finds out by itself."""
        while self._later:
            self._later.pop(0)()

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

    def refuses(self, user: str, status: int = 486, reason: str = "", contact: str = "") -> None:
        self._refused(self.phone(user).id, status, reason, contact)

    def transfers(
        self,
        leg: LegId,
        number: str,
        uri: str = "",
        *,
        attended: bool = False,
        replaces: LegId | None = None,
    ) -> None:
        """REFER from the far end of this leg. `replaces`: the leg of ours that its Replaces names."""
        self.legs[leg].asking = True
        uri = uri or f"sip:{number}@127.0.0.1"
        self._listening.transfer_asked(leg, TransferRequest(number, uri, attended, replaces))

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

    def _refused(self, leg: LegId, status: int, reason: str, contact: str = "") -> None:
        if self.legs[leg].is_over:
            return
        self.legs[leg].state = "refused"
        self._listening.refused(leg, status, reason, contact)

    @property
    def _listening(self) -> SignallingListener:
        assert self.listener is not None
        return self.listener


def _user(leg: FakeLeg) -> str:
    return leg.uri.removeprefix("sip:").split("@")[0]
