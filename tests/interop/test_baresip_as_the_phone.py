"""baresip, as it is in Debian, takes calls to manager numbers; it is heard and hears by content."""

from __future__ import annotations

import pytest

from tests.interop.conftest import AVAILABLE, AWAY, BY_TCP, GREETED, GREETING, SECURE, Phones
from tests.interop.stage import Stage, place, up
from tests.sip.peer import Peer
from tests.sip.rtp import PCMA, PCMU, voice

CALLER, PHONE = 450, 950


def steps(stage: Stage, number: str) -> str:
    return "\n".join(step.text for step in stage.record_of(number).steps)


def test_the_manager_answers_and_each_hears_the_other(
    office_stage: Stage, phone: Phones, caller: Peer
) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, AVAILABLE, "0440001001")
        anna.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        call.hang_up(caller)
        anna.wait("CALL_CLOSED")
    record = office_stage.record_of("0440001001")
    assert (record.result, record.agent) == ("answered", "anna")


def test_the_phone_hangs_up(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        up(caller, mine, office_stage, AVAILABLE, "0440001002")
        mine.until_hears(CALLER, 10)
        anna.do("hangup")
        caller.respond(caller.receive("BYE"), 200)
    assert office_stage.record_of("0440001002").result == "answered"


def test_the_next_assistant_answers_when_the_first_does_not(
    office_stage: Stage, phone: Phones, caller: Peer
) -> None:
    with (
        phone("berta", answers="manual") as berta,
        phone("carla") as carla,
        voice(CALLER) as mine,
    ):
        call = up(caller, mine, office_stage, AWAY, "0440001003")
        berta.wait("CALL_INCOMING")
        berta.wait("CALL_CLOSED")
        carla.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        call.hang_up(caller)
    assert "Berta Bücher, rang 1 s, no answer" in steps(office_stage, "0440001003")


def test_a_phone_that_is_not_there_costs_no_time(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("berta"), voice(CALLER) as mine:
        up(caller, mine, office_stage, AVAILABLE, "0440001004", within=2).hang_up(caller)
    assert office_stage.record_of("0440001004").agent == "berta"


def test_a_caller_who_gives_up_silences_the_phone(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna", answers="manual") as anna, voice(CALLER) as mine:
        dialog = place(caller, mine, office_stage, AVAILABLE, "0440001005")
        caller.receive(180)
        anna.wait("CALL_INCOMING")
        dialog.request("CANCEL")
        dialog.acknowledge_refusal(caller.receive(487))
        anna.wait("CALL_CLOSED")
    assert office_stage.record_of("0440001005").result == "abandoned"


def test_a_busy_phone_passes_the_call_on(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with (
        phone("anna", answers="manual") as anna,
        phone("berta"),
        voice(CALLER) as mine,
    ):
        place(caller, mine, office_stage, AVAILABLE, "0440001006")
        anna.wait("CALL_INCOMING")
        anna.do("hangup", "486")
        assert "200 OK" in caller.receive(200, within=5).start
        office_stage.facts()
    assert "berta" in steps(office_stage, "0440001006").lower()


def test_the_announcement_is_heard_and_then_the_manager(
    office_stage: Stage, phone: Phones, caller: Peer
) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        dialog = place(caller, mine, office_stage, GREETED, "0440001007")
        mine.towards(caller.receive(183, within=5).body)
        mine.until_hears(GREETING)
        assert not anna.events
        ok = caller.receive(200, within=8)
        dialog.answered(ok)
        mine.towards(ok.body)
        anna.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        dialog.request("BYE")
        caller.receive(200)
        anna.wait("CALL_CLOSED")


def test_hold_and_resume_by_the_phone(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna", says=PHONE) as anna, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, AVAILABLE, "0440001008")
        mine.until_hears(PHONE, 10)
        anna.do("hold")
        held = caller.receive("INVITE")
        assert "a=sendonly" in held.body
        caller.respond(held, 200, mine.sdp(direction="recvonly"))
        caller.receive("ACK")
        mine.until_silence()
        mine.forget()
        anna.do("resume")
        resumed = caller.receive("INVITE")
        assert "a=sendrecv" in resumed.body
        caller.respond(resumed, 200, mine.sdp())
        caller.receive("ACK")
        mine.until_hears(PHONE, 10)
        call.hang_up(caller)


def test_hold_and_resume_by_the_caller(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna", says=PHONE) as anna, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, AVAILABLE, "0440001009")
        mine.until_hears(PHONE, 10)
        call.dialog.request("INVITE", mine.sdp(direction="sendonly"))
        ok = caller.receive(200)
        assert "a=recvonly" in ok.body
        call.dialog.answered(ok)
        mine.until_silence()
        mine.forget()
        call.dialog.request("INVITE", mine.sdp())
        ok = caller.receive(200)
        call.dialog.answered(ok)
        mine.until_hears(PHONE, 10)
        call.hang_up(caller)
        anna.wait("CALL_CLOSED")


def test_key_presses_in_both_directions(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, AVAILABLE, "0440001010")
        mine.until_hears(CALLER, 10)
        for digit in "17#":
            mine.press(digit)
        anna.until(lambda: anna.pressed() == "17#", "digits 17#")
        anna.press("42*")
        mine.until_pressed("42*", 10)
        call.hang_up(caller)


def test_two_codecs_that_have_nothing_in_common_meet_in_the_media_server(
    office_stage: Stage, phone: Phones, caller: Peer
) -> None:
    with (
        phone("anna", codecs=("PCMA",)) as anna,
        voice(CALLER, PCMU) as mine,
    ):
        call = up(caller, mine, office_stage, AVAILABLE, "0440001011")
        assert mine.kind != PCMA
        anna.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        call.hang_up(caller)
    assert "speech through the media server" in steps(office_stage, "0440001011")


@pytest.mark.parametrize("kind", ["srtp-mand", "srtp"])
def test_a_phone_that_encrypts_and_a_caller_who_does_not(
    office_stage: Stage, phone: Phones, caller: Peer, kind: str
) -> None:
    number = f"0440001012{len(kind)}"
    account = f";mediaenc={kind}"
    with (
        phone("sepp", account=account) as sepp,
        voice(CALLER) as mine,
    ):
        call = up(caller, mine, office_stage, SECURE, number)
        sepp.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        assert "SRTP is Enabled" in sepp.log() or "a=crypto" in sepp.log(), sepp.log()
        call.hang_up(caller)


def test_a_phone_on_tcp(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("tina") as tina, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, BY_TCP, "0440001014")
        tina.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        call.hang_up(caller)
        tina.wait("CALL_CLOSED")
        assert "\nTCP 127.0.0.1" in tina.log()


def test_a_late_offer_reaches_the_phone_and_both_hear(
    office_stage: Stage, phone: Phones, caller: Peer
) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        dialog = place(caller, mine, office_stage, AVAILABLE, "0440001015", sdp="")
        ok = caller.receive(200, within=5)
        dialog.remote, dialog.target = ok["To"], ok["Contact"].partition("<")[2].partition(">")[0]
        dialog.request("ACK", mine.sdp())
        mine.towards(ok.body)
        anna.heard().until_hears(CALLER)
        mine.until_hears(CALLER, 10)
        dialog.request("BYE")
        caller.receive(200)


def test_a_name_in_utf_8_is_shown_on_the_phone(office_stage: Stage, phone: Phones, caller: Peer) -> None:
    with phone("anna") as anna, voice(CALLER) as mine:
        call = up(caller, mine, office_stage, AVAILABLE, "0440001016", name="Zoë 王 Müller")
        call.hang_up(caller)
        anna.wait("CALL_CLOSED")
        assert 'From: "Zoë 王 Müller"' in anna.log()
    assert office_stage.record_of("0440001016").caller_name == "Zoë 王 Müller"


def test_no_leg_is_left(office_stage: Stage) -> None:
    office_stage.until_idle()
