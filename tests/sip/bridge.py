"""The stages of a call through the adapter, for tests that are about what happens then."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sip.engine import Engine
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, call

AGENT = 1


@dataclass
class Ringing:
    """A phone has the INVITE of leg AGENT; the caller waits."""

    router: Engine
    caller: Peer
    phone: Peer
    caller_side: Dialog
    caller_leg: int
    invite: Message


@dataclass
class Bridge:
    """A call that is up."""

    router: Engine
    caller: Peer
    phone: Peer
    caller_side: Dialog
    caller_leg: int
    phone_side: Dialog
    invite: Message
    ok: Message


def offered(router: Engine, caller: Peer, sdp: str = OFFER) -> tuple[Dialog, int]:
    side = call(caller, router.port, sdp=sdp)
    return side, router.wait("offered", call_id=side.call_id)["leg"]


def dialled(router: Engine, caller: Peer, phone: Peer, *, sdp: str = OFFER, rings: bool = True) -> Ringing:
    side, leg = offered(router, caller, sdp)
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg, number="+41441112233", name="Caller")
    invite = phone.receive("INVITE")
    if rings:
        phone.respond(invite, 180)
        router.wait("ringing", leg=AGENT)
        router.do("alert", leg=leg)
        caller.receive(180)
    return Ringing(router, caller, phone, side, leg, invite)


def bridged(router: Engine, caller: Peer, phone: Peer, *, offer: str = OFFER, answer: str = ANSWER) -> Bridge:
    ringing = dialled(router, caller, phone, sdp=offer)
    phone.respond(ringing.invite, 200, answer)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    ok = caller.receive(200)
    ringing.caller_side.answered(ok)
    phone_side = phone.dialog_of(ringing.invite)
    return Bridge(
        router, caller, phone, ringing.caller_side, ringing.caller_leg, phone_side, ringing.invite, ok
    )
