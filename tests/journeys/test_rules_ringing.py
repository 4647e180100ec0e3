"""The manager's phone, and the assistants' together with it: rules 4 and 9."""

from __future__ import annotations

import pytest

from tests.journeys.rules import CALLER, Desk, told
from tests.sip.peer import ANSWER


def test_the_phone_of_an_available_manager_rings_and_no_other(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    invite = desk.mia.rings()
    desk.caller.receive(180)
    desk.ben.is_left_alone()
    desk.connects(side, desk.mia, invite)
    desk.hangs_up(side, desk.mia)
    first, second, *steps = desk.story()
    assert (first, second) == (
        f"Petra (0441112233) calls {desk.number} ({desk.group})",
        "manager available: Mia rings",
    )
    assert told(steps, "manager available: Mia answered after .* s, speech from phone to phone")


def test_in_parallel_both_phones_ring_and_the_first_to_answer_wins(desk: Desk) -> None:
    desk.opens("ben", "cleo", ring_parallel=True)
    side = desk.calls()
    at_mia, at_ben = desk.mia.rings(), desk.ben.rings()
    desk.connects(side, desk.ben, at_ben)
    cancel = desk.mia.stops_ringing(at_mia)
    assert 'cause=200;text="Call completed elsewhere"' in cancel["Reason"]
    desk.cleo.is_left_alone(0.05)
    desk.hangs_up(side, desk.ben)
    steps = desk.story()
    assert "together with the manager: assistant 1 of 2, Ben, rings" in steps
    assert told(steps, "manager available: Mia rang .*, another answered")


def test_of_two_answers_that_cross_one_wins_and_the_other_is_ended(desk: Desk) -> None:
    desk.opens("ben", ring_parallel=True)
    side = desk.calls()
    at_mia, at_ben = desk.mia.rings(), desk.ben.rings()
    desk.connects(side, desk.mia, at_mia)
    cancel = desk.ben.receive("CANCEL")
    desk.ben.respond(at_ben, 200, ANSWER)
    desk.ben.respond(cancel, 200)
    assert desk.ben.receive("ACK")["To"].endswith(desk.ben.tag)
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.mia)
    desk.story()
    assert desk.record().agent == "mia"


def test_a_manager_who_does_not_answer_in_time_is_left_for_the_assistants(desk: Desk) -> None:
    desk.opens("ben", manager_timeout=1)
    side = desk.calls()
    at_mia = desk.mia.rings()
    desk.mia.stops_ringing(at_mia)
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    steps = desk.story()
    assert told(steps, r"manager available: Mia rang 1(\.\d)? s, no answer")
    assert "manager did not answer: assistant 1 of 1, Ben, rings" in steps


@pytest.mark.parametrize(("status", "why"), [(486, "line busy"), (603, "declined"), (480, "not reached")])
def test_a_manager_who_refuses_is_left_for_the_assistants_at_once(desk: Desk, status: int, why: str) -> None:
    desk.opens("ben", manager_timeout=60)
    side = desk.calls()
    desk.mia.refuses(status)
    desk.connects(side, desk.ben, desk.ben.rings(within=1))
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), f"manager('s)? {why}: assistant 1 of 1, Ben, rings")


def test_an_assistant_who_rings_with_the_manager_rings_on_when_he_declines(desk: Desk) -> None:
    desk.opens("ben", "cleo", ring_parallel=True, assistant_timeout=30)
    side = desk.calls()
    at_mia, at_ben = desk.mia.receive("INVITE"), desk.ben.rings()
    desk.mia.respond(at_mia, 603)
    desk.mia.receive("ACK")
    desk.ben.is_left_alone()
    desk.connects(side, desk.ben, at_ben)
    desk.hangs_up(side, desk.ben)
    assert "manager declined: assistant 1 of 2, Ben, rings on" in desk.story()


def test_a_caller_who_hangs_up_ends_every_phone_that_rings(desk: Desk) -> None:
    desk.opens("ben", ring_parallel=True)
    side = desk.calls()
    at_mia, at_ben = desk.mia.rings(), desk.ben.rings()
    desk.caller.receive(180)
    desk.gives_up(side)
    desk.mia.stops_ringing(at_mia)
    desk.ben.stops_ringing(at_ben)
    steps = desk.story()
    assert told(steps, "manager available: Mia rang .*, the caller hung up")
    assert told(steps[-1:], "the caller hung up after")
    assert desk.record().result == "abandoned"


def test_a_phone_that_answers_a_caller_who_has_just_hung_up_is_ended(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    invite = desk.mia.rings()
    desk.gives_up(side)
    cancel = desk.mia.receive("CANCEL")
    desk.mia.respond(invite, 200, ANSWER)
    desk.mia.respond(cancel, 200)
    desk.mia.receive("ACK")
    desk.mia.says_goodbye()
    desk.story()
    assert desk.record().result == "abandoned"


def test_a_dialled_number_without_a_group_is_not_found(desk: Desk) -> None:
    desk.opens("ben")
    desk.is_refused(desk.calls(dialled="9999"), 404)
    record = desk.site.record("9999")
    assert (record.result, record.status, record.group) == ("refused", 404, "")
    told_by = f"{CALLER} calls 9999, no group has this number: the caller gets 404 Not Found"
    assert [step.text for step in record.steps] == [told_by]


def test_what_a_phone_says_before_it_answers_reaches_the_caller(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    invite = desk.mia.receive("INVITE")
    desk.mia.respond(invite, 183, ANSWER)
    assert desk.caller.receive(183).body == ANSWER
    desk.connects(side, desk.mia, invite)
    desk.hangs_up(side, desk.mia)
