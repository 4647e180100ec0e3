"""What a transaction changed, row by row: noted by triggers of the writer's connection alone.

They are TEMP triggers: nobody else's, and gone with the connection. They see what foreign keys delete, and
(`recursive_triggers`) what REPLACE deletes. What they note stands in a TEMP table, so that a rollback, of a
savepoint or of a statement, takes it back as it takes back the change itself.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

import pysqlite3
from sqlalchemy import Table

from db.journal.format import Group, Value
from db.tables import metadata

OWN = "journal"
"""The table that says where the store is in its journal: no change to tell of."""

PRAGMAS = ("temp_store=MEMORY", "recursive_triggers=ON", "temp.secure_delete=OFF")


def kept_tables() -> tuple[Table, ...]:
    return tuple(table for table in metadata.sorted_tables if table.name != OWN)


def columns_of(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def key_of(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def watch(raw: Any) -> None:
    """From now on note every change that comes over this connection, whose store has the present schema."""
    raw.execute(f"CREATE TEMP TABLE changed (n INTEGER PRIMARY KEY, what, {', '.join(_PLACES)})")
    for number, table in enumerate(kept_tables()):
        for event, (_, values) in zip(("INSERT", "UPDATE", "DELETE"), _noted(table), strict=True):
            places = ", ".join(_PLACES[: len(values)])
            raw.execute(
                f'CREATE TEMP TRIGGER "changed {table.name} {event}" '
                f'AFTER {event} ON main."{table.name}" BEGIN '
                f"INSERT INTO changed (what, {places}) VALUES ({3 * number + _EVENTS[event]}, "
                f"{', '.join(values)}); END"
            )


def take(raw: Any) -> list[Group]:
    """What the transaction under way has changed, in its order; empty for nothing. It is noted no more."""
    rows = _fetch(raw)
    if not rows:
        return []
    raw.execute("DELETE FROM temp.changed")
    groups: list[Group] = []
    for what, changed in groupby(rows, key=itemgetter(0)):
        op, name, width = _KINDS[what]
        groups.append((op, name, [row[1 : 1 + width] for row in changed]))
    return groups


def _fetch(raw: Any) -> list[tuple[Value, ...]]:
    kinds = raw.execute("SELECT DISTINCT what FROM temp.changed").fetchall()
    if not kinds:
        return []
    # Most tables have few columns, and to fetch a column takes longer than to note it.
    places = _PLACES[: max(_KINDS[what][2] for (what,) in kinds)]
    query = f"SELECT what, {', '.join(places)} FROM temp.changed ORDER BY n"
    try:
        found: list[tuple[Value, ...]] = raw.execute(query).fetchall()
    except pysqlite3.OperationalError as exc:
        if "decode" not in str(exc):
            raise
    else:
        return found
    before = raw.text_factory
    raw.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return list(raw.execute(query).fetchall())
    finally:
        raw.text_factory = before


def _noted(table: Table) -> tuple[tuple[str, list[str]], ...]:
    """For an insert, an update and a delete: the record's letter, and what is noted."""
    row = [f'NEW."{name}"' for name in columns_of(table)]
    key = [f'OLD."{name}"' for name in key_of(table)]
    return ("i", row), ("u", [*row, *key]), ("d", key)


_EVENTS = {"INSERT": 0, "UPDATE": 1, "DELETE": 2}
_KINDS = [(op, table.name, len(values)) for table in kept_tables() for op, values in _noted(table)]
_PLACES = [f"c{number}" for number in range(max(width for _, _, width in _KINDS))]
