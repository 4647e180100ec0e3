"""An outgoing leg: an INVITE to a phone, a PBX peer or the media server, until it is answered or ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from router.ports import LegId
from router.sip import sessions
from router.sip.dialog import ALLOW, SDP, Dialog
from router.sip.grammar import GrammarError, parse_name_addr
from router.sip.leg import Leg, User
from router.sip.message import Request, Response
from router.sip.net import Flow
from router.sip.phase import Phase
from router.sip.sdp import sdp_of
from router.sip.stack import MOST_DEMANDS, Stack, authorised, ignored
from router.sip.transactions import ClientTransaction
from router.values import value

if TYPE_CHECKING:
    from router.ports import Timer
    from router.sip.caller import Caller

FAILOVER = 1.5
"""Seconds without any response after which the next peer is tried: a dead one may cost a call 2 s at most."""


ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""By which phones know that they have not missed a call (RFC 3326 section 3.1)."""


@value(frozen=True, slots=True)
class Place:
    """Where an INVITE may be sent. `peer`: the name of the PBX peer, or empty."""

    uri: str
    flow: Flow
    peer: str = ""


class Agent(Leg):
    """`caller`: the incoming leg it rings for. `places`: where it is still to be tried, in this order."""

    __slots__ = (
        "_acks",
        "_demands",
        "_failover",
        "_headers",
        "_invite",
        "_least",
        "_offer",
        "_places",
        "_rseqs",
        "_theirs_tag",
        "_tx",
        "caller",
        "heard",
        "otherwise",
        "peer_name",
        "rings",
        "since",
        "uri",
    )

    def __init__(
        self,
        leg: LegId,
        stack: Stack,
        user: User,
        *,
        identity: str,
        places: Sequence[Place],
        caller: Caller | None = None,
    ) -> None:
        """`identity`: the From value, without a tag."""
        first, tag = places[0], stack.tokens()
        host = first.flow.local[0]
        dialog = Dialog(
            f"{stack.tokens()}@{host}",
            local=f"{identity};tag={tag}",
            local_tag=tag,
            remote=f"<{first.uri}>",
            target=first.uri,
            flow=first.flow,
        )
        super().__init__(leg, stack, dialog, user)
        self.caller = caller
        self.uri = first.uri
        self.peer_name = first.peer
        self.since = stack.clock.monotonic()
        self.rings = False
        """Whether that was told."""
        self.otherwise: Callable[[], None] | None = None
        """What is done instead, once, when the far end does not take the offer."""
        self._places = list(places)
        self._offer = b""
        self._headers: dict[str, list[str]] = {}
        self._invite: Request | None = None
        self._tx: ClientTransaction | None = None
        self._acks: dict[tuple[int, str], tuple[bytes, Flow]] = {}
        """By CSeq and the far end's tag: a fork may be answered more than once."""
        self._rseqs: dict[str, int] = {}
        """By the far end's tag: the last reliable response of each early dialog."""
        self._theirs_tag = ""
        self._demands = 0
        self._least = 0
        self.heard = False
        """The place that is tried now has given a response."""
        self._failover: Timer | None = None

    def invite(self, offer: bytes, headers: dict[str, list[str]]) -> None:
        """Send the INVITE, with an offer or without one. `headers`: what goes along, as Max-Forwards."""
        self._offer = self.ours = offer
        self._headers = headers
        self._try()

    def offer_another(self, offer: bytes) -> None:
        """The INVITE again, after a refusal, with another offer."""
        if self.phase is Phase.EARLY:
            self._offer = self.ours = offer
            self._send(self._request())

    def acknowledge(self, answer: bytes = b"") -> None:
        """ACK the 2xx: with the answer when it was the far end that made the offer."""
        if self.phase is Phase.ANSWERED:
            self.phase = Phase.CONNECTED
            if answer:
                self.ours = answer
            self._send_ack(self.dialog, self._cseq, answer)

    def release(self, reason: str = "") -> None:
        """End it as its state needs: CANCEL, ACK and BYE, or BYE."""
        match self.phase:
            case Phase.EARLY:
                reason = reason or (ELSEWHERE if self._is_late else "")
                self.leave()
                if self._tx is not None:
                    self._tx.cancel(reason)
            case Phase.ANSWERED | Phase.CONNECTED:
                self.bye(reason)

    def leave(self) -> None:
        self._calm()
        self.otherwise = None  # it holds this leg, and with it the call, until the next garbage collection
        if self.phase is Phase.ANSWERED:
            self._send_ack(self.dialog, self._cseq)
        if self.caller is not None and self in self.caller.agents:
            self.caller.agents.remove(self)
        super().leave()

    @property
    def _is_late(self) -> bool:
        """Another phone has taken the call."""
        caller = self.caller
        return caller is not None and (
            caller.peer is not None or any(other.phase is Phase.ANSWERED for other in caller.agents)
        )

    # Client of its INVITE transaction

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        status = response.status
        if status >= 200:
            if status < 300:
                self._accepted(tx, response)
            elif tx is self._tx:
                self.heard = True
                self._refused(response)
            return
        if tx is not self._tx or self.phase is not Phase.EARLY:
            return
        if not self.heard:
            self.heard = True
            self._calm()
        if status > 100:
            self._progressed(response)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        if tx is self._tx and self.phase is Phase.EARLY:
            self._calm()
            self.heard = False
            self.user.silent(self)
            if not self._next_place():
                self._give_up(status, reason, "")

    # Steps

    def _try(self) -> None:
        place = self._places.pop(0)
        self.uri, self.peer_name = place.uri, place.peer
        if self._tx is not None:
            former = self.dialog
            self.dialog = Dialog(
                former.call_id,
                local=former.local,
                local_tag=former.local_tag,
                remote=f"<{place.uri}>",
                target=place.uri,
                flow=place.flow,
            )
            self.dialog.local_seq = former.local_seq
        self.heard = False
        if self._places:
            self._failover = self.stack.clock.call_later(FAILOVER, self._silent)
        self._send(self._request())

    def _request(self) -> Request:
        request = self.dialog.request("INVITE")
        headers = request.headers
        headers["Allow"] = [ALLOW]
        sessions.offer(headers, self._least)
        if not self._offer:
            # An offer in a reliable 183 could not be answered in time.
            headers["Supported"] = ["replaces, timer"]
        headers.update(self._headers)
        if self._offer:
            headers["Content-Type"] = [SDP]
            request.body = self._offer
        return request

    def _send(self, request: Request) -> None:
        self._invite = request
        self._tx = self.stack.transactions.request(request, self.dialog.flow, self)

    def _silent(self) -> None:
        self._failover = None
        if self.phase is Phase.EARLY and not self.heard:
            tx = self._tx
            self.user.silent(self)
            if self._next_place() and tx is not None:
                tx.cancel()

    def _next_place(self) -> bool:
        if not self._places:
            return False
        self._demands = self._least = 0
        self._theirs_tag, self.theirs = "", b""
        self._try()
        return True

    def _progressed(self, response: Response) -> None:
        rseq = _rseq(response)
        if rseq and not self._is_next(response.to_tag, rseq):
            return
        self.dialog.begin(response)
        if rseq:
            self._prack(response.cseq[0], rseq)
        sdp = sdp_of(response) if response.body else b""
        if sdp and self._offer:
            self.theirs, self._theirs_tag = sdp, response.to_tag
        self.user.progressed(self, sdp if self._offer else b"")

    def _is_next(self, tag: str, rseq: int) -> bool:
        """Whether a reliable response is the one to take now: RFC 3262 section 4 ignores the others."""
        last = self._rseqs.get(tag)
        if last is not None and rseq != last + 1:
            return False
        self._rseqs[tag] = rseq
        return True

    def _prack(self, seq: int, rseq: int) -> None:
        request = self.dialog.request("PRACK")
        request.headers["RAck"] = [f"{rseq} {seq} INVITE"]
        self.ask(request)

    def _accepted(self, tx: ClientTransaction, response: Response) -> None:
        if self.phase is not Phase.EARLY or tx is not self._tx:
            self._accepted_again(tx, response)
            return
        self._calm()
        self.dialog.begin(response)
        self.dialog.retarget(response)
        sdp = sdp_of(response) if response.body else b""
        if sdp or response.to_tag != self._theirs_tag:
            self.theirs = sdp
        self.can_update = "Allow" in response.headers and "UPDATE" in response.values("Allow")
        sessions.note(self, response)
        self.phase = Phase.ANSWERED
        self.user.answered(self)

    def _accepted_again(self, tx: ClientTransaction, response: Response) -> None:
        """Another 2xx: our ACK was lost, it crossed our CANCEL, another branch of a fork answered too, or a
        place that had been given up."""
        seq, tag = response.cseq[0], response.to_tag
        known = self._acks.get((seq, tag))
        if known is not None:
            data, flow = known
            flow.send(data)
            return
        dialog = self.dialog
        if tx is self._tx and tag == dialog.remote_tag and self.phase is Phase.ANSWERED:
            return  # nobody has been connected yet
        other = Dialog(
            dialog.call_id,
            local=dialog.local,
            local_tag=dialog.local_tag,
            remote="",
            target=tx.request.uri,
            flow=tx.flow,
        )
        other.local_seq = dialog.local_seq
        other.begin(response)
        self._send_ack(other, seq)
        self.stack.ask(other, other.request("BYE"), ignored)

    def _refused(self, response: Response) -> None:
        if self.phase is not Phase.EARLY:
            return  # 487 after our CANCEL
        self._calm()
        status = response.status
        if status in _CHALLENGES and self._demands < MOST_DEMANDS and self._invite is not None:
            self._demands += 1
            again = authorised(self.stack, self.dialog, self._invite, response, self.dialog.flow)
            if again is not None:
                self._send(again)
                return
        if status == 422 and not self._least:
            self._least = sessions.least_of(response)
            if self._least:
                self._send(self._request())
                return
        if status in _NOT_THAT_OFFER and self.otherwise is not None:
            otherwise, self.otherwise = self.otherwise, None
            otherwise()
            return
        if 500 <= status < 600 and self._next_place():
            return
        self._give_up(status, response.reason, _first_uri(response) if status < 400 else "")

    def _give_up(self, status: int, reason: str, contact: str) -> None:
        self.leave()
        self.user.refused(self, status, reason, contact)

    @property
    def _cseq(self) -> int:
        return 0 if self._invite is None else self._invite.cseq[0]

    def _send_ack(self, dialog: Dialog, seq: int, answer: bytes = b"") -> None:
        ack = dialog.request("ACK", seq=seq)
        invite = self._invite
        if invite is not None and seq == invite.cseq[0]:
            for name in _AUTHORISATIONS:  # RFC 3261 section 22.1
                if name in invite.headers:
                    ack.headers[name] = invite.headers[name]
        if answer:
            ack.headers["Content-Type"] = [SDP]
            ack.body = answer
        flow = dialog.route(self.stack.network)
        self._acks[seq, dialog.remote_tag] = (self.stack.transactions.acknowledge(ack, flow), flow)

    def _calm(self) -> None:
        if self._failover is not None:
            self._failover.cancel()
            self._failover = None


def _rseq(response: Response) -> int:
    """The number of a reliable provisional response (RFC 3262 section 7.1); 0 when it is not one."""
    if "Require" not in response.headers or "100rel" not in response.values("Require"):
        return 0
    text = response.get("RSeq").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0


def _first_uri(response: Response) -> str:
    """Where a 3xx sends the call to, empty when it does not say."""
    contacts = response.values("Contact")
    try:
        return parse_name_addr(contacts[0]).uri_text if contacts else ""
    except GrammarError:
        return ""


_CHALLENGES = frozenset({401, 407})
_NOT_THAT_OFFER = frozenset({415, 488, 606})
"""RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4."""
_AUTHORISATIONS = ("Authorization", "Proxy-Authorization")
