"""A new store of what a salvage has saved, checked before anybody calls it one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DataError, IntegrityError

from db.engine import Database, parse_url
from db.errors import StoreUnavailableError
from db.prepare import prepare
from db.salvage.format import Value
from db.salvage.recover import Salvaged
from db.salvage.shapes import Row, Shape

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Turned:
    """A row that was not taken, or not as it was: `because`, in words."""

    table: str
    row: Row
    because: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`rows` by table as they are now; `rejected`: left out; `cut`: taken without a reference to a row that
    is lost."""

    rows: dict[str, int]
    rejected: tuple[Turned, ...]
    cut: tuple[Turned, ...]


def rebuild(salvaged: Salvaged, into: Path, *, with_doubtful: bool = False) -> Rebuilt:
    """Make a store at `into`, of the present schema, with the saved rows: one file, synced, no log beside it.

    Rows that no constraint lets in are left out and told. Raises FileExistsError; StoreUnavailableError when
    the new store does not pass its checks, or there is no room: what is there then is no store.
    """
    if into.exists():
        raise FileExistsError(f"{into} exists: a rebuilt store gets a place of its own")
    url = URL.create("sqlite", database=str(into)).render_as_string(hide_password=False)
    prepare(url)
    database = Database(parse_url(url))
    try:
        filled = database.record(lambda connection: _fill(connection, salvaged, with_doubtful=with_doubtful))
        database.read(lambda connection: _check(connection, into))
    finally:
        database.close()
    _fold(into)
    return filled


def _fill(connection: Connection, salvaged: Salvaged, *, with_doubtful: bool) -> Rebuilt:
    # Within a table rows may refer to later ones; what refers to nothing is gone before the commit.
    connection.execute(text("PRAGMA defer_foreign_keys=ON"))
    rejected: list[Turned] = []
    cut: list[Turned] = []
    for shape in salvaged.schema.shapes:
        if not shape.ours:
            continue
        if shape.name == "journal":
            continue  # the new store begins a journal of its own
        if shape.name == "revision" and salvaged_any(salvaged, shape.name):
            connection.execute(text("DELETE FROM revision"))
        rejected += _insert(connection, shape, salvaged.rows(shape.name))
        if with_doubtful:
            rejected += _insert(connection, shape, salvaged.doubtful(shape.name))
        # Before its children are there: deleting a parent would take them along, untold.
        for turned, stays in _orphans(connection, shape):
            (cut if stays else rejected).append(turned)
    connection.execute(text("UPDATE revision SET number = number + 1"))
    rows = {name: _count(connection, name) for name in salvaged.tables}
    return Rebuilt(rows, tuple(rejected), tuple(cut))


def salvaged_any(salvaged: Salvaged, table: str) -> bool:
    """Whether a row of the table is sure."""
    return next(salvaged.rows(table), None) is not None


def _insert(connection: Connection, shape: Shape, rows: Iterable[Row]) -> Iterator[Turned]:
    names = ", ".join(f'"{field.name}"' for field in shape.fields)
    marks = ", ".join("?" * len(shape.fields))
    statement = f'INSERT INTO "{shape.name}" ({names}) VALUES ({marks})'
    waiting = iter(rows)
    while batch := list(islice(waiting, _BATCH)):
        if _taken(connection, statement, batch) is None:
            continue
        for row in batch:
            problem = _taken(connection, statement, [row])
            if problem is not None:
                yield Turned(shape.name, row, problem)


def _taken(connection: Connection, statement: str, rows: Sequence[Row]) -> str | None:
    """None if all are in; else why not, and none is."""
    undo = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement, list(rows))
    except (IntegrityError, DataError) as exc:
        undo.rollback()
        return str(exc.orig)
    undo.commit()
    return None


def _orphans(connection: Connection, shape: Shape) -> Iterator[tuple[Turned, bool]]:
    """Rows that refer to a row that is lost, put right: whether each stays, without the reference."""
    keys = {row[0]: row[3] for row in connection.exec_driver_sql(f'PRAGMA foreign_key_list("{shape.name}")')}
    nullable = {reference.column for reference in shape.references if reference.nullable}
    broken = connection.exec_driver_sql(f'PRAGMA foreign_key_check("{shape.name}")').fetchall()
    gone: set[int] = set()
    for _, rowid, parent, key in broken:
        if rowid in gone:
            continue
        row = connection.exec_driver_sql(f'SELECT * FROM "{shape.name}" WHERE rowid = ?', (rowid,)).one()
        column = keys[key]
        told = Turned(shape.name, _row(row), f"{column} refers to a row of {parent} that is lost")
        if column in nullable:
            cut = f'UPDATE "{shape.name}" SET "{column}" = NULL WHERE rowid = ?'
            connection.exec_driver_sql(cut, (rowid,))
        else:
            gone.add(rowid)
            connection.exec_driver_sql(f'DELETE FROM "{shape.name}" WHERE rowid = ?', (rowid,))
        yield told, column in nullable


def _row(row: Any) -> Row:
    values: list[Value] = list(row)
    return tuple(values)


def _count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one())


def _check(connection: Connection, path: Path) -> None:
    said = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if said != ["ok"] or broken:
        problems = [each for each in said if each != "ok"]
        problems += [f"rows of {row[0]} refer to nothing" for row in broken[:3]]
        raise StoreUnavailableError(
            f"the rebuilt store {path} is not sound: {'; '.join(problems)}",
            hint="the disk may be failing; the damaged store is as it was",
        )


def _fold(path: Path) -> None:
    """The log into the file, and the file to the disk."""
    raw = pysqlite3.connect(str(path), isolation_level=None)
    try:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
