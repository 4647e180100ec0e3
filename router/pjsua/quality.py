"""What the bridge has received: packets lost, jitter, and legs on which nobody speaks."""

from __future__ import annotations

import pjsua2 as pj

from router.pjsua.leg import Leg

AT_MOST_EVERY = 5.0


class Quality:
    """`silence_s`: seconds without RTP after which a leg counts as silent."""

    def __init__(self, silence_s: float) -> None:
        self._silence = silence_s
        self.every = min(AT_MOST_EVERY, silence_s / 4)
        self._lost = 0
        self._jitter_ms = 0.0
        self._looked: dict[int, float] = {}

    def facts(self) -> dict[str, object]:
        return {"packets_lost": self._lost, "jitter_max_ms": round(self._jitter_ms, 1)}

    def silent(self, leg: Leg, now: float) -> bool:
        """Whether it has fallen silent: said once, and again only after RTP has come in between."""
        if now - self._looked.get(leg.slot, 0.0) < self.every:
            return False
        self._looked[leg.slot] = now
        if leg.held or leg.port is None:
            leg.heard = now
            return False
        packets = self._received(leg)
        if packets != leg.packets:
            if leg.packets >= 0 or packets > 0:
                leg.heard, leg.silent = now, False
            leg.packets = packets
        if leg.silent or now - leg.heard < self._silence:
            return False
        leg.silent = True
        return True

    def left(self, leg: Leg) -> None:
        self._looked.pop(leg.slot, None)

    def _received(self, leg: Leg) -> int:
        try:
            statistics = leg.call.getStreamStat(0)  # held on to: its parts are part of it
        except pj.Error:
            return leg.packets
        received = statistics.rtcp.rxStat
        self._lost += max(0, received.loss - leg.lost)
        leg.lost = received.loss
        self._jitter_ms = max(self._jitter_ms, received.jitterUsec.max / 1000)
        return int(received.pkt)
