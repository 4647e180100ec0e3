"""Rows out of damaged stores, beside what SQLite read from them when they were sound."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pysqlite3
import pytest

from db.salvage import Range, Report, Salvaged, salvage
from db.salvage.format import Kind
from db.salvage.shapes import Row
from tests.db import big_store, corrupt

UNHARMED = (
    "header zeroed", "page 1 random", "schema zeroed", "roots random", "half of the interior pages",
    "free list random", "20 index leaves",
)  # fmt: skip
PAGE_DAMAGE = tuple(name for name in corrupt.DAMAGES if name != "200 bit flips")


@dataclass(frozen=True, slots=True)
class Sound:
    """Not to be written."""

    path: Path
    foreign: Path
    rows: dict[str, set[Row]]

    @property
    def count(self) -> int:
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True, slots=True)
class Saved:
    rows: dict[str, set[Row]]
    doubtful: dict[str, set[Row]]
    report: Report

    def missing(self, sound: Sound) -> int:
        return sum(len(rows - self.rows[table]) for table, rows in sound.rows.items())

    def wrong(self, sound: Sound) -> list[Row]:
        return [row for table, rows in sound.rows.items() for row in self.rows[table] - rows]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    folder = tmp_path_factory.mktemp("salvage")
    path, foreign = folder / "sound.db", folder / "foreign.db"
    big_store.make(path, 2500)
    big_store.make(foreign, 1000, seed=2)
    return Sound(path, foreign, big_store.truth(path))


def saved(path: Path, wal: Path | None = None) -> Saved:
    with salvage(path, wal, big_store.SCHEMA) as found:
        return Saved(_all(found.rows, found), _all(found.doubtful, found), found.report)


def _all(read: object, found: Salvaged) -> dict[str, set[Row]]:
    by_table = {}
    for table in found.tables:
        rows = list(read(table))  # type: ignore[operator]
        assert len(rows) == len(set(rows)), f"{table}: a row came twice"
        by_table[table] = set(rows)
    return by_table


def test_a_sound_store_comes_back_as_sqlite_reads_it(sound: Sound) -> None:
    found = saved(sound.path)
    assert found.rows == sound.rows
    assert found.report.whole
    assert found.report.damaged == 0
    assert found.report.schema_read
    assert found.report.freelist_read
    assert not any(found.doubtful.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", UNHARMED)
def test_every_row_comes_back_when_no_row_was_hit(name: str, seed: int, sound: Sound, tmp_path: Path) -> None:
    path = corrupt.damaged(sound.path, tmp_path / "bad.db", corrupt.DAMAGES[name], seed)
    assert path.read_bytes() != sound.path.read_bytes()
    found = saved(path)
    assert found.missing(sound) == 0
    assert found.wrong(sound) == []
    assert found.report.whole


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", PAGE_DAMAGE)
def test_no_wrong_row_comes_of_a_damaged_page(name: str, seed: int, sound: Sound, tmp_path: Path) -> None:
    path = corrupt.damaged(sound.path, tmp_path / "bad.db", corrupt.DAMAGES[name], seed, sound.foreign)
    found = saved(path)
    assert found.wrong(sound) == []
    assert sum(map(len, found.rows.values())) > 0.4 * sound.count


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_flipped_bits_cost_the_rows_they_hit_and_no_others(
    seed: int, sound: Sound, tmp_path: Path
) -> None:  # fmt: skip
    path = corrupt.damaged(sound.path, tmp_path / "bad.db", lambda p: corrupt.bit_flips(p, 20), seed)
    found = saved(path)
    # A bit in the header of a page or in its pointers may cost what is beside it.
    assert found.missing(sound) <= 20 * 4
    assert len(found.wrong(sound)) <= 20


def test_the_damaged_file_is_only_read(sound: Sound, tmp_path: Path) -> None:
    path = corrupt.damaged(sound.path, tmp_path / "bad.db", corrupt.random_pages, 1)
    before = path.read_bytes()
    saved(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["bad.db"]


def test_lost_calls_are_named_by_what_the_indexes_still_say(sound: Sound, tmp_path: Path) -> None:
    patient = corrupt.patient(sound.path, 1)
    leaf = _leaf_of_calls(sound.path, patient)
    patient.write(leaf, bytes(corrupt.SIZE))
    path = tmp_path / "bad.db"
    path.write_bytes(patient.data)
    found = saved(path)
    lost = sound.rows["call"] - found.rows["call"]
    table = next(each for each in found.report.tables if each.table == "call")
    assert lost
    assert table.lost == len(lost)
    assert {(one.known["id"], one.known["started"]) for one in table.named} == {row[:2] for row in lost}
    assert not found.report.whole


def test_rows_that_no_index_names_are_told_as_a_range(sound: Sound, tmp_path: Path) -> None:
    def hit(p: corrupt.Patient) -> None:
        notes = sorted(sound.rows["audit"], key=lambda row: int(row[0] or 0))
        at = p.data.index(str(notes[500][6]).encode())
        p.write(at // corrupt.SIZE + 1, p.dice.randbytes(corrupt.SIZE))

    found = saved(corrupt.damaged(sound.path, tmp_path / "bad.db", hit, 1))
    lost = {int(row[0] or 0) for row in sound.rows["audit"] - found.rows["audit"]}
    (told,) = next(each for each in found.report.tables if each.table == "audit").ranges
    assert lost
    assert told.after is not None
    assert told.up_to is not None
    assert told.after < min(lost)
    assert max(lost) <= told.up_to
    assert not any(told.after < int(row[0] or 0) <= told.up_to for row in found.rows["audit"])


@pytest.mark.parametrize("also", [lambda _: None, corrupt.schema])
def test_a_table_whose_only_page_is_gone_is_told(
    sound: Sound, tmp_path: Path, also: Callable[[corrupt.Patient], None]
) -> None:
    def its_page(p: corrupt.Patient) -> None:
        p.write(p.roots["forwarding"], p.dice.randbytes(corrupt.SIZE))
        also(p)

    found = saved(corrupt.damaged(sound.path, tmp_path / "bad.db", its_page, 1))
    told = {each.table: each for each in found.report.tables}
    assert not told["forwarding"].whole
    assert Range(None, None) in told["forwarding"].ranges
    assert told["call"].whole


def test_a_page_of_another_store_in_place_of_ours_adds_no_row(sound: Sound, tmp_path: Path) -> None:
    other = corrupt.patient(sound.foreign, 1)
    foreign = bytes(other.data)
    leaf = _leaf_of_calls(sound.foreign, other)

    def paste(p: corrupt.Patient) -> None:
        here = _leaf_of_calls(sound.path, p)
        p.write(here, foreign[(leaf - 1) * corrupt.SIZE : leaf * corrupt.SIZE])

    found = saved(corrupt.damaged(sound.path, tmp_path / "bad.db", paste, 1))
    assert found.wrong(sound) == []
    assert found.missing(sound) > 0


def test_a_value_that_the_program_could_not_read_is_no_row(sound: Sound, tmp_path: Path) -> None:
    def hit(p: corrupt.Patient) -> None:
        at = p.data.index(b"line_busy")
        p.data[at : at + 9] = b"line_bUsy"

    found = saved(corrupt.damaged(sound.path, tmp_path / "bad.db", hit, 1))
    assert len(sound.rows["forwarding"] - found.rows["forwarding"]) == 1
    assert found.rows["forwarding"] < sound.rows["forwarding"]


def test_deleted_rows_do_not_come_back(sound: Sound, tmp_path: Path) -> None:
    path = tmp_path / "deleted.db"
    shutil.copy(sound.path, path)
    raw = pysqlite3.connect(str(path), isolation_level=None)
    raw.execute("PRAGMA secure_delete=OFF")  # what was there stays in the free pages
    raw.execute("DELETE FROM audit WHERE id % 1000 > 300")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    assert saved(path).rows == big_store.truth(path)


def test_a_record_from_before_a_column_was_added_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    raw = pysqlite3.connect(str(path), isolation_level=None)
    shape = next(shape for shape in big_store.SCHEMA.shapes if shape.name == "groups")
    columns = ", ".join(f'"{field.name}"' for field in shape.fields[1:15])
    raw.execute(f"CREATE TABLE groups(id INTEGER PRIMARY KEY, {columns})")
    old = (7, "Sales", "4000", "", 1, 20, 15, "busy", "", 1, 1, 0, 2, 0, "sequential")
    raw.execute(f"INSERT INTO groups VALUES ({', '.join('?' * 15)})", old)
    for field in shape.fields[15:]:
        raw.execute(f"ALTER TABLE groups ADD COLUMN {field.name} BOOLEAN DEFAULT 1 NOT NULL")
    raw.close()
    assert saved(path).rows["groups"] == {(*old, 1, 1, 1)}


def test_the_report_can_be_kept_as_json(sound: Sound, tmp_path: Path) -> None:
    path = corrupt.damaged(sound.path, tmp_path / "bad.db", corrupt.random_pages, 1)
    told = json.loads(json.dumps(saved(path).report.as_json()))
    assert told["damaged"] == 64
    assert told["whole"] is False
    assert {table["table"] for table in told["tables"]} == set(big_store.names())


@pytest.mark.parametrize("content", [b"", b"S", b"SQLite format 3\0", bytes(5000), b"\x0d" * 70_000])
def test_what_is_no_store_gives_no_rows(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    path.write_bytes(content)
    found = saved(path, path)
    assert not any(found.rows.values())


@pytest.mark.parametrize("part", range(4))
def test_any_damage_ends_soon_and_raises_nothing(part: int, tmp_path: Path) -> None:
    small = tmp_path / "small.db"
    big_store.make(small, 250, seed=part)
    began = time.monotonic()
    for seed in range(12):
        path = corrupt.damaged(small, tmp_path / "bad.db", corrupt.noise, part * 1000 + seed)
        saved(path)
    for size in (1, 512, 4097, 60_000):
        junk = tmp_path / "junk.db"
        junk.write_bytes(random.Random(part).randbytes(size))
        saved(junk, junk)
    assert time.monotonic() - began < 60


def _leaf_of_calls(path: Path, patient: corrupt.Patient) -> int:
    """A page with calls, from the middle of the table."""
    ids = [str(row[0]).encode() for row in big_store.rows(path, "call")]
    pages = list(_pages_with(patient, ids[len(ids) // 2]))
    return next(page for page in pages if patient.kinds.get(page) is Kind.TABLE_LEAF)


def _pages_with(patient: corrupt.Patient, text: bytes) -> Iterator[int]:
    at = patient.data.find(text)
    while at >= 0:
        yield at // corrupt.SIZE + 1
        at = patient.data.find(text, at + 1)
