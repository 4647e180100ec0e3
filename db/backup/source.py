"""The rows of a store as they are at one moment, in a SQLite file of their own; everybody goes on writing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import NullPool, create_engine, event, func, insert, select
from sqlalchemy.engine import URL, Connection

from db import tables
from db.backup.errors import BackupError
from db.engine import Database, parse_url, sqlite_path
from db.prepare import prepare
from db.schema import MIGRATIONS, head, must_be_current

BATCH = 500
"""Rows that are carried from a server at a time; a call with its steps has some KB."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a backup is of. `url`: of the store; `state`: the folder with what belongs to it; `config`: files
    beside it by neutral names; `work`: a folder on the disk of `state`, for copies, empty; `version`: of this
    program."""

    url: str
    state: Path
    work: Path
    version: str
    config: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`path`: the file with the rows; nobody else has it open. `rows`: of each table."""

    path: Path
    schema: str
    dialect: str
    rows: Mapping[str, int]


def snapshot(source: Source) -> Snapshot:
    """Raises BackupError, StoreUnavailableError; OSError where the disk fails."""
    path = source.work / "store.db"
    url = parse_url(source.url)
    file = sqlite_path(url)
    if file is None:
        _carry(url, path)
    else:
        _copy(file, path)
    path.chmod(0o600)
    try:
        with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
            return Snapshot(path, schema_of(raw), url.get_backend_name(), rows_of(raw))
    except pysqlite3.DatabaseError as exc:
        raise _damaged(str(exc)) from exc


def rows_of(raw: Any) -> dict[str, int]:
    """How many each table has, of tables that are ours or were."""
    names = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: raw.execute(f"""SELECT count(*) FROM "{name.replace('"', '""')}" """).fetchone()[0]
        for name in sorted(row[0] for row in names.fetchall())
        if name != "alembic_version"
    }


def schema_of(raw: Any) -> str:
    return str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _copy(file: Path, path: Path) -> None:
    """Written in one go, from one reading transaction: writers go on."""
    if not file.is_file():
        raise BackupError(f"there is no store {file}", hint="start the appliance once: it makes the store")
    try:
        with closing(pysqlite3.connect(str(file), timeout=5.0, isolation_level=None)) as raw:
            for pragma in ("cell_size_check=ON", "mmap_size=0"):
                raw.execute(f"PRAGMA {pragma}")
            raw.execute("VACUUM INTO ?", (str(path),))
    except pysqlite3.DatabaseError as exc:
        raise _damaged(str(exc)) from exc


def _damaged(said: str) -> BackupError:
    if "locked" in said:
        return BackupError("the store is busy", hint="try again in a moment")
    if "full" in said:
        return BackupError("the disk is full", hint="make room there and try again")
    return BackupError(
        f"the store cannot be read: {' '.join(said.split())}",
        hint="Repair Database puts it right: repair start in the shell, or callisto repair",
    )


# PostgreSQL


def _carry(url: URL, path: Path) -> None:
    """All rows of one moment into a new file, a few at a time."""
    prepare(f"sqlite:///{path}")
    target = _filling(path)
    server = Database(url)
    try:
        server.read(lambda reader: _carry_rows(reader, target, server.shown))
    finally:
        server.close()
        target.dispose()
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("PRAGMA journal_mode=DELETE")


def _carry_rows(reader: Connection, target: Any, shown: str) -> None:
    found = must_be_current(reader, shown)
    if found != head(MIGRATIONS):
        raise BackupError(f"the store has the schema {found}", hint="start the appliance once")
    with target.begin() as writer:
        for table in tables.metadata.sorted_tables:
            writer.execute(table.delete())
            rows = reader.execution_options(stream_results=True, yield_per=BATCH).execute(select(table))
            for batch in rows.mappings().partitions(BATCH):
                writer.execute(insert(table), [dict(row) for row in batch])
            count = select(func.count()).select_from(table)
            if writer.scalar(count) != reader.scalar(count):
                raise BackupError(f"the rows of {table.name} did not all arrive", hint="try again")


def _filling(path: Path) -> Any:
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
