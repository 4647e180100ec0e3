"""Messages are read leniently, held without loss, and written so that nothing breaks out of its line."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable

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
from router.sip.names import canonical, spellings
from router.sip.reading import read_head

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


@pytest.mark.parametrize("read", [parse, read_head])
@pytest.mark.parametrize(
    "spoilt", ["INVITE sip:a SIP/2.0\r\nVia: x", "nonsense", "OPTIONS sip:a SIP/2.0\r\nFrom: <sip:b>;tag=1"]
)
def test_a_malformed_message_is_let_go_of_without_the_collector(
    read: Callable[[bytes], Message], spoilt: str
) -> None:
    """It runs between calls only: an error that holds its own frame would hold the message till then."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            with contextlib.suppress(MessageError):
                read(f"{spoilt}\r\n\r\n".encode())
        assert gc.collect() == 0
    finally:
        gc.enable()


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


class TestReading:
    def test_compact_and_odd_spellings_become_one_name(self) -> None:
        assert set(request().headers) == {
            "Via",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Record-Route",
            "X-Anything-At-All",
            "Supported",
            "Content-Length",
        }

    def test_lines_are_kept_as_they_came_and_lists_are_parted_on_demand(self) -> None:
        message = request()
        assert len(message.headers["Via"]) == 2
        assert [via.split()[1].partition(";")[0] for via in message.values("Via")] == [
            "192.0.2.9:5060",
            "192.0.2.8",
            "192.0.2.7",
        ]
        assert message.values("Supported") == ["replaces", "timer", "100rel"]
        assert message.values("Contact") == []
        assert message.get("Contact") == ""
        assert message.get("X-Anything-At-All") == "kept"

    def test_what_transactions_and_dialogs_ask_for(self) -> None:
        message = request()
        assert message.branch == "z9hG4bKabc"
        assert message.cseq == (7, "INVITE")
        assert message.call_id == "call-1@192.0.2.9"
        assert message.from_tag == "from1"
        assert message.to_tag == ""

    def test_what_is_cached_follows_a_changed_header(self) -> None:
        message = request()
        assert (message.branch, message.cseq, message.from_tag, message.to_tag) == (
            "z9hG4bKabc",
            (7, "INVITE"),
            "from1",
            "",
        )
        message.headers["Via"].insert(0, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours")
        message.headers["CSeq"] = ["8 ACK"]
        message.headers["From"] = ["<sip:x@y>;tag=2"]
        message.headers["To"] = ["<sip:x@y>;TAG=3"]
        assert (message.branch, message.cseq, message.from_tag, message.to_tag) == (
            "z9hG4bKours",
            (8, "ACK"),
            "2",
            "3",
        )
        del message.headers["Via"]
        assert message.branch == ""

    @pytest.mark.parametrize(
        ("value", "tag"),
        [
            ("<sip:a@b>;tag=x", "x"),
            ("<sip:a@b;tag=no>;other=1;tag=x", "x"),
            ("sip:a@b;tag=x", "x"),
            ('"a;tag=no>" <sip:a@b>;tag=x;more', "x"),
            ("<sip:a@b> ; Tag = x", "x"),
            ('<sip:a@b>;p=">;tag=no";tag=x', "x"),
            ("<sip:a@b;tag=no>", ""),
            ("<sip:a@b>", ""),
        ],
    )
    def test_the_tag_is_the_headers_not_that_of_uri_or_name(self, value: str, tag: str) -> None:
        assert request(INVITE.replace("<sip:500@192.0.2.1>\r\ni", f"{value}\r\ni")).to_tag == tag

    @pytest.mark.parametrize(
        ("via", "branch"),
        [
            ("SIP/2.0/UDP h;branch=x", "x"),
            ("SIP/2.0/UDP h;rport;branch=x;received=192.0.2.1", "x"),
            ("SIP / 2.0 / UDP h ; branch = x", "x"),
            ('SIP/2.0/UDP h;p=";branch=no";branch=x', "x"),
            ("SIP/2.0/UDP h;BRANCH=x", "x"),
            ("SIP/2.0/UDP h, SIP/2.0/UDP i;branch=no", ""),
            ("SIP/2.0/UDP h", ""),
        ],
    )
    def test_the_branch_is_that_of_the_topmost_via(self, via: str, branch: str) -> None:
        assert request(minimal(leave_out="Via").replace("From:", f"Via: {via}\r\nFrom:")).branch == branch

    def test_folded_lines_are_joined(self) -> None:
        message = request(minimal("Subject: one\r\n\ttwo \r\n   three", "Odd:\r\n y"))
        assert message.get("Subject") == "one two  three"
        assert message.get("Odd") == "y"

    def test_line_feeds_alone_end_lines_too(self) -> None:
        message = request(INVITE.replace("\r\n", "\n"))
        assert message.headers == request().headers
        assert message.body == b"body"

    def test_mixed_line_ends_do_not_swallow_headers_or_body(self) -> None:
        message = request(INVITE.replace("\r\nt:", "\nt:").replace("\r\n\r\nbody", "\n\r\nbody"))
        assert message.headers == request().headers
        assert message.body == b"body"

    def test_an_empty_line_of_line_feeds_ends_the_headers_though_the_body_has_another(self) -> None:
        head, _, _ = INVITE.replace("\r\n", "\n").partition("\nl: 4")
        message = request(head + "\nl: 8\n\nab\r\n\r\ncd")
        assert message.body == b"ab\r\n\r\ncd"
        assert message.get("Subject") == ""

    def test_line_breaks_before_the_message_are_ignored(self) -> None:
        assert request("\r\n\r\n\n" + INVITE).body == b"body"

    def test_a_lone_carriage_return_cannot_hide_a_header(self) -> None:
        message = request(minimal("Subject: a\rContact: <sip:evil@b>"))
        assert message.get("Contact") == ""
        assert message.get("Subject") == "a Contact: <sip:evil@b>"

    def test_invalid_bytes_and_every_script_survive_the_way_through(self) -> None:
        odd = b'"\xff\xfe\xc3( \xd0\x90\xe2\x80\xa8\xc2\x85\x1c" <sip:a@b.example>;tag=1'
        data = minimal().encode().replace(b"<sip:a@b.example>;tag=1", odd)
        assert odd in encode(parse(data))

    def test_the_body_is_cut_to_its_length_or_is_all_the_rest(self) -> None:
        assert request(INVITE + " and more").body == b"body"
        assert request(minimal(body="all the rest")).body == b"all the rest"

    def test_a_response_has_status_and_reason_in_any_script_or_none(self) -> None:
        for line, status, reason in [
            ("SIP/2.0 200 OK", 200, "OK"),
            ("SIP/2.0 480 später нет", 480, "später нет"),
            ("SIP/2.0 100 ", 100, ""),
            ("SIP/2.0 100", 100, ""),
            ("sip/2.0 699 x", 699, "x"),
        ]:
            message = parse(minimal(start=line).encode())
            assert isinstance(message, Response)
            assert (message.status, message.reason) == (status, reason)


class TestRefusals:
    @pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
    def test_a_missing_header_is_named_and_what_was_read_is_handed_on(self, name: str) -> None:
        error = refused(minimal(leave_out=name))
        assert error.status == 400
        assert name in error.problem
        assert isinstance(error.message, Request)
        assert error.message.method == "OPTIONS"
        answer = parse_or_none(encode(response(error.message, error.status, to_tag="t")))
        assert (answer is None) == (name in {"Via", "From", "To", "Call-ID", "CSeq"})

    @pytest.mark.parametrize(
        "line",
        ["From: <sip:a@b>", "To: <sip:a@b>", "Call-ID: 2", "CSeq: 1 OPTIONS", "Content-Length: 0\r\nl: 0"],
    )
    def test_what_may_occur_once_may_not_occur_twice(self, line: str) -> None:
        assert refused(minimal(line)).status == 400

    def test_the_method_of_cseq_must_be_that_of_the_request(self) -> None:
        error = refused(minimal(start="INVITE sip:a@b SIP/2.0"))
        assert (error.status, error.message is not None) == (400, True)
        assert isinstance(parse(minimal(start="SIP/2.0 200 OK").encode()), Response)

    @pytest.mark.parametrize("length", ["5", "99999999999999999999", "-1", "4.0", "", "٤", "4, 4", "0x4"])
    def test_a_content_length_that_is_wrong_is_refused_with_a_message_to_answer(self, length: str) -> None:
        error = refused(INVITE.replace("l: 4", f"l: {length}"))
        assert (error.status, error.message is not None) == (400, True)

    def test_another_version_of_sip_is_505(self) -> None:
        error = refused(minimal(start="OPTIONS sip:a@b SIP/7.0"))
        assert (error.status, error.message is not None) == (505, True)

    @pytest.mark.parametrize(
        "cseq", ["", "1", "OPTIONS", "-1 OPTIONS", "4294967296 OPTIONS", "9" * 99 + " OPTIONS", "١ OPTIONS"]
    )
    def test_a_cseq_that_cannot_be_read(self, cseq: str) -> None:
        assert refused(minimal(f"CSeq: {cseq}", leave_out="CSeq")).status == 400

    @pytest.mark.parametrize(
        "line",
        [
            "no colon here",
            "Bad Name: x",
            ": x",
            "Nämé: x",
            "\x00: x",
            "Subject: " + "x" * 9000,
        ],
    )
    def test_a_line_that_is_no_header_is_refused_but_the_rest_is_read(self, line: str) -> None:
        error = refused(minimal(line))
        assert error.status == 400
        assert error.message is not None
        assert error.message.call_id == "1"

    def test_two_hundred_headers_are_enough(self) -> None:
        assert len(request(minimal(*["X: 1"] * 195)).values("Session-Expires")) == 195
        error = refused(minimal(*["X: 1"] * 196))
        assert "200" in error.problem

    def test_a_long_request_uri_is_414(self) -> None:
        assert refused(minimal(start=f"OPTIONS sip:{'a' * 9000}@b SIP/2.0")).status == 414

    def test_a_head_that_never_ends_is_refused(self) -> None:
        error = refused(minimal().rstrip("\r\n"))
        assert error.message is not None
        assert error.message.call_id == "1"

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\r\n\r\n",
            b"\x00" * 20,
            b"\x00\x01\x00\x08!\x12\xa4B0123456789ab",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"SIP/2.0 99 x\r\n\r\n",
            b"SIP/2.0 4294967301 x\r\n\r\n",
            b"SIP/3.0 200 OK\r\n\r\n",
        ],
    )
    def test_what_is_not_sip_has_nothing_to_answer_or_no_via_to_answer_to(self, data: bytes) -> None:
        message = refused(data).message
        assert message is None or "Via" not in message.headers


def parse_or_none(data: bytes) -> Message | None:
    try:
        return parse(data)
    except MessageError:
        return None


class TestNames:
    def test_strangers_cannot_fill_the_memory_with_spellings(self) -> None:
        for number in range(5000):
            assert canonical(f"x-STRANGE-{number}") == f"X-Strange-{number}"
            canonical("y" * 100 + str(number))
        assert len(spellings) <= 1024
        assert max(map(len, spellings)) <= 40

    @given(st.text(alphabet="abCD-.!%*_+`'~09", min_size=1))
    def test_the_canonical_name_is_its_own(self, spelling: str) -> None:
        name = canonical(spelling)
        assert canonical(name) == name
        assert canonical(spelling.swapcase()) == name


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
