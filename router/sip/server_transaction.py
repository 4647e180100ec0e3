"""Server transactions: RFC 3261 section 17.2, the accepted state of RFC 6026, the limits of RFC 4320."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Protocol

from router.ports import Clock, Timer
from router.sip.message import Request, Response, encode, response
from router.sip.net import Flow
from router.sip.timers import Queue, Times

_ROUNDING = 0.001
"""Seconds: a timer that is due this early is the last one."""


class Served(Protocol):
    """What stands in the table of server transactions. `merged`: its key there, empty inside a dialog."""

    key: str
    merged: str

    def repeated(self) -> None:
        """The request came again."""

    def acknowledged(self) -> bool:
        """An ACK came for it; whether it is the core's (ACK of a 2xx)."""


class ServerTable:
    """Server transactions by key; `merged`: those begun outside a dialog by Call-ID, From tag and CSeq."""

    __slots__ = (
        "_long",
        "_short",
        "_unanswered",
        "clock",
        "entries",
        "kept",
        "merged",
        "times",
        "unacknowledged",
    )

    def __init__(self, clock: Clock, times: Times) -> None:
        self.clock = clock
        self.times = times
        self.entries: dict[str, Served] = {}
        self.merged: dict[str, str] = {}
        self.kept = 0
        """Bytes that linger for repetitions."""
        self.unacknowledged = 0
        """How often no ACK came for a final response."""
        self._long: Queue[Ended] = Queue(times.give_up)
        self._short: Queue[Ended] = Queue(times.t4)
        self._unanswered: deque[tuple[float, str]] = deque()

    def begin(self, one: ServerTransaction) -> None:
        self.entries[one.key] = one
        if one.merged:
            self.merged[one.merged] = one.key

    def leave(self, one: Served) -> None:
        if self.entries.get(one.key) is one:
            del self.entries[one.key]
            if isinstance(one, Ended):
                self.kept -= one.size
            if one.merged and self.merged.get(one.merged) == one.key:
                del self.merged[one.merged]

    def keep(self, one: Ended) -> None:
        self.entries[one.key] = one
        self.kept += one.size

    def linger(self, one: Ended, *, short: bool = False) -> None:
        if self.entries.get(one.key) is not one:
            self.keep(one)
        (self._short if short else self._long).add(one, self.clock.monotonic())

    def expect_answer(self, one: OtherServerTransaction) -> None:
        """The client gives up after 64 times T1; then nobody may answer any more (RFC 4320 section 4.2)."""
        self._unanswered.append((one.begun + self.times.give_up, one.key))

    def sweep(self, now: float) -> None:
        for one in self._short.over(now):
            self.leave(one)
        for one in self._long.over(now):
            self.leave(one)
        while self._unanswered and self._unanswered[0][0] <= now:
            unanswered = self.entries.get(self._unanswered.popleft()[1])
            if isinstance(unanswered, OtherServerTransaction):
                self.leave(unanswered)


class Ended:
    """What is left after a final response; `data` goes out again whenever the request comes again."""

    __slots__ = ("_accepted", "_data", "_flow", "key", "merged", "size", "until")

    def __init__(self, transaction: ServerTransaction, data: bytes = b"", *, accepted: bool = False) -> None:
        self.key = transaction.key
        self.merged = transaction.merged
        self.size = len(self.key) + len(self.merged) + len(data)
        self.until = 0.0
        self._flow = transaction.flow
        self._data = data
        self._accepted = accepted

    def repeated(self) -> None:
        if self._data:
            self._flow.send(self._data)

    def acknowledged(self) -> bool:
        return self._accepted


class ServerTransaction(ABC):
    """A request from outside that waits for responses.

    The handle stays usable as long as its owner keeps it; what lingers for repetitions is another, smaller
    object. `to_tag`: of the last response that had one. `final`: the final response has been given.
    """

    __slots__ = ("_data", "_last", "_table", "final", "flow", "key", "merged", "request")

    def __init__(self, request: Request, flow: Flow, key: str, merged: str, table: ServerTable) -> None:
        self.request = request
        self.flow = flow
        self.key = key
        self.merged = merged
        self.final = False
        self._table = table
        self._last: Response | None = None
        self._data = b""

    @property
    def to_tag(self) -> str:
        return "" if self._last is None else self._last.to_tag

    @abstractmethod
    def respond(self, answer: Response) -> None:
        """Send a response: provisional ones, then a final one; what comes after that is ignored.

        A 2xx to an INVITE may be given again, which sends it again: repeating it until the ACK is the
        caller's part (RFC 3261 section 13.3.1.4).
        """

    def repeated(self) -> None:
        if self._data:
            self.flow.send(self._data)

    def acknowledged(self) -> bool:
        return False

    def _send(self, answer: Response) -> bytes:
        data = self._data = encode(answer)
        self._last = answer
        self.flow.send(data)
        return data


class InviteServerTransaction(ServerTransaction):
    """Of an INVITE."""

    __slots__ = ("_timer",)

    def __init__(self, request: Request, flow: Flow, key: str, merged: str, table: ServerTable) -> None:
        super().__init__(request, flow, key, merged, table)
        self._timer: Timer | None = None

    def say_trying(self, after: float) -> None:
        """Say 100 when nobody has said anything by then (RFC 3261 section 17.2.1: 0.2 s)."""
        if self._last is None:
            self._timer = self._table.clock.call_later(after, self._try)

    def _try(self) -> None:
        self._timer = None
        self._send(response(self.request, 100))

    def respond(self, answer: Response) -> None:
        if self.final:
            if answer is self._last and answer.status < 300:
                self.flow.send(self._data)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data = self._send(answer)
        if answer.status < 200:
            return
        self.final = True
        if answer.status < 300:
            self._table.linger(Ended(self, accepted=True))
        else:
            self._data = b""
            Unacknowledged(self, data, self._table)


class Unacknowledged(Ended):
    """Of an INVITE that was refused: the response is repeated until its ACK (timers G and H)."""

    __slots__ = ("_count", "_deadline", "_table", "_timer")

    def __init__(self, transaction: ServerTransaction, data: bytes, table: ServerTable) -> None:
        super().__init__(transaction, data)
        self._table = table
        self._count = 0
        self._deadline = table.clock.monotonic() + table.times.give_up
        self._timer: Timer | None = None
        table.keep(self)
        self._wait()

    def _wait(self) -> None:
        left = self._deadline - self._table.clock.monotonic()
        if not self._flow.reliable:
            self._count += 1
            left = min(left, self._table.times.repetition(self._count))
        self._timer = self._table.clock.call_later(left, self._timed_out)

    def _timed_out(self) -> None:
        if self._table.clock.monotonic() >= self._deadline - _ROUNDING:
            self._timer = None
            self._table.unacknowledged += 1
            self._table.leave(self)
        else:
            self._flow.send(self._data)
            self._wait()

    def acknowledged(self) -> bool:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._data = b""
            if self._flow.reliable:
                self._table.leave(self)
            else:
                self._table.linger(self, short=True)
        return False


class OtherServerTransaction(ServerTransaction):
    """Of a request that is neither INVITE nor ACK."""

    __slots__ = ("begun",)

    def __init__(self, request: Request, flow: Flow, key: str, merged: str, table: ServerTable) -> None:
        super().__init__(request, flow, key, merged, table)
        self.begun = table.clock.monotonic()

    def respond(self, answer: Response) -> None:
        if self.final or (answer.status < 200 and not self._may_send_provisional(answer)):
            return
        if answer.status < 200:
            self._send(answer)
            return
        self.final = True
        table = self._table
        if answer.status == 408 or table.clock.monotonic() - self.begun >= table.times.give_up:
            # RFC 4320 section 4.2: whoever would read it has given up already.
            table.leave(self)
            return
        data = self._send(answer)
        self._data = b""
        if self.flow.reliable:
            table.leave(self)
        else:
            table.linger(Ended(self, data))

    def _may_send_provisional(self, answer: Response) -> bool:
        """RFC 4320 section 4.1: none but 100, and over UDP only once the client repeats every T2."""
        if answer.status != 100:
            return False
        settled = 7 * self._table.times.t1
        return self.flow.reliable or self._table.clock.monotonic() - self.begun >= settled
