"""Whether a store is sound, asked of real ones: sound, damaged, with rows that refer to nothing, large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pysqlite3
import pytest

from db.errors import StoreUnavailableError
from db.sample import sample_office
from db.soundness import NotInTimeError
from db.store import Store, prepare
from db.variables.states import Actor
from tests.postgres import fresh_database

CLI = Actor("root", "", "cli")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "callisto.db"
    prepare(f"sqlite:///{path}")
    with Store.open(f"sqlite:///{path}") as store:
        store.office.write(sample_office(), CLI)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with Store.open(f"sqlite:///{path}") as opened:
            yield opened
        return
    url = fresh_database(request)
    prepare(url)
    with Store.open(url) as opened:
        yield opened


def test_a_good_store_is_sound_and_has_a_size(store: Store) -> None:
    found = store.soundness(10)
    assert found.is_sound, found
    assert found.bytes > 10_000


def test_it_changes_nothing(store: Store) -> None:
    before = store.revision()
    store.soundness(10)
    store.audit.note(CLI, "after", "")
    assert store.revision() == before


def test_a_damaged_page_is_found(path: Path) -> None:
    with pysqlite3.connect(str(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name='users'").fetchone()
    raw.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 + 8 : (root - 1) * 4096 + 40] = b"\xff" * 32
    path.write_bytes(data)
    with Store.open(f"sqlite:///{path}") as store:
        found = store.soundness(10)
    assert found.damage
    assert not found.is_sound


def test_rows_that_refer_to_nothing_are_found_by_their_tables(path: Path) -> None:
    with pysqlite3.connect(str(path)) as raw:
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("INSERT INTO user_role (user, role) VALUES ('nobody', 'support')")
    raw.close()
    with Store.open(f"sqlite:///{path}") as store:
        found = store.soundness(10)
    assert not found.damage
    assert found.foreign_keys == ("user_role to users",)
    assert not found.is_sound


def test_a_store_that_takes_too_long_is_given_up_and_works_on(path: Path) -> None:
    with pysqlite3.connect(str(path)) as raw:
        rows = ((f"c{number}", "x" * 200) for number in range(20000))
        raw.executemany(
            "INSERT INTO audit (at, user, address, channel, action, detail)"
            " VALUES ('2026-11-22 00:00:00', '', '', 'cli', ?, ?)",
            rows,
        )
    raw.close()
    with Store.open(f"sqlite:///{path}") as store:
        with pytest.raises(NotInTimeError):
            store.soundness(-1)
        assert store.soundness(30).is_sound


def test_a_store_that_is_gone_is_said(path: Path) -> None:
    store = Store.open(f"sqlite:///{path}")
    store.close()
    path.unlink()
    path.parent.chmod(0o500)
    try:
        path.mkdir(exist_ok=True)
        with pytest.raises(StoreUnavailableError):
            store.soundness(10)
    finally:
        path.parent.chmod(0o700)
