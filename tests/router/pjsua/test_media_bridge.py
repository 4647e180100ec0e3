"""Two legs of one conference hear each other, by content, however they came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.sip.media import Media, late, line, media
from tests.sip.peer import Peer, peer
from tests.sip.rtp import PCMA, voice


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Media]:
    needs.pjsua2()
    with media(tmp_path / "copies") as running:
        yield running
        assert running.process.poll() is None


@pytest.fixture
def other() -> Iterator[Peer]:
    with peer() as one:
        yield one


def test_a_tone_on_one_leg_is_heard_on_the_other_and_back(server: Media, caller: Peer, other: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        two = line(other, server, "a", second)
        second.until_hears(500)
        first.until_hears(1000)
        assert first.hears(500) < 0.1
        one.hang_up()
        two.hang_up()
        server.until(legs_in_use=0, conferences=0)


def test_codecs_may_differ(server: Media, caller: Peer, other: Peer) -> None:
    with voice(500, PCMA) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(other, server, "a", second)
        second.until_hears(500)
        first.until_hears(1000)


def test_a_leg_without_an_offer_is_offered_what_we_have(server: Media, caller: Peer, other: Peer) -> None:
    with voice(500) as first, voice(1000, PCMA) as second:
        line(caller, server, "a", first)
        offered = late(other, server, "a", second).ok.body
        assert "PCMU/8000" in offered
        assert "PCMA/8000" in offered
        assert "telephone-event/8000" in offered
        assert "crypto" not in offered
        second.until_hears(500)
        first.until_hears(1000)


def test_another_conference_is_not_heard(server: Media, caller: Peer, other: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(other, server, "b", second)
        server.until(legs_in_use=2, conferences=2)
        second.until_silence()
        first.until_silence()
