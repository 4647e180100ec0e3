"""A new store of a damaged one: by its own indexes made anew, by the journal, or by what a salvage finds."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pysqlite3
from sqlalchemy import URL

from db.errors import StoreError, StoreUnavailableError
from db.prepare import prepare
from db.repair.found import Diagnosis
from db.repair.gaps import Gaps, Table
from db.repair.kept import clear
from db.repair.sources import Sources
from db.salvage import rebuild, salvage, schema_of
from db.salvage.place import said_place
from db.store import Store
from db.tables import metadata

How = Literal["indexes", "journal", "salvage"]


@dataclass(frozen=True, slots=True)
class Built:
    how: How
    tables: tuple[Table, ...]
    revision: int = 0
    notes: tuple[str, ...] = field(default=())


def build(
    damaged: Path, log: Path | None, into: Path, found: Diagnosis, sources: Sources, *, floor: int = 0
) -> Built:
    """Make the store `into`, by the way that keeps most. `floor`: the last revision of the store that is
    known. Raises StoreError and OSError: nothing is built."""
    clear(into)
    notes: list[str] = []
    if found.verdict == "indexes":
        try:
            return _with_new_indexes(damaged, log, into)
        except (pysqlite3.DatabaseError, StoreError) as exc:
            notes.append(f"new indexes alone do not do: {exc}")
            clear(into)
    place = said_place(damaged, log if log and log.is_file() else None, schema_of(metadata))
    if sources.replay(into, place):
        revision = _revision(into)
        if revision >= floor:
            tables = tuple(replace(each, from_journal=each.rows) for each in _counted(into))
            return Built("journal", tables, notes=(*notes, *sources.notes()))
        notes.append(f"the journal ends with revision {revision}, and the store had {floor}")
    clear(into)
    return _salvaged(damaged, log, into, sources, notes)


def finish(into: Path, floor: int) -> int:
    """Bring the new store to the present schema, give it a revision above `floor`, and look through it once
    more; its revision. It is one file then, on the disk. Raises StoreUnavailableError when it is not
    sound."""
    url = URL.create("sqlite", database=str(into)).render_as_string(hide_password=False)
    prepare(url)
    with closing(_raw(into)) as raw:
        raw.execute("UPDATE revision SET number = max(number, ?) + 1", (floor,))
        raw.execute("UPDATE journal SET generation = 0")  # what its journal has does not lead here
        problems = _problems(raw)
        if problems:
            raise StoreUnavailableError(
                f"the new store {into} is not sound: {'; '.join(problems)}",
                hint="the disk may be failing; the damaged store is as it was",
            )
    with Store.open(url) as store:  # the present schema, and the office can be read
        store.office.read()
        number = store.revision()
    with closing(_raw(into)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _sync(into)
    return number


def _with_new_indexes(damaged: Path, log: Path | None, into: Path) -> Built:
    shutil.copyfile(damaged, into)
    into.chmod(0o600)
    if log is not None and log.is_file():
        shutil.copyfile(log, into.with_name(into.name + "-wal"))
    with closing(_raw(into)) as raw:
        raw.execute("REINDEX")
        problems = _problems(raw)
        if problems:
            raise StoreUnavailableError("; ".join(problems))
    return Built("indexes", _counted(into))


def _revision(path: Path) -> int:
    with closing(_raw(path)) as raw:
        return int(raw.execute("SELECT max(number) FROM revision").fetchone()[0] or 0)


def _counted(path: Path) -> tuple[Table, ...]:
    with closing(_raw(path)) as raw:
        return tuple(
            Table(name, raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
            for name in (table.name for table in metadata.sorted_tables)
        )


def _salvaged(damaged: Path, log: Path | None, into: Path, sources: Sources, notes: list[str]) -> Built:
    with salvage(damaged, log if log and log.is_file() else None, schema_of(metadata)) as found:
        rebuilt = rebuild(found, into)
        with closing(_raw(into)) as raw:
            raw.execute("PRAGMA foreign_keys=ON")
            gaps = Gaps(raw, found, rebuilt, sources, into)
            gaps.fill()
            return Built("salvage", tuple(gaps.tables()), notes=(*notes, *sources.notes()))


def _problems(raw: Any) -> list[str]:
    said = [" ".join(str(row[0]).split()) for row in raw.execute("PRAGMA integrity_check(3)")]
    broken = raw.execute("PRAGMA foreign_key_check").fetchmany(3)
    return [
        *(each for each in said if each != "ok"),
        *(f"rows of {row[0]} refer to nothing" for row in broken),
    ]


def _raw(path: Path) -> Any:
    raw = pysqlite3.connect(str(path), timeout=5, isolation_level=None)
    raw.execute("PRAGMA secure_delete=ON")
    raw.execute("PRAGMA synchronous=FULL")
    return raw


def _sync(path: Path) -> None:
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
