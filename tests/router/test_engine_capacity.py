"""Room for calls: how many legs there are, who waits for one, who is refused."""

from __future__ import annotations

from router.admission import RETRY_AFTER
from tests.router.house import House
from tests.router.office import group


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
