"""The outgoing legs of all calls: dialled when there is room, watched until they are heard of, released."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from router import admission
from router.events import Leg, Refused
from router.live import LiveCall
from router.ports import Clock, LegId, Signalling, Target
from router.targets import Unreachable

log = logging.getLogger(__name__)

SILENCE = 35
"""Seconds after which a leg without any response is given up: SIP itself does so after 32 (RFC 3261 timer B),
and PJSIP has been seen to lose that end under load (pjproject#4992)."""

LEG_WAIT, LEG_RETRY = 5.0, 0.1
"""Seconds to wait for a free call leg when a phone is to be rung, and between two looks: a leg that was
cancelled keeps its slot until the phone has said so, for milliseconds, or for 32 s when it is dead."""

Attempt = Callable[[LiveCall, Callable[[], Refused | None]], None]
"""Does something for a call, tells its flow when it came to Refused, and ends the call when it raised."""


class Legs:
    """By the id that the SIP side knows, and by the number that the call's flow knows."""

    def __init__(self, signalling: Signalling, clock: Clock, attempt: Attempt) -> None:
        self._signalling = signalling
        self._clock = clock
        self._attempt = attempt
        self._alive: dict[LegId, tuple[LiveCall, Leg]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._alive)

    def heard(self, leg_id: LegId) -> tuple[LiveCall, Leg] | None:
        """The call of a leg that gave a sign of life; None when it was released before."""
        found = self._alive.get(leg_id)
        if found is not None:
            live, leg = found
            live.calm(leg)
        return found

    def gone(self, leg_id: LegId) -> tuple[LiveCall, Leg] | None:
        """The call of a leg that the far side has ended; None when it was released before."""
        found = self._alive.pop(leg_id, None)
        if found is not None:
            live, leg = found
            live.forget_leg(leg)
        return found

    def ring(self, live: LiveCall, leg: Leg, address: str) -> Refused | None:
        """Send an INVITE, now or as soon as there is room; Refused when that cannot be."""
        target = live.reception.target(address)
        if isinstance(target, Unreachable):
            return self._not_tried(live, leg, target.because)
        return self._dial(live, leg, target, until=self._clock.monotonic() + LEG_WAIT)

    def release(self, live: LiveCall, leg: Leg) -> None:
        """End the leg if it is there, and stop waiting for room for it."""
        leg_id = live.forget_leg(leg)
        if leg_id is not None:
            self._alive.pop(leg_id, None)
            self._signalling.release(leg_id)

    def _dial(self, live: LiveCall, leg: Leg, target: Target, *, until: float) -> Refused | None:
        signalling, clock = self._signalling, self._clock
        capacity, in_use = signalling.capacity, signalling.legs_in_use
        if not admission.may_dial(capacity, in_use):
            if clock.monotonic() >= until:
                return self._not_tried(live, leg, f"no call leg is free ({in_use} of {capacity} in use)")
            again = partial(self._dial, live, leg, target, until=until)
            live.watchdogs[leg] = clock.call_later(LEG_RETRY, partial(self._attempt, live, again))
            return None
        self._last += 1
        leg_id = LegId(self._last)
        self._alive[leg_id] = (live, leg)
        live.legs[leg] = leg_id
        give_up = partial(self._attempt, live, partial(self._give_up, live, leg))
        live.watchdogs[leg] = clock.call_later(SILENCE, give_up)
        signalling.dial(leg_id, target, offer_of=live.incoming.leg, caller=live.identity)
        return None

    def _give_up(self, live: LiveCall, leg: Leg) -> Refused:
        log.warning("call %s: leg %s gave no sign for %s s: released", live.id, live.legs.get(leg), SILENCE)
        self.release(live, leg)
        return Refused(live.at(self._clock.monotonic()), leg, 408)

    def _not_tried(self, live: LiveCall, leg: Leg, because: str) -> Refused:
        return Refused(live.at(self._clock.monotonic()), leg, 0, because)
