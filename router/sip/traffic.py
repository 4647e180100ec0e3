"""Messages between the network and the transactions: who may speak, what is garbage, what is too much."""

from __future__ import annotations

import logging
from collections.abc import Container

from router.overload import Overload
from router.sip.dialog import new_tag
from router.sip.grammar import GrammarError, parse_via
from router.sip.message import MessageError, Request, Response, encode, parse, response
from router.sip.net import Flow, Network, NetworkError
from router.sip.peering import Peering
from router.sip.transactions import Transactions

log = logging.getLogger(__name__)


class Traffic:
    """Has its parts from `serve`: the network needs it, and they need the network."""

    network: Network
    transactions: Transactions
    peering: Peering

    def __init__(self, tags: Container[str]) -> None:
        """`tags`: of the dialogs that are up; a request to one of them is of a call, not of a stranger."""
        self.overload = Overload()
        self.garbage = 0
        self._tags = tags
        self._is_overloaded = False

    def received(self, data: bytes | Request | Response, flow: Flow) -> None:
        """A datagram, or a message from a stream. Never raises."""
        message: Request | Response
        if isinstance(data, bytes):
            try:
                message = parse(data)
            except MessageError as exc:
                self._malformed(exc, len(data), flow)
                return
        else:
            message = data
        try:
            if isinstance(message, Request):
                way_back = self._way_back(message, flow)
                if message.to_tag not in self._tags and not self._is_welcome(message, data, flow, way_back):
                    return
                flow = way_back
            self.transactions.receive(message, flow)
        except Exception:  # an error of ours over one message: the others go on
            log.exception("a message from %s:%d", *flow.remote)

    def broken(self, flow: Flow, problem: str) -> None:
        log.debug("flow to %s:%d: %s", *flow.remote, problem)
        self.transactions.broken(flow, problem)

    def turned(self, now: float, count: int) -> None:
        """A turn of the loop is over, in which `count` messages were dealt with: what comes next has waited
        as long as it took, and longer when many wait."""
        if not count:
            self.overload.turn(now, 0.0, 0)
            return
        took = now - self.network.woke
        self.overload.turn(now, took * max(1.0, self.network.waiting / count), count)

    def tell_overload(self) -> None:
        """Log when an overload begins and when it is over."""
        limit = self.overload.limit
        if (limit is None) == self._is_overloaded:
            self._is_overloaded = limit is not None
            if limit is None:
                log.warning("calls are taken as they come again, %d were refused", self.overload.refused)
            else:
                log.warning("more calls come than can be carried: %.0f a second are taken", limit)

    def _is_welcome(
        self, request: Request, data: bytes | Request | Response, flow: Flow, way_back: Flow
    ) -> bool:
        """Of a request that belongs to no call; one that is not has been answered, as far as it is."""
        size = len(data) if isinstance(data, bytes) else len(encode(request))
        if not self.peering.admits(request, flow, size):
            return False
        return request.method != "INVITE" or not self._is_too_much(request, way_back)

    def _is_too_much(self, request: Request, flow: Flow) -> bool:
        """Turn a new call away while others wait too long: the cheapest of all answers, of which nothing is
        kept (RFC 3261 section 21.5.4)."""
        if request.to_tag or (self.overload.limit is not None and self.transactions.knows(request)):
            return False
        if self.overload.admits():
            return False
        answer = response(request, 503, to_tag=new_tag())
        answer.headers["Retry-After"] = [str(self.overload.retry_after)]
        flow.send(encode(answer))
        return True

    def _way_back(self, request: Request, flow: Flow) -> Flow:
        """Where responses go: to the port of the Via, unless it asks for the one it was sent from (RFC 3261
        section 18.2.2, RFC 3581). Some gateways send from any port and listen on 5060."""
        top = request.headers["Via"][0]
        if flow.reliable or ";rport" in top or f":{flow.remote[1]};" in top:
            return flow
        try:
            port = parse_via(top).port or 5060
            return flow if port == flow.remote[1] else self.network.flow("UDP", flow.remote[0], port)
        except (GrammarError, NetworkError):
            return flow

    def _malformed(self, error: MessageError, size: int, flow: Flow) -> None:
        """A request that can be answered is told what is wrong with it, if its sender may call at all."""
        self.garbage += 1
        request = error.message
        if not isinstance(request, Request) or request.method == "ACK" or not request.get("Via"):
            return
        if self.peering.admits(request, flow, size):
            answer = response(request, error.status, to_tag=new_tag())
            answer.headers["Warning"] = [f'399 callisto "{error.problem[:80]}"']
            flow.send(encode(answer))
