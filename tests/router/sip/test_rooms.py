"""Calls through the media server: announcements, conversion, and what becomes of them; heard by content."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.pjsua.announcement import PCM, Sound, written
from router.ports import NO_MEDIA_SERVER
from router.sip.rooms import silent
from tests import needs
from tests.sip.bridge import AGENT
from tests.sip.engine import Engine, engine
from tests.sip.media import Media, media
from tests.sip.peer import Dialog, Message, Peer, call
from tests.sip.rtp import PCMA, Voice, tone, voice

SPOKEN = 700


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Media]:
    needs.pjsua2()
    with media(tmp_path / "copies") as running:
        yield running


@pytest.fixture
def router(server: Media) -> Iterator[Engine]:
    with engine(media=server.port) as running:
        yield running


@pytest.fixture
def welcome(tmp_path: Path) -> str:
    path = tmp_path / "welcome to us.wav"
    path.write_bytes(written(Sound(PCM, 8000, array("h", tone(SPOKEN, 0.6)).tobytes())))
    return str(path)


def calling(router: Engine, caller: Peer, sound: Voice) -> tuple[Dialog, int]:
    side = call(caller, router.port, sdp=sound.sdp())
    return side, router.wait("offered", call_id=side.call_id)["leg"]


def rung(router: Engine, phone: Peer, leg: int) -> Message:
    router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg, number="1", media="conference")
    return phone.receive("INVITE")


def taken(router: Engine, phone: Peer, asked: Message, sound: Voice, leg: int) -> Dialog:
    """The phone answers, and both are connected."""
    sound.towards(asked.body)
    phone.respond(asked, 200, sound.sdp())
    router.wait("answered", leg=AGENT)
    router.do("connect", caller=leg, agent=AGENT)
    phone.receive("ACK")
    return phone.dialog_of(asked)


def heard_by_both(first: Voice, second: Voice) -> None:
    second.until_hears(first.hertz)
    first.until_hears(second.hertz)


@pytest.mark.parametrize("early", [True, False])
def test_an_announcement_is_heard_before_the_phone_rings_and_then_both_hear_each_other(
    router: Engine, server: Media, caller: Peer, phone: Peer, *, welcome: str, early: bool
) -> None:
    with voice(500) as first, voice(1000) as second:
        side, leg = calling(router, caller, first)
        router.do("announce", leg=leg, file=welcome, early=early)
        told = caller.receive(183 if early else 200)
        first.towards(told.body)
        if not early:
            side.answered(told)
        first.until_hears(SPOKEN)
        assert router.wait("announced", leg=leg)["problem"] == ""
        asked = rung(router, phone, leg)
        phone.respond(asked, 180)
        router.wait("ringing", leg=AGENT)
        taken(router, phone, asked, second, leg)
        if early:
            ok = caller.receive(200)
            assert ok.body == told.body, "a dialog has one answer to its offer"
            side.answered(ok)
        heard_by_both(first, second)
        assert router.untold() == []
        side.request("BYE")
        caller.receive(200)
        phone.respond(phone.receive("BYE"), 200)
        router.until_legs(0)
        server.until(legs_in_use=0, conferences=0)


def test_an_announcement_that_cannot_be_played_is_said_and_the_call_goes_on(
    router: Engine, server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        side, leg = calling(router, caller, first)
        router.do("announce", leg=leg, file="/nowhere/welcome.wav", early=True)
        assert "404" in router.wait("announced", leg=leg)["problem"]
        asked = rung(router, phone, leg)
        taken(router, phone, asked, second, leg)
        ok = caller.receive(200)
        first.towards(ok.body)
        side.answered(ok)
        heard_by_both(first, second)


def test_without_a_media_server_an_announcement_is_skipped(caller: Peer, tmp_path: Path) -> None:
    with engine() as router, voice(500) as first:
        _, leg = calling(router, caller, first)
        router.do("announce", leg=leg, file=str(tmp_path / "x.wav"), early=True)
        assert router.wait("announced", leg=leg)["problem"] == "there is no media server"
        router.do("dial", leg=AGENT, target="sip:1@127.0.0.1:9", offer_of=leg, media="conference")
        router.wait("refused", leg=AGENT, status=503)


def test_a_caller_who_hangs_up_during_the_announcement_leaves_nothing_behind(
    router: Engine, server: Media, caller: Peer, welcome: str
) -> None:
    with voice(500) as first:
        side, leg = calling(router, caller, first)
        router.do("announce", leg=leg, file=welcome, early=True)
        caller.receive(183)
        side.request("CANCEL")
        side.acknowledge_refusal(caller.receive(487))
        router.wait("ended", leg=leg)
        router.until_legs(0)
        server.until(legs_in_use=0, conferences=0)


def test_codecs_of_both_sides_may_differ(router: Engine, server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000, PCMA) as second:
        side, leg = calling(router, caller, first)
        asked = rung(router, phone, leg)
        assert "PCMA/8000" in asked.body
        phone_side = taken(router, phone, asked, second, leg)
        ok = caller.receive(200)
        first.towards(ok.body)
        side.answered(ok)
        heard_by_both(first, second)
        phone_side.request("BYE")
        phone.receive(200)
        caller.respond(caller.receive("BYE"), 200)
        server.until(legs_in_use=0, conferences=0)


def test_hold_stays_on_its_side_of_the_media_server(
    router: Engine, server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        side, leg = calling(router, caller, first)
        taken(router, phone, rung(router, phone, leg), second, leg)
        ok = caller.receive(200)
        first.towards(ok.body)
        side.answered(ok)
        heard_by_both(first, second)
        side.request("INVITE", first.sdp(direction="inactive"))
        ok = caller.receive(200)
        assert "a=inactive" in ok.body
        side.answered(ok)
        second.until_silence()
        phone.nothing()
        side.request("INVITE", first.sdp())
        side.answered(caller.receive(200))
        heard_by_both(first, second)


def test_digits_are_converted_for_a_side_that_takes_them_as_info(
    router: Engine, server: Media, caller: Peer, phone: Peer
) -> None:
    """The phone has not negotiated RFC 4733; the caller presses by INFO, and the other way round."""
    with voice(500) as first, voice(1000) as second:
        side, leg = calling(router, caller, first)
        asked = rung(router, phone, leg)
        second.towards(asked.body)
        phone.respond(asked, 200, second.sdp(events=False))
        router.wait("answered", leg=AGENT)
        router.do("connect", caller=leg, agent=AGENT)
        phone.receive("ACK")
        ok = caller.receive(200)
        first.towards(ok.body)
        side.answered(ok)
        heard_by_both(first, second)
        first.press("7")
        info = phone.receive("INFO")
        assert "Signal=7" in info.body.replace(" ", "")
        phone.respond(info, 200)


def test_the_media_server_vanishing_ends_the_call(
    router: Engine, server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        side, leg = calling(router, caller, first)
        taken(router, phone, rung(router, phone, leg), second, leg)
        side.answered(caller.receive(200))
        server.close()
        ended = {caller.receive("BYE").method, phone.receive("BYE").method}
        assert ended == {"BYE"}
        router.until_legs(0)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_media_server_that_hangs_or_is_down_is_given_up_at_once(
    caller: Peer, phone: Peer, is_there: bool
) -> None:
    """The port is served by nobody who answers, or closed: what needs it is told, and the call may go on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dumb, voice(500) as first:
        dumb.bind(("127.0.0.1", 0))
        port = dumb.getsockname()[1]
        if not is_there:
            dumb.close()
        with engine(media=port) as router:
            _, leg = calling(router, caller, first)
            router.do("announce", leg=leg, file="/x.wav", early=True)
            assert router.wait("announced", leg=leg)["problem"] == NO_MEDIA_SERVER
            router.do("dial", leg=AGENT, target=phone.uri, offer_of=leg, number="1", media="conference")
            assert router.wait("refused", leg=AGENT, status=503)["reason"] == NO_MEDIA_SERVER
            router.do("dial", leg=2, target=phone.uri, offer_of=leg, number="1")
            phone.receive("INVITE")


def test_the_answer_for_a_phone_not_known_yet_takes_each_stream_and_sends_nothing() -> None:
    offer = (
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/SAVP 0 8\r\n"
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:b\r\n"
        b"a=sendrecv\r\nm=audio 4002 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c\r\n"
    )
    assert silent(offer) == (
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/SAVP 0 8\r\n"
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\na=inactive\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"
    )
