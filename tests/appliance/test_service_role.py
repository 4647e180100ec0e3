"""A service that serves no more ends: the supervisor must see it."""

from __future__ import annotations

import asyncio

import pytest

from appliance.roles.service import Running, _until_stopped


async def nothing() -> None:
    pass


async def test_it_goes_on_until_it_is_asked_to_end() -> None:
    stop, forever = asyncio.Event(), asyncio.Event()
    for ended in (None, forever.wait):
        waiting = asyncio.ensure_future(_until_stopped(stop, Running(1, dict, nothing, ended)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert not waiting.done()
        stop.set()
        async with asyncio.timeout(5):
            await waiting
        stop.clear()


@pytest.mark.parametrize("fails", [False, True])
async def test_it_ends_when_it_serves_no_more(fails: bool) -> None:
    async def ended() -> None:
        if fails:
            raise RuntimeError("the server fell over")

    async with asyncio.timeout(5):
        await _until_stopped(asyncio.Event(), Running(1, dict, nothing, ended))
