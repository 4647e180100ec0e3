"""Application forwarding of managers, line forwarding of phones, and where neither is followed."""

from __future__ import annotations

from typing import Any

import pytest

from router.model import Forward, ForwardKind, Presence
from tests.journeys.rules import Desk, Handset, told
from tests.journeys.telnet_admin import TelnetAdmin
from tests.sip.peer import Message


def forwards(target: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {"mia": {"forwards": (Forward(ForwardKind.APPLICATION, target),), **more}}


def taken(desk: Desk, phone: Handset) -> tuple[Message, list[str]]:
    """This phone rings first and takes the call."""
    side = desk.calls()
    invite = phone.rings()
    desk.connects(side, phone, invite)
    desk.hangs_up(side, phone)
    return invite, desk.story()


def test_without_forwarding_the_manager_rings(desk: Desk) -> None:
    desk.opens("ben", people=forwards("none"))
    taken(desk, desk.mia)


def test_forwarded_to_the_group_the_first_assistant_rings(desk: Desk) -> None:
    desk.opens("ben", "cleo", people=forwards("group"))
    _, steps = taken(desk, desk.ben)
    assert "manager's calls are forwarded to the group: assistant 1 of 2, Ben, rings" in steps
    desk.mia.is_left_alone(0.01)


def test_forwarded_to_a_number_it_rings_through_the_pbx_with_a_diversion(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233"))
    invite, steps = taken(desk, desk.pbx)
    assert invite.uri.startswith("sip:0791112233@")
    assert desk.number in invite["Diversion"]
    assert "manager's calls are forwarded: number 0791112233 rings" in steps


def test_a_number_forwarded_to_that_does_not_answer_is_left_for_the_assistants(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233"), manager_timeout=1)
    side = desk.calls()
    desk.pbx.stops_ringing(desk.pbx.rings())
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), "not taken where the manager's calls are forwarded to: assistant 1 of 1, Ben")


def test_forwarded_to_a_member_he_is_rung_first_and_then_the_others_in_order(desk: Desk) -> None:
    desk.opens("ben", "cleo", "dan", people=forwards("member:cleo"))
    side = desk.calls()
    desk.cleo.refuses(486)
    desk.ben.refuses(486)
    desk.connects(side, desk.dan, desk.dan.rings())
    desk.hangs_up(side, desk.dan)
    assert "manager's calls are forwarded: assistant 2 of 3, Cleo, rings" in desk.story()


def test_forwarded_to_voicemail_the_caller_is_busy_and_told_why(desk: Desk) -> None:
    desk.opens("ben", people=forwards("voicemail:20"))
    desk.is_refused(desk.calls(), 486)
    assert told(desk.story(), ".*voicemail 20, and this version has no voicemail: the caller gets 486")


def test_forwarding_goes_before_presence(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233", presence=Presence.AWAY))
    taken(desk, desk.pbx)


def test_a_forwarding_to_a_manager_number_of_ours_is_not_followed(desk: Desk) -> None:
    desk.opens("ben", people=forwards(desk.number))
    _, steps = taken(desk, desk.mia)
    assert f"the manager's forwarding is not followed: {desk.number} is a manager number" in str(steps)
    desk.pbx.is_left_alone(0.01)


def test_a_forwarding_that_is_longer_than_allowed_is_not_followed(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233"), variables={"gMaxForwardNumberLen": "9"})
    _, steps = taken(desk, desk.mia)
    assert told(steps, r".*not followed: 0791112233 has 10 digits, and 9 are allowed \(gMaxForward")


def test_a_forwarding_as_long_as_allowed_is_followed(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233"), variables={"gMaxForwardNumberLen": "10"})
    taken(desk, desk.pbx)


def test_an_admin_shortens_the_longest_forwarding_in_the_shell(desk: Desk) -> None:
    desk.opens("ben", people=forwards("0791112233"))
    appliance = desk.site.appliance
    with TelnetAdmin(appliance.telnet_port) as admin:
        admin.login("admin", appliance.password)
        admin.command("set gMaxForwardNumberLen 9")
    desk.site.is_used()
    taken(desk, desk.mia)


def test_a_line_that_forwards_is_followed_through_the_pbx(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    desk.mia.refuses(302, to="<sip:0791112233@192.0.2.9>")
    invite = desk.pbx.rings()
    assert invite.uri.startswith(f"sip:0791112233@127.0.0.1:{desk.pbx.port}")
    assert "20" in invite["Diversion"]
    desk.connects(side, desk.pbx, invite)
    desk.hangs_up(side, desk.pbx)
    assert "Mia forwards the call to 0791112233: rings there" in desk.story()
    assert desk.record().agent == "mia"


@pytest.mark.parametrize("status", [300, 301, 302])
def test_a_line_that_forwards_to_a_phone_is_followed_there(desk: Desk, status: int) -> None:
    desk.opens("ben")
    side = desk.calls()
    desk.mia.refuses(status, to=f"<sip:away@127.0.0.1:{desk.dan.port}>")
    desk.connects(side, desk.dan, desk.dan.rings())
    desk.hangs_up(side, desk.dan)


def test_a_line_that_forwards_twice_is_followed_once(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    desk.mia.refuses(302, to=f"<sip:away@127.0.0.1:{desk.dan.port}>")
    desk.dan.refuses(302, to="<sip:0791112233@192.0.2.9>")
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), "Mia forwards the call .* not followed: it was forwarded once already")
    desk.pbx.is_left_alone(0.01)


def test_a_line_that_forwards_too_far_counts_as_not_reached(desk: Desk) -> None:
    desk.opens("ben", variables={"gMaxForwardNumberLen": "5"})
    side = desk.calls()
    desk.mia.refuses(302, to="<sip:0791112233@192.0.2.9>")
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    steps = desk.story()
    assert told(steps, r"Mia forwards the call to .*, which is not followed: 0791112233 has 10 digits")
    assert "manager not reached: assistant 1 of 1, Ben, rings" in steps


def test_a_line_that_forwards_to_the_manager_number_is_not_followed(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    desk.mia.refuses(302, to=f"<sip:{desk.number}@192.0.2.9>")
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), f".*not followed: {desk.number} is a manager number")
    desk.pbx.is_left_alone(0.01)


def test_the_explanation_foresees_a_line_that_the_pbx_forwards(desk: Desk) -> None:
    line = Forward(ForwardKind.LINE_UNCONDITIONAL, "0791112233")
    desk.opens("ben", people={"mia": {"forwards": (line,)}})
    _, steps = taken(desk, desk.mia)
    assert "manager available: Mia rings (the line is forwarded to 0791112233 by the PBX)" in steps
