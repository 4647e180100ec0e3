"""The rows of a leaf page, as far as they are right, and whose they are."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from db.salvage import format as fmt
from db.salvage.chains import payload
from db.salvage.format import Cell, FormatError, Head, Kind, Value
from db.salvage.forms import Forms, Record, values
from db.salvage.pages import Pages
from db.salvage.scanning import pattern, starts
from db.salvage.shapes import IndexShape, Row, Schema


class Origin(IntEnum):
    """How a row was found; the higher, the more must speak for it."""

    SOUND = 0
    EDGE = 1
    """What follows it on its page is damaged: its end may be of something else."""
    SUSPECT = 2
    """On a page that the log says is wrong."""
    ASTRAY = 3
    """On a page that the tree does not want, or wants elsewhere."""
    SCANNED = 4
    """No pointer names it any more."""


class Found(NamedTuple):
    rowid: int
    at: int
    row: Row
    origin: Origin


class Entry(NamedTuple):
    """Of an index. `key`: without the rowid."""

    at: int
    rowid: int
    key: Row


@dataclass(frozen=True, slots=True)
class Leaf:
    """`owner`: the table's place in the schema; None for a page without a sound row. `wrong`: cells that are
    pointed at and are no rows of it."""

    owner: int | None
    found: tuple[Found, ...]
    wrong: int


class _Typed(NamedTuple):
    cell: Cell
    owner: int
    record: Record


@dataclass(slots=True)
class Leaves:
    """`chained`: which cell holds each further page of a long record; `clashes`: cells at odds over one."""

    pages: Pages
    schema: Schema
    chained: dict[int, tuple[int, int]] = field(default_factory=dict)
    clashes: set[tuple[int, int]] = field(default_factory=set)
    _forms: Forms = field(init=False)
    _patterns: list[tuple[int, re.Pattern[bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._forms = Forms(self.schema)
        self._patterns += [(place, pattern(shape)) for place, shape in enumerate(self.schema.shapes)]

    def table(self, number: int, data: bytes, head: Head) -> Leaf:
        """The rows of a leaf page of a table."""
        typed = [each for at in head.cells if (each := self._typed(data, at)) is not None]
        votes = Counter(each.owner for each in typed).most_common(1)
        if not votes or votes[0][1] * 2 <= len(typed):
            return Leaf(None, tuple(self.scan(data, None, ())), len(head.cells) + head.bad)
        owner = votes[0][0]
        mine = _ascending(_apart([each for each in typed if each.owner == owner]))
        found: list[tuple[Cell, Row]] = []
        for each in mine:
            row = self._row(each)
            if row is not None:
                found.append((each.cell, row))
                self._claim(number, data, each.cell)
        wrong = len(head.cells) + head.bad - len(found)
        cells = [cell for cell, _ in found]
        torn = self._edges(cells, owner) if wrong else set()
        rows = [
            Found(cell.key, cell.at, row, Origin.EDGE if cell.at in torn else Origin.SOUND)
            for cell, row in found
        ]
        if wrong or not _covered(data, cells, 100 if number == 1 else 0, self.pages.usable):
            rows += self.scan(data, owner, cells)
        return Leaf(owner, tuple(rows), wrong)

    def scan(self, data: bytes, owner: int | None, taken: tuple[Cell, ...] | list[Cell]) -> Iterator[Found]:
        """Rows of `owner` (None: nobody's, for the page tells nothing) that no pointer names."""
        if owner is None or not self.schema.shapes[owner].ours:
            return
        busy = sorted((cell.at, cell.end) for cell in taken)
        for at in starts(data, self._patterns[owner][1]):
            typed = self._typed(data, at)
            if typed is None or typed.owner != owner or _overlaps(busy, at, typed.cell.end):
                continue
            row = self._row(typed)
            if row is not None:
                yield Found(typed.cell.key, at, row, Origin.SCANNED)

    def scan_all(self, data: bytes) -> tuple[int | None, tuple[Found, ...]]:
        """Rows of a page whose header is gone, of the table that has most of them."""
        best: tuple[int | None, tuple[Found, ...]] = (None, ())
        for owner, looks in self._patterns:
            if self.schema.shapes[owner].ours and looks.search(data):
                found = tuple(self.scan(data, owner, ()))
                if len(found) > len(best[1]):
                    best = (owner, found)
        return best

    def row(self, number: int, at: int) -> tuple[int, Row] | None:
        """Rowid and row of the cell at `at` of a page, once more."""
        data = self.pages.read(number)
        typed = self._typed(data, at) if data is not None else None
        row = self._row(typed, again=True) if typed is not None else None
        return None if typed is None or row is None else (typed.cell.key, row)

    def entries(self, data: bytes, head: Head) -> tuple[list[Entry], list[IndexShape], list[int]]:
        """The entries of an index's page, the indexes they may belong to, and the children of the page."""
        entries, children = [], []
        fitting = list(self.schema.indexes)
        seen: set[tuple[int, int]] = set()
        for at in head.cells:
            found = self._entry(data, at, head.kind)
            if found is None:
                continue
            cell, record, key = found
            form = id(record.form), record.last
            if form not in seen:
                narrowed = [index for index in fitting if index.fits(record.kinds)]
                if not narrowed:
                    continue  # one wrong entry does not say what the others are
                fitting = narrowed
                seen.add(form)
            entries.append(Entry(at, int(key[-1] or 0), tuple(key[:-1])))
            children.append(cell.key)
        return entries, fitting if entries else [], [*children, head.right]

    def entry(self, number: int, at: int) -> Row:
        """The key of an entry, once more."""
        data = self.pages.read(number) or b""
        found = self._entry(data, at, fmt.page_head(data, 0, self.pages.usable).kind)
        return tuple(found[2][:-1]) if found else ()

    def _entry(self, data: bytes, at: int, kind: Kind) -> tuple[Cell, Record, list[Value]] | None:
        try:
            cell = fmt.cell(data, at, self.pages.usable, kind)
            record = self._record(data, cell)
            found = values(record)
        except FormatError:
            return None
        return (cell, record, found) if isinstance(found[-1], int) else None

    def _typed(self, data: bytes, at: int) -> _Typed | None:
        try:
            cell = fmt.cell(data, at, self.pages.usable, Kind.TABLE_LEAF)
            record = self._record(data, cell)
        except FormatError:
            return None
        owner = self._forms.owner(record)
        return None if owner is None else _Typed(cell, owner, record)

    def _record(self, data: bytes, cell: Cell) -> Record:
        """From the page, or from all its pages if it goes on elsewhere."""
        if cell.local == cell.size:
            return self._forms.record(data, cell.body, cell.size)
        return self._forms.record(payload(self.pages, data, cell), 0, cell.size)

    def _row(self, typed: _Typed, *, again: bool = False) -> Row | None:
        try:
            found = values(typed.record)
        except FormatError:
            return None
        shape = self.schema.shapes[typed.owner]
        row = shape.row(typed.cell.key, found)
        return row if again or shape.right(row) else None

    def _claim(self, number: int, data: bytes, cell: Cell) -> None:
        if cell.local == cell.size:
            return
        me = (number, cell.at)

        def visit(page: int) -> None:
            other = self.chained.setdefault(page, me)
            if other != me:
                self.clashes.update((me, other))

        payload(self.pages, data, cell, visit)

    def _edges(self, cells: list[Cell], owner: int) -> set[int]:
        """Where a cell begins that damage may reach into."""
        if self.schema.shapes[owner].proves_itself:
            return set()
        begins = {cell.at for cell in cells} | {self.pages.usable}
        return {cell.at for cell in cells if cell.end not in begins}


def _apart(typed: list[_Typed]) -> list[_Typed]:
    """Without those that lie over each other."""
    order = sorted(typed, key=lambda each: each.cell.at)
    bad: set[int] = set()
    for one, other in itertools.pairwise(order):
        if other.cell.at < one.cell.end:
            bad |= {one.cell.at, other.cell.at}
    return [each for each in typed if each.cell.at not in bad] if bad else typed


def _ascending(typed: list[_Typed]) -> list[_Typed]:
    """The longest run of rowids that goes up: cells are in the order of their keys."""
    keys = [each.cell.key for each in typed]
    if all(one < other for one, other in itertools.pairwise(keys)):
        return typed
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, key in enumerate(keys):
        length = bisect_left(ends, key)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [key]
        last[length : length + 1] = [place]
    chosen = []
    place = last[-1]
    while place >= 0:
        chosen.append(typed[place])
        place = before[place]
    return chosen[::-1]


def _covered(data: bytes, cells: list[Cell], at: int, usable: int) -> bool:
    """Whether cells and free blocks account for each byte of the content area (1.6)."""
    content = int.from_bytes(data[at + 5 : at + 7], "big") or 65536
    total = sum(cell.end - cell.at for cell in cells) + data[at + 7]
    free = int.from_bytes(data[at + 1 : at + 3], "big")
    while free:
        following = int.from_bytes(data[free : free + 2], "big")
        total += int.from_bytes(data[free + 2 : free + 4], "big")
        if following and following <= free + 3:
            return False
        free = following
    return total == usable - content


def _overlaps(busy: list[tuple[int, int]], at: int, end: int) -> bool:
    return any(begin < end and at < stop for begin, stop in busy)
