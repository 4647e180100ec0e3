"""The watchdog acts on what is decided: who is stalled is handed over, who has grown is restarted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance import heartbeat, memory
from appliance.lifecycle import State
from appliance.memory import Limits
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.watchdog import Watchdog, own_mb
from tests.appliance.waiting import eventually


@dataclass
class Services:
    """All units are ready in this very process."""

    gone: list[tuple[Unit, str]] = field(default_factory=list)
    restarted: list[Unit] = field(default_factory=list)
    fails: bool = False

    def state(self, unit: Unit) -> UnitState:
        return UnitState(unit, State.READY, os.getpid(), -1e9, 0, None)

    def stalled(self, unit: Unit, text: str) -> None:
        self.gone.append((unit, text))

    async def restart(self, unit: Unit, reason: str) -> None:
        assert "MB of memory" in reason
        self.restarted.append(unit)
        if self.fails:
            raise UnitFailedError(unit, "no good")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.2)
    monkeypatch.setattr("appliance.watchdog.LOOK_EVERY", 0.02)
    monkeypatch.setattr(memory, "SAMPLE_EVERY", 0.01)


@pytest.fixture
def services() -> Services:
    return Services()


@contextmanager
def running(watchdog: Watchdog) -> Iterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(watchdog.run())
    try:
        yield task
    finally:
        task.cancel()


@pytest.fixture
async def watchdog(hasty: None, services: Services) -> AsyncIterator[Watchdog]:
    watchdog = Watchdog(services, lambda _: 0, {})
    with running(watchdog):
        yield watchdog


async def test_a_silent_service_is_handed_over_and_one_that_beats_is_not(
    watchdog: Watchdog, services: Services
) -> None:
    watchdog.heard(Unit.WEB)

    def beat() -> bool:
        watchdog.heard(Unit.ROUTER)
        return bool(services.gone)

    await eventually(beat)
    assert services.gone == [(Unit.WEB, "stalled for 5 s")]


async def test_a_service_that_is_being_stopped_cannot_stall(watchdog: Watchdog, services: Services) -> None:
    for unit in (Unit.WEB, Unit.SHELL):
        watchdog.heard(unit)
    watchdog.changed(UnitState(Unit.WEB, State.STOPPING, 1, 0.0, 0, None))
    await eventually(lambda: services.gone)
    assert services.gone == [(Unit.SHELL, "stalled for 5 s")]


async def test_a_grown_service_is_restarted_when_it_has_no_call(hasty: None, services: Services) -> None:
    calls = {Unit.ROUTER: 1}
    watchdog = Watchdog(services, calls.get, {Unit.ROUTER: Limits(1, 10**6)})
    with running(watchdog):
        await eventually(lambda: watchdog.memory_mb.get(Unit.ROUTER))
        await asyncio.sleep(0)
        assert services.restarted == []
        calls[Unit.ROUTER] = 0
        await eventually(lambda: services.restarted)
    assert set(services.restarted) == {Unit.ROUTER}


async def test_a_restart_that_fails_ends_no_watch(hasty: None, services: Services) -> None:
    services.fails = True
    with running(Watchdog(services, lambda _: 0, {Unit.ROUTER: Limits(1, 2)})) as task:
        await eventually(lambda: len(services.restarted) > 1)
        assert not task.done()


def test_memory_is_read_from_the_kernel(tmp_path: Path) -> None:
    mine = own_mb(os.getpid())
    assert mine is not None
    assert 5 < mine < 2000
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name: x\nVmRSS: 9 kB\nRssAnon: 409600 kB\nVmSwap: 204800 kB\n")
    assert own_mb(7, tmp_path) == 600
    assert own_mb(8, tmp_path) is None
