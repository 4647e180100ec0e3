"""Offers after the first: passed from one side of a bridge to the other, or made by ourselves.

RFC 3261 section 14, RFC 3311, RFC 3264. An offer that comes again unchanged is a session refresh and is
answered here (RFC 4028 section 7.4).
"""

from __future__ import annotations

from collections.abc import Callable

from router.sip import sessions
from router.sip.dialog import SDP
from router.sip.leg import Leg, Unacked, reply
from router.sip.message import Request, Response
from router.sip.phase import Phase
from router.sip.sdp import sdp_of
from router.sip.stack import authorised
from router.sip.transactions import ClientTransaction, ServerTransaction

Negotiated = Callable[["Reoffer", int, str], None]
"""Told once: the final status and its reason phrase; 408 or 503 when there was no response."""


class Reoffer:
    """A re-INVITE or UPDATE of ours; `answer` is what the far end's 2xx carried."""

    __slots__ = ("_ack", "_challenged", "_done", "_told", "_tx", "answer", "leg", "offer")

    def __init__(self, leg: Leg, offer: bytes, done: Negotiated, *, update: bool = False) -> None:
        """Send it now; the leg must be free for it: `may_ask`."""
        self.leg = leg
        self.offer = offer
        self.answer = b""
        self._done = done
        self._told = False
        self._challenged = False
        self._ack: tuple[bytes, object] | None = None
        leg.asking = True
        request = leg.dialog.request("UPDATE" if update else "INVITE")
        sessions.keep(leg, request)
        if offer:
            request.headers["Content-Type"] = [SDP]
            request.body = offer
        self._send(request)

    def acknowledge(self, answer: bytes = b"") -> None:
        """ACK the 2xx of a re-INVITE, with the answer to an offer that it carried."""
        ack = self.leg.dialog.request("ACK", seq=self._tx.request.cseq[0])
        if answer:
            self.leg.ours = answer
            ack.headers["Content-Type"] = [SDP]
            ack.body = answer
        flow = self.leg.dialog.route(self.leg.stack.network)
        self._ack = (self.leg.stack.transactions.acknowledge(ack, flow), flow)

    # Client

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        if response.status < 200 or tx is not self._tx:
            return
        if self._told:
            if self._ack is not None and response.status < 300:
                data, flow = self._ack
                flow.send(data)  # type: ignore[attr-defined]
            return
        if response.status in {401, 407} and not self._challenged:
            self._challenged = True
            leg = self.leg
            again = authorised(leg.stack, leg.dialog, tx.request, response, tx.flow)
            if again is not None:
                self._send(again)
                return
        self._told = True
        self.leg.asking = False
        if response.status < 300:
            self._accepted(response)
        self._done(self, response.status, response.reason)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        if not self._told and tx is self._tx:
            self._told = True
            self.leg.asking = False
            self._done(self, status, reason)

    def _send(self, request: Request) -> None:
        leg = self.leg
        self._tx = leg.stack.transactions.request(request, leg.dialog.route(leg.stack.network), self)

    def _accepted(self, response: Response) -> None:
        leg = self.leg
        leg.dialog.retarget(response)
        self.answer = sdp_of(response) if response.body else b""
        leg.theirs = self.answer or leg.theirs
        if self.offer:
            leg.ours = self.offer
        if leg.session is not None:
            leg.session.refreshed(leg.stack.clock.monotonic())
        if self.offer and self._tx.request.method == "INVITE":
            self.acknowledge()


def may_ask(leg: Leg) -> bool:
    """Whether an offer of ours may go to the leg now: RFC 3261 section 14.1."""
    return leg.phase is Phase.CONNECTED and not leg.asking and not leg.serving and leg.unacked is None


def serve(leg: Leg, tx: ServerTransaction) -> None:
    """A re-INVITE or UPDATE has come on a leg."""
    request = tx.request
    if sessions.too_short(request):
        reply(tx, 422, extra={"Min-SE": [str(sessions.SHORTEST)]})
        return
    if leg.serving or leg.unacked is not None:
        reply(tx, 500, extra={"Retry-After": ["2"]})  # RFC 3261 section 14.2
        return
    if leg.asking:
        reply(tx, 491)
        return
    sdp = sdp_of(request) if request.body else b""
    is_update = request.method == "UPDATE"
    if is_update and not sdp:
        leg.dialog.retarget(request)
        leg.accept(tx, extra=sessions.agree(leg, request))
        return
    partner = leg.partner
    if partner is None or leg.phase is not Phase.CONNECTED or not may_ask(partner):
        reply(tx, 491)
        return
    leg.dialog.retarget(request)
    if sdp and sdp == leg.theirs and leg.ours:
        _accept(leg, tx, leg.ours, _content)
        return
    leg.serving = True
    _Relay(leg, tx, sdp, partner, update=is_update and partner.can_update)


class _Relay:
    """One offer on its way through the bridge."""

    __slots__ = ("_leg", "_offer", "_partner", "_tx")

    def __init__(self, leg: Leg, tx: ServerTransaction, offer: bytes, partner: Leg, *, update: bool) -> None:
        self._leg = leg
        self._tx = tx
        self._offer = offer
        self._partner = partner
        Reoffer(partner, offer, self._answered, update=update)

    def _answered(self, reoffer: Reoffer, status: int, reason: str) -> None:
        leg, partner = self._leg, self._partner
        leg.serving = False
        if leg.is_over:
            if status < 300 and not self._offer:
                reoffer.acknowledge(partner.ours)  # the caller of the offer has gone; its BYE follows
            return
        if status >= 300:
            gone = reoffer.answer == b"" and status in _DIALOG_IS_GONE
            reply(self._tx, 500 if gone else status, reason="" if gone else reason)
            if gone:
                partner.user.lost(partner, f"a new offer was answered {status}")
            return
        if self._offer:
            leg.theirs = self._offer
            _accept(leg, self._tx, reoffer.answer or leg.ours, _content)
            return
        _accept(leg, self._tx, reoffer.answer, lambda body: _finish(leg, reoffer, body))


def _finish(leg: Leg, reoffer: Reoffer, answer: bytes) -> None:
    if answer:
        leg.theirs = answer
    reoffer.acknowledge(answer or reoffer.leg.ours)


def _accept(leg: Leg, tx: ServerTransaction, sdp: bytes, acked: Callable[[bytes], None]) -> None:
    leg.ours = sdp
    extra = sessions.agree(leg, tx.request)
    if tx.request.method == "UPDATE":
        leg.accept(tx, sdp, extra)
        return
    lost = lambda: leg.user.lost(leg, "a new answer was never acknowledged")  # noqa: E731
    leg.accept_invite(tx, sdp, extra, Unacked(leg, tx, acked, lost))


def _content(answer: bytes) -> None:
    """The ACK carries nothing that is needed."""


_DIALOG_IS_GONE = frozenset({408, 481, 503})
"""RFC 3261 section 12.2.1.2 for 408 and 481; 503 is what the transport's failure is told as."""
