"""What was found where, in a scratch database on the disk: memory does not grow with the store.

It holds places and hashes, no values; SQLite removes it when it is closed. Hashes are those of this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pysqlite3

from db.salvage.leaves import Entry, Found
from db.salvage.shapes import Schema

_TABLES = """
PRAGMA journal_mode=OFF;
PRAGMA synchronous=OFF;
PRAGMA cache_size=-16000;
CREATE TABLE row(id INTEGER PRIMARY KEY, t INT, r INT, page INT, at INT, origin INT, verdict INT DEFAULT 0);
CREATE TABLE mark(ix INT, r INT, h INT, row INT);
CREATE TABLE entry(page INT, at INT, r INT, h INT);
CREATE TABLE owner(page INTEGER PRIMARY KEY, ix INT);
"""
_SORTED = """
CREATE INDEX row_key ON row(t, r);
CREATE INDEX row_page ON row(page);
CREATE INDEX mark_key ON mark(ix, r, h, row);
CREATE INDEX entry_page ON entry(page);
"""
_NAMED = """
CREATE TABLE named AS SELECT o.ix, e.r, e.h, e.page, e.at FROM owner o JOIN entry e USING (page);
CREATE INDEX named_key ON named(ix, r, h);
CREATE TABLE proof AS
  SELECT row, sum(yes AND whole) AS yes, sum(no) AS no, sum(absent AND whole) AS absent FROM
    (SELECT m.row, m.ix IN (SELECT ix FROM whole) AS whole, m.ix,
            coalesce(max(n.h = m.h), 0) AS yes,
            count(n.r) > 0 AND NOT max(n.h = m.h) AS no,
            count(n.r) = 0 AND m.ix IN (SELECT ix FROM complete) AS absent
     FROM mark m LEFT JOIN named n ON n.ix = m.ix AND n.r = m.r GROUP BY m.row, m.ix)
  GROUP BY row;
CREATE UNIQUE INDEX proof_row ON proof(row);
"""

KEPT, DOUBTFUL, GONE = 0, 1, 2
_BATCH = 5000


class Claim(NamedTuple):
    """A row and what the indexes say: `yes` whole indexes name it so, `no` name it otherwise, `absent`:
    complete ones that do not name it."""

    id: int
    table: int
    rowid: int
    page: int
    at: int
    origin: int
    yes: int
    no: int
    absent: int


class Ledger:
    """Filled, then `sort`ed, then asked."""

    def __init__(self, schema: Schema) -> None:
        self._raw: Any = pysqlite3.connect("", isolation_level=None)
        self._raw.executescript(_TABLES)
        self._raw.execute("BEGIN")
        self._indexes = schema.indexes
        self._of_table = [
            [(place, index) for place, index in enumerate(self._indexes) if index.table == shape.name]
            for shape in schema.shapes
        ]
        self._rows: list[tuple[int, ...]] = []
        self._marks: list[tuple[int, ...]] = []
        self._entries: list[tuple[int, ...]] = []
        self._count = 0

    def add_rows(self, table: int, page: int, found: Iterable[Found]) -> None:
        for each in found:
            self._count += 1
            self._rows.append((self._count, table, each.rowid, page, each.at, each.origin))
            for place, index in self._of_table[table]:
                self._marks.append((place, each.rowid, hash(index.key(each.row)), self._count))
        if len(self._rows) >= _BATCH:
            self._write()

    def add_entries(self, page: int, entries: Iterable[Entry]) -> None:
        self._entries += [(page, each.at, each.rowid, hash(each.key)) for each in entries]
        if len(self._entries) >= _BATCH:
            self._write()

    def sort(self) -> None:
        """Nothing is added any more."""
        self._write()
        self._raw.executescript(_SORTED)

    def agreement(self, page: int, index: int) -> tuple[int, int]:
        """Of the entries of a page, if it were of this index: how many name rows that were found, and how
        many of these as they are."""
        known, right = self._raw.execute(
            "SELECT count(*), coalesce(sum(yes), 0) FROM (SELECT max(m.h = e.h) AS yes FROM entry e"
            " JOIN mark m ON m.ix = ? AND m.r = e.r WHERE e.page = ? GROUP BY e.at)",
            (index, page),
        ).fetchone()
        return known, right

    def assign(self, owners: Iterable[tuple[int, int]], complete: Iterable[int]) -> None:
        """Whose the pages of indexes are (page, index), and which indexes have lost none."""
        self._raw.executemany("INSERT OR REPLACE INTO owner VALUES (?, ?)", owners)
        self._raw.execute("CREATE TABLE whole(ix INTEGER PRIMARY KEY)")
        self._raw.execute("CREATE TABLE complete(ix INTEGER PRIMARY KEY)")
        whole = [(place,) for place, index in enumerate(self._indexes) if index.whole]
        self._raw.executemany("INSERT INTO whole VALUES (?)", whole)
        finished = [(place,) for place in complete if self._indexes[place].whole]
        self._raw.executemany("INSERT INTO complete VALUES (?)", finished)
        self._raw.executescript(_NAMED)

    def page_origin(self, pages: Iterable[int], origin: int) -> None:
        self._raw.executemany(
            "UPDATE row SET origin = max(origin, ?) WHERE page = ?", ((origin, page) for page in pages)
        )

    def cell_origin(self, cells: Iterable[tuple[int, int]], origin: int) -> None:
        self._raw.executemany(
            "UPDATE row SET origin = max(origin, ?) WHERE page = ? AND at = ?",
            ((origin, page, at) for page, at in cells),
        )

    def claims(self) -> Iterator[Claim]:
        """Rows that are not beyond doubt by how they were found and what the indexes say."""
        query = (
            "SELECT id, t, r, page, at, origin, coalesce(yes, 0), coalesce(no, 0), coalesce(absent, 0)"
            " FROM row LEFT JOIN proof ON row = id WHERE origin > 0 OR no > 0 OR absent > 0"
        )
        return map(Claim._make, self._raw.execute(query))

    def rivals(self) -> Iterator[list[Claim]]:
        """Rows with the same rowid, or with the same unique key, none of which has been set aside."""
        again = (
            "SELECT id, t, r, page, at, origin, coalesce(yes, 0), coalesce(no, 0), coalesce(absent, 0)"
            " FROM row LEFT JOIN proof ON row = id WHERE verdict = 0 AND "
        )
        for table, rowid in self._list(
            "SELECT t, r FROM row WHERE verdict = 0 GROUP BY t, r HAVING count(*) > 1"
        ):
            yield [Claim(*each) for each in self._list(again + "t = ? AND r = ?", table, rowid)]
        for place, index in enumerate(self._indexes):
            if not (index.unique and index.whole):
                continue
            twice = self._list(
                "SELECT h FROM mark JOIN row ON id = row WHERE ix = ? AND verdict = 0 GROUP BY h"
                " HAVING count(*) > 1", place,
            )  # fmt: skip
            for (value,) in twice:
                same = "id IN (SELECT row FROM mark WHERE ix = ? AND h = ?)"
                yield [Claim(*each) for each in self._list(again + same, place, value)]

    def judge(self, verdicts: Iterable[tuple[int, int]]) -> None:
        """Set verdicts (id, verdict)."""
        self._raw.executemany("UPDATE row SET verdict = ?2 WHERE id = ?1", verdicts)

    def forget_beaten(self) -> None:
        """A doubtful row whose place a kept one has taken is nobody's loss."""
        self._raw.execute(
            f"UPDATE row SET verdict = {GONE} WHERE verdict = {DOUBTFUL} AND EXISTS"
            f" (SELECT 1 FROM row k WHERE k.t = row.t AND k.r = row.r AND k.verdict = {KEPT})"
        )

    def places(self, table: int, verdict: int) -> Iterator[tuple[int, int, int]]:
        """Rowid, page and cell, by rowid."""
        query = "SELECT r, page, at FROM row WHERE t = ? AND verdict = ? ORDER BY r"
        return iter(self._raw.execute(query, (table, verdict)))

    def count(self, table: int, verdict: int) -> int:
        query = "SELECT count(*) FROM row WHERE t = ? AND verdict = ?"
        return int(self._raw.execute(query, (table, verdict)).fetchone()[0])

    def lost(self, table: int) -> Iterator[tuple[int, int, int, int]]:
        """Rowid, index, page and cell of each entry whose row is neither kept nor doubtful, by rowid."""
        mine = ",".join(str(place) for place, _ in self._of_table[table]) or "-1"
        query = (
            f"SELECT r, ix, page, at FROM named WHERE ix IN ({mine}) AND NOT EXISTS"
            f" (SELECT 1 FROM row k WHERE k.t = ? AND k.r = named.r AND k.verdict < {GONE}) ORDER BY r, ix"
        )
        return iter(self._raw.execute(query, (table,)))

    def close(self) -> None:
        self._raw.close()

    def _write(self) -> None:
        self._raw.executemany("INSERT INTO row(id, t, r, page, at, origin) VALUES (?,?,?,?,?,?)", self._rows)
        self._raw.executemany("INSERT INTO mark VALUES (?,?,?,?)", self._marks)
        self._raw.executemany("INSERT INTO entry VALUES (?,?,?,?)", self._entries)
        for each in (self._rows, self._marks, self._entries):
            each.clear()

    def _list(self, query: str, *values: object) -> list[Sequence[Any]]:
        found: list[Sequence[Any]] = self._raw.execute(query, values).fetchall()
        return found
