"""Session timers on the wire and in time (RFC 4028)."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Bridge, dialled, offered
from tests.sip.peer import ANSWER, OFFER, Message, Peer, call

TIMER = "Supported: timer"


def up(
    router: House, caller: Peer, phone: Peer, asked: list[str], granted: list[str]
) -> tuple[Bridge, Message]:
    """A call that is up: what the caller asks for, and what the phone grants."""
    side = call(caller, router.port, headers=asked)
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    invite = phone.receive("INVITE")
    phone.respond(invite, 200, ANSWER, headers=granted)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    phone.receive("ACK")
    ok = caller.receive(200)
    side.answered(ok)
    router.forget()
    return Bridge(router, caller, phone, side, leg, phone.dialog_of(invite), invite, ok), ok


def test_too_short_a_session_is_refused_with_the_least(router: House, caller: Peer) -> None:
    side = call(caller, router.port, headers=[TIMER, "Session-Expires: 30"])
    refusal = caller.receive(422)
    assert refusal["Min-SE"] == "90"
    side.acknowledge_refusal(refusal)
    assert router.untold() == []
    router.nothing_is_left()


def test_a_short_session_of_one_who_would_not_understand_that_is_taken(router: House, caller: Peer) -> None:
    """RFC 4028 section 9: 422 only when the caller supports the extension."""
    side = call(caller, router.port, headers=["Session-Expires: 30"])
    router.wait("offered", call_id=side.call_id)


@pytest.mark.parametrize(
    ("asked", "answered", "required"),
    [
        ([TIMER, "Session-Expires: 200"], "200;refresher=uac", "timer"),
        ([TIMER, "Session-Expires: 200;refresher=uac"], "200;refresher=uac", "timer"),
        ([TIMER, "Session-Expires: 200;refresher=uas"], "200;refresher=uas", "timer"),
        ([TIMER, "x: 200"], "200;refresher=uac", "timer"),
        (["Session-Expires: 200"], "200;refresher=uas", ""),
        ([TIMER], "1800;refresher=uac", "timer"),
        ([], "", ""),
    ],
)
def test_who_refreshes_is_settled_in_our_answer(
    router: House, caller: Peer, phone: Peer, *, asked: list[str], answered: str, required: str
) -> None:
    ok = up(router, caller, phone, asked, [])[1]
    assert ok["Session-Expires"] == answered
    assert ok["Require"] == required


def test_our_invite_asks_for_a_session(router: House, caller: Peer, phone: Peer) -> None:
    invite = dialled(router, caller, phone, rings=False).invite
    assert "timer" in invite["Supported"]
    assert invite["Session-Expires"] == "1800"
    assert invite["Min-SE"] == "90"


def test_a_phone_that_wants_longer_sessions_gets_its_wish(router: House, caller: Peer, phone: Peer) -> None:
    invite = dialled(router, caller, phone, rings=False).invite
    phone.respond(invite, 422, headers=["Min-SE: 4000"])
    phone.receive("ACK")
    again = phone.receive("INVITE")
    assert again["Session-Expires"] == "4000"
    assert again["Min-SE"] == "4000"
    assert again["CSeq"] == "2 INVITE"
    phone.respond(again, 422, headers=["Min-SE: 5000"])
    router.wait("refused", leg=AGENT, status=422)


def test_a_caller_who_refreshes_is_kept_and_one_who_stops_is_hung_up(
    router: House, caller: Peer, phone: Peer
) -> None:
    bridge = up(
        router, caller, phone, [TIMER, "Session-Expires: 100"], ["Session-Expires: 1800;refresher=uas"]
    )[0]
    for body in (OFFER, ""):
        router.pass_time(50)
        bridge.caller_side.request(
            "INVITE" if body else "UPDATE", body, headers=[TIMER, "Session-Expires: 100"]
        )
        ok = caller.receive(200)
        assert ok["Session-Expires"] == "100;refresher=uac"
        if body:
            bridge.caller_side.answered(ok)
    assert phone.waiting() == []
    router.pass_time(60)
    assert router.untold() == []
    router.pass_time(10)  # over at 100 - 32 s: RFC 4028 section 10
    router.wait("ended", leg=bridge.caller_leg)
    caller.respond(caller.receive("BYE"), 200)
    phone.respond(phone.receive("BYE"), 200)
    router.nothing_is_left()


def test_a_phone_whose_refreshes_are_ours_gets_updates_when_it_knows_them(
    router: House, caller: Peer, phone: Peer
) -> None:
    granted = ["Allow: INVITE, UPDATE", "Session-Expires: 120;refresher=uac", "Require: timer"]
    up(router, caller, phone, [TIMER, "Session-Expires: 3600"], granted)
    for _ in range(3):
        router.pass_time(61)
        asked = phone.receive("UPDATE")
        assert asked.body == ""
        assert asked["Session-Expires"] == "120;refresher=uac"
        phone.respond(asked, 200, headers=["Session-Expires: 120;refresher=uac"])
    assert router.untold() == []


def test_a_phone_whose_refreshes_are_ours_gets_its_offer_again_when_it_knows_no_update(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])
    for _ in range(3):
        router.pass_time(61)
        asked = phone.receive("INVITE")
        assert asked.body == OFFER
        assert asked["Session-Expires"] == "120;refresher=uac"
        phone.respond(asked, 200, ANSWER, headers=["Session-Expires: 120;refresher=uac"])
        phone.receive("ACK")
    assert caller.waiting() == []


def test_a_refresh_that_brings_a_new_description_tells_the_other_side(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])
    router.pass_time(61)
    moved = ANSWER.replace("50000", "50002")
    phone.respond(phone.receive("INVITE"), 200, moved)
    phone.receive("ACK")
    assert caller.receive("INVITE").body == moved


def test_a_refresh_that_needs_a_longer_session_is_sent_again(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])
    router.pass_time(61)
    phone.respond(phone.receive("INVITE"), 422, headers=["Min-SE: 300"])
    assert phone.receive("INVITE")["Session-Expires"] == "300;refresher=uac"


@pytest.mark.parametrize("status", [481, 408, 0])
@pytest.mark.parametrize("knows_update", [True, False])
def test_a_refresh_that_finds_nobody_ends_the_call(
    router: House, caller: Peer, phone: Peer, status: int, knows_update: bool
) -> None:
    allow = ["Allow: UPDATE"] if knows_update else []
    up(router, caller, phone, [], [*allow, "Session-Expires: 120;refresher=uac"])
    router.pass_time(61)
    asked = phone.receive("UPDATE" if knows_update else "INVITE")
    if status:
        phone.respond(asked, status)
    else:
        router.pass_time(33)
    router.wait("ended", leg=AGENT)
    caller.respond(caller.receive("BYE"), 200)


def test_a_refused_refresh_is_tried_again_before_the_session_is_over(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], ["Allow: UPDATE", "Session-Expires: 120;refresher=uac"])
    router.pass_time(61)
    phone.respond(phone.receive("UPDATE"), 500)
    router.pass_time(21)
    phone.respond(phone.receive("UPDATE"), 200)
    router.pass_time(50)
    assert router.untold() == []


def test_far_ends_without_session_timers_are_asked_whether_they_live(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], [])
    router.pass_time(901)
    for far in (caller, phone):
        asked = far.receive("OPTIONS")
        assert "tag=" in asked["To"]
        far.respond(asked, 405)  # any word of it will do
    router.pass_time(901)
    caller.respond(caller.receive("OPTIONS"), 200)
    phone.respond(phone.receive("OPTIONS"), 481)
    router.wait("ended", leg=AGENT)
    caller.respond(caller.receive("BYE"), 200)
    phone.respond(phone.receive("BYE"), 481)
    router.nothing_is_left()


def test_a_far_end_that_has_vanished_ends_the_call(router: House, caller: Peer, phone: Peer) -> None:
    up(router, caller, phone, [], [])
    router.pass_time(901)
    caller.respond(caller.receive("OPTIONS"), 200)
    router.pass_time(40)
    router.wait("ended", leg=AGENT)
    assert caller.receive("BYE")


def test_a_new_offer_keeps_the_session_alive(router: House, caller: Peer, phone: Peer) -> None:
    bridge = up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])[0]
    router.pass_time(50)
    bridge.caller_side.request("INVITE", OFFER.replace("17 1", "17 2"))
    asked = phone.receive("INVITE")
    assert asked["Session-Expires"] == "120;refresher=uac"
    phone.respond(asked, 200, ANSWER, headers=["Session-Expires: 120;refresher=uac"])
    phone.receive("ACK")
    bridge.caller_side.answered(caller.receive(200))
    router.pass_time(50)
    assert phone.waiting() == []
    router.pass_time(15)
    phone.receive("INVITE")


def test_a_ringing_phone_has_no_session_yet(router: House, caller: Peer, phone: Peer) -> None:
    offered(router, caller)
    dialled(router, router.peer(), phone)
    router.pass_time(20)
    assert phone.waiting() == []


def test_an_update_that_needs_a_longer_session_is_sent_again(
    router: House, caller: Peer, phone: Peer
) -> None:
    up(router, caller, phone, [], ["Allow: UPDATE", "Session-Expires: 120;refresher=uac"])
    router.pass_time(61)
    phone.respond(phone.receive("UPDATE"), 422, headers=["Min-SE: 300"])
    router.pass_time(1)
    assert phone.receive("UPDATE")["Session-Expires"] == "300;refresher=uac"


def test_a_far_end_that_finds_every_session_too_short_is_not_asked_for_ever(
    router: House, caller: Peer, phone: Peer
) -> None:
    bridge = up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])[0]
    bridge.caller_side.request("INVITE", OFFER.replace("17 1", "17 2"))
    asked, count = phone.receive("INVITE"), 0
    while asked is not None:
        count += 1
        assert count < 10
        phone.respond(asked, 422, headers=["Min-SE: 300"])
        asked = next((one for one in phone.waiting() if one.method == "INVITE"), None)
    bridge.caller_side.acknowledge_refusal(caller.receive(488))
    router.until_legs(2)


def test_a_refresh_that_crosses_an_offer_is_left_for_later(router: House, caller: Peer, phone: Peer) -> None:
    bridge = up(router, caller, phone, [], ["Session-Expires: 120;refresher=uac"])[0]
    router.pass_time(59)
    bridge.caller_side.request("INVITE", OFFER.replace("17 1", "17 2"))
    asked = phone.receive("INVITE")
    phone.respond(asked, 100)
    router.pass_time(3)
    assert phone.waiting() == []
    phone.respond(asked, 500)
    phone.receive("ACK")
    router.pass_time(21)
    assert phone.receive("INVITE").body == OFFER
