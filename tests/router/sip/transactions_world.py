"""A transaction layer on ways and a clock that tests play."""

from __future__ import annotations

from router.sip.message import Request, Response, parse, response
from router.sip.net import Flow
from router.sip.transactions import ClientTransaction, ServerTransaction, Transactions
from tests.fakes.clock import FakeClock
from tests.router.sip.wire import FakeFlow

TAG = "ours"


METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")


class World:
    """One router's transactions, its core and a client of it; what is told is kept in order."""

    def __init__(self, **options: object) -> None:
        self.clock = FakeClock()
        self.layer = Transactions(self.clock, self, **options)  # type: ignore[arg-type]
        self.told: list[object] = []
        self.served: list[ServerTransaction] = []

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        self.served.append(tx)
        self.told.append(f"requested {request.method}")

    def acknowledged(self, request: Request, flow: Flow) -> None:
        self.told.append(f"acknowledged {request.cseq[0]}")

    def cancelled(self, tx: ServerTransaction) -> None:
        self.told.append(f"cancelled {tx.request.cseq[0]}")

    def stray(self, response: Response, flow: Flow) -> None:
        self.told.append(f"stray {response.status}")

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        self.told.append(response.status)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        self.told.append(f"failed {status}: {reason}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass with a sweep each second."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            self.clock.advance(min(1.0, left))
            self.layer.sweep(self.clock.monotonic())

    def comes(self, flow: FakeFlow, message: Request | Response) -> None:
        self.layer.receive(message, flow)

    def answer(self, status: int, *, to_tag: str = TAG) -> None:
        tx = self.served[-1]
        tx.respond(response(tx.request, status, to_tag=to_tag))

    @property
    def at_rest(self) -> bool:
        return len(self.layer) == 0 and self.clock.running == 0


def sent_request(flow: FakeFlow) -> Request:
    """The last request that went out."""
    found = parse(flow.sent[-1])
    assert isinstance(found, Request)
    return found
