"""The transaction layer: which transaction a message belongs to (RFC 3261 8.2.2.2, 9.2, 17.1.3, 17.2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from router.ports import Clock
from router.sip.client_transaction import (
    Client,
    ClientTable,
    ClientTransaction,
    InviteClientTransaction,
    OtherClientTransaction,
)
from router.sip.message import Request, Response, encode, response
from router.sip.net import Flow
from router.sip.server_transaction import (
    InviteServerTransaction,
    OtherServerTransaction,
    ServerTable,
    ServerTransaction,
)
from router.sip.timers import Times
from router.sip.tokens import Tokens

__all__ = ["Client", "ClientTransaction", "Core", "ServerTransaction", "Times", "Transactions"]

COOKIE = "z9hG4bK"
"""How a branch begins that tells transactions apart (RFC 3261 section 8.1.1.7)."""


class Core(Protocol):
    """Who answers requests."""

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        """A new request: no repetition, no ACK, no CANCEL."""

    def acknowledged(self, request: Request, flow: Flow) -> None:
        """An ACK of a 2xx, or one that belongs to nothing we know."""

    def cancelled(self, tx: ServerTransaction) -> None:
        """The far end gives this INVITE up. Its CANCEL is answered; the INVITE is not, and wants a 487."""

    def stray(self, response: Response, flow: Flow) -> None:
        """A response to a request that we sent, but whose transaction is over."""


class Transactions:
    """All transactions of one router.

    `sent_by`: host and port for our Via, where the flow's own local address is not what the far end must
    answer to. `limit`: server transactions at the same time, `most_kept`: bytes that linger
    for repetitions of their requests; new requests beyond either are dropped, and counted.
    `trying_after`: seconds until an INVITE gets its 100 unless the core has responded; None: never.
    """

    def __init__(
        self,
        clock: Clock,
        core: Core,
        *,
        sent_by: str = "",
        times: Times | None = None,
        limit: int = 100_000,
        most_kept: int = 128_000_000,
        trying_after: float | None = 0.2,
        tokens: Callable[[], str] | None = None,
    ) -> None:
        times = times or Times()
        self._core = core
        self._sent_by = sent_by
        self._limit = limit
        self._most_kept = most_kept
        self._trying_after = trying_after
        self._tokens = tokens or Tokens()
        self._servers = ServerTable(clock, times)
        self._clients = ClientTable(clock, times)
        self._over_limit = 0
        self._not_ours = 0

    def __len__(self) -> int:
        """Transactions, those that linger included."""
        return len(self._servers.entries) + len(self._clients.entries)

    def facts(self) -> dict[str, int]:
        return {
            "server_transactions": len(self._servers.entries),
            "server_bytes": self._servers.kept,
            "client_transactions": len(self._clients.entries),
            "requests_over_limit": self._over_limit,
            "responses_not_ours": self._not_ours,
            "responses_unacknowledged": self._servers.unacknowledged,
        }

    def receive(self, message: Request | Response, flow: Flow) -> None:
        """A message from the network, with a Via, Call-ID, CSeq, From and To that can be read."""
        if isinstance(message, Request):
            self._request_came(message, flow)
        else:
            self._response_came(message, flow)

    def knows(self, request: Request) -> bool:
        """Whether the request is a repetition."""
        return _key(request, request.method) in self._servers.entries

    def request(self, request: Request, flow: Flow, client: Client) -> ClientTransaction:
        """Send a request without Via, neither ACK nor CANCEL; its Via is put on top. A request is sent once.

        Nothing is told to the client before this returns.
        """
        branch = self._via(request, flow)
        if request.method == "INVITE":
            return InviteClientTransaction(request, flow, branch, client, self._clients)
        return OtherClientTransaction(request, flow, branch, client, self._clients)

    def acknowledge(self, request: Request, flow: Flow) -> bytes:
        """Send the ACK of a 2xx, without Via; the bytes are returned, to be sent when the 2xx comes again."""
        self._via(request, flow)
        data = encode(request)
        flow.send(data)
        return data

    def broken(self, flow: Flow, reason: str) -> None:
        """The network has lost this flow: what waits for a response on it has failed.

        Over UDP that is one port unreachable for one datagram: what has had a response goes on.
        """
        waiting = [one for one in self._clients.entries.values() if isinstance(one, ClientTransaction)]
        for one in waiting:
            if one.flow == flow and (flow.reliable or not one.proceeding):
                one.broken(reason)

    def sweep(self, now: float) -> None:
        """Let go of what has lingered long enough. `now`: monotonic seconds. About once a second."""
        self._servers.sweep(now)
        self._clients.sweep(now)

    def _via(self, request: Request, flow: Flow) -> str:
        branch = COOKIE + self._tokens()
        sent_by = self._sent_by or _host_port(flow.local)
        via = [f"SIP/2.0/{flow.transport} {sent_by};branch={branch};rport"]
        headers = request.headers
        if "Via" in headers:
            headers["Via"] = via
        else:
            request.headers = {"Via": via, **headers}
        return branch

    def _response_came(self, answer: Response, flow: Flow) -> None:
        method = answer.cseq[1]
        key = answer.branch
        via = answer.headers["Via"]
        if len(via) > 1 or "," in via[0]:
            self._not_ours += 1  # RFC 3261 section 8.1.3.3: it was sent on by somebody
            return
        entry = self._clients.entries.get(f"{key};CANCEL" if method == "CANCEL" else key)
        if entry is not None and entry.method == method:
            entry.receive(answer)
        elif _sent_by(answer) == (self._sent_by or _host_port(flow.local)):
            self._core.stray(answer, flow)
        else:
            self._not_ours += 1

    def _request_came(self, request: Request, flow: Flow) -> None:
        method = request.method
        key = _key(request, "INVITE" if method == "ACK" else method)
        entry = self._servers.entries.get(key)
        if method == "ACK":
            if entry is None or entry.acknowledged():
                self._core.acknowledged(request, flow)
        elif entry is not None:
            entry.repeated()
        elif method == "CANCEL":
            self._cancel(request, flow, key)
        elif self._is_full:
            self._over_limit += 1
        else:
            self._begin(request, flow, key)

    @property
    def _is_full(self) -> bool:
        return len(self._servers.entries) >= self._limit or self._servers.kept >= self._most_kept

    def _begin(self, request: Request, flow: Flow, key: str) -> None:
        _note_source(request, flow)
        servers = self._servers
        merged = ""
        if not request.to_tag:
            merged = f"{request.call_id};{request.from_tag};{request.headers['CSeq'][0]}"
            if merged in servers.merged:
                # RFC 3261 section 8.2.2.2: it came twice, over different ways.
                self._answer(request, flow, key, 482, self._tokens())
                return
        if request.method == "INVITE":
            invite = InviteServerTransaction(request, flow, key, merged, servers)
            self._hand_over(invite)
            if self._trying_after is not None:
                invite.say_trying(self._trying_after)
        else:
            other = OtherServerTransaction(request, flow, key, merged, servers)
            self._hand_over(other)
            if not other.final:
                servers.expect_answer(other)

    def _hand_over(self, tx: ServerTransaction) -> None:
        self._servers.begin(tx)
        try:
            self._core.requested(tx, tx.request)
        except Exception:
            # Nobody would answer it any more: the sender is told, and the transaction comes to its end.
            tx.respond(response(tx.request, 500, to_tag=self._tokens()))
            raise

    def _cancel(self, request: Request, flow: Flow, key: str) -> None:
        _note_source(request, flow)
        invite = self._servers.entries.get(_key(request, "INVITE"))
        if invite is None:
            self._answer(request, flow, key, 481, self._tokens())
        elif isinstance(invite, InviteServerTransaction):
            self._answer(request, flow, key, 200, invite.to_tag or self._tokens())
            self._core.cancelled(invite)
        else:
            self._answer(request, flow, key, 200, self._tokens())

    def _answer(self, request: Request, flow: Flow, key: str, status: int, to_tag: str) -> None:
        """A final response of ours that nobody else needs to know of."""
        if self._is_full:
            flow.send(encode(response(request, status, to_tag=to_tag)))
            return
        tx: ServerTransaction
        if request.method == "INVITE":
            tx = InviteServerTransaction(request, flow, key, "", self._servers)
        else:
            tx = OtherServerTransaction(request, flow, key, "", self._servers)
        self._servers.begin(tx)
        tx.respond(response(request, status, to_tag=to_tag))


def _host_port(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _sent_by(message: Request | Response) -> str:
    """Host and port of the top Via."""
    return message.headers["Via"][0].partition(";")[0].rpartition(" ")[2]


def _key(request: Request, method: str) -> str:
    """RFC 3261 section 17.2.3. Without the cookie (RFC 2543) the branch says nothing: the request does."""
    branch = request.branch
    if branch.startswith(COOKIE):
        return f"{branch};{_sent_by(request)};{method}"
    return (
        f"{request.uri} {request.call_id};{request.from_tag};{request.cseq[0]};{_sent_by(request)};{method}"
    )


def _note_source(request: Request, flow: Flow) -> None:
    """Write into the top Via where the request came from: RFC 3261 section 18.2.1, RFC 3581 section 4."""
    lines = request.headers["Via"]
    host, port = flow.remote
    line = lines[0]
    if line.endswith(";rport") and "," not in line and "received" not in line:  # as most write it
        lines[0] = f"{line}={port};received={host}"
        return
    top, comma, others = line.partition(",")
    shown = _sent_by(request)
    sent_by, *params = top.split(";")
    kept = [param for param in params if not param.lstrip().lower().startswith(("rport", "received"))]
    asked = any(param.strip().lower() == "rport" for param in params)
    if asked:
        kept.append(f"rport={port}")
    if asked or shown not in (host, _host_port(flow.remote)):
        kept.append(f"received={host}")
    lines[0] = f"{';'.join([sent_by, *kept])}{comma}{others}"
