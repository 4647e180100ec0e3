"""A store is made, found, or refused with what is wrong."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from sqlalchemy import create_engine, inspect

from db.engine import parse_url
from db.errors import StoreUnavailableError
from db.prepare import prepare
from db.schema import MIGRATIONS
from db.store import Store
from db.tables import metadata
from tests.db.filled import HEAD, filled, schema_of, url_of
from tests.postgres import fresh_database

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(MIGRATIONS.parents[1])}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_make_exactly_the_tables(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls = [url_of(tmp_path / name) if kind == "sqlite" else fresh_database(request) for name in "ab"]
    prepare(urls[0])
    engine = create_engine(parse_url(urls[1]))
    metadata.create_all(engine)
    engine.dispose()
    assert _shape(urls[0]) == _shape(urls[1])


def test_a_new_store_is_for_its_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        filled(path)
        with Store.open(url_of(path), journal=path.parent / "journal") as store:
            store.accounts.ensure_admin("a long password")
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.rglob("*")}
    finally:
        os.umask(before)
    assert modes.pop("journal") == 0o700
    assert {"callisto.db", "00000001.jnl"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="nowhere for the store does not exist") as refused:
        prepare(url_of(tmp_path / "nowhere" / "callisto.db"))
    assert "CALLISTO_STORE_URL" in refused.value.hint
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailableError, match="directory"):
        prepare(url_of(path))
    with pytest.raises(StoreUnavailableError, match="there is no store"):
        Store.open(url_of(path))


def test_opening_a_store_that_is_not_there_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="there is no store") as refused:
        Store.open(url_of(path))
    assert "start the appliance" in refused.value.hint
    assert not path.exists()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreUnavailableError, match="there is no store in"):
        Store.open(url_of(path))
    prepare(url_of(path))
    with Store.open(url_of(path)) as store:
        assert store.revision() == 1


@pytest.mark.parametrize("damage", ["text", "zeros", "first page", "cut"])
def test_a_damaged_store_is_said_and_left_as_it_is(path: Path, damage: str) -> None:
    filled(path)
    content = path.read_bytes()
    damaged = {
        "text": b"This is not a database. " * 1000,
        "zeros": bytes(len(content)),
        "first page": os.urandom(4096) + content[4096:],
        "cut": content[:5000],
    }[damage]
    path.write_bytes(damaged)
    for attempt in (lambda: prepare(url_of(path)), lambda: Store.open(url_of(path))):
        with pytest.raises(StoreUnavailableError) as refused:
            attempt()
        assert refused.value.hint
    assert path.read_bytes() == damaged


def test_damage_is_noticed_after_an_unclean_stop(path: Path) -> None:
    filled(path)
    crash = (
        f"import os, pysqlite3; c = pysqlite3.connect({str(path)!r}); "
        "c.execute('DELETE FROM audit'); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", crash], check=True, timeout=60)
    assert path.with_name("callisto.db-wal").stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 12))
    with pytest.raises(StoreUnavailableError, match="is damaged") as refused:
        prepare(url_of(path))
    assert "Repair Database" in refused.value.hint


def test_a_store_on_a_disk_that_takes_no_writes_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("db.prepare.os.open", full)
    with pytest.raises(StoreUnavailableError, match="No space left on device"):
        prepare(url_of(path))


def test_another_programs_file_is_left_alone(path: Path) -> None:
    other = pysqlite3.connect(str(path))
    other.execute("CREATE TABLE bookmark (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match=r"not a store of this program.*bookmark"):
        prepare(url_of(path))
    assert path.read_bytes() == before


def test_who_prepares_waits_for_another_one(path: Path) -> None:
    with path.with_name("callisto.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=prepare, args=(url_of(path),))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert not path.exists()
    second.join(30)
    assert schema_of(path) == HEAD


def test_who_prepares_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.prepare.ALONE_WITHIN", 0.1)
    with path.with_name("callisto.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailableError, match="another process is preparing the store"):
            prepare(url_of(path))


def test_many_who_prepare_at_once_make_one_store(path: Path, request: pytest.FixtureRequest) -> None:
    for url in (url_of(path), fresh_database(request)):
        command = [sys.executable, "-P", "-c", f"from db.prepare import prepare; prepare({url!r})"]
        workers = [subprocess.Popen(command, env=ENVIRONMENT) for _ in range(3)]
        assert [worker.wait(60) for worker in workers] == [0] * 3
        with Store.open(url) as store:
            assert store.revision() == 1


def _shape(url: str) -> dict[str, Any]:
    """Everything the database tells about our tables."""
    engine = create_engine(parse_url(url))
    found = inspect(engine)
    shape = {
        name: {
            "columns": [{**column, "type": repr(column["type"])} for column in found.get_columns(name)],
            "primary key": found.get_pk_constraint(name),
            "foreign keys": sorted(found.get_foreign_keys(name), key=repr),
            "unique": sorted(found.get_unique_constraints(name), key=repr),
            "checks": sorted(found.get_check_constraints(name), key=repr),
            "indexes": sorted(found.get_indexes(name), key=repr),
        }
        for name in metadata.tables
    }
    engine.dispose()
    # Conditions of indexes are objects that compare by identity.
    return dict(json.loads(json.dumps(shape, default=str)))
