"""A leg of a conference, and the class PJSUA2 calls back for it: it notes what happened for the loop."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

import pjsua2 as pj

from router.pjsua import dtmf
from router.pjsua.endpoint import WILDCARDS, address_for
from router.pjsua.wanted import Wanted

log = logging.getLogger(__name__)

_LONGEST_SDP = 1000  # the stock wheel cuts what it shows us at 1024
_CONNECTION = re.compile(r"^c=IN IP4 ([0-9.]+)", re.MULTILINE)
_ORIGIN = re.compile(r"^(o=\S+ \S+ \S+ IN IP4 )[0-9.]+", re.MULTILINE)


@dataclass(slots=True, eq=False)
class Leg:
    """One dialog. `call`: the `LegCall` that carries it. Times: monotonic seconds."""

    call: Any
    slot: int
    since: float
    wanted: Wanted = field(default_factory=lambda: Wanted(""))
    has_offer: bool = True
    confirmed: bool = False
    began: float = 0.0
    """When it was confirmed."""
    ending: bool = False
    port: Any = None
    """Its place on the bridge, an AudioMedia; None while it has no media."""
    held: bool = False
    listens: bool = False
    """Its far end takes what we send."""
    player: Any = None
    announcing: bool = False
    """Its announcement is to come or being played: nobody else hears this leg, nor does it hear anybody."""
    until: float = 0.0
    """When the announcement ends."""
    packets: int = -1
    lost: int = 0
    heard: float = 0.0
    """When RTP came last, or might have begun to."""
    silent: bool = False
    """Its silence has been reported."""
    asked: float = 0.0
    """When the router was asked last whether it still has this dialog."""

    @property
    def talks(self) -> bool:
        """Whether it takes part in its conference."""
        return self.port is not None and not self.announcing and not self.ending


class Sink(Protocol):
    """Who wants to know. Called inside callbacks of PJSUA2: only to note what happened."""

    def arrived(self, slot: int, message: str, source: str) -> None: ...
    def confirmed(self, leg: Leg) -> None: ...
    def media_changed(self, leg: Leg) -> None: ...
    def gone(self, leg: Leg) -> None: ...
    def digit(self, leg: Leg, digit: str) -> None: ...
    def unknown(self, leg: Leg) -> None:
        """The router does not have this dialog any more."""

    def failed(self, leg: Leg) -> None:
        """A callback raised; the leg cannot be trusted any more."""


class LegCall(pj.Call):  # type: ignore[misc]
    """Carries every leg that comes into its slot, one after the other.

    It is never destroyed while the library runs: its destructor hangs up whatever call has its slot by then
    (pjsua2/call.cpp, Call::~Call).
    """

    def __init__(self, account: Any, slot: int, sink: Sink, endpoint: Any, listen: str) -> None:
        super().__init__(account, slot)
        self._sink = sink
        self._endpoint = endpoint
        self._everywhere = listen in WILDCARDS
        self.address = int(self.this)
        self.leg: Leg | None = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802, ARG002
        leg = self.leg
        if leg is None:
            return
        try:
            if not self._endpoint.holds(leg.slot, self.address):
                self._sink.gone(leg)
            elif not leg.confirmed and self.getInfo().state == pj.PJSIP_INV_STATE_CONFIRMED:
                self._sink.confirmed(leg)
        except Exception:
            self._broken(leg)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802, ARG002
        if self.leg is not None:
            self._sink.media_changed(self.leg)

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802
        """RFC 4733, or INFO with application/dtmf-relay."""
        leg = self.leg
        try:
            if leg is not None and (digit := str(prm.digit).upper()) in dtmf.DIGITS:
                self._sink.digit(leg, digit)
        except Exception:
            self._broken(leg)

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        leg = self.leg
        if leg is None:
            return
        try:
            state = prm.e.body.tsxState
            transaction = state.tsx
            if transaction.method == "INFO" and transaction.role == pj.PJSIP_ROLE_UAS:
                if transaction.state == pj.PJSIP_TSX_STATE_TRYING:
                    self._informed(leg, state)
            elif transaction.role == pj.PJSIP_ROLE_UAC and transaction.statusCode in (408, 481):
                self._sink.unknown(leg)
        except Exception:
            self._broken(leg)

    def _informed(self, leg: Leg, state: Any) -> None:
        """An INFO that the library does not know: it would leave it to somebody else to answer."""
        message = state.src.rdata.wholeMsg
        kind = dtmf.content_type(message)
        if kind in (dtmf.RELAY, "application/media_control+xml"):
            return
        digit = dtmf.read(kind, message.partition("\r\n\r\n")[2]) if kind == dtmf.PLAIN else ""
        status = 200 if digit else 400 if kind == dtmf.PLAIN else 415
        self._endpoint.respond(int(state.tsx.pjTransaction), int(state.src.rdata.pjRxData), status)
        if digit:
            self._sink.digit(leg, digit)

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """When listening everywhere, show a far end that has moved the address it has a route to."""
        leg = self.leg
        if not self._everywhere or leg is None:
            return
        try:
            theirs, ours = prm.remSdp.wholeSdp, prm.sdp.wholeSdp
            if theirs and len(ours) < _LONGEST_SDP and ours.endswith("\n"):
                address = address_for(theirs)
                shown = _CONNECTION.sub(f"c=IN IP4 {address}", _ORIGIN.sub(rf"\g<1>{address}", ours))
                if shown != ours:
                    prm.sdp.wholeSdp = shown
        except Exception:
            self._broken(leg)

    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        prm.statusCode = 603

    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        prm.statusCode = 603

    def onCallMediaTransportState(self, prm: Any) -> None:  # noqa: N802
        """Several times a leg: said here so that PJSUA2 does not go back to C++ for nothing."""

    def onCallRedirected(self, prm: Any) -> int:  # noqa: N802, ARG002
        return int(pj.PJSIP_REDIRECT_STOP)

    def _broken(self, leg: Leg | None) -> None:
        log.exception("callback of the leg in slot %s", leg.slot if leg else "?")
        if leg is not None:
            self._sink.failed(leg)


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        try:
            self._sink.arrived(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)
        except Exception:  # PJSUA2 answers 500 to a call that nobody took
            log.exception("incoming leg")

    def onIncomingSubscribe(self, prm: Any) -> None:  # noqa: N802
        prm.code = 489
