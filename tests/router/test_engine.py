"""The engine on a SIP side and a clock that tests play."""

from __future__ import annotations

import gc
from dataclasses import fields
from datetime import timedelta
from typing import get_args, get_type_hints

import pytest

from router.admission import RETRY_AFTER
from router.commands import Command
from router.engine import Engine
from router.events import Event
from router.flow import step
from router.legs import SILENCE
from router.model import Contact, Group, Settings, ShowVip, VipEntry
from router.ports import Identity
from router.state import Changes, Flow, Turn
from router.talking import LONGEST_TALK
from tests.fakes.clock import START, FakeClock
from tests.fakes.records import KeptRecords, Published
from tests.fakes.signalling import FakeSignalling
from tests.router.office import AGAIN, AWAY, group, office, overflow_to, person


class House:
    """An engine with everything around it."""

    def __init__(
        self, *groups: Group, capacity: int = 2048, sip: FakeSignalling | None = None, **table: object
    ) -> None:
        self.sip = sip or FakeSignalling(capacity)
        self.clock = FakeClock()
        self.records = KeptRecords()
        self.published = Published()
        self.engine = Engine(self.sip, self.clock, self.records, self.published, office(*groups, **table))
        self.sip.listener = self.engine

    def steps(self) -> list[str]:
        (record,) = self.records.kept
        return [step["text"] for step in record["steps"]]

    def is_quiet(self) -> bool:
        """No call, no timer, no leg is left."""
        return self.engine.calls_now == 0 and self.clock.running == 0 and self.sip.legs_in_use == 0


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


# Room for calls.


def test_four_legs_carry_one_call_with_two_phones_and_refuse_the_next_with_503() -> None:
    house = House(group(assistants=["B"], ring_parallel=True), capacity=4)
    first = house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M", "B"]
    second = house.sip.invite("200")
    refused = house.sip.legs[second]
    assert (refused.status, refused.retry_after) == (503, RETRY_AFTER)
    assert house.engine.refused_busy == 1
    house.sip.hang_up(first)
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M", "B"]


def test_hunt_on_four_legs_waits_for_the_leg_of_a_cancelled_phone() -> None:
    people = ["B", "C"]
    house = House(
        group(assistants=people, ring_parallel=True, manager_timeout=20, assistant_timeout=20), capacity=4
    )
    house.sip.slow_to_die = True
    house.sip.invite("200")
    house.clock.advance(20)
    assert house.sip.ringing_phones() == []
    house.sip.forget_all()
    house.clock.advance(0.1)
    assert house.sip.ringing_phones() == ["C"]


def test_phone_is_given_up_when_no_leg_gets_free() -> None:
    people = ["B", "C"]
    house = House(
        group(assistants=people, ring_parallel=True, manager_timeout=20, assistant_timeout=20), capacity=4
    )
    house.sip.slow_to_die = True
    caller = house.sip.invite("200")
    house.clock.advance(26)
    assert house.sip.legs[caller].status == 486
    assert house.steps()[-2].endswith(
        "assistant 2 of 2, C, cannot be rung: no call leg is free (3 of 4 in use)"
    )
    assert house.clock.running == 0


def test_caller_who_hangs_up_while_a_leg_is_waited_for_rings_nobody_any_more() -> None:
    house = House(
        group(assistants=["B", "C"], ring_parallel=True, manager_timeout=5, assistant_timeout=5), capacity=4
    )
    house.sip.slow_to_die = True
    caller = house.sip.invite("200")
    house.clock.advance(5)
    house.sip.hang_up(caller)
    house.sip.forget_all()
    house.clock.advance(60)
    assert house.sip.dialled() == ["M", "B"]
    assert house.is_quiet()


def test_capacity_is_never_exceeded_and_everybody_refused_is_told() -> None:
    house = House(group(assistants=["B", "C"], ring_parallel=True), capacity=64)
    callers = [house.sip.invite("200") for _ in range(40)]
    taken = [leg for leg in callers if house.sip.legs[leg].status == 0]
    assert len(taken) == 21  # 3 legs each, one kept free
    assert house.engine.refused_busy == 19
    for _ in taken:
        house.sip.answers("M")
    more = [house.sip.invite("200") for _ in range(10)]
    assert sum(house.sip.legs[leg].status == 0 for leg in more) == 7


# Tables.


def test_new_table_is_for_new_calls() -> None:
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20))
    house.sip.invite("200")
    house.engine.use(office(group()))
    house.clock.advance(20)
    assert house.sip.ringing_phones() == ["C"]
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["C", "M"]


# What watchers see.


def test_every_step_is_published_as_it_happens() -> None:
    house = House(group(AWAY, ["B"], assistant_timeout=20))
    caller = house.sip.invite("200")
    house.sip.rings("B")
    house.clock.advance(3)
    house.sip.answers("B")
    house.sip.hang_up(caller)
    seen = [(data["event"], data["at_s"], data["text"]) for data in house.published.of("call")]
    assert seen == [
        ("step", 0.0, "0441234567 calls 200 (Board)"),
        ("step", 0.0, "manager away: assistant 1 of 1, B, rings"),
        ("answered", 3.0, "B"),
        (
            "step",
            3.0,
            "manager away: assistant 1 of 1, B, answered after 3 s, speech from phone to phone",
        ),
        ("step", 3.0, "connected for 0 s, then the caller hung up"),
        ("ended", 3.0, "answered"),
    ]


def test_assistants_see_the_call_until_it_is_answered() -> None:
    house = House(group(assistants=["B", "C"]))
    house.sip.invite("200", "0791234567", "Frei")
    (notice,) = house.published.of("notice")
    assert notice.pop("id")
    assert notice == {
        "event": "ringing",
        "group": "Board",
        "to": ["B", "C"],
        "manager": "M",
        "caller": "0791234567",
        "caller_name": "Frei",
        "anonymous": False,
        "vip": False,
        "elapsed_s": 0.0,
        "ringing": ["M"],
        "why": "manager available",
    }
    house.clock.advance(4)
    house.sip.answers("M")
    taken = house.published.of("notice")[-1]
    assert taken.pop("id")
    assert taken == {
        "event": "answered",
        "group": "Board",
        "to": ["B", "C"],
        "by": "M",
        "by_user": "M",
        "elapsed_s": 4.0,
    }


def test_assistants_are_told_why_a_call_is_withdrawn() -> None:
    house = House(group(assistants=["B", "C"]))
    house.sip.hang_up(house.sip.invite("200"))
    withdrawn = house.published.of("notice")[-1]
    assert (withdrawn["event"], withdrawn["why"]) == ("withdrawn", "the caller hung up")


def test_vip_may_be_shown_without_his_identity() -> None:
    house = House(group(assistants=["B"], vip_entries=(VipEntry("079T"),), show_vip_calls=ShowVip.ANONYMOUS))
    house.sip.invite("200", "0791234567", "Frei")
    (notice,) = house.published.of("notice")
    assert (notice["caller"], notice["caller_name"], notice["vip"]) == ("", "", True)


# When something breaks.


class Broken(FakeSignalling):
    """A SIP side that fails in one place, as often as told."""

    at, times = "", 0

    def dial(self, *arguments: object, **options: object) -> None:
        self._fail("dial")
        super().dial(*arguments, **options)  # type: ignore[arg-type]

    def connect(self, *arguments: object) -> None:
        self._fail("connect")
        super().connect(*arguments)  # type: ignore[arg-type]

    def alert(self, *arguments: object) -> None:
        self._fail("alert")
        super().alert(*arguments)  # type: ignore[arg-type]

    def release(self, *arguments: object) -> None:
        super().release(*arguments)  # type: ignore[arg-type]
        self._fail("release")

    def _fail(self, at: str) -> None:
        if self.at == at and self.times:
            self.times -= 1
            raise RuntimeError("out of order")


@pytest.mark.parametrize("at", ["dial", "alert", "connect", "release"])
def test_error_in_one_call_ends_that_call_on_both_sides_and_no_other(at: str) -> None:
    broken = Broken()
    house = House(group(assistants=["B"], ring_parallel=True), sip=broken)
    other = broken.invite("200")
    broken.answers("M")
    broken.at, broken.times = at, 2
    caller = broken.invite("200")
    for _ in range(2):
        if at != "dial" and not broken.legs[caller].is_over:
            broken.rings("M")
        if at in {"connect", "release"}:
            broken.answers("M")
        if at == "release":
            broken.hang_up(caller)
            break
    (record,) = house.records.kept
    assert (record["result"], record["status"]) == ("failed", 200 if at == "release" else 500)
    assert record["steps"][-1]["text"] == "an error in the router: the call is ended"
    assert broken.legs[caller].is_over
    assert not broken.ringing_phones()
    assert broken.legs[other].state == "connected"
    assert house.engine.calls_now == 1
    broken.hang_up(other)
    assert house.is_quiet()


@pytest.mark.parametrize("at", ["dial", "alert", "connect"])
def test_after_an_error_the_managers_phone_is_rung_once(at: str) -> None:
    broken = Broken()
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20), sip=broken)
    broken.at, broken.times = at, 1
    caller = broken.invite("200")
    if at != "dial":
        broken.rings("B")
    if at == "connect":
        broken.answers("B")
    assert broken.ringing_phones() == ["M"]
    assert house.engine.fail_safe == 1
    broken.answers("M")
    broken.hang_up(caller)
    (record,) = house.records.kept
    assert (record["result"], record["agent"]) == ("answered", "M")
    assert "an error in the router: the rules are left aside" in house.steps()
    assert "the group's data cannot be used, so the manager's phone is rung: M rings" in house.steps()
    assert house.is_quiet()


@pytest.mark.parametrize("failing", [1, 2])
def test_rules_that_fail_in_the_midst_of_a_call_leave_it_to_the_managers_phone(
    failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20))
    caller = house.sip.invite("200")
    house.sip.rings("B")
    left = [failing]

    def fails(flow: Flow, event: Event) -> Turn:
        if left[0]:
            left[0] -= 1
            raise KeyError("a rule")
        return step(flow, event)

    monkeypatch.setattr("router.engine.step", fails)
    house.clock.advance(20)
    if failing == 1:
        assert house.sip.ringing_phones() == ["M"]
        assert house.published.of("notice")[-1]["why"] == "an error"
        house.clock.advance(180)
        assert house.steps()[-1] == (
            "the manager did not take the call: the caller gets 480 Temporarily Unavailable"
        )
    else:
        assert house.sip.legs[caller].status == 500
    assert house.is_quiet()


def test_caller_who_hangs_up_is_not_replaced_by_a_ringing_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(flow: Flow, event: Event) -> Turn:
        raise KeyError("a rule")

    house = House(group(AWAY, ["B"]))
    caller = house.sip.invite("200")
    monkeypatch.setattr("router.engine.step", fails)
    house.sip.hang_up(caller)
    assert house.sip.dialled() == ["B"]
    assert house.records.kept[0]["result"] == "failed"
    assert house.is_quiet()


def test_group_whose_data_cannot_be_used_sends_its_calls_to_the_managers_phone() -> None:
    torn = group(AWAY, ["B"], vip_threshold=None)
    house = House(torn, contacts=(Contact("Frei", ("0441234567",), 3),))
    caller = house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M"]
    house.sip.refuses("M", 486)
    assert house.sip.legs[caller].status == 486
    assert "the group's data cannot be used" in house.steps()[1]
    assert house.engine.fail_safe == 1
    assert house.is_quiet()


def test_manager_without_an_address_is_reached_by_his_number() -> None:
    house = House(group(person("M", address="", number="20")))
    house.sip.invite("200")
    assert house.sip.phone("20").uri == "sip:20@127.0.0.1:5080;transport=udp"


def test_group_that_is_of_no_use_at_all_refuses_its_calls() -> None:
    torn = group(person("M", address=""), ["B"], vip_threshold=None)
    house = House(torn, contacts=(Contact("Frei", ("0441234567",), 3),))
    caller = house.sip.invite("200")
    assert house.sip.legs[caller].status == 500
    assert house.records.kept[0]["result"] == "failed"
    assert house.is_quiet()


def test_records_and_watchers_that_fail_hurt_no_call(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def append(self, record: dict[str, object]) -> None:
            raise OSError("no space left on device")

    class Deaf:
        def is_watched(self, topic: str) -> bool:
            return True

        def publish(self, topic: str, data: dict[str, object]) -> None:
            raise RuntimeError("nobody listens")

    sip, clock = FakeSignalling(), FakeClock()
    engine = Engine(sip, clock, Full(), Deaf(), office(group()))
    sip.listener = engine
    caller = sip.invite("200")
    sip.answers("M")
    assert sip.legs[caller].state == "connected"
    sip.hang_up(caller)
    assert engine.records_failed == 1
    assert engine.calls_now == 0
    assert "no space left on device" in caplog.text


def test_the_log_tells_a_whole_call_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    house = House(group(assistants=["B"], manager_timeout=20))
    caller = house.sip.invite("200")
    house.clock.advance(20)
    house.sip.hang_up(caller)
    (line,) = caplog.messages
    assert line.endswith(": " + "; ".join(house.steps()))


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
