"""Who transfers has asked back through this router: his two calls are joined here."""

from __future__ import annotations

from urllib.parse import quote

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, bridged
from tests.sip.peer import ANSWER, OFFER, Peer, call

ASKED_BACK = OFFER.replace("40000", "41000").replace("o=- 17", "o=- 18")
BOSS = ANSWER.replace("50000", "51000").replace("o=- 23", "o=- 24")
SECOND = 2


def test_the_caller_and_the_one_asked_back_get_each_others_descriptions(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    """Assistant: REFER to the caller's call, with the Replaces of his own call to the manager."""
    first = bridged(router, caller, phone)
    back = call(phone, router.port, sdp=ASKED_BACK)
    leg = router.wait("offered", call_id=back.call_id)["leg"]
    router.do("dial", leg=SECOND, target=other_phone.uri, offer_of=leg, number="1")
    invite = other_phone.receive("INVITE")
    other_phone.respond(invite, 200, BOSS)
    router.wait("answered", leg=SECOND)
    router.do("connect", caller=leg, agent=SECOND)
    other_phone.receive("ACK")
    ok = phone.receive(200)
    back.answered(ok)
    ours, theirs = ok["To"].split("tag=")[1], ok["From"].split("tag=")[1]
    replaces = quote(f"{back.call_id};to-tag={ours};from-tag={theirs}", safe="")
    first.phone_side.request("REFER", headers=[f"Refer-To: <{back.target}?Replaces={replaces}>"])
    asked = router.wait("transfer_asked", leg=AGENT)
    assert asked["replaces"] == leg
    router.do("accept_transfer", leg=AGENT, status=202)
    phone.receive(202)
    router.do("connect", caller=first.caller_leg, agent=SECOND)
    moved = caller.receive("INVITE")
    assert moved.body == BOSS
    caller.respond(moved, 200, OFFER)
    caller.receive("ACK")
    told = other_phone.receive("INVITE")
    assert told.body == OFFER
    assert told.all("Replaces") == []
    other_phone.respond(told, 200, BOSS)
    other_phone.receive("ACK")
    router.do("release", leg=AGENT)
    router.do("release", leg=leg)
    for message in (phone.receive("BYE"), phone.receive("BYE")):
        phone.respond(message, 200)
    other_phone.dialog_of(invite).request("BYE")
    router.wait("ended", leg=SECOND)
    caller.respond(caller.receive("BYE"), 200)
    router.until_legs(0)
