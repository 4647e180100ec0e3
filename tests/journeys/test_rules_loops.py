"""Calls that go round, calls of strangers, and data that the rules cannot be used with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance import routing_file
from router import table
from router.model import Overflow, OverflowKind, Presence
from tests.journeys.rules import PHONE_HOST, STRANGE_HOST, Desk
from tests.journeys.waiting import eventually


def test_a_call_that_may_go_no_further_is_refused(desk: Desk) -> None:
    desk.opens("ben")
    desk.is_refused(desk.calls(headers=["Max-Forwards: 0"]), 483)
    desk.mia.is_left_alone(0.05)


def test_a_call_that_goes_on_may_go_one_step_less(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls(headers=["Max-Forwards: 7"])
    invite = desk.mia.rings()
    assert invite["Max-Forwards"] == "6"
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)


@pytest.mark.parametrize("header", ["Diversion", "History-Info"])
def test_a_call_that_was_forwarded_five_times_goes_round(desk: Desk, header: str) -> None:
    desk.opens("ben")
    side = desk.calls(headers=[way(header, place) for place in range(5 if header == "Diversion" else 6)])
    desk.is_refused(side, 482)
    assert desk.story()[-1].startswith("the call was forwarded 5 times before, so it goes round")
    desk.mia.is_left_alone(0.01)


def test_a_call_that_was_forwarded_four_times_rings(desk: Desk) -> None:
    desk.opens("ben")
    side = desk.calls(headers=[way("Diversion", place) for place in range(4)])
    invite = desk.mia.rings()
    assert len(invite.all("Diversion")) == 4
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)


def way(header: str, place: int) -> str:
    if header == "Diversion":
        return f"Diversion: <sip:55{place}@example.org>;reason=unconditional"
    index = ".".join("1" * (place + 1))
    cause = ";cause=302" if place else ""
    return f"History-Info: <sip:55{place}@example.org{cause}>;index={index}"


def test_a_loop_through_the_pbx_ends(desk: Desk) -> None:
    """The overflow number is forwarded back to the manager number by the PBX, as a call of its own."""
    away = {"presence": Presence.AWAY}
    outside = Overflow(OverflowKind.NUMBER, "0791112233")
    desk.opens("ben", people={"mia": away, "ben": away}, overflow=outside)
    first = desk.calls()
    invite = desk.pbx.rings()
    for _ in range(4):
        again = desk.calls(by=desk.pbx, headers=[f"Diversion: {one}" for one in invite.all("Diversion")])
        invite = desk.pbx.rings()
    last = desk.calls(by=desk.pbx, headers=[f"Diversion: {one}" for one in invite.all("Diversion")])
    desk.is_refused(last, 482)
    desk.gives_up(again)
    desk.gives_up(first)


def test_a_stranger_is_refused(desk: Desk) -> None:
    desk.opens("ben")
    desk.is_refused(desk.calls(by=desk.also(STRANGE_HOST)), 403)
    desk.mia.is_left_alone(0.05)


def test_a_phone_in_an_admitted_network_may_call(desk: Desk) -> None:
    desk.opens("ben")
    caller = desk.also(PHONE_HOST)
    side = desk.calls(by=caller)
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)


@pytest.mark.parametrize("presence", [Presence.AVAILABLE, Presence.AWAY])
def test_when_the_rules_cannot_be_used_the_managers_phone_is_rung(desk: Desk, presence: Presence) -> None:
    desk.opens("ben", "cleo", people={"mia": {"presence": presence}})
    used = desk.site.appliance.service("router")["facts"]["fail_safe"]
    damage(desk)
    side = desk.calls()
    first = desk.mia if presence is Presence.AVAILABLE else desk.ben
    first.respond(first.receive("INVITE"), 180)
    first.respond(first.receive("CANCEL"), 200)
    desk.connects(side, desk.mia, desk.mia.rings())
    desk.hangs_up(side, desk.mia)
    steps = desk.story()
    assert "an error in the router: the rules are left aside" in steps
    assert "the group's data cannot be used, so the manager's phone is rung: Mia rings" in steps
    desk.cleo.is_left_alone(0.01)
    eventually(lambda: desk.site.appliance.service("router")["facts"]["fail_safe"] == used + 1)
    assert f"unusable for {used + 1} calls" in desk.site.appliance.callisto("status").stdout


def damage(desk: Desk) -> None:
    """A table that no import lets through, and that is well-formed: no clock counts so many seconds."""
    path = desk.site.appliance.state / "routing.json"
    found = table.decode(path.read_bytes())
    group = replace(found.groups[desk.number], manager_timeout=10**400, assistant_timeout=10**400)
    damaged = replace(found, revision=found.revision + 1_000_000, groups={desk.number: group})
    routing_file.write(path, table.encode(damaged))
    desk.site.is_used(damaged.revision)
