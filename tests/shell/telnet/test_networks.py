"""From where administrators may connect, and what strangers make of the log."""

from __future__ import annotations

import logging

import pytest

from shell.telnet.limits import Door, Limits
from shell.telnet.networks import Networks
from shell.telnet.seldom import Seldom


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.255.0.1", True),
        ("192.0.2.7", True),
        ("::ffff:10.0.0.1", True),
        ("192.0.2.8", False),
        ("11.0.0.1", False),
        ("2001:db8::1", False),
        ("fe80::1%eth0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_an_address_is_inside_or_not(address: str, inside: bool) -> None:
    assert (address in Networks.of(["10.0.0.0/8", "192.0.2.7"])) is inside


def test_any_is_everywhere() -> None:
    assert "203.0.113.1" in Networks.of(["10.0.0.0/8", "any"])
    assert "203.0.113.1" in Networks()
    with pytest.raises(ValueError, match="does not appear"):
        Networks.of(["here"])


def test_a_stranger_is_refused_before_anything_is_counted_for_him() -> None:
    door = Door(Limits(), Networks.of(["10.0.0.0/8"]))
    assert "not allowed here" in str(door.enter("192.0.2.1"))
    assert "not allowed here" in str(door.knock("192.0.2.1"))
    assert (door.inside, door.outside, door.refused) == (0, 2, 2)
    assert not door._handshakes
    assert door.knock("10.0.0.1") is None
    door.shaken("10.0.0.1", done=True)
    assert not door._handshakes


def test_handshakes_are_limited_by_address_and_in_all() -> None:
    door = Door(Limits(handshakes=3, handshakes_per_address=2))
    assert [door.knock("192.0.2.1") is None for _ in range(3)] == [True, True, False]
    assert door.knock("192.0.2.2") is None
    assert "at the same time" in str(door.knock("192.0.2.3"))
    door.shaken("192.0.2.1", done=False)
    assert door.knock("192.0.2.3") is None
    assert door.handshakes_failed == 1


def test_a_flood_writes_a_few_lines_a_minute_and_how_many_more_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    seldom = Seldom(logging.getLogger("strangers"), most=3, clock=lambda: now[0])
    for number in range(1000):
        seldom.warning("refused %d", number)
    assert len(caplog.records) == 3
    now[0] = 61.0
    seldom.warning("refused again")
    assert [each.getMessage() for each in caplog.records[3:]] == [
        "(997 lines like the next one were left out)",
        "refused again",
    ]
