"""Whatever a store holds, the salvage of the sound file is what SQLite reads."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.salvage import format as fmt
from db.salvage import forms, salvage
from db.salvage.shapes import DOMAINS, Field, Holds, Shape
from db.store import prepare
from tests.db import big_store

TABLES = [shape for shape in big_store.SCHEMA.shapes if shape.ours and shape.name != "revision"]


def texts(most: int) -> st.SearchStrategy[str]:
    """Short ones, and some as long as they may be."""
    short = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=min(most, 12))
    return st.tuples(short, st.sampled_from([1, 1, 1, 40, 3000])).map(lambda each: (each[0] * each[1])[:most])


def values(shape: Shape, field: Field) -> st.SearchStrategy[Any]:
    domain = DOMAINS.get((shape.name, field.name))
    if domain is not None:
        return st.sampled_from(sorted(domain, key=str))
    match field.holds:
        case Holds.MOMENT:
            made: st.SearchStrategy[Any] = st.datetimes(datetime(1, 1, 1)).map(  # noqa: DTZ001
                lambda at: at.isoformat(" ", "microseconds")
            )
        case Holds.JSON:
            made = st.recursive(st.none() | st.integers() | texts(3000), st.lists, max_leaves=8).map(
                lambda value: json.dumps([value])
            )
        case Holds.BOOLEAN:
            made = st.booleans().map(int)
        case Holds.REAL:
            made = st.floats(allow_nan=False, allow_infinity=False)
        case Holds.TEXT:
            made = texts(min((field.text_to - 13) // 8, 9000))
        case _:
            made = st.integers(-(1 << 63), (1 << 63) - 1)
    return st.none() | made if 0 in field.small and field.holds is not Holds.ROWID else made


@st.composite
def contents(draw: st.DrawFn) -> list[tuple[str, tuple[Any, ...]]]:
    rows = []
    for shape in draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=3)):
        row = st.tuples(*(values(shape, field) for field in shape.fields))
        rows += [(shape.name, each) for each in draw(st.lists(row, max_size=5))]
    return rows


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    prepare(f"sqlite:///{path}")
    raw = pysqlite3.connect(str(path), isolation_level=None)
    raw.execute("PRAGMA journal_mode=DELETE")
    raw.close()
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=contents(), deleted=st.integers(2, 9))
def test_any_content_comes_back_as_sqlite_reads_it(
    rows: list[tuple[str, tuple[Any, ...]]], deleted: int, empty: Path
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.db")
        shutil.copy(empty, path)
        raw = pysqlite3.connect(str(path), isolation_level=None)
        raw.execute("BEGIN")
        for table, row in rows:  # foreign keys are off: they are no matter of pages
            raw.execute(f'INSERT OR IGNORE INTO "{table}" VALUES ({", ".join("?" * len(row))})', row)
        for table in {table for table, _ in rows}:
            raw.execute(f'DELETE FROM "{table}" WHERE rowid % {deleted} = 0')
        raw.execute("COMMIT")
        raw.close()
        with salvage(path, None, big_store.SCHEMA) as found:
            assert {name: set(found.rows(name)) for name in found.tables} == big_store.truth(path)
            assert found.report.whole


@given(st.integers(0, (1 << 64) - 1))
def test_a_number_is_read_as_sqlite_writes_it(value: int) -> None:
    assert fmt.varint(_varint(value) + b"\xff", 0) == (value, len(_varint(value)))


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_but_in_its_own_way(data: bytes) -> None:
    page = data.ljust(512, b"\0")
    for kind in fmt.Kind:
        page = bytes([kind]) + page[1:]
        try:
            head = fmt.page_head(page, 0, 512)
            for at in head.cells:
                cell = fmt.cell(page, at, 512, fmt.Kind.TABLE_LEAF)
                forms.values(forms.Forms(big_store.SCHEMA).record(page, cell.body, cell.size))
        except fmt.FormatError:
            continue


def _varint(value: int) -> bytes:
    """1.6 of the file format: seven bits a byte, the ninth byte whole."""
    if value >> 56:
        high = value >> 8
        return bytes(0x80 | high >> 7 * at & 0x7F for at in range(7, -1, -1)) + bytes([value & 0xFF])
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | value & 0x7F)
    return bytes(reversed(parts))
