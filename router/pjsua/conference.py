"""Conferences: who hears whom, and how a digit goes from one leg to the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pjsua2 as pj

from router.pjsua import dtmf
from router.pjsua.leg import Leg

log = logging.getLogger(__name__)


class Conferences:
    """Legs by conference id. A conference is there as long as it has legs."""

    def __init__(self) -> None:
        self._legs: dict[str, list[Leg]] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def enter(self, leg: Leg) -> None:
        self._legs.setdefault(leg.wanted.conference, []).append(leg)

    def leave(self, leg: Leg) -> None:
        """Nobody hears it any more. Leaving twice changes nothing."""
        present = self._legs.get(leg.wanted.conference, [])
        if leg in present:
            present.remove(leg)
            if not present:
                del self._legs[leg.wanted.conference]

    def others(self, leg: Leg) -> Iterator[Leg]:
        """Who takes part together with `leg`."""
        for other in self._legs.get(leg.wanted.conference, ()):
            if other is not leg and other.talks:
                yield other

    def connect(self, leg: Leg) -> None:
        """Let `leg` and the others hear each other; again, after its place on the bridge has changed."""
        if not leg.talks:
            return
        for other in self.others(leg):
            for source, sink in ((leg, other), (other, leg)):
                try:
                    source.port.startTransmit(sink.port)
                except pj.Error as exc:  # the other's media is being changed just now, and connects it then
                    log.info("conference %s: %s", leg.wanted.conference, exc.reason)

    def relay(self, leg: Leg, digit: str) -> None:
        """Pass a digit that `leg` sent on to the others, to each in its form."""
        if leg.talks:
            for other in self.others(leg):
                send_digit(other, digit)


def send_digit(leg: Leg, digit: str) -> None:
    """As RFC 4733, or as INFO where that was asked for or telephone-event was not agreed on."""
    if leg.wanted.dtmf != "info":
        try:
            leg.call.dialDtmf(digit)
            return
        except pj.Error as exc:
            log.debug("leg %d takes no RFC 4733: %s", leg.slot, exc.reason)
    inform(leg, dtmf.RELAY, dtmf.relayed(digit))


def inform(leg: Leg, kind: str, body: str) -> None:
    """Send an INFO on the leg's dialog; an end that it has come to is found out otherwise."""
    request = pj.CallSendRequestParam()
    request.method = "INFO"
    request.txOption.contentType = kind
    request.txOption.msgBody = body
    try:
        leg.call.sendRequest(request)
    except pj.Error as exc:
        log.info("leg %d cannot be told: %s", leg.slot, exc.reason)
