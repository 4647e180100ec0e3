"""The engine with calls, phones and tables; what breaks, who waits and who watches are in files beside it."""

from __future__ import annotations

import gc
from dataclasses import fields
from datetime import timedelta
from typing import get_args, get_type_hints

import pytest

from router.commands import Command
from router.legs import SILENCE
from router.model import Contact, Settings, VipEntry
from router.ports import Identity
from router.state import Changes, Flow
from router.talking import LONGEST_TALK
from tests.fakes.clock import START
from tests.router.house import House
from tests.router.office import AGAIN, AWAY, group, office, overflow_to, person


def test_call_is_answered_and_leaves_a_record() -> None:
    house = House(group(assistants=["B"]))
    caller = house.sip.invite("200", "0791234567", "Frei")
    assert house.sip.ringing_phones() == ["M"]
    house.sip.rings("M")
    assert house.sip.legs[caller].state == "alerting"
    house.clock.advance(4)
    house.sip.answers("M")
    assert house.sip.legs[caller].state == "connected"
    house.clock.advance(60.5)
    house.sip.hang_up(caller)
    (record,) = house.records.kept
    assert {key: record[key] for key in record if key not in {"id", "steps"}} == {
        "started": "2026-11-22T10:00:00+00:00",
        "ended": "2026-11-22T10:01:04.500000+00:00",
        "answered": "2026-11-22T10:00:04+00:00",
        "caller": "0791234567",
        "caller_raw": "0791234567",
        "caller_name": "Frei",
        "dialled": "200",
        "group": "Board",
        "vip": False,
        "result": "answered",
        "status": 200,
        "agent": "M",
        "talk_s": 60.5,
        "ring_s": 4.0,
    }
    assert house.steps() == [
        "Frei (0791234567) calls 200 (Board)",
        "manager available: M rings",
        "manager available: M answered after 4 s, speech from phone to phone",
        "connected for 60 s, then the caller hung up",
    ]
    assert house.is_quiet()


# Calls that reach no group.


def test_unknown_number_is_not_found_and_recorded() -> None:
    house = House(group())
    caller = house.sip.invite("999")
    assert house.sip.legs[caller].status == 404
    assert house.steps() == ["0441234567 calls 999, no group has this number: the caller gets 404 Not Found"]
    assert house.records.kept[0]["result"] == "refused"
    assert [data["event"] for data in house.published.of("call")] == ["step", "ended"]
    assert house.is_quiet()


def test_group_is_found_by_its_number_however_it_is_written() -> None:
    house = House(group(manager_number="+41 44 200 00 00"))
    house.sip.invite("0041442000000")
    assert house.sip.ringing_phones() == ["M"]


def test_scanner_does_not_fill_the_spool() -> None:
    house = House(group())
    for number in range(100):
        house.sip.invite(f"9{number}")
    assert len(house.records.kept) == 20
    assert house.engine.refusals_unrecorded == 80
    house.clock.advance(1)
    house.sip.invite("999")
    assert len(house.records.kept) == 21


def test_text_from_outside_cannot_bring_line_ends_into_the_trace() -> None:
    house = House(group())
    caller = house.sip.invite("200", "044\r\nadmin logged in", "Ev\x1b[31mil\u202e")
    house.sip.hang_up(caller)
    (record,) = house.records.kept
    assert record["caller"] == "044 admin logged in"
    assert record["caller_name"] == "Ev [31mil"
    assert all(step["text"].isprintable() for step in record["steps"])


# Who calls, and what the phones show.


def test_caller_is_shown_stripped_and_recorded_raw() -> None:
    house = House(group(), settings=Settings(strip_caller_id=1), contacts=(Contact("Frei", ("0791234567",)),))
    house.sip.hang_up(house.sip.invite("200", "00791234567", "unknown"))
    (record,) = house.records.kept
    assert (record["caller"], record["caller_raw"]) == ("0791234567", "00791234567")
    assert record["caller_name"] == "Frei"
    assert house.sip.phone("M").caller == Identity("0791234567", "Frei")


def test_phones_show_the_dialled_number_when_the_caller_is_not_passed_on() -> None:
    house = House(group(), settings=Settings(transfer_with_caller_id=False))
    house.sip.invite("200")
    assert house.sip.phone("M").caller == Identity("200", "Board")


def test_vip_list_is_read_at_the_time_of_the_call() -> None:
    board = group(AWAY, ["B"], vip_entries=(VipEntry("079T", expires=START + timedelta(hours=1)),))
    house = House(board)
    house.sip.hang_up(house.sip.invite("200", "0791234567"))
    house.clock.advance(3600)
    house.sip.hang_up(house.sip.invite("200", "0791234567"))
    assert house.sip.dialled() == ["M", "B"]
    assert [record["vip"] for record in house.records.kept] == [True, False]


def test_contact_of_high_rank_is_a_vip() -> None:
    house = House(group(AWAY, ["B"], vip_threshold=5), contacts=(Contact("Frei", ("+41791234567",), 7),))
    house.sip.hang_up(house.sip.invite("200", "0041 79 123 45 67"))
    assert house.sip.dialled() == ["M"]
    assert house.steps()[0].endswith("VIP: contact of rank 7, threshold 5")


def test_assistant_who_calls_is_known_by_his_number() -> None:
    house = House(group(AWAY, [person("B", number="21"), "C"]))
    house.sip.invite("200", "21")
    assert house.sip.ringing_phones() == ["C"]


# Phones.


def test_number_is_reached_through_the_trunk() -> None:
    house = House(group(person("M", address="201")))
    house.sip.invite("200")
    assert house.sip.phone("201").uri == "sip:201@127.0.0.1:5080;transport=udp"


def test_phone_that_cannot_be_reached_is_passed_over_and_the_reason_is_told() -> None:
    people = [person("B", address="sip:b@pbx.example"), "C"]
    house = House(group(person("M", address="201"), people), peers=())
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["C"]
    live = [data["text"] for data in house.published.of("call", "step")]
    assert (
        "manager available: M cannot be rung: no trunk to a PBX is set, so number 201 has no way out" in live
    )
    assert (
        "manager not reached: assistant 1 of 2, B, cannot be rung: host pbx.example has no known address"
        in live
    )


def test_office_whose_phones_are_all_unreachable_comes_to_an_end() -> None:
    house = House(group(person("M", address="201"), [person("B", address="202")], overflow=AGAIN), peers=())
    caller = house.sip.invite("200")
    assert house.sip.legs[caller].status == 486
    assert house.is_quiet()


def test_leg_of_which_nothing_is_heard_is_given_up() -> None:
    house = House(group(AWAY, ["B", "C"]))
    house.sip.invite("200")
    house.clock.advance(SILENCE)
    assert house.sip.ringing_phones() == ["C"]
    assert house.sip.phone("B").state == "released"


def test_leg_that_rings_is_not_given_up() -> None:
    house = House(group(AWAY, ["B", "C"]))
    house.sip.invite("200")
    house.sip.rings("B")
    house.clock.advance(SILENCE + 1)
    assert house.sip.ringing_phones() == ["B"]


def test_loser_of_two_answers_is_released_once() -> None:
    house = House(group(assistants=["B"], ring_parallel=True))
    caller = house.sip.invite("200")
    house.sip.answers("B")
    house.sip.answers("M")
    manager, assistant = house.sip.phone("M"), house.sip.phone("B")
    assert [said for said in house.sip.said if said[1] == manager.id][1:] == [("release", manager.id)]
    house.sip.hang_up(assistant.id)
    assert house.sip.legs[caller].state == "released"
    assert house.records.kept[0]["agent"] == "B"
    assert house.is_quiet()


@pytest.mark.parametrize("state", ["dialled", "ringing", "hunted", "overflow", "connected"])
def test_caller_may_hang_up_in_every_state(state: str) -> None:
    house = House(
        group(assistants=["B"], manager_timeout=10, assistant_timeout=10, overflow=overflow_to("900"))
    )
    caller = house.sip.invite("200")
    if state == "ringing":
        house.sip.rings("M")
    if state in {"hunted", "overflow"}:
        house.clock.advance(10)
    if state == "overflow":
        house.clock.advance(10)
        assert house.sip.ringing_phones() == ["900"]
    if state == "connected":
        house.sip.answers("M")
    house.sip.hang_up(caller)
    (record,) = house.records.kept
    assert record["result"] == ("answered" if state == "connected" else "abandoned")
    assert house.is_quiet()


# Tables.


def test_new_table_is_for_new_calls() -> None:
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20))
    house.sip.invite("200")
    house.engine.use(office(group()))
    house.clock.advance(20)
    assert house.sip.ringing_phones() == ["C"]
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["C", "M"]


def test_closing_ends_every_call_with_a_record() -> None:
    house = House(group(assistants=["B"], manager_timeout=20))
    talking = house.sip.invite("200")
    house.sip.answers("M")
    waiting = house.sip.invite("200")
    house.engine.close()
    assert house.sip.legs[talking].state == "released"
    assert house.sip.legs[waiting].status == 503
    assert [(record["result"], record["status"]) for record in house.records.kept] == [
        ("failed", 200),
        ("failed", 503),
    ]
    assert house.is_quiet()


def test_call_that_was_forgotten_is_ended_on_both_sides() -> None:
    house = House(group())
    caller = house.sip.invite("200")
    house.sip.answers("M")
    house.clock.advance(LONGEST_TALK)
    assert house.sip.legs[caller].state == house.sip.phone("M").state == "released"
    assert house.is_quiet()


def test_finished_calls_leave_no_rings_of_objects_behind() -> None:
    """The collector is off in the router: PJSUA2 objects must not die where it happens to run."""
    house = House(group(assistants=["B", "C"], ring_parallel=True, manager_timeout=5, assistant_timeout=5))

    def call(*, end: str) -> None:
        caller = house.sip.invite("200")
        house.sip.rings("M")
        house.clock.advance(6 if end == "refused" else 1)
        if end == "answered":
            house.sip.answers("B")
        house.clock.advance(30 if end == "refused" else 1)
        house.sip.hang_up(caller)

    gc.collect()
    gc.disable()
    try:
        for end in ["answered", "refused", "abandoned"] * 10:
            call(end=end)
        assert len(house.records.kept) == 30
        assert gc.collect() < 30
    finally:
        gc.enable()


def test_setting_the_clock_bends_no_duration() -> None:
    house = House(group())
    caller = house.sip.invite("200")
    house.sip.answers("M")
    house.clock.set_by = timedelta(days=-1)
    house.clock.advance(30)
    house.sip.hang_up(caller)
    (record,) = house.records.kept
    assert record["talk_s"] == 30
    assert record["ended"] == "2026-11-22T10:00:30+00:00"


def test_facts_count_calls() -> None:
    house = House(group())
    callers = [house.sip.invite("200") for _ in range(3)]
    for caller in callers:
        house.sip.hang_up(caller)
    house.sip.invite("999")
    engine = house.engine
    assert (engine.calls_now, engine.calls_total, engine.peak, engine.refused_busy) == (0, 4, 3, 0)


def test_every_command_can_be_carried_out() -> None:
    assert set(House(group()).engine._performer.ways) == set(get_args(Command))


def test_every_field_of_a_flow_that_changes_is_known_as_such() -> None:
    kept = {"call", "opening", "lines"}
    assert {field.name for field in fields(Flow)} - kept == set(get_type_hints(Changes))
