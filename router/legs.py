"""The outgoing legs of all calls: dialled when there is room, watched until they are heard of, released."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from router import admission, numbers
from router.call import Phone
from router.events import Leg, Refused
from router.lines import Lines
from router.live import LiveCall
from router.media import Plan
from router.ports import Clock, LegId, Media, Signalling, Target

log = logging.getLogger(__name__)

SILENCE = 35
"""Seconds after which a leg without any response is given up, should the SIP side not say so: it does after
32 (RFC 3261 timer B)."""

LEG_WAIT, LEG_RETRY = 5.0, 0.1
"""Seconds to wait for a free call leg when a phone is to be rung, and between two looks: a leg that was
cancelled keeps its slot until the phone has said so, for milliseconds, or for 32 s when it is dead."""

Attempt = Callable[[LiveCall, Callable[[], Refused | None]], None]
"""Does something for a call, tells its flow when it came to Refused, and ends the call when it raised."""


@dataclass(slots=True, eq=False)
class Out:
    """An outgoing leg. `line`: under which its phone is known to be in a call."""

    live: LiveCall
    leg: Leg
    peer: str
    media: Media
    line: str


class Legs:
    """By the id that the SIP side knows, and by the number that the call's flow knows."""

    def __init__(self, signalling: Signalling, clock: Clock, lines: Lines, attempt: Attempt) -> None:
        self._signalling = signalling
        self._clock = clock
        self._lines = lines
        self._attempt = attempt
        self._alive: dict[LegId, Out] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._alive)

    def call_of(self, leg_id: LegId) -> LiveCall | None:
        out = self._alive.get(leg_id)
        return None if out is None else out.live

    def heard(self, leg_id: LegId) -> Out | None:
        """The leg that gave a sign of life; None when it was released before."""
        out = self._alive.get(leg_id)
        if out is not None:
            out.live.calm(out.leg)
        return out

    def gone(self, leg_id: LegId) -> Out | None:
        """The leg that the far side has ended; None when it was released before."""
        out = self._alive.pop(leg_id, None)
        if out is not None:
            self._lines.drop(out.line)
            out.live.forget_leg(out.leg)
        return out

    def ring(self, live: LiveCall, leg: Leg, phone: Phone, target: Target, plan: Plan) -> Refused | None:
        """Send an INVITE, now or as soon as there is room; Refused when that cannot be."""
        signalling = self._signalling
        if not admission.may_dial(signalling.capacity, signalling.legs_in_use):
            until = self._clock.monotonic() + LEG_WAIT
            return self._wait(live, leg, partial(self._dial, live, leg, phone, target, plan), until)
        self._dial(live, leg, phone, target, plan)
        return None

    def release(self, live: LiveCall, leg: Leg) -> None:
        """End the leg if it is there, and stop waiting for room for it."""
        leg_id = live.forget_leg(leg)
        if leg_id is not None:
            out = self._alive.pop(leg_id, None)
            if out is not None:
                self._lines.drop(out.line)
            self._signalling.release(leg_id)

    def move(self, leg_id: LegId, live: LiveCall, leg: Leg) -> None:
        """A leg goes over to another call, where it has this number."""
        out = self._alive[leg_id]
        out.live.forget_leg(out.leg)
        out.live, out.leg = live, leg
        live.legs[leg] = leg_id

    def forget(self, live: LiveCall) -> None:
        """The legs that a call leaves behind: others end them."""
        for leg_id in live.legs.values():
            out = self._alive.pop(leg_id, None)
            if out is not None:
                self._lines.drop(out.line)

    def _wait(self, live: LiveCall, leg: Leg, dial: Callable[[], None], until: float) -> Refused | None:
        signalling, clock = self._signalling, self._clock
        capacity, in_use = signalling.capacity, signalling.legs_in_use
        if admission.may_dial(capacity, in_use):
            dial()
            return None
        if clock.monotonic() >= until:
            because = f"no call leg is free ({in_use} of {capacity} in use)"
            return Refused(live.at(clock.monotonic()), leg, 0, because)
        again = partial(self._attempt, live, partial(self._wait, live, leg, dial, until))
        live.watchdogs[leg] = clock.call_later(LEG_RETRY, again)
        return None

    def _dial(self, live: LiveCall, leg: Leg, phone: Phone, target: Target, plan: Plan) -> None:
        self._last += 1
        leg_id, media, person = LegId(self._last), plan.media, phone.person
        line = person.user or numbers.normalise(person.address)
        self._alive[leg_id] = Out(live, leg, target.peer, media, line)
        self._lines.take(line)
        live.legs[leg] = leg_id
        give_up = partial(self._attempt, live, partial(self._give_up, live, leg, media))
        live.watchdogs[leg] = self._clock.call_later(SILENCE, give_up)
        offer_of, caller, diverted_by = live.incoming.leg, live.identity, phone.diverted_by
        if media is Media.DIRECT and not diverted_by:
            self._signalling.dial(leg_id, target, offer_of=offer_of, caller=caller)
        else:
            self._signalling.dial(
                leg_id, target, offer_of=offer_of, caller=caller, media=media, diverted_by=diverted_by
            )

    def _give_up(self, live: LiveCall, leg: Leg, media: Media) -> Refused:
        log.warning("call %s: leg %s gave no sign for %s s: released", live.id, live.legs.get(leg), SILENCE)
        self.release(live, leg)
        return Refused(live.at(self._clock.monotonic()), leg, 408, media=media)
