"""Whether the store is sound: asked of the database itself, within a time, and nothing is changed."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from db.engine import Database, sqlite_path
from db.errors import StoreUnavailableError

MOST = 20
"""Findings of each kind that are told."""
_STEPS = 100_000
"""Of SQLite's machine between two looks at the clock: some milliseconds."""


Found = tuple[tuple[str, ...], tuple[str, ...], int]


class NotInTimeError(Exception):
    """The store is too large, or its disk too slow, to be looked through in that time."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """`damage`: what is wrong with the file, or on PostgreSQL with its indexes and pages; `foreign_keys`:
    tables with rows that refer to what is not there. `bytes`: how large the store is."""

    damage: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    bytes: int
    took_s: float

    @property
    def is_sound(self) -> bool:
        return not self.damage and not self.foreign_keys


def look(database: Database, within_s: float) -> Soundness:
    """Raises NotInTimeError, and StoreUnavailableError when the store cannot be had at all."""
    began = time.monotonic()
    ask = _sqlite if sqlite_path(database.url) is not None else _postgresql
    told: list[Found] = []
    try:
        database.read(lambda connection: told.append(ask(connection, within_s)))
    except StoreUnavailableError:
        # SQLite ends a transaction that has seen damage with an error of its own.
        if not told:
            raise
    ((damage, broken, size),) = told
    if ask is _sqlite:
        size += size_of_files(database)
    return Soundness(damage, broken, size, time.monotonic() - began)


def size_of_files(database: Database) -> int:
    """Bytes of a SQLite store with its log; 0 for a server."""
    path = sqlite_path(database.url)
    if path is None:
        return 0
    size = 0
    for file in (path, path.with_name(path.name + "-wal")):
        with contextlib.suppress(OSError):
            size += file.stat().st_size
    return size


def _sqlite(connection: Connection, within_s: float) -> Found:
    """`quick_check`: all but the comparison of indexes with their tables (sqlite.org/pragma.html)."""
    raw: Any = connection.connection.dbapi_connection
    end = time.monotonic() + within_s
    raw.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
    try:
        said = connection.exec_driver_sql(f"PRAGMA quick_check({MOST})").scalars().all()
        damage = tuple(" ".join(str(each).split()) for each in said if each != "ok")
        if damage:
            return damage, (), 0  # the rows of a damaged file say nothing
        with connection.exec_driver_sql("PRAGMA foreign_key_check") as result:
            rows = result.fetchmany(MOST)
    except DBAPIError as exc:
        if "interrupted" in str(exc.orig):
            raise NotInTimeError(f"not looked through within {within_s:g} s") from exc
        if "malformed" in str(exc.orig) or "not a database" in str(exc.orig):
            return (str(exc.orig),), (), 0
        raise
    finally:
        raw.set_progress_handler(None, 0)
    return (), tuple(dict.fromkeys(f"{row[0]} to {row[2]}" for row in rows)), 0


def _postgresql(connection: Connection, within_s: float) -> Found:
    """The server keeps foreign keys itself, and checks pages as it reads them where checksums are on."""
    connection.execute(text(f"SET LOCAL statement_timeout = {int(within_s * 1000)}"))
    try:
        unusable = connection.execute(text(_INVALID_INDEXES)).scalars().all()
        pages = connection.execute(text(_FAILED_PAGES)).scalar_one() or 0
        unchecked = connection.execute(text(_UNCHECKED_KEYS)).scalars().all()
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlstate", None) == "57014":  # query_canceled
            raise NotInTimeError(f"not looked through within {within_s:g} s") from exc
        raise
    damage = [f"the index {name} is not usable: REINDEX makes it anew" for name in unusable]
    if pages:
        damage.append(f"{pages} pages were read whose checksum is wrong")
    return tuple(damage[:MOST]), tuple(f"{name} has not been checked" for name in unchecked), int(size)


_INVALID_INDEXES = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT (i.indisvalid AND i.indisready) AND n.nspname = current_schema() ORDER BY 1
"""
_FAILED_PAGES = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
_UNCHECKED_KEYS = """
    SELECT c.conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
    WHERE c.contype = 'f' AND NOT c.convalidated AND n.nspname = current_schema() ORDER BY 1
"""
