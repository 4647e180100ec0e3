"""A SIP endpoint on UDP that does exactly what a test tells it, one message at a time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

HOST = "127.0.0.1"
OFFER = (
    "v=0\r\no=- 17 1 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)
ANSWER = (
    "v=0\r\no=- 23 1 IN IP4 192.0.2.23\r\ns=-\r\nc=IN IP4 192.0.2.23\r\nt=0 0\r\n"
    "m=audio 50000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)


@dataclass(frozen=True, slots=True)
class Message:
    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    source: tuple[str, int]

    @property
    def status(self) -> int:
        """0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of the request, or of the request this answers."""
        return self["CSeq"].split()[1]

    @property
    def uri(self) -> str:
        return self.start.split()[1]

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same for retransmissions of one message."""
        parts = (self["CSeq"], self["Call-ID"], self["To"], self["RSeq"], self.body)
        return self.start, self["Via"], "\n".join(parts)


def parse(data: bytes, source: tuple[str, int]) -> Message:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers = tuple((line.partition(":")[0].strip(), line.partition(":")[2].strip()) for line in lines)
    return Message(start, headers, body, source)


@dataclass
class Peer:
    """`receive` looks for one kind of message and skips 100 and what was seen before."""

    sock: socket.socket
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    @property
    def host(self) -> str:
        return str(self.sock.getsockname()[0])

    @property
    def uri(self) -> str:
        return f"sip:phone@{self.host}:{self.port}"

    def receive(self, wanted: str | int, within: float = 3.0) -> Message:
        """A request by method or a response by status; AssertionError when it does not come in time."""
        until = time.monotonic() + within
        others = []
        while (left := until - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                message = parse(*self.sock.recvfrom(65535))
            except TimeoutError:
                break
            if message.status == 100 or message.identity in self.seen:
                continue
            self.seen.add(message.identity)
            if wanted == (message.status or message.method):
                return message
            others.append(message.start)
        raise AssertionError(f"no {wanted} within {within} s, but {others}")

    def receive_answer(self, within: float = 3.0) -> Message:
        """The next final response."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for message in self.waiting(0.01):
                if message.status >= 200:
                    return message
        raise AssertionError("no final response")

    def waiting(self, within: float = 0.05) -> list[Message]:
        """New messages, the 100s left out, until none comes for `within` seconds."""
        messages = []
        self.sock.settimeout(within)
        with contextlib.suppress(TimeoutError):
            while True:
                message = parse(*self.sock.recvfrom(65535))
                if message.status != 100 and message.identity not in self.seen:
                    self.seen.add(message.identity)
                    messages.append(message)
        return messages

    def nothing(self, within: float = 0.3) -> None:
        """Fail if anything new comes."""
        try:
            message = self.receive("nothing at all", within)
        except AssertionError as exc:
            if not str(exc).endswith("[]"):
                raise
        else:
            raise AssertionError(message.start)

    def send(self, data: bytes | str, to: tuple[str, int]) -> None:
        self.sock.sendto(data if isinstance(data, bytes) else data.encode(), to)

    def respond(self, request: Message, status: int, sdp: str = "", *, headers: Iterable[str] = ()) -> None:
        tagged = (
            request["To"] if "tag=" in request["To"] or status == 100 else f"{request['To']};tag={self.tag}"
        )
        self.send(
            _message(
                f"SIP/2.0 {status} Because",
                [
                    *(f"Via: {via}" for via in request.all("Via")),
                    f"From: {request['From']}",
                    f"To: {tagged}",
                    f"Call-ID: {request['Call-ID']}",
                    f"CSeq: {request['CSeq']}",
                    f"Contact: <{self.uri}>",
                    *headers,
                ],
                sdp,
            ),
            request.source,
        )

    def dialog_of(self, request: Message) -> Dialog:
        """Our side of the dialog that the other one opened with `request`."""
        return Dialog(
            self,
            request.source,
            call_id=request["Call-ID"],
            local=f"{request['To']};tag={self.tag}",
            remote=request["From"],
            target=request["Contact"].partition("<")[2].partition(">")[0],
        )


@dataclass
class Dialog:
    """One call as this peer sees it, with its counters."""

    peer: Peer
    router: tuple[str, int]
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    local: str = ""
    remote: str = ""
    target: str = ""
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    branch: str = ""
    sequence: int = 0

    def request(self, method: str, sdp: str = "", *, headers: Iterable[str] = ()) -> None:
        if method not in ("ACK", "CANCEL"):
            self.sequence = next(self.counter)
        if method != "CANCEL":
            self.branch = "z9hG4bK" + uuid.uuid4().hex
        lines = [
            f"Via: SIP/2.0/UDP {self.peer.host}:{self.peer.port};branch={self.branch}",
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.sequence} {method}",
            f"Contact: <{self.peer.uri}>",
            *headers,
        ]
        if not any(line.lower().startswith("max-forwards") for line in lines):
            lines.append("Max-Forwards: 70")
        self.peer.send(_message(f"{method} {self.target} SIP/2.0", lines, sdp), self.router)

    def answered(self, response: Message) -> None:
        """Take over the far end's tag and contact from its 200, and acknowledge."""
        self.remote = response["To"]
        self.target = response["Contact"].partition("<")[2].partition(">")[0] or self.target
        self.request("ACK")

    def acknowledge_refusal(self, response: Message) -> None:
        """ACK for a final response >= 300 belongs to the INVITE's transaction."""
        remote, self.remote = self.remote, response["To"]
        branch = self.branch
        lines = [
            f"Via: SIP/2.0/UDP {self.peer.host}:{self.peer.port};branch={branch}",
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.sequence} ACK",
            "Max-Forwards: 70",
        ]
        self.peer.send(_message(f"ACK {self.target} SIP/2.0", lines, ""), self.router)
        self.remote = remote


def call(
    peer: Peer,
    port: int,
    dialled: str = "500",
    *,
    sdp: str = OFFER,
    caller: str = '"Caller" <sip:+41441112233@example.org>',
    headers: Iterable[str] = (),
) -> Dialog:
    """Send an INVITE to the router at `port`."""
    target = f"sip:{dialled}@{HOST}:{port}"
    dialog = Dialog(peer, (HOST, port), local=f"{caller};tag={peer.tag}", remote=f"<{target}>", target=target)
    dialog.request("INVITE", sdp, headers=headers)
    return dialog


@contextlib.contextmanager
def peer(host: str = HOST) -> Iterator[Peer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        yield Peer(sock)


def _message(start: str, lines: Iterable[str], sdp: str) -> str:
    lines = [*lines]
    typed = not sdp or any(line.lower().startswith("content-type") for line in lines)
    content = [] if typed else ["Content-Type: application/sdp"]
    return "\r\n".join([start, *lines, *content, f"Content-Length: {len(sdp.encode())}", "", sdp])
