"""What assistants' clients learn of a call while it rings, on the control socket (docs/notices.md)."""

from __future__ import annotations

from typing import Any

from router.model import Overflow, OverflowKind, Presence
from tests.journeys.rules import CALLER, Desk

AWAY: dict[str, Any] = {"presence": Presence.AWAY}


def test_assistants_learn_who_calls_whom_and_who_rings(desk: Desk) -> None:
    desk.opens("ben", "cleo")
    side = desk.calls()
    at_mia = desk.mia.rings()
    notice = desk.notice()
    assert (notice["event"], notice["to"], notice["manager"]) == ("ringing", ["ben", "cleo"], "Mia")
    assert (notice["caller"], notice["caller_name"]) == (CALLER, "Petra")
    assert (notice["ringing"], notice["why"]) == (["Mia"], "manager available")
    assert (notice["vip"], notice["anonymous"]) == (False, False)
    desk.connects(side, desk.mia, at_mia)
    answered = desk.notice()
    assert (answered["id"], answered["event"]) == (notice["id"], "answered")
    assert (answered["by"], answered["by_user"]) == ("Mia", "mia")
    desk.hangs_up(side, desk.mia)
    desk.story()
    desk.no_notice()


def test_assistants_learn_when_it_is_the_next_ones_turn(desk: Desk) -> None:
    desk.opens("ben", "cleo", people={"mia": AWAY}, assistant_timeout=1)
    side = desk.calls()
    desk.ben.stops_ringing(desk.ben.rings())
    at_cleo = desk.cleo.rings()
    first, second = desk.notice(), desk.notice()
    assert [(one["ringing"], one["why"]) for one in (first, second)] == [
        (["Ben"], "manager away"),
        (["Cleo"], "manager away"),
    ]
    assert second["elapsed_s"] - first["elapsed_s"] >= 0.9
    desk.gives_up(side)
    desk.cleo.stops_ringing(at_cleo)


def test_all_who_ring_are_named(desk: Desk) -> None:
    desk.opens("ben", ring_parallel=True)
    side = desk.calls()
    rung = desk.mia.rings(), desk.ben.rings()
    assert desk.notice()["ringing"] == ["Mia", "Ben"]
    desk.gives_up(side)
    desk.mia.stops_ringing(rung[0])
    desk.ben.stops_ringing(rung[1])


def test_a_call_is_withdrawn_when_the_caller_hangs_up(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls()
    at_mia = desk.mia.rings()
    desk.notice()
    desk.gives_up(side)
    desk.mia.stops_ringing(at_mia)
    withdrawn = desk.notice()
    assert (withdrawn["event"], withdrawn["why"]) == ("withdrawn", "the caller hung up")


def test_a_call_is_withdrawn_at_overflow(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=Overflow(OverflowKind.NUMBER, "0791112233"))
    side = desk.calls()
    desk.ben.refuses(486)
    at_pbx = desk.pbx.rings()
    assert desk.notice()["event"] == "ringing"
    withdrawn = desk.notice()
    assert (withdrawn["event"], withdrawn["why"]) == ("withdrawn", "overflow")
    desk.gives_up(side)
    desk.pbx.stops_ringing(at_pbx)


def test_a_call_that_nobody_takes_is_withdrawn(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, overflow=Overflow(OverflowKind.BUSY))
    side = desk.calls()
    desk.ben.refuses(486)
    desk.is_refused(side, 486)
    assert desk.notice()["event"] == "ringing"
    withdrawn = desk.notice()
    assert (withdrawn["event"], withdrawn["why"]) == ("withdrawn", "nobody took the call")


def test_a_group_that_does_not_show_calls_tells_nobody(desk: Desk) -> None:
    desk.opens("ben", show_calls=False)
    side = desk.calls()
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)
    desk.story()
    desk.no_notice()


def test_a_caller_who_asks_for_privacy_is_anonymous_in_notices_and_records(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY})
    hidden = ["P-Asserted-Identity: <sip:0445556677@example.org>", "Privacy: id"]
    side = desk.calls(number="anonymous", name="Anonymous", headers=hidden)
    invite = desk.ben.rings()
    notice = desk.notice()
    assert (notice["anonymous"], notice["caller"], notice["caller_name"]) == (True, "", "")
    desk.connects(side, desk.ben, invite)
    desk.hangs_up(side, desk.ben)
    assert desk.story()[0].startswith("an anonymous caller calls")
    record = desk.record()
    assert record.caller == "anonymous"
    assert "0445556677" not in str(record)
    assert "0445556677" not in desk.site.appliance.log.read_text()


def test_a_hidden_caller_is_not_shown_to_the_phone(desk: Desk) -> None:
    desk.opens("ben")
    hidden = ["P-Asserted-Identity: <sip:0445556677@example.org>", "Privacy: id"]
    side = desk.calls(number="anonymous", name="Anonymous", headers=hidden)
    invite = desk.mia.rings()
    assert "0445556677" not in str(invite.headers)
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)
