"""A connected caller goes over to another phone: re-INVITE with the new phone's description."""

from __future__ import annotations

import pytest

from router.sip.connecting import AGAIN, TRIES
from tests.router.sip.legs.house import House
from tests.router.sip.legs.test_transfer_in import NEW, SECOND
from tests.sip.bridge import AGENT, Bridge, bridged
from tests.sip.peer import OFFER, Dialog, Message, Peer, call

CHANGED = OFFER.replace("40000", "40002").replace("o=- 17 1", "o=- 17 2")


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def going_over(bridge: Bridge, new: Peer) -> Dialog:
    """The new phone has answered, and the caller is asked to go over."""
    bridge.router.do("dial", leg=SECOND, target=new.uri, offer_of=bridge.caller_leg)
    invite = new.receive("INVITE")
    assert invite.body == OFFER
    new.respond(invite, 200, NEW)
    bridge.router.wait("answered", leg=SECOND)
    bridge.router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    new.receive("ACK")
    bridge.router.do("release", leg=AGENT)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    return new.dialog_of(invite)


def asked(bridge: Bridge) -> Message:
    invite = bridge.caller.receive("INVITE")
    assert invite.body == NEW
    return invite


def whole(bridge: Bridge, side: Dialog, other: Peer) -> None:
    side.request("BYE")
    side.peer.receive(200)
    other.respond(other.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_a_caller_who_keeps_his_description_bothers_the_new_phone_no_more(
    bridge: Bridge, other_phone: Peer
) -> None:
    side = going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), 200, OFFER)
    bridge.caller.receive("ACK")
    assert other_phone.waiting() == []
    whole(bridge, side, bridge.caller)


def test_a_callers_changed_description_is_told_to_the_new_phone(bridge: Bridge, other_phone: Peer) -> None:
    side = going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), 200, CHANGED)
    bridge.caller.receive("ACK")
    invite = other_phone.receive("INVITE")
    assert invite.body == CHANGED
    other_phone.respond(invite, 200, NEW)
    other_phone.receive("ACK")
    whole(bridge, side, bridge.caller)


def test_a_move_that_meets_an_offer_is_tried_again(bridge: Bridge, other_phone: Peer) -> None:
    side = going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), 491)
    bridge.caller.receive("ACK")
    assert bridge.caller.waiting() == []
    bridge.router.pass_time(AGAIN)
    bridge.caller.respond(asked(bridge), 200, OFFER)
    bridge.caller.receive("ACK")
    whole(bridge, side, bridge.caller)


def test_a_move_that_always_meets_an_offer_ends_the_call(bridge: Bridge, other_phone: Peer) -> None:
    going_over(bridge, other_phone)
    for _ in range(TRIES):
        bridge.caller.respond(asked(bridge), 491)
        bridge.caller.receive("ACK")
        bridge.router.pass_time(AGAIN)
    bridge.caller.respond(asked(bridge), 491)
    ended(bridge, other_phone)


@pytest.mark.parametrize("status", [488, 481, 500, 603])
def test_a_caller_who_refuses_the_move_is_lost(bridge: Bridge, other_phone: Peer, status: int) -> None:
    going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), status)
    ended(bridge, other_phone)


def test_a_caller_who_does_not_answer_the_move_is_lost(bridge: Bridge, other_phone: Peer) -> None:
    going_over(bridge, other_phone)
    asked(bridge)
    bridge.router.pass_time(33)
    ended(bridge, other_phone)


def ended(bridge: Bridge, new: Peer) -> None:
    bridge.router.wait("ended", leg=bridge.caller_leg)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    new.respond(new.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_a_callers_own_offer_goes_first(bridge: Bridge, other_phone: Peer) -> None:
    """His ACK is still due: the move waits for it."""
    bridge.caller_side.request("INVITE", CHANGED)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, NEW)
    bridge.phone.receive("ACK")
    ok = bridge.caller.receive(200)
    bridge.router.do("dial", leg=SECOND, target=other_phone.uri, offer_of=bridge.caller_leg)
    invite = other_phone.receive("INVITE")
    assert invite.body == CHANGED
    other_phone.respond(invite, 200, NEW)
    bridge.router.wait("answered", leg=SECOND)
    bridge.router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    assert bridge.caller.waiting() == []
    bridge.caller_side.answered(ok)
    bridge.router.pass_time(AGAIN)
    bridge.caller.respond(asked(bridge), 200, CHANGED)
    bridge.caller.receive("ACK")


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_hanging_up_during_the_move_ends_both_sides(bridge: Bridge, other_phone: Peer, who: str) -> None:
    side = going_over(bridge, other_phone)
    invite = asked(bridge)
    if who == "phone":
        side.request("BYE")
        other_phone.receive(200)
        bridge.caller.respond(invite, 200, OFFER)
        bridge.caller.receive("BYE")
        bridge.router.wait("ended", leg=SECOND)
    else:
        bridge.caller_side.request("BYE")
        bridge.caller.receive(200)
        bridge.caller.respond(invite, 487)
        other_phone.receive("BYE")
        bridge.router.wait("ended", leg=bridge.caller_leg)
    bridge.router.until_legs(0)


def test_the_new_phone_hanging_up_before_the_move_can_be_tried_again(
    bridge: Bridge, other_phone: Peer
) -> None:
    side = going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), 491)
    bridge.caller.receive("ACK")
    side.request("BYE")
    other_phone.receive(200)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.pass_time(AGAIN * 3)
    assert bridge.caller.waiting() == []
    bridge.router.nothing_is_left()


def test_the_former_phone_cannot_end_the_call_any_more(bridge: Bridge, other_phone: Peer) -> None:
    bridge.router.do("dial", leg=SECOND, target=other_phone.uri, offer_of=bridge.caller_leg)
    other_phone.respond(other_phone.receive("INVITE"), 200, NEW)
    bridge.router.wait("answered", leg=SECOND)
    bridge.router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    bridge.caller.respond(asked(bridge), 200, OFFER)
    bridge.caller.receive("ACK")
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.router.wait("ended", leg=AGENT)
    assert bridge.caller.waiting() == []
    bridge.router.until_legs(2)


def test_an_offer_of_the_new_phone_during_the_move_is_put_off(bridge: Bridge, other_phone: Peer) -> None:
    side = going_over(bridge, other_phone)
    invite = asked(bridge)
    side.request("INVITE", NEW.replace("sendrecv", "sendonly"))
    side.acknowledge_refusal(other_phone.receive(491))
    bridge.caller.respond(invite, 200, OFFER)
    bridge.caller.receive("ACK")
    bridge.router.until_legs(2)


def test_a_call_may_be_moved_again_and_again(bridge: Bridge, other_phone: Peer, router: House) -> None:
    going_over(bridge, other_phone)
    bridge.caller.respond(asked(bridge), 200, OFFER)
    bridge.caller.receive("ACK")
    third = router.peer()
    router.do("dial", leg=3, target=third.uri, offer_of=bridge.caller_leg)
    third.respond(third.receive("INVITE"), 200, NEW.replace("50070", "50080"))
    router.wait("answered", leg=3)
    router.do("connect", caller=bridge.caller_leg, agent=3)
    router.do("release", leg=SECOND)
    assert "50080" in bridge.caller.receive("INVITE").body
    other_phone.respond(other_phone.receive("BYE"), 200)


def test_two_calls_that_one_phone_holds_become_one(bridge: Bridge, other_phone: Peer, router: House) -> None:
    """Asked back and transferred: both were on hold, and hear each other now."""
    held = NEW.replace("sendrecv", "recvonly")
    second = call(bridge.phone, router.port)
    leg = router.wait("offered", call_id=second.call_id)["leg"]
    router.do("dial", leg=SECOND, target=other_phone.uri, offer_of=leg)
    invite = other_phone.receive("INVITE")
    other_phone.respond(invite, 200, NEW)
    router.wait("answered", leg=SECOND)
    router.do("connect", caller=leg, agent=SECOND)
    other_phone.receive("ACK")
    second.answered(bridge.phone.receive(200))
    second.request("INVITE", OFFER.replace("sendrecv", "sendonly"))
    other_phone.respond(other_phone.receive("INVITE"), 200, held)
    second.answered(bridge.phone.receive(200))
    router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    bridge.caller.respond(asked(bridge), 200, CHANGED)
    bridge.caller.receive("ACK")
    invite_again = other_phone.receive("INVITE")
    assert invite_again.body == CHANGED
    other_phone.respond(invite_again, 200, NEW)
    other_phone.receive("ACK")
    router.do("release", leg=AGENT)
    router.do("release", leg=leg)
    for _ in range(2):
        bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    whole(bridge, other_phone.dialog_of(invite), bridge.caller)


def test_a_phone_taken_from_a_caller_who_has_not_acknowledged_yet(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    bridge = bridged(router, caller, phone)
    late = call(router.peer(), router.port, sdp="")
    leg = router.wait("offered", call_id=late.call_id)["leg"]
    router.do("dial", leg=SECOND, target=other_phone.uri, offer_of=leg)
    other_phone.respond(other_phone.receive("INVITE"), 200, NEW)
    router.wait("answered", leg=SECOND)
    router.do("connect", caller=leg, agent=SECOND)
    router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    other_phone.receive("ACK")
    bridge.caller.respond(asked(bridge), 200, OFFER)
    router.do("release", leg=leg)
    router.do("release", leg=AGENT)
    router.until_legs(2)
