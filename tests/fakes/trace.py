"""Traces in memory: `put` is what the processes do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from appliance.trace.viewers import Viewer
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.trace.choice import Choice, matches
from shell.trace.record import Record
from shell.trace_ports import (
    LARGEST,
    LONGEST_S,
    SHORTEST_S,
    SMALLEST,
    Batch,
    Capture,
    Doing,
    Limits,
    TraceRefusedError,
    Watcher,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class FakeCapture:
    about: Capture
    kept: bool
    records: list[Record] = field(default_factory=list)


class FakeView:
    def __init__(self, trace: FakeTrace, viewer: Viewer, watcher: Watcher) -> None:
        self.viewer = viewer
        self.watcher = watcher
        self._trace = trace

    @property
    def capture(self) -> str:
        return self.watcher.capture

    @property
    def problem(self) -> str:
        return self._trace.no_captures

    @property
    def missed(self) -> int:
        return self.viewer.missed

    async def next(self) -> Batch:
        return await self.viewer.next()

    async def close(self) -> None:
        self._trace.left(self)


class FakeTrace:
    """`failure`: raised by everything. `no_captures`: why none can be begun. `past`: what was before.
    `doing`: what the processes do."""

    def __init__(self, now: Callable[[], datetime] = lambda: NOON) -> None:
        self._now = now
        self._captures: dict[str, FakeCapture] = {}
        self._views: list[FakeView] = []
        self.failure: SystemUnavailableError | None = None
        self.no_captures = ""
        self.past: list[Record] = []
        self.doing: tuple[Doing, ...] = (
            Doing("supervisor", "ready", 1),
            Doing("router", "ready", 2, ("3 calls now",)),
        )

    def put(self, *records: Record) -> None:
        """The processes have done this."""
        for view in tuple(self._views):
            view.viewer.put([record for record in records if matches(view.watcher.choice, record)])
        for capture in self._captures.values():
            if capture.about.ended is None:
                capture.records += [record for record in records if matches(capture.about.choice, record)]

    def end(self, name: str, reason: str) -> None:
        """A capture reaches one of its limits, say."""
        capture = self._captures[name]
        capture.about = replace(capture.about, ended=self._now(), reason=reason, lost=0)
        for view in tuple(self._views):
            if view.capture == name:
                view.viewer.end(f"{name} has ended: {reason}")
                self._views.remove(view)

    async def start(self, choice: Choice, who: Actor, limits: Limits | None = None) -> FakeView:
        self._check(limits)
        name = "" if self.no_captures else self._running(choice) or self._begin(choice, who, kept=False)
        viewer = Viewer(choice)
        view = FakeView(self, viewer, Watcher(who.user, who.address, self._now(), choice, name))
        if choice.last_s:
            viewer.put([record for record in self.past if matches(choice, record)])
        self._views.append(view)
        return view

    async def capture(self, choice: Choice, who: Actor, limits: Limits | None = None) -> str:
        self._check(limits)
        if self.no_captures:
            raise TraceRefusedError(self.no_captures)
        return self._begin(choice, who, kept=True)

    async def stop(self, name: str, who: Actor | None = None) -> None:
        self._check()
        if name not in self._captures or self._captures[name].about.ended:
            raise TraceRefusedError(f"no capture {name!r} runs", "show traces lists them")
        self.end(name, f"{who.user if who else 'somebody'} has stopped it")

    async def mark(self, text: str, who: Actor) -> None:
        self._check()
        at = self._now().timestamp()
        self.put(Record(at, "supervisor", "info", "mark", f"{who.user}: {' '.join(text.split())}"))

    async def watchers(self) -> Sequence[Watcher]:
        self._check()
        return [replace(view.watcher, missed=view.missed) for view in self._views]

    async def captures(self) -> Sequence[Capture]:
        self._check()
        return [self._about(name) for name in reversed(self._captures)]

    async def read(self, name: str) -> AsyncIterator[tuple[Record, ...]]:
        self._check()
        records = self._known(name).records
        for place in range(0, len(records), 100):
            yield tuple(records[place : place + 100])

    async def delete(self, name: str) -> None:
        self._check()
        if self._known(name).about.ended is None:
            raise TraceRefusedError(f"{name} runs", f"trace stop {name} ends it")
        del self._captures[name]

    async def processes(self) -> Sequence[Doing]:
        self._check()
        return self.doing

    def left(self, view: FakeView) -> None:
        if view in self._views:
            self._views.remove(view)
            capture = self._captures.get(view.capture)
            if capture and not capture.kept and not self._about(view.capture).watchers:
                self.end(view.capture, f"{view.watcher.user} has ended it")

    def _check(self, limits: Limits | None = None) -> None:
        if self.failure:
            raise self.failure
        if limits and not (SHORTEST_S <= limits.seconds <= LONGEST_S and SMALLEST <= limits.size <= LARGEST):
            raise TraceRefusedError("these limits cannot be", "keep it brief")

    def _known(self, name: str) -> FakeCapture:
        if name not in self._captures:
            raise TraceRefusedError(f"there is no capture {name!r}", "show traces lists them")
        return self._captures[name]

    def _running(self, choice: Choice) -> str:
        key = replace(choice, last_s=0.0)
        running = (capture.about for capture in self._captures.values() if capture.about.ended is None)
        return next((about.name for about in running if about.choice == key), "")

    def _begin(self, choice: Choice, who: Actor, *, kept: bool) -> str:
        number = len(self._captures) + 1
        name = f"{self._now():%Y%m%d-%H%M%S}-{who.user}" + (f".{number}" if number > 1 else "")
        about = Capture(name, who.user, replace(choice, last_s=0.0), self._now(), None, "", 0)
        past = [record for record in self.past if choice.last_s and matches(choice, record)]
        self._captures[name] = FakeCapture(about, kept, past)
        return name

    def _about(self, name: str) -> Capture:
        capture = self._captures[name]
        watchers = sum(view.capture == name for view in self._views)
        size = sum(len(record.text) + 100 for record in capture.records)
        return replace(capture.about, records=len(capture.records), watchers=watchers, size=size)
