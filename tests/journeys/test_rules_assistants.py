"""Which assistants are hunted, in which order, and who is passed over: rules 5 and 6."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import transfer
from db.office import Team
from router.model import Forward, ForwardKind, Presence, Strategy
from tests.journeys.rules import BUSY, Desk, told
from tests.sip.engine import free_port

AWAY: dict[str, Any] = {"presence": Presence.AWAY}


@pytest.mark.parametrize(
    ("presence", "why"),
    [
        (Presence.AWAY, "manager away"),
        (Presence.BUSY, "manager busy"),
        (Presence.DND, "manager does not want to be disturbed"),
    ],
)
def test_of_a_manager_who_is_not_available_the_first_assistant_rings(
    desk: Desk, presence: Presence, why: str
) -> None:
    desk.opens("ben", "cleo", people={"mia": {"presence": presence}})
    side = desk.calls()
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert f"{why}: assistant 1 of 2, Ben, rings" in desk.story()
    desk.mia.is_left_alone(0.01)
    desk.cleo.is_left_alone(0.01)


def test_an_assistant_who_does_not_answer_in_time_is_followed_by_the_next(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY}, assistant_timeout=1)
    side = desk.calls()
    desk.ben.stops_ringing(desk.ben.rings())
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
    steps = desk.story()
    assert told(steps, r"manager away: assistant 1 of 2, Ben, rang 1(\.\d)? s, no answer")
    assert told(steps, "manager away: assistant 2 of 2, Cleo, answered")


@pytest.mark.parametrize(
    ("status", "said"),
    [(486, "is busy"), (603, "declined"), (500, "could not be rung"), (404, "is not known where")],
)
def test_an_assistant_who_is_busy_declines_or_fails_is_followed_by_the_next_at_once(
    desk: Desk, status: int, said: str
) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY}, assistant_timeout=60)
    side = desk.calls()
    desk.ben.refuses(status)
    desk.connects(side, desk.cleo, desk.cleo.rings(within=1))
    desk.hangs_up(side, desk.cleo)
    assert told(desk.story(), rf"manager away: assistant 1 of 2, Ben, {said}.*\({status} Because\)")


def test_assistants_ring_in_the_order_of_the_member_list(desk: Desk) -> None:
    desk.opens("dan", "ben", "cleo", people={"mia": AWAY}, assistant_timeout=60)
    side = desk.calls()
    desk.dan.refuses(486)
    desk.ben.refuses(486)
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
    rung = [step for step in desk.story() if step.endswith("rings")]
    assert [step.partition(", ")[2] for step in rung] == ["Dan, rings", "Ben, rings", "Cleo, rings"]


def test_all_at_once_rings_every_assistant_and_the_first_to_answer_wins(desk: Desk) -> None:
    desk.opens("ben", "cleo", "dan", people={"mia": AWAY}, strategy=Strategy.ALL_AT_ONCE)
    side = desk.calls()
    rung = {phone: phones.rings() for phone, phones in desk.phones.items() if phone != "mia"}
    desk.connects(side, desk.cleo, rung["cleo"])
    desk.ben.stops_ringing(rung["ben"])
    desk.dan.stops_ringing(rung["dan"])
    desk.hangs_up(side, desk.cleo)
    desk.story()
    assert desk.record().agent == "cleo"


def test_a_team_without_a_manager_is_hunted(desk: Desk) -> None:
    desk.opens("ben", manager="")
    side = desk.calls()
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    assert "team without a manager: assistant 1 of 1, Ben, rings" in desk.story()


@pytest.mark.parametrize(
    ("presence", "said"),
    [
        (Presence.AWAY, "is away"),
        (Presence.BUSY, "is busy"),
        (Presence.DND, "does not want to be disturbed"),
    ],
)
def test_an_assistant_who_is_not_present_is_passed_over(desk: Desk, presence: Presence, said: str) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY, "ben": {"presence": presence}})
    side = desk.calls()
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
    assert f"assistant 1 of 2, Ben, {said}: not rung" in desk.story()
    desk.ben.is_left_alone(0.01)


def test_an_assistant_without_a_phone_cannot_be_a_member(desk: Desk, tmp_path: Path) -> None:
    desk.opens("ben")
    office, appliance = desk.site.store.office.read(), desk.site.appliance
    users = tuple(replace(one, address="") if one.user == "ben" else one for one in office.users)
    file = tmp_path / "office.yaml"
    file.write_text(transfer.dump(replace(office, users=users)), encoding="utf-8")
    refused = appliance.callisto("import", str(file))
    assert refused.returncode != 0
    assert "ben" in refused.stderr


@pytest.mark.parametrize("need_idle", [True, False])
def test_an_assistant_who_talks_in_another_call_is_passed_over_if_the_group_wants_it(
    desk: Desk, *, need_idle: bool
) -> None:
    other = Team("Other", "1999", "", ("ben",))
    desk.opens("ben", "cleo", people={"mia": AWAY}, others=(other,), need_idle=need_idle)
    first_caller = desk.also()
    first = desk.calls(dialled="1999", number="0449998877", by=first_caller)
    desk.connects(first, desk.ben, desk.ben.rings())
    side = desk.calls()
    phone = desk.cleo if need_idle else desk.ben
    desk.connects(side, phone, phone.rings())
    desk.hangs_up(side, phone)
    desk.hangs_up(first, desk.ben)
    assert ("assistant 1 of 2, Ben, is in a call: not rung" in desk.story()) == need_idle


@pytest.mark.parametrize("need_unforwarded", [True, False])
def test_an_assistant_whose_line_is_forwarded_is_passed_over_if_the_group_wants_it(
    desk: Desk, *, need_unforwarded: bool
) -> None:
    forwarded = {"forwards": (Forward(ForwardKind.LINE_UNCONDITIONAL, "0791112233"),)}
    desk.opens("ben", "cleo", people={"mia": AWAY, "ben": forwarded}, need_unforwarded=need_unforwarded)
    side = desk.calls()
    phone = desk.cleo if need_unforwarded else desk.ben
    desk.connects(side, phone, phone.rings())
    desk.hangs_up(side, phone)
    assert ("assistant 1 of 2, Ben, has forwarded the line: not rung" in desk.story()) == need_unforwarded


def test_an_assistant_whose_phone_has_no_way_is_followed_by_the_next(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY, "ben": {"address": "sip:ben@host.invalid"}})
    side = desk.calls()
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
    assert told(desk.story(), ".*Ben, cannot be rung: host host.invalid has no known address")


@pytest.mark.parametrize("need_registered", [True, False])
def test_an_assistant_whose_phone_is_switched_off_is_passed_over_if_the_group_wants_it(
    desk: Desk, *, need_registered: bool
) -> None:
    """No phone registers here: what the last call to it has shown counts."""
    off = {"address": f"sip:ben@127.0.0.1:{free_port()}"}
    desk.opens("ben", "cleo", people={"mia": AWAY, "ben": off}, need_registered=need_registered)
    for told_before in (False, need_registered):
        side = desk.calls()
        desk.connects(side, desk.cleo, desk.cleo.rings())
        desk.hangs_up(side, desk.cleo)
        passed_over = "assistant 1 of 2, Ben, has a phone that is not registered: not rung" in desk.story()
        assert passed_over == told_before


def test_all_at_once_assistants_who_do_not_answer_in_time_make_room_for_overflow(desk: Desk) -> None:
    rules: dict[str, Any] = {"strategy": Strategy.ALL_AT_ONCE, "assistant_timeout": 1, "overflow": BUSY}
    desk.opens("ben", "cleo", people={"mia": AWAY}, **rules)
    side = desk.calls()
    at_ben, at_cleo = desk.ben.rings(), desk.cleo.rings()
    desk.ben.stops_ringing(at_ben)
    desk.cleo.stops_ringing(at_cleo)
    desk.is_refused(side, 486)


def test_all_at_once_one_who_is_busy_leaves_the_others_ringing(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY}, strategy=Strategy.ALL_AT_ONCE)
    side = desk.calls()
    at_cleo = desk.cleo.rings()
    desk.ben.refuses(486)
    desk.connects(side, desk.cleo, at_cleo)
    desk.hangs_up(side, desk.cleo)


def test_a_call_keeps_the_office_as_it_was_when_it_came(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY})
    side = desk.calls()
    at_ben = desk.ben.receive("INVITE")
    desk.opens("ben", people={"mia": AWAY, "cleo": AWAY})
    desk.ben.respond(at_ben, 486)
    desk.connects(side, desk.cleo, desk.cleo.rings())
    desk.hangs_up(side, desk.cleo)
