"""The supervisor makes the store ready; a unit that starts beside it loads its code, and then waits here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from appliance.control.client import ControlUnavailableError, connect

AT_MOST_S = 60.0
"""Then without it: whoever repairs an appliance whose supervisor does not start comes in by the shell."""
EVERY_S = 0.05


async def supervisor_answers(control_socket: Path, at_most_s: float = AT_MOST_S) -> bool:
    """Whether it does, within that time: it listens once the store has been opened, made or migrated."""
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            while not await _listens(control_socket):  # noqa: ASYNC110  another process does it
                await asyncio.sleep(EVERY_S)
            return True
    return False


async def _listens(control_socket: Path) -> bool:
    try:
        _, writer = await connect(control_socket)
    except (ControlUnavailableError, OSError):
        return False
    writer.close()
    return True
