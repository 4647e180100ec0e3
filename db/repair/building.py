"""A new store of a damaged one: by its own indexes made anew, by the journal, or by what a salvage finds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pysqlite3
from sqlalchemy import URL

from db.errors import StoreError, StoreUnavailableError
from db.prepare import prepare
from db.repair.found import Diagnosis
from db.repair.kept import clear
from db.repair.sources import Sources
from db.salvage import Rebuilt, Salvaged, rebuild, salvage, schema_of
from db.salvage.place import said_place
from db.salvage.rebuild import Turned
from db.salvage.report import NAMED_AT_MOST, Range
from db.salvage.shapes import Row, Shape
from db.store import Store
from db.tables import metadata

How = Literal["indexes", "journal", "salvage"]
SECRET = frozenset({"password_hash"})
"""Columns that no report shows."""


@dataclass(frozen=True, slots=True)
class Table:
    """What became of a table. `rows`: in the new store, `from_journal` and `from_backup` among them. `lost`:
    rows that an index still names, `named` the first of these; `stretches` after and up to a rowid: where no
    index names any. `doubtful`: rows that look right and that something speaks against, left out; `left_out`:
    those that no constraint lets in, with the reason; `cut`: in the store without a reference to a row that
    is lost."""

    table: str
    rows: int
    from_journal: int = 0
    from_backup: int = 0
    lost: int = 0
    named: tuple[dict[str, Any], ...] = ()
    stretches: tuple[tuple[int | None, int | None], ...] = ()
    doubtful: tuple[dict[str, Any], ...] = ()
    left_out: tuple[dict[str, Any], ...] = ()
    cut: tuple[dict[str, Any], ...] = ()

    @property
    def whole(self) -> bool:
        return not (self.lost or self.stretches or self.doubtful or self.left_out or self.cut)


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
            return Built("journal", tables, notes=tuple(notes))
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
            gaps = _Gaps(raw, found, rebuilt, sources, into)
            gaps.fill()
            return Built("salvage", tuple(gaps.tables()), notes=(*notes, *sources.notes()))


class _Gaps:
    """What the salvage has not kept, and what the sources still have of it. Only tables that are not whole
    are filled: of the others a source could only bring back what has been deleted."""

    def __init__(self, raw: Any, found: Salvaged, rebuilt: Rebuilt, sources: Sources, into: Path) -> None:
        self._raw = raw
        self._into = into
        self._found = found
        self._rebuilt = rebuilt
        self._sources = sources
        self._shapes = [shape for shape in found.schema.shapes if shape.ours]
        self._reports = {each.table: each for each in found.report.tables}
        self._filled = {shape.name: {"journal": 0, "backup": 0} for shape in self._shapes}

    def fill(self) -> None:
        """Parents before children; then those that were turned away for want of a parent, once more."""
        self._raw.execute("CREATE TEMP TABLE filled(name TEXT, row INTEGER)")
        self._raw.execute("BEGIN IMMEDIATE")
        for shape in self._shapes:
            turned = [each.row for each in self._rebuilt.rejected if each.table == shape.name]
            if self._reports[shape.name].whole and not turned:
                continue
            for row, origin in self._sources.rows(shape.name, self._into):
                if not self._has(shape, row) and self._take(shape, row):
                    self._raw.execute("INSERT INTO filled VALUES (?, last_insert_rowid())", (shape.name,))
                    self._filled[shape.name][origin] += 1
            for row in turned:
                self._take(shape, row)
        self._raw.execute("COMMIT")

    def tables(self) -> Iterator[Table]:
        for shape in self._shapes:
            lost, named = self._lost(shape)
            ranges: Sequence[Range] = self._reports[shape.name].ranges
            doubtful = [row for row in self._found.doubtful(shape.name) if not self._has(shape, row)]
            filled = self._filled[shape.name]
            yield Table(
                shape.name,
                self._raw.execute(f'SELECT count(*) FROM "{shape.name}"').fetchone()[0],
                filled["journal"], filled["backup"], lost, named,
                tuple((each.after, each.up_to) for each in ranges),
                tuple(_named(shape, row) for row in islice(doubtful, NAMED_AT_MOST)),
                tuple(self._turned(shape, self._rebuilt.rejected)),
                tuple(_told(shape, each) for each in self._rebuilt.cut if each.table == shape.name),
            )  # fmt: skip

    def _lost(self, shape: Shape) -> tuple[int, tuple[dict[str, Any], ...]]:
        """Those an index names, and nothing has brought back."""
        count = 0
        named: list[dict[str, Any]] = []
        for each in self._found.lost(shape.name):
            if self._is_back(shape, each.rowid, each.known):
                continue
            count += 1
            if len(named) < NAMED_AT_MOST:
                known = {name: value for name, value in each.known.items() if name not in SECRET}
                named.append({**({} if self._by_rowid(shape) is None else {"id": each.rowid}), **known})
        return count, tuple(named)

    def _is_back(self, shape: Shape, rowid: int, known: Mapping[str, Any]) -> bool:
        """A source had it: by its number, or else one that it brought looks the same in all that is known."""
        single = self._by_rowid(shape)
        if single is not None:
            return self._find(shape, (single,), (rowid,))
        brought = "rowid IN (SELECT row FROM temp.filled WHERE name = ?)"
        return self._find(shape, tuple(known), tuple(known.values()), brought, shape.name)

    def _by_rowid(self, shape: Shape) -> str | None:
        """The column that is another name of the rowid."""
        primary = list(metadata.tables[shape.name].primary_key.columns)
        indexed = any(not each.name and each.columns == shape.key for each in shape.indexes)
        return primary[0].name if len(primary) == 1 and not indexed else None

    def _turned(self, shape: Shape, every: Sequence[Turned]) -> Iterator[dict[str, Any]]:
        for each in every:
            if each.table == shape.name and not self._has(shape, each.row):
                yield _told(shape, each)

    def _has(self, shape: Shape, row: Row) -> bool:
        names = [shape.fields[place].name for place in shape.key]
        return self._find(shape, names, [row[place] for place in shape.key])

    def _find(
        self, shape: Shape, names: Sequence[str], values: Sequence[Any], also: str = "1", *more: str
    ) -> bool:
        where = " AND ".join([*(f'"{name}" IS ?' for name in names), also])
        return (
            self._raw.execute(f'SELECT 1 FROM "{shape.name}" WHERE {where}', (*values, *more)).fetchone()
            is not None
        )

    def _take(self, shape: Shape, row: Row) -> bool:
        names = ", ".join(f'"{each.name}"' for each in shape.fields)
        marks = ", ".join("?" * len(shape.fields))
        try:
            self._raw.execute(f'INSERT INTO "{shape.name}" ({names}) VALUES ({marks})', row)
        except pysqlite3.IntegrityError:
            return False
        return True


def _told(shape: Shape, turned: Turned) -> dict[str, Any]:
    return {**_named(shape, turned.row), "because": turned.because}


def _named(shape: Shape, row: Row) -> dict[str, Any]:
    pairs = zip((each.name for each in shape.fields), row, strict=True)
    return {name: value for name, value in pairs if name not in SECRET}


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
