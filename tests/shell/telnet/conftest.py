from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import serving
from tests.shell.telnet.tls_house import made


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def server(office: Office) -> AsyncIterator[TelnetServer]:
    async with serving(office) as running:
        yield running


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made(tmp_path_factory.mktemp("tls"))
