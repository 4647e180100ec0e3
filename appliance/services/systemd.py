"""ServiceManager over systemd, for the image: each service is a unit that systemd starts, limits and watches.

systemd starts them with the machine and starts those anew that end; they go on without a supervisor. We ask
for the rest: what is stopped for a repair, restarted on schedule, or stalled (docs/decisions/0018).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from appliance.lifecycle import State
from appliance.services import unit_facts
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.services.systemctl import SystemctlError
from appliance.services.unit_facts import PROPERTIES, Known, Seen, unit_name

log = logging.getLogger(__name__)

Listener = Callable[[UnitState], None]
PROC = Path("/proc")
RESTARTED = "restarted"


class Asked(Protocol):
    """`Systemctl`, or what stands for it."""

    async def do(self, verb: str, unit: str) -> None: ...

    async def show(
        self, units: list[str], properties: tuple[str, ...]
    ) -> Mapping[str, Mapping[str, str]]: ...


class SystemdUnits:
    """Call `look` when systemd says that something has changed, and `run` keeps what is known up to date."""

    def __init__(self, systemctl: Asked, proc: Path = PROC) -> None:
        self._systemctl = systemctl
        self._proc = proc
        self._known = {unit: Known(UnitState(unit, State.STOPPED, None, 0.0, 0, None)) for unit in Unit}
        self._listeners: list[Listener] = []
        self._under_way: dict[Unit, asyncio.Task[None]] = {}
        self._asked: set[Unit] = set()
        self._reasons: dict[Unit, str] = {}
        self._stalled: dict[Unit, str] = {}
        self._stale = asyncio.Event()
        self._looking = asyncio.Lock()
        self._next_look: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self._refresh()
            except SystemctlError as exc:
                log.error("systemd does not tell what runs: %s", exc)

    def look(self) -> None:
        """Something has changed, perhaps."""
        self._stale.set()

    async def start(self, unit: Unit) -> None:
        await self._looked_at(unit)
        if self.state(unit).state is not State.READY:
            await self._one_at_a_time(unit, "start", State.STARTING)

    async def stop(self, unit: Unit) -> None:
        if running := self._under_way.get(unit):
            await asyncio.wait({running})
        await self._looked_at(unit)
        if self.state(unit).state is State.STOPPED:
            return
        if said := await self._job(unit, "stop", State.STOPPING):
            raise UnitFailedError(unit, f"systemd does not stop it: {said}")

    async def restart(self, unit: Unit, reason: str = "") -> None:
        """`reason` is told as the way the old process ended."""
        await self._looked_at(unit)
        match self.state(unit).state:
            case State.STARTING:  # it is a new one already
                await self._one_at_a_time(unit, "start", State.STARTING)
            case State.READY:
                await self._one_at_a_time(unit, "restart", State.STOPPING, reason or RESTARTED)
            case _:
                await self._one_at_a_time(unit, "restart", State.STARTING, reason or RESTARTED)

    def state(self, unit: Unit) -> UnitState:
        return self._known[unit].told

    def watch(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ready(self, unit: Unit, pid: int) -> bool:
        """The process `pid` says it is ready. False if it is not of the unit: the kernel knows which
        processes are, before systemd has told us."""
        if not self._is_of(unit, pid):
            return False
        if self.state(unit).state is not State.STOPPING:
            self._take(unit, unit_facts.introduced(self._known[unit], pid, time.monotonic()))
        return True

    def stalled(self, unit: Unit, text: str) -> None:
        """The present process of `unit` does nothing any more: it is ended, and systemd starts a new one."""
        pid = self.state(unit).pid
        if pid is None or not self._is_of(unit, pid):
            return
        self._stalled[unit] = text
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

    async def close(self, within: float) -> None:  # noqa: ARG002 -- as of child processes
        """The units go on: calls outlive a supervisor that is restarted; they end with the machine."""
        for task in self._under_way.values():
            task.cancel()

    def kill(self) -> None:
        """Nothing is killed, either."""

    async def _one_at_a_time(self, unit: Unit, verb: str, state: State, reason: str = "") -> None:
        """Whoever asks for the same while it is done waits for the same end."""
        running = self._under_way.get(unit)
        if running is None:
            running = asyncio.create_task(self._do(unit, verb, state, reason), name=f"{verb} {unit}")
            self._under_way[unit] = running
            running.add_done_callback(lambda _: self._under_way.pop(unit))
        await asyncio.shield(running)

    async def _do(self, unit: Unit, verb: str, state: State, reason: str) -> None:
        said = await self._job(unit, verb, state, reason)
        told = self.state(unit)
        if said or told.state is not State.READY:
            raise UnitFailedError(unit, told.last_exit or said or f"it is {told.state.value}")

    async def _job(self, unit: Unit, verb: str, state: State, reason: str = "") -> str:
        """What systemd says against it; empty when it is done. While it is done, `state` is what is told:
        systemd may not have begun."""
        self._take(unit, unit_facts.begun(self._known[unit], state, time.monotonic()))
        self._asked.add(unit)
        said = ""
        try:
            await self._systemctl.do(verb, unit_name(unit))
        except SystemctlError as exc:
            said = str(exc)
        finally:
            self._asked.discard(unit)
        if reason:
            self._reasons[unit] = reason
        await self._looked_at(unit)
        self._reasons.pop(unit, None)
        return said

    async def _looked_at(self, unit: Unit) -> None:
        try:
            await self._refresh()
        except SystemctlError as exc:
            raise UnitFailedError(unit, f"systemd does not tell what runs: {exc}") from exc

    async def _refresh(self) -> None:
        """Know what is so after this was called; whoever asks meanwhile shares the next look."""
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look_in_turn(), name="look at the units")
        await asyncio.shield(self._next_look)

    async def _look_in_turn(self) -> None:
        async with self._looking:
            self._next_look = None
            await self._look()

    async def _look(self) -> None:
        found = await self._systemctl.show([unit_name(unit) for unit in Unit], PROPERTIES)
        for unit in Unit:
            if unit not in self._asked and unit_name(unit) in found:
                self._see(unit, unit_facts.seen(found[unit_name(unit)]))

    def _see(self, unit: Unit, now: Seen) -> None:
        stalled = self._stalled.get(unit, "")
        if stalled and now.ended:
            now = replace(now, ended=stalled)
        if now.state is State.READY and now.invocation != self._known[unit].invocation:
            self._stalled.pop(unit, None)
        self._take(unit, unit_facts.follow(self._known[unit], now, self._reasons.get(unit, "") or stalled))

    def _take(self, unit: Unit, after: tuple[Known, tuple[UnitState, ...]]) -> None:
        self._known[unit], told = after
        for state in told:
            for listener in tuple(self._listeners):
                listener(state)

    def _is_of(self, unit: Unit, pid: int) -> bool:
        """proc(5): the last line is the unified hierarchy's, /system.slice/NAME."""
        try:
            groups = (self._proc / str(pid) / "cgroup").read_text().splitlines()
        except OSError:
            return False
        return any(line.rpartition("/")[2] == unit_name(unit) for line in groups)
