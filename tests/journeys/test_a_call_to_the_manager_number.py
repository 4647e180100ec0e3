"""Journey 1: INVITE to call record, through real processes and real SIP."""

from __future__ import annotations

import random
import socket

from appliance.demo.phones import call, end
from db.store import Store
from db.stores.calls import CallRecord
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE, AWAY, BY_HAND, NUMBER_OUTSIDE, OUTSIDE, UNKNOWN
from tests.journeys.waiting import eventually
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, peer
from tests.sip.peer import call as sip_call


def place(stage: Stage, dialled: str, number: str) -> int:
    """One whole call by sipp: its exit code."""
    caller = call(stage.folder, stage.appliance.sip_port, dialled, number=number, name="Petra Muster")
    try:
        return caller.wait(30)
    finally:
        end(caller)


def record_of(stage: Stage, number: str) -> CallRecord:
    """The record of the newest call from `number`, once the supervisor has put it into the store."""

    def found() -> CallRecord | None:
        store = Store.open(f"sqlite:///{stage.appliance.state}/callisto.db")
        try:
            return next((one for one in store.calls.latest(50) if one.caller == number), None)
        finally:
            store.close()

    record = eventually(found)
    assert record is not None
    return record


def test_a_call_to_an_available_manager_rings_his_phone_and_connects(stage: Stage) -> None:
    before = stage.phones["anna"].connected()
    assert place(stage, AVAILABLE, "0441110001") == 0
    eventually(lambda: stage.phones["anna"].connected() == before + 1)
    record = record_of(stage, "0441110001")
    assert (record.result, record.agent, record.group) == ("answered", "anna", "Sales")
    assert 0.5 < record.talk_s < 3


def test_a_call_to_a_manager_who_is_away_is_connected_to_his_assistant(stage: Stage) -> None:
    before = {user: phone.connected() for user, phone in stage.phones.items()}
    assert place(stage, AWAY, "0441110002") == 0
    eventually(lambda: stage.phones["berta"].connected() == before["berta"] + 1)
    assert stage.phones["dora"].connected() == before["dora"]
    assert record_of(stage, "0441110002").agent == "berta"


def test_the_dry_run_tells_the_beginning_of_what_the_call_record_tells(stage: Stage) -> None:
    assert place(stage, AWAY, "0441110003") == 0
    told = stage.appliance.callisto("explain", "--group", "Board", "--from", "0441110003")
    assert told.returncode == 0, told.stderr
    offered = [step.text for step in record_of(stage, "0441110003").steps if step.text.endswith("rings")]
    assert offered
    assert offered[0] in told.stdout


def test_a_caller_who_hangs_up_before_any_phone_rings_ends_every_leg(stage: Stage) -> None:
    with peer() as caller:
        dialog = invite(caller, stage, BY_HAND, "0441110004")
        offered = stage.hans.receive("INVITE")
        stage.hans.respond(offered, 100)
        hang_up_early(caller, dialog)
    cancelled(stage.hans, offered)
    assert record_of(stage, "0441110004").result == "abandoned"
    eventually(lambda: calls_now(stage) == 0)


def test_a_caller_who_hangs_up_while_a_phone_rings_ends_every_leg(stage: Stage) -> None:
    with peer() as caller:
        dialog = invite(caller, stage, BY_HAND, "0441110005")
        offered = stage.hans.receive("INVITE")
        stage.hans.respond(offered, 180)
        caller.receive(180)
        hang_up_early(caller, dialog)
    cancelled(stage.hans, offered)
    assert record_of(stage, "0441110005").result == "abandoned"
    eventually(lambda: calls_now(stage) == 0)


def test_a_caller_who_hangs_up_after_the_answer_ends_the_call_of_the_phone(stage: Stage) -> None:
    with peer() as caller:
        dialog = invite(caller, stage, BY_HAND, "0441110006")
        offered = stage.hans.receive("INVITE")
        stage.hans.respond(offered, 200, ANSWER)
        dialog.answered(caller.receive(200))
        stage.hans.receive("ACK")
        dialog.request("BYE")
        caller.receive(200)
        stage.hans.respond(stage.hans.receive("BYE"), 200)
    assert record_of(stage, "0441110006").result == "answered"
    eventually(lambda: calls_now(stage) == 0)


def test_a_member_with_a_number_is_reached_through_the_trunk(stage: Stage) -> None:
    with peer() as caller:
        dialog = invite(caller, stage, OUTSIDE, "0441110020")
        offered = stage.hans.receive("INVITE")
        assert offered.uri.startswith(f"sip:{NUMBER_OUTSIDE}@127.0.0.1:{stage.hans.port}")
        stage.hans.respond(offered, 200, ANSWER)
        dialog.answered(caller.receive(200))
        stage.hans.receive("ACK")
        dialog.request("BYE")
        caller.receive(200)
        stage.hans.respond(stage.hans.receive("BYE"), 200)
    assert record_of(stage, "0441110020").agent == "nora"


def test_a_number_that_nobody_has_is_not_found(stage: Stage) -> None:
    with peer() as caller:
        dialog = invite(caller, stage, UNKNOWN, "0441110007")
        dialog.acknowledge_refusal(caller.receive(404))


def test_an_invite_without_sdp_gets_the_phones_offer_and_is_connected(stage: Stage) -> None:
    """A late offer (RFC 3264 section 5): the description of the phone comes with the 200, ours with ACK."""
    pid = stage.appliance.service("router")["pid"]
    with peer() as caller:
        dialog = invite(caller, stage, AVAILABLE, "0441110008", sdp="")
        ok = caller.receive(200, within=5)
        assert "m=audio" in ok.body
        dialog.remote = ok["To"]
        dialog.request("ACK", OFFER)
        dialog.request("BYE")
        caller.receive(200)
    assert place(stage, AVAILABLE, "0441110009") == 0
    assert stage.appliance.service("router")["pid"] == pid


def test_garbage_and_the_largest_datagrams_do_not_disturb_calls(stage: Stage) -> None:
    pid = stage.appliance.service("router")["pid"]
    chance = random.Random(5060)
    head = b"INVITE sip:600@127.0.0.1 SIP/2.0\r\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for size in (0, 1, 4, 100, 1500, 4001, 16001, 65507):
            for start in (b"", head, b"\r\n\r\n", b"SIP/2.0 200 OK\r\n"):
                body = (start + chance.randbytes(size))[:65507]
                sender.sendto(body, ("127.0.0.1", stage.appliance.sip_port))
        padded = head + b"X-Padding: " + b"x" * 60000 + b"\r\n\r\n"
        sender.sendto(padded, ("127.0.0.1", stage.appliance.sip_port))
    assert place(stage, AVAILABLE, "0441110010") == 0
    assert stage.appliance.service("router")["pid"] == pid


def calls_now(stage: Stage) -> int:
    return int(stage.appliance.service("router")["facts"]["calls_now"])


def invite(caller: Peer, stage: Stage, dialled: str, number: str, sdp: str = OFFER) -> Dialog:
    who = f'"Test" <sip:{number}@127.0.0.1>'
    return sip_call(caller, stage.appliance.sip_port, dialled, sdp=sdp, caller=who)


def hang_up_early(caller: Peer, dialog: Dialog) -> None:
    """CANCEL: 200 for it, 487 for the INVITE, in whichever order they come."""
    dialog.request("CANCEL")
    dialog.acknowledge_refusal(caller.receive(487))


def cancelled(phone: Peer, offered: Message) -> None:
    """The phone is told to stop ringing, and says so."""
    phone.respond(phone.receive("CANCEL"), 200)
    phone.respond(offered, 487)
    phone.receive("ACK")
