"""Digits go from one leg to the others, each in the form that its far end takes."""

from __future__ import annotations

import pytest

from tests.sip.media import Line, Media, line
from tests.sip.peer import Peer
from tests.sip.rtp import voice


def typed(leg: Line, digit: str) -> None:
    """Send a digit as INFO."""
    inform(leg, "application/dtmf-relay", f"Signal={digit}\r\nDuration=160\r\n")


def inform(leg: Line, kind: str, body: str, status: int = 200) -> None:
    """Send an INFO that is answered with that status."""
    leg.dialog.request("INFO", body, headers=[f"Content-Type: {kind}"])
    leg.peer.receive(status)


def informed(leg: Line) -> str:
    """The digit of the next INFO."""
    message = leg.peer.receive("INFO", 5)
    leg.peer.respond(message, 200)
    assert message["Content-Type"] == "application/dtmf-relay"
    return message.body.partition("Signal=")[2][:1]


def test_pressed_digits_become_info_where_that_was_asked_for(
    server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        two = line(phone, server, "a", second, ";dtmf=info")
        second.until_hears(500)
        for digit in "1*#":
            first.press(digit)
            assert informed(two) == digit
        assert second.pressed == []


def test_pressed_digits_become_info_where_nothing_else_was_agreed_on(
    server: Media, caller: Peer, phone: Peer
) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        two = line(phone, server, "a", second, events=False)
        second.until_hears(500)
        first.press("7")
        assert informed(two) == "7"


def test_info_becomes_pressed_digits(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first, ";dtmf=info")
        line(phone, server, "a", second)
        second.until_hears(500)
        for digit in "58#":
            typed(one, digit)
        second.until_pressed("58#")
        assert first.pressed == []


def test_pressed_digits_are_passed_on_as_such(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        for digit in "0119":
            first.press(digit)
        second.until_pressed("0119")
        phone.nothing()


@pytest.mark.parametrize("body", ["4", "4\r\n"])
def test_plain_info_is_taken_too(server: Media, caller: Peer, phone: Peer, body: str) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second)
        second.until_hears(500)
        inform(one, "application/dtmf", body)
        second.until_pressed("4")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/dtmf", "flash", 400),
        ("application/dtmf-relay", "nothing", 400),
        ("text/plain", "hello", 415),
    ],
)
def test_info_without_a_digit_is_refused_and_goes_nowhere(
    *, server: Media, caller: Peer, phone: Peer, kind: str, body: str, status: int
) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "a", second, ";dtmf=info")
        second.until_hears(500)
        inform(one, kind, body, status)
        phone.nothing()


def test_digits_stay_in_their_conference(server: Media, caller: Peer, phone: Peer) -> None:
    with voice(500) as first, voice(1000) as second:
        one = line(caller, server, "a", first)
        line(phone, server, "b", second, ";dtmf=info")
        typed(one, "4")
        phone.nothing()
