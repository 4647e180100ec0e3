from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations

import pysqlite3
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    insert,
    select,
)

from db.tables import Utc, metadata

ALL = {
    **metadata.tables,
    "alembic_version": Table("alembic_version", MetaData(), Column("version_num", String)),
}


def kinds(column: Column[object]) -> set[str]:
    """What a cell of this column may hold in a SQLite file (file format, 2.1 Record Format)."""
    if column.primary_key and isinstance(column.type, Integer) and len(column.table.primary_key.columns) == 1:
        return {"null"}  # an alias of the rowid
    found = {
        BigInteger: {"integer"},
        Integer: {"integer"},
        Boolean: {"zero or one"},
        # A whole number in a REAL column is stored as an integer.
        Float: {"real", "integer", "zero or one"},
    }.get(type(column.type), {"text"})
    if found == {"integer"}:
        found = {"integer", "zero or one"}
    return found | ({"null"} if column.nullable else set())


def takes_rows_of(one: Table, other: Table) -> bool:
    """Whether some row of `other` could be a row of `one`, by its shape."""
    pairs = list(zip(one.columns, other.columns, strict=False))
    return len(one.columns) == len(other.columns) and all(kinds(a) & kinds(b) for a, b in pairs)


@pytest.mark.parametrize(("one", "other"), list(combinations(sorted(ALL), 2)))
def test_no_two_tables_have_rows_of_the_same_shape(one: str, other: str) -> None:
    assert not takes_rows_of(ALL[one], ALL[other])


def test_every_constraint_has_a_name() -> None:
    for table in metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table.name
        assert all(index.name for index in table.indexes), table.name


def test_every_text_says_how_long_it_may_be() -> None:
    texts = [column for table in metadata.tables.values() for column in table.columns]
    assert all(
        column.type.length
        for column in texts
        if isinstance(column.type, String) and type(column.type) is not Text
    )


def test_moments_are_kept_as_utc_and_come_back_aware() -> None:
    engine = create_engine("sqlite://", module=pysqlite3)
    table = Table("moment", MetaData(), Column("at", Utc))
    at = datetime(2026, 3, 29, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table).values(at=at))
        back = connection.execute(select(table.c.at)).scalar_one()
        raw = connection.exec_driver_sql("SELECT at FROM moment").scalar_one()
    assert back == at
    assert back.tzinfo is UTC
    assert raw == "2026-03-29 01:30:00.000001"


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        Utc().process_bind_param(datetime(2026, 1, 1), create_engine("sqlite://", module=pysqlite3).dialect)  # noqa: DTZ001
