"""INFO, OPTIONS, BYE with a reason, and methods that nobody knows."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, bridged, dialled, offered
from tests.sip.peer import Dialog, Message, Peer

DTMF = "Signal=5\r\nDuration=160\r\n"
METHODS = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY"}


@pytest.fixture
def bridge(router: House, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)


def sides(bridge: Bridge, who: str) -> tuple[Dialog, Peer]:
    if who == "caller":
        return bridge.caller_side, bridge.phone
    return bridge.phone_side, bridge.caller


def info(side: Dialog, body: str, content: str, *headers: str) -> None:
    """`request` writes SDP's content type, so it is left to come second."""
    peer = side.peer
    send, lines = peer.send, [f"Content-Type: {content}", *headers]
    peer.send = lambda data, to: send(data.replace("Content-Type: application/sdp\r\n", ""), to)
    side.request("INFO", body, headers=lines)
    del peer.send


@pytest.mark.parametrize("who", ["caller", "phone"])
@pytest.mark.parametrize(
    ("body", "content", "more"),
    [
        (DTMF, "application/dtmf-relay", ()),
        ("5", "application/dtmf", ()),
        ("<x/>", "application/media_control+xml", ()),
        ("x=1", "text/plain", ("Info-Package: foo", "Content-Disposition: Info-Package")),
    ],
)
@pytest.mark.parametrize("status", [200, 415, 469, 500])
def test_information_passes_and_the_answer_comes_back(
    bridge: Bridge, who: str, *, body: str, content: str, more: tuple[str, ...], status: int
) -> None:
    side, other = sides(bridge, who)
    info(side, body, content, *more)
    passed = other.receive("INFO")
    assert (passed.body, passed["Content-Type"]) == (body, content)
    for line in more:
        name, _, value = line.partition(": ")
        assert passed[name] == value
    other.respond(passed, status)
    assert side.peer.receive(status)["CSeq"].endswith("INFO")
    bridge.router.until_legs(2)


def test_information_without_content_passes_too(bridge: Bridge) -> None:
    bridge.caller_side.request("INFO")
    passed = bridge.phone.receive("INFO")
    assert (passed.body, passed["Content-Type"]) == ("", "")
    bridge.phone.respond(passed, 200)
    bridge.caller.receive(200)


@pytest.mark.parametrize("status", [481, 408])
def test_information_for_a_far_end_that_has_lost_the_call_ends_it(bridge: Bridge, status: int) -> None:
    """RFC 3261 section 12.2.1.2."""
    info(bridge.caller_side, DTMF, "application/dtmf-relay")
    bridge.phone.respond(bridge.phone.receive("INFO"), status)
    bridge.caller.receive(500)
    bridge.caller.respond(bridge.caller.receive("BYE"), 200)
    bridge.phone.respond(bridge.phone.receive("BYE"), 481)
    bridge.router.wait("ended", leg=AGENT)
    bridge.router.nothing_is_left()


def test_information_nobody_answers_ends_the_call(bridge: Bridge) -> None:
    info(bridge.caller_side, DTMF, "application/dtmf-relay")
    bridge.phone.receive("INFO")
    bridge.router.pass_time(33)
    bridge.router.wait("ended", leg=AGENT)


def test_information_before_the_answer_is_taken_or_refused(router: House, caller: Peer, phone: Peer) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    router.do("alert", leg=ringing.caller_leg)
    ringing.caller_side.remote = caller.receive(180)["To"]
    ringing.caller_side.request("INFO")
    assert caller.receive(200)["CSeq"].endswith("INFO")
    info(ringing.caller_side, DTMF, "application/dtmf-relay")
    assert caller.receive(500)["CSeq"].endswith("INFO")


@pytest.mark.parametrize("who", ["caller", "phone"])
def test_why_one_side_hangs_up_is_told_to_the_other(bridge: Bridge, who: str) -> None:
    side, other = sides(bridge, who)
    side.request("BYE", headers=['Reason: Q.850;cause=16;text="Normal call clearing"'])
    side.peer.receive(200)
    assert other.receive("BYE")["Reason"] == 'Q.850;cause=16;text="Normal call clearing"'


def test_a_method_nobody_knows_is_refused_with_those_we_know(bridge: Bridge) -> None:
    for method in ("FOO", "SUBSCRIBE", "MESSAGE"):
        bridge.caller_side.request(method)
        refusal = bridge.caller.receive(405)
        assert set(refusal["Allow"].split(", ")) == METHODS
    bridge.router.until_legs(2)


def allowed(message: Message) -> set[str]:
    return set(message["Allow"].split(", "))


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("FOO", 501),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("REFER", 405),
        ("BYE", 481),
        ("UPDATE", 481),
        ("INFO", 481),
        ("PRACK", 481),
        ("NOTIFY", 481),
        ("OPTIONS", 200),
    ],
)
def test_requests_outside_any_call(router: House, caller: Peer, method: str, status: int) -> None:
    target = f"sip:x@127.0.0.1:{router.port}"
    side = Dialog(
        caller, ("127.0.0.1", router.port), local="<sip:a@b>;tag=1", remote=f"<{target}>", target=target
    )
    side.request(method)
    response = caller.receive(status)
    if status in {200, 405, 501}:
        assert allowed(response) == METHODS
    if status == 200:
        assert response["Accept"] == "application/sdp"
        assert "timer" in response["Supported"]
    router.nothing_is_left()


def test_options_within_a_call_are_answered_here(bridge: Bridge) -> None:
    bridge.phone_side.request("OPTIONS")
    assert allowed(bridge.phone.receive(200)) == METHODS
    assert bridge.caller.waiting() == []


def test_a_demand_for_an_unknown_extension_is_refused(bridge: Bridge) -> None:
    bridge.caller_side.request("INFO", headers=["Require: timer, chess, go"])
    assert bridge.caller.receive(420)["Unsupported"] == "chess, go"


def test_an_invite_that_demands_an_unknown_extension_is_refused_unheard(router: House, caller: Peer) -> None:
    side = Dialog(
        caller, ("127.0.0.1", router.port), local="<sip:a@b>;tag=1", remote="<sip:x@h>", target="sip:x@h"
    )
    side.request("INVITE", headers=["Require: chess"])
    side.acknowledge_refusal(caller.receive(420))
    assert router.untold() == []
    router.nothing_is_left()


def test_requests_that_come_out_of_order_are_refused(bridge: Bridge) -> None:
    bridge.caller_side.request("OPTIONS")
    bridge.caller.receive(200)
    bridge.caller_side.counter = iter([1])
    bridge.caller_side.request("OPTIONS")
    assert bridge.caller.receive(500)["Retry-After"]


def test_a_request_with_somebody_elses_tags_finds_no_call(bridge: Bridge, caller: Peer) -> None:
    bridge.caller_side.local = bridge.caller_side.local.replace(caller.tag, "other")
    bridge.caller_side.request("BYE")
    caller.receive(481)
    bridge.router.until_legs(2)


def test_a_bye_for_a_call_that_is_over_finds_none(router: House, caller: Peer) -> None:
    side, leg = offered(router, caller)
    router.do("refuse", leg=leg, status=486)
    refusal = caller.receive(486)
    side.acknowledge_refusal(refusal)
    side.remote = refusal["To"]
    side.request("BYE")
    caller.receive(481)
    router.nothing_is_left()
