"""Rule 7: the one who has the call hands it on, blind or attended."""

from __future__ import annotations

import pytest

from router import transfer
from router.call import Call
from router.commands import Result
from router.model import Peer
from router.ports import LegId, TransferRequest
from tests.router.house import House
from tests.router.office import AWAY, DND, Script, group, person

TEAM = group(
    person("M", DND, number="20"),
    [person("B", number="21"), person("C", AWAY, number="22"), person("D", address="204", number="24")],
    assistant_timeout=20,
)


def talking(**more: object) -> Script:
    """B has the call."""
    call = Script(TEAM, **more)  # type: ignore[arg-type]
    call.offered()
    assert call.answers("B") == ["connect B"]
    call.waits(10)
    return call


@pytest.mark.parametrize(
    ("number", "uri", "who"),
    [
        ("22", "", "C"),
        ("C", "", "C"),
        ("20", "", "M"),
        ("200", "", "M"),
        ("204", "", "D"),
        ("24", "", "D"),
        ("+4122", "", "+4122"),
        ("0791112233", "", "0791112233"),
        ("whoever", "sip:C@127.0.0.1", "C"),
        ("whoever", "sip:whoever@127.0.0.1", None),
        ("", "", None),
    ],
)
def test_transfer_goes_to_any_member_whatever_his_presence_and_to_any_number(
    number: str, uri: str, who: str | None
) -> None:
    phone = transfer.destination(Call(TEAM, "1"), TransferRequest(number, uri))
    assert (phone.person.name if phone else None) == who


def test_caller_stays_connected_until_the_other_answers_and_is_then_moved_over() -> None:
    call = talking()
    assert call.transfers("B", "20") == ["transfer 202", "Ring M"]
    assert call.rings("M") == ["tell B 180"]
    call.waits(5)
    assert call.answers("M") == ["connect M", "tell B 200", "let B go"]
    call.waits(30)
    assert call.hangs_up("M") == []
    assert (call.record().result, call.record().agent) == (Result.ANSWERED, "M")
    assert (call.record().answered, call.record().at) == (0, 45)
    assert call.told()[-3:] == [
        "B transfers the call: M rings",
        "transfer: M answered after 5 s and has the call",
        "connected for 45 s, then M hung up",
    ]


def test_attended_transfer_is_told_as_such() -> None:
    call = talking()
    call.transfers("B", "22", attended=True)
    assert call.told()[-1] == "B transfers the call after asking there: assistant 2 of 3, C, rings"


@pytest.mark.parametrize("status", [486, 603, 0])
def test_transfer_that_is_refused_leaves_the_call_where_it_is(status: int) -> None:
    call = talking()
    call.transfers("B", "0791112233")
    assert call.refuses("0791112233", status) == [f"tell B {status or 503}"]
    assert call.told()[-1].endswith("the call stays with B")
    assert call.transfers("B", "22") == ["transfer 202", "Ring C"]
    assert call.hangs_up("B") == []
    assert call.hangs_up() == ["stop C"]


def test_transfer_that_nobody_answers_is_given_up() -> None:
    call = talking()
    call.transfers("B", "22")
    assert call.waits(transfer.WAIT - 1) == []
    assert call.waits(1) == ["stop C", "tell B 408"]
    assert call.told()[-1] == (
        "transfer: assistant 2 of 3, C, did not take it after 60 s (no answer): the call stays with B"
    )
    call.hangs_up("B")
    assert call.record().agent == "B"


def test_who_asked_may_hang_up_while_the_other_phone_rings() -> None:
    call = talking()
    call.transfers("B", "22")
    assert call.hangs_up("B") == []
    assert call.rings("C") == []
    assert call.answers("C") == ["connect C"]
    call.hangs_up()
    assert call.record().agent == "C"


def test_call_ends_with_a_record_when_nobody_is_left() -> None:
    call = talking()
    call.transfers("B", "22")
    call.hangs_up("B")
    assert call.refuses("C", 486) == []
    assert (call.record().result, call.record().agent) == (Result.ANSWERED, "B")
    assert call.told()[-1].endswith("(486 Busy Here): nobody is left, and the call ends")
    late = talking()
    late.transfers("B", "22")
    late.hangs_up("B")
    assert late.waits(transfer.WAIT) == ["stop C"]
    assert late.record().at == 10 + transfer.WAIT


def test_caller_who_hangs_up_calls_off_the_transfer() -> None:
    call = talking()
    call.transfers("B", "22")
    assert call.hangs_up() == ["stop C", "tell B 487"]
    assert call.answers("C") == []
    assert call.record().result is Result.ANSWERED


def test_second_transfer_meanwhile_is_refused() -> None:
    call = talking()
    call.transfers("B", "22")
    assert call.transfers("B", "20") == ["transfer 491"]
    assert call.told()[-1].endswith("another transfer is under way (491 Request Pending)")
    assert call.answers("C") == ["connect C", "tell B 200", "let B go"]
    assert call.transfers("C", "20") == ["transfer 202", "Ring M"]


def test_caller_may_not_make_the_router_call_others() -> None:
    call = talking()
    assert call.transfers("", "0900123456") == ["transfer 403"]
    assert "the caller asks for a transfer, which is refused" in call.told()[-1]


def test_nobody_is_transferred_before_he_talks() -> None:
    call = Script(TEAM)
    call.offered()
    assert call.transfers("B", "22") == ["transfer 481"]


def test_transfer_to_nobody_is_refused() -> None:
    call = talking()
    assert call.transfers("B", "nobody") == ["transfer 404"]
    assert "nobody is neither a member of the group nor a number" in call.told()[-1]


def test_phone_that_a_call_is_transferred_to_may_forward_it() -> None:
    call = talking()
    call.transfers("B", "22")
    assert call.refuses("C", 302, contact="sip:0791112233@10.0.0.9") == ["Ring C at 0791112233"]
    assert call.answers("C") == ["connect C", "tell B 200", "let B go"]
    assert call.told()[-2] == "assistant 2 of 3, C, forwards the call to 0791112233: rings there"


# With the engine.


def test_engine_moves_the_caller_to_the_new_phone() -> None:
    house = House(TEAM)
    caller = house.sip.invite("200")
    house.sip.answers("B")
    asker = house.sip.phone("B")
    house.sip.transfers(asker.id, "204")
    new = house.sip.phone("204")
    assert new.caller == house.sip.phone("B").caller
    house.sip.rings("204")
    house.sip.answers("204")
    assert (house.sip.legs[caller].peer, new.peer) == (new.id, caller)
    assert (asker.state, asker.told) == ("released", [202, 180, 200])
    house.clock.advance(7)
    house.sip.hang_up(caller)
    assert new.state == "released"
    (record,) = house.records.kept
    assert (record["agent"], record["talk_s"]) == ("D", 7.0)
    assert [data["text"] for data in house.published.of("call", "answered")] == ["B", "D"]
    assert house.is_quiet()


def test_engine_keeps_the_caller_while_the_one_who_asked_has_gone() -> None:
    house = House(TEAM)
    caller = house.sip.invite("200")
    house.sip.answers("B")
    house.sip.transfers(house.sip.phone("B").id, "20")
    house.sip.hang_up(house.sip.phone("B").id)
    assert house.sip.legs[caller].state == "connected"
    house.sip.refuses("M", 486)
    assert house.sip.legs[caller].state == "released"
    assert house.is_quiet()


def test_router_that_stops_tells_the_one_who_asked() -> None:
    house = House(TEAM)
    house.sip.invite("200")
    house.sip.answers("B")
    house.sip.transfers(house.sip.phone("B").id, "22")
    house.engine.close()
    assert house.sip.phone("B").told == [202, 487]
    assert not house.sip.ringing_phones()
    assert house.is_quiet()


def test_transfer_to_a_number_that_has_no_way_out_fails_at_once() -> None:
    house = House(TEAM, peers=())
    caller = house.sip.invite("200")
    house.sip.answers("B")
    house.sip.transfers(house.sip.phone("B").id, "0791112233")
    assert house.sip.phone("B").told == [202, 503]
    house.sip.hang_up(caller)
    assert house.is_quiet()


def test_transfer_waits_for_a_free_leg() -> None:
    house = House(TEAM, capacity=4)
    caller = house.sip.invite("200")
    house.sip.answers("B")
    house.sip.invite("999")
    house.sip.transfers(house.sip.phone("B").id, "22")
    assert house.sip.ringing_phones() == ["C"]
    house.sip.hang_up(caller)
    assert house.is_quiet()


def test_transfer_asked_by_a_leg_that_has_gone_is_answered() -> None:
    house = House(TEAM)
    caller = house.sip.invite("200")
    house.sip.answers("B")
    gone = house.sip.phone("B")
    house.sip.hang_up(caller)
    house.engine.transfer_asked(gone.id, TransferRequest("22", "sip:22@127.0.0.1"))
    assert house.sip.said[-1] == ("accept_transfer", gone.id, 481)
    house.engine.transfer_asked(caller, TransferRequest("22", "sip:22@127.0.0.1"))
    assert house.sip.said[-1] == ("accept_transfer", caller, 481)


# A call that the one who transfers has made to ask back.


def consultation() -> tuple[House, LegId, LegId]:
    """B has a call, and has called the manager through us: the first caller, and B's own leg."""
    house = House(group(person("M", number="20"), [person("B", number="21"), "C"], ring_parallel=True))
    first = house.sip.invite("200")
    house.sip.answers("B")
    house.clock.advance(5)
    second = house.sip.invite("200", "21")
    assert house.sip.ringing_phones() == ["M"]
    house.sip.answers("M")
    house.clock.advance(5)
    return house, first, second


def test_calls_of_an_assistant_who_has_asked_back_are_joined() -> None:
    house, first, second = consultation()
    asker, manager = house.sip.phone("B"), house.sip.phone("M")
    house.sip.transfers(asker.id, "200", attended=True, replaces=second)
    assert house.sip.legs[first].peer == manager.id
    assert (asker.state, asker.told) == ("released", [202, 200])
    assert house.sip.legs[second].state == "released"
    (asked,) = house.records.kept
    assert (asked["caller"], asked["agent"], asked["talk_s"]) == ("21", "M", 5.0)
    assert asked["steps"][-1]["text"] == "connected for 5 s, then joined with the call that it was about"
    house.clock.advance(20)
    house.sip.hang_up(manager.id)
    assert house.sip.legs[first].state == "released"
    joined = house.records.kept[1]
    assert (joined["caller"], joined["agent"], joined["talk_s"]) == ("0441234567", "M", 30.0)
    assert [step["text"] for step in joined["steps"]][-3:] == [
        "B transfers the call to M, whom he has asked before",
        "transfer: M has the call",
        "connected for 30 s, then M hung up",
    ]
    assert house.is_quiet()


def test_who_asked_back_in_vain_transfers_blindly() -> None:
    house, first, second = consultation()
    house.sip.hang_up(second)
    house.sip.transfers(house.sip.phone("B").id, "C", attended=True, replaces=second)
    assert house.sip.ringing_phones() == ["C"]
    house.sip.hang_up(first)
    assert house.is_quiet()


def test_phone_that_was_asked_without_the_media_server_comes_to_a_call_that_goes_through_it() -> None:
    board = group(person("M", number="20"), [person("B", number="21")], announcement="/welcome.wav")
    house = House(board)
    first = house.sip.invite("200")
    house.sip.hears(first)
    house.sip.refuses("M")
    house.sip.answers("B")
    second = house.sip.invite("200", "21")
    house.sip.answers("M")
    asker = house.sip.phone("B")
    house.sip.transfers(asker.id, "200", attended=True, replaces=second)
    assert asker.told == [202, 200]
    house.sip.hang_up(first)
    assert house.is_quiet()


def test_phone_that_was_asked_through_the_media_server_does_not_come_to_a_call_without() -> None:
    manager = person("M", AWAY, number="20")
    house = House(group(manager, [person("B", number="21"), "C"], announcement="/welcome.wav"))
    first = house.sip.invite("200")
    house.sip.hears(first, "there is no media server")
    house.sip.answers("B")
    second = house.sip.invite("200", "21")
    house.sip.hears(second)
    house.sip.answers("C")
    asker = house.sip.phone("B")
    house.sip.transfers(asker.id, "200", attended=True, replaces=second)
    assert asker.told == [488]
    for caller in (first, second):
        house.sip.hang_up(caller)
    assert house.is_quiet()


@pytest.mark.parametrize("own", [True, False])
def test_call_is_not_joined_with_itself_or_with_nothing(*, own: bool) -> None:
    house, first, second = consultation()
    asker = house.sip.phone("B")
    house.sip.transfers(asker.id, "C", attended=True, replaces=first if own else LegId(77))
    assert house.sip.ringing_phones() == ["C"]
    for caller in (first, second):
        house.sip.hang_up(caller)
    assert house.is_quiet()


def test_call_that_is_up_keeps_its_media_in_a_transfer() -> None:
    house = House(TEAM, peers=(Peer("pbx", "127.0.0.1", 5080, srtp="require"),))
    house.sip.invite("200")
    house.sip.answers("B")
    house.sip.transfers(house.sip.phone("B").id, "0791112233")
    assert house.sip.phone("0791112233").media.value == "direct"
    house.sip.refuses("0791112233", 488)
    assert house.sip.phone("B").told == [202, 488]
