"""Asking peers whether they are there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.model import Peer
from router.peers import Outcome, PeerState, Reach
from router.sip.pinger import Pinger
from tests.router.sip.wire import Office

PBX = Peer("pbx", "192.0.2.9", user="router")


class Watch(Office):
    def __init__(self, *offered: Peer) -> None:
        super().__init__()
        self.told: list[tuple[str, Reach]] = []
        self.pinger = Pinger(self.network, self.transactions, self.clock, changed=self.changed)  # type: ignore[arg-type]
        self.pinger.use(offered)
        self.clock.advance(0)

    def changed(self, peer: Peer, state: PeerState) -> None:
        self.told.append((peer.name, state.reach))

    @property
    def reach(self) -> Reach:
        return self.pinger.states["pbx"].reach


def test_a_peer_that_answers_is_up_and_is_asked_again_in_time() -> None:
    office = Watch(PBX)
    first = office.asked()
    assert (first.method, first.uri, first.cseq) == ("OPTIONS", "sip:192.0.2.9", (1, "OPTIONS"))
    assert first.get("Contact") == "<sip:router@192.0.2.1:5060>"
    office.answer(first, 200)
    assert office.told == [("pbx", Reach.UP)]
    office.pass_time(9.9)
    assert office.flow().sent == []
    office.pass_time(0.2)
    second = office.asked()
    assert second.cseq == (2, "OPTIONS")
    assert (second.call_id, second.from_tag) == (first.call_id, first.from_tag)


def test_two_silent_pings_take_a_peer_down() -> None:
    office = Watch(PBX)
    office.answer(office.asked(), 200)
    office.pass_time(10 + 0.9)
    office.asked()
    assert office.reach is Reach.UP
    office.pass_time(0.2)
    assert office.asked().cseq == (3, "OPTIONS")
    office.pass_time(1)
    assert office.told == [("pbx", Reach.UP), ("pbx", Reach.DOWN)]


def test_a_peer_that_is_down_is_asked_on_and_comes_up_with_its_first_answer() -> None:
    office = Watch(PBX)
    office.pass_time(3)
    assert office.reach is Reach.DOWN
    office.flow().sent.clear()
    office.pass_time(9.1)
    fresh = [message for message in office.flow().taken() if message.cseq[0] == 3]
    office.answer(fresh[0], 404)  # type: ignore[arg-type]
    assert office.reach is Reach.UP


def test_an_answer_that_comes_late_counts() -> None:
    office = Watch(PBX)
    first = office.asked()
    office.pass_time(3)
    assert office.reach is Reach.DOWN
    office.answer(first, 200)
    assert office.reach is Reach.UP


def test_503_counts_as_a_lost_ping_and_100_as_nothing() -> None:
    office = Watch(PBX)
    for _ in range(2):
        office.clock.advance(0)
        asked = office.asked()
        office.answer(asked, 100)
        office.answer(asked, 503)
    assert office.told == [("pbx", Reach.DOWN)]


def test_a_peer_that_cannot_be_reached_goes_down_without_a_storm_of_pings() -> None:
    office = Watch()
    office.network.closed.add("192.0.2.9")
    office.pinger.use([PBX])
    office.pass_time(2.1)
    assert office.told == [("pbx", Reach.DOWN)]
    office.network.closed.clear()
    office.pass_time(10)
    assert office.asked().cseq == (1, "OPTIONS")


def test_a_broken_stream_is_a_lost_ping_at_once() -> None:
    office = Watch(replace(PBX, transport="tcp"))
    flow = office.flow(transport="TCP")
    assert b";transport=tcp SIP/2.0" in flow.sent[0]
    office.transactions.broken(flow, "refused")
    office.clock.advance(0)
    office.transactions.broken(flow, "refused")
    assert office.reach is Reach.DOWN
    office.pass_time(9)
    assert len(flow.sent) == 2


def test_what_calls_meet_counts_too() -> None:
    office = Watch(PBX, Peer("other", "192.0.2.10", priority=2))
    assert [peer.name for peer in office.pinger.candidates()] == ["pbx", "other"]
    office.pinger.called("pbx", Outcome.SILENT)
    office.pinger.called("nobody", Outcome.SILENT)
    assert [peer.name for peer in office.pinger.candidates()] == ["other", "pbx"]
    office.pinger.called("pbx", Outcome.ANSWERED)
    assert office.told == [("pbx", Reach.DOWN), ("pbx", Reach.UP)]


def test_after_a_silent_call_the_peer_is_asked_at_once() -> None:
    office = Watch(PBX)
    office.answer(office.asked(), 200)
    office.pass_time(2)
    office.pinger.called("pbx", Outcome.SILENT)
    office.clock.advance(0)
    office.answer(office.asked(), 200)
    assert office.reach is Reach.UP


def test_a_peer_with_pings_off_gets_none() -> None:
    office = Watch(replace(PBX, ping_s=0))
    office.pass_time(60)
    assert office.network.flows == {}


@pytest.mark.parametrize(
    ("change", "kept"), [({"priority": 5}, Reach.UP), ({"host": "192.0.2.11"}, Reach.UNKNOWN)]
)
def test_what_is_known_of_a_peer_stays_while_its_address_does(change: dict[str, object], kept: Reach) -> None:
    office = Watch(PBX)
    office.answer(office.asked(), 200)
    office.pinger.use([replace(PBX, **change)])  # type: ignore[arg-type]
    assert office.reach is kept


def test_the_same_peers_again_change_nothing() -> None:
    office = Watch(PBX)
    asked = office.asked()
    office.pinger.use([PBX])
    office.clock.advance(0)
    assert office.flow().sent == []
    office.answer(asked, 200)
    assert office.reach is Reach.UP


def test_nothing_goes_on_after_the_end() -> None:
    office = Watch(PBX)
    asked = office.asked()
    office.pinger.close()
    office.answer(asked, 200)
    office.pass_time(60)
    office.pass_time(6)
    assert office.told == []
    assert office.flow().sent == []
    assert (office.clock.running, len(office.transactions)) == (0, 0)


def test_a_tls_peer_must_prove_the_name_it_was_configured_by() -> None:
    office = Watch(replace(PBX, transport="tls", domain="pbx.example"))
    assert office.network.names == {"pbx.example"}
