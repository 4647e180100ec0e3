from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from db import engine, tables
from db.engine import Database, check_sqlite, parse_url, url_shown
from db.errors import StoreUnavailableError
from db.prepare import prepare


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "callisto.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(parse_url(f"sqlite:///{path}"))
    yield database
    database.close()


def number(connection: Connection) -> int:
    return int(connection.execute(select(tables.revision.c.number)).scalar_one())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///var/callisto.db", "sqlite:///var/callisto.db"),
        ("postgresql://anna:top%20secret@db:5433/callisto", "postgresql://anna:***@db:5433/callisto"),
        ("postgres://anna:top%20secret@db.example/callisto", "postgresql://anna:***@db.example/callisto"),
        ("postgresql+psycopg://db.example/c?user=anna&password=top%20secret",
         "postgresql://db.example/c?password=hidden&user=anna"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    parsed = parse_url(url)
    assert sorted(url_shown(parsed).replace("?", "&").split("&")) == sorted(
        shown.replace("?", "&").split("&")
    )
    assert "secret" not in url_shown(parsed)


@pytest.mark.parametrize(
    "url", ["", "callisto.db", "sqlite://", "sqlite:///:memory:", "mysql://a:secret@b/c", "oracle://x", "://"]
)
def test_a_url_of_no_store_is_refused_with_the_right_ones(url: str) -> None:
    with pytest.raises(StoreUnavailableError) as refused:
        parse_url(url)
    assert "sqlite:///" in refused.value.hint
    assert "postgresql://" in refused.value.hint
    assert "secret" not in str(refused.value)


def test_the_pragmas_are_those_of_the_decision_page(database: Database) -> None:
    def pragmas(connection: Connection) -> dict[str, object]:
        names = (
            "journal_mode", "synchronous", "foreign_keys", "busy_timeout", "cell_size_check", "mmap_size",
            "secure_delete", "trusted_schema", "journal_size_limit", "wal_autocheckpoint", "query_only",
        )  # fmt: skip
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    common = {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000,
        "cell_size_check": 1, "mmap_size": 0, "secure_delete": 1, "trusted_schema": 0,
        "journal_size_limit": 67108864,
        "wal_autocheckpoint": 1000,
    }  # fmt: skip
    assert database.record(pragmas) == {**common, "query_only": 0}
    assert database.read(pragmas) == {**common, "query_only": 1}


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be written"):
        database.read(lambda connection: connection.execute(update(tables.revision).values(number=99)))
    assert database.read(number) == 1


def test_a_reader_sees_one_moment(database: Database) -> None:
    def ask(connection: Connection) -> tuple[int, int]:
        before = number(connection)
        database.change(lambda _: None)
        return before, number(connection)

    assert database.read(ask) == (1, 1)
    assert database.read(number) == 2


def test_a_failed_change_leaves_nothing(database: Database) -> None:
    def do(connection: Connection) -> None:
        row = {"source": "a", "offset": 1, "updated": datetime.now(UTC)}
        connection.execute(tables.spool_position.insert().values(row))
        raise RuntimeError("out of coffee")

    with pytest.raises(RuntimeError, match="out of coffee"):
        database.change(do)
    assert database.read(number) == 1
    assert database.read(lambda connection: connection.execute(select(tables.spool_position)).all()) == []


def test_our_own_mistakes_are_not_blamed_on_the_store(database: Database) -> None:
    row = {"user": "nobody", "role": "user"}
    with pytest.raises(IntegrityError):
        database.change(lambda connection: connection.execute(tables.user_role.insert().values(row)))


def test_a_writer_waits_for_another_process(database: Database, path: Path) -> None:
    other = pysqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    begun, done = threading.Event(), threading.Event()

    def change() -> None:
        database.change(lambda _: begun.set())
        done.set()

    writer = threading.Thread(target=change)
    writer.start()
    assert not begun.wait(0.2), "it has read what the other one may be changing"
    other.execute("COMMIT")
    assert done.wait(30)
    writer.join()
    other.close()


def test_a_store_that_stays_locked_is_said_to_be_busy(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WRITE_WITHIN", 0.1)
    database.record(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=50"))
    other = pysqlite3.connect(str(path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="busy: another process keeps it locked") as refused:
        database.change(lambda _: None)
    assert "try again" in refused.value.hint
    other.close()
    database.change(lambda _: None)


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
def test_a_sqlite_that_can_damage_the_store_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(StoreUnavailableError, match=r"SQLite 3\.\d+\.\d can damage") as refused:
        check_sqlite(version)
    assert "3.51.3" in refused.value.hint


def test_the_sqlite_we_run_with_is_sound() -> None:
    check_sqlite(pysqlite3.sqlite_version_info)


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://anna:secret@/callisto?host={tmp_path}"
    for attempt in (lambda: prepare(url), lambda: Database(parse_url(url)).read(number)):
        with pytest.raises(StoreUnavailableError, match="cannot be reached") as refused:
            attempt()
        assert "secret" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
        assert "CALLISTO_STORE_URL" in refused.value.hint


def test_the_version_moves_with_the_commits_of_others_and_rests_otherwise(
    database: Database, path: Path
) -> None:
    before = database.version()
    assert before is not None
    database.read(number)
    assert database.version() == before
    database.change(number)
    after_ours = database.version()
    assert after_ours != before
    other = Database(parse_url(f"sqlite:///{path}"))
    other.change(number)
    other.close()
    assert database.version() not in {before, after_ours}
