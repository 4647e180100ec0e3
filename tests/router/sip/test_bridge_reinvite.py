"""Hold, resume and other changes to a call that is up."""

from __future__ import annotations

import pytest

from tests.sip.bridge import AGENT, Bridge, bridged
from tests.sip.engine import Engine
from tests.sip.peer import ANSWER, OFFER, Dialog, Peer

HOLD = OFFER.replace("a=sendrecv", "a=sendonly").replace("o=- 17 1", "o=- 17 2")
HELD = ANSWER.replace("a=sendrecv", "a=recvonly").replace("o=- 23 1", "o=- 23 2")


@pytest.fixture
def bridge(router: Engine, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def ended_by(bridge: Bridge, side: Dialog) -> None:
    """The call is still whole: a BYE goes through it."""
    other = bridge.phone if side.peer is bridge.caller else bridge.caller
    side.request("BYE")
    side.peer.receive(200)
    other.respond(other.receive("BYE"), 200)
    bridge.router.until_legs(0)


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_hold_and_resume_pass_through(bridge: Bridge, who: str) -> None:
    sides = {"caller": bridge.caller_side, "phone": bridge.phone_side}
    side, other = sides[who], (bridge.phone if who == "caller" else bridge.caller)
    for offer, answer in [(HOLD, HELD), (OFFER, ANSWER)]:
        side.request("INVITE", offer)
        asked = other.receive("INVITE")
        assert ("a=sendonly" in asked.body) == (offer is HOLD)
        assert "c=IN IP4 192.0.2.17" in asked.body
        other.respond(asked, 200, answer)
        other.receive("ACK")
        ok = side.peer.receive(200)
        assert ("a=recvonly" in ok.body) == (offer is HOLD)
        side.answered(ok)
    assert bridge.router.untold() == []
    ended_by(bridge, side)


def test_a_change_that_the_other_side_refuses_leaves_the_call_as_it_was(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 488)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(488))
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, HELD)
    bridge.caller_side.answered(bridge.caller.receive(200))
    assert bridge.router.untold() == []
    ended_by(bridge, bridge.caller_side)


def test_changes_that_cross_do_not_harm_the_call(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.phone_side.request("INVITE", HOLD)
    bridge.phone_side.acknowledge_refusal(bridge.phone.receive(491))
    bridge.phone.respond(asked, 491)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(491))
    assert bridge.router.untold() == []
    ended_by(bridge, bridge.phone_side)


def test_a_change_without_an_offer_asks_the_other_side_for_one(bridge: Bridge) -> None:
    """The late offer of a re-INVITE goes all the way, so that both sides know the same (RFC 3725)."""
    bridge.caller_side.request("INVITE")
    asked = bridge.phone.receive("INVITE")
    assert asked.body == ""
    bridge.phone.respond(asked, 200, HELD)
    ok = bridge.caller.receive(200)
    assert ok.body == HELD
    bridge.phone.nothing()
    bridge.caller_side.remote = ok["To"]
    bridge.caller_side.request("ACK", OFFER)
    assert bridge.phone.receive("ACK").body == OFFER
    assert bridge.router.untold() == []
    ended_by(bridge, bridge.phone_side)


def test_a_description_that_comes_again_is_a_refresh_and_bothers_nobody(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", OFFER)
    ok = bridge.caller.receive(200)
    assert ok.body == ANSWER
    bridge.caller_side.answered(ok)
    bridge.phone.nothing()
    ended_by(bridge, bridge.caller_side)


def test_an_update_passes_as_what_the_other_side_understands(bridge: Bridge) -> None:
    """The phone did not say that it knows UPDATE (RFC 3311), so it gets an INVITE."""
    bridge.caller_side.request("UPDATE", HOLD)
    asked = bridge.phone.receive("INVITE")
    assert asked.body == HOLD
    bridge.phone.respond(asked, 200, HELD)
    bridge.phone.receive("ACK")
    assert bridge.caller.receive(200).body == HELD
    bridge.caller_side.request("UPDATE")
    assert bridge.caller.receive(200).body == ""
    bridge.phone.nothing()
    ended_by(bridge, bridge.caller_side)


def test_hanging_up_during_a_change_ends_both_sides(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.receive("INVITE")
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.router.wait("ended", leg=AGENT)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.until_legs(0)


def test_a_change_from_many_media_lines_to_one_and_back_passes(bridge: Bridge) -> None:
    video = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    for offer, answer in [(OFFER + video, ANSWER + video), (OFFER + video * 3, ANSWER + video * 3)]:
        bridge.caller_side.request("INVITE", offer)
        asked = bridge.phone.receive("INVITE")
        assert asked.body.count("m=video") == offer.count("m=video")
        bridge.phone.respond(asked, 200, answer)
        bridge.caller_side.answered(bridge.caller.receive(200))
    ended_by(bridge, bridge.caller_side)
