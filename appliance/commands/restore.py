"""`callisto restore`: by the appliance that runs, or, when none does, by this process."""

from __future__ import annotations

import asyncio
import getpass
import json
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from appliance.archives import Archives
from appliance.backup_source import source_of
from appliance.commands.opened import DONE, REFUSED, actor, make_state
from appliance.commands.say import complain
from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.control.client import ControlClient
from appliance.control.restore import ControlRestore
from appliance.state import claimed
from db.backup.errors import ArchiveError, PasswordNeededError
from db.backup.folder import pieces
from db.backup.manifest import Kind
from db.errors import StoreError
from db.location import sqlite_file
from db.restore import rehearsal, work
from db.restore.job import Folder, Job, Step, new
from db.restore.plan import Plan, chosen, lines
from shell.ports import SystemUnavailableError
from shell.restore_ports import RestoreRefusedError, RestoreState
from shell.safe import safe


class _Wanted:
    """What was asked for. `archive`: a path, or a name for the appliance; `yes`: do not ask."""

    def __init__(
        self, archive: str, only: str, *, password_file: Path | None, dry: bool, yes: bool, as_json: bool
    ) -> None:
        self.archive = archive
        self.kinds: tuple[Kind, ...] = chosen(only.split(","))
        self.password = _first_line(password_file) if password_file else ""
        self.has_password = password_file is not None
        self.dry, self.yes, self.as_json = dry, yes, as_json


def run(
    config: Config,
    archive: str,
    only: str,
    *,
    password_file: Path | None,
    dry: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """0: restored, or told what would change (`dry`); 1: refused, or it has failed and is as it was. `only`:
    kinds with commas between them, empty for everything; `yes`: do not ask."""
    try:
        path = Path(archive).absolute()
        archive = str(path) if path.is_file() else archive
        wanted = _Wanted(archive, only, password_file=password_file, dry=dry, yes=yes, as_json=as_json)
        if config.control_socket.exists():
            try:
                return asyncio.run(_there(config, wanted))
            except SystemUnavailableError:
                pass
        return _here(config, wanted)
    except (StoreError, RestoreRefusedError) as exc:
        complain(exc.message, exc.hint)
    except (ConfigError, OSError) as exc:
        complain(str(exc))
    return REFUSED


async def _there(config: Config, wanted: _Wanted) -> int:
    """The appliance does it, and goes back if anything does not answer afterwards."""
    async with ControlClient(config.control_socket) as control:
        port = ControlRestore(control)

        async def rehearsed() -> Plan:
            return await port.rehearse(actor(), wanted.archive, wanted.kinds, wanted.password)

        try:
            plan = await rehearsed()
        except RestoreRefusedError as exc:
            if exc.message != PasswordNeededError().message or not _asked_for_password(wanted):
                raise
            plan = await rehearsed()
        if not _confirmed(plan, wanted):
            return DONE if wanted.dry else REFUSED
        await port.begin(actor(), wanted.archive, wanted.kinds, wanted.password)
        last: RestoreState | None = None
        async for last in port.follow():
            if not last.done:
                print(f"{last.percent:>3} %  {safe(last.step)}", file=sys.stderr, flush=True)
        assert last is not None
        if wanted.as_json:
            print(json.dumps({**asdict(last), "began": last.began.isoformat()}, ensure_ascii=False, indent=2))
        return _end(last.result, last.hint, last.notes, last.saved, failed=last.failed)


def _here(config: Config, wanted: _Wanted) -> int:
    """No supervisor can start meanwhile."""
    store = sqlite_file(config.store_url)
    make_state(config)
    with claimed(config):
        folder = Folder(config.restores)
        work.recover(folder, config.store_url)
        file = asyncio.run(Archives(config).find(wanted.archive))
        place = folder.place(store, config.state, config=config.file)
        job = new(actor().user or "the command line", file.name, place, wanted.kinds, datetime.now(UTC))
        try:
            plan = _rehearsed(config, folder, job, file, wanted)
            if not _confirmed(plan, wanted):
                return DONE if wanted.dry else REFUSED
            done = _restored(config, folder, job, wanted.password)
        finally:
            work.forget(folder)
        if wanted.as_json:
            print(json.dumps(done.as_json(), ensure_ascii=False, indent=2))
        return _end(done.result, done.hint, done.notes, done.saved, failed=done.failed)


def _rehearsed(config: Config, folder: Folder, job: Job, file: Path, wanted: _Wanted) -> Plan:
    try:
        manifest = rehearsal.read(folder, pieces(file), wanted.password)
    except PasswordNeededError:
        if not _asked_for_password(wanted):
            raise
        manifest = rehearsal.read(folder, pieces(file), wanted.password)
    return rehearsal.rehearse(folder, job, manifest, url=config.store_url)


def _restored(config: Config, folder: Folder, job: Job, password: str) -> Job:
    """What was read for the rehearsal is what is put in place."""
    folder.keep(job)
    _told(work.at(folder, job, Step.SAVE))
    try:
        job = rehearsal.save(job, source_of(config, config.file), platform.node(), password)
    except (StoreError, OSError) as exc:
        return work.undone(folder, job, str(exc), exc.hint if isinstance(exc, StoreError) else work.AS_IT_WAS)
    done = work.exchange(folder, job, _told, config.store_url)
    return done if done.failed else work.done(folder, done)


def _told(job: Job) -> None:
    print(f"       {job.step}", file=sys.stderr, flush=True)


def _confirmed(plan: Plan, wanted: _Wanted) -> bool:
    """Say what would change, and whether it is to be."""
    if wanted.dry and wanted.as_json:
        print(json.dumps(plan.as_json(), ensure_ascii=False, indent=2))
    else:
        for line in lines(plan):
            print(safe(line), file=sys.stderr if wanted.as_json else sys.stdout)
    if wanted.dry or wanted.yes:
        return not wanted.dry
    if not sys.stdin.isatty():
        complain("this asks first, and nobody is there to be asked", "instead: callisto restore --yes")
        return False
    return input("Restore it? (yes/no) ").strip().casefold() in ("y", "yes")


def _asked_for_password(wanted: _Wanted) -> bool:
    """Whether somebody has given one now."""
    if wanted.has_password or not sys.stdin.isatty():
        return False
    wanted.password = getpass.getpass("Password of the backup: ", sys.stderr)
    return bool(wanted.password)


def _first_line(file: Path) -> str:
    found = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    if not found:
        raise ArchiveError(f"{file} has no password in its first line", hint="write one there")
    return found


def _end(result: str, hint: str, notes: tuple[str, ...], saved: str, *, failed: bool) -> int:
    if failed:
        complain(result, hint)
    else:
        print(safe(result))
    for note in notes:
        print(f"  {safe(note)}")
    if saved:
        print(f"  the state before it is in {safe(saved)}")
    return REFUSED if failed else DONE
