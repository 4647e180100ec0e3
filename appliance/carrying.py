"""Backups carried to targets: when somebody asks for it and when they are planned; what stays there."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from appliance.backups import Backups, Destination
from appliance.clock import local_zone
from appliance.errands import Errands
from appliance.plans import Plans
from appliance.store_keeper import StoreKeeper
from appliance.targets.keeping import Keeping
from appliance.targets.ports import Listed, Target, TargetError
from appliance.targets.retention import Keep, to_delete
from appliance.targets.ways import target_of
from appliance.updating.shelf import COPY_IS, Found, Shelf
from db.backup.folder import PART, SPARE, pieces
from db.backup.progress import Progress
from db.errors import StoreError
from db.stores.jobs import JobRun
from db.targets import TargetSettings, TargetState
from db.variables.states import Actor
from scheduler.days import parse
from scheduler.jobs import missed_between
from shell.backup_ports import BackupRefusedError, BackupState
from shell.restore_ports import RestoreRefusedError
from shell.update_ports import UpdateRefusedError

log = logging.getLogger(__name__)

SCHEDULER = Actor("Backup Scheduler", "", "system")
PIN_WITHIN = 30.0


def job_of(name: str) -> str:
    """What the plan of a target is called."""
    return f"backup to {name}"


class Delivery:
    """A destination that is a target of the store. `thin`: which backups go when this one is there."""

    def __init__(self, settings: TargetSettings, target: Target, errands: Errands) -> None:
        self.name = settings.name
        self.password = settings.password
        self._keep = Keep(settings.keep_daily, settings.keep_weekly, settings.keep_monthly)
        self._target = target
        self._errands = errands

    async def deliver(self, file: Path, tell: Callable[[Progress], None]) -> str:
        loop = asyncio.get_running_loop()
        whole = 2 * (await self._errands.do(file.stat)).st_size

        def told(now: Progress) -> None:
            loop.call_soon_threadsafe(tell, replace(now, of=whole))

        stored = await self._errands.do(self._target.put, file.name, pieces(file), told)
        said = f"it is on {self.name}: {stored.size / 1e6:,.1f} MB, read back"
        try:
            gone = await self._errands.do(self._thin, file.name)
        except TargetError as exc:
            log.warning("%s: old backups stay: %s", self.name, exc.message)
            return f"{said}; old ones could not be removed: {exc.message}"
        return f"{said}; {len(gone)} old ones removed" if gone else said

    def _thin(self, proven: str) -> Sequence[str]:
        names = [each.name for each in self._target.names()]
        gone = to_delete(names, self._keep, proven, local_zone())
        for name in gone:
            self._target.delete(name)
        return gone


class Carrying:
    """Fulfils what `Backups.find` and `Backups.ended` ask for. Inside a running loop."""

    def __init__(self, store: StoreKeeper, backups: Backups, plans: Plans) -> None:
        self._store = store
        self._backups = backups
        self._plans = plans
        self._errands = Errands("carry backups")
        self._asking = Errands("ask targets", 2)
        self._turn = asyncio.Lock()
        self._planned: set[str] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._known: tuple[TargetState, ...] = ()
        self.succeeded: Callable[[datetime], None] = lambda _began: None
        """Told when a backup that has succeeded had begun."""
        backups.find = self.find
        backups.ended = self.ended

    async def find(self, name: str) -> Destination:
        settings = await self._settings(name)
        return Delivery(settings, self._target(settings), self._errands)

    async def follow(self) -> None:
        """Plan as the store says now; what was missed while the system was off is done soon."""
        self._known = await self._store.do(lambda store: store.targets.all())
        names = {each.settings.name for each in self._known}
        for state in self._known:
            await self._plan(state)
        for gone in self._planned - names:
            self._plans.forget(job_of(gone))
        self._planned &= names

    def facts(self) -> list[dict[str, object]]:
        """For the status; no secret is in it."""
        now = datetime.now(UTC)
        return [_fact(each, now) for each in self._known]

    async def test(self, name: str) -> tuple[list[str], TargetError | None]:
        """The steps that went well, and what went wrong after them."""
        settings = await self._settings(name)
        try:
            target = self._target(settings)
        except TargetError as exc:
            return [], exc
        return await self._asking.do(_steps, target.test())

    async def backups_on(self, name: str) -> Sequence[Listed]:
        """Those on a target, newest first. Raises BackupRefusedError."""
        settings = await self._settings(name)
        return await self._asking.do(self._target(settings).names)

    async def fetch(self, name: str, backup: str, folder: Path) -> Path:
        """A backup from a target, now in `folder`, too; one that is there already is taken. Raises
        RestoreRefusedError."""
        try:
            settings = await self._settings(name)
            return await self._asking.do(_fetched, self._target(settings), backup, folder)
        except BackupRefusedError as exc:
            raise RestoreRefusedError(exc.message, exc.hint) from exc
        except OSError as exc:
            hint = "look at the disk of this machine and at its room"
            raise RestoreRefusedError(f"{backup} cannot be kept here: {exc.strerror}", hint) from exc

    async def bring(self, name: str, file: str, shelf: Shelf, tell: Callable[[str, int], None]) -> Found:
        """An update from a target, onto the shelf. Raises UpdateRefusedError, BundleError."""
        try:
            settings = await self._settings(name)
            return await self._asking.do(_brought, self._target(settings), file, shelf, tell)
        except BackupRefusedError as exc:
            raise UpdateRefusedError(exc.message, exc.hint) from exc
        except OSError as exc:
            hint = "look at the disk of this machine and at its room"
            raise UpdateRefusedError(f"{file} cannot be kept here: {exc.strerror}", hint) from exc

    async def ended(self, state: BackupState) -> None:
        if not state.failed:
            self.succeeded(state.began)
        if not state.destination:
            return
        words = f"{'failed' if state.failed else 'done'}: {state.result}"
        proven = "" if state.failed else state.file
        try:
            await self._store.do(lambda store: store.targets.ended(state.destination, words, proven))
            self._known = await self._store.do(lambda store: store.targets.all())
        except StoreError:
            log.exception("%s: the result could not be kept", state.destination)

    async def close(self) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def carry(self, name: str) -> str:
        """As planned: one target after the other. Raises BackupRefusedError."""
        async with self._turn:
            while self._backups.runs:
                await self._backups.after(await self._backups.state())
            to = await self.find(name)
            begun = self._backups.start(SCHEDULER, to, getattr(to, "password", ""))
            async for state in self._backups.follow():
                if state.number == begun.number and state.done:
                    if state.failed:
                        raise BackupRefusedError(state.result, state.hint)
                    return state.result
            raise BackupRefusedError("it was not ended", "the log says why")

    async def _plan(self, state: TargetState) -> None:
        name, settings = state.settings.name, state.settings
        weekly = parse(settings.schedule) if settings.schedule and settings.enabled else None

        async def action() -> str:
            return await self.carry(name)

        self._plans.add(job_of(name), weekly, action)
        if name in self._planned:
            return
        self._planned.add(name)
        last = await self._store.do(lambda store: store.jobs.last(job_of(name)))
        self._plans.ran(last)
        since = max(state.since, last.due) if last else state.since
        if missed := missed_between(weekly, since, datetime.now(UTC), local_zone()):
            task = asyncio.create_task(self._catch_up(name, missed.last), name=job_of(name))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _catch_up(self, name: str, due: datetime) -> None:
        began = datetime.now(UTC)
        try:
            said = f"done: {await self.carry(name)}"
        except (BackupRefusedError, StoreError) as exc:
            said = f"failed: {exc.message}"
        run = JobRun(job_of(name), "", due, began, datetime.now(UTC), f"{said}; it was due while off")
        self._plans.ran(run)
        try:
            await self._store.do(lambda store: store.jobs.record(run))
        except StoreError:
            log.exception("%s: the result could not be kept", job_of(name))

    async def _settings(self, name: str) -> TargetSettings:
        try:
            return (await self._store.do(lambda store: store.targets.get(name))).settings
        except StoreError as exc:
            raise BackupRefusedError(exc.message, exc.hint) from exc

    def _target(self, settings: TargetSettings) -> Keeping:
        loop = asyncio.get_running_loop()

        def pinned(fingerprint: str) -> None:
            log.info("%s: known from now on by %s", settings.name, fingerprint)
            kept = self._store.do(lambda store: store.targets.knows(settings.name, fingerprint))
            asyncio.run_coroutine_threadsafe(kept, loop).result(PIN_WITHIN)

        return target_of(settings, pinned)


def _fetched(target: Target, backup: str, folder: Path) -> Path:
    file, part = folder / backup, folder / (backup + PART)
    listed = next((each for each in target.names() if each.name == backup), None)
    if listed is None:
        raise TargetError(f"there is no backup {backup[:80]!r} there", "target backups NAME lists them")
    if file.exists() and file.stat().st_size == listed.size:
        return file
    free = shutil.disk_usage(folder).free
    if free < listed.size + SPARE:
        raise TargetError(
            f"it has {listed.size / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free here",
            "make room: delete old backups, traces or support bundles",
        )
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.writelines(target.get(backup))
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return file


def _brought(target: Keeping, file: str, shelf: Shelf, tell: Callable[[str, int], None]) -> Found:
    part = shelf.part(file)
    try:
        with target.file(file) as (size, chunks):
            shelf.write(part, chunks, size, tell, "fetches it")
        return shelf.take(part, tell, done=COPY_IS)
    finally:
        part.unlink(missing_ok=True)


def _steps(test: Iterator[str]) -> tuple[list[str], TargetError | None]:
    said: list[str] = []
    try:
        said.extend(test)
    except TargetError as exc:
        return said, exc
    return said, None


def _fact(state: TargetState, now: datetime) -> dict[str, object]:
    settings = state.settings
    return {
        "name": settings.name,
        "where": settings.words,
        "enabled": settings.enabled,
        "schedule": settings.schedule,
        "proven": state.proven,
        "proven_at": state.proven_at.isoformat() if state.proven_at else None,
        "result": state.result,
        "days_without": state.days_without(now),
        "late": state.is_late(now),
    }
