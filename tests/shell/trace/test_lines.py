"""A record as a line of the live view."""

from __future__ import annotations

import time
from datetime import UTC
from zoneinfo import ZoneInfo

from hypothesis import given

from shell.safe import safe
from shell.trace.lines import line, lines
from shell.trace.record import Record
from tests.shell.trace.messages import CALL, CALLER, RECORDS, SDP, START, message, sip

INVITE = sip(0.25, "in", CALLER, message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=SDP))


def test_a_line_says_when_who_which_call_and_what() -> None:
    record = Record(START + 0.5, "router", "info", "call", "manager away", CALL)
    assert line(record, ZoneInfo("Europe/Zurich")) == "22:35:12.500 router   3f2a91c0  manager away"


def test_a_level_is_said_unless_it_is_info() -> None:
    warning = Record(START, "web", "warning", "log", "a slow reader")
    assert line(warning, UTC) == "21:35:12.000 web      WARNING a slow reader"


def test_a_sip_message_has_an_arrow_and_its_peer() -> None:
    assert (
        line(INVITE, UTC)
        == "21:35:12.250 router   3f2a91c0  <- udp 10.0.0.9:5070  INVITE sip:300@10.0.0.1 SIP/2.0"
    )


def test_the_whole_message_is_below_its_line() -> None:
    first, *rest = lines(INVITE, UTC)
    assert first == line(INVITE, UTC)
    assert rest[0] == "    INVITE sip:300@10.0.0.1 SIP/2.0"
    assert rest[-1] == "    m=audio 4000 RTP/AVP 8"


def test_a_mark_stands_out() -> None:
    assert line(Record(START, "shell", "info", "mark", "now!"), UTC).endswith("---- now!")


@given(RECORDS)
def test_no_record_can_steer_a_terminal(record: Record) -> None:
    for text in lines(record, UTC):
        assert safe(text) == text
        assert "\n" not in text


def test_twenty_thousand_lines_a_second_are_made() -> None:
    began = time.process_time()
    for _ in range(10_000):
        line(INVITE, UTC)
    assert time.process_time() - began < 0.5
