"""What the demo says, and when it calls itself a success."""

from __future__ import annotations

import pytest

from appliance.demo import script, show
from appliance.demo.show import Ended, Paint
from db import transfer

CALL = script.CALLS[0]
PLAIN = Paint(on=False)


def test_a_call_is_right_only_when_the_expected_phone_alone_was_connected() -> None:
    assert Ended(CALL, (CALL.connects,), 0).as_expected
    assert not Ended(CALL, (), 0).as_expected
    assert not Ended(CALL, ("carla",), 0).as_expected
    assert not Ended(CALL, (CALL.connects, "carla"), 0).as_expected


@pytest.mark.parametrize("code", [1, None])
def test_a_call_whose_caller_was_not_served_is_wrong(code: int | None) -> None:
    assert not Ended(CALL, (CALL.connects,), code).as_expected


def test_a_wrong_call_names_who_was_reached_instead() -> None:
    assert "connected to carla, expected anna" in show.verdict(PLAIN, Ended(CALL, ("carla",), 0))
    assert "connected to nobody" in show.verdict(PLAIN, Ended(CALL, (), 1))


def test_the_summary_counts_what_went_as_expected() -> None:
    told = show.summary(PLAIN, [Ended(CALL, (CALL.connects,), 0), Ended(CALL, (), 1)])
    assert told.endswith("1 of 2 calls went as expected")


def test_colours_are_for_terminals_alone() -> None:
    event = {"event": "step", "text": "manager away", "at_s": 1.25}
    assert "\x1b" not in show.step(PLAIN, event)
    assert "\x1b[36mmanager away\x1b[0m" in show.step(Paint(on=True), event)


def test_the_office_of_the_demo_can_be_imported() -> None:
    office = script.office({user: f"sip:{user}@127.0.0.1:5070" for user in script.PHONES})
    assert transfer.load(transfer.dump(office)).in_order() == office.in_order()
    assert {call.dialled for call in script.CALLS} <= {team.manager_number for team in office.groups}
    assert {call.connects for call in script.CALLS} <= {
        user for user, answers in script.PHONES.items() if answers
    }
