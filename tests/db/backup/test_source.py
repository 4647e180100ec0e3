"""The rows of a store as they are at one moment, whoever keeps it."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine

from db.backup import server
from db.backup.folder import pieces
from db.backup.making import make
from db.backup.proof import PRESENT, prove
from db.backup.reading import unpack
from db.backup.source import Source, rows_of, snapshot
from db.sample import sample_office
from db.schema import MIGRATIONS, head
from db.store import Store, prepare
from db.variables.states import Actor
from tests.db.backup.house import state
from tests.postgres import fresh_database

CLI = Actor("root", "", "cli")
START = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path}/live.db" if request.param == "sqlite" else fresh_database(request)
    prepare(found)
    with Store.open(found) as store:
        store.office.write(sample_office(), CLI)
        store.variables.set("gWebTimeout", "30", CLI)
        store.variables.undo(CLI)
        store.variables.set("gWebTimeout", "40", CLI)
        store.calls.ingest("calls-1.jsonl", 0, [call(number) for number in range(1200)], 4711)
    return found


def call(number: int) -> dict[str, object]:
    began = START + timedelta(seconds=number, microseconds=number)
    return {
        "id": f"c{number}", "started": began.isoformat(), "ended": (began + timedelta(seconds=9)).isoformat(),
        "answered": None, "caller": "+41441234567", "caller_raw": "sip:x", "caller_name": "Jörg",
        "dialled": "4000", "group": "Sales", "vip": number % 2 == 0, "result": "abandoned", "status": 487,
        "agent": None,
        "talk_s": 0.0, "ring_s": 1.5, "steps": [{"at_s": 0.5, "text": "manager rings: größer"}],
    }  # fmt: skip


def of(url: str, tmp_path: Path) -> Source:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    return Source(url, tmp_path, work, "0.1.0")


def test_a_store_comes_back_from_any_server_as_it_was(url: str, tmp_path: Path) -> None:
    done = make(of(url, tmp_path), tmp_path / "a.zip", "a long sentence")
    assert done.manifest.dialect == url.partition(":")[0]
    assert done.manifest.schema == head(MIGRATIONS) == PRESENT
    (tmp_path / "into").mkdir()
    unpack(pieces(done.file), tmp_path / "into", "a long sentence", 1 << 30)
    with Store.open(url) as was, Store.open(f"sqlite:///{tmp_path}/into/store.db") as now:
        assert now.office.read() == was.office.read()
        assert now.variables.history() == was.variables.history()
        assert now.variables.get("gWebTimeout").value == "40"
        assert now.calls.latest(2000) == was.calls.latest(2000)
        assert now.calls.position("calls-1.jsonl") == 4711
        assert now.audit.latest(50) == was.audit.latest(50)


def test_what_is_written_meanwhile_is_not_in_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server, the moment is when the first table is looked at."""
    current = server.must_be_current

    def then_somebody_writes(connection: Connection, shown: str) -> str:
        found = current(connection, shown)
        with Store.open(url) as store:
            store.calls.ingest("calls-2.jsonl", 0, [call(5000)], 1)
        return found

    monkeypatch.setattr(server, "must_be_current", then_somebody_writes)
    assert snapshot(of(url, tmp_path)).rows["call"] == 1200


def test_writers_go_on_while_it_is_made(tmp_path: Path) -> None:
    """And each change is in it whole or not at all: a position is never ahead of its records."""
    folder = state(tmp_path, 2000)
    url = f"sqlite:///{folder}/callisto.db"
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        with Store.open(url) as store:
            while not stop.is_set():
                number = len(written)
                store.calls.ingest("calls-9.jsonl", number, [call(number)], number + 1)
                written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        snapshots = [taken(url, tmp_path / str(number)) for number in range(6)]
    finally:
        stop.set()
        writer.join()
    assert len(written) > 6
    for calls, position in snapshots:
        assert calls == position


def taken(url: str, folder: Path) -> tuple[int, int]:
    """Calls of the writer, and where he is."""
    folder.mkdir()
    found = snapshot(of(url, folder))
    with closing(pysqlite3.connect(str(found.path))) as raw:
        assert rows_of(raw) == dict(found.rows)
        (calls,) = raw.execute("SELECT count(*) FROM call WHERE id LIKE 'c%' AND length(id) < 9").fetchone()
        row = raw.execute("SELECT \"offset\" FROM spool_position WHERE source = 'calls-9.jsonl'").fetchone()
    return calls, row[0] if row else 0


def test_a_backup_is_proven_though_its_store_is_older(tmp_path: Path) -> None:
    older_store(tmp_path / "old.db")
    done = make(of(f"sqlite:///{tmp_path}/old.db", tmp_path), tmp_path / "a.zip")
    assert done.manifest.schema == "0001" < head(MIGRATIONS)
    assert prove(pieces(done.file), "", tmp_path).rows == sum(done.manifest.rows.values())


def older_store(path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(URL.create("sqlite", database=str(path)), module=pysqlite3)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
