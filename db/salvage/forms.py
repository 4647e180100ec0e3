"""Records: which types their values have, whose rows may look so, and the values themselves. Pure.

Source: sqlite.org/fileformat2.html, section 2.1. The records of a table differ in the length of their last
value far more than in all others, so what a header says is worked out once for all that begin alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NamedTuple

from db.salvage.format import FormatError, Value, varint
from db.salvage.shapes import Field, Schema

_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_CODES = ("0s", "b", "h", "3s", "i", "6s", "q", "d", "0s", "0s")
_LONGEST_HEADER = 200
"""Bytes of a record's header: our widest table has 18 columns of at most 9 bytes."""
_REMEMBERED = 20_000


class Form(NamedTuple):
    """All of a record's header but its last type. `kinds`: the serial types; `owners`: the tables (places in
    the schema) that have such rows, each with its field for the last value."""

    kinds: tuple[int, ...]
    size: int
    unpack: Callable[[bytes, int], tuple[Any, ...]]
    texts: tuple[int, ...]
    numbers: tuple[int, ...]
    fixed: tuple[tuple[int, Value], ...]
    owners: tuple[tuple[int, Field], ...]


class Record(NamedTuple):
    """`data` holds the values from `at` on, `last` is the serial type of the last one."""

    form: Form
    last: int
    data: bytes
    at: int

    @property
    def kinds(self) -> tuple[int, ...]:
        return (*self.form.kinds, self.last)


@dataclass(slots=True)
class Forms:
    """Remembers what it has seen; bounded."""

    schema: Schema
    _known: dict[bytes, Form] = field(default_factory=dict)

    def record(self, data: bytes, at: int, size: int) -> Record:
        """The record of `size` bytes at `at`. Raises FormatError unless its values fill it to the byte."""
        length, begin = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
        end = at + length
        header = data[begin:end]
        if length > _LONGEST_HEADER or length > size or not header:
            raise FormatError("no header of a record")
        cut = len(header) - 1
        last = header[cut]
        if cut and header[cut - 1] >= 0x80:
            cut, last = _last(header)
        before = header[:cut]
        form = self._known.get(before)
        if form is None:
            form = self._remember(before)
        if length + form.size + width(last) != size:
            raise FormatError("the values do not fill the record")
        return Record(form, last, data, end)

    def owner(self, record: Record) -> int | None:
        """The table whose rows look so."""
        last = record.last
        for place, each in record.form.owners:
            if each.takes(last):
                return place
        return None

    def _remember(self, header: bytes) -> Form:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        kinds: list[int] = []
        place = 0
        while place < len(header):
            kind, place = varint(header, place)
            kinds.append(kind)
        form = self._known[header] = _form(tuple(kinds), self._owners(kinds))
        return form

    def _owners(self, kinds: Sequence[int]) -> tuple[tuple[int, Field], ...]:
        count = len(kinds) + 1
        return tuple(
            (place, shape.fields[count - 1])
            for place, shape in enumerate(self.schema.shapes)
            if shape.least <= count <= len(shape.fields)
            and all(each.takes(kind) for each, kind in zip(shape.fields, kinds, strict=False))
        )


def values(record: Record) -> list[Value]:
    """Raises FormatError for text that is no UTF-8."""
    form, last, data, at = record
    found: list[Value] = list(form.unpack(data, at))
    try:
        for place in form.texts:
            found[place] = found[place].decode()  # type: ignore[union-attr]
        for place in form.numbers:
            found[place] = int.from_bytes(found[place], "big", signed=True)  # type: ignore[arg-type]
        for place, value in form.fixed:
            found[place] = value
        at += form.size
        if last >= 12:
            raw = data[at : at + ((last - 12) >> 1)]
            found.append(raw.decode() if last & 1 else raw)
            return found
    except UnicodeDecodeError:
        raise FormatError("a text that is no UTF-8") from None
    if last in _FIXED:
        found.append(_FIXED[last])
    elif last == 7:
        found.append(_REAL.unpack_from(data, at)[0])
    else:
        found.append(int.from_bytes(data[at : at + _BYTES[last]], "big", signed=True))
    return found


def width(kind: int) -> int:
    """Bytes of a value. Raises FormatError for a serial type that does not exist."""
    if kind >= 12:
        return (kind - 12) >> 1
    if kind < 10:
        return _BYTES[kind]
    raise FormatError("a serial type that does not exist")


def _form(kinds: tuple[int, ...], owners: tuple[tuple[int, Field], ...]) -> Form:
    size = sum(map(width, kinds))
    if size > _LARGEST:
        raise FormatError("a record longer than any of ours")
    codes = [f"{width(kind)}s" if kind >= 12 else _CODES[kind] for kind in kinds]
    return Form(
        kinds, size, Struct(">" + "".join(codes)).unpack_from,
        tuple(place for place, kind in enumerate(kinds) if kind >= 12 and kind & 1),
        tuple(place for place, kind in enumerate(kinds) if kind in {3, 5}),
        tuple((place, _FIXED[kind]) for place, kind in enumerate(kinds) if kind in _FIXED),
        owners,
    )  # fmt: skip


def _last(header: bytes) -> tuple[int, int]:
    """Where the last type of a header begins, if it has more than one byte, and which it is."""
    cut = len(header) - 1
    while cut and header[cut - 1] >= 0x80:
        cut -= 1
    kind, end = varint(header, cut)
    if end != len(header):
        raise FormatError("no header of a record")
    return cut, kind


_FIXED: dict[int, Value] = {0: None, 8: 0, 9: 1}
_REAL = Struct(">d")
_LARGEST = 1 << 30
