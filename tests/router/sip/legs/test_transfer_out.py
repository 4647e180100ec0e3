"""Handing an answered call over to the PBX: REFER out, NOTIFYs in, and what comes of it."""

from __future__ import annotations

import pytest

from router.sip.handover import SILENCE
from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged
from tests.sip.peer import Message, Peer

ACTIVE = ["Event: refer", "Subscription-State: active;expires=60"]
OVER = ["Event: refer", "Subscription-State: terminated;reason=noresource"]


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def handed(bridge: Bridge, *, replaces: bool = True) -> Message:
    bridge.router.forget()
    bridge.router.do("hand_over", caller=bridge.caller_leg, agent=AGENT, replaces=replaces)
    return bridge.caller.receive("REFER")


def notify(bridge: Bridge, fragment: str, headers: list[str]) -> None:
    """`request` says application/sdp; nobody here reads the content type of a fragment."""
    bridge.caller_side.request("NOTIFY", fragment, headers=headers)


def told(bridge: Bridge, fragment: str, headers: list[str]) -> None:
    notify(bridge, fragment, headers)
    bridge.caller.receive(200)


def outcome(bridge: Bridge) -> tuple[int, str]:
    event = bridge.router.wait("handed_over", leg=bridge.caller_leg)
    return event["status"], event["reason"]


def both_ended(bridge: Bridge) -> None:
    for far in (bridge.caller, bridge.phone):
        far.respond(far.receive("BYE"), 200)
    assert bridge.router.untold() == []
    bridge.router.nothing_is_left()


def still_up(bridge: Bridge) -> None:
    assert bridge.router.untold() == []
    bridge.router.until_legs(2)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_the_pbx_is_asked_to_replace_the_phones_dialog(bridge: Bridge) -> None:
    asked = handed(bridge)
    target, _, replaces = asked["Refer-To"].strip("<>").partition("?Replaces=")
    assert target == bridge.phone.uri
    call_id, to_tag, from_tag = replaces.replace("%40", "@").split("%3B")
    assert call_id == bridge.invite["Call-ID"]
    assert to_tag == f"to-tag%3D{bridge.phone.tag}"
    assert from_tag == "from-tag%3D" + bridge.invite["From"].partition(";tag=")[2]
    assert asked["Referred-By"]
    assert asked["Contact"]


def test_the_pbx_is_asked_to_call_the_phone(bridge: Bridge) -> None:
    assert handed(bridge, replaces=False)["Refer-To"] == f"<{bridge.phone.uri}>"


@pytest.mark.parametrize("replaces", [True, False])
def test_a_hand_over_from_request_to_end(bridge: Bridge, replaces: bool) -> None:
    bridge.caller.respond(handed(bridge, replaces=replaces), 202)
    told(bridge, "SIP/2.0 100 Trying\r\n", ACTIVE)
    told(bridge, "SIP/2.0 180 Ringing\r\n", ACTIVE)
    assert bridge.router.untold() == []
    told(bridge, "SIP/2.0 200 OK\r\n", OVER)
    assert outcome(bridge) == (200, "OK")
    both_ended(bridge)


def test_a_notice_before_the_response_to_the_request_counts(bridge: Bridge) -> None:
    asked = handed(bridge)
    told(bridge, "SIP/2.0 200 OK", OVER)
    bridge.caller.respond(asked, 202)
    assert outcome(bridge) == (200, "OK")


@pytest.mark.parametrize("status", [403, 405, 501, 603])
def test_a_pbx_that_refuses_leaves_the_call_bridged(bridge: Bridge, status: int) -> None:
    bridge.caller.respond(handed(bridge), status)
    assert outcome(bridge) == (status, "Because")
    still_up(bridge)


@pytest.mark.parametrize(("line", "status"), [("486 Busy Here", 486), ("503 Down", 503), ("603 No", 603)])
def test_a_pbx_that_fails_leaves_the_call_bridged(bridge: Bridge, line: str, status: int) -> None:
    bridge.caller.respond(handed(bridge), 202)
    told(bridge, f"SIP/2.0 {line}\r\n", OVER)
    assert outcome(bridge) == (status, line.partition(" ")[2])
    still_up(bridge)


def test_a_pbx_that_says_nothing_more_leaves_the_call_bridged(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    router = bridge.router
    router.pass_time(SILENCE - 0.1)
    told(bridge, "SIP/2.0 180 Ringing\r\n", ACTIVE)
    router.pass_time(SILENCE - 0.1)
    assert router.untold() == []
    router.pass_time(0.2)
    assert outcome(bridge) == (408, "the PBX went silent")
    told_late(bridge)
    still_up(bridge)


def told_late(bridge: Bridge) -> None:
    """RFC 6665 section 4.1.3: the subscription is gone."""
    notify(bridge, "SIP/2.0 200 OK\r\n", OVER)
    bridge.caller.receive(481)


def test_a_pbx_that_never_responds_leaves_the_call_bridged(bridge: Bridge) -> None:
    handed(bridge)
    bridge.router.pass_time(SILENCE + 0.1)
    assert outcome(bridge)[0] == 408
    bridge.router.pass_time(30)
    still_up(bridge)


def test_a_subscription_that_ends_without_a_result_is_a_failure(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    told(bridge, "", OVER)
    assert outcome(bridge)[0] == 408
    still_up(bridge)


def test_a_notice_of_something_else_is_refused(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    notify(bridge, "SIP/2.0 200 OK\r\n", ["Event: presence", "Subscription-State: active"])
    bridge.caller.receive(489)
    assert bridge.router.untold() == []


def test_a_notice_on_the_phones_side_belongs_to_nothing(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    bridge.phone_side.request("NOTIFY", "SIP/2.0 200 OK\r\n", headers=OVER)
    bridge.phone.receive(481)
    assert bridge.router.untold() == []


def test_a_phone_whose_dialog_the_pbx_has_replaced_is_a_success(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    assert outcome(bridge)[0] == 200
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    assert bridge.router.untold() == []
    bridge.router.nothing_is_left()


def test_a_phone_that_hangs_up_although_nothing_replaces_it_ends_the_call(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge, replaces=False), 202)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.router.wait("ended", leg=AGENT)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    assert bridge.router.untold() == []
    bridge.router.nothing_is_left()


def test_a_caller_who_hangs_up_meanwhile_ends_the_call(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    bridge.router.wait("ended", leg=bridge.caller_leg)
    assert bridge.router.untold() == []
    bridge.router.nothing_is_left()


def test_a_failed_hand_over_may_be_tried_again(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 500)
    outcome(bridge)
    bridge.caller.respond(handed(bridge, replaces=False), 202)
    told(bridge, "SIP/2.0 200 OK\r\n", OVER)
    assert outcome(bridge)[0] == 200
    both_ended(bridge)


def test_a_transfer_asked_for_meanwhile_is_put_off(bridge: Bridge) -> None:
    bridge.caller.respond(handed(bridge), 202)
    bridge.phone_side.request("REFER", headers=["Refer-To: <sip:1@127.0.0.1>"])
    bridge.phone.receive(491)
    assert bridge.router.untold() == []


def test_handing_over_what_is_not_connected_does_nothing(router: House, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    router.do("hand_over", caller=bridge.caller_leg, agent=77, replaces=True)
    router.do("hand_over", caller=77, agent=AGENT, replaces=True)
    assert caller.waiting() == []
