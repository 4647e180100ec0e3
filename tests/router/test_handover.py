"""gBridgeTransfer: whether an answered call is left to the PBX."""

from __future__ import annotations

import pytest

from router import handover
from router.commands import Result
from router.model import Peer, Settings
from tests.router.house import House
from tests.router.office import Script, group, house, person

PBX = Peer("pbx", "127.0.0.1", 5080)
HANDS_OVER = house(bridges=False)


def answered(peer: str = "pbx", *, by: Peer | None = PBX) -> Script:
    call = Script(group(), house=HANDS_OVER, peer=by)
    call.offered()
    call.answers("M", peer)
    return call


def test_answered_call_is_handed_over_to_the_pbx_that_has_both_sides() -> None:
    call = Script(group(), house=HANDS_OVER, peer=PBX)
    call.offered()
    assert call.answers("M", "pbx") == ["connect M", "hand M over by Replaces"]
    call.waits(1)
    assert call.handed_over(200) == []
    assert (call.record().result, call.record().agent, call.record().answered) == (Result.ANSWERED, "M", 0)
    assert call.told()[-2:] == [
        "pbx is asked to take the call over",
        "pbx has taken the call over; how long they talk is not known here",
    ]


def test_pbx_that_does_not_know_replaces_is_asked_without() -> None:
    call = Script(group(), house=HANDS_OVER, peer=Peer("pbx", "127.0.0.1", replaces=False))
    call.offered()
    assert call.answers("M", "pbx") == ["connect M", "hand M over"]


@pytest.mark.parametrize(
    ("by", "peer", "because"),
    [
        (None, "pbx", "the caller did not come through a PBX"),
        (PBX, "", "the caller and the phone are not on the same PBX"),
        (PBX, "other", "the caller and the phone are not on the same PBX"),
    ],
)
def test_call_that_the_pbx_has_only_one_side_of_stays(by: Peer | None, peer: str, because: str) -> None:
    call = answered(peer, by=by)
    assert call.told()[-1] == f"the call stays on this router: {because}"


def test_of_a_call_without_any_pbx_nothing_is_said() -> None:
    assert "this router" not in " ".join(answered("", by=None).told())


def test_calls_stay_where_gbridgetransfer_says_so() -> None:
    call = Script(group(), house=house(bridges=True), peer=PBX)
    call.offered()
    assert call.answers("M", "pbx") == ["connect M"]


@pytest.mark.parametrize(
    ("status", "words"), [(501, "pbx refuses it (501 Not Implemented)"), (408, "pbx says nothing")]
)
def test_call_stays_bridged_when_the_pbx_refuses(status: int, words: str) -> None:
    call = answered()
    assert call.handed_over(status) == []
    assert call.told()[-1] == f"the call stays on this router: {words}"
    call.waits(60)
    call.hangs_up()
    assert (call.record().result, call.record().at) == (Result.ANSWERED, 60)


def test_silence_of_the_pbx_leaves_the_call_bridged() -> None:
    call = answered()
    call.waits(handover.WAIT)
    assert call.told()[-1] == "the call stays on this router: pbx says nothing"
    assert call.handed_over(603) == []
    call.hangs_up("M")
    assert call.record().result is Result.ANSWERED


def test_pbx_that_takes_the_call_over_late_has_it_all_the_same() -> None:
    call = answered()
    call.waits(handover.WAIT + 5)
    call.transfers("M", "0791112233")
    assert call.handed_over(200) == ["stop 0791112233", "tell M 487"]
    assert call.record().result is Result.ANSWERED


def test_end_while_the_pbx_is_asked_is_told_as_uncertain() -> None:
    call = answered()
    call.waits(2)
    call.hangs_up()
    assert call.told()[-1] == (
        "connected for 2 s, then the caller hung up, or pbx took the call over as it was asked to"
    )
    assert call.handed_over(200) == []


def test_transfer_waits_until_the_pbx_has_answered() -> None:
    call = answered()
    assert call.transfers("M", "0791112233") == ["transfer 491"]
    call.handed_over(603)
    assert call.transfers("M", "0791112233") == ["transfer 202", "Ring 0791112233"]


# With the engine.


def test_engine_hands_over_by_default_and_lets_go_of_both_legs() -> None:
    office = House(group(person("M", address="20")), peers=(PBX,))
    caller = office.sip.invite("200", peer="pbx")
    office.sip.answers("20")
    agent = office.sip.phone("20")
    assert office.sip.said[-1] == ("hand_over", caller, agent.id, True)
    office.sip.takes_over(caller)
    (record,) = office.records.kept
    assert (record["result"], record["agent"], record["status"]) == ("answered", "M", 200)
    assert office.is_quiet()
    office.engine.ended(caller)
    office.engine.ended(agent.id)
    assert len(office.records.kept) == 1


def test_engine_goes_on_with_a_call_that_the_pbx_does_not_want() -> None:
    office = House(group(person("M", address="20")), peers=(PBX,))
    caller = office.sip.invite("200", peer="pbx")
    office.sip.answers("20")
    office.sip.takes_over(caller, 501)
    office.clock.advance(30)
    office.sip.hang_up(caller)
    assert office.records.kept[0]["talk_s"] == 30.0
    assert office.is_quiet()


def test_engine_never_hands_over_when_calls_are_bridged() -> None:
    office = House(group(person("M", address="20")), peers=(PBX,), settings=Settings(bridge_transfer=True))
    office.sip.invite("200", peer="pbx")
    office.sip.answers("20")
    assert office.sip.said[-1][0] == "connect"
