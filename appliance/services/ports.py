"""What the appliance needs of whoever runs its services: child processes here, systemd in the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from appliance.lifecycle import State


class Unit(StrEnum):
    """A service, in the order of starting."""

    MEDIA = "media"
    ROUTER = "router"
    SHELL = "shell"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class UnitState:
    """`since`: monotonic seconds when `state` began. `restarts`: processes after the first one. `last_exit`:
    how the last process ended, in words, None if none has ended."""

    unit: Unit
    state: State
    pid: int | None
    since: float
    restarts: int
    last_exit: str | None


class UnitFailedError(Exception):
    """A service did not become ready. It may still be tried again later: `ServiceManager.state` tells."""

    def __init__(self, unit: Unit, reason: str) -> None:
        super().__init__(f"{unit} did not start: {reason}")
        self.unit = unit
        self.reason = reason


class ServiceManager(Protocol):
    """Steers services. A service that ends by itself is started again after a pause that grows."""

    async def start(self, unit: Unit) -> None:
        """Return when the unit is ready (it may be already); raise UnitFailedError if it does not get so."""

    async def stop(self, unit: Unit) -> None:
        """Return when no process of the unit is left."""

    async def restart(self, unit: Unit) -> None:
        """Return when a new process of the unit is ready; raise UnitFailedError if it does not get so. Two
        restarts at once are one."""

    def state(self, unit: Unit) -> UnitState: ...

    def watch(self, listener: Callable[[UnitState], None]) -> Callable[[], None]:
        """Call `listener` at every change of state; returns what ends that."""
