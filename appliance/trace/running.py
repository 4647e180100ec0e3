"""The captures that run: begun or joined, given the stream, stopped, and told when they are over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from appliance.trace.captures import Captures, Chunk
from appliance.trace.recording import Recording
from appliance.trace.taken import taken, wire_line
from db.variables.states import Actor
from shell.trace.choice import Choice, Matches, matcher
from shell.trace.record import Record, to_wire
from shell.trace_ports import Capture, Limits, TraceRefusedError

log = logging.getLogger(__name__)

MOST_RUNNING: Final = 8
LAST_WORDS_WITHIN: Final = 0.3
ENDS_KNOWN: Final = 100


@dataclass(slots=True)
class _Running:
    recording: Recording
    fits: Matches
    kept: bool
    """Whether it goes on when nobody looks."""
    task: asyncio.Task[None] | None = None


class Running:
    """`over` is told the name and the reason of each that has ended. True while one runs."""

    def __init__(
        self,
        captures: Captures,
        over: Callable[[str, str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._captures = captures
        self._tell_over = over
        self._now = now
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, str] = {}
        self._beginning = asyncio.Lock()

    def __bool__(self) -> bool:
        return bool(self._running)

    async def begin(self, choice: Choice, who: Actor, limits: Limits, past: Sequence[Record]) -> str:
        """One that goes on though nobody looks. Its name; raises TraceRefusedError."""
        async with self._beginning:
            return await self._begin(choice, who, limits, past, kept=True)

    async def join_or_begin(self, choice: Choice, who: Actor, limits: Limits, past: Sequence[Record]) -> str:
        """The one that runs with this choice, or a new one. Its name; raises TraceRefusedError."""
        key = replace(choice, last_s=0.0)
        async with self._beginning:
            for name, running in self._running.items():
                recording = running.recording
                if replace(recording.choice, last_s=0.0) == key and not recording.reason:
                    return name
            return await self._begin(choice, who, limits, past, kept=False)

    def take(self, data: Mapping[str, object]) -> None:
        """An event of the topic `trace`."""
        batch = taken(data)
        if batch is None:
            return
        for running in self._running.values():
            lines, count = batch.of(running.recording.choice, running.fits)
            if count:
                running.recording.offer(lines, count)

    def unwatched(self, name: str, who: str) -> None:
        """The last one who looked, `who`, has gone."""
        running = self._running.get(name)
        if running and not running.kept:
            running.recording.end(f"{who} has ended it")

    def stop(self, name: str, who: str) -> None:
        """Raises TraceRefusedError when it does not run."""
        running = self._running.get(name)
        if running is None:
            raise TraceRefusedError(f"no capture {name[:60]!r} runs", "show traces lists them")
        running.recording.end(f"{who} has stopped it")

    def ended(self, name: str) -> str:
        """Why it has ended; empty while it runs, and where nobody knows any more."""
        return self._ended.get(name, "")

    async def all(self, lookers_of: Callable[[str], int]) -> list[Capture]:
        """Those that have ended too."""
        found = await asyncio.to_thread(self._captures.all, list(self._running))
        return [self._completed(capture, lookers_of) for capture in found]

    async def read(self, name: str, offset: int) -> Chunk:
        """Of one that runs, what has come so far. Raises TraceRefusedError."""
        running = self._running.get(name)
        if running is not None and running.task is not None and offset == 0:
            await running.recording.written(running.task)
        return await asyncio.to_thread(self._captures.read, name, offset)

    async def delete(self, name: str) -> None:
        """Raises TraceRefusedError, for one that runs too."""
        if name in self._running:
            raise TraceRefusedError(f"{name} runs", f"trace stop {name} ends it")
        await asyncio.to_thread(self._captures.delete, name)

    async def end(self, reason: str) -> None:
        """All of them, with their last lines."""
        tasks = []
        for running in self._running.values():
            running.recording.end(reason)
            tasks += [running.task] if running.task else []
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_WITHIN)

    async def _begin(
        self, choice: Choice, who: Actor, limits: Limits, past: Sequence[Record], *, kept: bool
    ) -> str:
        if len(self._running) >= MOST_RUNNING:
            raise TraceRefusedError(f"{MOST_RUNNING} captures run already", "stop one: show traces")
        sizes = {name: running.recording.limits.size for name, running in self._running.items()}
        begun = await asyncio.to_thread(self._captures.begin, who.user, choice, limits, sizes)
        # What was asked of the past is in the file already, so the choice for the rest has none.
        kept_choice = replace(choice, last_s=0.0)
        recording = Recording(begun, kept_choice, limits, self._captures.has_room, self._now)
        if past:
            recording.offer(b"".join([wire_line(to_wire(record)) for record in past]), len(past))
        running = _Running(recording, matcher(kept_choice), kept)
        self._running[begun.name] = running
        running.task = asyncio.create_task(recording.run(), name=f"capture {begun.name}")
        running.task.add_done_callback(partial(self._over, begun.name))
        log.info("trace %s begins", begun.name)
        return begun.name

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        running = self._running.pop(name)
        failed = None if task.cancelled() else task.exception()
        if failed:
            log.error("trace %s: %r", name, failed)
        reason = running.recording.reason or "it failed"
        while len(self._ended) >= ENDS_KNOWN:
            del self._ended[next(iter(self._ended))]
        self._ended[name] = reason
        log.info("trace %s ends: %s, %d records", name, reason, running.recording.records)
        self._tell_over(name, reason)

    def _completed(self, capture: Capture, lookers_of: Callable[[str], int]) -> Capture:
        running = self._running.get(capture.name)
        if running is None:
            return capture
        recording = running.recording
        return replace(
            capture,
            ended=None,
            reason="",
            size=recording.size,
            records=recording.records,
            lost=recording.lost,
            watchers=lookers_of(capture.name),
        )
