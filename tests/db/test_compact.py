"""Compact on real stores: smaller, cleaned, refused without room, whole when killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3
import pytest

from db.compact import Resources, compact
from db.compacted import Keep, Old
from db.engine import Database, parse_url
from db.errors import RefusedError
from db.store import Store, prepare
from db.stores.jobs import JobRun
from db.variables.states import Actor
from tests.db import big_store
from tests.postgres import fresh_database

CALLS = 3000
NOW = datetime(2024, 1, 1, 7, tzinfo=UTC) + timedelta(minutes=CALLS)
"""The newest call of the store is a minute old."""
A_DAY = Keep(calls=1, audit=1, jobs=1)
CLI = Actor("root", "", "cli")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "callisto.db"
    big_store.make(path, CALLS)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(parse_url(f"sqlite:///{path}"))
    yield database
    database.close()


def sound(path: Path) -> bool:
    raw = pysqlite3.connect(str(path))
    try:
        said = raw.execute("PRAGMA integrity_check").fetchall()
        broken = raw.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        raw.close()
    return said == [("ok",)] and broken == []


def test_nothing_but_room_is_gone_when_all_is_kept(path: Path, database: Database) -> None:
    before = big_store.truth(path)
    done = compact(database, Keep(), NOW)
    assert big_store.truth(path) == before
    assert done.after < done.before
    assert done.after == path.stat().st_size
    assert sound(path)
    assert [each.rows for each in done.cleaned] == [0, 0, 0]


def test_what_is_older_than_it_is_kept_is_gone_and_nothing_else(path: Path, database: Database) -> None:
    before = big_store.truth(path)
    done = compact(database, A_DAY, NOW)
    after = big_store.truth(path)
    limit = f"{NOW - timedelta(days=1):%Y-%m-%d %H:%M:%S.%f}"
    columns = {"call": 1, "audit": 1, "job_run": 3}
    for name, rows in before.items():
        at = columns.get(name)
        assert after[name] == (rows if at is None else {row for row in rows if str(row[at]) >= limit})
    gone = [len(before[name]) - len(after[name]) for name in columns]
    assert [each.rows for each in done.cleaned] == gone
    assert all(gone)
    assert sound(path)


def test_what_would_go_is_counted_before(path: Path) -> None:
    with Store.open(f"sqlite:///{path}", clock=lambda: NOW) as store:
        told = store.old_rows(Keep(calls=1))
        done = store.compact(Keep(calls=1))
    assert told == done.cleaned
    assert told[1] == Old("lines of the audit trail", 0, 0)
    assert told[0].rows > 1000


def test_the_revision_stays(path: Path) -> None:
    with Store.open(f"sqlite:///{path}", clock=lambda: NOW) as store:
        before = store.revision()
        store.compact(A_DAY)
        assert store.revision() == before


class Poor(Resources):
    def __init__(self, free: int = 1 << 40, memory: int = 1 << 40) -> None:
        self._free, self._memory = free, memory

    def free(self, folder: Path) -> int:
        return self._free

    def memory(self) -> int:
        return self._memory


@pytest.mark.parametrize(
    ("poor", "what"), [(Poor(free=100_000), "of room in"), (Poor(memory=100_000), "of memory")]
)
def test_without_room_it_is_refused_before_anything_is_changed(
    path: Path, database: Database, poor: Poor, what: str
) -> None:
    before = big_store.truth(path)
    with pytest.raises(RefusedError, match=what) as refused:
        compact(database, A_DAY, NOW, resources=poor)
    assert "0.1 MB are free" in refused.value.message
    assert "nothing has been changed" in refused.value.hint
    assert big_store.truth(path) == before


def test_this_machine_says_what_it_has_left(tmp_path: Path) -> None:
    assert Resources().free(tmp_path) > 0
    assert Resources().memory() > 0


def test_a_writer_who_is_held_up_is_noticed(path: Path, database: Database) -> None:
    """Another program keeps the store locked for a while."""
    other = pysqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
    timers: list[threading.Timer] = []

    def hold(_: str) -> None:
        if not timers:
            other.execute("BEGIN IMMEDIATE")
            timers.append(threading.Timer(0.4, lambda: other.execute("ROLLBACK")))
            timers[0].start()

    began = time.monotonic()
    done = compact(database, Keep(), NOW, hold)
    took = time.monotonic() - began
    timers[0].join()
    other.close()
    assert 0.3 <= done.waited_s <= took
    assert sound(path)


def test_a_large_store_with_little_to_gain_is_not_written_anew(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(database, Keep(), NOW)
    monkeypatch.setattr("db.compact.SMALL", 1000)
    before = path.stat().st_ino, path.stat().st_size
    done = compact(database, Keep(), NOW)
    assert "too little of it is free" in done.remark
    assert (path.stat().st_ino, path.stat().st_size) == before
    assert compact(database, A_DAY, NOW).remark == ""


def test_a_reader_who_stays_keeps_the_log_and_nobody_waits_for_him(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.compact.LOG_WITHIN", 0.2)
    reader = pysqlite3.connect(str(path), isolation_level=None)
    reader.execute("BEGIN")
    (count,) = reader.execute("SELECT count(*) FROM call").fetchone()
    done = compact(database, A_DAY, NOW)
    assert "somebody reads the log" in done.remark
    assert reader.execute("SELECT count(*) FROM call").fetchone() == (count,)
    reader.close()
    assert compact(database, A_DAY, NOW).remark == ""
    assert sound(path)


KILLED = """
import os, signal, sys
from datetime import datetime
from db import compact
from db.engine import Database, parse_url
path, stop, now = sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
seen = 0
def look(*_):
    global seen
    seen += 1
    if seen == stop:
        os.kill(os.getpid(), signal.SIGKILL)
real = compact.raw_connection
def watched(path):
    raw = real(path)
    raw.set_progress_handler(look, 2000)
    return raw
compact.raw_connection = watched
compact.BATCH = 100
compact.compact(Database(parse_url("sqlite:///" + path)), compact.Keep(1, 1, 1), now, look)
print(seen)
"""


def test_killed_at_any_point_the_store_is_sound_and_nothing_young_is_gone(made: Path, tmp_path: Path) -> None:
    def run(folder: Path, stop: int) -> subprocess.CompletedProcess[str]:
        folder.mkdir()
        copy = shutil.copy(made, folder)
        command = [sys.executable, "-c", KILLED, str(copy), str(stop), NOW.isoformat()]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)

    whole = run(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    points = int(whole.stdout)
    assert points > 8
    before = big_store.truth(made)
    end = big_store.truth(tmp_path / "whole" / "callisto.db")
    for stop in sorted({*range(1, 9), *range(9, points + 1, max(1, points // 8)), points}):
        folder = tmp_path / str(stop)
        killed = run(folder, stop)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        path = folder / "callisto.db"
        prepare(f"sqlite:///{path}")
        assert sound(path), stop
        found = big_store.truth(path)
        for name, rows in found.items():
            assert end[name] <= rows <= before[name], (stop, name)
        # Done again, it is as if nobody had killed it.
        with Store.open(f"sqlite:///{path}", clock=lambda: NOW) as store:
            store.compact(A_DAY)
        assert {**big_store.truth(path), "journal": end["journal"]} == end


def test_postgresql_is_cleaned_and_vacuumed_and_says_what_that_means(request: pytest.FixtureRequest) -> None:
    url = fresh_database(request)
    prepare(url)
    with Store.open(url, clock=lambda: NOW) as store:
        for days in (0.5, 2):
            due = NOW - timedelta(days=days)
            store.jobs.record(JobRun("web restart", "gWebServerRestart", due, due, due, "done"))
        told: list[str] = []
        done = store.compact(A_DAY, told.append)
        assert [each.rows for each in done.cleaned] == [0, 0, 1]
        assert [run.due for run in store.jobs.latest()] == [NOW - timedelta(days=0.5)]
    assert "VACUUM (ANALYZE)" in done.remark
    assert "vacuums call" in told
    assert done.before > 0
    assert done.after > 0
