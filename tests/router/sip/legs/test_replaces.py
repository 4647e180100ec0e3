"""An INVITE that takes over a leg (RFC 3891): a PBX that joins calls, a phone that goes on elsewhere."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged, dialled
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, call

NEW = OFFER.replace("o=- 17 1", "o=- 55 1").replace("40000", "40055")
CHANGED = ANSWER.replace("o=- 23 1", "o=- 23 2")


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def tag(value: str) -> str:
    return value.partition(";tag=")[2]


def replaces(side: Dialog) -> str:
    """The value by which the router knows this far end's dialog: to-tag is the router's (section 3)."""
    return f"{side.call_id};to-tag={tag(side.remote)};from-tag={tag(side.local)}"


def takeover(
    bridge: Bridge, side: Dialog, new: Peer, more: str = "", *, sdp: str = NEW, headers: tuple[str, ...] = ()
) -> Dialog:
    lines = [f"Replaces: {replaces(side)}{more}", "Require: replaces", *headers]
    return call(new, bridge.router.port, sdp=sdp, headers=lines)


def sides(bridge: Bridge, who: str) -> tuple[Dialog, Peer, int]:
    """The one who is replaced, the one on the other side, the leg."""
    if who == "caller":
        return bridge.caller_side, bridge.phone, bridge.caller_leg
    return bridge.phone_side, bridge.caller, AGENT


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_a_leg_is_taken_over_and_the_call_goes_on(bridge: Bridge, other_phone: Peer, who: str) -> None:
    side, other, leg = sides(bridge, who)
    new = takeover(bridge, side, other_phone)
    asked = other.receive("INVITE")
    assert asked.body == NEW
    other.respond(asked, 200, CHANGED)
    other.receive("ACK")
    ok = other_phone.receive(200)
    assert ok.body == CHANGED
    new.answered(ok)
    side.peer.respond(side.peer.receive("BYE"), 200)
    assert bridge.router.untold() == []
    bridge.router.until_legs(2)
    new.request("BYE")
    other_phone.receive(200)
    other.respond(other.receive("BYE"), 200)
    bridge.router.wait("ended", leg=leg)
    bridge.router.nothing_is_left()


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_the_new_far_end_is_renegotiated_with_and_hung_up_on(
    bridge: Bridge, other_phone: Peer, who: str
) -> None:
    side, other, _ = sides(bridge, who)
    new = taken(bridge, side, other, other_phone)
    new.request("INVITE", NEW.replace("sendrecv", "sendonly"))
    other.respond(other.receive("INVITE"), 200, ANSWER)
    new.answered(other_phone.receive(200))
    other_side = bridge.phone_side if other is bridge.phone else bridge.caller_side
    other_side.request("BYE")
    other.receive(200)
    other_phone.respond(other_phone.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def taken(bridge: Bridge, side: Dialog, other: Peer, by: Peer) -> Dialog:
    new = takeover(bridge, side, by)
    other.respond(other.receive("INVITE"), 200, ANSWER)
    other.receive("ACK")
    new.answered(by.receive(200))
    side.peer.respond(side.peer.receive("BYE"), 200)
    return new


def test_what_was_taken_over_may_be_taken_over_again(
    bridge: Bridge, other_phone: Peer, router: House
) -> None:
    new = taken(bridge, bridge.caller_side, bridge.phone, other_phone)
    taken(bridge, new, bridge.phone, router.peer())
    router.until_legs(2)


def test_without_an_offer_the_other_side_makes_one(bridge: Bridge, other_phone: Peer) -> None:
    new = takeover(bridge, bridge.caller_side, other_phone, sdp="")
    asked = bridge.phone.receive("INVITE")
    assert asked.body == ""
    bridge.phone.respond(asked, 200, OFFER)
    ok = other_phone.receive(200)
    assert ok.body == OFFER
    new.remote = ok["To"]
    new.request("ACK", NEW)
    assert bridge.phone.receive("ACK").body == NEW
    bridge.caller.receive("BYE")


def refused(new: Dialog, status: int) -> Message:
    response = new.peer.receive(status)
    new.acknowledge_refusal(response)
    return response


def test_an_unknown_dialog_cannot_be_taken_over(bridge: Bridge, other_phone: Peer) -> None:
    side = bridge.caller_side
    for wrong in (
        f"other;to-tag={tag(side.remote)};from-tag={tag(side.local)}",
        f"{side.call_id};to-tag=other;from-tag={tag(side.local)}",
        f"{side.call_id};to-tag={tag(side.remote)};from-tag=other",
    ):
        refused(call(other_phone, bridge.router.port, headers=[f"Replaces: {wrong}"]), 481)
    assert bridge.router.untold() == []
    bridge.router.until_legs(2)


@pytest.mark.parametrize(
    "value", ["", "abc", "abc;to-tag=1", "abc;from-tag=1", "a;to-tag=1;from-tag=2, b;to-tag=1"]
)
def test_a_header_that_cannot_be_read_is_bad(router: House, caller: Peer, value: str) -> None:
    refused(call(caller, router.port, headers=[f"Replaces: {value}"]), 400)
    assert router.untold() == []
    router.nothing_is_left()


def test_two_headers_are_bad(bridge: Bridge, other_phone: Peer) -> None:
    refused(
        takeover(bridge, bridge.caller_side, other_phone, headers=("Replaces: a;to-tag=b;from-tag=c",)), 400
    )


def test_a_call_that_is_up_is_not_taken_over_as_an_early_one(bridge: Bridge, other_phone: Peer) -> None:
    refused(takeover(bridge, bridge.caller_side, other_phone, ";early-only"), 486)
    bridge.router.until_legs(2)


def test_a_ringing_leg_is_not_taken_over(router: House, caller: Peer, phone: Peer, other_phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    value = replaces(phone.dialog_of(ringing.invite))
    refused(call(other_phone, router.port, headers=[f"Replaces: {value}"]), 481)
    router.until_legs(2)


def test_a_call_that_is_over_is_declined_while_it_is_remembered(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    """It waits for the ACK of our answer to be hung up."""
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    ringing.caller_side.remote = caller.receive(200)["To"]
    phone.dialog_of(ringing.invite).request("BYE")
    router.turn()
    value = replaces(ringing.caller_side)
    refused(call(other_phone, router.port, headers=[f"Replaces: {value}"]), 603)


def test_another_than_its_owner_cannot_take_a_leg_over(bridge: Bridge, other_phone: Peer) -> None:
    network = bridge.router.network
    new = takeover(bridge, bridge.caller_side, other_phone)
    data, _ = network.arrived.pop()
    network.arrived.append((data, network.flow("UDP", "127.0.0.2", other_phone.port)))
    refused(new, 403)
    assert bridge.phone.waiting() == []


@pytest.mark.parametrize(("status", "passed"), [(488, 488), (491, 491), (603, 603), (401, 488)])
def test_what_the_other_side_refuses_leaves_the_call_as_it_was(
    bridge: Bridge, other_phone: Peer, status: int, passed: int
) -> None:
    new = takeover(bridge, bridge.caller_side, other_phone)
    bridge.phone.respond(bridge.phone.receive("INVITE"), status)
    refused(new, passed)
    assert bridge.caller.waiting() == []
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_a_takeover_during_another_offer_is_put_off(bridge: Bridge, other_phone: Peer) -> None:
    bridge.caller_side.request("INVITE", NEW)
    bridge.phone.receive("INVITE")
    refused(takeover(bridge, bridge.caller_side, other_phone), 491)


def test_a_takeover_that_is_given_up_is_taken_back(bridge: Bridge, other_phone: Peer) -> None:
    new = takeover(bridge, bridge.caller_side, other_phone)
    asked = bridge.phone.receive("INVITE")
    new.request("CANCEL")
    refused(new, 487)
    bridge.phone.respond(asked, 200, CHANGED)
    bridge.phone.receive("ACK")
    again = bridge.phone.receive("INVITE")
    assert again.body == OFFER
    bridge.phone.respond(again, 200, ANSWER)
    bridge.phone.receive("ACK")
    assert bridge.caller.waiting() == []
    assert bridge.router.untold() == []
    bridge.router.until_legs(2)


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_hanging_up_during_a_takeover_ends_all_three(bridge: Bridge, other_phone: Peer, who: str) -> None:
    new = takeover(bridge, bridge.caller_side, other_phone)
    asked = bridge.phone.receive("INVITE")
    side, other, leg = sides(bridge, who)
    side.request("BYE")
    side.peer.receive(200)
    refused(new, 487)
    bridge.phone.respond(asked, 487)
    other.respond(other.receive("BYE"), 200)
    bridge.router.wait("ended", leg=leg)
    bridge.router.nothing_is_left()


def test_a_takeover_whose_answer_is_never_acknowledged_ends_the_call(
    bridge: Bridge, other_phone: Peer
) -> None:
    takeover(bridge, bridge.caller_side, other_phone)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, ANSWER)
    bridge.phone.receive("ACK")
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.pass_time(33)
    bridge.router.wait("ended", leg=bridge.caller_leg)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    other_phone.sock.came.clear()


def test_too_short_a_session_is_refused(bridge: Bridge, other_phone: Peer) -> None:
    short = ("Supported: timer", "Session-Expires: 20")
    refused(takeover(bridge, bridge.caller_side, other_phone, headers=short), 422)


def test_that_we_know_it_is_said(bridge: Bridge) -> None:
    assert "replaces" in bridge.invite["Supported"]
    assert "replaces" in bridge.ok["Supported"]
