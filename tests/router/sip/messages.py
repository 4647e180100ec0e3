"""Messages for tests of reading and writing."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from router.sip.message import (
    Message,
    MessageError,
    Request,
    Response,
    parse,
)
from router.sip.names import canonical

INVITE = "\r\n".join(
    [
        "INVITE sip:500@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKabc;rport, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKdef",
        "v: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKghi",
        'f: "Anna, Müller" <sip:100@192.0.2.9>;tag=from1',
        "t: <sip:500@192.0.2.1>",
        "i: call-1@192.0.2.9",
        "CSEQ: 7 INVITE",
        "record-route: <sip:p1@192.0.2.9;lr>, <sip:p2@192.0.2.9;lr>",
        "x-anything-AT-all: kept",
        "k: replaces, timer,100rel",
        "l: 4",
        "",
        "body",
    ]
)


def request(text: str = INVITE) -> Request:
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


def refused(data: str | bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
    return caught.value


def minimal(
    *extra: str, leave_out: str = "", start: str = "OPTIONS sip:a@b.example SIP/2.0", body: str = ""
) -> str:
    lines = [
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx",
        "From: <sip:a@b.example>;tag=1",
        "To: <sip:c@d.example>",
        "Call-ID: 1",
        "CSeq: 1 OPTIONS",
    ]
    kept = [line for line in lines if not leave_out or not line.startswith(leave_out)]
    return "\r\n".join([start, *kept, *extra, "", body])


token = st.text(alphabet="abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)


value = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=40).map(
    lambda text: text.strip(" \t")
)


surrogates = st.binary(max_size=20).map(
    lambda data: data.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "surrogateescape").strip(" \t")
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    method = draw(token)
    headers: dict[str, list[str]] = {
        "Via": ["SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK" + draw(token)],
        "From": [f'"x" <sip:{draw(token)}@b>;tag={draw(token)}'],
        "To": ["<sip:a@b>"],
        "Call-ID": [draw(token)],
        "CSeq": [f"{draw(st.integers(0, 2**32 - 1))} {method}"],
    }
    for name in draw(st.lists(token, max_size=6)):
        known = canonical(name)
        if known not in headers and known != "Content-Length":
            headers[known] = draw(st.lists(value | surrogates, min_size=1, max_size=3))
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        return Request(method, f"sip:{draw(token)}@b", headers, body)
    return Response(draw(st.integers(100, 699)), draw(value), headers, body)


def same(one: Message, other: Message) -> bool:
    def parts(message: Message) -> object:
        headers = {name: lines for name, lines in message.headers.items() if name != "Content-Length"}
        if isinstance(message, Request):
            return message.method, message.uri, headers, message.body
        return message.status, message.reason, headers, message.body

    return parts(one) == parts(other)
