"""Session descriptions are read for what media decisions need, and handed on byte for byte."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.sip.message import Request
from router.sip.sdp import Codec, Sdp, parse, sdp_of

OFFER = b"\r\n".join(
    [
        b"v=0",
        b"o=pbx 11 12 IN IP4 192.0.2.1",
        b"s=-",
        b"c=IN IP4 192.0.2.1",
        b"t=0 0",
        b"a=sendonly",
        b"m=audio 40000/2 RTP/AVP 9 8 111 101 13",
        b"a=rtpmap:111 opus/48000/2",
        b"a=fmtp:111 useinbandfec=1",
        b"a=rtpmap:101 telephone-event/8000",
        b"a=fmtp:101 0-16",
        b"a=sendrecv",
        b"m=video 0 RTP/AVP 99",
        b"c=IN IP6 2001:db8::1",
        b"",
    ]
)


def audio(*lines: str, session: str = "", media: str = "m=audio 4000 RTP/AVP 0") -> Sdp:
    text = f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{session}{media}\r\n"
    return parse((text + "".join(f"{line}\r\n" for line in lines)).encode())


def message(body: bytes, content_type: str = "application/sdp", **headers: str) -> Request:
    return Request(
        "INVITE", "sip:a@b", {"Content-Type": [content_type], **{k: [v] for k, v in headers.items()}}, body
    )


class TestReading:
    def test_what_the_media_decisions_need(self) -> None:
        sdp = parse(OFFER)
        speech, video = sdp.media
        assert sdp.origin == "pbx 11 12 IN IP4 192.0.2.1"
        assert (speech.kind, speech.port, speech.proto) == ("audio", 40000, "RTP/AVP")
        assert speech.formats == ("9", "8", "111", "101", "13")
        assert (speech.direction, speech.address) == ("sendrecv", "192.0.2.1")
        assert (video.port, video.direction, video.address) == (0, "sendonly", "2001:db8::1")
        assert speech.codecs[2] == Codec("111", "OPUS", 48000, "useinbandfec=1")
        assert sdp.codecs == ("G722", "PCMA", "OPUS")
        assert sdp.offers_dtmf
        assert not sdp.has_srtp
        assert not sdp.is_hold
        assert sdp.audio == speech

    @pytest.mark.parametrize("line", ["a=sendonly", "a=inactive", "c=IN IP4 0.0.0.0", "c=IN IP6 ::"])
    def test_hold_by_direction_and_by_address(self, line: str) -> None:
        assert audio(line).is_hold
        assert audio(session=f"{line}\r\n" if line.startswith("a=") else "a=inactive\r\n").is_hold

    @pytest.mark.parametrize("line", ["a=recvonly", "a=sendrecv", "a=unknown", "a=rtpmap:0 PCMU/8000"])
    def test_what_is_no_hold(self, line: str) -> None:
        assert not audio(line).is_hold

    def test_the_section_goes_before_the_session(self) -> None:
        assert not audio("a=sendrecv", session="a=inactive\r\n").is_hold

    def test_nothing_in_use_is_not_held(self) -> None:
        assert not audio("a=inactive", media="m=audio 0 RTP/AVP 0").is_hold
        assert not Sdp().is_hold

    @pytest.mark.parametrize(
        ("proto", "lines"),
        [
            ("RTP/SAVP", []),
            ("RTP/SAVPF", []),
            ("UDP/TLS/RTP/SAVPF", ["a=fingerprint:sha-256 AA"]),
            ("RTP/AVP", ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"]),
        ],
    )
    def test_encryption_is_seen_demanded_or_offered(self, proto: str, lines: list[str]) -> None:
        sdp = audio(*lines, media=f"m=audio 4000 {proto} 0")
        assert sdp.has_srtp
        assert not audio(*lines, media=f"m=audio 0 {proto} 0").has_srtp

    def test_keys_and_fingerprints_are_kept_apart(self) -> None:
        sdp = audio("a=crypto:1 X inline:abc", "a=crypto:2 Y inline:d", session="a=fingerprint:sha-1 AA\r\n")
        assert sdp.media[0].keys == ("1 X inline:abc", "2 Y inline:d")
        assert sdp.media[0].fingerprint == "sha-1 AA"

    def test_no_telephone_event_no_digits(self) -> None:
        assert not audio().offers_dtmf
        assert not Sdp().offers_dtmf
        assert not audio("a=rtpmap:101 telephone-event/8000").offers_dtmf, (
            "it is mapped but not in the m= line"
        )

    @pytest.mark.parametrize(
        "body", [b"", b"garbage", b"m=\r\nm=audio\r\nm=audio x\r\n", b"\xff\xfe", b"v=0\n"]
    )
    def test_what_is_no_description_has_no_media(self, body: bytes) -> None:
        assert parse(body).media == ()

    def test_line_feeds_alone_and_odd_numbers_are_tolerated(self) -> None:
        sdp = parse(b"v=0\nm=audio x RTP/AVP 0\nm=AUDIO 99999 rtp/avp 0 8\na=rtpmap:8\nc=IN\n")
        assert [one.port for one in sdp.media] == [0, 99999]
        assert sdp.media[1].codecs == (Codec("0", "PCMU", 8000), Codec("8", "", 0))

    @given(
        st.binary(max_size=200) | st.text(alphabet="vomcas=: \r\n019/audioRTP", max_size=200).map(str.encode)
    )
    def test_nothing_is_ever_raised(self, body: bytes) -> None:
        sdp = parse(body)
        assert isinstance((sdp.has_srtp, sdp.is_hold, sdp.offers_dtmf, sdp.codecs), tuple)

    @pytest.mark.parametrize(
        "piece", [b"m=audio 1 a 0\n", b"0 ", b"a=rtpmap:0 x/1\n", b"\n", b"m=", b"a", b"a=crypto:\n"]
    )
    def test_a_large_body_takes_no_time(self, piece: bytes) -> None:
        body = b"m=audio 1 RTP/AVP " + piece * (65536 // len(piece))
        started = time.thread_time()
        parse(body)
        assert time.thread_time() - started < 0.5


class TestFinding:
    def test_alone_it_is_the_body_itself(self) -> None:
        asked = message(OFFER)
        assert sdp_of(asked) is asked.body
        assert sdp_of(message(OFFER, "Application/SDP ; x=y")) == OFFER

    @pytest.mark.parametrize("end", [b"\r\n", b"\n"])
    def test_among_other_parts_it_is_found_byte_for_byte(self, end: bytes) -> None:
        body = end.join(
            [
                b"preamble",
                b"--b1",
                b"Content-Type: application/isup;version=x",
                b"",
                b"\x00\x01--b1\r\r",
                b"--b1  ",
                b"content-TYPE: application/sdp",
                b"Content-ID: <1>",
                b"",
                OFFER,
                b"--b1--",
                b"epilogue",
            ]
        )
        assert sdp_of(message(body, 'multipart/mixed; boundary="b1"')) == OFFER

    def test_parts_within_parts_are_searched_to_a_depth(self) -> None:
        def wrapped(body: bytes, content_type: str, depth: int) -> tuple[bytes, str]:
            for level in range(depth):
                name = f"b{level}"
                head = f"--{name}\r\nContent-Type: {content_type}\r\n\r\n".encode()
                body = head + body + f"\r\n--{name}--\r\n".encode()
                content_type = f"multipart/mixed;boundary={name}"
            return body, content_type

        assert sdp_of(message(*wrapped(OFFER, "application/sdp", 3))) == OFFER
        assert sdp_of(message(*wrapped(OFFER, "application/sdp", 4))) == b""

    def test_a_boundary_that_begins_like_another_is_another(self) -> None:
        text = b"--xy\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        inner = text + b"--xy\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--xy--"
        body = b"--x\r\nContent-Type: multipart/alternative;boundary=xy\r\n\r\n" + inner + b"\r\n--x--"
        assert sdp_of(message(body, "multipart/mixed;boundary=x")) == b"v=0\r\n"

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"", "application/sdp"),
            (OFFER, "application/isup"),
            (OFFER, ""),
            (OFFER, "multipart/mixed"),
            (OFFER, "multipart/mixed;boundary=x"),
            (b"--x--\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0", "multipart/mixed;boundary=x"),
            (b"--x\r\n\r\nno type\r\n--x--", "multipart/mixed;boundary=x"),
        ],
    )
    def test_where_there_is_none(self, body: bytes, content_type: str) -> None:
        assert sdp_of(message(body, content_type)) == b""

    def test_a_compressed_one_cannot_be_read(self) -> None:
        assert sdp_of(message(OFFER, **{"Content-Encoding": "gzip"})) == b""
        assert sdp_of(message(OFFER, **{"Content-Encoding": "identity"})) == OFFER

    @pytest.mark.parametrize("piece", [b"--x\r\n", b"\n--x", b"\r\n", b"--x\r\n\r\n"])
    def test_four_times_the_parts_take_about_four_times_as_long(self, piece: bytes) -> None:
        def best(size: int) -> float:
            """The quickest of some: what else the machine does makes none of them quicker."""
            whole = message(piece * (size // len(piece)), "multipart/mixed;boundary=x")
            taken = []
            for _ in range(7):
                started = time.thread_time()
                assert sdp_of(whole) == b""
                taken.append(time.thread_time() - started)
            return min(taken)

        assert best(65536) < 9 * best(16384) + 0.002
