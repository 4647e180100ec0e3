"""The rows that a PostgreSQL server has at one moment, in a SQLite file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import NullPool, create_engine, event, func, insert, select
from sqlalchemy.engine import URL, Connection, Engine

from db import tables
from db.backup.errors import BackupError
from db.engine import Database, parse_url
from db.prepare import prepare
from db.schema import must_be_current

BATCH = 500
"""Rows that are carried at a time; a call with its steps has some KB."""


def carry(url: str, path: Path) -> None:
    """Into a new file, a few rows at a time, in one REPEATABLE READ transaction. Raises BackupError,
    StoreUnavailableError, StoreTooOldError, StoreNewerError."""
    server = Database(parse_url(url))
    try:
        server.read(lambda reader: carry_from(reader, path, server.shown))
    finally:
        server.close()


def carry_from(reader: Connection, path: Path, shown: str) -> None:
    """As `carry`, in the transaction of `reader`."""
    prepare(f"sqlite:///{path}")
    target = _filling(path)
    try:
        _carry_rows(reader, target, shown)
    finally:
        target.dispose()
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("PRAGMA journal_mode=DELETE")


def _carry_rows(reader: Connection, target: Engine, shown: str) -> None:
    must_be_current(reader, shown)
    with target.begin() as writer:
        for table in tables.metadata.sorted_tables:
            writer.execute(table.delete())
            a_few = {"stream_results": True, "yield_per": BATCH}
            rows = reader.execute(select(table), execution_options=a_few)
            for batch in rows.mappings().partitions(BATCH):
                writer.execute(insert(table), [dict(row) for row in batch])
            count = select(func.count()).select_from(table)
            if writer.scalar(count) != reader.scalar(count):
                raise BackupError(f"the rows of {table.name} did not all arrive", hint="try again")


def _filling(path: Path) -> Engine:
    """Foreign keys off: a change may refer to a later one. The proof looks at them."""
    engine = create_engine(URL.create("sqlite", database=str(path)), module=pysqlite3, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("foreign_keys=OFF", "synchronous=OFF", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
