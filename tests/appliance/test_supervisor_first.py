"""A unit that starts beside the supervisor goes on when that listens, or when it has waited long enough."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from appliance.roles.supervisor_first import supervisor_answers
from tests.appliance.waiting import eventually


async def test_one_that_listens_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    async with server, asyncio.timeout(10):
        assert await supervisor_answers(path)


async def test_it_goes_on_as_soon_as_it_listens_whatever_a_killed_one_has_left(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    waiting = asyncio.create_task(supervisor_answers(path))
    await eventually(waiting.get_stack)
    assert not waiting.done()
    path.unlink()
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    async with server, asyncio.timeout(10):
        assert await waiting


async def test_without_one_it_goes_on_after_a_while(tmp_path: Path) -> None:
    assert not await supervisor_answers(tmp_path / "control.sock", at_most_s=0.05)
