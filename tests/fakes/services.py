"""A ServiceManager without processes: for whoever restarts services."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace

from appliance.lifecycle import State
from appliance.services.ports import Unit, UnitFailedError, UnitState


class FakeServices:
    """Units become ready after one turn of the loop, unless they are `broken`. `asked`: what was asked."""

    def __init__(self) -> None:
        self.broken: set[Unit] = set()
        self.asked: list[tuple[str, Unit]] = []
        self._states = {unit: UnitState(unit, State.STOPPED, None, 0.0, 0, None) for unit in Unit}
        self._starts = dict.fromkeys(Unit, 0)
        self._restarting: dict[Unit, asyncio.Future[None]] = {}
        self._listeners: list[Callable[[UnitState], None]] = []
        self._pids = itertools.count(1000)

    async def start(self, unit: Unit) -> None:
        self.asked.append(("start", unit))
        await self._start(unit)

    async def stop(self, unit: Unit) -> None:
        self.asked.append(("stop", unit))
        await self._stop(unit)

    async def restart(self, unit: Unit) -> None:
        self.asked.append(("restart", unit))
        running = self._restarting.get(unit)
        if running is None:
            running = self._restarting[unit] = asyncio.ensure_future(self._renew(unit))
            running.add_done_callback(lambda _: self._restarting.pop(unit))
        await running

    def state(self, unit: Unit) -> UnitState:
        return self._states[unit]

    def watch(self, listener: Callable[[UnitState], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def crash(self, unit: Unit) -> None:
        """The unit's process dies; a new one is there at the next turns of the loop."""
        self._enter(unit, State.BACKING_OFF, last_exit="killed by SIGKILL")
        self._restarting[unit] = asyncio.ensure_future(self._start(unit))
        self._restarting[unit].add_done_callback(lambda _: self._restarting.pop(unit))

    async def _renew(self, unit: Unit) -> None:
        await self._stop(unit)
        await self._start(unit)

    async def _start(self, unit: Unit) -> None:
        if self._states[unit].state is State.READY:
            return
        self._starts[unit] += 1
        self._enter(unit, State.STARTING, pid=next(self._pids))
        await asyncio.sleep(0)
        if unit in self.broken:
            self._enter(unit, State.BACKING_OFF, last_exit="exit code 1")
            raise UnitFailedError(unit, "exit code 1")
        self._enter(unit, State.READY, pid=self._states[unit].pid)

    async def _stop(self, unit: Unit) -> None:
        if self._states[unit].state is State.STOPPED:
            return
        self._enter(unit, State.STOPPING, pid=self._states[unit].pid)
        await asyncio.sleep(0)
        self._enter(unit, State.STOPPED, last_exit="ended")

    def _enter(
        self, unit: Unit, state: State, *, pid: int | None = None, last_exit: str | None = None
    ) -> None:
        old = self._states[unit]
        restarts = max(0, self._starts[unit] - 1)
        new = replace(old, state=state, pid=pid, restarts=restarts, last_exit=last_exit or old.last_exit)
        self._states[unit] = new
        for listener in tuple(self._listeners):
            listener(new)
