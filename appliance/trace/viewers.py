"""One stream of trace records for all viewers of a process: each chooses, each has its own bounded ring."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from shell.trace.choice import EVERYTHING, Choice, matcher
from shell.trace.record import Record, from_wire
from shell.trace_ports import RING, STALLED_S, Batch

PAUSE: Final = 0.05
"""Seconds between two batches for one viewer, unless his ring fills up before."""
IN_A_HURRY: Final = RING // 2
LIVELY_S: Final = 1.0
"""Who has taken something within so many seconds is worth waiting for."""
FULL: Final = RING - 400
"""There is room for two batches; then the stream is held up, but not for long: upstream, all would lose."""
MOMENT: Final = 0.005


class Patience:
    """Seconds that may be spent on waiting: a share of the time, and so many at once."""

    def __init__(self, share: float, at_once_s: float) -> None:
        self._share = share
        self._most = self._left = at_once_s
        self._counted = time.monotonic()

    def is_left(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + self._share * (now - self._counted))
        self._counted = now
        return self._left > 0

    def spend(self, seconds: float) -> None:
        self._left -= seconds


class Viewer:
    """What one viewer has not been shown yet; the newest RING of it."""

    def __init__(self, choice: Choice, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.choice = choice
        self.fits = matcher(choice)
        self.everything = choice == EVERYTHING
        self.processes = frozenset(choice.processes)
        self.missed = 0
        self.taken = 0
        """Batches."""
        self.patience = Patience(share=0.1, at_once_s=0.1)
        """With him, while nobody takes anything."""
        self._monotonic = monotonic
        self._ring: deque[Record] = deque(maxlen=RING)
        self._untold = 0
        self._ended = ""
        self._waiting = 0
        self._shown_at = monotonic()
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def ended(self) -> str:
        return self._ended

    async def next(self) -> Batch:
        """As `shell.trace_ports.View.next`."""
        self._waiting += 1
        try:
            pause = self._shown_at + PAUSE - self._monotonic()
            if pause > 0 and not self._ended and len(self._ring) < IN_A_HURRY:
                self._hurry.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._hurry.wait()
            while not (self._ring or self._untold or self._ended):
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._waiting -= 1
        self._shown_at = self._monotonic()
        batch = Batch(tuple(self._ring), self._untold, self._ended)
        self._ring.clear()
        self._untold = 0
        self.taken += 1
        return batch

    def put(self, records: Sequence[Record]) -> None:
        if self._ended:
            return
        too_many = len(self._ring) + len(records) - RING
        if too_many > 0:
            self.miss(too_many)
        self._ring.extend(records)
        self._wake.set()
        if len(self._ring) >= IN_A_HURRY:
            self._hurry.set()

    def put_before(self, records: Sequence[Record]) -> None:
        """The past, which is told later than the present; as much of it as there is room for."""
        room = RING - len(self._ring)
        if room > 0:
            self._ring.extendleft(reversed(records[-room:]))
            self._wake.set()

    def miss(self, count: int) -> None:
        self.missed += count
        self._untold += count
        self._wake.set()

    def end(self, why: str) -> None:
        self._ended = self._ended or why
        self._wake.set()
        self._hurry.set()

    def needs_time(self) -> bool:
        """His ring fills up, but he takes what there is."""
        is_lively = self._monotonic() < self._shown_at + LIVELY_S
        return is_lively and len(self._ring) >= FULL and self.patience.is_left()

    def is_stalled(self) -> bool:
        has_something = bool(self._ring or self._untold)
        return not self._waiting and has_something and self._monotonic() > self._shown_at + STALLED_S


class Viewers:
    """Takes the events of the topic `trace`. What nobody here wants is not looked at."""

    def __init__(self) -> None:
        self._viewers: list[Viewer] = []
        self._next: dict[str, int] = {}
        self._patience = Patience(share=0.5, at_once_s=0.3)

    def __bool__(self) -> bool:
        return bool(self._viewers)

    def __iter__(self) -> Any:
        return iter(tuple(self._viewers))

    def add(self, viewer: Viewer) -> None:
        self._viewers.append(viewer)

    def remove(self, viewer: Viewer) -> None:
        with suppress(ValueError):
            self._viewers.remove(viewer)

    def interrupted(self) -> None:
        """The stream was cut and begins anew: ordinals do not follow on."""
        self._next.clear()

    async def room(self) -> None:
        """Give viewers their turn before the next batch, and those who need it a little more time: after a
        hiccup there are many batches. A slow viewer holds up the others for a tenth of the time at most."""
        await asyncio.sleep(0)
        while needing := [viewer for viewer in self._viewers if viewer.needs_time()]:
            if not self._patience.is_left():
                return
            taken, began = self._taken(), time.monotonic()
            await asyncio.sleep(MOMENT)
            passed = time.monotonic() - began
            self._patience.spend(passed)
            if taken == self._taken():
                for viewer in needing:
                    viewer.patience.spend(passed)

    def _taken(self) -> int:
        return sum(viewer.taken for viewer in self._viewers)

    def take(self, data: Mapping[str, Any]) -> None:
        wires = data.get("records")
        if not isinstance(wires, list):
            return
        process = data.get("process")
        wanting = self._wanting(str(process), everybody=bool(data.get("mark")))
        lost = self._lost(str(process), data.get("first"), len(wires))
        if lost:
            for viewer in wanting:
                viewer.miss(lost)
        if wires and wanting:
            self._share(_records(wires), wanting)

    def _wanting(self, process: str, *, everybody: bool) -> list[Viewer]:
        return [
            viewer
            for viewer in self._viewers
            if everybody or not viewer.processes or process in viewer.processes
        ]

    def _lost(self, process: str, first: object, count: int) -> int:
        """Records between the last batch of this process and this one. A new process counts anew."""
        if not isinstance(first, int):
            return 0
        expected = self._next.get(process, first)
        self._next[process] = first + count
        return max(0, first - expected)

    @staticmethod
    def _share(records: list[Record], wanting: list[Viewer]) -> None:
        chosen: dict[Choice, list[Record]] = {EVERYTHING: records}
        for viewer in wanting:
            mine = chosen.get(viewer.choice)
            if mine is None:
                mine = chosen[viewer.choice] = [record for record in records if viewer.fits(record)]
            if mine:
                viewer.put(mine)


def _records(wires: list[Any]) -> list[Record]:
    try:
        return [from_wire(wire) for wire in wires]
    except ValueError:
        return [record for record in map(_record_or_none, wires) if record is not None]


def _record_or_none(wire: object) -> Record | None:
    with suppress(ValueError):
        return from_wire(wire)
    return None
