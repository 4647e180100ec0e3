"""What watchers see of calls, and the log."""

from __future__ import annotations

import pytest

from router.model import ShowVip, VipEntry
from tests.router.house import House
from tests.router.office import AWAY, group


def test_every_step_is_published_as_it_happens() -> None:
    house = House(group(AWAY, ["B"], assistant_timeout=20))
    caller = house.sip.invite("200")
    house.sip.rings("B")
    house.clock.advance(3)
    house.sip.answers("B")
    house.sip.hang_up(caller)
    seen = [(data["event"], data["at_s"], data["text"]) for data in house.published.of("call")]
    assert seen == [
        ("step", 0.0, "0441234567 calls 200 (Board)"),
        ("step", 0.0, "manager away: assistant 1 of 1, B, rings"),
        ("answered", 3.0, "B"),
        (
            "step",
            3.0,
            "manager away: assistant 1 of 1, B, answered after 3 s, speech from phone to phone",
        ),
        ("step", 3.0, "connected for 0 s, then the caller hung up"),
        ("ended", 3.0, "answered"),
    ]


def test_assistants_see_the_call_until_it_is_answered() -> None:
    house = House(group(assistants=["B", "C"]))
    house.sip.invite("200", "0791234567", "Frei")
    (notice,) = house.published.of("notice")
    assert notice.pop("id")
    assert notice == {
        "event": "ringing",
        "group": "Board",
        "to": ["B", "C"],
        "manager": "M",
        "caller": "0791234567",
        "caller_name": "Frei",
        "anonymous": False,
        "vip": False,
        "elapsed_s": 0.0,
        "ringing": ["M"],
        "why": "manager available",
    }
    house.clock.advance(4)
    house.sip.answers("M")
    taken = house.published.of("notice")[-1]
    assert taken.pop("id")
    assert taken == {
        "event": "answered",
        "group": "Board",
        "to": ["B", "C"],
        "by": "M",
        "by_user": "M",
        "elapsed_s": 4.0,
    }


def test_assistants_are_told_why_a_call_is_withdrawn() -> None:
    house = House(group(assistants=["B", "C"]))
    house.sip.hang_up(house.sip.invite("200"))
    withdrawn = house.published.of("notice")[-1]
    assert (withdrawn["event"], withdrawn["why"]) == ("withdrawn", "the caller hung up")


def test_vip_may_be_shown_without_his_identity() -> None:
    house = House(group(assistants=["B"], vip_entries=(VipEntry("079T"),), show_vip_calls=ShowVip.ANONYMOUS))
    house.sip.invite("200", "0791234567", "Frei")
    (notice,) = house.published.of("notice")
    assert (notice["caller"], notice["caller_name"], notice["vip"]) == ("", "", True)


def test_the_log_tells_a_whole_call_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    house = House(group(assistants=["B"], manager_timeout=20))
    caller = house.sip.invite("200")
    house.clock.advance(20)
    house.sip.hang_up(caller)
    (line,) = caplog.messages
    assert line.endswith(": " + "; ".join(house.steps()))
