"""New offers within a call, by UPDATE (RFC 3311) and re-INVITE (RFC 3261 section 14), and what goes wrong."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged, dialled
from tests.sip.peer import ANSWER, OFFER, Peer, call

HOLD = OFFER.replace("a=sendrecv", "a=sendonly").replace("o=- 17 1", "o=- 17 2")
HELD = ANSWER.replace("a=sendrecv", "a=recvonly").replace("o=- 23 1", "o=- 23 2")
MOVED = ANSWER.replace("50000", "50010").replace("o=- 23 1", "o=- 23 5")


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


@pytest.fixture
def updating(router: House, caller: Peer, phone: Peer) -> Bridge:
    """A call whose phone knows UPDATE."""
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER, headers=["Allow: INVITE, UPDATE"])
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    ok = caller.receive(200)
    ringing.caller_side.answered(ok)
    side = phone.dialog_of(ringing.invite)
    return Bridge(router, caller, phone, ringing.caller_side, ringing.caller_leg, side, ringing.invite, ok)


def ended(bridge: Bridge, leg: int) -> None:
    bridge.router.wait("ended", leg=leg)
    for far in (bridge.caller, bridge.phone):
        far.respond(far.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_an_update_with_an_offer_passes_as_one(updating: Bridge) -> None:
    updating.caller_side.request("UPDATE", HOLD)
    asked = updating.phone.receive("UPDATE")
    assert asked.body == HOLD
    updating.phone.respond(asked, 200, HELD)
    ok = updating.caller.receive(200)
    assert ok.body == HELD
    assert ok["Contact"]
    assert updating.phone.waiting() == []  # no ACK for an UPDATE


def moved(far: Peer, to: Peer) -> None:
    """From now on that far end gives another Contact."""
    send, here, there = far.send, f"Contact: <{far.uri}>", f"Contact: <{to.uri}>"
    far.send = lambda data, at: send(data.replace(here, there), at)


def test_an_update_without_an_offer_is_answered_here_and_moves_the_target(updating: Bridge) -> None:
    elsewhere = updating.router.peer()
    moved(updating.caller, elsewhere)
    updating.caller_side.request("UPDATE")
    assert updating.caller.receive(200).body == ""
    assert updating.phone.waiting() == []
    updating.phone_side.request("BYE")
    assert elsewhere.receive("BYE").uri == elsewhere.uri


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refused_offer_changes_nothing_and_says_why(updating: Bridge, method: str) -> None:
    updating.caller_side.request(method, HOLD)
    updating.phone.respond(updating.phone.receive(method), 488, headers=['Warning: 304 x "no such media"'])
    refusal = updating.caller.receive(488)
    assert refusal["Warning"] == '304 x "no such media"'
    if method == "INVITE":
        updating.caller_side.acknowledge_refusal(refusal)
    updating.caller_side.request(method, OFFER)  # still what is agreed: a refresh
    assert updating.caller.receive(200).body == ANSWER
    assert [one.start for one in updating.phone.waiting() if one.method != "ACK"] == []


def test_an_offer_while_one_is_pending_is_put_off(bridge: Bridge) -> None:
    """RFC 3261 section 14.2."""
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.caller_side.request("UPDATE", HOLD)
    assert int(bridge.caller.receive(500)["Retry-After"]) <= 10
    bridge.phone.respond(asked, 200, HELD)
    assert bridge.caller.receive(200).body == HELD


def test_an_offer_before_the_ack_of_the_last_is_put_off(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, HELD)
    bridge.caller.receive(200)
    bridge.caller_side.request("INVITE", OFFER)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(500))
    bridge.router.until_legs(2)


def test_offers_that_cross_are_refused_on_both_sides(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.phone_side.request("INVITE", HELD)
    bridge.phone_side.acknowledge_refusal(bridge.phone.receive(491))
    bridge.phone.respond(asked, 491)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(491))
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, HELD)
    bridge.caller_side.answered(bridge.caller.receive(200))
    bridge.router.until_legs(2)


@pytest.mark.parametrize("status", [408, 481])
def test_an_offer_to_a_far_end_that_has_lost_the_call_ends_it(bridge: Bridge, status: int) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), status)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(500))
    ended(bridge, AGENT)


def test_an_offer_nobody_answers_ends_the_call(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.receive("INVITE")
    bridge.router.pass_time(33)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(500))
    ended(bridge, AGENT)


def test_a_far_end_that_is_busy_just_now_keeps_its_call(bridge: Bridge) -> None:
    """A 503 is about that request alone (RFC 5057 section 5.1)."""
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 503, headers=["Retry-After: 5"])
    refusal = bridge.caller.receive(503)
    assert refusal["Retry-After"] == "5"
    bridge.caller_side.acknowledge_refusal(refusal)
    bridge.router.until_legs(2)


def test_a_redirected_offer_is_refused(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 302)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(488))
    bridge.router.until_legs(2)


def test_a_new_answer_that_is_never_acknowledged_is_repeated_and_ends_the_call(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, HELD)
    bridge.phone.receive("ACK")
    bridge.router.pass_time(33)
    assert sum(data.startswith(b"SIP/2.0 200") for data in bridge.caller.sock.came) == 11
    bridge.caller.sock.came.clear()
    bridge.router.wait("ended", leg=bridge.caller_leg)


def test_a_repeated_answer_to_an_offer_gets_its_ack_again(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    for _ in range(3):
        bridge.phone.respond(asked, 200, HELD)
        bridge.router.turn()
    assert sum(data.startswith(b"ACK") for data in bridge.phone.sock.came) == 3


def test_a_late_offer_within_a_call_goes_end_to_end(bridge: Bridge) -> None:
    bridge.phone_side.request("INVITE")
    asked = bridge.caller.receive("INVITE")
    assert asked.body == ""
    bridge.caller.respond(asked, 200, HOLD)
    ok = bridge.phone.receive(200)
    assert ok.body == HOLD
    assert bridge.caller.waiting() == []
    bridge.phone_side.remote = ok["To"]
    bridge.phone_side.request("ACK", HELD)
    assert bridge.caller.receive("ACK").body == HELD
    bridge.phone_side.request("INVITE", HELD)  # what was agreed: a refresh
    assert bridge.phone.receive(200).body == HOLD


def test_hanging_up_while_an_offer_of_the_other_waits_answers_it(bridge: Bridge) -> None:
    """RFC 3261 section 15.1.2: what is pending gets 487."""
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    branch = bridge.caller_side.branch
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.phone.respond(asked, 487)
    refusal = bridge.caller.receive(487)
    bridge.caller_side.branch = branch
    bridge.caller_side.acknowledge_refusal(refusal)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_hanging_up_while_ones_own_offer_waits_answers_it(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.caller_side.request("BYE")
    assert {(one.method, one.status) for one in bridge.caller.waiting()} == {("BYE", 200), ("INVITE", 487)}
    bridge.phone.respond(asked, 200, HELD)
    assert {one.method for one in bridge.phone.waiting()} == {"ACK", "BYE"}
    bridge.router.until_legs(0)


def test_an_offer_that_is_given_up_is_cancelled_on_the_other_side(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.phone.respond(asked, 180)
    bridge.router.turn()
    bridge.caller_side.request("CANCEL")
    refusal = bridge.caller.receive(487)
    bridge.caller_side.acknowledge_refusal(refusal)
    bridge.phone.respond(bridge.phone.receive("CANCEL"), 200)
    bridge.phone.respond(asked, 487)
    bridge.phone.receive("ACK")
    bridge.router.until_legs(2)
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.receive("INVITE")


def test_an_offer_that_is_given_up_and_taken_all_the_same_is_taken_back(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    asked = bridge.phone.receive("INVITE")
    bridge.caller_side.request("CANCEL")
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(487))
    bridge.phone.respond(asked, 200, HELD)
    bridge.phone.receive("ACK")
    again = bridge.phone.receive("INVITE")
    assert again.body == OFFER
    bridge.phone.respond(again, 200, ANSWER)
    bridge.phone.receive("ACK")
    bridge.router.until_legs(2)


def test_the_other_sides_new_target_is_where_requests_go(bridge: Bridge) -> None:
    elsewhere = bridge.router.peer()
    bridge.caller_side.request("INVITE", HOLD)
    invite = bridge.phone.receive("INVITE")
    moved(bridge.phone, elsewhere)
    bridge.phone.respond(invite, 200, HELD)
    assert elsewhere.receive("ACK").uri == elsewhere.uri
    bridge.caller_side.answered(bridge.caller.receive(200))
    bridge.caller_side.request("BYE")
    assert elsewhere.receive("BYE").uri == elsewhere.uri


def test_an_offer_during_ringing_is_put_off(router: House, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    ringing.caller_side.remote = f"{ringing.caller_side.remote};tag={_tag(router)}"
    ringing.caller_side.request("UPDATE", HOLD)
    assert caller.receive(491)["CSeq"].endswith("UPDATE")


def _tag(router: House) -> str:
    return next(tag for tag, leg in router.stack.tags.items() if leg.id >= 1 << 32)


def test_after_a_change_both_sides_refresh_what_was_agreed_last(bridge: Bridge) -> None:
    bridge.caller_side.request("INVITE", HOLD)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 200, HELD)
    bridge.phone.receive("ACK")
    bridge.caller_side.answered(bridge.caller.receive(200))
    bridge.phone_side.request("INVITE", HELD)
    assert bridge.phone.receive(200).body == HOLD
    assert bridge.caller.waiting() == []


def test_after_a_late_offer_the_phone_refreshes_what_was_agreed(
    router: House, caller: Peer, phone: Peer
) -> None:
    side = call(caller, router.port, sdp="")
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    invite = phone.receive("INVITE")
    phone.respond(invite, 200, OFFER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    side.remote = caller.receive(200)["To"]
    side.request("ACK", ANSWER)
    assert phone.receive("ACK").body == ANSWER
    phone.dialog_of(invite).request("INVITE", OFFER)
    assert phone.receive(200).body == ANSWER
    assert caller.waiting() == []
