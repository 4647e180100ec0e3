"""Bytes from a network: each is a message or a MessageError, soon, and what is read can be used."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.sip import identity, sdp
from router.sip.grammar import GrammarError, parse_name_addr, parse_uri, parse_via
from router.sip.message import Message, MessageError, Request, StreamParser, encode, parse, response

ROUNDS = 20_000
LONGEST_S = 8.0
"""Of one fuzzing test; a slow machine does fewer rounds."""

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
INVITE = (
    b"INVITE sip:500@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bKa1\r\n"
    b'Max-Forwards: 70\r\nFrom: "Anna M\xc3\xbcller" <sip:+4144@192.0.2.9>;tag=8f\r\n'
    b"To: <sip:500@192.0.2.1>\r\n"
    b"Call-ID: 5f3a@192.0.2.9\r\nCSeq: 21 INVITE\r\nContact: <sip:+4144@192.0.2.9:5060;transport=udp>\r\n"
    b'P-Asserted-Identity: "A, B" <sip:7@x>, <tel:+417>\r\nPrivacy: id;critical\r\n'
    b"Supported: timer,\r\n 100rel\r\n"
    b"Diversion: <sip:1@x>;reason=user-busy;counter=2, <sip:2@x>;privacy=full\r\n"
    b"History-Info: <sip:1@x?Reason=SIP%%3Bcause%%3D486>;index=1, <sip:2@x;cause=302>;index=1.1;mp=1\r\n"
    b"Record-Route: <sip:p@192.0.2.8;lr>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n"
    % len(SDP)
) + SDP
PARTS = (
    b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n"
    + SDP
    + b"\r\n--b--\r\n"
)
GOOD = [
    INVITE,
    INVITE.partition(b"Content-Type")[0] + b'c: multipart/mixed;boundary="b"\r\n\r\n' + PARTS,
    b"SIP/2.0 183 Session Progress\r\n"
    b"v:SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKq;received=::1,SIP/2.0/UDP h\r\n"
    b"f:sip:a@b;tag=1\r\nt:sip:c@d;tag=2\r\ni:1\r\nCSEQ:1 INVITE\r\nRSeq: 5\r\nm:<sip:x@y>\r\nl:0\r\n\r\n",
    b"BYE sips:a@[::1]:5061;transport=tls SIP/2.0\nVia: SIP/2.0/TCP h;branch=z9hG4bK2\n"
    b"From: x<sip:a@b>;tag=1\n"
    b'To: <sip:c@d>;tag=2\nCall-ID: 1\nCSeq: 2 BYE\nReason: Q.850;cause=16;text="Normal"\n\n',
]
NASTY = [
    b"\r\n",
    b"\r\n ",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xa8",
    b",",
    b";",
    b'"',
    b"\\",
    b"<",
    b">",
    b"=",
    b":",
    b"@",
    b"%",
    b"%0d%0a",
    b" ",
    b"\t",
    b"9" * 30,
    b"-1",
    b"SIP/2.0",
    b"Content-Length: 5\r\n",
    b"l: 99999\r\n",
    b"\r\n\r\n",
    b'"\\',
    b";tag=",
    b";branch=",
    b"<" * 200,
    b'"' * 201,
    b"," * 200,
]


def mutated(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        start = dice.randrange(len(data) + 1)
        end = min(len(data), start + dice.choice((0, 1, 1, 4, 30)))
        match dice.randrange(6):
            case 0:
                piece = dice.choice(NASTY)
            case 1:
                piece = bytes([dice.randrange(256)])
            case 2:
                piece = data[start:end] * dice.choice((2, 3, 50))
            case 3:
                other = dice.choice(GOOD)
                piece = other[dice.randrange(len(other)) :][: dice.randrange(80)]
            case 4:
                piece = b""
            case _:
                piece = data[start:end].swapcase()
        data = data[:start] + piece + data[end:]
    if dice.random() < 0.3:
        lines = data.split(b"\r\n")
        dice.shuffle(lines)
        data = b"\r\n".join(lines)
    return data[: dice.randrange(len(data) + 1)] if dice.random() < 0.1 else data


def used(message: Message) -> None:
    """Everything the router asks of a message, once."""
    assert message.branch is not None
    assert len(message.cseq) == 2
    assert "\n" not in message.call_id + message.from_tag + message.to_tag
    for name, lines in message.headers.items():
        assert lines, name
        assert not any("\n" in line or "\r" in line for line in lines)
        for entry in message.values(name):
            for read in (parse_name_addr, parse_via, parse_uri):
                try:
                    read(entry)
                except GrammarError:
                    continue
    described = sdp.parse(sdp.sdp_of(message))
    assert isinstance((described.is_hold, described.has_srtp, described.offers_dtmf, described.codecs), tuple)
    if isinstance(message, Request):
        came = identity.read(message)
        for trusted in (True, False):
            identity.sender(came, came.caller, "192.0.2.1", trusted=trusted)
            identity.outgoing_headers(
                came, came.caller, "500", "192.0.2.1", trusted=trusted, target="sip:9@y"
            )
        encode(response(message, 200, to_tag="t"))


def read(data: bytes) -> bool:
    """Whether it is a message. Fails when anything but a MessageError comes out."""
    try:
        message = parse(data)
    except MessageError as error:
        refused(error)
        return False
    used(message)
    written = encode(message)
    again = parse(written)
    assert encode(again) == written
    assert again.body == message.body
    assert again.headers | {"Content-Length": []} == message.headers | {"Content-Length": []}
    return True


def refused(error: MessageError) -> None:
    assert error.status in {400, 414, 505}
    assert len(error.problem) < 300
    if error.message is not None:
        used(error.message)


@pytest.mark.parametrize("data", GOOD)
def test_the_messages_to_start_from_are_good(data: bytes) -> None:
    assert read(data)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_mutated_messages_are_read_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    good = bad = 0
    until = time.monotonic() + LONGEST_S / 4
    for _ in range(ROUNDS // 4):
        if read(mutated(dice.choice(GOOD), dice)):
            good += 1
        else:
            bad += 1
        if time.monotonic() > until:
            break
    assert good > 20, "mutations that leave nothing readable test little"
    assert bad > 20


@pytest.mark.parametrize("seed", [5, 6])
def test_mutated_streams_are_read_or_refused_alike_however_they_are_cut(seed: int) -> None:
    dice = random.Random(seed)
    until = time.monotonic() + LONGEST_S / 4
    for _ in range(2000):
        data = b"".join(mutated(one, dice) if dice.random() < 0.5 else one for one in dice.choices(GOOD, k=3))
        cuts = [0, *sorted(dice.randrange(len(data) + 1) for _ in range(6)), len(data)]
        whole, cut = came([data]), came([data[start:end] for start, end in pairwise(cuts)])
        assert whole == cut
        if time.monotonic() > until:
            break


def came(pieces: list[bytes]) -> tuple[list[bytes], str, int]:
    """The messages, the problem that ended the stream, and the pongs that are wanted."""
    parser = StreamParser()
    messages: list[Message] = []
    for piece in pieces:
        try:
            messages += parser.feed(piece)
        except MessageError as error:
            return [encode(one) for one in messages + error.earlier], error.problem, parser.pongs
    return [encode(one) for one in messages], "", parser.pongs


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)
    read(b"INVITE sip:a@b SIP/2.0\r\n" + data)
    came([data])


PIECES = [
    b",",
    b";",
    b"<",
    b'"',
    b"\\",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n ",
    b"\r\n x",
    b"\n\t",
    b"\r\n  \r\n ",
    b"\r\nX: y",
    b"\r\nX:,",
    b"\r\nx-%d:",
    b"<,",
    b'"<',
    b"\xff",
    b"\x00",
    b"a",
    b":",
    b"=",
    b"%",
    b"%00",
    b";tag=",
    b"<>",
    b'"",',
]
HEADERS = [
    b"Via",
    b"From",
    b"To",
    b"CSeq",
    b"Contact",
    b"Content-Length",
    b"Diversion",
    b"Call-ID",
    b"Privacy",
    b"Subject",
]


def seconds(data: bytes) -> float:
    """Of this thread, the best of three: others use the machine too."""
    best = 9.0
    for _ in range(3):
        started = time.thread_time()
        with suppress(MessageError):
            parse(data)
        best = min(best, time.thread_time() - started)
    return best


@pytest.mark.parametrize("piece", PIECES)
def test_64_kilobytes_of_anything_anywhere_are_done_with_in_milliseconds(piece: bytes) -> None:
    blown = piece * (65000 // len(piece))
    head, _, rest = INVITE.partition(b"\r\n")
    texts = [blown, head + b"\r\n" + blown, head + blown + b"\r\n" + rest, INVITE + blown]
    for name in HEADERS:
        before, _, after = INVITE.partition(b"\r\n" + name + b": ")
        texts.append(before + b"\r\n" + name + b": x" + blown + b"\r\n" + after)
        texts.append(before + b"\r\n" + name + b": <sip:a@b>" + blown + b"\r\n\r\n")
    slowest = max(map(seconds, texts))
    assert slowest < 0.1, "the worst takes 5 ms on a quiet machine; by the square it would take seconds"


@pytest.mark.parametrize("piece", PIECES)
def test_a_stream_that_trickles_is_not_searched_from_the_start_each_time(piece: bytes) -> None:
    parser = StreamParser()
    started = time.thread_time()
    try:
        for byte in b"OPTIONS sip:a@b SIP/2.0\r\nX: " + piece * (60000 // len(piece)):
            parser.feed(bytes((byte,)))
    except MessageError:
        return
    assert time.thread_time() - started < 3
