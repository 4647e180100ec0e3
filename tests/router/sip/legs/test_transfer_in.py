"""A REFER that comes in: what the engine is told, and what the one who asks hears (RFC 3515, RFC 5589)."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged, dialled
from tests.sip.peer import ANSWER, OFFER, Message, Peer, call

SECOND = 2
NEW = ANSWER.replace("o=- 23 1", "o=- 77 1").replace("50000", "50070")


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def refer(bridge: Bridge, *values: str) -> None:
    bridge.router.forget()
    bridge.phone_side.request("REFER", headers=[f"Refer-To: {value}" for value in values])


def heard(phone: Peer) -> Message:
    """The next NOTIFY, answered."""
    notify = phone.receive("NOTIFY")
    phone.respond(notify, 200)
    return notify


def accepted(bridge: Bridge, to: str = "<sip:700@127.0.0.1>") -> None:
    refer(bridge, to)
    bridge.router.wait("transfer_asked", leg=AGENT)
    bridge.router.do("accept_transfer", leg=AGENT, status=202)
    assert bridge.phone.receive(202)["Contact"]
    first = heard(bridge.phone)
    assert first.body == "SIP/2.0 100 Trying\r\n"
    assert first["Subscription-State"].startswith("active;expires=")


def moved(bridge: Bridge, new: Peer) -> None:
    """The second phone answers and the caller goes over."""
    invite = new.receive("INVITE")
    new.respond(invite, 180)
    bridge.router.wait("ringing", leg=SECOND)
    new.respond(invite, 200, NEW)
    bridge.router.wait("answered", leg=SECOND)
    bridge.router.do("connect", caller=bridge.caller_leg, agent=SECOND)
    new.receive("ACK")
    asked = bridge.caller.receive("INVITE")
    assert asked.body == NEW
    bridge.caller.respond(asked, 200, OFFER)
    bridge.caller.receive("ACK")


def dial(bridge: Bridge, new: Peer) -> None:
    bridge.router.do("dial", leg=SECOND, target=new.uri, offer_of=bridge.caller_leg)


def test_a_blind_transfer_from_request_to_end(bridge: Bridge, other_phone: Peer) -> None:
    refer(bridge, "<sip:700@127.0.0.1;user=phone>")
    told = bridge.router.wait("transfer_asked", leg=AGENT)
    assert (told["number"], told["uri"], told["attended"]) == ("700", "sip:700@127.0.0.1;user=phone", False)
    bridge.router.do("accept_transfer", leg=AGENT, status=202)
    bridge.phone.receive(202)
    assert heard(bridge.phone)["Event"].startswith("refer")
    dial(bridge, other_phone)
    bridge.router.do("transfer_progress", leg=AGENT, status=180)
    assert heard(bridge.phone).body == "SIP/2.0 180 Ringing\r\n"
    moved(bridge, other_phone)
    bridge.router.do("transfer_progress", leg=AGENT, status=200)
    last = heard(bridge.phone)
    assert last.body == "SIP/2.0 200 OK\r\n"
    assert last["Subscription-State"] == "terminated;reason=noresource"
    assert last["Content-Type"].startswith("message/sipfrag")
    bridge.router.do("release", leg=AGENT)
    bridge.phone.respond(bridge.phone.receive("BYE"), 200)
    bridge.router.until_legs(2)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    other_phone.respond(other_phone.receive("BYE"), 200)
    bridge.router.nothing_is_left()


@pytest.mark.parametrize("status", [403, 404, 491, 603])
def test_a_refused_transfer_leaves_the_call_as_it_was(bridge: Bridge, status: int) -> None:
    refer(bridge, "<sip:700@127.0.0.1>")
    bridge.router.do("accept_transfer", leg=AGENT, status=status)
    bridge.phone.receive(status)
    bridge.router.do("transfer_progress", leg=AGENT, status=180)
    assert bridge.phone.waiting() == []
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.nothing_is_left()


@pytest.mark.parametrize(("status", "text"), [(486, "486 Busy Here"), (408, "408 Request Timeout")])
def test_a_transfer_that_fails_is_told_and_another_may_follow(bridge: Bridge, status: int, text: str) -> None:
    accepted(bridge)
    bridge.router.do("transfer_progress", leg=AGENT, status=status)
    last = heard(bridge.phone)
    assert last.body == f"SIP/2.0 {text}\r\n"
    assert last["Subscription-State"].startswith("terminated")
    bridge.router.do("transfer_progress", leg=AGENT, status=200)
    assert bridge.phone.waiting() == []
    accepted(bridge, "<sip:701@127.0.0.1>")


def test_a_second_request_while_one_is_pending_is_put_off(bridge: Bridge) -> None:
    refer(bridge, "<sip:700@127.0.0.1>")
    bridge.router.wait("transfer_asked", leg=AGENT)
    refer(bridge, "<sip:701@127.0.0.1>")
    bridge.phone.receive(491)
    bridge.router.do("accept_transfer", leg=AGENT, status=202)
    bridge.phone.receive(202)
    refer(bridge, "<sip:702@127.0.0.1>")
    bridge.phone.receive(491)
    assert [one for one in bridge.router.untold() if one["event"] == "transfer_asked"] == []


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["<sip:1@127.0.0.1>", "<sip:2@127.0.0.1>"],
        ["<sip:700@127.0.0.1"],
        ["nonsense"],
        ["<sip:>"],
        [""],
    ],
)
def test_a_request_without_one_target_is_bad(bridge: Bridge, values: list[str]) -> None:
    refer(bridge, *values)
    bridge.phone.receive(400)
    assert bridge.router.untold() == []
    accepted(bridge)


def test_a_target_of_another_kind_is_not_supported(bridge: Bridge) -> None:
    refer(bridge, "<http://example.org/>")
    bridge.phone.receive(416)


@pytest.mark.parametrize(
    ("value", "number", "uri"),
    [
        ("<tel:+41441112233>", "+41441112233", "tel:+41441112233"),
        ("tel:700", "700", "tel:700"),
        ("sip:700@127.0.0.1", "700", "sip:700@127.0.0.1"),
        ('"Berta" <sip:7%300@127.0.0.1>', "700", "sip:7%300@127.0.0.1"),
        (
            "<sip:700;phone-context=x@127.0.0.1:5070;transport=tcp>",
            "700",
            "sip:700;phone-context=x@127.0.0.1:5070;transport=tcp",
        ),
        ("<sips:700@127.0.0.1>", "700", "sips:700@127.0.0.1"),
    ],
)
def test_targets_are_read_as_they_are_written(bridge: Bridge, value: str, number: str, uri: str) -> None:
    refer(bridge, value)
    told = bridge.router.wait("transfer_asked", leg=AGENT)
    assert (told["number"], told["uri"], told["attended"]) == (number, uri, False)


def test_an_attended_transfer_joins_the_call_there_is(bridge: Bridge, other_phone: Peer) -> None:
    refer(bridge, "<sip:700@127.0.0.1?Replaces=abc%40h%3Bto-tag%3Dt1%3Bfrom-tag%3Df1&Require=replaces>")
    told = bridge.router.wait("transfer_asked", leg=AGENT)
    assert (told["number"], told["uri"], told["attended"]) == ("700", "sip:700@127.0.0.1", True)
    bridge.router.do("accept_transfer", leg=AGENT, status=202)
    bridge.phone.receive(202)
    heard(bridge.phone)
    dial(bridge, other_phone)
    assert other_phone.receive("INVITE")["Replaces"] == "abc@h;to-tag=t1;from-tag=f1"
    third = bridge.router.peer()
    bridge.router.do("release", leg=SECOND)
    bridge.router.do("dial", leg=3, target=third.uri, offer_of=bridge.caller_leg)
    assert third.receive("INVITE")["Replaces"] == ""


def test_one_who_transfers_and_hangs_up_leaves_the_caller_waiting(bridge: Bridge, other_phone: Peer) -> None:
    accepted(bridge)
    dial(bridge, other_phone)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.router.wait("ended", leg=AGENT)
    assert bridge.caller.waiting() == []
    bridge.router.do("transfer_progress", leg=AGENT, status=180)
    assert bridge.phone.waiting() == []
    moved(bridge, other_phone)
    bridge.router.until_legs(2)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    other_phone.respond(other_phone.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_a_waiting_caller_may_be_let_go(bridge: Bridge) -> None:
    accepted(bridge)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.router.do("release", leg=bridge.caller_leg)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.router.nothing_is_left()


def test_a_waiting_caller_may_hang_up(bridge: Bridge, other_phone: Peer) -> None:
    accepted(bridge)
    dial(bridge, other_phone)
    other_phone.receive("INVITE")
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    bridge.router.wait("ended", leg=bridge.caller_leg)
    bridge.router.do("release", leg=SECOND)
    bridge.router.until_legs(0)


def test_after_the_last_notice_a_bye_ends_the_call_as_ever(bridge: Bridge) -> None:
    accepted(bridge)
    bridge.router.do("transfer_progress", leg=AGENT, status=486)
    heard(bridge.phone)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.caller.receive("BYE")


def test_a_caller_who_hangs_up_before_the_request_is_answered(bridge: Bridge) -> None:
    refer(bridge, "<sip:700@127.0.0.1>")
    bridge.router.wait("transfer_asked", leg=AGENT)
    bridge.caller_side.request("BYE")
    bridge.caller.receive(200)
    assert {(one.method, one.status) for one in bridge.phone.waiting()} == {("BYE", 0), ("REFER", 487)}
    bridge.router.do("accept_transfer", leg=AGENT, status=202)
    bridge.router.until_legs(0)


def test_a_phone_that_is_only_ringing_cannot_transfer(router: House, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone)
    phone.dialog_of(ringing.invite).request("REFER", headers=["Refer-To: <sip:700@127.0.0.1>"])
    phone.receive(403)
    assert router.untold() == []


def test_the_new_phone_is_offered_a_caller_who_is_not_on_hold(bridge: Bridge, other_phone: Peer) -> None:
    """Phones put the caller on hold before they transfer him; his last answer would keep him there."""
    bridge.phone_side.request("INVITE", ANSWER.replace("sendrecv", "sendonly"))
    held = OFFER.replace("sendrecv", "recvonly")
    bridge.caller.respond(bridge.caller.receive("INVITE"), 200, held)
    bridge.phone_side.answered(bridge.phone.receive(200))
    accepted(bridge)
    dial(bridge, other_phone)
    assert other_phone.receive("INVITE").body == OFFER


def test_a_waiting_caller_may_refresh_his_session(bridge: Bridge) -> None:
    accepted(bridge)
    bridge.phone_side.request("BYE")
    bridge.phone.receive(200)
    bridge.caller_side.request("INVITE", OFFER)
    ok = bridge.caller.receive(200)
    assert ok.body == ANSWER
    bridge.caller_side.answered(ok)


def test_a_transfer_to_a_call_that_was_answered_names_the_dialog_that_its_caller_knows(
    bridge: Bridge, other_phone: Peer
) -> None:
    """The phone has answered two calls of ours and joins them: the other caller knows his own."""
    router, assistant = bridge.router, bridge.phone
    second = call(other_phone, router.port)
    leg = router.wait("offered", call_id=second.call_id)["leg"]
    router.do("dial", leg=SECOND, target=assistant.uri, offer_of=leg)
    invite = assistant.receive("INVITE")
    assistant.respond(invite, 200, ANSWER)
    router.wait("answered", leg=SECOND)
    router.do("connect", caller=leg, agent=SECOND)
    second.answered(other_phone.receive(200))
    ours = invite["From"].partition(";tag=")[2]
    value = f"{invite['Call-ID']}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{assistant.tag}"
    refer(bridge, f"<sip:700@127.0.0.1?Replaces={value}>")
    router.wait("transfer_asked", leg=AGENT)
    router.do("accept_transfer", leg=AGENT, status=202)
    router.do("dial", leg=3, target=other_phone.uri, offer_of=bridge.caller_leg)
    ours, theirs = (one.partition(";tag=")[2] for one in (second.remote, second.local))
    known = f"{second.call_id};to-tag={theirs};from-tag={ours}"
    assert other_phone.receive("INVITE")["Replaces"] == known
