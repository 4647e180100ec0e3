"""A repair whose steps are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from db.repair.found import Diagnosis, Rows
from shell.repair_ports import RepairRefusedError, RepairState, Report

DAMAGED = Diagnosis("damaged", ("Tree 5 page 9: wrong",), tables=(Rows("call", 90, 1, 3, 2),))
SOUND = Diagnosis("sound")
REPORT: Report = {
    "stamp": "20261124-120000", "who": "admin", "how": "salvage", "revision": 43, "whole": False,
    "kept_as": ["x.damaged"],
    "findings": [], "notes": [],
    "tables": [{
        "table": "call", "kept": 90, "from_journal": 0, "from_backup": 0, "doubtful": 0, "left_out": 0,
        "lost": 1,
        "cut": 0, "whole": False, "stretches": [], "named": [{"id": "c7", "started": "2026-11-24"}],
        "doubtful_rows": [], "left_out_rows": [], "cut_rows": [],
    }],
}  # fmt: skip


class FakeRepair:
    """`found`: what a look finds; `hold`: the repair ends when it is set; `begun`: by whom, and whether
    forced."""

    def __init__(self, found: Diagnosis = DAMAGED) -> None:
        self.found = found
        self.hold: asyncio.Event | None = None
        self.begun: list[tuple[str, bool]] = []
        self.kept: list[Report] = []

    async def check(self) -> Diagnosis:
        return self.found

    async def start(self, who: str, *, force: bool = False) -> RepairState:
        if self.hold is not None and self.begun:
            raise RepairRefusedError(f"{self.begun[0][0]} has begun a repair already", "repair status")
        self.begun.append((who, force))
        return self._state(done=False)

    async def state(self) -> RepairState | None:
        return self._state(done=self.hold is None or self.hold.is_set()) if self.begun else None

    async def follow(self) -> AsyncGenerator[RepairState, None]:
        yield self._state(done=False)
        if self.hold is not None:
            await self.hold.wait()
        self.kept.insert(0, REPORT)
        yield self._state(done=True)

    async def reports(self) -> Sequence[Report]:
        return tuple(self.kept)

    def _state(self, *, done: bool) -> RepairState:
        step, percent = ("done", 100) if done else ("build the new store", 25)
        result = "repaired: 90 rows kept, 1 lost" if done else ""
        return RepairState(self.begun[0][0], "", step, percent, done, result, report="20261124-120000")
