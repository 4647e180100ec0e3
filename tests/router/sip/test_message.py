"""Messages are read leniently and held without loss."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.sip.message import (
    Message,
    MessageError,
    Request,
    Response,
    encode,
    parse,
    response,
)
from router.sip.names import canonical, spellings
from router.sip.reading import read_head
from tests.router.sip.messages import INVITE, minimal, refused, request


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
