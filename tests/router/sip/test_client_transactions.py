"""Transactions of ours: requests we send, and what becomes of them."""

from __future__ import annotations

import pytest

from router.sip.message import Request, parse, response
from tests.router.sip.transactions_world import World, sent_request
from tests.router.sip.wire import FakeFlow, outgoing, request


def test_an_invite_is_repeated_until_it_is_given_up(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    world.clock.advance(31.9)
    assert udp.methods() == ["INVITE"] * 7
    world.clock.advance(0.2)
    assert world.told == ["failed 408: no response"]
    assert world.at_rest


def test_a_provisional_response_ends_the_repetitions(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    sent = sent_request(udp)
    world.comes(udp, response(sent, 100))
    world.pass_time(300)
    assert udp.methods() == ["INVITE"]
    assert world.told == [100]
    assert world.clock.running == 0


def test_every_repetition_of_a_200_is_told_and_nothing_else_is(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    sent = sent_request(udp)
    for status in (180, 200, 180, 486, 200):
        world.comes(udp, response(sent, status, to_tag="far"))
    assert world.told == [180, 200, 200]
    world.pass_time(33)
    assert world.at_rest


def test_a_refusal_is_acknowledged_each_time_and_told_once(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(body=b"v=0"), udp, world)
    sent = sent_request(udp)
    world.comes(udp, response(sent, 486, to_tag="far"))
    world.comes(udp, response(sent, 486, to_tag="far"))
    invite, ack, again = udp.taken()
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.cseq, ack.to_tag) == ("ACK", sent.uri, (1, "ACK"), "far")
    assert (ack.branch, ack.from_tag, ack.body) == (invite.branch, invite.from_tag, b"")
    assert again.headers == ack.headers
    assert world.told == [486]
    world.pass_time(33)
    assert world.at_rest


def test_only_the_repeated_refusal_is_acknowledged_again(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    sent = sent_request(udp)
    for status in (486, 180, 200):
        world.comes(udp, response(sent, status, to_tag="far"))
    assert udp.methods() == ["INVITE", "ACK"]
    assert world.told == [486]


def test_ack_and_cancel_take_the_route_of_the_invite(world: World, udp: FakeFlow) -> None:
    invite = outgoing()
    invite.headers["Route"] = ["<sip:p1;lr>", "<sip:p2;lr>"]
    tx = world.layer.request(invite, udp, world)
    sent = sent_request(udp)
    world.comes(udp, response(sent, 180, to_tag="far"))
    tx.cancel()
    world.comes(udp, response(sent, 487, to_tag="far"))
    assert [message.headers["Route"] for message in udp.taken()] == [["<sip:p1;lr>", "<sip:p2;lr>"]] * 3


@pytest.mark.parametrize(("status", "kept"), [(200, b""), (407, b"v=0")])
def test_a_body_is_let_go_once_nobody_can_ask_for_it_again(
    world: World, udp: FakeFlow, status: int, kept: bytes
) -> None:
    tx = world.layer.request(outgoing(body=b"v=0"), udp, world)
    world.comes(udp, response(sent_request(udp), status, to_tag="far"))
    assert tx.request.body == kept


def test_over_a_stream_an_invite_is_sent_once_and_over_with_its_refusal(world: World, tcp: FakeFlow) -> None:
    world.layer.request(outgoing(), tcp, world)
    world.clock.advance(20)
    assert len(tcp.sent) == 1
    world.comes(tcp, response(sent_request(tcp), 486, to_tag="far"))
    assert tcp.methods() == ["INVITE", "ACK"]
    assert world.at_rest


def test_cancel_waits_for_a_provisional_response(world: World, udp: FakeFlow) -> None:
    tx = world.layer.request(outgoing(), udp, world)
    sent = sent_request(udp)
    tx.cancel()
    tx.cancel()
    assert udp.methods() == ["INVITE"]
    world.comes(udp, response(sent, 180, to_tag="far"))
    tx.cancel()
    (cancel,) = udp.taken()
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.cseq, cancel.branch) == ("CANCEL", (1, "CANCEL"), sent.branch)
    assert cancel.to_tag == ""
    world.comes(udp, response(cancel, 200))
    world.comes(udp, response(sent, 487, to_tag="far"))
    assert udp.methods() == ["ACK"]
    assert world.told == [180, 487]
    world.pass_time(33)
    assert world.at_rest


def test_a_cancelled_invite_without_an_outcome_is_given_up(world: World, udp: FakeFlow) -> None:
    tx = world.layer.request(outgoing(), udp, world)
    world.comes(udp, response(sent_request(udp), 180, to_tag="far"))
    tx.cancel()
    world.pass_time(33)
    assert world.told == [180, "failed 408: no final response in time"]
    assert world.at_rest


def test_another_request_is_repeated_with_a_ceiling_until_it_is_given_up(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing("OPTIONS"), udp, world)
    world.clock.advance(31.9)
    assert len(udp.sent) == 11
    world.clock.advance(0.2)
    assert world.told == ["failed 408: no response"]
    assert world.at_rest


def test_after_a_provisional_response_another_request_is_repeated_more_slowly(
    world: World, udp: FakeFlow
) -> None:
    world.layer.request(outgoing("OPTIONS"), udp, world)
    world.comes(udp, response(sent_request(udp), 100))
    udp.sent.clear()
    world.clock.advance(31.9)
    assert len(udp.sent) == 8
    world.clock.advance(0.2)
    assert world.told == [100, "failed 408: no final response in time"]


def test_a_repeated_final_response_is_told_once(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing("BYE"), udp, world)
    sent = sent_request(udp)
    world.comes(udp, response(sent, 200))
    world.comes(udp, response(sent, 200))
    assert world.told == [200]
    world.pass_time(6)
    assert world.at_rest
    world.comes(udp, response(sent, 200))
    assert world.told == [200, "stray 200"]


def test_responses_to_what_we_never_sent_are_counted(world: World, udp: FakeFlow) -> None:
    world.comes(udp, response(request("OPTIONS"), 200))
    assert world.told == []
    assert world.layer.facts()["responses_not_ours"] == 1


def test_a_response_with_a_second_via_was_meant_for_somebody_else(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    sent = sent_request(udp)
    for lines in ([sent.get("Via"), "SIP/2.0/UDP h"], [f"{sent.get('Via')}, SIP/2.0/UDP h"]):
        answer = response(sent, 200, to_tag="far")
        answer.headers["Via"] = lines
        world.comes(udp, answer)
    assert world.told == []
    assert world.layer.facts()["responses_not_ours"] == 2


def test_a_response_to_another_method_is_not_that_of_the_invite(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    answer = response(sent_request(udp), 200, to_tag="far")
    answer.headers["CSeq"] = ["1 BYE"]
    world.comes(udp, answer)
    assert world.told == ["stray 200"]


def test_a_broken_stream_fails_what_waits_on_it_and_nothing_else(world: World, tcp: FakeFlow) -> None:
    other = FakeFlow("TCP")
    world.layer.request(outgoing(), tcp, world)
    world.layer.request(outgoing("OPTIONS"), tcp, world)
    world.layer.request(outgoing(), other, world)
    world.layer.broken(tcp, "reset")
    assert world.told == ["failed 503: reset"] * 2
    world.comes(other, response(sent_request(other), 200, to_tag="far"))
    world.layer.broken(other, "reset")
    assert world.told == ["failed 503: reset", "failed 503: reset", 200]
    assert world.clock.running == 0


def test_an_unreachable_port_fails_what_has_had_no_response(world: World, udp: FakeFlow) -> None:
    world.layer.request(outgoing(), udp, world)
    world.comes(udp, response(sent_request(udp), 180, to_tag="far"))
    world.layer.request(outgoing(), udp, world)
    world.layer.broken(FakeFlow(), "another far end")
    world.layer.broken(udp, "connection refused")
    assert world.told == [180, "failed 503: connection refused"]


def test_the_via_on_top_is_ours_with_a_fresh_branch(world: World, udp: FakeFlow) -> None:
    udp.local = ("2001:db8::1", 5060)
    world.layer.request(outgoing(), udp, world)
    world.layer.request(outgoing(), udp, world)
    first, second = udp.taken()
    assert next(iter(first.headers)) == "Via"
    assert first.get("Via").startswith("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK")
    assert first.get("Via").endswith(";rport")
    assert first.branch != second.branch


def test_the_ack_of_a_200_has_a_branch_of_its_own(world: World, udp: FakeFlow) -> None:
    tx = world.layer.request(outgoing(), udp, world)
    data = world.layer.acknowledge(outgoing("ACK"), udp)
    assert udp.sent[-1] == data
    assert parse(data).branch != tx.request.branch
    assert world.clock.running == 1
