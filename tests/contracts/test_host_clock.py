"""What is relied on of a machine's clock: on the fake, on timedated by a program of ours, over the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.clock import ControlDateTime, handlers
from appliance.control.server import ControlServer
from appliance.hostclock.busctl import Busctl
from appliance.hostclock.timedated import TimedatedClock
from shell.clock_ports import ClockRefusedError, HostClock
from tests.fakes.busctl import FakeBusctl
from tests.fakes.host_clock import FakeHostClock

NEW_YEAR = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)


@dataclass
class Machine:
    """A clock in Zurich that is ours and not synchronised, and how to make it a machine without a service."""

    clock: HostClock
    fake: FakeHostClock | None = None
    bus: FakeBusctl | None = None

    def without_service(self) -> None:
        if self.bus:
            self.bus.property("CanNTP", False)
        if self.fake:
            self.fake.can_sync = False

    def was_set_to(self) -> datetime:
        if self.fake:
            return self.fake.time
        assert self.bus
        (call,) = self.bus.calls("SetTime")
        assert (call[0], *call[2:]) == ("xbb", "false", "false")
        return datetime.fromtimestamp(int(call[1]) / 1e6, UTC)


@pytest.fixture(params=["fake", "timedated", "control socket"])
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    fake = FakeHostClock()
    match request.param:
        case "fake":
            yield Machine(fake, fake)
        case "timedated":
            bus = FakeBusctl(tmp_path / "bin")
            yield Machine(TimedatedClock(Busctl(bus.env), tmp_path / "drop-ins"), bus=bus)
        case _:
            path = tmp_path / "control.sock"
            async with ControlServer(path, handlers(fake)), ControlClient(path) as control:
                yield Machine(ControlDateTime(control), fake)


async def test_it_tells_the_time_in_its_zone(machine: Machine) -> None:
    state = await machine.clock.state()
    assert state.zone == "Europe/Zurich"
    assert f"{state.now:%Z}" in ("CET", "CEST")
    assert (state.refusal, state.sync, state.in_step) == ("", False, False)


async def test_it_is_set(machine: Machine) -> None:
    await machine.clock.set_time(NEW_YEAR.astimezone())
    assert machine.was_set_to() == NEW_YEAR


async def test_it_is_not_set_while_synchronisation_runs(machine: Machine) -> None:
    await machine.clock.set_sync(True)
    assert (await machine.clock.state()).sync is True
    with pytest.raises(ClockRefusedError, match="synchronisation") as refused:
        await machine.clock.set_time(NEW_YEAR)
    assert "clock sync off" in refused.value.hint
    await machine.clock.set_sync(False)
    assert (await machine.clock.state()).sync is False
    await machine.clock.set_time(NEW_YEAR)
    assert machine.was_set_to() == NEW_YEAR


async def test_the_zone_is_changed_and_the_moment_is_not(machine: Machine) -> None:
    before = await machine.clock.state()
    await machine.clock.set_zone("America/New_York")
    state = await machine.clock.state()
    assert state.zone == "America/New_York"
    assert f"{state.now:%Z}" in ("EST", "EDT")
    assert abs(state.now - before.now) < timedelta(seconds=20)


async def test_what_the_machine_cannot_do_is_refused(machine: Machine) -> None:
    machine.without_service()
    with pytest.raises(ClockRefusedError, match="no time service"):
        await machine.clock.set_sync(True)
    assert (await machine.clock.state()).sync is False
