"""Repair of the store as a job of the supervisor: it survives whoever began it, and whoever looks on."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.control.protocol import RefusedError
from appliance.errands import Errands
from appliance.marks import REPAIR as MARK
from appliance.services.ports import ServiceManager, Unit, UnitFailedError
from appliance.services.process import ChildProcess, in_words
from db.engine import parse_url, url_shown
from db.errors import StoreError
from db.location import sqlite_file
from db.repair import job as jobs
from db.repair.found import Diagnosis
from db.repair.found import of_json as diagnosis_of
from db.repair.job import Folder, Job
from db.repair.steps import Step, ended
from db.repair.work import recover

log = logging.getLogger(__name__)

TOPIC = "maintenance"


class Maintenance:
    """One repair at a time. `revision`: the last one of the store that is known; `publish` is told each
    step."""

    def __init__(
        self,
        config: Config,
        env: Mapping[str, str],
        services: ServiceManager,
        revision: Callable[[], int | None],
        publish: Callable[[str, Mapping[str, object]], None] = lambda _topic, _data: None,
        *,
        busy: Callable[[], str] = lambda: "",
    ) -> None:
        """`busy`: who else works on the whole store, in words; empty for nobody."""
        self._env = {**env, **config.environment()}
        self._services = services
        self._revision = revision
        self.publish = publish
        self.ended_one: Callable[[], None] = lambda: None
        """Called when a repair has ended: the store may be another one."""
        self._others = busy
        self._folder = Folder(config.repairs)
        self._store_url = config.store_url
        self._errands = Errands("repair")
        self._job = self._folder.job()
        self._running: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[Diagnosis] | None = None
        self._changed = asyncio.Event()

    @property
    def job(self) -> Job | None:
        """The one that runs, or the last one."""
        return self._job

    @property
    def runs(self) -> bool:
        return self._running is not None and not self._running.done()

    def busy(self) -> str:
        """Who repairs, in words; empty while nobody does."""
        if not self.runs or self._job is None:
            return ""
        return f"the store is being repaired, by {self._job.who}: {self._job.step}"

    async def check(self) -> Diagnosis:
        """Look for damage, without stopping anything. Who asks while somebody looks gets the same answer.
        Raises RefusedError."""
        self._where()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._check(), name="look for damage")
        return await asyncio.shield(self._looking)

    def begin(self, who: str, *, force: bool) -> Job:
        """Raises RefusedError, which says who repairs already; OSError when the job cannot be written
        down."""
        store = self._where()
        if self.runs and self._job is not None:
            raise RefusedError(
                f"{self._job.who} has begun a repair already: {self._job.step}",
                "repair status tells how far it is",
            )
        if busy := self._others():
            raise RefusedError(busy, "begin the repair when that is done")
        job = jobs.new(who, store, self._revision() or 0, datetime.now(UTC), force=force)
        self._folder.keep_job(job)
        self._see(job)
        log.warning("repair of the store, begun by %s", who)
        self._running = asyncio.create_task(self._run(job), name="repair")
        return job

    async def after(self, step: Step | None) -> None:
        """Return when the job is at another step than this."""
        while self._job is not None and self._job.step is step and not ended(self._job.step):
            await self._changed.wait()

    async def ended(self) -> None:
        """Return when no repair is under way."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def reports(self) -> list[dict[str, Any]]:
        """Newest first."""
        return await self._errands.do(self._folder.reports)

    async def close(self) -> None:
        """A repair that is under way is cut short; the next start finishes or undoes it."""
        for task in (self._running, self._looking):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def _run(self, job: Job) -> None:
        try:
            async with AsyncExitStack() as undo:
                if not job.of_server:
                    undo.push_async_callback(self._start_web)
                    await self._services.stop(Unit.WEB)
                code = await self._child("repairer", self._told)
                if self._job is not None and not ended(self._job.step):
                    self._see(replace(self._job, step=Step.START_WEB))
            await self._errands.do(partial(self._end, in_words(code)))
        except Exception as exc:
            log.exception("the repair has failed")
            failed = replace(job, step=Step.UNDONE, failed=True, result=f"it has failed: {exc}")
            self._folder.keep_job(failed)
        finally:
            self._see(self._folder.job() or job)
            if self._job is not None:
                level = logging.ERROR if self._job.failed else logging.WARNING
                log.log(level, "repair of the store: %s %s", self._job.result, self._job.hint)
            self.ended_one()

    def _end(self, how: str) -> None:
        """What a repairer that was killed has left is put in order, and the job is closed."""
        job = self._folder.job()
        if job is not None and not ended(job.step) and job.step is not Step.START_WEB:
            log.error("the repairer: %s", how)
        recover(self._folder)

    async def _start_web(self) -> None:
        try:
            await self._services.start(Unit.WEB)
        except UnitFailedError as exc:
            log.error("%s; it is tried again", exc)

    async def _check(self) -> Diagnosis:
        said: list[Mapping[str, Any]] = []
        code = await self._child("diagnoser", said.append)
        try:
            return diagnosis_of(said[-1])
        except (IndexError, ValueError):
            raise RefusedError(
                f"the store cannot be looked through: {in_words(code)}", "the log says why"
            ) from None

    async def _child(self, role: str, told: Callable[[Mapping[str, Any]], None]) -> int:
        def output(lines: str) -> None:
            for line in lines.splitlines():
                if line.startswith(MARK):
                    told(json.loads(line.removeprefix(MARK)))
                else:
                    log.warning("%s: %s", role, line)

        child = await ChildProcess.start((sys.executable, "-P", "-m", "appliance", role), self._env, output)
        return await child.ended()

    def _told(self, found: Mapping[str, Any]) -> None:
        self._see(jobs.of_json(found))

    def _see(self, job: Job) -> None:
        self._job = job
        self.publish(TOPIC, {"job": job.as_json()})
        self._changed.set()
        self._changed = asyncio.Event()

    def _where(self) -> Path | str:
        """The store's file, or its server's URL without secrets."""
        try:
            return sqlite_file(self._store_url) or url_shown(parse_url(self._store_url))
        except StoreError as exc:
            raise RefusedError(str(exc), exc.hint) from exc
