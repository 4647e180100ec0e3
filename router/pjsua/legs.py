"""The call legs of this process: what is known of each, and the few things that can be done to one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import pjsua2 as pj

from router.ports import LegId

log = logging.getLogger(__name__)


class Phase(Enum):
    WAITING = auto()
    """Incoming: not yet told to ring. Outgoing: not yet ringing."""
    RINGING = auto()
    ANSWERED = auto()
    """Outgoing: 200 received, not connected yet."""
    CONNECTED = auto()


UNANSWERED = (Phase.WAITING, Phase.RINGING)


@dataclass(slots=True, eq=False)
class Leg:
    """One dialog with a far end. `since`: monotonic seconds. `call`: the `LegCall` that carries it."""

    id: LegId
    call: Any
    incoming: bool
    since: float
    phase: Phase = Phase.WAITING
    heard: bool = False
    """The far end has said something, were it only 100: so every incoming one has."""
    released: bool = False
    """We ended it, or its end was reported: nothing more is."""
    theirs: str = ""
    """The session description the far end sent last."""
    ours: str = ""
    """The one in force towards the far end; for an outgoing leg that is not answered, the offer."""
    forwards: int | None = None
    """Max-Forwards of the INVITE that came in."""
    peer: LegId | None = None
    """The other side of the bridge."""
    asking: LegId | None = None
    """Our re-INVITE to this far end is under way, on behalf of that leg, and offers `offered`."""
    offered: str = ""


class Legs:
    """Legs by id. A leg leaves when the library has reported its end, or was told to end it.

    Call objects are kept and carry one leg after another: destroyed, one would hang up whatever call has
    its slot by then (pjsua2/call.cpp, Call::~Call).
    """

    def __init__(self, make: Callable[[], Any], lingers: Callable[[int], bool]) -> None:
        """`make`: a new Call object. `lingers`: whether a slot is taken by a call that we have ended."""
        self._make = make
        self._lingers = lingers
        self._ending: set[int] = set()
        self._legs: dict[LegId, Leg] = {}
        self._spare: list[Any] = []
        self._ringing = pj.CallOpParam()
        self._ringing.statusCode = 180
        self._ended = pj.CallOpParam()

    def __len__(self) -> int:
        return len(self._legs)

    @property
    def in_use(self) -> int:
        """Slots taken: by legs, and by those that we have ended and whose far end has not said so yet."""
        self._ending = {slot for slot in self._ending if slot >= 0 and self._lingers(slot)}
        return len(self._legs) + len(self._ending)

    def all(self) -> list[Leg]:
        return list(self._legs.values())

    def get(self, leg: LegId | None) -> Leg | None:
        return self._legs.get(leg) if leg is not None else None

    def spare_call(self) -> Any:
        return self._spare.pop() if self._spare else self._make()

    def enter(self, leg: Leg) -> None:
        self._legs[leg.id] = leg
        leg.call.leg = leg

    def forget(self, leg: Leg) -> None:
        """The library has done with this leg, or soon will have; its call may carry another one."""
        if self._legs.pop(leg.id, None) is not None:
            self._ending.add(leg.call.detach())
            leg.call.leg = None
            self._spare.append(leg.call)
            leg.call = None

    def clear(self) -> None:
        """Let every call go, because the library is about to stop."""
        for leg in self.all():
            self.forget(leg)
        self._spare.clear()

    def settle(self, *legs: Leg) -> None:
        for leg in legs:
            if leg.call is not None:
                leg.call.settle()

    def hang_up(self, leg: Leg) -> None:
        """End a leg as its state needs (CANCEL, BYE, 480) and say nothing of it."""
        leg.released = True
        if leg.call is None:
            return
        self._ended.statusCode = 480 if leg.incoming and leg.phase in UNANSWERED else 0
        try:
            leg.call.hangup(self._ended)
        except pj.Error as exc:
            log.info("hanging up leg %s: %s", leg.id, exc.reason)
            self.forget(leg)

    def ring(self, leg: Leg) -> None:
        try:
            leg.call.answer(self._ringing)
        except pj.Error as exc:
            log.info("answering 180 to leg %s: %s", leg.id, exc.reason)

    def answer(self, leg: Leg, status: int, *, sdp: str = "", retry_after: int | None = None) -> bool:
        """Whether the response could be sent. `sdp` only once per INVITE: a second aborts the process."""
        if leg.call is None:
            return False
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        if sdp:
            parameters.sdp.wholeSdp = sdp
        if retry_after is not None:
            add_header(parameters.txOption, "Retry-After", str(retry_after))
        try:
            leg.call.answer(parameters)
        except pj.Error as exc:
            log.info("answering %d to leg %s: %s", status, leg.id, exc.reason)
            return False
        return True


def offer_parameters() -> Any:
    """For an offer of ours: one audio stream in the library's eyes; 2.17 would add text by itself."""
    parameters = pj.CallOpParam(True)
    parameters.opt.videoCount = 0
    if hasattr(parameters.opt, "textCount"):
        parameters.opt.textCount = 0
    return parameters


def add_header(options: Any, name: str, value: str) -> None:
    header = pj.SipHeader()
    header.hName, header.hValue = name, value
    options.headers.push_back(header)
