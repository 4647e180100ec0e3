"""Which number is looked at, shown and passed on: `gStripCallerID`, `gTransferWithCallerID`, privacy."""

from __future__ import annotations

import pytest

from router.model import Contact, VipEntry
from tests.journeys.rules import Desk
from tests.sip.peer import Message

HIDDEN = ("P-Asserted-Identity: <sip:0445556677@example.org>", "Privacy: id")


def shown(desk: Desk, number: str) -> Message:
    """What mia's phone gets of a caller with this number."""
    side = desk.calls(number=number)
    invite = desk.mia.rings()
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)
    return invite


@pytest.mark.parametrize(
    ("strip", "number", "left"),
    [
        ("0", "90441112233", "90441112233"),
        ("1", "90441112233", "0441112233"),
        ("3", "+410441112233", "441112233"),
        ("20", "0441112233", "0441112233"),
    ],
)
def test_digits_are_taken_off_the_front_of_the_callers_number(
    desk: Desk, strip: str, number: str, left: str
) -> None:
    desk.opens("ben", variables={"gStripCallerID": strip})
    invite = shown(desk, number)
    assert f"<sip:{left}@" in invite["From"]
    assert desk.notice()["caller"] == left
    assert desk.story()[0].startswith(f"Petra ({left}) calls")
    record = desk.record()
    assert (record.caller, record.caller_raw) == (left, number)


def test_contacts_and_vip_lists_are_asked_for_the_number_that_is_left(desk: Desk) -> None:
    contact, entry = Contact("Dr. Frei", ("0441112233",)), VipEntry("0441112233")
    desk.opens("ben", contacts=(contact,), vip=(entry,), variables={"gStripCallerID": "1"})
    shown(desk, "90441112233")
    assert desk.story()[0].startswith("Dr. Frei (0441112233) calls")
    assert desk.record().vip


def test_an_outgoing_call_shows_the_caller(desk: Desk) -> None:
    desk.opens("ben", variables={"gTransferWithCallerID": "1"})
    assert shown(desk, "0441112233")["From"].startswith('"Petra" <sip:0441112233@')


def test_an_outgoing_call_shows_the_number_that_was_dialled(desk: Desk) -> None:
    desk.opens("ben", variables={"gTransferWithCallerID": "0"})
    invite = shown(desk, "0441112233")
    assert f"<sip:{desk.number}@" in invite["From"]
    assert "0441112233" not in str(invite.headers)


def test_a_hidden_caller_is_routed_by_his_number_and_shown_to_nobody(desk: Desk) -> None:
    desk.opens("ben", vip=(VipEntry("0445556677", "Secret"),))
    side = desk.calls(number="anonymous", name="Anonymous", headers=HIDDEN)
    invite = desk.mia.rings()
    assert "anonymous@" in invite["From"]
    assert "0445556677" not in str(invite.headers)
    assert desk.notice()["vip"]
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)
    assert desk.story()[0] == f"an anonymous caller calls {desk.number} ({desk.group}); VIP"
    record = desk.record()
    assert (record.caller, record.caller_raw, record.caller_name) == ("anonymous", "", "")
    assert "0445556677" not in desk.site.appliance.log.read_text()


def test_the_pbx_gets_the_number_of_a_hidden_caller_to_route_by(desk: Desk) -> None:
    """RFC 3325 section 5: who is trusted gets the asserted identity, and keeps it to himself."""
    desk.opens("ben", people={"mia": {"address": "0312220000"}})
    side = desk.calls(number="anonymous", name="Anonymous", headers=HIDDEN)
    invite = desk.pbx.rings()
    assert "0445556677" in invite["P-Asserted-Identity"]
    assert invite["Privacy"] == "id"
    desk.gives_up(side)
    desk.pbx.stops_ringing(invite)
