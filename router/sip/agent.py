"""An outgoing leg: an INVITE to a phone, a PBX peer or the media server, until it is answered or ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from router.ports import LegId
from router.sip import sessions
from router.sip.dialog import ALLOW, SDP, Dialog, new_tag
from router.sip.leg import Leg, User
from router.sip.message import Request, Response
from router.sip.net import Flow
from router.sip.phase import Phase
from router.sip.sdp import sdp_of
from router.sip.stack import Stack, authorised, ignored
from router.sip.transactions import ClientTransaction

if TYPE_CHECKING:
    from router.ports import Timer
    from router.sip.caller import Caller

FAILOVER = 1.5
"""Seconds without any response after which the next peer is tried: a dead one may cost a call 2 s at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an INVITE may be sent. `peer`: the name of the PBX peer, or empty."""

    uri: str
    flow: Flow
    peer: str = ""


class Agent(Leg):
    """`caller`: the incoming leg it rings for. `places`: where it is still to be tried, in this order."""

    __slots__ = (
        "_ack",
        "_ack_flow",
        "_challenged",
        "_failover",
        "_headers",
        "_heard",
        "_invite",
        "_least",
        "_offer",
        "_places",
        "_tx",
        "caller",
        "peer_name",
        "rings",
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
        first, tag = places[0], new_tag()
        host = first.flow.local[0]
        dialog = Dialog(
            f"{token_hex(10)}@{host}",
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
        self.rings = False
        """Whether that was told."""
        self._places = list(places)
        self._offer = b""
        self._headers: dict[str, list[str]] = {}
        self._invite: Request | None = None
        self._tx: ClientTransaction | None = None
        self._ack = b""
        self._ack_flow = first.flow
        self._challenged = False
        self._least = 0
        self._heard = False
        self._failover: Timer | None = None

    def invite(self, offer: bytes, headers: dict[str, list[str]]) -> None:
        """Send the INVITE, with an offer or without one. `headers`: what goes along, as Max-Forwards."""
        self._offer = self.ours = offer
        self._headers = headers
        self._try()

    def acknowledge(self, answer: bytes = b"") -> None:
        """ACK the 2xx: with the answer when it was the far end that made the offer."""
        if self.phase is Phase.ANSWERED:
            self.phase = Phase.CONNECTED
            if answer:
                self.ours = answer
            self._send_ack(self.dialog, answer)

    def release(self, reason: str = "") -> None:
        """End it as its state needs: CANCEL, ACK and BYE, or BYE."""
        match self.phase:
            case Phase.EARLY:
                self._calm()
                self.leave()
                if self._tx is not None:
                    self._tx.cancel()
            case Phase.ANSWERED:
                self._send_ack(self.dialog, b"")
                self.bye(reason)
            case Phase.CONNECTED:
                self.bye(reason)

    def leave(self) -> None:
        if self.caller is not None and self in self.caller.agents:
            self.caller.agents.remove(self)
        super().leave()

    # Client of its INVITE transaction

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        status = response.status
        if status >= 200:
            if status < 300:
                self._accepted(response)
            elif tx is self._tx:
                self._refused(response)
            return
        if tx is not self._tx or self.phase is not Phase.EARLY:
            return
        if not self._heard:
            self._heard = True
            self._calm()
        if status > 100:
            self._progressed(response)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        if tx is self._tx and self.phase is Phase.EARLY and not self._next_place():
            self._give_up(status, reason, "")

    # Steps

    def _try(self) -> None:
        place = self._places.pop(0)
        self.uri, self.peer_name = place.uri, place.peer
        dialog = self.dialog
        if place.flow is not dialog.flow:
            self.dialog = Dialog(
                dialog.call_id,
                local=dialog.local,
                local_tag=dialog.local_tag,
                remote=f"<{place.uri}>",
                target=place.uri,
                flow=place.flow,
            )
            self.dialog.local_seq = dialog.local_seq
        self._heard = False
        if self._places:
            self._failover = self.stack.clock.call_later(FAILOVER, self._silent)
        self._send(self._request())

    def _request(self) -> Request:
        request = self.dialog.request("INVITE")
        headers = request.headers
        headers["Allow"] = [ALLOW]
        sessions.offer(headers, self._least)
        if not self._offer:
            headers["Supported"] = ["timer"]  # an offer in a reliable 183 could not be answered in time
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
        if self.phase is Phase.EARLY and not self._heard:
            tx = self._tx
            if self._next_place() and tx is not None:
                tx.cancel()

    def _next_place(self) -> bool:
        self._calm()
        self.user.silent(self)
        if not self._places:
            return False
        self._challenged = False
        self._try()
        return True

    def _progressed(self, response: Response) -> None:
        self.dialog.begin(response)
        if "Require" in response.headers and "100rel" in response.values("Require"):
            self._prack(response)
        sdp = sdp_of(response) if response.body else b""
        if sdp and self._offer:
            self.theirs = sdp
        self.user.progressed(self, sdp if self._offer else b"")

    def _prack(self, response: Response) -> None:
        """RFC 3262 section 4."""
        seq = response.cseq[0]
        request = self.dialog.request("PRACK")
        request.headers["RAck"] = [f"{response.get('RSeq').strip()} {seq} INVITE"]
        self.ask(request)

    def _accepted(self, response: Response) -> None:
        if self.phase is not Phase.EARLY:
            self._accepted_again(response)
            return
        self._calm()
        self.dialog.begin(response)
        self.dialog.retarget(response)
        sdp = sdp_of(response) if response.body else b""
        self.theirs = sdp or self.theirs
        self.can_update = "Allow" in response.headers and "UPDATE" in response.values("Allow")
        sessions.note(self, response)
        self.phase = Phase.ANSWERED
        self.user.answered(self)

    def _accepted_again(self, response: Response) -> None:
        """Another 2xx: our ACK was lost, it crossed our CANCEL, or another branch of a fork answered too."""
        if response.to_tag == self.dialog.remote_tag and self.phase is not Phase.OVER:
            if self._ack:
                self._ack_flow.send(self._ack)
            return
        dialog = self.dialog
        other = Dialog(
            dialog.call_id,
            local=dialog.local,
            local_tag=dialog.local_tag,
            remote="",
            target=self.uri,
            flow=dialog.flow,
        )
        other.local_seq = dialog.local_seq
        other.begin(response)
        self._send_ack(other, b"")
        self.stack.ask(other, other.request("BYE"), ignored)

    def _refused(self, response: Response) -> None:
        if self.phase is not Phase.EARLY:
            return  # 487 after our CANCEL
        self._calm()
        status = response.status
        if status in _CHALLENGES and not self._challenged and self._invite is not None:
            self._challenged = True
            again = authorised(self.stack, self.dialog, self._invite, response, self.dialog.flow)
            if again is not None:
                self._headers.update(
                    {name: again.headers[name] for name in _AUTHORISATIONS if name in again.headers}
                )
                self._send(again)
                return
        if status == 422 and not self._least:
            self._least = sessions.least_of(response)
            if self._least:
                self._send(self._request())
                return
        if status >= 500 and status < 600 and self._places and self._next_place():
            return
        contact = response.values("Contact")[:1] if status < 400 and "Contact" in response.headers else []
        self._give_up(status, response.reason, contact[0] if contact else "")

    def _give_up(self, status: int, reason: str, contact: str) -> None:
        self.leave()
        self.user.refused(self, status, reason, contact)

    def _send_ack(self, dialog: Dialog, answer: bytes) -> None:
        assert self._invite is not None
        ack = dialog.request("ACK", seq=self._invite.cseq[0])
        for name in _AUTHORISATIONS:
            if name in self._headers:
                ack.headers[name] = self._headers[name]
        if answer:
            ack.headers["Content-Type"] = [SDP]
            ack.body = answer
        flow = dialog.route(self.stack.network)
        data = self.stack.transactions.acknowledge(ack, flow)
        if dialog is self.dialog:
            self._ack, self._ack_flow = data, flow

    def _calm(self) -> None:
        if self._failover is not None:
            self._failover.cancel()
            self._failover = None


_CHALLENGES = frozenset({401, 407})
_AUTHORISATIONS = ("Authorization", "Proxy-Authorization")
