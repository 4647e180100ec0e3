from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import serving


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def server(office: Office) -> AsyncIterator[TelnetServer]:
    async with serving(office) as running:
        yield running
