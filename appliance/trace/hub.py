"""The supervisor's part in traces: who looks, which captures run, and what of the stream goes into them.

Viewers get the stream from the control socket itself; here it is taken only while a capture runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from appliance.trace.captures import Captures, Chunk, checked
from appliance.trace.log_source import Bus, watches_traces
from appliance.trace.past import Past, parsed
from appliance.trace.recording import Recording
from db.variables.states import Actor
from shell.trace.choice import EVERYTHING, Choice, Matches, matcher
from shell.trace.record import TOPIC, Record, from_wire, to_wire
from shell.trace.redact import redact_text
from shell.trace_ports import Capture, Limits, TraceRefusedError, Watcher

log = logging.getLogger(__name__)

MOST_RUNNING: Final = 8
MOST_LOOKERS: Final = 64
LEASE_S: Final = 15.0
"""A viewer whose process has not said for so long that it is there is gone."""
TICK: Final = 1.0
LAST_WORDS_WITHIN: Final = 0.3
PAST_CHARACTERS: Final = 300_000
"""Of past records in one reply."""
LATE_S: Final = 2.0
"""How long after the begin of a trace a log line from before it may still come."""
SELF: Final = "supervisor"
TELL_THEMSELVES: Final = frozenset({SELF, "shell", "web", "router"})
"""Processes that publish their own log while it is watched; of the others we read what they write."""


@dataclass(frozen=True, slots=True)
class Looking:
    """What somebody who looks is told. `past`: of before he came. `ended`: why nothing more will come."""

    capture: str
    problem: str = ""
    past: tuple[Record, ...] = ()
    ended: str = ""


@dataclass(slots=True)
class _Looker:
    who: Actor
    choice: Choice
    since: datetime
    capture: str
    problem: str
    heard: float
    missed: int = 0


@dataclass(slots=True)
class _Running:
    recording: Recording
    fits: Matches
    kept: bool
    """Whether it goes on when nobody looks."""
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Taken:
    """A batch of the stream, made into what captures need only when one needs it."""

    process: str
    wires: Sequence[Any]
    is_mark: bool
    _lines: list[bytes] | None = None
    _all: bytes | None = None
    _records: list[Record | None] | None = None

    def of(self, choice: Choice, fits: Matches) -> tuple[bytes, int]:
        if choice == EVERYTHING:
            if self._all is None:
                self._all = b"".join(self.lines)
            return self._all, len(self.wires)
        if choice.processes and self.process not in choice.processes and not self.is_mark:
            return b"", 0
        chosen = [place for place, record in enumerate(self.records) if record is not None and fits(record)]
        lines = self.lines if len(chosen) == len(self.wires) else None
        found = [lines[place] if lines else _line(self.wires[place]) for place in chosen]
        return b"".join(found), len(chosen)

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            self._lines = [_line(wire) for wire in self.wires]
        return self._lines

    @property
    def records(self) -> list[Record | None]:
        if self._records is None:
            self._records = [_record(wire) for wire in self.wires]
        return self._records


class Hub:
    """Create it before the control server, `attach` that, and let `run` run."""

    def __init__(
        self,
        captures: Captures,
        past: Past,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._captures = captures
        self._past = past
        self._now = now
        self._monotonic = monotonic
        self._bus: Bus | None = None
        self._untap: Callable[[], None] | None = None
        self._running: dict[str, _Running] = {}
        self._lookers: dict[str, _Looker] = {}
        self._ended: dict[str, str] = {}
        self._beginning = asyncio.Lock()
        self._watched_since: float | None = None

    # The stream

    def attach(self, bus: Bus) -> None:
        self._bus = bus
        bus.tap("watched", self._hear)

    def _hear(self, data: Mapping[str, object]) -> None:
        if not watches_traces(data):
            self._watched_since = None
        elif self._watched_since is None:
            self._watched_since = self._now()

    def output(self, process: str, text: str) -> None:
        """Lines that a child process has written: to the past, and into the stream while it is watched."""
        self._past.add(process, text)
        since = self._watched_since
        if since is None or self._bus is None:
            return
        now = self._now()
        if process in TELL_THEMSELVES:
            if now > since + LATE_S:
                return
            records = [record for record in parsed(process, text, now) if record.at < since]
        else:
            records = list(parsed(process, text, now))
        for place in range(0, len(records), 100):
            wires = [to_wire(record) for record in records[place : place + 100]]
            self._bus.publish(TOPIC, {"process": process, "records": wires})

    def _take(self, data: Mapping[str, object]) -> None:
        wires = data.get("records")
        if not isinstance(wires, list) or not wires:
            return
        taken = _Taken(str(data.get("process", "")), wires, bool(data.get("mark")))
        for running in self._running.values():
            lines, count = taken.of(running.recording.choice, running.fits)
            if count:
                running.recording.offer(lines, count)

    # Who looks

    async def look(
        self, view: str, choice: Choice, who: Actor, limits: Limits | None, began: float
    ) -> Looking:
        """From now on `view` looks, and is to be renewed within LEASE_S. The past is that before `began`,
        Unix seconds, when his stream began to flow."""
        if limits:
            checked(limits)
        if len(self._lookers) >= MOST_LOOKERS:
            raise TraceRefusedError(f"{MOST_LOOKERS} people look at traces already")
        problem, name = "", ""
        past = await self._before(choice, began)
        try:
            name = await self._join_or_begin(choice, who, limits, past)
        except TraceRefusedError as exc:
            problem = f"{exc.message}; {exc.hint}" if exc.hint else exc.message
        since = datetime.fromtimestamp(self._now(), UTC)
        self._lookers[view] = _Looker(who, choice, since, name, problem, self._monotonic())
        return Looking(name, problem, _last(past))

    async def renew(
        self, view: str, choice: Choice, who: Actor, limits: Limits | None, missed: int
    ) -> Looking:
        """A viewer is still there. One that is not known, because we are a new process, looks from now on."""
        looker = self._lookers.get(view)
        if looker is None:
            return await self.look(view, replace(choice, last_s=0.0), who, limits, self._now())
        looker.heard = self._monotonic()
        looker.missed = missed
        return Looking(looker.capture, looker.problem, ended=self._ended.get(looker.capture, ""))

    def leave(self, view: str) -> None:
        looker = self._lookers.pop(view, None)
        if looker is None:
            return
        running = self._running.get(looker.capture)
        if running and not running.kept and not self._lookers_of(looker.capture):
            running.recording.end(f"{looker.who.user} has ended it")

    def watchers(self) -> list[Watcher]:
        return [
            Watcher(
                looker.who.user,
                looker.who.address,
                looker.since,
                looker.choice,
                looker.capture,
                looker.missed,
            )
            for looker in self._lookers.values()
        ]

    def mark(self, text: str, who: Actor) -> None:
        """To everybody, whatever he chose."""
        one_line = redact_text(" ".join(text.split()))
        record = Record(self._now(), SELF, "info", "mark", f"{who.user}: {one_line}"[:500])
        self._publish({"process": SELF, "records": [to_wire(record)], "mark": True})

    # Captures

    async def capture(self, choice: Choice, who: Actor, limits: Limits | None) -> str:
        """Begin one that nobody has to look at."""
        checked(limits or Limits())
        past = await self._before(choice, self._now())
        async with self._beginning:
            return await self._begin(choice, who, limits or Limits(), past, kept=True)

    def stop(self, name: str, who: str) -> None:
        running = self._running.get(name)
        if running is None:
            raise TraceRefusedError(f"no capture {name[:60]!r} runs", "show traces lists them")
        running.recording.end(f"{who} has stopped it")

    async def captures(self) -> list[Capture]:
        found = await asyncio.to_thread(self._captures.all, list(self._running))
        return [self._completed(capture) for capture in found]

    async def read(self, name: str, offset: int) -> Chunk:
        running = self._running.get(name)
        if running is not None and running.task is not None and offset == 0:
            await running.recording.written(running.task)
        return await asyncio.to_thread(self._captures.read, name, offset)

    async def delete(self, name: str) -> None:
        if name in self._running:
            raise TraceRefusedError(f"{name} runs", f"trace stop {name} ends it")
        await asyncio.to_thread(self._captures.delete, name)

    async def run(self) -> None:
        """Until cancelled: see to leases. Then every capture gets its last line."""
        try:
            while True:
                await asyncio.sleep(TICK)
                late = self._monotonic() - LEASE_S
                for view in [view for view, looker in self._lookers.items() if looker.heard < late]:
                    self.leave(view)
        finally:
            tasks = []
            for running in self._running.values():
                running.recording.end("the appliance was stopped")
                tasks += [running.task] if running.task else []
            if tasks:
                await asyncio.wait(tasks, timeout=LAST_WORDS_WITHIN)

    async def _before(self, choice: Choice, began: float) -> list[Record]:
        if not choice.last_s:
            return []
        since = self._now() - choice.last_s
        return await asyncio.to_thread(self._past.records, since, began, matcher(choice))

    async def _join_or_begin(
        self, choice: Choice, who: Actor, limits: Limits | None, past: list[Record]
    ) -> str:
        key = replace(choice, last_s=0.0)
        async with self._beginning:
            for name, running in self._running.items():
                recording = running.recording
                if replace(recording.choice, last_s=0.0) == key and not recording.reason:
                    return name
            return await self._begin(choice, who, limits or Limits(), past, kept=False)

    async def _begin(
        self, choice: Choice, who: Actor, limits: Limits, past: list[Record], *, kept: bool
    ) -> str:
        if len(self._running) >= MOST_RUNNING:
            raise TraceRefusedError(f"{MOST_RUNNING} captures run already", "stop one: show traces")
        sizes = {name: running.recording.limits.size for name, running in self._running.items()}
        begun = await asyncio.to_thread(self._captures.begin, who.user, choice, limits, sizes)
        # What was asked of the past is in the file already, so the choice for the rest has none.
        kept_choice = replace(choice, last_s=0.0)
        recording = Recording(begun, kept_choice, limits, self._captures.has_room, self._now)
        if past:
            recording.offer(b"".join([_line(to_wire(record)) for record in past]), len(past))
        running = _Running(recording, matcher(kept_choice), kept)
        self._running[begun.name] = running
        running.task = asyncio.create_task(recording.run(), name=f"capture {begun.name}")
        running.task.add_done_callback(partial(self._over, begun.name))
        if self._untap is None and self._bus is not None:
            self._untap = self._bus.tap(TOPIC, self._take)
        log.info("trace %s begins", begun.name)
        return begun.name

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        running = self._running.pop(name)
        failed = None if task.cancelled() else task.exception()
        if failed:
            log.error("trace %s: %r", name, failed)
        reason = running.recording.reason or "it failed"
        while len(self._ended) >= 100:
            del self._ended[next(iter(self._ended))]
        self._ended[name] = reason
        log.info("trace %s ends: %s, %d records", name, reason, running.recording.records)
        if not self._running and self._untap:
            self._untap()
            self._untap = None
        self._publish({"process": SELF, "records": [], "ended": {name: reason}})

    def _completed(self, capture: Capture) -> Capture:
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
            watchers=self._lookers_of(capture.name),
        )

    def _lookers_of(self, name: str) -> int:
        return sum(looker.capture == name for looker in self._lookers.values())

    def _publish(self, data: Mapping[str, object]) -> None:
        if self._bus is not None:
            self._bus.publish(TOPIC, data)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _line(wire: object) -> bytes:
    return _encode(wire).encode() + b"\n"


def _record(wire: object) -> Record | None:
    with contextlib.suppress(ValueError):
        return from_wire(wire)
    return None


def _last(past: Iterable[Record]) -> tuple[Record, ...]:
    """As many of the newest as fit into a reply."""
    room, kept = PAST_CHARACTERS, []
    for record in reversed(list(past)):
        room -= len(record.text) + 150
        if room < 0:
            break
        kept.append(record)
    return tuple(reversed(kept))
