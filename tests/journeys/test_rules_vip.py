"""Who is a VIP, where his calls go, and what assistants see of them: rules 2 and 3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from router.model import (
    Contact,
    Forward,
    ForwardKind,
    Overflow,
    OverflowKind,
    Presence,
    ShowVip,
    VipEntry,
    VipRouting,
)
from tests.journeys.rules import CALLER, Desk, told

AWAY: dict[str, Any] = {"presence": Presence.AWAY}
LISTED = (VipEntry(CALLER, "Bank"),)
BUSY = Overflow(OverflowKind.BUSY)


def takes(desk: Desk, user: str, number: str = CALLER) -> list[str]:
    """The phone that rings first is this one's, and it takes the call."""
    side, phone = desk.calls(number=number), desk.phones[user]
    desk.connects(side, phone, phone.rings())
    desk.hangs_up(side, phone)
    return desk.story()


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("0441112233", "0441112233"),
        ("04411122..", "0441112299"),
        ("04411T", "0441112233"),
        ("+4144T", "0041441112233"),
        ("0T33", "0441112233"),
    ],
)
def test_a_caller_on_the_vip_list_reaches_a_manager_who_is_away(
    desk: Desk, pattern: str, number: str
) -> None:
    desk.opens("ben", people={"mia": AWAY}, vip=(VipEntry(pattern, "Bank"),))
    steps = takes(desk, "mia", number)
    assert steps[0].endswith(f"; VIP: on the manager's list ({pattern}, Bank)")
    assert "VIP call, whatever the manager's presence: Mia rings" in steps
    assert desk.record().vip


@pytest.mark.parametrize("pattern", ["04411122.", "0441112.2", "0551T", "044111223"])
def test_a_caller_whom_no_entry_fits_is_no_vip(desk: Desk, pattern: str) -> None:
    desk.opens("ben", people={"mia": AWAY}, vip=(VipEntry(pattern),))
    assert "VIP" not in takes(desk, "ben")[0]


def test_an_entry_that_has_expired_makes_no_vip(desk: Desk) -> None:
    now = datetime.now(UTC)
    old, new = VipEntry(CALLER, "", now - timedelta(hours=1)), VipEntry("07T", "", now + timedelta(hours=1))
    desk.opens("ben", people={"mia": AWAY}, vip=(old, new))
    assert "VIP" not in takes(desk, "ben")[0]
    assert "VIP" in takes(desk, "mia", "0791234567")[0]


@pytest.mark.parametrize(("threshold", "who"), [(0, "ben"), (5, "mia"), (6, "ben")])
def test_a_contact_whose_rank_reaches_the_threshold_is_a_vip(desk: Desk, threshold: int, who: str) -> None:
    contact = Contact("Dr. Frei", (CALLER,), 5)
    desk.opens("ben", people={"mia": AWAY}, contacts=(contact,), vip_threshold=threshold)
    steps = takes(desk, who)
    assert steps[0].startswith(f"Dr. Frei ({CALLER}) calls")
    assert ("VIP: contact of rank 5, threshold 5" in steps[0]) == (who == "mia")


def test_a_vip_call_for_the_manager_only_never_rings_an_assistant(desk: Desk) -> None:
    rules: dict[str, Any] = {"vip": LISTED, "manager_timeout": 1, "overflow": BUSY}
    desk.opens("ben", people={"mia": AWAY}, vip_routing=VipRouting.MANAGER_ONLY, **rules)
    side = desk.calls()
    at_mia = desk.mia.rings()
    desk.mia.is_left_alone(1.3)
    desk.mia.respond(at_mia, 486)
    desk.mia.receive("ACK")
    desk.is_refused(side, 486)
    desk.ben.is_left_alone(0.05)
    assert desk.story()[-1] == "overflow is busy: the caller gets 486 Busy Here"


def test_a_vip_call_for_the_manager_first_goes_to_the_assistants_after_his_timeout(desk: Desk) -> None:
    desk.opens(
        "ben", people={"mia": AWAY}, vip_routing=VipRouting.MANAGER_FIRST, vip=LISTED, manager_timeout=1
    )
    side = desk.calls()
    desk.mia.stops_ringing(desk.mia.rings())
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert "manager did not answer: assistant 1 of 1, Ben, rings" in desk.story()


def test_a_vip_call_as_an_ordinary_one_follows_presence_and_is_marked(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, vip_routing=VipRouting.AS_OTHERS, vip=LISTED)
    steps = takes(desk, "ben")
    assert "VIP" in steps[0]
    assert "manager away: assistant 1 of 1, Ben, rings" in steps
    assert desk.notice()["vip"]


@pytest.mark.parametrize("target", ["group", "0791112233", "member:ben"])
def test_a_vip_call_passes_application_forwarding_by(desk: Desk, target: str) -> None:
    forwarded = {"forwards": (Forward(ForwardKind.APPLICATION, target),)}
    desk.opens("ben", people={"mia": forwarded}, vip=LISTED)
    assert told(takes(desk, "mia"), "VIP call, whatever the manager's presence: Mia rings")
    desk.ben.is_left_alone(0.01)


def test_a_vip_call_does_not_pass_line_forwarding_by(desk: Desk) -> None:
    """The line is the phone's: its 302 is followed."""
    desk.opens("ben", people={"mia": AWAY}, vip=LISTED)
    side = desk.calls()
    desk.mia.refuses(302, to="<sip:0791112233@example.org>")
    desk.connects(side, desk.pbx, desk.pbx.rings())
    desk.hangs_up(side, desk.pbx)
    assert "Mia forwards the call to 0791112233: rings there" in desk.story()


def test_vip_calls_are_shown_as_others(desk: Desk) -> None:
    desk.opens("ben", vip=LISTED, show_vip_calls=ShowVip.AS_OTHERS)
    takes(desk, "mia")
    notice = desk.notice()
    assert (notice["vip"], notice["caller"], notice["anonymous"]) == (True, CALLER, False)


def test_vip_calls_are_shown_without_the_callers_identity(desk: Desk) -> None:
    desk.opens("ben", vip=LISTED, show_vip_calls=ShowVip.ANONYMOUS)
    takes(desk, "mia")
    notice = desk.notice()
    assert (notice["vip"], notice["anonymous"]) == (True, True)
    assert CALLER not in str(notice)
    assert "Petra" not in str(notice)


def test_vip_calls_are_not_shown_at_all(desk: Desk) -> None:
    desk.opens("ben", vip=LISTED, show_vip_calls=ShowVip.NEVER)
    takes(desk, "mia")
    desk.no_notice()
    takes(desk, "mia", "0449998877")
    assert desk.notice()["caller"] == "0449998877"
