"""An announcement is heard by content, the router is told, and then the leg is in its conference."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from router.pjsua.announcement import ALAW, PCM, ULAW, Sound, written
from tests.sip.media import Line, Media, invite, late, line
from tests.sip.peer import Peer
from tests.sip.rtp import PCMA, PCMU, encoded, tone, voice

SPOKEN = 700
SECONDS = 1.0


def recorded(path: Path, coding: int = PCM, rate: int = 8000) -> str:
    """A file with the tone SPOKEN; what to write into the URI."""
    samples = tone(SPOKEN, SECONDS, rate)
    if coding == PCM:
        data = array("h", samples).tobytes()
    else:
        data = encoded(samples, PCMA if coding == ALAW else PCMU)
    path.write_bytes(written(Sound(coding, rate, data)))
    return f";play={quote(str(path), safe='')}"


@contextlib.contextmanager
def announced(server: Media, caller: Peer, parameters: str) -> Iterator[Line]:
    with voice(500) as first:
        yield line(caller, server, "a", first, parameters)


@pytest.mark.parametrize(
    ("coding", "rate"), [(PCM, 8000), (PCM, 16000), (ALAW, 8000), (ULAW, 8000), (ULAW, 16000)]
)
def test_every_kind_of_file_is_heard(
    server: Media, caller: Peer, tmp_path: Path, coding: int, rate: int
) -> None:
    with announced(server, caller, recorded(tmp_path / "welcome.wav", coding, rate)) as leg:
        leg.voice.until_hears(SPOKEN)
        assert leg.told() == "played"


def test_only_when_it_has_been_played_do_both_hear_each_other(
    server: Media, caller: Peer, phone: Peer, tmp_path: Path
) -> None:
    with voice(1000) as second:
        line(phone, server, "a", second)
        with announced(server, caller, recorded(tmp_path / "welcome.wav")) as leg:
            leg.voice.until_hears(SPOKEN)
            assert leg.voice.hears(1000) < 0.1
            assert second.hears(500) < 0.1
            assert leg.told() == "played"
            leg.voice.until_hears(1000)
            second.until_hears(500)
            assert second.hears(SPOKEN) < 0.1


def test_it_is_played_to_the_end_and_once(server: Media, caller: Peer, tmp_path: Path) -> None:
    with announced(server, caller, recorded(tmp_path / "welcome.wav")) as leg:
        assert leg.told() == "played"
        spoken = sum(bool(frame) and max(frame) > 4000 for frame in leg.voice.heard)
        assert spoken >= 10  # of the last 20 packets
        leg.voice.until_silence()
        caller.nothing()


def test_with_a_late_offer_it_begins_when_the_answer_is_there(
    server: Media, caller: Peer, tmp_path: Path
) -> None:
    with voice(500) as first:
        leg = late(caller, server, "a", first, recorded(tmp_path / "welcome.wav"))
        first.until_hears(SPOKEN)
        assert leg.told() == "played"


def test_it_waits_for_the_ack(server: Media, caller: Peer, tmp_path: Path) -> None:
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp(), recorded(tmp_path / "welcome.wav"))
        ok = caller.receive(200)
        first.towards(ok.body)
        caller.nothing(within=0.3)
        assert first.hears(SPOKEN) == 0
        dialog.answered(ok)
        first.until_hears(SPOKEN)


def test_a_name_may_have_any_letters_and_be_a_uri(server: Media, caller: Peer, tmp_path: Path) -> None:
    file = tmp_path / f"Grüezi; {'lang ' * 20}.wav"
    recorded(file)
    with announced(server, caller, f";play={quote(file.as_uri(), safe='')};dtmf=info") as leg:
        leg.voice.until_hears(SPOKEN)


def test_a_leg_that_ends_meanwhile_leaves_nothing(server: Media, caller: Peer, tmp_path: Path) -> None:
    with announced(server, caller, recorded(tmp_path / "welcome.wav")) as leg:
        leg.voice.until_hears(SPOKEN)
        leg.hang_up()
        server.until(legs_in_use=0, conferences=0)
        caller.nothing(within=1.2)


def test_hold_does_not_stop_an_announcement(server: Media, caller: Peer, tmp_path: Path) -> None:
    with announced(server, caller, recorded(tmp_path / "welcome.wav")) as leg:
        leg.voice.until_hears(SPOKEN)
        leg.change(direction="inactive")
        leg.change()
        assert leg.told() == "played"


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        (None, 404, "No such file"),
        (b"ID3 this is music", 415, "no WAV file"),
        (written(Sound(PCM, 44100, bytes(200))), 415, "44100 Hz"),
        (written(Sound(PCM, 8000, b"")), 415, "without sound"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(
    *, server: Media, caller: Peer, tmp_path: Path, content: bytes | None, status: int, why: str
) -> None:
    file = tmp_path / "welcome.wav"
    if content is not None:
        file.write_bytes(content)
    with voice(500) as first:
        dialog = invite(caller, server, "a", first.sdp(), f";play={quote(str(file), safe='')}")
        refusal = caller.receive(status)
        dialog.acknowledge_refusal(refusal)
        assert why in refusal["Warning"]
        server.until(legs_in_use=0, conferences=0)


def test_a_file_that_has_been_replaced_is_read_anew(server: Media, caller: Peer, tmp_path: Path) -> None:
    parameters = recorded(tmp_path / "welcome.wav")
    with announced(server, caller, parameters) as leg:
        leg.voice.until_hears(SPOKEN)
        leg.hang_up()
    louder = array("h", tone(1200, SECONDS)).tobytes()
    (tmp_path / "new.wav").write_bytes(written(Sound(PCM, 8000, louder)))
    (tmp_path / "new.wav").rename(tmp_path / "welcome.wav")
    with announced(server, caller, parameters) as leg:
        leg.voice.until_hears(1200)


def test_it_waits_for_a_caller_who_does_not_listen_yet(server: Media, caller: Peer, tmp_path: Path) -> None:
    with voice(500) as first:
        parameters = recorded(tmp_path / "welcome.wav")
        leg = late(caller, server, "a", first, parameters, answer=first.sdp(direction="inactive"))
        first.until_silence()
        caller.nothing(within=SECONDS + 0.3)
        leg.change()
        first.until_hears(SPOKEN)
        assert leg.told() == "played"
