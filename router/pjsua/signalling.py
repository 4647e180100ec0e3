"""The router's `Signalling` on PJSUA2: one thread, no media, session descriptions passed through."""

from __future__ import annotations

import gc
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import pjsua2 as pj

from router.pjsua.address import AddressError, from_value
from router.pjsua.call import Account, LegCall
from router.pjsua.legs import UNANSWERED, Leg, Legs, Phase, add_header, offer_parameters
from router.pjsua.library import EngineError, Library
from router.pjsua.neighbours import Neighbours
from router.pjsua.quiet import Housekeeping
from router.pjsua.reinvite import ReInvites
from router.pjsua.wire import read_invite
from router.ports import Identity, IncomingCall, LegId, SignallingListener, Target

__all__ = ["EngineError", "PjsuaSignalling"]

log = logging.getLogger(__name__)

FIRST_INCOMING = 1 << 32
"""Incoming legs count from here, so that whoever dials may count from 1."""
MOST_LEGS = 1_000_000
"""More than any library was built for: its own limit counts."""
SILENCE = 35.0
"""Seconds without any response before a dialled leg is given up: RFC 3261 timer B is 32 s."""
CLOSE_WITHIN = 2.0
"""Seconds that far ends have to acknowledge the end of their calls."""
_DELIVERIES_A_TURN = 500


class PjsuaSignalling:
    """Fulfils `router.ports.Signalling`. All calls, `pump` included, come from the thread that made it.

    The listener is called from `pump` and `close` only."""

    def __init__(
        self,
        listen: str,
        port: int,
        *,
        listener: SignallingListener | None = None,
        most_legs: int = MOST_LEGS,
    ) -> None:
        """Serve SIP on UDP and TCP; raise EngineError when that cannot be."""
        self._listener = listener
        self._events: deque[Callable[[], None]] = deque()
        self._ids = itertools.count(FIRST_INCOMING)
        self._closing = False
        self._neighbours = Neighbours(listen, port)
        self._housekeeping = Housekeeping()
        self._next_watch = 0.0
        self._legs = Legs(self._new_call, self._lingers)
        self._reinvites = ReInvites(self._legs, self._later, self._lose)
        self._dialling = offer_parameters()
        self._library = Library(listen, port, lambda: Account(self), most_legs)

    def _new_call(self) -> LegCall:
        return LegCall(self._library.account, self, self._library)

    def _lingers(self, slot: int) -> bool:
        return self._library.lingers(slot)

    def attach(self, listener: SignallingListener) -> None:
        """From now on `listener` is told; what happened before waits for it."""
        self._listener = listener

    @property
    def capacity(self) -> int:
        return self._library.capacity

    @property
    def legs_in_use(self) -> int:
        return self._legs.in_use

    def facts(self) -> dict[str, object]:
        return {
            "engine": f"PJSUA2 {self._library.version}",
            "build": self._library.build,
            "capacity": self.capacity,
            "legs_in_use": self.legs_in_use,
        }

    def pump(self, max_wait_s: float) -> None:
        """One turn: wait for the network at most `max_wait_s`, then tell the listener what happened."""
        events = self._library.poll(0 if self._events else max(0, int(max_wait_s * 1000)))
        self._deliver()
        now = time.monotonic()
        if now >= self._next_watch:
            self._next_watch = now + 1.0
            self._watch(now)
        self._housekeeping.turn(now, quiet=not events and not self._legs)

    def dial(self, leg: LegId, target: Target, *, offer_of: LegId, caller: Identity) -> None:
        offering = self._legs.get(offer_of)
        if self._closing or offering is None:
            reason = "shutting down" if self._closing else "the caller has gone"
            self._later(self._tell_refused, leg, 503, reason)
            return
        try:
            to = self._neighbours.route(target.uri)
        except AddressError as exc:
            self._later(self._tell_refused, leg, exc.status, str(exc))
            return
        call = self._legs.spare_call()
        record = Leg(leg, call, incoming=False, since=time.monotonic(), ours=offering.theirs)
        self._legs.enter(record)
        options = self._dialling.txOption
        options.localUri = from_value(caller, to.seen_from, self._neighbours.port)
        options.headers.clear()
        if offering.forwards is not None and self._library.passes_max_forwards:
            add_header(options, "Max-Forwards", str(offering.forwards - 1))
        try:
            call.makeCall(to.uri, self._dialling)
        except pj.Error as exc:
            self._legs.forget(record)
            self._later(self._tell_refused, leg, 503, exc.reason)

    def alert(self, leg: LegId) -> None:
        record = self._legs.get(leg)
        if record is not None and record.incoming and record.phase is Phase.WAITING:
            record.phase = Phase.RINGING
            self._legs.ring(record)

    def refuse(self, leg: LegId, status: int, *, retry_after: int | None = None) -> None:
        record = self._legs.get(leg)
        if record is not None and record.incoming and record.phase in UNANSWERED:
            record.released = True
            if not self._legs.answer(record, status, retry_after=retry_after):
                self._legs.hang_up(record)

    def connect(self, caller: LegId, agent: LegId) -> None:
        calling, called = self._legs.get(caller), self._legs.get(agent)
        if calling is None or not calling.incoming or calling.phase not in UNANSWERED:
            return
        if called is None or called.phase is not Phase.ANSWERED:
            return
        calling.phase = called.phase = Phase.CONNECTED
        calling.peer, called.peer = agent, caller
        calling.ours = called.theirs
        if not self._legs.answer(calling, 200, sdp=calling.ours):
            self._lose(calling)
        self._legs.settle(calling, called)

    def release(self, leg: LegId) -> None:
        record = self._legs.get(leg)
        if record is not None:
            self._legs.hang_up(record)

    def close(self) -> None:
        """End every call, tell the listener, wait CLOSE_WITHIN seconds for the far ends, stop the library."""
        self._closing = True
        for leg in self._legs.all():
            self._lose(leg)
        self._library.hang_up_all()
        until = time.monotonic() + CLOSE_WITHIN
        while (self._legs.in_use or self._events) and time.monotonic() < until:
            self._library.poll(20)
            self._deliver()
        self._legs.clear()
        gc.collect()
        self._library.close()

    # What PJSUA2 reports inside its callbacks (`call.Sink`): noted for the loop.

    def arrived(self, slot: int, message: str, source: str) -> None:
        if self._closing:
            return
        call = self._legs.spare_call()
        self._library.attach(slot, call.address)
        leg = Leg(LegId(next(self._ids)), call, incoming=True, since=time.monotonic(), heard=True)
        self._legs.enter(leg)
        self._later(self._offer, leg, message, source)

    def progressed(self, leg: Leg, status: int, sdp: str) -> None:
        leg.theirs = sdp or leg.theirs
        if status >= 200 and not leg.theirs:
            self._later(self._turn_away, leg)
        elif status >= 200:
            leg.phase = Phase.ANSWERED
            self._later(self._tell_answered, leg)
        elif leg.phase is Phase.WAITING:
            leg.phase = Phase.RINGING
            self._later(self._tell_ringing, leg)

    def gone(self, leg: Leg, status: int, reason: str) -> None:
        self._legs.forget(leg)
        if not leg.released:
            self._later(self._end, leg, status, reason)

    def asked_again(self, leg: Leg, sdp: str) -> bool:
        return self._reinvites.asked(leg, sdp)

    def answered_again(self, leg: Leg, status: int, sdp: str) -> None:
        self._reinvites.answered(leg, status, sdp)

    def repeated(self, leg: Leg) -> None:
        self._later(self._legs.settle, leg)

    def failed(self, leg: Leg) -> None:
        self._later(self._lose, leg)

    # The loop.

    def _later(self, handler: Callable[..., None], *arguments: object) -> None:
        self._events.append(partial(handler, *arguments))

    def _deliver(self) -> None:
        if self._listener is None:
            return
        for _ in range(_DELIVERIES_A_TURN):
            if not self._events:
                return
            event = self._events.popleft()
            try:
                event()
            except Exception:  # of the listener, in one call: the others go on
                log.exception("event of a leg")

    def _offer(self, leg: Leg, message: str, source: str) -> None:
        try:
            self._introduce(leg, message, source)
        except Exception:  # nobody knows of this caller now
            log.exception("offering leg %s", leg.id)
            self._legs.hang_up(leg)

    def _introduce(self, leg: Leg, message: str, source: str) -> None:
        invite = read_invite(message)
        leg.theirs, leg.forwards = invite.sdp, invite.max_forwards
        refusal = 488 if not invite.sdp else 483 if invite.max_forwards == 0 else 0
        if refusal:
            self.refuse(leg.id, refusal)
            leg.released = True
        elif self._listener is not None:
            call = IncomingCall(leg.id, invite.caller, invite.dialled, source, invite.call_id)
            self._listener.offered(call)

    def _tell_ringing(self, leg: Leg) -> None:
        if self._listener is not None and not leg.released:
            self._listener.ringing(leg.id)

    def _tell_answered(self, leg: Leg) -> None:
        if self._listener is not None and not leg.released:
            self._listener.answered(leg.id)

    def _tell_refused(self, leg: LegId, status: int, reason: str) -> None:
        if self._listener is not None:
            self._listener.refused(leg, status, reason)

    def _end(self, leg: Leg, status: int, reason: str) -> None:
        """The far end of `leg` has ended it: so does the other side of the bridge."""
        if leg.released:
            return
        leg.released = True
        peer = self._legs.get(leg.peer)
        if peer is not None:
            self._legs.hang_up(peer)
        if not leg.incoming and leg.phase in UNANSWERED:
            self._tell_refused(leg.id, status if status >= 300 else 488, reason)
        elif self._listener is not None:
            self._listener.ended(leg.id)

    def _turn_away(self, leg: Leg) -> None:
        if not leg.released:
            self._legs.hang_up(leg)
            self._tell_refused(leg.id, 488, "answered without a session description")

    def _lose(self, leg: Leg) -> None:
        """Give up a leg that cannot go on, as if its far end had ended it."""
        if not leg.released:
            self._legs.hang_up(leg)
            leg.released = False
            self._later(self._end, leg, 503, "the leg was lost")

    def _watch(self, now: float) -> None:
        """Find the legs whose end nobody reports: PJSIP forgets one under bursts (pjproject#4992)."""
        for leg in self._legs.all():
            if leg.call is not None and not leg.call.alive:
                log.warning("leg %s ended without a word from the library", leg.id)
                self._legs.forget(leg)
                self._end(leg, 503, "the leg was lost")
            elif not leg.heard and now - leg.since > SILENCE:
                self._legs.hang_up(leg)
                self._tell_refused(leg.id, 408, "no response")
