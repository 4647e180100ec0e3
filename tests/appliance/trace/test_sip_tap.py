"""What the router contributes to a trace, with the engine on the real SIP side, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.trace.sip_tap import MOST_A_TURN, SipTap, Topics
from router.engine import Engine
from router.model import Peer, Settings
from shell.trace.glance import glance
from shell.trace.ladder import ladder
from shell.trace.record import Record
from tests.appliance.trace.loop import Wire
from tests.router.office import office
from tests.router.sip.legs.house import HOST
from tests.router.test_calls_over_sip import WholeHouse, board
from tests.sip.peer import call


class TracedHouse(WholeHouse):
    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire()
        topics = Topics(self.wire)
        table = office(board(self), peers=(Peer("pbx", HOST, self.pbx.port, ping_s=0),), settings=Settings())
        self.engine = Engine(self.signalling, self.clock, self.records, topics, table)
        self.signalling.peering.use(table.peers, ["any"])
        self.signalling.attach(self.engine)
        self.tap = SipTap(self.signalling, self.engine, topics, self.wire)
        self.signalling.pump = self._pump
        self._now = 0.0

    def _pump(self, max_wait_s: float) -> int:
        return self.tap.pump(max_wait_s)

    def looks(self, *, somebody: bool = True) -> None:
        self.wire.looked_at = somebody
        self.told()

    def told(self) -> list[Record]:
        for _ in range(2):
            self._now += 0.2
            self.tap.turn(self._now)
        return self.wire.records

    def messages(self) -> list[tuple[str, str]]:
        """Way and method, or status, of every message told."""
        seen = [(each.sip.way, glance(each.sip.raw)) for each in self.told() if each.sip]
        return [(way, str(one.status or one.method)) for way, one in seen]


@pytest.fixture
def house() -> Iterator[TracedHouse]:
    made = TracedHouse()
    yield made
    made.looks(somebody=False)


WHOLE = [
    *[("in", "INVITE"), ("out", "INVITE"), ("in", "180"), ("out", "180")],
    *[("in", "200"), ("out", "ACK"), ("out", "200"), ("in", "ACK")],
    *[("in", "BYE"), ("out", "200"), ("out", "BYE"), ("in", "200")],
]


def asks(house: TracedHouse, *, user: str = "a", header: str = "Subject: x") -> None:
    """OPTIONS."""
    via = f"Via: SIP/2.0/UDP {HOST}:{house.caller.port};branch=z9hG4bKo;rport"
    ends = [f"From: <sip:{user}@h>;tag=1", "To: <sip:x@h>", "Call-ID: o1", "CSeq: 1 OPTIONS"]
    lines = ["OPTIONS sip:x@h SIP/2.0", via, *ends, header, "Content-Length: 0", "", ""]
    house.caller.send("\r\n".join(lines), (HOST, house.port))


def a_call(house: TracedHouse) -> str:
    """The id of its record."""
    side, _ = house.answered(house.m)
    house.hangs_up(side, house.m)
    return str(house.records.kept[-1]["id"])


def test_both_legs_of_a_call_are_told_with_the_id_of_its_record(house: TracedHouse) -> None:
    house.looks()
    call_id = a_call(house)
    assert sorted(house.messages()) == sorted(WHOLE)
    told = house.told()
    assert {each.call for each in told} == {call_id}
    assert {each.numbers for each in told if each.sip} == {(house.records.kept[0]["caller"], "200")}
    assert len({each.sip.call_id for each in told if each.sip}) == 2


def test_steps_of_the_call_are_told_too(house: TracedHouse) -> None:
    house.looks()
    call_id = a_call(house)
    steps = [each.text for each in house.told() if each.group == "call"]
    recorded = house.steps()
    assert [text for text in steps if text in recorded] == recorded
    assert steps[-1] == "the call is over: answered"
    assert {each.call for each in house.told() if each.group == "call"} == {call_id}


def test_a_step_is_told_after_the_message_that_caused_it(house: TracedHouse) -> None:
    house.looks()
    a_call(house)
    first, second = house.told()[:2]
    assert first.sip is not None
    assert second.text == house.steps()[0]
    assert [each.at for each in house.told()] == sorted(each.at for each in house.told())


def test_a_ladder_can_be_drawn_of_it(house: TracedHouse) -> None:
    house.looks()
    a_call(house)
    names = ladder(house.told(), 100)[1].split()
    assert names[-2:] == ["Callisto", "M"]


def test_a_call_that_was_up_before_anybody_looked_has_its_id_too(house: TracedHouse) -> None:
    side, _ = house.answered(house.m)
    house.looks()
    house.hangs_up(side, house.m)
    assert {each.call for each in house.told() if each.sip} == {house.records.kept[0]["id"]}
    assert house.messages() == WHOLE[-5:]


def test_a_call_that_is_refused_has_the_id_of_its_record(house: TracedHouse) -> None:
    house.looks()
    call(house.caller, house.port, "4711")
    house.caller.receive(404)
    told = house.told()
    assert {each.call for each in told} == {house.records.kept[0]["id"]}
    assert ("out", "404") in house.messages()


def test_what_belongs_to_no_call_has_no_id(house: TracedHouse) -> None:
    house.looks()
    asks(house)
    house.caller.receive(200)
    assert [(each.call, each.sip.call_id) for each in house.told() if each.sip] == [("", "o1"), ("", "o1")]


def test_the_end_of_the_router_is_told(house: TracedHouse) -> None:
    house.answered(house.m)
    house.looks()
    house.engine.close()
    house.tap.close()
    assert "the router stops: the call is ended" in [each.text for each in house.wire.records]
    assert ("out", "BYE") in house.messages()


def test_while_nobody_looks_nothing_is_in_the_way(house: TracedHouse) -> None:
    bare = house.tap.pump
    house.looks()
    assert house.tap.pump != bare
    house.looks(somebody=False)
    assert house.tap.pump == bare
    assert house.network._observer is None
    a_call(house)
    assert house.wire.batches == []
    assert {topic for topic, _ in house.wire.published} == {"call", "notice"}


def test_secrets_of_a_message_do_not_leave_the_router(house: TracedHouse) -> None:
    house.looks()
    asks(house, user="a:zq9", header='Authorization: Digest username="a", response="zq9"')
    house.caller.receive(200)
    house.told()
    assert "zq9" not in repr(house.wire.published)
    assert "a:***@h" in repr(house.wire.published)


def test_an_error_over_the_trace_ends_no_call(house: TracedHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.looks()
    monkeypatch.setattr(house.engine, "call_of", lambda _leg: 1 // 0)
    a_call(house)
    assert house.records.kept[0]["result"] == "answered"
    assert any("messages are not in the trace" in each.text for each in house.told())


class Somewhere:
    transport = "TCP"
    local = ("fd00::1", 5060)
    remote = ("fd00::2", 40000)


def test_a_flood_is_bounded_and_what_is_left_out_is_said(house: TracedHouse) -> None:
    house.looks()
    flow: Any = Somewhere()
    for _ in range(MOST_A_TURN + 50):
        house.tap.came(b"OPTIONS sip:x SIP/2.0\r\nCall-ID: f\r\n\r\n", flow)
    house.tap.pump(0.0)
    for _ in range(200):
        house.told()
    told = house.told()
    assert len([each for each in told if each.sip]) == MOST_A_TURN
    assert any("50 records are left out" in each.text for each in told)
    sip = next(each.sip for each in told if each.sip)
    assert (sip.local, sip.remote, sip.transport) == ("[fd00::1]:5060", "[fd00::2]:40000", "tcp")
