"""Where the speech goes, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.media import Plan, plan, second_try
from router.model import Peer
from router.ports import NO_MEDIA_SERVER, Media
from tests.router.house import House
from tests.router.office import AWAY, Script, group, person

PBX = Peer("pbx", "127.0.0.1", 5080)
KEYS = "the two sides send key presses in different ways"
SECRET = "only one side takes unencrypted speech"


@pytest.mark.parametrize(
    ("caller", "phone", "because"),
    [
        (None, None, ""),
        (PBX, PBX, ""),
        (PBX, None, ""),
        (replace(PBX, dtmf="info"), replace(PBX, dtmf="rfc4733"), KEYS),
        (replace(PBX, dtmf="rfc4733"), replace(PBX, dtmf="info"), KEYS),
        (replace(PBX, dtmf="info"), replace(PBX, dtmf="info"), ""),
        (replace(PBX, dtmf="info"), PBX, ""),
        (replace(PBX, srtp="require"), PBX, SECRET),
        (None, replace(PBX, srtp="require"), SECRET),
        (replace(PBX, srtp="require"), None, SECRET),
        (replace(PBX, srtp="require"), replace(PBX, srtp="require", name="other"), ""),
    ],
)
def test_speech_goes_directly_unless_the_sides_differ(
    caller: Peer | None, phone: Peer | None, because: str
) -> None:
    expected = Plan(Media.CONFERENCE, because) if because else Plan(Media.DIRECT)
    assert plan(caller, phone) == expected


def test_what_the_course_of_the_call_has_decided_counts() -> None:
    wanted = Plan(Media.CONFERENCE, "an announcement was played")
    assert plan(PBX, PBX, wanted) is wanted


@pytest.mark.parametrize("status", [415, 488, 606])
def test_phone_that_does_not_take_the_offer_is_rung_once_more_through_the_media_server(status: int) -> None:
    call = Script(group(assistants=["B"], manager_timeout=10))
    call.offered()
    call.waits(2)
    assert call.refuses("M", status) == ["Ring M conference"]
    assert call.waits(7) == []
    assert call.waits(1) == ["stop M", "Ring B"]
    assert call.told()[2].endswith("M is rung once more through the media server")


def test_phone_that_takes_neither_gives_way() -> None:
    call = Script(group(assistants=["B"]))
    call.offered()
    call.refuses("M", 488)
    assert call.refuses("M", 488, media=Media.CONFERENCE) == ["Ring B"]


def test_other_refusals_are_not_about_media() -> None:
    assert second_try(486, "", Media.DIRECT) is None
    assert second_try(488, "", Media.CONFERENCE) is None
    assert second_try(503, NO_MEDIA_SERVER, Media.DIRECT) is None
    assert second_try(503, "Service Unavailable", Media.CONFERENCE) is None
    assert second_try(488, "", None) is None


def test_explanation_says_where_the_speech_goes() -> None:
    info, pbx = Peer("door", "127.0.0.2", dtmf="info"), replace(PBX, dtmf="rfc4733")
    house = House(group(AWAY, [person("B", address="21"), "C"], assistant_timeout=5), peers=(pbx, info))
    house.sip.invite("200", peer="door")
    assert house.sip.phone("21").media is Media.CONFERENCE
    house.clock.advance(5)
    house.sip.answers("C")
    told = [data["text"] for data in house.published.of("call", "step")]
    assert f"assistant 1 of 2, B, speaks through the media server: {KEYS}" in told
    assert told[-2].endswith("C, answered after 0 s, speech from phone to phone")


def test_call_that_needs_the_media_server_is_tried_without_it() -> None:
    peers = (replace(PBX, dtmf="rfc4733"), Peer("door", "127.0.0.2", dtmf="info"))
    house = House(group(person("M", address="20")), peers=peers)
    house.sip.has_media_server = False
    caller = house.sip.invite("200", peer="door")
    house.sip.run()
    assert house.sip.phone("20").media is Media.DIRECT
    house.sip.hang_up(caller)
    assert house.is_quiet()
