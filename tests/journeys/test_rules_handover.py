"""An answered call is left to the PBX that has both sides of it, or stays here: `gBridgeTransfer`."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from router.model import Presence
from tests.journeys.rules import DEAF_HOST, PHONE_HOST, Desk, Handset, told
from tests.sip.peer import Dialog, Message

HANDS_OVER, BRIDGES = {"gBridgeTransfer": "0"}, {"gBridgeTransfer": "1"}
AT_THE_PBX = {"mia": {"address": "0312220000"}}
SUBSCRIPTION = ("Event: refer", "Content-Type: message/sipfrag;version=2.0")
OVER = (*SUBSCRIPTION, "Subscription-State: terminated;reason=noresource")
GOES_ON = (*SUBSCRIPTION, "Subscription-State: active;expires=60")


def answered(desk: Desk, variables: dict[str, str]) -> tuple[Dialog, Message]:
    """A call that came through the PBX is taken there: the caller's side, and what the PBX got for mia."""
    desk.opens("ben", people=AT_THE_PBX, variables=variables)
    side = desk.calls()
    invite = desk.pbx.rings()
    desk.connects(side, desk.pbx, invite)
    return side, invite


def says(desk: Desk, side: Dialog, line: str, headers: tuple[str, ...]) -> None:
    side.request("NOTIFY", f"{line}\r\n", headers=headers)
    desk.caller.receive(200)


def test_the_pbx_is_asked_to_join_both_sides_and_both_legs_end(desk: Desk) -> None:
    side, invite = answered(desk, HANDS_OVER)
    refer = desk.caller.receive("REFER")
    replaces = unquote(refer["Refer-To"].partition("Replaces=")[2].rstrip(">"))
    ours = invite["From"].partition("tag=")[2]
    assert replaces == f"{invite['Call-ID']};to-tag={desk.pbx.tag};from-tag={ours}"
    desk.caller.respond(refer, 202)
    says(desk, side, "SIP/2.0 100 Trying", GOES_ON)
    says(desk, side, "SIP/2.0 200 OK", OVER)
    desk.caller.says_goodbye()
    desk.pbx.says_goodbye()
    steps = desk.story()
    assert "pbx is asked to take the call over" in steps
    assert steps[-1] == "pbx has taken the call over; how long they talk is not known here"
    record = desk.record()
    assert (record.result, record.agent, record.steps[-1].text) == ("answered", "mia", steps[-1])


def test_the_call_is_over_when_the_pbx_has_replaced_the_leg_of_the_phone(desk: Desk) -> None:
    side, invite = answered(desk, HANDS_OVER)
    desk.caller.respond(desk.caller.receive("REFER"), 202)
    desk.pbx.dialog_of(invite).request("BYE")
    desk.pbx.receive(200)
    desk.caller.says_goodbye()
    assert desk.story()[-1].startswith("pbx has taken the call over")
    assert side.remote


def test_a_pbx_that_refuses_leaves_the_call_here(desk: Desk) -> None:
    side, _ = answered(desk, HANDS_OVER)
    desk.caller.respond(desk.caller.receive("REFER"), 603)
    stays(desk, side, r"the call stays on this router: pbx refuses it \(603 Because\)")


def test_a_pbx_that_cannot_join_them_leaves_the_call_here(desk: Desk) -> None:
    side, _ = answered(desk, HANDS_OVER)
    desk.caller.respond(desk.caller.receive("REFER"), 202)
    says(desk, side, "SIP/2.0 481 No such dialog", OVER)
    stays(desk, side, r"the call stays on this router: pbx refuses it \(481 No such dialog\)")


def test_a_pbx_that_says_nothing_leaves_the_call_here(desk: Desk) -> None:
    side, _ = answered(desk, HANDS_OVER)
    desk.caller.respond(desk.caller.receive("REFER"), 202)
    assert desk.watch.until("call", desk.group, "the call stays on this router: pbx says nothing", 12)
    desk.hangs_up(side, desk.pbx)


def stays(desk: Desk, side: Dialog, why: str) -> None:
    """Nobody is hung up on, and the call ends as the caller wants it to."""
    desk.caller.is_left_alone(0.1)
    desk.pbx.is_left_alone(0.01)
    desk.hangs_up(side, desk.pbx)
    steps = desk.story()
    assert told(steps, why)
    assert told(steps[-1:], "connected for .* s, then the caller hung up")


def test_with_bridging_the_pbx_is_never_asked(desk: Desk) -> None:
    side, _ = answered(desk, BRIDGES)
    desk.caller.is_left_alone(0.3)
    desk.hangs_up(side, desk.pbx)
    assert not told(desk.story(), ".*(asked to take|stays on this router)")


def test_a_pbx_that_knows_no_replaces_is_asked_without(desk: Desk) -> None:
    there: Handset = desk.site.deaf
    address = f"sip:mia@{DEAF_HOST}:{there.port}"
    desk.opens("ben", people={"mia": {"address": address}}, variables=HANDS_OVER)
    caller = desk.also(DEAF_HOST)
    side = desk.calls(by=caller)
    desk.connects(side, there, there.rings())
    refer = caller.receive("REFER")
    assert "Replaces" not in refer["Refer-To"]
    assert address in refer["Refer-To"]
    caller.respond(refer, 202)
    side.request("NOTIFY", "SIP/2.0 200 OK\r\n", headers=OVER)
    caller.says_goodbye()
    there.says_goodbye()


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "stays on this router: the caller and the phone are not on the same PBX"),
        (PHONE_HOST, ""),
    ],
)
def test_a_call_whose_sides_are_not_on_one_pbx_stays_here(desk: Desk, host: str, why: str) -> None:
    """Where no PBX has to do with it, nothing is said of it."""
    away: dict[str, Any] = {"presence": Presence.AWAY}
    desk.opens("ben", people={"mia": away}, variables=HANDS_OVER)
    caller = desk.also(host)
    side = desk.calls(by=caller)
    desk.connects(side, desk.ben, desk.ben.rings())
    desk.hangs_up(side, desk.ben)
    caller.is_left_alone(0.01)
    story = str(desk.story())
    assert why in story
    assert why or "stays on this router" not in story
