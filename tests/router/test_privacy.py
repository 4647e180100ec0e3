"""A caller who asks for privacy is for routing alone."""

from __future__ import annotations

import json

import pytest

from router.model import Contact, VipEntry
from tests.router.house import House
from tests.router.office import AWAY, group, person

NUMBER, NAME = "0791234567", "Frei"


@pytest.mark.parametrize("contacts", [(), (Contact("Dr. Secret", (NUMBER,), 9),)])
def test_private_caller_is_found_in_no_record_notice_or_log(
    contacts: tuple[Contact, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    board = group(AWAY, ["B"], vip_entries=(VipEntry(NUMBER, "best customer"),), vip_threshold=9)
    house = House(board, contacts=contacts)
    caller = house.sip.invite("200", NUMBER, NAME, private=True)
    house.sip.answers("M")
    house.sip.hang_up(caller)
    house.sip.invite("999", NUMBER, NAME, private=True)
    seen = json.dumps([house.records.kept, house.published.all]) + caplog.text
    for secret in (NUMBER, NAME, "Secret", "best customer"):
        assert secret not in seen
    first, second = house.records.kept
    assert (first["caller"], first["caller_raw"], first["caller_name"]) == ("anonymous", "", "")
    assert (second["caller"], second["caller_raw"]) == ("anonymous", "")
    assert first["steps"][0]["text"] == "an anonymous caller calls 200 (Board); VIP"


def test_private_caller_is_routed_by_his_number() -> None:
    house = House(group(AWAY, [person("B", number="21"), "C"], vip_entries=(VipEntry("079T"),)))
    house.sip.hang_up(house.sip.invite("200", "21", private=True))
    house.sip.hang_up(house.sip.invite("200", NUMBER, private=True))
    assert house.sip.dialled() == ["C", "M"]
    assert [record["vip"] for record in house.records.kept] == [False, True]


def test_assistants_see_a_private_call_without_its_caller() -> None:
    house = House(group(assistants=["B"]))
    house.sip.invite("200", NUMBER, NAME, private=True)
    (notice,) = house.published.of("notice")
    assert (notice["caller"], notice["caller_name"], notice["anonymous"]) == ("", "", True)


def test_sip_side_is_told_who_calls_and_keeps_it_private_itself() -> None:
    house = House(group())
    house.sip.invite("200", NUMBER, NAME, private=True)
    shown = house.sip.phone("M").caller
    assert shown is not None
    assert shown.number == NUMBER
