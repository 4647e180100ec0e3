"""A REFER that came in on a leg, from the request to its last NOTIFY (RFC 3515)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from router.ports import LegId, TransferRequest
from router.sip.address import user_of
from router.sip.grammar import GrammarError, parse_name_addr, parse_uri
from router.sip.leg import Leg, reply
from router.sip.message import Request
from router.sip.reasons import REASONS
from router.sip.transactions import ServerTransaction

LASTS = 180
"""Seconds that the subscription is announced for; a phone rings no longer."""


class Referral:
    """`asked`: what the engine is told. `replaces`: the value for a Replaces header, or empty."""

    __slots__ = ("_seq", "_tx", "accepted", "asked", "leg", "over", "replaces")

    def __init__(self, leg: Leg, tx: ServerTransaction, asked: TransferRequest, replaces: str) -> None:
        self.leg = leg
        self._tx = tx
        self._seq = tx.request.cseq[0]
        self.asked = asked
        self.replaces = replaces
        self.accepted = False
        self.over = False

    def joins(self, leg: LegId) -> None:
        """The Replaces names a leg of ours: it goes to nobody else."""
        self.asked = replace(self.asked, replaces=leg)
        self.replaces = ""

    def answer(self, status: int) -> None:
        """202 and a first NOTIFY, or a refusal."""
        if self.accepted or self.over:
            return
        if status >= 300:
            self.over = True
            reply(self._tx, status)
            return
        self.accepted = True
        reply(self._tx, 202, self.leg.dialog)
        self.tell(100)

    def tell(self, status: int) -> None:
        """NOTIFY how the new leg fares; the last one from 200 on."""
        if not self.accepted or self.over or self.leg.is_over:
            return
        self.over = status >= 200
        request = self.leg.dialog.request("NOTIFY")
        state = "terminated;reason=noresource" if self.over else f"active;expires={LASTS}"
        request.headers |= {
            "Event": [f"refer;id={self._seq}"],
            "Subscription-State": [state],
            "Content-Type": ["message/sipfrag;version=2.0"],
        }
        request.body = f"SIP/2.0 {status} {REASONS.get(status, 'Failed')}\r\n".encode()
        self.leg.ask(request)


def read(leg: Leg, tx: ServerTransaction) -> Referral | int:
    """What a REFER asks for, or the status that refuses it: 400 without one Refer-To that can be read."""
    request: Request = tx.request
    values = request.headers.get("Refer-To", [])
    if len(values) != 1:
        return 400
    try:
        text = parse_name_addr(values[0]).uri_text
        uri = parse_uri(text)
    except GrammarError:
        return 400
    if uri.scheme not in {"sip", "sips", "tel"}:
        return 416
    named = (field.partition("=") for field in uri.headers.split("&"))
    replaces = next((unquote(value) for name, _, value in named if name.lower() == "replaces"), "")
    asked = TransferRequest(user_of(text), str(replace(uri, headers="")), attended=bool(replaces))
    return Referral(leg, tx, asked, replaces)
