"""Transactions over real sockets with a stack that is not ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from appliance.roles.timers import TimerHeap
from router.model import Peer
from router.sip.message import Request, Response, parse, response
from router.sip.net import Flow, Network
from router.sip.registrar_client import RegistrarClient, Stage
from router.sip.transactions import ServerTransaction, Times, Transactions
from tests.sip.sipp import HOST, sipp


class Refusing:
    """A core that rings and then refuses everybody."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        self.calls.append(request.call_id)
        tx.respond(response(request, 180, to_tag="ours"))
        tx.respond(response(request, 486, to_tag="ours"))

    def acknowledged(self, request: Request, flow: Flow) -> None:
        raise AssertionError(f"this ACK belongs to a refusal: {request}")

    def cancelled(self, tx: ServerTransaction) -> None: ...

    def stray(self, response: Response, flow: Flow) -> None: ...


class Stack:
    def __init__(self) -> None:
        self.clock = TimerHeap()
        self.core = Refusing()
        self.transactions = Transactions(self.clock, self.core, times=Times(0.1, 0.4, 2.0))
        self.network = Network(HOST, 0, received=self._received, broken=self.transactions.broken)

    def _received(self, data: bytes | Request | Response, flow: Flow) -> None:
        self.transactions.receive(parse(data) if isinstance(data, bytes) else data, flow)

    def run_until(self, over: Callable[[], object], within: float = 30) -> None:
        deadline = time.monotonic() + within
        while not over():
            assert time.monotonic() < deadline, "it took too long"
            self.network.pump(self.clock.wait(0.02))
            self.clock.turn()
            self.transactions.sweep(self.clock.monotonic())


@pytest.fixture
def stack() -> Iterator[Stack]:
    with opened() as made:
        yield made


@contextmanager
def opened() -> Iterator[Stack]:
    made = Stack()
    try:
        yield made
    finally:
        made.network.close()


def test_refused_calls_over_a_bad_line_all_end_and_leave_nothing(stack: Stack) -> None:
    with sipp("caller_on_a_bad_line", to=f"{HOST}:{stack.network.port}", calls=40, rate=40) as caller:
        stack.run_until(lambda: caller.process.poll() is not None)
        figures = caller.wait()
    assert (figures.successful, figures.failed) == (40, 0), caller.errors()
    assert figures.retransmissions > 5
    assert sorted(stack.core.calls) == sorted(set(stack.core.calls))
    stack.run_until(lambda: len(stack.transactions) == 0)


@pytest.mark.parametrize(("password", "expected"), [("secret", Stage.REGISTERED), ("wrong", Stage.FAILED)])
def test_another_stack_finds_our_proof_of_the_password_right(
    stack: Stack, password: str, expected: Stage
) -> None:
    told: list[Stage] = []
    with sipp("registrar") as registrar:
        client = RegistrarClient(
            stack.network,
            stack.transactions,
            stack.clock,
            jitter=lambda: 1.0,
            changed=lambda _peer, registration: told.append(registration.stage),
        )
        pbx = Peer("pbx", HOST, registrar.port, user="router", password=password, register=True)
        client.use([pbx])
        stack.run_until(lambda: told)
        assert told == [expected], registrar.errors()
        if expected is Stage.REGISTERED:
            assert client.registrations["pbx"].expires == 120
