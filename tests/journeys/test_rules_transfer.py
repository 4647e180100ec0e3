"""The one who has the call gives it to another: rule 7, blind and attended, as phones do it (REFER)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from router.model import Presence
from tests.journeys.rules import OWN_NUMBER, Desk, Handset, told
from tests.sip.peer import ANSWER, OFFER, Dialog

AWAY: dict[str, Any] = {"presence": Presence.AWAY}
MIA = OWN_NUMBER["mia"]
MOVED = ANSWER.replace("o=- 23 1", "o=- 77 1").replace("50000", "50070")
"""What the new phone says of itself."""


def ben_has_it(desk: Desk, *members: str, **rules: Any) -> tuple[Dialog, Dialog]:
    """The manager is not to be disturbed, cleo is away, ben has the call: the caller's side of it and his."""
    desk.opens("ben", *members, people={"mia": {"presence": Presence.DND}, "cleo": AWAY}, **rules)
    side = desk.calls()
    return side, desk.connects(side, desk.ben, desk.ben.rings())


def asks(desk: Desk, ben: Dialog, to: str, status: int = 202) -> None:
    ben.request("REFER", headers=[f"Refer-To: <{to}>"])
    desk.ben.receive(status)


def notified(phone: Handset) -> str:
    notify = phone.receive("NOTIFY")
    phone.respond(notify, 200)
    assert notify["Event"].startswith("refer")
    return notify.body.strip()


def moves_over(far: Handset, description: str, answer: str = OFFER) -> None:
    """The far end of the call is told whom it talks to now."""
    moved = far.receive("INVITE")
    assert moved.body == description
    far.respond(moved, 200, answer)
    far.receive("ACK")


@pytest.mark.parametrize("to", [MIA, "mia", "manager number"])
def test_an_assistant_transfers_the_call_to_the_manager_whatever_his_presence(desk: Desk, to: str) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{desk.number if to == 'manager number' else to}@127.0.0.1")
    assert notified(desk.ben) == "SIP/2.0 100 Trying"
    invite = desk.mia.rings()
    assert notified(desk.ben) == "SIP/2.0 180 Ringing"
    desk.mia.respond(invite, 200, MOVED)
    desk.mia.receive("ACK")
    moves_over(desk.caller, MOVED)
    assert notified(desk.ben) == "SIP/2.0 200 OK"
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.mia)
    steps = desk.story()
    assert "Ben transfers the call: Mia rings" in steps
    assert told(steps, "transfer: Mia answered after .* s and has the call")
    assert desk.record().agent == "mia"


def test_an_assistant_transfers_the_call_to_another_who_is_away(desk: Desk) -> None:
    side, ben = ben_has_it(desk, "cleo")
    asks(desk, ben, f"sip:{OWN_NUMBER['cleo']}@127.0.0.1")
    invite = desk.cleo.rings()
    desk.cleo.respond(invite, 200, MOVED)
    desk.cleo.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.cleo)
    desk.story()
    assert desk.record().agent == "cleo"


def test_an_assistant_transfers_the_call_to_a_number_through_the_pbx(desk: Desk) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, "sip:0791112233@127.0.0.1")
    invite = desk.pbx.rings()
    assert invite.uri.startswith("sip:0791112233@")
    desk.pbx.respond(invite, 200, MOVED)
    desk.pbx.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.pbx)


def test_a_transfer_to_a_phone_that_forwards_goes_where_it_forwards_to(desk: Desk) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    desk.mia.refuses(302, to="<sip:0791112233@192.0.2.9>")
    invite = desk.pbx.rings()
    desk.pbx.respond(invite, 200, MOVED)
    desk.pbx.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.pbx)


def test_the_manager_who_has_the_call_transfers_it_to_an_assistant(desk: Desk) -> None:
    desk.opens("ben", people={"ben": AWAY})
    side = desk.calls()
    mia = desk.connects(side, desk.mia, desk.mia.rings())
    mia.request("REFER", headers=[f"Refer-To: <sip:{OWN_NUMBER['ben']}@127.0.0.1>"])
    desk.mia.receive(202)
    invite = desk.ben.rings()
    desk.ben.respond(invite, 200, MOVED)
    desk.ben.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.mia.says_goodbye()
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), "Mia transfers the call: assistant 1 of 1, Ben, rings")


def test_who_transfers_blindly_may_hang_up_and_the_caller_waits(desk: Desk) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    invite = desk.mia.rings()
    ben.request("BYE")
    desk.ben.receive(200)
    desk.caller.is_left_alone(0.1)
    desk.mia.respond(invite, 200, MOVED)
    desk.mia.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.hangs_up(side, desk.mia)
    assert "transfer: Ben has hung up, and the caller waits for the other phone" in desk.story()


def test_a_transfer_that_is_refused_leaves_the_call_where_it_is(desk: Desk) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    notified(desk.ben)
    desk.mia.refuses(486)
    assert notified(desk.ben).startswith("SIP/2.0 486")
    desk.caller.is_left_alone(0.05)
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), r"transfer: Mia did not take it .*\(486 Because\): the call stays with Ben")
    assert desk.record().agent == "ben"


def test_when_nobody_takes_it_and_who_transferred_has_gone_the_call_ends(desk: Desk) -> None:
    _, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    invite = desk.mia.rings()
    ben.request("BYE")
    desk.ben.receive(200)
    desk.mia.respond(invite, 486)
    desk.caller.says_goodbye()
    assert told(desk.story(), "transfer: Mia did not take it .*: nobody is left, and the call ends")


def test_a_caller_who_hangs_up_meanwhile_ends_every_phone(desk: Desk) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    invite = desk.mia.rings()
    desk.hangs_up(side)
    desk.mia.stops_ringing(invite)
    desk.ben.says_goodbye()
    desk.story()


@pytest.mark.parametrize(("to", "status"), [("sip:nobody@127.0.0.1", 404), ("mailto:mia@example.org", 416)])
def test_a_transfer_to_what_is_neither_member_nor_number_is_refused(desk: Desk, to: str, status: int) -> None:
    side, ben = ben_has_it(desk)
    asks(desk, ben, to, status)
    desk.hangs_up(side, desk.ben)


def test_a_caller_may_not_transfer(desk: Desk) -> None:
    side, _ = ben_has_it(desk)
    side.request("REFER", headers=["Refer-To: <sip:0900123456@127.0.0.1>"])
    desk.caller.receive(403)
    desk.pbx.is_left_alone(0.05)
    desk.hangs_up(side, desk.ben)
    assert told(desk.story(), "the caller asks for a transfer, which is refused")


def test_a_second_transfer_meanwhile_is_refused(desk: Desk) -> None:
    side, ben = ben_has_it(desk, "cleo")
    asks(desk, ben, f"sip:{MIA}@127.0.0.1")
    invite = desk.mia.rings()
    asks(desk, ben, f"sip:{OWN_NUMBER['cleo']}@127.0.0.1", 491)
    desk.hangs_up(side)
    desk.mia.stops_ringing(invite)
    desk.ben.says_goodbye()


def test_attended_the_assistant_asks_the_manager_and_the_two_calls_are_joined(desk: Desk) -> None:
    side, ben = ben_has_it(desk, assistant_direct=True)
    asking = desk.calls(number=OWN_NUMBER["ben"], name="Ben", by=desk.ben)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, MOVED)
    desk.mia.receive("ACK")
    asking.answered(desk.ben.receive(200))
    tag = asking.remote.partition("tag=")[2]
    replaces = quote(f"{asking.call_id};to-tag={tag};from-tag={desk.ben.tag}", safe="")
    asks(desk, ben, f"sip:{MIA}@127.0.0.1?Replaces={replaces}")
    moves_over(desk.caller, MOVED)
    desk.ben.says_goodbye()
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.mia)
    steps = desk.story() + desk.story()
    assert "Ben transfers the call to Mia, whom he has asked before" in steps
    assert told(steps, "connected for .* s, then joined with the call that it was about")
    assert "transfer: Mia has the call" in steps


def test_attended_with_a_call_that_goes_another_way_the_new_phone_is_told_to_replace_it(desk: Desk) -> None:
    side, ben = ben_has_it(desk, "cleo")
    replaces = quote("elsewhere@pbx;to-tag=1;from-tag=2", safe="")
    asks(desk, ben, f"sip:cleo@127.0.0.1:{desk.cleo.port}?Replaces={replaces}")
    invite = desk.cleo.rings()
    assert invite["Replaces"] == "elsewhere@pbx;to-tag=1;from-tag=2"
    desk.cleo.respond(invite, 200, MOVED)
    desk.cleo.receive("ACK")
    moves_over(desk.caller, MOVED)
    desk.ben.says_goodbye()
    desk.hangs_up(side, desk.cleo)
    assert "Ben transfers the call after asking there: assistant 2 of 2, Cleo, rings" in desk.story()
