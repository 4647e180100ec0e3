"""What no far end can cause: lost ends, errors in callbacks and in the listener."""

from __future__ import annotations

from tests.sip.bridge import AGENT, bridged, dialled, offered
from tests.sip.engine import Engine
from tests.sip.peer import ANSWER, Peer, call


def test_a_phone_that_says_nothing_is_given_up(router: Engine, caller: Peer, phone: Peer) -> None:
    dialled(router, caller, phone, rings=False)
    router.do("break", what="patience")
    router.wait("refused", leg=AGENT, status=408)
    assert router.untold() == []


def test_a_phone_that_says_no_more_than_100_may_take_its_time(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 100)
    router.do("break", what="patience")
    phone.nothing(within=1.5)
    assert router.untold() == []
    phone.respond(ringing.invite, 180)
    router.wait("ringing", leg=AGENT)


def test_an_end_that_the_library_forgets_is_found(router: Engine, caller: Peer, phone: Peer) -> None:
    bridge = bridged(router, caller, phone)
    router.do("break", what="end")
    router.wait("ended", leg=bridge.caller_leg)
    phone.respond(phone.receive("BYE"), 200)
    assert router.untold() == []


def test_an_error_in_the_listener_ends_that_call_alone(router: Engine, caller: Peer, phone: Peer) -> None:
    router.do("break", what="listener")
    router.ask()
    side = call(caller, router.port)
    side.acknowledge_refusal(caller.receive(480))
    router.until_legs(0)
    bridged(router, caller, phone)


def test_an_error_in_a_callback_ends_both_sides_of_that_call_alone(
    router: Engine, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone)
    router.do("break", what="callback")
    router.ask()
    phone.respond(ringing.invite, 200, ANSWER)
    phone.receive("ACK")
    phone.respond(phone.receive("BYE"), 200)
    router.wait("refused", leg=AGENT, status=503)
    router.do("refuse", leg=ringing.caller_leg, status=480)
    ringing.caller_side.acknowledge_refusal(caller.receive(480))
    router.until_legs(0)


def test_calls_go_on_beside_a_lost_one(router: Engine, caller: Peer, phone: Peer, other_phone: Peer) -> None:
    _, lost = offered(router, other_phone)
    router.do("break", what="end")
    router.wait("ended", leg=lost)
    bridged(router, caller, phone)
