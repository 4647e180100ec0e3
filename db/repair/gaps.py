"""What a salvage has not kept, and what other sources still have of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pysqlite3

from db.repair.sources import Sources
from db.salvage import Rebuilt, Salvaged
from db.salvage.rebuild import Turned
from db.salvage.report import NAMED_AT_MOST, Range
from db.salvage.shapes import Row, Shape
from db.tables import metadata

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


class Gaps:
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
        self._cut = list(rebuilt.cut)

    def fill(self) -> None:
        """Parents before children; rows of one table may refer to each other, in any order."""
        self._raw.execute("CREATE TEMP TABLE filled(name TEXT, row INTEGER, origin TEXT)")
        self._raw.execute("BEGIN IMMEDIATE")
        self._raw.execute("PRAGMA defer_foreign_keys=ON")
        for shape in self._shapes:
            turned = [each.row for each in self._rebuilt.rejected if each.table == shape.name]
            cut = [each for each in self._cut if each.table == shape.name]
            if self._reports[shape.name].whole and not turned and not cut:
                continue
            for row, origin in self._sources.rows(shape.name, self._into):
                if not self._has(shape, row) and self._take(shape, row):
                    values = (shape.name, origin)
                    self._raw.execute("INSERT INTO filled VALUES (?, last_insert_rowid(), ?)", values)
            for row in turned:
                self._take(shape, row)
            for each in cut:
                self._put_back(shape, each)
            self._cut_again(shape)
        self._raw.execute("COMMIT")

    def tables(self) -> Iterator[Table]:
        for shape in self._shapes:
            lost, named = self._lost(shape)
            ranges: Sequence[Range] = self._reports[shape.name].ranges
            doubtful = [row for row in self._found.doubtful(shape.name) if not self._has(shape, row)]
            filled = dict(self._raw.execute(_FILLED, (shape.name,)).fetchall())
            yield Table(
                shape.name,
                self._raw.execute(f'SELECT count(*) FROM "{shape.name}"').fetchone()[0],
                filled.get("journal", 0), filled.get("backup", 0), lost, named,
                tuple((each.after, each.up_to) for each in ranges),
                tuple(_named(shape, row) for row in islice(doubtful, NAMED_AT_MOST)),
                tuple(self._turned(shape, self._rebuilt.rejected)),
                tuple(_told(shape, each) for each in self._cut if each.table == shape.name),
            )  # fmt: skip

    def _put_back(self, shape: Shape, cut: Turned) -> None:
        """With its reference again."""
        pairs = ", ".join(f'"{each.name}" = ?' for each in shape.fields)
        where = " AND ".join(f'"{shape.fields[place].name}" IS ?' for place in shape.key)
        key = [cut.row[place] for place in shape.key]
        self._raw.execute(f'UPDATE "{shape.name}" SET {pairs} WHERE {where}', (*cut.row, *key))
        self._cut.remove(cut)

    def _cut_again(self, shape: Shape) -> None:
        """What refers to nothing, all the same: without the reference, or not at all."""
        keys = {row[0]: row[3] for row in self._raw.execute(f'PRAGMA foreign_key_list("{shape.name}")')}
        nullable = {each.column for each in shape.references if each.nullable}
        for _, rowid, parent, key in self._raw.execute(
            f'PRAGMA foreign_key_check("{shape.name}")'
        ).fetchall():
            row = self._raw.execute(f'SELECT * FROM "{shape.name}" WHERE rowid = ?', (rowid,)).fetchone()
            column = keys[key]
            if row is None:
                continue
            if column in nullable:
                query = f'UPDATE "{shape.name}" SET "{column}" = NULL WHERE rowid = ?'
                self._raw.execute(query, (rowid,))
                because = f"{column} refers to a row of {parent} that is lost"
                self._cut.append(Turned(shape.name, tuple(row), because))
            else:
                self._raw.execute(f'DELETE FROM "{shape.name}" WHERE rowid = ?', (rowid,))
                self._raw.execute("DELETE FROM temp.filled WHERE name = ? AND row = ?", (shape.name, rowid))

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


_FILLED = "SELECT origin, count(*) FROM temp.filled WHERE name = ? GROUP BY origin"
