"""The shapes of rows from the declaration of the tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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
from db.salvage.shapes import DOMAINS, INTEGERS, Field, Holds, IndexShape, Reference, Schema, Shape
from db.tables import Utc

_MOMENT_SERIAL = 13 + 2 * 26
_LONGEST_TEXT = 13 + 2 * 100_000_000


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
        return Field(column.name, Holds.REAL, null | {7} | INTEGERS, 0, domain)
    if isinstance(kind, Integer):
        return Field(column.name, Holds.INTEGER, null | INTEGERS, 0, domain)
    raise TypeError(f"{table.name}.{column.name}: what a file holds for {kind!r} is not known here")


_INDEXED_ROWID = Field("rowid", Holds.INTEGER, INTEGERS, 0)
_ANY = Field("text", Holds.TEXT, frozenset(), _LONGEST_TEXT)
_VERSION = Field("version_num", Holds.TEXT, frozenset(), 13 + 2 * 32)
_BESIDE = (
    Shape("alembic_version", (_VERSION,), 1, (0,),
          (IndexShape("", "alembic_version", (0,), (_VERSION,), unique=True, whole=True),), ours=False),
    Shape("sqlite_schema", (_ANY, _ANY, _ANY, Field("rootpage", Holds.INTEGER, INTEGERS, 0),
                            Field("sql", Holds.TEXT, frozenset({0}), _LONGEST_TEXT)), 5, (), ours=False),
)  # fmt: skip
