"""Application forwarding, line forwarding, and calls that would go round."""

from __future__ import annotations

from typing import Any

import pytest

from router.commands import Result
from router.model import ForwardKind, Presence, Settings, VipRouting
from tests.router.house import House
from tests.router.office import (
    AVAILABLE,
    AWAY,
    Script,
    forwarded_to,
    group,
    house,
    overflow_to,
    person,
)


def boss(target: str, presence: Presence = AVAILABLE) -> dict[str, Any]:
    """A manager whose calls are forwarded by this system."""
    return {"manager": person("M", presence, forwards=forwarded_to(target))}


# Application forwarding.


@pytest.mark.parametrize("presence", [AVAILABLE, AWAY])
def test_number_rings_in_the_managers_place(presence: Presence) -> None:
    call = Script(group(**boss("0791112233", presence), assistants=["B"], manager_timeout=10))
    assert call.offered() == ["Ring 0791112233"]
    assert call.waits(10) == ["stop 0791112233", "Ring B"]
    assert call.told()[1] == "manager's calls are forwarded: number 0791112233 rings"
    assert "not taken where the manager's calls are forwarded to: assistant 1 of 1, B, rings" in call.told()


@pytest.mark.parametrize("status", [486, 404])
def test_number_that_does_not_take_the_call_gives_way_to_the_assistants(status: int) -> None:
    call = Script(group(**boss("0791112233"), assistants=["B"]))
    call.offered()
    assert call.refuses("0791112233", status) == ["Ring B"]
    assert call.told()[-1].startswith("not taken where the manager's calls are forwarded to: assistant 1")


def test_call_taken_where_it_was_forwarded_to_has_no_agent() -> None:
    call = Script(group(**boss("0791112233"), assistants=["B"]))
    call.offered()
    assert call.answers("0791112233") == ["connect 0791112233"]
    call.hangs_up()
    assert (call.record().result, call.record().agent) == (Result.ANSWERED, None)


def test_forwarding_to_the_group_hunts_the_assistants() -> None:
    call = Script(group(**boss("group"), assistants=["B", "C"], assistant_timeout=20))
    assert call.offered() == ["Ring B"]
    assert call.told()[-1] == "manager's calls are forwarded to the group: assistant 1 of 2, B, rings"


def test_forwarding_to_a_member_rings_him_first_and_then_the_others() -> None:
    call = Script(group(**boss("member:C"), assistants=["B", "C", "D"], assistant_timeout=20))
    assert call.offered() == ["Ring C"]
    assert call.waits(40) == ["stop C", "Ring B", "stop B", "Ring D"]


def test_forwarding_to_a_member_who_is_not_available_hunts_the_others() -> None:
    call = Script(group(**boss("member:C"), assistants=["B", person("C", AWAY)]))
    assert call.offered() == ["Ring B"]
    assert "assistant 2 of 2, C, is away: not rung" in call.told()


def test_forwarding_to_voicemail_is_busy_and_says_why() -> None:
    call = Script(group(**boss("voicemail:31"), assistants=["B"]))
    assert call.offered() == ["486"]
    assert "voicemail 31, and this version has no voicemail" in call.told()[-1]


@pytest.mark.parametrize(
    ("target", "because"),
    [
        ("member:X", "X is no assistant of the group"),
        ("member:M", "M is no assistant of the group"),
        ("300", "300 is a manager number, so the call would come back"),
        ("0791112233", "0791112233 has 10 digits, and 5 are allowed (gMaxForwardNumberLen)"),
        ("my mobile", "'my mobile' is no number"),
    ],
)
def test_forwarding_that_cannot_be_followed_is_told_and_left_aside(target: str, because: str) -> None:
    call = Script(group(**boss(target)), house=house("200", "300", longest_forward=5))
    assert call.offered() == ["Ring M"]
    assert call.told()[1] == f"the manager's forwarding is not followed: {because}"


@pytest.mark.parametrize("target", ["none", ""])
def test_no_forwarding_is_set(target: str) -> None:
    assert Script(group(**boss(target))).offered() == ["Ring M"]


def test_vip_call_bypasses_application_forwarding() -> None:
    assert Script(group(**boss("0791112233")), vip=True).offered() == ["Ring M"]


def test_vip_call_that_is_routed_as_others_is_forwarded_as_others() -> None:
    call = Script(group(**boss("0791112233"), vip_routing=VipRouting.AS_OTHERS), vip=True)
    assert call.offered() == ["Ring 0791112233"]


@pytest.mark.parametrize("direct", [True, False])
def test_call_of_an_assistant_to_his_manager_is_not_forwarded(*, direct: bool) -> None:
    call = Script(group(**boss("0791112233"), assistants=["B"], assistant_direct=direct), member="B")
    assert call.offered() == ["Ring M"]


def test_who_forwards_is_told_to_the_next() -> None:
    house = House(group(**boss("0791112233")))
    house.sip.invite("200")
    assert house.sip.phone("0791112233").diverted_by == "200"


def test_overflow_number_is_told_by_whom_the_call_was_diverted() -> None:
    house = House(group(AWAY, overflow=overflow_to("900")))
    house.sip.invite("200")
    assert house.sip.phone("900").diverted_by == "200"


def test_longest_forward_number_is_the_system_variables() -> None:
    house = House(group(**boss("0791112233")), settings=Settings(max_forward_number_len=9))
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M"]


# Line forwarding.


def test_line_forwarding_of_the_manager_is_left_to_the_pbx_even_for_a_vip() -> None:
    manager = person("M", forwards=forwarded_to("0799", ForwardKind.LINE_UNCONDITIONAL))
    for vip in (False, True):
        call = Script(group(manager), vip=vip)
        assert call.offered() == ["Ring M"]
        assert call.told()[-1].endswith("M rings (the line is forwarded to 0799 by the PBX)")


def test_phone_that_forwards_is_followed_once() -> None:
    call = Script(group(assistants=["B"], manager_timeout=10))
    call.offered()
    call.waits(4)
    assert call.refuses("M", 302, contact="sip:0791112233@10.0.0.9") == ["Ring M at 0791112233"]
    assert call.waits(5) == []
    assert call.waits(1) == ["stop M", "Ring B"]
    assert "M forwards the call to 0791112233: rings there" in call.told()


def test_second_forwarding_of_the_same_phone_is_not_followed() -> None:
    call = Script(group(assistants=["B"]))
    call.offered()
    call.refuses("M", 302, contact="sip:0791112233@10.0.0.9")
    assert call.refuses("M", 302, contact="sip:0791112244@10.0.0.9") == ["Ring B"]
    assert any(text.endswith("it was forwarded once already") for text in call.told())


def test_forwarding_to_a_sip_address_is_followed_there() -> None:
    call = Script(group())
    call.offered()
    contact = "sip:berta.home@10.0.0.9:5070"
    assert call.refuses("M", 301, contact=contact) == [f"Ring M at {contact}"]


@pytest.mark.parametrize(
    ("contact", "because"),
    [
        ("", "it does not say where to"),
        ("tel:0791112233", "it names no SIP address"),
        ("sip:200@10.0.0.9", "200 is a manager number, so the call would come back"),
        ("sip:0791112233445566@10.0.0.9", "has 16 digits, and 12 are allowed (gMaxForwardNumberLen)"),
        ("sip:20@10.0.0.9", "it forwards to itself"),
        ("sip:M@127.0.0.1", "it forwards to itself"),
    ],
)
def test_forwarding_of_a_phone_that_leads_nowhere_is_a_refusal(contact: str, because: str) -> None:
    call = Script(group(person("M", number="20"), assistants=["B"]), house=house("200", longest_forward=12))
    call.offered()
    assert call.refuses("M", 302, contact=contact) == ["Ring B"]
    assert any(because in text for text in call.told())


def test_record_names_the_one_whose_phone_was_forwarded() -> None:
    call = Script(group(AWAY, assistants=["B"]))
    call.offered()
    call.refuses("B", 302, contact="sip:0791112233@10.0.0.9")
    call.answers("B")
    call.hangs_up()
    assert call.record().agent == "B"


def test_engine_dials_a_forwarded_number_through_the_trunk_and_says_who_forwards() -> None:
    office = House(group(person("M", number="20")))
    caller = office.sip.invite("200")
    office.sip.refuses("M", 302, contact="sip:0791112233@10.0.0.9")
    leg = office.sip.phone("0791112233")
    assert (leg.uri, leg.diverted_by) == ("sip:0791112233@127.0.0.1:5080;transport=udp", "20")
    office.sip.answers("0791112233")
    office.sip.hang_up(caller)
    assert office.records.kept[0]["agent"] == "M"
    assert office.is_quiet()


def test_forwarding_to_a_host_without_an_address_is_told() -> None:
    office = House(group(assistants=["B"]))
    office.sip.invite("200")
    office.sip.refuses("M", 302, contact="sip:x@somewhere.example")
    assert office.sip.ringing_phones() == ["B"]


# Calls that go round.


@pytest.mark.parametrize(("diversions", "goes"), [(0, ["Ring M"]), (4, ["Ring M"]), (5, ["482"])])
def test_call_that_was_forwarded_too_often_is_refused(diversions: int, goes: list[str]) -> None:
    call = Script(group(), diversions=diversions)
    assert call.offered() == goes
    if goes == ["482"]:
        assert call.told()[-1] == (
            "the call was forwarded 5 times before, so it goes round: the caller gets 482 Loop Detected"
        )


def test_forwardings_of_phones_count_too() -> None:
    call = Script(group(assistants=["B"]), diversions=4)
    call.offered()
    assert call.refuses("M", 302, contact="sip:0791112233@10.0.0.9") == ["Ring B"]


@pytest.mark.parametrize(("number", "because"), [("200", "would come back"), ("0791112233", "has 10 digits")])
def test_overflow_number_that_may_not_be_called_makes_the_caller_busy(number: str, because: str) -> None:
    call = Script(group(AWAY, overflow=overflow_to(number)), house=house("200", longest_forward=9))
    assert call.offered() == ["486"]
    assert because in call.told()[-1]


def test_engine_knows_its_own_numbers_however_they_are_written() -> None:
    office = House(group(AWAY, manager_number="+41442000000", overflow=overflow_to("0041 44 200 00 00")))
    caller = office.sip.invite("0041442000000")
    assert office.sip.legs[caller].status == 486
    assert "0041 44 200 00 00 is a manager number" in office.steps()[-1]
    assert office.is_quiet()
