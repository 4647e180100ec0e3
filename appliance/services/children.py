"""ServiceManager with child processes of this one, for a checkout."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance import lifecycle
from appliance.lifecycle import (
    BecameReady,
    Event,
    Exited,
    Kill,
    Limits,
    RestartAsked,
    Service,
    SetTimer,
    Spawn,
    Stalled,
    StartAsked,
    State,
    StopAsked,
    Terminate,
    TimerFired,
)
from appliance.services.ports import Unit, UnitFailedError, UnitState
from appliance.services.process import ChildProcess, in_words

log = logging.getLogger(__name__)

Listener = Callable[[UnitState], None]
Output = Callable[[Unit, str], None]


@dataclass(frozen=True, slots=True)
class Child:
    """How one service is run."""

    unit: Unit
    argv: tuple[str, ...]
    env: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)


class LocalChildren:
    """Services in the order of starting. `output` gets what a child writes: one or more whole lines."""

    def __init__(self, children: Sequence[Child], output: Output) -> None:
        self._listeners: list[Listener] = []
        self._runs = {child.unit: _Run(child, output, self._tell) for child in children}

    async def start(self, unit: Unit) -> None:
        await self._runs[unit].start()

    async def stop(self, unit: Unit) -> None:
        await self._runs[unit].stop()

    async def restart(self, unit: Unit, reason: str = "") -> None:
        """`reason` is told as the way the old process ended."""
        await self._runs[unit].restart(reason)

    def state(self, unit: Unit) -> UnitState:
        return self._runs[unit].state()

    def watch(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ready(self, unit: Unit, pid: int) -> bool:
        """The process `pid` says it is ready. False if it is not the present process of `unit`."""
        return self._runs[unit].ready(pid)

    def stalled(self, unit: Unit, text: str) -> None:
        """The present process of `unit` does nothing any more: it is ended and started anew."""
        self._runs[unit].stalled(text)

    async def close(self, within: float) -> None:
        """Stop everything, the last started first, each under its limit; whoever is left after `within`
        seconds is killed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for run in reversed(self._runs.values()):
                    await run.stop()
        self.kill()
        with contextlib.suppress(TimeoutError):  # not even SIGKILL ends a process that hangs in the kernel
            async with asyncio.timeout(1.0):
                for run in self._runs.values():
                    await run.stop()

    def kill(self) -> None:
        """End every process at once."""
        for run in self._runs.values():
            run.kill()

    def _tell(self, state: UnitState) -> None:
        for listener in tuple(self._listeners):
            listener(state)


class _Run:
    """Carries out what `lifecycle` decides for one service."""

    def __init__(self, child: Child, output: Output, tell: Listener) -> None:
        self._child = child
        self._output = output
        self._tell = tell
        self._service = Service()
        self._process: ChildProcess | None = None
        self._to_end: Terminate | Kill | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def state(self) -> UnitState:
        return UnitState(
            self._child.unit,
            self._service.state,
            self._process.pid if self._process else None,
            self._service.since,
            self._service.restarts,
            self._service.last_exit,
        )

    async def start(self) -> None:
        self._see(StartAsked())
        await self._until_ready()

    async def restart(self, reason: str) -> None:
        self._see(RestartAsked(reason))
        await self._until_ready()

    async def stop(self) -> None:
        self._see(StopAsked())
        while self._service.state is not State.STOPPED:
            await self._changed.wait()

    def ready(self, pid: int) -> bool:
        if self._process is None or self._process.pid != pid:
            return False
        self._see(BecameReady())
        return True

    def stalled(self, text: str) -> None:
        self._see(Stalled(text))

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    async def _until_ready(self) -> None:
        while self._service.state in (State.STARTING, State.STOPPING):
            await self._changed.wait()
        if self._service.state is State.STOPPED:
            raise UnitFailedError(self._child.unit, "it was stopped meanwhile")
        if self._service.state is not State.READY:
            raise UnitFailedError(self._child.unit, self._service.last_exit or "no reason known")

    def _see(self, event: Event) -> None:
        before = self._service.state
        self._service, commands = lifecycle.step(self._service, event, time.monotonic(), self._child.limits)
        for command in commands:
            self._carry_out(command)
        if self._service.state is not before:
            self._tell(self.state())
            self._changed.set()
            self._changed = asyncio.Event()

    def _carry_out(self, command: lifecycle.Command) -> None:
        match command:
            case Spawn():
                self._to_end = None
                self._task = asyncio.create_task(self._live(), name=f"service {self._child.unit}")
            case Terminate() | Kill():
                self._to_end = command
                self._end()
            case SetTimer(timer, seconds):
                if self._timer:
                    self._timer.cancel()
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(seconds, self._see, TimerFired(timer))

    async def _live(self) -> None:
        """From the start of a process to its end."""
        try:
            self._process = await ChildProcess.start(
                self._child.argv, self._child.env, lambda lines: self._output(self._child.unit, lines)
            )
        except OSError as exc:
            self._see(Exited(None, f"{self._child.argv[0]}: {exc.strerror}"))
            return
        self._end()  # it may have been asked to while it was being started
        try:
            code = await self._process.ended()
        finally:
            self._process = None
        self._see(Exited(code, in_words(code)))

    def _end(self) -> None:
        match self._to_end, self._process:
            case Terminate(), ChildProcess() as process:
                process.terminate()
            case Kill(), ChildProcess() as process:
                process.kill()
