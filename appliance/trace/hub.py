"""The supervisor's part in traces: who looks, which captures run, and what of the stream goes into them.

Viewers get the stream from the control socket itself; here it is taken only while a capture runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from appliance.trace.captures import Captures, Chunk, checked
from appliance.trace.log_source import Bus, watches_traces
from appliance.trace.lookers import Looker, Lookers
from appliance.trace.past import Past, parsed
from appliance.trace.running import Running
from db.variables.states import Actor
from shell.trace.choice import Choice, matcher
from shell.trace.record import TOPIC, Record, to_wire
from shell.trace.redact import redact_text
from shell.trace_ports import Capture, Limits, TraceRefusedError, Watcher

TICK: Final = 1.0
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
        self._past = past
        self._now = now
        self._monotonic = monotonic
        self._bus: Bus | None = None
        self._untap: Callable[[], None] | None = None
        self._running = Running(captures, self._over, now)
        self._lookers = Lookers()
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

    # Who looks

    async def look(
        self, view: str, choice: Choice, who: Actor, limits: Limits | None, began: float
    ) -> Looking:
        """From now on `view` looks, and is to be renewed within LEASE_S. The past is that before `began`,
        Unix seconds, when his stream began to flow."""
        if limits:
            checked(limits)
        self._lookers.must_have_room()
        problem, name = "", ""
        past = await self._before(choice, began)
        try:
            name = await self._running.join_or_begin(choice, who, limits or Limits(), past)
            self._tap()
        except TraceRefusedError as exc:
            problem = f"{exc.message}; {exc.hint}" if exc.hint else exc.message
        since = datetime.fromtimestamp(self._now(), UTC)
        self._lookers.enter(view, Looker(who, choice, since, name, problem, self._monotonic()))
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
        return Looking(looker.capture, looker.problem, ended=self._running.ended(looker.capture))

    def leave(self, view: str) -> None:
        """A capture that was begun for those who look ends with the last of them."""
        looker = self._lookers.leave(view)
        if looker is not None and not self._lookers.of(looker.capture):
            self._running.unwatched(looker.capture, looker.who.user)

    def watchers(self) -> list[Watcher]:
        return self._lookers.watchers()

    def mark(self, text: str, who: Actor) -> None:
        """To everybody, whatever he chose."""
        one_line = redact_text(" ".join(text.split()))
        record = Record(self._now(), SELF, "info", "mark", f"{who.user}: {one_line}"[:500])
        self._publish({"process": SELF, "records": [to_wire(record)], "mark": True})

    # Captures

    async def capture(self, choice: Choice, who: Actor, limits: Limits | None) -> str:
        """Begin one that nobody has to look at. Raises TraceRefusedError."""
        checked(limits or Limits())
        past = await self._before(choice, self._now())
        name = await self._running.begin(choice, who, limits or Limits(), past)
        self._tap()
        return name

    def stop(self, name: str, who: str) -> None:
        """Raises TraceRefusedError when it does not run."""
        self._running.stop(name, who)

    async def captures(self) -> list[Capture]:
        return await self._running.all(self._lookers.of)

    async def read(self, name: str, offset: int) -> Chunk:
        """Of one that runs, what has come so far. Raises TraceRefusedError."""
        return await self._running.read(name, offset)

    async def delete(self, name: str) -> None:
        """Raises TraceRefusedError, for one that runs too."""
        await self._running.delete(name)

    async def run(self) -> None:
        """Until cancelled: see to leases. Then every capture gets its last line."""
        try:
            while True:
                await asyncio.sleep(TICK)
                for view in self._lookers.late(self._monotonic()):
                    self.leave(view)
        finally:
            await self._running.end("the appliance was stopped")

    async def _before(self, choice: Choice, began: float) -> list[Record]:
        if not choice.last_s:
            return []
        since = self._now() - choice.last_s
        return await asyncio.to_thread(self._past.records, since, began, matcher(choice))

    def _tap(self) -> None:
        if self._untap is None and self._bus is not None:
            self._untap = self._bus.tap(TOPIC, self._running.take)

    def _over(self, name: str, reason: str) -> None:
        if not self._running and self._untap:
            self._untap()
            self._untap = None
        self._publish({"process": SELF, "records": [], "ended": {name: reason}})

    def _publish(self, data: Mapping[str, object]) -> None:
        if self._bus is not None:
            self._bus.publish(TOPIC, data)


def _last(past: Iterable[Record]) -> tuple[Record, ...]:
    """As many of the newest as fit into a reply."""
    room, kept = PAST_CHARACTERS, []
    for record in reversed(list(past)):
        room -= len(record.text) + 150
        if room < 0:
            break
        kept.append(record)
    return tuple(reversed(kept))
