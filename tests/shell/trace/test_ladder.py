"""A call as a ladder."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shell.safe import safe
from shell.term import width
from shell.trace.ladder import ladder
from shell.trace.record import Record
from tests.shell.trace.messages import CALLER, MIA, RECORDS, SDP, START, a_call, message, sip

ARROW = (">|", "|<")


def drawn(records: list[Record], columns: int) -> list[str]:
    """The lines of messages."""
    return [line for line in ladder(records, columns) if any(each in line for each in ARROW)]


def test_everybody_has_a_column_when_the_screen_is_wide() -> None:
    title, names, addresses, *lines = ladder(a_call(), 132)
    assert title == f"Call {a_call()[0].call}, 2025-11-22 21:35:12, 13 messages in 9.501 s"
    assert names.split() == ["caller", "0791234567", "Callisto", "mia", "kim", "media", "server"]
    assert addresses.split() == ["10.0.0.9:5070", "10.0.0.21:5060", "10.0.0.22:5060", "127.0.0.1:4000"]
    assert lines[0].lstrip().startswith("0.000 ")
    assert "INVITE SDP" in lines[0]
    assert lines[0].count("|") == 5


def test_the_title_says_how_long_it_took_on_a_narrow_screen_too() -> None:
    title = ladder(a_call(), 80)[0]
    assert title == f"Call {a_call()[0].call}, 21:35:12, 13 messages in 9.501 s"


def test_an_arrow_goes_from_who_sent_to_who_got_it() -> None:
    lines = drawn(a_call(), 132)
    assert "INVITE SDP" in lines[0]
    assert lines[0].index("INVITE") < lines[0].index(">|") < lines[0].rindex("|")
    assert lines[1].index("|<") < lines[1].index("100 Trying")
    assert lines[4].index(">|") > lines[0].index(">|")
    assert "486 Busy Here" in lines[8]
    assert lines[8].index("|<") == lines[0].index(">|") + 1


def test_times_count_from_the_start_and_gaps_are_shown() -> None:
    lines = drawn(a_call(), 132)
    assert lines[-2].split()[:2] == ["9.500", "+3.999"]
    assert drawn(a_call(), 50)[-2].split()[0] == "9.500"


def test_what_is_sent_again_is_marked() -> None:
    assert [("(again)" in line) for line in drawn(a_call(), 132)] == [*[False] * 5, True, *[False] * 7]
    assert "INVITE (again)" in "\n".join(ladder(a_call(), 80))


def test_steps_of_the_call_stand_between_the_messages_and_are_wrapped() -> None:
    lines = ladder(a_call(), 80)
    at = next(index for index, line in enumerate(lines) if "* 0791234567 calls 300" in line)
    assert "assistant 1 of 3, Mia, rings" in " ".join(lines[at : at + 2]).replace("  ", "")
    assert "100 Trying" in lines[at - 1]


def test_whoever_has_no_column_is_named_at_his_messages() -> None:
    lines = ladder(a_call(), 80)
    assert lines[1].split()[-2:] == ["2", "others"]
    text = "\n".join(lines)
    assert "kim: 486 Busy Here" in text
    assert "media server: INVITE SDP" in text
    assert len(drawn(a_call(), 80)) == 13


def test_a_pbx_that_is_both_sides_of_a_call_is_one_column_and_its_legs_are_named() -> None:
    pbx = "10.0.0.5:5060"
    first = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=SDP)
    on = message("INVITE sip:21@10.0.0.5 SIP/2.0", "c2", "1 INVITE", asked="21", sdp=SDP)
    title, names, _, *lines = ladder(
        [sip(0, "in", pbx, first, leg="c1"), sip(1, "out", pbx, on, leg="c2")], 80
    )
    assert names.split() == ["caller", "10.0.0.5", "Callisto"]
    assert "2 messages" in title
    assert "0791234567: INVITE" in lines[0]
    assert "21: INVITE" in lines[1]
    assert "|<" in lines[1]


def test_who_sends_from_another_port_than_he_listens_on_is_one_column() -> None:
    invite = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=SDP)
    trying = message("SIP/2.0 100 Trying", "c1", "1 INVITE")
    lines = ladder(
        [sip(0, "in", "10.0.0.9:33333", invite, leg="c1"), sip(0, "out", CALLER, trying, leg="c1")], 80
    )
    assert lines[-1].count("|") == 2


def test_a_trace_that_began_in_the_middle_of_a_call_names_the_phone_all_the_same() -> None:
    ok = message("SIP/2.0 200 OK", "c2", "7 INVITE", asked="mia", tag="m")
    _, names, *_ = ladder([sip(0, "in", MIA, ok, leg="c2")], 80)
    assert names.split() == ["mia", "Callisto"]


def test_text_of_a_peer_cannot_steer_the_terminal() -> None:
    evil = message("SIP/2.0 486 \x1b]0;x\x07\u202e", "c2", "1 INVITE", asked="\x1b[2J", tag="m")
    lines = ladder([sip(0, "in", MIA, evil, leg="c2")], 80)
    assert all(safe(line) == line for line in lines)


def test_a_capture_without_a_call_says_so() -> None:
    assert ladder([], 80) == ["There is nothing to draw: no SIP message and no step of a call."]


@given(st.lists(RECORDS, max_size=12), st.integers(24, 200))
def test_whatever_the_records_each_message_is_drawn_once_within_the_width(
    records: list[Record], columns: int
) -> None:
    lines = ladder(records, columns)
    assert all(width(line) <= columns for line in lines)
    assert all(safe(line) == line and "\n" not in line and "\t" not in line for line in lines)
    heading = 3 if records else 0
    messages = [record for record in records if record.sip is not None]
    only = ladder(messages, columns)
    assert not messages or len(only) == heading + len(messages)


@given(st.lists(RECORDS, max_size=8))
def test_the_order_of_a_capture_does_not_matter(records: list[Record]) -> None:
    apart = [replace(record, at=START + index) for index, record in enumerate(records)]
    assert ladder(apart, 100) == ladder(apart[::-1], 100)
