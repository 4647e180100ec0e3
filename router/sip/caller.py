"""An incoming leg: the INVITE of a caller, from the first response to the 2xx or the refusal."""

from __future__ import annotations

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
        "_reliable",
        "_rseq",
        "_shown",
        "_tags",
        "_waiting",
        "agents",
        "alerted",
        "arrival",
        "forwards",
        "offerless",
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
        super().__init__(leg, stack, Dialog.accepted(request, new_tag(), tx.flow), user)
        self.tx = tx
        self.arrival = arrival
        self.theirs = offer
        self.offerless = not offer
        self.forwards = forwards
        self.agents: list[Agent] = []
        self.alerted = False
        supported = request.values("Supported") if "Supported" in request.headers else ()
        self.wants_reliable = "Require" in request.headers and "100rel" in request.values("Require")
        self.takes_reliable = self.wants_reliable or "100rel" in supported
        self.can_update = "Allow" in request.headers and "UPDATE" in request.values("Allow")
        self._shown: Agent | None = None
        """Whose session description the caller has got in early media."""
        self._tags: tuple[str, ...] = (self.dialog.local_tag,)
        self._rseq = 0
        self._reliable: Reliable | None = None
        self._connects = False
        self._waiting: bytes | None = None
        """The answer, held until an early description is acknowledged (RFC 3262 section 5)."""

    def alert(self) -> None:
        """180, once."""
        if self.phase is Phase.EARLY and not self.alerted:
            self.alerted = True
            self._provisional(180, b"")

    def early(self, sdp: bytes, source: Agent | None = None) -> None:
        """183 with early media of one phone, or of the media server. Another phone's comes as if from another
        branch of a fork, since a dialog has one answer to its offer (RFC 3261 section 13.2.1)."""
        if self.phase is not Phase.EARLY or self.offerless:
            return
        if self.ours and sdp != self.ours:
            self._fork()
        self._shown = source
        self.ours = sdp
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

    def refuse(self, status: int, extra: dict[str, list[str]] | None = None, reason: str = "") -> None:
        """Final response >= 300; BYE when an announcement has answered the call."""
        if self.phase is Phase.ANSWERED:
            self._forget_tags()
            self.bye()
            return
        if self.phase is not Phase.EARLY:
            return
        self._quiet()
        reply(self.tx, status, self.dialog, extra=extra, reason=reason)
        self._forget_tags()
        self.leave()

    def leave(self) -> None:
        self._quiet()
        self._forget_tags()
        self.agents.clear()
        super().leave()

    def knows_prack(self, request: Request) -> bool:
        """Whether a PRACK is for the response that waits for one (RFC 3262 section 3)."""
        return self._reliable is not None and self._reliable.matches(request.get("RAck"))

    def pracked(self) -> None:
        """The response that waited for a PRACK has got it."""
        if self._reliable is not None:
            self._reliable.stop()
            self._reliable = None
        if self._waiting is not None:
            sdp, self._waiting = self._waiting, None
            self.answer(sdp)

    def _acked(self, body: bytes) -> None:
        if not self.offerless:
            return
        if body:
            self.theirs = body
            if self.peer is not None:
                self.user.answer_came(self, body)
                return
        self.user.lost(self, "no answer to our offer came with the ACK")

    def _never_acked(self) -> None:
        self.user.lost(self, "the answer was never acknowledged")

    def _fork(self) -> None:
        """Speak from another early dialog from now on."""
        self.dialog = self.dialog.renamed(new_tag())
        self._tags += (self.dialog.local_tag,)
        self.stack.tags[self.dialog.local_tag] = self

    def _forget_tags(self) -> None:
        for tag in self._tags:
            self.stack.tags.pop(tag, None)

    def _provisional(self, status: int, sdp: bytes) -> None:
        if not self.wants_reliable and not (sdp and self.takes_reliable):
            reply(self.tx, status, self.dialog, sdp)
            return
        if self._reliable is not None:
            if not sdp:
                return  # one at a time; the caller hears that it rings from what he has
            self._reliable.stop()
        self._rseq += 1
        extra = {"Require": ["100rel"], "RSeq": [str(self._rseq)]}
        sent = reply(self.tx, status, self.dialog, sdp, extra)
        self._reliable = Reliable(self, self._rseq, sent, has_sdp=bool(sdp))

    def _quiet(self) -> None:
        if self._reliable is not None:
            self._reliable.stop()
            self._reliable = None


class Reliable:
    """A provisional response that is repeated until its PRACK comes (RFC 3262 section 3)."""

    __slots__ = ("_after", "_caller", "_rack", "_sent", "_timer", "_until", "has_sdp")

    def __init__(self, caller: Caller, rseq: int, sent: Response, *, has_sdp: bool) -> None:
        self._caller = caller
        self._sent = sent
        self.has_sdp = has_sdp
        self._rack = f"{rseq} {caller.tx.request.cseq[0]} INVITE"
        self._after = T1
        clock = caller.stack.clock
        self._until = clock.monotonic() + GIVE_UP
        self._timer = clock.call_later(T1, self._again)

    def matches(self, rack: str) -> bool:
        return " ".join(rack.split()) == self._rack

    def stop(self) -> None:
        self._timer.cancel()

    def _again(self) -> None:
        caller = self._caller
        if caller.stack.clock.monotonic() >= self._until:
            caller.user.lost(caller, "a provisional response was never acknowledged")
            return
        caller.tx.respond(self._sent)
        self._after *= 2
        self._timer = caller.stack.clock.call_later(self._after, self._again)
