"""Where a call is tried next when its first place is silent or out of order."""

from __future__ import annotations

from router.sip.agent import FAILOVER
from router.sip.switchboard import HEARD_WITHIN
from tests.router.sip.legs.house import House
from tests.router.sip.legs.test_digest_calls import CHALLENGE, known
from tests.sip.bridge import AGENT, offered
from tests.sip.peer import ANSWER, Message, Peer

ELSEWHERE = ANSWER.replace("o=- 23 1", "o=- 32 1")


def tried(router: House, caller: Peer, *places: str) -> int:
    leg = offered(router, caller)[1]
    router.do("dial", leg=AGENT, target=places[0], others=list(places[1:]), offer_of=leg)
    return leg


def test_a_silent_place_is_left_for_the_next(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, phone.uri, other_phone.uri)
    first = phone.receive("INVITE")
    router.pass_time(FAILOVER - 0.1)
    assert other_phone.waiting() == []
    router.pass_time(0.2)
    second = other_phone.receive("INVITE")
    assert second.uri == other_phone.uri
    assert second["Call-ID"] == first["Call-ID"]
    assert int(second["CSeq"].split()[0]) > int(first["CSeq"].split()[0])
    other_phone.respond(second, 180)
    router.wait("ringing", leg=AGENT)
    assert router.untold() == []


def test_a_place_that_says_anything_is_kept(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, phone.uri, other_phone.uri)
    phone.respond(phone.receive("INVITE"), 100)
    router.pass_time(20)
    assert other_phone.waiting() == []


def test_a_place_out_of_order_is_left_at_once(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, phone.uri, other_phone.uri)
    phone.respond(phone.receive("INVITE"), 503)
    phone.receive("ACK")
    other_phone.respond(other_phone.receive("INVITE"), 486)
    router.wait("refused", leg=AGENT, status=486)


def test_a_refusal_of_the_called_one_is_not_tried_elsewhere(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, phone.uri, other_phone.uri)
    phone.respond(phone.receive("INVITE"), 603)
    router.wait("refused", leg=AGENT, status=603)
    assert other_phone.waiting() == []


def test_a_late_answer_of_a_place_that_was_left_is_ended(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    leg = tried(router, caller, phone.uri, other_phone.uri)
    first = phone.receive("INVITE")
    router.pass_time(FAILOVER + 0.1)
    second = other_phone.receive("INVITE")
    other_phone.respond(second, 180)
    phone.respond(first, 200, ANSWER)
    ack, bye = phone.receive("ACK"), phone.receive("BYE")
    assert ack["CSeq"].split()[0] == first["CSeq"].split()[0]
    assert (ack.uri, bye.uri) == (phone.uri, phone.uri)
    phone.respond(bye, 200)
    other_phone.respond(second, 200, ELSEWHERE)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    assert caller.receive(200).body == ELSEWHERE
    other_phone.receive("ACK")


def test_a_place_that_was_left_and_begins_to_ring_is_cancelled(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, phone.uri, other_phone.uri)
    first = phone.receive("INVITE")
    router.pass_time(FAILOVER + 0.1)
    phone.respond(first, 180)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(first, 487)
    phone.receive("ACK")
    assert router.untold() == []
    assert router.signalling.legs_in_use == 2


def test_when_all_are_silent_the_leg_is_refused(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    leg = tried(router, caller, phone.uri, other_phone.uri)
    router.pass_time(FAILOVER + 33)
    router.wait("refused", leg=AGENT, status=408)
    router.do("refuse", leg=leg, status=480)
    caller.receive(480)
    assert router.untold() == []


def test_two_places_behind_one_address_are_two_places(router: House, caller: Peer, phone: Peer) -> None:
    there = phone.uri.replace("phone", "line2")
    tried(router, caller, phone.uri, there)
    first = phone.receive("INVITE")
    phone.respond(first, 180)
    phone.respond(first, 500)
    phone.receive("ACK")
    second = phone.receive("INVITE")
    assert second.uri == there
    assert second["To"] == f"<{there}>"  # without the first one's tag
    phone.respond(second, 200, ANSWER)
    router.wait("answered", leg=AGENT)


def test_a_password_goes_to_the_place_that_asked_for_it(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    known(router)
    tried(router, caller, phone.uri, other_phone.uri)
    phone.respond(phone.receive("INVITE"), 401, headers=CHALLENGE)
    phone.receive("ACK")
    again: Message = phone.receive("INVITE")
    assert again["Authorization"]
    phone.respond(again, 503)
    assert other_phone.receive("INVITE")["Authorization"] == ""


def test_releasing_a_leg_that_changed_places_leaves_nothing(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    leg = tried(router, caller, phone.uri, other_phone.uri)
    router.pass_time(FAILOVER + 0.1)
    router.do("release", leg=AGENT)
    router.do("refuse", leg=leg, status=480)
    caller.receive(480)
    router.nothing_is_left()


def test_a_connection_that_breaks_is_left_for_the_next_place(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    tried(router, caller, f"{phone.uri};transport=tcp", other_phone.uri)
    assert phone.receive("INVITE")["Via"].startswith("SIP/2.0/TCP ")
    router.network.broken(router.network.flow("TCP", "127.0.0.1", phone.port), "connection refused")
    assert other_phone.receive("INVITE")["Via"].startswith("SIP/2.0/UDP ")
    assert router.untold() == []


def test_a_silent_peer_counts_as_down_until_a_call_hears_of_it(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    known(router)
    leg = offered(router, caller)[1]

    def state() -> str:
        return router.signalling.peering.facts()["peers"][0]["state"]

    def ring(number: int) -> Message:
        router.do("dial", leg=number, target=phone.uri, peer="pbx", others=[other_phone.uri], offer_of=leg)
        return phone.receive("INVITE")

    for number in range(1, 6):
        ring(number)
        router.pass_time(FAILOVER + 0.1)
        router.do("release", leg=number)
    assert state() == "down"
    phone.respond(ring(9), 486)
    router.wait("refused", leg=9, status=486)
    assert state() == "up"


def test_a_phone_that_said_nothing_is_taken_for_switched_off_until_it_is_heard_of(
    router: House, caller: Peer, phone: Peer
) -> None:
    reachable = router.signalling.reachable
    leg = offered(router, caller)[1]
    router.do("dial", leg=1, target=phone.uri, offer_of=leg)
    assert reachable(phone.uri) is None
    router.pass_time(HEARD_WITHIN)
    router.do("release", leg=1)
    assert reachable(phone.uri) is False
    router.do("dial", leg=2, target=phone.uri, offer_of=leg)
    phone.receive("INVITE")
    phone.respond(phone.receive("INVITE"), 180)
    router.wait("ringing", leg=2)
    assert reachable(phone.uri) is None
    router.do("release", leg=2)
    assert reachable(phone.uri) is None
