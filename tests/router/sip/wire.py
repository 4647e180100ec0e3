"""A far end in memory: what is sent is kept, and requests and responses are made in one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.sip.message import Request, Response, parse


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
