"""An INVITE that takes over one of our legs (RFC 3891): the call goes on in its dialog, the former one ends.

Who listens to the legs learns nothing of it: the leg stays the same. Only calls that are up are taken over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.sip import sessions
from router.sip.caller import Caller
from router.sip.dialog import Dialog, new_tag
from router.sip.grammar import parameters
from router.sip.leg import Leg, reply
from router.sip.message import Request
from router.sip.phase import Phase
from router.sip.renegotiation import Relay, Reoffer, may_ask
from router.sip.sdp import sdp_of
from router.sip.stack import ignored
from router.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from router.sip.switchboard import Switchboard


def take(board: Switchboard, tx: ServerTransaction) -> None:
    """Deal with an INVITE that has a Replaces header."""
    request = tx.request
    if sessions.too_short(request):
        reply(tx, 422, extra={"Min-SE": [str(sessions.SHORTEST)]})
        return
    found = _wanted(board, request)
    if isinstance(found, int):
        reply(tx, found)
        return
    refusal = _refusal(board, found, tx)
    if refusal or found.partner is None:
        reply(tx, refusal or 491)
        return
    board.replaced[tx] = found
    found.serving = Takeover(board, found, tx, sdp_of(request), found.partner)


class Takeover(Relay):
    """The new offer on its way to the other side of the call."""

    __slots__ = ("_board",)

    def __init__(
        self, board: Switchboard, leg: Leg, tx: ServerTransaction, offer: bytes, partner: Leg
    ) -> None:
        self._board = board
        super().__init__(leg, tx, offer, partner, update=False)

    def abandon(self) -> None:
        self._board.replaced.pop(self.tx, None)
        super().abandon()

    def _answered(self, reoffer: Reoffer, status: int, reason: str) -> None:
        self._board.replaced.pop(self.tx, None)
        super()._answered(reoffer, status, reason)

    def _accept(self, reoffer: Reoffer) -> None:
        leg, request = self._leg, self.tx.request
        former = leg.dialog
        leg.move_to(Dialog.accepted(request, new_tag(), self.tx.flow))
        leg.can_update = "Allow" in request.headers and "UPDATE" in request.values("Allow")
        super()._accept(reoffer)
        leg.stack.ask(former, former.request("BYE"), ignored)


def caller_named(board: Switchboard, value: str) -> Caller | None:
    """The caller's leg of a call of ours that is up, when a Replaces value names it."""
    leg = _named(board, value)
    return leg if isinstance(leg, Caller) and leg.phase is Phase.CONNECTED and leg.id in board.legs else None


def as_the_other_side_knows_it(board: Switchboard, value: str) -> str:
    """The Replaces of a transfer to a call that goes through us names our dialog with the one who transfers:
    the phone on its other side knows another one. Any other value as it is."""
    leg = _named(board, value)
    if not isinstance(leg, Leg) or leg.peer is None:
        return value
    dialog = leg.peer.dialog
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"


def _wanted(board: Switchboard, request: Request) -> Leg | int:
    """The leg that may be replaced, or the status of the refusal (section 3)."""
    values = request.headers["Replaces"]
    if len(values) != 1 or "," in values[0]:
        return 400
    leg = _named(board, values[0])
    if isinstance(leg, int):
        return leg
    if leg.is_over:
        return 603
    if leg.phase is Phase.EARLY or leg.id not in board.legs:
        return 481
    return 486 if "early-only" in parameters(values[0]) else leg


def _named(board: Switchboard, value: str) -> Leg | int:
    """The leg that a Replaces value names, or 400 or 481."""
    call_id, named = value.partition(";")[0].strip(), parameters(value)
    ours, theirs = named.get("to-tag", ""), named.get("from-tag", "")
    if not (call_id and ours and theirs):
        return 400
    leg = board.stack.tags.get(ours)
    if leg is None:
        return 481
    dialog = leg.dialog_of(ours)
    if dialog is not leg.dialog or (dialog.call_id, dialog.remote_tag) != (call_id, theirs):
        return 481
    return leg


def _refusal(board: Switchboard, leg: Leg, tx: ServerTransaction) -> int:
    """0 if the leg may be taken over now: by the one who has it, when nothing else is under way."""
    now, before = tx.flow, leg.dialog.flow
    name = board.peering.name_of(now)
    if now.remote[0] != before.remote[0] and (not name or name != board.peering.name_of(before)):
        return 403
    referral = board.referrals.get(leg)
    pending = leg in board.handovers or (referral is not None and not referral.over)
    partner = leg.partner
    free = partner is not None and may_ask(leg) and may_ask(partner) and not pending
    return 0 if free else 491
