"""The shell on its fakes, listening; and screens to look at it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests import needs
from tests.interop.telnet.screen import Screen
from tests.shell.telnet.conftest import office, server

__all__ = ["OpenScreen", "office", "open_screen", "server"]

OpenScreen = Callable[..., Awaitable[Screen]]


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
