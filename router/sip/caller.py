"""An incoming leg: the INVITE of a caller, from the first response to the 2xx or the refusal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from router.ports import LegId
from router.sip import sessions
from router.sip.dialog import Dialog, new_tag
from router.sip.identity import Arrival
from router.sip.leg import GIVE_UP, T1, Leg, Unacked, User, reply
from router.sip.message import Request, Response
from router.sip.phase import Phase
from router.sip.stack import Stack
from router.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from router.sip.agent import Agent


class Caller(Leg):
    """`agents`: the outgoing legs on his behalf that are not over. `arrival`: what his INVITE said of him."""

    __slots__ = (
        "_connects",
        "_early",
        "_held_back",
        "_pracks",
        "_reliable",
        "_rseq",
        "_waiting",
        "agents",
        "alerted",
        "arrival",
        "forwards",
        "offerless",
        "replaces",
        "takes_reliable",
        "tx",
        "wants_reliable",
    )

    def __init__(
        self,
        leg: LegId,
        stack: Stack,
        user: User,
        tx: ServerTransaction,
        *,
        arrival: Arrival,
        offer: bytes,
        forwards: int,
    ) -> None:
        request = tx.request
        super().__init__(leg, stack, Dialog.accepted(request, stack.tokens(), tx.flow), user)
        self.tx = tx
        self.arrival = arrival
        self.theirs = offer
        self.offerless = not offer
        self.forwards = forwards
        self.agents: list[Agent] = []
        self.replaces = ""
        """Goes out as Replaces with the next INVITE on his behalf: he is transferred to a call there is."""
        self.alerted = False
        supported = request.values("Supported") if "Supported" in request.headers else ()
        self.wants_reliable = "Require" in request.headers and "100rel" in request.values("Require")
        self.takes_reliable = self.wants_reliable or "100rel" in supported
        self.can_update = "Allow" in request.headers and "UPDATE" in request.values("Allow")
        self._early: dict[str, Dialog] = {}
        """The early dialogs that were left for another one, by our tag."""
        self._rseq = 0
        self._pracks: set[str] = set()
        """What RAck the reliable responses that have gone out wait for."""
        self._reliable: Reliable | None = None
        self._held_back: tuple[int, bytes] | None = None
        """The provisional response that is sent when the one before is acknowledged (RFC 3262 section 3)."""
        self._connects = False
        self._waiting: bytes | None = None
        """The answer, held until an early description is acknowledged (RFC 3262 section 5)."""

    def alert(self) -> None:
        """180, once."""
        if self.phase is Phase.EARLY and not self.alerted:
            self.alerted = True
            self._provisional(180, b"")

    def early(self, sdp: bytes) -> None:
        """183 with early media of one phone, or of the media server. Another phone's comes as if from another
        branch of a fork, since a dialog has one answer to its offer (RFC 3261 section 13.2.1)."""
        if self.phase is not Phase.EARLY or self.offerless or self._waiting is not None:
            return
        self.alerted = True
        self._provisional(183, sdp)

    def answer(self, sdp: bytes) -> None:
        """200, with an answer to the caller's offer, or with an offer when he made none."""
        if self.phase is not Phase.EARLY:
            return
        if self._reliable is not None and self._reliable.has_sdp:
            self._waiting = sdp
            return
        self._quiet()
        if self.ours and sdp != self.ours:
            self._fork()
        self.ours = sdp
        self.phase = Phase.CONNECTED if self._connects else Phase.ANSWERED
        extra = sessions.agree(self, self.tx.request)
        self.accept_invite(self.tx, sdp, extra, Unacked(self, self.tx, self._acked, self._never_acked))

    def connected(self) -> None:
        """The answer has gone out, or waits for the PRACK that must come first."""
        if self.phase is Phase.ANSWERED:
            self.phase = Phase.CONNECTED
        else:
            self._connects = True

    @property
    def partner_is_outside(self) -> bool:
        """His speech does not go through the media server, so far."""
        return self.partner is None or self.partner is self.peer

    def bye(self, reason: str = "") -> None:
        """Not before the ACK of our answer (RFC 3261 section 15), which may have been lost."""
        unacked = self.unacked
        if unacked is None or unacked.tx is not self.tx:
            super().bye(reason)
            return
        self.unacked = None
        request = self.goodbye(reason)
        self.leave()
        self.unacked = unacked
        self.stack.tags[self.dialog.local_tag] = self
        self.stack.asking += 1
        unacked.then(partial(self._farewell, request))

    def _farewell(self, request: Request) -> None:
        self.silence()
        self.ask(request)

    def silence(self) -> None:
        """The end of a leg that is over but for the ACK."""
        if self.unacked is not None:
            self.unacked.stop()
            self.unacked = None
        self.stack.asking -= 1
        self.stack.tags.pop(self.dialog.local_tag, None)

    def refuse(self, status: int, extra: dict[str, list[str]] | None = None, reason: str = "") -> None:
        """Final response >= 300; BYE when an announcement has answered the call."""
        if self.phase is Phase.ANSWERED:
            self.bye()
            return
        if self.phase is not Phase.EARLY:
            return
        self._quiet()
        reply(self.tx, status, self.dialog, extra=extra, reason=reason)
        self.leave()

    def leave(self) -> None:
        self._quiet()
        for tag in self._early:
            self.stack.tags.pop(tag, None)
        self.agents.clear()
        super().leave()

    def dialog_of(self, tag: str) -> Dialog:
        """Each early dialog counts its requests by itself."""
        return self._early.get(tag, self.dialog)

    def pracked(self, rack: str) -> bool:
        """A PRACK has come; whether it is for a response that waits for one (RFC 3262 section 3)."""
        rack = " ".join(rack.split())
        if rack not in self._pracks:
            return False
        self._pracks.discard(rack)
        reliable = self._reliable
        if reliable is not None and reliable.rack == rack:
            reliable.stop()
            self._reliable = None
        return True

    def go_on(self) -> None:
        """What waited for a PRACK goes out."""
        if self.phase is not Phase.EARLY or self._reliable is not None:
            return
        if self._waiting is not None:
            sdp, self._waiting = self._waiting, None
            self.answer(sdp)
        elif self._held_back is not None:
            (status, sdp), self._held_back = self._held_back, None
            self._provisional(status, sdp)

    def _acked(self, body: bytes) -> None:
        if not self.offerless:
            return
        if body:
            self.theirs = body
            if self.partner is not None:
                self.user.answer_came(self, body)
                return
        self.user.lost(self, "no answer to our offer came with the ACK")

    def _never_acked(self) -> None:
        self.user.lost(self, "the answer was never acknowledged")

    def _fork(self) -> None:
        """Speak from another early dialog from now on."""
        former = self.dialog
        self._early[former.local_tag] = former
        self.dialog = former.renamed(new_tag())
        self.dialog.remote_seq = self.tx.request.cseq[0]
        self.stack.tags[self.dialog.local_tag] = self

    def _provisional(self, status: int, sdp: bytes) -> None:
        if self._reliable is not None:
            if sdp or self._held_back is None:
                self._held_back = status, sdp
            return
        if sdp:
            if self.ours and sdp != self.ours:
                self._fork()
            self.ours = sdp
        if not self.wants_reliable and not (sdp and self.takes_reliable):
            reply(self.tx, status, self.dialog, sdp)
            return
        self._rseq += 1
        rack = f"{self._rseq} {self.tx.request.cseq[0]} INVITE"
        self._pracks.add(rack)
        extra = {"Require": ["100rel"], "RSeq": [str(self._rseq)]}
        sent = reply(self.tx, status, self.dialog, sdp, extra)
        self._reliable = Reliable(self, rack, sent, has_sdp=bool(sdp))

    def _quiet(self) -> None:
        self._held_back = self._waiting = None
        if self._reliable is not None:
            self._reliable.stop()
            self._reliable = None


class Reliable:
    """A provisional response that is repeated until its PRACK comes (RFC 3262 section 3)."""

    __slots__ = ("_after", "_caller", "_sent", "_timer", "_until", "has_sdp", "rack")

    def __init__(self, caller: Caller, rack: str, sent: Response, *, has_sdp: bool) -> None:
        self._caller = caller
        self._sent = sent
        self.has_sdp = has_sdp
        self.rack = rack
        self._after = T1
        clock = caller.stack.clock
        self._until = clock.monotonic() + GIVE_UP
        self._timer = clock.call_later(T1, self._again)

    def stop(self) -> None:
        self._timer.cancel()

    def _again(self) -> None:
        caller = self._caller
        left = self._until - caller.stack.clock.monotonic()
        if left <= 0:
            caller.user.lost(caller, "a provisional response was never acknowledged")
            return
        caller.tx.respond(self._sent)
        self._after *= 2
        self._timer = caller.stack.clock.call_later(min(self._after, left), self._again)
