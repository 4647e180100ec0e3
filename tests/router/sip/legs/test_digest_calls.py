"""Demands for a password within calls (RFC 3261 section 22)."""

from __future__ import annotations

import pytest

from router.model import Peer as Pbx
from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged, offered
from tests.sip.peer import ANSWER, OFFER, Message, Peer

REALM = 'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"'
CHALLENGE = [f"WWW-Authenticate: {REALM}"]
PROXY = [f"Proxy-Authenticate: {REALM}"]
STALE = [f"WWW-Authenticate: {REALM.replace('n1', 'n2')}, stale=true"]


def known(router: House) -> None:
    """A PBX peer with a password is at this address."""
    router.signalling.peering.use(
        [Pbx(name="pbx", host="127.0.0.1", user="callisto", password="secret", ping_s=0)], ["127.0.0.0/8"]
    )


@pytest.fixture
def router() -> House:
    house = House()
    known(house)
    return house


def dialled(router: House, caller: Peer, phone: Peer) -> tuple[int, Message]:
    leg = offered(router, caller)[1]
    router.do("dial", leg=AGENT, target=phone.uri, peer="pbx", offer_of=leg)
    return leg, phone.receive("INVITE")


@pytest.mark.parametrize(
    ("status", "headers", "name"),
    [(401, CHALLENGE, "Authorization"), (407, PROXY, "Proxy-Authorization")],
)
def test_an_invite_is_sent_again_with_the_password(
    router: House, caller: Peer, phone: Peer, *, status: int, headers: list[str], name: str
) -> None:
    leg, invite = dialled(router, caller, phone)
    phone.respond(invite, status, headers=headers)
    phone.receive("ACK")
    again = phone.receive("INVITE")
    assert 'username="callisto"' in again[name]
    assert 'nonce="n1"' in again[name]
    assert again.body == OFFER
    assert again["CSeq"] == "2 INVITE"
    assert again["Call-ID"] == invite["Call-ID"]
    assert "tag=" not in again["To"]
    phone.respond(again, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    ack = phone.receive("ACK")
    assert ack["CSeq"] == "2 ACK"
    assert ack[name] == again[name]  # RFC 3261 section 22.1


def test_a_wrong_password_is_a_refusal(router: House, caller: Peer, phone: Peer) -> None:
    invite = dialled(router, caller, phone)[1]
    phone.respond(invite, 401, headers=CHALLENGE)
    phone.respond(phone.receive("INVITE"), 401, headers=CHALLENGE)
    router.wait("refused", leg=AGENT, status=401)
    phone.receive("ACK")
    phone.nothing()
    router.until_legs(1)


def test_a_nonce_that_was_too_old_is_answered_once_more(router: House, caller: Peer, phone: Peer) -> None:
    invite = dialled(router, caller, phone)[1]
    phone.respond(invite, 401, headers=CHALLENGE)
    phone.respond(phone.receive("INVITE"), 401, headers=STALE)
    again = phone.receive("INVITE")
    assert 'nonce="n2"' in again["Authorization"]
    phone.respond(again, 180)
    router.wait("ringing", leg=AGENT)


def test_a_far_end_that_finds_every_nonce_too_old_is_given_up(
    router: House, caller: Peer, phone: Peer
) -> None:
    invite = dialled(router, caller, phone)[1]
    count = 0
    while invite is not None:
        count += 1
        assert count < 10
        phone.respond(invite, 401, headers=STALE)
        invite = next((one for one in phone.waiting() if one.method == "INVITE"), None)
    router.wait("refused", leg=AGENT, status=401)


def test_a_demand_nobody_can_meet_is_a_refusal(router: House, caller: Peer, phone: Peer) -> None:
    invite = dialled(router, caller, phone)[1]
    phone.respond(invite, 401, headers=['WWW-Authenticate: Digest realm="pbx", nonce="x", algorithm=XYZ'])
    router.wait("refused", leg=AGENT, status=401)


def test_a_password_and_then_a_longer_session_are_both_given(
    router: House, caller: Peer, phone: Peer
) -> None:
    invite = dialled(router, caller, phone)[1]
    phone.respond(invite, 401, headers=CHALLENGE)
    phone.respond(phone.receive("INVITE"), 422, headers=["Min-SE: 3600"])
    longer = phone.receive("INVITE")
    assert longer["Session-Expires"].startswith("3600")
    phone.respond(longer, 401, headers=CHALLENGE)
    both = phone.receive("INVITE")
    assert both["Session-Expires"].startswith("3600")
    assert both["Authorization"]


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def test_a_bye_is_sent_again_with_the_password(bridge: Bridge, router: House) -> None:
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    bridge.phone.respond(bridge.phone.receive("BYE"), 407, headers=PROXY)
    again = bridge.phone.receive("BYE")
    assert again["Proxy-Authorization"]
    bridge.phone.respond(again, 200)
    router.nothing_is_left()


def test_a_new_offer_is_sent_again_with_the_password(bridge: Bridge) -> None:
    hold = OFFER.replace("sendrecv", "sendonly")
    bridge.caller_side.request("INVITE", hold)
    bridge.phone.respond(bridge.phone.receive("INVITE"), 401, headers=CHALLENGE)
    again = bridge.phone.receive("INVITE")
    assert again["Authorization"]
    assert again.body == hold
    bridge.phone.respond(again, 200, ANSWER)
    assert bridge.caller.receive(200).body == ANSWER


def test_a_demand_within_a_call_that_cannot_be_met_is_not_passed_on(bridge: Bridge) -> None:
    """A challenge is between us and the one who makes it: the other side has no password for it."""
    bridge.caller_side.request("INVITE", OFFER.replace("sendrecv", "sendonly"))
    for _ in range(2):
        bridge.phone.respond(bridge.phone.receive("INVITE"), 401, headers=CHALLENGE)
    bridge.caller_side.acknowledge_refusal(bridge.caller.receive(488))
    bridge.router.until_legs(2)
