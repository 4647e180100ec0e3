"""What happens to a call in each of its states, with far ends that do one thing at a time."""

from __future__ import annotations

import pytest

from tests.sip.bridge import AGENT, bridged, dialled, offered
from tests.sip.engine import Engine
from tests.sip.peer import ANSWER, OFFER, Peer, call


def test_a_call_rings_connects_and_ends(router: Engine, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    assert "m=audio 50000 RTP/AVP 8 101" in bridge.ok.body
    assert "m=audio 40000 RTP/AVP 0 8 101" in bridge.invite.body
    bridge.caller_side.request("BYE")
    caller.receive(200)
    router.wait("ended", leg=bridge.caller_leg)
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(0)
    assert router.untold() == []


def test_a_phone_that_hangs_up_ends_the_callers_side(router: Engine, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    bridge.phone_side.request("BYE")
    phone.receive(200)
    router.wait("ended", leg=AGENT)
    caller.respond(caller.receive("BYE"), 200)
    router.until_legs(0)
    assert router.untold() == []


def test_a_caller_who_gives_up_before_anything_rings_is_reported(router: Engine, caller: Peer) -> None:
    side, leg = offered(router, caller)
    side.request("CANCEL")
    side.acknowledge_refusal(caller.receive(487))
    router.wait("ended", leg=leg)
    router.until_legs(0)


def test_a_caller_who_gives_up_while_it_rings_is_reported(router: Engine, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    ringing.caller_side.request("CANCEL")
    ringing.caller_side.acknowledge_refusal(caller.receive(487))
    router.wait("ended", leg=ringing.caller_leg)
    router.do("release", leg=AGENT)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    phone.receive("ACK")
    router.until_legs(0)
    assert router.untold() == []


def test_a_released_leg_stops_ringing_and_is_not_reported(router: Engine, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    router.do("release", leg=AGENT)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    phone.receive("ACK")
    router.until_legs(1)
    assert router.untold() == []


def test_a_leg_released_before_its_phone_said_anything_is_cancelled_when_it_does(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    router.do("release", leg=AGENT)
    router.until_legs(1)
    phone.respond(ringing.invite, 180)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    router.until_legs(1)
    assert router.untold() == []


def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_ended(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    router.do("release", leg=AGENT)
    cancel = phone.receive("CANCEL")
    phone.respond(ringing.invite, 200, ANSWER)
    phone.respond(cancel, 200)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(1)
    assert router.untold() == []


def test_an_answer_nobody_wants_any_more_is_ended(router: Engine, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("release", leg=AGENT)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(1)
    assert router.untold() == []


@pytest.mark.parametrize("status", [302, 404, 407, 480, 486, 500, 603])
def test_a_refusing_phone_is_reported_with_its_status(
    router: Engine, caller: Peer, phone: Peer, status: int
) -> None:
    ringing = dialled(router, caller, phone)
    elsewhere = ["Contact: <sip:elsewhere@127.0.0.1:9>"] if status == 302 else []
    challenge = ['Proxy-Authenticate: Digest realm="x", nonce="y"'] if status == 407 else []
    phone.respond(ringing.invite, status, headers=[*elsewhere, *challenge])
    phone.receive("ACK")
    router.wait("refused", leg=AGENT, status=status)
    router.until_legs(1)


def test_a_phone_that_answers_without_a_description_is_refused(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    phone.respond(ringing.invite, 200)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    router.wait("refused", leg=AGENT, status=488)
    router.until_legs(1)
    assert router.untold() == []


def test_a_refusal_carries_the_status_and_when_to_try_again(router: Engine, caller: Peer) -> None:
    side, leg = offered(router, caller)
    router.do("refuse", leg=leg, status=503, retry_after=7)
    response = caller.receive(503)
    assert response["Retry-After"] == "7"
    side.acknowledge_refusal(response)
    router.until_legs(0)
    assert router.untold() == []


def test_an_invite_without_a_description_gets_the_phones_offer(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    """A late offer (RFC 3264 section 5): the phone makes it, the caller's ACK answers it."""
    side = call(caller, router.port, sdp="")
    told = router.wait("offered", call_id=side.call_id)
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=told["leg"], number="1")
    asked = phone.receive("INVITE")
    assert asked.body == ""
    phone.respond(asked, 200, OFFER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=told["leg"], agent=AGENT)
    ok = caller.receive(200)
    assert ok.body == OFFER
    phone.nothing()
    side.remote = ok["To"]
    side.request("ACK", ANSWER)
    assert phone.receive("ACK").body == ANSWER
    assert router.untold() == []


def test_an_invite_that_may_not_be_forwarded_is_refused_unheard(router: Engine, caller: Peer) -> None:
    side = call(caller, router.port, headers=["Max-Forwards: 0"])
    side.acknowledge_refusal(caller.receive(483))
    router.until_legs(0)
    assert router.untold() == []


def test_the_caller_is_told_once_that_it_rings(router: Engine, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    router.do("alert", leg=ringing.caller_leg)
    phone.respond(ringing.invite, 183)
    assert router.untold() == []
    caller.nothing()


def test_commands_to_legs_that_are_not_there_change_nothing(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    bridge = bridged(router, caller, phone)
    router.do("refuse", leg=bridge.caller_leg, status=486)
    router.do("connect", caller=bridge.caller_leg, agent=AGENT)
    router.do("alert", leg=bridge.caller_leg)
    for leg in (77, bridge.caller_leg + 77):
        router.do("alert", leg=leg)
        router.do("refuse", leg=leg, status=486)
        router.do("release", leg=leg)
        router.do("connect", caller=leg, agent=AGENT)
        router.do("connect", caller=bridge.caller_leg, agent=leg)
    assert router.untold() == []
    assert router.ask()["legs_in_use"] == 2
    caller.nothing()
    router.do("dial", leg=2, target=phone.uri, offer_of=77)
    router.wait("refused", leg=2, status=503)


def test_a_released_bridge_ends_on_both_sides(router: Engine, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    router.do("release", leg=AGENT)
    router.do("release", leg=bridge.caller_leg)
    phone.respond(phone.receive("BYE"), 200)
    caller.respond(caller.receive("BYE"), 200)
    router.until_legs(0)
    assert router.untold() == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("sip:500@127.0.0.1:{port}", 482),
        ("sip:500@127.0.0.1:{port};transport=tcp", 482),
        ("sip:500@nowhere.example", 503),
        ("sip:500@127.0.0.1:5060\r\nX: y", 503),
        ("sip:500@[::1]:5060", 503),
        ("tel:+41", 503),
        ("", 503),
    ],
)
def test_a_target_that_cannot_be_dialled_is_refused_and_nothing_is_sent(
    router: Engine, caller: Peer, target: str, status: int
) -> None:
    _, leg = offered(router, caller)
    router.do("dial", leg=AGENT, target=target.format(port=router.port), offer_of=leg)
    router.wait("refused", leg=AGENT, status=status)
    assert router.ask()["legs_in_use"] == 1


def test_one_of_several_phones_answers_and_the_others_stop(
    router: Engine, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    other = other_phone.receive("INVITE")
    other_phone.respond(other, 180)
    router.wait("ringing", leg=2)
    other_phone.respond(other, 200, ANSWER)
    router.wait("answered", leg=2)
    router.do("release", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=2)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    ringing.caller_side.answered(caller.receive(200))
    router.until_legs(2)
    assert router.untold() == []


def test_the_phone_sees_the_callers_identity_at_our_address(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    side = call(
        caller,
        router.port,
        caller='"front" <sip:0@trunk.example>',
        headers=['P-Asserted-Identity: "Zoë Meier" <sip:+41441112233@trunk.example>'],
    )
    told = router.wait("offered", call_id=side.call_id)
    assert (told["number"], told["name"], told["dialled"]) == ("+41441112233", "Zoë Meier", "500")
    assert told["source"] == f"127.0.0.1:{caller.port}"
    router.do("dial", leg=1, target=phone.uri, offer_of=told["leg"], number=told["number"], name=told["name"])
    shown = phone.receive("INVITE")["From"]
    assert shown.startswith('"Zoë Meier" <sip:+41441112233@127.0.0.1')


def test_max_forwards_counts_down(router: Engine, caller: Peer, phone: Peer) -> None:
    side = call(caller, router.port, headers=["Max-Forwards: 12"])
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=1, target=phone.uri, offer_of=leg)
    assert phone.receive("INVITE").all("Max-Forwards") == ["11"]
