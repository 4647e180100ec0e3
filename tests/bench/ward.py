"""A large store with its log, its journal and a snapshot; damaged copies of it, and what becomes of them."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
from sqlalchemy import Connection

from db.engine import Database, parse_url
from db.journal import snapshots
from db.repair.job import Folder, new
from db.repair.kept import Kept
from db.repair.work import repair
from db.salvage import salvage
from db.salvage.shapes import Row
from tests.db import big_store, corrupt

CHANGES = 200
SHELL_WITHIN = 120.0
OWN = ("revision", "journal")
Damage = Callable[["Ward", int], tuple[Path, Path | None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`exact`: percent of all rows; `lost`, `wrong`, `doubtful`: rows, `named`: lost ones that an index still
    names; `seconds` without the comparison, `cpu` of them by our own processor time."""

    exact: float
    lost: int
    wrong: int
    doubtful: int
    named: int
    seconds: float
    cpu: float = 0.0


class Ward:
    """`sound`: the store, its log folded in; `live`: the same with the log beside it, as a power cut leaves
    it. Neither is to be written."""

    def __init__(self, folder: Path, calls: int) -> None:
        self.folder = folder
        self.sound, self.foreign = folder / "sound.db", folder / "foreign.db"
        self.live, self.live_log = folder / "live.db", folder / "live.log"
        self.journal, self.snapshots = folder / "journal", folder / "snapshots"
        big_store.make(self.sound, calls)
        big_store.make(self.foreign, max(100, calls // 20), seed=2)
        self._work()
        self.truth = {name: rows for name, rows in big_store.truth(self.sound).items() if name not in OWN}
        self.rows = sum(map(len, self.truth.values()))
        self.size = self.sound.stat().st_size

    def _work(self) -> None:
        """Changes since the snapshot, the last ones in the log alone."""
        url = parse_url(f"sqlite:///{self.sound}")
        with closing(Database(url, journal=self.journal)) as database:
            database.rotate()
            snapshots.take(self.sound, self.snapshots)
            for at in range(CHANGES):
                database.change(lambda connection, at=at: _changed(connection, at))
            shutil.copy(self.sound, self.live)
            shutil.copy(self.sound.with_name("sound.db-wal"), self.live_log)

    def ours(self, bad: Path, log: Path | None) -> Outcome:
        began, busy = time.monotonic(), time.process_time()
        with salvage(bad, log, big_store.SCHEMA) as salvaged:
            found = {table: list(salvaged.rows(table)) for table in self.truth}
            seconds, busy = time.monotonic() - began, time.process_time() - busy
            doubtful = sum(table.doubtful for table in salvaged.report.tables)
            named = sum(table.lost for table in salvaged.report.tables)
        return replace(self.compared(found, seconds), doubtful=doubtful, named=named, cpu=busy)

    def with_journal(self, bad: Path, log: Path | None) -> Outcome:
        """The whole repair: look, build, check, exchange."""
        place = self.folder / "repaired"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        path = Path(shutil.copy(bad, place / "callisto.db"))
        if log is not None:
            shutil.copy(log, path.with_name(path.name + "-wal"))
        job = new("bench", path, 0, datetime.now(UTC), force=True)
        sources = Kept(self.journal, self.snapshots, self.folder / "none")
        began, busy = time.monotonic(), time.process_time()
        done = repair(Folder(place / "repair"), job, lambda _: None, sources)
        assert not done.failed, done
        seconds, busy = time.monotonic() - began, time.process_time() - busy
        found = {name: list(big_store.rows(path, name)) for name in self.truth}
        return replace(self.compared(found, seconds), cpu=busy)

    def theirs(self, shell: str, bad: Path) -> Outcome:
        """What `.recover` makes, loaded into a store and read back. Nothing where it ends in an error."""
        began = time.monotonic()
        into = self.folder / "recovered.db"
        into.unlink(missing_ok=True)
        try:
            made = _run([shell, str(bad), ".recover"], b"")
            _run([shell, str(into)], made.stdout)
        except subprocess.TimeoutExpired:
            return Outcome(0.0, self.rows, 0, 0, 0, time.monotonic() - began)
        seconds = time.monotonic() - began
        return self.compared({name: list(_rows(into, name)) for name in self.truth}, seconds)

    def compared(self, found: dict[str, list[Row]], seconds: float) -> Outcome:
        exact = wrong = 0
        for table, rows in found.items():
            right = len(set(rows) & self.truth[table])
            exact += right
            wrong += len(rows) - right
        return Outcome(100 * exact / self.rows, self.rows - exact, wrong, 0, 0, seconds)


def damages() -> dict[str, Damage]:
    """By what they are called in the table."""
    found: dict[str, Damage] = {name: _of_pages(how) for name, how in corrupt.DAMAGES.items()}
    return {**found, "log deleted": _log_deleted, "8 flipped bits in the log": _log_flipped}


def can_recover(shell: str, path: Path) -> bool:
    """Debian's lists .recover and cannot do it: only a run shows it."""
    if not shell:
        return False
    try:
        run = _run([shell, str(path), ".recover"], b"")
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and b"CREATE TABLE" in run.stdout and b"SQL logic error" not in run.stderr


def _of_pages(how: Callable[[corrupt.Patient], None]) -> Damage:
    def damage(ward: Ward, seed: int) -> tuple[Path, None]:
        return corrupt.damaged(ward.sound, ward.folder / "bad.db", how, seed, ward.foreign), None

    return damage


def _log_deleted(ward: Ward, _seed: int) -> tuple[Path, None]:
    return Path(shutil.copy(ward.live, ward.folder / "bad.db")), None


def _log_flipped(ward: Ward, seed: int) -> tuple[Path, Path]:
    log = corrupt.flipped_log(ward.live_log, ward.folder / "bad.log", seed, bits=8)
    return Path(shutil.copy(ward.live, ward.folder / "bad.db")), log


def _changed(connection: Connection, at: int) -> None:
    dice = random.Random(at)
    places = ", ".join("?" * 16)
    for each in range(10):
        row = big_store.call(dice, 1_000_000 + 10 * at + each)
        connection.exec_driver_sql(f'INSERT INTO "call" VALUES ({places})', row)
    connection.exec_driver_sql("UPDATE contact SET rank = ? WHERE id % 7 = ?", (at, at % 7))
    connection.exec_driver_sql("DELETE FROM audit WHERE id BETWEEN ? AND ?", (30 * at, 30 * at + 3))


def _rows(path: Path, table: str) -> Iterator[Row]:
    try:
        yield from big_store.rows(path, table)
    except pysqlite3.Error:
        return


def _run(command: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, capture_output=True, timeout=SHELL_WITHIN, check=False)
