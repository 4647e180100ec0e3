"""Server and client transactions, one rule at a time."""

from __future__ import annotations

import random

import pytest

from router.sip.message import MessageError, Request, Response, encode, parse, response
from router.sip.net import Flow
from router.sip.transactions import ClientTransaction, ServerTransaction, Transactions
from tests.fakes.clock import FakeClock
from tests.router.sip.wire import FakeFlow, outgoing, request

TAG = "ours"
METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")


class World:
    """One router's transactions, its core and a client of it; what is told is kept in order."""

    def __init__(self, **options: object) -> None:
        self.clock = FakeClock()
        self.layer = Transactions(self.clock, self, **options)  # type: ignore[arg-type]
        self.told: list[object] = []
        self.served: list[ServerTransaction] = []

    def requested(self, tx: ServerTransaction, request: Request) -> None:
        self.served.append(tx)
        self.told.append(f"requested {request.method}")

    def acknowledged(self, request: Request, flow: Flow) -> None:
        self.told.append(f"acknowledged {request.cseq[0]}")

    def cancelled(self, tx: ServerTransaction) -> None:
        self.told.append(f"cancelled {tx.request.cseq[0]}")

    def stray(self, response: Response, flow: Flow) -> None:
        self.told.append(f"stray {response.status}")

    def responded(self, tx: ClientTransaction, response: Response) -> None:
        self.told.append(response.status)

    def failed(self, tx: ClientTransaction, status: int, reason: str) -> None:
        self.told.append(f"failed {status}: {reason}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass with a sweep each second."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            self.clock.advance(min(1.0, left))
            self.layer.sweep(self.clock.monotonic())

    def comes(self, flow: FakeFlow, message: Request | Response) -> None:
        self.layer.receive(message, flow)

    def answer(self, status: int, *, to_tag: str = TAG) -> None:
        tx = self.served[-1]
        tx.respond(response(tx.request, status, to_tag=to_tag))

    @property
    def at_rest(self) -> bool:
        return len(self.layer) == 0 and self.clock.running == 0


def sent_request(flow: FakeFlow) -> Request:
    """The last request that went out."""
    found = parse(flow.sent[-1])
    assert isinstance(found, Request)
    return found


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def udp() -> FakeFlow:
    return FakeFlow()


@pytest.fixture
def tcp() -> FakeFlow:
    return FakeFlow("TCP")


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


# An INVITE of ours


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


# Another request of ours


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
