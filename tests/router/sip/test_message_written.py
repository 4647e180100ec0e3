"""Messages are written so that nothing breaks out of its line, and found in a stream of bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.sip.message import (
    Message,
    MessageError,
    Request,
    Response,
    StreamParser,
    encode,
    parse,
    response,
)
from tests.router.sip.messages import INVITE, messages, minimal, refused, request, same


class TestWriting:
    def test_content_length_is_that_of_the_body(self) -> None:
        message = request()
        message.body = "zwölf".encode()
        data = encode(message)
        assert data.count(b"Content-Length") == 1
        assert data.endswith(b"Content-Length: 6\r\n\r\nzw\xc3\xb6lf")

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n", "\n\n"])
    def test_no_value_breaks_out_of_its_line(self, end: str) -> None:
        message = request()
        message.headers["Subject"] = [f"a{end}Contact: <sip:evil@b>{end}{end}x"]
        message.headers[f"X{end}Evil"] = ["y"]
        message.uri = f"sip:a@b{end}Evil: 1"
        data = encode(message)
        head, _, body = data.partition(b"\r\n\r\n")
        assert body == b"body"
        lines = head.split(b"\r\n")
        assert len(lines) == 1 + sum(map(len, message.headers.values()))
        assert not any(line.startswith((b"Contact", b"Evil")) for line in lines)
        assert not any(mark in line for line in lines for mark in (b"\r", b"\n"))
        answer = Response(480, f"gone{end}Contact: <sip:evil@b>", dict(request().headers))
        again = parse(encode(answer))
        assert again.get("Contact") == ""

    def test_text_that_is_no_unicode_is_still_written(self) -> None:
        message = request()
        message.headers["Subject"] = ["\ud800\udcff"]
        assert b"Subject: ?\xff\r\n" in encode(message)

    def test_a_response_takes_from_the_request_what_rfc_3261_says(self) -> None:
        asked = request()
        answer = response(asked, 180, to_tag="ours")
        assert (answer.status, answer.reason) == (180, "Ringing")
        for name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
            assert answer.headers[name] == asked.headers[name]
        assert answer.get("To") == "<sip:500@192.0.2.1>;tag=ours"
        assert asked.to_tag == ""
        answer.headers["Via"].pop()
        assert len(asked.headers["Via"]) == 2

    def test_a_response_keeps_the_tag_of_a_dialog_and_leaves_the_route_out_of_refusals(self) -> None:
        asked = request(INVITE.replace("t: <sip:500@192.0.2.1>", "t: <sip:500@192.0.2.1>;tag=theirs"))
        answer = response(asked, 486, "Not now", to_tag="ours")
        assert answer.get("To") == "<sip:500@192.0.2.1>;tag=theirs"
        assert answer.reason == "Not now"
        assert "Record-Route" not in answer.headers
        assert response(asked, 299).reason == "Unknown"

    def test_a_refusal_does_not_repeat_what_was_wrong_twice(self) -> None:
        twice = refused(minimal("From: <sip:a@b>", "Via: SIP/2.0/UDP 192.0.2.8")).message
        assert isinstance(twice, Request)
        answer = response(twice, 400)
        assert answer.headers["From"] == ["<sip:a@b.example>;tag=1"]
        assert len(answer.headers["Via"]) == 2

    def test_only_100_returns_the_timestamp(self) -> None:
        asked = request(minimal("Timestamp: 54"))
        assert response(asked, 100).get("Timestamp") == "54"
        assert response(asked, 200).get("Timestamp") == ""


@given(messages())
def test_what_is_written_is_read_again_unchanged(message: Message) -> None:
    again = parse(encode(message))
    assert same(again, message)
    assert encode(again) == encode(message)


class TestStream:
    @given(
        st.lists(messages(), min_size=1, max_size=4),
        st.lists(st.integers(1, 400)),
        st.sampled_from(["", "\r\n"]),
    )
    @example([Request("A", "b:c", dict(request().headers))], [1] * 1000, "\r\n")
    def test_messages_come_out_whole_however_the_stream_is_cut(
        self, sent: list[Message], cuts: list[int], between: str
    ) -> None:
        for message in sent:
            if isinstance(message, Request):
                message.headers["CSeq"] = [f"1 {message.method}"]
        data = b"".join(encode(message) + between.encode() for message in sent)
        parser = StreamParser()
        came: list[Message] = []
        for cut in cuts:
            came += parser.feed(data[:cut])
            data = data[cut:]
        came += parser.feed(data)
        assert len(came) == len(sent)
        assert all(map(same, came, sent))
        assert parser.pongs == 0

    @pytest.mark.parametrize("pieces", [[b"\r\n\r\n"], [b"\r\n", b"\r\n"], [b"\r", b"\n", b"\r", b"\n"]])
    def test_a_ping_wants_a_pong(self, pieces: list[bytes]) -> None:
        parser = StreamParser()
        for piece in pieces:
            assert parser.feed(piece) == []
        assert parser.pongs == 1
        assert len(parser.feed(b"\r\n" + encode(request()) + b"\r\n\r\n\r\n\r\n")) == 1
        assert parser.pongs == 3

    def test_a_pong_for_us_is_no_ping(self) -> None:
        parser = StreamParser()
        parser.feed(b"\r\n")
        parser.feed(encode(request()))
        parser.feed(b"\r\n")
        assert parser.pongs == 0

    def test_messages_before_the_garbage_are_not_lost(self) -> None:
        parser = StreamParser()
        with pytest.raises(MessageError) as caught:
            parser.feed(encode(request()) + b"garbage\r\n\r\n")
        assert [message.call_id for message in caught.value.earlier] == ["call-1@192.0.2.9"]

    def test_no_length_means_no_body_unless_a_body_is_announced(self) -> None:
        assert [message.body for message in StreamParser().feed(minimal().encode() * 2)] == [b"", b""]
        with pytest.raises(MessageError):
            StreamParser().feed(minimal("Content-Type: application/sdp").encode())

    @pytest.mark.parametrize(
        "data",
        [
            b"x" * 65537,
            b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 11000,
            minimal("Content-Length: 65536").encode(),
            minimal("Content-Length: 9999999999").encode(),
        ],
    )
    def test_more_than_64_kilobytes_are_too_much(self, data: bytes) -> None:
        with pytest.raises(MessageError) as caught:
            StreamParser().feed(data)
        assert caught.value.status == 513
