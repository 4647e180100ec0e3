"""What is shown of an update that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from appliance.updating.showing import Showing
from db.variables.states import Actor
from shell.update_ports import UpdateRefusedError
from tests.fakes.variables import NOON

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")


async def test_one_thing_is_done_at_a_time_and_numbers_go_up() -> None:
    showing = Showing(lambda: NOON, lambda _: None)
    showing.refuse()
    first = showing.begun("install", "callisto-0.2.0.raucb", ANNA)
    with pytest.raises(UpdateRefusedError, match=r"anna is at it already: install callisto-0\.2\.0"):
        showing.refuse()
    showing.see(replace(first, done=True))
    showing.refuse()
    assert showing.under_way is None
    assert showing.begun("reboot", "", ANNA).number == first.number + 1


async def test_progress_never_goes_back_and_ends_with_the_end() -> None:
    told: list[Mapping[str, object]] = []
    showing = Showing(lambda: NOON, told.append)
    showing.at("nothing goes on", 50)
    begun = showing.begun("install", "callisto-0.2.0.raucb", ANNA)
    for percent in (40, 40, 20, 300):
        showing.at("copies it", percent)
    assert [each["percent"] for each in told] == [0, 40, 99]
    showing.see(replace(begun, done=True, percent=100))
    showing.at("copies it", 50)
    assert (told[-1]["percent"], told[-1]["done"]) == (100, True)


async def test_whoever_waits_hears_of_each_change() -> None:
    showing = Showing(lambda: NOON, lambda _: None)
    showing.begun("install", "callisto-0.2.0.raucb", ANNA)
    waits = asyncio.create_task(showing.another())
    await asyncio.sleep(0)
    assert not waits.done()
    showing.at("copies it", 10)
    async with asyncio.timeout(5):
        await waits
