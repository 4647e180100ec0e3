"""Descriptions before the answer, of one phone and of several."""

from __future__ import annotations

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, dialled
from tests.sip.peer import ANSWER, Peer, call

EARLY = ANSWER.replace("o=- 23 1", "o=- 31 1")
OTHER = ANSWER.replace("o=- 23 1", "o=- 32 1")


def test_a_phones_early_description_reaches_the_caller_byte_for_byte(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 183, EARLY)
    assert caller.receive(183).body == EARLY
    router.wait("ringing", leg=AGENT)
    router.do("alert", leg=ringing.caller_leg)
    caller.nothing()


def test_the_answer_of_the_phone_that_was_heard_comes_in_the_same_dialog(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 183, EARLY)
    progress = caller.receive(183)
    phone.respond(ringing.invite, 200, EARLY)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    ok = caller.receive(200)
    assert (ok["To"], ok.body) == (progress["To"], EARLY)


def test_the_next_phone_is_heard_in_a_dialog_of_its_own(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    """One dialog has one answer to its offer (RFC 3261 section 13.2.1)."""
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 183, EARLY)
    first = caller.receive(183)
    router.do("release", leg=AGENT)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    invite = other_phone.receive("INVITE")
    other_phone.respond(invite, 183, OTHER)
    second = caller.receive(183)
    assert second.body == OTHER
    assert second["To"] != first["To"]
    other_phone.respond(invite, 200, OTHER)
    router.wait("answered", leg=2)
    router.do("connect", caller=ringing.caller_leg, agent=2)
    ok = caller.receive(200)
    assert (ok["To"], ok.body) == (second["To"], OTHER)
    ringing.caller_side.answered(ok)
    ringing.caller_side.request("BYE")
    caller.receive(200)
    other_phone.respond(other_phone.receive("BYE"), 200)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    router.nothing_is_left()


def test_the_answer_of_another_phone_than_the_one_heard_has_its_own_tag(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 183, EARLY)
    heard = caller.receive(183)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    other_phone.respond(other_phone.receive("INVITE"), 200, OTHER)
    router.wait("answered", leg=2)
    router.do("release", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=2)
    ok = caller.receive(200)
    assert ok.body == OTHER
    assert ok["To"] != heard["To"]
    ringing.caller_side.answered(ok)
    router.pass_time(40)  # the ACK was for this dialog: nothing is repeated, nobody is lost
    assert router.signalling.legs_in_use == 2


def test_two_branches_behind_one_phone_are_two_dialogs_for_the_caller(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    phone.tag = "one"
    phone.respond(ringing.invite, 183, EARLY)
    phone.tag = "two"
    phone.respond(ringing.invite, 183, OTHER)
    heard = [(one.body, one["To"]) for one in caller.waiting() if one.status == 183]
    assert [body for body, _ in heard] == [EARLY, OTHER]
    assert heard[0][1] != heard[1][1]


def test_an_answer_without_a_description_of_another_branch_is_no_answer(
    router: House, caller: Peer, phone: Peer
) -> None:
    """What branch one said is not what branch two will do."""
    ringing = dialled(router, caller, phone, rings=False)
    phone.tag = "one"
    phone.respond(ringing.invite, 183, EARLY)
    phone.tag = "two"
    phone.respond(ringing.invite, 200)
    router.wait("refused", leg=AGENT, status=488)
    phone.receive("ACK")
    phone.receive("BYE")


def test_of_phones_that_ring_together_none_is_heard(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    ringing = dialled(router, caller, phone, rings=False)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    other_phone.respond(other_phone.receive("INVITE"), 183, OTHER)
    phone.respond(ringing.invite, 183, EARLY)
    assert [one.status for one in caller.waiting()] == []
    router.wait("ringing", leg=2)
    router.wait("ringing", leg=AGENT)


def test_an_early_offer_to_a_caller_who_made_none_is_not_shown(
    router: House, caller: Peer, phone: Peer
) -> None:
    side = call(caller, router.port, sdp="")
    leg = router.wait("offered", call_id=side.call_id)["leg"]
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    phone.respond(phone.receive("INVITE"), 183, EARLY)
    router.wait("ringing", leg=AGENT)
    assert caller.waiting() == []
    router.do("alert", leg=leg)
    assert caller.receive(180).body == ""
