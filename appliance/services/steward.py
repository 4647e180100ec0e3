"""What the supervisor needs of its ServiceManager beyond the port, and which one it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from appliance.services.bus_signals import ADDRESS, BusSignals
from appliance.services.children import Child, LocalChildren
from appliance.services.journal import Journal
from appliance.services.ports import ServiceManager, Unit, UnitState
from appliance.services.systemctl import Systemctl
from appliance.services.systemd import SystemdUnits
from appliance.services.unit_facts import unit_name

NEEDED = ("PATH", ADDRESS, "LANG")


class Steward(ServiceManager, Protocol):
    """A ServiceManager whose services talk to the supervisor."""

    async def restart(self, unit: Unit, reason: str = "") -> None:
        """`reason` is told as the way the old process ended."""

    def state(self, unit: Unit) -> UnitState: ...

    def ready(self, unit: Unit, pid: int) -> bool:
        """The process `pid` says it is ready. False if it is not the present process of `unit`."""

    def stalled(self, unit: Unit, text: str) -> None:
        """The present process of `unit` does nothing any more: it is ended, and there will be a new one."""

    async def close(self, within: float) -> None:
        """The supervisor ends. Who cannot go on without it is stopped within that many seconds."""

    def kill(self) -> None:
        """End at once whatever cannot go on without the supervisor."""


def steward(
    services: str, children: Sequence[Child], env: Mapping[str, str], output: Callable[[Unit, str], None]
) -> tuple[Steward, Callable[[], Callable[[], None]]]:
    """By the setting `services`, and what begins to follow what goes on, to be called in the running loop; it
    returns what ends that. `output` gets what the services write."""
    if services != "systemd":
        return LocalChildren(children, output), lambda: lambda: None
    bare = {name: env[name] for name in NEEDED if name in env}
    units = SystemdUnits(Systemctl(bare))
    signals = BusSignals(bare, [unit_name(unit) for unit in Unit], units.look)
    journal = Journal(bare, output)

    def follow() -> Callable[[], None]:
        tasks = [
            asyncio.create_task(units.run(), name="follow the units"),
            asyncio.create_task(signals.run(), name="hear systemd"),
            asyncio.create_task(journal.run(), name="read the journal"),
        ]

        def end() -> None:
            for task in tasks:
                task.cancel()

        return end

    return units, follow
