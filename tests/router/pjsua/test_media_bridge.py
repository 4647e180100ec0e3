"""Two legs of one conference hear each other, by content, however they came."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import needs
from tests.sip.media import Media, invite, late, line, media
from tests.sip.peer import Peer
from tests.sip.rtp import PCMA, PCMU, voice, where


def test_a_tone_on_one_leg_is_heard_on_the_other_and_back(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        two = line(phone, server, "a", second)
        second.until_hears(500)
        first.until_hears(1000)
        assert first.hears(500) < 0.1
        one.hang_up()
        two.hang_up()
        server.until(legs_in_use=0, conferences=0)


def test_codecs_may_differ(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500, PCMA) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        first.until_hears(1000)


def test_a_leg_without_an_offer_is_offered_what_we_have(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000, PCMA) as second:
        line(caller, server, "a", first)
        offered = late(phone, server, "a", second).ok.body
        assert "PCMU/8000" in offered
        assert "PCMA/8000" in offered
        assert "telephone-event/8000" in offered
        assert "crypto" not in offered
        second.until_hears(500)
        first.until_hears(1000)


def test_another_conference_is_not_heard(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(phone, server, "b", second)
        server.until(legs_in_use=2, conferences=2)
        second.until_silence()
        first.until_silence()


def test_three_legs_hear_one_another(server: Media, caller: Peer, phone: Peer, other_phone: Peer) -> None:
    with voice(500) as first, voice(900) as second, voice(1300) as third:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        line(other_phone, server, "a", third)
        for listening, others in ((first, (900, 1300)), (second, (500, 1300)), (third, (500, 900))):
            for hertz in others:
                listening.until_hears(hertz, share=0.25)
        one.hang_up()
        first.speaking = False
        second.until_hears(1300)
        third.until_hears(900)


def test_on_hold_the_other_one_hears_nothing_and_afterwards_everything_again(
    server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        for held in ({"direction": "inactive"}, {"address": "0.0.0.0"}, {"direction": "sendonly"}):
            assert "address" in held or "a=sendrecv" not in one.change(**held).body
            one.change(**held)
            first.speaking = False
            second.until_silence()
            first.until_silence()
            first.towards(one.change().body)
            first.speaking = True
            second.until_hears(500)
            first.until_hears(1000)


def test_music_on_hold_is_heard(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        first.until_hears(1000)
        assert "a=recvonly" in one.change(direction="sendonly").body
        second.forget()
        second.until_hears(500)
        first.until_silence()


def test_a_leg_may_move_to_another_address(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second, voice(700, PCMA) as moved:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        first.until_hears(1000)
        first.speaking = False
        one.voice = moved
        moved.towards(one.change().body)
        moved.until_hears(1000)
        second.until_hears(700)
        first.until_silence()


def test_a_held_leg_can_be_asked_for_an_offer(server: Media, caller: Peer, phone: Peer) -> None:
    """re-INVITE without a description: the answer is in the ACK."""
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        first.until_hears(1000)
        one.dialog.request("INVITE")
        offered = caller.receive(200).body
        assert where(offered)[1]
        one.dialog.request("ACK", first.sdp())
        first.towards(offered)
        first.forget()
        second.forget()
        first.until_hears(1000)
        second.until_hears(500)


def test_who_leaves_without_a_word_takes_nobody_along(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        one.hang_up()
        first.speaking = False
        second.until_silence()
        server.until(legs_in_use=1, conferences=1)


def test_an_offer_that_is_taken_back_leaves_nothing(server: Media, caller: Peer) -> None:
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp())
        ok = caller.receive(200)
        dialog.answered(ok)
        dialog.request("BYE")
        caller.receive(200)
        server.until(legs_in_use=0, conferences=0)


NOBODY_YET = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    f"m=audio 9 RTP/AVP {PCMU} 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=inactive\r\n"
)


def test_a_phone_that_has_not_answered_yet_comes_in_by_re_invite(
    server: Media, caller: Peer, phone: Peer
) -> None:
    """The router cannot keep a late offer waiting for as long as a phone rings."""
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        leg = late(phone, server, "a", second, answer=NOBODY_YET)
        first.until_silence()
        second.towards(leg.change().body)
        second.until_hears(500)
        first.until_hears(1000)


@pytest.mark.parametrize(("listen", "shown"), [("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")])
def test_speech_comes_in_where_the_appliance_listens(
    *, tmp_path: Path, caller: Peer, phone: Peer, listen: str, shown: str
) -> None:
    """Listening everywhere, each far end is shown the address that it has a route to."""
    needs.pjsua2()
    with media(tmp_path / "copies", listen=listen) as server, voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        for ok in (one.ok, one.change()):
            assert where(ok.body)[0] == shown
        second.until_hears(500)
        first.until_hears(1000)
