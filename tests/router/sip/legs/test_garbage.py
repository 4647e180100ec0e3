"""What a call leaves for the garbage collector: nothing, for the router's runs between calls alone."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, bridged
from tests.sip.peer import ANSWER, OFFER, Message, Peer, call

SEATED = ANSWER.replace("50000", "52000")


def plain(router: House) -> None:
    caller, phone = router.peer(), router.peer()
    bridged(router, caller, phone).caller_side.request("BYE")
    caller.receive(200)
    phone.respond(phone.receive("BYE"), 200)


def announced(router: House) -> None:
    """An announcement before the phone rings, and the phone beside it with the media server."""
    server, caller, phone = router.peer(), router.peer(), router.peer()
    side = call(caller, router.port, sdp=OFFER)
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("announce", leg=leg, file="/welcome.wav", early=True)
    seats = [seat(server)]
    caller.receive(183)
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg, number="1", media="conference")
    seats.append(seat(server))
    invite = phone.receive("INVITE")
    phone.respond(invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    phone.receive("ACK")
    side.answered(caller.receive(200))
    side.request("BYE")
    caller.receive(200)
    for far in (phone, server, server):
        far.respond(far.receive("BYE"), 200)


def seat(server: Peer) -> Message:
    asked = server.receive("INVITE")
    server.respond(asked, 200, SEATED)
    return asked


@pytest.mark.parametrize("place", [plain, announced])
def test_a_call_that_is_over_leaves_no_cycle_of_objects(place: Callable[[House], None]) -> None:
    router = House(with_media=True) if place is announced else House()
    gc.collect()
    gc.disable()
    try:
        place(router)
        router.nothing_is_left()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [each for each in gc.garbage if type(each).__module__.startswith("router.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
