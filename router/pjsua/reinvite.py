"""Re-INVITE within a bridge (hold, resume): to the other side with the offer, back with its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pjsua2 as pj

from router.pjsua.legs import Leg, Legs, offer_parameters
from router.ports import LegId

log = logging.getLogger(__name__)

_REFUSED = 488
"""The session goes on as it was."""
_PASSED_BACK = (488, 491, 606)


class ReInvites:
    """`asked` and `answered` are called inside callbacks of PJSUA2: they leave the work to the loop."""

    def __init__(self, legs: Legs, later: Callable[..., None], lose: Callable[[Leg], None]) -> None:
        self._legs = legs
        self._later = later
        self._lose = lose

    def asked(self, leg: Leg, sdp: str) -> bool:
        """Whether it is passed on: not while another one is under way in the same bridge."""
        peer = self._legs.get(leg.peer)
        if not sdp or peer is None or peer.asking is not None or leg.asking is not None:
            return False
        peer.asking, peer.offered = leg.id, sdp
        self._later(self._pass_on, leg, peer, sdp)
        return True

    def answered(self, peer: Leg, status: int, sdp: str) -> None:
        asking, peer.asking = peer.asking, None
        offered, peer.offered = peer.offered, ""
        if asking is not None:
            self._later(self._pass_back, peer, asking, offered, status, sdp)

    def _pass_on(self, leg: Leg, peer: Leg, sdp: str) -> None:
        if leg.call is None or peer.call is None:
            return
        leg.theirs = sdp
        try:
            peer.call.reinvite(offer_parameters())
        except pj.Error as exc:
            log.info("re-INVITE of leg %s not passed on: %s", leg.id, exc.reason)
            peer.asking, peer.offered = None, ""
            self._legs.answer(leg, _REFUSED)
            self._legs.settle(leg)

    def _pass_back(self, peer: Leg, asking: LegId, offered: str, status: int, sdp: str) -> None:
        leg = self._legs.get(asking)
        if leg is None or leg.released:
            return
        if not 200 <= status < 300 or not sdp:
            self._legs.answer(leg, status if status in _PASSED_BACK else _REFUSED)
            self._legs.settle(leg, peer)
            return
        peer.ours, peer.theirs, leg.ours = offered, sdp, sdp
        if not self._legs.answer(leg, 200, sdp=sdp):
            self._lose(leg)
        self._legs.settle(leg, peer)
