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
from db.targets import TargetKind
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
    ("backup_target", "kind"): frozenset(each.value for each in TargetKind),
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
    _moments: tuple[int, ...] = field(init=False, default=())
    _reals: tuple[int, ...] = field(init=False, default=())
    _jsons: tuple[int, ...] = field(init=False, default=())
    _rowids: tuple[int, ...] = field(init=False, default=())
    _domains: tuple[tuple[int, frozenset[Value]], ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        fields = tuple(enumerate(self.fields))

        def where(holds: Holds) -> tuple[int, ...]:
            return tuple(place for place, each in fields if each.holds is holds)

        object.__setattr__(self, "_texts", where(Holds.TEXT))
        object.__setattr__(self, "_moments", where(Holds.MOMENT))
        object.__setattr__(self, "_reals", where(Holds.REAL))
        object.__setattr__(self, "_jsons", where(Holds.JSON))
        object.__setattr__(self, "_rowids", where(Holds.ROWID))
        domains = tuple((place, each.domain | {None}) for place, each in fields if each.domain is not None)
        object.__setattr__(self, "_domains", domains)

    @property
    def proves_itself(self) -> bool:
        """A record whose end is JSON cannot have been put together of two."""
        return self.fields[-1].holds is Holds.JSON

    def row(self, rowid: int, values: Sequence[Value]) -> Row:
        """The row as SQLite reads it from a record that fits."""
        found = list(values)
        if len(found) < len(self.fields):
            found += [each.default for each in self.fields[len(values) :]]
        for place in self._rowids:
            found[place] = rowid
        for place in self._reals:
            value = found[place]
            found[place] = float(value) if isinstance(value, int) else value
        return tuple(found)

    def right(self, row: Row) -> bool:
        """Whether each value, which has a type of its column, can be one of ours."""
        for place in self._texts:
            value = row[place]
            if value and "\0" in value:  # type: ignore[operator]  # no text of ours has one: db/text.py
                return False
        for place in self._moments:
            if (value := row[place]) is not None and _MOMENT.fullmatch(str(value)) is None:
                return False
        for place in self._reals:
            if (value := row[place]) is not None and not math.isfinite(value):  # type: ignore[arg-type]
                return False
        for place, domain in self._domains:
            if row[place] not in domain:
                return False
        return all(row[place] is None or _is_json(row[place]) for place in self._jsons)


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables, parents before children."""

    shapes: tuple[Shape, ...]

    @property
    def indexes(self) -> tuple[IndexShape, ...]:
        return tuple(index for shape in self.shapes for index in shape.indexes)


def _is_json(text: Value) -> bool:
    try:
        json.loads(str(text))
    except (ValueError, RecursionError):
        return False
    return True
