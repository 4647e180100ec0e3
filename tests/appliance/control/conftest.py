"""A control socket with handlers behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.control.server import ControlServer
from tests.appliance.control.office import Office


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path far longer than the 108 bytes of a socket address."""
    folder = tmp_path / ("long" * 30) / "run"
    folder.mkdir(parents=True)
    return folder / "control.sock"


@pytest.fixture
async def office() -> Office:
    return Office()


@pytest.fixture
async def server(path: Path, office: Office) -> AsyncIterator[ControlServer]:
    async with ControlServer(path, office.handlers(), max_clients=8) as server:  # type: ignore[arg-type]
        yield server
    assert not path.exists()
