"""What a caller hears before phones ring: rule 1. By content: the announcement is a tone."""

from __future__ import annotations

import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from router.model import Overflow, OverflowKind, Presence, VipEntry
from tests.journeys.rules import CALLER as NUMBER
from tests.journeys.rules import DEAF_HOST, OWN_NUMBER, Desk, Site, told
from tests.sip.peer import ANSWER
from tests.sip.rtp import RATE, Voice, tone, voice

ANNOUNCEMENT, CALLER, PHONE = 600, 500, 1000
"""Hz."""
AWAY: dict[str, Any] = {"presence": Presence.AWAY}
BUSY = Overflow(OverflowKind.BUSY)


QUIET = ANSWER.replace("192.0.2.23", "127.0.0.1")
"""Of a phone that nobody listens to: what it is sent stays on this machine."""


def record(path: Path, seconds: float) -> None:
    samples = tone(ANNOUNCEMENT, seconds)
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


@pytest.fixture(scope="module", autouse=True)
def _announcements(site: Site) -> None:
    record(site.announcements / "welcome.wav", 1.0)
    record(site.announcements / "long.wav", 30.0)


@pytest.fixture
def speaker() -> Iterator[Voice]:
    with voice(CALLER) as one:
        yield one


@pytest.fixture
def listener() -> Iterator[Voice]:
    with voice(PHONE) as one:
        yield one


def they_talk(speaker: Voice, listener: Voice) -> None:
    speaker.until_hears(PHONE)
    listener.until_hears(CALLER)


def test_the_announcement_is_heard_before_the_answer_and_then_the_phone_rings(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", announcement="welcome.wav")
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    desk.mia.is_left_alone(0.01)
    speaker.until_hears(ANNOUNCEMENT)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.mia.receive("ACK")
    side.answered(desk.caller.receive(200))
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.mia)
    steps = desk.story()
    assert steps[1] == "announcement welcome.wav is played before the answer"
    assert told(steps, r"announcement heard for 1(\.\d)? s")
    assert told(steps, "manager available: Mia answered .*, speech through the media server")


def test_a_caller_whose_side_takes_no_early_media_is_answered_for_the_announcement(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", announcement="welcome.wav")
    caller = desk.also(DEAF_HOST)
    side = desk.calls(sdp=speaker.sdp(), by=caller)
    answer = caller.receive(200)
    side.answered(answer)
    speaker.towards(answer.body)
    speaker.until_hears(ANNOUNCEMENT)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.mia.receive("ACK")
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.mia)
    how = "after answering, since the caller's side takes none before"
    assert f"announcement welcome.wav is played {how}" in desk.story()


def test_a_caller_without_an_offer_is_answered_for_the_announcement(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", announcement="welcome.wav")
    side = desk.calls(sdp="")
    ok = desk.caller.receive(200)
    side.remote = ok["To"]
    speaker.towards(ok.body)
    side.request("ACK", speaker.sdp())
    speaker.until_hears(ANNOUNCEMENT)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.mia.receive("ACK")
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.mia)
    assert told(desk.story(), "announcement heard for 1")


def test_a_caller_without_an_offer_talks_through_the_media_server_if_the_phone_needs_it(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben")
    side = desk.calls(sdp="")
    desk.mia.refuses(488)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.mia.receive("ACK")
    ok = desk.caller.receive(200)
    side.remote = ok["To"]
    speaker.towards(ok.body)
    side.request("ACK", speaker.sdp())
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.mia)


def test_a_caller_who_was_answered_and_whom_nobody_takes_is_hung_up_on(desk: Desk, speaker: Voice) -> None:
    desk.opens("ben", people={"mia": AWAY}, announcement="welcome.wav", overflow=BUSY)
    caller = desk.also(DEAF_HOST)
    side = desk.calls(sdp=speaker.sdp(), by=caller)
    side.answered(caller.receive(200))
    desk.ben.refuses(486)
    caller.says_goodbye()
    assert desk.story()[-1] == "overflow is busy: the call, answered for the announcement, is ended"
    kept = desk.record()
    assert (kept.result, kept.status) == ("busy", 200)


def test_a_caller_who_hears_it_before_the_answer_and_whom_nobody_takes_is_refused(
    desk: Desk, speaker: Voice
) -> None:
    desk.opens("ben", people={"mia": AWAY}, announcement="welcome.wav", overflow=BUSY)
    side = desk.calls(sdp=speaker.sdp())
    desk.caller.receive(183)
    desk.ben.refuses(486)
    desk.is_refused(side, 486)


def test_a_caller_who_hangs_up_during_the_announcement_makes_no_phone_ring(
    desk: Desk, speaker: Voice
) -> None:
    desk.opens("ben", announcement="long.wav")
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    speaker.until_hears(ANNOUNCEMENT)
    desk.gives_up(side)
    desk.story()
    desk.mia.is_left_alone(0.1)
    assert desk.record().result == "abandoned"


def test_an_announcement_that_is_not_there_costs_no_call(desk: Desk, speaker: Voice) -> None:
    desk.opens("ben", announcement="gone.wav")
    side = desk.calls(sdp=speaker.sdp())
    desk.mia.respond(desk.mia.rings(), 200, QUIET)
    desk.mia.receive("ACK")
    side.answered(desk.caller.receive(200))
    desk.hangs_up(side, desk.mia)
    assert told(desk.story(), "announcement: .*; the call goes on")


def test_a_direct_call_has_no_announcement(desk: Desk) -> None:
    desk.opens("ben", announcement="long.wav")
    side = desk.calls(number="21")
    desk.connects(side, desk.mia, desk.mia.rings(within=1))
    desk.hangs_up(side, desk.mia)
    assert not told(desk.story(), "announcement")


def test_who_has_the_call_after_an_announcement_transfers_it_and_both_hear_each_other(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", people={"mia": AWAY}, announcement="welcome.wav")
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    ben = desk.connects(side, desk.ben, desk.ben.rings(), QUIET)
    ben.request("REFER", headers=[f"Refer-To: <sip:{OWN_NUMBER['mia']}@127.0.0.1>"])
    desk.ben.receive(202)
    invite = desk.mia.rings()
    desk.mia.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.mia.receive("ACK")
    desk.ben.says_goodbye()
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.mia)
    desk.story()
    assert desk.record().agent == "mia"


@pytest.mark.parametrize("direct", [True, False])
def test_a_member_who_was_asked_first_hears_the_caller_of_an_announcement(
    desk: Desk, speaker: Voice, listener: Voice, *, direct: bool
) -> None:
    """Asked from phone to phone, or through the media server, where that call has its announcement too; then
    the caller is given back."""
    desk.opens("ben", "dan", people={"mia": AWAY}, announcement="welcome.wav", assistant_direct=direct)
    user = "mia" if direct else "dan"
    asked = desk.phones[user]
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    ben = desk.connects(side, desk.ben, desk.ben.rings(), QUIET)
    asking = desk.calls(number=OWN_NUMBER["ben"], by=desk.ben, sdp=QUIET)
    invite = asked.rings()
    asked.respond(invite, 200, listener.sdp())
    asked.receive("ACK")
    asking.answered(desk.ben.receive(200))
    tag = asking.remote.partition("tag=")[2]
    replaces = quote(f"{asking.call_id};to-tag={tag};from-tag={desk.ben.tag}", safe="")
    ben.request("REFER", headers=[f"Refer-To: <sip:{user}@127.0.0.1?Replaces={replaces}>"])
    desk.ben.receive(202)
    for _ in range(2):
        desk.ben.says_goodbye()
    moved = asked.receive("INVITE")
    listener.towards(moved.body)
    asked.respond(moved, 200, listener.sdp())
    asked.receive("ACK")
    they_talk(speaker, listener)
    back = asked.dialog_of(invite)
    back.request("REFER", headers=[f"Refer-To: <sip:{OWN_NUMBER['ben']}@127.0.0.1>"])
    asked.receive(202)
    again = desk.ben.rings()
    with voice(700) as third:
        desk.ben.respond(again, 200, third.sdp())
        third.towards(again.body)
        desk.ben.receive("ACK")
        asked.says_goodbye()
        speaker.until_hears(700)
        third.until_hears(CALLER)
    desk.hangs_up(side, desk.ben)


def test_after_an_announcement_two_phones_ring_and_only_the_one_that_answers_is_heard(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", announcement="welcome.wav", ring_parallel=True)
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    at_mia, at_ben = desk.mia.rings(), desk.ben.rings()
    desk.ben.respond(at_ben, 200, listener.sdp())
    listener.towards(at_ben.body)
    desk.ben.receive("ACK")
    desk.mia.stops_ringing(at_mia)
    side.answered(desk.caller.receive(200))
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.ben)


def test_after_an_announcement_a_line_that_forwards_is_followed(
    desk: Desk, speaker: Voice, listener: Voice
) -> None:
    desk.opens("ben", announcement="welcome.wav")
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    desk.mia.refuses(302, to="<sip:0791112233@192.0.2.9>")
    invite = desk.pbx.rings()
    desk.pbx.respond(invite, 200, listener.sdp())
    listener.towards(invite.body)
    desk.pbx.receive("ACK")
    side.answered(desk.caller.receive(200))
    they_talk(speaker, listener)
    desk.hangs_up(side, desk.pbx)


def test_after_an_announcement_the_call_is_handed_over_to_the_pbx(desk: Desk, speaker: Voice) -> None:
    at_the_pbx = {"mia": {"address": "0312220000"}}
    desk.opens("ben", people=at_the_pbx, announcement="welcome.wav", variables={"gBridgeTransfer": "0"})
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    desk.connects(side, desk.pbx, desk.pbx.rings(), QUIET)
    desk.caller.respond(desk.caller.receive("REFER"), 202)
    over = ("Event: refer", "Subscription-State: terminated;reason=noresource")
    side.request("NOTIFY", "SIP/2.0 200 OK\r\n", headers=over)
    desk.caller.says_goodbye()
    desk.pbx.says_goodbye()
    assert desk.story()[-1].startswith("pbx has taken the call over")


def test_a_vip_hears_the_announcement_too(desk: Desk, speaker: Voice) -> None:
    desk.opens("ben", people={"mia": AWAY}, announcement="welcome.wav", vip=(VipEntry(NUMBER),))
    side = desk.calls(sdp=speaker.sdp())
    speaker.towards(desk.caller.receive(183).body)
    speaker.until_hears(ANNOUNCEMENT)
    invite = desk.mia.rings()
    desk.gives_up(side)
    desk.mia.stops_ringing(invite)
