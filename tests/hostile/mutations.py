"""Messages of a call, spoilt in every way that comes to mind. Seeded: the same seed spoils the same."""

from __future__ import annotations

import random
from dataclasses import dataclass

SDP = (
    "v=0\r\no=- 17 1 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)
METHODS = (
    *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY"),
    *("REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"),
)
NASTY = (
    "",
    " ",
    "\0",
    "\xff\xfe",
    "<",
    ">",
    '"',
    '"\\',
    ";;;=;",
    "%00%zz",
    ",,,",
    "0",
    "-1",
    "4294967296",
    "99999999999999999999999999999999",
    "1e9",
    "sip:",
    "<sip:@:>",
    "<sip:[::1>",
    "<sip:a@b:99999>;tag=",
    "SIP/2.0/UDP ;branch=",
    "SIP/2.0/UDP [::1]:0;branch=z9hG4bK;rport=;received=x",
    "multipart/mixed;boundary=",
    "z9hG4bK",
    "\r\n folded\r\n\tagain",
    "a" * 300,
    "x" * 20_000,
    "é王\U0001f4de",
)
NASTY_SDP = (
    "m=audio",
    "m=audio 0 RTP/AVP",
    "m=audio 99999 RTP/SAVPF 0 0 0 999",
    "m=video 4 RTP/AVP 96",
    "c=IN IP6 ::1",
    "c=IN IP4 256.256.256.256",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
    "a=rtpmap:0",
    "a=inactive",
    "o=",
    "=",
    "m" * 5000,
    "\0\xff",
)


@dataclass(frozen=True, slots=True)
class Seed:
    """One message of a call as it should be: first line, headers and body."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    def written(self) -> bytes:
        return _written(self.start, list(self.headers), self.body)


def spoilt(seed: Seed, chance: random.Random) -> bytes:
    """The message after one to three mutations."""
    start, headers, body = seed.start, list(seed.headers), seed.body
    length = True
    for _ in range(chance.choice((1, 1, 1, 1, 2, 3))):
        match chance.randrange(12):
            case 0:
                start = _line(start, chance)
            case 1 if headers:
                del headers[chance.randrange(len(headers))]
            case 2 if headers:
                headers.insert(chance.randrange(len(headers)), chance.choice(headers))
            case 3:
                chance.shuffle(headers)
            case 4 | 5 | 6 if headers:
                at = chance.randrange(len(headers))
                headers[at] = (headers[at][0], _value(headers[at][1], chance))
            case 7 if headers:
                at = chance.randrange(len(headers))
                headers[at] = (chance.choice((*NASTY, "Via", "v", "Call-ID", "t")), headers[at][1])
            case 8:
                body = _body(body, chance)
            case 9:
                length = False
                headers.append(("Content-Length", chance.choice(NASTY)))
            case 10:
                headers += [(f"X-{number}", "y" * 40) for number in range(chance.choice((1, 50, 900)))]
            case _:
                headers.append((chance.choice(EXTRA), chance.choice(NASTY)))
    data = _written(start, headers, body, length=length)
    return _bytes(data, chance) if chance.random() < 0.2 else data


EXTRA = (
    "Require",
    "Proxy-Require",
    "Supported",
    "Route",
    "Record-Route",
    "Replaces",
    "Session-Expires",
    "Min-SE",
    "RSeq",
    "RAck",
    "Refer-To",
    "Diversion",
    "History-Info",
    "P-Asserted-Identity",
    "Privacy",
    "Content-Type",
    "Content-Encoding",
    "Expires",
    "Max-Forwards",
    "Authorization",
    "Contact",
    "Subscription-State",
    "Event",
)


def _line(start: str, chance: random.Random) -> str:
    parts = start.split(" ")
    at = chance.randrange(len(parts))
    parts[at] = chance.choice((*NASTY, *METHODS, "SIP/3.0", "200", "99", "sip:600@127.0.0.1;lr;lr"))
    return " ".join(parts)


def _value(value: str, chance: random.Random) -> str:
    at = chance.randrange(len(value) + 1)
    match chance.randrange(5):
        case 0:
            return chance.choice(NASTY)
        case 1:
            return value[:at]
        case 2:
            return value[:at] + chance.choice(NASTY) + value[at:]
        case 3:
            return f"{value}, {value}"
        case _:
            return value + ";" + value


def _body(body: str, chance: random.Random) -> str:
    lines = (body or SDP).split("\r\n")
    at = chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines[at] = chance.choice(NASTY_SDP)
        case 1:
            lines.insert(at, chance.choice(NASTY_SDP))
        case 2:
            del lines[at]
        case 3:
            lines *= chance.choice((2, 20))
        case _:
            lines[at] = _value(lines[at], chance)
    return "\r\n".join(lines)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + chance.randbytes(chance.choice((1, 4, 400))) + data[at:]
        case 2:
            return data.replace(b"\r\n", b"\n")
        case _:
            return data.replace(b": ", b"", 1)


def _written(start: str, headers: list[tuple[str, str]], body: str, *, length: bool = True) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body.encode('utf-8', 'replace'))}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "replace")
