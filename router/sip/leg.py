"""What both kinds of call leg have in common: a dialog, its state, and the requests sent within it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from router.ports import LegId
from router.sip.dialog import ALLOW, SDP, SUPPORTED, Dialog
from router.sip.message import Request, Response, response
from router.sip.phase import Phase
from router.sip.stack import Done, Stack, ignored
from router.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from router.ports import Timer
    from router.sip.agent import Agent
    from router.sip.caller import Caller
    from router.sip.sessions import Session

T1, T2 = 0.5, 4.0
GIVE_UP = 64 * T1
"""RFC 3261 section 17.1.1.1: seconds after which a far end that says nothing is taken for gone."""


class Asking(Protocol):
    """An offer of ours that waits for its answer."""

    def cancel(self) -> None:
        """It is not wanted any more (RFC 3261 section 9)."""


class Serving(Protocol):
    """An offer of the far end that waits for its answer."""

    tx: ServerTransaction

    def abandon(self) -> None:
        """The leg is over, or the far end has given its offer up: answer it 487."""


Acked = Callable[[bytes], None]
Lost = Callable[[], None]


class User(Protocol):
    """Who is told what becomes of a leg."""

    def progressed(self, agent: Agent, sdp: bytes) -> None:
        """A provisional response other than 100, with a session description or without."""

    def answered(self, agent: Agent) -> None:
        """The first 2xx; nothing is acknowledged until `Agent.acknowledge`."""

    def silent(self, agent: Agent) -> None:
        """The place that was tried gave no response, or could not be reached."""

    def refused(self, agent: Agent, status: int, reason: str, contact: str) -> None:
        """The final response of the last place that was tried."""

    def answer_came(self, caller: Caller, sdp: bytes) -> None:
        """A caller who made no offer has acknowledged ours with his answer."""

    def lost(self, leg: Leg, because: str) -> None:
        """The leg cannot go on; it has not been ended yet."""


class Leg:
    """One dialog with a far end. `peer`: the other side of the call. `partner`: the leg its session
    descriptions are exchanged with: the peer, or a leg to the media server."""

    __slots__ = (
        "asking",
        "can_update",
        "dialog",
        "id",
        "ours",
        "partner",
        "peer",
        "phase",
        "serving",
        "session",
        "stack",
        "theirs",
        "unacked",
        "user",
    )

    def __init__(self, leg: LegId, stack: Stack, dialog: Dialog, user: User) -> None:
        self.id = leg
        self.stack = stack
        self.user = user
        self.dialog = dialog
        self.phase = Phase.EARLY
        self.peer: Leg | None = None
        self.partner: Leg | None = None
        self.theirs = b""
        """The session description that the far end sent last."""
        self.ours = b""
        """The one that it got last."""
        self.asking: Asking | None = None
        """Our offer to the far end is under way (RFC 3261 section 14.1: one at a time)."""
        self.serving: Serving | None = None
        """The far end's offer is under way."""
        self.unacked: Unacked | None = None
        self.session: Session | None = None
        self.can_update = False
        stack.tags[dialog.local_tag] = self

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    def ask(self, request: Request, done: Done = ignored) -> None:
        self.stack.ask(self.dialog, request, done)

    def dialog_of(self, tag: str) -> Dialog:
        """The dialog in which the far end calls us so."""
        return self.dialog

    def move_to(self, dialog: Dialog) -> None:
        """The far end goes on in another dialog; the former one is left to the caller of this."""
        self.stack.tags.pop(self.dialog.local_tag, None)
        self.dialog = dialog
        self.stack.tags[dialog.local_tag] = self

    def goodbye(self, reason: str) -> Request:
        request = self.dialog.request("BYE")
        if reason:
            request.headers["Reason"] = [reason]
        return request

    def bye(self, reason: str = "") -> None:
        """End a call that was answered (RFC 3261 section 15). `reason`: a Reason value (RFC 3326)."""
        request = self.goodbye(reason)
        self.leave()
        self.ask(request)

    def leave(self) -> None:
        """Nothing is sent or expected any more, but what is under way."""
        self.phase = Phase.OVER
        self.peer = self.partner = None
        self.stack.tags.pop(self.dialog.local_tag, None)
        if self.unacked is not None:
            self.unacked.stop()
            self.unacked = None
        if self.asking is not None:
            self.asking.cancel()
        if self.serving is not None:
            self.serving.abandon()
            self.serving = None

    def accept(
        self, tx: ServerTransaction, body: bytes = b"", extra: dict[str, list[str]] | None = None
    ) -> Response:
        """200 to a request within the dialog, with our Contact where it refreshes the target."""
        return reply(tx, 200, self.dialog, body, extra)

    def accept_invite(
        self, tx: ServerTransaction, body: bytes, extra: dict[str, list[str]], unacked: Unacked
    ) -> None:
        """200 to an INVITE, repeated until its ACK comes (RFC 3261 section 13.3.1.4)."""
        self.unacked = unacked
        unacked.start(reply(tx, 200, self.dialog, body, extra))


class Unacked:
    """A 2xx that waits for its ACK. `acked` gets the body of the ACK; `lost` is called after 32 s without."""

    __slots__ = ("_acked", "_after", "_leg", "_lost", "_response", "_timer", "_until", "seq", "tx")

    def __init__(self, leg: Leg, tx: ServerTransaction, acked: Acked, lost: Lost) -> None:
        self._leg = leg
        self.tx = tx
        self.seq = tx.request.cseq[0]
        self._acked = acked
        self._lost = lost
        self._after = T1
        self._until = 0.0
        self._timer: Timer | None = None
        self._response: Response | None = None

    def start(self, response: Response) -> None:
        self._response = response
        clock = self._leg.stack.clock
        self._until = clock.monotonic() + GIVE_UP
        self._timer = clock.call_later(T1, self._again)

    def acknowledged(self, body: bytes) -> None:
        self.stop()
        self._leg.unacked = None
        self._acked(body)

    def then(self, action: Lost) -> None:
        """Whether it is acknowledged or not, this is all that happens then."""
        self._acked = lambda _body: action()
        self._lost = action

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        clock = self._leg.stack.clock
        left = self._until - clock.monotonic()
        if left <= 0:
            self._leg.unacked = None
            self._lost()
            return
        assert self._response is not None
        self.tx.respond(self._response)
        self._after = min(2 * self._after, T2)
        self._timer = clock.call_later(min(self._after, left), self._again)


def reply(
    tx: ServerTransaction,
    status: int,
    dialog: Dialog | None = None,
    body: bytes = b"",
    extra: dict[str, list[str]] | None = None,
    *,
    reason: str = "",
) -> Response:
    """Send a response to a request; what is sent. With a dialog that it makes or refreshes, our Contact."""
    answer = response(tx.request, status, reason, to_tag=dialog.local_tag if dialog else "")
    headers = answer.headers
    if dialog is not None and status < 300:
        if tx.request.method in _TARGET_REFRESH:
            headers["Contact"] = [dialog.contact]
        if status >= 200 and tx.request.method in _SAY_WHAT_WE_CAN:
            headers["Allow"] = [ALLOW]
            headers["Supported"] = [SUPPORTED]
    if extra:
        headers.update(extra)
    if body:
        headers["Content-Type"] = [SDP]
        answer.body = body
    tx.respond(answer)
    return answer


_TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "REFER"})
_SAY_WHAT_WE_CAN = frozenset({"INVITE", "OPTIONS"})
