"""SDES-SRTP on one leg, plain RTP on the other. Two media servers are each other's phone, and the tests are
the router between them."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.sip.media import Media, invite, late, line, media
from tests.sip.peer import Peer
from tests.sip.rtp import Voice, voice

SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Media]:
    needs.pjsua2()
    with media(tmp_path / "far") as running:
        yield running


def joined(caller: Peer, server: Media, phone: Peer, far: Media, parameters: str) -> tuple[str, str]:
    """A leg of `server`, by its offer, to a leg of `far`; offer and answer."""
    ours = invite(caller, server, "a", "", parameters)
    offer = caller.receive(200)
    theirs = invite(phone, far, "b", offer.body)
    answer = phone.receive(200)
    theirs.answered(answer)
    ours.remote = offer["To"]
    ours.target = offer["Contact"].partition("<")[2].partition(">")[0]
    ours.request("ACK", answer.body)
    return offer.body, answer.body


@pytest.mark.parametrize(
    ("parameters", "profile", "secure"),
    [(";srtp=require", "RTP/SAVP", True), (";srtp=offer", "RTP/AVP", True), ("", "RTP/AVP", False)],
)
def test_speech_passes_from_plain_to_secure_and_back(
    *, server: Media, far: Media, caller: Peer, phone: Peer, parameters: str, profile: str, secure: bool
) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(phone, far, "b", second)
        offer, answer = joined(caller, server, phone, far, parameters)
        assert f" {profile} " in offer
        for description in (offer, answer):
            assert ("a=crypto:" in description) is secure
        second.until_hears(500)
        first.until_hears(1000)


def secured(one: Voice, sdp: str = "", tag: str = "1") -> str:
    key = base64.b64encode(os.urandom(30)).decode()
    sdp = (sdp or one.sdp()).replace("RTP/AVP", "RTP/SAVP")
    return f"{sdp}a=crypto:{tag} {SUITE} inline:{key}\r\n"


def test_what_goes_over_the_wire_is_not_the_speech(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        line(phone, server, "a", second)
        dialog = invite(caller, server, "a", secured(first))
        ok = caller.receive(200)
        dialog.answered(ok)
        assert " RTP/SAVP " in ok.body
        assert SUITE in ok.body
        first.until_received(30)
        assert first.hears(1000) < 0.1
        assert all(len(frame) == 170 for frame in first.heard)  # with the authentication tag


def test_a_plain_offer_is_refused_where_srtp_is_required(server: Media, caller: Peer) -> None:
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp(), ";srtp=require")
        refusal = caller.receive(488)
        dialog.acknowledge_refusal(refusal)
        assert "SRTP is required" in refusal["Warning"]
        server.until(legs_in_use=0)


def test_a_plain_answer_to_an_offer_of_srtp_stays_plain(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        line(phone, server, "a", second)
        leg = late(caller, server, "a", first, ";srtp=offer")
        assert "a=crypto:" in leg.ok.body
        first.until_hears(1000)
        second.until_hears(500)


def test_one_legs_srtp_says_nothing_of_the_next_one(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        secure = late(caller, server, "a", first, ";srtp=offer")
        plain = late(phone, server, "a", second)
        assert "a=crypto:" in secure.ok.body
        assert "a=crypto:" not in plain.ok.body


def test_the_key_that_was_offered_is_kept_when_the_phone_comes_in_later(server: Media, caller: Peer) -> None:
    """The phone has been given our offer with its key; the re-INVITE with its answer must not change that."""
    with voice(500) as first:
        dialog = invite(caller, server, "a", "", ";srtp=require")
        ok = caller.receive(200)
        (offered,) = (one for one in _cryptos(ok.body) if SUITE in one)
        tag = offered.split()[0].removeprefix("a=crypto:")
        dialog.remote = ok["To"]
        dialog.target = ok["Contact"].partition("<")[2].partition(">")[0]
        dialog.request("ACK", secured(first, first.sdp(direction="inactive"), tag))
        dialog.request("INVITE", secured(first, tag=tag))
        (ours,) = _cryptos(caller.receive(200).body)
        assert ours.split() == offered.split()


def _cryptos(sdp: str) -> list[str]:
    return [line for line in sdp.splitlines() if line.startswith("a=crypto:")]
