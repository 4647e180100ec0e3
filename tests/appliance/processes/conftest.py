"""Whole appliances."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.demo.local import LocalAppliance
from tests import needs
from tests.appliance.processes.running import Make


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    needs.pjsua2()


@pytest.fixture(scope="module")
def shared(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAppliance]:
    """One that is ready, for tests that leave it ready."""
    with LocalAppliance(tmp_path_factory.mktemp("shared")) as one:
        one.start()
        yield one


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Make]:
    """Makes an appliance, not started yet."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(LocalAppliance(tmp_path / "a", settings=settings))
