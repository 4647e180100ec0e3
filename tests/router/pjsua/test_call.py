"""A call through the PJSUA adapter, with far ends that do one thing at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import needs
from tests.sip.engine import Engine, engine
from tests.sip.peer import ANSWER, Dialog, Message, Peer, call, peer


@pytest.fixture
def router() -> Iterator[Engine]:
    needs.pjsua2()
    with engine() as running:
        yield running


@pytest.fixture
def caller() -> Iterator[Peer]:
    with peer() as one:
        yield one


@pytest.fixture
def phone() -> Iterator[Peer]:
    with peer() as one:
        yield one


class Bridge:
    """A call that is up: the router's legs, and each far end's side of it."""

    def __init__(self, router: Engine, caller: Peer, phone: Peer) -> None:
        self.caller_side: Dialog = call(caller, router.port)
        self.caller_leg: int = router.wait("offered")["leg"]
        router.do(
            "dial", leg=1, target=phone.uri, offer_of=self.caller_leg, number="+41441112233", name="Caller"
        )
        self.invite: Message = phone.receive("INVITE")
        phone.respond(self.invite, 180)
        router.wait("ringing", leg=1)
        router.do("alert", leg=self.caller_leg)
        caller.receive(180)
        phone.respond(self.invite, 200, ANSWER)
        router.wait("answered", leg=1)
        phone.receive("ACK")
        router.do("connect", caller=self.caller_leg, agent=1)
        self.ok: Message = caller.receive(200)
        self.caller_side.answered(self.ok)
        self.phone_side: Dialog = phone.dialog_of(self.invite)


def test_a_call_rings_connects_and_ends(router: Engine, caller: Peer, phone: Peer) -> None:
    bridge = Bridge(router, caller, phone)
    assert "m=audio 50000 RTP/AVP 8 101" in bridge.ok.body
    assert "m=audio 40000 RTP/AVP 0 8 101" in bridge.invite.body
    bridge.caller_side.request("BYE")
    caller.receive(200)
    router.wait("ended", leg=bridge.caller_leg)
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(0)
    assert router.untold() == []
