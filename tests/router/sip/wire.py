"""A far end in memory: what is sent is kept, and requests and responses are made in one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.sip.message import Request, Response, encode, parse, response
from router.sip.net import Flow, NetworkError
from router.sip.transactions import ServerTransaction, Transactions
from tests.fakes.clock import FakeClock


@dataclass(eq=False)
class FakeFlow:
    """Fulfils `router.sip.net.Flow`; keeps what is sent."""

    transport: str = "UDP"
    local: tuple[str, int] = ("192.0.2.1", 5060)
    remote: tuple[str, int] = ("192.0.2.9", 5070)
    alive: bool = True
    sent: list[bytes] = field(default_factory=list)

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def taken(self) -> list[Request | Response]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return [parse(data) for data in sent]

    def statuses(self) -> list[int]:
        return [message.status for message in self.taken() if isinstance(message, Response)]

    def methods(self) -> list[str]:
        return [message.method for message in self.taken() if isinstance(message, Request)]


def request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bKa",
    sent_by: str = "192.0.2.9:5070",
    via: str = "",
    to_tag: str = "",
    from_tag: str = "from",
    call_id: str = "call",
    cseq: int = 1,
    uri: str = "sip:b@192.0.2.1",
    body: bytes = b"",
    transport: str = "UDP",
) -> Request:
    """As it comes from the network."""
    headers = {
        "Via": [via or f"SIP/2.0/{transport} {sent_by};branch={branch};rport"],
        "Max-Forwards": ["70"],
        "From": [f"<sip:a@192.0.2.9>;tag={from_tag}"],
        "To": [f"<sip:b@192.0.2.1>{';tag=' + to_tag if to_tag else ''}"],
        "Call-ID": [call_id],
        "CSeq": [f"{cseq} {method}"],
    }
    return Request(method, uri, headers, body)


def outgoing(method: str = "INVITE", *, cseq: int = 1, call_id: str = "ours", body: bytes = b"") -> Request:
    """As the core makes it: without Via."""
    made = request(method, cseq=cseq, call_id=call_id, body=body)
    del made.headers["Via"]
    return made


class NoCore:
    """Fulfils `router.sip.transactions.Core` where no request is expected."""

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        raise AssertionError(request)

    def acknowledged(self, request: Request, flow: Flow) -> None:
        raise AssertionError(request)

    def cancelled(self, tx: ServerTransaction) -> None:
        raise AssertionError(tx)

    def stray(self, response: Response, flow: Flow) -> None:
        """A late one."""


class FakeNetwork:
    """Gives a `FakeFlow` for each far end; `closed`: addresses that cannot be reached."""

    def __init__(self) -> None:
        self.flows: dict[tuple[str, str, int], FakeFlow] = {}
        self.closed: set[str] = set()
        self.names: set[str] = set()
        """What far ends must prove to be."""

    def flow(self, transport: str, host: str, port: int, *, name: str = "") -> FakeFlow:
        self.names.add(name)
        if host in self.closed:
            raise NetworkError(f"no way to {host}")
        return self.flows.setdefault((transport, host, port), FakeFlow(transport, remote=(host, port)))


class Office:
    """A PBX that is played by hand: transactions of ours over a network in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.network = FakeNetwork()
        self.transactions = Transactions(self.clock, NoCore())

    def flow(self, host: str = "192.0.2.9", port: int = 5060, transport: str = "UDP") -> FakeFlow:
        return self.network.flow(transport, host, port)

    def asked(self, host: str = "192.0.2.9") -> Request:
        """The one request that was sent since the last time, its repetitions aside."""
        found = {message.cseq: message for message in self.flow(host).taken()}
        (only,) = found.values()
        assert isinstance(only, Request)
        return only

    def answer(self, request: Request, status: int, host: str = "192.0.2.9", **headers: str) -> None:
        """`headers`: with underscores for hyphens."""
        made = response(request, status, to_tag="pbx")
        for name, value in headers.items():
            made.headers[name.replace("_", "-")] = [value]
        self.transactions.receive(parse(encode(made)), self.flow(host))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.transactions.sweep(self.clock.monotonic())
