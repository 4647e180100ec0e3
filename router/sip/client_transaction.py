"""Client transactions: RFC 3261 section 17.1, with the accepted state of RFC 6026."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from router.ports import Clock, Timer
from router.sip.message import Request, Response, encode
from router.sip.net import Flow
from router.sip.timers import Queue, Times

_ROUNDING = 0.001
"""Seconds: a timer that is due this early is the last one."""


class Client(Protocol):
    """Who sent a request. Exactly one final outcome comes: a final response, or `failed`."""

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        """Any response; after a 2xx to an INVITE every repetition of it, and those of other branches too."""

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        """No final response: 408 when none came in time, 503 when the transport broke."""


class Entry(Protocol):
    """What stands in the table of client transactions."""

    key: str
    method: str

    def receive(self, answer: Response) -> None: ...


class ClientTable:
    """Client transactions by key: the branch, with the method behind it for a CANCEL."""

    __slots__ = ("_long", "_short", "clock", "entries", "times")

    def __init__(self, clock: Clock, times: Times) -> None:
        self.clock = clock
        self.times = times
        self.entries: dict[str, Entry] = {}
        self._long: Queue[Absorbing | InviteClientTransaction] = Queue(times.give_up)
        self._short: Queue[Absorbing | InviteClientTransaction] = Queue(times.t4)

    def leave(self, one: Entry) -> None:
        if self.entries.get(one.key) is one:
            del self.entries[one.key]

    def linger(self, one: Absorbing | InviteClientTransaction, *, short: bool = False) -> None:
        self.entries[one.key] = one
        (self._short if short else self._long).add(one, self.clock.monotonic())

    def sweep(self, now: float) -> None:
        for one in self._short.over(now):
            self.leave(one)
        for one in self._long.over(now):
            self.leave(one)
            one.forget()


class Absorbing:
    """What is left after a final response; `ack` goes out again whenever the response comes again."""

    __slots__ = ("_ack", "_flow", "key", "method", "until")

    def __init__(self, transaction: ClientTransaction, ack: bytes = b"") -> None:
        self.key = transaction.key
        self.method = transaction.method
        self.until = 0.0
        self._flow = transaction.flow
        self._ack = ack

    def receive(self, answer: Response) -> None:
        if self._ack and answer.status >= 300:
            self._flow.send(self._ack)

    def forget(self) -> None:
        """Nobody is kept."""


class ClientTransaction(ABC):
    """A request of ours that waits for its final response.

    The handle stays usable as long as its owner keeps it. `final`: the outcome has been told.
    """

    __slots__ = (
        "_client",
        "_count",
        "_data",
        "_deadline",
        "_table",
        "_timer",
        "final",
        "flow",
        "key",
        "method",
        "proceeding",
        "request",
    )

    def __init__(self, request: Request, flow: Flow, key: str, client: Client, table: ClientTable) -> None:
        self.request = request
        self.flow = flow
        self.key = key
        self.method = request.method
        self.final = False
        self.proceeding = False
        self._client = client
        self._table = table
        self._count = 0
        self._timer: Timer | None = None
        self._deadline = table.clock.monotonic() + table.times.give_up
        data = encode(request)
        self._data = b"" if flow.reliable else data
        table.entries[key] = self
        flow.send(data)
        self._wait()

    @abstractmethod
    def cancel(self, reason: str = "") -> None:
        """Ask the far end to give up an INVITE; its outcome comes all the same. Without effect on others.
        `reason`: a Reason value (RFC 3326)."""

    @abstractmethod
    def receive(self, answer: Response) -> None:
        """A response with this branch and method came."""

    def forget(self) -> Client:
        """Tell its client nothing more: the two hold each other, and no collector looks for such rings. The
        client that it had."""
        client, self._client = self._client, _NOBODY
        return client

    def broken(self, reason: str) -> None:
        """The transport is gone: `failed` with 503, unless the outcome is known."""
        if not self.final:
            self._fail(503, reason)

    def _pause(self) -> float:
        """Seconds until the request is sent again."""
        return self._table.times.repetition(self._count)

    def _wait(self) -> None:
        clock = self._table.clock
        left = self._deadline - clock.monotonic()
        if self._data:
            self._count += 1
            left = min(left, self._pause())
        self._timer = clock.call_later(left, self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        if self._data and self._table.clock.monotonic() < self._deadline - _ROUNDING:
            self.flow.send(self._data)
            self._wait()
        else:
            self._fail(408, "no final response in time" if self.proceeding else "no response")

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, status: int, reason: str) -> None:
        self._stop()
        self.final = True
        self._data = b""
        self._table.leave(self)
        self.forget().failed(self, status, reason)


class OtherClientTransaction(ClientTransaction):
    """Of a request that is neither INVITE nor ACK."""

    __slots__ = ()

    def cancel(self, reason: str = "") -> None:
        return

    def _pause(self) -> float:
        return self._table.times.t2 if self.proceeding else super()._pause()

    def receive(self, answer: Response) -> None:
        if answer.status < 200:
            self.proceeding = True
            self._client.responded(self, answer)
            return
        self._stop()
        self.final = True
        self._data = b""
        if self.flow.reliable:
            self._table.leave(self)
        else:
            self._table.linger(Absorbing(self), short=True)
        self.forget().responded(self, answer)


class InviteClientTransaction(ClientTransaction):
    """Of an INVITE. Acknowledges what is not a 2xx by itself; the ACK of a 2xx is the client's part."""

    __slots__ = ("_cancelled", "_reason", "until")

    def __init__(self, request: Request, flow: Flow, key: str, client: Client, table: ClientTable) -> None:
        self.until = 0.0
        self._cancelled = False
        self._reason = ""
        super().__init__(request, flow, key, client, table)

    def _pause(self) -> float:
        return self._table.times.t1 * (1 << (self._count - 1))  # timer A has no ceiling

    def receive(self, answer: Response) -> None:
        status = answer.status
        if status < 200:
            if not self.final:
                self._provisional(answer)
        elif status < 300:
            if not self.final:
                self._stop()
                self.final = True
                self._data = b""
                self.request.body = b""
                self._table.linger(self)
            self._client.responded(self, answer)
        elif not self.final:
            self._refused(answer)

    def _provisional(self, answer: Response) -> None:
        if not self.proceeding:
            self.proceeding = True
            self._stop()
            self._data = b""
            if self._cancelled:
                self._send_cancel()
        self._client.responded(self, answer)

    def _refused(self, answer: Response) -> None:
        self._stop()
        self.final = True
        self._data = b""
        ack = encode(same_hop(self.request, "ACK", answer.headers["To"]))
        self.flow.send(ack)
        if self.flow.reliable:
            self._table.leave(self)
        else:
            self._table.linger(Absorbing(self, ack))
        self.forget().responded(self, answer)

    def cancel(self, reason: str = "") -> None:
        """RFC 3261 section 9.1: goes out after the first provisional response, not before.

        When no final response follows within 64 times T1, the outcome is `failed` with 408.
        """
        if self.final or self._cancelled:
            return
        self._cancelled = True
        self._reason = reason
        if self.proceeding:
            self._send_cancel()

    def _send_cancel(self) -> None:
        table = self._table
        request = same_hop(self.request, "CANCEL", self.request.headers["To"])
        if self._reason:
            request.headers["Reason"] = [self._reason]
        OtherClientTransaction(request, self.flow, f"{self.key};CANCEL", _NOBODY, table)
        self._deadline = table.clock.monotonic() + table.times.give_up
        self._timer = table.clock.call_later(table.times.give_up, self._timed_out)


class _Nobody:
    def responded(self, tx: ClientTransaction, response: Response) -> None: ...

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None: ...


_NOBODY = _Nobody()


def same_hop(invite: Request, method: str, to: list[str]) -> Request:
    """An ACK of what is not a 2xx, or a CANCEL: they share the INVITE's branch (RFC 3261 9.1, 17.1.1.3)."""
    of = invite.headers
    headers = {
        "Via": of["Via"][:1],
        "Max-Forwards": ["70"],
        "From": of["From"],
        "To": to,
        "Call-ID": of["Call-ID"],
        "CSeq": [f"{invite.cseq[0]} {method}"],
    }
    if "Route" in of:
        headers["Route"] = of["Route"]
    return Request(method, invite.uri, headers, b"")
