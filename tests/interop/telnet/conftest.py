"""The shell on its fakes, listening; and screens to look at it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shell.telnet.server import TelnetServer
from tests import needs
from tests.fakes.shell_ports import Office
from tests.interop.telnet.screen import Screen
from tests.shell.telnet.client import serving

OpenScreen = Callable[..., Awaitable[Screen]]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def server(office: Office) -> AsyncIterator[TelnetServer]:
    async with serving(office) as running:
        yield running


@pytest.fixture
async def open_screen() -> AsyncIterator[OpenScreen]:
    """Opens screens of one program each; all are closed in the end."""
    needs.program("tmux")
    screens: list[Screen] = []

    async def open_one(*command: str, columns: int = 80, rows: int = 24) -> Screen:
        screen = Screen()
        screens.append(screen)
        await screen.open(*command, columns=columns, rows=rows)
        return screen

    yield open_one
    for screen in screens:
        await screen.close()
