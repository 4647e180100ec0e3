"""Requests on their way to their leg: the core of the user agent (RFC 3261 sections 8.2 and 12.2.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from router.sip.caller import Caller
from router.sip.dialog import ALLOW, SDP, SUPPORTED
from router.sip.leg import Leg, reply
from router.sip.message import Request, Response
from router.sip.net import Flow
from router.sip.renegotiation import serve
from router.sip.sdp import sdp_of
from router.sip.stack import Stack
from router.sip.transactions import ServerTransaction

log = logging.getLogger(__name__)

_KNOWN = frozenset({"100rel", "replaces", "timer"})
_METHODS = frozenset(ALLOW.split(", "))


class Desk(Protocol):
    """Who takes what the inbox does not deal with itself."""

    def invited(self, tx: ServerTransaction, request: Request) -> None:
        """An INVITE that begins a call."""

    def given_up(self, tx: ServerTransaction) -> None:
        """CANCEL of such an INVITE."""

    def hung_up(self, leg: Leg, request: Request) -> None:
        """BYE, answered already."""

    def informed(self, leg: Leg, tx: ServerTransaction) -> None:
        """INFO on a leg."""

    def referred(self, leg: Leg, tx: ServerTransaction) -> None:
        """REFER on a leg."""

    def notified(self, leg: Leg, tx: ServerTransaction) -> None:
        """NOTIFY on a leg."""


class Inbox:
    """The `Core` of the transaction layer."""

    def __init__(self, stack: Stack, desk: Desk) -> None:
        self._tags = stack.tags
        self._desk = desk
        self._in_dialog: dict[str, Callable[[Leg, ServerTransaction], None]] = {
            "BYE": self._bye,
            "INVITE": serve,
            "UPDATE": self._update,
            "INFO": desk.informed,
            "PRACK": _prack,
            "OPTIONS": _options,
            "REFER": desk.referred,
            "NOTIFY": desk.notified,
        }

    # Core

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        tag = request.to_tag
        if not tag:
            self._out_of_dialog(tx, request)
            return
        leg = self._tags.get(tag)
        if leg is None:
            reply(tx, 481)
            return
        dialog = leg.dialog_of(tag)
        if dialog.remote_tag != request.from_tag or dialog.call_id != request.call_id:
            reply(tx, 481)
            return
        seq = request.cseq[0]
        if seq <= dialog.remote_seq:
            reply(tx, 500, extra={"Retry-After": ["1"]})  # RFC 3261 section 12.2.2
            return
        dialog.remote_seq = seq
        if (leg.is_over or dialog is not leg.dialog) and _left_behind(leg, tx):
            return
        if _unknown(tx, request):
            return
        handler = self._in_dialog.get(request.method)
        if handler is None:
            reply(tx, 405, extra={"Allow": [ALLOW]})
        else:
            handler(leg, tx)

    def acknowledged(self, request: Request, flow: Flow) -> None:
        leg = self._tags.get(request.to_tag)
        if leg is None or leg.unacked is None or leg.unacked.seq != request.cseq[0]:
            return
        leg.unacked.acknowledged(request.body)

    def cancelled(self, tx: ServerTransaction) -> None:
        self._desk.given_up(tx)

    def stray(self, response: Response, flow: Flow) -> None:
        """A 2xx whose INVITE has been given up for good: nobody can be sent a BYE for it any more."""

    # Requests

    def _out_of_dialog(self, tx: ServerTransaction, request: Request) -> None:
        method = request.method
        if _unknown(tx, request):
            return
        if method == "INVITE":
            self._desk.invited(tx, request)
        elif method == "OPTIONS":
            _options(None, tx)
        elif method in {"BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"}:
            reply(tx, 481)
        else:
            reply(tx, 405 if method in _OTHERS else 501, extra={"Allow": [ALLOW]})

    def _bye(self, leg: Leg, tx: ServerTransaction) -> None:
        reply(tx, 200)
        self._desk.hung_up(leg, tx.request)

    def _update(self, leg: Leg, tx: ServerTransaction) -> None:
        serve(leg, tx)


def _unknown(tx: ServerTransaction, request: Request) -> bool:
    """420 for what the request requires and we do not know (RFC 3261 section 8.2.2.3)."""
    if "Require" not in request.headers:
        return False
    unknown = [option for option in request.values("Require") if option.lower() not in _KNOWN]
    if unknown:
        reply(tx, 420, extra={"Unsupported": [", ".join(unknown[:10])]})
    return bool(unknown)


def _prack(leg: Leg, tx: ServerTransaction) -> None:
    if not isinstance(leg, Caller) or not leg.pracked(tx.request.get("RAck")):
        reply(tx, 481)
        return
    # A new offer before the answer: this router has nobody yet to ask.
    reply(tx, 488 if sdp_of(tx.request) else 200)
    leg.go_on()


def _left_behind(leg: Leg, tx: ServerTransaction) -> bool:
    """A request in an early dialog that was left for another one, or in a call that waits for its ACK to be
    ended; whether it was dealt with."""
    method = tx.request.method
    if method == "PRACK":
        return False
    reply(tx, 200 if method == "BYE" else 481)
    if method == "BYE" and leg.is_over and isinstance(leg, Caller):
        leg.silence()
    return True


def _options(leg: Leg | None, tx: ServerTransaction) -> None:
    extra = {"Accept": [SDP], "Allow": [ALLOW], "Supported": [SUPPORTED]}
    reply(tx, 200, leg.dialog if leg else None, extra=extra)


_OTHERS = frozenset({"REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER", "ACK", "CANCEL"})
