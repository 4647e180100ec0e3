"""The salvage of a damaged SQLite file: what its rows are, which are sure, and which are lost.

The file is only read. Nothing it may hold raises; all loops are bounded by its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from db.salvage.format import Value
from db.salvage.leaves import Leaves
from db.salvage.ledger import DOUBTFUL, KEPT, Ledger
from db.salvage.pages import Pages
from db.salvage.report import NAMED_AT_MOST, Lost, Range, Report, TableReport
from db.salvage.shapes import Row, Schema
from db.salvage.survey import Survey
from db.salvage.verdict import decide


def salvage(path: Path, wal_path: Path | None, schema: Schema) -> Salvaged:
    """Look through the store at `path` and the write-ahead log beside it (None: there is none).

    Takes memory by the page, not by the row, and room for a scratch file of about a tenth of the store in the
    folder of temporary files. Raises OSError alone, when a file cannot be read at all.
    """
    pages = Pages(path, wal_path)
    ledger = Ledger(schema)
    try:
        return Salvaged(pages, ledger, schema)
    except BaseException:
        pages.close()
        ledger.close()
        raise


class Salvaged:
    """What could be saved; reads from the damaged file until it is closed, from one thread."""

    def __init__(self, pages: Pages, ledger: Ledger, schema: Schema) -> None:
        self._pages = pages
        self._ledger = ledger
        self._leaves = Leaves(pages, schema)
        self._places = {shape.name: place for place, shape in enumerate(schema.shapes) if shape.ours}
        self.schema = schema
        self.tables = tuple(self._places)
        """Parents before children."""
        survey = Survey(pages, self._leaves, ledger)
        survey.run()
        decide(survey, ledger, schema, self._leaves)
        self._ranges = {
            name: tuple(Range(gap.low, gap.high) for gap in survey.gaps if gap.owner == place)
            for name, place in self._places.items()
        }
        self.report = Report(
            pages=pages.count,
            page_size=pages.size,
            damaged=len(survey.damaged),
            schema_read=bool(survey.roots),
            freelist_read=survey.free_known,
            log_frames=pages.overlay.frames,
            bad_frames=pages.overlay.bad_frames,
            mended_pages=len(pages.overlay.mended),
            tables=tuple(self._table_report(name) for name in self.tables),
        )

    def rows(self, table: str) -> Iterator[Row]:
        """The rows that are sure, by rowid: the values of all columns as SQLite stores them."""
        return self._read(table, KEPT)

    def doubtful(self, table: str) -> Iterator[Row]:
        """Rows that look right, and that something speaks against. None of them has a kept row's rowid;
        two may have the same, and differ."""
        return self._read(table, DOUBTFUL)

    def lost(self, table: str) -> Iterator[Lost]:
        """Rows that only an index still names."""
        indexes = self.schema.indexes
        fields = self.schema.shapes[self._places[table]].fields
        rowid: int | None = None
        known: dict[str, Value] = {}
        for row, index, page, at in self._ledger.lost(self._places[table]):
            if row != rowid:
                if rowid is not None:
                    yield Lost(rowid, known)
                rowid, known = row, {}
            names = [fields[place].name for place in indexes[index].columns]
            known.update(zip(names, self._leaves.entry(page, at), strict=False))
        if rowid is not None:
            yield Lost(rowid, known)

    def close(self) -> None:
        self._pages.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, table: str, verdict: int) -> Iterator[Row]:
        rowid, read = None, set[Row]()
        for key, page, at in self._ledger.places(self._places[table], verdict):
            if key != rowid:
                rowid = key
                read.clear()
            found = self._leaves.row(page, at)
            if found is not None and found[1] not in read:
                read.add(found[1])
                yield found[1]

    def _table_report(self, name: str) -> TableReport:
        place = self._places[name]
        lost = 0
        named: list[Lost] = []
        for each in self.lost(name):
            lost += 1
            if len(named) < NAMED_AT_MOST:
                named.append(each)
        return TableReport(
            name, self._ledger.count(place, KEPT), self._ledger.count(place, DOUBTFUL), lost, tuple(named),
            self._ranges[name],
        )  # fmt: skip
