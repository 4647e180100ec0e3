"""Keeps the journal of the store: each night, and when there is a reason, a round in a process of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, time
from typing import Any

from appliance.config import Config
from appliance.errands import Errands
from appliance.journal_rounds import Last, Memory, Seen, due, told
from appliance.marks import JOURNAL as MARK
from appliance.plans import Plans
from appliance.services.process import ChildProcess, in_words
from appliance.store_keeper import StoreKeeper
from db.errors import StoreError
from db.journal import keeping, snapshots
from db.journal.format import Place
from db.location import sqlite_file
from db.store import Store
from db.stores.jobs import JobRun
from scheduler.days import EVERY_DAY, WeeklyTime

log = logging.getLogger(__name__)

JOB = "journal"
NIGHTLY = WeeklyTime(EVERY_DAY, time(3, 10))
FIRST_AFTER = 10.0
"""Seconds: the services come first."""
LOOK_EVERY = 60.0


class JournalError(Exception):
    """A round has found something wrong, or could not be carried out; the text says what, and what to do."""


class JournalKeeper:
    """One round at a time. `repairs`: whether the store is being repaired, and so is replaced. A PostgreSQL
    store has a log of its own: nothing is done for it."""

    def __init__(
        self,
        config: Config,
        env: Mapping[str, str],
        store: StoreKeeper,
        plans: Plans,
        repairs: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._env = {**env, **config.environment()}
        self._store = store
        self._plans = plans
        self._repairs = repairs
        self._errands = Errands("journal")
        self._memory = Memory(config.snapshots / "last.json")
        self._last = self._memory.read()
        self._figures: dict[str, object] = {}
        self._round: asyncio.Task[Last] | None = None
        self._wanted = ""
        self._wake = asyncio.Event()
        try:
            self._file = sqlite_file(config.store_url)
        except StoreError:
            self._file = None

    @property
    def last(self) -> Last | None:
        return self._last

    async def run(self, first_after: float = FIRST_AFTER) -> None:
        """Until cancelled."""
        if self._file is None:
            return
        self._plans.add(JOB, NIGHTLY, self.keep)
        await self._pause(first_after)
        with suppress(StoreError):
            self._plans.ran(await self._store.do(lambda store: store.jobs.last(JOB)))
        while True:
            try:
                await self._look()
            except (StoreError, OSError) as exc:
                log.debug("journal: not looked at: %s", exc)
            await self._pause(LOOK_EVERY)

    def look(self) -> None:
        """The store may be another one now: it is looked at soon whether a snapshot leads to it."""
        self._wake.set()

    def taken(self, because: str) -> None:
        """The store is another one now, or was changed past its journal: a round is made soon, whatever the
        last one came to."""
        self._wanted = because
        self._wake.set()

    async def keep(self) -> str:
        """A round now, or the end of the one that is under way; what came of it. Raises JournalError."""
        if self._round is None or self._round.done():
            if self._repairs():
                raise JournalError("the store is being repaired; the journal is looked at after that")
            self._round = asyncio.create_task(self._keep(), name="a round of the journal")
        last = await asyncio.shield(self._round)
        if last.problem:
            raise JournalError(last.words())
        return last.words()

    def facts(self) -> dict[str, object]:
        """For the status; empty where there is no journal of ours."""
        if self._file is None:
            return {}
        last = self._last
        return {
            **self._figures,
            "looked_at": last.at.isoformat() if last else None,
            "compared": bool(last and last.round and last.round.since is not None),
            "problem": last.problem if last else "",
            "remedy": last.remedy if last else "",
        }

    async def close(self) -> None:
        """A round under way is cut short: store and journal are as whole as before."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait({self._round})

    # One look

    async def _look(self) -> None:
        place: Place = await self._store.do(Store.journal_place)
        seen = await self._errands.do(self._seen, place)
        why = self._wanted or due(seen, self._last, datetime.now(UTC))
        if not why or self._repairs():
            return
        self._wanted = ""
        log.info("a round of the journal: %s", why)
        began = datetime.now(UTC)
        try:
            result = f"done: {await self.keep()}"
        except JournalError as exc:
            result = f"failed: {exc}"
        run = JobRun(JOB, "", began, began, datetime.now(UTC), result)
        self._plans.ran(run)
        await self._store.do(lambda store: store.jobs.record(run))

    def _seen(self, place: Place) -> Seen:
        journal, folder = self._config.journal_dir, self._config.snapshots
        seen = Seen(keeping.lacks_snapshot(place, journal, folder), keeping.journal_bytes(journal, folder))
        free = shutil.disk_usage(journal if journal.exists() else self._config.state).free
        self._figures = {
            "journal_mb": _mb(seen.journal_bytes),
            "free_mb": free >> 20,
            **_newest(self._config),
        }
        return seen

    # One round

    async def _keep(self) -> Last:
        said: list[Mapping[str, Any]] = []
        code = 0
        try:
            code = await self._child(said)
            last = told(said[-1], datetime.now(UTC))
        except (OSError, IndexError, ValueError, TypeError) as exc:
            why = in_words(code) if code else str(exc) or repr(exc)
            last = Last(datetime.now(UTC), None, f"the journal could not be looked at: {why}", "the log says")
        self._last = last
        await self._errands.do(self._memory.write, last)
        log.log(logging.ERROR if last.problem else logging.INFO, "journal: %s", last.words())
        with suppress(StoreError):
            await self._errands.do(self._seen, await self._store.do(Store.journal_place))
        return last

    async def _child(self, said: list[Mapping[str, Any]]) -> int:
        def output(lines: str) -> None:
            for line in lines.splitlines():
                if line.startswith(MARK):
                    said.append(json.loads(line.removeprefix(MARK)))
                else:
                    log.warning("%s", line)

        argv = (sys.executable, "-P", "-m", "appliance", "snapshotter")
        child = await ChildProcess.start(argv, self._env, output)
        return await child.ended()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()


def _newest(config: Config) -> dict[str, object]:
    found = snapshots.generations(config.snapshots)
    if not found:
        return {"generation": None, "snapshot_at": None, "snapshot_mb": None, "snapshots": 0}
    stat = snapshots.path_of(config.snapshots, found[-1]).stat()
    return {
        "generation": found[-1],
        "snapshot_at": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds"),
        "snapshot_mb": _mb(stat.st_size),
        "snapshots": len(found),
    }


def _mb(size: int) -> float:
    return round(size / (1 << 20), 1)
