"""A restore as a job of the supervisor: it survives whoever began it, and whoever looks on."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.errands import Errands
from appliance.marks import RESTORE as MARK
from appliance.services.ports import ServiceManager, Unit, UnitFailedError
from appliance.services.process import ChildProcess, in_words
from appliance.store_keeper import StoreKeeper
from db.backup.manifest import Kind
from db.errors import StoreError
from db.location import sqlite_file
from db.restore import job as jobs
from db.restore import plan as plans
from db.restore import work
from db.restore.job import Folder, Job, Step, ended, percent
from db.variables.states import Actor
from shell.restore_ports import RestoreRefusedError, RestoreState

log = logging.getLogger(__name__)

TOPIC = "restore"
AGAIN_AFTER = 5.0
"""Seconds until a server that was gone is asked again what it has taken."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a restore needs of the rest. `busy`: why there can be none now, empty where there can; `find`: the
    file of an archive's name, which raises RestoreRefusedError; `look`: what does not answer, empty when all
    does; `restored`: told why the store is another one now."""

    busy: Callable[[], str]
    find: Callable[[str], Awaitable[Path]]
    look: Callable[[], Awaitable[str]]
    restored: Callable[[str], None]


class Restoring:
    """Fulfils `shell.restore_ports.Restore`. Inside a running loop. `publish` is told each step."""

    def __init__(
        self,
        config: Config,
        env: Mapping[str, str],
        services: ServiceManager,
        store: StoreKeeper,
        around: Around,
    ) -> None:
        self._config = config
        self._env = {**env, **config.environment()}
        self._services = services
        self._store = store
        self._around = around
        self._folder = Folder(config.restores)
        self._errands = Errands("restore")
        self._job = self._folder.job()
        self._doing = ""
        self._task: asyncio.Task[None] | None = None
        self._rehearses = False
        self._changed = asyncio.Event()
        self.publish: Callable[[str, Mapping[str, object]], None] = lambda _topic, _data: None

    @property
    def runs(self) -> bool:
        return self._rehearses or (self._task is not None and not self._task.done())

    def busy(self) -> str:
        """Who restores, in words; empty while nobody does."""
        if self._rehearses:
            return "a backup is being looked through before it is restored"
        if self.runs and self._job is not None:
            return f"a backup is being restored, by {self._job.who}: {self._job.step}"
        return ""

    async def rehearse(self, actor: Actor, archive: str, kinds: Sequence[Kind], password: str) -> plans.Plan:
        self._refuse()
        self._rehearses = True
        try:
            job, file = await self._new(actor, archive, kinds)
            said = await self._child("rehearse", job, file, password, user=actor.user)
            return plans.of_json(said["plan"])
        finally:
            self._rehearses = False

    async def begin(
        self, actor: Actor, archive: str, kinds: Sequence[Kind] = (), password: str = ""
    ) -> RestoreState:
        self._refuse()
        self._rehearses = True
        try:
            job, file = await self._new(actor, archive, kinds)
            await self._errands.do(self._folder.keep, job)
        finally:
            self._rehearses = False
        self._see(job)
        log.warning("restore of %s, begun by %s", job.archive, job.who)
        self._task = asyncio.create_task(self._run(actor, job, file, password), name="restore")
        return _state(job)

    async def state(self) -> RestoreState | None:
        return _state(self._job, self._doing) if self._job else None

    async def after(self, seen: RestoreState | None) -> None:
        """Return when there is something else than that, or no more will come."""
        while self.runs and await self.state() == seen:
            await self._changed.wait()

    async def follow(self) -> AsyncGenerator[RestoreState, None]:
        seen: RestoreState | None = None
        while (now := await self.state()) is not None and now != seen:
            seen = now
            yield seen
            if not seen.done:
                await self.after(seen)

    async def resume(self) -> None:
        """After the start: a restore that was killed when the store had changed places is looked at now."""
        job = self._job = await self._errands.do(self._folder.job)
        if job is not None and not ended(job.step):
            self._task = asyncio.create_task(self._resumed(job), name="restore")

    async def close(self) -> None:
        """One that is under way is cut short; the next start finishes or undoes it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # One restore

    def _refuse(self) -> None:
        if busy := self.busy() or self._around.busy():
            raise RestoreRefusedError(busy, "restore when that is done")

    async def _new(self, actor: Actor, archive: str, kinds: Sequence[Kind]) -> tuple[Job, Path]:
        try:
            path = sqlite_file(self._config.store_url)
        except StoreError as exc:
            raise RestoreRefusedError(exc.message, exc.hint) from exc
        file = await self._around.find(archive)
        floor = self._store.state().revision or 0
        place = self._folder.place(path, self._config.state, floor, self._config.file)
        chosen = tuple(kinds) or plans.EVERYTHING
        return jobs.new(actor.user or "somebody", file.name, place, chosen, datetime.now(UTC)), file

    async def _run(self, actor: Actor, job: Job, file: Path, password: str) -> None:
        try:
            job = jobs.of_json((await self._child("read", job, file, password))["job"])
            async with AsyncExitStack() as undo:
                undo.push_async_callback(self._start_web)
                job = self._step(job, Step.STOP_WEB)
                await self._services.stop(Unit.WEB)
                try:
                    await self._child("exchange", job, file, "")
                finally:
                    job = await self._recovered(job)
                self._see(job)
            if not ended(job.step):
                await self._end(actor, job)
                return
        except asyncio.CancelledError:
            raise
        except RestoreRefusedError as exc:
            job = await self._errands.do(work.undone, self._folder, self._kept(job), exc.message, exc.hint)
        except Exception as exc:
            log.exception("the restore has failed")
            why = f"it has failed: {type(exc).__name__}"
            job = await self._errands.do(work.undone, self._folder, self._kept(job), why, "the log says why")
        await self._finished(actor, job)

    async def _resumed(self, job: Job) -> None:
        if job.server and job.step is Step.EXCHANGE:  # the server was gone when we started
            job = await self._recovered(job)
        if ended(job.step):
            await self._finished(_nobody(job), job)
        else:
            await self._end(_nobody(job), job)

    async def _recovered(self, job: Job) -> Job:
        """A server that has gone is waited for: nobody else knows what it has taken."""
        while True:
            try:
                await self._errands.do(work.recover, self._folder, self._config.store_url)
            except StoreError as exc:
                if not self._kept(job).server:
                    raise
                log.error("the restore waits for the server: %s", exc.message)
                await asyncio.sleep(AGAIN_AFTER)
            else:
                return self._kept(job)

    async def _end(self, actor: Actor, job: Job) -> None:
        """The store has changed places: does everything answer? Else the former state comes back."""
        job = self._step(job, Step.LOOK)
        trouble = await self._around.look()
        if not trouble:
            job = await self._errands.do(work.done, self._folder, job)
            await self._finished(actor, job)
            return
        log.error("after the restore: %s; the former state is put back", trouble)
        try:
            async with AsyncExitStack() as undo:
                undo.push_async_callback(self._start_web)
                await self._services.stop(Unit.WEB)
                await self._child("go back", job, Path(), "", why=trouble)
        except RestoreRefusedError as exc:
            log.error("the former state cannot be put back: %s", exc.message)
        await self._finished(actor, self._kept(job))

    async def _finished(self, actor: Actor, job: Job) -> None:
        if ended(job.step):
            self._around.restored("restore")
        self._doing = ""
        self._task = None
        said = f"{job.archive}: {job.result}"
        log.log(logging.ERROR if job.failed else logging.WARNING, "restore of %s", said)
        try:
            await self._store.do(lambda store: store.audit.note(actor, "restore", said))
        except StoreError:
            log.exception("audit trail not written: %s: restore: %s", actor.user, said)
        self._see(job)

    async def _start_web(self) -> None:
        try:
            await self._services.start(Unit.WEB)
        except UnitFailedError as exc:
            log.error("%s; it is tried again", exc)

    def _kept(self, job: Job) -> Job:
        return self._folder.job() or job

    def _step(self, job: Job, step: Step) -> Job:
        job = work.at(self._folder, job, step)
        self._see(job)
        return job

    def _see(self, job: Job) -> None:
        self._job = job
        self._tell()

    def _tell(self) -> None:
        if self._job is not None:
            self.publish(TOPIC, {"job": self._job.as_json()})
        self._changed.set()
        self._changed = asyncio.Event()

    # The process that does it

    async def _child(self, do: str, job: Job, file: Path, password: str, **more: str) -> dict[str, Any]:
        """What it said last of each thing. Raises RestoreRefusedError."""
        asked = {
            "do": do,
            "job": job.as_json(),
            "file": str(file),
            "password": password,
            "config": str(self._config.file or ""),
            **more,
        }
        said: dict[str, Any] = {}
        argv = (sys.executable, "-P", "-m", "appliance", "restorer")
        output = partial(self._said, said)
        child = await ChildProcess.start(argv, self._env, output, json.dumps(asked).encode())
        try:
            code = await child.ended()
        finally:
            child.kill()
        if "refused" in said:
            raise RestoreRefusedError(said["refused"], said.get("hint", ""))
        if not said or (code and "job" not in said):
            raise RestoreRefusedError(f"the restore: {in_words(code)}", "the log says why; try again")
        return said

    def _said(self, said: dict[str, Any], lines: str) -> None:
        for line in lines.splitlines():
            if not line.startswith(MARK):
                log.warning("restorer: %s", line)
                continue
            found = json.loads(line.removeprefix(MARK))
            said.update(found)
            if "job" in found:
                job = jobs.of_json(found["job"])
                if not ended(job.step):  # there is more to do after the last step of a process
                    self._doing = ""
                    self._see(job)
            elif "doing" in found and self._doing != found["doing"]:
                self._doing = str(found["doing"])
                self._tell()


def _state(job: Job, doing: str = "") -> RestoreState:
    return RestoreState(
        job.stamp, job.who, datetime.fromisoformat(job.began), job.archive, job.kinds, doing or str(job.step),
        percent(job.step), ended(job.step), job.failed, job.saved, job.result, job.hint, job.notes,
    )  # fmt: skip


def _nobody(job: Job) -> Actor:
    return Actor(job.who, "", "system")
