"""The two classes PJSUA2 calls back. They copy what they need at once and leave the rest to the loop."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import pjsua2 as pj

from router.pjsua.legs import UNANSWERED, Leg, Phase
from router.pjsua.wire import read_sdp

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Who wants to know. Called inside callbacks of PJSUA2: only to note what happened."""

    def arrived(self, slot: int, message: str, source: str) -> None: ...
    def progressed(self, leg: Leg, status: int, sdp: str) -> None:
        """An outgoing leg got 18x or 2xx."""

    def gone(self, leg: Leg, status: int, reason: str) -> None: ...
    def asked_again(self, leg: Leg, sdp: str) -> bool:
        """A re-INVITE with an offer; whether it can be passed on."""

    def answered_again(self, leg: Leg, status: int, sdp: str) -> None:
        """The final response to our re-INVITE."""

    def repeated(self, leg: Leg) -> None:
        """A re-INVITE without an offer is being answered with the description in force."""

    def failed(self, leg: Leg) -> None:
        """A callback raised; the leg cannot be trusted any more."""


TSX_STATE: int = pj.PJSIP_EVENT_TSX_STATE
RX_MSG: int = pj.PJSIP_EVENT_RX_MSG


class LegCall(pj.Call):  # type: ignore[misc]
    """Carries one leg after another.

    It is kept for the next leg, never destroyed while the library runs: its destructor hangs up whatever
    call has its former slot by then.
    """

    def __init__(self, account: Any, sink: Sink, library: Any) -> None:
        super().__init__(account)
        self._sink = sink
        self._library = library
        self._holder = library.holder
        self.address = int(self.this)
        self.leg: Leg | None = None

    @property
    def attached(self) -> bool:
        """Whether the C library still reports this leg; not after its end, or our hanging up."""
        slot = self.getId()
        return bool(slot >= 0 and self._holder(slot) == self.address)

    @property
    def alive(self) -> bool:
        """Whether there is a session behind the leg. The library drops one without a word when it cannot
        even send 100, and does not correct its own count of calls then."""
        return self.attached and bool(self.isActive())

    def detach(self) -> int:
        """Hear no more of the slot; which it was, -1 if none yet."""
        slot = int(self.getId())
        if self.attached:
            self._library.detach(slot)
        return slot

    def settle(self) -> None:
        """An offer has been answered: both sides have what they need."""
        if self.attached:
            self._library.settle(self.getId())

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        leg = self.leg
        if leg is None:
            return
        try:
            gone = self._holder(self.getId()) != self.address
            if gone and leg.released:
                self._sink.gone(leg, 0, "")
            elif gone or (not leg.incoming and leg.phase in UNANSWERED):
                self._moved(leg, prm.e, gone)
        except Exception:
            log.exception("call state of leg %s", leg.id)
            self._sink.failed(leg)

    def _moved(self, leg: Leg, event: Any, gone: bool) -> None:
        status, reason, state = 0, "", None
        if event.type == TSX_STATE:
            state = event.body.tsxState
            transaction = state.tsx
            status, reason = transaction.statusCode, transaction.statusText
        if gone:
            self._sink.gone(leg, status, reason)
        elif 180 <= status < 300:
            self._sink.progressed(leg, status, _received_sdp(state))

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        leg = self.leg
        if leg is None or (leg.heard and leg.asking is None):
            return
        try:
            if leg.asking is not None:
                self._re_invite_progressed(leg, prm.e.body.tsxState)
            else:
                leg.heard = prm.e.body.tsxState.tsx.statusCode >= 100
        except Exception:
            log.exception("transaction of leg %s", leg.id)
            self._sink.failed(leg)

    def _re_invite_progressed(self, leg: Leg, state: Any) -> None:
        transaction = state.tsx
        ours = transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "INVITE"
        if ours and transaction.statusCode >= 200:
            self._sink.answered_again(leg, transaction.statusCode, _received_sdp(state))

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """Outgoing offers are the other side's; an answer is given when it is known, by `answer`."""
        leg = self.leg
        if leg is None or prm.remSdp.wholeSdp:
            return
        if offer := leg.offered or leg.ours:
            prm.sdp.wholeSdp = offer
        if leg.phase is Phase.CONNECTED and leg.asking is None:
            self._sink.repeated(leg)

    def onCallRxReinvite(self, prm: Any) -> None:  # noqa: N802
        leg = self.leg
        try:
            passed_on = leg is not None and self._sink.asked_again(leg, read_sdp(prm.rdata.wholeMsg))
        except Exception:
            log.exception("re-INVITE on leg %s", leg and leg.id)
            passed_on = False
        prm.isAsync = passed_on
        prm.statusCode = 200 if passed_on else 488

    def onCallRxOffer(self, prm: Any) -> None:  # noqa: N802
        """UPDATE with an offer: the session stays as it is."""
        prm.statusCode = 488

    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """REFER from a phone: PJSUA2 would place the call by itself."""
        prm.statusCode = 603

    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """INVITE with Replaces: PJSUA2 would take it over by itself."""
        prm.statusCode = 603

    def onCallMediaTransportState(self, prm: Any) -> None:  # noqa: N802
        """Several times a call: said here so that PJSUA2 does not go back to C++ for nothing."""

    def onCreateMediaTransport(self, prm: Any) -> None:  # noqa: N802
        """Likewise; the transport stays as it is."""

    def onCallRedirected(self, prm: Any) -> int:  # noqa: N802, ARG002
        return int(pj.PJSIP_REDIRECT_STOP)


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        try:
            self._sink.arrived(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)
        except Exception:  # PJSUA2 answers 500 to a call that nobody took
            log.exception("incoming call")

    def onIncomingSubscribe(self, prm: Any) -> None:  # noqa: N802
        prm.code = 489


def _received_sdp(state: Any) -> str:
    """What came with the message that moved the transaction, if it was a message."""
    return read_sdp(state.src.rdata.wholeMsg) if state.type == RX_MSG else ""
