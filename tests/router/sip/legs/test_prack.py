"""Reliable provisional responses (RFC 3262), on both sides of the router."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.bridge import AGENT, Ringing, dialled
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, call

SUPPORTED = ["Supported: 100rel"]
REQUIRED = ["Require: 100rel"]
RELIABLE = ["Require: 100rel", "RSeq: 7"]
EARLY = ANSWER.replace("o=- 23 1", "o=- 99 1")


def offered(router: House, caller: Peer, headers: list[str], sdp: str = OFFER) -> tuple[Dialog, int]:
    side = call(caller, router.port, sdp=sdp, headers=headers)
    return side, router.wait("offered", call_id=side.call_id)["leg"]


def rung(router: House, caller: Peer, phone: Peer, headers: list[str]) -> Ringing:
    side, leg = offered(router, caller, headers)
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg)
    return Ringing(router, caller, phone, side, leg, phone.receive("INVITE"))


def prack(side: Dialog, response: Message, rack: str = "") -> None:
    """As the caller acknowledges it, in the dialog of that response."""
    side.remote = response["To"]
    seq = response["CSeq"].split()[0]
    side.request("PRACK", headers=[f"RAck: {rack or response['RSeq'] + ' ' + seq + ' INVITE'}"])


def repetitions(peer: Peer, status: int) -> int:
    """How often a response is waiting, seen before or not."""
    came, peer.sock.came = list(peer.sock.came), type(peer.sock.came)()
    return sum(data.startswith(f"SIP/2.0 {status}".encode()) for data in came)


# The caller's side


def test_a_caller_who_does_not_know_it_gets_plain_ringing(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, [])
    phone.respond(ringing.invite, 183, EARLY)
    progress = caller.receive(183)
    assert progress["RSeq"] == ""
    assert progress["Require"] == ""


def test_a_caller_who_knows_it_gets_a_description_reliably_and_ringing_plainly(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = rung(router, caller, phone, SUPPORTED)
    router.do("alert", leg=ringing.caller_leg)
    assert caller.receive(180)["RSeq"] == ""
    phone.respond(ringing.invite, 183, EARLY)
    progress = caller.receive(183)
    assert progress["Require"] == "100rel"
    assert int(progress["RSeq"]) >= 1
    assert progress["Contact"]


def test_a_caller_who_requires_it_gets_all_of_it_reliably(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, REQUIRED)
    router.do("alert", leg=ringing.caller_leg)
    alerting = caller.receive(180)
    assert alerting["Require"] == "100rel"
    prack(ringing.caller_side, alerting)
    assert caller.receive(200)["CSeq"].endswith("PRACK")


def test_an_unacknowledged_response_is_repeated_with_doubling_pauses_and_ends_the_call(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    router.turn()
    counts = []
    for seconds in (0.4, 0.2, 0.8, 0.2, 1.8, 0.2):  # repeated at 0.5, 1.5 and 3.5 s
        router.pass_time(seconds)
        counts.append(repetitions(caller, 183))
    assert counts == [1, 1, 0, 1, 0, 1]
    router.pass_time(30)
    refusal = caller.receive(500)
    ringing.caller_side.acknowledge_refusal(refusal)
    router.wait("ended", leg=ringing.caller_leg)
    router.do("release", leg=AGENT)
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(ringing.invite, 487)
    router.nothing_is_left()


def test_an_acknowledged_response_is_not_repeated(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    prack(ringing.caller_side, caller.receive(183))
    caller.receive(200)
    router.pass_time(40)
    assert repetitions(caller, 183) == 0
    assert router.signalling.legs_in_use == 2


def test_the_answer_waits_for_the_acknowledgement_of_an_early_description(
    router: House, caller: Peer, phone: Peer
) -> None:
    """RFC 3262 section 5."""
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    progress = caller.receive(183)
    phone.respond(ringing.invite, 200, EARLY)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    assert [one.status for one in caller.waiting()] == []
    prack(ringing.caller_side, progress)
    assert caller.receive(200)["CSeq"].endswith("PRACK")
    ok = caller.receive(200)
    assert ok["CSeq"].endswith("INVITE")
    assert ok.body == EARLY
    assert ok["To"] == progress["To"]
    ringing.caller_side.answered(ok)
    ringing.caller_side.request("BYE")
    caller.receive(200)
    phone.respond(phone.receive("BYE"), 200)
    router.nothing_is_left()


def test_a_caller_who_gives_up_while_the_answer_waits_ends_the_phone_too(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    caller.receive(183)
    phone.respond(ringing.invite, 200, EARLY)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    invite_branch = ringing.caller_side.branch
    ringing.caller_side.request("CANCEL")
    ringing.caller_side.branch = invite_branch
    ringing.caller_side.acknowledge_refusal(caller.receive(487))
    phone.respond(phone.receive("BYE"), 200)
    router.wait("ended", leg=ringing.caller_leg)
    router.nothing_is_left()


def test_the_answer_does_not_wait_for_plain_ringing(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, REQUIRED)
    router.do("alert", leg=ringing.caller_leg)
    alerting = caller.receive(180)
    phone.respond(ringing.invite, 200, ANSWER)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    ok = caller.receive(200)
    assert ok.body == ANSWER
    ringing.caller_side.sequence, invite = 1, ringing.caller_side
    prack(invite, alerting)  # a late one is for what has gone out all the same
    assert caller.receive(200)["CSeq"].endswith("PRACK")


def test_a_second_reliable_response_waits_for_the_first(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, REQUIRED)
    router.do("alert", leg=ringing.caller_leg)
    alerting = caller.receive(180)
    phone.respond(ringing.invite, 183, EARLY)
    assert caller.waiting() == []
    prack(ringing.caller_side, alerting)
    caller.receive(200)
    progress = caller.receive(183)
    assert int(progress["RSeq"]) == int(alerting["RSeq"]) + 1
    prack(ringing.caller_side, progress)
    assert caller.receive(200)["CSeq"].endswith("PRACK")


@pytest.mark.parametrize("rack", ["99 1 INVITE", "1 2 INVITE", "1 1 UPDATE", "nonsense"])
def test_an_acknowledgement_of_something_else_is_refused(
    router: House, caller: Peer, phone: Peer, rack: str
) -> None:
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    progress = caller.receive(183)
    prack(ringing.caller_side, progress, rack)
    assert caller.receive(481)["CSeq"].endswith("PRACK")
    prack(ringing.caller_side, progress)
    assert caller.receive(200)["CSeq"].endswith("PRACK")
    prack(ringing.caller_side, progress)
    assert caller.receive(481)["CSeq"].endswith("PRACK")


def test_each_early_dialog_counts_its_requests_by_itself(
    router: House, caller: Peer, phone: Peer, other_phone: Peer
) -> None:
    """A caller numbers requests per dialog (RFC 3261 section 12.2.1.1): two PRACKs have the same CSeq."""
    ringing = rung(router, caller, phone, SUPPORTED)
    phone.respond(ringing.invite, 183, EARLY)
    first = caller.receive(183)
    prack(ringing.caller_side, first)
    caller.receive(200)
    router.do("release", leg=AGENT)
    router.do("dial", leg=2, target=other_phone.uri, offer_of=ringing.caller_leg)
    other_phone.respond(other_phone.receive("INVITE"), 183, ANSWER)
    second = caller.receive(183)
    assert second["To"] != first["To"]
    ringing.caller_side.counter = iter([2])
    prack(ringing.caller_side, second)
    assert caller.receive(200)["CSeq"] == "2 PRACK"


# The phone's side


def test_our_invite_says_that_we_know_it_but_not_without_an_offer(
    router: House, caller: Peer, phone: Peer
) -> None:
    assert "100rel" in rung(router, caller, phone, []).invite["Supported"]
    leg = offered(router, caller, [], "")[1]
    router.do("dial", leg=2, target=phone.uri, offer_of=leg)
    assert "100rel" not in phone.receive("INVITE")["Supported"]


@pytest.mark.parametrize("status", [180, 183])
def test_a_phones_reliable_response_is_acknowledged(
    router: House, caller: Peer, phone: Peer, status: int
) -> None:
    ringing = rung(router, caller, phone, [])
    phone.respond(ringing.invite, status, headers=RELIABLE)
    asked = phone.receive("PRACK")
    assert asked["RAck"] == f"7 {ringing.invite['CSeq']}"
    assert asked.uri == phone.uri
    assert f"tag={phone.tag}" in asked["To"]
    phone.respond(asked, 200)
    router.wait("ringing", leg=AGENT)


def test_a_repeated_or_overtaking_response_is_not_acknowledged(
    router: House, caller: Peer, phone: Peer
) -> None:
    ringing = rung(router, caller, phone, [])
    phone.respond(ringing.invite, 180, headers=RELIABLE)
    phone.respond(phone.receive("PRACK"), 200)
    phone.respond(ringing.invite, 180, headers=RELIABLE)
    phone.respond(ringing.invite, 183, headers=["Require: 100rel", "RSeq: 9"])
    phone.nothing()
    phone.respond(ringing.invite, 183, headers=["Require: 100rel", "RSeq: 8"])
    assert phone.receive("PRACK")["RAck"] == f"8 {ringing.invite['CSeq']}"


def test_each_branch_of_a_fork_gets_its_own_acknowledgement(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, [])
    for tag in ("one", "two"):
        phone.tag = tag
        phone.respond(ringing.invite, 180, headers=RELIABLE)
        asked = phone.receive("PRACK")
        assert asked["To"].endswith(f"tag={tag}")
        phone.respond(asked, 200)


def test_a_lost_acknowledgement_is_repeated(router: House, caller: Peer, phone: Peer) -> None:
    ringing = rung(router, caller, phone, [])
    phone.respond(ringing.invite, 180, headers=RELIABLE)
    phone.receive("PRACK")
    router.pass_time(0.6)
    assert sum(data.startswith(b"PRACK") for data in phone.sock.came) == 1


def test_a_phone_that_answers_is_connected_with_its_reliable_description(
    router: House, caller: Peer, phone: Peer
) -> None:
    """A 200 without a description after a reliable 183 with one is complete (RFC 3262 section 5)."""
    ringing = dialled(router, caller, phone, rings=False)
    phone.respond(ringing.invite, 183, EARLY, headers=RELIABLE)
    phone.respond(phone.receive("PRACK"), 200)
    phone.respond(ringing.invite, 200)
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=ringing.caller_leg, agent=AGENT)
    phone.receive("ACK")
    assert caller.receive(200).body == EARLY
