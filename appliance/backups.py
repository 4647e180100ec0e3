"""Backups as a job of the supervisor: one at a time; it survives whoever began it, and whoever looks on."""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from appliance.config import Config
from appliance.errands import Errands
from appliance.marks import BACKUP as MARK
from appliance.services.process import ChildProcess, in_words
from appliance.store_keeper import StoreKeeper
from appliance.targets.ports import Target
from db.backup.folder import kept, pieces, thin, tidy
from db.backup.names import made_at_of, name_of
from db.backup.password import checked
from db.backup.progress import Progress
from db.errors import PasswordRefusedError, StoreError
from db.variables.states import Actor
from shell.backup_ports import HERE, BackupRefusedError, BackupState, KeptBackup

log = logging.getLogger(__name__)

TOPIC = "backup"
MADE_IS = 80
"""Percent of the whole that making and proving are, where the backup is carried somewhere else after it."""


class Destination(Protocol):
    """Where a backup goes when it is proven."""

    @property
    def name(self) -> str:
        """For people."""

    async def deliver(self, file: Path, tell: Callable[[Progress], None]) -> str:
        """Carry the file there and check that it arrived; what came of it, in words. `tell` is called in the
        loop's thread. Raises BackupRefusedError."""


class Carried:
    """A destination that is a target, spoken to in a thread of its own."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target

    async def deliver(self, file: Path, tell: Callable[[Progress], None]) -> str:
        loop = asyncio.get_running_loop()
        errands = Errands(f"carry a backup to {self.name}")

        def told(now: Progress) -> None:
            loop.call_soon_threadsafe(tell, now)

        try:
            stored = await errands.do(self._target.put, file.name, pieces(file), told)
        finally:
            errands.close()
        return f"it is on {self.name}: {stored.size / 1e6:,.1f} MB"


class Backups:
    """Fulfils `shell.backup_ports.Backup`. Inside a running loop.

    `busy`: why there can be no backup now, empty where there can. To be set by who knows: `find`, the
    destination of a name, which raises BackupRefusedError; `publish`, told each state; `ended`, told the
    last one.
    """

    def __init__(
        self, config: Config, env: Mapping[str, str], store: StoreKeeper, busy: Callable[[], str] = lambda: ""
    ) -> None:
        self._config = config
        self._env = {**env, **config.environment()}
        self._store = store
        self._busy = busy
        self._errands = Errands("backups")
        self._state: BackupState | None = None
        self._task: asyncio.Task[None] | None = None
        self._child: ChildProcess | None = None
        self._changed = asyncio.Event()
        self.find: Callable[[str], Awaitable[Destination]] = _nowhere
        self.publish: Callable[[str, Mapping[str, object]], None] = lambda _topic, _data: None
        self.ended: Callable[[BackupState], Awaitable[None]] = _nobody

    @property
    def runs(self) -> bool:
        return self._task is not None and not self._task.done()

    def busy(self) -> str:
        """Who makes one, in words; empty while nobody does."""
        state = self._state
        if not self.runs or state is None:
            return ""
        where = f" to {state.destination}" if state.destination else ""
        began = f"{state.began.astimezone():%H:%M:%S}"
        return (
            f"a backup{where} is being made, by {state.who} since {began}: {state.doing}, {state.percent} %"
        )

    @property
    def child(self) -> int | None:
        """The process id of the one who makes it."""
        return self._child.pid if self._child else None

    async def begin(self, actor: Actor, destination: str = HERE, password: str = "") -> BackupState:
        self._refuse()
        try:
            secret = checked(password)
        except PasswordRefusedError as exc:
            raise BackupRefusedError(exc.message, exc.hint) from exc
        to: Destination | None = await self.find(destination) if destination != HERE else None
        return self.start(actor, to, secret or getattr(to, "password", ""))

    def start(self, actor: Actor, to: Destination | None, password: str) -> BackupState:
        """As `begin`, to a destination that is known. None: it stays here."""
        self._refuse()
        state = BackupState(
            self._state.number + 1 if self._state else 1,
            actor.user or "somebody",
            self._next_second(),
            to.name if to else HERE,
            encrypted=bool(password),
        )
        self._see(state)
        log.info("backup begun by %s", state.who)
        self._task = asyncio.create_task(self._run(actor, to, password), name="backup")
        return state

    def _next_second(self) -> datetime:
        """No two of this process have the same, because it is in their names."""
        now = datetime.now(UTC).replace(microsecond=0)
        return max(now, self._state.began + timedelta(seconds=1)) if self._state else now

    async def state(self) -> BackupState | None:
        return self._state

    async def after(self, seen: BackupState | None) -> None:
        """Return when there is something else than that, or no more will come."""
        while self._state == seen and self.runs:
            await self._changed.wait()

    async def follow(self) -> AsyncGenerator[BackupState, None]:
        seen: BackupState | None = None
        while self._state is not None and self._state != seen:
            seen = self._state
            yield seen
            if not seen.done:
                await self.after(seen)

    async def kept(self) -> Sequence[KeptBackup]:
        return await self._errands.do(_kept, self._config.backups)

    async def tidy(self) -> None:
        """Remove what was left by one that was killed."""
        await self._errands.do(tidy, self._config.backups)

    async def close(self) -> None:
        """One that is under way is cut short, and nothing is left of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if self._child is not None:
                await self._child.ended()  # it has been killed; its lock is free now
            await self.tidy()

    def _refuse(self) -> None:
        if busy := self.busy():
            raise BackupRefusedError(busy, "backup status looks on")
        if why := self._busy():
            raise BackupRefusedError(why, "try again when it is done")

    async def _run(self, actor: Actor, to: Destination | None, password: str) -> None:
        assert self._state is not None
        try:
            made = await self._make(password, share=MADE_IS if to else 100)
            said = _in_words(made)
            if to is not None:
                self._see(replace(self._state, doing=f"carries it to {to.name}", percent=MADE_IS))
                said = f"{await to.deliver(self._config.backups / made['file'], self._carried)}; {said}"
            gone = await self._errands.do(thin, self._config.backups, self._config.keep_backups)
            if gone:
                log.info("older backups removed: %s", ", ".join(gone))
            state = replace(self._state, doing="", percent=100, done=True, result=said,
                            file=str(made["file"]), size=int(made["bytes"]))  # fmt: skip
        except asyncio.CancelledError:
            state = self._failed("the appliance stops", "try again when it runs")
            self._see(state)
            raise
        except (BackupRefusedError, StoreError) as exc:
            state = self._failed(exc.message, exc.hint)
        except Exception as exc:
            log.exception("the backup has failed")
            state = self._failed(f"it has failed: {type(exc).__name__}", "the log says why")
        await self._note(actor, state)
        self._task = None
        self._see(state)
        await self.ended(state)

    async def _make(self, password: str, share: int) -> Mapping[str, Any]:
        """What the archivist says of the backup that it has made."""
        assert self._state is not None
        job = {
            "file": str(self._config.backups / name_of(platform.node(), self._state.began)),
            "config": str(self._config.file or ""),
            "password": password,
            "who": f"{self._state.who} since {self._state.began.astimezone():%H:%M:%S}",
        }
        said: dict[str, Any] = {}

        def output(lines: str) -> None:
            for line in lines.splitlines():
                if line.startswith(MARK):
                    found = json.loads(line.removeprefix(MARK))
                    said.update(found)
                    self._made(found, share)
                else:
                    log.warning("archivist: %s", line)

        self._child = await ChildProcess.start(
            (sys.executable, "-P", "-m", "appliance", "archivist"),
            self._env,
            output,
            json.dumps(job).encode(),
        )
        code = await self._child.ended()
        if "made" in said:
            made: Mapping[str, Any] = said["made"]
            return made
        if "refused" in said:
            raise BackupRefusedError(said["refused"], said.get("hint", ""))
        await self.tidy()
        raise BackupRefusedError(f"no backup was made: {in_words(code)}", "the log says why; try again")

    def _made(self, found: Mapping[str, Any], share: int) -> None:
        if "doing" in found and self._state is not None:
            now = Progress(int(found["done"]), int(found["of"]), str(found["doing"]))
            percent = max(self._state.percent, now.percent * share // 100)
            self._see(replace(self._state, doing=now.doing, percent=min(percent, 99)))

    def _carried(self, now: Progress) -> None:
        if self._state is not None and not self._state.done:
            percent = MADE_IS + now.percent * (100 - MADE_IS) // 100
            doing = now.doing or self._state.doing
            self._see(replace(self._state, doing=doing, percent=min(percent, 99)))

    def _failed(self, message: str, hint: str) -> BackupState:
        assert self._state is not None
        log.error("no backup: %s", message)
        return replace(self._state, doing="", done=True, failed=True, result=message, hint=hint)

    def _see(self, state: BackupState) -> None:
        self._state = state
        self.publish(TOPIC, {"percent": state.percent, "doing": state.doing, "done": state.done})
        self._changed.set()
        self._changed = asyncio.Event()

    async def _note(self, actor: Actor, state: BackupState) -> None:
        detail = f"refused: {state.result}" if state.failed else f"{state.file}: {state.result}"
        log.info("backup: %s", detail)
        try:
            await self._store.do(lambda store: store.audit.note(actor, "backup", detail))
        except StoreError:
            log.exception("audit trail not written: %s: backup: %s", actor.user, detail)


async def _nowhere(name: str) -> Destination:
    raise BackupRefusedError(f"there is no target {name[:40]!r}", "without a name, the backup stays here")


async def _nobody(_: BackupState) -> None:
    return


def _kept(folder: Path) -> list[KeptBackup]:
    found = ((each, made_at_of(each.name)) for each in kept(folder))
    return [KeptBackup(each.name, each.stat().st_size, at) for each, at in found if at]


def _in_words(made: Mapping[str, Any]) -> str:
    """`12.3 MB with 4,711 rows and 12 files, read back and restored on trial, in 2.1 s`."""
    damaged = len(made["damaged"])
    left = f"; {damaged} files were damaged and are not in it" if damaged else ""
    if made["without"]:
        left += f"; it has no password, so what {', '.join(made['without'])} log in with is not in it"
    return (
        f"{made['bytes'] / 1e6:,.1f} MB with {made['rows']:,} rows and {made['files']:,} files,"
        f" read back and restored on trial, in {made['took_s']:.1f} s{left}"
    )
