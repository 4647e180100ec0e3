"""What the journal still says of single rows, whether or not it leads from one end to the other.

Damaged records are passed over. Each row is what the last record of it says; keys decide which row is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pysqlite3

from db.journal import files
from db.journal.format import (
    MAGIC,
    PREFIX,
    Because,
    FormatError,
    Frames,
    Header,
    Place,
    Record,
    record_of,
)
from db.journal.replay import bound, headers_of

_JOURNALLED = "journalled"


def go_on(raw: Any, folder: Path, place: Place) -> None:
    """Take into the store of `raw` what the journal in `folder` has after `place`, as far as it is of the
    same store. Raises pysqlite3.Error."""
    raw.execute(f"CREATE TABLE {_JOURNALLED}(name TEXT, row INTEGER, PRIMARY KEY (name, row))")
    columns = _columns(raw)
    headers = headers_of(folder)
    foreign = [each for each, header in headers.items() if header.because is Because.FOREIGN]
    begin = max([place.generation, *foreign])
    ends = {each.follows.generation: each.follows.seq for each in headers.values() if each.follows}
    raw.execute("BEGIN")
    for generation, header in sorted(headers.items()):
        if generation < begin:
            continue
        with suppress(OSError, FormatError):
            for record in records(files.path_of(folder, generation)):
                if place.seq < record.seq <= ends.get(generation, record.seq):
                    _take(raw, header, record, columns)
    raw.execute("COMMIT")


def joined_since(folder: Path) -> int | None:
    """The oldest generation from which all that has come is there, though the store lost answered changes on
    the way; None when it lost none, or something is damaged."""
    headers = headers_of(folder)
    behind = [each for each, header in headers.items() if header.because is Because.BEHIND]
    if not behind or set(headers) != set(files.generations(folder)):
        return None
    oldest: int | None = None
    for generation in sorted(headers, reverse=True):
        if not _is_whole(files.path_of(folder, generation)):
            break
        oldest = generation
        header = headers[generation]
        if header.follows is None and header.because is not Because.BEHIND:
            break
    return oldest if oldest is not None and oldest < min(behind) else None


def forget(raw: Any) -> None:
    """It is a store like others again."""
    raw.execute(f"DROP TABLE {_JOURNALLED}")


def records(path: Path) -> Iterator[Record]:
    """Those of one generation that can be read and that may have been committed. Raises OSError,
    FormatError."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{path.name} is not a journal of this version")
        frames = Frames(file)
        next(frames, None)  # the header
        waiting: Record | None = None
        while True:
            for payload in frames:
                record = record_of(payload)
                if waiting is not None and record.base >= waiting.seq:
                    yield waiting
                waiting = record
            if not frames.damaged:
                break
            file.seek(frames.end)
            length, crc = PREFIX.unpack(file.read(PREFIX.size))
            file.seek(length, 1)
            frames = Frames(file, crc)
        if waiting is not None:
            yield waiting


def query(table: str, columns: Sequence[str]) -> str:
    """The rows of a table, and whether each is from the journal."""
    names = ", ".join(f'"{each}"' for each in columns)
    return (
        f"SELECT {names}, EXISTS (SELECT 1 FROM {_JOURNALLED} WHERE name = '{table}' AND row = t.rowid)"
        f' FROM "{table}" AS t'
    )


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(len(MAGIC))
        frames = Frames(file)
        for _ in frames:
            pass
        return not frames.damaged


def _take(raw: Any, header: Header, record: Record, columns: dict[str, set[str]]) -> None:
    for op, table, rows in record.changes:
        if table not in columns:
            continue
        named, key = header.tables[table], header.keys[table]
        for row in rows:
            if op != "i":
                _execute(raw, f'DELETE FROM "{table}" WHERE', key, row[-len(key) :])
            if op != "d":
                pairs = [pair for pair in zip(named, row, strict=False) if pair[0] in columns[table]]
                _insert(raw, table, [name for name, _ in pairs], [value for _, value in pairs])


def _execute(raw: Any, begin: str, key: Sequence[str], values: Sequence[Any]) -> None:
    marks, plain = bound(values)
    where = " AND ".join(f'"{name}" IS {mark}' for name, mark in zip(key, marks, strict=True))
    raw.execute(f"{begin} {where}", plain)


def _insert(raw: Any, table: str, names: Sequence[str], values: Sequence[Any]) -> None:
    marks, plain = bound(values)
    quoted = ", ".join(f'"{name}"' for name in names)
    with suppress(pysqlite3.IntegrityError):  # a column has come since that it says nothing of
        raw.execute(f'INSERT OR REPLACE INTO "{table}" ({quoted}) VALUES ({", ".join(marks)})', plain)
        raw.execute(f"INSERT OR IGNORE INTO {_JOURNALLED} VALUES (?, last_insert_rowid())", (table,))


def _columns(raw: Any) -> dict[str, set[str]]:
    tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: {row[1] for row in raw.execute(f'PRAGMA table_info("{name}")')} for name in tables}
