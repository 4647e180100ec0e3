"""What a row of each table looks like in a file. Pure.

No two tables take each other's rows (`tests/db/test_tables.py`), so a record says whose it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from db.salvage.format import Value
from db.variables.trials import Outcome
from router.model import ForwardKind, OverflowKind, Presence, ShowVip, Strategy, VipRouting

Row = tuple[Value, ...]

DOMAINS: Mapping[tuple[str, str], frozenset[Value]] = {
    ("revision", "id"): frozenset({1}),
    ("journal", "id"): frozenset({1}),
    ("presence", "state"): frozenset(each.value for each in Presence),
    ("forwarding", "kind"): frozenset(each.value for each in ForwardKind),
    ("groups", "overflow_kind"): frozenset(each.value for each in OverflowKind),
    ("groups", "strategy"): frozenset(each.value for each in Strategy),
    ("groups", "show_vip_calls"): frozenset(int(each) for each in ShowVip),
    ("groups", "vip_routing"): frozenset(int(each) for each in VipRouting),
    ("trial", "outcome"): frozenset(each.value for each in Outcome),
}
"""Columns that hold a choice: any other value is damage, and the program could not read it."""

_MOMENT = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}")
INTEGERS = frozenset({1, 2, 3, 4, 5, 6, 8, 9})


class Holds(Enum):
    TEXT = auto()
    MOMENT = auto()
    JSON = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    REAL = auto()
    ROWID = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """A column. `small`: serial types it may have beside texts; `text_to`: the highest of a text, 0 for none.
    `default`: what a record from before the column was added means."""

    name: str
    holds: Holds
    small: frozenset[int]
    text_to: int
    domain: frozenset[Value] | None = None
    default: Value = None

    def takes(self, serial: int) -> bool:
        return serial in self.small or (13 <= serial <= self.text_to and serial % 2 == 1)

    @property
    def special(self) -> bool:
        """There is more to look at than a text's characters."""
        special = {Holds.MOMENT, Holds.JSON, Holds.REAL}
        return self.domain is not None or self.holds in special

    def right(self, value: Value) -> bool:
        """Whether a value of the right type can be one of ours."""
        if value is None:
            return True
        match self.holds:
            case Holds.REAL:
                return isinstance(value, float) and math.isfinite(value)
            case Holds.MOMENT:
                return _MOMENT.fullmatch(str(value)) is not None
            case Holds.JSON:
                return _is_json(str(value))
            case _:
                return self.domain is None or value in self.domain


@dataclass(frozen=True, slots=True)
class IndexShape:
    """`name`: empty for the index of a constraint. `columns`: places in the row, `fields` theirs; `whole`:
    every row is in it."""

    name: str
    table: str
    columns: tuple[int, ...]
    fields: tuple[Field, ...]
    unique: bool
    whole: bool

    def fits(self, serials: Sequence[int]) -> bool:
        """Whether an entry, the rowid at its end, may have these serial types."""
        return (
            len(serials) == len(self.fields) + 1
            and serials[-1] in INTEGERS
            and all(map(Field.takes, self.fields, serials))
        )

    def key(self, row: Row) -> Row:
        return tuple(row[place] for place in self.columns)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `column` of this table names `target` of `table`."""

    column: str
    table: str
    target: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """A table. `least`: columns of its oldest records; `key`: its primary key's places; `ours`: it is
    salvaged, and not only known so that its pages are told from those of others."""

    name: str
    fields: tuple[Field, ...]
    least: int
    key: tuple[int, ...]
    indexes: tuple[IndexShape, ...] = ()
    references: tuple[Reference, ...] = ()
    ours: bool = True
    _texts: tuple[int, ...] = field(init=False, default=())
    _reals: tuple[int, ...] = field(init=False, default=())
    _rowids: tuple[int, ...] = field(init=False, default=())
    _special: tuple[tuple[int, Field], ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        def where(holds: Holds) -> tuple[int, ...]:
            return tuple(place for place, each in enumerate(self.fields) if each.holds is holds)

        object.__setattr__(self, "_texts", where(Holds.TEXT))
        object.__setattr__(self, "_reals", where(Holds.REAL))
        object.__setattr__(self, "_rowids", where(Holds.ROWID))
        special = tuple((place, each) for place, each in enumerate(self.fields) if each.special)
        object.__setattr__(self, "_special", special)

    @property
    def proves_itself(self) -> bool:
        """A record whose end is JSON cannot have been put together of two."""
        return self.fields[-1].holds is Holds.JSON

    def fits(self, serials: Sequence[int]) -> bool:
        if not self.least <= len(serials) <= len(self.fields):
            return False
        for each, serial in zip(self.fields, serials, strict=False):
            if serial not in each.small and not (13 <= serial <= each.text_to and serial & 1):
                return False
        return True

    def row(self, rowid: int, values: Sequence[Value]) -> Row:
        """The row as SQLite reads it from a record that fits."""
        found = [*values, *(each.default for each in self.fields[len(values) :])]
        for place in self._rowids:
            found[place] = rowid
        for place in self._reals:
            value = found[place]
            found[place] = float(value) if isinstance(value, int) else value
        return tuple(found)

    def right(self, row: Row) -> bool:
        """Whether each value can be one of ours."""
        for place in self._texts:
            value = row[place]
            if isinstance(value, str) and "\0" in value:  # no text of ours has one: db/text.py
                return False
        return all(each.right(row[place]) for place, each in self._special)


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables, parents before children."""

    shapes: tuple[Shape, ...]

    @property
    def indexes(self) -> tuple[IndexShape, ...]:
        return tuple(index for shape in self.shapes for index in shape.indexes)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
