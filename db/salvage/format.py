"""The bytes of a SQLite file: numbers, pages, cells. Pure.

Source: sqlite.org/fileformat2.html, section 1.6 (b-tree pages). All that is read
may be damaged: whatever cannot be right raises FormatError.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"SQLite format 3\0"
Value = None | int | float | str | bytes


class FormatError(ValueError):
    """These bytes are not what they should be."""


class Kind(IntEnum):
    """The first byte of a b-tree page."""

    INDEX_INTERIOR = 2
    TABLE_INTERIOR = 5
    INDEX_LEAF = 10
    TABLE_LEAF = 13


class Head(NamedTuple):
    """`cells`: where they begin, as the page says; those outside the page are left out (`bad`)."""

    kind: Kind
    right: int
    cells: tuple[int, ...]
    bad: int


class Cell(NamedTuple):
    """A cell with a record. `body`: where the `size` bytes of the record begin, `local` of them on this page;
    `end`: the first byte after the cell. `key`: rowid of a table, left child of an interior page, or 0."""

    at: int
    end: int
    key: int
    body: int
    size: int
    local: int


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, unsigned, and where it ends."""
    value = 0
    try:
        if data[at] < 0x80:
            return data[at], at + 1
        for end in range(at, at + 8):
            byte = data[end]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, end + 1
        return value << 8 | data[at + 8], at + 9
    except IndexError:
        raise FormatError("a number runs over the page") from None


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def page_head(data: bytes, at: int, usable: int) -> Head:
    """The header at `at` (100 on page 1). Raises FormatError for what is no b-tree page."""
    try:
        kind = Kind(data[at])
    except ValueError:
        raise FormatError("no b-tree page") from None
    interior = kind in (Kind.INDEX_INTERIOR, Kind.TABLE_INTERIOR)
    free, count, content, fragments = struct.unpack_from(">HHHB", data, at + 1)
    first = at + (12 if interior else 8)
    end = first + 2 * count
    if end > usable or fragments > 60 or free >= usable or (0 < content < end) or content > usable:
        raise FormatError("no header of a b-tree page")
    places = struct.unpack_from(f">{count}H", data, first)
    right = int.from_bytes(data[at + 8 : at + 12], "big") if interior else 0
    good = tuple(place for place in places if end <= place < usable - 2)
    return Head(kind, right, good, count - len(good))


def local_size(size: int, usable: int, *, table: bool) -> int:
    """How many bytes of a record are on its own page (1.6: U, P, X, M, K)."""
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if size <= most:
        return size
    least = (usable - 12) * 32 // 255 - 23
    partly = least + (size - least) % (usable - 4)
    return partly if partly <= most else least


def cell(data: bytes, at: int, usable: int, kind: Kind) -> Cell:
    """The cell at `at` of a page that holds records."""
    key = 0
    place = at
    if kind is Kind.INDEX_INTERIOR:
        key = int.from_bytes(data[at : at + 4], "big")
        place += 4
    size, place = varint(data, place)
    table = kind is Kind.TABLE_LEAF
    if table:
        key, place = varint(data, place)
        key = signed(key)
    if size < 2:
        raise FormatError("a record that short is none of ours")
    if size <= usable // 8:  # such a record never goes on elsewhere
        end = place + size
        if end > usable:
            raise FormatError("a cell runs over the page")
        return Cell(at, max(end, at + 4), key, place, size, size)
    local = local_size(size, usable, table=table)
    end = place + local + (4 if local < size else 0)
    if end > usable:
        raise FormatError("a cell runs over the page")
    return Cell(at, max(end, at + 4), key, place, size, local)


def interior_cells(data: bytes, head: Head) -> list[tuple[int, int]]:
    """Left child and key of each cell of an interior page of a table."""
    return [(int.from_bytes(data[at : at + 4], "big"), signed(varint(data, at + 4)[0])) for at in head.cells]
