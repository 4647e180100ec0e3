"""Two transaction layers with a link between them that loses, doubles, delays and reorders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from router.sip.message import Request, Response, parse, response
from router.sip.net import Flow
from router.sip.transactions import ClientTransaction, ServerTransaction, Transactions
from tests.fakes.clock import FakeClock
from tests.router.sip.wire import outgoing, request

LIFE = 5.0
"""Seconds a datagram may be under way: T4 of RFC 3261."""
SHORT, LONG = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


@dataclass(eq=False)
class End:
    """One end of the link, as a flow; what is sent waits in `link` until it is delivered at `far`."""

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    clock: FakeClock
    link: list[Packet]
    alive: bool = True
    far: Callable[[bytes], None] = field(default=lambda _data: None)

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    def send(self, data: bytes) -> None:
        self.link.append(Packet(data, self, self.clock.monotonic()))


@dataclass(eq=False)
class Packet:
    data: bytes
    sender: End
    sent: float


class Asking:
    """The client's user: what it is told of one request."""

    def __init__(self) -> None:
        self.outcomes: list[int] = []
        self.told_after_the_end: list[int] = []

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        if not self.outcomes:
            if response.status >= 200:
                self.outcomes.append(response.status)
        elif not (tx.method == "INVITE" and self.outcomes == [200] and response.status == 200):
            self.told_after_the_end.append(response.status)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        (self.told_after_the_end if self.outcomes else self.outcomes).append(status)


class Answering:
    """The server's core: keeps what it is asked, and repeats a 200 until its ACK."""

    def __init__(self) -> None:
        self.asked: list[ServerTransaction] = []
        self.unacknowledged: dict[str, tuple[ServerTransaction, Response, float]] = {}

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        self.asked.append(tx)

    def acknowledged(self, request: Request, flow: Flow) -> None:
        self.unacknowledged.pop(request.call_id, None)

    def cancelled(self, tx: ServerTransaction) -> None:
        assert not tx.final
        tx.respond(response(tx.request, 487, to_tag="far"))

    def stray(self, response: Response, flow: Flow) -> None:
        raise AssertionError("the server sends no requests")

    def answer(self, tx: ServerTransaction, status: int, now: float) -> None:
        made = response(tx.request, status, to_tag="far")
        if status == 200 and tx.request.method == "INVITE" and not tx.final:
            self.unacknowledged[tx.request.call_id] = (tx, made, now)
        tx.respond(made)

    def repeat(self, now: float) -> None:
        for call_id, (tx, made, since) in list(self.unacknowledged.items()):
            if now - since < 32:
                tx.respond(made)
            else:
                del self.unacknowledged[call_id]


class Calling:
    """The client's core: it serves nothing; late 200s are all it hears of."""

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        raise AssertionError("the client is asked nothing")

    def acknowledged(self, request: Request, flow: Flow) -> None:
        raise AssertionError("the client is asked nothing")

    def cancelled(self, tx: ServerTransaction) -> None:
        raise AssertionError("the client is asked nothing")

    def stray(self, response: Response, flow: Flow) -> None: ...


class BadLink(RuleBasedStateMachine):
    transport = "UDP"
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.link: list[Packet] = []
        self.answering = Answering()
        self.client = Transactions(self.clock, Calling())
        self.server = Transactions(self.clock, self.answering)
        self.near = End(self.transport, SHORT, LONG, self.clock, self.link)
        self.far = End(self.transport, LONG, SHORT, self.clock, self.link)
        self.near.far = lambda data: self.server.receive(parse(data), self.far)
        self.far.far = lambda data: self.client.receive(parse(data), self.near)
        self.asked: list[tuple[ClientTransaction, Asking]] = []

    @rule(target=calls, method=st.sampled_from(["INVITE", "INVITE", "OPTIONS", "BYE"]))
    def ask(self, method: str) -> ClientTransaction:
        asking = Asking()
        made = outgoing(method, call_id=f"call {len(self.asked)}")
        tx = self.client.request(made, self.near, asking)
        self.asked.append((tx, asking))
        return tx

    @rule(tx=calls)
    def cancel(self, tx: ClientTransaction) -> None:
        tx.cancel()

    @rule(which=st.integers(0, 10**6), status=st.sampled_from([100, 180, 200, 200, 302, 486, 408]))
    def answer(self, which: int, status: int) -> None:
        if self.answering.asked:
            tx = self.answering.asked[which % len(self.answering.asked)]
            self.answering.answer(tx, status, self.clock.monotonic())

    @precondition(lambda self: self.link)
    @rule(which=st.integers(0, 10**6), double=st.booleans())
    def deliver(self, which: int, double: bool) -> None:
        which = which % len(self.link) if self.transport == "UDP" else 0
        packet = self.link[which] if double and self.transport == "UDP" else self.link.pop(which)
        packet.sender.far(packet.data)

    @precondition(lambda self: self.link)
    @rule()
    def deliver_all(self) -> None:
        for packet in self.taken():
            packet.sender.far(packet.data)

    @precondition(lambda self: self.link and self.transport == "UDP")
    @rule(which=st.integers(0, 10**6))
    def lose(self, which: int) -> None:
        del self.link[which % len(self.link)]

    @precondition(lambda self: self.transport == "UDP")
    @rule()
    def lose_all(self) -> None:
        self.link.clear()

    @precondition(lambda self: self.transport != "UDP")
    @rule()
    def break_down(self) -> None:
        self.link.clear()
        self.client.broken(self.near, "reset")
        self.server.broken(self.far, "reset")

    @rule(seconds=st.sampled_from([0.2, 0.5, 1.0, 3.0, 5.0, 33.0]))
    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    def taken(self) -> list[Packet]:
        taken = self.link[:]
        self.link.clear()
        return taken

    def pass_time(self, seconds: float) -> None:
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            self.clock.advance(min(left, 1.0))
            now = self.clock.monotonic()
            self.answering.repeat(now)
            self.client.sweep(now)
            self.server.sweep(now)
            if self.transport == "UDP":
                self.link[:] = [packet for packet in self.link if now - packet.sent < LIFE]

    @invariant()
    def nobody_is_told_anything_after_the_end(self) -> None:
        for _, asking in self.asked:
            assert len(asking.outcomes) <= 1
            assert asking.told_after_the_end == []

    def teardown(self) -> None:
        """The link is good from now on, and both sides want to end: everything does, and nothing stays."""
        for tx, _ in self.asked:
            tx.cancel()
        for _ in range(110):
            while self.link:
                self.deliver_all()
            for tx in self.answering.asked:
                if tx.request.method == "INVITE" and not tx.final:
                    self.answering.answer(tx, 486, self.clock.monotonic())
            self.pass_time(1)
        self.nobody_is_told_anything_after_the_end()
        for tx, asking in self.asked:
            assert len(asking.outcomes) == 1
            assert tx.final
        assert len(self.client) == 0
        assert len(self.server) == 0
        assert self.clock.running == 0
        for number in range(len(self.asked)):
            again = request("INVITE", branch=f"z9hG4bKagain{number}", call_id=f"call {number}")
            self.server.receive(again, self.far)
            assert self.answering.asked[-1].request is again, "taken for merged with one that is over"


class Stream(BadLink):
    transport = "TCP"


BadLink.TestCase.settings = Stream.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestBadLink = BadLink.TestCase
TestStream = Stream.TestCase
