"""Rule 1: the announcement before phones ring."""

from __future__ import annotations

from typing import Any

from router import announcing
from router.commands import Result
from router.model import Overflow, OverflowKind, Peer
from tests.router.house import House
from tests.router.office import AWAY, Script, group, person

WELCOME: dict[str, Any] = {"announcement": "/var/lib/callisto/welcome.wav"}
PLAY = "play /var/lib/callisto/welcome.wav"


def test_announcement_is_heard_before_any_phone_rings() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True, **WELCOME))
    assert call.offered() == [PLAY]
    call.waits(6)
    assert call.announced() == ["Ring M conference", "Ring B conference"]
    assert call.rings("M") == ["alert"]
    assert call.told()[1:3] == [
        "announcement welcome.wav is played before the answer",
        "announcement heard for 6 s",
    ]


def test_time_to_wait_begins_when_phones_ring() -> None:
    call = Script(group(manager_timeout=10, **WELCOME))
    call.offered()
    call.waits(50)
    call.announced()
    assert call.waits(9) == []
    assert call.waits(1) == ["stop M", "486"]


def test_caller_whose_side_takes_no_early_media_is_answered_and_hears_no_ringing_from_us() -> None:
    call = Script(group(**WELCOME), early=False)
    assert call.offered() == [f"{PLAY} answered"]
    assert call.announced() == ["Ring M conference"]
    assert call.rings("M") == []
    assert call.answers("M") == ["connect M"]
    assert "after answering, since the caller's side takes none before" in call.told()[1]


def test_announcement_that_fails_is_told_and_the_call_goes_on_from_phone_to_phone() -> None:
    call = Script(group(**WELCOME), early=False)
    call.offered()
    assert call.announced("no media server") == ["Ring M"]
    assert call.rings("M") == ["alert"]
    assert "announcement: no media server; the call goes on" in call.told()


def test_announcement_without_an_end_does_not_hold_up_the_call() -> None:
    call = Script(group(**WELCOME))
    call.offered()
    assert call.waits(announcing.LONGEST - 1) == []
    assert call.waits(1) == ["Ring M conference"]
    assert call.announced() == []


def test_caller_may_hang_up_during_the_announcement() -> None:
    before = Script(group(**WELCOME))
    before.offered()
    assert before.hangs_up() == []
    assert (before.record().result, before.record().status) == (Result.ABANDONED, 487)
    assert before.announced() == []
    answered = Script(group(**WELCOME), early=False)
    answered.offered()
    answered.hangs_up()
    assert answered.record().status == 200


def test_caller_who_was_answered_for_the_announcement_is_ended_not_refused() -> None:
    call = Script(group(AWAY, overflow=Overflow(OverflowKind.BUSY), **WELCOME), early=False)
    call.offered()
    assert call.announced() == ["486"]
    assert (call.record().result, call.record().status) == (Result.BUSY, 200)
    assert call.told()[-1] == "overflow is busy: the call, answered for the announcement, is ended"


def test_direct_call_of_an_assistant_hears_no_announcement() -> None:
    call = Script(group(assistants=["B"], assistant_direct=True, **WELCOME), member="B")
    assert call.offered() == ["Ring M"]


# With the engine.


def test_engine_plays_the_announcement_in_early_media_unless_the_peer_takes_none() -> None:
    peers = (Peer("kind", "127.0.0.1"), Peer("old", "127.0.0.2", early_media=False))
    house = House(group(**WELCOME), peers=peers)
    for peer, early in (("kind", True), ("old", False), ("", True)):
        caller = house.sip.invite("200", peer=peer)
        assert house.sip.said[-1] == ("announce", caller, WELCOME["announcement"], early)
        house.sip.hears(caller)
        assert house.sip.phone("M").media.value == "conference"
        house.sip.hang_up(caller)
    late = house.sip.invite("200", peer="kind", has_offer=False)
    assert house.sip.said[-1] == ("announce", late, WELCOME["announcement"], False)
    house.sip.hang_up(late)
    assert house.is_quiet()


def test_without_a_media_server_the_call_is_carried_all_the_same() -> None:
    house = House(group(AWAY, [person("B")], **WELCOME))
    house.sip.has_media_server = False
    caller = house.sip.invite("200")
    house.sip.run()
    assert house.sip.phone("B").media.value == "direct"
    house.sip.answers("B")
    assert house.sip.legs[caller].state == "connected"


def test_media_server_that_is_lost_after_the_announcement_costs_no_call() -> None:
    house = House(group(assistants=["B"], manager_timeout=10, **WELCOME))
    caller = house.sip.invite("200")
    house.sip.has_media_server = False
    house.sip.hears(caller)
    house.sip.run()
    assert [leg.media.value for leg in house.sip.legs.values() if not leg.incoming] == [
        "conference",
        "direct",
    ]
    house.clock.advance(10)
    assert house.sip.phone("B").media.value == "direct"
    house.sip.hang_up(caller)
    assert "the media server cannot be reached: M is rung once more without the media server" in house.steps()
    assert house.is_quiet()
