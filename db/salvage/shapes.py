"""What a row of each table looks like in a file, from the tables' own declaration. Pure.

No two tables take each other's rows (`tests/db/test_tables.py`), so a record says whose it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from db.salvage.format import Value
from db.tables import Utc
from router.model import ForwardKind, OverflowKind, Presence, ShowVip, Strategy, VipRouting

Row = tuple[Value, ...]

DOMAINS: Mapping[tuple[str, str], frozenset[Value]] = {
    ("revision", "id"): frozenset({1}),
    ("presence", "state"): frozenset(each.value for each in Presence),
    ("forwarding", "kind"): frozenset(each.value for each in ForwardKind),
    ("groups", "overflow_kind"): frozenset(each.value for each in OverflowKind),
    ("groups", "strategy"): frozenset(each.value for each in Strategy),
    ("groups", "show_vip_calls"): frozenset(int(each) for each in ShowVip),
    ("groups", "vip_routing"): frozenset(int(each) for each in VipRouting),
}
"""Columns that hold a choice: any other value is damage, and the program could not read it."""

_MOMENT = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}")
_MOMENT_SERIAL = 13 + 2 * 26
_LONGEST_TEXT = 13 + 2 * 100_000_000
_INTEGERS = frozenset({1, 2, 3, 4, 5, 6, 8, 9})


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
            and serials[-1] in _INTEGERS
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


def schema_of(metadata: MetaData) -> Schema:
    """The tables of `metadata`, and those that every store has beside them."""
    ours = tuple(_shape(table) for table in metadata.sorted_tables)
    return Schema((*ours, *_BESIDE))


def _shape(table: Table) -> Shape:
    columns = list(table.columns)
    places = {column.name: place for place, column in enumerate(columns)}
    fields = tuple(_field(table, column) for column in columns)
    added = 0
    while columns[-1 - added].server_default is not None:
        added += 1
    key = tuple(places[column.name] for column in table.primary_key.columns)
    references = tuple(
        Reference(
            foreign.parent.name, foreign.column.table.name, foreign.column.name, bool(foreign.parent.nullable)
        )
        for foreign in sorted(table.foreign_keys, key=lambda foreign: places[foreign.parent.name])
    )
    return Shape(table.name, fields, len(fields) - added, key, tuple(_indexes(table, fields)), references)


def _indexes(table: Table, fields: tuple[Field, ...]) -> list[IndexShape]:
    places = {column.name: place for place, column in enumerate(table.columns)}

    def made(name: str, columns: Sequence[str], *, unique: bool, whole: bool) -> IndexShape:
        where = tuple(places[column] for column in columns)
        held = tuple(_INDEXED_ROWID if fields[at].holds is Holds.ROWID else fields[at] for at in where)
        return IndexShape(name, table.name, where, held, unique, whole)

    found = []
    key = [column.name for column in table.primary_key.columns]
    if _rowid_column(table) is None:
        found.append(made("", key, unique=True, whole=True))
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        if isinstance(constraint, UniqueConstraint):
            found.append(made("", [column.name for column in constraint.columns], unique=True, whole=True))
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        whole = index.dialect_options["sqlite"]["where"] is None
        names = [column.name for column in index.columns]
        found.append(made(str(index.name), names, unique=bool(index.unique), whole=whole))
    return found


def _rowid_column(table: Table) -> Column[object] | None:
    """The column that is another name of the rowid (INTEGER PRIMARY KEY): its record holds NULL."""
    key = list(table.primary_key.columns)
    return key[0] if len(key) == 1 and type(key[0].type) is Integer else None


def _field(table: Table, column: Column[object]) -> Field:
    domain = DOMAINS.get((table.name, column.name))
    null = frozenset({0}) if column.nullable else frozenset()
    if column is _rowid_column(table):
        return Field(column.name, Holds.ROWID, frozenset({0}), 0, domain)
    kind = column.type
    default: Value = 1 if column.server_default is not None else None
    if isinstance(kind, Utc | DateTime):
        return Field(column.name, Holds.MOMENT, null | {_MOMENT_SERIAL}, 0, domain)
    if isinstance(kind, JSON):
        return Field(column.name, Holds.JSON, null, _LONGEST_TEXT, domain)
    if isinstance(kind, String):
        longest = 13 + 2 * 4 * kind.length if kind.length else _LONGEST_TEXT
        return Field(column.name, Holds.TEXT, null, longest, domain)
    if isinstance(kind, Boolean):
        return Field(column.name, Holds.BOOLEAN, null | {8, 9}, 0, domain, default)
    if isinstance(kind, Float):
        return Field(column.name, Holds.REAL, null | {7} | _INTEGERS, 0, domain)
    if isinstance(kind, Integer):
        return Field(column.name, Holds.INTEGER, null | _INTEGERS, 0, domain)
    raise TypeError(f"{table.name}.{column.name}: what a file holds for {kind!r} is not known here")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


_INDEXED_ROWID = Field("rowid", Holds.INTEGER, _INTEGERS, 0)
_ANY = Field("text", Holds.TEXT, frozenset(), _LONGEST_TEXT)
_VERSION = Field("version_num", Holds.TEXT, frozenset(), 13 + 2 * 32)
_BESIDE = (
    Shape("alembic_version", (_VERSION,), 1, (0,),
          (IndexShape("", "alembic_version", (0,), (_VERSION,), unique=True, whole=True),), ours=False),
    Shape("sqlite_schema", (_ANY, _ANY, _ANY, Field("rootpage", Holds.INTEGER, _INTEGERS, 0),
                            Field("sql", Holds.TEXT, frozenset({0}), _LONGEST_TEXT)), 5, (), ours=False),
)  # fmt: skip
