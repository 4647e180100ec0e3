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
from router.sip.stack import MOST_DEMANDS, authorised
from router.sip.transactions import ClientTransaction, ServerTransaction

Negotiated = Callable[["Reoffer", int, str], None]
"""Told once: the final status and its reason phrase; 408 or 503 when there was no response."""


class Reoffer:
    """A re-INVITE or UPDATE of ours. `answer`: what the far end's 2xx carried; `is_news`: it differs from
    what it said before. `unanswered`: no response came. `explanation`: headers of a refusal."""

    __slots__ = (
        "_ack",
        "_demands",
        "_done",
        "_method",
        "_told",
        "_tx",
        "answer",
        "explanation",
        "is_news",
        "leg",
        "offer",
        "unanswered",
    )

    def __init__(self, leg: Leg, offer: bytes, done: Negotiated, *, update: bool = False) -> None:
        """Send it now; the leg must be free for it: `may_ask`."""
        self.leg = leg
        self.offer = offer
        self.answer = b""
        self._done = done
        self._told = False
        self._demands = 0
        self.is_news = self.unanswered = False
        self.explanation: dict[str, list[str]] = {}
        self._ack: tuple[bytes, object] | None = None
        self._method = "UPDATE" if update else "INVITE"
        leg.asking = self
        self._send(self._request())

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
        if response.status in {401, 407} and self._demands < MOST_DEMANDS:
            self._demands += 1
            leg = self.leg
            again = authorised(leg.stack, leg.dialog, tx.request, response, tx.flow)
            if again is not None:
                self._send(again)
                return
        if response.status == 422 and self._demands < MOST_DEMANDS:
            self._demands += 1
            sessions.lengthen(self.leg, response)
            self._send(self._request())
            return
        self._told = True
        self.leg.asking = None
        if response.status < 300:
            self._accepted(response)
        else:
            self.explanation = {
                name: response.headers[name] for name in _EXPLAINING if name in response.headers
            }
        self._done(self, response.status, response.reason)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        if not self._told and tx is self._tx:
            self._told = self.unanswered = True
            self.leg.asking = None
            self._done(self, status, reason)

    def cancel(self) -> None:
        """The offer is not wanted any more; its outcome comes all the same (RFC 3261 section 9)."""
        self._tx.cancel()

    def _request(self) -> Request:
        request = self.leg.dialog.request(self._method)
        sessions.keep(self.leg, request)
        if self.offer:
            request.headers["Content-Type"] = [SDP]
            request.body = self.offer
        return request

    def _send(self, request: Request) -> None:
        leg = self.leg
        self._tx = leg.stack.transactions.request(request, leg.dialog.route(leg.stack.network), self)

    def _accepted(self, response: Response) -> None:
        leg = self.leg
        leg.dialog.retarget(response)
        self.answer = sdp_of(response) if response.body else b""
        if self.answer:
            self.is_news = self.answer != leg.theirs
            leg.theirs = self.answer
        if self.offer:
            leg.ours = self.offer
        sessions.renewed(leg, response)
        if self.offer and self._tx.request.method == "INVITE":
            self.acknowledge()


def may_ask(leg: Leg) -> bool:
    """Whether an offer of ours may go to the leg now: RFC 3261 section 14.1."""
    return leg.phase is Phase.CONNECTED and leg.asking is None and leg.serving is None and leg.unacked is None


def serve(leg: Leg, tx: ServerTransaction) -> None:
    """A re-INVITE or UPDATE has come on a leg."""
    request = tx.request
    if sessions.too_short(request):
        reply(tx, 422, extra={"Min-SE": [str(sessions.SHORTEST)]})
        return
    if leg.serving is not None or leg.unacked is not None:
        reply(tx, 500, extra={"Retry-After": ["2"]})  # RFC 3261 section 14.2
        return
    if leg.asking is not None:
        reply(tx, 491)
        return
    sdp = sdp_of(request) if request.body else b""
    is_update = request.method == "UPDATE"
    if is_update and not sdp:
        leg.dialog.retarget(request)
        leg.accept(tx, extra=sessions.agree(leg, request))
        return
    if sdp and sdp == leg.theirs and leg.ours and leg.phase is Phase.CONNECTED:
        leg.dialog.retarget(request)
        _accept(leg, tx, leg.ours, _content)
        return
    partner = leg.partner
    if partner is None or leg.phase is not Phase.CONNECTED or not may_ask(partner):
        reply(tx, 491)
        return
    leg.dialog.retarget(request)
    leg.serving = Relay(leg, tx, sdp, partner, update=is_update and partner.can_update)


class Relay:
    """One offer on its way through the bridge. Fulfils `Serving`."""

    __slots__ = ("_leg", "_offer", "_over", "_partner", "_reoffer", "tx")

    def __init__(self, leg: Leg, tx: ServerTransaction, offer: bytes, partner: Leg, *, update: bool) -> None:
        self._leg = leg
        self.tx = tx
        self._offer = offer
        self._partner = partner
        self._over = False
        self._reoffer = Reoffer(partner, offer, self._answered, update=update)

    def abandon(self) -> None:
        self._over = True
        reply(self.tx, 487)
        self._reoffer.cancel()

    def _answered(self, reoffer: Reoffer, status: int, reason: str) -> None:
        leg, partner = self._leg, self._partner
        if self._over:
            self._take_back(reoffer, status)
            return
        leg.serving = None
        if status < 300:
            self._accept(reoffer)
            return
        gone = reoffer.unanswered or status in _DIALOG_IS_GONE
        if gone or status in _NOT_TO_PASS_ON or status < 400:
            reply(self.tx, 500 if gone else 488)
        else:
            reply(self.tx, status, reason=reason, extra=reoffer.explanation)
        if gone:
            partner.user.lost(partner, f"a new offer was answered {status}")

    def _accept(self, reoffer: Reoffer) -> None:
        leg = self._leg
        if self._offer:
            leg.theirs = self._offer
            _accept(leg, self.tx, reoffer.answer or leg.ours, _content)
        else:
            _accept(leg, self.tx, reoffer.answer, lambda body: _finish(leg, reoffer, body))

    def _take_back(self, reoffer: Reoffer, status: int) -> None:
        """The far end had given its offer up, and the other side has taken it all the same."""
        leg, partner = self._leg, self._partner
        if status >= 300:
            return
        if not self._offer:
            reoffer.acknowledge(leg.theirs)
        elif leg.theirs and partner.partner is leg and may_ask(partner):
            Reoffer(partner, leg.theirs, _whatever)


def refresh(leg: Leg) -> None:
    """Tell the far end again what it has (RFC 4028 section 7.4), by re-INVITE; later if not now."""
    if leg.ours and may_ask(leg):
        Reoffer(leg, leg.ours, _refreshed)


def _refreshed(reoffer: Reoffer, status: int, _reason: str) -> None:
    leg = reoffer.leg
    partner = leg.partner
    if reoffer.unanswered or status in _DIALOG_IS_GONE:
        if not leg.is_over:
            leg.user.lost(leg, f"it does not answer a session refresh ({status})")
    elif reoffer.is_news and partner is not None and may_ask(partner):
        Reoffer(partner, reoffer.answer, _whatever)


def _whatever(reoffer: Reoffer, status: int, reason: str) -> None:
    """The call goes on with or without it."""


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


_DIALOG_IS_GONE = frozenset({408, 481})
"""RFC 3261 section 12.2.1.2."""
_NOT_TO_PASS_ON = frozenset({401, 407, 422})
"""Between us and that far end alone."""
_EXPLAINING = ("Retry-After", "Warning", "Accept")
