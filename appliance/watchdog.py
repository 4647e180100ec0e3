"""Looks after the services: who has stalled is started anew, who has grown gets a quiet moment for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from appliance import heartbeat, memory
from appliance.heartbeat import LOOK_EVERY, SILENCE, Vigil
from appliance.lifecycle import State
from appliance.memory import Growth, Limits, Sample, Verdict
from appliance.services.ports import Unit, UnitFailedError, UnitState

log = logging.getLogger(__name__)

PROC = Path("/proc")


class Services(Protocol):
    def state(self, unit: Unit) -> UnitState: ...

    def stalled(self, unit: Unit, text: str) -> None: ...

    async def restart(self, unit: Unit, reason: str) -> None: ...


class Watchdog:
    """`calls` gives the calls that a unit has now, None for what is not known; `limits`: of memory."""

    def __init__(
        self, services: Services, calls: Callable[[Unit], int | None], limits: Mapping[Unit, Limits]
    ) -> None:
        self._services = services
        self._calls = calls
        self._limits = limits
        self._vigil = Vigil()
        self._growth: dict[Unit, tuple[int, Growth]] = {}
        self._said: dict[Unit, int] = {}
        self.memory_mb: dict[Unit, int] = {}
        """Of the present processes, as measured last."""

    def heard(self, unit: Unit) -> None:
        """A sign of life of the present process, which is ready."""
        self._vigil = heartbeat.heard(self._vigil, unit, time.monotonic())

    def changed(self, state: UnitState) -> None:
        """Only a service that is ready can stall."""
        if state.state is not State.READY:
            self._vigil = heartbeat.dismissed(self._vigil, state.unit)
            self.memory_mb.pop(state.unit, None)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            await self._look_after(tasks)

    async def _look_after(self, tasks: asyncio.TaskGroup) -> None:
        next_sample = 0.0
        while True:
            now = time.monotonic()
            self._vigil, stalled = heartbeat.look(self._vigil, now)
            for name in stalled:
                self._services.stalled(Unit(name), f"stalled for {SILENCE:g} s")
            if now >= next_sample:
                next_sample = now + memory.SAMPLE_EVERY
                for unit in Unit:
                    if self._weigh(unit, now) is Verdict.RESTART:
                        tasks.create_task(self._restart(unit), name=f"restart {unit}")
            await asyncio.sleep(max(0.0, now + LOOK_EVERY - time.monotonic()))

    def _weigh(self, unit: Unit, now: float) -> Verdict:
        state = self._services.state(unit)
        size = None if state.pid is None or state.state is not State.READY else own_mb(state.pid)
        if size is None or state.pid is None:
            return Verdict.FINE
        self.memory_mb[unit] = size
        limits = self._limits.get(unit)
        if limits is None:
            return Verdict.FINE
        pid, growth = self._growth.get(unit, (None, Growth(now)))
        if pid != state.pid:
            growth = Growth(state.since)
        growth, verdict = memory.weigh(growth, Sample(now, size, self._calls(unit)), limits)
        self._growth[unit] = (state.pid, growth)
        if verdict is Verdict.WAITS and self._said.get(unit) != state.pid:
            self._said[unit] = state.pid
            log.warning("%s uses %d MB of memory: it is restarted at a quiet moment", unit, size)
        return verdict

    async def _restart(self, unit: Unit) -> None:
        size, calls = self.memory_mb.get(unit), self._calls(unit)
        log.warning("%s uses %s MB of memory and has %s calls: it is restarted", unit, size, calls)
        try:
            await self._services.restart(unit, f"restarted: it used {size} MB of memory")
        except UnitFailedError as exc:
            log.error("%s", exc)


def own_mb(pid: int, proc: Path = PROC) -> int | None:
    """Memory that is the process's own, swapped out or not; None when it is gone.

    Not PSS: the kernel walks all pages for that, and holds up whoever allocates meanwhile (proc(5), smaps).
    """
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "VmSwap:"))) >> 10
    except (OSError, ValueError, IndexError):
        return None
