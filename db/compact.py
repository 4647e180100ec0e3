"""Makes the store small again: old rows are deleted, the file is written anew without holes.

With its journal it is written beside itself (`db.anew`). Without one SQLite does it in its log, as one
change. Killed at any point, the store is the old or the new one.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import Column, Connection, NullPool, Select, Table, create_engine, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from db import tables
from db.anew import NotAnewError, put_anew
from db.compacted import Compacted, Keep, Old
from db.engine import WRITE_WITHIN, Database, explained, raw_connection, sqlite_path
from db.errors import RefusedError, StoreUnavailableError
from db.soundness import size_of_files

log = logging.getLogger(__name__)

BATCH = 500
"""Rows that are deleted in one change, at most: some milliseconds."""
LONG_S = 0.04
"""What a writer may wait for such a change; where the machine is slow or busy, fewer rows go at a time."""
PROBE_EVERY = 0.01
SMALL = 100_000_000
"""Bytes that are written anew without asking what it is good for: writers wait a third of a second."""
FREE_AT_LEAST = 1 / 3
"""Of a larger store. Writers wait 3 s for each GB that is written anew: for less it is not worth it."""
LOG_WITHIN = 5.0
"""Seconds to wait for readers of the log, before it is left to be folded in later."""
SHORT_MS = 200
"""What a writer may wait for such a reader at a time."""

Tell = Callable[[str], None]


class Resources:
    """What this machine has left."""

    def free(self, folder: Path) -> int:
        """Bytes on the disk of that folder."""
        return shutil.disk_usage(folder).free

    def memory(self) -> int:
        """Bytes that programs can have without swapping (proc(5), MemAvailable)."""
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return 0


def old_rows(database: Database, keep: Keep, now: datetime) -> tuple[Old, ...]:
    """What `compact` would delete."""

    def count(connection: Connection, table: Table, when: Column[Any], days: int) -> int:
        old = when < now - timedelta(days=days)
        return connection.scalar(select(func.count()).select_from(table).where(old)) or 0

    return database.read(
        lambda connection: tuple(
            Old(what, days, count(connection, table, when, days) if days else 0)
            for what, table, when, days in _rules(keep)
        )
    )


def compact(
    database: Database,
    keep: Keep,
    now: datetime,
    tell: Tell = lambda _: None,
    *,
    resources: Resources | None = None,
) -> Compacted:
    """Delete what is older than `keep` says, and write the store anew. Readers and writers go on.

    `tell`: what is being done; `resources`: of this machine unless given. Raises RefusedError where there is
    no room, before anything has been changed; StoreUnavailableError.
    """
    began = time.monotonic()
    path = sqlite_path(database.url)
    before = _size(database)
    if path is not None:
        _check_room(path, before, resources or Resources())
    with _Writers(database) as writers:
        cleaned = tuple(_clean(database, rule, now, tell) for rule in _rules(keep))
        remark = _server(database, tell) if path is None else _file(database, path, tell)
    return Compacted(before, _size(database), cleaned, writers.longest_s, time.monotonic() - began, remark)


_Rule = tuple[str, Table, Column[Any], int]


def _rules(keep: Keep) -> tuple[_Rule, ...]:
    return (
        ("call records", tables.call, tables.call.c.started, keep.calls),
        ("lines of the audit trail", tables.audit, tables.audit.c.at, keep.audit),
        ("runs of planned jobs", tables.job_run, tables.job_run.c.due, keep.jobs),
    )


def _clean(database: Database, rule: _Rule, now: datetime, tell: Tell) -> Old:
    """In small changes: what is to go is looked for by a reader, and others write in between."""
    what, table, when, days = rule
    if not days:
        return Old(what, 0, 0)
    tell(f"deletes old {what}")

    def remove(connection: Connection) -> int:
        return connection.execute(delete(table).where(key.in_(keys))).rowcount

    (key,) = table.primary_key.columns
    query = select(key).where(when < now - timedelta(days=days))
    gone, most = 0, BATCH
    while keys := _some(database, query.limit(most)):
        began = time.monotonic()
        gone += database.record(remove)
        took = time.monotonic() - began
        most = max(20, most // 2) if took > LONG_S else min(BATCH, most * 2)
        time.sleep(max(0.005, took))
    return Old(what, days, gone)


def _some(database: Database, query: Select[Any]) -> Sequence[Any]:
    return database.read(lambda connection: connection.execute(query).scalars().all())


# SQLite


def _file(database: Database, path: Path, tell: Tell) -> str:
    tell("folds the log in")
    _fold_in(database, path)
    if database.journal is not None:
        tell("writes the store anew")
        try:
            put_anew(path, database.journal.folder, database.alone)
        except (NotAnewError, OSError) as exc:
            log.warning("the store is compacted in its place, for which writers wait: %s", exc)
        except pysqlite3.DatabaseError as exc:
            raise DBAPIError(None, None, exc) from exc
        else:
            return ""
    if not _worth_it(database, path):
        return "the store was not written anew: too little of it is free, and all writers would wait"
    tell("writes the store anew")
    with _raw(database, path) as raw:
        raw.execute("PRAGMA wal_autocheckpoint=0")
        with database.alone():
            _patiently(raw, "VACUUM")
        # At once, before a writer does it at the end of his change: nobody waits for this.
        raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    tell("folds the log in")
    return "" if _fold_in(database, path) else "somebody reads the log: the file gets smaller when he is done"


def _worth_it(database: Database, path: Path) -> bool:
    with _raw(database, path) as raw:
        pages, free, size = (
            raw.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return bool((pages - free) * size <= SMALL or free >= FREE_AT_LEAST * pages)


def _fold_in(database: Database, path: Path) -> bool:
    """Whether the log is empty now. First what no writer waits for, then the little that is left."""
    deadline = time.monotonic() + LOG_WITHIN
    with _raw(database, path) as raw:
        while True:
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with database.alone():
                raw.execute(f"PRAGMA busy_timeout={SHORT_MS}")
                (busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy or time.monotonic() > deadline:
                return not busy
            time.sleep(SHORT_MS / 1000)


def _patiently(raw: Any, statement: str) -> None:
    """Other processes may keep the store locked for longer than SQLite waits."""
    deadline = time.monotonic() + WRITE_WITHIN
    while True:
        try:
            raw.execute(statement)
            return
        except pysqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise


@contextmanager
def _raw(database: Database, path: Path) -> Iterator[Any]:
    """A connection for what cannot be done in a transaction."""
    with explained(database.shown):
        raw = None
        try:
            raw = raw_connection(path)
            yield raw
        except pysqlite3.DatabaseError as exc:
            raise DBAPIError(None, None, exc) from exc
        finally:
            if raw is not None:
                raw.close()


def _check_room(path: Path, size: int, resources: Resources) -> None:
    """The new store is put together in memory (our SQLite is built so), and goes from there to the log; what
    is deleted may be kept in a journal."""
    free, memory = resources.free(path.parent), resources.memory()
    if free < 2 * size:
        raise RefusedError(
            f"compacting needs {_megabytes(2 * size)} of room in {path.parent}, twice the size of the store,"
            f" and {_megabytes(free)} are free",
            hint="make room there; nothing has been changed",
        )
    if memory < size:
        raise RefusedError(
            f"compacting needs {_megabytes(size)} of memory, and {_megabytes(memory)} are free",
            hint="try again when the machine has less to do; nothing has been changed",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


# PostgreSQL


def _server(database: Database, tell: Tell) -> str:
    """The server reuses the room; files shrink only at their ends."""
    engine = create_engine(database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with explained(database.shown), engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            tell(f"vacuums {table.name}")
            name = engine.dialect.identifier_preparer.format_table(table)
            connection.execute(text(f"VACUUM (ANALYZE) {name}"))
    return (
        "PostgreSQL: VACUUM (ANALYZE) of each table; the server keeps the room that is free now, and uses it"
    )


def _size(database: Database) -> int:
    if sqlite_path(database.url) is not None:
        return size_of_files(database)
    names = [table.name for table in tables.metadata.sorted_tables]
    query = text(
        "SELECT sum(pg_total_relation_size(quote_ident(name)::regclass))"
        " FROM unnest(CAST(:names AS text[])) AS name"
    )
    return database.read(lambda connection: int(connection.scalar(query, {"names": names}) or 0))


# How long writers wait


class _EnoughError(Exception):
    """The lock was had; there is nothing to write."""


class _Writers:
    """Two who write all the time as others do: a thread of this process, and as if in another one. They ask
    for the lock a hundred times a second, change nothing, and tell how long they had to wait for it."""

    def __init__(self, database: Database) -> None:
        self._other = Database(database.url)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, args=(each,), name="writer on trial", daemon=True)
            for each in (database, self._other)
        ]
        self.longest_s = 0.0

    def __enter__(self) -> _Writers:
        _wait_of(self._other)  # the connection is made, which is no waiting
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._other.close()

    def _look(self, database: Database) -> None:
        while not self._stop.wait(PROBE_EVERY):
            waited = _wait_of(database)
            self.longest_s = max(self.longest_s, waited)


def _wait_of(database: Database) -> float:
    """Seconds until this database lets somebody write."""
    began = time.monotonic()
    ended: list[float] = []

    def there(_: Connection) -> None:
        ended.append(time.monotonic())
        raise _EnoughError

    with suppress(_EnoughError, StoreUnavailableError):
        database.record(there)
    return (ended[0] if ended else time.monotonic()) - began
