"""`callisto repair`: by the appliance that runs, or, when none does, by this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.commands.opened import actor
from appliance.commands.say import complain
from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.control.client import ControlClient
from appliance.control.maintenance import ControlRepair
from appliance.roles.repairer import sources
from appliance.state import claimed
from db.engine import parse_url, url_shown
from db.errors import StoreError
from db.location import sqlite_file
from db.repair import job as jobs
from db.repair import report, server
from db.repair.diagnosis import diagnose
from db.repair.found import Diagnosis
from db.repair.job import Folder, Job
from db.repair.work import recover, repair
from router.table import TableError, TableReader
from shell.ports import SystemUnavailableError
from shell.repair_ports import RepairRefusedError, RepairState
from shell.safe import safe

DONE, REFUSED = 0, 1


def run(config: Config, *, check: bool, as_json: bool, yes: bool) -> int:
    """0: sound, or repaired; 1: damaged (`check`), refused or failed. `yes`: do not ask."""
    try:
        path = sqlite_file(config.store_url)
        if not config.control_socket.exists():
            return _here(config, path, check=check, as_json=as_json, yes=yes)
        try:
            return asyncio.run(_there(config, check=check, as_json=as_json, yes=yes))
        except SystemUnavailableError:
            return _here(config, path, check=check, as_json=as_json, yes=yes)
    except (StoreError, RepairRefusedError) as exc:
        complain(exc.message, exc.hint)
    except (ConfigError, OSError) as exc:
        complain(str(exc))
    return REFUSED


async def _there(config: Config, *, check: bool, as_json: bool, yes: bool) -> int:
    async with ControlClient(config.control_socket) as control:
        port = ControlRepair(control)
        found = await port.check()
        if not _wanted(found, check=check, as_json=as_json, yes=yes):
            return _verdict(found)
        await port.start(actor().user or "the command line")
        last: RepairState | None = None
        async for last in port.follow():
            if not last.done:
                print(f"{last.percent:>3} %  {last.step}", file=sys.stderr, flush=True)
        assert last is not None
        reports = [each for each in await port.reports() if each.get("stamp") == last.report]
        return _end(reports, last.result, last.hint, failed=last.failed, as_json=as_json)


def _here(config: Config, path: Path | None, *, check: bool, as_json: bool, yes: bool) -> int:
    """No supervisor can start meanwhile."""
    with claimed(config):
        folder = Folder(config.repairs)
        recover(folder)
        found = diagnose(path, config.journal_dir) if path else server.diagnose(config.store_url)
        if not _wanted(found, check=check, as_json=as_json, yes=yes):
            return _verdict(found)
        who = actor().user or "the command line"
        store = path or url_shown(parse_url(config.store_url))
        job = jobs.new(who, store, _last_revision(config.routing_file), datetime.now(UTC), force=False)
        folder.keep_job(job)
        if path:
            repair(folder, job, _tell, sources(config))
        else:
            server.repair(folder, job, _tell, config.store_url)
        done = recover(folder) or folder.job() or job
        reports = [each for each in folder.reports() if each.get("stamp") == job.stamp]
        return _end(reports, done.result, done.hint, failed=done.failed, as_json=as_json)


def _tell(job: Job) -> None:
    print(f"       {job.step}", file=sys.stderr, flush=True)


def _wanted(found: Diagnosis, *, check: bool, as_json: bool, yes: bool) -> bool:
    """Say what was found, and whether it is to be repaired."""
    if check and as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        told = sys.stderr if as_json else sys.stdout
        print(
            f"the store is {'damaged (indexes only)' if found.verdict == 'indexes' else found.verdict}",
            file=told,
        )
        for each in found.findings[:20]:
            print(f"  {safe(each)}", file=told)
        for each in found.notes:
            print(f"  {safe(each)}", file=told)
        for table in found.tables:
            counts = (
                f"keep {table.kept}, doubtful {table.doubtful}, lost {table.lost}, lost pages {table.pages}"
            )
            print(f"  {table.table}: {counts}", file=told)
    if check or found.verdict in ("sound", "missing"):
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        complain("this asks first, and nobody is there to be asked", "instead: callisto repair --yes")
        return False
    return input("Repair it? (yes/no) ").strip().casefold() in ("y", "yes")


def _verdict(found: Diagnosis) -> int:
    return DONE if found.verdict == "sound" else REFUSED


def _end(reports: list[Any], result: str, hint: str, *, failed: bool, as_json: bool) -> int:
    if reports:
        told = reports[0]
        print(
            json.dumps(told, ensure_ascii=False, indent=2)
            if as_json
            else "\n".join(map(safe, report.lines(told)))
        )
    elif failed:
        complain(result, hint)
    else:
        print(result)
    return REFUSED if failed else DONE


def _last_revision(routing_file: Path) -> int:
    """As the routing table tells it, which was made of the store; 0 when there is none."""
    reader = TableReader()
    with contextlib.suppress(OSError, TableError), routing_file.open("rb") as file:
        for line in file:
            reader.feed(line)
        return reader.table().revision
    return 0
