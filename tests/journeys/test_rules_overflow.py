"""What happens at the end of the member list: rules 5 and 6, Overflow option."""

from __future__ import annotations

from typing import Any

import pytest

from router.model import Overflow, OverflowKind, Presence
from tests.journeys.rules import Desk, told

AWAY: dict[str, Any] = {"presence": Presence.AWAY}
BUSY = Overflow(OverflowKind.BUSY)
OUTSIDE = Overflow(OverflowKind.NUMBER, "0791112233")


def test_overflow_to_a_number_rings_it_through_the_pbx(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=OUTSIDE)
    side = desk.calls()
    desk.ben.refuses(486)
    invite = desk.pbx.rings()
    assert invite.uri.startswith(f"sip:0791112233@127.0.0.1:{desk.pbx.port}")
    desk.connects(side, desk.pbx, invite)
    desk.hangs_up(side, desk.pbx)
    assert "overflow: overflow number 0791112233 rings" in desk.story()
    record = desk.record()
    assert (record.result, record.agent) == ("overflow", None)


def test_overflow_busy_refuses_the_caller_as_busy(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=BUSY)
    side = desk.calls()
    desk.ben.refuses(486)
    desk.is_refused(side, 486)
    assert desk.story()[-1] == "overflow is busy: the caller gets 486 Busy Here"
    record = desk.record()
    assert (record.result, record.status) == ("busy", 486)


def test_overflow_to_voicemail_is_busy_and_says_why(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=Overflow(OverflowKind.VOICEMAIL, "21"))
    side = desk.calls()
    desk.ben.refuses(486)
    desk.is_refused(side, 486)
    assert told(desk.story(), "overflow is voicemail 21, and this version has no voicemail: the caller")


def test_without_overflow_the_list_begins_again_and_ends_after_three_rounds(desk: Desk) -> None:
    desk.opens("ben", manager_timeout=1)
    side = desk.calls()
    for _ in range(3):
        desk.mia.refuses(486)
        desk.ben.refuses(486)
    desk.is_refused(side, 486)
    steps = desk.story()
    assert "end of the list, no overflow set: round 3 of 3" in steps
    assert told(steps[-1:], "no overflow is set, and everybody was tried: the caller gets 486")
    desk.mia.is_left_alone(0.01)


def test_a_phone_that_declined_is_not_rung_in_the_next_round(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY})
    side = desk.calls()
    desk.ben.refuses(603)
    for _ in range(3):
        desk.cleo.refuses(486)
    desk.is_refused(side, 486)
    desk.story()
    desk.ben.is_left_alone(0.01)


def test_when_no_assistant_is_available_overflow_comes_at_once(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY, "ben": AWAY}, overflow=OUTSIDE, assistant_timeout=60)
    side = desk.calls()
    desk.connects(side, desk.pbx, desk.pbx.rings(within=1))
    desk.hangs_up(side, desk.pbx)
    assert "manager away: no assistant is available" in desk.story()


def test_when_nobody_is_available_and_there_is_no_overflow_the_caller_is_told_so(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY, "ben": AWAY})
    desk.is_refused(desk.calls(), 480)
    assert told(desk.story()[-1:], "nobody is available, and no overflow is set: the caller gets 480")


@pytest.mark.parametrize(("status", "answer"), [(486, 486), (404, 480)])
def test_an_overflow_number_that_fails_refuses_the_caller(desk: Desk, status: int, answer: int) -> None:
    desk.opens("ben", people={"mia": AWAY, "ben": AWAY}, overflow=OUTSIDE)
    side = desk.calls()
    desk.pbx.refuses(status)
    desk.is_refused(side, answer)
    assert told(desk.story(), r"overflow: overflow number 0791112233 .*\(\d\d\d Because\)")


def test_an_overflow_number_of_our_own_is_not_dialled(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=Overflow(OverflowKind.NUMBER, desk.number))
    side = desk.calls()
    desk.ben.refuses(486)
    desk.is_refused(side, 486)
    desk.pbx.is_left_alone(0.05)
    assert told(desk.story(), f".*{desk.number} is a manager number, so the call would come back")


def test_an_overflow_number_that_is_too_long_is_not_dialled(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=OUTSIDE, variables={"gMaxForwardNumberLen": "5"})
    side = desk.calls()
    desk.ben.refuses(486)
    desk.is_refused(side, 486)
    desk.pbx.is_left_alone(0.05)
    assert told(desk.story(), r".*0791112233 has 10 digits, and 5 are allowed \(gMaxForwardNumberLen\)")
