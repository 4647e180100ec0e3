"""Linphone, as it is in Debian, takes calls to manager numbers, holds and transfers them, by content."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import AVAILABLE, GREETED, Phones
from tests.interop.linphone import linphone
from tests.interop.stage import Stage, up
from tests.sip.peer import Peer
from tests.sip.rtp import voice

CALLER, PHONE, OTHER = 450, 850, 1250
ANNA = "anna"


def test_linphone_answers_and_each_hears_the_other(office_stage: Stage, caller: Peer, tmp_path: Path) -> None:
    with (
        linphone(tmp_path, ANNA, port=office_stage.ports[ANNA], says=PHONE) as anna,
        voice(CALLER) as mine,
    ):
        call = up(caller, mine, office_stage, AVAILABLE, "0440002001")
        mine.until_hears(PHONE, 10)
        anna.heard().until_hears(CALLER)
        anna.do("pause 1")
        held = caller.receive("INVITE")
        assert "a=sendonly" in held.body
        caller.respond(held, 200, mine.sdp(direction="recvonly"))
        anna.until("is now paused")
        mine.forget()
        anna.do("resume 1")
        caller.respond(caller.receive("INVITE"), 200, mine.sdp())
        mine.until_hears(PHONE, 10)
        anna.do("7")
        mine.until_pressed("7", 10)
        call.hang_up(caller)
        anna.until("ended")
    assert office_stage.record_of("0440002001").agent == ANNA


def test_linphone_calls_a_manager_whose_phone_is_baresip(
    office_stage: Stage, phone: Phones, tmp_path: Path
) -> None:
    with (
        phone("anna") as anna,
        linphone(tmp_path, "0440002002", says=PHONE, answers=False) as caller,
    ):
        caller.do(f"call {office_stage.uri(GREETED)}")
        anna.wait("CALL_ESTABLISHED", 15)
        anna.heard().until_hears(PHONE)
        anna.do("hangup")
        caller.until("ended")
    office_stage.until_idle()


def test_linphone_transfers_blindly(office_stage: Stage, phone: Phones, caller: Peer, tmp_path: Path) -> None:
    with (
        linphone(tmp_path, ANNA, port=office_stage.ports[ANNA], says=PHONE) as anna,
        phone("berta", says=OTHER) as berta,
        voice(CALLER) as mine,
    ):
        call = up(caller, mine, office_stage, AVAILABLE, "0440002003")
        mine.until_hears(PHONE, 10)
        anna.do(f"transfer 1 {office_stage.uri('72')}")
        moved = caller.receive("INVITE", within=8)
        caller.respond(moved, 200, mine.sdp())
        mine.towards(moved.body)
        mine.until_hears(OTHER, 10)
        anna.until("ended")
        call.hang_up(caller)
        berta.wait("CALL_CLOSED")
    office_stage.until_idle()


def test_linphone_asks_back_and_transfers(
    office_stage: Stage, phone: Phones, caller: Peer, tmp_path: Path
) -> None:
    """Attended: anna calls tina's number by this router, and joins both."""
    with (
        linphone(tmp_path, ANNA, port=office_stage.ports[ANNA], says=PHONE) as anna,
        phone("sepp", says=OTHER) as sepp,
        voice(CALLER) as mine,
    ):
        call = up(caller, mine, office_stage, AVAILABLE, "0440002004")
        mine.until_hears(PHONE, 10)
        anna.do("pause 1")
        caller.respond(caller.receive("INVITE"), 200, mine.sdp(direction="recvonly"))
        anna.until("is now paused")
        anna.do(f"call {office_stage.uri('640')}")
        sepp.wait("CALL_ESTABLISHED", 10)
        anna.until("Call 2 with")
        anna.until("connected")
        anna.do("transfer 1 --to-call 2")
        moved = caller.receive("INVITE", within=8)
        caller.respond(moved, 200, mine.sdp())
        mine.towards(moved.body)
        mine.until_hears(OTHER, 10)
        call.hang_up(caller)
        sepp.wait("CALL_CLOSED")
    office_stage.until_idle()
