"""What the media server decides without its engine: Request-URIs, WAV files, digits in bodies."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.pjsua import announcement, dtmf, wanted
from router.pjsua.announcement import ALAW, PCM, ULAW, AnnouncementError, Announcements, Sound
from router.pjsua.wanted import UnwantedError, Wanted
from tests.sip.rtp import from_alaw, from_ulaw, loudness, strength, tone

AT = "sip:conf=7f@127.0.0.1:5064"


def test_a_plain_conference_has_the_defaults() -> None:
    assert wanted.read(AT) == Wanted("7f", play="", srtp="off", dtmf="")


def test_parameters_are_read_in_any_order_and_case() -> None:
    uri = f"{AT};DTMF=Info;transport=udp;srtp=REQUIRE;play=%2Fa%20b%3B.wav;lr"
    assert wanted.read(uri) == Wanted("7f", play="/a b;.wav", srtp="require", dtmf="info")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_every_path_comes_through_as_it_was(path: str) -> None:
    assert wanted.read(f"{AT};play={quote(path, safe='')};dtmf=info").play == path


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for uri in (text, f"{AT};{text}", f"sip:conf={text}@h"):
        with contextlib.suppress(UnwantedError):
            wanted.read(uri)


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        (dtmf.RELAY, "Signal=5\r\nDuration=160\r\n", "5"),
        (dtmf.RELAY, "signal= * \nduration = 250", "*"),
        (dtmf.RELAY, "Signal=11\r\n", "#"),
        (dtmf.RELAY, "Duration=160\r\nSignal=d\r\n", "D"),
        (dtmf.RELAY, "Signal=hook\r\n", ""),
        (dtmf.PLAIN, " 9 ", "9"),
        (dtmf.PLAIN, "10", "*"),
        (dtmf.PLAIN, "99", ""),
        (dtmf.PLAIN, "", ""),
    ],
)
def test_digits_are_read_from_both_kinds_of_body(kind: str, body: str, digit: str) -> None:
    assert dtmf.read(kind, body) == digit


@pytest.mark.parametrize("digit", dtmf.DIGITS)
def test_what_we_write_we_read(digit: str) -> None:
    assert dtmf.read(dtmf.RELAY, dtmf.relayed(digit)) == digit


def test_the_content_type_is_found_in_its_short_form_too() -> None:
    assert dtmf.content_type("INFO x SIP/2.0\r\nc: Application/DTMF ;x=y\r\n\r\n5") == dtmf.PLAIN
    assert dtmf.content_type("INFO x SIP/2.0\r\n\r\nContent-Type: application/dtmf") == ""


@pytest.mark.parametrize(
    ("decoded", "right"), [(announcement.from_ulaw, from_ulaw), (announcement.from_alaw, from_alaw)]
)
def test_both_laws_are_decoded_as_elsewhere(
    decoded: Callable[[int], int], right: Callable[[int], int]
) -> None:
    assert [decoded(byte) for byte in range(256)] == [right(byte) for byte in range(256)]


def test_the_laws_meet_the_values_of_the_standard() -> None:
    """ITU-T G.711, tables 1a and 2a, at 16 bits."""
    assert [from_ulaw(byte) for byte in (0x00, 0x80, 0xFF, 0x7F)] == [-32124, 32124, 0, 0]
    assert [from_alaw(byte) for byte in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32256, -32256]


def test_half_the_rate_keeps_speech_and_drops_what_does_not_fit() -> None:
    speech = announcement.halve(tone(1000, 0.2, 16000))
    assert len(speech) == 1600
    assert strength(speech[100:-100], 1000) > 0.99
    assert loudness(speech) == pytest.approx(loudness(tone(1000, 0.2, 16000)), rel=0.05)
    too_high = announcement.halve(tone(6500, 0.2, 16000))
    assert loudness(too_high) < loudness(speech) / 20


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_every_sample_has_room_after_halving(samples: list[int]) -> None:
    halved = announcement.halve(samples)
    assert len(halved) == (len(samples) + 1) // 2
    array("h", halved)  # or OverflowError


@given(st.binary(max_size=300))
def test_any_bytes_are_a_sound_or_refused(data: bytes) -> None:
    for attempt in (data, b"RIFF\0\0\0\0WAVE" + data, b"RIFF\0\0\0\0WAVEfmt " + data):
        with contextlib.suppress(AnnouncementError):
            found = announcement.playable(announcement.read(attempt))
            assert announcement.read(announcement.written(found)) == found


@pytest.mark.parametrize("coding", [PCM, ALAW, ULAW])
def test_what_we_write_is_read_with_other_chunks_around_it(coding: int) -> None:
    sound = Sound(coding, 8000, bytes(range(200)))
    data = announcement.written(sound)
    assert announcement.read(data) == sound
    odd = b"LIST" + (5).to_bytes(4, "little") + b"title\0"
    assert announcement.read(data[:12] + odd + data[12:] + odd) == sound


def test_a_copy_is_made_once_for_each_version(tmp_path: Path) -> None:
    file = tmp_path / "welcome.wav"
    file.write_bytes(announcement.written(Sound(PCM, 16000, bytes(32000))))
    copies = Announcements(tmp_path / "copies")
    first = copies.get(str(file))
    assert first.seconds == 1.0
    assert copies.get(file.as_uri()) is first
    file.write_bytes(announcement.written(Sound(PCM, 8000, bytes(32000))))
    second = copies.get(str(file))
    assert (second.seconds, second.file == first.file) == (2.0, False)


def test_copies_do_not_pile_up(tmp_path: Path) -> None:
    copies = Announcements(tmp_path / "copies")
    for number in range(70):
        file = tmp_path / f"{number}.wav"
        file.write_bytes(announcement.written(Sound(PCM, 8000, bytes(160))))
        assert copies.get(str(file)).file.exists()
    assert len(list((tmp_path / "copies").iterdir())) == 64
    Announcements(tmp_path / "copies")
    assert not list((tmp_path / "copies").iterdir())


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("welcome.wav", 404),
        ("file://elsewhere/a.wav", 404),
        ("/\0", 404),
        ("/", 404),
        ("http://x/a.wav", 404),
    ],
)
def test_what_is_no_file_of_this_machine_is_not_there(tmp_path: Path, name: str, status: int) -> None:
    with pytest.raises(AnnouncementError) as caught:
        Announcements(tmp_path).get(name)
    assert caught.value.status == status
