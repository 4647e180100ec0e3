"""An INVITE of ours that several phones answer, and answers that cross what we do."""

from __future__ import annotations

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, bridged, dialled
from tests.sip.peer import ANSWER, OFFER, Peer, call

OTHER = ANSWER.replace("o=- 23 1", "o=- 32 1")


def acks(peer: Peer) -> int:
    came, peer.sock.came = list(peer.sock.came), type(peer.sock.came)()
    return sum(data.startswith(b"ACK") for data in came)


def test_of_two_branches_that_answer_the_first_wins(router: House, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    first, phone.tag = phone.tag, "second"
    phone.respond(bridge.invite, 200, OTHER)
    ack, bye = phone.receive("ACK"), phone.receive("BYE")
    assert ack["To"].endswith("tag=second")
    assert bye["To"].endswith("tag=second")
    phone.respond(bye, 200)
    phone.tag = first
    bridge.caller_side.request("BYE")
    caller.receive(200)
    ended = phone.receive("BYE")
    assert ended["To"].endswith(f"tag={first}")
    phone.respond(ended, 200)
    router.nothing_is_left()


def test_an_answer_that_loses_and_is_repeated_gets_one_bye(router: House, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    phone.tag = "second"
    phone.respond(bridge.invite, 200, OTHER)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    phone.respond(bridge.invite, 200, OTHER)
    router.turn()
    assert acks(phone) == 1


def test_a_repeated_answer_gets_its_ack_again(router: House, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    for _ in range(3):
        phone.respond(bridge.invite, 200, ANSWER)
        router.turn()
        assert acks(phone) == 1
    assert router.untold() == []


def test_an_answer_repeated_before_we_connect_is_acknowledged_once_we_do(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    for _ in range(3):
        phone.respond(ringing.invite, 200, ANSWER)
    router.turn()
    assert acks(phone) == 0
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    assert acks(phone) == 1
    assert router.untold() == []


def test_an_answer_repeated_after_the_end_is_acknowledged_and_not_ended_twice(
    router: House, caller: Peer, phone: Peer
) -> None:
    bridge = bridged(router, caller, phone)
    bridge.caller_side.request("BYE")
    caller.receive(200)
    phone.respond(phone.receive("BYE"), 200)
    phone.respond(bridge.invite, 200, ANSWER)
    router.turn()
    assert [data.split(b" ")[0] for data in phone.sock.came] == [b"ACK"]


def test_a_repeated_answer_after_our_cancel_is_acknowledged_and_ended_once(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    router.do("release", leg=AGENT)
    phone.respond(phone.receive("CANCEL"), 200)
    for _ in range(3):
        phone.respond(ringing.invite, 200, ANSWER)
    router.turn()
    sent = [data.split(b" ")[0] for data in phone.sock.came]
    assert sent == [b"ACK", b"BYE", b"ACK", b"ACK"]
    phone.respond(phone.receive("BYE"), 200)
    ringing.caller_side.request("CANCEL")
    ringing.caller_side.acknowledge_refusal(caller.receive(487))
    router.nothing_is_left()


def test_a_phone_that_hangs_up_before_it_is_connected_gets_its_ack_all_the_same(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    phone.dialog_of(ringing.invite).request("BYE")
    phone.receive("ACK")
    router.wait("ended", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    assert caller.waiting() == []
    router.do("refuse", leg=ringing.caller_leg, status=480)
    ringing.caller_side.acknowledge_refusal(caller.receive(480))
    router.nothing_is_left()


def test_a_caller_who_hangs_up_an_early_dialog_is_answered_487(
    router: House, caller: Peer, phone: Peer
) -> None:
    """RFC 3261 section 15.1.2."""
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 180)
    router.do("alert", leg=ringing.caller_leg)
    ringing.caller_side.remote = caller.receive(180)["To"]
    ringing.caller_side.request("BYE")
    statuses = {one.method: one.status for one in caller.waiting()}
    assert statuses == {"BYE": 200, "INVITE": 487}
    router.wait("ended", leg=ringing.caller_leg)


def test_an_answer_the_caller_never_acknowledges_is_repeated_and_ends_the_call(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    router.pass_time(33)
    oks = sum(data.startswith(b"SIP/2.0 200") for data in caller.sock.came)
    assert oks == 11  # RFC 3261 section 13.3.1.4: after 0.5, 1, 2, 4, 4 ... s
    caller.respond(caller.receive("BYE"), 200)
    phone.respond(phone.receive("BYE"), 200)
    router.wait("ended", leg=ringing.caller_leg)
    router.nothing_is_left()


def test_a_call_that_ends_before_the_callers_ack_is_hung_up_after_it(
    router: House, caller: Peer, phone: Peer
) -> None:
    """RFC 3261 section 15: the callee sends no BYE before the ACK. Its 200 may have got lost."""
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.network.lose = lambda data: data.startswith(b"SIP/2.0 200") and b" INVITE\r\n" in data
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    phone.dialog_of(ringing.invite).request("BYE")
    phone.receive(200)
    assert caller.waiting() == []
    router.network.lose = lambda data: False
    router.pass_time(1)
    ringing.caller_side.answered(caller.receive(200))
    caller.respond(caller.receive("BYE"), 200)
    router.nothing_is_left()


def test_a_caller_who_hangs_up_while_we_wait_for_his_ack_gets_no_bye(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    phone.dialog_of(ringing.invite).request("BYE")
    phone.receive(200)
    ok = caller.receive(200)
    ringing.caller_side.remote = ok["To"]
    ringing.caller_side.request("BYE")
    caller.receive(200)
    caller.nothing()
    router.nothing_is_left()


def test_a_late_offer_that_is_never_answered_ends_both_sides(
    router: House, caller: Peer, phone: Peer
) -> None:
    side = call(caller, router.port, sdp="")
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    phone.respond(phone.receive("INVITE"), 200, OFFER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    side.answered(caller.receive(200))  # an ACK without the answer
    caller.respond(caller.receive("BYE"), 200)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    router.nothing_is_left()


def test_phones_that_were_too_late_learn_that_they_missed_nothing(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    other_phone.respond(other_phone.receive("INVITE"), 200, OTHER)
    router.wait("answered", leg=2)
    router.do("release", leg=AGENT)
    assert phone.receive("CANCEL")["Reason"] == 'SIP;cause=200;text="Call completed elsewhere"'


def test_a_phone_that_rang_in_vain_learns_no_such_thing(router: House, caller: Peer, phone: Peer) -> None:
    dialled(router, caller, phone)
    router.do("release", leg=AGENT)
    assert phone.receive("CANCEL")["Reason"] == ""


def test_a_caller_without_contact_is_hung_up_where_he_came_from(
    router: House, caller: Peer, phone: Peer
) -> None:
    send = caller.send
    caller.send = lambda data, to: send(data.replace(f"Contact: <{caller.uri}>\r\n", ""), to)
    bridge = bridged(router, caller, phone)
    bridge.phone_side.request("BYE")
    assert caller.receive("BYE").uri == f"sip:127.0.0.1:{caller.port}"
