"""`python -P -m tests.bench.lookers SOCKET`: a process that looks at traces as the shell does, with one
subscription for all. Half of its viewers show what comes, the others take nothing.

It says `ready`; told on its standard input how many records were sent, it waits for them and tells what
became of them as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.control.client import ControlClient
from appliance.control.trace import ControlTrace
from db.variables.states import Actor
from shell.safe import safe
from shell.trace.choice import EVERYTHING
from shell.trace.lines import line
from shell.trace.once import Once
from shell.trace.record import Record
from shell.trace_ports import View

GOOD, STALLED = 4, 4
WITHIN_S = 5.0
OURS = "bench"
"""The process that the records say they are of; others are not counted."""


class Looker:
    """`shown`: records; `characters` of them as lines; `delays_s`: of the last record of each batch."""

    def __init__(self, view: View, shown_as: Once[str]) -> None:
        self.view = view
        self.shown = self.characters = self.missed = 0
        self.expected: int | None = None
        self.delays_s: list[float] = []
        self._shown_as = shown_as

    async def look(self) -> None:
        while self.expected is None or self.shown < self.expected:
            await self.take()

    async def take(self) -> None:
        batch = await self.view.next()
        self.missed += batch.missed
        records = [record for record in batch.records if record.process == OURS]
        self.shown += len(records)
        self.characters += len("\n".join(map(self._shown_as, records)))
        if records:
            self.delays_s.append(time.time() - records[-1].at)


async def main(path: Path) -> None:
    zone = ZoneInfo("Europe/Zurich")

    def as_line(record: Record) -> str:
        return safe(line(record, zone))

    shown_as = Once(as_line)
    async with ControlClient(path) as control:
        trace = ControlTrace(control, path)
        lookers = [
            Looker(await trace.start(EVERYTHING, Actor(f"viewer{number}", "", "cli")), shown_as)
            for number in range(GOOD + STALLED)
        ]
        good, stalled = lookers[:GOOD], lookers[GOOD:]
        tasks = [asyncio.create_task(looker.look()) for looker in good]
        print("ready", flush=True)
        sent = int(await asyncio.to_thread(sys.stdin.readline))
        for looker in good:
            looker.expected = sent
        late = [task for looker, task in zip(good, tasks, strict=True) if looker.shown < sent]
        if late:
            await asyncio.wait(late, timeout=WITHIN_S)
        for task in tasks:
            task.cancel()
        for looker in stalled:
            await looker.take()
        captures = [capture for capture in await trace.captures() if capture.name == lookers[0].view.capture]
        found = {
            "good": [looker.shown for looker in good],
            "good_missed": [looker.missed for looker in good],
            "stalled": [looker.shown for looker in stalled],
            "stalled_missed": [looker.missed for looker in stalled],
            "delays_s": [delay for looker in good for delay in looker.delays_s],
            "captured": [capture.records for capture in captures],
            "capture_lost": [capture.lost for capture in captures],
        }
        print(json.dumps(found), flush=True)
        await trace.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
