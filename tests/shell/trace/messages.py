"""SIP messages and records for the tests of the trace."""

from __future__ import annotations

from hypothesis import strategies as st

from shell.trace.record import LEVELS, Record, Sip

START = 1_763_847_312.0
CALLER, MIA, KIM, MEDIA = "10.0.0.9:5070", "10.0.0.21:5060", "10.0.0.22:5060", "127.0.0.1:4000"
CALL = "3f2a91c0-0000-4000-8000-000000000000"
SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


def message(
    first: str,
    leg: str,
    cseq: str,
    *,
    asks: str = "0791234567",
    asked: str = "300",
    tag: str = "",
    sdp: str = "",
) -> str:
    """The text of a message of the leg with this Call-ID. `tag`: in To."""
    head = [
        first,
        "Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1",
        f"From: <sip:{asks}@10.0.0.9>;tag=1",
        f"To: <sip:{asked}@10.0.0.1>{f';tag={tag}' if tag else ''}",
        f"Call-ID: {leg}",
        f"CSeq: {cseq}",
        *(["Content-Type: application/sdp"] if sdp else []),
        f"Content-Length: {len(sdp)}",
    ]
    return "\r\n".join([*head, "", sdp])


def sip(
    at: float, way: str, remote: str, raw: str, *, leg: str = "", call: str = CALL, transport: str = "udp"
) -> Record:
    """`at`: seconds since START."""
    local = "127.0.0.1:5060" if remote == MEDIA else "10.0.0.1:5060"
    part = Sip("in" if way == "in" else "out", local, remote, transport, leg, raw)
    return Record(START + at, "router", "info", "sip", raw.split("\r\n", maxsplit=1)[0], call, (), part)


def step(at: float, text: str) -> Record:
    return Record(START + at, "router", "info", "call", text, CALL)


def a_call() -> list[Record]:
    """Announced, rung at Mia's and Kim's, taken by Mia, ended by the caller."""
    invite = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=SDP)
    to_media = message("INVITE sip:conf=ab@127.0.0.1 SIP/2.0", "m1", "1 INVITE", asked="conf=ab", sdp=SDP)
    to_mia = message("INVITE sip:mia@10.0.0.21 SIP/2.0", "c2", "1 INVITE", asked="mia", sdp=SDP)
    to_kim = message("INVITE sip:kim@10.0.0.22 SIP/2.0", "c3", "1 INVITE", asked="kim", sdp=SDP)
    of_mia = {"leg": "c2", "cseq": "1 INVITE", "asked": "mia", "tag": "m"}
    return [
        sip(0, "in", CALLER, invite, leg="c1"),
        sip(0.001, "out", CALLER, message("SIP/2.0 100 Trying", "c1", "1 INVITE"), leg="c1"),
        step(0.0015, "0791234567 calls 300 (Ben's office): manager away: assistant 1 of 3, Mia, rings"),
        sip(0.002, "out", MEDIA, to_media, leg="m1"),
        sip(
            0.003,
            "in",
            MEDIA,
            message("SIP/2.0 200 OK", "m1", "1 INVITE", asked="conf=ab", sdp=SDP),
            leg="m1",
        ),
        sip(0.004, "out", MIA, to_mia, leg="c2"),
        sip(0.504, "out", MIA, to_mia, leg="c2"),
        sip(0.505, "in", MIA, message("SIP/2.0 180 Ringing", **of_mia), leg="c2"),
        sip(0.506, "out", KIM, to_kim, leg="c3"),
        sip(
            0.507,
            "in",
            KIM,
            message("SIP/2.0 486 Busy Here", "c3", "1 INVITE", asked="kim", tag="k"),
            leg="c3",
        ),
        sip(5.5, "in", MIA, message("SIP/2.0 200 OK", sdp=SDP, **of_mia), leg="c2"),
        sip(5.501, "out", CALLER, message("SIP/2.0 200 OK", "c1", "1 INVITE", tag="x", sdp=SDP), leg="c1"),
        sip(9.5, "in", CALLER, message("BYE sip:300@10.0.0.1 SIP/2.0", "c1", "2 BYE", tag="x"), leg="c1"),
        sip(9.501, "out", CALLER, message("SIP/2.0 200 OK", "c1", "2 BYE", tag="x"), leg="c1"),
    ]


# Whatever may come in.

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
_HEADERS = st.sampled_from(
    [
        "From: <sip:1@h>;tag=a",
        "f: 中文 <sip:中@h>",
        "To: <sip:\x1b[2J@h>",
        "CSeq: 1 INVITE",
        "CSeq:",
        "Reason: Q.850",
        ": x",
    ]
)
_FIRST = st.sampled_from(
    ["INVITE sip:300@h SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 999 \u202e", "BYE x SIP/2.0", "", "\x00"]
)
RAW = st.one_of(
    ANY_TEXT,
    st.builds(
        lambda first, rest, end: "\r\n".join([first, *rest, end]), _FIRST, st.lists(_HEADERS), ANY_TEXT
    ),
)
ADDRESS = st.one_of(
    st.builds(lambda host, port: f"10.0.0.{host}:{port}", st.integers(0, 9), st.integers(0, 65535)),
    st.builds(lambda host, port: f"[fd00::{host}]:{port}", st.integers(0, 9), st.integers(0, 65535)),
    ANY_TEXT,
)
SIPS = st.builds(
    Sip,
    st.sampled_from(["in", "out"]),
    ADDRESS,
    ADDRESS,
    st.sampled_from(["udp", "tcp", "tls"]),
    ANY_TEXT,
    RAW,
)
RECORDS = st.builds(
    Record,
    st.floats(0, 4e9),
    ANY_TEXT,
    st.sampled_from(LEVELS),
    st.sampled_from(["sip", "call", "log", "mark", "x"]),
    ANY_TEXT,
    ANY_TEXT,
    st.lists(ANY_TEXT, max_size=2).map(tuple),
    st.none() | SIPS,
)
