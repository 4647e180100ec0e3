"""A store written anew beside itself, and put in its own place: writers wait for the last few changes alone.

Its journal makes that possible: a copy without holes is made while others write, the journal's records bring
it up to date, and while nobody writes the last of them and the exchange of the files take some milliseconds.
Killed at any point, there is the old store or the new one: the log of the old one is empty before it goes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pysqlite3

from db.engine import raw_connection
from db.errors import StoreError
from db.journal.capture import kept_tables
from db.journal.format import FormatError
from db.journal.replay import replay
from db.journal.writer import place_of

FEW = 20
"""Records that writers may wait for."""
ROUNDS = 10
WITHIN = 10.0
"""Seconds to wait for readers of the log."""
SHORT_MS = 50
"""What a writer may wait for such a reader at a time."""
SMALL = 20_000
"""Rows of a table that are compared one by one."""

Alone = Callable[[], AbstractContextManager[None]]


class NotAnewError(Exception):
    """The store is as it was; why, in words."""


def put_anew(path: Path, journal: Path, alone: Alone) -> None:
    """Whoever has the store open notices the new file at his next transaction (docs/decisions/0013). `alone`:
    no writer of ours goes on meanwhile. Raises NotAnewError; OSError, pysqlite3.Error: the store is as it
    was, too."""
    copy = _copy_of(path)
    clear(copy)
    try:
        _copy(path, journal, copy)
        deadline = time.monotonic() + WITHIN
        while not _exchanged(path, journal, copy, alone):
            if time.monotonic() > deadline:
                raise NotAnewError("somebody reads the store all the time")
            time.sleep(SHORT_MS / 1000)
    except (StoreError, FormatError) as exc:
        raise NotAnewError(str(exc)) from exc
    finally:
        clear(copy)


def forget(path: Path) -> None:
    """What somebody who was killed has left beside the store `path`. Nobody writes it anew just now."""
    clear(_copy_of(path))


def _copy_of(path: Path) -> Path:
    return path.with_name(path.name + ".compacting")


def clear(copy: Path) -> None:
    """What a copy that was not finished has left."""
    for each in copy.parent.glob(copy.name + "*"):
        each.unlink(missing_ok=True)


def _copy(path: Path, journal: Path, copy: Path) -> None:
    """Without holes, and up to date but for a few changes."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(raw_connection(path)) as raw:
        if not place_of(raw).generation:
            raise NotAnewError("the store's journal has not begun")
        raw.execute("VACUUM INTO ?", (str(copy),))
        with closing(pysqlite3.connect(str(copy), isolation_level=None)) as new:
            new.execute("PRAGMA journal_mode=WAL")
        _sync(copy)
        for _ in range(ROUNDS):
            if replay(copy, journal, copy, upto=place_of(raw)).records <= FEW:
                return
    raise NotAnewError("more is written than can be followed")


def _exchanged(path: Path, journal: Path, copy: Path, alone: Alone) -> bool:
    """False while somebody reads the log."""
    with closing(raw_connection(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # nobody waits for this
        raw.execute("BEGIN")  # what is compared is of one moment, and others write on
        replay(copy, journal, copy, upto=place_of(raw))
        _compare(raw, copy)
        raw.execute("COMMIT")
        with alone():
            raw.execute(f"PRAGMA busy_timeout={SHORT_MS}")
            if raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return False
            raw.execute("BEGIN IMMEDIATE")
            try:
                replay(copy, journal, copy, upto=place_of(raw))
                for ending in ("-wal", "-shm"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
                copy.replace(path)
                _sync(path.parent)
            finally:
                raw.execute("ROLLBACK")
    return True


def _compare(raw: Any, copy: Path) -> None:
    """Somebody who does not know of the journal may have written. The rows of large tables are counted alone;
    nightly each is compared."""
    with closing(pysqlite3.connect(str(copy), isolation_level=None)) as new:
        for table in kept_tables():
            count, every = (f'SELECT {what} FROM "{table.name}"' for what in ("count(*)", "*"))
            rows, others = (each.execute(count).fetchone()[0] for each in (raw, new))
            if rows != others or (
                rows <= SMALL and set(raw.execute(every).fetchall()) != set(new.execute(every).fetchall())
            ):
                raise NotAnewError(f"table {table.name} was changed past the journal")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
