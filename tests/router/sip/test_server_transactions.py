"""Transactions of others: requests that come, matched and answered."""

from __future__ import annotations

import random

import pytest

from router.sip.message import MessageError, Request, encode, parse, response
from router.sip.transactions import ServerTransaction
from tests.router.sip.transactions_world import METHODS, TAG, World
from tests.router.sip.wire import FakeFlow, outgoing, request

# An INVITE from outside


def test_a_repeated_invite_gets_the_last_provisional_response_again(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(180)
    world.comes(udp, request())
    assert udp.statuses() == [180, 180]
    assert world.told == ["requested INVITE"]


def test_an_invite_that_nobody_answers_gets_100_after_a_while(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.clock.advance(0.19)
    assert udp.sent == []
    world.clock.advance(0.02)
    assert udp.statuses() == [100]


def test_a_refusal_is_repeated_until_its_ack(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(486)
    world.clock.advance(0.5 + 1 + 2 + 4 + 4)
    assert udp.statuses() == [486] * 6
    world.comes(udp, request("ACK", to_tag=TAG))
    world.pass_time(4.9)
    world.comes(udp, request("ACK", to_tag=TAG))
    assert udp.sent == []
    assert world.told == ["requested INVITE"]
    world.pass_time(1)
    assert world.at_rest


def test_a_refusal_that_is_never_acknowledged_is_given_up_and_counted(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(486)
    world.pass_time(32)
    assert len(udp.taken()) == 11
    assert world.layer.facts()["responses_unacknowledged"] == 1
    assert world.at_rest


def test_a_refusal_over_a_stream_is_sent_once_and_over_with_its_ack(world: World, tcp: FakeFlow) -> None:
    world.comes(tcp, request(transport="TCP"))
    world.answer(486)
    world.clock.advance(20)
    assert tcp.statuses() == [486]
    world.comes(tcp, request("ACK", to_tag=TAG, transport="TCP"))
    assert world.at_rest


def test_after_200_the_invite_is_absorbed_and_the_ack_is_the_cores(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(200)
    world.comes(udp, request())
    assert udp.statuses() == [200]
    world.comes(udp, request("ACK", branch="z9hG4bKother", to_tag=TAG))
    assert world.told == ["requested INVITE", "acknowledged 1"]
    world.pass_time(33)
    assert world.at_rest


def test_an_ack_of_a_200_with_the_branch_of_its_invite_is_the_cores_too(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(200)
    world.comes(udp, request("ACK", to_tag=TAG))
    assert world.told == ["requested INVITE", "acknowledged 1"]


def test_a_200_given_again_goes_out_again_and_another_response_does_not(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    tx = world.served[-1]
    ok = response(tx.request, 200, to_tag=TAG)
    tx.respond(ok)
    tx.respond(ok)
    tx.respond(response(tx.request, 486))
    assert udp.statuses() == [200, 200]


def test_cancel_is_answered_and_told_and_the_invite_wants_its_487(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(180)
    world.comes(udp, request("CANCEL"))
    world.comes(udp, request("CANCEL"))
    assert udp.statuses() == [180, 200, 200]
    assert world.told == ["requested INVITE", "cancelled 1"]
    world.answer(487)
    world.comes(udp, request("ACK", to_tag=TAG))
    world.pass_time(33)
    assert world.at_rest


def test_cancel_has_the_tag_of_the_invites_responses(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(180)
    udp.sent.clear()
    world.comes(udp, request("CANCEL"))
    assert udp.taken()[0].to_tag == TAG


def test_cancel_after_the_answer_changes_nothing(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(200)
    world.comes(udp, request("CANCEL"))
    assert udp.statuses() == [200, 200]
    assert world.told == ["requested INVITE"]


def test_cancel_of_nothing_is_answered_481(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("CANCEL"))
    assert udp.statuses() == [481]
    assert world.told == []


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_request_whose_core_fails_is_answered_500_and_the_failure_is_not_hidden(
    world: World, udp: FakeFlow, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fails(tx: ServerTransaction, request: Request) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world, "requested", fails)
    with pytest.raises(ZeroDivisionError):
        world.comes(udp, request(method))
    assert udp.statuses() == [500]
    world.comes(udp, request("ACK", to_tag=TAG))
    world.pass_time(33)
    assert world.at_rest


# Another request from outside


def test_a_repeated_request_gets_its_final_response_again(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("BYE", to_tag=TAG))
    world.comes(udp, request("BYE", to_tag=TAG))
    world.answer(200)
    world.pass_time(31)
    world.comes(udp, request("BYE", to_tag=TAG))
    assert udp.statuses() == [200, 200]
    assert world.told == ["requested BYE"]
    world.pass_time(2)
    assert world.at_rest


def test_over_a_stream_nothing_lingers(world: World, tcp: FakeFlow) -> None:
    world.comes(tcp, request("BYE", to_tag=TAG, transport="TCP"))
    world.answer(200)
    assert world.at_rest


def test_a_request_other_than_invite_is_never_answered_408_nor_180(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("OPTIONS"))
    world.answer(180)
    world.answer(408)
    assert udp.sent == []
    assert world.at_rest


def test_100_to_another_request_waits_until_its_repetitions_have_settled(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("OPTIONS"))
    world.answer(100)
    world.clock.advance(3.5)
    world.answer(100)
    assert udp.statuses() == [100]


def test_over_a_stream_100_need_not_wait(world: World, tcp: FakeFlow) -> None:
    world.comes(tcp, request("OPTIONS", transport="TCP"))
    world.answer(100)
    assert tcp.statuses() == [100]


def test_a_request_that_nobody_answers_leaves_when_its_client_has_given_up(
    world: World, udp: FakeFlow
) -> None:
    world.comes(udp, request("OPTIONS"))
    world.pass_time(33)
    assert world.at_rest
    world.answer(200)
    assert udp.sent == []


# Matching


def test_another_sent_by_is_another_transaction(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("OPTIONS"))
    world.comes(udp, request("OPTIONS", sent_by="192.0.2.10:5070", call_id="other"))
    assert world.told == ["requested OPTIONS"] * 2


def test_the_same_request_over_two_ways_is_answered_482_once(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.comes(udp, request(branch="z9hG4bKb"))
    assert udp.statuses() == [482]
    assert world.told == ["requested INVITE"]


def test_a_request_inside_a_dialog_is_never_taken_for_merged(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request("INFO", to_tag=TAG))
    world.comes(udp, request("INFO", to_tag=TAG, branch="z9hG4bKb"))
    assert world.told == ["requested INFO"] * 2


def test_the_same_call_may_come_again_once_the_first_is_over(world: World, udp: FakeFlow) -> None:
    world.comes(udp, request())
    world.answer(486)
    world.comes(udp, request("ACK", to_tag=TAG))
    world.pass_time(6)
    world.comes(udp, request(branch="z9hG4bKb"))
    assert world.told == ["requested INVITE"] * 2


@pytest.mark.parametrize("branch", ["1", "", "old.1"])
def test_a_branch_without_the_cookie_is_matched_by_the_request_itself(
    world: World, udp: FakeFlow, branch: str
) -> None:
    via = f"SIP/2.0/UDP 192.0.2.9:5070{';branch=' + branch if branch else ''}"
    world.comes(udp, request(via=via))
    world.comes(udp, request(via=via))
    world.comes(udp, request(via=via, call_id="second"))
    assert world.told == ["requested INVITE"] * 2
    world.answer(486)
    world.comes(udp, request("ACK", via=via, call_id="second", to_tag=TAG))
    assert world.clock.running == 1
    assert world.told == ["requested INVITE"] * 2


def test_beyond_the_limit_new_requests_are_dropped_and_counted(udp: FakeFlow) -> None:
    world = World(limit=2)
    for number in range(4):
        world.comes(udp, request(branch=f"z9hG4bK{number}", call_id=str(number)))
    assert world.told == ["requested INVITE"] * 2
    assert world.layer.facts()["requests_over_limit"] == 2
    assert udp.sent == []
    world.comes(udp, request("CANCEL", branch="z9hG4bK0", call_id="0"))
    assert udp.statuses() == [200]
    assert len(world.layer) == 2


def test_what_lingers_is_bounded_in_bytes_too_and_let_go_of(udp: FakeFlow) -> None:
    world = World(most_kept=5000)
    for number in range(4):
        world.comes(udp, request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"{number}" * 1500))
        world.answer(200)
    assert world.told == ["requested OPTIONS"] * 2
    assert world.layer.facts()["requests_over_limit"] == 2
    world.pass_time(33)
    assert world.layer.facts()["server_bytes"] == 0
    for number in range(4, 6):
        world.comes(udp, request(branch=f"z9hG4bK{number}", call_id=f"{number}" * 1500))
        world.answer(486)
        world.comes(udp, request("ACK", branch=f"z9hG4bK{number}", call_id=f"{number}" * 1500, to_tag=TAG))
    assert world.told == ["requested OPTIONS"] * 2 + ["requested INVITE"] * 2
    world.pass_time(33)
    assert world.layer.facts()["server_bytes"] == 0
    assert len(world.layer) == 0


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKa;rport", ";rport=5070;received=192.0.2.9"),
        ("SIP/2.0/UDP 10.1.1.1:5060;rport;branch=z9hG4bKa", ";branch=z9hG4bKa;rport=5070;received=192.0.2.9"),
        ("SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKa", ";branch=z9hG4bKa;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa", "192.0.2.9;branch=z9hG4bKa"),
        ("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa", "192.0.2.9:5070;branch=z9hG4bKa"),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa;received=8.8.8.8", "192.0.2.9;branch=z9hG4bKa"),
        (
            "SIP/2.0/UDP h;branch=z9hG4bKa, SIP/2.0/UDP g",
            "h;branch=z9hG4bKa;received=192.0.2.9, SIP/2.0/UDP g",
        ),
        (
            "SIP/2.0/UDP h;branch=z9hG4bKa, SIP/2.0/UDP g;rport",
            "h;branch=z9hG4bKa;received=192.0.2.9, SIP/2.0/UDP g;rport",
        ),
        (
            "SIP/2.0/UDP h;received=1.2.3.4;branch=z9hG4bKa;rport",
            "h;branch=z9hG4bKa;rport=5070;received=192.0.2.9",
        ),
    ],
)
def test_the_top_via_of_a_response_says_where_the_request_came_from(
    world: World, udp: FakeFlow, via: str, expected: str
) -> None:
    world.comes(udp, request(via=via))
    world.answer(486)
    assert udp.taken()[0].get("Via").endswith(expected)


# Hostile input


def test_whatever_can_be_read_as_a_message_is_dealt_with(world: World) -> None:
    chance = random.Random(20261122)
    flows = [FakeFlow(), FakeFlow("TCP", remote=("2001:db8::9", 5070))]
    ours = [world.layer.request(outgoing(method), flows[0], world).request for method in ("INVITE", "BYE")]
    seeds = [encode(request(method, to_tag=tag)) for method in METHODS for tag in ("", TAG)]
    seeds += [encode(response(one, status, to_tag="far")) for one in ours for status in (100, 200, 486)]
    read = 0
    for _ in range(4000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.choice(
                [b"", b",", b";", b"z9hG4bK", b" ", b"\xff", b"0"]
            )
        try:
            message = parse(bytes(data))
        except MessageError:
            continue
        read += 1
        world.comes(chance.choice(flows), message)
        if world.served and not chance.randrange(3):
            world.answer(chance.choice([100, 180, 200, 404, 486]))
        if not chance.randrange(50):
            world.pass_time(1)
    assert read > 1000
    for tx in world.served:
        tx.respond(response(tx.request, 487))
    world.pass_time(70)
    assert world.at_rest
